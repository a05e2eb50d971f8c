//! Which probe of a process becomes which of its service.

use super::probe::{Asked, Probe, pattern};
use super::process::Writer;
use crate::draft::{Draft, text};
use crate::yaml::{Files, Node};

/// So long a service has by default until it has to be ready, in seconds.
const WITHIN: i64 = 60;

impl Writer<'_, '_> {
    pub(super) fn probes(&mut self, port: Option<u16>, files: &mut Files, draft: &mut Draft) {
        let (readiness, liveness) = (
            self.fields.get("readiness_probe"),
            self.fields.get("liveness_probe"),
        );
        let line = self.fields.text("ready_log_line", files);
        if self.own.ends {
            if readiness.or(liveness).is_some() || line.is_some() {
                files.note(
                    self.at,
                    format!(
                        "{} ends by itself: it is not asked how it is",
                        self.fields.path()
                    ),
                );
            }
            return;
        }
        let asked = Asked {
            shell: &self.project.shell,
            terms: &self.terms,
            port,
        };
        let path = |key: &str| self.fields.path_of(key);
        let mut read = |node: Option<&Node>, key: &str| {
            node.and_then(|node| asked.read(node, path(key), files))
        };
        let readiness = read(readiness, "readiness_probe");
        let liveness = read(liveness, "liveness_probe");
        let within = |probe: &Probe| match probe.within > WITHIN {
            true => vec![format!("within = \"{}s\"", probe.within)],
            false => Vec::new(),
        };
        let from = |probe: &Probe| self.project.origin(probe.at, self.at);
        match (line, readiness) {
            (Some(line), readiness) => {
                let line = self.terms.filled(&line, self.at, files);
                let line = text(&pattern(&self.project.shell.dollars(&line)));
                draft.key("ready", format!("{{ log = {line} }}"), &self.from);
                if readiness.is_some() {
                    files.note(
                        self.at,
                        format!(
                            "{} is ready by a line of its log; its probe asks for its health",
                            self.fields.path()
                        ),
                    );
                }
                if let Some(probe) = liveness.or(readiness) {
                    draft.key("health", probe.table(&[]), &from(&probe));
                }
            }
            // A process that is not ready any more is ended: that is what health means here.
            (None, Some(readiness)) => match liveness {
                Some(liveness) => {
                    draft.key(
                        "ready",
                        readiness.table(&within(&readiness)),
                        &from(&readiness),
                    );
                    draft.key("health", liveness.table(&[]), &from(&liveness));
                }
                None => draft.key(
                    "health",
                    readiness.table(&within(&readiness)),
                    &from(&readiness),
                ),
            },
            (None, None) => {
                if let Some(liveness) = liveness {
                    draft.key(
                        "health",
                        liveness.table(&within(&liveness)),
                        &from(&liveness),
                    );
                }
            }
        }
    }
}

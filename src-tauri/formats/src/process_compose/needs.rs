//! `depends_on`: what is waited for, and how far it has to be.

use super::known::replicated;
use super::probe::unknown;
use super::process::Writer;
use crate::draft::{Draft, list, text};
use crate::yaml::{Entry, Fields, Files};
use spec::{Problem, nearest, quoted};

impl Writer<'_, '_> {
    pub(super) fn needs(&mut self, files: &mut Files, draft: &mut Draft) {
        let path = self.fields.path_of("depends_on");
        let Some(needs) = self
            .fields
            .get("depends_on")
            .and_then(|node| Fields::of(node, path, files))
        else {
            return;
        };
        let mut written: Vec<(String, String)> = Vec::new();
        for entry in needs.entries() {
            let path = needs.path_of(&entry.key);
            let Some(need) = self.need(entry, path, files) else {
                continue;
            };
            // Of several instances of one the first names all.
            if !written.iter().any(|(service, _)| *service == need.0) {
                written.push(need);
            }
        }
        if !written.is_empty() {
            let needs = written.into_iter().map(|(_, need)| need);
            draft.key("needs", list(needs), &self.from);
        }
    }

    /// The service that is needed, and the entry of `needs`.
    fn need(&self, entry: &Entry, path: String, files: &mut Files) -> Option<(String, String)> {
        let mut fields = Fields::of(&entry.value, path, files)?;
        let condition = fields.text("condition", files);
        let at = fields.get("condition").map_or(entry.at, |node| node.place);
        unknown(&fields, files);
        let group = replicated(&entry.key, self.all);
        if let Some(group) = &group {
            files.note(
                entry.at,
                format!(
                    "{} is one instance of {group}: all of them are waited for",
                    entry.key
                ),
            );
        }
        let name = group.unwrap_or_else(|| entry.key.clone());
        let Some(other) = self.all.get(&name) else {
            files.wrong(entry.at, |span| {
                let problem = Problem::new(
                    span,
                    format!("there is no process {}", quoted(&name)),
                    "not defined",
                );
                match nearest(&name, self.all.keys().map(String::as_str)) {
                    Some(meant) => problem.help(format!("did you mean `{meant}`?")),
                    None => problem.help("define it, or do not depend on it"),
                }
            });
            return None;
        };
        if let Some(why) = other.out {
            files.note(entry.at, format!("{name} is not waited for: {why}"));
            return None;
        }
        if other.scheduled {
            let says =
                format!("{name} is not waited for: it runs by a schedule, and may not for hours");
            files.note(entry.at, says);
            return None;
        }
        let until = match condition.as_deref().unwrap_or("process_started") {
            "process_started" => "started",
            "process_completed" => "ended",
            "process_completed_successfully" => "succeeded",
            "process_healthy" => {
                if !other.probed && !other.line {
                    files.note(
                        at,
                        format!("{name} has no probe: it is healthy as soon as it runs"),
                    );
                }
                "ready"
            }
            "process_log_ready" if other.line => "ready",
            "process_log_ready" => {
                files.wrong(at, |span| {
                    let message = format!(
                        "{name} is waited for until a line of its log says so, and no line is"
                    );
                    Problem::new(span, message, "waited for in vain")
                        .help(format!("add `ready_log_line:` to {name}"))
                });
                return None;
            }
            word => {
                files.wrong(at, |span| {
                    const WORDS: [&str; 5] = [
                        "process_started",
                        "process_healthy",
                        "process_completed",
                        "process_completed_successfully",
                        "process_log_ready",
                    ];
                    let problem = Problem::new(
                        span,
                        format!("there is no condition {}", quoted(word)),
                        "not known",
                    );
                    match nearest(word, WORDS.iter().copied()) {
                        Some(meant) => problem.help(format!("did you mean `{meant}`?")),
                        None => problem.help(format!("the conditions are {}", WORDS.join(", "))),
                    }
                });
                return None;
            }
        };
        let service = other.service.clone();
        let need = match until {
            "ready" if !other.disabled => text(&service),
            until => {
                // Nobody waits for what is only started by name.
                let required = match other.disabled {
                    true => ", required = false",
                    false => "",
                };
                format!(
                    "{{ service = {}, until = {}{required} }}",
                    text(&service),
                    text(until)
                )
            }
        };
        Some((service, need))
    }
}

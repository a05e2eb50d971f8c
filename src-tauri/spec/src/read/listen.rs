//! `listen`: sockets that are handed over, and what that means for probes.

use super::{Reader, service::Defaults};
use crate::cluster::{Listen, Probe, ProbeTarget};
use crate::document::{Table, ValueKind};
use crate::ends::Kind;

impl Reader<'_> {
    pub(super) fn listen(&mut self, table: &Table, kind: Kind) -> Option<Listen> {
        let entry = table.get("listen")?;
        if matches!(entry.value.kind, ValueKind::Boolean(_)) {
            self.wrong(
                "`listen`",
                &entry.value,
                "\"own\" or \"shared\"",
                "write listen = \"own\": each instance is handed the socket of its own port; leave the key out for none",
            );
            return None;
        }
        let words = [("own", Listen::Own), ("shared", Listen::Shared)];
        let listen = self.word(&entry.value, "`listen`", &words)?;
        if kind == Kind::Oneshot {
            self.refuse(
                &entry.key.span,
                "a oneshot does not listen".into(),
                "it ends by itself",
                "remove `listen`, or remove kind = \"oneshot\"",
            );
            return None;
        }
        Some(listen)
    }

    /// Refuses probes that only connect: a connection to a socket that Azora keeps open always
    /// succeeds, so it proves nothing.
    pub(super) fn listening_probes(
        &mut self,
        table: &Table,
        defaults: &Defaults,
        [startup, ready, health]: [Option<&Probe>; 3],
    ) {
        let own = |probe: Option<&Probe>| {
            probe.is_some_and(|probe| probe.target == ProbeTarget::Tcp { port: None })
        };
        for (key, probe, entry) in [
            ("startup", startup, table.get("startup")),
            ("ready", ready, table.get("ready")),
            ("health", health, table.get("health").or(defaults.health)),
        ] {
            if let Some(entry) = entry.filter(|_| own(probe)) {
                self.refuse(
                    &entry.value.span,
                    format!(
                        "`{key}` connects to a socket that listens whether the service runs or not"
                    ),
                    "always passes",
                    "with `listen`, ask for an answer: http = \"/health\", or exec = \"…\"",
                );
            }
        }
    }
}

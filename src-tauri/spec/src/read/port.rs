//! `port`: a wish, or the one port that will do.

use super::keys::PORT;
use super::{Draft, Reader};
use crate::document::{Entry, Value, ValueKind};
use crate::problem::{Problem, Span};
use model::ServiceName;
use std::collections::BTreeMap;

const HELP: &str = "1 to 65535, or 0 for any free one";

/// A `port` as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Port {
    pub(super) number: u16,
    pub(super) exact: bool,
}

impl Reader<'_> {
    /// Reads `5432` or `{ number = 5432, exact = true }`.
    pub(super) fn port(&mut self, entry: &Entry, replicas: u16, shared: bool) -> Option<Port> {
        let ValueKind::Table(table) = &entry.value.kind else {
            let number = self.number(&entry.value, "`port`", 0..=u16::MAX, HELP)?;
            return Some(Port {
                number,
                exact: false,
            });
        };
        self.known_keys(table, &PORT);
        let Some(number) = table.get("number") else {
            self.refuse(
                &entry.key.span,
                "this `port` names no number".into(),
                "which one?",
                "write port = { number = 5432, exact = true }",
            );
            return None;
        };
        let exact = table
            .get("exact")
            .and_then(|entry| self.flag(&entry.value, "`exact`"))
            .unwrap_or(false);
        let port = self.number(&number.value, "`number`", 0..=u16::MAX, HELP)?;
        if exact {
            let alone = replicas == 1 || shared;
            self.exact(port, &number.value, &entry.value.span, alone);
        }
        Some(Port {
            number: port,
            exact,
        })
    }

    fn exact(&mut self, port: u16, number: &Value, span: &Span, alone: bool) {
        if port == 0 {
            self.refuse(
                &number.span,
                "0 is any free port, so it cannot be exact".into(),
                "any",
                "name the port, or remove `exact`",
            );
        }
        if !alone {
            self.refuse(
                span,
                "several instances cannot have the same port".into(),
                "exact, and more than one instance",
                "remove `exact`, and each instance gets a port of its own; or remove `replicas`; or let \
                 them listen on one with listen = \"shared\"",
            );
        }
    }
}

/// Notes services that must have the same port.
pub(super) fn exact_once(reader: &mut Reader<'_>, drafts: &BTreeMap<ServiceName, Draft>) {
    let mut seen: BTreeMap<u16, (&ServiceName, &Span)> = BTreeMap::new();
    for (name, draft) in drafts {
        let (Some(port), true) = (draft.service.port, draft.service.port_exact) else {
            continue;
        };
        if let Some((first, span)) = seen.insert(port, (name, &draft.name)) {
            reader.problems.add(|| {
                Problem::new(
                    draft.name.clone(),
                    format!("`{first}` and `{name}` must both have port {port}"),
                    "this one, too",
                )
                .and(span.clone(), "one that must have it")
                .help("remove `exact` from one of them, or give it another number")
            });
        }
    }
}

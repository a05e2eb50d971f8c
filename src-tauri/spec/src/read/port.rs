//! `port`: a wish, or the one port that will do.

use super::keys::PORT;
use super::{Draft, Reader};
use crate::container::Protocol;
use crate::document::{Entry, Value, ValueKind};
use crate::problem::{Problem, Span};
use model::ServiceName;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

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

/// A port of this machine that only one can have.
struct Taken<'a> {
    service: &'a ServiceName,
    profiles: &'a [String],
    port: u16,
    address: IpAddr,
    protocol: Protocol,
    span: Span,
}

impl Taken<'_> {
    /// Both cannot have it at the same time.
    fn clashes(&self, other: &Taken<'_>) -> bool {
        // `[::]` is IPv6 alone: what is published at `0.0.0.0` and there is published once in each.
        let apart = |one: IpAddr, other: IpAddr| {
            let some = one.is_unspecified() || other.is_unspecified();
            one.is_ipv4() != other.is_ipv4() || (one != other && !some)
        };
        self.port == other.port
            && self.protocol == other.protocol
            && !apart(self.address.to_canonical(), other.address.to_canonical())
            && !self.is_apart(other)
    }

    /// A person who asks for one may not ask for the other: variants of one service.
    fn is_apart(&self, other: &Taken<'_>) -> bool {
        let both = self.profiles.iter().any(|one| other.profiles.contains(one));
        let always = self.profiles.is_empty() && other.profiles.is_empty();
        self.service != other.service && !both && !always
    }
}

/// Notes what would have to have the same port of this machine.
pub(super) fn exact_once(reader: &mut Reader<'_>, drafts: &BTreeMap<ServiceName, Draft>) {
    let mut taken: Vec<Taken<'_>> = Vec::new();
    for (name, draft) in drafts {
        let (Some(port), true) = (draft.service.port, draft.service.port_exact) else {
            continue;
        };
        taken.push(Taken {
            service: name,
            profiles: &draft.service.profiles,
            port,
            address: Ipv4Addr::LOCALHOST.into(),
            protocol: Protocol::Tcp,
            span: draft.port.clone().unwrap_or_else(|| draft.name.clone()),
        });
    }
    let published = std::mem::take(&mut reader.published);
    for one in &published {
        let (Some(range), Some((name, draft))) = (one.port.host, drafts.get_key_value(&one.own))
        else {
            continue;
        };
        if range.first == range.last {
            taken.push(Taken {
                service: name,
                profiles: &draft.service.profiles,
                port: range.first,
                address: one.port.address,
                protocol: one.port.protocol,
                span: one.span.clone(),
            });
        }
    }
    // In the order of the file: the later one is the one too many.
    taken.sort_by_key(|one| one.span.start);
    for (at, later) in taken.iter().enumerate() {
        let Some(first) = taken[..at].iter().find(|first| first.clashes(later)) else {
            continue;
        };
        let (port, protocol) = (later.port, later.protocol.as_str());
        let port = match later.protocol {
            Protocol::Tcp => port.to_string(),
            _ => format!("{port}/{protocol}"),
        };
        let message = match first.service == later.service {
            true => format!("`{}` has port {port} of this machine twice", later.service),
            false => format!(
                "`{}` and `{}` must both have port {port} of this machine",
                first.service, later.service
            ),
        };
        reader.problems.add(|| {
            Problem::new(later.span.clone(), message, "this one, too")
                .and(first.span.clone(), "one that must have it")
                .help("give one of them another number, or none: any free one; or `profiles` where they are not wanted together")
        });
    }
}

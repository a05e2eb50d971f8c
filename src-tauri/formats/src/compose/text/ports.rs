//! Ports: the first that clients use becomes the service's own, the others are published beside it.

use super::values::table;
use super::{Writer, at, note};
use crate::compose::project::{Port, Service};
use crate::draft::{Draft, text};
use std::collections::BTreeSet;

/// What becomes of a service's ports.
#[derive(Debug, Default)]
pub(super) struct Ports {
    /// `port` of the service.
    pub(super) own: Option<String>,
    /// The port in the container that it leads to.
    pub(super) inside: Option<u16>,
    /// The others.
    pub(super) publish: Vec<String>,
}

impl Writer<'_> {
    pub(super) fn ports(&mut self, name: &str, service: &Service, draft: &mut Draft) -> Ports {
        let place = at(service, "ports").clone();
        let mut ports = Ports::default();
        if service.ports.is_empty() {
            return ports;
        }
        if let Some(mode) = &service.network_mode
            && (mode == "host" || mode == "none" || mode.contains(':'))
        {
            let says = format!("{name} publishes no ports: its network_mode is {mode}");
            draft.note(note(&place, says));
            return ports;
        }
        let mut open: BTreeSet<u16> = BTreeSet::new();
        for port in &service.ports {
            if port.host_ip.is_none() && port.published.is_some() {
                self.once(
                    &place,
                    "ports without an address are published on 127.0.0.1, and not on all addresses as compose does; \
                     write 0.0.0.0: before one to open it to other machines",
                    draft,
                );
            }
            let single = port.published.as_ref().map(|port| port.parse::<u16>().ok());
            // A second container cannot have it as well.
            let shared = service.scale > 1 && matches!(single, Some(Some(_)));
            if shared {
                let says = format!(
                    "{name} has {} instances, and only one of them can have port {}: the others get any",
                    service.scale,
                    port.published.as_deref().unwrap_or_default()
                );
                draft.note(note(&place, says));
            }
            let first = ports.own.is_none() && is_own(port) && single != Some(None);
            if !first {
                let fixed = port.published.as_deref().filter(|_| !shared);
                ports.publish.push(published(port, fixed));
                open.extend(single.flatten());
                continue;
            }
            ports.inside = Some(port.target);
            let number = single.flatten();
            let wanted = self.project.services.contains_key(name);
            let others = self.around.others;
            let theirs = number.and_then(|number| others.and_then(|all| all.port(number)));
            if let Some(other) = theirs {
                let says = format!("{name} gets any port where {other} has its own already");
                draft.note(note(&place, says));
            }
            // What nobody wants now gives way. Of what is wanted each has what it says: that two say the
            // same is said when the definition is read.
            let exact = !shared
                && theirs.is_none()
                && number.is_some_and(|one| {
                    let free = wanted || !self.wanted_ports.contains(&one);
                    let first = free && self.ports.insert(one);
                    first || wanted
                });
            ports.own = Some(match number {
                Some(number) if exact => {
                    table([("number", number.to_string()), ("exact", "true".to_owned())])
                }
                Some(number) => number.to_string(),
                None => "0".to_owned(),
            });
        }
        ports
    }
}

/// Whether it can be a service's own port: TCP on 127.0.0.1.
fn is_own(port: &Port) -> bool {
    let address = port.host_ip.as_deref();
    port.protocol == "tcp" && address.is_none_or(|address| address == "127.0.0.1")
}

/// `[ADDRESS:][PORT:]TARGET[/PROTOCOL]`.
fn published(port: &Port, fixed: Option<&str>) -> String {
    let address = port
        .host_ip
        .as_deref()
        .map(|address| match address.contains(':') {
            true => format!("[{address}]:"),
            false => format!("{address}:"),
        });
    let outside = match (fixed, &address) {
        (Some(fixed), _) => format!("{fixed}:"),
        (None, Some(_)) => ":".to_owned(),
        (None, None) => String::new(),
    };
    let protocol = match port.protocol.as_str() {
        "tcp" => String::new(),
        other => format!("/{other}"),
    };
    let address = address.unwrap_or_default();
    text(&format!("{address}{outside}{}{protocol}", port.target))
}

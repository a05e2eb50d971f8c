//! Ports of a container: the one it is known by, and further ones.

use super::super::Reader;
use crate::cluster::Service;
use crate::container::{PortRange, Protocol, Publish, Runs};
use crate::document::{Entry, Table, Value, ValueKind};
use crate::problem::{Span, quoted};
use model::ServiceName;
use std::net::{IpAddr, Ipv4Addr};

const FORM: &str = "write \"5433:5432\", on this machine and in the container, \"8125:8125/udp\", or 5432 for any free one here";

/// A further port of a service, and where it is written.
pub(in crate::read) struct Published {
    pub(in crate::read) own: ServiceName,
    pub(in crate::read) port: Publish,
    pub(in crate::read) span: Span,
}

impl Reader<'_> {
    /// Further ports, `[[ADDRESS:]HOST:]CONTAINER[/PROTOCOL]`.
    pub(super) fn publish(&mut self, own: &ServiceName, table: &Table) -> Vec<Publish> {
        let mut ports = Vec::new();
        for item in self.items(table, "publish", "publish = [\"5433:5432\"]") {
            let port = match &item.kind {
                ValueKind::Integer(_) => self
                    .number(item, "an entry of `publish`", 1..=u16::MAX, FORM)
                    .map(|container| Publish {
                        address: Ipv4Addr::LOCALHOST.into(),
                        host: None,
                        container,
                        protocol: Protocol::Tcp,
                    }),
                ValueKind::Text(text) => match published(text) {
                    Ok(port) => Some(port),
                    Err(label) => {
                        let message = format!("{} publishes no port", quoted(text));
                        self.refuse(&item.span, message, label, FORM);
                        None
                    }
                },
                _ => {
                    self.wrong("an entry of `publish`", item, "a text or a number", FORM);
                    None
                }
            };
            if let Some(port) = &port {
                let (own, port) = (own.clone(), *port);
                let span = item.span.clone();
                self.published.push(Published { own, port, span });
            }
            ports.extend(port);
        }
        ports
    }

    /// The port in the container: its own word for it, or the service's.
    pub(in crate::read) fn port_inside(&mut self, service: &Table, given: &mut Service) {
        let Runs::Container(container) = &mut given.runs else {
            return;
        };
        let own = service.get("port");
        if container.port.is_none()
            && let Some(port) = given.port
        {
            if port > 0 {
                container.port = Some(port);
            } else if let Some(entry) = own {
                self.refuse(
                    &entry.value.span,
                    "which port it listens on in the container is not said".into(),
                    "any free one of this machine",
                    "add it to the service's container: [service.NAME.container] port = 5432",
                );
            }
        }
        let inside = table_of(service, "container");
        let Some(joined) = container.network_mode.clone() else {
            return;
        };
        let ports = [
            own,
            inside.and_then(|table| table.get("publish")),
            inside.and_then(|table| table.get("port")),
        ];
        let port = ports.into_iter().flatten().next();
        match (joined.as_str(), port) {
            ("bridge", _) | (_, None) => {}
            ("host", Some(_)) => self.port_of_host(own, inside, given),
            (_, Some(port)) => {
                let key = &port.key.name;
                self.refuse(
                    &port.key.span,
                    format!("`{key}` is said of a container without a network of its own"),
                    "nothing to publish",
                    match joined.as_str() {
                        "none" => "remove it, or `network_mode`",
                        _ => "say it of the one whose network it shares",
                    },
                );
            }
        }
    }

    /// On the machine's own network there is one port, and nothing in between that could change it.
    fn port_of_host(&mut self, own: Option<&Entry>, inside: Option<&Table>, given: &Service) {
        if let Some(publish) = inside.and_then(|table| table.get("publish")) {
            self.refuse(
                &publish.key.span,
                "a container on this machine's network publishes nothing".into(),
                "its ports are this machine's already",
                "remove it, or network_mode = \"host\"",
            );
        }
        let container = given.runs.container();
        let exact = given.port_exact && container.and_then(|one| one.port) == given.port;
        if let (Some(own), false) = (own, exact) {
            self.refuse(
                &own.value.span,
                "a container on this machine's network listens on its own port alone".into(),
                "another one may be chosen here",
                "write port = { number = 5432, exact = true }, and no other `port` in its container",
            );
        }
    }

    /// What several instances cannot have all of them.
    pub(in crate::read) fn alone(&mut self, most: u16, table: &Table, service: &Service) {
        let inside = table_of(table, "container");
        let (Some(container), Some(table)) = (service.runs.container(), inside) else {
            return;
        };
        if most < 2 {
            return;
        }
        let room = |range: PortRange| u32::from(range.last) - u32::from(range.first) + 1;
        let narrow = |port: &Publish| port.host.is_some_and(|host| room(host) < u32::from(most));
        let addressed = container.networks.iter().any(|one| {
            one.ipv4_address.is_some() || one.ipv6_address.is_some() || one.mac_address.is_some()
        });
        let host = container.network_mode.as_deref() == Some("host") && service.port.is_some();
        let found = [
            (
                "publish",
                container.publish.iter().any(narrow),
                "name the ports in the container alone, and each instance gets free ones here: publish = [5432]",
            ),
            (
                "networks",
                addressed,
                "remove the addresses: each instance gets one of its own",
            ),
            (
                "mac_address",
                container.mac_address.is_some(),
                "remove it: each instance gets one of its own",
            ),
            (
                "hostname",
                container.hostname.is_some(),
                "remove it: each instance gets one of its own",
            ),
            (
                "network_mode",
                host,
                "remove `replicas`, or let each have a network of its own",
            ),
        ];
        for (key, wrong, help) in found {
            if let (true, Some(entry)) = (wrong, table.get(key)) {
                self.refuse(
                    &entry.value.span,
                    "several instances cannot have the same".into(),
                    "and there are more than one",
                    help,
                );
            }
        }
    }
}

fn table_of<'v>(table: &'v Table, key: &str) -> Option<&'v Table> {
    match &table.get(key)?.value {
        Value {
            kind: ValueKind::Table(table),
            ..
        } => Some(table),
        _ => None,
    }
}

fn published(text: &str) -> Result<Publish, &'static str> {
    let (text, protocol) = match text.split_once('/') {
        None => (text, Protocol::Tcp),
        Some((text, "tcp")) => (text, Protocol::Tcp),
        Some((text, "udp")) => (text, Protocol::Udp),
        Some((text, "sctp")) => (text, Protocol::Sctp),
        Some(_) => return Err("a protocol is tcp, udp or sctp"),
    };
    let (rest, inside) = match text.rsplit_once(':') {
        Some((rest, inside)) => (Some(rest), inside),
        None => (None, text),
    };
    let (address, host) = match rest {
        None => (None, None),
        Some(rest) => match rest.rsplit_once(':') {
            Some((address, host)) => (Some(address), Some(host)),
            None => (None, Some(rest)),
        },
    };
    let address = match address {
        None => Ipv4Addr::LOCALHOST.into(),
        Some(text) => {
            let bare = text.trim_start_matches('[').trim_end_matches(']');
            let parsed = bare.parse::<IpAddr>();
            parsed.map_err(|_| "what stands before the ports is no address")?
        }
    };
    if inside.contains('-') {
        return Err("a range in the container is written port by port");
    }
    let host = match host.filter(|host| !matches!(*host, "" | "0")) {
        None => None,
        Some(text) => {
            let (first, last) = text.split_once('-').unwrap_or((text, text));
            let (first, last) = (port(first)?, port(last)?);
            if last < first {
                return Err("a range begins with its smaller port");
            }
            Some(PortRange { first, last })
        }
    };
    Ok(Publish {
        address,
        host,
        container: port(inside)?,
        protocol,
    })
}

fn port(text: &str) -> Result<u16, &'static str> {
    match text.parse::<u16>() {
        Ok(port) if port > 0 && !text.starts_with('+') => Ok(port),
        _ => Err("a port is 1 to 65535"),
    }
}

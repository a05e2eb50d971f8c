//! The tables of `settings.toml`.

use super::Reader;
use super::keys::{GATEWAY, REGISTRY, SETTINGS};
use crate::document::{Table, Value, ValueKind};
use crate::limits::MAX_NETWORKS;
use crate::problem::{Problems, quoted};
use crate::settings::CONSUL_PORT;
use crate::{GatewaySettings, Settings};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const EXAMPLE: &str = "allow = [\"10.1.0.0/16\"]";

/// Networks no entry may point to, whatever is allowed, and what to say about them.
const NEVER: [(IpNet, &str); 8] = [
    (
        v4([127, 0, 0, 0], 8),
        "is this machine, which is always allowed",
    ),
    (
        IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128)),
        "is this machine, which is always allowed",
    ),
    (v4([0, 0, 0, 0], 8), "is no address of any machine"),
    (
        v4([169, 254, 0, 0], 16),
        "is link-local: it means another machine on every network, and in a cloud the one that \
         hands out credentials",
    ),
    (v4([224, 0, 0, 0], 3), "is multicast or reserved"),
    (v6(0xfe80, 10), "is link-local, which a URL cannot hold"),
    (v6(0xff00, 8), "is multicast"),
    (
        IpNet::V6(Ipv6Net::new_assert(
            Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0),
            96,
        )),
        "is IPv4 in another spelling; write the IPv4 network",
    ),
];

const fn v4([a, b, c, d]: [u8; 4], length: u8) -> IpNet {
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length))
}

const fn v6(first: u16, length: u8) -> IpNet {
    let address = Ipv6Addr::new(first, 0, 0, 0, 0, 0, 0, 0);
    IpNet::V6(Ipv6Net::new_assert(address, length))
}

/// Reads the tree of `text`. Only to be trusted when `problems` stayed empty.
pub(crate) fn settings(text: &str, root: &Table, problems: &mut Problems) -> Settings {
    let mut reader = Reader::new(text, problems);
    reader.known_keys(root, &SETTINGS);
    let registry = root.get("registry").and_then(|entry| {
        let help = format!("write [registry] and below it {EXAMPLE}");
        reader.table(&entry.value, "`registry`", &help)
    });
    let mut allow = Vec::new();
    let (mut consul, mut registry_port) = (None, None);
    if let Some(table) = registry {
        reader.known_keys(table, &REGISTRY);
        consul = table
            .get("consul")
            .and_then(|entry| reader.consul(&entry.value));
        if let Some(entry) = table.get("port") {
            let help = "write port = 7421, or leave it out";
            registry_port = reader.number(&entry.value, "`port`", 1_024..=u16::MAX, help);
        }
        if let Some(entry) = table.get("allow") {
            let networks = reader.list(&entry.value, "`allow`", MAX_NETWORKS, EXAMPLE);
            for value in networks.unwrap_or_default() {
                allow.extend(reader.network(value));
            }
        }
    }
    let webhooks = reader.webhooks(root);
    let notifications = reader.notifications(root);
    let gateway = reader.gateway(root);
    reader.ports_differ(
        root,
        &[
            ("registry", "port", registry_port),
            ("registry", "consul", consul),
            ("gateway", "port", gateway.port.filter(|_| gateway.enabled)),
        ],
    );
    Settings {
        allow,
        consul,
        registry_port,
        webhooks,
        notifications,
        gateway,
    }
}

impl Reader<'_> {
    fn gateway(&mut self, root: &Table) -> GatewaySettings {
        let mut read = GatewaySettings::default();
        let table = root.get("gateway").and_then(|entry| {
            let help = "write [gateway] and below it port = 7422";
            self.table(&entry.value, "`gateway`", help)
        });
        let Some(table) = table else {
            return read;
        };
        self.known_keys(table, &GATEWAY);
        if let Some(entry) = table.get("enabled") {
            read.enabled = self.flag(&entry.value, "`enabled`").unwrap_or(true);
        }
        if let Some(entry) = table.get("port") {
            let help = "write port = 7422, or leave it out";
            read.port = self.number(&entry.value, "`port`", 1_024..=u16::MAX, help);
        }
        read
    }

    /// Two that listen cannot have one port. The later of both is told, by the order of the list.
    fn ports_differ(&mut self, root: &Table, ports: &[(&str, &str, Option<u16>)]) {
        for (at, (table, key, port)) in ports.iter().enumerate() {
            let Some(port) = port else { continue };
            let mut before = ports.iter().take(at);
            let Some((other, other_key, _)) = before.find(|(.., had)| *had == Some(*port)) else {
                continue;
            };
            let Some(ValueKind::Table(said)) = root.get(table).map(|entry| &entry.value.kind)
            else {
                continue;
            };
            let Some(entry) = said.get(key) else { continue };
            self.refuse(
                &entry.value.span,
                format!("`{table}.{key}` and `{other}.{other_key}` are both port {port}"),
                "another of Azora's own has it",
                "give each a port of its own",
            );
        }
    }

    /// Whether Consul's clients are served, or on which port.
    fn consul(&mut self, value: &Value) -> Option<u16> {
        let help = "write `true` for port 8500, where Consul's clients look, or the number of another port";
        match value.kind {
            ValueKind::Boolean(yes) => yes.then_some(CONSUL_PORT),
            ValueKind::Integer(_) => self.number(value, "`consul`", 1..=u16::MAX, help),
            _ => {
                self.wrong("`consul`", value, "`true`, `false` or a port", help);
                None
            }
        }
    }

    /// A network as `10.1.0.0/16`, or a single address.
    fn network(&mut self, value: &Value) -> Option<IpNet> {
        let text = self.text(value, "an entry of `allow`", EXAMPLE)?;
        let network = text
            .parse::<IpNet>()
            .or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        let Ok(network) = network else {
            let help = "write an address and how many bits of it count, like \"10.1.0.0/16\" or \
                        \"fd00::/8\"; names are not allowed, because they can point elsewhere \
                        tomorrow";
            self.refuse(
                &value.span,
                format!("{} is not a network", quoted(text)),
                "neither a network nor an address",
                help,
            );
            return None;
        };
        if network.prefix_len() == 0 {
            self.refuse(
                &value.span,
                format!("{network} is every address there is"),
                "allows everything",
                "name the networks that your services are in",
            );
            return None;
        }
        if network.trunc() != network {
            self.refuse(
                &value.span,
                format!(
                    "{network} has bits set behind its first {}",
                    network.prefix_len()
                ),
                "which network is meant?",
                &format!(
                    "write \"{}\" for the network, or \"{}\" for the one address",
                    network.trunc(),
                    network.addr()
                ),
            );
            return None;
        }
        if let Some((never, why)) = NEVER.iter().find(|(never, _)| never.contains(&network)) {
            self.refuse(
                &value.span,
                format!("{network} lies in {never}, which {why}"),
                "cannot be allowed",
                "remove it",
            );
            return None;
        }
        Some(network)
    }
}

//! The tables of `settings.toml`.

use super::Reader;
use super::keys::{GATEWAY, REGISTRY, SETTINGS};
use crate::document::{Table, Value, ValueKind};
use crate::escalation::Escalations;
use crate::limits::MAX_NETWORKS;
use crate::problem::{Problem, Problems, Span, quoted};
use crate::settings::CONSUL_PORT;
use crate::{GatewaySettings, Settings, SettingsTable, suggest};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::collections::BTreeSet;
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

/// What `[registry]` says.
#[derive(Default)]
struct Registry {
    allow: Vec<IpNet>,
    consul: Option<u16>,
    port: Option<u16>,
}

/// Ports of the file, each with where it stands and its key.
type Ports = Vec<(u16, Span, &'static str)>;

/// Reads the tree of `text`, and says which tables are not used for what is wrong with them.
pub(crate) fn settings(
    text: &str,
    root: &Table,
    problems: &mut Problems,
) -> (Settings, BTreeSet<SettingsTable>) {
    let mut reader = Reader::new(text, problems);
    reader.known_keys(root, &SETTINGS);
    let mut unused = misspelt(root);
    let mut ports = Ports::new();
    let registry = reader.used(SettingsTable::Registry, &mut unused, |reader| {
        reader.registry(root, &mut ports)
    });
    let mut gateway = reader.used(SettingsTable::Gateway, &mut unused, |reader| {
        reader.gateway(root, &mut ports)
    });
    let notifications = reader.used(SettingsTable::Notifications, &mut unused, |reader| {
        reader.notifications(root)
    });
    let before = reader.problems.total();
    // Each is a table of its own: those that are right are used.
    let webhooks = reader.webhooks(root);
    if reader.problems.total() > before {
        unused.insert(SettingsTable::Webhook);
    }
    let checkpoints = reader.used(SettingsTable::Ledger, &mut unused, |reader| {
        reader.checkpoints(root)
    });
    let security = reader.used(SettingsTable::Security, &mut unused, |reader| {
        let entry = root.get("security");
        entry.map_or_else(Escalations::default, |entry| {
            reader.escalations(&entry.value, "security")
        })
    });
    if unused.contains(&SettingsTable::Gateway) {
        // It may have been meant to be off, or to be elsewhere.
        gateway.enabled = false;
    }
    let settings = Settings {
        allow: registry.allow,
        consul: registry.consul,
        registry_port: registry.port,
        webhooks,
        notifications,
        gateway,
        checkpoints,
        security,
    };
    (settings, unused)
}

/// The tables that unknown ones are most likely meant to be.
fn misspelt(root: &Table) -> BTreeSet<SettingsTable> {
    let unknown = root.entries.iter().map(|entry| entry.key.name.as_str());
    let unknown = unknown.filter(|name| !SETTINGS.keys.contains(name));
    let meant: Vec<_> = unknown
        .filter_map(|name| suggest::nearest(name, SETTINGS.keys.iter().copied()))
        .collect();
    let all = SettingsTable::ALL.into_iter();
    all.filter(|table| meant.contains(&table.key())).collect()
}

impl Reader<'_> {
    /// What a table says, or what holds without it where anything is wrong with it.
    fn used<T: Default>(
        &mut self,
        table: SettingsTable,
        unused: &mut BTreeSet<SettingsTable>,
        read: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let before = self.problems.total();
        let read = read(self);
        if self.problems.total() > before {
            unused.insert(table);
        }
        match unused.contains(&table) {
            true => T::default(),
            false => read,
        }
    }

    fn registry(&mut self, root: &Table, ports: &mut Ports) -> Registry {
        let mut read = Registry::default();
        let table = root.get("registry").and_then(|entry| {
            let help = format!("write [registry] and below it {EXAMPLE}");
            self.table(&entry.value, "`registry`", &help)
        });
        let Some(table) = table else {
            return read;
        };
        self.known_keys(table, &REGISTRY);
        if let Some(entry) = table.get("port") {
            let help = "write port = 7421, or leave it out";
            read.port = self.number(&entry.value, "`port`", 1_024..=u16::MAX, help);
            self.once(read.port, &entry.value, "registry.port", ports);
        }
        if let Some(entry) = table.get("consul") {
            read.consul = self.consul(&entry.value);
            self.once(read.consul, &entry.value, "registry.consul", ports);
        }
        if let Some(entry) = table.get("allow") {
            let networks = self.list(&entry.value, "`allow`", MAX_NETWORKS, EXAMPLE);
            for value in networks.unwrap_or_default() {
                read.allow.extend(self.network(value));
            }
        }
        read
    }

    fn gateway(&mut self, root: &Table, ports: &mut Ports) -> GatewaySettings {
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
            let wanted = read.port.filter(|_| read.enabled);
            self.once(wanted, &entry.value, "gateway.port", ports);
        }
        read
    }

    /// Two that listen cannot have one port. The later of both is told.
    fn once(&mut self, port: Option<u16>, value: &Value, key: &'static str, ports: &mut Ports) {
        let Some(port) = port else { return };
        if let Some((_, first, other)) = ports.iter().find(|(taken, ..)| *taken == port) {
            self.problems.add(|| {
                Problem::new(
                    value.span.clone(),
                    format!("`{key}` and `{other}` are both port {port}"),
                    "another of Azora's own has it",
                )
                .and(first.clone(), "which is this one")
                .help("give each a port of its own")
            });
        }
        ports.push((port, value.span.clone(), key));
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

//! Networks and volumes of a cluster, and how a container is on its networks.

use super::super::{Reader, slug};
use super::keys::{ATTACHMENT, NETWORK, SUBNET, VOLUME};
use super::values::{is_daemon_name, is_mac};
use crate::container::{Attachment, Network, Subnet, Volume};
use crate::document::{Table, Value, ValueKind};
use crate::problem::{Problem, Span, quoted};
use crate::suggest;
use model::ServiceName;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Networks and volumes a definition names, for the containers that use them.
#[derive(Default)]
pub(in crate::read) struct Surroundings {
    pub(in crate::read) networks: BTreeMap<String, Network>,
    pub(in crate::read) volumes: BTreeMap<String, Volume>,
}

impl Reader<'_> {
    pub(in crate::read) fn surroundings(&mut self, cluster: &Table) {
        const NETWORKS: &str = "networks.back = { internal = true }";
        for entry in self.entries(cluster, "networks", NETWORKS) {
            let name = &entry.key.name;
            let named = self.name::<ServiceName>(name, &entry.key.span, "network");
            let help = "write [cluster.networks.back] and below it internal = true";
            let table = self.table(&entry.value, &format!("network `{name}`"), help);
            let network = table
                .map(|table| self.one_network(table))
                .unwrap_or_default();
            // One whose name was refused is known all the same: what uses it is right.
            let name = named.map_or_else(|| name.clone(), |name| name.to_string());
            self.surroundings.networks.insert(name, network);
        }
        for entry in self.entries(cluster, "volumes", "volumes.data = {}") {
            let name = &entry.key.name;
            let named = self.name::<ServiceName>(name, &entry.key.span, "volume");
            let help =
                "write [cluster.volumes.data], with nothing below it where nothing is special";
            let table = self.table(&entry.value, &format!("volume `{name}`"), help);
            let volume = table
                .map(|table| self.one_volume(table))
                .unwrap_or_default();
            let name = named.map_or_else(|| name.clone(), |name| name.to_string());
            self.surroundings.volumes.insert(name, volume);
        }
    }

    fn one_network(&mut self, table: &Table) -> Network {
        self.known_keys(table, &NETWORK);
        let external = self.external(table, "network");
        Network {
            name: self.formed(table, "name", "shop_back", is_daemon_name),
            external,
            driver: self.said(table, "driver", "bridge"),
            driver_opts: self.text_table(
                table,
                "driver_opts",
                "\"com.docker.network.driver.mtu\" = 1400",
            ),
            internal: self.yes(table, "internal"),
            attachable: self.yes(table, "attachable"),
            enable_ipv4: self.perhaps(table, "enable_ipv4"),
            enable_ipv6: self.perhaps(table, "enable_ipv6"),
            labels: self.text_table(table, "labels", "team = \"shop\""),
            ipam_driver: self.said(table, "ipam_driver", "default"),
            ipam_options: self.text_table(table, "ipam_options", "key = \"value\""),
            subnets: self.subnets(table),
        }
    }

    fn subnets(&mut self, table: &Table) -> Vec<Subnet> {
        const FORM: &str = "subnets = [{ subnet = \"172.28.0.0/16\", gateway = \"172.28.0.1\" }]";
        let items = self.items(table, "subnets", FORM);
        let mut subnets = Vec::new();
        for item in items {
            let Some(table) = self.table(item, "an entry of `subnets`", &format!("write {FORM}"))
            else {
                continue;
            };
            self.known_keys(table, &SUBNET);
            let net = |text: &str| text.parse::<ipnet::IpNet>().is_ok();
            let address = |text: &str| text.parse::<std::net::IpAddr>().is_ok();
            subnets.push(Subnet {
                subnet: self.formed(table, "subnet", "172.28.0.0/16", net),
                ip_range: self.formed(table, "ip_range", "172.28.5.0/24", net),
                gateway: self.formed(table, "gateway", "172.28.0.1", address),
                aux_addresses: self.text_table(table, "aux_addresses", "router = \"172.28.0.2\""),
            });
        }
        subnets
    }

    fn one_volume(&mut self, table: &Table) -> Volume {
        self.known_keys(table, &VOLUME);
        let external = self.external(table, "volume");
        Volume {
            name: self.formed(table, "name", "shop_data", is_daemon_name),
            external,
            driver: self.said(table, "driver", "local"),
            driver_opts: self.text_table(table, "driver_opts", "type = \"nfs\""),
            labels: self.text_table(table, "labels", "team = \"shop\""),
        }
    }

    /// Of what is there already nothing can be said but its name.
    fn external(&mut self, table: &Table, what: &str) -> bool {
        let external = self.yes(table, "external");
        let more = |key: &str| !matches!(key, "name" | "external");
        if external && let Some(entry) = table.entries.iter().find(|entry| more(&entry.key.name)) {
            self.refuse(
                &entry.key.span,
                format!(
                    "`{}` is said of a {what} that is there already",
                    entry.key.name
                ),
                "external = true",
                "remove it, or `external`: only what Azora makes is made as this says",
            );
        }
        external
    }

    pub(super) fn attachments(&mut self, table: &Table) -> Vec<Attachment> {
        let mut attachments: Vec<Attachment> = Vec::new();
        let mut places: BTreeMap<String, Span> = BTreeMap::new();
        for item in self.items(table, "networks", "networks = [\"back\"]") {
            let (attachment, place) = match &item.kind {
                ValueKind::Table(table) => {
                    let attachment = self.attachment(table);
                    let Some(entry) = table.get("network") else {
                        self.refuse(
                            &item.span,
                            "an entry of `networks` names no network".into(),
                            "which one?",
                            "write \"back\" or { network = \"back\", aliases = [\"www\"] }",
                        );
                        continue;
                    };
                    (attachment, &entry.value)
                }
                _ => {
                    let Some(name) = self.text(item, "an entry of `networks`", "\"back\"") else {
                        continue;
                    };
                    (Attachment::to(name), item)
                }
            };
            let name = attachment.network.clone();
            if name.is_empty() {
                continue;
            }
            self.network_is_there(&name, place);
            if let Some(first) = places.insert(name.clone(), place.span.clone()) {
                self.problems.add(|| {
                    Problem::new(
                        place.span.clone(),
                        format!("it is on network {} twice", quoted(&name)),
                        "again here",
                    )
                    .and(first, "first here")
                    .help("keep one of the two")
                });
                continue;
            }
            attachments.push(attachment);
        }
        attachments
    }

    fn attachment(&mut self, table: &Table) -> Attachment {
        self.known_keys(table, &ATTACHMENT);
        let v4 = |text: &str| text.parse::<Ipv4Addr>().is_ok();
        let v6 = |text: &str| text.parse::<Ipv6Addr>().is_ok();
        let priority = "a whole number; the highest is first: priority = 100";
        Attachment {
            network: self.said(table, "network", "back").unwrap_or_default(),
            aliases: self.texts(table, "aliases", "www"),
            ipv4_address: self.formed(table, "ipv4_address", "172.28.0.10", v4),
            ipv6_address: self.formed(table, "ipv6_address", "fd00::10", v6),
            link_local_ips: self.addresses(table, "link_local_ips", "169.254.8.8"),
            mac_address: self.formed(table, "mac_address", "02:42:ac:11:00:02", is_mac),
            interface_name: self.said(table, "interface_name", "eth1"),
            driver_opts: self.text_table(table, "driver_opts", "key = \"value\""),
            priority: self.whole(table, "priority", i64::MIN..=i64::MAX, priority),
            gw_priority: self.whole(table, "gw_priority", i64::MIN..=i64::MAX, priority),
        }
    }

    fn network_is_there(&mut self, name: &str, value: &Value) {
        let networks = &self.surroundings.networks;
        if name == Attachment::DEFAULT || networks.contains_key(name) {
            return;
        }
        // Looked for only where it is shown: a file may have a great many that are unknown.
        self.problems.add(|| {
            let known = networks.keys().map(String::as_str);
            let nearest = suggest::nearest(name, known.chain([Attachment::DEFAULT]));
            Problem::new(
                value.span.clone(),
                format!("there is no network {}", quoted(name)),
                "not defined in this file",
            )
            .help(match nearest {
                Some(nearest) => format!("did you mean \"{nearest}\"?"),
                None => format!(
                    "add [cluster.networks.{}], with nothing below it where nothing is special",
                    slug(name)
                ),
            })
        });
    }

    pub(super) fn volume_is_there(&mut self, name: &str, value: &Value) {
        let volumes = &self.surroundings.volumes;
        if volumes.contains_key(name) {
            return;
        }
        self.problems.add(|| {
            let nearest = suggest::nearest(name, volumes.keys().map(String::as_str));
            Problem::new(
                value.span.clone(),
                format!("there is no volume {}", quoted(name)),
                "not defined in this file",
            )
            .help(match nearest {
                Some(nearest) => format!("did you mean \"{nearest}\"?"),
                None => format!(
                    "add [cluster.volumes.{}], with nothing below it where nothing is special; a folder of this \
                     machine begins with ./ or /",
                    slug(name)
                ),
            })
        });
    }
}

//! Networks, volumes, secrets and configs.

use super::Reader;
use super::values::{items, labels};
use crate::compose::paths::{Leads, join, leads};
use crate::compose::project::{Given, Network, Subnet, Volume};
use crate::compose::risk::{Reach, bound, mounted};
use crate::yaml::{Entry, Fields};

impl Reader<'_, '_> {
    pub(super) fn network(&mut self, entry: &Entry, project: &str) -> Option<Network> {
        let path = format!("networks.{}", entry.key);
        let mut fields = Fields::of(&entry.value, path, self.files())?;
        let (name, external) = self.name(&mut fields, entry, project);
        let (at, named) = (self.at(entry.at), fields.get("name").is_some());
        let files = self.files();
        let mut network = Network {
            at,
            named,
            name,
            external,
            driver: fields.word("driver", files),
            driver_opts: labels(&mut fields, "driver_opts", files),
            internal: fields.boolean("internal", files).unwrap_or_default(),
            attachable: fields.boolean("attachable", files).unwrap_or_default(),
            enable_ipv4: fields.boolean("enable_ipv4", files),
            enable_ipv6: fields.boolean("enable_ipv6", files),
            labels: labels(&mut fields, "labels", files),
            ..Network::default()
        };
        let ipam = fields.path_of("ipam");
        if let Some(node) = fields.get("ipam")
            && let Some(mut ipam) = Fields::of(node, ipam, files)
        {
            network.ipam_driver = ipam.word("driver", files);
            network.ipam_options = labels(&mut ipam, "options", files);
            for item in items(&mut ipam, "config", files) {
                let Some(mut of) = Fields::of(item, ipam.path_of("config"), files) else {
                    continue;
                };
                network.subnets.push(Subnet {
                    subnet: of.word("subnet", files),
                    ip_range: of.word("ip_range", files),
                    gateway: of.word("gateway", files),
                    aux_addresses: labels(&mut of, "aux_addresses", files),
                });
            }
        }
        let of = format!("networks.{}", entry.key);
        let driver = network.driver.as_deref().unwrap_or_default();
        if (external && network.name == "host") || driver == "host" {
            self.risk(&of, entry.at, Reach::HostNamespace("network"));
        } else if external {
            self.foreign(&of, entry, "network", &network.name);
        } else if matches!(driver, "macvlan" | "ipvlan") {
            self.risk(&of, entry.at, Reach::NetworkDriver(driver.to_owned()));
        }
        Some(network)
    }

    fn foreign(&mut self, of: &str, entry: &Entry, what: &'static str, name: &str) {
        let name = name.to_owned();
        self.risk(of, entry.at, Reach::Foreign { what, name });
    }

    pub(super) fn volume(&mut self, entry: &Entry, project: &str) -> Option<Volume> {
        let path = format!("volumes.{}", entry.key);
        let mut fields = Fields::of(&entry.value, path, self.files())?;
        let (name, external) = self.name(&mut fields, entry, project);
        let (at, named) = (self.at(entry.at), fields.get("name").is_some());
        let files = self.files();
        let volume = Volume {
            at,
            named,
            name,
            external,
            driver: fields.word("driver", files),
            driver_opts: labels(&mut fields, "driver_opts", files),
            labels: labels(&mut fields, "labels", files),
        };
        let of = format!("volumes.{}", entry.key);
        if let Some((device, write)) = bound(volume.driver.as_deref(), &volume.driver_opts) {
            // Which of the files says that it is a path may come after the one that says the path.
            self.host_path(&of, entry.at, &join("", device), write);
        }
        if let Some(what) = mounted(volume.driver.as_deref(), &volume.driver_opts) {
            self.risk(&of, entry.at, what);
        }
        if external {
            self.foreign(&of, entry, "volume", &volume.name);
        }
        Some(volume)
    }

    /// What the daemon knows a resource by, and whether it is there already.
    fn name(&mut self, fields: &mut Fields<'_>, entry: &Entry, project: &str) -> (String, bool) {
        let external = match fields.get("external") {
            Some(node) if node.as_map().is_some() => true,
            Some(_) => fields.boolean("external", self.files()).unwrap_or_default(),
            None => false,
        };
        let name = fields.word("name", self.files());
        let own = || match external {
            true => entry.key.clone(),
            false => format!("{project}_{}", entry.key),
        };
        (name.unwrap_or_else(own), external)
    }

    pub(super) fn given(&mut self, entry: &Entry, kind: &str) -> Option<Given> {
        let of = format!("{kind}.{}", entry.key);
        let mut fields = Fields::of(&entry.value, of.clone(), self.files())?;
        let (name, external) = self.name(&mut fields, entry, "");
        if external {
            return Some(Given::External(name));
        }
        let files = self.files();
        let file = fields.word("file", files).map(Given::File);
        let variable = fields.word("environment", files).map(Given::Environment);
        let content = match kind {
            "configs" => fields.text("content", files).map(Given::Content),
            _ => None,
        };
        let mut said = [file, variable, content].into_iter().flatten();
        let given = said.next();
        if given.is_none() || said.next().is_some() {
            let sources = match kind {
                "configs" => "file, environment or content",
                _ => "file or environment",
            };
            self.wrong(
                entry.at,
                format!("{of} has to say once where it comes from"),
                "here",
                &format!("it has one of {sources}"),
            );
        }
        if let Some(Given::File(path)) = &given
            && leads(path) == Leads::Out
        {
            let what = Reach::HostPath {
                path: path.clone(),
                write: false,
            };
            self.risk(&of, entry.at, what);
        }
        given
    }
}

//! What stands before the services: the cluster, its networks and its volumes.

use super::Writer;
use super::values::{map_of, table, text_of};
use crate::compose::project::{Network, Subnet, Volume};
use crate::compose::project_name;
use crate::compose::risk::bound;
use crate::draft::{Draft, list, text};
use std::collections::BTreeSet;

impl Writer<'_> {
    pub(super) fn head(&mut self, draft: &mut Draft) {
        let nowhere = 0..0;
        let says = format!(
            "What {} says, as a definition of Azora: containers, a service for each of its services.",
            self.base()
        );
        draft.comment(&says, &nowhere);
        draft.blank();
        draft.table("cluster", &nowhere);
        let project = self.project;
        if project.name != project_name(self.around.folder_name) {
            draft.key(
                "name",
                text(&crate::names::service(&project.name)),
                &nowhere,
            );
        }
        draft.comment(
            "Compose reads .env for what stands in its file, and gives it to no container.",
            &nowhere,
        );
        draft.key("env_files", "[]", &nowhere);
        let services = || project.all().map(|(_, service)| service);
        let used: BTreeSet<&String> = services().flat_map(|one| one.networks.keys()).collect();
        for (name, network) in project
            .networks
            .iter()
            .filter(|(name, _)| used.contains(name))
        {
            self.network(name, network, draft);
        }
        let used = services().flat_map(crate::compose::check::named_volumes);
        let used: BTreeSet<&String> = used.collect();
        for (name, volume) in project
            .volumes
            .iter()
            .filter(|(name, _)| used.contains(name))
        {
            self.volume(name, volume, draft);
        }
    }

    fn network(&mut self, name: &str, network: &Network, draft: &mut Draft) {
        let from = self.origin(&network.at);
        let mut keys = Vec::new();
        let named = network.named || network.external;
        keys.extend(named.then(|| ("name", text(&network.name))));
        keys.extend(network.external.then(|| ("external", "true".to_owned())));
        if !network.external {
            keys.extend(text_of("driver", &network.driver));
            keys.extend(map_of("driver_opts", &network.driver_opts));
            for (key, yes) in [
                ("internal", network.internal),
                ("attachable", network.attachable),
            ] {
                keys.extend(yes.then(|| (key, "true".to_owned())));
            }
            for (key, said) in [
                ("enable_ipv4", network.enable_ipv4),
                ("enable_ipv6", network.enable_ipv6),
            ] {
                keys.extend(said.map(|yes| (key, yes.to_string())));
            }
            keys.extend(map_of("labels", &network.labels));
            keys.extend(text_of("ipam_driver", &network.ipam_driver));
            keys.extend(map_of("ipam_options", &network.ipam_options));
            if !network.subnets.is_empty() {
                keys.push(("subnets", list(network.subnets.iter().map(subnet))));
            }
        }
        let key = self.names.network(name);
        if keys.is_empty() && key == "default" {
            // It is there without being defined.
            return;
        }
        draft.blank();
        draft.table(&format!("cluster.networks.{key}"), &from);
        for (key, value) in keys {
            draft.key(key, value, &from);
        }
    }

    fn volume(&mut self, name: &str, volume: &Volume, draft: &mut Draft) {
        let from = self.origin(&volume.at);
        draft.blank();
        draft.table(
            &format!("cluster.volumes.{}", self.names.volume(name)),
            &from,
        );
        if volume.named || volume.external {
            draft.key("name", text(&volume.name), &from);
        } else if volume.driver_opts.is_empty() {
            // Two databases must not write one volume, and the containers of the two programs do not know of each
            // other.
            self.once(
                &volume.at,
                "volumes without a name of their own are Azora's, and not those that compose has made of this file; \
                 with name: a volume is the one of that name",
                draft,
            );
        }
        if volume.external {
            return draft.key("external", "true", &from);
        }
        let mut options = volume.driver_opts.clone();
        if let Some((device, _)) = bound(volume.driver.as_deref(), &options) {
            let device = self.path(device);
            options.insert("device".to_owned(), device);
        }
        let keys = text_of("driver", &volume.driver).into_iter();
        let keys = keys
            .chain(map_of("driver_opts", &options))
            .chain(map_of("labels", &volume.labels));
        for (key, value) in keys {
            draft.key(key, value, &from);
        }
    }
}

fn subnet(subnet: &Subnet) -> String {
    let keys = text_of("subnet", &subnet.subnet)
        .into_iter()
        .chain(text_of("ip_range", &subnet.ip_range))
        .chain(text_of("gateway", &subnet.gateway))
        .chain(map_of("aux_addresses", &subnet.aux_addresses));
    table(keys)
}

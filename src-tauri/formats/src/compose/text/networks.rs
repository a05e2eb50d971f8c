//! The networks a container is on, and the names by which it is found there.

use super::Writer;
use super::values::{map_of, number_of, table, text_of, texts_of};
use crate::compose::project::{Attachment, Service};
use crate::draft::text;
use std::collections::BTreeSet;

impl Writer<'_> {
    /// `networks` of a container; nothing where it is only on the cluster's own, by its service's name.
    pub(super) fn networks(&self, name: &str, service: &Service) -> Vec<String> {
        let more = self.aliases(name, service);
        let networks = service.networks.iter();
        let all: Vec<String> = networks
            .map(|(network, attachment)| self.attachment(network, attachment, &more))
            .collect();
        match all[..] {
            [ref one] if *one == text("default") => Vec::new(),
            _ => all,
        }
    }

    /// Names it has in compose besides that of its service here.
    fn aliases(&self, name: &str, service: &Service) -> BTreeSet<String> {
        let own = self.names.service(name);
        let links = self
            .project
            .services
            .values()
            .flat_map(|other| &other.links);
        let linked = links.filter_map(|link| {
            let (other, alias) = link.split_once(':')?;
            (other == name).then(|| alias.to_owned())
        });
        let container = service.container_name.iter().cloned();
        let all = linked.chain(container).chain([name.to_owned()]);
        all.filter(|alias| *alias != own).collect()
    }

    fn attachment(
        &self,
        network: &str,
        attachment: &Attachment,
        more: &BTreeSet<String>,
    ) -> String {
        let network = text(&self.names.network(network));
        let more = more
            .iter()
            .filter(|alias| !attachment.aliases.contains(alias));
        let aliases: Vec<String> = attachment.aliases.iter().chain(more).cloned().collect();
        let keys = texts_of("aliases", &aliases)
            .into_iter()
            .chain(text_of("ipv4_address", &attachment.ipv4_address))
            .chain(text_of("ipv6_address", &attachment.ipv6_address))
            .chain(texts_of("link_local_ips", &attachment.link_local_ips))
            .chain(text_of("mac_address", &attachment.mac_address))
            .chain(text_of("interface_name", &attachment.interface_name))
            .chain(map_of("driver_opts", &attachment.driver_opts))
            .chain(number_of("priority", attachment.priority))
            .chain(number_of("gw_priority", attachment.gw_priority));
        let keys: Vec<_> = keys.collect();
        match keys.is_empty() {
            true => network,
            false => table([("network", network)].into_iter().chain(keys)),
        }
    }

    /// `service:NAME` of a namespace that is shared, by the service's name here.
    pub(super) fn shared(&self, mode: &Option<String>) -> Option<String> {
        let mode = mode.as_ref()?;
        Some(match mode.strip_prefix("service:") {
            Some(other) => format!("service:{}", self.names.service(other)),
            None => mode.clone(),
        })
    }
}

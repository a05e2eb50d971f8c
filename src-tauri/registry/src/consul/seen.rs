//! Entries of the registry as Consul's clients see them.

use super::answer::{
    CatalogService, CheckShown, HealthShown, NodeShown, ServiceShown, WeightsShown,
};
use super::checks::status;
use super::node::{DATACENTER, Node};
use super::wish::Extra;
use crate::Listed;
use crate::check::{Look, Target};
use model::view::KeptBy;
use std::collections::BTreeMap;

/// Where instances are that say no address of their own.
const HERE: &str = "127.0.0.1";

impl Node {
    pub(crate) fn shown(&self) -> NodeShown {
        let here = |name: &str| (name.to_owned(), HERE.to_owned());
        NodeShown {
            id: self.id.clone(),
            node: self.name.clone(),
            address: HERE.to_owned(),
            datacenter: DATACENTER,
            tagged_addresses: ["lan", "wan"].map(here).into(),
            meta: BTreeMap::new(),
            create_index: 1,
            modify_index: 1,
        }
    }

    pub(crate) fn health(&self, listed: &Listed) -> HealthShown {
        HealthShown {
            node: self.shown(),
            service: service(listed),
            checks: self.checks(listed),
        }
    }

    pub(crate) fn catalog(&self, listed: &Listed) -> CatalogService {
        let node = self.shown();
        let service = service(listed);
        CatalogService {
            id: node.id,
            node: node.node,
            address: node.address,
            datacenter: node.datacenter,
            tagged_addresses: node.tagged_addresses,
            node_meta: node.meta,
            service_id: service.id,
            service_name: service.service,
            service_tags: service.tags,
            service_address: service.address,
            service_meta: service.meta,
            service_port: service.port,
            service_tagged_addresses: service.tagged_addresses,
            service_weights: service.weights,
            service_enable_tag_override: service.enable_tag_override,
            create_index: service.create_index,
            modify_index: service.modify_index,
        }
    }

    /// All its checks. What the engine and leases keep has one: that it is kept.
    pub(crate) fn checks(&self, listed: &Listed) -> Vec<CheckShown> {
        let (service_id, tags) = (id(listed), tags(listed));
        let shown = |check_id: String, name: String| CheckShown {
            node: self.name.clone(),
            check_id,
            name,
            status: status(listed.view.health),
            notes: String::new(),
            output: String::new(),
            service_id: service_id.clone(),
            service_name: listed.view.name.clone(),
            service_tags: tags.clone(),
            kind: "",
            create_index: listed.create_index,
            modify_index: listed.modify_index,
        };
        let mut all: Vec<CheckShown> = listed
            .checks
            .iter()
            .map(|state| CheckShown {
                status: status(state.status),
                notes: state.check.notes.clone(),
                output: state.output.clone(),
                kind: match &state.check.look {
                    Look::Ttl { .. } => "ttl",
                    Look::Said => "maintenance",
                    Look::Probe(probe) => match probe.target {
                        Target::Http { .. } => "http",
                        Target::Tcp { .. } => "tcp",
                        Target::Udp { .. } => "udp",
                        Target::Alias { .. } => "alias",
                        Target::Grpc { .. } => "grpc",
                    },
                },
                create_index: state.create_index,
                modify_index: state.modify_index,
                ..shown(state.check.id.clone(), state.check.name.clone())
            })
            .collect();
        let kept = match listed.view.kept_by {
            KeptBy::Own => "Azora keeps it: it is ready and serves",
            KeptBy::Lease => "its lease is renewed",
            KeptBy::Probe | KeptBy::Checks => return all,
        };
        all.push(CheckShown {
            output: kept.to_owned(),
            status: "passing",
            ..shown(format!("azora:{service_id}"), "Kept by Azora".to_owned())
        });
        all
    }
}

/// Its id in the one space of ids that Consul has. The registry's own are within a name, so what did
/// not come by Consul's API is called by both.
pub(crate) fn id(listed: &Listed) -> String {
    let view = &listed.view;
    match view.kept_by {
        KeptBy::Own | KeptBy::Checks => view.id.clone(),
        KeptBy::Lease | KeptBy::Probe => format!("{}:{}", view.name, view.id),
    }
}

/// Its tags. The engine's own are told by category and cluster.
pub(crate) fn tags(listed: &Listed) -> Vec<String> {
    let view = &listed.view;
    let mut tags = view.tags.clone();
    if listed.is_own() {
        tags.extend(view.category.clone());
        tags.extend(
            view.cluster_name
                .as_ref()
                .map(|name| format!("cluster={name}")),
        );
    }
    tags
}

pub(crate) fn service(listed: &Listed) -> ServiceShown {
    let view = &listed.view;
    let mut meta = listed.meta().clone();
    let mut say = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            meta.entry(key.to_owned()).or_insert(value);
        }
    };
    say("version", view.version.clone());
    if listed.is_own() {
        say("category", view.category.clone());
        say("cluster", view.cluster_name.clone());
        say("instance", view.instance.as_ref().map(ToString::to_string));
    }
    let wish = listed.wish.as_deref();
    let extra = wish.map(|wish| Extra::of(&wish.extra)).unwrap_or_default();
    let (host, port) = place(&view.url);
    let weights = listed.weights();
    ServiceShown {
        id: id(listed),
        service: view.name.clone(),
        tags: tags(listed),
        address: match view.kept_by {
            KeptBy::Checks => extra.address,
            KeptBy::Own | KeptBy::Lease | KeptBy::Probe => host,
        },
        port,
        meta,
        tagged_addresses: extra.tagged,
        enable_tag_override: extra.tag_override,
        weights: WeightsShown {
            passing: weights.passing,
            warning: weights.warning,
        },
        namespace: "",
        create_index: listed.create_index,
        modify_index: listed.modify_index,
    }
}

/// Host and port of a URL that was accepted; neither where there is none.
fn place(url: &str) -> (String, u16) {
    let Ok(url) = url::Url::parse(url) else {
        return (String::new(), 0);
    };
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = url.port_or_known_default().unwrap_or(0);
    // Of names only this one is accepted, and it means this.
    let host = if host == "localhost" { HERE } else { host };
    (host.to_owned(), port)
}

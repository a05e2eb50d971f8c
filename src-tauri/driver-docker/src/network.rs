//! Networks of a cluster: on them its containers find each other by name.

use crate::daemon::{Fault, QUICK, WORK, ask};
use crate::shared::Shared;
use crate::{ContainerDriver, labels};
use bollard::models::{Ipam, IpamConfig, NetworkCreateRequest};
use bollard::query_parameters::ListNetworksOptionsBuilder;
use model::ClusterId;
use spec::container::Subnet;
use std::collections::HashMap;

/// Where ports of its containers are published when nobody says where: on loopback alone.
const BINDING: (&str, &str) = ("com.docker.network.bridge.host_binding_ipv4", "127.0.0.1");

/// What makes a network when nothing else is named.
const BRIDGE: &str = "bridge";

/// The name of a cluster's own network.
pub fn network_name(cluster: &ClusterId) -> String {
    format!("azora-{cluster}")
}

/// What a network is to be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Network {
    /// Its name.
    pub name: String,
    /// What makes it; `bridge` when none is named.
    pub driver: Option<String>,
    /// Options of that, over ours.
    pub options: HashMap<String, String>,
    /// Nothing outside is reached from it.
    pub internal: bool,
    /// Containers that are not the cluster's may join.
    pub attachable: bool,
    /// It has IPv4 addresses.
    pub enable_ipv4: Option<bool>,
    /// It has IPv6 addresses.
    pub enable_ipv6: Option<bool>,
    /// Labels, besides those by which it is known.
    pub labels: HashMap<String, String>,
    /// What gives addresses.
    pub ipam_driver: Option<String>,
    /// Options of that.
    pub ipam_options: HashMap<String, String>,
    /// Ranges of addresses.
    pub subnets: Vec<Subnet>,
}

impl ContainerDriver {
    /// True when the daemon has a network of this name, whoever's.
    ///
    /// # Errors
    /// When the daemon does not say.
    pub async fn has_network(&self, name: &str) -> Result<bool, Fault> {
        match ask(QUICK, self.daemon().api().inspect_network(name, None)).await {
            Err(fault) if fault.is_not_found() => Ok(false),
            found => found.map(|_| true),
        }
    }

    /// Makes a network of a cluster unless it is there.
    ///
    /// # Errors
    /// When the daemon does not make it, or the name is somebody else's.
    pub async fn network(&self, cluster: &ClusterId, network: Network) -> Result<(), Fault> {
        let shared = self.shared();
        let api = shared.daemon.api();
        let ours = labels::of_cluster(&shared.home, cluster);
        match ask(QUICK, api.inspect_network(&network.name, None)).await {
            Ok(found) => {
                let labels = found.labels.unwrap_or_default();
                if ours
                    .iter()
                    .all(|(name, value)| labels.get(name) == Some(value))
                {
                    return Ok(());
                }
                return Err(Fault::Refused {
                    status: 409,
                    message: format!(
                        "there is a network {} already, and it is not this cluster's",
                        network.name
                    ),
                });
            }
            Err(fault) if fault.is_not_found() => {}
            Err(fault) => return Err(fault),
        }
        let bridge = network.driver.as_deref().is_none_or(|name| name == BRIDGE);
        let ours_first = bridge.then(|| (BINDING.0.to_owned(), BINDING.1.to_owned()));
        let mut options: HashMap<String, String> = ours_first.into_iter().collect();
        options.extend(network.options);
        let mut labels = network.labels;
        labels.extend(ours);
        let subnets = network.subnets.into_iter().map(|subnet| IpamConfig {
            subnet: subnet.subnet,
            ip_range: subnet.ip_range,
            gateway: subnet.gateway,
            auxiliary_addresses: match subnet.aux_addresses.is_empty() {
                true => None,
                false => Some(subnet.aux_addresses.into_iter().collect()),
            },
        });
        let subnets: Vec<IpamConfig> = subnets.collect();
        let usual =
            network.ipam_driver.is_none() && network.ipam_options.is_empty() && subnets.is_empty();
        let ipam = (!usual).then(|| Ipam {
            driver: Some(network.ipam_driver.unwrap_or_else(|| "default".into())),
            config: Some(subnets),
            options: match network.ipam_options.is_empty() {
                true => None,
                false => Some(network.ipam_options),
            },
        });
        let request = NetworkCreateRequest {
            name: network.name,
            driver: Some(network.driver.unwrap_or_else(|| BRIDGE.into())),
            internal: Some(network.internal),
            attachable: network.attachable.then_some(true),
            enable_ipv4: network.enable_ipv4,
            enable_ipv6: network.enable_ipv6,
            ipam,
            options: Some(options),
            labels: Some(labels),
            ..NetworkCreateRequest::default()
        };
        ask(WORK, api.create_network(request)).await.map(drop)
    }
}

/// Removes all networks of a cluster.
pub(crate) async fn remove_all(shared: &Shared, cluster: &ClusterId) -> Result<(), Fault> {
    let labels = labels::of_cluster(&shared.home, cluster);
    let filter = labels::filter(&labels);
    let options = ListNetworksOptionsBuilder::new().filters(&filter).build();
    let api = shared.daemon.api();
    let mut first = Ok(());
    for network in ask(QUICK, api.list_networks(Some(options))).await? {
        let Some(id) = network.id.or(network.name) else {
            continue;
        };
        let removed = match ask(WORK, api.remove_network(&id)).await {
            Err(fault) if fault.is_not_found() => Ok(()),
            removed => removed,
        };
        first = first.and(removed);
    }
    first
}

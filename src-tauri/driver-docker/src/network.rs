//! Networks of a cluster: on them its containers find each other by name.

use crate::daemon::{Fault, QUICK, WORK, ask};
use crate::shared::Shared;
use crate::{ContainerDriver, labels};
use bollard::models::NetworkCreateRequest;
use bollard::query_parameters::ListNetworksOptionsBuilder;
use model::ClusterId;
use std::collections::HashMap;

/// Where ports of its containers are published when nobody says where: on loopback alone.
const BINDING: (&str, &str) = ("com.docker.network.bridge.host_binding_ipv4", "127.0.0.1");

/// The name of a cluster's own network.
pub fn network_name(cluster: &ClusterId) -> String {
    format!("azora-{cluster}")
}

/// What a network is to be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Network {
    /// Its name.
    pub name: String,
    /// Nothing outside is reached from it.
    pub internal: bool,
    /// Options of its driver, over ours.
    pub options: HashMap<String, String>,
    /// Labels, besides those by which it is known.
    pub labels: HashMap<String, String>,
}

impl ContainerDriver {
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
        let mut options = HashMap::from([(BINDING.0.to_owned(), BINDING.1.to_owned())]);
        options.extend(network.options);
        let mut labels = network.labels;
        labels.extend(ours);
        let request = NetworkCreateRequest {
            name: network.name,
            driver: Some("bridge".into()),
            internal: Some(network.internal),
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

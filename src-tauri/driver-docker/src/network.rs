//! Networks of a cluster: on them its containers find each other by name.

use crate::daemon::{Fault, QUICK, WORK, ask};
use crate::shared::Shared;
use crate::{ContainerDriver, labels};
use bollard::models::{
    EndpointSettings, Ipam, IpamConfig, NetworkConnectRequest, NetworkCreateRequest,
    NetworkDisconnectRequest, NetworkInspect,
};
use bollard::query_parameters::ListNetworksOptionsBuilder;
use model::ClusterId;
use spec::container::Subnet;
use std::collections::{BTreeMap, HashMap};

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

impl Network {
    /// The same for networks that are made the same.
    pub fn made_of(&self) -> String {
        let Network {
            name,
            driver,
            options,
            internal,
            attachable,
            enable_ipv4,
            enable_ipv6,
            labels,
            ipam_driver,
            ipam_options,
            subnets,
        } = self;
        let sorted = |map: &HashMap<String, String>| -> BTreeMap<String, String> {
            map.clone().into_iter().collect()
        };
        let maps = [options, labels, ipam_options].map(sorted);
        let flags = (internal, attachable, enable_ipv4, enable_ipv6);
        labels::likeness(&format!(
            "{name:?} {driver:?} {flags:?} {maps:?} {ipam_driver:?} {subnets:?}"
        ))
    }
}

/// A container that was on a network, and how.
struct Member {
    id: String,
    name: String,
    settings: EndpointSettings,
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

    /// Makes a network of a cluster unless it is there; one that is there and was made otherwise is made
    /// anew, and the cluster's containers that run on it are put on the new one. Answers what there is to
    /// say about that.
    ///
    /// # Errors
    /// When the daemon does not make it, or the name is somebody else's.
    pub async fn network(
        &self,
        cluster: &ClusterId,
        network: Network,
    ) -> Result<Option<String>, Fault> {
        let shared = self.shared();
        let api = shared.daemon.api();
        let ours = labels::of_cluster(&shared.home, cluster);
        match ask(QUICK, api.inspect_network(&network.name, None)).await {
            Ok(found) => {
                let labels = found.labels.clone().unwrap_or_default();
                if ours
                    .iter()
                    .all(|(name, value)| labels.get(name) == Some(value))
                {
                    let before = labels.get(labels::DEFINITION);
                    // One of an engine that noted nothing is taken as it is.
                    return match before.is_none_or(|before| *before == network.made_of()) {
                        true => Ok(None),
                        false => self.remake(cluster, found, network).await.map(Some),
                    };
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
        self.make_network(cluster, network).await?;
        Ok(None)
    }

    /// Its definition is another one. Who runs on it is cut off for a moment; who has been stopped is made
    /// anew when it is started. What the daemon does not make, an address range that overlaps another's, is known
    /// only when it is tried and the old one is gone: then that is made again, for who runs on it.
    async fn remake(
        &self,
        cluster: &ClusterId,
        mut found: NetworkInspect,
        network: Network,
    ) -> Result<String, Fault> {
        let api = self.daemon().api();
        let name = network.name.clone();
        let mut members = Vec::new();
        for id in found.containers.take().unwrap_or_default().into_keys() {
            match self.member(cluster, &name, &id).await? {
                Some(Ok(member)) => members.push(member),
                Some(Err(stranger)) => {
                    return Ok(format!(
                        "the network {name} is defined otherwise than it was made, and stays as it is while the \
                         container {stranger}, which is not the cluster's, is on it: end that, and restart this"
                    ));
                }
                // It has just ended.
                None => {}
            }
        }
        for member in &members {
            let leave = NetworkDisconnectRequest {
                container: member.id.clone(),
                force: Some(true),
            };
            match ask(WORK, api.disconnect_network(&name, leave)).await {
                Err(fault) if fault.is_not_found() => {}
                left => left?,
            }
        }
        match ask(WORK, api.remove_network(&name)).await {
            Err(fault) if fault.is_not_found() => {}
            removed => removed?,
        }
        if let Err(fault) = self.make_network(cluster, network).await {
            let again = as_it_was(name.clone(), found);
            let told = match ask(WORK, api.create_network(again)).await {
                Ok(_) => self.rejoin(&name, members).await,
                Err(fault) => format!("; nor is it made again as it was: {fault}"),
            };
            return Err(fault.and(&told));
        }
        let told = self.rejoin(&name, members).await;
        Ok(format!(
            "the network {name} is made anew, as it is defined now{told}"
        ))
    }

    /// Puts these on a network that was made anew, and tells who is not on it.
    async fn rejoin(&self, network: &str, members: Vec<Member>) -> String {
        let api = self.daemon().api();
        let mut told = String::new();
        for Member {
            id,
            name: who,
            settings,
        } in members
        {
            let bare = EndpointSettings {
                aliases: settings.aliases.clone(),
                ..EndpointSettings::default()
            };
            // An address that it had may not be one of the new network's. It is restarted for this as well.
            let mut joined = Ok(());
            for endpoint_config in [settings, bare].map(Some) {
                let request = NetworkConnectRequest {
                    container: id.clone(),
                    endpoint_config,
                };
                joined = ask(WORK, api.connect_network(network, request)).await;
                if joined.is_ok() {
                    break;
                }
            }
            match joined {
                Ok(()) => {}
                Err(fault) if fault.is_not_found() => {}
                Err(fault) => told.push_str(&format!(
                    "; {who} is not on it before it is restarted: {fault}"
                )),
            }
        }
        told
    }

    /// A container on a network: one of the cluster's, or the name of one that is not. `None` when it is
    /// there no more.
    async fn member(
        &self,
        cluster: &ClusterId,
        network: &str,
        id: &str,
    ) -> Result<Option<Result<Member, String>>, Fault> {
        let found = match ask(QUICK, self.daemon().api().inspect_container(id, None)).await {
            Err(fault) if fault.is_not_found() => return Ok(None),
            found => found?,
        };
        let name = found.name.unwrap_or_default();
        let name = name.trim_start_matches('/').to_owned();
        let labels = found.config.and_then(|config| config.labels);
        let labels = labels.unwrap_or_default();
        let ours = labels::of_cluster(&self.shared().home, cluster);
        if !ours
            .iter()
            .all(|(key, value)| labels.get(key) == Some(value))
        {
            return Ok(Some(Err(name)));
        }
        let settings = found.network_settings.and_then(|all| all.networks);
        let settings = settings.and_then(|mut all| all.remove(network));
        let settings = settings.unwrap_or_default();
        Ok(Some(Ok(Member {
            id: id.to_owned(),
            name,
            settings: EndpointSettings {
                aliases: settings.aliases,
                ipam_config: settings.ipam_config,
                mac_address: None,
                driver_opts: settings.driver_opts,
                ..EndpointSettings::default()
            },
        })))
    }

    async fn make_network(&self, cluster: &ClusterId, network: Network) -> Result<(), Fault> {
        let api = self.daemon().api();
        let made_of = network.made_of();
        let bridge = network.driver.as_deref().is_none_or(|name| name == BRIDGE);
        let ours_first = bridge.then(|| (BINDING.0.to_owned(), BINDING.1.to_owned()));
        let mut options: HashMap<String, String> = ours_first.into_iter().collect();
        options.extend(network.options);
        let mut labels = network.labels;
        labels.extend(labels::of_cluster(&self.shared().home, cluster));
        labels.insert(labels::DEFINITION.to_owned(), made_of);
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

/// What makes a network again that is gone, as its daemon knew it.
fn as_it_was(name: String, found: NetworkInspect) -> NetworkCreateRequest {
    NetworkCreateRequest {
        name,
        driver: found.driver,
        internal: found.internal,
        attachable: found.attachable,
        enable_ipv4: found.enable_ipv4,
        enable_ipv6: found.enable_ipv6,
        ipam: found.ipam,
        options: found.options,
        labels: found.labels,
        ..NetworkCreateRequest::default()
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

//! Words of the relays: what a container is to reach and how it does, and what they are made by.

use driver::{Launch, PortError, PortGrant, PortWish, ProcessDriver, Stop};
use model::{ClusterId, Generation, InstanceId, ServiceName};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// How a container reaches processes.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Way {
    /// This machine, on the container's network.
    pub(crate) gateway: Ipv4Addr,
    /// The port there that leads to each of them.
    pub(crate) ports: BTreeMap<ServiceName, u16>,
}

/// Which processes a container is to reach, and where each listens.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reaches {
    /// The network it is reached from, as the daemon knows it; `None` when it is on none of ours.
    pub(crate) network: Option<String>,
    /// The processes' ports of 127.0.0.1.
    pub(crate) targets: BTreeMap<ServiceName, u16>,
    /// The ports that have led to them before.
    pub(crate) before: BTreeMap<ServiceName, u16>,
}

/// What a relay needs of this machine's processes and ports.
pub(crate) trait Host: Send + Sync {
    fn grant_ports(&self, wishes: &[PortWish]) -> Result<Vec<PortGrant>, PortError>;
    fn claim_port(&self, port: u16, whose: &ClusterId, own: &InstanceId) -> Result<(), String>;
    fn release_ports(&self, cluster: &ClusterId, own: &InstanceId, ports: &[u16]);
    fn start(&self, launch: Launch);
    fn stop(&self, cluster: &ClusterId, own: &InstanceId, generation: Generation, stop: Stop);
    fn rest(&self, cluster: &ClusterId, own: &InstanceId);
    /// Its run folder goes, later.
    fn forget(&self, cluster: &ClusterId, own: &InstanceId);
}

impl Host for ProcessDriver {
    fn grant_ports(&self, wishes: &[PortWish]) -> Result<Vec<PortGrant>, PortError> {
        self.grant_ports(wishes)
    }

    fn claim_port(&self, port: u16, whose: &ClusterId, own: &InstanceId) -> Result<(), String> {
        self.claim_port(port, whose, own)
    }

    fn release_ports(&self, cluster: &ClusterId, own: &InstanceId, ports: &[u16]) {
        self.release_ports(cluster, own, ports);
    }

    fn start(&self, launch: Launch) {
        self.start(launch);
    }

    fn stop(&self, cluster: &ClusterId, own: &InstanceId, generation: Generation, stop: Stop) {
        self.stop(cluster, own, generation, stop);
    }

    fn rest(&self, cluster: &ClusterId, own: &InstanceId) {
        self.rest(cluster, own);
    }

    fn forget(&self, cluster: &ClusterId, own: &InstanceId) {
        self.forget(cluster, own);
    }
}

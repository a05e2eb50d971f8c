//! How a container is reached: its networks, its ports; and what a cluster has of networks and volumes.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// A port of a container that is reached from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publish {
    /// Where on this machine; 127.0.0.1 unless given.
    pub address: IpAddr,
    /// Which port there; `None` is any that is free.
    pub host: Option<PortRange>,
    /// Which port of the container.
    pub container: u16,
    /// How.
    pub protocol: Protocol,
}

/// A port, or a range of which any is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortRange {
    /// The smallest.
    pub first: u16,
    /// The largest; of one port the same.
    pub last: u16,
}

impl From<u16> for PortRange {
    fn from(port: u16) -> Self {
        Self {
            first: port,
            last: port,
        }
    }
}

impl PortRange {
    /// The port, where it is only one.
    pub fn one(self) -> Option<u16> {
        (self.first == self.last).then_some(self.first)
    }
}

/// How a port is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl Protocol {
    /// As definitions write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Sctp => "sctp",
        }
    }
}

/// How a container is on a network.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Attachment {
    /// Which of the cluster's; `default` is there without being defined.
    pub network: String,
    /// How others find it there, besides by the name of its service.
    pub aliases: Vec<String>,
    /// An address of its own.
    pub ipv4_address: Option<String>,
    /// An address of its own.
    pub ipv6_address: Option<String>,
    /// Link-local addresses.
    pub link_local_ips: Vec<String>,
    /// The address of its card.
    pub mac_address: Option<String>,
    /// The name of its card in the container.
    pub interface_name: Option<String>,
    /// Options of the network's driver.
    pub driver_opts: BTreeMap<String, String>,
    /// Which is connected first.
    pub priority: Option<i64>,
    /// Which has the default gateway.
    pub gw_priority: Option<i64>,
}

impl Attachment {
    /// The network every container of a cluster is on that names no other.
    pub const DEFAULT: &str = "default";

    /// To this network, with nothing special.
    pub fn to(network: &str) -> Self {
        Self {
            network: network.to_owned(),
            ..Self::default()
        }
    }
}

/// A network of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Network {
    /// What the daemon knows it by; after the cluster unless given.
    pub name: Option<String>,
    /// It is there already, and not made or removed.
    pub external: bool,
    /// `bridge` unless given.
    pub driver: Option<String>,
    /// Options of the driver.
    pub driver_opts: BTreeMap<String, String>,
    /// Nothing outside is reached from it.
    pub internal: bool,
    /// Containers that are not the cluster's may join.
    pub attachable: bool,
    /// It has IPv4 addresses.
    pub enable_ipv4: Option<bool>,
    /// It has IPv6 addresses.
    pub enable_ipv6: Option<bool>,
    /// Labels, besides those by which it is known.
    pub labels: BTreeMap<String, String>,
    /// What gives addresses.
    pub ipam_driver: Option<String>,
    /// Options of that.
    pub ipam_options: BTreeMap<String, String>,
    /// Ranges of addresses.
    pub subnets: Vec<Subnet>,
}

/// A range of addresses of a network.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Subnet {
    /// `172.28.0.0/16`.
    pub subnet: Option<String>,
    /// From where addresses are given.
    pub ip_range: Option<String>,
    /// The gateway.
    pub gateway: Option<String>,
    /// Addresses that are taken, by host.
    pub aux_addresses: BTreeMap<String, String>,
}

/// A volume of a cluster. It stays when the cluster goes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Volume {
    /// What the daemon knows it by; after the cluster unless given.
    pub name: Option<String>,
    /// It is there already, and not made.
    pub external: bool,
    /// The daemon's plugin that keeps it; its own unless given.
    pub driver: Option<String>,
    /// Options of that.
    pub driver_opts: BTreeMap<String, String>,
    /// Labels, besides those by which it is known.
    pub labels: BTreeMap<String, String>,
}

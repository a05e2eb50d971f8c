//! Words of the relays: what a container is to reach and how it does, and whose word is about one.

use driver::Happened;
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
}

/// Whose word it is, and of which start.
pub(super) fn about(happened: &Happened) -> (&ClusterId, &InstanceId, Generation) {
    match happened {
        Happened::Started {
            cluster,
            instance,
            generation,
            ..
        }
        | Happened::StartFailed {
            cluster,
            instance,
            generation,
            ..
        }
        | Happened::StartDelayed {
            cluster,
            instance,
            generation,
            ..
        }
        | Happened::Exited {
            cluster,
            instance,
            generation,
            ..
        }
        | Happened::StopGoesOn {
            cluster,
            instance,
            generation,
            ..
        }
        | Happened::StopBlocked {
            cluster,
            instance,
            generation,
            ..
        }
        | Happened::Told {
            cluster,
            instance,
            generation,
            ..
        }
        | Happened::ShimLost {
            cluster,
            instance,
            generation,
            ..
        } => (cluster, instance, *generation),
    }
}

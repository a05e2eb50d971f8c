//! The feed: the full picture once, then what changes.

use super::{ClusterView, EngineView, Pulse, RegistryView};
use crate::{
    Autonomy, ClusterId, Event, Incident, InstanceId, InstanceStatus, Mute, ObservedConnection,
    Overall, Timestamp,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use ts_rs::TS;

/// The full picture, sent once at the start of every feed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Snapshot {
    /// The number the first delta after it follows.
    #[ts(type = "number")]
    pub seq: u64,
    /// The engine.
    pub engine: EngineView,
    /// All of the home in one word.
    pub overall: Overall,
    /// All clusters.
    pub clusters: Vec<ClusterView>,
    /// All instances by cluster.
    pub instances: BTreeMap<ClusterId, Vec<InstanceStatus>>,
    /// Newest measurements by cluster and instance.
    pub pulses: BTreeMap<ClusterId, BTreeMap<InstanceId, Pulse>>,
    /// Connections between services that were seen, by cluster.
    #[serde(default)]
    pub connections: BTreeMap<ClusterId, Vec<ObservedConnection>>,
    /// Incidents, newest first: all open ones and the last 200.
    pub incidents: Vec<Incident>,
    /// The last 200 events, oldest first.
    pub events: Vec<Event>,
    /// The registry.
    pub registry: Vec<RegistryView>,
    /// How many entries the registry has: of many that registered themselves some are shown.
    #[serde(default)]
    pub registry_total: u32,
    /// What no notification is shown of, the widest first.
    #[serde(default)]
    pub mutes: Vec<Mute>,
}

/// What changed, numbered without gaps. A host that misses one asks for a new snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Delta {
    /// One more than the one before.
    #[ts(type = "number")]
    pub seq: u64,
    /// What changed.
    pub change: Change,
}

/// One change. Each carries the whole new thing, so applying it twice does no harm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Change {
    /// A cluster is new or changed.
    Cluster {
        /// The cluster.
        cluster: ClusterView,
        /// The home's new overall state.
        overall: Overall,
    },
    /// How a cluster is has changed, and nothing else of it: while a thousand services come up that
    /// is said many times a second.
    ClusterState {
        /// Which.
        cluster: ClusterId,
        /// How it is, in one word.
        state: Overall,
        /// Why, in words.
        reason: String,
        /// Healing is held for the whole cluster.
        held: bool,
        /// When that ends by itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        held_until: Option<Timestamp>,
        /// How far healing goes by itself, where that is not all the way.
        #[serde(default, skip_serializing_if = "Autonomy::is_on")]
        #[ts(as = "Option<Autonomy>", optional)]
        autonomy: Autonomy,
        /// The home's new overall state.
        overall: Overall,
    },
    /// A cluster was forgotten.
    ClusterRemoved {
        /// Which.
        cluster: ClusterId,
    },
    /// Instances are new or changed.
    Instances {
        /// Of which cluster.
        cluster: ClusterId,
        /// The instances.
        instances: Vec<InstanceStatus>,
    },
    /// Instances are no more.
    InstancesRemoved {
        /// Of which cluster.
        cluster: ClusterId,
        /// Which.
        instances: Vec<InstanceId>,
    },
    /// New measurements.
    Pulses {
        /// Of which cluster.
        cluster: ClusterId,
        /// By instance.
        pulses: BTreeMap<InstanceId, Pulse>,
    },
    /// Who was seen to talk to whom; replaces what was known before.
    Connections {
        /// In which cluster.
        cluster: ClusterId,
        /// All of them.
        connections: Vec<ObservedConnection>,
    },
    /// An incident is new or changed.
    Incident {
        /// The incident.
        incident: Incident,
    },
    /// Something happened.
    Event {
        /// The event.
        event: Event,
    },
    /// What is shown of the registry changed.
    Registry {
        /// New or changed entries.
        upserts: Vec<RegistryView>,
        /// Gone ones, as name and id.
        removed: Vec<(String, String)>,
        /// How many entries the registry has now.
        #[serde(default)]
        total: u32,
    },
    /// Notifications were turned off or on, by a person or by the end of a time.
    Mutes {
        /// All that are off now, the widest first.
        mutes: Vec<Mute>,
    },
}

/// What the feed sends, one JSON object a line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case", tag = "kind")]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every message is a delta, and one is held at a time"
)]
pub enum FeedMessage {
    /// First, and again whenever the reader fell too far behind.
    Snapshot {
        /// The picture.
        snapshot: Box<Snapshot>,
    },
    /// Then these.
    Delta {
        /// The change.
        delta: Delta,
    },
}

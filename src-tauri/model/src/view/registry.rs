//! How an entry of the registry is shown.

use crate::{ClusterId, InstanceId, Timestamp};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// How well something that is registered is, the best first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, TS,
)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// Nothing is known against it.
    #[default]
    Passing,
    /// It answers, and has something to complain of.
    Warning,
    /// It should get no traffic.
    Critical,
}

/// Who says how long an entry is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum KeptBy {
    /// The engine: it is an instance of a cluster.
    Own,
    /// The program itself, by heartbeats.
    Lease,
    /// The registry's own look at it.
    Probe,
    /// Its checks, as Consul's clients register it: until somebody takes it from the list, or it was
    /// critical for as long as its check allows.
    Checks,
}

/// What of the registry was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct RegisteredView {
    /// By name and id; 2,000 at most.
    pub entries: Vec<RegistryView>,
    /// How many fit.
    pub found: u32,
    /// How many entries there are in all.
    pub total: u32,
    /// Why nothing has the name that was asked for.
    pub why: Option<String>,
}

/// A registry entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct RegistryView {
    /// The name it is found by.
    pub name: String,
    /// Its id within the name.
    pub id: String,
    /// Where it is; empty when it said no address.
    pub url: String,
    /// Who says how long it is listed.
    pub kept_by: KeptBy,
    /// The cluster of an own one.
    pub cluster: Option<ClusterId>,
    /// What that cluster is called.
    pub cluster_name: Option<String>,
    /// The instance of an own one.
    pub instance: Option<InstanceId>,
    /// What it can be picked by.
    pub tags: Vec<String>,
    /// Its version, if it says one.
    pub version: Option<String>,
    /// What kind of service it is, if it says so.
    pub category: Option<String>,
    /// The worst of what its checks say.
    pub health: Health,
    /// What that check said, when it is not passing.
    pub health_why: Option<String>,
    /// Since when it is listed.
    pub since: Timestamp,
    /// When its lease ends unless it sends a heartbeat.
    pub expires: Option<Timestamp>,
}

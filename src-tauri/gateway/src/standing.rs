//! What the engine tells of an instance, and what it is told of services.

use model::{ClusterId, InstanceId, ServiceName, Timestamp};
use std::time::Duration;

/// How it stands with an instance that may or may not serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// In words, for who asks and gets no answer: "api.0 is starting".
    pub why: String,
    /// Since when.
    pub since: Timestamp,
    /// It is wanted, and on its way: who asks waits for it a while.
    pub coming: bool,
    /// It is to run: a cluster with such an instance is up.
    pub wanted: bool,
    /// What brings it back, where it is not on its way.
    pub back: Back,
}

/// What brings an instance back that does not serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Back {
    /// A person who starts its service.
    Start,
    /// A person who releases it from quarantine.
    Release,
    /// A person who lets healing go on.
    Unhold,
    /// Healing, which tries it again by itself.
    Healing,
}

/// An instance is left out for a while, for what it did with requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ejected {
    /// Of this cluster.
    pub cluster: ClusterId,
    /// Which.
    pub instance: InstanceId,
    /// In words: "it failed five requests in a row, the last because it answered 500".
    pub why: String,
    /// For so long.
    pub time: Duration,
}

/// What a service has asked of another of its cluster since the gateway began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Of this cluster.
    pub cluster: ClusterId,
    /// Who asks.
    pub from: ServiceName,
    /// Who is asked.
    pub to: ServiceName,
    /// Requests.
    pub total: u64,
}

//! Incidents: one per root cause, with what was seen, what was tried and what it took.

use crate::{ClusterId, InstanceId, ServiceName, Timestamp};
use serde::{Deserialize, Serialize};

/// Counts the incidents of one home, from 1.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    ts_rs::TS,
)]
#[serde(transparent)]
#[ts(type = "number")]
pub struct IncidentId(pub u64);

/// How far an incident has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
pub enum IncidentState {
    /// Something is wrong and being worked on.
    Open,
    /// The service is ready again.
    Resolved,
    /// Healing gave up and put the service in quarantine.
    Quarantined,
    /// A person stopped the service while it was open.
    Closed,
}

/// What healing can do.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ts_rs::TS,
)]
#[serde(rename_all = "kebab-case")]
pub enum RemedyKind {
    /// Start it again.
    Restart,
    /// Restart what it needs and is not well, then it.
    RestartNeeds,
    /// Stop trying until a person releases it.
    Quarantine,
}

impl RemedyKind {
    /// The word as definitions and JSON write it.
    pub fn as_str(self) -> &'static str {
        match self {
            RemedyKind::Restart => "restart",
            RemedyKind::RestartNeeds => "restart-needs",
            RemedyKind::Quarantine => "quarantine",
        }
    }
}

/// One thing that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
pub struct Remedy {
    /// When it was decided.
    pub at: Timestamp,
    /// What.
    pub kind: RemedyKind,
    /// In words: "restart 2 of 5, after 1 s".
    pub detail: String,
}

/// One root cause and its story.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
pub struct Incident {
    /// Its number in this home.
    pub id: IncidentId,
    /// Where.
    pub cluster: ClusterId,
    /// The service at the root of it.
    pub service: ServiceName,
    /// The instance at the root of it.
    pub instance: InstanceId,
    /// How far it has come.
    pub state: IncidentState,
    /// What was seen: "db.0 was ended by SIGKILL".
    pub cause: String,
    /// Services that suffer from it.
    pub impacted: Vec<ServiceName>,
    /// What was tried, oldest first.
    pub actions: Vec<Remedy>,
    /// When it was detected.
    pub opened: Timestamp,
    /// When it ended.
    pub resolved: Option<Timestamp>,
    /// From detection to ready again, in milliseconds. `null` while it is open.
    #[ts(type = "number | null")]
    pub duration_ms: Option<u64>,
}

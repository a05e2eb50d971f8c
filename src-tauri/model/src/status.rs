//! The system status: how every service is and has been, in one answer.

use crate::view::Usage;
use crate::{
    ClusterId, ClusterName, Evidence, Finding, Hold, InstanceId, LedgerIntegrity, Overall, Reason,
    RolledBack, Scaled, SecurityView, ServiceName, State, ThreatLevel, Timestamp,
};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// How everything of a home is at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct SystemStatus {
    /// When.
    pub at: Timestamp,
    /// All of it in one word.
    pub overall: Overall,
    /// Its clusters.
    pub clusters: Vec<ClusterStatus>,
    /// What is known of its security.
    pub security: SecurityStatus,
}

/// How one cluster is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ClusterStatus {
    /// Its id.
    pub id: ClusterId,
    /// Its name.
    pub name: ClusterName,
    /// All of it in one word.
    pub overall: Overall,
    /// Why, in words.
    pub reason: String,
    /// Its services by name.
    pub services: Vec<ServiceStatus>,
}

/// How one service is and has been.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ServiceStatus {
    /// Its name.
    pub service: ServiceName,
    /// Its category.
    pub category: String,
    /// The state of the instance that is worst off.
    pub state: State,
    /// Why it is in that state, and what next.
    pub reason: Reason,
    /// Instances it should have.
    pub wanted: u16,
    /// Those that serve, or have completed.
    pub serving: u16,
    /// How often healing started one of them again since a person last started it.
    pub restarts: u32,
    /// The newest answer to its health probe.
    pub last_check: Option<LastCheck>,
    /// What all of it uses.
    pub usage: Usage,
    /// Healing keeps its hands off one of its instances: why, and until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub hold: Option<Hold>,
    /// It was taken back to an older definition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub rolled_back: Option<RolledBack>,
    /// Healing has added instances to it, because of its load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub scaled: Option<Scaled>,
    /// What goes wrong slowly, as far as it was found.
    pub findings: Vec<Finding>,
    /// How it has been over the last five minutes, hour, day and week, of all its instances together.
    pub windows: Vec<Window>,
    /// The same of each instance.
    pub instances: Vec<InstanceWindows>,
}

/// One answer to a health probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct LastCheck {
    /// Of which instance.
    pub instance: InstanceId,
    /// When.
    pub at: Timestamp,
    /// What was seen.
    pub evidence: Evidence,
}

/// How one instance has been.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct InstanceWindows {
    /// Which.
    pub instance: InstanceId,
    /// Over the last five minutes, hour, day and week.
    pub windows: Vec<Window>,
}

/// How something has been over one stretch of time that ends now.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, TS)]
pub struct Window {
    /// How long it is, in milliseconds.
    #[ts(type = "number")]
    pub span_ms: u64,
    /// Health probes that were answered or given up.
    pub probes: u32,
    /// Those that failed.
    pub failed: u32,
    /// Half of the probes that passed took no longer, in milliseconds. `null` when none passed.
    pub p50_ms: Option<f32>,
    /// Nineteen of twenty took no longer.
    pub p95_ms: Option<f32>,
    /// The longest of all took so long.
    pub max_ms: Option<f32>,
    /// The share of the time it should have served in which it did, 0 to 1: at least one instance of a
    /// service. Time in which a person had stopped it counts for nothing, nor does the start after
    /// that if it does not fail, nor time in which no engine was there to see. `null` when there is none else.
    pub uptime: Option<f32>,
}

impl Window {
    /// The share of probes that failed, 0 to 1; `None` without a probe.
    pub fn errors(&self) -> Option<f32> {
        (self.probes > 0).then(|| self.failed as f32 / self.probes as f32)
    }
}

/// The security part of the status: what the monitor knows, without its threats one by one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SecurityStatus {
    /// False until it was looked for the first time.
    pub known: bool,
    /// The gravest of what is found.
    pub level: ThreatLevel,
    /// How many threats there are.
    pub threats: u32,
    /// How it stands with the book of acts.
    pub ledger: LedgerIntegrity,
    /// When it was last looked; `null` before the first time.
    pub last_audit: Option<Timestamp>,
    /// All of it in words.
    pub text: String,
}

impl SecurityStatus {
    /// The short form of what the monitor knows.
    pub fn of(view: &SecurityView) -> Self {
        let count = u32::try_from(view.threats.len()).unwrap_or(u32::MAX);
        let threats = count.saturating_add(view.more);
        let found = match threats {
            0 => "no active threats".to_owned(),
            1 => "1 active threat".to_owned(),
            many => format!("{many} active threats"),
        };
        let (level, ledger) = (view.level.as_str(), view.ledger.as_str());
        let text = match view.last_audit {
            Some(_) => format!("threat level {level}, {found}, ledger {ledger}"),
            None => "not looked at yet".to_owned(),
        };
        Self {
            known: view.last_audit.is_some(),
            level: view.level,
            threats,
            ledger: view.ledger,
            last_audit: view.last_audit,
            text,
        }
    }
}

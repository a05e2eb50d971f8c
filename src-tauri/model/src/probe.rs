//! What a probe saw.

use serde::{Deserialize, Serialize};

/// Which of a service's probes.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ts_rs::TS,
)]
#[serde(rename_all = "snake_case")]
pub enum ProbeKind {
    /// Asked until it passes after each start, or for as long as the service runs.
    Ready,
    /// Asked for as long as the service runs.
    Health,
    /// Asked first after each start, until it passes.
    Startup,
}

/// What came of one probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The service answered as it should.
    Pass,
    /// The service answered that it works and that something is wrong with it: it serves, degraded.
    Warn,
    /// The service did not.
    Fail,
    /// The prober itself could not ask (no descriptors, no memory). Says nothing about the service.
    Trouble,
}

/// One probe's result: what was asked, what was seen, how long it took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
pub struct Evidence {
    /// What came of it.
    pub verdict: Verdict,
    /// In words: "GET /health answered 503", "tcp 5432 refused".
    pub detail: String,
    /// From asking to knowing, in microseconds.
    #[ts(type = "number")]
    pub latency_us: u64,
}

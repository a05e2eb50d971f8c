//! What a rehearsal came to.

use crate::rounds::Rounds;
use crate::weak::Weakness;
use model::ServiceName;
use serde::Serialize;
use ts_rs::TS;

/// How one service fared.
#[derive(Debug, Clone, Serialize, TS)]
#[ts(rename = "RehearsedService")]
pub struct ServiceReport {
    /// Which.
    pub service: ServiceName,
    /// Share of the time it served, with all it uses; 1 is always.
    pub availability: f64,
    /// Milliseconds it was away in all.
    pub away_ms: u64,
    /// Of these by reason, most first.
    pub reasons: Vec<Reason>,
    /// Faults it was given.
    pub faults: u32,
    /// Half of the times it was away for its own faults it was back in so many milliseconds.
    pub recovery_p50_ms: Option<u64>,
    /// 99 of 100 times.
    pub recovery_p99_ms: Option<u64>,
    /// Times healing restarted it.
    pub restarts: u32,
    /// Of these when it had no fault of its own.
    pub needless_restarts: u32,
    /// Times it ran, where it runs by a schedule.
    pub runs: u32,
    /// Times healing gave up.
    pub quarantines: u32,
    /// Instances that healing added under load.
    pub added: u32,
    /// Times a person had to help, ten minutes later.
    pub helped: u32,
}

/// Why a service was away.
#[derive(Debug, Clone, Serialize, TS)]
#[ts(rename = "AwayReason")]
pub struct Reason {
    /// In words: "without db", "hung and not seen".
    pub text: String,
    /// For so many milliseconds.
    pub ms: u64,
}

/// The whole of one run.
#[derive(Debug, Clone, Serialize, TS)]
#[ts(rename = "RehearsalRun")]
pub struct Run {
    /// Mean over the services.
    pub availability: f64,
    /// As for a service, over all.
    pub recovery_p50_ms: Option<u64>,
    /// The same.
    pub recovery_p99_ms: Option<u64>,
    /// Restarts by healing.
    pub restarts: u32,
    /// Of these when there was no fault.
    pub needless_restarts: u32,
    /// Times healing gave up.
    pub quarantines: u32,
    /// Instances that healing added under load.
    pub added: u32,
    /// Times a person had to help.
    pub helped: u32,
    /// Services that did not serve at the end.
    pub lost: Vec<ServiceName>,
    /// Checks that were made.
    pub checks: u64,
    /// Health checks of what serves, by whether they were made when they were due.
    pub rounds: Rounds,
    /// One for each, worst first.
    pub services: Vec<ServiceReport>,
}

/// What a rehearsal came to.
#[derive(Debug, Clone, Serialize, TS)]
#[ts(rename = "RehearsalReport")]
pub struct Report {
    /// The cluster.
    pub cluster: String,
    /// The seed; the same one gives the same report.
    pub seed: u64,
    /// Faults that it was run against: none where nothing goes on running, as they are given to that.
    pub faults: u32,
    /// Milliseconds that were simulated and counted, of each run.
    pub simulated_ms: u64,
    /// As it is defined.
    pub run: Run,
    /// What in the definition did harm, worst first.
    pub weaknesses: Vec<Weakness>,
    /// With all that is proposed done; `None` when nothing is.
    pub mended: Option<Run>,
}

//! What is shown of a schedule.

use crate::{ExitStatus, Timestamp};
use serde::{Deserialize, Serialize};

/// Where the schedule of a oneshot stands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ts_rs::TS)]
pub struct Scheduled {
    /// When it runs next by itself; `null` while nobody wants it.
    pub next: Option<Timestamp>,
    /// Its last run that has ended; `null` before there was one.
    pub last: Option<LastRun>,
}

/// A run that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
pub struct LastRun {
    /// When it ended, or was found to have ended.
    pub at: Timestamp,
    /// How.
    pub status: ExitStatus,
}

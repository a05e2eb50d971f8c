//! Findings: what is going wrong slowly, said before it is a fault. Nothing is restarted because of one.

use crate::{InstanceId, Timestamp};
use serde::{Deserialize, Serialize};

/// What kind of thing was found.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ts_rs::TS,
)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// It uses more and more memory.
    MemoryGrows,
    /// It has more and more files open.
    FilesGrow,
    /// It takes longer and longer to answer.
    LatencyCreeps,
    /// It has to be restarted more and more often.
    RestartsOften,
}

impl FindingKind {
    /// The word as JSON and the CLI print it.
    pub fn as_str(self) -> &'static str {
        match self {
            FindingKind::MemoryGrows => "memory grows",
            FindingKind::FilesGrow => "open files grow",
            FindingKind::LatencyCreeps => "latency creeps",
            FindingKind::RestartsOften => "restarts often",
        }
    }
}

/// Something about one instance that goes wrong slowly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
pub struct Finding {
    /// Of which instance.
    pub instance: InstanceId,
    /// What kind.
    pub kind: FindingKind,
    /// In words: "memory grows 12 MB an hour; reaches its limit of 512 MB in about 6 h".
    pub text: String,
    /// When it was found.
    pub opened: Timestamp,
    /// When the words were last true.
    pub updated: Timestamp,
    /// When it ended; `null` while it goes on.
    pub closed: Option<Timestamp>,
}

//! Whether a service may end by itself, and which ends are none of its faults.

use crate::cluster::Service;
use model::ExitStatus;
use serde::{Deserialize, Serialize};

/// What sort of thing a service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Runs until it is stopped; an exit is a fault, unless the service says which is none.
    Daemon,
    /// Runs once; exit 0 completes it.
    Oneshot,
}

impl Service {
    /// It may end by itself: it is a oneshot, or a daemon that says with which exit codes.
    pub fn may_end(&self) -> bool {
        self.kind == Kind::Oneshot || !self.success.is_empty()
    }

    /// It may end, and has done its work when it ends so. That a signal ended it counts as a shell says it: 128 and
    /// its number.
    pub fn succeeded(&self, status: ExitStatus) -> bool {
        let code = match status {
            ExitStatus::Code(code) => Some(code),
            ExitStatus::Signal(signal) => signal.checked_add(128),
            ExitStatus::Unknown | ExitStatus::OutOfMemory { .. } => None,
        };
        let listed = code.and_then(|code| u8::try_from(code).ok());
        self.may_end()
            && (status.success() || listed.is_some_and(|code| self.success.contains(&code)))
    }
}

//! What somebody sees who is attached to the terminal of a service.

use crate::{ExitStatus, InstanceId, Timestamp};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A terminal's size in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct TerminalSize {
    /// Columns, from 2 to 1,000.
    pub columns: u16,
    /// Rows, from 1 to 500.
    pub rows: u16,
}

/// Who types at a terminal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TerminalWriter {
    /// In which session.
    #[ts(type = "number")]
    pub session: u64,
    /// Through what: "cli", "window", "browser".
    pub via: String,
    /// Since when.
    pub since: Timestamp,
}

/// How it stands with a terminal. Everybody who is attached is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TerminalState {
    /// How large it is: as large as who typed last has made it.
    pub size: TerminalSize,
    /// Who types. One at a time: who takes the input takes it from whoever has it.
    pub writer: Option<TerminalWriter>,
    /// A process of the service is there. Engines of before did not say.
    #[serde(default = "yes")]
    pub runs: bool,
    /// How its process ended last, since somebody is attached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub ended: Option<TerminalEnd>,
}

/// How a process ended that had a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TerminalEnd {
    /// When.
    pub at: Timestamp,
    /// How.
    pub status: ExitStatus,
}

/// What an attached reader is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum TerminalMessage {
    /// First of all.
    Attached {
        /// What this reader is known by: it goes with everything that is typed.
        #[ts(type = "number")]
        session: u64,
        /// At which instance.
        instance: InstanceId,
        /// How it stands.
        state: TerminalState,
    },
    /// It stands otherwise now.
    State {
        /// How.
        state: TerminalState,
    },
    /// What came out of it: text, colours, where the cursor goes. Sequences that reach beyond the screen
    /// (titles, clipboard, links) are left out; those that are here are whole.
    Output {
        /// What.
        text: String,
    },
    /// So much came out faster than this reader took it that the rest goes on from near the end.
    Skipped {
        /// Bytes left out.
        #[ts(type = "number")]
        bytes: u64,
    },
}

fn yes() -> bool {
    true
}

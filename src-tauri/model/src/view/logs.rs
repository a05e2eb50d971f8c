//! What services have written.

use crate::{Generation, InstanceId, Timestamp};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// One line of a service's output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct LogLine {
    /// Byte offset of the line in its log: its address, for ever.
    #[ts(type = "number")]
    pub offset: u64,
    /// Where the next line begins: ask for what comes after with it.
    #[ts(type = "number")]
    pub end: u64,
    /// Only for a reader that was outrun: so many bytes between the line before, or the address that
    /// was asked for, and this line went out of the log before they were read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "number")]
    pub missed: Option<u64>,
    /// When it was written, to the second; `null` when not known.
    pub at: Option<Timestamp>,
    /// Which instance.
    pub instance: InstanceId,
    /// Its text without the line end. Colours (SGR) are kept, other escape sequences are
    /// left out, and stray control characters are made visible.
    pub text: String,
}

/// Lines of a log, oldest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct LogPage {
    /// The lines.
    pub lines: Vec<LogLine>,
    /// Where the first whole line begins that is still kept. Lines with lower addresses are gone.
    #[ts(type = "number")]
    pub begin: u64,
    /// Where the log ends now.
    #[ts(type = "number")]
    pub end: u64,
    /// Where its last finished line ends: follow from here. What begins here is still being written.
    #[ts(type = "number")]
    pub whole: u64,
    /// Where to go on: with `after` for newer lines if this page was asked for with it, else with
    /// `before` for older ones.
    #[ts(type = "number")]
    pub next: u64,
    /// Older lines exist before this page.
    pub more: bool,
}

/// One start of an instance, as its log tells of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct LogRun {
    /// Which start.
    pub generation: Generation,
    /// When it began.
    pub at: Timestamp,
    /// Length of the log when it began: its lines have this address and higher ones.
    #[ts(type = "number")]
    pub begin: u64,
    /// Where its last line ends; the next start begins there.
    #[ts(type = "number")]
    pub end: u64,
    /// Its first line that looks like an error. It is kept even when the log has given the line up.
    pub error: Option<LogLine>,
    /// The log still has that line.
    pub kept: bool,
    /// So many bytes were given up faster than they could be looked through: an error in them is
    /// not known.
    #[ts(type = "number")]
    pub unseen: u64,
}

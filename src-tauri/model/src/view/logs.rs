//! What services have written.

use crate::{Generation, InstanceId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use ts_rs::TS;

/// How much a line matters, as it says itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// Every step.
    Trace,
    /// For who looks for a fault.
    Debug,
    /// What goes on.
    Info,
    /// What may become a fault.
    Warn,
    /// A fault.
    Error,
}

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
    /// Only for a reader that asked for the newest lines alone: so many bytes before this line were
    /// passed over. They are in the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "number")]
    pub skipped: Option<u64>,
    /// How much it matters, where that can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub level: Option<LogLevel>,
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

/// Addresses in several logs, one of each instance.
pub type LogPlaces = BTreeMap<InstanceId, u64>;

/// A part of one log, or of several put in the order of time (to the second).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct LogView {
    /// The lines; those of one instance in the order of their addresses.
    pub lines: Vec<LogLine>,
    /// How many of them lie before the place that was asked for.
    pub before: u32,
    /// Where what was looked through begins in each log: ask for older lines with it.
    #[ts(type = "Record<InstanceId, number>")]
    pub from: LogPlaces,
    /// Where it ends: ask for newer lines, or follow, with it.
    #[ts(type = "Record<InstanceId, number>")]
    pub to: LogPlaces,
    /// Where the kept part of each log begins.
    #[ts(type = "Record<InstanceId, number>")]
    pub begin: LogPlaces,
    /// Where the last finished line of each log ends now.
    #[ts(type = "Record<InstanceId, number>")]
    pub end: LogPlaces,
}

/// How far a search is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct LogSearch {
    /// In whose log.
    pub instance: InstanceId,
    /// Addresses of lines that were found since the last message; none after the first 100,000 of all logs.
    #[ts(type = "number[]")]
    pub found: Vec<u64>,
    /// How many lines of this log were found until now.
    #[ts(type = "number")]
    pub count: u64,
    /// Looked through from here …
    #[ts(type = "number")]
    pub from: u64,
    /// … to here …
    #[ts(type = "number")]
    pub at: u64,
    /// … of what there is until here.
    #[ts(type = "number")]
    pub end: u64,
    /// Every log was looked through. What is written later is looked through as it comes.
    pub done: bool,
    /// Why it ends here without having come to the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub problem: Option<String>,
}

/// How far the copy of a log is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct LogCopy {
    /// The file, in the home's folder `exports`.
    pub path: String,
    /// Bytes of the logs that were gone through.
    #[ts(type = "number")]
    pub read: u64,
    /// Of so many.
    #[ts(type = "number")]
    pub of: u64,
    /// Lines that were written.
    #[ts(type = "number")]
    pub lines: u64,
    /// All of it is written. Before that the file goes when its reader does.
    pub done: bool,
    /// Why it was given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub problem: Option<String>,
}

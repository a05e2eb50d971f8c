//! What an emergency stop tells, and leaves in a file for people.

use crate::clock;
use crate::layout::Layout;
use crate::survivors::{Means, Survivor};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// What a stop did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Processes of services that were ended.
    pub ended: u32,
    /// What is left. Empty is the promise, if there is nothing `unseen`.
    pub left: Vec<Survivor>,
    /// What could not be seen at the last look, and why: others than those `left` may live.
    pub unseen: Option<String>,
    /// Why it did not go on, when something is left or unseen.
    pub gave_up: Option<&'static str>,
    /// How long it took.
    pub took: Duration,
    /// By which means was looked.
    pub looked_by: Vec<&'static str>,
    /// Where the report lies; `None` when it could not be written (the disk is full).
    pub path: Option<PathBuf>,
}

pub(super) fn looked_by(groups: bool) -> Vec<&'static str> {
    let all = [Means::Cgroup, Means::Descent, Means::Nonce];
    all.into_iter()
        .filter(|means| groups || *means != Means::Cgroup)
        .map(Means::as_str)
        .collect()
}

/// A plain file for people; what cannot be written is no reason not to have stopped.
pub(super) fn write(layout: &Layout, report: &Report, reason: &str, who: &str) -> Option<PathBuf> {
    let at = clock::wall_ms();
    // A line of the report is ours to write: no reason adds one.
    let (who, reason) = (who.escape_debug(), reason.escape_debug());
    let mut text = format!(
        "emergency stop\nat (Unix ms): {at}\nby: {who}\nreason: {reason}\n\
         ended: {} processes in {} ms\nlooked by: {}\nleft: {}\n",
        report.ended,
        report.took.as_millis(),
        report.looked_by.join(", "),
        report.left.len(),
    );
    for survivor in &report.left {
        text.push_str(&format!(
            "  pid {} {} ({}): {}\n",
            survivor.pid,
            survivor.command,
            survivor.means.as_str(),
            survivor.why
        ));
    }
    if let Some(why) = report.gave_up {
        text.push_str(&format!("given up: {why}\n"));
    }
    if let Some(why) = &report.unseen {
        text.push_str(&format!(
            "it could not be looked for who else lives: {why}\n"
        ));
    }
    let path = layout.reports().join(format!("emergency-{at}.txt"));
    fs::write(&path, text).ok().map(|()| path)
}

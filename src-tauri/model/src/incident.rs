//! Incidents: one per root cause, with what was seen, what was tried and what it took.
//!
//! An [`Incident`] is its head: small, told whole with every change. Its [`IncidentEntry`]s are the
//! timeline, told once each and kept beside it. Texts in both come from services and people, so they
//! are cut and made harmless ([`crate::text::harmless`]) where they are made.

use crate::remedy::{Remedy, RemedyKind};
use crate::{ActId, ClusterId, InstanceId, ServiceName, Timestamp};
use serde::{Deserialize, Serialize};

/// Counts the incidents of one home, from 1.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    ts_rs::TS,
)]
#[serde(transparent)]
#[ts(type = "number")]
pub struct IncidentId(pub u64);

/// How far an incident has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
pub enum IncidentState {
    /// Something is wrong and being worked on.
    Open,
    /// The service is ready again.
    Resolved,
    /// Healing gave up and put the service in quarantine: it waits for a person.
    Quarantined,
    /// It ended without recovery: a person stopped the service, or another's fault was the cause.
    Closed,
}

impl IncidentState {
    /// The word as JSON and the CLI print it.
    pub fn as_str(self) -> &'static str {
        match self {
            IncidentState::Open => "open",
            IncidentState::Resolved => "resolved",
            IncidentState::Quarantined => "quarantined",
            IncidentState::Closed => "closed",
        }
    }

    /// It goes on: something or somebody is waited for.
    pub fn unended(self) -> bool {
        matches!(self, IncidentState::Open | IncidentState::Quarantined)
    }
}

/// How it is known when a fault began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
pub enum Began {
    /// Its process ended then.
    Exit,
    /// A probe passed then for the last time.
    LastGood,
    /// It was started then and was never well.
    Start,
    /// It was seen then, and nothing is known of before.
    Seen,
}

impl Began {
    /// What it is counted from, in words.
    pub fn words(self) -> &'static str {
        match self {
            Began::Exit => "the end of its process",
            Began::LastGood => "the last probe that passed",
            Began::Start => "its start, after which it was never well",
            Began::Seen => "the moment it was seen",
        }
    }
}

/// What kind of thing an entry of a timeline tells of.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ts_rs::TS,
)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// A probe's result.
    Probe,
    /// A process ended, or could not be made.
    Exit,
    /// What it wrote: its first error, or its last words.
    Log,
    /// The incident was opened.
    Opened,
    /// Something is being tried.
    Remedy,
    /// What came of it.
    Outcome,
    /// Healing keeps its hands off, or no longer.
    Hold,
    /// Traffic to it and restarts of it are stopped, or tried again.
    Circuit,
    /// Healing gave up.
    Quarantine,
    /// A person released it.
    Release,
    /// Others begin to suffer from it.
    Impact,
    /// Others no longer suffer from it.
    Relief,
    /// Another's fault is the cause.
    Root,
    /// The engine ended, and another one goes on.
    Engine,
    /// The incident ended.
    Ended,
}

impl EntryKind {
    /// The word as JSON and the CLI print it.
    pub fn as_str(self) -> &'static str {
        match self {
            EntryKind::Probe => "probe",
            EntryKind::Exit => "exit",
            EntryKind::Log => "log",
            EntryKind::Opened => "opened",
            EntryKind::Remedy => "remedy",
            EntryKind::Outcome => "outcome",
            EntryKind::Hold => "hold",
            EntryKind::Circuit => "circuit",
            EntryKind::Quarantine => "quarantine",
            EntryKind::Release => "release",
            EntryKind::Impact => "impact",
            EntryKind::Relief => "relief",
            EntryKind::Root => "root",
            EntryKind::Engine => "engine",
            EntryKind::Ended => "ended",
        }
    }
}

/// Longest text of an entry, in bytes: some lines of a terminal.
pub const MAX_TEXT: usize = 500;
/// Services named in one entry: what else suffers is counted in its text.
pub const MAX_NAMED: usize = 50;
/// The first so many entries of an incident are kept: how it began.
pub const KEPT_FIRST: u32 = 100;
/// And the last so many: where it stands. A crash loop may go on for weeks.
pub const KEPT_LAST: u32 = 400;
/// Remedies listed in the head; the oldest go first and are counted.
pub const MAX_ACTIONS: usize = 50;
/// Days whose unlisted remedies are counted apart; of older ones the last of them says when.
pub const MAX_DAYS: usize = 62;
/// A day, in milliseconds.
const DAY: i64 = 86_400_000;

/// One line of an incident's timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
pub struct IncidentEntry {
    /// Counts up within the incident, from 1. Where a number is missing, entries were let go of.
    pub n: u32,
    /// When it happened.
    pub at: Timestamp,
    /// What kind of thing.
    pub kind: EntryKind,
    /// In words.
    pub text: String,
    /// The services it is about, where it is about others; at most [`MAX_NAMED`].
    #[serde(default)]
    pub services: Vec<ServiceName>,
    /// The act behind it, where there is one.
    #[serde(default)]
    pub act: Option<ActId>,
}

/// An incident with its timeline, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
pub struct IncidentStory {
    /// Its head.
    pub incident: Incident,
    /// What is kept of its timeline: the first [`KEPT_FIRST`] and the last [`KEPT_LAST`] entries.
    pub timeline: Vec<IncidentEntry>,
}

/// One root cause and its story.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
pub struct Incident {
    /// Its number in this home.
    pub id: IncidentId,
    /// Where.
    pub cluster: ClusterId,
    /// The service at the root of it.
    pub service: ServiceName,
    /// The instance at the root of it.
    pub instance: InstanceId,
    /// How far it has come.
    pub state: IncidentState,
    /// What was seen: "db.0 was ended by SIGKILL".
    pub cause: String,
    /// Services that suffer from it.
    pub impacted: Vec<ServiceName>,
    /// What was tried, oldest first: the last [`MAX_ACTIONS`].
    pub actions: Vec<Remedy>,
    /// What was tried before that, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(skip)]
    pub unlisted: Vec<Unlisted>,
    /// When it was detected.
    pub opened: Timestamp,
    /// When it ended.
    pub resolved: Option<Timestamp>,
    /// Time to recover: from detection to its end, in milliseconds. `null` while it is open.
    #[ts(type = "number | null")]
    pub duration_ms: Option<u64>,
    /// When the fault began, as well as that can be known.
    #[serde(default)]
    pub began: Option<Timestamp>,
    /// How that is known.
    #[serde(default)]
    pub began_by: Option<Began>,
    /// Time to detect: from `began` to `opened`, in milliseconds.
    #[serde(default)]
    #[ts(type = "number | null")]
    pub detect_ms: Option<u64>,
    /// What it waits for, in words; `null` when it has ended.
    #[serde(default)]
    pub waits: Option<String>,
    /// Healing could not end it alone: it was in quarantine, or healing was not allowed to act.
    #[serde(default)]
    pub person: bool,
    /// So many entries its timeline has had.
    #[serde(default)]
    pub entries: u32,
}

/// Remedies of one day (UTC) that a head lists no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unlisted {
    /// When the last of them was decided.
    pub last: Timestamp,
    /// Automatic restarts, of whatever kind.
    pub restarts: u32,
    /// Times it was put in quarantine.
    pub quarantines: u32,
    /// Instances that were added.
    #[serde(default)]
    pub added: u32,
    /// Other things.
    pub others: u32,
}

impl Incident {
    /// One more thing is tried. What is listed no more is counted, by the day.
    pub fn tries(&mut self, remedy: Remedy) {
        self.actions.push(remedy);
        let over = self.actions.len().saturating_sub(MAX_ACTIONS);
        for old in self.actions.drain(..over) {
            let day = |at: Timestamp| at.0.div_euclid(DAY);
            if self
                .unlisted
                .last()
                .is_none_or(|one| day(one.last) != day(old.at))
            {
                self.unlisted.push(Unlisted {
                    last: old.at,
                    restarts: 0,
                    quarantines: 0,
                    added: 0,
                    others: 0,
                });
            }
            let Some(counts) = self.unlisted.last_mut() else {
                continue;
            };
            counts.last = old.at;
            let count = match old.kind {
                RemedyKind::Quarantine => &mut counts.quarantines,
                RemedyKind::ScaleUp => &mut counts.added,
                kind if kind.restarts() => &mut counts.restarts,
                _ => &mut counts.others,
            };
            *count = count.saturating_add(1);
        }
        if self.unlisted.len() > MAX_DAYS {
            let first = self.unlisted.remove(0);
            if let Some(next) = self.unlisted.first_mut() {
                next.restarts = next.restarts.saturating_add(first.restarts);
                next.quarantines = next.quarantines.saturating_add(first.quarantines);
                next.added = next.added.saturating_add(first.added);
                next.others = next.others.saturating_add(first.others);
            }
        }
    }

    /// How long its fault lasted, as far as is known: from when it began, which is before it was
    /// detected, to its end, in milliseconds.
    pub fn lasted_ms(&self) -> Option<u64> {
        let recover = self.duration_ms?;
        Some(recover.saturating_add(self.detect_ms.unwrap_or(0)))
    }

    /// So many things were tried.
    pub fn tried(&self) -> u32 {
        let listed = u32::try_from(self.actions.len()).unwrap_or(u32::MAX);
        self.unlisted.iter().fold(listed, |sum, one| {
            sum.saturating_add(one.restarts)
                .saturating_add(one.quarantines)
                .saturating_add(one.added)
                .saturating_add(one.others)
        })
    }

    /// Whether `now`, a later word of it, tells of something that was tried, of another state or of
    /// another cause. The list of what was tried keeps its length once it is full.
    pub fn went_on(&self, now: &Incident) -> bool {
        (self.state, &self.cause, self.actions.last())
            != (now.state, &now.cause, now.actions.last())
    }
}

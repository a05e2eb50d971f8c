//! What healing can do about a fault, how sure that is to help, and what came of it.

use crate::{ActId, Timestamp};
use serde::{Deserialize, Serialize};

/// What healing can do.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ts_rs::TS,
)]
#[serde(rename_all = "kebab-case")]
pub enum RemedyKind {
    /// Start it again.
    Restart,
    /// The same, once all that it needs is well.
    GracefulRestart,
    /// Restart what it needs and is not well, then it, once that has been well for a while.
    RestartNeeds,
    /// Take it back to its last definition that was well.
    Rollback,
    /// Add an instance: load is why it is slow.
    ScaleUp,
    /// Take away one that was added: the others have room for its load.
    ScaleDown,
    /// Send it no traffic until it has been well for a while.
    CircuitBreak,
    /// Stop trying until a person releases it.
    Quarantine,
}

impl RemedyKind {
    /// A process is replaced by it. The others keep something away, or leave what runs alone.
    pub fn restarts(self) -> bool {
        match self {
            RemedyKind::Restart
            | RemedyKind::GracefulRestart
            | RemedyKind::RestartNeeds
            | RemedyKind::Rollback => true,
            RemedyKind::ScaleUp
            | RemedyKind::ScaleDown
            | RemedyKind::CircuitBreak
            | RemedyKind::Quarantine => false,
        }
    }

    /// It may help. The others keep something away, or tidy up.
    pub fn helps(self) -> bool {
        self.restarts() || self == RemedyKind::ScaleUp
    }

    /// The word as definitions and JSON write it.
    pub fn as_str(self) -> &'static str {
        match self {
            RemedyKind::Restart => "restart",
            RemedyKind::GracefulRestart => "graceful-restart",
            RemedyKind::RestartNeeds => "restart-needs",
            RemedyKind::Rollback => "rollback",
            RemedyKind::ScaleUp => "scale-up",
            RemedyKind::ScaleDown => "scale-down",
            RemedyKind::CircuitBreak => "circuit-break",
            RemedyKind::Quarantine => "quarantine",
        }
    }
}

/// One thing that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
pub struct Remedy {
    /// When it was decided.
    pub at: Timestamp,
    /// What.
    pub kind: RemedyKind,
    /// In words: "restart 2 of 5, after 1 s".
    pub detail: String,
    /// What it was tried against, where it is something that can help.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub cause: Option<CauseKind>,
    /// How often it had helped before, when it was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub confidence: Option<Confidence>,
    /// The act it was done by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub act: Option<ActId>,
    /// What came of it, once that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub outcome: Option<RemedyOutcome>,
}

impl Remedy {
    /// Nothing but what and when.
    pub fn new(at: Timestamp, kind: RemedyKind, detail: String) -> Self {
        Self {
            at,
            kind,
            detail,
            cause: None,
            confidence: None,
            act: None,
            outcome: None,
        }
    }
}

/// What is wrong with an instance, as far as remedies against it are compared.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ts_rs::TS,
)]
#[serde(rename_all = "snake_case")]
pub enum CauseKind {
    /// Its process has ended.
    Ended,
    /// Its process could not be made.
    NotStarted,
    /// It was not ready in time.
    NotReady,
    /// It was ready, and its checks fail.
    Failing,
    /// It is slow under load.
    Load,
}

impl CauseKind {
    /// As the end of a sentence: "worked 3 of 4 times when its process had ended".
    pub fn words(self) -> &'static str {
        match self {
            CauseKind::Ended => "when a process had ended",
            CauseKind::NotStarted => "when a process could not be made",
            CauseKind::NotReady => "when something was not ready in time",
            CauseKind::Failing => "when checks failed",
            CauseKind::Load => "when something was slow under load",
        }
    }
}

/// How often a remedy has worked against one kind of cause, in one cluster. It is counted and never guessed: of none it
/// says nothing.
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
pub struct Confidence {
    /// Times it worked: the service was well again, and stayed so until its incident was over.
    pub worked: u32,
    /// Times it is known what came of it.
    pub of: u32,
}

impl Confidence {
    /// "worked 3 of 4 times before when checks failed", "no experience yet".
    pub fn words(self, cause: CauseKind) -> String {
        match self.of {
            0 => "no experience with that here yet".to_owned(),
            1 => {
                let how = if self.worked == 1 {
                    "worked"
                } else {
                    "did not help"
                };
                format!("{how} the one time before {}", cause.words())
            }
            of => format!(
                "worked {} of {of} times before {}",
                self.worked,
                cause.words()
            ),
        }
    }
}

/// What came of something that was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
pub enum RemedyOutcome {
    /// The service was well again, and stayed so.
    Worked,
    /// It was not, or not for long.
    DidNotHelp,
    /// Nobody knows: a person was quicker, or another's fault was the cause.
    Unknown,
}

impl RemedyOutcome {
    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            RemedyOutcome::Worked => "it worked",
            RemedyOutcome::DidNotHelp => "it did not help",
            RemedyOutcome::Unknown => "what it would have come to is not known",
        }
    }
}

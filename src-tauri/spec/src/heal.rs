//! What a definition says of healing a service: the ladder of remedies, how many of them, and the waits
//! between. Read from `azora.toml` by `read`, and back from the records of engines; what it leads to is
//! decided elsewhere.

use model::RemedyKind;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What healing may do for a service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Heal {
    /// Tried in this order; the last one stands when it is `Quarantine`. Five restarts, two graceful
    /// ones, two with what it needs, then quarantine, unless given.
    pub ladder: Vec<Rung>,
    /// At most so many automatic restarts in a time; over it the service is quarantined.
    pub budget: Budget,
    /// Waits before restarts.
    pub backoff: Backoff,
    /// So long a recovery has to last: that of what it needs, before it is started by `RestartNeeds`,
    /// and its own, before its circuit closes. 5 s unless given.
    #[serde(default = "settle")]
    pub settle: Duration,
    /// After so many failures in a row it gets no traffic until it has been well for `settle`;
    /// `None`: it always does. 3 unless given.
    #[serde(default = "circuit")]
    pub circuit: Option<u32>,
    /// False: an exit or failure is only reported.
    pub enabled: bool,
}

/// One failure is chance and two are a coincidence.
pub(crate) fn circuit() -> Option<u32> {
    Some(3)
}

/// As long as healing wants a recovery to last before it believes in it.
pub(crate) fn settle() -> Duration {
    Duration::from_secs(5)
}

/// A remedy of the ladder, how often it is tried, and after which waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "WrittenRung")]
pub struct Rung {
    /// What is tried.
    pub remedy: RemedyKind,
    /// How often. `None`: its share of what the budget has left besides the rungs that say how often.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// Waits before its first, second, … try; the last one repeats. Empty: those of the backoff.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<Duration>,
}

impl From<RemedyKind> for Rung {
    fn from(remedy: RemedyKind) -> Self {
        Self {
            remedy,
            times: None,
            after: Vec::new(),
        }
    }
}

/// Records of engines before ladders had numbers hold a word for each rung.
#[derive(Deserialize)]
#[serde(untagged)]
enum WrittenRung {
    Word(RemedyKind),
    Rung {
        remedy: RemedyKind,
        #[serde(default)]
        times: Option<u32>,
        #[serde(default)]
        after: Vec<Duration>,
    },
}

impl From<WrittenRung> for Rung {
    fn from(written: WrittenRung) -> Self {
        match written {
            WrittenRung::Word(remedy) => remedy.into(),
            WrittenRung::Rung {
                remedy,
                times,
                after,
            } => Self {
                remedy,
                times,
                after,
            },
        }
    }
}

/// `count` acts per `per`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// How many.
    pub count: u32,
    /// In how long.
    pub per: Duration,
}

/// Waits before the first, second, … restart in a row; the last one repeats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backoff {
    /// 0, 0, 1 s, 5 s, 15 s, 30 s, 60 s unless given.
    pub steps: Vec<Duration>,
    /// So long healthy, and the count begins anew. 10 min unless given.
    pub reset_after: Duration,
}

//! What is waited for of a service that another one needs.

use serde::{Deserialize, Serialize};
use std::fmt;
use ts_rs::TS;

/// How far a needed service has to be.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, TS,
)]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// Its process is there; of a oneshot, it is or was.
    Started,
    /// A daemon is known to be ready; a oneshot has exited with 0.
    #[default]
    Ready,
    /// A oneshot has ended by itself, with whatever code.
    Ended,
    /// A oneshot has exited with 0.
    Succeeded,
}

impl Until {
    /// All of them, as they follow each other.
    pub const ALL: [Until; 4] = [Until::Started, Until::Ready, Until::Ended, Until::Succeeded];

    /// As definitions write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Until::Started => "started",
            Until::Ready => "ready",
            Until::Ended => "ended",
            Until::Succeeded => "succeeded",
        }
    }
}

impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a need comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Terms {
    /// How far the other has to be.
    pub until: Until,
    /// Without the other it is not started. One that is not required is waited for only as long as it
    /// is on its way and nothing has gone wrong with it.
    pub required: bool,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            until: Until::default(),
            required: true,
        }
    }
}

impl Terms {
    /// The other's faults are felt: while it is down, they explain those of whoever needs it. Who can do
    /// without it, or waits only for its end however that comes, does not say so.
    pub fn relies(self) -> bool {
        self.required && self.until != Until::Ended
    }

    /// "started, optional"; empty for what every plain need is.
    pub fn label(self) -> String {
        let until = (self.until != Until::default()).then_some(self.until.as_str());
        let optional = (!self.required).then_some("optional");
        let words: Vec<&str> = until.into_iter().chain(optional).collect();
        words.join(", ")
    }
}

/// "until ready", "until started, if it is there".
impl fmt::Display for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let there = if self.required {
            ""
        } else {
            ", if it is there"
        };
        write!(f, "until {}{there}", self.until)
    }
}

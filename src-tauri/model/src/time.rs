//! Time as data. Clocks live in `engine`; deciders are handed a [`Now`].

use serde::{Deserialize, Serialize};
use std::ops::Add;
use std::time::Duration;

/// Wall-clock time in milliseconds since the Unix epoch. For people and records, never for waiting.
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
pub struct Timestamp(pub i64);

/// Milliseconds on a clock that only goes forward. For waiting; it means nothing in another boot.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Mono(pub u64);

impl Mono {
    /// How long ago `earlier` was; zero if it lies ahead.
    pub fn since(self, earlier: Mono) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Mono {
    type Output = Mono;
    fn add(self, wait: Duration) -> Mono {
        let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        Mono(self.0.saturating_add(millis))
    }
}

impl Timestamp {
    /// Milliseconds from `earlier` to this; zero if the wall clock went back in between.
    pub fn millis_since(self, earlier: Timestamp) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0)
    }
}

/// One reading of both clocks, taken once per input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Now {
    /// For waiting.
    pub mono: Mono,
    /// For people.
    pub wall: Timestamp,
}

//! Time in which nobody looked: the machine slept, the engine stood still, or somebody set the clock.
//!
//! Decisions are made on a clock that stands still while the machine sleeps, so neither sleep nor a
//! clock that is set makes anything overdue. What fails right after is another matter: connections have
//! gone, caches are cold, everybody wakes at once. So the first round of answers after such a gap is
//! not judged, and a gap has to be noticed: by the clock that runs on in sleep (BOOTTIME) getting ahead
//! of the one that does not (MONOTONIC), and by a regular beat of the engine that did not come.

use crate::words;
use model::{Mono, Timestamp};
use std::time::Duration;

/// Less than this the two clocks differ by for other reasons than sleep: they are not read at once.
const SLEPT: Duration = Duration::from_secs(1);
/// A beat that comes every second and has not come for so long: the engine had no turn. A busy machine
/// is late by tens of milliseconds.
pub const STILL: Duration = Duration::from_secs(3);
/// The clock on the wall is kept right by small steps; a greater one is worth a word.
const STEPPED: u64 = 2_000;

/// The clocks at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// What decides.
    pub mono: Mono,
    /// The same, and running on while the machine sleeps.
    pub boot: Mono,
    /// What people read.
    pub wall: Timestamp,
    /// The last time the beat did not come: when it had come before that, and for how long it did not.
    pub still: Option<(Mono, Duration)>,
}

/// What one noticed at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Gap {
    /// So long the machine slept.
    pub slept: Duration,
    /// So long the engine stood still while the machine ran.
    pub still: Duration,
    /// By so many milliseconds the clock was set, forward or back.
    pub stepped: i64,
}

impl Gap {
    /// Somebody could not look for a while: what is seen first is not judged.
    pub fn blind(&self) -> bool {
        self.slept > Duration::ZERO || self.still > Duration::ZERO
    }

    /// "the machine slept for 3 h; the clock was set back by 1 h".
    pub fn words(&self) -> String {
        let mut parts = Vec::new();
        if self.slept > Duration::ZERO {
            parts.push(format!(
                "the machine slept for {}",
                words::duration(self.slept)
            ));
        }
        if self.still > Duration::ZERO {
            let time = words::duration(self.still);
            parts.push(format!("the engine stood still for {time}"));
        }
        if self.stepped != 0 {
            let by = words::duration(Duration::from_millis(self.stepped.unsigned_abs()));
            let way = if self.stepped > 0 { "forward" } else { "back" };
            parts.push(format!("the clock was set {way} by {by}"));
        }
        parts.join("; ")
    }
}

/// Notices gaps from one reading to the next.
#[derive(Debug, Clone, Default)]
pub struct Gaps {
    before: Option<Reading>,
}

impl Gaps {
    /// Takes a reading; answers what has happened since the one before. The first has none before it.
    pub fn look(&mut self, now: Reading) -> Option<Gap> {
        let before = self.before.replace(now)?;
        let passed = now.mono.since(before.mono);
        let with_sleep = now.boot.since(before.boot);
        let slept = with_sleep.saturating_sub(passed);
        let wall = now.wall.0.saturating_sub(before.wall.0);
        let ought = i64::try_from(with_sleep.as_millis()).unwrap_or(i64::MAX);
        let stepped = wall.saturating_sub(ought);
        let still = match now.still {
            Some((at, time)) if before.still.is_none_or(|(told, _)| told != at) => time,
            _ => Duration::ZERO,
        };
        let gap = Gap {
            slept: if slept >= SLEPT {
                slept
            } else {
                Duration::ZERO
            },
            still,
            stepped: if stepped.unsigned_abs() >= STEPPED {
                stepped
            } else {
                0
            },
        };
        (gap != Gap::default()).then_some(gap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000;

    fn at(mono: u64, boot: u64, wall: i64) -> Reading {
        Reading {
            mono: Mono(mono),
            boot: Mono(boot),
            wall: Timestamp(wall),
            still: None,
        }
    }

    fn seen(before: Reading, now: Reading) -> Option<String> {
        let mut gaps = Gaps::default();
        assert_eq!(gaps.look(before), None, "the first reading tells nothing");
        gaps.look(now).map(|gap| gap.words())
    }

    #[test]
    fn sleep_is_what_only_one_clock_has_counted() {
        let woke = at(6_000, 6_000 + 3 * HOUR, 6_000 + 3 * 3_600_000);
        let told = seen(at(5_000, 5_000, 5_000), woke);
        assert_eq!(told.as_deref(), Some("the machine slept for 3 h"));
    }

    #[test]
    fn a_clock_that_is_set_is_no_sleep() {
        let day = 24 * 3_600_000;
        let told = seen(at(5_000, 5_000, 5_000), at(6_000, 6_000, 6_000 - day));
        assert_eq!(told.as_deref(), Some("the clock was set back by 24 h"));
        let mut gaps = Gaps::default();
        gaps.look(at(0, 0, 0));
        let gap = gaps.look(at(1_000, 1_000, 1_000 + day)).unwrap();
        assert!(!gap.blind() && gap.stepped == day);
    }

    #[test]
    fn an_hour_in_which_nothing_happened_is_none() {
        assert_eq!(seen(at(0, 0, 0), at(HOUR, HOUR + 3, 3_600_100)), None);
    }

    #[test]
    fn a_beat_that_did_not_come_is_told_once() {
        let mut gaps = Gaps::default();
        gaps.look(at(1_000, 1_000, 1_000));
        let still = Some((Mono(1_000), Duration::from_secs(60)));
        let mut now = Reading {
            still,
            ..at(61_000, 61_000, 61_000)
        };
        let gap = gaps.look(now).unwrap();
        assert_eq!(gap.words(), "the engine stood still for 60 s");
        assert!(gap.blind());
        (now.mono, now.boot, now.wall) = (Mono(62_000), Mono(62_000), Timestamp(62_000));
        assert_eq!(gaps.look(now), None);
    }
}

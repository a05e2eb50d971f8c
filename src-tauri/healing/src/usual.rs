//! What is usual for a service, learned while it is well: how long it takes to answer, and how often it
//! fails a probe now and then.
//!
//! One number a minute is learned, the median of that minute's answers; later one a quarter of an
//! hour, so that a day and a half are known by no more numbers than the first two hours. It is
//! compared by ranks and not by averages, so that a few odd minutes shift nothing. Who is rather late
//! than wrong: nothing is unusual before there is enough to compare with, and then only what is far
//! beyond all that was seen.

use crate::words;
use model::Mono;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Numbers that are known at once. At a quarter of an hour each they are a day and a half: what comes
/// every night is usual.
const KNOWN: usize = 144;
/// Before so many nothing is unusual: half an hour of a service that has just been defined.
const ENOUGH: usize = 30;
/// Between two numbers at first…
const FIRST: Duration = Duration::from_secs(60);
/// … and at last; doubled whenever no more fit.
const LAST: Duration = Duration::from_secs(16 * 60);
/// So many microseconds more than usual are nothing to speak of, however quick it is usually: a busy
/// machine makes that of a millisecond.
const NOTHING: u64 = 50_000;
/// What has been so for so long is usual now.
const SETTLED: Duration = Duration::from_secs(24 * 3_600);
/// Probes that are remembered for the share that fails: some days at 5 s. Then both counts are halved.
const PROBES: u32 = 50_000;
/// Before so many the share says nothing: half an hour at 5 s.
const ENOUGH_PROBES: u32 = 360;

/// What is usual for a service.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usual {
    /// Medians in microseconds, oldest first.
    medians: Vec<u32>,
    /// Time between two of them, in milliseconds; 0 before the first.
    step: u64,
    probes: u32,
    failures: u32,
    #[serde(skip)]
    due: Option<Mono>,
    #[serde(skip)]
    bounds: Option<Bounds>,
    /// Since when it is slower than usual without an end.
    #[serde(skip)]
    beyond: Option<Mono>,
}

/// What follows from the medians, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// More than this is unusual.
    pub above: u64,
    /// Less than this is usual again.
    pub below: u64,
    /// Eight of ten minutes lie between these two.
    pub usually: (u32, u32),
}

impl Usual {
    /// Nothing, as far as is known yet; else what follows from it.
    pub fn bounds(&self) -> Option<Bounds> {
        self.bounds
    }

    /// A minute's median, of a service that is well.
    pub fn learn(&mut self, median: u32, now: Mono) {
        self.beyond = None;
        if self.due.is_some_and(|due| now < due) {
            return;
        }
        let first = millis(FIRST);
        self.step = self.step.clamp(first, millis(LAST));
        if self.medians.len() >= KNOWN {
            if self.step < millis(LAST) {
                let mut kept = true;
                self.medians.retain(|_| {
                    kept = !kept;
                    kept
                });
                self.step *= 2;
            } else {
                self.medians.remove(0);
            }
        }
        self.medians.push(median);
        self.due = Some(now + Duration::from_millis(self.step));
        self.bounds = bounds(&self.medians);
    }

    /// It is time for another median.
    pub fn due(&self, now: Mono) -> bool {
        self.due.is_none_or(|due| now >= due)
    }

    /// It goes on being slower than usual. When that has been so for a day, it is what is usual now,
    /// and is learned anew.
    pub fn stays_beyond(&mut self, now: Mono) {
        let since = *self.beyond.get_or_insert(now);
        if now.since(since) >= SETTLED {
            self.medians.clear();
            (self.step, self.bounds, self.due, self.beyond) = (0, None, None, None);
        }
    }

    /// A probe of a service that neither fails nor errs.
    pub fn count(&mut self, failed: bool) {
        if self.probes >= PROBES {
            self.probes /= 2;
            self.failures /= 2;
        }
        self.probes += 1;
        self.failures += u32::from(failed);
    }

    /// Out of how many probes how many fail usually; `None` before enough were seen.
    pub fn failures(&self) -> Option<(u32, u32)> {
        (self.probes >= ENOUGH_PROBES).then_some((self.failures, self.probes))
    }

    /// As it was written down, made use of again.
    #[must_use]
    pub fn recalled(mut self) -> Self {
        let over = self.medians.len().saturating_sub(KNOWN);
        self.medians.drain(..over);
        self.failures = self.failures.min(self.probes);
        self.bounds = bounds(&self.medians);
        self
    }
}

impl Bounds {
    /// "3 to 5 ms".
    pub fn words(&self) -> String {
        words::between(self.usually.0.into(), self.usually.1.into())
    }
}

fn bounds(medians: &[u32]) -> Option<Bounds> {
    if medians.len() < ENOUGH {
        return None;
    }
    let mut sorted = medians.to_vec();
    sorted.sort_unstable();
    let at = |tenths: usize| {
        let place = (sorted.len() - 1) * tenths / 10;
        sorted.get(place).copied().unwrap_or_default()
    };
    let (middle, highest) = (u64::from(at(5)), u64::from(at(10)));
    let mut off: Vec<u64> = sorted
        .iter()
        .map(|one| u64::from(*one).abs_diff(middle))
        .collect();
    off.sort_unstable();
    let spread = off.get(off.len() / 2).copied().unwrap_or_default();
    let largest = |all: [u64; 4]| all.into_iter().max().unwrap_or_default();
    Some(Bounds {
        // Of a bell curve, eight times this spread is more than five of its standard deviations.
        above: largest([
            middle + 8 * spread,
            3 * middle,
            highest + highest / 4,
            middle + NOTHING,
        ]),
        below: largest([
            middle + 4 * spread,
            2 * middle,
            highest,
            middle + NOTHING / 2,
        ]),
        usually: (at(1), at(9)),
    })
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000;

    /// So many minutes with these medians in turn, in microseconds.
    fn learned(minutes: u64, medians: &[u32]) -> Usual {
        let mut usual = Usual::default();
        for (minute, median) in (0..minutes).zip(medians.iter().cycle()) {
            // Told more often than it is learned.
            for tick in 0..3 {
                usual.learn(*median, Mono(minute * MINUTE + tick * 10_000));
            }
        }
        usual
    }

    #[test]
    fn nothing_is_unusual_before_there_is_enough() {
        assert_eq!(learned(29, &[4_000]).bounds(), None);
        assert!(learned(30, &[4_000]).bounds().is_some());
    }

    #[test]
    fn bounds_are_far_from_all_that_was_seen() {
        let bounds = learned(60, &[3_000, 4_000, 5_000]).bounds().unwrap();
        assert_eq!((bounds.above, bounds.below), (54_000, 29_000));
        assert_eq!(bounds.words(), "3 to 5 ms");
        let slow = learned(60, &[200_000, 210_000, 190_000]).bounds().unwrap();
        assert_eq!((slow.above, slow.below), (600_000, 400_000));
        // One that swings, as it does every quarter of an hour, is usual in all it does.
        let swings = learned(60, &[5_000, 5_000, 5_000, 300_000])
            .bounds()
            .unwrap();
        assert_eq!((swings.above, swings.below), (375_000, 300_000));
    }

    #[test]
    fn a_day_and_a_half_fits_and_no_more_is_kept() {
        let usual = learned(10 * 24 * 60, &[4_000, 6_000]);
        assert!(usual.medians.len() <= KNOWN && usual.medians.len() > KNOWN / 3);
        assert_eq!(usual.step, 16 * MINUTE);
    }

    #[test]
    fn what_has_been_so_for_a_day_is_usual() {
        let mut usual = learned(60, &[4_000]);
        let begin = 100 * MINUTE;
        usual.stays_beyond(Mono(begin));
        usual.stays_beyond(Mono(begin + 24 * 60 * MINUTE - 1));
        assert!(usual.bounds().is_some());
        usual.stays_beyond(Mono(begin + 24 * 60 * MINUTE));
        assert_eq!(usual.bounds(), None);
        for minute in 0..30 {
            usual.learn(80_000, Mono(begin + (24 * 60 + minute) * MINUTE));
        }
        assert_eq!(usual.bounds().unwrap().usually, (80_000, 80_000));
    }

    #[test]
    fn one_good_minute_begins_the_day_anew() {
        let mut usual = learned(60, &[4_000]);
        let day = 24 * 60 * MINUTE;
        usual.stays_beyond(Mono(0));
        usual.learn(4_000, Mono(day - 1));
        usual.stays_beyond(Mono(day));
        assert!(usual.bounds().is_some());
    }

    #[test]
    fn what_was_written_down_means_the_same() {
        let mut usual = learned(60, &[3_000, 4_000]);
        for probe in 0..400 {
            usual.count(probe % 100 == 0);
        }
        let text = serde_json::to_string(&usual).unwrap();
        let again = serde_json::from_str::<Usual>(&text).unwrap().recalled();
        assert_eq!(again.bounds(), usual.bounds());
        assert_eq!(again.failures(), Some((4, 400)));
        // A boot later its clock begins at nothing.
        assert!(again.due(Mono(0)));
        let hostile = r#"{"medians":[1],"step":0,"probes":0,"failures":9}"#;
        let hostile = serde_json::from_str::<Usual>(hostile).unwrap().recalled();
        assert_eq!((hostile.bounds(), hostile.failures()), (None, None));
    }

    #[test]
    fn counts_are_bounded_and_keep_their_share() {
        let mut usual = Usual::default();
        for probe in 0..200_000 {
            usual.count(probe % 10 == 0);
        }
        let (failures, probes) = usual.failures().unwrap();
        assert!(
            probes <= PROBES && failures.abs_diff(probes / 10) < 10,
            "{failures} {probes}"
        );
    }
}

//! Trends: what grows without an end, long before it is a fault.
//!
//! A window is cut into twelve blocks of the same length, and of each block one number is looked at:
//! for memory and open files the lowest, which is what stays after a garbage collection. They have to
//! go up from quarter to quarter, steadily and up to the end, by more than their noise and more than
//! is worth a word. A warm-up, a step, a saw-tooth and a busy afternoon do not; a leak does. Who is
//! in doubt is silent: a false alarm costs more than a late one.

use crate::words;
use model::FindingKind;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Blocks of a window.
pub const BLOCKS: usize = 12;
/// So long after its start a process is not looked at: it fills its caches.
pub const WARM_UP: Duration = Duration::from_secs(30 * 60);
/// Blocks that may be missing: the engine was away.
const MISSING: usize = 2;
/// More than noise is so many times the usual distance from the line.
const NOISE: f64 = 4.0;

/// How far back is looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// An hour: only for what is about to reach its limit.
    Hour,
    /// Six hours: for what grows by half in that time, or reaches its limit within a day.
    Hours,
    /// Two days: for what grows by a tenth. Whatever goes up and down with the day does not.
    Days,
}

impl Reach {
    /// How long that is.
    pub fn length(self) -> Duration {
        let hours = match self {
            Reach::Hour => 1,
            Reach::Hours => 6,
            Reach::Days => 48,
        };
        Duration::from_secs(hours * 3_600)
    }
}

/// One number a block, oldest first; `None` where nothing was measured.
pub type Blocks = [Option<f64>; BLOCKS];

/// What grows: from what to what, how fast, and when it is at its limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Growth {
    from: f64,
    to: f64,
    /// An hour.
    rate: f64,
    over: Duration,
    limit: Option<(f64, Duration)>,
}

/// What counts as growth.
struct Rule {
    /// By less than this share nothing is said…
    share: f64,
    /// … nor by less than this.
    least: f64,
    /// With a limit, it is said as well when it is reached within so long.
    within: Duration,
}

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// Whether these blocks of a window grow. `limit` is what they must not reach.
pub fn growth(
    kind: FindingKind,
    reach: Reach,
    blocks: &Blocks,
    limit: Option<f64>,
) -> Option<Growth> {
    let rule = rule(kind, reach)?;
    let hours = reach.length().as_secs_f64() / 3_600.0;
    let block = hours / BLOCKS as f64;
    let points: Vec<(f64, f64)> = (0_u8..)
        .zip(blocks)
        .filter_map(|(n, value)| Some((f64::from(n) * block, (*value)?)))
        .collect();
    if points.len() + MISSING < BLOCKS {
        return None;
    }
    let rate = middle(&mut slopes(&points))?;
    let first = middle(
        &mut points
            .iter()
            .map(|(at, y)| y - rate * at)
            .collect::<Vec<_>>(),
    )?;
    let last = first + rate * (hours - block);
    let grown = last - first;
    if rate <= 0.0 || !steadily(&points, grown) {
        return None;
    }
    let mut off: Vec<f64> = points
        .iter()
        .map(|(at, y)| (y - first - rate * at).abs())
        .collect();
    if grown < NOISE * middle(&mut off)? || grown < rule.least {
        return None;
    }
    let limit = limit
        .filter(|limit| *limit > last)
        .map(|limit| (limit, hours_of((limit - last) / rate)));
    let soon = limit.is_some_and(|(limit, left)| left <= rule.within && last * 2.0 >= limit);
    if !soon && grown < rule.share * first.max(1.0) {
        return None;
    }
    Some(Growth {
        from: first,
        to: last,
        rate,
        over: reach.length(),
        limit,
    })
}

fn rule(kind: FindingKind, reach: Reach) -> Option<Rule> {
    let never = f64::INFINITY;
    let (least, share, within) = match (kind, reach) {
        (FindingKind::MemoryGrows, Reach::Hour) => (16e6, never, 3 * DAY / 24),
        (FindingKind::MemoryGrows, Reach::Hours) => (64e6, 0.5, DAY),
        (FindingKind::MemoryGrows, Reach::Days) => (16e6, 0.1, 7 * DAY),
        (FindingKind::FilesGrow, Reach::Hour) => (50.0, never, 3 * DAY / 24),
        (FindingKind::FilesGrow, Reach::Hours) => (100.0, 0.5, DAY),
        (FindingKind::FilesGrow, Reach::Days) => (50.0, 0.2, 7 * DAY),
        // In a morning every service gets slower.
        (FindingKind::LatencyCreeps, Reach::Days) => (20_000.0, 0.5, Duration::ZERO),
        _ => return None,
    };
    Some(Rule {
        share,
        least,
        within,
    })
}

/// Each quarter is higher than the one before, none by much less than its part, and the last one still
/// is: what levels off does not count, nor what rises in a step or two.
fn steadily(points: &[(f64, f64)], grown: f64) -> bool {
    let quarter = points.len().div_ceil(4).max(1);
    let levels: Vec<f64> = points
        .chunks(quarter)
        .filter_map(|part| middle(&mut part.iter().map(|(_, y)| *y).collect::<Vec<_>>()))
        .collect();
    let steps: Vec<f64> = levels
        .windows(2)
        .map(|pair| match pair {
            [one, next] => next - one,
            _ => 0.0,
        })
        .collect();
    let part = grown / steps.len().max(1) as f64;
    let even = |step: &f64| (0.3 * part..=2.5 * part).contains(step);
    let goes_on = steps.last().is_some_and(|last| *last >= 0.5 * part);
    // Of all pairs of blocks nearly all go up.
    let rising = slopes(points);
    let up = rising.iter().filter(|slope| **slope > 0.0).count();
    steps.len() == 3 && goes_on && steps.iter().all(even) && up * 10 >= rising.len() * 8
}

/// The slopes between all pairs of points: their median is the Theil–Sen estimate, which up to a
/// quarter of odd points do not move.
fn slopes(points: &[(f64, f64)]) -> Vec<f64> {
    let pairs = points.iter().enumerate().flat_map(|(n, (at, y))| {
        let later = points.iter().skip(n + 1);
        later.map(move |(later, higher)| (higher - y) / (later - at))
    });
    pairs.collect()
}

fn middle(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// A hundred years at most.
fn hours_of(hours: f64) -> Duration {
    Duration::try_from_secs_f64((hours * 3_600.0).clamp(0.0, 3.2e9)).unwrap_or_default()
}

impl Growth {
    /// "memory grows 12 MB an hour, from 120 MB to 192 MB in 6 h; reaches its limit of 512 MB in about
    /// 26 h".
    pub fn words(&self, kind: FindingKind) -> String {
        let (what, say): (&str, fn(f64) -> String) = match kind {
            FindingKind::MemoryGrows => ("memory grows", |bytes| amount(bytes / 1e6, "MB")),
            FindingKind::FilesGrow => ("open files grow by", |files| amount(files, "")),
            FindingKind::LatencyCreeps | FindingKind::RestartsOften => {
                ("answers take longer by", |us| amount(us / 1e3, "ms"))
            }
        };
        let mut words = format!(
            "{what} {} an hour, from {} to {} in {}",
            say(self.rate),
            say(self.from),
            say(self.to),
            words::duration(self.over)
        );
        if let Some((limit, left)) = self.limit {
            words.push_str(&format!(
                "; reaches its limit of {} in about {}",
                say(limit),
                words::long(left)
            ));
        }
        words
    }
}

/// Two figures, and a unit.
fn amount(number: f64, unit: &str) -> String {
    let number = match number {
        ..0.95 => format!("{number:.2}"),
        ..9.95 => format!("{number:.1}"),
        _ => format!("{number:.0}"),
    };
    format!("{number} {unit}").trim_end().to_owned()
}

/// Whether something is restarted more and more often, in words: `ages` is how long ago each time was,
/// within a week at most, and `known` since when it has been there to be seen. Three times in six hours, and
/// three times as often as before. What has not been there for a day before that has no before.
pub fn restarts(ages: &[Duration], known: Duration) -> Option<String> {
    const SHORT: Duration = Duration::from_secs(6 * 3_600);
    const LONG: Duration = Duration::from_secs(7 * 24 * 3_600);
    const MANY: u32 = 3;
    let past = known.min(LONG).saturating_sub(SHORT);
    if past < DAY {
        return None;
    }
    let count = |range: std::ops::Range<Duration>| {
        let many = ages.iter().filter(|age| range.contains(age)).count();
        u32::try_from(many).unwrap_or(u32::MAX)
    };
    let now = count(Duration::ZERO..SHORT);
    let before = count(SHORT..LONG);
    // A week holds 27 times six hours before the last.
    let usual = f64::from(before) * SHORT.as_secs_f64() / past.as_secs_f64();
    let often = now >= MANY && f64::from(now) >= 3.0 * usual;
    often.then(|| {
        let past = match known >= LONG {
            true => "week".to_owned(),
            false => words::long(past),
        };
        let before = match before {
            0 => format!("never in the {past} before"),
            many => format!("{} in the {past} before", words::times(many)),
        };
        format!("restarted {} in the last 6 h, {before}", words::times(now))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use FindingKind::{FilesGrow, LatencyCreeps, MemoryGrows};

    /// The lowest of each block, of a value measured once a minute.
    fn lowest(reach: Reach, value: impl Fn(f64) -> f64) -> Blocks {
        let minutes = u32::try_from(reach.length().as_secs() / 60).unwrap();
        let per = minutes / 12;
        std::array::from_fn(|block| {
            let from = u32::try_from(block).unwrap() * per;
            let values = (from..from + per).map(|minute| value(f64::from(minute)));
            values.min_by(f64::total_cmp)
        })
    }

    /// Even noise between -1 and 1, the same in every run.
    fn noise(minute: f64) -> f64 {
        let mut hash = (minute as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash ^= hash >> 29;
        hash = hash.wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (hash >> 40) as f64 / f64::from(1_u32 << 23) - 1.0
    }

    const MB: f64 = 1e6;
    const ALL: [Reach; 3] = [Reach::Hour, Reach::Hours, Reach::Days];

    fn silent(what: &str, value: impl Fn(f64) -> f64 + Copy) {
        for reach in ALL {
            for limit in [None, Some(512.0 * MB), Some(4_000.0 * MB)] {
                let blocks = lowest(reach, value);
                let found = growth(MemoryGrows, reach, &blocks, limit);
                assert_eq!(found, None, "{what}, {reach:?}: {blocks:?}");
            }
        }
    }

    #[test]
    fn what_does_not_leak_is_not_said_to() {
        silent("flat", |_| 300.0 * MB);
        silent("noise", |m| (300.0 + 100.0 * noise(m)) * MB);
        silent("garbage, every 40 min", |m| (150.0 + 4.0 * (m % 40.0)) * MB);
        silent("garbage, every 5 h", |m| (150.0 + 0.6 * (m % 300.0)) * MB);
        silent("garbage, every 13 h", |m| (150.0 + 0.2 * (m % 780.0)) * MB);
        silent("warms up", |m| (400.0 - 300.0 * (-m / 25.0).exp()) * MB);
        silent("warms up for hours", |m| {
            (400.0 - 300.0 * (-m / 100.0).exp()) * MB
        });
        silent("fills a cache more and more slowly", |m| {
            (200.0 + 40.0 * (m + 1.0).ln()) * MB
        });
        silent(
            "a step",
            |m| if m < 200.0 { 200.0 * MB } else { 400.0 * MB },
        );
        silent("a step a day", |m| {
            (200.0 + 100.0 * (m / 1_440.0).floor()) * MB
        });
        silent("two steps in an hour", |m| {
            (300.0 + 50.0 * (m / 20.0).floor().min(2.0)) * MB
        });
        silent("goes with the day", |m| {
            (300.0 + 40.0 * (m / 1_440.0 * std::f64::consts::TAU).sin()) * MB
        });
        silent("shrinks", |m| (500.0 - 0.05 * m) * MB);
        silent("grows by nothing worth a word", |m| {
            (300.0 + 0.001 * m) * MB
        });
        silent("a spike at the end", |m| {
            if m > 2_700.0 { 800.0 * MB } else { 300.0 * MB }
        });
    }

    #[test]
    fn a_leak_is_found_under_noise_and_garbage() {
        // 12 MB an hour on top of a saw-tooth of 80 MB every 40 minutes.
        let leak = |m: f64| (120.0 + 0.2 * m + 2.0 * (m % 40.0) + 3.0 * noise(m)) * MB;
        let found = growth(
            MemoryGrows,
            Reach::Hours,
            &lowest(Reach::Hours, leak),
            Some(512.0 * MB),
        );
        // In six hours that is half as much again.
        let found = found.unwrap();
        assert!((11e6..14e6).contains(&found.rate), "{found:?}");
        let words = found.words(MemoryGrows);
        assert!(words.starts_with("memory grows 1"), "{words}");
        assert!(
            words.contains("in 6 h; reaches its limit of 512 MB in about"),
            "{words}"
        );
        // A slow one takes two days to be seen.
        let slow = |m: f64| (500.0 + 0.03 * m + 20.0 * noise(m)) * MB;
        assert_eq!(
            growth(MemoryGrows, Reach::Hours, &lowest(Reach::Hours, slow), None),
            None
        );
        let found = growth(MemoryGrows, Reach::Days, &lowest(Reach::Days, slow), None);
        let words = found.unwrap().words(MemoryGrows);
        assert!(
            words.starts_with("memory grows 1.8 MB an hour, from 48"),
            "{words}"
        );
        assert!(words.ends_with("in 48 h"), "{words}");
        // A fast one with a limit is seen after an hour, and without one only when it is large.
        let fast = |m: f64| (200.0 + 2.0 * m) * MB;
        let hour = lowest(Reach::Hour, fast);
        let found = growth(MemoryGrows, Reach::Hour, &hour, Some(512.0 * MB)).unwrap();
        let words = found.words(MemoryGrows);
        assert!(
            words.ends_with("reaches its limit of 512 MB in about 101 min"),
            "{words}"
        );
        assert_eq!(growth(MemoryGrows, Reach::Hour, &hour, None), None);
    }

    #[test]
    fn open_files_and_latency_have_measures_of_their_own() {
        let files = lowest(Reach::Hours, |m| (40.0 + m).floor());
        let words = growth(FilesGrow, Reach::Hours, &files, Some(1_024.0))
            .unwrap()
            .words(FilesGrow);
        assert_eq!(
            words,
            "open files grow by 60 an hour, from 40 to 370 in 6 h; reaches its limit of 1024 in about 10 h"
        );
        assert_eq!(
            growth(
                FilesGrow,
                Reach::Hours,
                &lowest(Reach::Hours, |m| 40.0 + (m % 60.0)),
                None
            ),
            None
        );
        // 4 ms become 100 ms in two days.
        let creeps = lowest(Reach::Days, |m| 4_000.0 + 33.0 * m);
        let words = growth(LatencyCreeps, Reach::Days, &creeps, None)
            .unwrap()
            .words(LatencyCreeps);
        assert!(
            words.starts_with("answers take longer by 2.0 ms an hour, from 4.0 ms to "),
            "{words}"
        );
        assert_eq!(growth(LatencyCreeps, Reach::Hours, &creeps, None), None);
    }

    #[test]
    fn with_holes_it_is_told_only_when_they_are_few() {
        let leak = lowest(Reach::Hours, |m| (200.0 + m) * MB);
        let without = |gone: &[usize]| {
            let mut blocks = leak;
            for block in gone {
                blocks[*block] = None;
            }
            growth(MemoryGrows, Reach::Hours, &blocks, None).is_some()
        };
        assert!(without(&[]) && without(&[3, 8]));
        assert!(!without(&[3, 4, 8]));
        assert_eq!(growth(MemoryGrows, Reach::Hours, &[None; 12], None), None);
        assert_eq!(
            growth(MemoryGrows, Reach::Hours, &[Some(f64::NAN); 12], None),
            None
        );
    }

    #[test]
    fn restarts_count_when_they_are_many_and_more_than_before() {
        const WEEK: Duration = Duration::from_secs(7 * 24 * 3_600);
        let hours = |hours: &[u64]| -> Vec<Duration> {
            hours
                .iter()
                .map(|hours| Duration::from_secs(hours * 3_600))
                .collect()
        };
        assert_eq!(restarts(&hours(&[0, 1]), WEEK), None);
        assert_eq!(
            restarts(&hours(&[0, 1, 2]), WEEK).as_deref(),
            Some("restarted three times in the last 6 h, never in the week before")
        );
        // Every two hours, all week long: that is bad, and nothing new.
        let always: Vec<u64> = (0..84).map(|n| 2 * n).collect();
        assert_eq!(restarts(&hours(&always), WEEK), None);
        let more: Vec<u64> = [0, 1, 2, 3, 4]
            .into_iter()
            .chain((1..7).map(|day| 24 * day))
            .collect();
        assert_eq!(
            restarts(&hours(&more), WEEK).as_deref(),
            Some("restarted five times in the last 6 h, six times in the week before")
        );
    }

    /// Nobody can say of what was brought up today how often it was restarted all week.
    #[test]
    fn a_time_in_which_it_was_not_there_is_no_time_without_restarts() {
        let hour = |hours: u64| Duration::from_secs(hours * 3_600);
        let often = [hour(0), hour(1), hour(2)];
        assert_eq!(restarts(&often, Duration::from_secs(300)), None);
        assert_eq!(restarts(&often, hour(29)), None);
        assert_eq!(
            restarts(&often, hour(54)).as_deref(),
            Some("restarted three times in the last 6 h, never in the 2 days before")
        );
        // As often as in the two days before.
        let always: Vec<Duration> = (0..24).map(|n| hour(2 * n)).collect();
        assert_eq!(restarts(&always, hour(48)), None);
    }
}

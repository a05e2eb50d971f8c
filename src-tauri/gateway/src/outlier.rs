//! Which instance is much slower than the others: what each took lately, and how that is judged.
//!
//! A request costs one look at a number here, and ten times a second a place to write to. Judging is done
//! beside the requests, every few seconds ([`crate::follow`]).

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// So many times what its peers take is far over it. What is slower by less gets less, and that is enough.
const FACTOR: u64 = 5;
/// And so much longer, in microseconds: nobody waits for what is below it, and beside a few
/// milliseconds each pause of a collector were far over.
const FLOOR: u64 = 50_000;
/// Instances whose times are known, itself included: of two nobody can say which of them is out of the
/// ordinary and which has the harder work; slower than both of two others is.
pub(crate) const MEASURED: usize = 3;
/// Times until an instance has a median.
const ENOUGH: usize = 10;
/// Times that are kept of an instance.
const KEPT: usize = 64;
/// At most one in so many milliseconds is: a pause that a hundred requests ran into is one pause.
const APART: u64 = 100;
/// Milliseconds after which a time says nothing any more.
const OLD: u64 = 30_000;

/// What an instance took lately.
#[derive(Default)]
pub(crate) struct Times {
    /// When the last one was kept, in milliseconds.
    last: AtomicU64,
    kept: OnceLock<Box<Kept>>,
}

struct Kept {
    next: AtomicU64,
    /// Milliseconds since the gateway began in the high half, microseconds that it took in the low one;
    /// 0 is none.
    times: [AtomicU64; KEPT],
}

impl Times {
    /// It answered within so long.
    pub(crate) fn note(&self, now: u64, took: Duration) {
        let last = self.last.load(Relaxed);
        if last != 0 && now < last + APART {
            return;
        }
        // Two threads in one moment: one of both keeps its time.
        let mine = self
            .last
            .compare_exchange(last, now.max(1), Relaxed, Relaxed);
        if mine.is_err() {
            return;
        }
        let kept = self.kept.get_or_init(|| {
            Box::new(Kept {
                next: AtomicU64::new(0),
                times: [const { AtomicU64::new(0) }; KEPT],
            })
        });
        let place = kept.next.fetch_add(1, Relaxed) as usize % KEPT;
        let took = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
        // After 49 days it begins anew, and for half a minute nobody is judged.
        let at = (now & u64::from(u32::MAX)) << 32;
        kept.times[place].store(at | u64::from(took.max(1)), Relaxed);
    }

    /// Half of what it answered lately took no longer, in microseconds; `None` where that is too little
    /// to tell.
    pub(crate) fn median(&self, now: u64) -> Option<u64> {
        let kept = self.kept.get()?;
        let now = now & u64::from(u32::MAX);
        let mut times: Vec<u64> = (kept.times.iter())
            .map(|time| time.load(Relaxed))
            .filter(|time| *time != 0 && now.wrapping_sub(time >> 32) < OLD)
            .map(|time| time & u64::from(u32::MAX))
            .collect();
        if times.len() < ENOUGH {
            return None;
        }
        let middle = times.len() / 2;
        Some(*times.select_nth_unstable(middle).1)
    }

    /// What was is judged, and nothing more is said by it.
    pub(crate) fn clear(&self) {
        for time in self.kept.get().iter().flat_map(|kept| &kept.times) {
            time.store(0, Relaxed);
        }
    }
}

/// The slowest of these medians and what its peers take, if it is far over that. The peers' is their median,
/// and of an even number the slower of the middle two.
pub(crate) fn outlier(medians: &[u64]) -> Option<(usize, u64)> {
    if medians.len() < MEASURED {
        return None;
    }
    let (slowest, median) = (medians.iter().enumerate()).max_by_key(|(_, median)| **median)?;
    let mut peers = medians.to_vec();
    peers.swap_remove(slowest);
    let middle = peers.len() / 2;
    let usual = *peers.select_nth_unstable(middle).1;
    let far = *median >= usual.saturating_mul(FACTOR) && *median >= usual + FLOOR;
    far.then_some((slowest, usual))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000;

    #[test]
    fn it_takes_three_a_factor_and_a_floor() {
        for (medians, out) in [
            (&[10 * MS, 10 * MS, 100 * MS][..], Some((2, 10 * MS))),
            (&[100 * MS, 10 * MS, 12 * MS], Some((0, 12 * MS))),
            // Two: nobody knows which of them is as it should be.
            (&[10 * MS, 900 * MS], None),
            // Below the factor, and below the floor.
            (&[100 * MS, 100 * MS, 400 * MS], None),
            (&[MS, MS, 40 * MS], None),
            // Slower than both, or it is not out of the ordinary.
            (&[10 * MS, 900 * MS, 950 * MS], None),
            (&[10 * MS, 10 * MS, 900 * MS, 950 * MS], Some((3, 10 * MS))),
            (&[], None),
        ] {
            assert_eq!(outlier(medians), out, "{medians:?}");
        }
    }

    #[test]
    fn a_median_takes_enough_times_of_late() {
        let times = Times::default();
        let begin = 7_000;
        for n in 0..ENOUGH as u64 {
            assert_eq!(times.median(begin + n * APART), None, "{n}");
            times.note(begin + n * APART, Duration::from_millis(n));
        }
        let end = begin + ENOUGH as u64 * APART;
        assert_eq!(times.median(end), Some(5 * MS));
        assert_eq!(times.median(begin + OLD), None, "the first is too old");
        times.clear();
        assert_eq!(times.median(end), None);
    }

    #[test]
    fn a_pause_that_hundreds_ran_into_is_one_time() {
        let times = Times::default();
        for n in 0..20 {
            times.note(n * APART, Duration::from_millis(2));
        }
        for _ in 0..500 {
            times.note(2_000, Duration::from_millis(800));
        }
        assert_eq!(times.median(2_001), Some(2 * MS));
        // But slowness that stays is seen.
        for n in 0..40 {
            times.note(2_100 + n * APART, Duration::from_millis(800));
        }
        assert_eq!(times.median(6_100), Some(800 * MS));
    }

    #[test]
    fn only_the_newest_are_kept() {
        let times = Times::default();
        for n in 0..2 * KEPT as u64 {
            let took = if n < KEPT as u64 { 500 } else { 3 };
            times.note(n * APART, Duration::from_millis(took));
        }
        assert_eq!(times.median(2 * KEPT as u64 * APART), Some(3 * MS));
    }
}

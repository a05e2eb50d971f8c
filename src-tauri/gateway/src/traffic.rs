//! Counting without locks: totals for ever, rates and quantiles of the last ten seconds.

use model::view::Traffic;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Seconds that rates and quantiles are of.
const WINDOW: u64 = 10;
/// One more: the second that is being written is not the one that falls out.
const SLOTS: usize = WINDOW as usize + 1;
/// Steps between a time and its double: a quantile is right within 6 %.
const STEPS: usize = 8;
/// From a microsecond to 268 seconds.
const BUCKETS: usize = (28 - 2) * STEPS + STEPS;

/// Counts of one thing that answers.
#[derive(Default)]
pub(crate) struct Counters {
    total: AtomicU64,
    failed: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    /// Made with the first request: most of what is registered is never asked.
    window: OnceLock<Box<Window>>,
}

struct Window {
    slots: [Slot; SLOTS],
}

struct Slot {
    second: AtomicU64,
    count: AtomicU32,
    failed: AtomicU32,
    buckets: [AtomicU32; BUCKETS],
}

impl Default for Slot {
    fn default() -> Self {
        Self {
            second: AtomicU64::new(u64::MAX),
            count: AtomicU32::new(0),
            failed: AtomicU32::new(0),
            buckets: [const { AtomicU32::new(0) }; BUCKETS],
        }
    }
}

impl Counters {
    /// A request was answered, or failed, in this millisecond, after so long.
    pub(crate) fn answered(&self, now_ms: u64, took: Duration, failed: bool) {
        self.total.fetch_add(1, Relaxed);
        let window = self.window.get_or_init(|| {
            Box::new(Window {
                slots: std::array::from_fn(|_| Slot::default()),
            })
        });
        let slot = window.slot(now_ms / 1_000);
        slot.count.fetch_add(1, Relaxed);
        if failed {
            self.failed.fetch_add(1, Relaxed);
            slot.failed.fetch_add(1, Relaxed);
        }
        slot.buckets[bucket(took)].fetch_add(1, Relaxed);
    }

    /// Bytes of bodies, from and to clients.
    pub(crate) fn bytes(&self, into: u64, out: u64) {
        if into > 0 {
            self.bytes_in.fetch_add(into, Relaxed);
        }
        if out > 0 {
            self.bytes_out.fetch_add(out, Relaxed);
        }
    }

    /// Requests, ever.
    pub(crate) fn total(&self) -> u64 {
        self.total.load(Relaxed)
    }

    pub(crate) fn view(&self, now_ms: u64) -> Traffic {
        let mut traffic = Traffic {
            total: self.total.load(Relaxed),
            failed: self.failed.load(Relaxed),
            bytes_in: self.bytes_in.load(Relaxed),
            bytes_out: self.bytes_out.load(Relaxed),
            ..Traffic::default()
        };
        let Some(window) = self.window.get() else {
            return traffic;
        };
        let now = now_ms / 1_000;
        let (mut count, mut failed) = (0_u64, 0_u64);
        let mut buckets = [0_u64; BUCKETS];
        for slot in &window.slots {
            let second = slot.second.load(Relaxed);
            if second > now || now - second >= WINDOW {
                continue;
            }
            count += u64::from(slot.count.load(Relaxed));
            failed += u64::from(slot.failed.load(Relaxed));
            for (sum, one) in buckets.iter_mut().zip(&slot.buckets) {
                *sum += u64::from(one.load(Relaxed));
            }
        }
        traffic.per_second = count as f64 / WINDOW as f64;
        traffic.failed_per_second = failed as f64 / WINDOW as f64;
        traffic.p50_ms = quantile(&buckets, 0.50);
        traffic.p99_ms = quantile(&buckets, 0.99);
        traffic
    }
}

impl Window {
    /// The slot of a second, emptied when it was another's. Two threads that meet at the turn of a
    /// second may lose a count between them; these are statistics.
    fn slot(&self, second: u64) -> &Slot {
        let slot = &self.slots[(second % SLOTS as u64) as usize];
        let was = slot.second.load(Relaxed);
        if was != second
            && slot
                .second
                .compare_exchange(was, second, Relaxed, Relaxed)
                .is_ok()
        {
            slot.count.store(0, Relaxed);
            slot.failed.store(0, Relaxed);
            for bucket in &slot.buckets {
                bucket.store(0, Relaxed);
            }
        }
        slot
    }
}

/// Eight steps to each doubling; below eight microseconds, one each.
fn bucket(took: Duration) -> usize {
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    if micros < STEPS as u64 {
        return micros as usize;
    }
    let octave = 63 - micros.leading_zeros() as usize;
    let step = (micros >> (octave - 3)) as usize & (STEPS - 1);
    ((octave - 2) * STEPS + step).min(BUCKETS - 1)
}

/// The middle of a bucket, in milliseconds.
fn middle(bucket: usize) -> f64 {
    if bucket < STEPS {
        return (bucket as f64 + 0.5) / 1_000.0;
    }
    let (octave, step) = (bucket / STEPS + 2, bucket % STEPS);
    let width = (1_u64 << (octave - 3)) as f64;
    ((STEPS + step) as f64 + 0.5) * width / 1_000.0
}

fn quantile(buckets: &[u64; BUCKETS], share: f64) -> Option<f64> {
    let total: u64 = buckets.iter().sum();
    if total == 0 {
        return None;
    }
    let rank = (total as f64 * share).ceil() as u64;
    let mut seen = 0;
    for (n, count) in buckets.iter().enumerate() {
        seen += count;
        if seen >= rank {
            return Some(middle(n));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_right_within_six_percent() {
        for micros in [1, 7, 8, 100, 999, 12_345, 1_000_000, 200_000_000] {
            let counters = Counters::default();
            counters.answered(5_000, Duration::from_micros(micros), false);
            let told = counters.view(5_000).p50_ms.unwrap() * 1_000.0;
            let off = (told - micros as f64).abs();
            assert!(off <= (micros as f64 * 0.0625).max(0.5), "{micros}: {told}");
        }
    }

    #[test]
    fn what_is_older_than_ten_seconds_is_in_the_totals_alone() {
        let counters = Counters::default();
        for second in 0..20 {
            counters.answered(second * 1_000, Duration::from_millis(second), second == 19);
        }
        let view = counters.view(19_999);
        assert_eq!((view.total, view.failed), (20, 1));
        assert_eq!((view.per_second, view.failed_per_second), (1.0, 0.1));
        let (p50, p99) = (view.p50_ms.unwrap(), view.p99_ms.unwrap());
        assert!((13.0..16.0).contains(&p50) && p99 > 18.0, "{p50} {p99}");
        let later = counters.view(40_000);
        assert_eq!((later.per_second, later.p50_ms), (0.0, None));
    }
}

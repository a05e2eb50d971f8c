//! How latencies are spread, in a few bytes: counts in buckets that grow with what they hold, so that a
//! quantile of any number of probes is known to some percent.

use std::collections::BTreeMap;

/// Buckets between one power of two and the next. A value is told to within a thirty-second of itself.
const FINE: u32 = 16;
/// Its exponent.
const BITS: u32 = FINE.ilog2();

/// Counts of values by their size.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sketch(BTreeMap<u16, u64>);

impl Sketch {
    /// Adds a value.
    pub fn add(&mut self, value: u64) {
        self.count(bucket(value), 1);
    }

    /// Adds all of another.
    pub fn merge(&mut self, other: &Sketch) {
        for (bucket, count) in &other.0 {
            self.count(*bucket, *count);
        }
    }

    fn count(&mut self, bucket: u16, count: u64) {
        let all = self.0.entry(bucket).or_default();
        *all = all.saturating_add(count);
    }

    /// The smallest value that at least this share of all values does not exceed, to within some
    /// percent; `None` of no values.
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let whole: u64 = self
            .0
            .values()
            .fold(0, |sum: u64, count| sum.saturating_add(*count));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a rank within the count; a share out of range is clamped"
        )]
        let rank = ((whole as f64 * share.clamp(0.0, 1.0)).ceil() as u64).max(1);
        let mut seen = 0_u64;
        let reached = self.0.iter().find(|(_, count)| {
            seen = seen.saturating_add(**count);
            seen >= rank
        });
        reached.map(|(bucket, _)| middle(*bucket))
    }

    /// As it is kept.
    pub(super) fn pairs(&self) -> Vec<(u16, u64)> {
        self.0
            .iter()
            .map(|(bucket, count)| (*bucket, *count))
            .collect()
    }

    /// As it was kept.
    pub(super) fn of_pairs(pairs: Vec<(u16, u64)>) -> Self {
        let mut sketch = Self::default();
        for (bucket, count) in pairs {
            sketch.count(bucket, count);
        }
        sketch
    }
}

/// Small values have a bucket each, then every power of two has as many.
fn bucket(value: u64) -> u16 {
    let octave = value.max(1).ilog2().saturating_sub(BITS);
    let within = value >> octave;
    // At most 60 octaves of 16, and what lies in the last one.
    u16::try_from(u64::from(octave * FINE) + within).unwrap_or(u16::MAX)
}

fn middle(bucket: u16) -> u64 {
    let bucket = u64::from(bucket);
    let fine = u64::from(FINE);
    if bucket < 2 * fine {
        return bucket;
    }
    let octave = (bucket / fine - 1).min(59);
    let within = bucket - octave * fine;
    (within << octave).saturating_add(1 << (octave - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_told_to_a_few_percent() {
        for value in (0..64).chain((6..63).map(|bit| (1 << bit) + (1 << (bit - 2)) + 1)) {
            let told = middle(bucket(value));
            let off = told.abs_diff(value);
            assert!(off * 32 <= value, "{value} is told as {told}");
        }
        assert!(bucket(u64::MAX) < 1_000);
        assert!(middle(bucket(u64::MAX)) > u64::MAX / 2);
        assert!(middle(u16::MAX) > 0, "what a damaged row holds is no panic");
    }

    #[test]
    fn buckets_go_up_with_their_values() {
        let mut last = 0;
        for value in 0..100_000 {
            let now = bucket(value);
            assert!(now == last || now == last + 1, "{value}");
            last = now;
        }
    }

    #[test]
    fn quantiles_count_every_value_once() {
        assert_eq!(Sketch::default().quantile(0.5), None);
        let mut sketch = Sketch::default();
        for value in 1..=20 {
            sketch.add(value);
        }
        assert_eq!(sketch.quantile(0.5), Some(10));
        assert_eq!(sketch.quantile(0.95), Some(19));
        assert_eq!(sketch.quantile(1.0), Some(20));
        assert_eq!(sketch.quantile(0.0), Some(1));
        let mut twice = sketch.clone();
        twice.merge(&sketch);
        assert_eq!(twice.quantile(0.5), Some(10));
        assert_eq!(Sketch::of_pairs(twice.pairs()), twice);
    }
}

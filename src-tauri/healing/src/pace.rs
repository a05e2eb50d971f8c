//! When to ask again: often at first, then at a probe's interval, and never all at once.

use model::InstanceId;
use std::time::Duration;

/// Waits between the first readiness probes, in milliseconds. A program that is up in 3 ms is seen
/// to be ready within 4 ms; one that takes a second has been asked ten times by then, not hundreds.
const EARLY: [u64; 10] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000];

/// A wait shorter than this is over before a person could read that it was being waited.
pub const READABLE: Duration = Duration::from_millis(100);

/// How long to wait after `failed` readiness probes (at least one), at most `every`.
pub fn ready(failed: u32, every: Duration) -> Duration {
    let index = usize::try_from(failed.saturating_sub(1)).unwrap_or(usize::MAX);
    match EARLY.get(index) {
        Some(millis) => Duration::from_millis(*millis).min(every),
        None => every,
    }
}

/// The wait before an instance's first health probe: its own point within the interval, always the
/// same for the same name, so that a thousand services that became ready together spread out.
pub fn phase(instance: &InstanceId, every: Duration) -> Duration {
    // FNV-1a, 64 bit, with a final mix because it spreads short names poorly in the upper bits.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let index = instance.index.to_le_bytes();
    for byte in instance.service.as_str().bytes().chain(index) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash ^= hash >> 32;
    hash = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    hash ^= hash >> 29;
    let millis = u64::try_from(every.as_millis()).unwrap_or(u64::MAX).max(1);
    Duration::from_millis(hash % millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn early_waits_grow_and_end_at_the_interval() {
        let waits: Vec<u128> = (1..=12)
            .map(|n| ready(n, Duration::from_secs(5)).as_millis())
            .collect();
        assert_eq!(
            waits,
            [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 5_000, 5_000]
        );
        assert_eq!(
            ready(9, Duration::from_millis(300)),
            Duration::from_millis(300)
        );
    }

    #[test]
    fn a_thousand_phases_spread_evenly_over_the_interval() {
        let every = Duration::from_secs(5);
        let mut tenths = [0_u32; 10];
        for n in 0..1_000_u32 {
            let name = format!("service-{n}").parse().unwrap();
            let at = phase(&InstanceId::new(name, 0), every);
            assert!(at < every);
            tenths[usize::try_from(at.as_millis() / 500).unwrap()] += 1;
        }
        assert!(tenths.iter().all(|n| (60..=140).contains(n)), "{tenths:?}");
    }
}

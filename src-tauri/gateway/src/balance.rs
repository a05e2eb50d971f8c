//! Which instance gets a request.

use crate::backend::Backend;
use model::view::Balance;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a choice is made by.
pub(crate) struct Choice<'a> {
    pub(crate) balance: Balance,
    /// Milliseconds since the gateway began.
    pub(crate) now: u64,
    /// A random number.
    pub(crate) chance: u64,
    /// What the request hashes to.
    pub(crate) hash: u64,
    /// Instances that have failed this request: others come first.
    pub(crate) tried: &'a [u64],
}

/// Chooses among `all`; `None` when none takes requests. `turn` counts for round robin.
pub(crate) fn choose(
    all: &[Arc<Backend>],
    turn: &AtomicUsize,
    choice: &Choice<'_>,
) -> Option<Arc<Backend>> {
    // Most services have one instance, and there is nothing to choose.
    if let [only] = all {
        return only.takes().then(|| Arc::clone(only));
    }
    let fresh = |one: &Backend| !choice.tried.contains(&one.number);
    let sound = |one: &Backend| !one.is_ejected(choice.now);
    // What was left out is better than nothing, and so is what failed this very request.
    best(all, turn, choice, |one| sound(one) && fresh(one))
        .or_else(|| best(all, turn, choice, fresh))
        .or_else(|| best(all, turn, choice, |_| true))
}

fn best(
    all: &[Arc<Backend>],
    turn: &AtomicUsize,
    choice: &Choice<'_>,
    fits: impl Fn(&Backend) -> bool,
) -> Option<Arc<Backend>> {
    let mut fit = all.iter().filter(|one| one.takes() && fits(one));
    let chosen = match choice.balance {
        Balance::RoundRobin => {
            let count = fit.clone().count();
            let turn = turn.fetch_add(1, Ordering::Relaxed);
            fit.nth(turn.checked_rem(count)?)
        }
        Balance::LeastRequest => fit.min_by_key(|one| one.in_flight()),
        Balance::Hash => fit.max_by_key(|one| mix(choice.hash ^ hash(one.id.as_bytes()))),
        Balance::LeastOfTwo => {
            let count = fit.clone().count() as u64;
            if count == 0 {
                return None;
            }
            let first = choice.chance % count;
            // Another one, where there is another.
            let step = match count {
                1 => 0,
                _ => 1 + (choice.chance >> 32) % (count - 1),
            };
            let second = (first + step) % count;
            let (one, other) = (fit.clone().nth(first as usize)?, fit.nth(second as usize)?);
            let cost = |one: &Backend| {
                // One that was never asked is worth a try.
                one.latency(choice.now).max(1.0) * f64::from(one.in_flight() + 1)
            };
            Some(if cost(other) < cost(one) { other } else { one })
        }
    };
    chosen.cloned()
}

/// FNV-1a: the same client comes to the same instance, also after a restart of the gateway.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Spreads what differs in a few bits over all of them: the end of `SplitMix64`.
pub(crate) fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::of;
    use model::Timestamp;
    use std::collections::BTreeMap;
    use std::time::Duration;

    fn three() -> Vec<Arc<Backend>> {
        ["a", "b", "c"].map(|id| Arc::new(of(id))).to_vec()
    }

    fn counts(
        all: &[Arc<Backend>],
        balance: Balance,
        mut prepare: impl FnMut(u64, &mut Choice<'_>),
    ) -> BTreeMap<String, u32> {
        let (turn, mut counts) = (AtomicUsize::new(0), BTreeMap::new());
        for n in 0..3_000 {
            let mut choice = Choice {
                balance,
                now: 1_000,
                chance: mix(n),
                hash: 0,
                tried: &[],
            };
            prepare(n, &mut choice);
            let chosen = choose(all, &turn, &choice).unwrap();
            *counts.entry(chosen.id.clone()).or_default() += 1;
        }
        counts
    }

    #[test]
    fn every_way_reaches_all_that_are_alike() {
        let all = three();
        for balance in [Balance::LeastOfTwo, Balance::RoundRobin, Balance::Hash] {
            let counts = counts(&all, balance, |n, choice| choice.hash = mix(n + 7));
            assert_eq!(counts.len(), 3, "{balance:?}: {counts:?}");
            let even = counts.values().all(|count| (800..1_200).contains(count));
            assert!(even, "{balance:?}: {counts:?}");
        }
    }

    #[test]
    fn a_slow_one_and_a_busy_one_get_less() {
        let all = three();
        for one in &all {
            one.quick(1_000, Duration::from_millis(1));
        }
        all[0].quick(1_000, Duration::from_millis(50));
        let slow = counts(&all, Balance::LeastOfTwo, |_, _| {});
        assert_eq!(slow.get("a"), None, "{slow:?}");
        all[1].begin();
        let busy = counts(&all, Balance::LeastRequest, |_, _| {});
        assert_eq!(busy.get("b"), None, "{busy:?}");
    }

    #[test]
    fn what_is_slow_is_tried_again_after_a_while() {
        let all = three();
        for one in &all {
            one.quick(1_000, Duration::from_millis(1));
        }
        all[0].quick(1_000, Duration::from_millis(50));
        let later = counts(&all, Balance::LeastOfTwo, |_, choice| {
            choice.now = 1_000 + 120_000;
        });
        assert!(later.contains_key("a"), "{later:?}");
    }

    #[test]
    fn the_same_client_comes_to_the_same_instance_while_it_is_there() {
        let all = three();
        let one = counts(&all, Balance::Hash, |_, choice| choice.hash = hash(b"ada"));
        assert_eq!(one.len(), 1);
        let (name, _) = one.first_key_value().unwrap();
        let gone: Vec<_> = all.iter().filter(|one| one.id != *name).cloned().collect();
        let before = |n: u64| mix(n);
        for n in 0..100 {
            let of = |set: &[Arc<Backend>]| {
                let choice = Choice {
                    balance: Balance::Hash,
                    now: 0,
                    chance: 0,
                    hash: before(n),
                    tried: &[],
                };
                choose(set, &AtomicUsize::new(0), &choice)
                    .unwrap()
                    .id
                    .clone()
            };
            // Only those of the one that left are sent elsewhere.
            let was = of(&all);
            assert!(was == *name || of(&gone) == was);
        }
    }

    #[test]
    fn what_is_left_out_is_better_than_nothing_and_what_drains_is_not() {
        let all = three();
        let id = |tried: &[u64]| {
            let choice = Choice {
                balance: Balance::LeastOfTwo,
                now: 1_000,
                chance: mix(3),
                hash: 0,
                tried,
            };
            choose(&all, &AtomicUsize::new(0), &choice).map(|one| one.id.clone())
        };
        all[0].eject(1_000, String::new());
        all[1].drain();
        assert_eq!(id(&[]).as_deref(), Some("c"));
        assert_eq!(id(&[all[2].number]).as_deref(), Some("a"));
        assert_ne!(id(&[all[0].number, all[2].number]), None);
        all[0].drain();
        all[2].withhold(Some(("its check fails".into(), Timestamp(0))));
        assert_eq!(id(&[]), None);
    }
}

//! A little chance: enough that those who began together do not stay together, and not for secrets.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

/// Any number.
pub(crate) fn number() -> u64 {
    // Every state has random keys of its own, and the hash of nothing shows them.
    RandomState::new().build_hasher().finish()
}

/// Any time up to this.
pub(crate) fn up_to(most: Duration) -> Duration {
    let part = u32::try_from(number() % 1_024).unwrap_or(0);
    most.mul_f64(f64::from(part) / 1_024.0)
}

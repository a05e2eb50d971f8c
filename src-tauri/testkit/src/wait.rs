//! Waiting until something is so, instead of sleeping.

use std::time::Duration;

/// Between two looks. Short against anything a test waits for, long against the look itself.
const PAUSE: Duration = Duration::from_millis(2);

/// Returns as soon as `condition` holds; after `deadline` it returns whether it holds at last.
/// Blocks the thread: in async tests use [`eventually_async`].
#[must_use]
pub fn eventually(deadline: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let begun = std::time::Instant::now();
    while begun.elapsed() < deadline {
        if condition() {
            return true;
        }
        std::thread::park_timeout(PAUSE);
    }
    condition()
}

/// Like [`eventually`], leaving the thread to others between two looks.
#[must_use]
pub async fn eventually_async(deadline: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let end = tokio::time::Instant::now() + deadline;
    while tokio::time::Instant::now() < end {
        if condition() {
            return true;
        }
        tokio::time::sleep(PAUSE).await;
    }
    condition()
}

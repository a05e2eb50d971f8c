//! The one place that reads clocks. Everything that decides is handed a [`Now`].

use model::{Mono, Now, Timestamp};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Both clocks, counted from when it was made. Copies agree with each other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    zero: Instant,
}

#[expect(clippy::disallowed_methods, reason = "this is the clock")]
impl Clock {
    /// A clock that reads zero now.
    pub(crate) fn start() -> Self {
        Self {
            zero: Instant::now(),
        }
    }

    /// Both clocks at once. The monotonic one stands still while the machine sleeps, so waking up
    /// makes nothing overdue.
    pub(crate) fn now(&self) -> Now {
        let mono = u64::try_from(self.zero.elapsed().as_millis()).unwrap_or(u64::MAX);
        Now {
            mono: Mono(mono),
            wall: Self::wall(),
        }
    }

    /// Wall-clock time alone.
    pub(crate) fn wall() -> Timestamp {
        let millis = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| {
                i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
            });
        Timestamp(millis)
    }

    /// The instant tokio can sleep until for a monotonic time of this clock.
    pub(crate) fn instant(&self, at: Mono) -> tokio::time::Instant {
        tokio::time::Instant::from_std(self.zero + std::time::Duration::from_millis(at.0))
    }
}

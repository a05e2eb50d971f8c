//! The one place that reads clocks. Everything that decides is handed a [`Now`].

use model::{Mono, Now, Timestamp};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Wall-clock time, for who says when something was asked: see [`Handle::asked_at`](crate::Handle::asked_at).
pub fn wall() -> Timestamp {
    Clock::wall()
}

/// Both clocks. Copies agree with each other, and so do those of all engines of one boot: what one
/// remembers of its past the next one can count on from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    made: Instant,
    /// What the machine's monotonic clock read then, in milliseconds.
    read: u64,
}

#[expect(clippy::disallowed_methods, reason = "this is the clock")]
impl Clock {
    /// A clock.
    pub(crate) fn start() -> Self {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let (seconds, nanos) = (
            u64::try_from(now.tv_sec).unwrap_or(0),
            u64::try_from(now.tv_nsec).unwrap_or(0),
        );
        Self {
            made: Instant::now(),
            read: seconds * 1_000 + nanos / 1_000_000,
        }
    }

    /// Both clocks at once. The monotonic one stands still while the machine sleeps, so waking up
    /// makes nothing overdue.
    pub(crate) fn now(&self) -> Now {
        let mono = u64::try_from(self.made.elapsed().as_millis()).unwrap_or(u64::MAX);
        Now {
            mono: Mono(self.read.saturating_add(mono)),
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

    /// The monotonic time of this clock that an instant of tokio's is.
    pub(crate) fn mono(&self, at: tokio::time::Instant) -> Mono {
        let since = at.into_std().saturating_duration_since(self.made);
        Mono(self.read) + since
    }

    /// The instant tokio can sleep until for a monotonic time of this clock.
    pub(crate) fn instant(&self, at: Mono) -> tokio::time::Instant {
        let after = std::time::Duration::from_millis(at.0.saturating_sub(self.read));
        tokio::time::Instant::from_std(self.made + after)
    }
}

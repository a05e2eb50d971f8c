//! The one place that reads clocks. Everything that decides is handed a [`Now`].

use model::{Mono, Now, Timestamp};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

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

    /// All clocks, for who looks whether the machine slept; `beat` knows whether the engine stood still.
    pub(crate) fn reading(&self, beat: &Beat) -> healing::gap::Reading {
        let Now { mono, wall } = self.now();
        let boot = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let boot = Duration::new(
            u64::try_from(boot.tv_sec).unwrap_or(0),
            u32::try_from(boot.tv_nsec).unwrap_or(0),
        );
        healing::gap::Reading {
            mono,
            boot: Mono(u64::try_from(boot.as_millis()).unwrap_or(u64::MAX)),
            wall,
            still: beat.missed(mono),
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

/// The engine's regular beat, and the last time it did not come.
#[derive(Debug, Default)]
pub(crate) struct Beat {
    /// When it came last; 0: not yet.
    at: AtomicU64,
    /// When it had come before it did not, and for how long it did not.
    missed: [AtomicU64; 2],
}

impl Beat {
    /// Between two.
    pub(crate) const EVERY: Duration = Duration::from_secs(1);

    /// It comes.
    pub(crate) fn beat(&self, now: Mono) {
        if let Some((at, time)) = self.overdue(now) {
            let [from, length] = &self.missed;
            from.store(at.0, Ordering::Relaxed);
            let time = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
            length.store(time, Ordering::Release);
        }
        self.at.store(now.0, Ordering::Release);
    }

    fn overdue(&self, now: Mono) -> Option<(Mono, Duration)> {
        let at = Mono(self.at.load(Ordering::Acquire));
        let time = now.since(at);
        (at.0 > 0 && time > healing::gap::STILL).then_some((at, time))
    }

    /// The last time it did not come, be it over or not. Who asks may be quicker than the beat.
    fn missed(&self, now: Mono) -> Option<(Mono, Duration)> {
        let [from, length] = &self.missed;
        let over = || {
            let time = Duration::from_millis(length.load(Ordering::Acquire));
            (!time.is_zero()).then(|| (Mono(from.load(Ordering::Relaxed)), time))
        };
        self.overdue(now).or_else(over)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beat_that_did_not_come_is_the_same_before_and_after_it_comes_again() {
        let beat = Beat::default();
        assert_eq!(beat.missed(Mono(50_000)), None, "it has not begun");
        beat.beat(Mono(50_000));
        beat.beat(Mono(51_002));
        assert_eq!(beat.missed(Mono(52_500)), None);
        let (at, time) = beat.missed(Mono(111_002)).unwrap();
        assert_eq!((at, time), (Mono(51_002), Duration::from_secs(60)));
        beat.beat(Mono(111_010));
        assert_eq!(beat.missed(Mono(111_011)).map(|missed| missed.0), Some(at));
    }

    #[test]
    fn the_clocks_agree_while_nothing_happens() {
        let (clock, beat) = (Clock::start(), Beat::default());
        let mut gaps = healing::Gaps::default();
        gaps.look(clock.reading(&beat));
        let gap = gaps.look(clock.reading(&beat));
        // Somebody may set this machine's clock at any time.
        assert!(gap.is_none_or(|gap| !gap.blind()), "{gap:?}");
    }
}

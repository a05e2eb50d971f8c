//! How long an emergency stop goes on, and before whom.

use rustix::process::{getpriority_process, setpriority_process};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Nobody has ended for so long: who is left does not end by SIGKILL. On a machine that has nothing
/// else to do a thousand have ended before.
const STALLED: Duration = Duration::from_millis(4_500);
/// And at so many looks, which may take seconds each: one to stop them, one to kill them, one to see.
const LOOKS: u32 = 3;
/// However many still end: a thousand times what a process takes, on a machine that is short of
/// everything. What comes back for so long comes back for ever.
pub(super) const WHOLE: Duration = Duration::from_secs(60);
/// Whether it goes on.
pub(super) struct Progress {
    begun: Instant,
    /// When somebody was last seen to have ended.
    ended: Instant,
    /// Looks since then, those that could not be taken as well.
    looks: u32,
    /// Everyone at the last look, shims as well, by number and start.
    living: BTreeSet<(u32, u64)>,
}

impl Progress {
    pub(super) fn new(begun: Instant) -> Progress {
        Progress {
            begun,
            ended: begun,
            looks: 0,
            living: BTreeSet::new(),
        }
    }

    /// It was looked; these live now, when that could be seen.
    pub(super) fn looked(&mut self, now: Instant, living: Option<BTreeSet<(u32, u64)>>) {
        self.looks += 1;
        let Some(living) = living else {
            return;
        };
        if !self.living.is_subset(&living) {
            (self.ended, self.looks) = (now, 0);
        }
        self.living = living;
    }

    /// Why it does not go on.
    pub(super) fn over(&self, now: Instant) -> Option<&'static str> {
        if now.duration_since(self.begun) >= WHOLE {
            Some("some still ended after a minute, and others came")
        } else if now.duration_since(self.ended) >= STALLED && self.looks >= LOOKS {
            Some("nobody has ended for 4.5 s")
        } else {
            None
        }
    }
}

/// This thread before all others, as far as it may: a hundred processes that are to be ended and do
/// not rest leave it two hundredths of a machine with two processors.
pub(super) struct Urgent {
    before: i32,
}

impl Urgent {
    pub(super) fn begin() -> Option<Urgent> {
        let before = getpriority_process(None).ok()?;
        setpriority_process(None, -20).ok()?;
        Some(Urgent { before })
    }
}

impl Drop for Urgent {
    fn drop(&mut self) {
        // It was allowed to be before.
        let _ = setpriority_process(None, self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_on_as_long_as_somebody_ends_and_not_for_ever() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let living =
            |from: u32| -> BTreeSet<(u32, u64)> { (from..100).map(|pid| (pid, 7)).collect() };
        let mut progress = Progress::new(begun);
        progress.looked(at(0), Some(living(0)));
        // One in four seconds: slow, and sure.
        for (second, from) in [(4, 1), (8, 2), (12, 3), (16, 4)] {
            progress.looked(at(second), Some(living(from)));
            assert_eq!(progress.over(at(second + 4)), None, "{second}");
        }
        // Others that come are no reason to go on, and a look that takes its time is none to stop.
        for known in [Some(living(3)), None, Some(living(3))] {
            assert_eq!(progress.over(at(21)), None);
            progress.looked(at(21), known);
        }
        assert_eq!(progress.over(at(21)), Some("nobody has ended for 4.5 s"));
        // A number that means another by now has ended.
        let mut other = living(4);
        other.insert((3, 8));
        progress.looked(at(22), Some(other));
        assert_eq!(progress.over(at(26)), None);
        for second in 22..60 {
            progress.looked(at(second), Some(BTreeSet::from([(second as u32, 9)])));
            assert_eq!(progress.over(at(second)), None);
        }
        let why = progress.over(at(60));
        assert_eq!(
            why,
            Some("some still ended after a minute, and others came")
        );
    }
}

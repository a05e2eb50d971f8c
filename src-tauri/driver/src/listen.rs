//! Waiting for an answer for as long as this program listens.
//!
//! A program that is stopped, swapped out or on a machine that sleeps finds its time-outs over when it
//! goes on, before it has looked at what came meanwhile. Used wherever a time-out is a verdict on
//! somebody else: probes, commands, hooks.

use std::pin::pin;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// Between two looks at whether this program stood still. Few answers take so long.
const LOOK: Duration = Duration::from_millis(250);
/// A look that is so late did not wait for its turn among busy threads: nobody listened.
const LATE: Duration = Duration::from_millis(250);
/// So many late looks are forgiven: on a machine that is always late, what hangs still ends.
const FORGIVEN: u32 = 8;

/// How it was listened to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Heard {
    /// For how long. Time in which this program stood still does not count.
    pub time: Duration,
    /// This program stood still meanwhile: whoever was to be listened to may have waited for it, too.
    pub still: bool,
}

/// The answer, unless none came within this time.
pub async fn listen<T>(answer: impl Future<Output = T>, within: Duration) -> (Option<T>, Heard) {
    let mut answer = pin!(answer);
    let mut listening = Listening::new(within);
    loop {
        let (step, begun) = (listening.step(), Instant::now());
        let came = timeout(step, &mut answer).await;
        let ended = listening.looked(step, begun.elapsed(), came.is_ok());
        match came {
            Ok(answer) => return (Some(answer), listening.heard),
            Err(_) if ended => return (None, listening.heard),
            Err(_) => {}
        }
    }
}

/// How long somebody has listened so far.
#[derive(Debug)]
struct Listening {
    within: Duration,
    heard: Heard,
    forgiven: u32,
}

impl Listening {
    fn new(within: Duration) -> Self {
        Self {
            within,
            heard: Heard::default(),
            forgiven: 0,
        }
    }

    /// When to look the next time, from now.
    fn step(&self) -> Duration {
        LOOK.min(self.within.saturating_sub(self.heard.time))
    }

    /// Counts a look that was to take a step, and took so long; true when it was the last.
    fn looked(&mut self, step: Duration, took: Duration, came: bool) -> bool {
        let late = took > step + LATE;
        self.heard.still |= late;
        if late && came {
            // How much of that time the answer took is not known.
            self.heard.time += step;
        } else if late && self.forgiven < FORGIVEN {
            // It may have come, and not been seen before the time was over.
            self.forgiven += 1;
        } else {
            self.heard.time += took;
        }
        came || self.heard.time >= self.within
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};

    const SECOND: Duration = Duration::from_secs(1);
    const LONG: Duration = Duration::from_secs(600);

    #[test]
    fn time_in_which_nobody_listened_is_not_counted() {
        let mut listening = Listening::new(SECOND);
        assert!(!listening.looked(LOOK, LOOK, false));
        assert!(!listening.looked(LOOK, LONG, false), "stopped meanwhile");
        assert_eq!((listening.heard.time, listening.step()), (LOOK, LOOK));
        assert!(listening.looked(LOOK, LONG, true), "and once more");
        let time = 2 * LOOK;
        assert_eq!(listening.heard, Heard { time, still: true });
        // As late as a busy machine is counts.
        let mut listening = Listening::new(SECOND);
        assert!(!listening.looked(LOOK, LOOK + LATE, false));
        let time = LOOK + LATE;
        assert_eq!(listening.heard, Heard { time, still: false });
        assert!(listening.looked(LOOK, LOOK + LATE, false));
    }

    #[test]
    fn what_hangs_ends_even_if_every_look_is_late() {
        let mut listening = Listening::new(SECOND);
        let looks = (1..).find(|_| {
            let step = listening.step();
            listening.looked(step, step + 2 * LATE, false)
        });
        assert_eq!(looks, Some(FORGIVEN + 2));
    }

    #[tokio::test]
    async fn an_answer_is_one_and_silence_is_none() {
        let (answer, heard) = listen(ready(7), Duration::ZERO).await;
        assert_eq!(answer, Some(7));
        assert!(heard.time < SECOND, "{heard:?}");
        let short = Duration::from_millis(30);
        let (answer, heard) = listen(pending::<()>(), short).await;
        assert_eq!(answer, None);
        assert!(heard.time >= short, "{heard:?}");
    }
}

//! A log in its shim's own time: how long the shim may sleep, and how late it may wake.

use crate::sys;
use shim::log::Log;
use std::ffi::c_int;
use std::ops::{Deref, DerefMut};
use std::time::{Duration, Instant};

/// How late timers may come: a thousand shims at rest wake together, one in a flood at once.
const CALM_MS: u64 = 100;
const PROMPT_MS: u64 = 1;
/// From here on a look is near: twice the longest time between two at a growing log.
const NEAR: Duration = Duration::from_millis(100);

/// See the module.
pub(crate) struct Timed {
    log: Log,
    prompt: bool,
}

impl Timed {
    pub(crate) fn new(log: Log) -> Timed {
        Timed { log, prompt: false }
    }

    /// A start begins.
    pub(crate) fn begins(&mut self, generation: u64) {
        // The fork that follows leaves timers as late as those of a shim at rest.
        self.prompt = false;
        self.log.begins(generation);
    }

    /// How long `poll` may wait for something else, in milliseconds; `None` is for ever.
    pub(crate) fn wait(&mut self) -> Option<c_int> {
        let left = self.log.due()?.saturating_duration_since(Instant::now());
        let prompt = left < NEAR;
        if prompt != self.prompt {
            self.prompt = prompt;
            sys::timer_slack(if prompt { PROMPT_MS } else { CALM_MS });
        }
        // Rounded up, so that it is not asked again for the rest of a millisecond.
        Some(c_int::try_from(left.as_micros().div_ceil(1_000)).unwrap_or(c_int::MAX))
    }
}

impl Deref for Timed {
    type Target = Log;
    fn deref(&self) -> &Log {
        &self.log
    }
}

impl DerefMut for Timed {
    fn deref_mut(&mut self) -> &mut Log {
        &mut self.log
    }
}

//! Knowing when what a client was given has left: what breaks an answer off also drops what of it hyper
//! and h2 still hold, so that it has to come after that.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Waker};

/// How often all that was there for a client has been written.
#[derive(Default)]
pub(crate) struct Flushes {
    times: AtomicU64,
    /// How many there have to be until all of the last answer has left.
    at_end: AtomicU64,
    /// Writes of which the socket took something.
    writes: AtomicU64,
    waiting: Mutex<Vec<Waker>>,
}

impl Flushes {
    pub(crate) fn times(&self) -> u64 {
        self.times.load(Ordering::Relaxed)
    }

    pub(crate) fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }

    /// The socket took something.
    pub(crate) fn written(&self) {
        self.writes.fetch_add(1, Ordering::Relaxed);
    }

    /// An answer will be given.
    pub(crate) fn begun(&self) {
        self.at_end.store(u64::MAX, Ordering::Relaxed);
    }

    /// It has been given whole; some of it may be held yet.
    pub(crate) fn ended(&self) {
        self.at_end.store(self.times() + 1, Ordering::Relaxed);
    }

    /// No answer is under way, and nothing of the last is held.
    pub(crate) fn all_has_left(&self) -> bool {
        self.times() >= self.at_end.load(Ordering::Relaxed)
    }

    /// It has been so since there were so many; who asks too soon is woken.
    pub(crate) fn since(&self, before: u64, cx: &Context<'_>) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let since = self.times() > before;
        if !since {
            waiting.push(cx.waker().clone());
        }
        since
    }

    /// All that was there has been written.
    pub(crate) fn flushed(&self) {
        self.times.fetch_add(1, Ordering::Relaxed);
        let waiting =
            std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        for waker in waiting {
            waker.wake();
        }
    }
}

//! Knowing when what a client was given has left: what breaks an answer off also drops what of it hyper
//! and h2 still hold, so that it has to come after that.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Waker};

/// How often all that was there for a client has been written.
#[derive(Default)]
pub(crate) struct Flushes {
    times: AtomicU64,
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

//! Knowing when what a client was given has left: what breaks an answer off also drops what of it hyper
//! and h2 still hold, so that it has to come after that.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

/// How often all that was there for a client has been written.
#[derive(Default)]
pub(crate) struct Flushes {
    times: AtomicU64,
    /// How many there have to be until all of the last answer has left.
    at_end: AtomicU64,
    /// Writes of which the socket took something.
    writes: AtomicU64,
    /// The client has said that it sends nothing more, while an answer was owed.
    said_all: AtomicBool,
    /// And that is passed on: what follows needs it.
    passed_on: AtomicBool,
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
        let mut waiting = self.waiting();
        let since = self.times() > before;
        if !since {
            wait(&mut waiting, cx);
        }
        since
    }

    /// The client sends nothing more. True when that is to be kept for now: an answer is owed, and who gives it need not
    /// know. Who asks is woken when it may be otherwise.
    pub(crate) fn keeps_end(&self, cx: &Context<'_>) -> bool {
        let mut waiting = self.waiting();
        let keeps = !self.all_has_left() && !self.passed_on.load(Ordering::Relaxed);
        if keeps {
            self.said_all.store(true, Ordering::Relaxed);
            wait(&mut waiting, cx);
        }
        keeps
    }

    /// It was kept.
    pub(crate) fn has_said_all(&self) -> bool {
        self.said_all.load(Ordering::Relaxed)
    }

    /// It is to be kept no more.
    pub(crate) fn pass_end(&self) {
        self.passed_on.store(true, Ordering::Relaxed);
        self.wake();
    }

    /// All that was there has been written.
    pub(crate) fn flushed(&self) {
        self.times.fetch_add(1, Ordering::Relaxed);
        self.wake();
    }

    fn wake(&self) {
        let waiting = std::mem::take(&mut *self.waiting());
        for waker in waiting {
            waker.wake();
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Waker>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Once, however often it asks.
fn wait(waiting: &mut Vec<Waker>, cx: &Context<'_>) {
    if !waiting.iter().any(|one| one.will_wake(cx.waker())) {
        waiting.push(cx.waker().clone());
    }
}

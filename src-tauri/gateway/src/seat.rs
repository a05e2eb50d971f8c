//! The connections of clients that a thread has: how many, and which of them can go when there are too
//! many, or hold up what they began.

use crate::Shared;
use crate::body::Sent;
use crate::sniff::Sniffed;
use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Connections of clients at a time. Each may have one to an instance beside it.
const CONNECTIONS: u32 = 1_024;
/// How long a client may take for the next piece of a body, or to take a piece of an answer.
const STALLED: Duration = Duration::from_secs(30);

/// One connection of a client, and what follows HTTP on it.
pub(crate) struct Seat {
    shared: Arc<Shared>,
    /// Requests under way.
    busy: Cell<u32>,
    /// Since when it has had none.
    since: Cell<Instant>,
    /// The body that it sends.
    sending: RefCell<Weak<Sent>>,
    sniffed: RefCell<Option<Sniffed>>,
    leave: Notify,
}

impl Seat {
    /// A request begins; [`Seat::end`] is its end.
    pub(crate) fn begin(&self) {
        self.busy.set(self.busy.get() + 1);
    }

    pub(crate) fn end(&self) {
        self.busy.set(self.busy.get().saturating_sub(1));
        self.since.set(Instant::now());
    }

    pub(crate) fn sends(&self, sent: &Rc<Sent>) {
        *self.sending.borrow_mut() = Rc::downgrade(sent);
    }

    pub(crate) fn is_seen_by(&self, sniffed: Sniffed) {
        *self.sniffed.borrow_mut() = Some(sniffed);
    }

    /// Resolves when it is to be closed.
    pub(crate) async fn told_to_leave(&self) {
        self.leave.notified().await;
    }

    fn is_stalled(&self, now: Instant) -> bool {
        let long = |since: Option<Instant>| {
            since.is_some_and(|since| now.saturating_duration_since(since) > STALLED)
        };
        let sending = self.sending.borrow().upgrade();
        let sniffed = self.sniffed.borrow();
        sending.is_some_and(|sent| long(sent.waits.get()))
            || sniffed.as_ref().is_some_and(|seen| long(seen.writing()))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.shared.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// All of a thread.
#[derive(Default)]
pub(crate) struct Seats(RefCell<Vec<Weak<Seat>>>);

impl Seats {
    /// A place for one more. When there is none, the one that has waited longest without a request makes
    /// room; `None` when all have one.
    pub(crate) fn take(&self, shared: &Arc<Shared>) -> Option<Rc<Seat>> {
        let before = shared.connections.fetch_add(1, Ordering::Relaxed);
        let seat = Rc::new(Seat {
            shared: Arc::clone(shared),
            busy: Cell::new(0),
            since: Cell::new(Instant::now()),
            sending: RefCell::default(),
            sniffed: RefCell::default(),
            leave: Notify::new(),
        });
        let mut all = self.0.borrow_mut();
        if before >= CONNECTIONS {
            let known = all.iter().filter_map(Weak::upgrade);
            let idle = known
                .filter(|one| one.busy.get() == 0)
                .min_by_key(|one| one.since.get())?;
            // Told once: it is not chosen again.
            idle.busy.set(1);
            idle.leave.notify_one();
        }
        if all.len() == all.capacity() {
            all.retain(|one| one.strong_count() > 0);
        }
        all.push(Rc::downgrade(&seat));
        Some(seat)
    }

    /// Closes those that hold up what they began.
    pub(crate) fn sweep(&self) {
        let now = Instant::now();
        let mut all = self.0.borrow_mut();
        all.retain(|one| one.strong_count() > 0);
        for seat in all.iter().filter_map(Weak::upgrade) {
            if seat.is_stalled(now) {
                seat.leave.notify_one();
            }
        }
    }
}

//! How many connections all forwards have together, so that descriptors are left to accept others and to
//! answer the engine.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Descriptors that are not for connections: what is listened at, and the words with the engine.
const KEPT: usize = 64;
/// Each connection takes two threads as well.
const MOST: usize = 2_048;

/// See the module.
pub(crate) struct Room {
    most: usize,
    taken: AtomicUsize,
}

/// One connection's, until it is dropped.
pub(crate) struct Place(Arc<Room>);

impl Room {
    /// Of a process that may have so many descriptors; a connection takes two.
    pub(crate) fn of_descriptors(descriptors: usize) -> Self {
        let most = descriptors.saturating_sub(KEPT) / 2;
        Self {
            most: most.clamp(1, MOST),
            taken: AtomicUsize::new(0),
        }
    }

    /// `None` when all are taken.
    pub(crate) fn place(room: &Arc<Self>) -> Option<Place> {
        let more = |taken| (taken < room.most).then_some(taken + 1);
        let order = Ordering::Relaxed;
        room.taken.fetch_update(order, order, more).ok()?;
        Some(Place(Arc::clone(room)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

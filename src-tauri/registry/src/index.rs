//! Who waits for the registry to change, and for which part of it.
//!
//! Every visible change has a number, higher than all before it, also those of engines before this
//! one (`keeper` reserves them on disk in blocks). A reader says which number it has seen and waits
//! for a higher one of what it asks for; it is woken by that alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Numbers that are reserved at once: days of a registry that changes without rest.
pub(crate) const BLOCK: u64 = 1 << 24;

/// What a reader waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Watched {
    /// Anything at all.
    Everything,
    /// Which names there are, with which tags.
    Names,
    /// The entries of this name, and how well they are.
    Name(String),
}

/// Who is woken.
#[derive(Default)]
pub(crate) struct Waiting {
    everything: Notify,
    names: Notify,
    of: Mutex<HashMap<String, Arc<Notify>>>,
}

/// A place to be woken at, given back when it is dropped.
pub(crate) struct Place<'a> {
    waiting: &'a Waiting,
    watched: &'a Watched,
    of: Option<Arc<Notify>>,
}

impl Waiting {
    pub(crate) fn place<'a>(&'a self, watched: &'a Watched) -> Place<'a> {
        let of = match watched {
            Watched::Name(name) => Some(Arc::clone(self.lock().entry(name.clone()).or_default())),
            Watched::Everything | Watched::Names => None,
        };
        Place {
            waiting: self,
            watched,
            of,
        }
    }

    /// Something of these names has changed; `names`: which there are, or their tags.
    pub(crate) fn wake<'n>(&self, names: bool, of: impl Iterator<Item = &'n str>) {
        {
            let waiting = self.lock();
            if !waiting.is_empty() {
                for name in of {
                    if let Some(notify) = waiting.get(name) {
                        notify.notify_waiters();
                    }
                }
            }
        }
        if names {
            self.names.notify_waiters();
        }
        self.everything.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Notify>>> {
        self.of.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place<'_> {
    pub(crate) fn notify(&self) -> &Notify {
        match (&self.of, self.watched) {
            (Some(notify), _) => notify,
            (None, Watched::Names) => &self.waiting.names,
            (None, _) => &self.waiting.everything,
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let (Watched::Name(name), Some(mine)) = (self.watched, self.of.take()) else {
            return;
        };
        let mut of = self.waiting.lock();
        drop(mine);
        // Taken under the lock, so nobody is between looking it up and waiting.
        if of
            .get(name)
            .is_some_and(|notify| Arc::strong_count(notify) == 1)
        {
            of.remove(name);
        }
    }
}

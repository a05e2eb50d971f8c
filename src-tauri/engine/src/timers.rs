//! The timers of one cluster: set, replaced and cancelled by key, taken in the order they come due.

use model::Mono;
use orchestrator::TimerKey;
use std::collections::{BTreeMap, BTreeSet};

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    due: BTreeSet<(Mono, TimerKey)>,
    at: BTreeMap<TimerKey, Mono>,
}

impl Timers {
    /// Sets a timer; an earlier setting of the same key is forgotten.
    pub(crate) fn set(&mut self, key: TimerKey, at: Mono) {
        self.cancel(&key);
        self.due.insert((at, key.clone()));
        self.at.insert(key, at);
    }

    /// Forgets a timer.
    pub(crate) fn cancel(&mut self, key: &TimerKey) {
        if let Some(at) = self.at.remove(key) {
            self.due.remove(&(at, key.clone()));
        }
    }

    /// When the next one comes due.
    pub(crate) fn next(&self) -> Option<Mono> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Takes the next one that is due at `now`.
    pub(crate) fn take(&mut self, now: Mono) -> Option<TimerKey> {
        let (at, _) = self.due.first()?;
        if *at > now {
            return None;
        }
        let (_, key) = self.due.pop_first()?;
        self.at.remove(&key);
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(service: &str) -> TimerKey {
        TimerKey::Backoff(service.parse().unwrap())
    }

    #[test]
    fn a_replaced_timer_comes_due_once_at_its_new_time() {
        let mut timers = Timers::default();
        timers.set(key("a"), Mono(10));
        timers.set(key("b"), Mono(20));
        timers.set(key("a"), Mono(30));
        assert_eq!(timers.next(), Some(Mono(20)));
        assert_eq!(timers.take(Mono(15)), None);
        assert_eq!(timers.take(Mono(40)), Some(key("b")));
        assert_eq!(timers.take(Mono(40)), Some(key("a")));
        assert_eq!(timers.take(Mono(40)), None);
    }

    #[test]
    fn a_cancelled_timer_never_comes() {
        let mut timers = Timers::default();
        timers.set(key("a"), Mono(10));
        timers.cancel(&key("a"));
        assert_eq!(timers.next(), None);
    }
}

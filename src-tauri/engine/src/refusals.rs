//! Refused acts are written down like others; a program that asks again and again must not fill the book with
//! them. Of each kind one is written within a second, of all kinds some, and the others are counted.

use model::{Actor, Target, Verb};
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Those of a second that are written down.
const SINGLY: usize = 20;
/// So often an alarm about the same rule is told.
const ALARM: Duration = Duration::from_secs(60);
/// Rules whose alarms are remembered: more than a file may have.
const RULES: usize = 1_000;

/// See the module.
#[derive(Default)]
pub(crate) struct Refusals(Mutex<Second>);

#[derive(Default)]
struct Second {
    written: BTreeSet<u64>,
    untold: usize,
    /// All there ever were.
    total: u64,
    alarms: BTreeMap<String, Instant>,
}

impl Refusals {
    /// One more; true when it is to be written down.
    pub(crate) fn one(&self, actor: &Actor, verb: Verb, target: &Target) -> bool {
        let mut hasher = DefaultHasher::new();
        (actor, verb, target).hash(&mut hasher);
        let kind = hasher.finish();
        let mut second = self.lock();
        let written = second.written.len() < SINGLY && second.written.insert(kind);
        second.untold += usize::from(!written);
        second.total += 1;
        written
    }

    /// How many acts were refused since the engine started.
    pub(crate) fn total(&self) -> u64 {
        self.lock().total
    }

    /// The second is over: how many were not written down.
    pub(crate) fn over(&self) -> usize {
        let mut second = self.lock();
        second.written.clear();
        std::mem::take(&mut second.untold)
    }

    /// This rule could not be worked out; true when that is to be told now.
    pub(crate) fn alarm(&self, rule: &str, now: Instant) -> bool {
        let mut second = self.lock();
        let told = second.alarms.get(rule);
        if told.is_some_and(|told| now.duration_since(*told) < ALARM) {
            return false;
        }
        if second.alarms.len() >= RULES {
            second.alarms.clear();
        }
        second.alarms.insert(rule.to_owned(), now);
        true
    }

    fn lock(&self) -> MutexGuard<'_, Second> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_burst_one_of_each_kind_is_written_and_the_others_counted() {
        let refusals = Refusals::default();
        let actor = Actor::person("cli");
        let of = |n: usize| Target {
            cluster: Some(format!("c{n}").parse().unwrap()),
            ..Target::default()
        };
        for _ in 0..2 {
            let one = |n| refusals.one(&actor, Verb::Stop, &of(n));
            let written = (0..1_000).filter(|_| one(1)).count();
            assert_eq!((written, refusals.over()), (1, 999));
            let written = (0..1_000).filter(|n| one(*n)).count();
            assert_eq!((written, refusals.over()), (SINGLY, 1_000 - SINGLY));
        }
        assert_eq!(refusals.over(), 0);
        assert_eq!(refusals.total(), 4_000);
    }

    #[test]
    fn an_alarm_is_told_once_a_minute_for_each_rule() {
        let refusals = Refusals::default();
        let now = Instant::now();
        assert!(refusals.alarm("a", now) && refusals.alarm("b", now));
        assert!(!refusals.alarm("a", now));
        assert!(refusals.alarm("a", now + ALARM));
    }
}

//! What checks say, and what time makes of it.

use super::{Changed, Clock, Entries, Key};
use crate::check::{Check, Look, MAX_OUTPUT, cut};
use crate::registration::Says;
use crate::{Error, Probed};
use model::Timestamp;
use model::view::Health;
use std::sync::Arc;
use tokio::time::Instant;

/// What is known of why a check says what it said before.
const BEFORE: &str = "so it was when Azora ended, and nothing was heard since";

impl Clock {
    pub(super) fn begin(check: &Check, status: Health, now: Instant) -> Self {
        let mut clock = Self::default();
        if let Look::Ttl { ttl } = check.look {
            clock.silent = Some(now + ttl);
        }
        clock.judged(check, status, now);
        clock
    }

    /// It says this now.
    fn judged(&mut self, check: &Check, status: Health, now: Instant) {
        self.gone = match (status, check.deregister_after) {
            (Health::Critical, Some(after)) => self.gone.or(Some(now + after)),
            _ => None,
        };
    }
}

impl Entries {
    /// A check says this. Readers are told when it is another word than before, not when only the
    /// output is.
    pub(crate) fn set_check(
        &mut self,
        key: &Key,
        check: &str,
        (status, output): (Health, &str),
        wall: Timestamp,
        now: Instant,
    ) -> Result<Changed, Error> {
        let missing = || Error::NoCheck {
            check: check.to_owned(),
            of: key.to_string(),
        };
        let index = self.index + 1;
        let entry = self.get_mut(key).ok_or_else(missing)?;
        let listed = Arc::make_mut(&mut entry.listed);
        let at = listed.checks.iter().position(|one| one.check.id == check);
        let at = at.ok_or_else(missing)?;
        let (state, clock) = (&mut listed.checks[at], &mut entry.clocks[at]);
        cut(output, MAX_OUTPUT).clone_into(&mut state.output);
        if let Look::Ttl { ttl } = state.check.look {
            clock.silent = Some(now + ttl);
        }
        let mut changed = Changed::default();
        if state.status != status {
            state.status = status;
            state.since = wall;
            state.modify_index = index;
            listed.modify_index = index;
            clock.judged(&state.check, status, now);
        }
        listed.judge();
        if listed.modify_index == index {
            let (of, listed) = (Arc::clone(&entry.key), Arc::clone(&entry.listed));
            self.index = index;
            if let Some(named) = self.names.get_mut(&key.name) {
                named.index = index;
            }
            self.tell(of, &listed, &mut changed);
            changed.says = true;
            self.unwritten.insert(key.clone());
        }
        self.stale(key);
        self.reschedule(key);
        Ok(changed)
    }

    /// Its checks say what they said to the engine before, until they are told or asked again. One that is
    /// told in time has its whole time for that.
    pub(crate) fn said_before(&mut self, key: &Key, says: &Says, now: Instant) {
        let Some(entry) = self.get_mut(key) else {
            return;
        };
        let listed = Arc::make_mut(&mut entry.listed);
        for (state, clock) in listed.checks.iter_mut().zip(&mut entry.clocks) {
            let Some((status, since)) = says.get(&state.check.id) else {
                continue;
            };
            (state.status, state.since) = (*status, *since);
            if *status != Health::Passing {
                BEFORE.clone_into(&mut state.output);
            }
            clock.judged(&state.check, *status, now);
        }
        listed.judge();
        self.stale(key);
        self.reschedule(key);
    }

    /// Does what has come due. Gives the entries that are gone by it.
    pub(crate) fn fall_due(&mut self, wall: Timestamp, now: Instant) -> (Vec<Key>, Changed) {
        let due = self.due.iter().take_while(|(due, _)| *due <= now);
        let due: Vec<Key> = due.map(|(_, key)| Key::clone(key)).collect();
        let mut all = Changed::default();
        let mut gone = Vec::new();
        for key in due {
            for (check, said) in self.silent(&key, now) {
                let critical = (Health::Critical, said.as_str());
                if let Ok(changed) = self.set_check(&key, &check, critical, wall, now) {
                    all.add(changed);
                }
                self.hush(&key, &check);
            }
            let Some(entry) = self.get_mut(&key) else {
                continue;
            };
            let mut ends = entry.clocks.iter().filter_map(|clock| clock.gone);
            if entry.lease.is_some_and(|ends| ends <= now) || ends.any(|gone| gone <= now) {
                self.remove(&key, &mut all);
                gone.push(key);
            } else {
                self.reschedule(&key);
            }
        }
        (gone, all)
    }

    /// Its silence was told; the next word sets its clock again.
    fn hush(&mut self, key: &Key, check: &str) {
        if let Some(entry) = self.get_mut(key) {
            let checks = entry.listed.checks.iter().zip(&mut entry.clocks);
            for (_, clock) in checks.filter(|(state, _)| state.check.id == check) {
                clock.silent = None;
            }
        }
    }

    /// The checks of an entry whose last word no longer holds.
    fn silent(&self, key: &Key, now: Instant) -> Vec<(String, String)> {
        let Some(entry) = self.get(key) else {
            return Vec::new();
        };
        let checks = entry.listed.checks.iter().zip(&entry.clocks);
        checks
            .filter(|(_, clock)| clock.silent.is_some_and(|silent| silent <= now))
            .map(|(state, _)| {
                let ttl = match state.check.look {
                    Look::Ttl { ttl } => ttl,
                    Look::Probe(_) | Look::Said => std::time::Duration::ZERO,
                };
                let said = format!("it has not said for {ttl:?} how it is");
                (state.check.id.clone(), said)
            })
            .collect()
    }

    /// All that is to be probed.
    pub(crate) fn probed(&self) -> Vec<Probed> {
        let mut all = Vec::new();
        for entry in self.iter() {
            for state in &entry.listed.checks {
                if let Look::Probe(probe) = &state.check.look {
                    all.push(Probed {
                        key: Key::of(&entry.listed.view),
                        check: state.check.id.clone(),
                        probe: probe.clone(),
                    });
                }
            }
        }
        all
    }
}

impl Changed {
    pub(crate) fn add(&mut self, other: Changed) {
        self.told.add(other.told);
        self.of.extend(other.of);
        self.names |= other.names;
        self.probes |= other.probes;
        self.says |= other.says;
    }

    pub(crate) fn is_nothing(&self) -> bool {
        self.of.is_empty() && !self.probes && !self.names
    }
}

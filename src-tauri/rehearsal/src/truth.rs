//! Who truly serves, why not, and what that does to those who use it.

use crate::chance::About;
use crate::ledger::Away;
use crate::world::{Coming, Engine, Instance, Phase, World};
use model::{ExitStatus, State};

impl World {
    /// Something about a service may have changed: writes it down, and what follows for others.
    pub(crate) fn look_at(&mut self, service: usize) {
        let mut open = vec![service];
        while let Some(service) = open.pop() {
            let now = self.away(service);
            let before = self.services[service].away;
            if now == before {
                continue;
            }
            self.close_interval(service);
            let absences = self.services[service].absences;
            let own = self.services[service].own.is_some();
            self.services[service].away = now;
            self.note_own(service, now);
            if before.is_none() != now.is_none() || own != self.services[service].own.is_some() {
                open.extend(self.services[service].used_by.iter().copied());
            }
            let lost = self.services[service].absences != absences;
            for user in self.services[service].used_by.clone() {
                if lost {
                    self.lose(user, service);
                } else if now.is_none() {
                    self.regain(user, service);
                }
            }
        }
    }

    fn close_interval(&mut self, service: usize) {
        let (now, counted) = (self.now, self.counted_from);
        let it = &mut self.services[service];
        if let (Some(why), Some(from)) = (it.away, counted) {
            let time = now.saturating_sub(it.since.max(from));
            if time > 0 {
                *it.account.away.entry(why).or_default() += time;
            }
        }
        it.since = now;
    }

    /// Ends all that is being written down.
    pub(crate) fn close(&mut self) {
        for service in 0..self.services.len() {
            self.close_interval(service);
        }
        for number in 0..self.instances.len() {
            self.end_round(number);
        }
    }

    /// Begins or ends an absence of its own.
    fn note_own(&mut self, service: usize, why: Option<Away>) {
        let now = self.now;
        let counted = self.counted_from.is_some();
        let it = &mut self.services[service];
        let own = why.is_some_and(|why| !matches!(why, Away::Without(_)));
        match (it.own, own) {
            (None, true) => {
                it.own = Some(now);
                it.absences += 1;
                self.call_person(service);
            }
            (Some(since), false) => {
                it.own = None;
                if counted {
                    it.account.back.push(now - since);
                }
            }
            _ => {}
        }
    }

    /// Why a service does not serve; `None`: it does.
    fn away(&self, service: usize) -> Option<Away> {
        let it = &self.services[service];
        if !self.definition.services.contains_key(&it.name) {
            return None;
        }
        let mut own = None;
        let wanted = usize::from(it.defined.replicas);
        for number in it.instances.iter().take(wanted) {
            match self.own(&self.instances[*number]) {
                None => {
                    own = None;
                    break;
                }
                why => own = own.or(why),
            }
        }
        if it.instances.is_empty() {
            return None;
        }
        own.or_else(|| {
            // What is done once stays done.
            let uses = it.uses.iter().filter(|_| !it.oneshot);
            let missing = uses.copied().find(|used| self.misses(service, *used));
            missing.map(Away::Without)
        })
    }

    /// What a service uses is not there for it. Needs have no cycles; what is only referred to may,
    /// and is missed for its own absences alone.
    pub(crate) fn misses(&self, service: usize, used: usize) -> bool {
        match self.services[service].needs.contains(&used) {
            true => self.services[used].away.is_some(),
            false => self.services[used].own.is_some(),
        }
    }

    /// What it uses is slow, and it is one of those that ask it for each answer.
    pub(crate) fn waits_for_slow(&self, service: usize) -> bool {
        let uses = self.services[service].uses.iter();
        uses.copied().any(|used| {
            let about = [service as u64, used as u64];
            self.now < self.services[used].slow_until
                && self.chance.below(100, About::AsksThrough, &about) < 50
        })
    }

    /// Why one instance does not serve, for reasons of its own.
    fn own(&self, one: &Instance) -> Option<Away> {
        let it = &self.services[one.service];
        let defined = &it.defined;
        if defined.schedule.is_some() {
            // A run is what it is there for, and so is the time between two of them.
            return match one.state {
                State::Quarantined => Some(Away::Quarantined),
                State::Failing if !defined.heal.enabled => Some(Away::Unhealed),
                State::Failing | State::Recovering => Some(Away::Remedied),
                State::Stopped => Some(Away::Starts),
                _ => None,
            };
        }
        if it.oneshot {
            return match one.state {
                State::Completed => None,
                State::Quarantined => Some(Away::Quarantined),
                _ => Some(Away::Starts),
            };
        }
        let unhealed = !defined.heal.enabled;
        let untouched = unhealed || defined.protected;
        match &one.process {
            Some(process) if process.phase == Phase::Serves => {
                if process.hung {
                    let asked = defined.health.as_ref();
                    Some(match asked {
                        _ if !one.state.serves() && untouched => Away::Unhealed,
                        _ if !one.state.serves() => Away::Remedied,
                        Some(probe) if !matches!(probe.target, spec::ProbeTarget::Tcp { .. }) => {
                            Away::Unnoticed
                        }
                        _ => Away::Unseen,
                    })
                } else {
                    process.stuck.map(Away::Stuck)
                }
            }
            Some(process) if process.phase == Phase::Ending => Some(Away::Remedied),
            Some(_) => Some(Away::Starts),
            None if one.state == State::Quarantined => Some(Away::Quarantined),
            // It has ended as it may: nobody misses it.
            None if one.state == State::Completed => None,
            None if unhealed && one.state == State::Failing => Some(Away::Unhealed),
            None if matches!(self.engine, Engine::Runs) => Some(Away::Remedied),
            None => Some(Away::Unnoticed),
        }
    }

    /// `user` has just lost what it uses. Programs differ in what they do then.
    fn lose(&mut self, user: usize, used: usize) {
        if self.rough.calm && !self.rough.tells {
            return;
        }
        let absence = self.services[used].absences;
        for number in self.services[user].instances.clone() {
            let about = [number as u64, used as u64, absence];
            let does = match self.rough.tells {
                true => 70,
                false => self.chance.below(100, About::Lost, &about),
            };
            let after = self.chance.between(100, 2_000, About::Crash, &about);
            let Some(process) = self.instances[number].process.as_mut() else {
                continue;
            };
            if process.phase != Phase::Serves || process.hung {
                continue;
            }
            match does {
                // It answers with errors until it is back, and is well.
                0..70 => {}
                // It says so when it is asked.
                70..82 => process.misses.push(used),
                // It ends.
                82..92 => {
                    let generation = process.generation;
                    let status = ExitStatus::Code(1);
                    self.later(after, Coming::Ends(number, generation, status));
                }
                // It never finds the new one.
                _ => process.stuck = Some(used),
            }
        }
    }

    fn regain(&mut self, user: usize, used: usize) {
        for number in self.services[user].instances.clone() {
            if let Some(process) = self.instances[number].process.as_mut() {
                process.misses.retain(|missed| *missed != used);
            }
        }
    }

    /// The heart sees an instance as something else now.
    pub(crate) fn seen_as(&mut self, number: usize, state: State) {
        let now = self.now;
        let before = std::mem::replace(&mut self.instances[number].state, state);
        self.audit_completed(number, before, state);
        let instance = &self.instances[number];
        let service = instance.service;
        let counted = self.counted_from.is_some();
        let it = &mut self.services[service];
        if let Some((kind, at)) = it.hidden
            && !state.serves()
        {
            it.hidden = None;
            if counted {
                it.account.noticed.push((kind, now - at));
            }
        }
        // Taken for ready, and not: what needs it starts now.
        if counted && state == State::Ready && before != State::Degraded {
            let boots = instance
                .process
                .as_ref()
                .filter(|one| one.phase == Phase::Boots);
            if boots.is_some() {
                it.account.early += 1;
            }
        }
        self.begin_or_end_round(number, before, state);
        self.look_at(service);
    }
}

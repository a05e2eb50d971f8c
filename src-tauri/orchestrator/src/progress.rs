//! How far each service is, as those see it that need it: what it comes to when an instance changes,
//! and whom that concerns.
//!
//! A need names how far the other has to be ([`model::Until`]). One that is required and not met counts in
//! `unmet`, and nothing starts meanwhile. One that is not required is met as well when nobody should wait
//! for the other: it is not wanted, has a fault, or waits itself for one of those.

use crate::cluster::{Cluster, Service};
use crate::instance::{Care, Goal, Instance, Life};
use crate::step::Step;
use model::{InstanceId, ServiceName, State, Terms, Until};
use std::collections::BTreeMap;

/// What its service counts of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counted {
    /// It serves or has completed.
    pub(crate) good: bool,
    /// It lives and is to stop.
    pub(crate) draining: bool,
    /// Its process is there and is to stay, or has done what it was for.
    pub(crate) started: bool,
    /// It has ended by itself, and that is what it was started for.
    pub(crate) ended: bool,
    /// Something has gone wrong with it.
    pub(crate) faulty: bool,
}

/// So many of a service's instances are so.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) good: u32,
    pub(crate) draining: u32,
    started: u32,
    ended: u32,
    faulty: u32,
}

impl Counts {
    /// An instance is this now and was that.
    fn turn(&mut self, was: Counted, now: Counted) {
        let each = [
            (&mut self.good, was.good, now.good),
            (&mut self.draining, was.draining, now.draining),
            (&mut self.started, was.started, now.started),
            (&mut self.ended, was.ended, now.ended),
            (&mut self.faulty, was.faulty, now.faulty),
        ];
        for (count, was, now) in each {
            *count = count.saturating_sub(u32::from(was)) + u32::from(now);
        }
    }
}

/// How far a service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Progress {
    /// All that is wanted of it serves, or has completed.
    pub(crate) ready: bool,
    started: bool,
    ended: bool,
    /// It is not ready, and whoever can do without it should not wait for it.
    unavailable: bool,
}

impl Progress {
    /// Who needs it on these terms need not wait for it.
    pub(crate) fn meets(self, terms: Terms) -> bool {
        let far = match terms.until {
            Until::Started => self.started,
            Until::Ready | Until::Succeeded => self.ready,
            Until::Ended => self.ended,
        };
        far || (!terms.required && self.unavailable)
    }

    /// Who needs it on these terms waits for what others should not wait for.
    fn holds_up(self, terms: Terms) -> bool {
        self.unavailable && !self.meets(terms)
    }
}

/// What a service waits for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Waits {
    /// Needs that are not met.
    pub(crate) unmet: u32,
    /// Those of them that who needs this service should not wait for either.
    held_up: u32,
}

impl Waits {
    fn add(&mut self, progress: Progress, terms: Terms) {
        self.unmet += u32::from(!progress.meets(terms));
        self.held_up += u32::from(progress.holds_up(terms));
    }

    fn remove(&mut self, progress: Progress, terms: Terms) {
        let less = |count: &mut u32, by: bool| *count = count.saturating_sub(u32::from(by));
        less(&mut self.unmet, !progress.meets(terms));
        less(&mut self.held_up, progress.holds_up(terms));
    }
}

impl Service {
    /// What is waited for of one that it needs.
    pub(crate) fn terms(&self, need: &ServiceName) -> Terms {
        self.terms.get(need).copied().unwrap_or_default()
    }

    /// Those it needs whose faults explain its own.
    pub(crate) fn relies_on(&self) -> impl Iterator<Item = &ServiceName> {
        let relies = |need: &&ServiceName| self.terms(need).relies();
        self.needs.iter().filter(relies)
    }

    /// All that is wanted of it serves, or has completed.
    pub(crate) fn satisfied(&self) -> bool {
        self.progress.ready
    }

    /// Those of its instances that are wanted are all so, but for the one that a rolling restart has taken
    /// out, as long as that is not back (`out`): the others serve meanwhile. One scaled to none satisfies
    /// nobody.
    fn progress_now(&self, out: bool) -> Progress {
        let out = u32::from(!self.down && out);
        let all = |count: u32| self.replicas > 0 && count >= u32::from(self.replicas);
        let ready = all(self.counts.good + out);
        let started = ready || all(self.counts.started + out);
        let wanted = self.wanted && !self.leaving && self.replicas > 0;
        // One that runs does not wait any more.
        let held_up = !started && self.waits.held_up > 0;
        Progress {
            ready,
            started,
            ended: all(self.counts.ended),
            unavailable: !ready && (!wanted || self.counts.faulty > 0 || held_up),
        }
    }
}

/// What its service is to count of an instance.
fn counted(instance: &Instance, goal: Goal, oneshot: bool) -> Counted {
    let run = goal == Goal::Run;
    let good = goal != Goal::Leave && instance.good();
    let over = oneshot && run && instance.life == Life::Gone && instance.by_itself;
    // One that serves nobody does not have to wait for its turn to be replaced.
    let idle = instance.outdated.is_some() && !good;
    let leaves = idle || instance.cycle.is_some() || matches!(instance.care, Care::Quarantined(_));
    let lives = run && instance.life == Life::Alive && !leaves;
    let fails = matches!(
        instance.state,
        State::Failing | State::Recovering | State::Quarantined
    );
    Counted {
        good,
        draining: drains(instance, goal),
        started: good || lives || over,
        ended: oneshot && (good || over),
        faulty: run && (fails || instance.care != Care::Idle || instance.unready.is_some()),
    }
}

/// It lives and is to stop, and what it needs has to wait for that. What does not end although it
/// was killed holds up nobody.
fn drains(instance: &Instance, goal: Goal) -> bool {
    instance.life != Life::Gone
        && instance.blocked.is_none()
        && (goal != Goal::Run || instance.cycle.is_some())
}

/// A rolling restart has taken one out, which is not back.
fn one_is_out(service: &Service, instances: &BTreeMap<InstanceId, Instance>) -> bool {
    let turn = service.turn().and_then(|turn| instances.get(turn));
    service.turn().is_some() && turn.is_none_or(|instance| !instance.counted.good)
}

impl Cluster {
    pub(crate) fn satisfied(&self, service: &ServiceName) -> bool {
        self.services
            .get(service)
            .is_some_and(|service| service.satisfied())
    }

    /// One that a service needs is as far as it waits for.
    pub(crate) fn met(&self, service: &Service, need: &ServiceName) -> bool {
        let other = self.services.get(need);
        other.is_some_and(|other| other.progress.meets(service.terms(need)))
    }

    /// Counts all anew, those first that others need: `ranked` says how deep each stands on others.
    pub(crate) fn recount_all(&mut self, ranked: &[ServiceName]) {
        for service in self.services.values_mut() {
            service.counts = Counts::default();
        }
        for (id, instance) in &mut self.instances {
            let Some(service) = self.services.get_mut(&id.service) else {
                continue;
            };
            instance.counted = counted(instance, service.goal(id.index), service.oneshot());
            service.counts.turn(Counted::default(), instance.counted);
        }
        for name in ranked {
            let Some(service) = self.services.get(name) else {
                continue;
            };
            let mut waits = Waits::default();
            for need in &service.needs {
                if let Some(other) = self.services.get(need) {
                    waits.add(other.progress, service.terms(need));
                }
            }
            let Some(service) = self.services.get_mut(name) else {
                continue;
            };
            service.waits = waits;
            service.progress = service.progress_now(one_is_out(service, &self.instances));
        }
    }
}

impl Step<'_> {
    /// Brings the counters up to date after anything about an instance has changed.
    pub(crate) fn recount(&mut self, id: &InstanceId) {
        self.count(id);
        self.resatisfy(&id.service);
        self.free(&id.service);
    }

    /// Counts an instance as it is now, and tells nobody yet: for when several change as one.
    pub(crate) fn count(&mut self, id: &InstanceId) {
        let Some(service) = self.cluster.services.get_mut(&id.service) else {
            return;
        };
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        let now = counted(instance, service.goal(id.index), service.oneshot());
        let was = std::mem::replace(&mut instance.counted, now);
        service.counts.turn(was, now);
    }

    /// Tells dependents when a service begins or ceases to be what they need.
    pub(crate) fn resatisfy(&mut self, name: &ServiceName) {
        let mut open = vec![name.clone()];
        while let Some(name) = open.pop() {
            self.tell_progress(&name, &mut open);
        }
    }

    /// Those of the dependents that are told something others wait for are `open` then.
    fn tell_progress(&mut self, name: &ServiceName, open: &mut Vec<ServiceName>) {
        let Some(service) = self.cluster.services.get_mut(name) else {
            return;
        };
        let now = service.progress_now(one_is_out(service, &self.cluster.instances));
        let was = std::mem::replace(&mut service.progress, now);
        if now == was {
            return;
        }
        if now.ready != was.ready {
            self.out.relief |= now.ready;
            self.out.turned.insert(name.clone());
        }
        for dependent in service.dependents.clone() {
            let Some(above) = self.cluster.services.get_mut(&dependent) else {
                continue;
            };
            let terms = above.terms(name);
            let before = above.waits;
            above.waits.remove(was, terms);
            above.waits.add(now, terms);
            let after = above.waits;
            if after.held_up != before.held_up {
                open.push(dependent.clone());
            }
            if was.meets(terms) == now.meets(terms) {
                continue;
            }
            if after.unmet == 0 {
                self.look.extend(self.cluster.ids_of(&dependent));
            } else {
                self.show_waiting(&dependent);
            }
        }
        if now.ready && !was.ready {
            self.comes_back(name);
        }
    }
}

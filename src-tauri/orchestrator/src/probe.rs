//! What probes say: first whether it is ready, then for as long as it lives whether it is well.

use crate::heal::Fault;
use crate::instance::{Care, Goal, Instance, Life, Outdated};
use crate::io::Effect;
use crate::step::Step;
use healing::{Opinion, pace, words};
use model::{Evidence, InstanceId, ProbeKind, Reason, State, Verdict};
use std::time::Duration;

/// The probe that says whether it is ready: its own, or health, or none.
fn readiness(spec: &spec::Service) -> Option<(ProbeKind, &spec::Probe)> {
    if spec.kind == spec::Kind::Oneshot {
        return None;
    }
    let ready = spec.ready.as_ref().map(|probe| (ProbeKind::Ready, probe));
    ready.or(spec.health.as_ref().map(|probe| (ProbeKind::Health, probe)))
}

impl Step<'_> {
    fn ask(&mut self, id: &InstanceId, kind: ProbeKind, after: Duration) {
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        if instance.under_way.contains_key(&kind) {
            return;
        }
        instance.under_way.insert(kind, self.now.mono + after);
        let generation = instance.generation;
        self.out.acts.push(Effect::Probe {
            instance: id.clone(),
            generation,
            kind,
            after,
        });
    }

    /// Asks whether it is ready without waiting for its turn, unless it is being asked already.
    pub(crate) fn ask_at_once(&mut self, id: &InstanceId) {
        let service = self.cluster.services.get(&id.service);
        let Some((kind, _)) = service.and_then(|service| readiness(&service.spec)) else {
            return;
        };
        let now = self.now.mono;
        if let Some(instance) = self.cluster.instances.get_mut(id)
            && instance.under_way.get(&kind).is_none_or(|at| *at > now)
        {
            instance.under_way.remove(&kind);
            self.ask(id, kind, Duration::ZERO);
        }
    }

    /// Its process is there: is it ready?
    pub(crate) fn ask_readiness(&mut self, id: &InstanceId) {
        let Some(service) = self.cluster.services.get(&id.service) else {
            return;
        };
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        instance.asked = true;
        match readiness(&service.spec) {
            Some((kind, _)) => {
                self.begin_patience(id, self.now.mono);
                self.ask(id, kind, Duration::ZERO);
            }
            None if service.oneshot() => {}
            None => {
                // How far the start has come is all there is to say; after a fault it comes second.
                let Reason { text, next } = instance.reason.clone();
                self.became_ready(id, &next.unwrap_or(text));
            }
        }
    }

    /// It is ready: ask for its health from now on, at its own point of the interval.
    pub(crate) fn begin_health(&mut self, id: &InstanceId) {
        let Some(service) = self.cluster.services.get(&id.service) else {
            return;
        };
        if let Some(health) = &service.spec.health {
            let after = pace::phase(id, health.every);
            self.ask(id, ProbeKind::Health, after);
        }
    }

    /// A probe came back.
    pub(crate) fn probed(&mut self, id: &InstanceId, kind: ProbeKind, evidence: &Evidence) {
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        let asked = instance.under_way.remove(&kind);
        if instance.life != Life::Alive {
            return;
        }
        if evidence.verdict == Verdict::Pass {
            instance.passed = Some(self.now.mono);
        }
        let ready = instance.ready;
        let early = instance.first_round(kind, asked);
        self.probe_seen(id, kind, evidence);
        if ready {
            if kind == ProbeKind::Health {
                // The time an answer takes is part of the interval: one that never comes is found out
                // after so many intervals and one timeout.
                let took = asked.map_or(Duration::ZERO, |at| self.now.mono.since(at));
                self.health(id, evidence, took, early);
            }
        } else {
            self.readiness(id, kind, evidence);
        }
    }

    fn readiness(&mut self, id: &InstanceId, kind: ProbeKind, evidence: &Evidence) {
        let goal = self.cluster.goal(id);
        let Some(service) = self.cluster.services.get(&id.service) else {
            return;
        };
        let Some(every) = readiness(&service.spec).filter(|(of, _)| *of == kind) else {
            return;
        };
        let every = every.1.every;
        let within = service.spec.ready_within;
        let suffers = service.suffers();
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        let leaving = goal != Goal::Run || instance.cycle.is_some();
        let passed = matches!(evidence.verdict, Verdict::Pass | Verdict::Warn);
        if passed && !leaving {
            let took = words::duration(self.now.mono.since(instance.alive_since));
            let how = format!("{} {took} after its start", evidence.detail);
            self.became_ready(id, &how);
            return;
        }
        instance.tries = instance.tries.saturating_add(1);
        let mut after = pace::ready(instance.tries, every);
        let overdue = instance.overdue;
        if overdue && evidence.verdict == Verdict::Trouble {
            // The answer that decides is still to come, and is not waited for long.
            after = after.min(pace::READABLE);
        }
        if evidence.verdict != Verdict::Trouble {
            instance.seen.again(&evidence.detail);
        }
        let given_up = instance.care != Care::Idle;
        let reason = if given_up {
            // Its fault is known; only how often it was seen is new.
            instance.fault = instance.unready(within);
            Reason {
                text: instance.fault.clone(),
                next: instance.reason.next.clone(),
            }
        } else if evidence.verdict == Verdict::Trouble {
            let text = format!("it cannot be asked: {}", evidence.detail);
            Reason::new(text).then(format!("next try in {}", words::duration(after)))
        } else {
            let next = match instance.gives_up {
                Some(at) if !suffers => {
                    format!("gives up in {}", words::duration(at.since(self.now.mono)))
                }
                _ => format!("next try in {}", words::duration(after)),
            };
            Reason::new(instance.seen.words()).then(next)
        };
        let fails = instance.state == State::Failing;
        self.ask(id, kind, after);
        if overdue && evidence.verdict != Verdict::Trouble {
            self.last_answer(id);
            return;
        }
        if leaving || after < pace::READABLE {
            return;
        }
        if given_up {
            self.set_reason(id, reason);
        } else if !(fails && suffers) {
            self.set_alive(id, reason);
        }
    }

    /// What an instance suffered from is back: if it is not well, it is asked now and not when its
    /// interval has passed, and what it failed before says nothing about it.
    pub(crate) fn ask_anew(&mut self, id: &InstanceId) {
        let Some(service) = self.cluster.services.get(&id.service) else {
            return;
        };
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        let well = instance.ready && instance.watch.well();
        instance.watch.excuse();
        if well || instance.life != Life::Alive {
            return;
        }
        let kind = if instance.ready {
            Some(ProbeKind::Health)
        } else {
            instance.tries = 0;
            readiness(&service.spec).map(|(kind, _)| kind)
        };
        let generation = instance.generation;
        let again = instance.gives_up.is_some();
        let serves = instance.state.serves().then(|| instance.serving.clone());
        // What is not under way is about to be asked anyway, or has no such probe.
        if let Some(kind) = kind.filter(|kind| instance.under_way.contains_key(kind)) {
            instance.under_way.insert(kind, self.now.mono);
            self.out.acts.push(Effect::Probe {
                instance: id.clone(),
                generation,
                kind,
                after: Duration::ZERO,
            });
        }
        if again {
            self.begin_patience(id, self.now.mono);
        }
        if let Some((state, reason)) = serves {
            self.set(id, state, reason);
        }
    }

    fn health(&mut self, id: &InstanceId, evidence: &Evidence, took: Duration, early: bool) {
        let goal = self.cluster.goal(id);
        let now = self.now.mono;
        let Some(service) = self.cluster.services.get_mut(&id.service) else {
            return;
        };
        let Some(probe) = &service.spec.health else {
            return;
        };
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        let latency = Duration::from_micros(evidence.latency_us);
        let slow = probe.degraded_above;
        let good = evidence.verdict == Verdict::Pass && slow.is_none_or(|limit| latency <= limit);
        let opinion = match early && !good {
            true => Opinion::Same,
            false => instance.watch.observe(probe, evidence, &service.usual),
        };
        // What it is like after a gap, or while something it needs is down, is not learned.
        if !early && service.roots.is_empty() {
            instance
                .watch
                .teach(probe, evidence, &mut service.usual, now);
        }
        let (every, limit) = (probe.every, probe.fail);
        let old = instance.outdated == Some(Outdated::Edit { probes: true });
        let leaving = goal != Goal::Run || instance.cycle.is_some() || old;
        self.ask(id, ProbeKind::Health, every.saturating_sub(took));
        if leaving {
            return;
        }
        match opinion {
            Opinion::Same => {}
            Opinion::Doubtful(fails) => {
                let text = format!("{} ({fails} of {limit})", evidence.detail);
                self.set_reason(id, Reason::new(text));
            }
            Opinion::Failing(fails) => self.failing(id, &evidence.detail, fails),
            Opinion::Degraded(text) => self.well(id, State::Degraded, Reason::new(text)),
            Opinion::Well => {
                if let Some(instance) = self.cluster.instances.get_mut(id) {
                    instance.well_since = self.now.mono;
                }
                let reason = Reason::new(format!("{}, well again", evidence.detail));
                self.well(id, State::Ready, reason);
            }
        }
    }

    /// It failed as often as it may.
    fn failing(&mut self, id: &InstanceId, detail: &str, fails: u32) {
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        let text = match fails {
            1 => detail.to_owned(),
            _ => format!("{detail} {} in a row", words::times(fails)),
        };
        if instance.care == Care::Idle {
            self.fault(
                id,
                Fault {
                    cause: text.clone(),
                    text,
                    hopeless: false,
                },
            );
        } else {
            // A remedy is being chosen, or none may be: only the words are new.
            let next = instance.reason.next.take();
            instance.fault.clone_from(&text);
            self.set_reason(id, Reason { text, next });
        }
    }

    /// It serves, and does so by itself even if a remedy was on its way.
    fn well(&mut self, id: &InstanceId, state: State, reason: Reason) {
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        if matches!(instance.care, Care::Quarantined(_)) {
            return;
        }
        instance.serving = (state, reason.clone());
        instance.history.healthy(self.now.mono);
        self.set_care(id, Care::Idle);
        if self.begin_trial(id) {
            return;
        }
        self.set(id, state, reason);
        if state == State::Degraded && self.blamed(&id.service) {
            // It serves, and others fail because of how.
            return;
        }
        self.unblame(&id.service);
        self.resolve_incident(id);
    }

    /// The definition's probes have changed under a process that runs on.
    pub(crate) fn reprobe(&mut self, id: &InstanceId, old: &spec::Service) {
        let Some(service) = self.cluster.services.get(&id.service) else {
            return;
        };
        let Some(Instance {
            life: Life::Alive,
            ready,
            alive_since,
            gives_up,
            ..
        }) = self.cluster.instances.get(id)
        else {
            return;
        };
        let kind = |spec| readiness(spec).map(|(kind, _)| kind);
        if *ready {
            if old.health.is_none() {
                self.begin_health(id);
            }
        } else if kind(old) != kind(&service.spec) {
            self.ask_readiness(id);
        } else if old.ready_within != service.spec.ready_within && gives_up.is_some() {
            self.begin_patience(id, *alive_since);
        }
    }
}

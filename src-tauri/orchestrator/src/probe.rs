//! What probes say: first whether it is ready, then for as long as it lives whether it is well.

use crate::doubt::Answers;
use crate::effect::Effect;
use crate::heal::Fault;
use crate::instance::{Care, Goal, Life, Outdated, Seen};
use crate::step::Step;
use healing::{Opinion, pace, words};
use model::{Evidence, InstanceId, ProbeKind, Reason, State, Verdict};
use std::time::Duration;

/// The probe that says whether it has come as far as it should be by now: the one of its start until
/// that has passed, then its own of readiness, or health, or none.
pub(crate) fn stage(spec: &spec::Service, started: bool) -> Option<(ProbeKind, &spec::Probe)> {
    if spec.kind == spec::Kind::Oneshot {
        return None;
    }
    if let Some(probe) = spec.startup.as_ref().filter(|_| !started) {
        return Some((ProbeKind::Startup, probe));
    }
    let ready = spec.ready.as_ref().map(|probe| (ProbeKind::Ready, probe));
    ready.or(spec.health.as_ref().map(|probe| (ProbeKind::Health, probe)))
}

/// So many passes in a row it takes. Where health stands in for readiness, its own count is about
/// being well again.
fn passes(spec: &spec::Service, kind: ProbeKind, probe: &spec::Probe) -> u32 {
    let stands_in = kind == ProbeKind::Ready && spec.ready == spec.health;
    match kind {
        ProbeKind::Ready if !stands_in => probe.pass,
        ProbeKind::Startup => probe.pass,
        _ => 1,
    }
}

impl Step<'_> {
    pub(crate) fn ask(&mut self, id: &InstanceId, kind: ProbeKind, after: Duration) {
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
        let Some(service) = self.cluster.services.get(&id.service) else {
            return;
        };
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        let Some((kind, _)) = stage(&service.spec, instance.started) else {
            return;
        };
        let now = self.now.mono;
        if instance.under_way.get(&kind).is_none_or(|at| *at > now) {
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
        match stage(&service.spec, instance.started) {
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
        // The time an answer takes is part of the interval: one that never comes is found out after so
        // many intervals and one timeout.
        let took = asked.map_or(Duration::ZERO, |at| self.now.mono.since(at));
        let ready = instance.ready;
        let early = instance.first_round(kind, asked);
        let health = kind == ProbeKind::Health;
        let first = health && !early && instance.answers.add(evidence, self.now.mono);
        self.probe_seen(id, kind, evidence);
        match kind {
            ProbeKind::Health if ready => self.health(id, evidence, took, early),
            ProbeKind::Ready if ready => self.still_ready(id, evidence, took, early),
            ProbeKind::Startup if ready => {}
            _ => self.readiness(id, kind, evidence),
        }
        if first && ready {
            self.ask_needs(id);
        }
        if health {
            self.heard(id);
        }
    }

    fn readiness(&mut self, id: &InstanceId, kind: ProbeKind, evidence: &Evidence) {
        let goal = self.cluster.goal(id);
        let Some(service) = self.cluster.services.get(&id.service) else {
            return;
        };
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        let asked = stage(&service.spec, instance.started).filter(|(of, _)| *of == kind);
        let Some((_, probe)) = asked else {
            return;
        };
        let every = probe.every;
        let enough = passes(&service.spec, kind, probe);
        let suffers = service.suffers();
        let leaving = goal != Goal::Run || instance.cycle.is_some();
        let passed = matches!(evidence.verdict, Verdict::Pass | Verdict::Warn);
        if passed && !leaving {
            instance.passes = instance.passes.saturating_add(1);
            let (passes, overdue) = (instance.passes, instance.overdue);
            if passes >= enough {
                self.passed(id, kind, &evidence.detail);
                return;
            }
            let detail = format!("{} ({passes} of {enough} passes)", evidence.detail);
            instance.seen.again(&detail);
            self.ask(id, kind, every);
            if overdue {
                self.last_answer(id);
            } else {
                self.set_alive(id, Reason::new(detail));
            }
            return;
        }
        instance.passes = 0;
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
            instance.fault = instance.unready_within(&service.spec);
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

    /// The probe of this stage has passed as often as it has to.
    fn passed(&mut self, id: &InstanceId, kind: ProbeKind, detail: &str) {
        let Some(service) = self.cluster.services.get(&id.service) else {
            return;
        };
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        let took = words::duration(self.now.mono.since(instance.alive_since));
        // How old one is that was found running is not known here.
        let since = match instance.begun {
            Some(_) => "its start",
            None => "it was adopted",
        };
        let how = format!("{detail} {took} after {since}");
        if kind != ProbeKind::Startup {
            self.became_ready(id, &how);
            return;
        }
        instance.started = true;
        (instance.tries, instance.passes) = (0, 0);
        instance.seen = Seen::default();
        match stage(&service.spec, true) {
            Some((next, _)) => {
                if instance.care == Care::Idle {
                    self.set_alive(id, Reason::new(how).then("is asked whether it is ready"));
                }
                self.ask(id, next, Duration::ZERO);
            }
            None => self.became_ready(id, &how),
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
        let well = instance.ready && instance.watch.well() && instance.unready.is_none();
        instance.watch.excuse();
        instance.answers = Answers::default();
        if well || instance.life != Life::Alive {
            return;
        }
        let unready = instance.ready && instance.unready.is_some();
        let kind = if instance.ready {
            Some(ProbeKind::Health)
        } else {
            instance.tries = 0;
            let stage = stage(&service.spec, instance.started);
            // What is told when it comes is not asked sooner.
            stage
                .filter(|(_, probe)| !probe.target.told())
                .map(|(kind, _)| kind)
        };
        let kinds = kind.into_iter().chain(unready.then_some(ProbeKind::Ready));
        let generation = instance.generation;
        let again = instance.gives_up.is_some();
        let serves = instance.state.serves().then(|| instance.serving.clone());
        // What is not under way is about to be asked anyway, or has no such probe.
        for kind in kinds {
            if !instance.under_way.contains_key(&kind) {
                continue;
            }
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
        if !early && !service.suffers() {
            instance
                .watch
                .teach(probe, evidence, &mut service.usual, now);
        }
        let (every, limit) = (probe.every, probe.fail);
        let opinion = match opinion {
            // It answers again, and nothing else is said of it; or it was quick again while it was to
            // stop, which is taken back.
            Opinion::Same
                if (instance.unasked >= limit || instance.state == State::Degraded)
                    && good
                    && instance.watch.well() =>
            {
                Opinion::Well
            }
            opinion => opinion,
        };
        // What an edit made of the question need not be what a process of before can answer. Once it has, it
        // can, and what it says counts: it may stay for long where a rolling restart has stopped. The first
        // answer after the edit may still be to the question of before.
        let mut old = instance.outdated == Some(Outdated::Edit { probes: true });
        if old
            && std::mem::replace(&mut instance.answered_anew, true)
            && evidence.verdict == Verdict::Pass
        {
            instance.outdated = Some(Outdated::Edit { probes: false });
            old = false;
        }
        let old = old && opinion != Opinion::Well;
        let leaving = goal != Goal::Run || instance.cycle.is_some() || old;
        let unready = instance.unready.is_some();
        instance.unasked = match evidence.verdict {
            Verdict::Trouble => instance.unasked.saturating_add(1),
            _ => 0,
        };
        // What is not asked for long cannot be called well; it is no failure all the same.
        let unasked = instance.unasked == limit && instance.state.serves();
        self.ask(id, ProbeKind::Health, every.saturating_sub(took));
        if leaving {
            return;
        }
        if unasked && !unready {
            let text = format!("it cannot be asked how it is: {}", evidence.detail);
            self.set_reason(id, Reason::new(text));
            return;
        }
        match opinion {
            Opinion::Same => {}
            Opinion::Doubtful(_) if unready => {}
            Opinion::Doubtful(fails) => {
                let text = format!("{} ({fails} of {limit})", evidence.detail);
                self.set_reason(id, Reason::new(text));
            }
            Opinion::Failing(fails) => self.failing(id, &evidence.detail, fails),
            Opinion::Degraded(text) => {
                let next = self.cluster.load_said(id);
                self.well(id, State::Degraded, Reason { text, next });
            }
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
        if instance.care.open() {
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
    pub(crate) fn well(&mut self, id: &InstanceId, state: State, reason: Reason) {
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        if matches!(instance.care, Care::Quarantined(_)) {
            return;
        }
        instance.serving = (state, reason);
        let (state, reason) = instance.standing();
        instance.history.healthy(self.now.mono);
        self.set_care(id, Care::Idle);
        self.watch_version(&id.service);
        if self.begin_trial(id) {
            return;
        }
        self.set(id, state, reason);
        self.serves_again(id);
    }

    /// Nothing is wrong with its process, and if it serves nothing is wrong at all.
    pub(crate) fn serves_again(&mut self, id: &InstanceId) {
        let Some(instance) = self.cluster.instances.get(id) else {
            return;
        };
        // One that says that it is not ready serves nobody, however well it is; and of one that is
        // degraded others may fail.
        let degraded = instance.state == State::Degraded;
        let blamed = degraded && (self.blamed(&id.service) || self.cluster.loaded(id));
        if instance.state.serves() && !blamed && !self.cluster.slow_still(id) {
            self.unblame(&id.service);
            self.resolve_incident(id);
        }
    }
}

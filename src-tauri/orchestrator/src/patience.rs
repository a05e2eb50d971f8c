//! How long an instance may take to be ready, and what follows when it takes longer.
//!
//! The time runs while it is asked whether it is ready and nothing it needs is down. At its end it is
//! asked once more, and that answer decides: the one before may be older than what made it ready.
//! When nobody was there to ask at the end, the time begins anew. When it has passed, the instance has
//! a fault like one that crashed, and acts that wait for it have their answer: healing goes on, but a
//! person who typed `up` has waited long enough. One that crashes again and again before it is ready,
//! or a moment after, gives the same answer after a few restarts.

use crate::effect::Effect;
use crate::heal::Fault;
use crate::instance::{Care, Goal, Instance, Life};
use crate::io::{OwnCheck, TimerKey};
use crate::probe::stage;
use crate::step::Step;
use healing::history::Lasted;
use healing::words;
use model::{InstanceId, Mono, Reason, RemedyKind};
use std::time::Duration;

/// Told so much later, that the time has passed says that nobody asked at its end: the engine was
/// stopped, or the machine was, or it had no turn. Busy engines are late by tens of milliseconds.
const LATE: Duration = Duration::from_millis(250);
/// So long the last answer is waited for: most probes take no longer before they have failed.
const LAST_ANSWER: Duration = Duration::from_secs(5);
/// So many restarts that did not help are an answer. By default they take a second, the ladder to
/// quarantine minutes.
const RESTARTS: u32 = 3;
/// And so is that the next one is further away than who typed a command waits for.
const LONG: Duration = Duration::from_secs(10);

impl Step<'_> {
    /// It has its full time to become ready, counted from `since`.
    pub(crate) fn begin_patience(&mut self, id: &InstanceId, since: Mono) {
        let Some(service) = self.cluster.services.get(&id.service) else {
            return;
        };
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        let at = (since + instance.within(&service.spec)).max(self.now.mono);
        instance.overdue = false;
        self.give_up_at(id, at);
    }

    pub(crate) fn give_up_at(&mut self, id: &InstanceId, at: Mono) {
        if let Some(instance) = self.cluster.instances.get_mut(id) {
            instance.gives_up = Some(at);
            let key = TimerKey::Ready(id.clone());
            self.out.acts.push(Effect::SetTimer { key, at });
        }
    }

    /// What its daemon does by itself to know how it is. One of which nothing says otherwise has as long as
    /// that takes: what is said of it until then is that it starts.
    pub(crate) fn check_seen(&mut self, id: &InstanceId, check: OwnCheck) {
        let Some(service) = self.cluster.services.get(&id.service) else {
            return;
        };
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        let before = instance.within(&service.spec);
        instance.check = Some(check);
        let more = instance.within(&service.spec).saturating_sub(before);
        if let Some(at) = instance.gives_up.filter(|_| !more.is_zero()) {
            instance.overdue = false;
            self.give_up_at(id, at + more);
        }
    }

    /// It is ready, or not waited for any more.
    pub(crate) fn end_patience(&mut self, id: &InstanceId) {
        if let Some(instance) = self.cluster.instances.get_mut(id) {
            instance.overdue = false;
            if instance.gives_up.take().is_some() {
                let key = TimerKey::Ready(id.clone());
                self.out.acts.push(Effect::CancelTimer(key));
            }
        }
    }

    /// The last answer was that it is not ready.
    pub(crate) fn last_answer(&mut self, id: &InstanceId) {
        if let Some(instance) = self.cluster.instances.get_mut(id)
            && instance.gives_up.is_some()
        {
            // No later than it was heard.
            instance.gives_up = Some(self.now.mono);
            let key = TimerKey::Ready(id.clone());
            self.out.acts.push(Effect::CancelTimer(key));
            self.patience_over(id);
        }
    }

    /// The time has passed.
    pub(crate) fn patience_over(&mut self, id: &InstanceId) {
        let goal = self.cluster.goal(id);
        let Some(service) = self.cluster.services.get(&id.service) else {
            return;
        };
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        let asked = std::mem::take(&mut instance.overdue);
        let late = instance
            .gives_up
            .take()
            .is_some_and(|at| self.now.mono.since(at) > LATE);
        let leaving = goal != Goal::Run || instance.cycle.is_some();
        if leaving || instance.life != Life::Alive || instance.ready || instance.care != Care::Idle
        {
            return;
        }
        if late || service.suffers() {
            // It may be ready since, and not have been asked. Nobody can be ready on something that is down.
            self.begin_patience(id, self.now.mono);
            return;
        }
        let stage = stage(&service.spec, instance.started);
        let told = stage.is_some_and(|(_, probe)| probe.target.told());
        // What is told when it comes cannot be asked for.
        if !asked && !told {
            instance.overdue = true;
            self.give_up_at(id, self.now.mono + LAST_ANSWER);
            self.ask_at_once(id);
            return;
        }
        if instance.tries > 0 && instance.seen.nothing() {
            // Only the prober had trouble: that is no fault of this one, but who waits is told.
            let within = words::duration(instance.within(&service.spec));
            let text = format!(
                "not known to be ready within {within}: {}",
                instance.reason.text
            );
            let reason = Reason::new(text).then("asked on");
            instance.late = Some((self.now.mono, reason));
            self.touched.insert(id.clone());
            self.unknown_to_who_waits(id);
            self.begin_patience(id, self.now.mono);
            return;
        }
        let text = instance.unready_within(&service.spec);
        if self.excused(id, Lasted::NotWell) {
            self.begin_patience(id, self.now.mono);
            return;
        }
        let cause = format!("{id} was {text}");
        self.fault(
            id,
            Fault {
                text: text.clone(),
                cause,
                hopeless: false,
            },
        );
        self.answer(id, text);
    }

    /// It is not known to be ready, which makes nothing of it down: those behind it have their answer
    /// all the same.
    fn unknown_to_who_waits(&mut self, id: &InstanceId) {
        if self.cluster.acts.is_empty() {
            return;
        }
        for name in healing::cause::dependents(&*self.cluster, &id.service) {
            self.touched.extend(self.cluster.ids_of(&name));
            for act in self.cluster.acts.values_mut() {
                let behind = act.behind.entry(name.clone()).or_default();
                behind.insert(id.clone());
            }
        }
    }

    /// It had a fault again before it was well for long: after a few restarts, or before a long wait, that is
    /// an answer.
    pub(crate) fn restarts_in_vain(&mut self, id: &InstanceId) {
        let Some(instance) = self.cluster.instances.get(id) else {
            return;
        };
        let tried = instance.history.attempts();
        let wait = instance.remedy_at.map(|at| at.since(self.now.mono));
        let waits =
            matches!(instance.care, Care::Backoff(_)) && wait.is_some_and(|wait| wait > LONG);
        let text = match tried {
            RESTARTS.. => format!("{}, and {tried} restarts did not help", instance.fault),
            _ if waits => instance.fault.clone(),
            _ => return,
        };
        self.answer(id, text);
    }

    /// Acts that wait for it have their answer; healing goes on.
    fn answer(&mut self, id: &InstanceId, text: String) {
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        let next = match &instance.care {
            Care::Asked(plan, _) | Care::Due(plan, _) | Care::Backoff(plan)
                if plan.remedy != RemedyKind::Quarantine && !plan.proposed =>
            {
                Some(format!("healing goes on: {}", plan.detail))
            }
            _ => instance.reason.next.clone(),
        };
        instance.late = Some((self.now.mono, Reason { text, next }));
        self.touched.insert(id.clone());
    }
}

impl Instance {
    /// How long it may take to be ready.
    pub(crate) fn within(&self, spec: &spec::Service) -> Duration {
        match self.check {
            Some(OwnCheck::Takes(takes)) if spec.ready_as_check => takes.max(spec.ready_within),
            _ => spec.ready_within,
        }
    }

    /// "not ready within 60 s: GET /health answered 503 58 times".
    pub(crate) fn unready_within(&self, spec: &spec::Service) -> String {
        let stage = stage(spec, self.started);
        let what = match stage {
            Some((_, probe)) if self.seen.nothing() => probe.target.missing(),
            _ => self.seen.words(),
        };
        // What it has not come to.
        let goal = match stage {
            Some((model::ProbeKind::Startup, _)) => "not started",
            _ => "not ready",
        };
        format!(
            "{goal} within {}: {what}",
            words::duration(self.within(spec))
        )
    }
}

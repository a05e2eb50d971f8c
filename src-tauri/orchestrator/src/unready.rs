//! Readiness that is asked on after it has passed (`always = true`): while it fails nobody is sent
//! there and what needs it is impacted, and nothing is restarted for it. Whether it lives is what
//! `health` says.
//!
//! What serves nobody is an incident all the same, unless another one explains it: it is opened when
//! readiness has failed as often as it may, and lasts until it serves again, however well it is
//! meanwhile.

use crate::instance::{Goal, Instance, Outdated};
use crate::step::Step;
use healing::history::{Lasted, STEADY};
use healing::{Opinion, Usual, pace, words};
use model::{Evidence, InstanceId, ProbeKind, Reason, State, Verdict};
use std::collections::BTreeSet;
use std::time::Duration;

impl Instance {
    /// What is shown of it while nothing is wrong with its process: it serves, or it says that it is
    /// not ready.
    pub(crate) fn standing(&self) -> (State, Reason) {
        match &self.unready {
            Some(reason) => (State::Running, reason.clone()),
            None => self.serving.clone(),
        }
    }
}

impl Step<'_> {
    /// It is ready, and is asked on whether it still is.
    pub(crate) fn begin_asking_on(&mut self, id: &InstanceId) {
        let service = self.cluster.services.get(&id.service);
        let spec = service.map(|service| &service.spec);
        if let Some(probe) = spec
            .filter(|spec| spec.ready_always)
            .and_then(|spec| spec.ready.as_ref())
        {
            let after = pace::phase(id, probe.every);
            self.ask(id, ProbeKind::Ready, after);
        }
    }

    /// It was ready; is it still?
    pub(crate) fn still_ready(
        &mut self,
        id: &InstanceId,
        evidence: &Evidence,
        took: Duration,
        early: bool,
    ) {
        let goal = self.cluster.goal(id);
        let Some(service) = self.cluster.services.get(&id.service) else {
            return;
        };
        let Some(probe) = service
            .spec
            .ready
            .as_ref()
            .filter(|_| service.spec.ready_always)
        else {
            return;
        };
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        let opinion = match early && evidence.verdict != Verdict::Pass {
            // Whoever asked may have stood still.
            true => Opinion::Same,
            false => instance
                .ready_watch
                .observe(probe, evidence, &Usual::default()),
        };
        let (every, limit) = (probe.every, probe.fail);
        let passes = evidence.verdict == Verdict::Pass && instance.ready_watch.well();
        let opinion = match opinion {
            // It was well again while it was to stop, which is taken back.
            Opinion::Same if instance.unready.is_some() && passes => Opinion::Well,
            opinion => opinion,
        };
        let old = instance.outdated == Some(Outdated::Edit { probes: true });
        // As with its health: who can answer what is asked now is ready.
        let old = old && !matches!(opinion, Opinion::Well | Opinion::Degraded(_));
        let leaving = goal != Goal::Run || instance.cycle.is_some() || old;
        let (unready, serves) = (instance.unready.is_some(), instance.state.serves());
        self.ask(id, ProbeKind::Ready, every.saturating_sub(took));
        if leaving {
            return;
        }
        match opinion {
            Opinion::Failing(fails) => self.not_ready_any_more(id, &evidence.detail, fails),
            Opinion::Doubtful(fails) if serves => {
                let text = format!("{} ({fails} of {limit})", evidence.detail);
                self.set_reason(id, Reason::new(text));
            }
            Opinion::Well | Opinion::Degraded(_)
                if evidence.verdict != Verdict::Fail && (unready || serves) =>
            {
                self.ready_after_all(id);
            }
            _ => {}
        }
    }

    /// It failed as often as it may: nobody is to be sent there.
    fn not_ready_any_more(&mut self, id: &InstanceId, detail: &str, fails: u32) {
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        let text = match fails {
            1 => format!("not ready: {detail}"),
            _ => format!("not ready: {detail} {} in a row", words::times(fails)),
        };
        let reason = Reason::new(text).then("asked on; it is not restarted for this");
        let before = instance.unready.replace(reason.clone());
        let shown = before.is_some() && instance.state == State::Running;
        if !instance.state.serves() && !shown {
            // It has a fault besides, which is what is shown.
            return;
        }
        let text = reason.text.clone();
        let briefly = !shown && self.now.mono.since(instance.entered) < STEADY;
        let lasted = match briefly {
            true => Lasted::Briefly,
            false => Lasted::Steady,
        };
        self.set(id, State::Running, reason);
        let suffers = self.cluster.services.get(&id.service);
        let suffers = suffers.is_some_and(|service| service.suffers());
        let known = suffers || self.excused(id, Lasted::Steady);
        let dependents = match self.cluster.satisfied(&id.service) {
            true => BTreeSet::new(),
            false => self.goes_down(&id.service),
        };
        if known {
            return;
        }
        // Said again, it is no news.
        let open = self
            .tale(id)
            .is_some_and(|(_, tale)| tale.incident.state.unended());
        if !open {
            self.open_incident(id, text, lasted, &dependents);
            if let Some((_, tale)) = self.tale(id) {
                tale.unready = true;
            }
            self.out.waits.insert(id.clone());
            self.take_over(&id.service, &dependents);
            self.take_over_seen(&id.service, &dependents);
        }
    }

    /// It says that it is ready again, or never ceased to be.
    pub(crate) fn ready_after_all(&mut self, id: &InstanceId) {
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        let was = instance.unready.take().is_some();
        if was && instance.state != State::Running {
            return;
        }
        let (state, reason) = instance.serving.clone();
        self.set(id, state, reason);
        if was {
            self.serves_again(id);
        }
    }
}

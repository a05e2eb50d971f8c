//! Probes that are edited under a process that runs on: what was asked by the old ones, and what goes on.

use crate::doubt::Answers;
use crate::instance::Life;
use crate::probe::stage;
use crate::step::Step;
use healing::{Watch, pace};
use model::{InstanceId, ProbeKind, Reason, State};

impl Step<'_> {
    /// The definition's probes have changed under a process that runs on.
    pub(crate) fn reprobe(&mut self, id: &InstanceId, old: &spec::Service) {
        let Some(service) = self.cluster.services.get(&id.service) else {
            return;
        };
        let (new, always) = (service.spec.clone(), service.spec.ready_always);
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        if instance.life != Life::Alive {
            return;
        }
        let health = |spec: &spec::Service| spec.health.as_ref().map(|one| one.target.clone());
        if health(old) != health(&new) {
            instance.answers = Answers::default();
        }
        let asked =
            |spec| stage(spec, instance.started).map(|(kind, probe)| (kind, probe.target.clone()));
        let (before, now) = (asked(old), asked(&new));
        if instance.ready {
            if always != old.ready_always {
                instance.ready_watch = Watch::default();
                if always {
                    self.begin_asking_on(id);
                } else if instance.unready.is_some() {
                    self.ready_after_all(id);
                }
            }
            if old.health.is_none() {
                self.begin_health(id);
            } else if new.health.is_none() {
                self.unasked(id);
            }
            let [before, now] = [old.health.as_ref(), new.health.as_ref()];
            self.ask_as_defined(id, ProbeKind::Health, before, now);
            if always && old.ready_always {
                self.ask_as_defined(id, ProbeKind::Ready, old.ready.as_ref(), new.ready.as_ref());
            }
        } else if before != now {
            // What is under way asks the old, or waits to be told it.
            if let Some((kind, _)) = now {
                instance.under_way.remove(&kind);
            }
            instance.passes = 0;
            self.ask_readiness(id);
        } else {
            let differs = instance.within(old) != instance.within(&new);
            let within = instance.gives_up.is_some() && differs;
            let (since, started) = (instance.alive_since, instance.started);
            if let (Some((kind, old)), Some((_, new))) = (stage(old, started), stage(&new, started))
            {
                self.ask_as_defined(id, kind, Some(old), Some(new));
            }
            if within {
                self.begin_patience(id, since);
            }
        }
    }

    /// A rolling restart has stopped before it came to this one: of what the newer definition does not ask
    /// there will be no other answer.
    pub(crate) fn left_on_older(&mut self, id: &InstanceId) {
        let (Some(service), Some(instance)) = (
            self.cluster.services.get(&id.service),
            self.cluster.instances.get(id),
        ) else {
            return;
        };
        if instance.life != Life::Alive || !instance.ready {
            return;
        }
        let unready = instance.unready.is_some() && !service.spec.ready_always;
        if service.spec.health.is_none() {
            self.unasked(id);
        }
        if unready {
            self.ready_after_all(id);
        }
    }

    /// Its health is asked no more: what the last answers said against it has no end otherwise.
    fn unasked(&mut self, id: &InstanceId) {
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        let doubted = instance.state == State::Failing || !instance.watch.well();
        instance.watch = Watch::default();
        if doubted {
            let reason = Reason::new("its health is asked no more");
            self.well(id, State::Ready, reason);
        }
    }

    /// A probe that is asked again and again asks something else now, or at other times: that begins
    /// no later than its next question was to come, which would still be the old one.
    fn ask_as_defined(
        &mut self,
        id: &InstanceId,
        kind: ProbeKind,
        old: Option<&spec::Probe>,
        new: Option<&spec::Probe>,
    ) {
        let (Some(old), Some(new)) = (old, new) else {
            return;
        };
        let asks = |probe: &spec::Probe| (probe.target.clone(), probe.every, probe.timeout);
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        if asks(old) != asks(new)
            && let Some(at) = instance.under_way.remove(&kind)
        {
            let next = at.since(self.now.mono);
            self.ask(id, kind, next.min(pace::phase(id, new.every)));
        }
    }
}

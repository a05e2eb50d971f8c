//! When a command has come to rest, and what did not get where it should.

use crate::cluster::{Cluster, Pending};
use crate::instance::{Care, Goal, Instance, Life};
use crate::io::Effect;
use crate::step::Step;
use model::{InstanceId, Reason, ServiceName, State};

/// How an instance has come to rest.
pub(crate) enum Rest {
    /// Where it should be.
    Well,
    /// Elsewhere, and nothing more happens by itself.
    Failed(Reason),
}

impl Pending {
    /// It was not ready in time since the act began.
    fn counts_late(&self, instance: &Instance) -> bool {
        let late = instance.late.as_ref();
        late.is_some_and(|(at, _)| *at > self.began)
    }
}

impl Cluster {
    /// Whether an instance has come to rest, and how.
    pub(crate) fn rest(&self, id: &InstanceId, act: &Pending) -> Option<Rest> {
        let Some(instance) = self.instances.get(id) else {
            return Some(Rest::Well);
        };
        let failed = || Some(Rest::Failed(self.reason(id)));
        if instance.blocked.is_some() {
            return failed();
        }
        if self.waits_for_its_turn(id) {
            if !self.waits_in_vain(&id.service, act) {
                return None;
            }
            // Those before it cannot come up, and whoever asked for this is not kept by that. The
            // rolling restart goes on when they can.
            let root = self.root_of(&id.service);
            let next = root.map(|root| format!("its turn comes when {root} is ready"));
            let reason = Reason::new("was not restarted yet");
            return Some(Rest::Failed(Reason { next, ..reason }));
        }
        if let Some(reason) = act.left_behind.get(id) {
            return Some(Rest::Failed(reason.clone()));
        }
        let run = self.goal(id) == Goal::Run && instance.state != State::Quarantined;
        if run
            && act.counts_late(instance)
            && let Some((_, reason)) = &instance.late
        {
            // Healing goes on; who asked for this has waited long enough.
            return Some(Rest::Failed(reason.clone()));
        }
        if instance.cycle.is_some() {
            return None;
        }
        if run && instance.unready.is_some() && instance.state == State::Running {
            // When it is ready again is its own affair: nothing of ours brings that about.
            return failed();
        }
        if run && instance.long_delayed() {
            return failed();
        }
        match (self.goal(id), instance.state) {
            (Goal::Run, State::Quarantined) => failed(),
            (Goal::Run, State::Failing) if matches!(instance.care, Care::Barred(_)) => failed(),
            (Goal::Run, State::Ready | State::Degraded | State::Completed) => {
                if act.up == Some(false) {
                    let text = "was started again meanwhile";
                    return Some(Rest::Failed(Reason::new(text)));
                }
                Some(Rest::Well)
            }
            (Goal::Run, State::Waiting | State::Running | State::Recovering | State::Failing)
                if matches!(instance.life, Life::Gone | Life::Alive)
                    && !matches!(
                        instance.care,
                        Care::Asked(..) | Care::Due(..) | Care::Backoff(_) | Care::Doubted(_)
                    )
                    && self.waits_in_vain(&id.service, act) =>
            {
                failed()
            }
            (Goal::Rest, State::Stopped) if act.up == Some(true) => failed(),
            (Goal::Rest, State::Stopped) => Some(Rest::Well),
            _ => None,
        }
    }

    /// Something it needs is down, and only a person can change that, or it was not ready in time,
    /// or not known to be.
    fn waits_in_vain(&self, name: &ServiceName, act: &Pending) -> bool {
        let Some(service) = self.services.get(name) else {
            return false;
        };
        let unknown = |id: &InstanceId| {
            let instance = self.instances.get(id);
            instance.is_some_and(|one| !one.ready && act.counts_late(one))
        };
        let behind = act.behind.get(name);
        if behind.is_some_and(|behind| behind.iter().any(unknown)) {
            return true;
        }
        let excuse = service.excuse.iter().map(|excuse| &excuse.root);
        service.roots.iter().chain(excuse).any(|root| {
            let down = self.services.get(root);
            down.is_none_or(|root| root.replicas == 0 || !root.wanted)
                || self.instances_of(root).any(|(_, instance)| {
                    instance.care.stuck() || instance.unready.is_some() || act.counts_late(instance)
                })
        })
    }
}

impl Step<'_> {
    /// Answers the acts that have come to rest in this step.
    pub(crate) fn settle(&mut self) {
        if self.cluster.acts.is_empty() {
            return;
        }
        let mut acts = std::mem::take(&mut self.cluster.acts);
        acts.retain(|act, pending| {
            for id in self
                .touched
                .iter()
                .filter(|id| pending.concerned.contains(*id))
            {
                if self.cluster.rest(id, pending).is_some() {
                    pending.open.remove(id);
                } else {
                    pending.open.insert(id.clone());
                }
            }
            if !pending.open.is_empty() {
                return true;
            }
            let failed =
                pending
                    .concerned
                    .iter()
                    .filter_map(|id| match self.cluster.rest(id, pending)? {
                        Rest::Well => None,
                        Rest::Failed(reason) => Some((id.clone(), reason)),
                    });
            let failed = failed.collect();
            self.out.settled.push(Effect::Settled { act: *act, failed });
            false
        });
        self.cluster.acts = acts;
    }
}

//! When a command has come to rest, and what did not get where it should.

use crate::cluster::{Cluster, Pending};
use crate::effect::Effect;
use crate::instance::{Care, Goal, Instance, Life};
use crate::io::{OwnCheck, TimerKey};
use crate::probe::stage;
use crate::step::Step;
use model::{ActId, InstanceId, Mono, Reason, ServiceName, State, Until};
use std::collections::BTreeSet;
use std::time::Duration;

/// What nobody asks is ready as soon as its process is there, which shows nothing: an act that
/// started it has come to rest when it has lived for so long. supervisord asks for a second
/// (`startsecs`); a little more also catches what gives up after waiting for a whole one.
const LIVED: Duration = Duration::from_millis(1500);

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
            (Goal::Run, State::Failing)
                if matches!(instance.care, Care::Barred(_)) || instance.care.proposed() =>
            {
                failed()
            }
            // Its time began it, and it ends as it may.
            (Goal::Run, _) if self.runs_by_time(id) => Some(Rest::Well),
            (Goal::Run, State::Ready | State::Degraded | State::Completed | State::Scheduled) => {
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

    /// When the last of those that only living speaks for has lived for long enough, if that is to come.
    fn lived(&self, act: &Pending, now: Mono) -> Option<Mono> {
        let unproved = act.concerned.iter().filter_map(|id| self.unproved(id, now));
        unproved.max()
    }

    /// When one that only living speaks for will have lived for long enough, if it has not yet.
    pub(crate) fn unproved(&self, id: &InstanceId, now: Mono) -> Option<Mono> {
        let instance = self.instances.get(id)?;
        let spec = &self.services.get(&id.service)?.spec;
        let ours = instance.life == Life::Alive && instance.ready && instance.begun.is_some();
        // A daemon that asks a container nothing says of it no more than that it runs.
        let nothing = |probe: &spec::Probe| {
            probe.target == spec::ProbeTarget::Check && instance.check == Some(OwnCheck::Nothing)
        };
        let now_asked = stage(spec, instance.started).map(|(_, probe)| probe);
        let asked = now_asked.into_iter().chain(&spec.startup);
        let asked = asked.into_iter().any(|probe| !nothing(probe));
        let at = instance.alive_since + LIVED;
        (ours && !asked && at > now && self.goal(id) == Goal::Run).then_some(at)
    }

    /// It waits for something that only a person can bring about, or that was not ready in time.
    fn waits_in_vain(&self, name: &ServiceName, act: &Pending) -> bool {
        self.waits_for_what_is_down(name, act)
            || self.waits_for_no_end(name, act, &mut BTreeSet::new())
    }

    /// Something it needs is down, and only a person can change that, or it was not ready in time, or not
    /// known to be.
    fn waits_for_what_is_down(&self, name: &ServiceName, act: &Pending) -> bool {
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

    /// What has not ended and never will by itself is down for nobody, nor is what waits for it: who waits for
    /// these is found by what each waits for.
    fn waits_for_no_end(
        &self,
        name: &ServiceName,
        act: &Pending,
        seen: &mut BTreeSet<ServiceName>,
    ) -> bool {
        if !self.waits_for_ends || !seen.insert(name.clone()) {
            return false;
        }
        let Some(service) = self.services.get(name) else {
            return false;
        };
        let mut unmet = service.needs.iter().filter(|need| !self.met(service, need));
        unmet.any(|need| {
            let stuck = |(id, one): (&InstanceId, &Instance)| {
                one.care.stuck() && self.goal(id) == Goal::Run
            };
            let ends = service.terms(need).until == Until::Ended;
            let never =
                || self.instances_of(need).any(stuck) || self.waits_for_what_is_down(need, act);
            (ends && never()) || self.waits_for_no_end(need, act, seen)
        })
    }
}

impl Step<'_> {
    /// What the act has started has lived for long enough, unless it was started anew since.
    pub(crate) fn lived(&mut self, act: ActId) {
        if let Some(pending) = self.cluster.acts.get_mut(&act) {
            pending.lives_on = None;
        }
    }

    /// Answers the acts that have come to rest in this step.
    pub(crate) fn settle(&mut self) {
        if self.cluster.acts.is_empty() {
            return;
        }
        if self.cluster.waits_for_ends {
            // Along these needs nobody is told that another is down.
            let touched: Vec<ServiceName> =
                self.touched.iter().map(|id| id.service.clone()).collect();
            let all = self.cluster.with_all_dependents(&touched);
            self.touched.extend(self.cluster.ids_of_all(&all));
        }
        let mut acts = std::mem::take(&mut self.cluster.acts);
        acts.retain(|act, pending| {
            for id in self
                .touched
                .iter()
                .filter(|id| pending.concerned.contains(*id))
            {
                match self.cluster.rest(id, pending) {
                    Some(rest) => {
                        pending.open.remove(id);
                        if matches!(rest, Rest::Failed(_)) {
                            pending.lives_on = None;
                        }
                    }
                    None => _ = pending.open.insert(id.clone()),
                }
            }
            if !pending.open.is_empty() || pending.lives_on.is_some_and(|at| at > self.now.mono) {
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
            let failed: Vec<_> = failed.collect();
            // What has failed is known now; and what is to stop need not live.
            if failed.is_empty() && pending.up != Some(false) {
                pending.lives_on = self.cluster.lived(pending, self.now.mono);
                if let Some(at) = pending.lives_on {
                    let key = TimerKey::Lived(*act);
                    self.out.acts.push(Effect::SetTimer { key, at });
                    return true;
                }
            }
            self.out.settled.push(Effect::Settled { act: *act, failed });
            false
        });
        self.cluster.acts = acts;
    }
}

//! One step: take what happened, bring every instance it concerns towards what is wanted, and
//! answer what is to be done.
//!
//! Inputs change facts and mark instances as worth a look; [`Step::reconcile`] then looks at each
//! until none is left. Nothing here walks all instances except for commands that concern them all.

use crate::cluster::Cluster;
use crate::effect::Effect;
use crate::instance::{Care, Goal, Instance, Life};
use crate::io::{Input, TimerKey};
use model::{EventKind, InstanceId, Now, Reason, ServiceName, State};
use std::collections::BTreeSet;

/// Applies one input and answers what is to be done, in this order: what the next engine has to
/// remember, what happened, what looks different, what to carry out, what has settled.
pub fn step(cluster: &mut Cluster, input: Input, now: Now) -> Vec<Effect> {
    let mut step = Step {
        cluster,
        now,
        look: BTreeSet::new(),
        touched: BTreeSet::new(),
        turn: false,
        out: Out::default(),
    };
    step.apply(input);
    step.reconcile();
    step.settle();
    step.finish()
}

/// The step being made.
pub(crate) struct Step<'a> {
    pub(crate) cluster: &'a mut Cluster,
    pub(crate) now: Now,
    /// Instances worth a look.
    pub(crate) look: BTreeSet<InstanceId>,
    /// Instances that may have come to rest, or left it.
    pub(crate) touched: BTreeSet<InstanceId>,
    /// The turn of a remedy may have come although nothing has changed.
    pub(crate) turn: bool,
    pub(crate) out: Out,
}

/// What the step answers, by phase.
#[derive(Default)]
pub(crate) struct Out {
    pub(crate) stopped: Option<Vec<ServiceName>>,
    /// Services that are defined otherwise from now on.
    pub(crate) defined: Vec<Effect>,
    /// What the next engine would have to go on with is not what it was.
    pub(crate) unfinished: bool,
    pub(crate) facts: Vec<EventKind>,
    pub(crate) incidents: BTreeSet<u64>,
    /// Instances whose incident may wait for something else now.
    pub(crate) waits: BTreeSet<InstanceId>,
    /// Something that others need is back: all may serve now.
    pub(crate) relief: bool,
    /// Services that may no longer suffer from another.
    pub(crate) turned: BTreeSet<ServiceName>,
    /// A command wants something to run.
    pub(crate) rises: bool,
    pub(crate) changed: BTreeSet<InstanceId>,
    pub(crate) removed: Vec<InstanceId>,
    pub(crate) acts: Vec<Effect>,
    pub(crate) settled: Vec<Effect>,
}

impl Step<'_> {
    fn apply(&mut self, input: Input) {
        match input {
            Input::Command { command, act } => {
                self.out.rises = command.starts();
                self.command(command, act);
            }
            Input::Started {
                instance,
                generation,
                pid,
            } => {
                if self.current(&instance, generation).is_some() {
                    self.started(&instance, pid);
                } else if self.owed(&instance, generation) {
                    self.turned_up(&instance, generation, pid);
                }
            }
            Input::Prepared {
                instance,
                generation,
                outcome,
            } => {
                if self.current(&instance, generation).is_some() {
                    self.prepared(&instance, outcome);
                } else {
                    self.owed(&instance, generation);
                }
            }
            Input::Greeted {
                instance,
                generation,
                outcome,
            } => {
                if self.current(&instance, generation).is_some() {
                    self.greeting_over(&instance, outcome);
                }
            }
            Input::StartFailed {
                instance,
                generation,
                error,
                retry,
            } => {
                if self.current(&instance, generation).is_some() {
                    self.start_failed(&instance, &error, retry);
                } else {
                    self.owed(&instance, generation);
                }
            }
            Input::StartDelayed {
                instance,
                generation,
                shortage,
            } => {
                if self.current(&instance, generation).is_some() {
                    self.start_delayed(&instance, shortage);
                } else {
                    self.owed(&instance, generation);
                }
            }
            Input::Exited {
                instance,
                generation,
                status,
                left,
            } => {
                if self.current(&instance, generation).is_some() {
                    self.exited(&instance, status, left);
                } else {
                    self.owed(&instance, generation);
                }
            }
            Input::StopGoesOn {
                instance,
                generation,
                how,
            } => {
                if self.current(&instance, generation).is_some() {
                    self.stop_goes_on(&instance, how);
                }
            }
            Input::StopBlocked {
                instance,
                generation,
                blocker,
            } => {
                if self.current(&instance, generation).is_some() {
                    self.stop_blocked(&instance, blocker);
                }
            }
            Input::Probed {
                instance,
                generation,
                kind,
                evidence,
            } => {
                if self.current(&instance, generation).is_some() {
                    self.probed(&instance, kind, &evidence);
                }
            }
            Input::Check {
                instance,
                generation,
                check,
            } => {
                if self.current(&instance, generation).is_some() {
                    self.check_seen(&instance, check);
                }
            }
            Input::Said {
                instance,
                generation,
                said,
            } => {
                if self.current(&instance, generation).is_some() {
                    self.said(&instance, said);
                }
            }
            Input::Timer(TimerKey::Backoff(instance)) => self.backoff_over(&instance),
            Input::Timer(TimerKey::Ready(instance)) => self.patience_over(&instance),
            Input::Timer(TimerKey::Delay(instance)) => self.delay_over(&instance),
            Input::Timer(TimerKey::Version(service)) => self.version_due(&service),
            Input::Timer(TimerKey::Hold(whose)) => self.hold_over(whose),
            Input::Timer(TimerKey::Circuit(instance)) => self.trial_over(&instance),
            Input::Timer(TimerKey::Settle(instance)) => _ = self.look.insert(instance),
            Input::Timer(TimerKey::Rise) => self.out.relief = true,
            Input::Timer(TimerKey::Lived(act)) => self.lived(act),
            Input::Timer(TimerKey::Turn) => self.turn_over(),
            // It is looked at after every input.
            Input::Timer(TimerKey::Roll(_)) => {}
            Input::Timer(TimerKey::Schedule(service)) => self.schedule_due(&service),
            Input::Timer(TimerKey::Doubt(instance)) => self.doubt_over(&instance),
            Input::Gap(gap) => self.after_a_gap(&gap),
            Input::Timer(TimerKey::Excuse(service)) => self.excuse_over(&service),
            Input::Connected(seen) => self.connected(&seen),
            Input::Suspected(instance) => self.suspected(&instance),
            Input::Admitted { ticket, act } => self.admitted(ticket, act),
            Input::Refused { ticket, why } => self.refused(ticket, why),
            Input::Postponed { ticket, why } => self.postponed(ticket, &why),
            Input::LastWords {
                key,
                instance,
                generation,
                words,
            } => self.last_words(key, &instance, generation, words),
            Input::Looked(looks) => self.looked(looks),
            Input::Used(used, spare) => self.used(used, spare),
            Input::NotScaled(service, why) => self.not_scaled(&service, &why),
            Input::Ports(ports) => drop(self.take_ports(&ports)),
            Input::ShimLost {
                instance,
                generation,
            } => {
                let services = &self.cluster.services;
                let tty = services.get(&instance.service).is_some_and(|s| s.spec.tty);
                if let Some(lost) = self.current(&instance, generation) {
                    lost.shim_lost = true;
                    self.out.changed.insert(instance.clone());
                    let text = match tty {
                        true => format!(
                            "the shim of {instance} is gone and its terminal with it, so it was \
                             told to end (SIGHUP); how it ends cannot be known"
                        ),
                        false => format!(
                            "the shim of {instance} is gone; the service lives on, how it will \
                             end cannot be known"
                        ),
                    };
                    self.out.facts.push(EventKind::Notice { text });
                }
            }
        }
    }

    /// The instance, if a word about this generation is news: older ones are old news, and one
    /// whose process has ended is not spoken of any more.
    fn current(&mut self, id: &InstanceId, generation: model::Generation) -> Option<&mut Instance> {
        let instance = self.cluster.instances.get_mut(id)?;
        (instance.generation == generation && instance.life != Life::Gone).then_some(instance)
    }

    fn reconcile(&mut self) {
        self.end_rolled();
        loop {
            while let Some(id) = self.look.pop_first() {
                self.consider(&id);
            }
            // What is shown of one whose turn has not come may concern another.
            if !self.roll_on() && !self.let_due() && self.look.is_empty() {
                return;
            }
        }
    }

    /// Brings one instance a step closer to what is wanted of it. Doing so twice changes nothing.
    pub(crate) fn consider(&mut self, id: &InstanceId) {
        self.call_off_unwanted(id);
        self.weigh(id);
        let goal = self.cluster.goal(id);
        let Some(instance) = self.cluster.instances.get(id) else {
            return;
        };
        match (goal, instance.life) {
            (Goal::Run, Life::Gone) => self.consider_start(id),
            (Goal::Run, Life::Asked) => {
                if let Some(reason) = instance.retrying()
                    && instance.cycle.is_none()
                {
                    return self.set(id, State::Waiting, reason);
                }
                let state = if instance.automatic {
                    State::Recovering
                } else {
                    State::Starting
                };
                let reason = match &instance.cycle {
                    Some(cycle) if instance.preparing.is_some() => {
                        Reason::new(cycle.why.clone()).then(instance.stage())
                    }
                    Some(cycle) => Reason::new(cycle.why.clone()).then("once its process is made"),
                    None => instance.story(instance.stage()),
                };
                self.set(id, state, reason);
            }
            (Goal::Run, Life::Alive) => {
                if instance.cycle.is_some() || matches!(instance.care, Care::Quarantined(_)) {
                    self.consider_stop(id);
                } else if instance.state == State::Stopping {
                    self.resume(id);
                }
            }
            (Goal::Run, Life::Ending) => self.show_ending(id),
            (Goal::Rest, Life::Gone) => {
                self.forget_delay(id);
                let Some(instance) = self.cluster.instances.get(id) else {
                    return;
                };
                let rest = instance.rest.clone();
                self.set(id, State::Stopped, Reason::new(rest));
            }
            (Goal::Leave, Life::Gone) => self.remove(id),
            (Goal::Rest | Goal::Leave, Life::Asked) => {
                let next = match instance.preparing.is_some() {
                    true => instance.stage(),
                    false => "stops once its process is made",
                };
                let reason = Reason::new(instance.rest.clone()).then(next);
                self.set(id, State::Stopping, reason);
            }
            (Goal::Rest | Goal::Leave, Life::Alive) => self.consider_stop(id),
            (Goal::Rest | Goal::Leave, Life::Ending) => self.show_ending(id),
        }
    }

    /// Changes an instance's state or reason, and tells whoever sees it.
    pub(crate) fn set(&mut self, id: &InstanceId, state: State, reason: Reason) {
        let reason = match state {
            State::Ready => self.cluster.until_quick(id, reason),
            _ => reason,
        };
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        if instance.incident.is_some() {
            self.out.waits.insert(id.clone());
        }
        let from = instance.state;
        if from == state && instance.reason == reason {
            return;
        }
        if from == State::Ready && state != from {
            self.cluster.ready_until_now(id, self.now.mono);
        }
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        instance.reason = reason.clone();
        self.out.changed.insert(id.clone());
        if from != state {
            instance.state = state;
            instance.since = self.now.wall;
            instance.entered = self.now.mono;
            let generation = instance.generation;
            let instance = id.clone();
            self.out.facts.push(EventKind::StateChanged {
                instance,
                generation,
                from,
                to: state,
                reason,
            });
            self.out.turned.insert(id.service.clone());
            self.recount(id);
        }
        self.touched.insert(id.clone());
        self.look.extend(self.cluster.settling.iter().cloned());
        self.heard(id);
        self.tell_waiting(&id.service, from != state);
    }

    /// Changes why an instance is in its state.
    pub(crate) fn set_reason(&mut self, id: &InstanceId, reason: Reason) {
        if let Some(instance) = self.cluster.instances.get(id) {
            self.set(id, instance.state, reason);
        }
    }

    /// Changes where healing stands with an instance; those that wait for one that is stuck have
    /// come to rest with it.
    pub(crate) fn set_care(&mut self, id: &InstanceId, care: Care) {
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        let was = std::mem::replace(&mut instance.care, care);
        let now = &instance.care;
        let turned = was.stuck() != now.stuck();
        if instance.incident.is_some() {
            self.out.waits.insert(id.clone());
        }
        self.touched.insert(id.clone());
        match now {
            Care::Due(..) => _ = self.cluster.due.insert(id.clone()),
            _ => _ = self.cluster.due.remove(id),
        }
        match was {
            Care::Backoff(_) if !matches!(now, Care::Backoff(_)) => {
                self.out
                    .acts
                    .push(Effect::CancelTimer(TimerKey::Backoff(id.clone())));
            }
            Care::Asked(_, ticket) => {
                self.cluster.asks.remove(&ticket);
            }
            Care::Doubted(_) if !matches!(now, Care::Doubted(_)) => self.end_doubt(id),
            _ => {}
        }
        if turned && !self.cluster.acts.is_empty() {
            for dependent in healing::cause::dependents(&*self.cluster, &id.service) {
                self.touched.extend(self.cluster.ids_of(&dependent));
            }
        }
        // Who can do without it waits no longer than until something goes wrong with it.
        self.recount(id);
    }

    fn finish(mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.tell_ready();
        effects.extend(self.out.stopped.take().map(Effect::RememberStopped));
        effects.append(&mut self.out.defined);
        let unfinished = self.out.unfinished.then_some(Effect::RememberUnfinished);
        effects.extend(unfinished);
        effects.extend(self.out.facts.drain(..).map(Effect::Publish));
        self.relieve();
        self.tell_waits();
        for key in std::mem::take(&mut self.out.incidents) {
            effects.extend(self.incident_effect(key));
        }
        let changed = std::mem::take(&mut self.out.changed);
        effects.extend(
            changed
                .into_iter()
                .filter(|id| self.cluster.instances.contains_key(id))
                .map(Effect::Changed),
        );
        effects.extend(self.out.removed.drain(..).map(Effect::Removed));
        self.withdraw();
        // What was dropped in this very step is not asked for: nobody would hear the answer.
        let asks = &self.cluster.asks;
        self.out.acts.retain(|act| match act {
            Effect::Ask { ticket, .. } => asks.contains_key(ticket),
            _ => true,
        });
        match effects.is_empty() {
            // As after most answers to a probe: the next question is all that is to be done.
            true => effects = self.out.acts,
            false => effects.append(&mut self.out.acts),
        }
        effects.append(&mut self.out.settled);
        effects
    }
}

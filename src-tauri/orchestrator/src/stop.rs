//! From serving to gone: what needs a service stops first, then it, whole tree and all.

use crate::effect::Effect;
use crate::instance::{Care, Cycle, Goal, Life};
use crate::step::Step;
use healing::words;
use model::{Generation, InstanceId, Reason, ServiceName, State};

impl Step<'_> {
    /// It lives and is to end: now, or when nothing that needs it stands in the way.
    pub(crate) fn consider_stop(&mut self, id: &InstanceId) {
        let Some(service) = self.cluster.services.get(&id.service) else {
            return;
        };
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        let (state, text, ordered) = match (&instance.cycle, &instance.care) {
            (Some(cycle), _) if cycle.automatic => {
                (State::Recovering, cycle.why.clone(), cycle.ordered)
            }
            (Some(cycle), _) => (State::Stopping, cycle.why.clone(), cycle.ordered),
            (None, Care::Quarantined(why)) => {
                (State::Stopping, format!("{}; {why}", instance.fault), false)
            }
            (None, _) => (State::Stopping, instance.rest.clone(), true),
        };
        let reason = Reason::new(text);
        if ordered && service.above_draining > 0 {
            self.set(
                id,
                state,
                reason.then("stops after what needs it has stopped"),
            );
            self.recount(id);
            return;
        }
        let stop = service.spec.stop.clone();
        instance.life = Life::Ending;
        let generation = instance.generation;
        self.end_patience(id);
        self.end_trial(id);
        let next = said(&stop);
        self.out.acts.push(Effect::Stop {
            instance: id.clone(),
            generation,
            stop,
        });
        self.set(id, state, reason.then(next));
        self.recount(id);
    }

    /// It was told to end, and what is wanted of it may have changed since.
    pub(crate) fn show_ending(&mut self, id: &InstanceId) {
        let goal = self.cluster.goal(id);
        let Some(instance) = self.cluster.instances.get(id) else {
            return;
        };
        if instance.cycle.is_some()
            || instance.blocked.is_some()
            || matches!(instance.care, Care::Quarantined(_))
        {
            return;
        }
        let reason = if goal == Goal::Run {
            let waits = self.cluster.waits_for_its_time(&id.service);
            Reason::new("still stopping").then(match waits {
                true => "then waits for its time",
                false => "starts again when it has ended",
            })
        } else {
            let text = instance.rest.clone();
            match &instance.reason.next {
                Some(next) if instance.state == State::Stopping => Reason::new(text).then(next),
                _ => Reason::new(text).then("ends soon"),
            }
        };
        self.set(id, State::Stopping, reason);
    }

    /// It has not ended yet: who is waited for, or what has gone wrong, and what follows.
    pub(crate) fn stop_goes_on(&mut self, id: &InstanceId, how: String) {
        let Some(instance) = self.cluster.instances.get(id) else {
            return;
        };
        if instance.life == Life::Ending && instance.blocked.is_none() {
            let reason = Reason::new(instance.reason.text.clone()).then(how);
            self.set_reason(id, reason);
        }
    }

    /// Something of it still lives although it was killed. Nobody waits for that.
    pub(crate) fn stop_blocked(&mut self, id: &InstanceId, blocker: String) {
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        if instance.life != Life::Ending {
            return;
        }
        let reason = Reason::new(format!("{blocker} does not end although it was killed"));
        instance.blocked = Some(blocker);
        self.set_reason(id, reason);
        self.recount(id);
    }

    /// Replaces a process by a new one. Nothing is done to one that has none, that is not wanted,
    /// or that is being replaced already; and healing does not stop what is held or protected.
    pub(crate) fn cycle(&mut self, id: &InstanceId, cycle: Cycle) {
        let goal = self.cluster.goal(id);
        let Some(service) = self.cluster.services.get(&id.service) else {
            return;
        };
        let Some(instance) = self.cluster.instances.get(id) else {
            return;
        };
        let lives = matches!(instance.life, Life::Asked | Life::Alive);
        if goal != Goal::Run || !lives || instance.cycle.is_some() {
            return;
        }
        if cycle.automatic && (service.spec.protected || self.cluster.holds(&id.service)) {
            return;
        }
        let state = if cycle.automatic {
            State::Recovering
        } else {
            State::Stopping
        };
        let reason = Reason::new(cycle.why.clone());
        let turn = service.turn() == Some(id);
        let alive = instance.life == Life::Alive;
        if !matches!(instance.care, Care::Idle | Care::Quarantined(_)) {
            // The restart that healing had in mind for it, or was not to make, is this one.
            self.set_care(id, Care::Idle);
        }
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        if !cycle.automatic {
            instance.replaces = Some((instance.generation, cycle.why.clone()));
            self.out.unfinished = true;
        }
        instance.cycle = Some(cycle);
        if alive {
            // Said at once, so that nothing that needs it starts in this very step.
            self.set(id, state, reason);
        }
        self.recount(id);
        self.touched.insert(id.clone());
        // In a rolling restart the others serve meanwhile.
        if !turn {
            self.goes_down(&id.service);
        }
        self.look.insert(id.clone());
    }

    /// Whether the driver still owed a word about this generation. It does no more.
    pub(crate) fn owed(&mut self, id: &InstanceId, generation: Generation) -> bool {
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return false;
        };
        let owed = instance.owed == Some(generation);
        if owed {
            instance.owed = None;
        }
        owed
    }

    /// A process that was being made when the emergency path ended everything is there after all.
    pub(crate) fn turned_up(&mut self, id: &InstanceId, generation: Generation, pid: u32) {
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        if instance.generation == generation {
            instance.life = Life::Asked;
            self.started(id, pid);
        } else if let Some(service) = self.cluster.services.get(&id.service) {
            // A newer one was started meanwhile: this one is in its way.
            let (instance, stop) = (id.clone(), service.spec.stop.clone());
            self.out.acts.push(Effect::Stop {
                instance,
                generation,
                stop,
            });
        }
    }

    /// It has ended and is not to be any more.
    pub(crate) fn remove(&mut self, id: &InstanceId) {
        self.set_care(id, Care::Idle);
        self.end_settling(id);
        self.close_incident(id, "it is no longer defined, or was scaled down");
        self.recount(id);
        if let Some(instance) = self.cluster.instances.remove(id) {
            self.cluster.gone.insert(id.clone(), instance.generation);
        }
        self.out.removed.push(id.clone());
        self.out.turned.insert(id.service.clone());
        self.tell_waiting(&id.service, true);
        self.touched.insert(id.clone());
        self.look.remove(id);
        self.drop_left(&id.service);
    }

    /// A service that is no longer defined goes when its last instance has.
    pub(crate) fn drop_left(&mut self, name: &ServiceName) {
        let left = self
            .cluster
            .services
            .get(name)
            .is_some_and(|service| service.leaving)
            && self.cluster.instances_of(name).next().is_none();
        if !left {
            return;
        }
        self.comes_back(name);
        self.end_rolling(name);
        self.cluster.schedules.remove(name);
        let Some(service) = self.cluster.services.remove(name) else {
            return;
        };
        for dependent in &service.dependents {
            // It can do without.
            if let Some(above) = self.cluster.services.get_mut(dependent) {
                above.needs.remove(name);
                above.terms.remove(name);
            }
        }
        for need in &service.needs {
            let Some(below) = self.cluster.services.get_mut(need) else {
                continue;
            };
            below.dependents.remove(name);
            below.relied_by.remove(name);
            if service.drains {
                below.above_draining = below.above_draining.saturating_sub(1);
            }
            self.look.extend(self.cluster.ids_of(need));
            self.free(need);
        }
    }
}

/// What was done to end it, and what follows.
fn said(stop: &spec::Stop) -> String {
    let signal = signal(stop.signal);
    let grace = words::duration(stop.grace);
    match (&stop.command, stop.signal) {
        (Some(command), Some(spec::StopSignal::Kill)) => {
            format!("{command} was run, SIGKILL follows after {grace}")
        }
        (Some(command), _) => {
            format!(
                "{command} was run, {signal} follows after {grace} and SIGKILL after as long again"
            )
        }
        (None, Some(spec::StopSignal::Kill)) => "SIGKILL was sent".to_owned(),
        (None, _) => format!("{signal} was sent, SIGKILL follows after {grace}"),
    }
}

fn signal(signal: Option<spec::StopSignal>) -> &'static str {
    signal.map_or("the stop signal of its image", spec::StopSignal::name)
}

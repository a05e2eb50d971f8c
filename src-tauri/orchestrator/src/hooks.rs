//! What surrounds an instance's life: what has to be done before its process is made, and what
//! follows when it is ready.
//!
//! Before: its secrets are read and `before_start` runs. A failure is a failed start, which healing
//! tries again like any other. When the start is not wanted any more, it is called off, and nothing
//! is begun anew until the last word about it has come.
//!
//! After: `after_ready` runs once a start. Nobody waits for it, and it never harms the service: a
//! failure is told and that is all. What others have to wait for is a oneshot they need.

use crate::effect::Effect;
use crate::instance::{Goal, Instance, Life};
use crate::step::Step;
use model::{EventKind, InstanceId};

/// What precedes the making of a service's process or container, in words; `None` when nothing does.
pub(crate) fn preparation(spec: &spec::Service) -> Option<&'static str> {
    if spec.before_start.is_some() {
        Some("before_start runs")
    } else if !spec.secrets.is_empty() {
        Some("its secrets are being read")
    } else if spec.runs.container().is_some() {
        Some("its image and networks are being got ready")
    } else {
        None
    }
}

impl Instance {
    /// How far a start that the driver has not answered has come.
    pub(crate) fn stage(&self) -> &'static str {
        match (self.preparing, self.called_off) {
            (None, _) => "its process is being made",
            (Some(words), false) => words,
            (Some(_), true) => "what precedes its start is being ended",
        }
    }
}

impl Step<'_> {
    /// Calls off what precedes a start that is not wanted any more.
    pub(crate) fn call_off_unwanted(&mut self, id: &InstanceId) {
        let goal = self.cluster.goal(id);
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        let unwanted = goal != Goal::Run || instance.cycle.is_some();
        if instance.life == Life::Asked
            && instance.preparing.is_some()
            && unwanted
            && !std::mem::replace(&mut instance.called_off, true)
        {
            let generation = instance.generation;
            self.out.acts.push(Effect::CallOff {
                instance: id.clone(),
                generation,
            });
        }
    }

    /// What precedes its start has ended.
    pub(crate) fn prepared(&mut self, id: &InstanceId, outcome: Result<(), String>) {
        let goal = self.cluster.goal(id);
        let unmet = self
            .cluster
            .services
            .get(&id.service)
            .is_none_or(|service| service.waits.unmet > 0);
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        if instance.life != Life::Asked || instance.preparing.take().is_none() {
            return;
        }
        let called_off = std::mem::replace(&mut instance.called_off, false);
        let unwanted = called_off || goal != Goal::Run || instance.cycle.is_some();
        match outcome {
            // What it needs was lost meanwhile: it is begun anew when that is back.
            Ok(()) if unmet => self.not_begun(id),
            _ if unwanted => self.not_begun(id),
            Ok(()) => {
                let (generation, act) = (instance.generation, instance.act);
                let reason = instance.story(instance.stage());
                self.out.acts.push(Effect::Start {
                    instance: id.clone(),
                    generation,
                    act,
                });
                self.set_reason(id, reason);
            }
            Err(error) => self.start_failed(id, &error, true),
        }
    }

    /// Its start came to nothing, and that is no fault.
    pub(crate) fn not_begun(&mut self, id: &InstanceId) {
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        instance.life = Life::Gone;
        if let Some(cycle) = instance.cycle.take() {
            (instance.act, instance.automatic) = (cycle.act, cycle.automatic);
        }
        self.recount(id);
        self.touched.insert(id.clone());
        self.look.insert(id.clone());
    }

    /// It is ready: what follows that is begun, once a start.
    pub(crate) fn greet(&mut self, id: &InstanceId) {
        let Some(service) = self.cluster.services.get(&id.service) else {
            return;
        };
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        if service.spec.after_ready.is_some() && !std::mem::replace(&mut instance.greeted, true) {
            let generation = instance.generation;
            self.out.acts.push(Effect::Greet {
                instance: id.clone(),
                generation,
            });
        }
    }

    /// `after_ready` has ended.
    pub(crate) fn greeting_over(&mut self, id: &InstanceId, outcome: Result<(), String>) {
        if let Err(why) = outcome {
            let text = format!("{id} is ready and runs on, but {why}");
            self.out.facts.push(EventKind::Notice { text });
        }
    }
}

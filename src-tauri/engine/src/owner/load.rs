//! Load: what services that may grow have used, told to the heart, and what it wants done about it.

use super::Owner;
use crate::Error;
use healing::load::{Spare, Used};
use model::view::Usage;
use model::{ActId, InstanceId, Outcome, ServiceName};
use orchestrator::{Command, Input};
use telemetry::machine::Reading;

impl Owner {
    /// Tells what those have used that instances may be added to.
    pub(super) fn weigh_load(&mut self, usage: &[(InstanceId, Usage)], machine: &Reading) {
        let services = &self.record.definition.services;
        let grows = |id: &InstanceId| {
            let service = services.get(&id.service);
            service.is_some_and(|service| service.max_replicas.is_some())
        };
        let waiting = |id: &InstanceId| {
            let ports = self.record.ports.get(id).into_iter().flatten();
            ports.filter_map(|port| machine.waiting.get(port)).sum()
        };
        let used: Vec<(InstanceId, Used)> = usage
            .iter()
            .filter(|(id, _)| grows(id))
            .map(|(id, usage)| {
                let used = Used {
                    cpu: usage.cpu,
                    memory: usage.memory,
                    waiting: waiting(id),
                };
                (id.clone(), used)
            })
            .collect();
        if !used.is_empty() {
            let spare = machine.spare.map(|(cpu, memory)| Spare { cpu, memory });
            self.step(Input::Used(used, spare));
        }
    }

    /// The door let healing scale a service. Where that is not needed any more, the act is over.
    pub(super) fn let_scale(&mut self, ticket: u64, act: ActId) {
        self.scaling = Some(act);
        self.step(Input::Admitted { ticket, act });
        if self.scaling.take() == Some(act) {
            let overtaken = Outcome::Overtaken("it was not needed any more".into());
            self.shared.door.finish(act, overtaken);
        }
    }

    /// Does it: ports first, then the record with all that follows from it, then the heart's next step.
    pub(super) fn scale_for_healing(
        &mut self,
        service: ServiceName,
        replicas: u16,
        act: ActId,
        why: String,
    ) {
        if self.stopped_by_emergency() {
            return;
        }
        self.scaling = None;
        let before = self.record.clone();
        if let Err(error) = self.decide_scale(&service, replicas, act, why) {
            self.record = before;
            let story = error.story();
            self.shared.door.finish(act, Outcome::Failed(story.clone()));
            self.step(Input::NotScaled(service, story));
        }
    }

    /// Decides on a copy, as `up` does: the next engine knows both how many there are and which of them
    /// were added.
    fn decide_scale(
        &mut self,
        service: &ServiceName,
        replicas: u16,
        act: ActId,
        why: String,
    ) -> Result<(), Error> {
        let ports = self.grow(service, replicas)?;
        let command = Command::Scale {
            service: service.clone(),
            replicas,
            ports,
            healing: Some(why),
        };
        let mut next = self.cluster.clone();
        let input = Input::Command { command, act };
        let effects = orchestrator::step(&mut next, input, self.shared.clock.now());
        self.record.unfinished = next.unfinished();
        self.try_save()?;
        self.cluster = next;
        self.eventful = true;
        for effect in effects {
            self.carry_out(effect);
        }
        Ok(())
    }
}

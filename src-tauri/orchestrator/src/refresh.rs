//! What a service is made from has changed: it is replaced, as if a person had restarted it, as far
//! as it is wanted and not held.

use crate::instance::{Cycle, Life};
use crate::step::Step;
use model::{ActId, InstanceId, ServiceName};
use std::collections::BTreeSet;

impl Step<'_> {
    /// Replaces the instances of these services. What crashed on the old files gets another chance
    /// on the new ones: its history is of no use any more, so no budget counts this.
    pub(crate) fn refresh(&mut self, services: &[ServiceName], why: &str, act: ActId) {
        let meant: Vec<ServiceName> = services
            .iter()
            .filter(|name| {
                let service = self.cluster.services.get(*name);
                service.is_some_and(|service| service.wanted && !service.leaving)
                    && !self.cluster.holds(name)
            })
            .cloned()
            .collect();
        let mut concerned = BTreeSet::new();
        for name in &meant {
            // All at once: half a service on old files is of no use to who changed them.
            self.end_rolling(name);
        }
        for id in self.cluster.ids_of_all(&meant) {
            self.refresh_one(&id, why, act);
            concerned.insert(id);
        }
        if !meant.is_empty() {
            concerned.extend(
                self.cluster
                    .ids_of_all(&self.cluster.with_followers(&meant)),
            );
        }
        self.wait_for(act, Some(true), concerned);
    }

    fn refresh_one(&mut self, id: &InstanceId, why: &str, act: ActId) {
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        instance.done = false;
        match instance.life {
            Life::Asked | Life::Alive => {
                if instance.cycle.is_some() {
                    // It is being replaced already, and what comes then reads the new files.
                    return;
                }
                self.begin_anew(id);
                self.cycle(
                    id,
                    Cycle {
                        why: why.to_owned(),
                        act,
                        automatic: false,
                        ordered: true,
                    },
                );
                self.look.insert(id.clone());
            }
            // Gone, or on its way out: the next start reads the new files, now and not after a wait.
            Life::Gone | Life::Ending => self.revive(id, act, true),
        }
    }
}

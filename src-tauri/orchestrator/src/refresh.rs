//! What a service is made from has changed: it is replaced, as if a person had restarted it, as far
//! as it is wanted and not held.

use crate::cluster::Cluster;
use crate::instance::{Cycle, Life};
use crate::step::Step;
use model::{ActId, InstanceId, Mono, ServiceName};
use std::collections::BTreeSet;

impl Cluster {
    /// Every process of this service that is there, or is being made, was begun after that time: it
    /// has read what had changed by then.
    pub fn begun_after(&self, service: &ServiceName, changed: Mono) -> bool {
        let mut made = self
            .instances_of(service)
            .filter(|(_, instance)| matches!(instance.life, Life::Asked | Life::Alive))
            .peekable();
        made.peek().is_some() && made.all(|(_, instance)| instance.begun > Some(changed))
    }
}

impl Step<'_> {
    /// Replaces the instances of these services. What crashed on the old files gets another chance
    /// on the new ones: its history is of no use any more, so no budget counts this.
    pub(crate) fn refresh(
        &mut self,
        services: &[ServiceName],
        why: &str,
        changed: Mono,
        act: ActId,
    ) {
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
            self.refresh_one(&id, why, changed, act);
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

    fn refresh_one(&mut self, id: &InstanceId, why: &str, changed: Mono, act: ActId) {
        self.undo(id);
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        match instance.life {
            Life::Asked | Life::Alive => {
                if instance.cycle.is_some() || instance.begun > Some(changed) {
                    // It is being replaced already, and what comes then reads the new files; or it
                    // was begun when they were there.
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

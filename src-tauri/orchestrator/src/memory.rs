//! What outlives the engine of a cluster besides its processes: what healing has tried for each
//! instance, and which processes an edit was about to replace.

use crate::cluster::Cluster;
use crate::instance::Cycle;
use crate::step::Step;
use healing::History;
use model::{ActId, Generation, InstanceId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is remembered of one instance. Its times are of one boot.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Memory {
    /// How often healing started it.
    pub restarts: u32,
    /// What healing has tried.
    pub history: History,
}

impl Cluster {
    /// What is to be remembered of an instance.
    pub fn memory(&self, id: &InstanceId) -> Option<Memory> {
        let instance = self.instances.get(id)?;
        Some(Memory {
            restarts: instance.restarts,
            history: instance.history.clone(),
        })
    }

    /// The processes that are to be replaced, each with its generation.
    pub fn outdated(&self) -> BTreeMap<InstanceId, Generation> {
        let cycled = self.instances.iter().filter(|(_, i)| i.cycle.is_some());
        cycled
            .map(|(id, instance)| (id.clone(), instance.generation))
            .collect()
    }

    /// What an earlier engine has remembered; [`crate::Command::Adopt`] makes use of it.
    pub fn remember(
        &mut self,
        memory: BTreeMap<InstanceId, Memory>,
        outdated: BTreeMap<InstanceId, Generation>,
    ) {
        (self.memory, self.outdated) = (memory, outdated);
    }
}

impl Step<'_> {
    /// Takes up what healing had come to, before what was found is judged.
    pub(crate) fn recollect(&mut self) {
        for (id, memory) in std::mem::take(&mut self.cluster.memory) {
            if let Some(instance) = self.cluster.instances.get_mut(&id) {
                instance.restarts = memory.restarts;
                instance.history = memory.history;
            }
        }
    }

    /// Goes on with an edit that the engine's end cut short: what still runs as it was before is
    /// replaced.
    pub(crate) fn finish_edit(&mut self, act: ActId) {
        for (id, generation) in std::mem::take(&mut self.cluster.outdated) {
            let instance = self.cluster.instances.get(&id);
            if instance.is_some_and(|instance| instance.generation == generation) {
                let why = "restarts on its new definition".to_owned();
                self.cycle(
                    &id,
                    Cycle {
                        why,
                        act,
                        automatic: false,
                        ordered: true,
                    },
                );
            }
        }
    }
}

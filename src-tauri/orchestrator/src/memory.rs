//! What outlives the engine of a cluster besides its processes: what healing has tried for each
//! instance. What was under way is [`crate::unfinished`].

use crate::cluster::Cluster;
use crate::instance::Care;
use crate::step::Step;
use crate::unfinished::Unfinished;
use healing::History;
use model::{Generation, InstanceId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is remembered of one instance. Its times are of one boot; see [`Memory::of_another_boot`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Memory {
    /// How often healing started it.
    pub restarts: u32,
    /// What healing has tried.
    pub history: History,
    /// It is in quarantine: its fault, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantined: Option<(String, String)>,
    /// The start that has been ready last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<Generation>,
}

impl Memory {
    /// What of it still holds in another boot: what a person has to do about it does, and when
    /// something was tried and how often means nothing any more.
    #[must_use]
    pub fn of_another_boot(mut self) -> Option<Memory> {
        self.history.rebooted();
        self.restarts = 0;
        let matters = self.quarantined.is_some() || self.history.circuit_open();
        matters.then_some(self)
    }
}

impl Cluster {
    /// What is to be remembered of an instance.
    pub fn memory(&self, id: &InstanceId) -> Option<Memory> {
        let instance = self.instances.get(id)?;
        Some(Memory {
            restarts: instance.restarts,
            history: instance.history.clone(),
            quarantined: match &instance.care {
                Care::Quarantined(why) => Some((instance.fault.clone(), why.clone())),
                _ => None,
            },
            ready: instance.was_ready,
        })
    }

    /// What an earlier engine has remembered; [`crate::Command::Adopt`] makes use of it.
    pub fn remember(&mut self, memory: BTreeMap<InstanceId, Memory>, unfinished: Unfinished) {
        (self.memory, self.unfinished) = (memory, unfinished);
    }
}

impl Step<'_> {
    /// Takes up what healing had come to, before what was found is judged.
    pub(crate) fn recollect(&mut self) {
        for (id, memory) in std::mem::take(&mut self.cluster.memory) {
            if let Some(instance) = self.cluster.instances.get_mut(&id) {
                instance.restarts = memory.restarts;
                instance.history = memory.history;
                instance.was_ready = memory.ready;
                if let Some((fault, why)) = memory.quarantined {
                    instance.fault = fault;
                    instance.care = Care::Quarantined(why);
                }
            }
        }
    }
}

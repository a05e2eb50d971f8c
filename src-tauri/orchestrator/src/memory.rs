//! What outlives the engine of a cluster besides its processes: what healing has tried for each
//! instance. What was under way is [`crate::unfinished`].

use crate::cluster::Cluster;
use crate::instance::{Care, Instance, Life};
use crate::step::Step;
use crate::unfinished::Unfinished;
use healing::History;
use model::{Generation, InstanceId, Mono};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is remembered of one instance. Its times are of one boot; see [`Memory::of_another_boot`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Memory {
    /// How often healing started it.
    pub restarts: u32,
    /// Its last start. One whose process could not be made has left nothing else.
    #[serde(default)]
    pub generation: Generation,
    /// What healing has tried.
    pub history: History,
    /// It is in quarantine: its fault, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantined: Option<(String, String)>,
    /// The start that has been ready last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<Generation>,
    /// The start whose end was told last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
}

/// An end that was told: the next engine, which finds it, does not tell it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Which start has ended.
    pub(crate) generation: Generation,
    /// Its fault, or that of its next start; empty when it had none.
    pub(crate) fault: String,
    /// What is to be done about that was not done yet.
    pub(crate) pending: bool,
    /// When it is to be done.
    pub(crate) due: Option<Mono>,
    /// Healing has started it again since, and counted that.
    pub(crate) counted: bool,
}

impl Memory {
    /// What of it still holds in another boot: what a person has to do about it does, and when
    /// something was tried and how often means nothing any more.
    #[must_use]
    pub fn of_another_boot(mut self) -> Option<Memory> {
        self.history.rebooted();
        self.restarts = 0;
        if let Some(ended) = &mut self.ended {
            ended.due = None;
        }
        let matters =
            self.quarantined.is_some() || self.history.circuit_open() || self.ended.is_some();
        matters.then_some(self)
    }
}

impl Cluster {
    /// What is to be remembered of an instance.
    pub fn memory(&self, id: &InstanceId) -> Option<Memory> {
        let instance = self.instances.get(id)?;
        Some(Memory {
            restarts: instance.restarts,
            generation: instance.generation,
            history: instance.history.clone(),
            quarantined: match &instance.care {
                Care::Quarantined(why) => Some((instance.fault.clone(), why.clone())),
                _ => None,
            },
            ready: instance.was_ready,
            ended: instance.told_end.map(|generation| instance.end(generation)),
        })
    }

    /// What an earlier engine has remembered; [`crate::Command::Adopt`] makes use of it.
    pub fn remember(&mut self, memory: BTreeMap<InstanceId, Memory>, unfinished: Unfinished) {
        (self.memory, self.unfinished) = (memory, unfinished);
    }
}

impl Instance {
    /// What is to be remembered of the end of this start.
    fn end(&self, generation: Generation) -> Ended {
        let down = matches!(self.life, Life::Gone | Life::Asked);
        let pending = down && !matches!(self.care, Care::Idle | Care::Quarantined(_));
        Ended {
            generation,
            fault: if down {
                self.fault.clone()
            } else {
                String::new()
            },
            pending,
            due: self.remedy_at.filter(|_| pending),
            counted: self.life == Life::Asked && self.automatic,
        }
    }
}

impl Step<'_> {
    /// Takes up what healing had come to, before what was found is judged.
    pub(crate) fn recollect(&mut self) {
        for (id, memory) in std::mem::take(&mut self.cluster.memory) {
            if let Some(instance) = self.cluster.instances.get_mut(&id) {
                instance.restarts = memory.restarts;
                // What the driver finds of it is of this start, or knows better.
                instance.generation = memory.generation;
                instance.history = memory.history;
                instance.was_ready = memory.ready;
                instance.told_end = memory.ended.as_ref().map(|ended| ended.generation);
                instance.remembered = memory.ended;
                if let Some((fault, why)) = memory.quarantined {
                    instance.fault = fault;
                    instance.care = Care::Quarantined(why);
                }
            }
        }
    }
}

//! What a cluster has learned of its services, and what outlives the engine and the boot of that.

use crate::cluster::Cluster;
use crate::finding::Found;
use crate::instance::Life;
use crate::step::Step;
use healing::{Experience, Usual};
use model::{FindingKind, Generation, InstanceId, ServiceName};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is worth keeping.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Learned {
    /// What is usual, by service.
    #[serde(default)]
    pub usual: BTreeMap<ServiceName, Usual>,
    /// What is being found, by instance and the generation it is about.
    #[serde(default)]
    pub findings: BTreeMap<InstanceId, (Generation, BTreeMap<FindingKind, Found>)>,
    /// What remedies have come to.
    #[serde(default)]
    pub experience: Experience,
}

impl Cluster {
    /// What has been learned by now.
    pub fn learned(&self) -> Learned {
        let usual = self.services.iter();
        let usual = usual.filter(|(_, service)| service.usual != Usual::default());
        let found = self.instances.iter();
        let found = found.filter(|(_, instance)| !instance.findings.is_empty());
        Learned {
            usual: usual
                .map(|(name, service)| (name.clone(), service.usual.clone()))
                .collect(),
            findings: found
                .map(|(id, instance)| {
                    (id.clone(), (instance.generation, instance.findings.clone()))
                })
                .collect(),
            experience: self.experience.clone(),
        }
    }

    /// What remedies have come to by now.
    pub fn experience(&self) -> &Experience {
        &self.experience
    }

    /// What an earlier engine has learned; [`crate::Command::Adopt`] makes use of it.
    pub fn recall(&mut self, mut learned: Learned) {
        self.experience = std::mem::take(&mut learned.experience);
        self.learned = learned;
    }
}

impl Step<'_> {
    /// Takes up what was learned, before what was found is judged.
    pub(crate) fn recall(&mut self) {
        let learned = std::mem::take(&mut self.cluster.learned);
        for (name, usual) in learned.usual {
            if let Some(service) = self.cluster.services.get_mut(&name) {
                service.usual = usual.recalled();
            }
        }
        self.cluster.learned.findings = learned.findings;
    }

    /// Takes up what was found about processes that run on.
    pub(crate) fn recall_findings(&mut self) {
        for (id, (of, findings)) in std::mem::take(&mut self.cluster.learned.findings) {
            let Some(instance) = self.cluster.instances.get_mut(&id) else {
                continue;
            };
            if instance.generation == of && instance.life == Life::Alive {
                instance.findings = findings;
                self.out.changed.insert(id);
            }
        }
    }
}

//! What a cluster has learned of its services, and what outlives the engine and the boot of that.

use crate::cluster::Cluster;
use crate::step::Step;
use healing::Usual;
use model::ServiceName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is worth keeping.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Learned {
    /// What is usual, by service.
    #[serde(default)]
    pub usual: BTreeMap<ServiceName, Usual>,
}

impl Cluster {
    /// What has been learned by now.
    pub fn learned(&self) -> Learned {
        let usual = self.services.iter();
        let usual = usual.filter(|(_, service)| service.usual != Usual::default());
        Learned {
            usual: usual
                .map(|(name, service)| (name.clone(), service.usual.clone()))
                .collect(),
        }
    }

    /// What an earlier engine has learned; [`crate::Command::Adopt`] makes use of it.
    pub fn recall(&mut self, learned: Learned) {
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
    }
}

//! What each fact means: how grave it is, what was seen, and what to do. `docs/security.md` is the table of it.

mod files;
mod home;
mod running;

use crate::facts::Facts;
use crate::monitor::Memory;
use model::{ClusterId, InstanceId, ServiceName, Threat, ThreatKind, ThreatLevel, Timestamp};

pub use home::{BURST, GUESSES};

/// All that is found in what one look has seen, with what is remembered of those before.
pub(crate) fn judge(facts: &Facts, memory: &Memory) -> Vec<Threat> {
    let mut found = Vec::new();
    for cluster in &facts.clusters {
        running::cluster(cluster, memory, facts.at, &mut found);
    }
    files::all(facts, &mut found);
    home::all(facts, memory, &mut found);
    found
}

/// What a threat is about.
#[derive(Default)]
struct About {
    cluster: Option<ClusterId>,
    service: Option<ServiceName>,
    instance: Option<InstanceId>,
}

impl About {
    fn instance(cluster: &ClusterId, instance: &InstanceId) -> Self {
        Self {
            cluster: Some(cluster.clone()),
            service: Some(instance.service.clone()),
            instance: Some(instance.clone()),
        }
    }

    fn cluster(cluster: Option<&ClusterId>) -> Self {
        Self {
            cluster: cluster.cloned(),
            ..Self::default()
        }
    }

    /// `which` tells it from others of its kind about the same.
    fn threat(
        self,
        (kind, level): (ThreatKind, ThreatLevel),
        which: &str,
        at: Timestamp,
        words: Words,
    ) -> Threat {
        let cluster = self.cluster.as_ref().map(ToString::to_string);
        let subject = match (&self.instance, &self.service) {
            (Some(instance), _) => Some(instance.to_string()),
            (None, Some(service)) => Some(service.to_string()),
            (None, None) => None,
        };
        let which = (!which.is_empty()).then(|| which.to_owned());
        let parts = [Some(kind.name().to_owned()), cluster, subject, which];
        let id: Vec<String> = parts.into_iter().flatten().collect();
        Threat {
            id: id.join(":"),
            kind,
            level,
            cluster: self.cluster,
            service: self.service,
            instance: self.instance,
            what: words.what,
            evidence: words.evidence,
            todo: words.todo,
            since: at,
            answer: None,
        }
    }
}

/// What people read of a threat.
struct Words {
    what: String,
    evidence: Vec<String>,
    todo: String,
}

//! What is done about a threat besides telling it: the home's settings and the project's definition say so, of which the
//! stronger holds, and the rules let it or do not. Called by each look.
//!
//! It acts for threats that name a service, and for each of them once for as long as it lasts: who takes back what was
//! done has decided, for the next engine too. What the rules refuse is told and not asked again. What could not be done
//! for another reason is tried at the next look.

use crate::Error;
use crate::clock::Clock;
use crate::handle::{Handle, Order};
use crate::record::ClusterRecord;
use crate::shared::Shared;
use model::{Actor, ClusterId, Escalation, ServiceName, Threat, ThreatAnswer};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// An owner that does not take an order within this time is asked again at the next look.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest reason, in bytes: what was seen is told with it, and the book has room for a thousand.
const REASON: usize = 900;
/// Acts of one look. A machine on which more services than this are dangerous at once wants a person.
const MOST: usize = 50;
/// Under which name it is kept.
const KEPT: &str = "security-answers";
/// Looks of a new engine in which it may not have found yet what the one before it had answered.
const PATIENT: u8 = 12;

/// What was done, by the ids of threats.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub(super) struct Answers(BTreeMap<String, Given>);

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Given {
    answer: ThreatAnswer,
    /// It is tried again.
    open: bool,
    /// So many looks more it is kept although what it is about is not seen.
    #[serde(skip, default = "patient")]
    unseen: u8,
}

fn patient() -> u8 {
    PATIENT
}

impl Answers {
    /// What the engine before has kept.
    ///
    /// # Errors
    /// When that could not be read.
    pub(super) async fn read(shared: &Shared) -> Result<Answers, store::Error> {
        let kept = shared.store.meta().get(KEPT).await?;
        Ok(kept
            .and_then(|kept| serde_json::from_str(&kept).ok())
            .unwrap_or_default())
    }

    /// Keeps it for the next engine.
    ///
    /// # Errors
    /// When it could not be written.
    pub(super) async fn keep(&self, shared: &Shared) -> Result<(), store::Error> {
        // Texts and numbers alone.
        let text = serde_json::to_string(self).unwrap_or_default();
        shared.store.meta().set(KEPT, &text).await
    }

    /// Nothing in it has changed that is kept.
    pub(super) fn same(&self, kept: &Answers) -> bool {
        let of = |all: &Answers| -> Vec<_> {
            let each = all.0.iter();
            each.map(|(id, given)| (id.clone(), given.answer.clone(), given.open))
                .collect()
        };
        of(self) == of(kept)
    }

    /// What was done about this one.
    pub(super) fn to(&self, id: &str) -> Option<ThreatAnswer> {
        self.0.get(id).map(|given| given.answer.clone())
    }

    /// What is over was answered for the last time; should it come again it is another.
    pub(super) fn forget(&mut self, now: &[Threat]) {
        let ids: BTreeSet<&str> = now.iter().map(|threat| threat.id.as_str()).collect();
        self.0.retain(|id, given| {
            let there = ids.contains(id.as_str());
            let kept = there || given.unseen > 0;
            given.unseen = match there {
                true => 0,
                false => given.unseen.saturating_sub(1),
            };
            kept
        });
    }

    /// Does what is to be done about these, and says which are answered otherwise than before.
    pub(super) async fn give(
        &mut self,
        shared: &Arc<Shared>,
        threats: &[Threat],
        records: &[Arc<ClusterRecord>],
    ) -> BTreeSet<String> {
        let mut new = BTreeSet::new();
        let mut acts = 0;
        for threat in threats {
            let (Some(cluster), Some(service)) = (&threat.cluster, &threat.service) else {
                continue;
            };
            let what = wanted(shared, threat, cluster, records);
            let before = self.0.get(&threat.id);
            let done = before.is_some_and(|given| !given.open && given.answer.what >= what);
            if what == Escalation::Tell || done || acts == MOST {
                continue;
            }
            acts += 1;
            let given = act(shared, threat, (cluster, service), what).await;
            if before.is_none_or(|before| before.answer.said != given.answer.said) {
                new.insert(threat.id.clone());
            }
            self.0.insert(threat.id.clone(), given);
        }
        new
    }
}

/// What the home and the project say, the stronger of both: a folder cannot make a home do less.
fn wanted(
    shared: &Shared,
    threat: &Threat,
    cluster: &ClusterId,
    records: &[Arc<ClusterRecord>],
) -> Escalation {
    let home = shared.security.escalations.of(threat.kind, threat.level);
    let record = records.iter().find(|record| record.id == *cluster);
    let project = record.map(|record| record.definition.security.of(threat.kind, threat.level));
    home.max(project.unwrap_or_default())
}

async fn act(
    shared: &Arc<Shared>,
    threat: &Threat,
    (cluster, service): (&ClusterId, &ServiceName),
    what: Escalation,
) -> Given {
    let (cluster, services) = (cluster.clone(), vec![service.clone()]);
    let (order, done, doing) = match what {
        Escalation::Stop => (
            Order::Stop { cluster, services },
            format!("{service} is stopped"),
            format!("stopping {service}"),
        ),
        Escalation::Hold | Escalation::Tell => (
            Order::Hold {
                cluster,
                services,
                span: None,
            },
            format!("healing of {service} is held"),
            format!("holding healing of {service}"),
        ),
    };
    let handle = Handle::of(Arc::clone(shared));
    let ordered = handle.order(Actor::monitor(), order, reason(threat));
    let (act, said, open) = match tokio::time::timeout(PATIENCE, ordered).await {
        Ok(Ok(act)) => (Some(act.id), done, false),
        Ok(Err(Error::Refused(why))) => (None, format!("{doing} was refused: {why}"), false),
        Ok(Err(error)) => {
            let said = format!("{doing} failed: {}; it is tried again", error.story());
            (None, said, true)
        }
        Err(_) => {
            let said = format!("{doing} was not begun in time; it is tried again");
            (None, said, true)
        }
    };
    let said = model::text::harmless(&said, REASON);
    let at = Clock::wall();
    Given {
        answer: ThreatAnswer {
            what,
            act,
            said,
            at,
        },
        open,
        unseen: 0,
    }
}

/// The threat with what was seen, for the book of acts.
fn reason(threat: &Threat) -> String {
    let kind = threat.kind.name();
    let seen = threat.evidence.join("; ");
    model::text::harmless(&format!("{kind}: {}; seen: {seen}", threat.what), REASON)
}

#[cfg(test)]
mod tests;

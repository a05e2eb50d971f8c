//! Asking the door about what healing wants to do: whether it may, or, where it only proposes, whether a person
//! approves of it.

use super::{Message, Owner};
use crate::Error;
use crate::door::Proposed;
use crate::shared::Shared;
use model::{Actor, InstanceId, RemedyKind, Target, Verb};
use std::sync::Arc;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Longest reasoning, in bytes: a name of who has approved follows it, and the book has room for a thousand.
const REASON: usize = 800;

/// What was proposed and not answered, by its ticket; what is taken out of here is withdrawn.
pub(super) type Proposals = std::collections::BTreeMap<u64, DropGuard>;

/// What an act of healing's is, for the rules.
fn verb(remedy: RemedyKind) -> Verb {
    match remedy {
        RemedyKind::Restart | RemedyKind::GracefulRestart | RemedyKind::RestartNeeds => {
            Verb::Restart
        }
        RemedyKind::Rollback => Verb::Rollback,
        RemedyKind::ScaleUp | RemedyKind::ScaleDown => Verb::Scale,
        // Traffic is kept from it within the cluster's own state, and nobody is asked.
        RemedyKind::CircuitBreak | RemedyKind::Quarantine => Verb::Quarantine,
    }
}

impl Owner {
    pub(super) fn ask_door(
        &mut self,
        (ticket, proposed): (u64, bool),
        instance: InstanceId,
        remedy: RemedyKind,
        what: String,
        (fault, sure): (String, Option<String>),
    ) {
        // What is proposed says what it is besides; of what is done at once only its reason does.
        let what_else = (!proposed).then(|| what.clone());
        let why: Vec<String> = [Some(fault), what_else, sure]
            .into_iter()
            .flatten()
            .collect();
        let why = model::text::harmless(&why.join("; "), REASON);
        let proposal = proposed.then_some(what);
        self.asked.insert(ticket, (instance.clone(), remedy));
        let about = instance.clone();
        let target = Target {
            cluster: Some(self.id.clone()),
            services: vec![instance.service.clone()],
            instance: Some(instance),
        };
        let verb = verb(remedy);
        if proposal.is_some() {
            // What would happen is told from the picture.
            self.show();
        }
        let proposal = proposal.map(|what| {
            let over = CancellationToken::new();
            self.proposals.insert(ticket, over.clone().drop_guard());
            (what, over)
        });
        let shared = Arc::clone(&self.shared);
        let inbox = self.myself.clone();
        let rebuilding = self.rebuilding.contains(&about.service);
        let generation = self.cluster.status(&about).map(|one| one.generation);
        self.shared.tasks.spawn(async move {
            if rebuilding {
                let why = "the files it is made from are changing".to_owned();
                let _ = inbox.send(Message::Wait { ticket, why }).await;
                return;
            }
            if let Some(cluster) = &target.cluster
                && let Some(why) = shared.drivers.unreachable(cluster, &about).await
            {
                // Nothing is known of it, and nothing can be done.
                let why = format!("its container daemon is away: {why}");
                let _ = inbox.send(Message::Wait { ticket, why }).await;
                return;
            }
            if let Some(cluster) = &target.cluster
                && let Some(why) = crate::attached::to(&shared.driver, cluster, &about).await
            {
                let generation = generation.unwrap_or_default();
                let told = Message::Attached(about, generation, Some(why.clone()));
                let _ = inbox.send(told).await;
                let _ = inbox.send(Message::Wait { ticket, why }).await;
                return;
            }
            let said = match &proposal {
                None => {
                    let admitted = shared.door.admit(Actor::healer(), verb, target, &why).await;
                    let answer = admitted.map(|act| act.id);
                    Some(Message::Answer { ticket, answer })
                }
                Some((what, over)) => {
                    let about = (what.as_str(), why.as_str());
                    answer(&shared, ticket, (verb, target), about, over).await
                }
            };
            if let Some(said) = said {
                let _ = inbox.send(said).await;
            }
        });
    }
}

/// What is answered to a proposal; nothing when nobody wants to know any more.
async fn answer(
    shared: &Shared,
    ticket: u64,
    (verb, target): (Verb, Target),
    about: (&str, &str),
    over: &CancellationToken,
) -> Option<Message> {
    let propose = shared.door.propose(verb, target, about, over);
    // What an engine that ends has proposed, the next one proposes again.
    let became = shared.cancel.run_until_cancelled(propose).await?;
    let answer: Result<_, Error> = match became {
        Proposed::Act(act) => Ok(act.id),
        Proposed::No(error) => Err(error),
        Proposed::Later(why) => return Some(Message::Wait { ticket, why }),
        Proposed::Over => return None,
    };
    Some(Message::Answer { ticket, answer })
}

#[cfg(test)]
mod tests;

//! Acts that need the approval of persons: asked for once, given by so many, used once.
//!
//! Who asks is told the number of what is asked of persons, and asks again with it. What was approved is exactly
//! one act: who, what, to what, with which details, by which rules. All else has to be asked for anew.

use super::{Door, too_long};
use crate::Error;
use crate::clock::Clock;
use model::{
    Actor, ActorKind, Approval, ApprovalId, ApprovalState, EventKind, Target, Timestamp, Verb,
};
use policy::{Decision, Verdict};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Acts that can wait for persons at a time.
const MOST: usize = 100;
/// What healing proposes of them at a time; persons and agents are not kept from asking by it.
const MOST_PROPOSED: usize = 50;
/// So long a proposal of healing's waits for persons: a night, and the morning after it.
pub(super) const PROPOSED_FOR: Duration = Duration::from_secs(12 * 3_600);
/// Longest account of what else belongs to an act, in bytes.
const MAX_DETAILS: usize = 4_000;

/// What belongs to an act besides who does what to which.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Terms<'a> {
    /// In words what else is to be done: "2 instances". An approval is for exactly that.
    pub(crate) details: &'a str,
    /// What persons were asked, where they were asked before.
    pub(crate) approval: Option<ApprovalId>,
}

/// What is asked for.
pub(super) struct Asked<'a> {
    pub(super) actor: &'a Actor,
    pub(super) verb: Verb,
    pub(super) target: &'a Target,
    pub(super) reason: &'a str,
    pub(super) terms: Terms<'a>,
}

impl Asked<'_> {
    /// Persons are asked about it. Azora's own parts cannot come back and ask again; and an approval that needs
    /// approvals would have no end.
    pub(super) fn is_for_persons(&self) -> bool {
        let comes_back = matches!(self.actor.kind, ActorKind::Person | ActorKind::Agent);
        comes_back && !matches!(self.verb, Verb::Approve | Verb::Deny)
    }

    fn is(&self, one: &Approval) -> bool {
        one.actor == *self.actor
            && one.verb == self.verb
            && one.target == *self.target
            && one.details == self.terms.details
    }
}

impl Door {
    /// Knows again what waits for persons, when an engine starts.
    pub(crate) async fn recall(&self) -> Result<(), Error> {
        let approvals = self.store.approvals();
        let (mut open, last) = (approvals.open().await?, approvals.last_id().await?);
        self.next_approval.store(last.0, Ordering::Relaxed);
        // What healing still wants to do it proposes again.
        for one in open.extract_if(.., |one| one.actor.kind == ActorKind::Healer) {
            approvals.withdraw(one.id).await?;
        }
        let open = open.into_iter().map(|one| (one.id, one.until));
        self.waiting().extend(open);
        Ok(())
    }

    fn waiting(
        &self,
    ) -> std::sync::MutexGuard<'_, std::collections::BTreeMap<ApprovalId, Timestamp>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks persons about it, or says that they were asked already; the error says how it goes on.
    pub(super) async fn ask_persons(
        &self,
        asked: &Asked<'_>,
        decision: &Decision,
        count: u32,
        within: Duration,
    ) -> Error {
        match self.asked_of(asked, decision, count, within).await {
            Ok(one) => Error::NeedsApproval {
                id: one.id,
                needed: one.needed,
                given: one.given.len(),
                why: model::text::harmless(&decision.why(), super::MAX_WHY),
            },
            Err(error) => error,
        }
    }

    pub(super) async fn asked_of(
        &self,
        asked: &Asked<'_>,
        decision: &Decision,
        count: u32,
        within: Duration,
    ) -> Result<Approval, Error> {
        let details = asked.terms.details;
        if details.len() > MAX_DETAILS {
            return Err(too_long("what needs approvals", MAX_DETAILS, details.len()));
        }
        // One after the other: who asks twice is one question.
        let _alone = self.asking.lock().await;
        let (now, store) = (Clock::wall(), self.store.approvals());
        let open = store.open().await?;
        let set = &decision.decided.set;
        let known = open
            .iter()
            .find(|one| asked.is(one) && one.set == *set && now < one.until);
        if let Some(known) = known {
            return Ok(known.clone());
        }
        let proposes = asked.actor.kind == ActorKind::Healer;
        let alike = (open.iter()).filter(|one| (one.actor.kind == ActorKind::Healer) == proposes);
        let most = if proposes { MOST_PROPOSED } else { MOST };
        if alike.count() >= most {
            return Err(Error::Conflict(format!(
                "{most} acts wait for approvals already; `azora approvals` lists them, `azora deny ID` ends one"
            )));
        }
        let within = i64::try_from(within.as_millis()).unwrap_or(i64::MAX);
        let one = Approval {
            id: ApprovalId(self.next_approval.fetch_add(1, Ordering::Relaxed) + 1),
            at: now,
            until: Timestamp(now.0.saturating_add(within)),
            actor: asked.actor.clone(),
            name: match asked.actor.kind {
                // The person whose account it is has not asked, and may approve.
                ActorKind::Agent | ActorKind::Healer => asked.actor.called(),
                _ => self.account.clone(),
            },
            verb: asked.verb,
            target: asked.target.clone(),
            details: details.to_owned(),
            reason: asked.reason.to_owned(),
            consequences: self.picture.consequences(asked.verb, asked.target, details),
            rules: match proposes {
                // They do not ask for approvals: the cluster does.
                true => vec![],
                false => decision.decided.rules.clone(),
            },
            set: set.clone(),
            needed: count,
            given: vec![],
            state: ApprovalState::Waiting,
        };
        store.ask(&one).await?;
        self.waiting().insert(one.id, one.until);
        self.tell(one.clone());
        Ok(one)
    }

    /// How many persons have approved of exactly this.
    pub(super) async fn approved(
        &self,
        id: ApprovalId,
        asked: &Asked<'_>,
        decision: &Decision,
    ) -> Result<u32, Error> {
        let one = self.approval(id).await?;
        let says = |why: &str| Err(Error::Conflict(format!("approval {} {why}", id.0)));
        match one.state {
            _ if !asked.is(&one) => {
                return says("is for another act; `azora approvals` says for which");
            }
            ApprovalState::Used => return says("was used; it counts once"),
            ApprovalState::Denied => return says("was denied"),
            ApprovalState::Expired => return says("is over: it was not used in time"),
            ApprovalState::Withdrawn => {
                return says("is over: what it was for is not needed any more");
            }
            _ if Clock::wall() >= one.until => return says("is over: it was not used in time"),
            _ if one.set != decision.decided.set => {
                return says("was asked for by other rules than hold now; ask without it");
            }
            ApprovalState::Waiting => {
                return Err(Error::NeedsApproval {
                    id,
                    needed: one.needed,
                    given: one.given.len(),
                    why: model::text::harmless(&decision.why(), super::MAX_WHY),
                });
            }
            ApprovalState::Approved => {}
        }
        Ok(u32::try_from(one.given.len()).unwrap_or(u32::MAX))
    }

    /// One of them.
    pub(crate) async fn approval(&self, id: ApprovalId) -> Result<Approval, Error> {
        let one = self.store.approvals().get(id).await?;
        one.ok_or(Error::NoApproval(id))
    }

    /// Denies all that waits of who asks no more.
    pub(crate) async fn end_approvals_of(&self, actor: &Actor) -> Result<(), Error> {
        let store = self.store.approvals();
        for one in store.open().await? {
            if one.actor == *actor && store.deny(one.id).await? {
                self.tell_again(one.id).await;
            }
        }
        Ok(())
    }

    /// Something about one of them has changed.
    pub(crate) async fn tell_again(&self, id: ApprovalId) {
        match self.approval(id).await {
            Ok(one) => {
                if !one.is_open() {
                    self.waiting().remove(&id);
                }
                self.tell(one);
                self.moved.notify_waiters();
            }
            Err(error) => tracing::error!(error = error.story(), "an approval is not told"),
        }
    }

    fn tell(&self, one: Approval) {
        let cluster = one.target.cluster.clone();
        let approval = Box::new(one);
        self.journal
            .event(cluster.as_ref(), EventKind::Approval { approval });
    }

    /// Closes those whose time is over, and tells of them. Looks at no disk while there is none.
    pub(crate) async fn expire(&self) {
        let now = Clock::wall();
        if !self.waiting().values().any(|until| *until <= now) {
            return;
        }
        match self.store.approvals().expire(now).await {
            Ok(over) => {
                for id in over {
                    self.tell_again(id).await;
                }
                // What was closed otherwise is over, too.
                self.waiting().retain(|_, until| *until > now);
            }
            Err(error) => tracing::warn!(%error, "approvals that are over are not closed yet"),
        }
    }
}

/// True when a decision only lacks approvals.
pub(super) fn lacks(decision: &Decision) -> Option<(u32, Duration)> {
    match decision.verdict {
        Verdict::NeedsApproval { count, within } => Some((count, within)),
        Verdict::Allowed | Verdict::Refused => None,
    }
}

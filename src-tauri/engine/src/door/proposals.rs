//! What healing proposes where it may not act by itself: persons are asked, and it is done once one of them has
//! approved of exactly that. Called by a cluster's owner for each remedy; the rules are asked first, and again then.

use super::persons::{Asked, PROPOSED_FOR};
use super::{Door, Terms};
use crate::{Error, hidden};
use model::{Act, Actor, Approval, ApprovalState, Target, Verb};
use tokio_util::sync::CancellationToken;

/// What becomes of a proposal.
#[derive(Debug)]
pub(crate) enum Proposed {
    /// A person has approved of it: this is written down, and may begin.
    Act(Act),
    /// It is not to be done; why.
    No(Error),
    /// It could not be asked, or is to be asked anew.
    Later(String),
    /// Nobody wants to know any more.
    Over,
}

impl Door {
    /// Asks persons whether healing may do this, and waits for their answer, or until it is `over`.
    pub(crate) async fn propose(
        &self,
        verb: Verb,
        target: Target,
        (what, why): (&str, &str),
        over: &CancellationToken,
    ) -> Proposed {
        let healer = Actor::healer();
        let decision = self.constitution.decide(&healer, verb, &target, 0);
        if let Err(error) = self.pass(&healer, verb, &target, why, &decision) {
            return Proposed::No(error);
        }
        let hide = |text: &str| hidden::hide(target.cluster.as_ref(), text.to_owned());
        let (what, why) = (hide(what), hide(why));
        let terms = Terms {
            details: &what,
            approval: None,
        };
        let asked = Asked {
            actor: &healer,
            verb,
            target: &target,
            reason: &why,
            terms,
        };
        let approved = loop {
            let one = match self.asked_of(&asked, &decision, 1, PROPOSED_FOR).await {
                Ok(one) => one,
                // There are too many, or they cannot be written down.
                Err(error) => return Proposed::Later(error.story()),
            };
            let now = tokio::select! {
                now = self.answered(&one) => now,
                () = over.cancelled() => {
                    self.withdraw(&one).await;
                    return Proposed::Over;
                }
            };
            match now {
                Ok(one) => match one.state {
                    ApprovalState::Approved => break one,
                    ApprovalState::Denied => {
                        return no("a person said no to its proposal", &one);
                    }
                    ApprovalState::Expired => {
                        return no("nobody approved of its proposal in time", &one);
                    }
                    // Another was quicker to take back the same: it is asked for itself.
                    ApprovalState::Waiting | ApprovalState::Withdrawn | ApprovalState::Used => {}
                },
                Err(error) => return Proposed::Later(error.story()),
            }
        };
        let names: Vec<&str> = approved.given.iter().map(|by| by.name.as_str()).collect();
        let reason = format!("{why}; approved by {}", names.join(", "));
        let reason = model::text::harmless(&reason, super::MAX_REASON);
        let terms = Terms {
            details: &what,
            approval: Some(approved.id),
        };
        match self
            .admit_so(healer.clone(), verb, target.clone(), &reason, terms)
            .await
        {
            Ok(act) => Proposed::Act(act),
            // Other rules hold than when it was proposed, or it was used: it has to be asked anew.
            Err(error @ Error::Conflict(_)) => {
                self.withdraw(&approved).await;
                Proposed::Later(error.story())
            }
            // The approval stands, and it is asked for with it again.
            Err(error @ (Error::DiskFull(_) | Error::Store(_))) => Proposed::Later(error.story()),
            Err(error) => Proposed::No(error),
        }
    }

    /// How it stands with a proposal once it does not wait any more.
    async fn answered(&self, one: &Approval) -> Result<Approval, Error> {
        loop {
            // Armed before looking, so that an answer in between is not missed.
            let moved = self.moved.notified();
            let now = self.approval(one.id).await?;
            if now.state != ApprovalState::Waiting {
                return Ok(now);
            }
            moved.await;
        }
    }

    /// It is not needed any more: nobody can approve of it.
    async fn withdraw(&self, one: &Approval) {
        match self.store.approvals().withdraw(one.id).await {
            Ok(true) => self.tell_again(one.id).await,
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "a proposal is not withdrawn yet"),
        }
    }
}

fn no(why: &str, one: &Approval) -> Proposed {
    Proposed::No(Error::Conflict(format!("{why} (approval {})", one.id.0)))
}

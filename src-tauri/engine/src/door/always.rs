//! What somebody at the machine is never refused: the emergency stop, and the engine's end. Whoever else asks for them
//! is asked about like for any other act, and refused when the rules cannot be read.

use super::persons::lacks;
use super::{Door, MAX_REASON, Terms};
use crate::Error;
use model::{Act, Actor, ActorKind, ApprovalId, Decided, DecidingRule, Target, Verb};
use std::sync::Arc;
use std::time::Duration;
use store::{Durability, Share};

/// How long an emergency stop waits for its entry before it goes on without.
const EMERGENCY_ENTRY: Duration = Duration::from_millis(250);
/// The same of the engine's end: less than who takes a home over waits for it.
const SHUTDOWN_ENTRY: Duration = Duration::from_secs(2);

/// What is not refused for the length of its reason has as much of it as fits.
fn shortened(reason: &str) -> String {
    reason.chars().take(MAX_REASON / 4).collect()
}

/// What is written down where a person did what the rules would refuse to others.
fn all_the_same(decided: &Decided) -> Arc<Decided> {
    let mut decided = decided.clone();
    let rule = DecidingRule {
        id: "never-refused".to_owned(),
        project: false,
        says: "a person's emergency stop and the engine's end are never refused".to_owned(),
    };
    decided.rules.insert(0, rule);
    Arc::new(decided)
}

impl Door {
    /// May this party end everything, or the engine? Somebody at the machine always may: who cannot end it in order
    /// kills it.
    ///
    /// # Errors
    /// [`Error::Refused`] for all others, when the rules say no.
    pub(crate) fn lets_end(&self, actor: &Actor, verb: Verb, reason: &str) -> Result<(), Error> {
        if actor.kind == ActorKind::Person {
            return Ok(());
        }
        let target = Target::default();
        let decision = self.constitution.decide(actor, verb, &target, 0);
        let reason = shortened(reason);
        self.pass(actor, verb, &target, &reason, &decision)
    }

    /// May this party call an emergency stop? Somebody at the machine always may. An act comes back where persons
    /// have approved of it: it is written down already, with the end of their approval.
    ///
    /// # Errors
    /// [`Error::Refused`] when the rules say no, [`Error::NeedsApproval`] when they ask for persons, and why an
    /// approval does not count.
    pub(crate) async fn lets_stop(
        &self,
        actor: &Actor,
        reason: &str,
        approval: Option<ApprovalId>,
    ) -> Result<Option<Act>, Error> {
        let verb = Verb::EmergencyStop;
        let decide = || self.constitution.decide(actor, verb, &Target::default(), 0);
        if actor.kind == ActorKind::Person || lacks(&decide()).is_none() {
            return self.lets_end(actor, verb, reason).map(|()| None);
        }
        let terms = Terms {
            details: "",
            approval,
        };
        let (actor, target) = (actor.clone(), Target::default());
        let reason = shortened(reason);
        let act = self.admit_so(actor, verb, target, &reason, terms);
        act.await.map(Some)
    }

    /// Like [`Door::admit`] for the one act that must never wait for a disk: it is written down if
    /// that takes no longer than a quarter of a second, and its outcome is written in any case
    /// once the disk works. Whether it may be done was asked before ([`Door::lets_end`]).
    pub(crate) async fn admit_emergency(&self, actor: Actor, reason: &str) -> Act {
        self.admit_always(actor, Verb::EmergencyStop, reason, EMERGENCY_ENTRY)
            .await
    }

    /// Like [`Door::admit_emergency`] for the end of the engine.
    pub(crate) async fn admit_shutdown(&self, actor: Actor, reason: &str) -> Act {
        self.admit_always(actor, Verb::Shutdown, reason, SHUTDOWN_ENTRY)
            .await
    }

    async fn admit_always(&self, actor: Actor, verb: Verb, reason: &str, limit: Duration) -> Act {
        let target = Target::default();
        let decision = self.constitution.decide(&actor, verb, &target, 0);
        let decided = match decision.allows() {
            true => Arc::clone(&decision.decided),
            false => all_the_same(&decision.decided),
        };
        let act = self.number(actor, verb, target, shortened(reason), decided);
        let acts = self.store.acts();
        let entry = acts.append_spared(&act, Durability::Full, Share::Whole);
        match tokio::time::timeout(limit, entry).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, ?verb, "it goes on unwritten"),
            Err(_) => tracing::error!(?verb, "the store hangs; it goes on unwritten"),
        }
        self.begin(&act);
        act
    }
}

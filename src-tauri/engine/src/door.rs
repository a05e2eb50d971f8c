//! The one door: every privileged act passes it, whoever asks.
//!
//! An act is written down durably before it begins and again with its outcome. On a full disk those
//! that only take load away go into room that was set aside, and the others are refused with what to
//! do about it. While the book has another fault, acts of people are refused, and healing's wait for a
//! few seconds and go on without their beginning; what came of them is written once it can be.
//!
//! Whether it may be done is asked of the [`Constitution`] here and nowhere else; what is refused is written down
//! too. Nothing that changes what runs has another way in.

use crate::constitution::{Candidate, Constitution};
use crate::journal::Journal;
use crate::picture::Picture;
use crate::refusals::Refusals;
use crate::{Error, clock::Clock, hidden};
use driver::disk::Full;
use driver::fail_point;
use model::{
    Act, ActId, Actor, ActorKind, ApprovalId, ClusterId, Decided, EventKind, Outcome, Target,
    Timestamp, Verb,
};
use policy::Decision;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::{Durability, Share, Store};
use tokio::sync::Notify;
use tokio::time::Instant;

mod always;
mod persons;
mod proposals;
mod under_way;

pub(crate) use persons::Terms;
use persons::{Asked, lacks};
pub(crate) use proposals::Proposed;
use under_way::UnderWay;

/// Longest reason a person can give, in bytes.
const MAX_REASON: usize = 1_000;
/// Longest answer about why an act is refused, in characters.
const MAX_WHY: usize = 2_000;
/// So long healing waits for a book that cannot be written for another reason than a full disk: longer
/// than a backup holds a database, and short against a service that is down.
const HEALING_ENTRY: Duration = Duration::from_secs(8);

/// See the module.
pub(crate) struct Door {
    next: AtomicU64,
    home: PathBuf,
    store: Store,
    journal: Arc<Journal>,
    constitution: Arc<Constitution>,
    refusals: Refusals,
    /// For what persons are told who are asked to approve.
    picture: Arc<Picture>,
    /// Whose the engine is: the name of an account.
    account: String,
    next_approval: AtomicU64,
    /// One after the other asks persons.
    asking: tokio::sync::Mutex<()>,
    /// What waits for persons, and until when.
    waiting: Mutex<BTreeMap<ApprovalId, Timestamp>>,
    /// Something about one of them has changed.
    moved: Notify,
    acts: Mutex<BTreeMap<ActId, UnderWay>>,
    ended: Notify,
    /// Since when healing's acts could not be written down.
    unwritable: Mutex<Option<Instant>>,
}

/// A reason is short enough for the book.
fn fits(reason: &str) -> Result<(), Error> {
    match reason.len() {
        0..=MAX_REASON => Ok(()),
        bytes => Err(too_long("a reason", MAX_REASON, bytes)),
    }
}

fn too_long(what: &str, most: usize, bytes: usize) -> Error {
    Error::BadRequest(format!(
        "{what} has at most {most} bytes, this one has {bytes}"
    ))
}

impl Door {
    /// Continues after the number the store has reached.
    pub(crate) fn new(
        home: PathBuf,
        store: Store,
        journal: Arc<Journal>,
        constitution: Arc<Constitution>,
        picture: Arc<Picture>,
        last: ActId,
    ) -> Self {
        Self {
            next: AtomicU64::new(last.0),
            home,
            store,
            journal,
            constitution,
            refusals: Refusals::default(),
            picture,
            account: driver::account(),
            next_approval: AtomicU64::new(0),
            asking: tokio::sync::Mutex::default(),
            waiting: Mutex::default(),
            moved: Notify::new(),
            acts: Mutex::default(),
            ended: Notify::new(),
            unwritable: Mutex::default(),
        }
    }

    /// May `actor` do this to `target`? On return the act is written down and may begin: it survives
    /// whatever becomes of this process, and when a person asked for it a power cut as well. After
    /// one there is nothing left that healing could have been about, so it does not wait for the
    /// disk. Nor does it wait for ever for a book with a fault: see the module.
    ///
    /// # Errors
    /// [`Error::Refused`] when the rules say no, with what they say; else why it could not be written down.
    pub(crate) async fn admit(
        &self,
        actor: Actor,
        verb: Verb,
        target: Target,
        reason: &str,
    ) -> Result<Act, Error> {
        self.admit_so(actor, verb, target, reason, Terms::default())
            .await
    }

    /// The same for who can come back with an approval, and with what else belongs to the act.
    pub(crate) async fn admit_so(
        &self,
        actor: Actor,
        verb: Verb,
        target: Target,
        reason: &str,
        terms: Terms<'_>,
    ) -> Result<Act, Error> {
        let (by, to) = (actor.clone(), target.clone());
        let decide = |approvals| self.constitution.decide(&by, verb, &to, approvals);
        self.admit_decided(actor, verb, target, (reason, terms), decide)
            .await
    }

    /// The same for a definition that is to be brought up: what it says of its services counts, too.
    pub(crate) async fn admit_up(
        &self,
        actor: Actor,
        cluster: &ClusterId,
        candidate: &Candidate<'_>,
        reason: &str,
        terms: Terms<'_>,
    ) -> Result<Act, Error> {
        let by = actor.clone();
        let rules = &self.constitution;
        let decide = |approvals| rules.decide_up(&by, cluster, candidate, approvals);
        let target = Target {
            cluster: Some(cluster.clone()),
            ..Target::default()
        };
        self.admit_decided(actor, Verb::Up, target, (reason, terms), decide)
            .await
    }

    async fn admit_decided(
        &self,
        actor: Actor,
        verb: Verb,
        target: Target,
        (reason, terms): (&str, Terms<'_>),
        decide: impl Fn(u32) -> Arc<Decision>,
    ) -> Result<Act, Error> {
        fits(reason)?;
        // Before anybody is told of it or asked about it.
        let hide = |text: &str| hidden::hide(target.cluster.as_ref(), text.to_owned());
        let (reason, details) = (hide(reason), hide(terms.details));
        let reason = reason.as_str();
        let terms = Terms {
            details: &details,
            ..terms
        };
        let mut decision = decide(0);
        let mut uses = None;
        let asked = Asked {
            actor: &actor,
            verb,
            target: &target,
            reason,
            terms,
        };
        if let Some((count, within)) = lacks(&decision) {
            match terms.approval {
                Some(id) => {
                    decision = decide(self.approved(id, &asked, &decision).await?);
                    uses = Some(id);
                }
                None if asked.is_for_persons() => {
                    let error = self.ask_persons(&asked, &decision, count, within).await;
                    self.note_refused(&actor, verb, &target, reason, &decision, &error.to_string());
                    return Err(error);
                }
                None => {}
            }
        } else if let (ActorKind::Healer, Some(id)) = (actor.kind, terms.approval) {
            // The rules let it in, and the cluster wants a person to approve of it.
            self.approved(id, &asked, &decision).await?;
            uses = Some(id);
        }
        self.pass(&actor, verb, &target, reason, &decision)?;
        let healing = actor == Actor::healer();
        if verb == Verb::Restart && !healing {
            self.room().await?;
        }
        let decided = Arc::clone(&decision.decided);
        let act = self.number(actor, verb, target, reason.to_owned(), decided);
        fail_point!("door.asked");
        let acts = self.store.acts();
        let durability = match healing {
            true => Durability::Normal,
            false => Durability::Full,
        };
        if let Some(id) = uses {
            // The act and the end of its approval are one writing: of many uses at once one is let in.
            match self.store.approvals().use_for(id, &act).await {
                Ok(true) => {}
                Ok(false) => {
                    let why = format!("approval {} was used meanwhile; it counts once", id.0);
                    return Err(Error::Conflict(why));
                }
                Err(error @ store::Error::Full { .. }) => return Err(Error::DiskFull(error)),
                Err(error) => return Err(Error::Store(error)),
            }
            self.begin(&act);
            self.tell_again(id).await;
            return Ok(act);
        }
        let written = match share(&act) {
            Some(share) => acts.append_spared(&act, durability, share).await,
            None => acts.append(&act, durability).await,
        };
        match written {
            Err(error @ store::Error::Full { .. }) => return Err(Error::DiskFull(error)),
            Err(error) if healing && self.waited_enough() => {
                tracing::error!(%error, act = act.id.0, verb = ?act.verb, "healing goes on unwritten");
            }
            Err(error) => return Err(Error::Store(error)),
            Ok(()) => *self.unwritable() = None,
        }
        fail_point!("door.written");
        self.begin(&act);
        fail_point!("door.begun");
        Ok(act)
    }

    /// The one place where an act is let in or refused.
    fn pass(
        &self,
        actor: &Actor,
        verb: Verb,
        target: &Target,
        reason: &str,
        decision: &Decision,
    ) -> Result<(), Error> {
        if let Some(alarm) = &decision.alarm
            && self.refusals.alarm(&alarm.rule, Instant::now())
        {
            let text = format!(
                "{}; what it may concern is refused until it is mended (`azora policy check`)",
                decision.why()
            );
            self.journal.event(None, EventKind::RulesAlarm { text });
        }
        if decision.allows() {
            return Ok(());
        }
        let why = model::text::harmless(&decision.why(), MAX_WHY);
        self.note_refused(actor, verb, target, reason, decision, &why);
        Err(Error::Refused(why))
    }

    /// What was not let in is in the book, unless there is too much of it.
    fn note_refused(
        &self,
        actor: &Actor,
        verb: Verb,
        target: &Target,
        reason: &str,
        decision: &Decision,
        why: &str,
    ) {
        if !self.refusals.one(actor, verb, target) {
            return;
        }
        let decided = Arc::clone(&decision.decided);
        let (actor, target) = (actor.clone(), target.clone());
        let mut act = self.number(actor, verb, target, reason.to_owned(), decided);
        act.outcome = Outcome::Refused(why.to_owned());
        self.journal.act(act);
    }

    /// A second is over: tells how many refused acts were not written down one by one.
    pub(crate) fn tell_refused(&self) {
        let untold = self.refusals.over();
        if untold > 0 {
            let text = format!(
                "{untold} more acts were refused within a second; the book of acts has one of each kind"
            );
            self.journal.event(None, EventKind::Notice { text });
        }
    }

    /// What serves is not stopped to be started again where its start could not be written. What
    /// healing restarts does not serve.
    async fn room(&self) -> Result<(), Error> {
        let home = self.home.clone();
        let tried = tokio::task::spawn_blocking(move || Full::tried(&home)).await;
        match tried {
            Ok(Some(full)) => Err(Error::NoRoom(full)),
            // A try that broke is no word about the disk.
            Ok(None) | Err(_) => Ok(()),
        }
    }

    /// Healing's act could not be written down, and others before it for a while.
    fn waited_enough(&self) -> bool {
        let since = *self.unwritable().get_or_insert_with(Instant::now);
        since.elapsed() >= HEALING_ENTRY
    }

    fn unwritable(&self) -> MutexGuard<'_, Option<Instant>> {
        self.unwritable
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// May an outside program do this to the registry? Nothing is written down yet: the registry writes
    /// the act with what it does, many of them at once, and says then what came of it. Who asks waits
    /// for that, and not for the book before.
    pub(crate) fn admit_unwritten(
        &self,
        actor: Actor,
        verb: Verb,
        what: &str,
    ) -> Result<Act, Error> {
        fits(what)?;
        let target = Target::default();
        let decision = self.constitution.decide(&actor, verb, &target, 0);
        self.pass(&actor, verb, &target, what, &decision)?;
        // Without sentences: there are thousands of them.
        let decided = Arc::clone(&decision.brief);
        Ok(self.number(actor, verb, target, what.to_owned(), decided))
    }

    /// How many acts the rules have refused since the engine started.
    pub(crate) fn refused(&self) -> u64 {
        self.refusals.total()
    }

    /// May an outside program change this that it keeps for itself? It is data, and no act.
    pub(crate) fn allow_data(&self, actor: &Actor, verb: Verb, what: &str) -> Result<(), Error> {
        fits(what)?;
        let target = Target::default();
        let decision = self.constitution.decide(actor, verb, &target, 0);
        self.pass(actor, verb, &target, what, &decision)
    }

    /// Such an act is over; when it is `written`, it is in the book already.
    pub(crate) fn conclude_unwritten(&self, act: Act, written: bool) {
        self.journal.registered(act, written);
    }

    fn number(
        &self,
        actor: Actor,
        verb: Verb,
        target: Target,
        reason: String,
        decided: Arc<Decided>,
    ) -> Act {
        let id = ActId(self.next.fetch_add(1, Ordering::Relaxed) + 1);
        let reason = hidden::hide(target.cluster.as_ref(), reason);
        Act {
            id,
            at: Clock::wall(),
            actor,
            verb,
            target,
            reason,
            outcome: Outcome::Pending,
            decision: Some(decided),
        }
    }
}

/// How much of the room that is set aside for a full disk an act may take. What only takes load away
/// may have all of it: on a full disk that is what a person wants. Healing may have a part, so that a
/// service is healed there, too. The rest needs room itself, sooner or later.
fn share(act: &Act) -> Option<Share> {
    match act.verb {
        Verb::Down
        | Verb::Stop
        | Verb::Hold
        | Verb::EmergencyStop
        | Verb::Shutdown
        | Verb::RemoveAgent => Some(Share::Whole),
        _ if act.actor.kind == ActorKind::Healer => Some(Share::Half),
        Verb::Up
        | Verb::Start
        | Verb::Restart
        | Verb::Scale
        | Verb::Unhold
        | Verb::Autonomy
        | Verb::Mute
        | Verb::Unmute
        | Verb::Release
        | Verb::Rollback
        | Verb::Quarantine
        | Verb::Resume
        | Verb::Register
        | Verb::Deregister
        | Verb::WriteKey
        | Verb::Forget
        | Verb::Attach
        | Verb::TestWebhook
        | Verb::Request
        | Verb::Approve
        | Verb::Deny
        | Verb::Reveal
        | Verb::AddAgent => None,
    }
}

#[cfg(test)]
mod tests;

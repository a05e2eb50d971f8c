//! The one door: every privileged act passes it, whoever asks.
//!
//! An act is written down durably before it begins and again with its outcome. On a full disk those
//! that only take load away go into room that was set aside, and the others are refused with what to
//! do about it. While the book has another fault, acts of people are refused, and healing's wait for a
//! few seconds and go on without their beginning; what came of them is written once it can be. Policy will be
//! asked here; until it is built, everything is allowed and everything is written. Nothing that
//! changes what runs has another way in.

use crate::journal::Journal;
use crate::{Error, Settled, clock::Clock};
use driver::disk::Full;
use model::{Act, ActId, Actor, ActorKind, InstanceId, Outcome, Reason, Target, Verb};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::{Durability, Share, Store};
use tokio::sync::Notify;
use tokio::time::Instant;

/// Ended acts that can still be waited for.
const REMEMBERED: usize = 1_000;
/// Longest reason a person can give, in bytes.
const MAX_REASON: usize = 1_000;
/// How long an emergency stop waits for its entry before it goes on without.
const EMERGENCY_ENTRY: Duration = Duration::from_millis(250);
/// The same of the engine's end: less than who takes a home over waits for it.
const SHUTDOWN_ENTRY: Duration = Duration::from_secs(2);
/// So long healing waits for a book that cannot be written for another reason than a full disk: longer
/// than a backup holds a database, and short against a service that is down.
const HEALING_ENTRY: Duration = Duration::from_secs(8);

/// See the module.
pub(crate) struct Door {
    next: AtomicU64,
    home: PathBuf,
    store: Store,
    journal: Arc<Journal>,
    acts: Mutex<BTreeMap<ActId, UnderWay>>,
    ended: Notify,
    /// Since when healing's acts could not be written down.
    unwritable: Mutex<Option<Instant>>,
}

struct UnderWay {
    act: Act,
    /// Clusters that have not settled yet.
    parts: usize,
    failed: Vec<(InstanceId, Reason)>,
    /// What went wrong that is no instance's.
    wrong: Vec<String>,
}

/// A reason is short enough for the book.
fn fits(reason: &str) -> Result<(), Error> {
    match reason.len() {
        0..=MAX_REASON => Ok(()),
        bytes => Err(Error::BadRequest(format!(
            "a reason has at most {MAX_REASON} bytes, this one has {bytes}"
        ))),
    }
}

impl Door {
    /// Continues after the number the store has reached.
    pub(crate) fn new(home: PathBuf, store: Store, journal: Arc<Journal>, last: ActId) -> Self {
        Self {
            next: AtomicU64::new(last.0),
            home,
            store,
            journal,
            acts: Mutex::default(),
            ended: Notify::new(),
            unwritable: Mutex::default(),
        }
    }

    /// May `actor` do this to `target`? On return the act is written down and may begin: it survives
    /// whatever becomes of this process, and when a person asked for it a power cut as well. After
    /// one there is nothing left that healing could have been about, so it does not wait for the
    /// disk. Nor does it wait for ever for a book with a fault: see the module.
    pub(crate) async fn admit(
        &self,
        actor: Actor,
        verb: Verb,
        target: Target,
        reason: &str,
    ) -> Result<Act, Error> {
        let healing = actor == Actor::healer();
        if verb == Verb::Restart && !healing {
            self.room().await?;
        }
        let act = self.entry(actor, verb, target, reason)?;
        let acts = self.store.acts();
        let durability = match healing {
            true => Durability::Normal,
            false => Durability::Full,
        };
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
        self.begin(&act);
        Ok(act)
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

    /// Like [`Door::admit`] for the one act that must never wait for a disk: it is written down if
    /// that takes no longer than a quarter of a second, and its outcome is written in any case
    /// once the disk works.
    pub(crate) async fn admit_emergency(&self, actor: Actor, reason: &str) -> Act {
        self.admit_always(actor, Verb::EmergencyStop, reason, EMERGENCY_ENTRY)
            .await
    }

    /// Like [`Door::admit_emergency`] for the end of the engine: who cannot end it in order would
    /// kill it.
    pub(crate) async fn admit_shutdown(&self, actor: Actor, reason: &str) -> Act {
        self.admit_always(actor, Verb::Shutdown, reason, SHUTDOWN_ENTRY)
            .await
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
        self.entry(actor, verb, Target::default(), what)
    }

    /// May an outside program change this that it keeps for itself? It is data, and no act.
    pub(crate) fn allow_data(&self, what: &str) -> Result<(), Error> {
        fits(what)
    }

    /// Such an act is over; when it is `written`, it is in the book already.
    pub(crate) fn conclude_unwritten(&self, act: Act, written: bool) {
        self.journal.registered(act, written);
    }

    async fn admit_always(&self, actor: Actor, verb: Verb, reason: &str, limit: Duration) -> Act {
        let short: String = reason.chars().take(MAX_REASON / 4).collect();
        let act = self.number(actor, verb, Target::default(), short);
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

    fn entry(&self, actor: Actor, verb: Verb, target: Target, reason: &str) -> Result<Act, Error> {
        fits(reason)?;
        Ok(self.number(actor, verb, target, reason.to_owned()))
    }

    fn number(&self, actor: Actor, verb: Verb, target: Target, reason: String) -> Act {
        let id = ActId(self.next.fetch_add(1, Ordering::Relaxed) + 1);
        Act {
            id,
            at: Clock::wall(),
            actor,
            verb,
            target,
            reason,
            outcome: Outcome::Pending,
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ActId, UnderWay>> {
        self.acts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, act: &Act) {
        let mut acts = self.lock();
        acts.insert(
            act.id,
            UnderWay {
                act: act.clone(),
                parts: 1,
                failed: vec![],
                wrong: vec![],
            },
        );
        while acts.len() > REMEMBERED {
            let oldest = acts
                .values()
                .find(|one| one.parts == 0)
                .map(|one| one.act.id);
            match oldest {
                Some(id) => acts.remove(&id),
                None => break,
            };
        }
    }

    /// The act is over when so many clusters have settled.
    pub(crate) fn expect(&self, act: ActId, parts: usize) {
        if let Some(one) = self.lock().get_mut(&act) {
            one.parts = parts;
        }
    }

    /// One cluster has settled.
    pub(crate) fn settle(&self, act: ActId, failed: Vec<(InstanceId, Reason)>) {
        self.settle_so(act, failed, None);
    }

    /// The same, and `wrong` is what was not done although each instance got where it should.
    pub(crate) fn settle_so(
        &self,
        act: ActId,
        failed: Vec<(InstanceId, Reason)>,
        wrong: Option<String>,
    ) {
        let outcome = {
            let mut acts = self.lock();
            let Some(one) = acts.get_mut(&act) else {
                return;
            };
            one.failed.extend(failed);
            one.wrong.extend(wrong);
            if one.parts > 1 {
                one.parts -= 1;
                return;
            }
            match one.failed.len() {
                _ if !one.wrong.is_empty() => Outcome::Failed(one.wrong.join("; ")),
                0 => Outcome::Done("everything got where it should".into()),
                n => Outcome::Failed(format!("{n} instances did not get where they should")),
            }
        };
        self.finish(act, outcome);
    }

    /// The act is over.
    pub(crate) fn finish(&self, act: ActId, outcome: Outcome) {
        let ended = {
            let mut acts = self.lock();
            let Some(one) = acts.get_mut(&act) else {
                return;
            };
            if one.parts == 0 {
                return;
            }
            one.parts = 0;
            one.act.outcome = outcome;
            one.act.clone()
        };
        self.journal.act(ended);
        self.ended.notify_waiters();
    }

    /// Waits until an act is over, but not longer than `timeout`.
    pub(crate) async fn wait(&self, act: ActId, timeout: Duration) -> Result<Settled, Error> {
        let over = async {
            loop {
                // Armed before looking, so that an end in between is not missed.
                let ended = self.ended.notified();
                {
                    let acts = self.lock();
                    let one = acts.get(&act).ok_or(Error::NoAct(act.0))?;
                    if one.parts == 0 {
                        return one.ended();
                    }
                }
                ended.await;
            }
        };
        match tokio::time::timeout(timeout, over).await {
            Ok(result) => result,
            Err(_) => self
                .lock()
                .get(&act)
                .map(|one| one.settled(false))
                .ok_or(Error::NoAct(act.0)),
        }
    }
}

/// How much of the room that is set aside for a full disk an act may take. What only takes load away
/// may have all of it: on a full disk that is what a person wants. Healing may have a part, so that a
/// service is healed there, too. The rest needs room itself, sooner or later.
fn share(act: &Act) -> Option<Share> {
    match act.verb {
        Verb::Down | Verb::Stop | Verb::Hold | Verb::EmergencyStop | Verb::Shutdown => {
            Some(Share::Whole)
        }
        _ if act.actor.kind == ActorKind::Healer => Some(Share::Half),
        Verb::Up
        | Verb::Start
        | Verb::Restart
        | Verb::Scale
        | Verb::Unhold
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
        | Verb::Request => None,
    }
}

impl UnderWay {
    /// What an ended act is answered with. One that failed and names no instance failed as a whole,
    /// which must not look like success.
    fn ended(&self) -> Result<Settled, Error> {
        match &self.act.outcome {
            Outcome::Refused(why) => Err(Error::Refused(why.clone())),
            Outcome::Failed(why) if self.failed.is_empty() => Err(Error::Conflict(why.clone())),
            _ => Ok(self.settled(true)),
        }
    }

    fn settled(&self, settled: bool) -> Settled {
        Settled {
            settled,
            failed: self.failed.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::stage::{LIMIT, me, sleeper};
    use model::InstanceStatus;
    use testkit::{Home, eventually_async};

    #[expect(
        clippy::disallowed_methods,
        reason = "a test stands in for a service's crash"
    )]
    fn kill(pid: u32) {
        let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_dies_while_nothing_can_be_written_down_is_healed_all_the_same() {
        let home = Home::new();
        let (_engine, handle, cluster) = sleeper(&home).await;
        let status = || -> InstanceStatus {
            let all = handle.shared.picture.instances(&cluster);
            all.into_iter().next().unwrap()
        };
        handle.shared.store.close().await;
        kill(status().pid.unwrap());
        let delayed = || status().reason.text.contains("healing is delayed");
        assert!(eventually_async(LIMIT, delayed).await, "{:?}", status());
        let healed = || status().generation.0 == 2 && status().pid.is_some();
        assert!(eventually_async(LIMIT, healed).await, "{:?}", status());
        handle.shutdown(me(), true, String::new()).await;
    }
}

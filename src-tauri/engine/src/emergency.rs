//! The emergency stop as the engine does it: tell every owner that nothing is wanted, then walk the
//! same path that works without any engine.

use crate::Error;
use crate::clock::Clock;
use crate::handle::Handle;
use crate::owner::Message;
use driver_docker::Surroundings;
use model::view::{StopPreview, StopReport};
use model::{Actor, ClusterName, EventKind, Outcome, ServiceName, Timestamp};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::oneshot;

/// How long all owners together may take to note it. A hung one is passed by.
const NOTED: Duration = Duration::from_millis(200);

/// How long containers may take beyond the processes. A daemon that hangs is said to.
const CONTAINERS: Duration = Duration::from_secs(4);

/// Keeps owners from starting anything while a stop is under way, and each of them for as long as
/// it has not noted the last word about one: what it has not heard of yet, it cannot undo.
#[derive(Debug, Default)]
pub(crate) struct Brake {
    under_way: AtomicU32,
    word: AtomicU64,
}

/// A stop under way. Two at once hold the brake until both are over.
pub(crate) struct Pulled<'a>(&'a Brake);

impl Brake {
    /// A stop begins.
    pub(crate) fn pull(&self) -> Pulled<'_> {
        self.under_way.fetch_add(1, Ordering::SeqCst);
        self.word.fetch_add(1, Ordering::SeqCst);
        Pulled(self)
    }

    /// Word of a stop that another process has walked: who has not noted it starts nothing.
    pub(crate) fn call(&self) {
        self.word.fetch_add(1, Ordering::SeqCst);
    }

    /// The number of the last word.
    pub(crate) fn word(&self) -> u64 {
        self.word.load(Ordering::SeqCst)
    }

    /// May an owner that has noted this word start nothing?
    pub(crate) fn holds(&self, noted: u64) -> bool {
        self.under_way.load(Ordering::SeqCst) > 0 || noted < self.word()
    }
}

impl Drop for Pulled<'_> {
    fn drop(&mut self) {
        // The new word first: a start that was held back is undone by it, a later one is not.
        self.0.word.fetch_add(1, Ordering::SeqCst);
        self.0.under_way.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Handle {
    /// What an emergency stop would end.
    pub async fn emergency_preview(&self) -> StopPreview {
        let layout = self.shared.layout.clone();
        let found = tokio::task::spawn_blocking(move || driver::emergency::preview(&layout)).await;
        let snapshot = self.snapshot();
        let mut clusters: BTreeMap<ClusterName, u32> = BTreeMap::new();
        let mut protected: Vec<ServiceName> = Vec::new();
        let mut instances = 0;
        for cluster in &snapshot.clusters {
            let all = snapshot
                .instances
                .get(&cluster.id)
                .map(Vec::as_slice)
                .unwrap_or_default();
            for one in all.iter().filter(|one| one.pid.is_some()) {
                instances += 1;
                *clusters.entry(cluster.name.clone()).or_default() += 1;
                let service = cluster
                    .services
                    .iter()
                    .find(|service| service.name == one.service);
                if service.is_some_and(|service| service.protected)
                    && !protected.contains(&one.service)
                {
                    protected.push(one.service.clone());
                }
            }
        }
        StopPreview {
            instances,
            // Each has one at least.
            processes: match found {
                Ok(Ok(found)) => found.processes,
                _ => instances,
            },
            clusters: clusters.into_iter().collect(),
            protected,
        }
    }

    /// Ends everything of this home, at once, and says what is left. Never waits for a disk, a database or a hung
    /// owner, and a person's is never refused.
    ///
    /// # Errors
    /// Why it is not known who is left; and that the rules refuse it to who is no person, or want persons to approve.
    pub async fn emergency_stop(&self, actor: Actor, reason: String) -> Result<StopReport, Error> {
        let door = &self.shared.door;
        let approved = door.lets_stop(&actor, &reason, self.approval).await?;
        let who = actor.called();
        let at = Clock::wall();
        let pulled = self.shared.brake.pull();
        let act = match approved {
            Some(act) => act,
            None => door.admit_emergency(actor, &reason).await,
        };
        self.all_owners_end(&reason, at).await;
        let report = stop_everything(&self.shared.layout, reason.clone(), who).await;
        self.shared.clear_emergency_marker();
        drop(pulled);
        // Again: what came back between the first word and the last kill is not wanted either.
        self.all_owners_end(&reason, at).await;
        let outcome = match &report {
            Ok(report) if report.left.is_empty() => {
                Outcome::Done(format!("{} processes ended, none left", report.ended))
            }
            Ok(report) => Outcome::Failed(format!("{} processes are left", report.left.len())),
            Err(error) => Outcome::Failed(error.clone()),
        };
        self.shared.door.finish(act.id, outcome);
        let seen = report.as_ref().ok();
        self.shared.journal.event(
            None,
            EventKind::EmergencyShutdown {
                reason: model::text::harmless(&reason, model::incident::MAX_TEXT),
                ended: seen.map(|report| report.ended),
                left: seen.map(|report| u32::try_from(report.left.len()).unwrap_or(u32::MAX)),
                took_ms: seen.map(|report| report.took_ms),
            },
        );
        report.map_err(|why| Error::Conflict(format!("{why}; run `azora emergency-stop`")))
    }

    /// What starts something was asked for after the last emergency stop.
    ///
    /// # Errors
    /// When it was wanted before: the request has waited for this engine since.
    pub(crate) fn not_overtaken(&self) -> Result<(), Error> {
        let asked = self.asked.unwrap_or_else(Clock::wall);
        match self.shared.stopped_since(asked) {
            true => Err(overtaken()),
            false => Ok(()),
        }
    }

    /// Before anything is started again, and after the door has let that in: an emergency stop that another
    /// process walked is noted everywhere, and its mark is taken away, because somebody who may wants
    /// something to run.
    ///
    /// # Errors
    /// Those of [`Handle::not_overtaken`]: a stop may have come while the door was asked.
    pub(crate) async fn leave_emergency(&self) -> Result<(), Error> {
        self.not_overtaken()?;
        let _alone = self.shared.leaving.lock().await;
        if self.shared.emergency_marked() {
            self.shared.brake.call();
            self.all_owners_end("ended by the emergency path", Clock::wall())
                .await;
            self.shared.clear_emergency_marker();
            self.shared.journal.event(None, walked_elsewhere());
        }
        Ok(())
    }

    async fn all_owners_end(&self, reason: &str, at: Timestamp) {
        let mut noted = Vec::new();
        let word = self.shared.brake.word();
        for (_, owner) in self.shared.all_owners() {
            let (reply, done) = oneshot::channel();
            let message = Message::Ended {
                reason: reason.to_owned(),
                at,
                word,
                reply: Some(reply),
            };
            noted.push(done);
            if let Err(TrySendError::Full(message)) = owner.try_send(message) {
                // It hears it late, and starts nothing until then.
                self.shared.tasks.spawn(async move {
                    // A closed inbox means that the engine ends.
                    let _ = owner.send(message).await;
                });
            }
        }
        let all = async {
            for done in noted {
                let _ = done.await;
            }
        };
        if tokio::time::timeout(NOTED, all).await.is_err() {
            tracing::warn!("an owner did not note the emergency stop in time; going on");
        }
    }
}

/// An emergency stop that another process has done, when this engine hears of it.
pub(crate) fn walked_elsewhere() -> EventKind {
    EventKind::EmergencyShutdown {
        reason: "ended by the emergency path".to_owned(),
        ended: None,
        left: None,
        took_ms: None,
    }
}

/// The refusal of what an emergency stop has overtaken.
pub(crate) fn overtaken() -> Error {
    let why = "an emergency stop came after this was asked for, so it is not done; if it is still \
               wanted, use `azora resume`, or ask again";
    Error::Conflict(why.to_owned())
}

/// Ends every process and every container of a home, and needs no engine for it: nothing but the records
/// beside the processes, and what container daemons say.
///
/// # Errors
/// Why it is not known who is left.
pub async fn stop_everything(
    layout: &driver::Layout,
    reason: String,
    who: String,
) -> Result<StopReport, String> {
    let of = layout.clone();
    let report = tokio::task::spawn_blocking(move || driver::emergency::stop(&of, &reason, &who));
    let report = report.await;
    let around = Surroundings::of_this_process();
    let contained = driver_docker::emergency::stop(layout, &around, CONTAINERS).await;
    match report {
        Ok(report) => match &report.unseen {
            None => Ok(view(report, contained)),
            Some(why) => Err(format!("it could not be looked for who is left: {why}")),
        },
        Err(error) => Err(format!("the emergency path broke: {error}")),
    }
}

fn view(
    report: driver::emergency::Report,
    contained: driver_docker::emergency::Report,
) -> StopReport {
    let left = report.left.into_iter().map(|one| (one.pid, one.command));
    // What is in a daemon has no pid that would mean something here.
    let not_ended = contained.not_ended().into_iter().map(|text| (0, text));
    let containers = u32::try_from(contained.ended.len()).unwrap_or(u32::MAX);
    let mut looked_by: Vec<String> = report.looked_by.into_iter().map(str::to_owned).collect();
    if contained != driver_docker::emergency::Report::default() {
        looked_by.push("the container daemon".to_owned());
    }
    StopReport {
        ended: report.ended.saturating_add(containers),
        left: left.chain(not_ended).collect(),
        took_ms: u64::try_from(report.took.as_millis()).unwrap_or(u64::MAX),
        looked_by,
        report: report.path.map(|path| path.display().to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Order;
    use crate::stage::{LIMIT, me, sleeper};
    use testkit::Home;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_start_that_is_refused_leaves_an_emergency_stop_in_force() {
        let home = Home::new();
        let rules = "@id(\"all\") @says(\"everybody may\") permit (principal, action, resource);\n\
                     @id(\"no\") @says(\"nobody starts\") forbid (principal, action == Action::\"start\", resource);";
        std::fs::write(home.path().join(policy::FILE), rules).unwrap();
        let (_engine, handle, cluster) = sleeper(&home).await;
        // As another process walks it.
        let layout = handle.shared.layout.clone();
        let walk = move || driver::emergency::stop(&layout, "test", "test").left.len();
        assert_eq!(tokio::task::spawn_blocking(walk).await.unwrap(), 0);
        assert!(handle.shared.emergency_marked());
        let services = vec!["db".parse().unwrap()];
        let start = Order::Start { cluster, services };
        let refused = handle.order(me(), start, String::new()).await;
        assert!(refused.unwrap_err().story().contains("rule no"));
        assert!(
            handle.shared.emergency_marked(),
            "who may not start has left it"
        );
        let resumed = handle
            .order(me(), Order::Resume, String::new())
            .await
            .unwrap();
        assert!(!handle.shared.emergency_marked());
        assert!(handle.wait(resumed.id, LIMIT).await.unwrap().settled);
        handle.shutdown(me(), false, String::new()).await;
    }

    #[test]
    fn the_brake_holds_until_the_last_stop_is_over_and_its_word_noted() {
        let brake = Brake::default();
        let mut noted = brake.word();
        assert!(!brake.holds(noted));
        let (one, other) = (brake.pull(), brake.pull());
        noted = brake.word();
        assert!(brake.holds(noted), "noted, and still under way");
        drop(one);
        noted = brake.word();
        assert!(brake.holds(noted), "the other is under way");
        drop(other);
        assert!(brake.holds(noted), "over, and not noted");
        assert!(!brake.holds(brake.word()));
    }
}

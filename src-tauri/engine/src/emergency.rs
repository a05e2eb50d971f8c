//! The emergency stop as the engine does it: tell every owner that nothing is wanted, then walk the
//! same path that works without any engine.

use crate::Error;
use crate::clock::Clock;
use crate::handle::Handle;
use crate::owner::Message;
use model::view::{StopPreview, StopReport};
use model::{Actor, ClusterName, Outcome, ServiceName, Timestamp};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::oneshot;

/// How long all owners together may take to note it. A hung one is passed by.
const NOTED: Duration = Duration::from_millis(200);

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
            processes: found.map_or(instances, |found| found.processes),
            clusters: clusters.into_iter().collect(),
            protected,
        }
    }

    /// Ends everything of this home, at once, and says what is left. Never refused, never waits
    /// for a disk, a database or a hung owner.
    pub async fn emergency_stop(&self, actor: Actor, reason: String) -> Result<StopReport, Error> {
        let who = actor.via.clone();
        let at = Clock::wall();
        self.shared.emergency.store(true, Ordering::SeqCst);
        let act = self.shared.door.admit_emergency(actor, &reason).await;
        self.all_owners_end(&reason, at).await;
        let layout = self.shared.layout.clone();
        let why = reason.clone();
        let report =
            tokio::task::spawn_blocking(move || driver::emergency::stop(&layout, &why, &who))
                .await
                .map(view);
        // Again: what came back between the first word and the last kill is not wanted either.
        self.all_owners_end(&reason, at).await;
        self.shared.clear_emergency_marker();
        self.shared.emergency.store(false, Ordering::SeqCst);
        let outcome = match &report {
            Ok(report) if report.left.is_empty() => {
                Outcome::Done(format!("{} processes ended, none left", report.ended))
            }
            Ok(report) => Outcome::Failed(format!("{} processes are left", report.left.len())),
            Err(error) => Outcome::Failed(error.to_string()),
        };
        self.shared.door.finish(act.id, outcome);
        report.map_err(|error| {
            let why = format!("the emergency path broke ({error}); run `azora emergency-stop`");
            Error::Conflict(why)
        })
    }

    /// Before anything is started again: an emergency stop that another process walked is noted
    /// everywhere, and its mark is taken away, because a person now wants something to run.
    pub(crate) async fn leave_emergency(&self) {
        if self.shared.emergency_marked() {
            self.all_owners_end("ended by the emergency path", Clock::wall())
                .await;
            self.shared.clear_emergency_marker();
        }
    }

    async fn all_owners_end(&self, reason: &str, at: Timestamp) {
        let mut noted = Vec::new();
        for (_, owner) in self.shared.all_owners() {
            let (reply, done) = oneshot::channel();
            let message = Message::Ended {
                reason: reason.to_owned(),
                at,
                reply: Some(reply),
            };
            if owner.try_send(message).is_ok() {
                noted.push(done);
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

fn view(report: driver::emergency::Report) -> StopReport {
    StopReport {
        ended: report.ended,
        left: report
            .left
            .into_iter()
            .map(|one| (one.pid, one.command))
            .collect(),
        took_ms: u64::try_from(report.took.as_millis()).unwrap_or(u64::MAX),
        looked_by: report.looked_by.into_iter().map(str::to_owned).collect(),
        report: report.path.map(|path| path.display().to_string()),
    }
}

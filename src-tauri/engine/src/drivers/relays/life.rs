//! When a relay is begun again, taken over, and ended.

use super::{Instant, LOOK, PATIENCE, Relay, Relays, Stage, instance};
use crate::drivers::lock;
use driver::forwards::Forwards;
use driver::{Found, Happened, NotRun, Stop};
use model::{ClusterId, ExitStatus};
use std::sync::Arc;
use std::time::Duration;

/// What has ended by itself is started again after so long, and each time it does not stay after twice
/// as long.
const AGAIN: Duration = if cfg!(test) {
    Duration::from_millis(10)
} else {
    Duration::from_secs(1)
};
/// So often twice as long.
const DOUBLED: u32 = 6;
/// One that has run for so long has stayed.
const STAYS: Duration = Duration::from_secs(60);
/// Its exit code when the kernel has no more to watch its folder with.
const UNTOLD: i32 = 71;
/// It has nothing to save.
const GRACE: Duration = Duration::from_secs(2);

/// Before the next start of one that so many times in a row did not stay.
pub(super) fn pause(tries: u32) -> Duration {
    AGAIN * 2_u32.pow(tries.min(DOUBLED))
}

impl Relays {
    /// Takes what is about a relay; false when it is about a service.
    pub(crate) fn take(self: &Arc<Self>, happened: &Happened) -> bool {
        let (cluster, who, generation) = happened.about();
        if who.service.as_str() != spec::RELAY {
            return false;
        }
        {
            let mut all = lock(&self.all);
            let Some(relay) = all
                .get_mut(cluster)
                .filter(|one| one.generation == generation)
            else {
                return true;
            };
            let why = match happened {
                Happened::Started { .. } => {
                    (relay.stage, relay.since) = (Stage::Runs, Some(Instant::now()));
                    None
                }
                Happened::StartFailed { error, retry, .. } => Some(match retry {
                    true => NotRun::Short(error.clone()),
                    false => NotRun::Failed(error.clone()),
                }),
                Happened::StartDelayed { shortage, .. } => Some(NotRun::Short(shortage.clone())),
                Happened::Exited { status, .. } => {
                    let watches = match *status == ExitStatus::Code(UNTOLD) {
                        true => {
                            ", for the kernel tells it of no changes: is \
                                 fs.inotify.max_user_instances reached?"
                        }
                        false => "",
                    };
                    Some(NotRun::Short(format!(
                        "azora-relay has ended ({status}){watches}"
                    )))
                }
                _ => None,
            };
            if why.is_some() {
                let since = relay.since.take();
                if since.is_some_and(|since| since.elapsed() >= STAYS) {
                    relay.tries = 0;
                }
                (relay.stage, relay.why) = (Stage::Rest, why);
                self.try_again(cluster, relay);
            }
        }
        self.stirred.send_modify(|count| *count += 1);
        true
    }

    /// One that does not run and is needed is started after a while, however it came to that.
    fn try_again(self: &Arc<Self>, cluster: &ClusterId, relay: &mut Relay) {
        let needed = !relay.ending && !relay.wanted.all.is_empty();
        if !needed || std::mem::replace(&mut relay.waits, true) {
            return;
        }
        let pause = pause(relay.tries);
        relay.tries = relay.tries.saturating_add(1);
        let (own, cluster) = (Arc::clone(self), cluster.clone());
        self.spawn(async move {
            tokio::time::sleep(pause).await;
            let turn = own.turn(&cluster);
            let _turn = turn.lock().await;
            let mut all = lock(&own.all);
            let Some(relay) = all.get_mut(&cluster) else {
                return;
            };
            relay.waits = false;
            // What is started after an emergency stop asks for it.
            let ended = relay.ending || own.layout.emergency().exists();
            if relay.stage != Stage::Rest || ended || relay.wanted.all.is_empty() {
                return;
            }
            if let Err(why) = own.start(&cluster, relay) {
                tracing::warn!(%cluster, %why, "a relay is not started again");
                own.try_again(&cluster, relay);
            }
        });
    }

    /// What an earlier engine has left of it. `lives`: a container of its cluster does.
    pub(in crate::drivers) fn adopt(
        self: &Arc<Self>,
        cluster: &ClusterId,
        found: &Found,
        lives: bool,
    ) {
        let folder = self.layout.run(cluster, &instance());
        let wanted = Forwards::read(&folder).unwrap_or_default();
        for one in &wanted.all {
            if let Err(why) = self.processes.claim_port(one.port, cluster, &instance()) {
                tracing::warn!(%cluster, why, "a relay's port is not reserved");
            }
        }
        let relay = Relay {
            generation: found.generation,
            stage: match found.outcome {
                Ok(_) => Stage::Runs,
                Err(_) => Stage::Rest,
            },
            wanted,
            made: true,
            // Now if it runs: it may have done so for days.
            since: found.outcome.is_ok().then(Instant::now),
            ..Relay::default()
        };
        let gone = relay.stage == Stage::Rest;
        {
            let mut all = lock(&self.all);
            let relay = all.entry(cluster.clone()).insert_entry(relay).into_mut();
            if lives && gone {
                self.try_again(cluster, relay);
            }
        }
        if !lives {
            self.let_go(cluster);
        }
    }

    /// Where the processes it leads to listen now; one of them that is none any more is not led to.
    pub(crate) fn follow(&self, cluster: &ClusterId, port: impl Fn(&str) -> Option<u16>) {
        let mut all = lock(&self.all);
        // What is to go is not written anew.
        let Some(relay) = all.get_mut(cluster).filter(|one| !one.ending) else {
            return;
        };
        let (mut changed, mut dropped) = (false, Vec::new());
        relay.wanted.all.retain_mut(|one| match port(&one.service) {
            Some(port) => {
                changed |= std::mem::replace(&mut one.target, port) != port;
                true
            }
            None => {
                changed = true;
                dropped.push(one.port);
                false
            }
        });
        self.processes.release_ports(cluster, &instance(), &dropped);
        if changed && let Err(why) = self.write(cluster, relay) {
            tracing::warn!(%cluster, %why, "a relay is not told");
        }
    }

    /// An emergency stop ends it: it is not started again.
    pub(crate) fn ended(&self, cluster: &ClusterId) {
        if let Some(relay) = lock(&self.all).get_mut(cluster) {
            relay.ending = true;
        }
    }

    /// No container of the cluster runs or is about to: it ends, unless one asks for it meanwhile.
    pub(crate) fn let_go(self: &Arc<Self>, cluster: &ClusterId) {
        let all = lock(&self.all);
        let Some(asked) = all.get(cluster).filter(|one| one.made).map(|one| one.asked) else {
            return;
        };
        drop(all);
        let (own, cluster) = (Arc::clone(self), cluster.clone());
        self.spawn(async move { own.end(&cluster, Some(asked)).await });
    }

    /// Ends it, and waits until it has and nothing is left of it: who wants it next begins in an empty
    /// folder.
    pub(in crate::drivers) async fn end(&self, cluster: &ClusterId, asked: Option<u64>) {
        let turn = self.turn(cluster);
        let _turn = turn.lock().await;
        let generation = {
            let mut all = lock(&self.all);
            let Some(relay) = all.get_mut(cluster).filter(|one| one.made) else {
                return;
            };
            if asked.is_some_and(|asked| asked != relay.asked) {
                return;
            }
            relay.ending = true;
            (relay.stage != Stage::Rest).then_some(relay.generation)
        };
        let own = instance();
        if let Some(generation) = generation {
            let stop = Stop {
                command: None,
                signal: spec::StopSignal::Term,
                grace: GRACE,
            };
            self.processes.stop(cluster, &own, generation, stop);
        }
        let rests = |_: &u64| {
            let all = lock(&self.all);
            all.get(cluster).is_none_or(|one| one.stage == Stage::Rest)
        };
        let mut stirred = self.stirred.subscribe();
        if tokio::time::timeout(PATIENCE, stirred.wait_for(rests))
            .await
            .is_err()
        {
            tracing::warn!(%cluster, "a relay does not end");
            return;
        }
        self.processes.rest(cluster, &own);
        self.processes.forget(cluster, &own);
        // That is done later, and would take with it what is written before.
        let folder = self.layout.run(cluster, &own);
        let gone = async {
            while folder.exists() {
                tokio::time::sleep(LOOK).await;
            }
        };
        let gone = tokio::time::timeout(PATIENCE, gone).await.is_ok();
        if !gone {
            tracing::warn!(%cluster, "what is written of a relay does not go");
        }
        if let Some(relay) = lock(&self.all).get_mut(cluster) {
            let wanted = std::mem::take(&mut relay.wanted.all);
            let ports: Vec<u16> = wanted.iter().map(|one| one.port).collect();
            (relay.made, relay.why, relay.tries) = (!gone, None, 0);
            self.processes.release_ports(cluster, &own, &ports);
        }
    }

    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let cancel = self.cancel.clone();
        self.tasks.spawn(async move {
            cancel.run_until_cancelled(work).await;
        });
    }
}

//! The way from containers to processes that listen on 127.0.0.1 alone: one `azora-relay` per cluster
//! that needs one, a process of the process driver's like any other. So it lives on without an engine,
//! is adopted by the next, and ends with an emergency stop; `down` ends it, and so does the end of the
//! cluster's last container.
//!
//! The orchestrator knows nothing of it: no service is called like it. What is heard of it stays here.

mod way;

use super::lock;
use driver::forwards::{Forward, Forwards, Heard};
use driver::{Found, Happened, Launch, Layout, PortWish, ProcessDriver, Stop};
use driver_docker::Gateway;
use model::{ClusterId, Generation, InstanceId, ServiceName};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use way::about;
pub(crate) use way::{Reaches, Way};

/// The program.
const PROGRAM: &str = "azora-relay";
/// It is up in milliseconds; a busy machine takes its time.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks for its answer, which is a file.
const LOOK: Duration = Duration::from_millis(5);
/// What has ended by itself is started again after so long: one that does so at once is no loop.
const AGAIN: Duration = Duration::from_secs(1);
/// It has nothing to save.
const GRACE: Duration = Duration::from_secs(2);
/// The newest of what it says is enough.
const LOG_KEEP: u64 = 64 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Stage {
    #[default]
    Rest,
    Starting,
    Runs,
}

#[derive(Debug, Default)]
struct Relay {
    generation: Generation,
    stage: Stage,
    /// Why it does not run.
    why: Option<String>,
    wanted: Forwards,
    /// Counts who has asked for it: who lets go of it has heard of all.
    asked: u64,
    /// It is not started again.
    ending: bool,
}

/// See the module.
pub(crate) struct Relays {
    processes: Arc<ProcessDriver>,
    layout: Layout,
    program: PathBuf,
    tasks: TaskTracker,
    cancel: CancellationToken,
    all: Mutex<BTreeMap<ClusterId, Relay>>,
    /// One at a time begins or ends one.
    turn: tokio::sync::Mutex<()>,
    stirred: watch::Sender<u64>,
}

/// What a relay is called among the instances of its cluster.
fn instance() -> InstanceId {
    let name = spec::RELAY.parse().expect("our own word is a name");
    InstanceId::new(name, 0)
}

impl Relays {
    pub(crate) fn new(
        processes: Arc<ProcessDriver>,
        layout: Layout,
        programs: &Path,
        tasks: TaskTracker,
        cancel: CancellationToken,
    ) -> Arc<Self> {
        Arc::new(Self {
            processes,
            layout,
            program: programs.join(PROGRAM),
            tasks,
            cancel,
            all: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            stirred: watch::Sender::default(),
        })
    }

    /// Sees to it that these processes are reached at this gateway.
    ///
    /// # Errors
    /// Why they are not.
    pub(super) async fn reach(
        &self,
        cluster: &ClusterId,
        network: &str,
        gateway: &Gateway,
        targets: &BTreeMap<ServiceName, u16>,
    ) -> Result<Way, String> {
        let _turn = self.turn.lock().await;
        let had: BTreeMap<String, u16> = {
            let mut all = lock(&self.all);
            let relay = all.entry(cluster.clone()).or_default();
            relay.asked += 1;
            relay.ending = false;
            let forwards = relay.wanted.all.iter();
            forwards
                .map(|one| (one.service.clone(), one.port))
                .collect()
        };
        let ports = self.ports(cluster, had, targets)?;
        let forward = |(service, target): (&ServiceName, &u16)| {
            let service = service.to_string();
            Some(Forward {
                network: network.to_owned(),
                device: gateway.device.clone(),
                address: gateway.address,
                prefix: gateway.prefix,
                port: *ports.get(&service)?,
                service,
                target: *target,
            })
        };
        let wanted: Vec<Forward> = targets.iter().filter_map(forward).collect();
        let way = Way {
            gateway: gateway.address,
            ports: targets
                .keys()
                .filter_map(|name| Some((name.clone(), *ports.get(name.as_str())?)))
                .collect(),
        };
        let number = {
            let mut all = lock(&self.all);
            let relay = all.entry(cluster.clone()).or_default();
            let forwards = &mut relay.wanted.all;
            forwards.retain(|one| {
                !wanted
                    .iter()
                    .any(|new| (&new.network, &new.service) == (&one.network, &one.service))
            });
            for one in forwards.iter_mut() {
                // On another network, the same process.
                if let Some(new) = wanted.iter().find(|new| new.service == one.service) {
                    one.target = new.target;
                }
                // To another process, on the same network, which may have been made again.
                if one.network == network {
                    one.device.clone_from(&gateway.device);
                    (one.address, one.prefix) = (gateway.address, gateway.prefix);
                }
            }
            forwards.extend(wanted.iter().cloned());
            // Also when nothing is new: a bridge may have been made again.
            self.write(cluster, relay)?;
            if relay.stage == Stage::Rest {
                self.start(cluster, relay)?;
            }
            relay.wanted.number
        };
        let heard = self.heard_of(cluster, number).await?;
        let mut failed = heard.failed.into_iter();
        let failed = failed.find(|(address, port, _)| {
            *address == gateway.address && wanted.iter().any(|one| one.port == *port)
        });
        match failed {
            Some((address, port, why)) => {
                Err(format!("{address}:{port} cannot be listened at: {why}"))
            }
            None => Ok(way),
        }
    }

    /// A port for each, beside those that are had.
    fn ports(
        &self,
        cluster: &ClusterId,
        had: BTreeMap<String, u16>,
        targets: &BTreeMap<ServiceName, u16>,
    ) -> Result<BTreeMap<String, u16>, String> {
        let mut names: Vec<(String, u16)> = had.into_iter().collect();
        let known: BTreeSet<String> = names.iter().map(|(name, _)| name.clone()).collect();
        let new = targets.keys().map(ToString::to_string);
        // After the others, whose ports are not given twice.
        names.extend(
            new.filter(|name| !known.contains(name))
                .map(|name| (name, 0)),
        );
        let wish = |(_, preferred): &(String, u16)| PortWish {
            cluster: cluster.clone(),
            instance: instance(),
            preferred: *preferred,
            exact: *preferred != 0,
        };
        let wishes: Vec<PortWish> = names.iter().map(wish).collect();
        let grants = crate::beside::beside_others(|| self.processes.grant_ports(&wishes));
        let grants = grants.map_err(|error| format!("failed to {error}"))?;
        let names = names.into_iter().map(|(name, _)| name);
        Ok(names.zip(grants.into_iter().map(|one| one.port)).collect())
    }

    fn write(&self, cluster: &ClusterId, relay: &mut Relay) -> Result<(), String> {
        relay.wanted.number += 1;
        let folder = self.layout.run(cluster, &instance());
        let mut private = std::fs::DirBuilder::new();
        let made = private.recursive(true).mode(0o700).create(&folder);
        let written = made.and_then(|()| relay.wanted.write(&folder));
        written.map_err(|error| format!("failed to write {}: {error}", folder.display()))
    }

    fn start(&self, cluster: &ClusterId, relay: &mut Relay) -> Result<(), String> {
        if !self.program.is_file() {
            return Err(format!(
                "{} is not there; it belongs beside azora",
                self.program.display()
            ));
        }
        let folder = self.layout.run(cluster, &instance());
        relay.generation = Generation(relay.generation.0 + 1);
        (relay.stage, relay.why) = (Stage::Starting, None);
        let argv = [&self.program, &folder].map(|path| path.to_string_lossy().into_owned());
        self.processes.start(Launch {
            cluster: cluster.clone(),
            instance: instance(),
            generation: relay.generation,
            argv: argv.into(),
            cwd: folder,
            env: BTreeMap::new(),
            secrets: BTreeMap::new(),
            origins: BTreeMap::new(),
            user: None,
            // It listens there on other addresses than services do.
            ports: Vec::new(),
            log_keep: Some(LOG_KEEP),
            listen: Vec::new(),
            tty: false,
            notify: false,
            limits: spec::Limits::default(),
        });
        Ok(())
    }

    /// Waits for its answer to what was written as this number, or to something newer.
    async fn heard_of(&self, cluster: &ClusterId, number: u64) -> Result<Heard, String> {
        let folder = self.layout.run(cluster, &instance());
        let answer = async {
            loop {
                if let Some(heard) = Heard::read(&folder).filter(|heard| heard.number >= number) {
                    return Ok(heard);
                }
                if let Some(relay) = lock(&self.all).get(cluster)
                    && relay.stage == Stage::Rest
                {
                    let why = relay.why.clone();
                    return Err(why.unwrap_or_else(|| "azora-relay has ended".to_owned()));
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(format!(
                "azora-relay has not answered within {} s",
                PATIENCE.as_secs()
            )),
        }
    }

    /// Takes what is about a relay; false when it is about a service.
    pub(crate) fn take(self: &Arc<Self>, happened: &Happened) -> bool {
        let (cluster, who, generation) = about(happened);
        if who.service.as_str() != spec::RELAY {
            return false;
        }
        let again = {
            let mut all = lock(&self.all);
            let Some(relay) = all
                .get_mut(cluster)
                .filter(|one| one.generation == generation)
            else {
                return true;
            };
            match happened {
                Happened::Started { .. } => relay.stage = Stage::Runs,
                Happened::StartFailed { error: why, .. }
                | Happened::StartDelayed { shortage: why, .. } => {
                    (relay.stage, relay.why) = (Stage::Rest, Some(why.clone()));
                }
                Happened::Exited { .. } => relay.stage = Stage::Rest,
                _ => {}
            }
            matches!(happened, Happened::Exited { .. })
                && !relay.ending
                && !relay.wanted.all.is_empty()
        };
        self.stirred.send_modify(|count| *count += 1);
        if again {
            self.start_again(cluster.clone());
        }
        true
    }

    /// One that has ended by itself.
    fn start_again(self: &Arc<Self>, cluster: ClusterId) {
        let own = Arc::clone(self);
        self.spawn(async move {
            tokio::time::sleep(AGAIN).await;
            let _turn = own.turn.lock().await;
            if own.layout.emergency().exists() {
                return;
            }
            let mut all = lock(&own.all);
            let Some(relay) = all.get_mut(&cluster) else {
                return;
            };
            if relay.stage == Stage::Rest
                && !relay.ending
                && let Err(why) = own.start(&cluster, relay)
            {
                tracing::warn!(%cluster, why, "a relay is not started again");
            }
        });
    }

    /// What an earlier engine has left of it. `lives`: a container of its cluster does.
    pub(super) fn adopt(self: &Arc<Self>, cluster: &ClusterId, found: &Found, lives: bool) {
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
            ..Relay::default()
        };
        let gone = relay.stage == Stage::Rest;
        lock(&self.all).insert(cluster.clone(), relay);
        match (lives, gone) {
            (true, false) => {}
            (true, true) => self.start_again(cluster.clone()),
            (false, _) => self.let_go(cluster),
        }
    }

    /// Where the processes it leads to listen now; one of them that is none any more is not led to.
    pub(crate) fn follow(&self, cluster: &ClusterId, port: impl Fn(&str) -> Option<u16>) {
        let mut all = lock(&self.all);
        let Some(relay) = all.get_mut(cluster) else {
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
            tracing::warn!(%cluster, why, "a relay is not told");
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
        let Some(asked) = lock(&self.all).get(cluster).map(|relay| relay.asked) else {
            return;
        };
        let (own, cluster) = (Arc::clone(self), cluster.clone());
        self.spawn(async move { own.end(&cluster, Some(asked)).await });
    }

    /// Ends it, and waits until it has.
    pub(super) async fn end(&self, cluster: &ClusterId, asked: Option<u64>) {
        let _turn = self.turn.lock().await;
        let generation = {
            let mut all = lock(&self.all);
            let Some(relay) = all.get_mut(cluster) else {
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
        if let Some(relay) = lock(&self.all).remove(cluster) {
            let ports: Vec<u16> = relay.wanted.all.iter().map(|one| one.port).collect();
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

//! The way from containers to processes that listen on 127.0.0.1 alone: one `azora-relay` per cluster
//! that needs one, a process of the process driver's like any other. So it lives on without an engine,
//! is adopted by the next, and ends with an emergency stop; `down` ends it, and so does the end of the
//! cluster's last container.
//!
//! The orchestrator knows nothing of it: no service is called like it. What is heard of it stays here.

mod life;
#[cfg(test)]
mod tests;
mod way;

use super::lock;
use driver::forwards::{Forward, Forwards, HEARD, Heard};
use driver::{Launch, Layout, NotRun, PortWish};
use driver_docker::Gateway;
use model::{ClusterId, Generation, InstanceId, ServiceName};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
pub(crate) use way::{Host, Reaches, Way};

/// The program.
const PROGRAM: &str = "azora-relay";
/// It is up in milliseconds; a busy machine takes its time.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks for its answer, which is a file.
const LOOK: Duration = Duration::from_millis(5);
/// The newest of what it says is enough.
const LOG_KEEP: u64 = 64 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Stage {
    #[default]
    Rest,
    Starting,
    Runs,
}

/// What is known of a cluster's relay. It stays when that has ended: starts and what is written are
/// counted on, so that nothing old is taken for an answer.
#[derive(Debug, Default)]
struct Relay {
    generation: Generation,
    stage: Stage,
    /// Why it does not run.
    why: Option<NotRun>,
    wanted: Forwards,
    /// It has a run folder.
    made: bool,
    /// Counts who has asked for it: who lets go of it has heard of all.
    asked: u64,
    /// It is not started again.
    ending: bool,
    /// Since when it runs.
    since: Option<Instant>,
    /// So often in a row it did not stay.
    tries: u32,
    /// It is about to be started again.
    waits: bool,
}

/// See the module.
pub(crate) struct Relays {
    processes: Arc<dyn Host>,
    layout: Layout,
    program: PathBuf,
    tasks: TaskTracker,
    cancel: CancellationToken,
    all: Mutex<BTreeMap<ClusterId, Relay>>,
    /// One at a time begins or ends a cluster's.
    turns: Mutex<BTreeMap<ClusterId, Arc<tokio::sync::Mutex<()>>>>,
    stirred: watch::Sender<u64>,
}

/// What a relay is called among the instances of its cluster.
fn instance() -> InstanceId {
    let name = spec::RELAY.parse().expect("our own word is a name");
    InstanceId::new(name, 0)
}

impl Relays {
    pub(crate) fn new(
        processes: Arc<impl Host + 'static>,
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
            turns: Mutex::default(),
            stirred: watch::Sender::default(),
        })
    }

    fn turn(&self, cluster: &ClusterId) -> Arc<tokio::sync::Mutex<()>> {
        Arc::clone(lock(&self.turns).entry(cluster.clone()).or_default())
    }

    /// Sees to it that these processes are reached at this gateway.
    ///
    /// # Errors
    /// Why they are not: [`NotRun::Short`] of what passes, anything else where there is no such way.
    pub(super) async fn reach(
        &self,
        cluster: &ClusterId,
        network: &str,
        gateway: &Gateway,
        reaches: &Reaches,
    ) -> Result<Way, NotRun> {
        let targets = &reaches.targets;
        let turn = self.turn(cluster);
        let _turn = turn.lock().await;
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
        let ports = self.ports(cluster, had, reaches)?;
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
            Some((address, port, why)) => Err(NotRun::Failed(format!(
                "{address}:{port} cannot be listened at: {why}"
            ))),
            None => Ok(way),
        }
    }

    /// A port for each, beside those that are had. One that has led there before does so again, so that
    /// a container that knows it need not be made anew.
    fn ports(
        &self,
        cluster: &ClusterId,
        had: BTreeMap<String, u16>,
        reaches: &Reaches,
    ) -> Result<BTreeMap<String, u16>, NotRun> {
        let mut names: Vec<(String, u16, bool)> = (had.into_iter())
            .map(|(name, port)| (name, port, true))
            .collect();
        let known: BTreeSet<String> = names.iter().map(|(name, ..)| name.clone()).collect();
        let new = (reaches.targets.keys()).filter(|name| !known.contains(name.as_str()));
        // After the others, whose ports are not given twice.
        names.extend(new.map(|name| {
            let before = reaches.before.get(name).copied().unwrap_or_default();
            (name.to_string(), before, false)
        }));
        let wish = |(_, preferred, exact): &(String, u16, bool)| PortWish {
            cluster: cluster.clone(),
            instance: instance(),
            preferred: *preferred,
            exact: *exact,
        };
        let wishes: Vec<PortWish> = names.iter().map(wish).collect();
        let grants = crate::beside::beside_others(|| self.processes.grant_ports(&wishes));
        let grants = grants.map_err(|error| NotRun::Short(format!("failed to {error}")))?;
        let names = names.into_iter().map(|(name, ..)| name);
        Ok(names.zip(grants.into_iter().map(|one| one.port)).collect())
    }

    fn write(&self, cluster: &ClusterId, relay: &mut Relay) -> Result<(), NotRun> {
        relay.wanted.number += 1;
        relay.made = true;
        let folder = self.layout.run(cluster, &instance());
        let mut private = std::fs::DirBuilder::new();
        let made = private.recursive(true).mode(0o700).create(&folder);
        if relay.stage == Stage::Rest {
            // Of one that has ended: nothing answers by it.
            let _ = std::fs::remove_file(folder.join(HEARD));
        }
        let written = made.and_then(|()| relay.wanted.write(&folder));
        written.map_err(|error| NotRun::of(&format!("write {}", folder.display()), &error))
    }

    fn start(&self, cluster: &ClusterId, relay: &mut Relay) -> Result<(), NotRun> {
        if !self.program.is_file() {
            return Err(NotRun::Failed(format!(
                "{} is not there; it belongs beside azora",
                self.program.display()
            )));
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
    async fn heard_of(&self, cluster: &ClusterId, number: u64) -> Result<Heard, NotRun> {
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
                    return Err(
                        why.unwrap_or_else(|| NotRun::Short("azora-relay has ended".to_owned()))
                    );
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(NotRun::Short(format!(
                "azora-relay has not answered within {} s",
                PATIENCE.as_secs()
            ))),
        }
    }
}

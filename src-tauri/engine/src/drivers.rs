//! Both drivers as one: `driver` makes processes, `driver-docker` containers.
//!
//! What an instance is, is in its definition for a start, and for everything later in what its newest
//! start was: a service that an edit turns from one into the other is ended by the driver that made
//! it. Owners call this; it decides nothing.

mod containers;
mod look;
mod prepare;
mod relays;
mod usage;

pub(crate) use containers::Containers;
pub(crate) use containers::clear::{Cleared, Rest};
pub(crate) use prepare::{Files, Preparation, Prepared, text};
pub(crate) use relays::{Reaches, Relays, Way};
pub(crate) use usage::Readings;

use driver::{Found, Launch, PortError, PortGrant, PortWish, ProcessDriver};
use driver_docker::ContainerStop;
use model::{ClusterId, Generation, InstanceId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

type Key = (ClusterId, InstanceId);

/// What is to be started.
pub(crate) enum Start {
    /// A process.
    Process(Box<Launch>),
    /// A container, and the port at which it is reached here.
    Container(Box<driver_docker::Launch>, Option<u16>),
}

/// How an instance is to be ended.
pub(crate) enum Stop {
    /// A process.
    Process(driver::Stop),
    /// A container.
    Container(ContainerStop),
}

/// The drivers of a home.
pub(crate) struct Drivers {
    /// Processes; ports, secrets, and all that runs beside an instance on this machine.
    pub(crate) processes: Arc<ProcessDriver>,
    /// Containers.
    pub(crate) containers: Arc<Containers>,
    /// Instances whose newest start is a container.
    contained: Mutex<BTreeSet<Key>>,
}

impl Drivers {
    /// Both, of which the second is opened when it is needed.
    pub(crate) fn new(processes: Arc<ProcessDriver>, containers: Arc<Containers>) -> Self {
        Self {
            processes,
            containers,
            contained: Mutex::default(),
        }
    }

    /// The newest start of this instance is a container.
    pub(crate) fn is_container(&self, cluster: &ClusterId, instance: &InstanceId) -> bool {
        lock(&self.contained).contains(&(cluster.clone(), instance.clone()))
    }

    /// Makes an instance. Returns at once; `Started`, `StartDelayed` or `StartFailed` follows.
    pub(crate) fn start(&self, start: Start) {
        match start {
            Start::Process(launch) => {
                let key = (launch.cluster.clone(), launch.instance.clone());
                if lock(&self.contained).remove(&key) {
                    // It has ended, and nothing of a process is in its way.
                    self.containers.remove(key, None);
                }
                self.processes.start(*launch);
            }
            Start::Container(launch, port) => {
                let key = (launch.cluster.clone(), launch.instance.clone());
                let generation = launch.generation;
                let claim = |port| self.processes.claim_port(port, &key.0, &key.1);
                if let Err(error) = port.map_or(Ok(()), claim) {
                    return self.containers.refuse(key, generation, error);
                }
                if lock(&self.contained).insert(key.clone()) {
                    // Of a process before it: its shim goes.
                    self.processes.rest(&key.0, &key.1);
                }
                self.containers.start(*launch);
            }
        }
    }

    /// Ends an instance. Returns at once; `Exited` follows.
    pub(crate) fn stop(
        &self,
        cluster: &ClusterId,
        instance: &InstanceId,
        generation: Generation,
        stop: Stop,
    ) {
        match stop {
            Stop::Process(stop) => self.processes.stop(cluster, instance, generation, stop),
            Stop::Container(stop) => self.containers.stop(cluster, instance, generation, stop),
        }
    }

    /// An instance that ended will not be started again soon.
    pub(crate) fn rest(&self, cluster: &ClusterId, instance: &InstanceId) {
        // A container that has ended keeps nothing waiting.
        self.processes.rest(cluster, instance);
    }

    /// Drops all that is kept of an instance that has ended: its container, its run folder.
    pub(crate) fn forget(&self, cluster: &ClusterId, instance: &InstanceId) {
        let key = (cluster.clone(), instance.clone());
        match lock(&self.contained).remove(&key) {
            true => {
                let rest = Arc::clone(&self.processes);
                self.containers.remove(key, Some(rest));
            }
            false => self.processes.forget(cluster, instance),
        }
    }

    /// What ran, or has ended, while nobody was here. `wanted`: the cluster has containers by its
    /// definition, also where the home has lost what it wrote down of them.
    pub(crate) async fn adopt(&self, cluster: &ClusterId, wanted: bool) -> Vec<Found> {
        let (processes, containers) = tokio::join!(
            self.processes.adopt(cluster),
            self.containers.adopt(cluster, wanted)
        );
        let (relays, processes): (Vec<Found>, Vec<Found>) =
            (processes.into_iter()).partition(|one| one.instance.service.as_str() == spec::RELAY);
        if let Some(relay) = relays.first() {
            let lives = containers.iter().any(|one| one.outcome.is_ok());
            self.containers.relays.adopt(cluster, relay, lives);
        }
        let mut newest: BTreeMap<InstanceId, (Found, bool)> = BTreeMap::new();
        let all = processes.into_iter().map(|found| (found, false));
        for (found, contained) in all.chain(containers.into_iter().map(|found| (found, true))) {
            let age = |found: &Found| (found.outcome.is_ok(), found.generation);
            match newest.get(&found.instance) {
                Some((known, _)) if age(known) >= age(&found) => {}
                _ => drop(newest.insert(found.instance.clone(), (found, contained))),
            }
        }
        let mut kinds = lock(&self.contained);
        kinds.retain(|(of, _)| of != cluster);
        let found = newest.into_values().map(|(found, contained)| {
            if contained {
                kinds.insert((cluster.clone(), found.instance.clone()));
            }
            found
        });
        found.collect()
    }

    /// One port for each wish; see [`ProcessDriver::grant_ports`]. A container's is its own while it runs.
    ///
    /// # Errors
    /// When no port is free.
    pub(crate) fn grant_ports(&self, wishes: &[PortWish]) -> Result<Vec<PortGrant>, PortError> {
        let layout = &self.containers.layout;
        self.processes.grant_ports_or(wishes, |wish, port| {
            driver_docker::publishes(layout, &wish.cluster, &wish.instance, port)
        })
    }

    /// Why nothing is known of a container just now: its daemon does not answer. `None` of a process,
    /// and while it does.
    pub(crate) fn lost(&self, cluster: &ClusterId, instance: &InstanceId) -> Option<String> {
        let lost = self.containers.lost()?;
        self.is_container(cluster, instance).then_some(lost)
    }

    /// The same, after the daemon was asked.
    pub(crate) async fn unreachable(
        &self,
        cluster: &ClusterId,
        instance: &InstanceId,
    ) -> Option<String> {
        if !self.is_container(cluster, instance) {
            return None;
        }
        self.containers.unreachable().await
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

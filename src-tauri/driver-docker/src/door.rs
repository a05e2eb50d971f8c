//! The door: [`ContainerDriver`], and the tasks behind it.

use crate::daemon::{Daemon, Fault, QUICK, WORK, ask};
use crate::exec::{self, Exec};
use crate::flight::now;
use crate::labels;
use crate::look::{Checked, Seen, look};
use crate::shared::{Shared, Whose, lock};
use crate::unit::{Ask, Facts, Unit};
use crate::{ContainerStop, Event, Launch, record, watch};
use bollard::query_parameters::{ListContainersOptionsBuilder, RemoveContainerOptionsBuilder};
use driver::{ExecOutcome, Found, Layout};
use model::{ClusterId, Generation, InstanceId, Timestamp};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// Asks that one instance may have waiting. The orchestrator has one start or stop in flight.
const ASKS: usize = 16;
/// Most containers of a cluster that are looked at: more than a machine runs.
const MOST: i32 = 10_000;

type Key = (ClusterId, InstanceId);

#[derive(Debug)]
struct Handle {
    asks: mpsc::Sender<Ask>,
    facts: Arc<Mutex<Facts>>,
}

/// Makes and ends the containers of one home in one daemon. Dropping it ends nothing: they run on,
/// and the next driver adopts them.
#[derive(Debug)]
pub struct ContainerDriver {
    shared: Arc<Shared>,
    units: Mutex<HashMap<Key, Handle>>,
    tasks: Mutex<JoinSet<()>>,
    /// Programs that were not waited for to the end: by container, the daemon's ids of them.
    unfinished: Mutex<HashMap<String, String>>,
}

impl ContainerDriver {
    /// A driver for a home. What happens is sent to `events`. Called inside a tokio runtime.
    pub fn open(layout: Layout, daemon: Daemon, events: mpsc::Sender<Event>) -> Arc<Self> {
        let shared = Arc::new(Shared::new(layout, daemon, events));
        let driver = Self {
            shared: Arc::clone(&shared),
            units: Mutex::default(),
            tasks: Mutex::default(),
            unfinished: Mutex::default(),
        };
        driver.spawn(async move { watch::watch(&shared).await });
        Arc::new(driver)
    }

    /// The daemon it uses.
    pub fn daemon(&self) -> &Daemon {
        &self.shared.daemon
    }

    /// Makes or starts a container. Returns at once; `Started` or `StartFailed` follows.
    pub fn start(&self, launch: Launch) {
        self.start_asked(launch, now());
    }

    /// The same, asked for at that time: an emergency stop since then holds for it as well.
    pub fn start_asked(&self, launch: Launch, asked: Timestamp) {
        let (cluster, instance) = (launch.cluster.clone(), launch.instance.clone());
        let generation = launch.generation;
        if self
            .ask(&cluster, &instance, Ask::Start(Box::new(launch), asked))
            .is_err()
        {
            let error = "too much is asked of it at once".to_owned();
            let whose = Whose { cluster, instance };
            let failed = whose.start_failed(generation, error, true);
            let shared = Arc::clone(&self.shared);
            self.spawn(async move { shared.say(failed).await });
        }
    }

    /// Ends a container. Returns at once; `Exited` follows; `StopGoesOn` and `StopBlocked` may come
    /// before it.
    pub fn stop(
        &self,
        cluster: &ClusterId,
        instance: &InstanceId,
        generation: Generation,
        stop: ContainerStop,
    ) {
        if let Err(ask) = self.ask(cluster, instance, Ask::Stop(generation, stop)) {
            // A stop is never lost: it waits for its place.
            let key = (cluster.clone(), instance.clone());
            let asks = lock(&self.units).get(&key).map(|unit| unit.asks.clone());
            if let Some(asks) = asks {
                self.spawn(async move {
                    // The task is gone with the driver.
                    let _ = asks.send(ask).await;
                });
            }
        }
    }

    /// What ran, or has ended, while nobody was here: by what the home has written down, and by the
    /// labels of what the daemon has. From now on it is watched like what was started here.
    pub async fn adopt(&self, cluster: &ClusterId) -> Vec<Found> {
        let mut instances: BTreeSet<InstanceId> = record::instances(&self.shared.layout, cluster)
            .into_iter()
            .collect();
        match self.containers(cluster).await {
            Ok(containers) => instances.extend(containers.into_iter().filter_map(|one| one.1)),
            Err(fault) => {
                tracing::warn!(%cluster, %fault, "failed to list the containers of a cluster");
            }
        }
        let mut answers = Vec::with_capacity(instances.len());
        for instance in instances {
            let (answer, found) = oneshot::channel();
            if self.ask(cluster, &instance, Ask::Find(answer)).is_ok() {
                answers.push(found);
            }
        }
        let mut found = Vec::with_capacity(answers.len());
        for answer in answers {
            // Every call to the daemon has a limit, and so has this.
            found.extend(answer.await.ok().flatten());
        }
        found
    }

    /// Removes the container of an instance, with what it has in its own files. Volumes stay.
    ///
    /// # Errors
    /// When the daemon does not do it.
    pub async fn remove(&self, cluster: &ClusterId, instance: &InstanceId) -> Result<(), Fault> {
        let (answer, removed) = oneshot::channel();
        let busy = || Fault::Silent("too much is asked of it at once".into());
        self.ask(cluster, instance, Ask::Remove(answer))
            .map_err(|_| busy())?;
        removed.await.map_err(|_| busy())?
    }

    /// Removes all containers and networks of a cluster, also those of services that are defined no
    /// more. Volumes stay. Containers that run are ended without grace: they are to be stopped first.
    ///
    /// # Errors
    /// The first that could not be removed; the others are.
    pub async fn clear(&self, cluster: &ClusterId) -> Result<(), Fault> {
        let mut first = Ok(());
        for (id, instance) in self.containers(cluster).await? {
            let removed = match instance {
                Some(instance) => self.remove(cluster, &instance).await,
                None => self.remove_container(&id).await,
            };
            first = first.and(removed);
        }
        for instance in record::instances(&self.shared.layout, cluster) {
            // Of those whose container was gone already.
            first = first.and(self.remove(cluster, &instance).await);
        }
        first.and(crate::network::remove_all(&self.shared, cluster).await)
    }

    /// Runs a program for a moment in the container of an instance that runs. While the last one
    /// that took too long goes on, nothing is run: else they would pile up.
    pub async fn exec(
        &self,
        cluster: &ClusterId,
        instance: &InstanceId,
        program: Exec,
        limit: Duration,
    ) -> ExecOutcome {
        let Some(container) = self.container(cluster, instance) else {
            return ExecOutcome::Failed(format!("{instance} does not run"));
        };
        let unfinished = lock(&self.unfinished).get(&container).cloned();
        if let Some(id) = unfinished {
            if exec::goes_on(&self.shared.daemon, &id).await {
                return ExecOutcome::TimedOut;
            }
            lock(&self.unfinished).remove(&container);
        }
        let (outcome, left) = exec::run(&self.shared.daemon, &container, program, limit).await;
        if let Some(id) = left {
            lock(&self.unfinished).insert(container, id);
        }
        outcome
    }

    /// How its daemon says that an instance is, and what its check wrote last.
    ///
    /// # Errors
    /// When the daemon does not say.
    pub async fn health(
        &self,
        cluster: &ClusterId,
        instance: &InstanceId,
    ) -> Result<Checked, Fault> {
        let Some(container) = self.container(cluster, instance) else {
            return Ok(Checked::NotRunning);
        };
        let seen = look(&self.shared.daemon, &container).await?;
        Ok(seen.map_or(Checked::NotRunning, Seen::checked))
    }

    /// The name of the container of an instance that runs.
    pub fn container(&self, cluster: &ClusterId, instance: &InstanceId) -> Option<String> {
        let units = lock(&self.units);
        let unit = units.get(&(cluster.clone(), instance.clone()))?;
        lock(&unit.facts).container.clone()
    }

    /// Ends every task of the driver. Containers run on; nothing is heard of them any more, and the
    /// next driver adopts them.
    pub async fn close(&self) {
        let mut tasks = std::mem::take(&mut *lock(&self.tasks));
        tasks.shutdown().await;
        lock(&self.units).clear();
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Containers of a cluster by their ids, with the instance that their labels name.
    pub(crate) async fn containers(
        &self,
        cluster: &ClusterId,
    ) -> Result<Vec<(String, Option<InstanceId>)>, Fault> {
        let labels = labels::of_cluster(&self.shared.home, cluster);
        let options = ListContainersOptionsBuilder::new()
            .all(true)
            .limit(MOST)
            .filters(&labels::filter(&labels))
            .build();
        let api = self.shared.daemon.api();
        let listed = ask(QUICK, api.list_containers(Some(options))).await?;
        let container = |one: bollard::models::ContainerSummary| {
            let instance = labels::instance(&one.labels.unwrap_or_default());
            Some((one.id?, instance.map(|(_, instance)| instance)))
        };
        Ok(listed.into_iter().filter_map(container).collect())
    }

    async fn remove_container(&self, id: &str) -> Result<(), Fault> {
        let options = RemoveContainerOptionsBuilder::new().force(true).build();
        let api = self.shared.daemon.api();
        match ask(WORK, api.remove_container(id, Some(options))).await {
            Err(fault) if fault.is_not_found() => Ok(()),
            removed => removed,
        }
    }

    /// Hands an ask to the instance's task, which is made if there is none. Gives it back when the
    /// task has too many.
    fn ask(&self, cluster: &ClusterId, instance: &InstanceId, ask: Ask) -> Result<(), Ask> {
        let mut units = lock(&self.units);
        let key = (cluster.clone(), instance.clone());
        // A task that broke is replaced; the new one looks at the container first.
        if units.get(&key).is_some_and(|unit| unit.asks.is_closed()) {
            units.remove(&key);
        }
        let unit = units.entry(key).or_insert_with_key(|key| self.unit(key));
        unit.asks.try_send(ask).map_err(|error| match error {
            mpsc::error::TrySendError::Full(ask) | mpsc::error::TrySendError::Closed(ask) => ask,
        })
    }

    fn unit(&self, (cluster, instance): &Key) -> Handle {
        let (asks, receiver) = mpsc::channel(ASKS);
        let facts = Arc::new(Mutex::new(Facts::default()));
        let name = labels::container_name(cluster, instance);
        let unit = Unit {
            shared: Arc::clone(&self.shared),
            whose: Whose {
                cluster: cluster.clone(),
                instance: instance.clone(),
            },
            folder: self.shared.layout.run(cluster, instance),
            asks: receiver,
            looks: self.shared.looks(&name),
            name,
            facts: Arc::clone(&facts),
            intent: None,
            elsewhere: None,
            life: None,
            unnamed: Vec::new(),
            last: None,
            late: None,
            stopping: None,
            stop_command: JoinSet::new(),
            timer: None,
            copier: None,
        };
        self.spawn(unit.run());
        Handle { asks, facts }
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = lock(&self.tasks);
        while let Some(ended) = tasks.try_join_next() {
            if let Err(error) = ended
                && error.is_panic()
            {
                tracing::error!(%error, "a task of the container driver broke");
            }
        }
        tasks.spawn(task);
    }
}

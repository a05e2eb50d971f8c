//! The driver of containers, opened at the first cluster that needs it: who has no containers never
//! looks for a daemon.
//!
//! While it is not open because the daemon is away, what is written down of containers is believed,
//! what is to be ended waits, and it is tried again.

use super::{Key, Relays, lock};
use driver::{ExecOutcome, Found, Happened, Layout, NotRun, ProcessDriver};
use driver_docker::{
    ConnectError, ContainerDriver, ContainerStop, Daemon, Event, Exec, Fault, Launch, Surroundings,
};
use model::{ClusterId, ExitStatus, Generation, InstanceId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Words that may wait for the owners.
const HEARD: usize = 1_024;
/// How long an engine that comes waits for a daemon that takes its time: often both are started at once.
const COMING: Duration = Duration::from_secs(5);
/// Between two tries to reach a daemon that has containers of ours.
const KNOCK: Duration = Duration::from_millis(500);

/// What came of a try to open it.
type Opened = Result<Arc<ContainerDriver>, NotRun>;

/// See the module.
pub(crate) struct Containers {
    pub(super) layout: Layout,
    /// The way from them to processes.
    pub(crate) relays: Arc<Relays>,
    around: Surroundings,
    events: mpsc::Sender<Event>,
    tasks: TaskTracker,
    cancel: CancellationToken,
    state: Mutex<State>,
    /// The try to open it that is under way.
    opening: Mutex<Option<watch::Receiver<Option<Opened>>>>,
    /// Counts words about health and about the daemon: who waits for one looks again.
    pub(super) stirred: watch::Sender<u64>,
    /// Clusters whose containers and networks are being removed.
    clearing: watch::Sender<BTreeSet<ClusterId>>,
    /// Who waits for the end of that.
    clearers: Mutex<BTreeMap<ClusterId, Vec<clear::Clearer>>>,
    /// One at a time makes networks and volumes.
    pub(super) making: tokio::sync::Mutex<()>,
    /// An image is got or built once, however many wait for it.
    pub(super) images: Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

#[derive(Default)]
struct State {
    driver: Option<Arc<ContainerDriver>>,
    /// Why the daemon is not reached.
    lost: Option<String>,
    /// Clusters of which only what is written down was told: which starts are taken to run.
    believed: BTreeMap<ClusterId, Vec<(InstanceId, Generation)>>,
    /// What is to be ended when it is reached.
    stops: BTreeMap<Key, (Generation, ContainerStop)>,
    /// A task tries to reach it.
    knocking: bool,
}

impl Containers {
    /// Not open yet; what happens is said to the receiver.
    pub(crate) fn new(
        layout: Layout,
        relays: Arc<Relays>,
        tasks: TaskTracker,
        cancel: CancellationToken,
    ) -> (Arc<Self>, mpsc::Receiver<Event>) {
        let around = Surroundings::of_this_process();
        Self::around(around, layout, relays, tasks, cancel)
    }

    fn around(
        around: Surroundings,
        layout: Layout,
        relays: Arc<Relays>,
        tasks: TaskTracker,
        cancel: CancellationToken,
    ) -> (Arc<Self>, mpsc::Receiver<Event>) {
        let (events, heard) = mpsc::channel(HEARD);
        let containers = Self {
            layout,
            relays,
            around,
            events,
            tasks,
            cancel,
            state: Mutex::default(),
            opening: Mutex::default(),
            stirred: watch::Sender::default(),
            clearing: watch::Sender::default(),
            clearers: Mutex::default(),
            making: tokio::sync::Mutex::default(),
            images: Mutex::default(),
        };
        (Arc::new(containers), heard)
    }

    /// Notes what was said, before owners hear of it.
    pub(crate) fn note(&self, event: &Event) {
        match event {
            Event::DaemonLost { why } => lock(&self.state).lost = Some(why.clone()),
            Event::DaemonBack => lock(&self.state).lost = None,
            Event::Health { .. } => {}
            Event::Happened(_) => return,
        }
        self.stirred.send_modify(|count| *count += 1);
    }

    /// Why the daemon is not reached; `None` also while nobody has tried.
    pub(crate) fn lost(&self) -> Option<String> {
        lock(&self.state).lost.clone()
    }

    /// Asks the daemon whether it answers, and says why it does not.
    pub(super) async fn unreachable(&self) -> Option<String> {
        if let Some(why) = self.lost() {
            return Some(why);
        }
        let driver = self.open()?;
        let silent = driver.daemon().ping().await.err();
        silent.map(|fault| fault.to_string())
    }

    pub(super) fn open(&self) -> Option<Arc<ContainerDriver>> {
        lock(&self.state).driver.clone()
    }

    /// The driver, opened now if it is not.
    ///
    /// # Errors
    /// Why there is none: a daemon that does not run may run soon, one that is not there will not.
    pub(super) async fn driver(self: &Arc<Self>) -> Opened {
        if let Some(driver) = self.open() {
            return Ok(driver);
        }
        let mut trying = self.trying();
        let opened = trying.wait_for(Option::is_some).await.ok();
        let opened = opened.and_then(|opened| opened.clone());
        opened.unwrap_or_else(|| Err(NotRun::Short("the engine ends".to_owned())))
    }

    /// The try to open it that is under way, or a new one. It goes on when who waits for it is called
    /// off: what was believed is corrected by it, once.
    fn trying(self: &Arc<Self>) -> watch::Receiver<Option<Opened>> {
        let mut opening = lock(&self.opening);
        if let Some(trying) = opening.as_ref().filter(|it| it.has_changed().is_ok()) {
            return trying.clone();
        }
        let (said, trying) = watch::channel(None);
        *opening = Some(trying.clone());
        let own = Arc::clone(self);
        self.spawn(async move {
            let opened = own.connect().await;
            // Before it is said: who asks after that asks anew.
            *lock(&own.opening) = None;
            // Nobody may wait for it any more.
            let _ = said.send(Some(opened));
        });
        trying
    }

    async fn connect(&self) -> Opened {
        if let Some(driver) = self.open() {
            return Ok(driver);
        }
        let unreached = |error: ConnectError| match error {
            error @ (ConnectError::NotRunning { .. } | ConnectError::Strange { .. }) => {
                NotRun::Short(error.to_string())
            }
            error => NotRun::Failed(error.to_string()),
        };
        let daemon = Daemon::connect(&self.around).await.map_err(unreached)?;
        let driver = ContainerDriver::open(self.layout.clone(), daemon, self.events.clone());
        let (lost, stops) = loop {
            let (cluster, told) = {
                let mut state = lock(&self.state);
                match state.believed.first_key_value() {
                    Some((cluster, told)) => (cluster.clone(), told.clone()),
                    None => {
                        // From here on nobody believes: who comes later asks the driver.
                        state.driver = Some(Arc::clone(&driver));
                        break (state.lost.take(), std::mem::take(&mut state.stops));
                    }
                }
            };
            self.correct(&driver, &cluster, &told).await;
            lock(&self.state).believed.remove(&cluster);
        };
        for ((cluster, instance), (generation, stop)) in stops {
            driver.stop(&cluster, &instance, generation, stop);
        }
        if lost.is_some() {
            self.say(Event::DaemonBack).await;
        }
        Ok(driver)
    }

    /// Whatever was believed to run, and does not by what its daemon says, has ended. What runs has
    /// been told.
    async fn correct(
        &self,
        driver: &ContainerDriver,
        cluster: &ClusterId,
        told: &[(InstanceId, Generation)],
    ) {
        let found = driver.adopt(cluster).await;
        for (instance, generation) in told {
            let same = |one: &&Found| one.instance == *instance && one.generation == *generation;
            let status = match found.iter().find(same).map(|one| one.outcome) {
                Some(Ok(_)) => continue,
                Some(Err(status)) => status,
                // Nothing was made of it, or somebody has removed it.
                None => ExitStatus::Unknown,
            };
            let ended = Happened::Exited {
                cluster: cluster.clone(),
                instance: instance.clone(),
                generation: *generation,
                status,
                left: 0,
            };
            self.say(Event::Happened(ended)).await;
        }
    }

    async fn say(&self, event: Event) {
        // An engine that ends listens no more.
        let _ = self.events.send(event).await;
    }

    /// Tries to reach the daemon until it is reached.
    fn knock(self: &Arc<Self>) {
        if std::mem::replace(&mut lock(&self.state).knocking, true) {
            return;
        }
        let own = Arc::clone(self);
        self.spawn(async move {
            while own.driver().await.is_err() {
                tokio::time::sleep(KNOCK).await;
            }
            lock(&own.state).knocking = false;
        });
    }

    /// Does something off the owner's loop, for as long as the engine runs.
    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let cancel = self.cancel.clone();
        self.tasks.spawn(async move {
            cancel.run_until_cancelled(work).await;
        });
    }

    /// Starts a container. What precedes it has opened the driver.
    pub(super) fn start(self: &Arc<Self>, launch: Launch) {
        if let Some(driver) = self.open() {
            return driver.start(launch);
        }
        let own = Arc::clone(self);
        let asked = driver_docker::now();
        self.spawn(async move {
            let shortage = match own.driver().await {
                Ok(driver) => return driver.start_asked(launch, asked),
                Err(why) => why.to_string(),
            };
            let delayed = Happened::StartDelayed {
                cluster: launch.cluster,
                instance: launch.instance,
                generation: launch.generation,
                shortage,
            };
            own.say(Event::Happened(delayed)).await;
        });
    }

    /// Says that a start came to nothing.
    pub(super) fn refuse(
        self: &Arc<Self>,
        (cluster, instance): Key,
        generation: Generation,
        error: String,
    ) {
        let failed = Happened::StartFailed {
            cluster,
            instance,
            generation,
            error,
            retry: true,
        };
        let own = Arc::clone(self);
        self.spawn(async move { own.say(Event::Happened(failed)).await });
    }

    /// Ends a container; one whose daemon has not been reached yet when it is.
    pub(super) fn stop(
        self: &Arc<Self>,
        cluster: &ClusterId,
        instance: &InstanceId,
        generation: Generation,
        stop: ContainerStop,
    ) {
        let why = {
            let mut state = lock(&self.state);
            if let Some(driver) = &state.driver {
                return driver.stop(cluster, instance, generation, stop);
            }
            let key = (cluster.clone(), instance.clone());
            state.stops.insert(key, (generation, stop));
            state.lost.clone().unwrap_or_default()
        };
        self.knock();
        let waits = Happened::StopGoesOn {
            cluster: cluster.clone(),
            instance: instance.clone(),
            generation,
            how: format!("waits for its container daemon: {why}"),
        };
        let own = Arc::clone(self);
        self.spawn(async move { own.say(Event::Happened(waits)).await });
    }

    /// Removes the container of an instance that has ended, and what is written of it; with `rest`
    /// whatever else lies in its run folder.
    pub(super) fn remove(
        self: &Arc<Self>,
        (cluster, instance): Key,
        rest: Option<Arc<ProcessDriver>>,
    ) {
        let own = Arc::clone(self);
        self.spawn(async move {
            let removed = match own.driver().await {
                Ok(driver) => driver.remove(&cluster, &instance).await,
                Err(why) => Err(Fault::Silent(why.to_string())),
            };
            match removed {
                Ok(()) => {
                    if let Some(rest) = rest {
                        rest.forget(&cluster, &instance);
                    }
                }
                // With the cluster's other containers it goes when that is taken down.
                Err(fault) => {
                    tracing::warn!(%cluster, %instance, %fault, "failed to remove a container");
                }
            }
        });
    }

    /// Waits until nothing of a cluster is being removed.
    pub(super) async fn cleared(&self, cluster: &ClusterId) {
        let mut clearing = self.clearing.subscribe();
        // The sender is ours.
        let _ = clearing.wait_for(|all| !all.contains(cluster)).await;
    }

    /// Something may have been made of this cluster, of which `wanted` says whether it has containers
    /// by its definition.
    pub(crate) fn has_some(&self, cluster: &ClusterId, wanted: bool) -> bool {
        (wanted && self.open().is_some())
            || !driver_docker::instances(&self.layout, cluster).is_empty()
    }

    /// What ran, or has ended, while nobody was here. While its daemon is away, what is written.
    pub(super) async fn adopt(self: &Arc<Self>, cluster: &ClusterId, wanted: bool) -> Vec<Found> {
        let written = driver_docker::written(&self.layout, cluster);
        if written.is_empty() && !wanted {
            return written;
        }
        let why = match tokio::time::timeout(COMING, self.driver()).await {
            Ok(Ok(driver)) => return driver.adopt(cluster).await,
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("it has not answered within {} s", COMING.as_secs()),
        };
        if written.is_empty() {
            // Nothing of it is known to run, and its starts say why they wait.
            return written;
        }
        let runs = written.iter().filter(|one| one.outcome.is_ok());
        let told = runs.map(|one| (one.instance.clone(), one.generation));
        let open = {
            let mut state = lock(&self.state);
            if state.driver.is_none() {
                state.believed.insert(cluster.clone(), told.collect());
                state.lost = Some(why.clone());
            }
            state.driver.clone()
        };
        if let Some(driver) = open {
            // Reached at the last moment.
            return driver.adopt(cluster).await;
        }
        self.say(Event::DaemonLost { why }).await;
        if self.open().is_some() {
            // That was said before this.
            self.say(Event::DaemonBack).await;
        }
        self.knock();
        written
    }

    /// Runs a program for a moment in the container of an instance.
    pub(crate) async fn exec(
        self: &Arc<Self>,
        cluster: &ClusterId,
        instance: &InstanceId,
        program: Exec,
        limit: Duration,
    ) -> ExecOutcome {
        match self.driver().await {
            Ok(driver) => driver.exec(cluster, instance, program, limit).await,
            Err(why) => ExecOutcome::Short(why.to_string()),
        }
    }

    /// Ends the driver's tasks. Containers run on.
    pub(crate) async fn close(&self) {
        if let Some(driver) = self.open() {
            driver.close().await;
        }
    }
}

pub(crate) mod clear;
#[cfg(test)]
mod tests;

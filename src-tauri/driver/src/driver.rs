//! The door: [`ProcessDriver`], and the tasks behind it.

use crate::layout::Layout;
use crate::ports::{PortError, PortGrant, PortWish, Ports};
use crate::shared::Shared;
use crate::shortage::Patience;
use crate::watch::{Ask, Facts, Life, Unit};
use crate::{
    Captured, Error, ExecLaunch, ExecOutcome, Found, Given, Happened, Launch, SecretText, Stop,
    cgroup, exec, intent, procfs, user,
};
use model::{ClusterId, Generation, InstanceId};
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// Asks that one instance may have waiting. The orchestrator has one start or stop in flight.
const ASKS: usize = 16;

/// How long adopting a cluster may take. A tree that does not even die by SIGKILL would hold up
/// everything else for ever; what is told of it then: `unanswered`.
pub(crate) const ADOPTING: Duration = Duration::from_secs(15);

type Key = (ClusterId, InstanceId);

#[derive(Debug)]
struct Handle {
    asks: mpsc::Sender<Ask>,
    facts: Arc<Mutex<Facts>>,
}

/// Makes and ends the processes of one home. Dropping it ends nothing: services and shims live on
/// and the next driver adopts them.
#[derive(Debug)]
pub struct ProcessDriver {
    shared: Arc<Shared>,
    ports: Ports,
    units: Mutex<HashMap<Key, Handle>>,
    tasks: Mutex<JoinSet<()>>,
    /// Whose turn it is to run a hook of an instance.
    hooks: Mutex<HashMap<Key, Arc<tokio::sync::Mutex<()>>>>,
}

impl ProcessDriver {
    /// A driver for a home; `shim` is the program `azora-shim`. What happens is sent to `events`.
    /// Called inside a tokio runtime.
    ///
    /// # Errors
    /// When the home, `/proc`, the shim or the file of ports cannot be used.
    pub fn open(
        layout: Layout,
        shim: PathBuf,
        events: mpsc::Sender<Happened>,
    ) -> Result<Arc<Self>, Error> {
        let ports = Ports::open(&layout)?;
        let shared = Arc::new(Shared::new(layout, shim, events)?);
        Ok(Arc::new(Self {
            shared,
            ports,
            units: Mutex::default(),
            tasks: Mutex::default(),
            hooks: Mutex::default(),
        }))
    }

    /// Makes a process. Returns at once; `Started` or `StartFailed` follows.
    pub fn start(&self, launch: Launch) {
        let (cluster, instance) = (launch.cluster.clone(), launch.instance.clone());
        let generation = launch.generation;
        let claim = |port: &u16| self.claim_port(*port, &cluster, &instance);
        let asked = launch.ports.iter().try_for_each(claim).and_then(|()| {
            self.ask(&cluster, &instance, Ask::Start(Box::new(launch)))
                .map_err(|_| "too much is asked of it at once".to_owned())
        });
        if let Err(error) = asked {
            let failed = Happened::StartFailed {
                cluster,
                instance,
                generation,
                error,
                retry: true,
            };
            let shared = self.shared.clone();
            self.spawn(async move { shared.say(failed).await });
        }
    }

    /// Ends an instance and its whole tree. Returns at once; `Exited` follows; `StopGoesOn` and
    /// `StopBlocked` may come before it.
    pub fn stop(
        &self,
        cluster: &ClusterId,
        instance: &InstanceId,
        generation: Generation,
        stop: Stop,
    ) {
        if let Err(ask) = self.ask(cluster, instance, Ask::Stop(generation, Box::new(stop))) {
            // A stop is never lost: it waits for its place.
            if let Some(asks) = lock(&self.units)
                .get(&(cluster.clone(), instance.clone()))
                .map(|unit| unit.asks.clone())
            {
                self.spawn(async move {
                    // The task is gone with the driver.
                    let _ = asks.send(ask).await;
                });
            }
        }
    }

    /// What ran, or has ended, while nobody was here. From now on it is watched like what was
    /// started here. One that is not looked at to the end after a while is told all the same: what
    /// lives as running and unanswered, of the rest what its record has.
    pub async fn adopt(&self, cluster: &ClusterId) -> Vec<Found> {
        self.adopt_within(cluster, ADOPTING).await
    }

    /// The same, with how long it may take.
    pub(crate) async fn adopt_within(&self, cluster: &ClusterId, limit: Duration) -> Vec<Found> {
        let mut patience = Patience::default();
        let folders = loop {
            let (layout, only) = (self.shared.layout.clone(), cluster.clone());
            match crate::watch::blocking(move || intent::folders(&layout, Some(&only))).await {
                Ok(folders) => break folders,
                Err(error) => patience.after("the run folders", &error).await,
            }
        };
        crate::hook::clear_all(&self.shared, &folders).await;
        let answers: Vec<_> = folders
            .into_iter()
            .filter_map(|(cluster, instance, folder)| {
                let (answer, found) = oneshot::channel();
                self.ask(&cluster, &instance, Ask::Find(answer))
                    .ok()
                    .map(|()| (instance, folder, found))
            })
            .collect();
        let mut found = Vec::with_capacity(answers.len());
        let until = tokio::time::Instant::now() + limit;
        for (instance, folder, mut answer) in answers {
            found.extend(match tokio::time::timeout_at(until, &mut answer).await {
                // A task that broke has found nothing; the next ask makes a new one.
                Ok(answer) => answer.ok().flatten(),
                // Its task goes on, and a start waits for that.
                Err(_) => {
                    let facts = self.facts(cluster, &instance);
                    self.tell_unanswered(cluster, instance, &folder, facts, answer)
                        .await
                }
            });
        }
        found.sort_by(|a, b| a.instance.cmp(&b.instance));
        found
    }

    /// An instance that ended will not be started again soon: its shim, which waits for that, goes
    /// now. Of one that runs, nothing changes.
    pub fn rest(&self, cluster: &ClusterId, instance: &InstanceId) {
        // Nobody would answer: from now on its ports refuse.
        let key = (cluster.clone(), instance.clone());
        self.shared.sockets.leave_others(&key, &[]);
        if lock(&self.units).contains_key(&key) {
            // One that is too busy is not at rest; its shim goes by itself after a minute.
            let _ = self.ask(cluster, instance, Ask::Rest);
        }
    }

    /// Drops the run folder of an instance that has ended. Of one that has not, nothing.
    pub fn forget(&self, cluster: &ClusterId, instance: &InstanceId) {
        let key = (cluster.clone(), instance.clone());
        self.shared.sockets.leave_others(&key, &[]);
        // One that is too busy to be forgotten has not ended.
        let _ = self.ask(cluster, instance, Ask::Forget);
    }

    /// One port for each wish; they stay reserved until released or until this process ends.
    /// A wish for a port that the same instance listens on already is granted.
    ///
    /// # Errors
    /// When no port is free; then none of the wishes is granted.
    pub fn grant_ports(&self, wishes: &[PortWish]) -> Result<Vec<PortGrant>, PortError> {
        self.grant_ports_or(wishes, |_, _| false)
    }

    /// The same, where an instance may have a port by another way: somebody else listens on it for it,
    /// which `own` knows.
    ///
    /// # Errors
    /// When no port is free; then none of the wishes is granted.
    pub fn grant_ports_or(
        &self,
        wishes: &[PortWish],
        own: impl Fn(&PortWish, u16) -> bool,
    ) -> Result<Vec<PortGrant>, PortError> {
        self.ports.grant(
            wishes,
            |cluster, instance| self.tree(cluster, instance),
            |wish, port| {
                let sockets = &self.shared.sockets;
                sockets.kept_for(&wish.cluster, &wish.instance.service, port) || own(wish, port)
            },
        )
    }

    /// Reserves a port that something of an instance is about to listen on, if it is not yet.
    ///
    /// # Errors
    /// Who has it.
    pub fn claim_port(
        &self,
        port: u16,
        cluster: &ClusterId,
        instance: &InstanceId,
    ) -> Result<(), String> {
        let taken = self.ports.claim(port, cluster, instance);
        taken.map_err(|holder| format!("port {port} is reserved for {holder}"))
    }

    /// Gives back what an instance has of these ports.
    pub fn release_ports(&self, cluster: &ClusterId, instance: &InstanceId, ports: &[u16]) {
        self.ports.release(cluster, instance, ports);
    }

    /// The processes of an instance's tree, without its shim. Empty when it does not run, or has
    /// not been adopted. Some are missing when there are too few descriptors to look: this is for
    /// showing and for asking them, and nobody takes a process for gone because of it.
    pub fn tree(&self, cluster: &ClusterId, instance: &InstanceId) -> Vec<u32> {
        let facts = match self.facts(cluster, instance) {
            Some(facts) => lock(&facts).clone(),
            None => return Vec::new(),
        };
        let mut pids: BTreeSet<u32> = facts.main.into_iter().collect();
        for group in &facts.groups {
            pids.extend(cgroup::processes(group).unwrap_or_default());
        }
        // With a group these are the few that have left it; without, the way to all the others.
        let mut open: Vec<u32> = facts.shim.into_iter().collect();
        while let Some(pid) = open.pop() {
            for child in procfs::children(pid) {
                if pids.insert(child) || Some(child) == facts.main {
                    open.push(child);
                }
            }
        }
        pids.into_iter().collect()
    }

    /// Each instance has a control group, by which its connections are known.
    pub fn has_groups(&self) -> bool {
        self.shared.groups.without_tree().is_none()
    }

    /// The instance whose control group has this number, which is what the kernel tells of a socket. `None` of
    /// all others, and on a machine without a group for each instance.
    ///
    /// # Errors
    /// When groups cannot be looked at for now, for want of descriptors.
    pub fn member(&self, group: u64) -> std::io::Result<Option<(ClusterId, InstanceId)>> {
        self.shared.groups.member(group)
    }

    /// What is known of an instance that was started here or adopted.
    pub(crate) fn looked_at(&self, cluster: &ClusterId, instance: &InstanceId) -> Option<Facts> {
        let facts = self.facts(cluster, instance)?;
        let facts = lock(&facts).clone();
        Some(facts)
    }

    /// What the newest start of an instance got. `None` when it was never started, is
    /// forgotten, or its intent was taken back.
    pub fn given(&self, cluster: &ClusterId, instance: &InstanceId) -> Option<Given> {
        let folder = self.shared.layout.run(cluster, instance);
        let story = intent::Story::read(&folder).ok()?;
        let intent = story.whole_intent()?;
        Some(Given {
            generation: Generation(intent.generation),
            env: intent.env.clone(),
            secrets: intent.secrets.clone(),
            origins: intent.origins.clone(),
        })
    }

    /// The shim that keeps an instance, while there is one.
    pub fn shim(&self, cluster: &ClusterId, instance: &InstanceId) -> Option<u32> {
        self.looked_at(cluster, instance)?.shim
    }

    /// The file that the command line of an instance's newest start begins with, where that is named by a path. Reads
    /// a file.
    pub fn named(&self, cluster: &ClusterId, instance: &InstanceId) -> Option<PathBuf> {
        let folder = self.shared.layout.run(cluster, instance);
        let story = intent::Story::read(&folder).ok()?;
        let intent = story.whole_intent()?;
        let program = intent.argv.first().filter(|first| first.contains('/'))?;
        Some(Path::new(&intent.cwd).join(program))
    }

    /// When the process of a start ended, in Unix milliseconds, as its shim recorded it. `None` when
    /// that is not on record, or not any more. Reads a file.
    pub fn ended_at(
        &self,
        cluster: &ClusterId,
        instance: &InstanceId,
        generation: Generation,
    ) -> Option<u64> {
        let folder = self.shared.layout.run(cluster, instance);
        intent::Story::read(&folder).ok()?.ended_at(generation)
    }

    /// What of a secret may be written down and shown: the same for the same secret of this home.
    ///
    /// # Errors
    /// When the home's key cannot be read or made.
    pub fn fingerprint(&self, secret: &SecretText) -> std::io::Result<String> {
        self.shared.key().map(|key| key.fingerprint(secret))
    }

    /// Runs a program for a moment, in a process group that does not outlive it.
    pub async fn exec(&self, launch: ExecLaunch, timeout: Duration) -> ExecOutcome {
        exec::run(launch, timeout, self.shared.nofile).await
    }

    /// Runs a program that is asked for a value, the same way, and answers what it wrote.
    ///
    /// # Errors
    /// What came of it instead.
    pub async fn capture(
        &self,
        launch: ExecLaunch,
        timeout: Duration,
    ) -> Result<Captured, ExecOutcome> {
        exec::capture(launch, timeout, self.shared.nofile).await
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Only one hook of an instance runs at a time.
    pub(crate) fn hook_turn(
        &self,
        cluster: &ClusterId,
        instance: &InstanceId,
    ) -> Arc<tokio::sync::Mutex<()>> {
        let mut hooks = lock(&self.hooks);
        // Those that nobody waits for are made again when they are needed.
        hooks.retain(|_, turn| Arc::strong_count(turn) > 1);
        let turn = hooks.entry((cluster.clone(), instance.clone()));
        Arc::clone(turn.or_default())
    }

    /// Ends every task of the driver. Services, shims and commands under way go on; nothing is
    /// heard of them any more, and the next driver adopts them.
    pub async fn close(&self) {
        let mut tasks = std::mem::take(&mut *lock(&self.tasks));
        tasks.shutdown().await;
        lock(&self.units).clear();
    }

    /// What this machine cannot promise, in words for people.
    pub fn limits(&self) -> Vec<String> {
        let mut limits = Vec::new();
        if let Some(why) = self.shared.groups.without_tree() {
            limits.push(format!(
                "no control group per service on this machine ({why}): a process that a service \
                 starts through another program, and that erases its environment, could survive a stop"
            ));
        }
        limits.extend(crate::limits::not_promised(&self.shared.groups));
        if self.shared.nofile.1 < 4096 {
            limits.push(format!(
                "at most {} open files: about {} services can be watched at once",
                self.shared.nofile.1,
                self.shared.nofile.1 / 4
            ));
        }
        limits.extend(self.ports.not_promised());
        limits.extend(crate::holes::why_not(&self.shared.layout));
        limits
    }

    /// Each limit of a service and what on this machine holds it; `user` is the one it names.
    pub fn held(&self, limits: &spec::Limits, user: Option<&str>) -> Vec<model::view::LimitView> {
        if *limits == spec::Limits::default() {
            return Vec::new();
        }
        let own_user = user.is_some_and(|user| !matches!(user::resolve(user), Ok(None)));
        let (groups, files) = (&self.shared.groups, self.shared.nofile);
        crate::limits::views(limits, groups, files, own_user)
    }

    /// Hands an ask to the instance's task, which is made if there is none. Gives it back when the
    /// task has too many.
    fn ask(&self, cluster: &ClusterId, instance: &InstanceId, ask: Ask) -> Result<(), Ask> {
        let mut units = lock(&self.units);
        let key = (cluster.clone(), instance.clone());
        // A task that broke too often is replaced; the new one looks at the disk first.
        if units.get(&key).is_some_and(|unit| unit.asks.is_closed()) {
            units.remove(&key);
        }
        let unit = units.entry(key).or_insert_with_key(|key| self.unit(key));
        unit.asks.try_send(ask).map_err(|error| match error {
            mpsc::error::TrySendError::Full(ask) | mpsc::error::TrySendError::Closed(ask) => ask,
        })
    }

    fn facts(&self, cluster: &ClusterId, instance: &InstanceId) -> Option<Arc<Mutex<Facts>>> {
        let units = lock(&self.units);
        let unit = units.get(&(cluster.clone(), instance.clone()))?;
        Some(Arc::clone(&unit.facts))
    }

    #[cfg(test)]
    pub(crate) fn break_task(&self, cluster: &ClusterId, instance: &InstanceId) {
        assert!(self.ask(cluster, instance, Ask::Break).is_ok());
    }

    fn unit(&self, (cluster, instance): &Key) -> Handle {
        let (asks, receiver) = mpsc::channel(ASKS);
        let facts = Arc::new(Mutex::new(Facts::default()));
        let unit = Unit {
            shared: self.shared.clone(),
            cluster: cluster.clone(),
            instance: instance.clone(),
            folder: self.shared.layout.run(cluster, instance),
            asks: receiver,
            facts: facts.clone(),
            shim: None,
            life: Life::Idle,
            led: None,
            left: 0,
            stopping: None,
            stop_command: JoinSet::new(),
            timer: None,
            missing: None,
            finders: Vec::new(),
            last: None,
            nonce: None,
            groups: Vec::new(),
            swept: false,
            shim_lost: false,
            log: None,
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
                tracing::error!(%error, "a task of the driver broke");
            }
        }
        tasks.spawn(task);
    }
}

impl Drop for ProcessDriver {
    fn drop(&mut self) {
        self.shared.groups.leave();
    }
}

/// A lock that a panic elsewhere does not take away: what it holds is replaced whole or not at all.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

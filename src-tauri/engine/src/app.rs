//! Building an engine from its configuration, and taking it down again.

use crate::clock::{Beat, Clock};
use crate::constitution::Constitution;
use crate::door::Door;
use crate::drivers::{Containers, Drivers, Relays};
use crate::emergency::Brake;
use crate::files::{self, Files};
use crate::handle::Handle;
use crate::journal::Journal;
use crate::mutes::Mutes;
use crate::owner::Message;
use crate::picture::Picture;
use crate::record::ClusterRecord;
use crate::reserve::reserve;
use crate::sealing::Sealing;
use crate::shared::Shared;
use crate::{Config, Error, StartError, incidents, keep, tasks};
use driver::lock::{HomeLock, LockError, LockInfo};
use driver::{Layout, ProcessDriver};
use model::view::EngineView;
use model::{EventKind, Outcome};
use registry::Registry;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;
use store::Store;
use telemetry::{Prober, Recorder};
use tokio::sync::{OnceCell, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Words of the driver that may wait for their owners.
const HAPPENED: usize = 8_192;
/// Events and incidents a snapshot begins with.
const REMEMBERED: u32 = 200;
/// How long an engine that does not answer may take to end on SIGTERM.
const HOLDER_GRACE: Duration = Duration::from_secs(3);
/// Looks at what a new holder says of itself: half a second in all.
const HOLDER_LOOKS: u32 = 25;
/// Between two looks.
const HOLDER_LOOK: Duration = Duration::from_millis(20);

/// A running engine. Dropping it ends its tasks without order; call [`Handle::shutdown`]. Its
/// services live on either way.
pub struct Engine {
    shared: Arc<Shared>,
}

/// What only the end of an engine needs.
pub(crate) struct Life {
    pub(crate) lock: Mutex<Option<HomeLock>>,
    pub(crate) writers: TaskTracker,
    pub(crate) stop_writers: CancellationToken,
    pub(crate) closing: OnceCell<()>,
    pub(crate) closed: CancellationToken,
}

impl Engine {
    /// Takes the home, adopts what runs in it, and is ready for hosts.
    ///
    /// # Errors
    /// Who has the home, or what failed; of a full disk what to do about it.
    pub async fn start(config: Config) -> Result<Engine, StartError> {
        let home = config.home.clone();
        let started = Engine::take_home(config).await;
        started.map_err(|error| error.explained(&home))
    }

    async fn take_home(config: Config) -> Result<Engine, StartError> {
        let layout = Layout::new(&config.home);
        let lock = take(&layout).await?;
        let store = Store::open(layout.home()).await.map_err(Error::from)?;
        let (happened, words) = mpsc::channel(HAPPENED);
        let shim = config.programs.join("azora-shim");
        let driver = ProcessDriver::open(layout.clone(), shim, happened).map_err(Error::from)?;
        let incidents = incidents::left_behind(&store, REMEMBERED).await?;
        let events = store
            .events()
            .recent(REMEMBERED)
            .await
            .map_err(Error::from)?;
        let last_event = store.events().last_seq().await.map_err(Error::from)?;
        let last_incident = store.incidents().last_id().await.map_err(Error::from)?;
        let last_act = store.acts().last_id().await.map_err(Error::from)?;
        let read = crate::settings::read(&layout);
        let (settings, unused_settings) = (read.settings, read.said);
        let mut limits = driver.limits();
        limits.extend(unused_settings.clone());
        let view = EngineView {
            pid: std::process::id(),
            version: config.version.clone(),
            home: layout.home().display().to_string(),
            api: None,
            registry: None,
            gateway: None,
            consul: None,
            limits,
        };
        let picture = Arc::new(Picture::new(view, incidents, events));
        let mutes = Mutes::open(&store, &picture).await?;
        // Where some could not be read, who is no receiver any more is not known.
        let all = read.all_webhooks;
        let webhooks =
            crate::webhooks::open(settings.webhooks, all, &config, &layout, &store).await?;
        let (journal, writer) = Journal::new(
            Arc::clone(&picture),
            store.clone(),
            Arc::clone(&webhooks),
            last_event,
            last_incident,
        );
        let (recorder, recording) = Recorder::new(store.clone(), Clock::wall);
        let constitution = Arc::new(Constitution::open(layout.home()));
        let door = Arc::new(Door::new(
            layout.home().to_owned(),
            store.clone(),
            Arc::clone(&journal),
            Arc::clone(&constitution),
            Arc::clone(&picture),
            last_act,
        ));
        let sealing = Sealing::new(&layout, &settings.checkpoints, &store, &journal, &picture);
        door.recall().await?;
        let registry_door = Arc::new(tasks::RegistryDoor(Arc::clone(&door)));
        let registry = Registry::open(
            store.clone(),
            registry_door,
            Clock::wall,
            settings.allow.clone(),
        )
        .await
        .map_err(Error::from)?;
        let (files, unwatched) = Files::new();
        let (tasks, cancel) = (TaskTracker::new(), CancellationToken::new());
        let relays = Relays::new(
            Arc::clone(&driver),
            layout.clone(),
            &config.programs,
            tasks.clone(),
            cancel.clone(),
        );
        let (containers, said) =
            Containers::new(layout.clone(), relays, tasks.clone(), cancel.clone());
        let shared = Arc::new(Shared {
            door,
            constitution,
            sealing,
            prober: Prober::new(Arc::clone(&driver)),
            clock: Clock::start(),
            beat: Beat::default(),
            began: Clock::wall(),
            owners: RwLock::default(),
            stops: Mutex::default(),
            brake: Brake::default(),
            leaving: tokio::sync::Mutex::default(),
            terminals: Default::default(),
            security: crate::security::Watch::new(settings.security),
            reveals: Default::default(),
            agents: crate::agents::Agents::open(&store).await?,
            look_now: tokio::sync::Notify::new(),
            tasks,
            cancel,
            config,
            layout,
            picture,
            journal,
            store,
            drivers: Drivers::new(Arc::clone(&driver), containers),
            driver,
            recorder,
            registry,
            gateway: Default::default(),
            consul: settings.consul,
            registry_port: settings.registry_port,
            webhooks,
            notifications: settings.notifications,
            mutes,
            account: driver::account(),
            files,
            life: Life {
                lock: Mutex::new(Some(lock)),
                writers: TaskTracker::new(),
                stop_writers: CancellationToken::new(),
                closing: OnceCell::new(),
                closed: CancellationToken::new(),
            },
        });
        let (ejections, ejected) = tokio::sync::mpsc::channel(64);
        let gated = gateway::Config {
            port: 0,
            threads: crate::gateway::threads(),
            allowed: settings.allow,
            wall: Clock::wall,
            callers: crate::callers::callers(&shared),
            ejected: Some(ejections),
        };
        let life = &shared.life;
        life.writers.spawn(writer.run(life.stop_writers.clone()));
        life.writers
            .spawn(recording.run(life.stop_writers.clone().cancelled_owned()));
        crate::gateway::start(&shared, settings.gateway, gated).await?;
        let engine = Engine { shared };
        tasks::spawn_all(&engine.shared, words, said).await?;
        let watching = files::run(Arc::clone(&engine.shared), unwatched);
        engine.shared.tasks.spawn(watching);
        let hearing = crate::gateway::hear(Arc::clone(&engine.shared), ejected);
        engine.shared.tasks.spawn(hearing);
        let notices = engine.shared.store.notices().iter().cloned();
        for text in notices.chain(unused_settings) {
            engine
                .shared
                .journal
                .event(None, EventKind::Notice { text });
        }
        crate::constitution::say_at_start(&engine.shared);
        engine.conclude_pending().await?;
        let adopted = engine.adopt_all().await;
        engine.shared.registry.settled();
        if let Some(gateway) = engine.shared.gateway.get() {
            gateway.settled();
        }
        let started = EventKind::EngineStarted {
            pid: std::process::id(),
            adopted,
        };
        engine.shared.journal.event(None, started);
        Ok(engine)
    }

    /// For hosts.
    pub fn handle(&self) -> Handle {
        Handle::of(Arc::clone(&self.shared))
    }

    /// Acts that the last engine began and did not see the end of: what came of them is not known,
    /// and that is what the book says.
    async fn conclude_pending(&self) -> Result<(), Error> {
        for mut act in self.shared.store.acts().pending().await? {
            let why = "the engine ended before this did; what came of it was not seen";
            act.outcome = Outcome::Failed(why.into());
            self.shared.journal.act(act);
        }
        Ok(())
    }

    /// Adopts every cluster the home remembers, all at once: one with a process that cannot be
    /// cleared up holds up no other. Answers how many instances were found running.
    async fn adopt_all(&self) -> u32 {
        let shared = &self.shared;
        let ended_meanwhile = shared.emergency_marked();
        let now = Clock::wall();
        let mut adopted = 0;
        let mut looking = tokio::task::JoinSet::new();
        let mut looked_at = HashMap::new();
        for path in shared.record_files() {
            let record = match ClusterRecord::load(&path) {
                Ok(record) => record,
                Err(error) => {
                    let text = format!("{}; the cluster is not shown", error.story());
                    shared.journal.event(None, EventKind::Notice { text });
                    continue;
                }
            };
            if let Some(gateway) = shared.gateway.get() {
                // All of them before one is up: which is called by a name must not depend on which is first.
                gateway.knows(&record.id, record.created);
            }
            let (shared, id) = (Arc::clone(shared), record.id.clone());
            let task = looking.spawn(async move {
                let (id, contained) = (record.id.clone(), record.has_containers());
                let of = Arc::clone(&shared);
                let look = of.drivers.adopt(&id, contained);
                keep::look_over(&shared, record, look).await
            });
            looked_at.insert(task.id(), id);
        }
        while let Some(done) = looking.join_next().await {
            let (mut owner, found) = match done {
                Ok(found) => found,
                Err(error) => {
                    tracing::error!(%error, "a cluster could not be looked at");
                    if let Some(cluster) = looked_at.get(&error.id()) {
                        shared.remove_owner(cluster);
                    }
                    continue;
                }
            };
            adopted += found.iter().filter(|one| one.outcome.is_ok()).count();
            // Those of a cluster that is down, or is about to be, are anybody's until it is wanted again.
            if !ended_meanwhile
                && (!owner.record().is_down() || !found.is_empty())
                && let Err(error) = reserve(shared, owner.record())
            {
                tracing::error!(cluster = %owner.id(), %error, "the cluster's ports are not reserved");
            }
            if ended_meanwhile {
                owner.adopt_ended(now);
            } else {
                owner.adopt(found);
            }
            keep::keep(shared, owner);
        }
        if ended_meanwhile {
            shared.clear_emergency_marker();
            shared
                .journal
                .event(None, crate::emergency::walked_elsewhere());
        }
        incidents::close_orphans(shared);
        u32::try_from(adopted).unwrap_or(u32::MAX)
    }
}

impl Handle {
    /// Notes where hosts can be reached, in the picture and in the lock file.
    pub fn announce_api(&self, url: String) -> Result<(), Error> {
        let shared = &self.shared;
        if let Some(port) = url.rsplit(':').next().and_then(|port| port.parse().ok()) {
            // Nobody may have our own door listed as a service.
            shared.registry.refuse_port(port);
        }
        shared
            .picture
            .set_engine(|view| view.api = Some(url.clone()));
        let failed = |source| Error::Home {
            path: shared.layout.engine_lock(),
            source,
        };
        let lock = shared
            .life
            .lock
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(lock) = lock.as_ref() {
            let mut info = LockInfo::of_this_process(&shared.config.version).map_err(failed)?;
            info.api = Some(url);
            info.registry = shared.picture.engine().registry;
            lock.write(&info).map_err(failed)?;
        }
        Ok(())
    }
}

/// Ends the engine that holds this home: asked to, and killed when it does not go. Its services go
/// on. For one that does not answer any more; a healthy one is asked through its API.
pub async fn end_holder(home: &Path) -> Result<(), Error> {
    let layout = Layout::new(home);
    let ended = tokio::task::spawn_blocking(move || match driver::lock::holder(&layout) {
        Some(holder) => driver::lock::end_holder(&holder, HOLDER_GRACE),
        None => Ok(()),
    });
    ended
        .await
        .map_err(|_| Error::Closing)?
        .map_err(Error::Lock)
}

/// Takes the home's lock, or says who has it.
async fn take(layout: &Layout) -> Result<HomeLock, StartError> {
    let mut held = match driver::lock::acquire(layout) {
        Ok(lock) => return Ok(lock),
        Err(LockError::Held(held)) => held,
        Err(error) => return Err(StartError::Failed(Error::Lock(error))),
    };
    for _ in 0..HOLDER_LOOKS {
        if held.as_ref().is_some_and(|holder| holder.api.is_some()) {
            break;
        }
        // It has just taken the home and not said yet who it is and where it listens.
        tokio::time::sleep(HOLDER_LOOK).await;
        held = driver::lock::holder(layout).or(held);
    }
    Err(match held {
        Some(holder) => StartError::Held {
            pid: holder.pid,
            api: holder.api,
        },
        None => StartError::Held { pid: 0, api: None },
    })
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.shared.cancel.cancel();
        self.shared.life.stop_writers.cancel();
    }
}

/// What a message to an owner is made of for one word of the driver.
pub(crate) fn to_message(happened: driver::Happened) -> (model::ClusterId, Message) {
    use driver::Happened as H;
    use orchestrator::Input;
    let (cluster, input) = match happened {
        H::Started {
            cluster,
            instance,
            generation,
            pid,
        } => (
            cluster,
            Input::Started {
                instance,
                generation,
                pid,
            },
        ),
        H::StartFailed {
            cluster,
            instance,
            generation,
            error,
            retry,
        } => (
            cluster,
            Input::StartFailed {
                instance,
                generation,
                error,
                retry,
            },
        ),
        H::StartDelayed {
            cluster,
            instance,
            generation,
            shortage,
        } => (
            cluster,
            Input::StartDelayed {
                instance,
                generation,
                shortage,
            },
        ),
        H::Exited {
            cluster,
            instance,
            generation,
            status,
            left,
        } => (
            cluster,
            Input::Exited {
                instance,
                generation,
                status,
                left,
            },
        ),
        H::StopGoesOn {
            cluster,
            instance,
            generation,
            how,
        } => (
            cluster,
            Input::StopGoesOn {
                instance,
                generation,
                how,
            },
        ),
        H::StopBlocked {
            cluster,
            instance,
            generation,
            blocker,
        } => (
            cluster,
            Input::StopBlocked {
                instance,
                generation,
                blocker,
            },
        ),
        H::Told {
            cluster,
            instance,
            generation,
            told,
        } => return (cluster, Message::Told(instance, generation, told)),
        H::ShimLost {
            cluster,
            instance,
            generation,
        } => (
            cluster,
            Input::ShimLost {
                instance,
                generation,
            },
        ),
    };
    (cluster, Message::Happened(input))
}

//! What the parts of one engine share.

use crate::app::Life;
use crate::clock::{Beat, Clock};
use crate::constitution::Constitution;
use crate::door::Door;
use crate::drivers::Drivers;
use crate::emergency::Brake;
use crate::files::Files;
use crate::journal::Journal;
use crate::mutes::Mutes;
use crate::owner::Message;
use crate::picture::Picture;
use crate::sealing::Sealing;
use crate::terminals::Terminals;
use crate::{Config, Error};
use driver::{Layout, ProcessDriver};
use model::{ClusterId, Timestamp};
use registry::Registry;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use store::Store;
use telemetry::{Prober, Recorder};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use webhook::Webhooks;

/// The name of a cluster's record in its folder.
pub(crate) const RECORD: &str = "cluster.json";

/// What the parts of one engine share.
pub(crate) struct Shared {
    /// What it was built from.
    pub(crate) config: Config,
    /// Where things are in the home.
    pub(crate) layout: Layout,
    /// The clocks.
    pub(crate) clock: Clock,
    /// Whether the engine stood still.
    pub(crate) beat: Beat,
    /// When it was built.
    pub(crate) began: Timestamp,
    /// What hosts see.
    pub(crate) picture: Arc<Picture>,
    /// What is remembered.
    pub(crate) journal: Arc<Journal>,
    /// The one door.
    pub(crate) door: Arc<Door>,
    /// The rules that it asks.
    pub(crate) constitution: Arc<Constitution>,
    /// The databases.
    pub(crate) store: Store,
    /// Signs what is written.
    pub(crate) sealing: Sealing,
    /// Processes; ports, secrets, and what runs beside an instance on this machine.
    pub(crate) driver: Arc<ProcessDriver>,
    /// Processes and containers.
    pub(crate) drivers: Drivers,
    /// Probes.
    pub(crate) prober: Prober,
    /// History.
    pub(crate) recorder: Recorder,
    /// The registry.
    pub(crate) registry: Registry,
    /// The gateway, where it runs.
    pub(crate) gateway: std::sync::OnceLock<gateway::Gateway>,
    /// The port on which Consul's clients are to be served.
    pub(crate) consul: Option<u16>,
    /// The registry's port, if the settings choose one.
    pub(crate) registry_port: Option<u16>,
    /// Who is told of what happens.
    pub(crate) webhooks: Arc<Webhooks>,
    /// What the desktop says.
    pub(crate) notifications: spec::Notifications,
    /// What it does not say for a while.
    pub(crate) mutes: Mutes,
    /// The owners by cluster.
    pub(crate) owners: RwLock<BTreeMap<ClusterId, mpsc::Sender<Message>>>,
    /// When each cluster was last stopped as a whole, while it can be resumed.
    pub(crate) stops: Mutex<BTreeMap<ClusterId, Timestamp>>,
    /// While an emergency stop is under way nothing is started.
    pub(crate) brake: Brake,
    /// One after the other leaves an emergency stop: who comes late must not end what the first began.
    pub(crate) leaving: tokio::sync::Mutex<()>,
    /// Whose the engine is, and so its services: the name of an account.
    pub(crate) account: String,
    /// Files that restart services.
    pub(crate) files: Files,
    /// Who is attached to the terminals of services.
    pub(crate) terminals: Terminals,
    /// Who may see secrets.
    pub(crate) reveals: crate::reveal::Reveals,
    /// Programs that act for a person.
    pub(crate) agents: crate::agents::Agents,
    /// The security monitor.
    pub(crate) security: crate::security::Watch,
    /// Asks for a look at who is connected to whom.
    pub(crate) look_now: tokio::sync::Notify,
    /// Every task of the engine.
    pub(crate) tasks: TaskTracker,
    /// Ends them.
    pub(crate) cancel: CancellationToken,
    /// What only the end needs.
    pub(crate) life: Life,
}

impl Shared {
    /// The inbox of a cluster's owner.
    pub(crate) fn owner(&self, cluster: &ClusterId) -> Result<mpsc::Sender<Message>, Error> {
        let owners = self.owners.read().unwrap_or_else(PoisonError::into_inner);
        owners
            .get(cluster)
            .cloned()
            .ok_or_else(|| Error::NoCluster(cluster.clone()))
    }

    /// The inboxes of all owners.
    pub(crate) fn all_owners(&self) -> Vec<(ClusterId, mpsc::Sender<Message>)> {
        let owners = self.owners.read().unwrap_or_else(PoisonError::into_inner);
        owners
            .iter()
            .map(|(id, owner)| (id.clone(), owner.clone()))
            .collect()
    }

    /// Notes when a cluster was stopped as a whole; `None` when there is nothing to resume.
    pub(crate) fn note_stop(&self, cluster: &ClusterId, at: Option<Timestamp>) {
        let mut stops = self.stops.lock().unwrap_or_else(PoisonError::into_inner);
        match at {
            Some(at) => stops.insert(cluster.clone(), at),
            None => stops.remove(cluster),
        };
    }

    /// The clusters that the last stop took down.
    pub(crate) fn last_stopped(&self) -> Vec<ClusterId> {
        let stops = self.stops.lock().unwrap_or_else(PoisonError::into_inner);
        let last = stops.values().max();
        stops
            .iter()
            .filter(|(_, at)| Some(*at) == last)
            .map(|(id, _)| id.clone())
            .collect()
    }

    /// Adds an owner; false when the cluster has one.
    pub(crate) fn add_owner(&self, cluster: ClusterId, owner: mpsc::Sender<Message>) -> bool {
        let mut owners = self.owners.write().unwrap_or_else(PoisonError::into_inner);
        match owners.entry(cluster) {
            Entry::Vacant(place) => {
                place.insert(owner);
                true
            }
            Entry::Occupied(_) => false,
        }
    }

    /// Adds an owner in the place of the one there was, if any.
    pub(crate) fn replace_owner(&self, cluster: ClusterId, owner: mpsc::Sender<Message>) {
        self.owners
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(cluster, owner);
    }

    /// Takes one away; its loop ends when its inbox is closed.
    pub(crate) fn remove_owner(&self, cluster: &ClusterId) {
        self.registry.unclaim(cluster);
        self.constitution.forgets(cluster);
        self.owners
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(cluster);
    }

    /// Where things are that services are told of.
    pub(crate) fn places(&self) -> crate::launch::Places<'_> {
        crate::launch::Places {
            programs: &self.config.programs,
            layout: &self.layout,
        }
    }

    /// Where a cluster is remembered.
    pub(crate) fn record_file(&self, cluster: &ClusterId) -> PathBuf {
        self.layout.cluster(cluster).join(RECORD)
    }

    /// Every cluster's record.
    pub(crate) fn record_files(&self) -> Vec<PathBuf> {
        let Ok(folders) = std::fs::read_dir(self.layout.clusters()) else {
            return vec![];
        };
        let mut files: Vec<PathBuf> = folders
            .flatten()
            .map(|folder| folder.path().join(RECORD))
            .filter(|file| file.exists())
            .collect();
        files.sort();
        files
    }

    /// Notes that the emergency stop is known here. A marker that cannot be removed stops the next
    /// start, which is the side to err on.
    pub(crate) fn clear_emergency_marker(&self) {
        if let Err(error) = driver::emergency::clear(&self.layout) {
            tracing::error!(%error, "failed to remove the emergency marker");
        }
    }

    /// An emergency stop, of this engine's or another process's, has come after this moment. One that
    /// lies ahead is of a clock that was set back since, and says nothing.
    pub(crate) fn stopped_since(&self, asked: Timestamp) -> bool {
        /// A disk may tell the time of a stop as late.
        const LATE: i64 = 1_000;
        let stop = driver::emergency::stopped_at(&self.layout);
        stop.is_some_and(|stop| asked < stop && stop.0 <= Clock::wall().0 + LATE)
    }

    /// True when the emergency path has been walked by another process and not been noted yet.
    pub(crate) fn emergency_marked(&self) -> bool {
        driver::emergency::in_force(&self.layout)
    }
}

//! What the parts of one engine share.

use crate::app::Life;
use crate::clock::Clock;
use crate::door::Door;
use crate::journal::Journal;
use crate::owner::Message;
use crate::picture::Picture;
use crate::{Config, Error};
use driver::{Layout, ProcessDriver};
use model::ClusterId;
use registry::Registry;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, PoisonError, RwLock};
use store::Store;
use telemetry::{Prober, Recorder};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The name of a cluster's record in its folder.
const RECORD: &str = "cluster.json";

/// What the parts of one engine share.
pub struct Shared {
    /// What it was built from.
    pub config: Config,
    /// Where things are in the home.
    pub layout: Layout,
    /// The clocks.
    pub clock: Clock,
    /// What hosts see.
    pub picture: Arc<Picture>,
    /// What is remembered.
    pub journal: Arc<Journal>,
    /// The one door.
    pub door: Arc<Door>,
    /// The databases.
    pub store: Store,
    /// Processes.
    pub driver: Arc<ProcessDriver>,
    /// Probes.
    pub prober: Prober,
    /// History.
    pub recorder: Recorder,
    /// The registry.
    pub registry: Registry,
    /// The owners by cluster.
    pub owners: RwLock<BTreeMap<ClusterId, Owned>>,
    /// While an emergency stop is under way nothing is started.
    pub emergency: AtomicBool,
    /// Every task of the engine.
    pub tasks: TaskTracker,
    /// Ends them.
    pub cancel: CancellationToken,
    /// What only the end needs.
    pub life: Life,
}

/// How to reach a cluster's owner.
#[derive(Clone)]
pub struct Owned {
    /// Its inbox.
    pub inbox: mpsc::Sender<Message>,
    /// Its folder.
    pub folder: PathBuf,
}

impl Shared {
    /// The owner of a cluster.
    pub fn owner(&self, cluster: &ClusterId) -> Result<Owned, Error> {
        let owners = self.owners.read().unwrap_or_else(PoisonError::into_inner);
        owners
            .get(cluster)
            .cloned()
            .ok_or_else(|| Error::NoCluster(cluster.clone()))
    }

    /// All owners.
    pub fn all_owners(&self) -> Vec<(ClusterId, Owned)> {
        let owners = self.owners.read().unwrap_or_else(PoisonError::into_inner);
        owners
            .iter()
            .map(|(id, owned)| (id.clone(), owned.clone()))
            .collect()
    }

    /// Adds an owner; false when the cluster has one.
    pub fn add_owner(&self, cluster: ClusterId, owned: Owned) -> bool {
        let mut owners = self.owners.write().unwrap_or_else(PoisonError::into_inner);
        match owners.entry(cluster) {
            Entry::Vacant(place) => {
                place.insert(owned);
                true
            }
            Entry::Occupied(_) => false,
        }
    }

    /// Takes one away; its loop ends when its inbox is closed.
    pub fn remove_owner(&self, cluster: &ClusterId) {
        self.owners
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(cluster);
    }

    /// Where a cluster is remembered.
    pub fn record_file(&self, cluster: &ClusterId) -> PathBuf {
        self.layout.cluster(cluster).join(RECORD)
    }

    /// Every cluster's record.
    pub fn record_files(&self) -> Vec<PathBuf> {
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
    pub fn clear_emergency_marker(&self) {
        match std::fs::remove_file(self.layout.emergency()) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => tracing::error!(%error, "failed to remove the emergency marker"),
        }
    }

    /// True when the emergency path has been walked by another process and not been noted yet.
    pub fn emergency_marked(&self) -> bool {
        self.layout.emergency().exists()
    }
}

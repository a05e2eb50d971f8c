//! Which services exist and where: the instances of our clusters, and what registered itself.
//!
//! Own entries come from the engine and are in memory only: they are listed while their instance
//! serves, and a reader never finds one after [`Registry::remove_own`] has returned. All others
//! come from ordinary programs over HTTP ([`serve`]); they are kept in the store, last as
//! long as their heartbeats or checks allow, and get their whole time again when the engine was away.
//!
//! Reading never touches the disk. What is acknowledged is on disk, and what is listed was
//! acknowledged or is about to be. Nothing that is registered is ever executed.

#![cfg_attr(
    test,
    expect(clippy::unwrap_used, reason = "a test fails by panicking")
)]

mod beats;
mod check;
pub mod consul;
mod dice;
mod door;
mod entries;
mod error;
mod follow;
mod full;
mod guard;
mod http;
mod index;
mod keeper;
mod kv;
mod listed;
mod log;
mod millis;
pub mod peer;
mod prober;
mod reading;
mod registration;
mod serve;
mod stall;
pub mod target;
mod told;

pub use beats::Beat;
pub use check::{Check, CheckState, Look, Probe, Target};
pub use door::Door;
pub use entries::{Key, Own, Withheld};
pub use error::Error;
pub use index::Watched;
pub use listed::{Listed, Query};
pub use prober::probe;
pub use registration::{DEFAULT_TTL, Keep, LONGEST_TTL, Registration, SHORTEST_TTL, Weights};
pub use serve::{bind, serve, serve_router};

use door::Begun;
use entries::{Changed, Entries};
use index::{BLOCK, Waiting};
use ipnet::IpNet;
use keeper::{Keeper, Wish};
use model::view::{Health, RegistryView};
use model::{ClusterId, InstanceId, ServiceName, Timestamp, Verb};
use registration::Stays;
use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use store::Store;
use tokio::sync::{Notify, broadcast, watch};
use tokio::time::Instant;

/// Changes a slow reader may be behind before it has to read [`Registry::entries`] again.
const CHANGES: usize = 1_024;

/// What changed in the registry, of each entry what has become of it: none is in both lists, or twice. That a
/// lease was renewed is no change.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RegistryChange {
    /// New or changed entries.
    pub upserts: Vec<Arc<Listed>>,
    /// Gone ones, as name and id.
    pub removed: Vec<(String, String)>,
}

/// A check that is to be probed.
#[derive(Debug, Clone, PartialEq)]
pub struct Probed {
    /// Of which entry.
    pub key: Key,
    /// The check's id.
    pub check: String,
    /// How.
    pub probe: Probe,
}

/// The registry of one home. Clones share it; when the last one goes, its task ends.
#[derive(Clone)]
pub struct Registry {
    shared: Arc<Shared>,
    keeper: Arc<Keeper>,
    door: Arc<dyn Door>,
}

/// What readers read.
pub(crate) struct Shared {
    entries: RwLock<Entries>,
    changes: broadcast::Sender<RegistryChange>,
    waiting: Waiting,
    /// Counts changes of what is to be probed.
    probes: watch::Sender<u64>,
    /// The number that no change may pass before it is reserved on disk, and who is told that it is near.
    ceiling: AtomicU64,
    reserve: Notify,
    wall: fn() -> Timestamp,
    allowed: Vec<IpNet>,
    beats: beats::Beats,
    whole: told::Whole,
    /// What gave way to instances of ours and is on disk, and that there is some.
    gave_way: Mutex<Vec<Key>>,
    gives_way: Notify,
    /// That checks say something else than is on disk.
    says: Notify,
    /// All that runs is listed.
    settled: AtomicBool,
    /// Requests that were refused before they were read.
    refused: Arc<AtomicU64>,
}

impl Shared {
    fn read(&self) -> RwLockReadGuard<'_, Entries> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Entries> {
        self.entries.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn gave_way(&self) -> MutexGuard<'_, Vec<Key>> {
        self.gave_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the entries and tells of it before anybody else can change them again, so that
    /// changes are told in the order in which they were made.
    pub(crate) fn change<T>(&self, f: impl FnOnce(&mut Entries) -> (T, Changed)) -> T {
        let mut entries = self.write();
        let (value, changed) = f(&mut entries);
        if changed.is_nothing() {
            return value;
        }
        if entries.index + BLOCK / 2 > self.ceiling.load(Ordering::Relaxed) {
            self.reserve.notify_one();
        }
        if !changed.told.is_empty() {
            // Nobody listening is no fault.
            let _ = self.changes.send(changed.told.whole());
        }
        if changed.says {
            self.says.notify_one();
        }
        if changed.probes {
            self.probes.send_modify(|count| *count += 1);
        }
        drop(entries);
        let of = changed.of.iter().map(|key| key.name.as_str());
        self.waiting.wake(changed.names, of);
        value
    }
}

impl Registry {
    /// Reads what registered itself with the engines before and begins to keep time. `wall` is the
    /// engine's clock; privileged acts ask `door`; entries may point to this machine and into the
    /// `allowed` networks. Has to be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`Error::Store`] when they cannot be read.
    pub async fn open(
        store: Store,
        door: Arc<dyn Door>,
        wall: fn() -> Timestamp,
        allowed: Vec<IpNet>,
    ) -> Result<Self, Error> {
        let rows = store.registry().all().await?;
        let (begin, ceiling) = keeper::reserve(&store, wall()).await?;
        let mut entries = Entries::new(begin);
        let now = Instant::now();
        for row in rows {
            match Registration::from_row(&row, &allowed) {
                Ok((registration, says)) => {
                    let told = &mut Changed::default();
                    entries.put_registered(registration, row.since, wall(), now, told);
                    entries.said_before(&Key::new(&row.name, &row.id), &says, now);
                }
                Err(error) => {
                    tracing::warn!(name = row.name, %error, "an entry is not taken up again");
                }
            }
        }
        let (changes, _) = broadcast::channel(CHANGES);
        let shared = Arc::new(Shared {
            entries: RwLock::new(entries),
            changes,
            waiting: Waiting::default(),
            probes: watch::Sender::new(0),
            ceiling: AtomicU64::new(ceiling),
            reserve: Notify::new(),
            wall,
            allowed,
            beats: beats::Beats::default(),
            whole: told::Whole::default(),
            gave_way: Mutex::default(),
            gives_way: Notify::new(),
            says: Notify::new(),
            settled: AtomicBool::new(false),
            refused: Arc::default(),
        });
        let keeper = Arc::new(Keeper::start(store, shared.clone()));
        Ok(Self {
            shared,
            keeper,
            door,
        })
    }

    /// How many requests were refused since the engine began, because of who asked or how.
    pub fn refused(&self) -> u64 {
        self.shared.refused.load(Ordering::Relaxed)
    }

    /// Our own control ports: no entry may point to them. One that does, of an engine whose ports
    /// were others, is off the list; it stays on disk for the next one's.
    pub fn refuse_port(&self, port: u16) {
        self.shared.change(|entries| {
            entries.refused_ports.insert(port);
            let ours = entries.at_port(port);
            entries.remove_registered(&ours)
        });
    }

    // === the engine's own ===

    /// Lists an instance of a cluster, or changes what is said of it. Readers see it at once. Gives what
    /// had registered itself under its name elsewhere, and is off the list.
    pub fn upsert_own(&self, own: &Own) -> Vec<RegistryView> {
        let now = (self.shared.wall)();
        // First, so that whoever follows is told that it is gone before its key is another's.
        let gone = self.shared.change(|entries| entries.give_way(own));
        self.shared
            .change(|entries| ((), entries.put_own(own, now)));
        if !gone.is_empty() {
            let mut gave_way = self.shared.gave_way();
            gave_way.extend(gone.iter().map(|view| Key::new(&view.name, &view.id)));
            drop(gave_way);
            self.shared.gives_way.notify_one();
        }
        gone
    }

    /// The engine has listed what it found running. Until then a service that is not here may be about to
    /// come, and no check says anything about that.
    pub fn settled(&self) {
        self.shared.settled.store(true, Ordering::Release);
        // Those that waited for it look again.
        self.shared.probes.send_modify(|count| *count += 1);
    }

    /// The names of a cluster's services, in place of those that were said before: no program takes one
    /// of them, nor an id like one of its instances', whether the cluster runs or not.
    pub fn claim(&self, cluster: &ClusterId, names: impl IntoIterator<Item = ServiceName>) {
        let names = names.into_iter().map(|name| name.to_string()).collect();
        self.shared.write().claim(cluster, names);
    }

    /// The cluster is forgotten, and its names are anybody's.
    pub fn unclaim(&self, cluster: &ClusterId) {
        self.shared.write().unclaim(cluster);
    }

    /// An instance that is not listed is on its way to serve at this port. It may register itself there
    /// until it is listed or removed.
    pub fn expect_own(
        &self,
        cluster: &ClusterId,
        instance: &InstanceId,
        name: &ServiceName,
        port: u16,
    ) {
        let mut entries = self.shared.write();
        entries.expect_own(cluster, instance, name, port);
    }

    /// Takes an instance from the list. No reader finds it after this has returned.
    pub fn remove_own(&self, cluster: &ClusterId, instance: &InstanceId) {
        self.shared
            .change(|entries| ((), entries.remove_own(cluster, instance)));
    }

    /// Takes an instance from the list because its circuit is open: who looks its name up is told so,
    /// and nobody else may take the name meanwhile.
    pub fn withhold_own(
        &self,
        cluster: &ClusterId,
        instance: &InstanceId,
        name: &ServiceName,
        why: &str,
    ) {
        let now = (self.shared.wall)();
        self.shared
            .change(|entries| ((), entries.withhold_own(cluster, instance, name, why, now)));
    }

    // === registering ===

    /// Adds or renews an entry; true when it is new. When this returns it is on disk.
    /// Registering again what is listed already renews it and is no act. Registering what the
    /// engine lists already gives the engine's entry.
    ///
    /// # Errors
    /// Everything [`Error`] lists but [`Error::Missing`], [`Error::Over`] and [`Error::NoCheck`].
    pub async fn register(&self, registration: Registration) -> Result<(Arc<Listed>, bool), Error> {
        self.register_beside(registration, Stays::Nothing).await
    }

    /// The same, beside checks that stay of the entry in its place: those that are there when it is
    /// written.
    pub(crate) async fn register_beside(
        &self,
        registration: Registration,
        stays: Stays,
    ) -> Result<(Arc<Listed>, bool), Error> {
        let allowed = &self.shared.allowed;
        registration.check(&self.shared.read().refused_ports, allowed)?;
        let wall = (self.shared.wall)();
        let known = {
            let mut entries = self.shared.write();
            let mut whole = Cow::Borrowed(&registration);
            if stays != Stays::Nothing
                && let Some(entry) = entries.at(&registration.name, &registration.id)
            {
                whole.to_mut().keep_checks(&entry.listed, stays);
            }
            entries.known(&whole, allowed, wall, Instant::now())?
        };
        if let Some(listed) = known {
            self.shared.beats.beat(&registration.url);
            return Ok((listed, false));
        }
        let what = match registration.url.as_str() {
            "" => registration.name.clone(),
            url => format!("{} at {url}", registration.name),
        };
        let act = self.admit(Verb::Register, &what)?;
        let put = self
            .keeper
            .put(act, Wish::Whole(Box::new(registration), stays))
            .await;
        if let Ok((listed, _)) = &put {
            self.shared.beats.beat(&listed.view.url);
        }
        put
    }

    /// Changes what an entry said when it registered. When this returns it is on disk. Two that change
    /// the same do it one after the other.
    ///
    /// # Errors
    /// [`Error::Missing`] when there is none, [`Error::Kept`] when it is the engine's, and all that
    /// [`Registry::register`] gives.
    pub async fn amend(
        &self,
        key: &Key,
        what: &str,
        change: impl FnOnce(&mut Registration) + Send + 'static,
    ) -> Result<Arc<Listed>, Error> {
        self.shared.read().removable(&key.name, Some(&key.id))?;
        let act = self.admit(Verb::Register, &format!("{key}: {what}"))?;
        let wish = Wish::Amended(key.clone(), Box::new(change));
        Ok(self.keeper.put(act, wish).await?.0)
    }

    /// Removes an entry that registered itself, or with no id all of a name; gives how many there
    /// were.
    ///
    /// # Errors
    /// [`Error::Missing`] when there is none, [`Error::Kept`] when it is the engine's,
    /// [`Error::Refused`] when the door says no, [`Error::Store`] when it cannot be written.
    pub async fn deregister(&self, name: &str, id: Option<&str>) -> Result<usize, Error> {
        let keys = self.shared.read().removable(name, id)?;
        let what = match id {
            Some(id) => format!("{name}/{id}"),
            None => name.to_owned(),
        };
        let act = self.admit(Verb::Deregister, &what)?;
        self.keeper.remove(act, keys).await
    }

    pub(crate) fn admit(&self, verb: Verb, what: &str) -> Result<Begun, Error> {
        Begun::admitted(&self.door, verb, what).map_err(Error::Refused)
    }

    /// Gives a leased entry its whole time again. What is kept otherwise needs none and takes it.
    ///
    /// # Errors
    /// [`Error::Over`] when there is no such entry, or not any more; [`Error::GaveWay`] when it was taken
    /// from the list because an instance of a cluster has its name.
    pub fn heartbeat(&self, name: &str, id: &str) -> Result<Arc<Listed>, Error> {
        let key = Key::new(name, id);
        let wall = (self.shared.wall)();
        let renewed = self.shared.write().renew(&key, wall, Instant::now());
        if let Some(listed) = &renewed {
            self.shared.beats.beat(&listed.view.url);
        }
        renewed.ok_or_else(|| self.shared.read().over(&key))
    }

    /// A check says this now. It is no act. What it says is written down within a second or so, with all
    /// that others say, and the next engine begins with it.
    ///
    /// # Errors
    /// [`Error::NoCheck`] when there is no such check.
    pub fn set_check(
        &self,
        key: &Key,
        check: &str,
        status: Health,
        output: &str,
    ) -> Result<(), Error> {
        let wall = (self.shared.wall)();
        self.shared.change(|entries| {
            let now = Instant::now();
            match entries.set_check(key, check, (status, output), wall, now) {
                Ok(changed) => (Ok(()), changed),
                Err(error) => (Err(error), Changed::default()),
            }
        })
    }

    /// All checks that are to be probed.
    pub fn probed(&self) -> Vec<Probed> {
        self.shared.read().probed()
    }

    /// Counts the changes of [`Registry::probed`].
    pub fn probes_changed(&self) -> watch::Receiver<u64> {
        self.shared.probes.subscribe()
    }
}

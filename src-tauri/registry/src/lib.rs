//! Which services exist and where: the instances of our clusters, and what registered itself.
//!
//! Own entries come from the engine and are in memory only: they are listed while their instance
//! serves, and a reader never finds one after [`Registry::remove_own`] has returned. Leased
//! entries come from ordinary programs over HTTP ([`serve`]); they are kept in the store, last as
//! long as their heartbeats, and get their whole time again when the engine was away.
//!
//! Reading never touches the disk. Nothing here asks whether an address answers, and nothing that
//! is registered is ever executed.

#![cfg_attr(
    test,
    expect(clippy::unwrap_used, reason = "a test fails by panicking")
)]

mod beats;
mod door;
mod entries;
mod error;
mod guard;
mod http;
mod keeper;
mod peer;
mod registration;
mod serve;
pub mod target;

pub use beats::Beat;
pub use door::{BoxFuture, Door};
pub use error::Error;
pub use registration::{DEFAULT_TTL, LONGEST_TTL, Registration, SHORTEST_TTL};
pub use serve::{bind, serve};

use door::Act;
use entries::{Entries, Key};
use ipnet::IpNet;
use keeper::Keeper;
use model::view::RegistryView;
use model::{ClusterId, InstanceId, ServiceName, Timestamp, Verb};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use store::Store;
use tokio::sync::{broadcast, watch};

/// Changes a slow reader may be behind before it has to read [`Registry::entries`] again.
const CHANGES: usize = 1_024;

/// What changed in the registry.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RegistryChange {
    /// New or changed entries.
    pub upserts: Vec<RegistryView>,
    /// Gone ones, as name and id.
    pub removed: Vec<(String, String)>,
}

/// An entry with all that HTTP tells of it.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Listed {
    /// The entry.
    #[serde(flatten)]
    pub view: RegistryView,
    /// What a leased one said about itself.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub meta: BTreeMap<String, String>,
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
    wall: fn() -> Timestamp,
    allowed: Vec<IpNet>,
    beats: beats::Beats,
}

impl Shared {
    fn read(&self) -> RwLockReadGuard<'_, Entries> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Entries> {
        self.entries.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the entries and tells of it before anybody else can change them again, so that
    /// changes are told in the order in which they were made.
    pub(crate) fn change<T>(&self, f: impl FnOnce(&mut Entries) -> (T, RegistryChange)) -> T {
        let mut entries = self.write();
        let (value, change) = f(&mut entries);
        if change != RegistryChange::default() {
            // Nobody listening is no fault.
            let _ = self.changes.send(change);
        }
        value
    }
}

impl Registry {
    /// Reads the leases that outlived the last engine and begins to keep time. `wall` is the
    /// engine's clock; privileged acts ask `door`; entries may point to this machine and into the
    /// `allowed` networks. Has to be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`Error::Store`] when the leases cannot be read.
    pub async fn open(
        store: Store,
        door: Arc<dyn Door>,
        wall: fn() -> Timestamp,
        allowed: Vec<IpNet>,
    ) -> Result<Self, Error> {
        let leases = store.registry().all().await?;
        let mut entries = Entries::default();
        let now = tokio::time::Instant::now();
        for lease in leases {
            match Registration::from_lease(&lease, &allowed) {
                Ok(registration) => {
                    entries.put_leased(registration, lease.since, wall(), now);
                }
                Err(error) => {
                    tracing::warn!(name = lease.name, %error, "a lease is not taken up again");
                }
            }
        }
        let (changes, _) = broadcast::channel(CHANGES);
        let shared = Arc::new(Shared {
            entries: RwLock::new(entries),
            changes,
            wall,
            allowed,
            beats: beats::Beats::default(),
        });
        let keeper = Arc::new(Keeper::start(store, shared.clone()));
        Ok(Self {
            shared,
            keeper,
            door,
        })
    }

    /// Lists an instance of a cluster, or changes where it is. Readers see it at once.
    pub fn upsert_own(
        &self,
        cluster: &ClusterId,
        instance: &InstanceId,
        name: &ServiceName,
        url: &str,
    ) {
        let now = (self.shared.wall)();
        self.shared
            .change(|entries| ((), entries.put_own(cluster, instance, name, url, now)));
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
        self.shared
            .change(|entries| ((), entries.withhold_own(cluster, instance, name, why)));
    }

    /// Where to send what is meant for this name: what the gateway and other readers ask.
    ///
    /// # Errors
    /// [`Error::Withheld`] while all of it has an open circuit, [`Error::Missing`] when there is none.
    pub fn lookup(&self, name: &str) -> Result<Vec<Listed>, Error> {
        let entries = self.shared.read();
        let listed: Vec<Listed> = entries.named(name).map(entries::Entry::listed).collect();
        if !listed.is_empty() {
            return Ok(listed);
        }
        let what = name.to_owned();
        Err(match entries.withheld(name) {
            Some((_, why)) => Error::Withheld {
                name: what,
                why: why.to_owned(),
            },
            None => Error::Missing { what },
        })
    }

    /// Our own control ports: no entry may point to them.
    pub fn refuse_port(&self, port: u16) {
        self.shared.write().refused_ports.insert(port);
    }

    /// Every entry, by name and id.
    pub fn entries(&self) -> Vec<RegistryView> {
        self.shared
            .read()
            .iter()
            .map(|entry| entry.view.clone())
            .collect()
    }

    /// Every entry with what it said about itself; of one name if one is given.
    pub fn list(&self, name: Option<&str>) -> Vec<Listed> {
        let entries = self.shared.read();
        match name {
            Some(name) => entries.named(name).map(entries::Entry::listed).collect(),
            None => entries.iter().map(entries::Entry::listed).collect(),
        }
    }

    /// Everything that changes from now on. A reader that falls behind is told so by the channel
    /// and reads [`Registry::entries`] again.
    pub fn changes(&self) -> broadcast::Receiver<RegistryChange> {
        self.shared.changes.subscribe()
    }

    /// Hears when whatever listens on this port of the machine registers itself or renews, under
    /// whatever name.
    pub fn beats(&self, port: u16) -> watch::Receiver<Beat> {
        self.shared.beats.hear(port)
    }

    /// What listens on this port from now on is another process, which has renewed nothing yet.
    pub fn forget_beats(&self, port: u16) {
        self.shared.beats.forget(port);
    }

    /// Adds or renews a leased entry; true when it is new. When this returns it is on disk.
    /// Registering again what is listed already renews it and is no act. Registering what the
    /// engine lists already gives the engine's entry.
    ///
    /// # Errors
    /// Everything [`Error`] lists but [`Error::Missing`].
    pub async fn register(&self, registration: Registration) -> Result<(Listed, bool), Error> {
        let allowed = &self.shared.allowed;
        registration.check(&self.shared.read().refused_ports, allowed)?;
        let known = self.shared.change(|entries| {
            let now = tokio::time::Instant::now();
            match entries.known(&registration, allowed, (self.shared.wall)(), now) {
                Ok(Some((listed, change))) => (Ok(Some(listed)), change),
                Ok(None) => (Ok(None), RegistryChange::default()),
                Err(error) => (Err(error), RegistryChange::default()),
            }
        })?;
        if let Some(listed) = known {
            self.shared.beats.beat(&registration.url);
            return Ok((listed, false));
        }
        let what = format!("{} at {}", registration.name, registration.url);
        let act = self.admit(Verb::Register, what).await?;
        let url = registration.url.clone();
        let put = self.keeper.put(act, registration).await;
        if put.is_ok() {
            self.shared.beats.beat(&url);
        }
        put
    }

    /// Removes a leased entry, or with no id all of a name; gives how many there were.
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
        let act = self.admit(Verb::Deregister, what).await?;
        self.keeper.remove(act, keys).await
    }

    async fn admit(&self, verb: Verb, what: String) -> Result<Act, Error> {
        let admitted = self.door.admit(verb, what.clone()).await;
        let id = admitted.map_err(Error::Refused)?;
        Ok(Act::begun(self.door.clone(), id, what))
    }

    /// Gives a leased entry its whole time again. The engine's entries need none and take it.
    ///
    /// # Errors
    /// [`Error::Missing`] when there is no such entry, or not any more.
    pub fn heartbeat(&self, name: &str, id: &str) -> Result<Listed, Error> {
        let key = Key {
            name: name.to_owned(),
            id: id.to_owned(),
        };
        let now = tokio::time::Instant::now();
        let renewed =
            self.shared.change(
                |entries| match entries.renew(&key, (self.shared.wall)(), now) {
                    Some((listed, change)) => (Some(listed), change),
                    None => (None, RegistryChange::default()),
                },
            );
        if let Some(listed) = &renewed {
            self.shared.beats.beat(&listed.view.url);
        }
        renewed.ok_or_else(|| Error::Missing {
            what: format!("{name}/{id}"),
        })
    }
}

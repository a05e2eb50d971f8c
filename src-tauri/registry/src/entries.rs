//! The read model: every entry by name and id, and what of them comes due when.

mod checks;
mod claims;
mod own;
mod registered;
mod steps;

pub use own::Own;

use crate::listed::told;
use crate::log::{Log, What};
use crate::{Error, Listed, Watched};
use hyper::body::Bytes;
use model::Timestamp;
use model::view::{KeptBy, RegistryView};
use model::{ClusterId, InstanceId};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use steps::Steps;
use tokio::time::Instant;

/// Most entries of a home that registered themselves.
pub(crate) const MAX_REGISTERED: usize = 200_000;
/// Most of one name.
pub(crate) const MAX_OF_NAME: usize = 1_024;
/// Entries that gave way and are remembered.
const MAX_LOST: usize = 1_024;
/// Renewed leases that are remembered to be shown; of more it is shown later that they were.
const MAX_RENEWED: usize = 4_096;

/// What an entry is found by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Its name.
    pub name: String,
    /// Its id within the name.
    pub id: String,
}

impl Key {
    /// The key of these.
    pub fn new(name: &str, id: &str) -> Self {
        Self {
            name: name.to_owned(),
            id: id.to_owned(),
        }
    }

    fn of(view: &RegistryView) -> Self {
        Self::new(&view.name, &view.id)
    }

    pub(crate) fn pair(self) -> (String, String) {
        (self.name, self.id)
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.name, self.id)
    }
}

pub(crate) struct Entry {
    key: Arc<Key>,
    pub(crate) listed: Arc<Listed>,
    /// When its lease ends.
    lease: Option<Instant>,
    /// Beside each check.
    clocks: Vec<Clock>,
    /// The earliest of all that.
    due: Option<Instant>,
}

/// What of a check time decides.
#[derive(Default, Clone, Copy)]
struct Clock {
    /// When its last word no longer holds.
    silent: Option<Instant>,
    /// When it will have been critical for too long.
    gone: Option<Instant>,
}

/// The entries of one name.
#[derive(Default)]
struct Named {
    entries: BTreeMap<String, Entry>,
    /// When anything of it changed last.
    index: u64,
    /// All of them as they are told, once somebody has asked.
    told: OnceLock<Bytes>,
}

pub(crate) struct Entries {
    names: BTreeMap<String, Named>,
    /// Under which names an id is registered with [`crate::Keep::Checks`]: one, but for a moment.
    ids: HashMap<String, BTreeSet<String>>,
    /// Whose a check of this id is, of what is registered with [`crate::Keep::Checks`]: one's, but for
    /// what is on disk from before.
    checks: HashMap<String, BTreeSet<Key>>,
    own: BTreeMap<(ClusterId, InstanceId), Key>,
    withheld: BTreeMap<(ClusterId, InstanceId), Withheld>,
    /// Names of every cluster's services, whether they run or not.
    claims: BTreeMap<ClusterId, BTreeSet<String>>,
    /// Under which name and at which port an instance will serve that does not yet.
    expected: BTreeMap<(ClusterId, InstanceId), (String, u16)>,
    /// What gave way to an instance, and to whose: who renews it is told. The last so many.
    lost: VecDeque<(Key, ClusterId)>,
    due: BTreeSet<(Instant, Arc<Key>)>,
    registered: usize,
    /// Entries whose checks say something else than is on disk.
    pub(crate) unwritten: BTreeSet<Key>,
    renewed: BTreeSet<Key>,
    pub(crate) refused_ports: BTreeSet<u16>,
    /// The number of the last change.
    pub(crate) index: u64,
    /// When a name was left by its last entry.
    extinct: u64,
    /// When names or their tags changed.
    names_index: u64,
    pub(crate) log: Log,
    /// Counts everything that makes an answer another one, renewed leases too.
    pub(crate) version: u64,
    /// The number of the last change of an entry: what is beside them shares the numbers.
    pub(crate) entries_index: u64,
}

/// An instance that gets no traffic although it may run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withheld {
    /// Whose.
    pub cluster: ClusterId,
    /// Which.
    pub instance: InstanceId,
    /// The name it would be found by.
    pub name: String,
    /// Why.
    pub why: String,
    /// Since when.
    pub since: Timestamp,
}

/// What a change was, to be told once it is made.
#[derive(Default)]
pub(crate) struct Changed {
    pub(crate) told: Steps,
    /// Of what something changed that readers see: of its name.
    pub(crate) of: Vec<Arc<Key>>,
    /// Which names there are, or their tags.
    pub(crate) names: bool,
    /// What is to be probed.
    pub(crate) probes: bool,
    /// What checks say of something that is on disk.
    pub(crate) says: bool,
}

impl Entries {
    /// Goes on from this number.
    pub(crate) fn new(index: u64) -> Self {
        Self {
            names: BTreeMap::new(),
            ids: HashMap::new(),
            checks: HashMap::new(),
            own: BTreeMap::new(),
            withheld: BTreeMap::new(),
            claims: BTreeMap::new(),
            expected: BTreeMap::new(),
            lost: VecDeque::new(),
            due: BTreeSet::new(),
            registered: 0,
            unwritten: BTreeSet::new(),
            renewed: BTreeSet::new(),
            refused_ports: BTreeSet::new(),
            index,
            extinct: index,
            names_index: index,
            log: Log::new(index),
            version: 0,
            entries_index: index,
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.names.values().flat_map(|named| named.entries.values())
    }

    pub(crate) fn named(&self, name: &str) -> impl Iterator<Item = &Entry> {
        self.names
            .get(name)
            .into_iter()
            .flat_map(|named| named.entries.values())
    }

    pub(crate) fn get(&self, key: &Key) -> Option<&Entry> {
        self.at(&key.name, &key.id)
    }

    pub(crate) fn at(&self, name: &str, id: &str) -> Option<&Entry> {
        self.names.get(name)?.entries.get(id)
    }

    fn get_mut(&mut self, key: &Key) -> Option<&mut Entry> {
        self.names.get_mut(&key.name)?.entries.get_mut(&key.id)
    }

    /// What is kept by its checks under this id.
    pub(crate) fn by_id(&self, id: &str) -> Option<&Entry> {
        let name = self.ids.get(id)?.first()?;
        self.get(&Key::new(name, id))
    }

    /// What is kept by its checks and has one of this id.
    pub(crate) fn by_check(&self, check: &str) -> Option<&Entry> {
        self.get(self.checks.get(check)?.first()?)
    }

    /// The engine's entry of this id.
    pub(crate) fn own_by_id(&self, id: &str) -> Option<&Entry> {
        self.get(self.own.values().find(|key| key.id == id)?)
    }

    /// Every name with the tags that entries of it have.
    pub(crate) fn tags(&self) -> BTreeMap<String, BTreeSet<String>> {
        let tags = |named: &Named| {
            let all = named.entries.values().flat_map(|e| &e.listed.view.tags);
            all.cloned().collect()
        };
        let all = self.names.iter();
        all.map(|(name, named)| (name.clone(), tags(named)))
            .collect()
    }

    /// When what is watched changed last.
    pub(crate) fn changed(&self, watched: &Watched) -> u64 {
        match watched {
            Watched::Everything => self.index,
            Watched::Names => self.names_index,
            Watched::Name(name) => self
                .names
                .get(name)
                .map_or(self.extinct, |named| named.index),
        }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.index += 1;
        self.index
    }

    /// Puts an entry on the list, in place of what is there under its key.
    fn put(&mut self, mut entry: Entry, changed: &mut Changed) -> Arc<Listed> {
        let index = self.next();
        let key = Arc::clone(&entry.key);
        let before = self.get(&key).map(|before| &before.listed);
        let listed = Arc::make_mut(&mut entry.listed);
        listed.judge();
        listed.modify_index = index;
        listed.create_index = before.map_or(index, |before| before.create_index);
        let names = before.is_none_or(|before| before.view.tags != listed.view.tags);
        changed.probes |= probed(listed) || before.is_some_and(|before| probed(before));
        let (listed, due) = (Arc::clone(&entry.listed), entry.due);
        let named = match self.names.get_mut(&key.name) {
            Some(named) => named,
            None => self.names.entry(key.name.clone()).or_default(),
        };
        named.index = index;
        named.told.take();
        let before = match named.entries.get_mut(&key.id) {
            Some(place) => Some(std::mem::replace(place, entry)),
            None => named.entries.insert(key.id.clone(), entry),
        };
        if let Some(before) = before {
            self.forget(&before);
        }
        if listed.view.kept_by == KeptBy::Checks {
            let names = self.ids.entry(key.id.clone()).or_default();
            names.insert(key.name.clone());
            for state in &listed.checks {
                let of = self.checks.entry(state.check.id.clone()).or_default();
                of.insert(Key::clone(&key));
            }
        }
        self.registered += usize::from(!listed.is_own());
        if let Some(due) = due {
            self.due.insert((due, Arc::clone(&key)));
        }
        self.version += 1;
        if names {
            changed.names = true;
            self.names_index = index;
        }
        self.tell(key, &listed, changed);
        listed
    }

    /// Readers are told that it is new or changed, by the last number.
    fn tell(&mut self, key: Arc<Key>, listed: &Arc<Listed>, changed: &mut Changed) {
        changed.told.put(Arc::clone(listed));
        changed.of.push(Arc::clone(&key));
        self.note(self.index, key, What::Put(Arc::clone(listed)));
    }

    /// Takes one from the list; false when it was not on it.
    fn remove(&mut self, key: &Key, changed: &mut Changed) -> bool {
        let Some(named) = self.names.get_mut(&key.name) else {
            return false;
        };
        let Some(entry) = named.entries.remove(&key.id) else {
            return false;
        };
        self.index += 1;
        let index = self.index;
        named.index = index;
        named.told.take();
        if named.entries.is_empty() {
            self.names.remove(&key.name);
            self.extinct = index;
        }
        self.forget(&entry);
        changed.probes |= probed(&entry.listed);
        changed.names = true;
        self.names_index = index;
        self.version += 1;
        changed.told.remove(Arc::clone(&entry.key));
        changed.of.push(Arc::clone(&entry.key));
        self.note(index, entry.key, What::Removed);
        true
    }

    /// What is known beside an entry that is not in its place any more.
    fn forget(&mut self, entry: &Entry) {
        let key = &entry.key;
        if let Some(due) = entry.due {
            self.due.remove(&(due, Arc::clone(key)));
        }
        if entry.listed.view.kept_by == KeptBy::Checks {
            if let Some(names) = self.ids.get_mut(&key.id) {
                names.remove(&key.name);
                if names.is_empty() {
                    self.ids.remove(&key.id);
                }
            }
            for state in &entry.listed.checks {
                if let Some(of) = self.checks.get_mut(&state.check.id) {
                    of.remove(&**key);
                    if of.is_empty() {
                        self.checks.remove(&state.check.id);
                    }
                }
            }
        }
        self.registered -= usize::from(!entry.listed.is_own());
        self.renewed.remove(&**key);
    }

    fn note(&mut self, index: u64, of: Arc<Key>, what: What) {
        self.entries_index = index;
        self.log.note(index, of, what);
    }

    /// What is said of this entry is another now, and it has no number: nobody is told.
    fn stale(&mut self, key: &Key) {
        self.version += 1;
        if let Some(named) = self.names.get_mut(&key.name) {
            named.told.take();
        }
    }

    /// All entries of a name as they are told; `None` when there is none.
    pub(crate) fn told(&self, name: &str) -> Option<Bytes> {
        let named = self.names.get(name)?;
        let told = named.told.get_or_init(|| {
            let all = named.entries.values();
            told(all.map(|entry| &*entry.listed))
        });
        Some(told.clone())
    }

    /// Works out anew when something of it comes due.
    fn reschedule(&mut self, key: &Key) {
        let Some(entry) = self
            .names
            .get_mut(&key.name)
            .and_then(|named| named.entries.get_mut(&key.id))
        else {
            return;
        };
        let due = entry.earliest();
        if due == entry.due {
            return;
        }
        if let Some(due) = std::mem::replace(&mut entry.due, due) {
            self.due.remove(&(due, Arc::clone(&entry.key)));
        }
        if let Some(due) = due {
            self.due.insert((due, Arc::clone(&entry.key)));
        }
    }

    /// When the next entry comes due.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// How many registered themselves.
    pub(crate) fn registered(&self) -> usize {
        self.registered
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.registered + self.own.len()
    }

    /// Leases that were renewed since this was asked last.
    pub(crate) fn take_renewed(&mut self) -> Vec<RegistryView> {
        let renewed = std::mem::take(&mut self.renewed);
        renewed
            .iter()
            .filter_map(|key| Some(self.get(key)?.listed.view.clone()))
            .collect()
    }

    /// Why there is nothing of a name.
    pub(crate) fn missing(&self, name: &str) -> Error {
        let what = name.to_owned();
        match self.withheld_of(name) {
            Some(one) => Error::Withheld {
                name: what,
                why: one.why.clone(),
            },
            None => match self.claimed(name, "") {
                Some(cluster) => Error::Down {
                    name: what,
                    cluster: cluster.to_string(),
                },
                None => Error::Missing { what },
            },
        }
    }
}

impl Entry {
    fn new(listed: Listed, lease: Option<Instant>, clocks: Vec<Clock>) -> Self {
        let mut entry = Self {
            key: Arc::new(Key::of(&listed.view)),
            listed: Arc::new(listed),
            lease,
            clocks,
            due: None,
        };
        entry.due = entry.earliest();
        entry
    }

    fn earliest(&self) -> Option<Instant> {
        let clocks = self.clocks.iter();
        let checks = clocks.flat_map(|clock| [clock.silent, clock.gone]);
        checks.flatten().chain(self.lease).min()
    }
}

fn probed(listed: &Listed) -> bool {
    let mut checks = listed.checks.iter();
    checks.any(|state| matches!(state.check.look, crate::Look::Probe(_)))
}

fn later(wall: Timestamp, by: Duration) -> Timestamp {
    Timestamp(
        wall.0
            .saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)),
    )
}

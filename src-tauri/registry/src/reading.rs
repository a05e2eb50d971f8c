//! What readers ask of the registry, and how they wait for it to change. Nothing of it touches the disk.

use crate::entries::Entry;
use crate::index::BLOCK;
use crate::{Beat, Error, Key, Listed, Query, Registry, RegistryChange, Watched, Withheld};
use model::ClusterId;
use model::view::RegistryView;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;

impl Registry {
    /// Where to send what is meant for this name: what the gateway and other readers ask.
    ///
    /// # Errors
    /// [`Error::Withheld`] while all of it has an open circuit, [`Error::Down`] when it is a cluster's and
    /// nothing of it serves, [`Error::Missing`] when there is none.
    pub fn lookup(&self, name: &str) -> Result<Vec<Arc<Listed>>, Error> {
        let entries = self.shared.read();
        let listed: Vec<_> = entries.named(name).map(|e| e.listed.clone()).collect();
        match listed.is_empty() {
            true => Err(entries.missing(name)),
            false => Ok(listed),
        }
    }

    /// The entries that fit, by name and id, and the number of the last change of anything.
    pub fn find(&self, query: &Query<'_>) -> (u64, Vec<Arc<Listed>>) {
        let entries = self.shared.read();
        let fits = |entry: &&Entry| entry.listed.fits(query);
        let found = match query.name {
            Some(name) => entries
                .named(name)
                .filter(fits)
                .map(|e| e.listed.clone())
                .collect(),
            None => entries
                .iter()
                .filter(fits)
                .map(|e| e.listed.clone())
                .collect(),
        };
        (entries.index, found)
    }

    /// One entry.
    pub fn entry(&self, key: &Key) -> Option<Arc<Listed>> {
        Some(self.shared.read().get(key)?.listed.clone())
    }

    /// What is kept by its checks under this id, whatever its name.
    pub fn by_id(&self, id: &str) -> Option<Arc<Listed>> {
        Some(self.shared.read().by_id(id)?.listed.clone())
    }

    /// Every name with the tags its entries have, and the number of the last change of anything.
    pub fn names(&self) -> (u64, BTreeMap<String, BTreeSet<String>>) {
        let entries = self.shared.read();
        (entries.index, entries.tags())
    }

    /// Every entry as it is shown, by name and id.
    pub fn entries(&self) -> Vec<RegistryView> {
        let entries = self.shared.read();
        entries.iter().map(|e| e.listed.view.clone()).collect()
    }

    /// The engine's own entries and so many others as they are shown, and how many there are in all.
    pub fn some(&self, most: usize) -> (Vec<RegistryView>, usize) {
        let entries = self.shared.read();
        let mut others = 0;
        let shown = entries.iter().filter(|entry| {
            others += usize::from(!entry.listed.is_own());
            entry.listed.is_own() || others <= most
        });
        let shown = shown.map(|entry| entry.listed.view.clone()).collect();
        (shown, entries.count())
    }

    /// A cluster is known, whether anything of it runs or is listed or not.
    pub fn is_known(&self, cluster: &ClusterId) -> bool {
        self.shared.read().is_known(cluster)
    }

    /// How many entries there are.
    pub fn count(&self) -> usize {
        self.shared.read().count()
    }

    /// Every entry with all that is told of it; of one name if one is given.
    pub fn list(&self, name: Option<&str>) -> Vec<Arc<Listed>> {
        let query = Query {
            name,
            ..Query::default()
        };
        self.find(&query).1
    }

    /// Instances that get no traffic although they may run.
    pub fn withheld(&self) -> Vec<Withheld> {
        self.shared.read().withheld().cloned().collect()
    }

    /// How many entries registered themselves.
    pub fn registered(&self) -> usize {
        self.shared.read().registered()
    }

    /// Everything that changes from now on. A reader that falls behind is told so by the channel
    /// and reads [`Registry::entries`] again.
    pub fn changes(&self) -> broadcast::Receiver<RegistryChange> {
        self.shared.changes.subscribe()
    }

    /// Leases that were renewed since this was asked last, which is no change: for one reader who
    /// shows until when they last.
    pub fn take_renewed(&self) -> Vec<RegistryView> {
        self.shared.write().take_renewed()
    }

    // === waiting ===

    /// The number of the last change. Each change that readers see has a higher one than those before
    /// it, also than those of engines before this one; the first is higher than 0.
    pub fn index(&self) -> u64 {
        self.shared.read().index
    }

    /// A number for a change of something that is beside the entries and shares their numbers.
    pub fn next_index(&self) -> u64 {
        let mut entries = self.shared.write();
        let index = entries.next();
        if index + BLOCK / 2 > self.shared.ceiling.load(Ordering::Relaxed) {
            self.shared.reserve.notify_one();
        }
        index
    }

    /// Waits until what is watched has changed after number `after`, or for so long. Answers with the
    /// number of the last change: what is read now is at least that new. A number that no change has
    /// had is not waited for.
    pub async fn wait(&self, watched: &Watched, after: u64, limit: Duration) -> u64 {
        let deadline = Instant::now() + limit;
        let place = self.shared.waiting.place(watched);
        loop {
            // Made before looking, so that a change in between is not missed.
            let woken = place.notify().notified();
            let (changed, index) = {
                let entries = self.shared.read();
                (entries.changed(watched), entries.index)
            };
            if changed > after || after > index {
                return index;
            }
            if tokio::time::timeout_at(deadline, woken).await.is_err() {
                return self.index();
            }
        }
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
}

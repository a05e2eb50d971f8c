//! The read model: every entry by name and id, and the leases by when they end.

use crate::{Error, Listed, Registration, RegistryChange, target};
use ipnet::IpNet;
use model::view::RegistryView;
use model::{ClusterId, InstanceId, ServiceName, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;

/// Most leased entries of a home.
pub(crate) const MAX_LEASED: usize = 10_000;
/// Most leased entries of one name.
pub(crate) const MAX_OF_NAME: usize = 256;

/// What an entry is found by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) id: String,
}

impl Key {
    fn of(view: &RegistryView) -> Self {
        Self {
            name: view.name.clone(),
            id: view.id.clone(),
        }
    }

    pub(crate) fn pair(self) -> (String, String) {
        (self.name, self.id)
    }
}

pub(crate) struct Entry {
    pub(crate) view: RegistryView,
    keeping: Keeping,
}

/// Who keeps an entry.
enum Keeping {
    /// The engine, for an instance.
    Own,
    /// The program itself, by heartbeats.
    Lease {
        registration: Registration,
        ends: Instant,
    },
}

impl Entry {
    pub(crate) fn listed(&self) -> Listed {
        let meta = match &self.keeping {
            Keeping::Own => BTreeMap::new(),
            Keeping::Lease { registration, .. } => registration.meta.clone(),
        };
        Listed {
            view: self.view.clone(),
            meta,
        }
    }

    fn is_own(&self) -> bool {
        matches!(self.keeping, Keeping::Own)
    }
}

#[derive(Default)]
pub(crate) struct Entries {
    all: BTreeMap<Key, Entry>,
    own: BTreeMap<(ClusterId, InstanceId), Key>,
    /// Instances that get no traffic although they may run: their name, and why.
    withheld: BTreeMap<(ClusterId, InstanceId), (String, String)>,
    ends: BTreeSet<(Instant, Key)>,
    pub(crate) refused_ports: BTreeSet<u16>,
}

fn upsert(view: &RegistryView) -> RegistryChange {
    RegistryChange {
        upserts: vec![view.clone()],
        removed: vec![],
    }
}

impl Entries {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.all.values()
    }

    pub(crate) fn named(&self, name: &str) -> impl Iterator<Item = &Entry> {
        let first = Key {
            name: name.to_owned(),
            id: String::new(),
        };
        self.all
            .range(first..)
            .map(|(_, entry)| entry)
            .take_while(move |e| e.view.name == name)
    }

    // === own ===

    pub(crate) fn put_own(
        &mut self,
        cluster: &ClusterId,
        instance: &InstanceId,
        name: &ServiceName,
        url: &str,
        now: Timestamp,
    ) -> RegistryChange {
        let key = Key {
            name: name.to_string(),
            id: format!("{cluster}.{instance}"),
        };
        let mut change = RegistryChange::default();
        let owner = (cluster.clone(), instance.clone());
        self.withheld.remove(&owner);
        let known = self.own.get(&owner).cloned();
        if known.as_ref() == Some(&key) && self.all.get(&key).is_some_and(|e| e.view.url == url) {
            return change;
        }
        if known.is_some_and(|known| known != key) {
            change = self.remove_own(cluster, instance);
        }
        // A program that took this id before is no longer asked.
        self.forget(&key);
        let view = RegistryView {
            name: key.name.clone(),
            id: key.id.clone(),
            url: url.to_owned(),
            kept_by: "own".into(),
            cluster: Some(cluster.clone()),
            since: now,
            expires: None,
        };
        change.upserts.push(view.clone());
        self.own.insert(owner, key.clone());
        self.all.insert(
            key,
            Entry {
                view,
                keeping: Keeping::Own,
            },
        );
        change
    }

    pub(crate) fn remove_own(
        &mut self,
        cluster: &ClusterId,
        instance: &InstanceId,
    ) -> RegistryChange {
        let owner = (cluster.clone(), instance.clone());
        self.withheld.remove(&owner);
        let Some(key) = self.own.remove(&owner) else {
            return RegistryChange::default();
        };
        self.all.remove(&key);
        RegistryChange {
            upserts: vec![],
            removed: vec![key.pair()],
        }
    }

    pub(crate) fn withhold_own(
        &mut self,
        cluster: &ClusterId,
        instance: &InstanceId,
        name: &ServiceName,
        why: &str,
    ) -> RegistryChange {
        let change = self.remove_own(cluster, instance);
        self.withheld.insert(
            (cluster.clone(), instance.clone()),
            (name.to_string(), why.to_owned()),
        );
        change
    }

    /// Whose instances of this name are withheld, and why the first is.
    pub(crate) fn withheld(&self, name: &str) -> Option<(&ClusterId, &str)> {
        self.withheld
            .iter()
            .find(|(_, (of, _))| of == name)
            .map(|((cluster, _), (_, why))| (cluster, why.as_str()))
    }

    // === leased ===

    /// What is listed already and fits this wish: the engine's entry at the same address, or the
    /// same lease, renewed. An error if the wish cannot be granted.
    pub(crate) fn known(
        &mut self,
        wish: &Registration,
        allowed: &[IpNet],
        wall: Timestamp,
        now: Instant,
    ) -> Result<Option<(Listed, RegistryChange)>, Error> {
        if let Err(kept) = self.not_own(wish) {
            let address = target::check(&wish.url, allowed)?;
            let same = self
                .named(&wish.name)
                .find(|entry| entry.is_own() && target::check(&entry.view.url, &[]) == Ok(address));
            return match same {
                Some(entry) => Ok(Some((entry.listed(), RegistryChange::default()))),
                None => Err(kept),
            };
        }
        let key = Key {
            name: wish.name.clone(),
            id: wish.id.clone(),
        };
        match self.all.get(&key).map(|entry| &entry.keeping) {
            Some(Keeping::Lease { registration, .. }) if registration == wish => {
                Ok(self.renew(&key, wall, now))
            }
            Some(_) => Ok(None),
            None => self.room_for(&wish.name).map(|()| None),
        }
    }

    /// While the engine keeps a name, nobody else adds to it: traffic goes where a name points.
    pub(crate) fn not_own(&self, wish: &Registration) -> Result<(), Error> {
        match self
            .named(&wish.name)
            .find_map(|entry| entry.view.cluster.as_ref())
            .or(self.withheld(&wish.name).map(|(cluster, _)| cluster))
        {
            Some(cluster) => Err(Error::Kept {
                name: wish.name.clone(),
                cluster: cluster.to_string(),
            }),
            None => Ok(()),
        }
    }

    fn room_for(&self, name: &str) -> Result<(), Error> {
        if self.ends.len() >= MAX_LEASED {
            return Err(Error::TooMany {
                limit: MAX_LEASED,
                of: "leased entries".into(),
            });
        }
        if self.named(name).filter(|entry| !entry.is_own()).count() >= MAX_OF_NAME {
            return Err(Error::TooMany {
                limit: MAX_OF_NAME,
                of: format!("entries of {name}"),
            });
        }
        Ok(())
    }

    /// When a lease of this key began, if there is one.
    pub(crate) fn since(&self, name: &str, id: &str) -> Option<Timestamp> {
        let key = Key {
            name: name.to_owned(),
            id: id.to_owned(),
        };
        self.all.get(&key).map(|entry| entry.view.since)
    }

    /// Lists a lease; true when nothing was listed under its key.
    pub(crate) fn put_leased(
        &mut self,
        registration: Registration,
        since: Timestamp,
        wall: Timestamp,
        now: Instant,
    ) -> (Listed, bool, RegistryChange) {
        let view = RegistryView {
            name: registration.name.clone(),
            id: registration.id.clone(),
            url: registration.url.clone(),
            kept_by: "lease".into(),
            cluster: None,
            since,
            expires: Some(later(wall, registration.ttl)),
        };
        let key = Key::of(&view);
        let new = !self.forget(&key);
        let ends = now + registration.ttl;
        let change = upsert(&view);
        let entry = Entry {
            view,
            keeping: Keeping::Lease { registration, ends },
        };
        let listed = entry.listed();
        self.ends.insert((ends, key.clone()));
        self.all.insert(key, entry);
        (listed, new, change)
    }

    /// Gives a lease its whole time again.
    pub(crate) fn renew(
        &mut self,
        key: &Key,
        wall: Timestamp,
        now: Instant,
    ) -> Option<(Listed, RegistryChange)> {
        let entry = self.all.get_mut(key)?;
        let mut change = RegistryChange::default();
        if let Keeping::Lease { registration, ends } = &mut entry.keeping {
            self.ends.remove(&(*ends, key.clone()));
            *ends = now + registration.ttl;
            self.ends.insert((*ends, key.clone()));
            entry.view.expires = Some(later(wall, registration.ttl));
            change = upsert(&entry.view);
        }
        Some((entry.listed(), change))
    }

    /// The leased entries of this name, or the one with this id.
    pub(crate) fn removable(&self, name: &str, id: Option<&str>) -> Result<Vec<Key>, Error> {
        let mut keys = Vec::new();
        for entry in self
            .named(name)
            .filter(|entry| id.is_none_or(|id| entry.view.id == id))
        {
            if let Some(cluster) = &entry.view.cluster {
                return Err(Error::Kept {
                    name: name.to_owned(),
                    cluster: cluster.to_string(),
                });
            }
            keys.push(Key::of(&entry.view));
        }
        if keys.is_empty() {
            let what = id.map_or_else(|| name.to_owned(), |id| format!("{name}/{id}"));
            return Err(Error::Missing { what });
        }
        Ok(keys)
    }

    /// Takes leases from the list; gives those that were on it.
    pub(crate) fn remove_leased(&mut self, keys: &[Key]) -> RegistryChange {
        let mut removed = Vec::new();
        for key in keys {
            let leased = self.all.get(key).is_some_and(|entry| !entry.is_own());
            if leased && self.forget(key) {
                removed.push(key.clone().pair());
            }
        }
        RegistryChange {
            upserts: vec![],
            removed,
        }
    }

    /// When the next lease ends.
    pub(crate) fn next_end(&self) -> Option<Instant> {
        self.ends.first().map(|(ends, _)| *ends)
    }

    /// The leases that have ended.
    pub(crate) fn ended(&self, now: Instant) -> Vec<Key> {
        self.ends
            .iter()
            .take_while(|(ends, _)| *ends <= now)
            .map(|(_, key)| key.clone())
            .collect()
    }

    fn forget(&mut self, key: &Key) -> bool {
        let Some(entry) = self.all.remove(key) else {
            return false;
        };
        if let Keeping::Lease { ends, .. } = entry.keeping {
            self.ends.remove(&(ends, key.clone()));
        }
        true
    }
}

fn later(wall: Timestamp, by: Duration) -> Timestamp {
    Timestamp(
        wall.0
            .saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)),
    )
}

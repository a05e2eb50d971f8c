//! Entries that registered themselves.

use super::{Changed, Clock, Entries, Entry, Key, MAX_OF_NAME, MAX_REGISTERED, MAX_RENEWED, later};
use crate::check::{CheckState, Look};
use crate::{Error, Keep, Listed, Registration, target};
use ipnet::IpNet;
use model::Timestamp;
use model::view::{Health, RegistryView};
use std::sync::Arc;
use tokio::time::Instant;

impl Entries {
    /// What is listed already and fits this wish: the engine's entry at the same address, or the
    /// same registration, renewed. An error if the wish cannot be granted.
    pub(crate) fn known(
        &mut self,
        wish: &Registration,
        allowed: &[IpNet],
        wall: Timestamp,
        now: Instant,
    ) -> Result<Option<Arc<Listed>>, Error> {
        if let Err(kept) = self.not_own(wish) {
            let address = target::check(&wish.url, allowed)?;
            let same = self.named(&wish.name).find(|entry| {
                let listed = &entry.listed;
                listed.is_own() && target::check(&listed.view.url, &[]) == Ok(address)
            });
            return match same {
                Some(entry) => Ok(Some(Arc::clone(&entry.listed))),
                None => Err(kept),
            };
        }
        self.checks_free(wish)?;
        let known = self.at(&wish.name, &wish.id);
        match known.map(|entry| &entry.listed.wish) {
            Some(Some(known)) if **known == *wish => {
                let key = Key::new(&wish.name, &wish.id);
                Ok(self.renew(&key, wall, now))
            }
            Some(_) => Ok(None),
            None => self.room_for(&wish.name).map(|()| None),
        }
    }

    /// It can still be listed.
    pub(crate) fn room(&self, wish: &Registration) -> Result<(), Error> {
        self.not_own(wish)?;
        self.checks_free(wish)?;
        match self.at(&wish.name, &wish.id) {
            Some(_) => Ok(()),
            None => self.room_for(&wish.name),
        }
    }

    /// Ids of checks are one space, as Consul's clients count on: who says that one is well says it of one
    /// service.
    fn checks_free(&self, wish: &Registration) -> Result<(), Error> {
        if wish.keep != Keep::Checks {
            return Ok(());
        }
        for check in &wish.checks {
            let of = self.checks.get(&check.id);
            let of = || of.into_iter().flatten();
            // Two have it when they are from before that was so: both go on as they are.
            if of().any(|one| one.id == wish.id) {
                continue;
            }
            if let Some(other) = of().next() {
                return Err(Error::CheckTaken {
                    check: check.id.clone(),
                    of: other.id.clone(),
                });
            }
        }
        Ok(())
    }

    fn room_for(&self, name: &str) -> Result<(), Error> {
        if self.registered >= MAX_REGISTERED {
            return Err(Error::TooMany {
                limit: MAX_REGISTERED,
                of: "entries that registered themselves".into(),
            });
        }
        let of_name = self.names.get(name).map_or(0, |named| named.entries.len());
        if of_name >= MAX_OF_NAME {
            return Err(Error::TooMany {
                limit: MAX_OF_NAME,
                of: format!("entries of {name}"),
            });
        }
        Ok(())
    }

    /// Lists what registered itself; true when nothing was listed under its key. A check that was
    /// there already says what it said.
    pub(crate) fn put_registered(
        &mut self,
        wish: Registration,
        since: Timestamp,
        wall: Timestamp,
        now: Instant,
        changed: &mut Changed,
    ) -> (Arc<Listed>, bool) {
        for taken in self.takes_id_of(&wish) {
            self.remove(&taken, changed);
        }
        let before = self.at(&wish.name, &wish.id);
        let new = before.is_none();
        let lease = match wish.keep {
            Keep::Lease { ttl } => Some(ttl),
            Keep::Probe | Keep::Checks => None,
        };
        let index = self.index + 1;
        let (checks, clocks) = wish
            .checks
            .iter()
            .map(|check| {
                let known = before.and_then(|entry| {
                    let at = entry
                        .listed
                        .checks
                        .iter()
                        .position(|one| one.check.id == check.id)?;
                    Some((&entry.listed.checks[at], entry.clocks[at]))
                });
                let mut state = match known {
                    Some((known, _)) => known.clone(),
                    None => CheckState {
                        check: check.clone(),
                        status: check.first,
                        output: String::new(),
                        since: wall,
                        create_index: index,
                        modify_index: index,
                    },
                };
                // A word of somebody counts again each time.
                if check.look == Look::Said {
                    state.status = check.first;
                }
                let clock = match known {
                    Some((known, clock)) if known.check == *check => clock,
                    _ => Clock::begin(check, state.status, now),
                };
                state.check = check.clone();
                (state, clock)
            })
            .unzip();
        let view = RegistryView {
            name: wish.name.clone(),
            id: wish.id.clone(),
            url: wish.url.clone(),
            kept_by: wish.kept_by(),
            cluster: None,
            cluster_name: None,
            instance: None,
            tags: wish.tags.clone(),
            version: wish.version.clone(),
            category: wish.category.clone(),
            health: Health::Passing,
            health_why: None,
            since,
            expires: lease.map(|ttl| later(wall, ttl)),
        };
        let listed = Listed {
            view,
            wish: Some(Arc::new(wish)),
            checks,
            create_index: 0,
            modify_index: 0,
        };
        let entry = Entry::new(listed, lease.map(|ttl| now + ttl), clocks);
        (self.put(entry, changed), new)
    }

    /// What is kept by its checks under the same id and another name: the id is one's alone.
    pub(crate) fn takes_id_of(&self, wish: &Registration) -> Vec<Key> {
        let names = match wish.keep {
            Keep::Checks => self.ids.get(&wish.id),
            Keep::Lease { .. } | Keep::Probe => None,
        };
        let names = names.into_iter().flatten();
        let others = names.filter(|name| **name != wish.name);
        others.map(|name| Key::new(name, &wish.id)).collect()
    }

    /// Gives a lease its whole time again. What is kept otherwise needs it not, and takes it.
    pub(crate) fn renew(
        &mut self,
        key: &Key,
        wall: Timestamp,
        now: Instant,
    ) -> Option<Arc<Listed>> {
        let entry = self.get_mut(key)?;
        let keep = entry.listed.wish.as_ref().map(|wish| wish.keep);
        if let Some(Keep::Lease { ttl }) = keep {
            entry.lease = Some(now + ttl);
            Arc::make_mut(&mut entry.listed).view.expires = Some(later(wall, ttl));
            if self.renewed.len() < MAX_RENEWED {
                self.renewed.insert(key.clone());
            }
            self.reschedule(key);
            self.stale(key);
        }
        self.get(key).map(|entry| Arc::clone(&entry.listed))
    }

    /// What registered itself and points to this port of this machine.
    pub(crate) fn at_port(&self, port: u16) -> Vec<Key> {
        let ours = |url: &str| {
            let address = target::check(url, &[]);
            address.is_ok_and(|at| at.ip().is_loopback() && at.port() == port)
        };
        self.iter()
            .filter(|entry| !entry.listed.is_own() && ours(&entry.listed.view.url))
            .map(|entry| Key::of(&entry.listed.view))
            .collect()
    }

    /// The entries of this name that registered themselves, or the one with this id.
    pub(crate) fn removable(&self, name: &str, id: Option<&str>) -> Result<Vec<Key>, Error> {
        let mut keys = Vec::new();
        for entry in self
            .named(name)
            .filter(|entry| id.is_none_or(|id| entry.listed.view.id == id))
        {
            if let Some(cluster) = &entry.listed.view.cluster {
                return Err(Error::Kept {
                    name: name.to_owned(),
                    cluster: cluster.to_string(),
                });
            }
            keys.push(Key::of(&entry.listed.view));
        }
        if keys.is_empty() {
            let what = id.map_or_else(|| name.to_owned(), |id| format!("{name}/{id}"));
            return Err(Error::Missing { what });
        }
        Ok(keys)
    }

    /// It is listed, and registered itself.
    pub(crate) fn is_registered(&self, key: &Key) -> bool {
        self.get(key).is_some_and(|entry| !entry.listed.is_own())
    }

    /// Takes what registered itself from the list; gives how many of these were on it.
    pub(crate) fn remove_registered(&mut self, keys: &[Key]) -> (usize, Changed) {
        let mut changed = Changed::default();
        for key in keys {
            if self.is_registered(key) {
                self.remove(key, &mut changed);
            }
        }
        (changed.told.removed(), changed)
    }
}

//! All routes, by the names they are asked for: what the registry lists, and what the engine says of
//! instances that are not listed.

use crate::Clock;
use crate::backend::Backend;
use crate::route::Route;
use crate::rules::Rules;
use crate::standing::Standing;
use ipnet::IpNet;
use model::view::{Health, RegistryView, RouteView};
use model::{ClusterId, InstanceId, ServiceName, Timestamp};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::Instant;

/// Letters of an id behind a cluster's name: a hyphen and eight digits of a hash.
const HASH: usize = 9;
/// Routes that are shown at once: nobody reads more, and each is told once a second.
const SHOWN: usize = 2_000;

/// A service of a cluster, or a name that registered itself.
type Key = (Option<ClusterId>, String);

pub(crate) struct Table {
    clock: Clock,
    allowed: Vec<IpNet>,
    /// The gateway's own.
    port: u16,
    /// Grows whenever a name may lead elsewhere: threads remember names until then.
    version: AtomicU64,
    /// The engine has taken over what it found running: a name that is not there is not about to come.
    settled: AtomicBool,
    changed: Notify,
    names: RwLock<Names>,
}

#[derive(Default)]
struct Names {
    /// What a host is without `.localhost`: "api.shop", "api.shop-1a2b3c4d", "mail".
    by_host: HashMap<Box<str>, Arc<Route>>,
    by_key: BTreeMap<Key, Arc<Route>>,
    /// Who would like to be called by a host, in the order in which they came.
    claims: HashMap<Box<str>, Vec<Key>>,
    /// Rules for routes that are there or will be.
    rules: BTreeMap<Key, Rules>,
    /// Where each entry of the registry is, by name and id.
    entries: HashMap<(String, String), Key>,
    /// Who was told to get nothing more, and when, until he is listed anew: what is heard late of the
    /// registry may still list him.
    drained: HashMap<(ClusterId, InstanceId), Timestamp>,
}

impl Table {
    pub(crate) fn new(clock: Clock, allowed: Vec<IpNet>, port: u16) -> Self {
        Self {
            clock,
            port,
            allowed,
            version: AtomicU64::new(0),
            settled: AtomicBool::new(false),
            changed: Notify::new(),
            names: RwLock::default(),
        }
    }

    /// Grows whenever a name may lead elsewhere.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// All names are there that the engine knows of.
    pub(crate) fn settle(&self) {
        self.settled.store(true, Ordering::Release);
        self.changed.notify_waiters();
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.settled.load(Ordering::Acquire)
    }

    /// Resolves when a name may lead elsewhere than when this was called, or all are there.
    pub(crate) fn changes(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// The route of a host without its `.localhost`.
    pub(crate) fn by_host(&self, bare: &str) -> Option<Arc<Route>> {
        self.read().by_host.get(bare).cloned()
    }

    /// The hosts there are, for who asked for another: so many at most.
    pub(crate) fn hosts(&self, most: usize) -> Vec<String> {
        let names = self.read();
        let hosts = names.by_key.values().take(most);
        hosts.map(|route| route.host.clone()).collect()
    }

    /// A route by its host, as it is shown.
    pub(crate) fn shown(&self, host: &str) -> Option<RouteView> {
        let now = self.clock.millis(Instant::now());
        let route = self.by_host(host.strip_suffix(".localhost")?)?;
        Some(route.view(now, &self.clock))
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.read().by_key.len()
    }

    /// By host; of more than [`SHOWN`], all of clusters that fit and the busiest of the others.
    pub(crate) fn view(&self) -> Vec<RouteView> {
        let now = self.clock.millis(Instant::now());
        let mut routes: Vec<_> = self.read().by_key.values().cloned().collect();
        if routes.len() > SHOWN {
            routes.sort_by_cached_key(|route| {
                let asked = std::cmp::Reverse(route.counters.total());
                (route.cluster.is_none(), asked)
            });
            routes.truncate(SHOWN);
        }
        let mut views: Vec<_> = routes
            .iter()
            .map(|route| route.view(now, &self.clock))
            .collect();
        views.sort_by(|one, other| one.host.cmp(&other.host));
        views
    }

    // === what the registry says ===

    /// An entry is listed, or has changed.
    pub(crate) fn put(&self, entry: &RegistryView) {
        let owner = entry.cluster.clone().zip(entry.instance.clone());
        // With a dot in it, what registered itself would pass for a service of a cluster; and not every
        // name of Consul's is one of a host.
        if owner.is_none() && !is_label(&entry.name) {
            return;
        }
        // What the registry lists is checked there, and once more where it is used.
        let checked = registry::target::check(&entry.url, &self.allowed);
        let critical = entry.health == Health::Critical;
        let own = checked
            .as_ref()
            .is_ok_and(|address| address.ip().is_loopback() && address.port() == self.port);
        let (address, withheld) = match checked {
            Ok(address) if own => (address, Some("it is the gateway itself".to_owned())),
            Ok(address) if critical => {
                let why = entry.health_why.clone();
                (
                    address,
                    Some(why.unwrap_or_else(|| "its check fails".to_owned())),
                )
            }
            Ok(address) if entry.url.starts_with("http://") => (address, None),
            Ok(address) => {
                let why = "it speaks https, and the gateway does not".to_owned();
                (address, Some(why))
            }
            Err(refusal) => {
                tracing::debug!(entry.url, %refusal, "an entry is no backend");
                self.take(&entry.name, &entry.id);
                return;
            }
        };
        let key = (owner.as_ref().map(|(c, _)| c.clone()), entry.name.clone());
        if let Some(owner) = &owner {
            let mut names = self.write();
            match names.drained.get(owner) {
                Some(at) if entry.since <= *at => return,
                Some(_) => drop(names.drained.remove(owner)),
                None => {}
            }
        }
        let route = self.route(&key);
        let place = (entry.name.clone(), entry.id.clone());
        self.write().entries.insert(place, key);
        route.change(self.clock.wall(), |all| {
            let same = all.iter().position(|one| one.id == entry.id);
            if let Some(known) = same
                && all[known].address == address
                && !all[known].is_draining()
            {
                all[known].withhold(withheld);
                return;
            }
            let backend = Arc::new(Backend::new(&entry.id, owner, address, withheld));
            match same {
                // What the old one works on is answered by it.
                Some(known) => {
                    route.leave(&all[known]);
                    all[known] = backend;
                }
                None => all.push(backend),
            }
        });
    }

    /// An entry is listed no more.
    pub(crate) fn take(&self, name: &str, id: &str) {
        let (key, route) = {
            let mut names = self.write();
            let place = (name.to_owned(), id.to_owned());
            let Some(key) = names.entries.remove(&place) else {
                return;
            };
            let Some(route) = names.by_key.get(&key).cloned() else {
                return;
            };
            (key, route)
        };
        let empty = route.change(self.clock.wall(), |all| {
            all.retain(|one| {
                let stays = one.id != id;
                if !stays {
                    route.leave(one);
                }
                stays
            });
            all.is_empty()
        });
        if empty && !route.is_stated() {
            self.remove(&key);
        }
    }

    /// Drops what is listed no more: all entries there are.
    pub(crate) fn keep_only(&self, entries: &[RegistryView]) {
        let listed: std::collections::HashSet<(&str, &str)> = entries
            .iter()
            .map(|entry| (entry.name.as_str(), entry.id.as_str()))
            .collect();
        let known: Vec<_> = self.read().entries.keys().cloned().collect();
        for (name, id) in known {
            if !listed.contains(&(name.as_str(), id.as_str())) {
                self.take(&name, &id);
            }
        }
    }

    // === what the engine says ===

    pub(crate) fn stands(&self, cluster: &ClusterId, instance: &InstanceId, standing: Standing) {
        let key = (Some(cluster.clone()), instance.service.to_string());
        self.route(&key).stands(instance, standing);
    }

    pub(crate) fn forget(&self, cluster: &ClusterId, instance: &InstanceId) {
        let key = (Some(cluster.clone()), instance.service.to_string());
        let owner = (cluster.clone(), instance.clone());
        let route = {
            let mut names = self.write();
            names.drained.remove(&owner);
            names.by_key.get(&key).cloned()
        };
        if route.is_some_and(|route| route.forget(instance)) {
            self.remove(&key);
        }
    }

    pub(crate) fn rule(&self, cluster: &ClusterId, service: &ServiceName, rules: Rules) {
        let key = (Some(cluster.clone()), service.to_string());
        let mut names = self.write();
        if let Some(route) = names.by_key.get(&key) {
            route.rule(rules.clone());
        }
        names.rules.insert(key, rules);
    }

    /// Sends an instance nothing more; what is to be waited for.
    pub(crate) fn drain(&self, cluster: &ClusterId, instance: &InstanceId) -> Vec<Arc<Backend>> {
        let key = (Some(cluster.clone()), instance.service.to_string());
        let owner = (cluster.clone(), instance.clone());
        let route = {
            let mut names = self.write();
            names.drained.insert(owner, self.clock.wall());
            names.by_key.get(&key).cloned()
        };
        let draining = route.map_or_else(Vec::new, |route| route.of(instance));
        for backend in &draining {
            backend.drain();
        }
        draining
    }

    // === names ===

    fn read(&self) -> RwLockReadGuard<'_, Names> {
        self.names.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Names> {
        self.names.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The route of this key; a new one has its names at once.
    fn route(&self, key: &Key) -> Arc<Route> {
        if let Some(route) = self.read().by_key.get(key) {
            return Arc::clone(route);
        }
        let mut names = self.write();
        if let Some(route) = names.by_key.get(key) {
            return Arc::clone(route);
        }
        let hosts = hosts(key);
        // Two clusters in different folders may have one name: who is there first is called by it.
        let short = !names.by_host.contains_key(hosts[0].as_str());
        let host = if short {
            &hosts[0]
        } else {
            &hosts[hosts.len() - 1]
        };
        let route = Route::new(format!("{host}.localhost"), key.0.clone(), &key.1);
        if let Some(rules) = names.rules.get(key) {
            route.rule(rules.clone());
        }
        let route = Arc::new(route);
        for host in hosts {
            let claims = names.claims.entry(host.clone().into_boxed_str());
            claims.or_default().push(key.clone());
            let place = names.by_host.entry(host.into_boxed_str());
            place.or_insert_with(|| Arc::clone(&route));
        }
        names.by_key.insert(key.clone(), Arc::clone(&route));
        drop(names);
        self.renamed();
        route
    }

    fn renamed(&self) {
        self.version.fetch_add(1, Ordering::Release);
        self.changed.notify_waiters();
    }

    fn remove(&self, key: &Key) {
        let mut names = self.write();
        names.by_key.remove(key);
        for host in hosts(key) {
            let Names {
                by_host,
                by_key,
                claims,
                ..
            } = &mut *names;
            let Some(left) = claims.get_mut(host.as_str()) else {
                continue;
            };
            left.retain(|other| other != key);
            // Another cluster of the name may have waited for it.
            match left.first().and_then(|heir| by_key.get(heir)) {
                Some(heir) => drop(by_host.insert(host.into_boxed_str(), Arc::clone(heir))),
                None => {
                    by_host.remove(host.as_str());
                    claims.remove(host.as_str());
                }
            }
        }
        drop(names);
        self.renamed();
    }
}

/// One part of a host's name, in small letters as it is looked for.
fn is_label(name: &str) -> bool {
    let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    (1..=63).contains(&name.len()) && name.bytes().all(letter)
}

/// What a key is asked for as, without `.localhost`: the short way first.
fn hosts((cluster, name): &Key) -> Vec<String> {
    let Some(cluster) = cluster else {
        return vec![name.clone()];
    };
    let id = cluster.as_str();
    let short = id.len().checked_sub(HASH).and_then(|at| id.get(..at));
    let short = short.filter(|short| !short.is_empty()).unwrap_or(id);
    vec![format!("{name}.{short}"), format!("{name}.{id}")]
}

#[cfg(test)]
mod tests;

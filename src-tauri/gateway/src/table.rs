//! All routes, by the names they are asked for: what the registry lists, and what the engine says of
//! instances that are not listed.

mod names;

use crate::Clock;
use crate::backend::Backend;
use crate::known::{COMPARED, Choice, Known, cluster_of, known};
use crate::route::Route;
use crate::rules::Rules;
use crate::standing::{Asked, Ejected, Standing};
use ipnet::IpNet;
use model::view::{GatewayEdge, Health, RegistryView, RouteView};
use model::{ClusterId, InstanceId, ServiceName, Timestamp};
use names::{Key, Names, hosts, is_label};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::sync::futures::Notified;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

/// Routes that are shown at once: nobody reads more, and each is told once a second.
const SHOWN: usize = 2_000;

pub(crate) struct Table {
    clock: Clock,
    allowed: Vec<IpNet>,
    /// The gateway's own.
    port: u16,
    ejected: Option<mpsc::Sender<Ejected>>,
    /// Grows whenever a name may lead elsewhere: threads remember names until then.
    version: AtomicU64,
    /// The engine has taken over what it found running: a name that is not there is not about to come.
    settled: AtomicBool,
    changed: Notify,
    names: RwLock<Names>,
}

impl Table {
    pub(crate) fn new(
        clock: Clock,
        allowed: Vec<IpNet>,
        port: u16,
        ejected: Option<mpsc::Sender<Ejected>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            clock,
            port,
            ejected,
            allowed,
            version: AtomicU64::new(0),
            settled: AtomicBool::new(false),
            changed: Notify::new(),
            names: RwLock::default(),
        })
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

    /// Names that there are, for who asked for one that is not there: without its `.localhost`. However many
    /// there are, so many are looked at, and no more.
    pub(crate) fn known(&self, asked: &str) -> Known {
        let (of_cluster, others, count) = {
            let names = self.read();
            let cluster = cluster_of(asked);
            let of_cluster = cluster.map_or_else(Vec::new, |one| names.called(one, COMPARED));
            let others = match of_cluster.as_slice() {
                [] => names.first(COMPARED),
                _ => Vec::new(),
            };
            (of_cluster, others, names.by_key.len())
        };
        let choice = Choice {
            of_cluster: of_cluster.iter().map(|route| route.host()).collect(),
            others: others.iter().map(|route| route.host()).collect(),
            count,
        };
        known(asked, &choice, self.port)
    }

    /// Where the services of a cluster are reached, by their names.
    pub(crate) fn urls(&self, cluster: &ClusterId) -> Vec<(String, String)> {
        let of = (Some(cluster.clone()), String::new());
        let names = self.read();
        let routes = names.by_key.range(of..);
        let routes = routes.take_while(|((of, _), _)| of.as_ref() == Some(cluster));
        let url = |route: &Route| format!("http://{}:{}/", route.host(), self.port);
        routes
            .map(|((_, name), route)| (name.clone(), url(route)))
            .collect()
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

    /// What services have asked of routes.
    pub(crate) fn edges(&self) -> Vec<GatewayEdge> {
        let now = self.clock.millis(Instant::now());
        let routes: Vec<_> = self.read().by_key.values().cloned().collect();
        routes.iter().flat_map(|route| route.edges(now)).collect()
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        let routes: Vec<_> = self.read().by_key.values().cloned().collect();
        routes.iter().flat_map(|route| route.asked()).collect()
    }

    /// Leaves out what is much slower than its peers.
    pub(crate) fn judge_latencies(&self) {
        let now = self.clock.millis(Instant::now());
        let routes: Vec<_> = self.read().by_key.values().cloned().collect();
        for route in routes {
            route.judge_latency(now);
        }
    }

    /// Drops what was counted of callers whose cluster is no more. Not before all that run are known.
    pub(crate) fn keep_edges(&self, is_known: impl Fn(&ClusterId) -> bool) {
        if !self.is_settled() {
            return;
        }
        let routes: Vec<_> = self.read().by_key.values().cloned().collect();
        for route in routes {
            route.keep_edges(|caller| is_known(&caller.cluster));
        }
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
        if owner.is_none() && withheld.is_none() && self.leads(entry, address) {
            return;
        }
        let now = self.clock.wall();
        let withheld = withheld.map(|why| (why, now));
        let key = (owner.as_ref().map(|(c, _)| c.clone()), entry.name.clone());
        if let Some(owner) = &owner {
            let mut names = self.write();
            match names.drained.get(owner) {
                Some(at) if entry.since <= *at => return,
                Some(_) => drop(names.drained.remove(owner)),
                None => {}
            }
        }
        let place = (entry.name.clone(), entry.id.clone());
        self.write().entries.insert(place, key.clone());
        self.with_route(&key, |route| {
            route.change(now, |all| {
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
        });
        self.turned(&key);
    }

    /// Requests go there already: what registers itself again may say something new of itself each time.
    fn leads(&self, entry: &RegistryView, address: std::net::SocketAddr) -> bool {
        let route = self.read().by_key.get(&(None, entry.name.clone())).cloned();
        route.is_some_and(|route| {
            let backends = route.backends();
            let mut same = backends.iter().filter(|one| one.id == entry.id);
            same.any(|one| one.address == address && one.takes())
        })
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
        self.turned(&key);
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
        self.with_route(&key, |route| route.stands(instance, standing));
        self.turned(&key);
    }

    /// A cluster is known, and was first run then.
    pub(crate) fn knows(&self, cluster: &ClusterId, created: Timestamp) {
        if self.read().created.get(cluster) == Some(&created) {
            return;
        }
        self.write().created.insert(cluster.clone(), created);
        self.lead(cluster);
    }

    pub(crate) fn forget(&self, cluster: &ClusterId, instance: &InstanceId) {
        let key = (Some(cluster.clone()), instance.service.to_string());
        let owner = (cluster.clone(), instance.clone());
        let route = {
            let mut names = self.write();
            names.drained.remove(&owner);
            names.by_key.get(&key).cloned()
        };
        let Some(route) = route else { return };
        let nothing = route.forget(instance);
        self.turned(&key);
        if nothing {
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

    /// Says something of the route of this key. Of a new one it is said before it has its names: who found it
    /// without would be told that nobody serves.
    fn with_route(&self, key: &Key, say: impl FnOnce(&Route)) {
        let known = self.read().by_key.get(key).cloned();
        if let Some(route) = known {
            return say(&route);
        }
        let mut names = self.write();
        if let Some(route) = names.by_key.get(key).cloned() {
            drop(names);
            return say(&route);
        }
        let hosts = hosts(key);
        let own = hosts.last().map_or("", |own| own);
        let mut route = Route::new(&hosts[0], own, key.0.clone(), &key.1);
        route.ejected = self.ejected.clone();
        if let Some(rules) = names.rules.get(key) {
            route.rule(rules.clone());
        }
        say(&route);
        names.by_key.insert(key.clone(), Arc::new(route));
        for host in hosts {
            let claims = names.claims.entry(host.clone().into_boxed_str());
            claims.or_default().push(key.clone());
            names.lead(&host);
        }
        drop(names);
        self.renamed();
    }

    /// Something of a service serves, or nothing does: where its cluster came up or went down by that, its names
    /// may lead elsewhere.
    fn turned(&self, key: &Key) {
        // As nearly always, nothing has changed in that.
        if !self.read().has_turned(key) {
            return;
        }
        let elsewhere = self.write().turn(key);
        if let Some(cluster) = key.0.as_ref().filter(|_| elsewhere) {
            self.lead(cluster);
        }
    }

    /// Has the names that a cluster shares with others lead to whom they should.
    fn lead(&self, cluster: &ClusterId) {
        let mut names = self.write();
        let hosts: Vec<String> = (names.of(cluster))
            .map(|(key, _)| hosts(key).swap_remove(0))
            .filter(|host| {
                names
                    .claims
                    .get(host.as_str())
                    .is_some_and(|all| all.len() > 1)
            })
            .collect();
        let mut elsewhere = false;
        for host in hosts {
            elsewhere |= names.lead(&host);
        }
        drop(names);
        if elsewhere {
            self.renamed();
        }
    }

    fn renamed(&self) {
        self.version.fetch_add(1, Ordering::Release);
        self.changed.notify_waiters();
    }

    fn remove(&self, key: &Key) {
        let mut names = self.write();
        names.by_key.remove(key);
        names.turn(key);
        for host in hosts(key) {
            if let Some(left) = names.claims.get_mut(host.as_str()) {
                left.retain(|other| other != key);
            }
            // Another cluster of the name may have waited for it.
            names.lead(&host);
        }
        drop(names);
        self.renamed();
    }
}

#[cfg(test)]
mod tests;

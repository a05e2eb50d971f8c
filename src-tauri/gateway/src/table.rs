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
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
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
            names: RwLock::default(),
        }
    }

    /// Grows whenever a name may lead elsewhere.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
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
        self.version.fetch_add(1, Ordering::Release);
        route
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
        self.version.fetch_add(1, Ordering::Release);
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
mod tests {
    use super::*;
    use model::view::KeptBy;

    fn table() -> Table {
        let clock = Clock {
            wall: || Timestamp(1_000),
            began: Instant::now(),
        };
        Table::new(clock, vec![], 7_422)
    }

    fn entry(cluster: Option<&str>, name: &str, id: &str, port: u16) -> RegistryView {
        let instance = id.strip_prefix(cluster.unwrap_or("-"));
        RegistryView {
            name: name.to_owned(),
            id: id.to_owned(),
            url: format!("http://127.0.0.1:{port}"),
            kept_by: match cluster {
                Some(_) => KeptBy::Own,
                None => KeptBy::Lease,
            },
            cluster: cluster.map(|cluster| cluster.parse().unwrap()),
            cluster_name: cluster.map(|_| "shop".to_owned()),
            instance: instance.map(|id| id[1..].parse().unwrap()),
            tags: vec![],
            version: None,
            category: None,
            health: Health::Passing,
            health_why: None,
            since: Timestamp(1_000),
            expires: None,
        }
    }

    #[test]
    fn of_thousands_those_of_clusters_are_shown_and_each_is_found() {
        let table = table();
        for nth in 0..SHOWN {
            table.put(&entry(None, &format!("lent-{nth}"), "one", 5_000));
        }
        let id = "shop-1a2b3c4d";
        table.put(&entry(Some(id), "web", &format!("{id}.web.0"), 6_000));
        let shown = table.view();
        assert_eq!((shown.len(), table.count()), (SHOWN, SHOWN + 1));
        assert!(shown.iter().any(|route| route.host == "web.shop.localhost"));
        let all = (0..SHOWN).map(|nth| format!("lent-{nth}.localhost"));
        let hidden: Vec<String> = all
            .filter(|host| shown.iter().all(|route| route.host != *host))
            .collect();
        assert_eq!(hidden.len(), 1);
        assert!(table.shown(&hidden[0]).is_some());
        assert!(table.shown("gone.localhost").is_none());
    }

    #[test]
    fn a_service_is_found_by_its_clusters_name_and_by_its_id() {
        let table = table();
        table.put(&entry(
            Some("shop-1a2b3c4d"),
            "api",
            "shop-1a2b3c4d.api.0",
            4_000,
        ));
        table.put(&entry(None, "mail", "x", 4_001));
        for host in ["api.shop", "api.shop-1a2b3c4d", "mail"] {
            assert!(table.by_host(host).is_some(), "{host}");
        }
        let [api, mail] = table.view().try_into().unwrap();
        assert_eq!(
            (&*api.host, &*api.prefix),
            ("api.shop.localhost", "/shop/api")
        );
        assert_eq!((&*mail.host, &*mail.prefix), ("mail.localhost", "/mail"));
        assert_eq!(api.backends[0].instance, Some("api.0".parse().unwrap()));
        table.take("mail", "x");
        assert!(table.by_host("mail").is_none());
    }

    #[test]
    fn of_two_clusters_of_one_name_the_first_has_it_until_it_leaves() {
        let table = table();
        for (id, port) in [("shop-00000001", 1), ("shop-00000002", 2)] {
            table.put(&entry(Some(id), "api", &format!("{id}.api.0"), port));
        }
        let port = |host: &str| table.by_host(host).unwrap().backends()[0].address.port();
        assert_eq!(port("api.shop"), 1);
        assert_eq!(port("api.shop-00000002"), 2);
        table.take("api", "shop-00000001.api.0");
        assert_eq!(port("api.shop"), 2);
    }

    #[test]
    fn an_instance_that_comes_back_at_its_address_is_another() {
        let table = table();
        let cluster: ClusterId = "shop-1a2b3c4d".parse().unwrap();
        let mut entry = entry(Some("shop-1a2b3c4d"), "api", "shop-1a2b3c4d.api.0", 4_000);
        table.put(&entry);
        let before = table.by_host("api.shop").unwrap().backends()[0].number;
        table.put(&entry);
        let same = table.by_host("api.shop").unwrap().backends()[0].number;
        assert_eq!(before, same);
        assert_eq!(table.drain(&cluster, &"api.0".parse().unwrap()).len(), 1);
        // Heard late, it is the one that gets nothing more.
        table.put(&entry);
        assert!(table.by_host("api.shop").unwrap().backends()[0].is_draining());
        entry.since = Timestamp(1_001);
        table.put(&entry);
        let after = table.by_host("api.shop").unwrap().backends();
        assert!(after.len() == 1 && after[0].number != before && !after[0].is_draining());
    }

    #[test]
    fn many_names_that_go_at_once_go_in_no_time() {
        let table = table();
        let ids: Vec<String> = (0..20_000).map(|n| format!("mail-{n}")).collect();
        for id in &ids {
            table.put(&entry(None, id, "x", 4_000));
        }
        // By a look at each other name for each, this were four hundred million looks.
        table.keep_only(&[]);
        assert!(table.view().is_empty() && table.by_host(&ids[7]).is_none());
        assert!(table.read().claims.is_empty() && table.read().by_host.is_empty());
    }

    #[test]
    fn no_backend_is_where_the_registry_would_list_none() {
        let table = table();
        for url in [
            "http://169.254.169.254/",
            "http://10.0.0.1:80",
            "http://0177.0.0.1:80",
        ] {
            let mut entry = entry(None, "mail", "x", 1);
            entry.url = url.into();
            table.put(&entry);
            assert!(table.by_host("mail").is_none(), "{url}");
        }
        for name in ["api.shop", "a/b", "MyApp", ""] {
            let mut entry = entry(None, "mail", "x", 1);
            entry.name = name.into();
            table.put(&entry);
            assert!(table.view().is_empty(), "{name}");
        }
        let mut entry = entry(None, "mail", "x", 1);
        entry.health = Health::Critical;
        entry.health_why = Some("answers 500".into());
        table.put(&entry);
        let why = table.view()[0].unavailable.clone().unwrap().why;
        assert_eq!(why, "answers 500");
        entry.health = Health::Warning;
        table.put(&entry);
        assert_eq!(table.view()[0].unavailable, None);
        entry.url = "http://127.0.0.1:7422".into();
        table.put(&entry);
        let why = table.view()[0].unavailable.clone().unwrap().why;
        assert!(why.contains("itself"), "{why}");
        entry.url = "https://127.0.0.1:1".into();
        table.put(&entry);
        let why = table.view()[0].unavailable.clone().unwrap().why;
        assert!(why.contains("https"), "{why}");
    }
}

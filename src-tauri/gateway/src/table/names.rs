//! Which name leads where, when more than one cluster would like to be called by it.

use crate::route::Route;
use crate::rules::Rules;
use model::{ClusterId, InstanceId, Timestamp};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Bound;
use std::sync::Arc;

/// Letters of an id behind a cluster's name: a hyphen and eight digits of a hash.
const HASH: usize = 9;

/// A service of a cluster, or a name that registered itself.
pub(super) type Key = (Option<ClusterId>, String);

#[derive(Default)]
pub(super) struct Names {
    /// What a host is without `.localhost`: "api.shop", "api.shop-1a2b3c4d", "mail".
    pub(super) by_host: HashMap<Box<str>, Arc<Route>>,
    pub(super) by_key: BTreeMap<Key, Arc<Route>>,
    /// When each cluster was first run: of those with one name it says which is called by it.
    pub(super) created: BTreeMap<ClusterId, Timestamp>,
    /// The services of each cluster of which something serves, or is to; a cluster without any is not in it.
    up: HashMap<ClusterId, HashSet<String>>,
    /// Who would like to be called by a host, in the order in which they came.
    pub(super) claims: HashMap<Box<str>, Vec<Key>>,
    /// Rules for routes that are there or will be.
    pub(super) rules: BTreeMap<Key, Rules>,
    /// Where each entry of the registry is, by name and id.
    pub(super) entries: HashMap<(String, String), Key>,
    /// Who was told to get nothing more, and when, until he is listed anew: what is heard late of the
    /// registry may still list him.
    pub(super) drained: HashMap<(ClusterId, InstanceId), Timestamp>,
}

impl Names {
    /// Has a host lead to one of those who would like to be called by it: to whom it belongs alone, else to
    /// the cluster that was run first of those that are up. True when it has led elsewhere before.
    pub(super) fn lead(&mut self, host: &str) -> bool {
        let claims = self.claims.get(host).map_or(&[][..], Vec::as_slice);
        let leader = match claims {
            // As nearly always.
            [] | [_] => claims.first(),
            _ => claims.iter().min_by_key(|key| {
                let others = hosts(key).last().is_none_or(|own| own != host);
                let up = (key.0.as_ref()).is_some_and(|cluster| self.is_up(cluster));
                let created = key.0.as_ref().and_then(|cluster| self.created.get(cluster));
                (others, !up, created.map_or(i64::MAX, |at| at.0))
            }),
        };
        let Some((key, leader)) = leader.and_then(|key| self.by_key.get_key_value(key)) else {
            self.claims.remove(host);
            return self.by_host.remove(host).is_some();
        };
        let mut namesakes = Vec::new();
        for other in claims.iter().filter(|other| *other != key) {
            if let Some(route) = self.by_key.get(other).filter(|one| one.is_called(host)) {
                route.lead(false, Vec::new());
                namesakes.push(Arc::downgrade(route));
            }
        }
        if leader.is_called(host) {
            leader.lead(true, namesakes);
        }
        let leader = Arc::clone(leader);
        let before = self.by_host.insert(host.into(), Arc::clone(&leader));
        before.is_none_or(|before| !Arc::ptr_eq(&before, &leader))
    }

    /// Something of the cluster serves, or is to.
    fn is_up(&self, cluster: &ClusterId) -> bool {
        self.up.contains_key(cluster)
    }

    /// What is held of a service, whether something of it serves, is so no more.
    pub(super) fn has_turned(&self, key: &Key) -> bool {
        let (Some(cluster), name) = key else {
            return false;
        };
        let held = (self.up.get(cluster)).is_some_and(|up| up.contains(name));
        held != self.by_key.get(key).is_some_and(|route| route.is_up())
    }

    /// Holds of a service what is so now. True when by that its cluster has come up or gone down.
    pub(super) fn turn(&mut self, key: &Key) -> bool {
        let (Some(cluster), name) = key else {
            return false;
        };
        let was_up = self.is_up(cluster);
        if self.by_key.get(key).is_some_and(|route| route.is_up()) {
            let up = self.up.entry(cluster.clone()).or_default();
            up.insert(name.clone());
        } else if let Some(up) = self.up.get_mut(cluster) {
            up.remove(name);
            if up.is_empty() {
                self.up.remove(cluster);
            }
        }
        self.is_up(cluster) != was_up
    }

    pub(super) fn of(&self, cluster: &ClusterId) -> impl Iterator<Item = (&Key, &Arc<Route>)> {
        let first = (Some(cluster.clone()), String::new());
        let from = self.by_key.range(first..);
        from.take_while(|((of, _), _)| of.as_ref() == Some(cluster))
    }

    /// Routes of the clusters that are called so, by their name or an id; `most` at most, and of so many
    /// clusters.
    pub(super) fn called(&self, called: &str, most: usize) -> Vec<Arc<Route>> {
        let mut found = Vec::new();
        let Ok(mut cluster) = called.parse::<ClusterId>() else {
            return found;
        };
        for _ in 0..most {
            // From one cluster to the next, whatever is in it.
            let end = (Some(cluster.clone()), LAST.to_owned());
            if is_called(&cluster, called) {
                let left = most - found.len();
                found.extend(
                    self.of(&cluster)
                        .take(left)
                        .map(|(_, route)| Arc::clone(route)),
                );
            }
            let after = (Bound::Excluded(end), Bound::Unbounded);
            match self.by_key.range(after).next() {
                Some(((Some(next), _), _)) if next.as_str().starts_with(called) => {
                    cluster = next.clone();
                }
                _ => break,
            }
        }
        found
    }

    /// The first so many: those of clusters, then those that registered themselves.
    pub(super) fn first(&self, most: usize) -> Vec<Arc<Route>> {
        let themselves = (None, LAST.to_owned());
        let of_clusters = (Bound::Excluded(&themselves), Bound::Unbounded);
        let of_clusters = self.by_key.range(of_clusters);
        let themselves = self.by_key.range(..=&themselves);
        let all = of_clusters.chain(themselves).take(most);
        all.map(|(_, route)| Arc::clone(route)).collect()
    }
}

/// Behind all names there can be.
const LAST: &str = "\u{10ffff}";

/// It is the cluster's id, or that without its hash.
fn is_called(cluster: &ClusterId, called: &str) -> bool {
    cluster.as_str() == called || short(cluster) == Some(called)
}

/// What a cluster is called: its id without the hash.
fn short(cluster: &ClusterId) -> Option<&str> {
    let id = cluster.as_str();
    let short = id.len().checked_sub(HASH).and_then(|at| id.get(..at));
    short.filter(|short| !short.is_empty())
}

/// One part of a host's name, in small letters as it is looked for.
pub(super) fn is_label(name: &str) -> bool {
    let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    (1..=63).contains(&name.len()) && name.bytes().all(letter)
}

/// What a key is asked for as, without `.localhost`: the short way first.
pub(super) fn hosts((cluster, name): &Key) -> Vec<String> {
    let Some(cluster) = cluster else {
        return vec![name.clone()];
    };
    let id = cluster.as_str();
    let short = short(cluster).unwrap_or(id);
    vec![format!("{name}.{short}"), format!("{name}.{id}")]
}

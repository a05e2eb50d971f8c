//! Names that belong to clusters, also while nothing of them serves, and what gives way to them.

use super::{Changed, Entries, Entry, Key, MAX_LOST, Own};
use crate::{Error, target};
use model::view::RegistryView;
use model::{ClusterId, InstanceId, ServiceName};
use std::collections::BTreeSet;
use std::net::SocketAddr;

impl Entries {
    /// These names are a cluster's, and no others.
    pub(crate) fn claim(&mut self, cluster: &ClusterId, names: BTreeSet<String>) {
        self.claims.insert(cluster.clone(), names);
    }

    /// The cluster is no more.
    pub(crate) fn unclaim(&mut self, cluster: &ClusterId) {
        self.claims.remove(cluster);
        self.expected.retain(|(of, _), _| of != cluster);
    }

    /// A cluster has claimed its names, or that it has none.
    pub(crate) fn is_known(&self, cluster: &ClusterId) -> bool {
        self.claims.contains_key(cluster)
    }

    /// An instance is on its way to serve at this port. It may say so itself before we see it: some are
    /// found well by their heartbeats.
    pub(crate) fn expect_own(
        &mut self,
        cluster: &ClusterId,
        instance: &InstanceId,
        name: &ServiceName,
        port: u16,
    ) {
        let owner = (cluster.clone(), instance.clone());
        self.expected.insert(owner, (name.to_string(), port));
    }

    /// What is at this URL is an instance of ours on its way to serve under this name.
    pub(super) fn is_expected(&self, name: &str, url: &str) -> bool {
        // Nearly nothing is, and a URL takes long to read.
        let mut ports = self.expected.values().filter(|(of, _)| of == name);
        let mut port = None;
        ports.any(|(_, at)| *port.get_or_insert_with(|| port_here(url)) == Some(*at))
    }

    /// Whose the name or the id of a wish is, whether it is up or not.
    pub(super) fn claimed(&self, name: &str, id: &str) -> Option<&ClusterId> {
        let of_cluster = |cluster: &ClusterId| {
            let rest = id.strip_prefix(cluster.as_str());
            let instance = rest.and_then(|rest| rest.strip_prefix('.'));
            instance.is_some_and(|instance| instance.parse::<InstanceId>().is_ok())
        };
        let known = self.own.keys().map(|(cluster, _)| cluster);
        self.claims
            .iter()
            .find(|(_, names)| names.contains(name))
            .map(|(cluster, _)| cluster)
            .or_else(|| {
                let mut all = self.claims.keys().chain(known);
                all.find(|cluster| of_cluster(cluster))
            })
    }

    /// Ends what registered itself before under the name of an instance that serves, and is elsewhere: a
    /// name points to what its cluster runs. What has the instance's own key goes in any case.
    pub(crate) fn give_way(&mut self, own: &Own) -> (Vec<RegistryView>, Changed) {
        let mut changed = Changed::default();
        let ours = port_here(&own.url);
        let key = own.key();
        let gone: Vec<RegistryView> = self
            .named(&key.name)
            .map(|entry| &entry.listed)
            .filter(|listed| !listed.is_own())
            .map(|listed| &listed.view)
            .filter(|view| {
                let same = port_here(&view.url).is_some_and(|port| Some(port) == ours);
                view.id == key.id || !same && !self.is_expected(&view.name, &view.url)
            })
            .cloned()
            .collect();
        for view in &gone {
            let lost = Key::of(view);
            self.remove(&lost, &mut changed);
            if self.lost.len() == MAX_LOST {
                self.lost.pop_front();
            }
            self.lost.push_back((lost, own.cluster.clone()));
        }
        (gone, changed)
    }

    /// Why nothing under this key is renewed.
    pub(crate) fn over(&self, key: &Key) -> Error {
        let what = key.to_string();
        let mut lost = self.lost.iter();
        match lost.find(|(lost, cluster)| lost == key && self.is_claimed(&key.name, cluster)) {
            Some((_, cluster)) => Error::GaveWay {
                what,
                cluster: cluster.to_string(),
            },
            None => Error::Over { what },
        }
    }

    /// A name is this cluster's.
    fn is_claimed(&self, name: &str, cluster: &ClusterId) -> bool {
        let of = |one: &Entry| one.listed.view.cluster.as_ref() == Some(cluster);
        self.claims
            .get(cluster)
            .is_some_and(|all| all.contains(name))
            || self.named(name).any(of)
    }

    /// Of these, what nobody has registered again: their rows are to go.
    pub(crate) fn still_gone(&self, mut keys: Vec<Key>) -> Vec<Key> {
        keys.retain(|key| self.get(key).is_none_or(|entry| entry.listed.is_own()));
        keys
    }
}

impl Own {
    pub(crate) fn key(&self) -> Key {
        let id = format!("{}.{}", self.cluster, self.instance);
        Key::new(self.name.as_str(), &id)
    }
}

/// Its port, if it is on this machine.
fn port_here(url: &str) -> Option<u16> {
    let address = target::check(url, &[]).ok();
    address
        .filter(|address| address.ip().is_loopback())
        .map(|address: SocketAddr| address.port())
}

//! Entries the engine keeps: instances of its clusters.

use super::{Changed, Entries, Entry, Key, Withheld};
use crate::log::What;
use crate::{Error, Listed, Registration};
use model::view::{Health, KeptBy, RegistryView};
use model::{ClusterId, ClusterName, InstanceId, ServiceName, Timestamp};
use std::sync::Arc;

/// An instance of a cluster that serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Own {
    /// Whose.
    pub cluster: ClusterId,
    /// What that is called.
    pub cluster_name: ClusterName,
    /// Which.
    pub instance: InstanceId,
    /// The name it is found by.
    pub name: ServiceName,
    /// Where it is.
    pub url: String,
    /// What kind of service it is.
    pub category: String,
}

impl Entries {
    pub(crate) fn put_own(&mut self, own: &Own, now: Timestamp) -> Changed {
        let key = own.key();
        let mut changed = Changed::default();
        let owner = (own.cluster.clone(), own.instance.clone());
        self.withheld.remove(&owner);
        self.expected.remove(&owner);
        let known = self.own.get(&owner).cloned();
        let before = known.as_ref().and_then(|key| self.get(key));
        let since = before.map_or(now, |entry| entry.listed.view.since);
        let view = RegistryView {
            name: key.name.clone(),
            id: key.id.clone(),
            url: own.url.clone(),
            kept_by: KeptBy::Own,
            cluster: Some(own.cluster.clone()),
            cluster_name: Some(own.cluster_name.to_string()),
            instance: Some(own.instance.clone()),
            tags: Vec::new(),
            // No definition says one.
            version: None,
            category: Some(own.category.clone()),
            health: Health::Passing,
            health_why: None,
            since,
            expires: None,
        };
        if before.is_some_and(|entry| entry.listed.view == view) {
            return changed;
        }
        if let Some(known) = known
            && known != key
        {
            self.remove(&known, &mut changed);
        }
        self.own.insert(owner, key);
        let listed = Listed {
            view,
            wish: None,
            checks: Vec::new(),
            create_index: 0,
            modify_index: 0,
        };
        self.put(Entry::new(listed, None, Vec::new()), &mut changed);
        changed
    }

    pub(crate) fn remove_own(&mut self, cluster: &ClusterId, instance: &InstanceId) -> Changed {
        let owner = (cluster.clone(), instance.clone());
        let mut changed = Changed::default();
        self.expected.remove(&owner);
        if let Some(withheld) = self.withheld.remove(&owner) {
            self.touch(&withheld, What::Removed, &mut changed);
        }
        if let Some(key) = self.own.remove(&owner) {
            self.remove(&key, &mut changed);
        }
        changed
    }

    pub(crate) fn withhold_own(
        &mut self,
        cluster: &ClusterId,
        instance: &InstanceId,
        name: &ServiceName,
        why: &str,
        now: Timestamp,
    ) -> Changed {
        let owner = (cluster.clone(), instance.clone());
        let before = self.withheld.get(&owner);
        if before.is_some_and(|one| one.why == why && one.name == name.as_str()) {
            return Changed::default();
        }
        let since = before.map_or(now, |before| before.since);
        let mut changed = self.remove_own(cluster, instance);
        let withheld = Withheld {
            cluster: cluster.clone(),
            instance: instance.clone(),
            name: name.to_string(),
            why: why.to_owned(),
            since,
        };
        let what = What::Withheld {
            why: why.to_owned(),
            since,
        };
        self.touch(&withheld, what, &mut changed);
        self.withheld.insert(owner, withheld);
        changed
    }

    /// Nothing of it is listed otherwise, and who waits for it wants to know.
    fn touch(&mut self, of: &Withheld, what: What, changed: &mut Changed) {
        let index = self.next();
        match self.names.get_mut(&of.name) {
            Some(named) => named.index = index,
            None => self.extinct = index,
        }
        let id = format!("{}.{}", of.cluster, of.instance);
        let key = Arc::new(Key::new(&of.name, &id));
        changed.of.push(Arc::clone(&key));
        self.note(index, key, what);
    }

    /// An instance of this name that is withheld: the first.
    pub(crate) fn withheld_of(&self, name: &str) -> Option<&Withheld> {
        self.withheld.values().find(|one| one.name == name)
    }

    /// All instances that are withheld.
    pub(crate) fn withheld(&self) -> impl Iterator<Item = &Withheld> {
        self.withheld.values()
    }

    /// Nobody else adds to the name of a cluster's service: traffic goes where a name points. An instance
    /// that is on its way may.
    pub(crate) fn not_own(&self, wish: &Registration) -> Result<(), Error> {
        if self.is_expected(&wish.name, &wish.url) {
            return Ok(());
        }
        match self
            .named(&wish.name)
            .find_map(|entry| entry.listed.view.cluster.as_ref())
            .or(self.withheld_of(&wish.name).map(|one| &one.cluster))
            .or_else(|| self.claimed(&wish.name, &wish.id))
        {
            Some(cluster) => Err(Error::Kept {
                name: wish.name.clone(),
                cluster: cluster.to_string(),
            }),
            None => Ok(()),
        }
    }
}

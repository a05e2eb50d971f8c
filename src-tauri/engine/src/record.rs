//! What is remembered of a cluster on disk: enough to adopt it without reading its folder again.
//!
//! One JSON file per cluster, replaced atomically, private to its owner because it holds the
//! environment `up` was run with.

use crate::Error;
use crate::drivers::Way;
use crate::replace::replace;
use model::{ActId, ClusterId, ClusterName, InstanceId, Origin, PortTaken, ServiceName, Timestamp};
use orchestrator::Unfinished;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a stop took down.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct LastStop {
    /// When. The same for all clusters that one emergency stop ended.
    pub(crate) at: Timestamp,
    /// What was wanted until then.
    pub(crate) services: Vec<ServiceName>,
}

/// How many instances of a service a person wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Scaled {
    /// What its definition said then. Once that says something else, it counts.
    pub(crate) defined: u16,
    /// What a person has said.
    pub(crate) to: u16,
}

/// A volume that is to go, as it was when a person wanted that: one without a name of its own is known by its
/// container, and that goes first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Going {
    /// What its daemon calls it.
    pub(crate) name: String,
    /// Nobody has named it.
    pub(crate) unnamed: bool,
}

/// One cluster as remembered.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ClusterRecord {
    /// Its id.
    pub(crate) id: ClusterId,
    /// Its folder.
    pub(crate) folder: PathBuf,
    /// The file of the folder that defines it, where somebody has named it.
    #[serde(default)]
    pub(crate) file: Option<String>,
    /// The definition it runs on, replicas as last scaled.
    pub(crate) definition: Arc<spec::Cluster>,
    /// The environment its services get.
    pub(crate) env: BTreeMap<String, String>,
    /// The ports of its instances: its own, then the one it shares with the others of its service.
    pub(crate) ports: BTreeMap<InstanceId, Vec<u16>>,
    /// Services that are not wanted: a person stopped them.
    pub(crate) stopped: BTreeSet<ServiceName>,
    /// Why each of them is not.
    #[serde(default)]
    pub(crate) why_stopped: BTreeMap<ServiceName, String>,
    /// What the last stop of the whole cluster took down, for `resume`.
    #[serde(default)]
    pub(crate) last_stop: Option<LastStop>,
    /// Restarts that were under way when this was written.
    #[serde(default)]
    pub(crate) unfinished: Unfinished,
    /// The act that took it down, until nothing is left of its containers and networks.
    #[serde(default)]
    pub(crate) to_clear: Option<ActId>,
    /// The volumes that a person wants to go with it, until it was tried. An older engine wrote names alone under
    /// another key; these stay.
    #[serde(default, rename = "volumes_going")]
    pub(crate) volumes_to_clear: Vec<Going>,
    /// When it was first run.
    pub(crate) created: Timestamp,
    /// Who wanted each instance to run.
    #[serde(default)]
    pub(crate) origins: BTreeMap<InstanceId, Origin>,
    /// The ports that instances would rather have, and who had them.
    #[serde(default)]
    pub(crate) ports_taken: BTreeMap<InstanceId, PortTaken>,
    /// What makes its containers as good as root, as it was told and allowed; `None` where an older engine wrote this.
    #[serde(default)]
    pub(crate) risks: Option<BTreeSet<String>>,
    /// What was asked for since something of it runs, with which its file is read.
    #[serde(default)]
    pub(crate) asked: spec::Choice,
    /// Services that a person has scaled.
    #[serde(default)]
    pub(crate) scaled: BTreeMap<ServiceName, Scaled>,
    /// How the containers of a service reach processes that listen on 127.0.0.1 alone.
    #[serde(default)]
    pub(crate) ways: BTreeMap<ServiceName, Way>,
    /// What its folder adds to the rules of who may do what, as it was when this was brought up.
    #[serde(default)]
    pub(crate) rules: Option<String>,
}

impl ClusterRecord {
    /// A definition with as many instances as a person has scaled its services to, and in words which these are.
    /// Forgets what the definition says anew, and what it does not have any more.
    pub(crate) fn as_scaled(
        &mut self,
        definition: Arc<spec::Cluster>,
    ) -> (Arc<spec::Cluster>, Vec<String>) {
        self.scaled.retain(|name, scaled| {
            let service = definition.services.get(name);
            let daemon = service.filter(|service| service.kind == spec::Kind::Daemon);
            daemon.is_some_and(|service| service.replicas == scaled.defined)
        });
        if self.scaled.is_empty() {
            return (definition, Vec::new());
        }
        let mut definition = spec::Cluster::clone(&definition);
        let mut words = Vec::new();
        for (name, scaled) in &self.scaled {
            let Some(service) = definition.services.get_mut(name) else {
                continue;
            };
            let Scaled { defined, to } = *scaled;
            service.replicas = to.min(service.max_replicas.unwrap_or(to));
            words.push(format!(
                "{name}: {} instances, as it was scaled; `azora scale {name}={defined}` goes back to what its definition says",
                service.replicas
            ));
        }
        (Arc::new(definition), words)
    }

    /// Notes how many a person wants of a service.
    pub(crate) fn scale(&mut self, name: &ServiceName, defined: u16, to: u16) {
        let known = self.scaled.get(name).map(|scaled| scaled.defined);
        let defined = known.unwrap_or(defined);
        match defined == to {
            true => self.scaled.remove(name),
            false => self.scaled.insert(name.clone(), Scaled { defined, to }),
        };
    }

    /// Of a cluster that was never up.
    pub(crate) fn new(
        id: ClusterId,
        folder: PathBuf,
        definition: Arc<spec::Cluster>,
        created: Timestamp,
    ) -> Self {
        Self {
            id,
            folder,
            file: None,
            definition,
            env: BTreeMap::new(),
            ports: BTreeMap::new(),
            stopped: BTreeSet::new(),
            why_stopped: BTreeMap::new(),
            last_stop: None,
            unfinished: Unfinished::default(),
            to_clear: None,
            volumes_to_clear: Vec::new(),
            created,
            origins: BTreeMap::new(),
            ports_taken: BTreeMap::new(),
            risks: None,
            asked: spec::Choice::default(),
            scaled: BTreeMap::new(),
            ways: BTreeMap::new(),
            rules: None,
        }
    }

    /// Services that are wanted.
    pub(crate) fn wanted(&self) -> Vec<ServiceName> {
        self.definition
            .services
            .keys()
            .filter(|name| !self.stopped.contains(*name))
            .cloned()
            .collect()
    }

    /// Nothing of it is wanted.
    pub(crate) fn is_down(&self) -> bool {
        let mut services = self.definition.services.keys();
        services.all(|service| self.stopped.contains(service))
    }

    /// It has containers by its definition.
    pub(crate) fn defines_containers(&self) -> bool {
        let mut services = self.definition.services.values();
        services.any(|service| service.runs.container().is_some())
    }

    /// Its daemon may have some of it: it has containers by its definition and something of it is
    /// wanted, or what was taken down may be left.
    pub(crate) fn has_containers(&self) -> bool {
        self.to_clear.is_some() || (!self.is_down() && self.defines_containers())
    }

    /// Its daemon may have some of it, also when it is down: what of it stays then.
    pub(crate) fn may_need_daemon(&self) -> bool {
        self.to_clear.is_some() || self.defines_containers()
    }

    /// Something of it is wanted: nothing that it has is to be removed any more.
    pub(crate) fn keep_what_is_wanted(&mut self) {
        if !self.is_down() {
            self.to_clear = None;
            self.volumes_to_clear.clear();
        }
    }

    /// An act took the cluster down, and these volumes are to go with it. What an act before it wants removed, and
    /// nobody has been told of yet, goes with it too.
    pub(crate) fn take_down(&mut self, act: Option<ActId>, volumes: Vec<Going>) {
        self.to_clear = act;
        let pending = &mut self.volumes_to_clear;
        for volume in volumes {
            if !pending.contains(&volume) {
                pending.push(volume);
            }
        }
    }

    /// It was tried, and is told what came of it. What is left of containers and networks is tried again; a volume
    /// that stayed is not: whoever has read that may put into it what is to be kept.
    pub(crate) fn cleared(&mut self, down: ActId, left: bool) {
        if self.to_clear == Some(down) {
            self.volumes_to_clear.clear();
            self.to_clear = left.then_some(down);
        }
    }

    /// The port all instances of a service listen on, where its definition says so.
    pub(crate) fn shared_port(&self, service: &ServiceName) -> Option<u16> {
        let shared = self.definition.services.get(service)?.listen == Some(spec::Listen::Shared);
        let mut ports = self.ports.range(span(service));
        shared.then(|| ports.find_map(|(_, ports)| ports.get(1).copied()))?
    }

    /// Notes the port that all instances of a service listen on, after each one's own.
    pub(crate) fn share_port(&mut self, service: &ServiceName, port: u16) {
        for (_, ports) in self.ports.range_mut(span(service)) {
            ports.truncate(1);
            ports.push(port);
        }
    }

    /// Takes an instance's ports out, and answers those that none of its service has any more.
    pub(crate) fn drop_ports(&mut self, instance: &InstanceId) -> Vec<u16> {
        let mut ports = self.ports.remove(instance).unwrap_or_default();
        for (_, others) in self.ports.range(span(&instance.service)) {
            ports.retain(|port| !others.contains(port));
        }
        ports
    }

    /// Nothing is wanted from now on; what was is remembered for `resume`.
    pub(crate) fn stop_all(&mut self, at: Timestamp) {
        let services = self.wanted();
        if !services.is_empty() {
            self.last_stop = Some(LastStop { at, services });
        }
        self.stopped = self.definition.services.keys().cloned().collect();
    }

    /// Writes it beside the old one and puts it in its place.
    pub(crate) fn save(&self, path: &Path) -> Result<(), Error> {
        let failed = |source: std::io::Error| Error::Home {
            path: path.to_owned(),
            source,
        };
        let json = serde_json::to_vec(self).map_err(|error| failed(error.into()))?;
        if let Some(folder) = path.parent() {
            let mut private = std::fs::DirBuilder::new();
            private.recursive(true).mode(0o700);
            private.create(folder).map_err(failed)?;
        }
        replace(path, json, true).map_err(failed)
    }

    /// Reads one.
    pub(crate) fn load(path: &Path) -> Result<Self, Error> {
        let failed = |source: std::io::Error| Error::Home {
            path: path.to_owned(),
            source,
        };
        let bytes = std::fs::read(path).map_err(failed)?;
        serde_json::from_slice(&bytes).map_err(|error| failed(error.into()))
    }
}

/// Who a shared port is granted to: nobody of the instances, so that none is given it as its own as
/// well. No service has so many.
pub(crate) fn sharer(service: &ServiceName) -> InstanceId {
    InstanceId::new(service.clone(), u16::MAX)
}

/// The range of ids a service's instances lie in.
fn span(service: &ServiceName) -> RangeInclusive<InstanceId> {
    InstanceId::new(service.clone(), 0)..=InstanceId::new(service.clone(), u16::MAX)
}

/// The id of the cluster that `name` in `folder` is: the same folder gives the same id, another
/// worktree of the same repository another one. `folder` is canonical.
pub fn cluster_id(folder: &Path, name: &ClusterName) -> ClusterId {
    // FNV-1a: stable over Rust releases, which std's hasher does not promise. It keeps folders
    // apart, it guards nothing.
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let bytes = folder.as_os_str().as_encoded_bytes().iter();
    for byte in bytes.chain(&[0]).chain(name.as_str().as_bytes()) {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    let short = (hash >> 32) ^ (hash & 0xffff_ffff);
    // A name may fill its 63 bytes; the hash takes nine of them.
    let mut stem = name.as_str();
    while stem.len() > model::name::MAX_NAME - 9 {
        stem = &stem[..stem.len() - 1];
    }
    format!("{stem}-{short:08x}")
        .parse()
        .expect("a name's beginning, a hyphen and hex digits are a name")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_that_was_told_to_stay_is_not_removed_by_a_later_engine() {
        let definition = spec::parse(spec::FILE, "w", b"[service.a]\nimage = \"a\"\n").unwrap();
        let id = "w-00000000".parse().unwrap();
        let mut record = ClusterRecord::new(id, "/w".into(), Arc::new(definition), Timestamp(0));
        let data = Going {
            name: "data".into(),
            unnamed: false,
        };
        record.take_down(Some(ActId(1)), vec![data.clone()]);
        // A second `down` takes nothing back that a person has agreed to.
        record.take_down(Some(ActId(2)), Vec::new());
        // An engine that dies here leaves both to the next one.
        let written = serde_json::to_vec(&record).unwrap();
        let mut record: ClusterRecord = serde_json::from_slice(&written).unwrap();
        assert_eq!(record.volumes_to_clear, [data]);
        record.cleared(ActId(1), false);
        assert_eq!(record.to_clear, Some(ActId(2)), "that is another's end");
        assert_eq!(record.volumes_to_clear.len(), 1);
        // Containers are left: the next one goes on with these alone.
        record.cleared(ActId(2), true);
        assert_eq!(record.to_clear, Some(ActId(2)));
        assert_eq!(record.volumes_to_clear, []);
        record.cleared(ActId(2), false);
        assert_eq!(record.to_clear, None);
    }

    #[test]
    fn folders_are_told_apart_and_the_same_one_is_found_again() {
        let name: ClusterName = "shop".parse().unwrap();
        let one = cluster_id(Path::new("/w/a"), &name);
        assert_eq!(one, cluster_id(Path::new("/w/a"), &name));
        assert_ne!(one, cluster_id(Path::new("/w/b"), &name));
        let long: ClusterName = "a".repeat(63).parse().unwrap();
        assert_eq!(cluster_id(Path::new("/w"), &long).as_str().len(), 63);
    }
}

//! The read model: all that hosts show, kept up to date and told as numbered changes.
//!
//! Every change is applied and sent under one lock, so a snapshot and the deltas after it never
//! miss or repeat anything.

use model::view::{Change, ClusterView, Delta, EngineView, Pulse, RegistryView, Snapshot};
use model::{
    Autonomy, ClusterId, Event, Incident, IncidentId, IncidentState, InstanceId, InstanceStatus,
    Mute, ObservedConnection, Overall, ServiceName, Timestamp,
};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::broadcast;

/// Events kept for a snapshot.
const EVENTS: usize = 200;
/// Ended incidents kept for a snapshot.
const INCIDENTS: usize = 200;
/// Deltas a slow reader may fall behind before it gets a new snapshot.
const BEHIND: usize = 4_096;

/// See the module.
pub(crate) struct Picture {
    inner: Mutex<Inner>,
    deltas: broadcast::Sender<Arc<Delta>>,
}

struct Inner {
    seq: u64,
    engine: EngineView,
    clusters: BTreeMap<ClusterId, ClusterView>,
    instances: BTreeMap<ClusterId, BTreeMap<InstanceId, InstanceStatus>>,
    pulses: BTreeMap<ClusterId, BTreeMap<InstanceId, Pulse>>,
    connections: BTreeMap<ClusterId, Vec<ObservedConnection>>,
    incidents: BTreeMap<IncidentId, Incident>,
    events: VecDeque<Event>,
    registry: BTreeMap<(String, String), RegistryView>,
    registry_total: u32,
    mutes: Vec<Mute>,
}

impl Picture {
    /// A picture of a home where nothing runs yet. `incidents` and `events` are what the store
    /// remembers, events oldest first.
    pub(crate) fn new(engine: EngineView, incidents: Vec<Incident>, events: Vec<Event>) -> Self {
        let inner = Inner {
            seq: 0,
            engine,
            clusters: BTreeMap::new(),
            instances: BTreeMap::new(),
            pulses: BTreeMap::new(),
            connections: BTreeMap::new(),
            incidents: incidents.into_iter().map(|one| (one.id, one)).collect(),
            events: events.into(),
            registry: BTreeMap::new(),
            registry_total: 0,
            mutes: Vec::new(),
        };
        Self {
            inner: Mutex::new(inner),
            deltas: broadcast::Sender::new(BEHIND),
        }
    }

    // A reader that panicked left a whole picture behind: every change is applied in one piece.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Applies a change and tells everyone.
    pub(crate) fn publish(&self, change: Change) {
        let mut inner = self.lock();
        inner.apply(&change);
        self.send(&mut inner, change);
    }

    /// A cluster is new or changed. The home's overall state is worked out here.
    pub(crate) fn publish_cluster(&self, cluster: ClusterView) {
        let mut inner = self.lock();
        inner.clusters.insert(cluster.id.clone(), cluster.clone());
        let overall = inner.overall();
        self.send(&mut inner, Change::Cluster { cluster, overall });
    }

    /// How a cluster is that was published before. The home's overall state is worked out here.
    pub(crate) fn publish_state(
        &self,
        cluster: &ClusterId,
        state: Overall,
        reason: &str,
        (held, held_until, autonomy): (bool, Option<Timestamp>, Autonomy),
    ) {
        let mut inner = self.lock();
        let Some(known) = inner.clusters.get_mut(cluster) else {
            return;
        };
        known.overall = state;
        reason.clone_into(&mut known.reason);
        (known.held, known.held_until) = (held, held_until);
        known.autonomy = autonomy;
        let overall = inner.overall();
        let change = Change::ClusterState {
            cluster: cluster.clone(),
            state,
            reason: reason.to_owned(),
            held,
            held_until,
            autonomy,
            overall,
        };
        self.send(&mut inner, change);
    }

    fn send(&self, inner: &mut Inner, change: Change) {
        inner.seq += 1;
        // Nobody listening is not an error.
        let _ = self.deltas.send(Arc::new(Delta {
            seq: inner.seq,
            change,
        }));
    }

    /// The whole picture and everything that changes after it.
    pub(crate) fn feed(&self) -> (Snapshot, broadcast::Receiver<Arc<Delta>>) {
        let inner = self.lock();
        (inner.snapshot(), self.deltas.subscribe())
    }

    /// Keeps newer counts of connections that are shown already.
    pub(crate) fn set_connections(
        &self,
        cluster: &ClusterId,
        connections: Vec<ObservedConnection>,
    ) {
        self.lock().connections.insert(cluster.clone(), connections);
    }

    /// The whole picture.
    pub(crate) fn snapshot(&self) -> Snapshot {
        self.lock().snapshot()
    }

    /// The engine's own view.
    pub(crate) fn engine(&self) -> EngineView {
        self.lock().engine.clone()
    }

    /// Changes the engine's own view. It is sent with the next snapshot; it changes while a host
    /// is being built, before anyone reads the feed.
    pub(crate) fn set_engine(&self, change: impl FnOnce(&mut EngineView)) {
        change(&mut self.lock().engine);
    }

    /// An incident as it is shown.
    pub(crate) fn incident(&self, id: IncidentId) -> Option<Incident> {
        self.lock().incidents.get(&id).cloned()
    }

    /// Incidents that go on, oldest first; of one cluster, or of all.
    pub(crate) fn unended(&self, cluster: Option<&ClusterId>) -> Vec<Incident> {
        let inner = self.lock();
        let unended = inner.incidents.values().filter(|one| {
            // Versions before timelines let one in quarantine stand so for ever.
            let goes_on = one.state == IncidentState::Open || one.waits.is_some();
            goes_on && cluster.is_none_or(|cluster| one.cluster == *cluster)
        });
        unended.cloned().collect()
    }

    /// What no notification is shown of.
    pub(crate) fn mutes(&self) -> Vec<Mute> {
        self.lock().mutes.clone()
    }

    /// The services that a cluster defines.
    pub(crate) fn services(&self, cluster: &ClusterId) -> Vec<ServiceName> {
        let inner = self.lock();
        let defined = inner.clusters.get(cluster).map(|one| &one.services);
        let names = defined.into_iter().flatten().map(|one| one.name.clone());
        names.collect()
    }

    /// There is a service that healing may add instances to.
    pub(crate) fn grows(&self) -> bool {
        let inner = self.lock();
        let mut services = inner.clusters.values().flat_map(|one| &one.services);
        services.any(|service| service.max_replicas.is_some())
    }

    /// The instances of a cluster.
    pub(crate) fn instances(&self, cluster: &ClusterId) -> Vec<InstanceStatus> {
        let inner = self.lock();
        inner
            .instances
            .get(cluster)
            .map(|all| all.values().cloned().collect())
            .unwrap_or_default()
    }

    /// A process of this instance is there.
    pub(crate) fn runs(&self, cluster: &ClusterId, instance: &InstanceId) -> bool {
        let inner = self.lock();
        let all = inner.instances.get(cluster);
        let status = all.and_then(|all| all.get(instance));
        status.is_some_and(|status| status.pid.is_some())
    }
}

impl Inner {
    fn overall(&self) -> Overall {
        self.clusters
            .values()
            .map(|cluster| cluster.overall)
            .max()
            .unwrap_or(Overall::Stopped)
    }

    fn snapshot(&self) -> Snapshot {
        let mut incidents: Vec<Incident> = self.incidents.values().cloned().collect();
        incidents.reverse();
        Snapshot {
            seq: self.seq,
            engine: self.engine.clone(),
            overall: self.overall(),
            clusters: self.clusters.values().cloned().collect(),
            instances: self
                .instances
                .iter()
                .map(|(id, all)| (id.clone(), all.values().cloned().collect()))
                .collect(),
            pulses: self.pulses.clone(),
            connections: self.connections.clone(),
            incidents,
            events: self.events.iter().cloned().collect(),
            registry: self.registry.values().cloned().collect(),
            registry_total: self.registry_total,
            mutes: self.mutes.clone(),
        }
    }

    fn apply(&mut self, change: &Change) {
        match change {
            Change::Cluster { cluster, .. } => {
                self.clusters.insert(cluster.id.clone(), cluster.clone());
            }
            // Applied where it is made.
            Change::ClusterState { .. } => {}
            Change::ClusterRemoved { cluster } => {
                self.clusters.remove(cluster);
                self.instances.remove(cluster);
                self.pulses.remove(cluster);
                self.connections.remove(cluster);
            }
            Change::Instances { cluster, instances } => {
                let all = self.instances.entry(cluster.clone()).or_default();
                for status in instances {
                    all.insert(status.instance.clone(), status.clone());
                }
            }
            Change::InstancesRemoved { cluster, instances } => {
                for instance in instances {
                    if let Some(all) = self.instances.get_mut(cluster) {
                        all.remove(instance);
                    }
                    if let Some(all) = self.pulses.get_mut(cluster) {
                        all.remove(instance);
                    }
                }
            }
            Change::Pulses { cluster, pulses } => {
                let all = self.pulses.entry(cluster.clone()).or_default();
                all.extend(pulses.iter().map(|(id, pulse)| (id.clone(), pulse.clone())));
            }
            Change::Connections {
                cluster,
                connections,
            } => {
                self.connections
                    .insert(cluster.clone(), connections.clone());
            }
            Change::Incident { incident } => {
                self.incidents.insert(incident.id, incident.clone());
                self.trim_incidents();
            }
            Change::Event { event } => {
                self.events.push_back(event.clone());
                if self.events.len() > EVENTS {
                    self.events.pop_front();
                }
            }
            Change::Mutes { mutes } => self.mutes.clone_from(mutes),
            Change::Registry {
                upserts,
                removed,
                total,
            } => {
                self.registry_total = *total;
                for key in removed {
                    self.registry.remove(key);
                }
                for entry in upserts {
                    self.registry
                        .insert((entry.name.clone(), entry.id.clone()), entry.clone());
                }
            }
        }
    }

    /// Open incidents stay, of the ended ones the newest.
    fn trim_incidents(&mut self) {
        while self.incidents.len() > INCIDENTS {
            let oldest = self
                .incidents
                .values()
                .find(|one| !one.state.unended())
                .map(|one| one.id);
            match oldest {
                Some(id) => self.incidents.remove(&id),
                None => break,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Timestamp;

    fn engine() -> EngineView {
        EngineView {
            pid: 1,
            version: "0".into(),
            home: "/h".into(),
            api: None,
            registry: None,
            gateway: None,
            consul: None,
            limits: vec![],
        }
    }

    fn notice(text: &str) -> Change {
        Change::Event {
            event: Event {
                seq: 1,
                at: Timestamp(0),
                cluster: None,
                what: model::EventKind::Notice { text: text.into() },
            },
        }
    }

    #[test]
    fn a_snapshot_and_its_deltas_leave_no_gap() {
        let picture = Picture::new(engine(), vec![], vec![]);
        picture.publish(notice("before"));
        let (snapshot, mut deltas) = picture.feed();
        picture.publish(notice("after"));
        assert_eq!(snapshot.seq, 1);
        assert_eq!(snapshot.events.len(), 1);
        assert_eq!(deltas.try_recv().unwrap().seq, 2);
        assert!(deltas.try_recv().is_err());
    }
}

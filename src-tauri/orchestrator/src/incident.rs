//! The book of incidents: opened with the cause, added to, ended with what it took.
//!
//! One incident belongs to one root instance. A fault that comes before the recovery has lasted
//! continues the same incident, so a crash loop is one story and not twenty. A dependent's incident
//! that turns out to be the root's doing is closed into the root's.

use crate::cluster::Tale;
use crate::instance::{Care, Goal};
use crate::io::Effect;
use crate::step::Step;
use healing::history::Lasted;
use model::{Incident, IncidentId, IncidentState, InstanceId, Remedy, RemedyKind, ServiceName};
use std::collections::BTreeSet;

impl Step<'_> {
    fn tale(&mut self, id: &InstanceId) -> Option<(u64, &mut Tale)> {
        let key = self.cluster.instances.get(id)?.incident?;
        Some((key, self.cluster.incidents.get_mut(&key)?))
    }

    /// Opens an incident, or continues the one this fault belongs to.
    pub(crate) fn open_incident(
        &mut self,
        id: &InstanceId,
        cause: String,
        lasted: Lasted,
        dependents: &BTreeSet<ServiceName>,
    ) {
        let suffering: Vec<ServiceName> = dependents
            .iter()
            .filter(|name| self.suffers(name))
            .cloned()
            .collect();
        if let Some((key, tale)) = self.tale(id) {
            let incident = &mut tale.incident;
            if incident.state != IncidentState::Resolved || lasted == Lasted::Briefly {
                incident.state = IncidentState::Open;
                incident.resolved = None;
                incident.duration_ms = None;
                let new = suffering
                    .iter()
                    .filter(|name| !incident.impacted.contains(name));
                let new: Vec<ServiceName> = new.cloned().collect();
                incident.impacted.extend(new);
                self.out.incidents.insert(key);
                return;
            }
            self.cluster.incidents.remove(&key);
        }
        self.cluster.last_incident += 1;
        let key = self.cluster.last_incident;
        let incident = Incident {
            id: IncidentId(0),
            cluster: self.cluster.id.clone(),
            service: id.service.clone(),
            instance: id.clone(),
            state: IncidentState::Open,
            cause,
            impacted: suffering,
            actions: Vec::new(),
            opened: self.now.wall,
            resolved: None,
            duration_ms: None,
        };
        self.cluster.incidents.insert(
            key,
            Tale {
                incident,
                opened: self.now.mono,
            },
        );
        if let Some(instance) = self.cluster.instances.get_mut(id) {
            instance.incident = Some(key);
        }
        self.out.incidents.insert(key);
    }

    /// Some instance of it is wanted and not done, so it suffers when what it needs is down.
    fn suffers(&self, service: &ServiceName) -> bool {
        self.cluster.instances_of(service).any(|(id, instance)| {
            self.cluster.goal(id) == Goal::Run
                && !instance.done
                && !matches!(instance.care, Care::Quarantined(_))
        })
    }

    /// A root is recognised: open incidents of what needs it, if they are recent, are its doing.
    /// They are closed into it, and what was tried for them is not held against them.
    pub(crate) fn take_over(&mut self, root: &ServiceName, dependents: &BTreeSet<ServiceName>) {
        for id in self.cluster.ids_of_all(dependents) {
            let now = self.now.mono;
            let Some((key, tale)) = self.tale(&id) else {
                continue;
            };
            if tale.incident.state != IncidentState::Open
                || !healing::cause::same_incident(tale.opened, now)
            {
                continue;
            }
            tale.incident.cause = format!("{}; the cause was {root}", tale.incident.cause);
            self.end_incident(key, IncidentState::Closed);
            let Some(instance) = self.cluster.instances.get_mut(&id) else {
                continue;
            };
            instance.incident = None;
            instance.history.forgive();
            // A remedy under way goes on; one that was only thought of waits for the root.
            if !matches!(instance.care, Care::Idle | Care::Quarantined(_)) {
                self.suffer(&id);
            }
        }
    }

    /// Adds what is being tried.
    pub(crate) fn note_remedy(&mut self, id: &InstanceId, kind: RemedyKind, detail: String) {
        let at = self.now.wall;
        if let Some((key, tale)) = self.tale(id) {
            tale.incident.actions.push(Remedy { at, kind, detail });
            self.out.incidents.insert(key);
        }
    }

    /// It serves again.
    pub(crate) fn resolve_incident(&mut self, id: &InstanceId) {
        if let Some((key, tale)) = self.tale(id)
            && tale.incident.state != IncidentState::Resolved
        {
            self.end_incident(key, IncidentState::Resolved);
        }
    }

    /// Healing gave up.
    pub(crate) fn quarantine_incident(&mut self, id: &InstanceId) {
        if let Some((key, tale)) = self.tale(id) {
            tale.incident.state = IncidentState::Quarantined;
            self.out.incidents.insert(key);
        }
    }

    /// A person stopped it, or it is no more. One in quarantine stays told as such.
    pub(crate) fn close_incident(&mut self, id: &InstanceId) {
        if let Some((key, tale)) = self.tale(id) {
            if tale.incident.state == IncidentState::Open {
                self.end_incident(key, IncidentState::Closed);
            } else if !self.out.incidents.contains(&key) {
                self.cluster.incidents.remove(&key);
            }
        }
        if let Some(instance) = self.cluster.instances.get_mut(id) {
            instance.incident = None;
        }
    }

    fn end_incident(&mut self, key: u64, state: IncidentState) {
        let wall = self.now.wall;
        let mono = self.now.mono;
        let Some(tale) = self.cluster.incidents.get_mut(&key) else {
            return;
        };
        tale.incident.state = state;
        tale.incident.resolved = Some(wall);
        let took = mono.since(tale.opened).as_millis();
        tale.incident.duration_ms = Some(u64::try_from(took).unwrap_or(u64::MAX));
        self.out.incidents.insert(key);
    }

    /// The incident as it is at the end of the step; one that is over for good is forgotten.
    pub(crate) fn incident_effect(&mut self, key: u64) -> Option<Effect> {
        let incident = self.cluster.incidents.get(&key)?.incident.clone();
        let of = self.cluster.instances.get(&incident.instance);
        if of.and_then(|instance| instance.incident) != Some(key) {
            self.cluster.incidents.remove(&key);
        }
        Some(Effect::Incident { key, incident })
    }
}

//! The book of incidents: opened with the cause, added to, ended with what it took.
//!
//! One incident belongs to one root instance. A fault that comes before the recovery has lasted
//! continues the same incident, so a crash loop is one story and not twenty. A dependent's incident
//! that turns out to be the root's doing is closed into the root's. What it tells line by line is
//! [`crate::timeline`].

use crate::cluster::Tale;
use crate::effect::Effect;
use crate::instance::{Care, Goal};
use crate::step::Step;
use healing::history::Lasted;
use healing::words;
use model::incident::MAX_TEXT;
use model::text::harmless;
use model::{
    ActId, EntryKind, Incident, IncidentId, IncidentState, InstanceId, Reason, Remedy, RemedyKind,
    RemedyOutcome, ServiceName, State,
};
use std::collections::BTreeSet;

impl Step<'_> {
    pub(crate) fn tale(&mut self, id: &InstanceId) -> Option<(u64, &mut Tale)> {
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
        // A sentence of its own: it is read where nothing else says whom it is about.
        let cause = match cause.starts_with(&id.to_string()) {
            true => cause,
            false => format!("{id}: {cause}"),
        };
        let suffering: Vec<ServiceName> = dependents
            .iter()
            .filter(|name| self.suffers(name))
            .cloned()
            .collect();
        let now = self.now.mono;
        let generation = self.cluster.instances.get(id).map(|one| one.generation);
        if let Some((key, tale)) = self.tale(id) {
            let worse = std::mem::take(&mut tale.unready);
            let anew = std::mem::take(&mut tale.anew);
            if tale.goes_on(lasted, now) {
                self.came_to(key, RemedyOutcome::DidNotHelp);
                let Some(tale) = self.cluster.incidents.get_mut(&key) else {
                    return;
                };
                tale.ended = None;
                let incident = &mut tale.incident;
                if anew {
                    incident.cause = harmless(&cause, MAX_TEXT);
                    tale.renewed = generation;
                } else if worse {
                    let cause = format!("{cause}; before that it was not ready");
                    incident.cause = harmless(&cause, MAX_TEXT);
                }
                incident.state = IncidentState::Open;
                incident.resolved = None;
                incident.duration_ms = None;
                let new = suffering
                    .iter()
                    .filter(|name| !incident.impacted.contains(name));
                let new: Vec<ServiceName> = new.cloned().collect();
                incident.impacted.extend(new);
                self.out.incidents.insert(key);
                self.tell_fault(key, id, &cause);
                self.tell_impact(key, suffering);
                return;
            }
            self.cluster.incidents.remove(&key);
        }
        self.cluster.last_incident += 1;
        let key = self.cluster.last_incident;
        let (began, began_by) = self.began(id);
        let incident = Incident {
            id: IncidentId(0),
            cluster: self.cluster.id.clone(),
            service: id.service.clone(),
            instance: id.clone(),
            state: IncidentState::Open,
            cause: harmless(&cause, MAX_TEXT),
            impacted: suffering.clone(),
            actions: Vec::new(),
            unlisted: Vec::new(),
            opened: self.now.wall,
            resolved: None,
            duration_ms: None,
            began: Some(began),
            began_by: Some(began_by),
            detect_ms: Some(self.now.wall.millis_since(began)),
            waits: None,
            person: false,
            entries: 0,
        };
        self.cluster.incidents.insert(
            key,
            Tale {
                first: generation,
                ..Tale::of(incident, self.now.mono)
            },
        );
        if let Some(instance) = self.cluster.instances.get_mut(id) {
            instance.incident = Some(key);
        }
        self.out.incidents.insert(key);
        self.tell_fault(key, id, &cause);
        self.tell_impact(key, suffering);
    }

    /// A service suffers from this one, too, as is known from `why`: it is told with the root's open
    /// incidents.
    pub(crate) fn impact(&mut self, root: &ServiceName, service: &ServiceName, why: &str) {
        for id in self.cluster.ids_of(root) {
            if let Some((key, tale)) = self.tale(&id)
                && tale.incident.state == IncidentState::Open
                && !tale.incident.impacted.contains(service)
            {
                tale.incident.impacted.push(service.clone());
                self.out.incidents.insert(key);
                self.tell_impact(key, vec![service.clone()]);
                self.tell(key, EntryKind::Impact, why, None);
            }
        }
    }

    /// The same of one that suffers when the root's incidents have just ended.
    pub(crate) fn impact_late(&mut self, root: &ServiceName, service: &ServiceName, text: &str) {
        for id in self.cluster.ids_of(root) {
            if let Some((key, tale)) = self.tale(&id) {
                if !tale.incident.impacted.contains(service) {
                    tale.incident.impacted.push(service.clone());
                }
                self.tell(key, EntryKind::Impact, text, None);
            }
        }
    }

    /// A service that serves, but not as it should, is why another fails: that is its incident.
    pub(crate) fn degraded_incident(&mut self, root: &ServiceName, service: &ServiceName) {
        let mut instances = self.cluster.instances_of(root);
        let degraded = instances.find(|(_, one)| one.state == State::Degraded);
        let Some((id, instance)) = degraded else {
            return;
        };
        let words = &instance.reason.text;
        let cause = format!("{id} is degraded: {words}; {service} fails");
        let id = id.clone();
        let text = words.clone();
        drop(instances);
        self.open_incident(&id, cause, Lasted::Steady, &BTreeSet::new());
        let next = format!("{service} waits for it to be quick again");
        self.set_reason(&id, Reason::new(text).then(next));
        self.out.waits.insert(id);
    }

    /// Some instance of it is wanted and not done, so it suffers when what it needs is down.
    pub(crate) fn suffers(&self, service: &ServiceName) -> bool {
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
            let cause = format!("{}; the cause was {root}", tale.incident.cause);
            tale.incident.cause = cause;
            self.tell(key, EntryKind::Root, &format!("the cause was {root}"), None);
            let why = format!("{root} is the cause, and has an incident of its own");
            self.end_incident(key, IncidentState::Closed, &why);
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
    pub(crate) fn note_remedy(
        &mut self,
        id: &InstanceId,
        kind: RemedyKind,
        detail: String,
        act: Option<ActId>,
    ) {
        let at = self.now.wall;
        let weighed = self.cluster.confidence(id, kind);
        if let Some((key, _)) = self.tale(id).filter(|_| kind.helps()) {
            // Another has to follow the last one.
            self.came_to(key, RemedyOutcome::DidNotHelp);
        }
        if let Some((key, tale)) = self.tale(id) {
            let detail = harmless(&detail, MAX_TEXT);
            let text = match kind {
                // Its reason is told by [`Step::quarantine_incident`].
                RemedyKind::Quarantine => None,
                _ => Some(detail.clone()),
            };
            tale.incident.tries(Remedy {
                cause: weighed.map(|(cause, _)| cause),
                confidence: weighed.map(|(_, confidence)| confidence),
                act,
                ..Remedy::new(at, kind, detail)
            });
            self.out.incidents.insert(key);
            if let Some(text) = text {
                let entry = match kind {
                    RemedyKind::CircuitBreak => EntryKind::Circuit,
                    _ => EntryKind::Remedy,
                };
                self.tell(key, entry, &text, act);
            }
        }
    }

    /// It serves again.
    pub(crate) fn resolve_incident(&mut self, id: &InstanceId) {
        let now = self.now.mono;
        if let Some((key, tale)) = self.tale(id)
            && tale.incident.state.unended()
        {
            let took = tale.took(now);
            let why = match self.cluster.instances.get(id) {
                Some(instance) if !instance.reason.text.is_empty() => {
                    format!(" ({})", instance.reason.text)
                }
                _ => String::new(),
            };
            let text = format!("serves again after {}{why}", words::duration(took));
            self.end_incident(key, IncidentState::Resolved, &text);
        }
    }

    /// Healing gave up.
    pub(crate) fn quarantine_incident(&mut self, id: &InstanceId, why: &str) {
        if let Some((key, _)) = self.tale(id) {
            self.came_to(key, RemedyOutcome::DidNotHelp);
        }
        if let Some((key, tale)) = self.tale(id) {
            tale.incident.state = IncidentState::Quarantined;
            tale.incident.person = true;
            self.out.incidents.insert(key);
            let text = format!("quarantine: {why}");
            self.tell(key, EntryKind::Quarantine, &text, None);
        }
    }

    /// A person stopped it, or it is no more: why in words.
    pub(crate) fn close_incident(&mut self, id: &InstanceId, why: &str) {
        if let Some((key, tale)) = self.tale(id) {
            if tale.incident.state.unended() {
                self.end_incident(key, IncidentState::Closed, why);
            } else if !self.out.incidents.contains(&key) {
                self.cluster.incidents.remove(&key);
            }
        }
        if let Some(instance) = self.cluster.instances.get_mut(id) {
            instance.incident = None;
        }
    }

    pub(crate) fn end_incident(&mut self, key: u64, state: IncidentState, why: &str) {
        let wall = self.now.wall;
        let mono = self.now.mono;
        self.tell(key, EntryKind::Ended, why, None);
        self.came_to(
            key,
            match state {
                IncidentState::Resolved => RemedyOutcome::Worked,
                _ => RemedyOutcome::Unknown,
            },
        );
        let Some(tale) = self.cluster.incidents.get_mut(&key) else {
            return;
        };
        let took = tale.took(mono).as_millis();
        tale.incident.state = state;
        tale.incident.resolved = Some(wall);
        tale.ended = Some(mono);
        tale.incident.duration_ms = Some(u64::try_from(took).unwrap_or(u64::MAX));
        tale.incident.waits = None;
        self.out.incidents.insert(key);
    }

    /// The incident as it is at the end of the step; one that is over for good is forgotten.
    pub(crate) fn incident_effect(&mut self, key: u64) -> Option<Effect> {
        let tale = self.cluster.incidents.get_mut(&key)?;
        let entries = std::mem::take(&mut tale.new);
        let incident = Box::new(tale.incident.clone());
        let of = self.cluster.instances.get(&incident.instance);
        if of.and_then(|instance| instance.incident) != Some(key) {
            self.cluster.incidents.remove(&key);
        }
        Some(Effect::Incident {
            key,
            incident,
            entries,
        })
    }
}

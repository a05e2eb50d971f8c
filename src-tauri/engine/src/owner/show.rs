//! Telling the picture what changed.

use super::{Owner, SHOW_PULSES};
use crate::clock::Clock;
use crate::{drift, launch, terminals};
use model::view::{Change, ClusterView, ProbeView, ServiceView, Usage};
use model::{
    Autonomy, Ejection, Evidence, Generation, Hold, InstanceId, InstanceStatus, Overall, ProbeKind,
    Reason, ServiceName, State, Timestamp,
};
use orchestrator::{Input, Sighting};
use std::sync::Arc;

/// What the picture was last told of the cluster as a whole.
pub(super) struct Shown {
    definition: Arc<spec::Cluster>,
    overall: Overall,
    reason: String,
    held: bool,
    held_until: Option<Timestamp>,
    autonomy: Autonomy,
}

impl Owner {
    /// Tells the picture everything that changed since it was last told.
    pub(super) fn show(&mut self) {
        self.show_at = None;
        self.let_in();
        let changed = std::mem::take(&mut self.changed);
        for instance in &changed {
            self.note_memory(instance);
        }
        let instances: Vec<_> = changed
            .iter()
            .filter_map(|instance| self.status(instance))
            .collect();
        if !instances.is_empty() {
            let change = Change::Instances {
                cluster: self.id.clone(),
                instances,
            };
            self.shared.picture.publish(change);
            terminals::pictured(&self.shared, &self.id, &changed);
        }
        let pulsed = std::mem::take(&mut self.pulsed);
        let pulses: std::collections::BTreeMap<_, _> = pulsed
            .into_iter()
            .filter_map(|id| {
                self.pulses
                    .get(&id)
                    .map(|pulse| (id.clone(), pulse.clone()))
            })
            .collect();
        if !pulses.is_empty() {
            self.shared.picture.publish(Change::Pulses {
                cluster: self.id.clone(),
                pulses,
            });
        }
        if !std::mem::take(&mut self.eventful) {
            return;
        }
        let (overall, reason) = self.overall();
        let (held, held_until) = (self.cluster.held(), self.cluster.held_until());
        let autonomy = self.cluster.autonomy();
        let definition = Arc::clone(&self.record.definition);
        let shown = self.shown.as_ref();
        if shown.is_none_or(|shown| !Arc::ptr_eq(&shown.definition, &definition)) {
            let created = self.record.created;
            self.shared.rule_gateway(&self.id, created, &definition);
            // Without a port it is never listed by us, and may list itself.
            let listed = definition.services.iter();
            let listed = listed.filter(|(_, service)| service.port.is_some());
            let names = listed.map(|(name, _)| name.clone());
            self.shared.registry.claim(&self.id, names);
            self.shared.picture.publish_cluster(ClusterView {
                id: self.id.clone(),
                name: definition.name.clone(),
                folder: self.record.folder.display().to_string(),
                file: self.record.file.clone(),
                overall,
                reason: reason.clone(),
                held,
                held_until,
                autonomy,
                services: definition
                    .services
                    .iter()
                    .map(|(name, service)| self.service(&definition, name, service))
                    .collect(),
            });
        } else if shown.is_some_and(|shown| {
            (shown.overall, shown.held, shown.held_until) != (overall, held, held_until)
                || (shown.autonomy, &shown.reason) != (autonomy, &reason)
        }) {
            let picture = &self.shared.picture;
            picture.publish_state(&self.id, overall, &reason, (held, held_until, autonomy));
        } else {
            return;
        }
        self.shown = Some(Shown {
            definition,
            overall,
            reason,
            held,
            held_until,
            autonomy,
        });
    }

    /// How the cluster is. What nobody can say is not said to be well.
    fn overall(&self) -> (Overall, String) {
        let (overall, reason) = self.cluster.overall();
        if overall != Overall::Operational {
            return (overall, reason);
        }
        let drivers = &self.shared.drivers;
        let unknown = |one: &InstanceStatus| {
            one.pid.is_some() && drivers.lost(&self.id, &one.instance).is_some()
        };
        match self.cluster.statuses().filter(unknown).count() {
            0 => (overall, reason),
            some => {
                let text = format!("{some} unknown, their container daemon does not answer");
                (Overall::Degraded, text)
            }
        }
    }

    /// An instance's status with what only the engine knows of it.
    fn status(&self, instance: &InstanceId) -> Option<InstanceStatus> {
        let mut status = self.cluster.status(instance)?;
        status.origin = self.record.origins.get(instance).cloned();
        status.marks.rebuilding = self.rebuilding.contains(&instance.service);
        if let Some((of, who)) = self.attached.get(instance)
            && *of == status.generation
            && status.pid.is_some()
            && !status.marks.held
        {
            status.marks.held = true;
            status.marks.hold = Some(Hold {
                why: who.clone(),
                person: false,
                until: None,
            });
        }
        if let Some(why) = self.shared.drivers.lost(&self.id, instance)
            && status.pid.is_some()
        {
            unheard(&mut status, &why);
        }
        status.port_taken = self.record.ports_taken.get(instance).cloned();
        let left_out = self.left_out.get(instance);
        // Another life is another instance to the gateway.
        status.marks.ejected = left_out
            .filter(|(of, _, _)| *of == status.generation && status.state.serves())
            .map(|(_, ejection, _)| ejection.clone());
        let drift = self.drift.get(instance);
        let environment = drift
            .filter(|(of, _)| *of == status.generation && status.pid.is_some())
            .map(|(_, differs)| drift::words(*differs));
        // One on an older definition needs the same restart, whatever its environment has become.
        status.marks.drift = status.marks.drift.or(environment);
        Some(status)
    }

    /// Somebody has a debugger on it, or nobody has any more.
    pub(super) fn attached_to(
        &mut self,
        instance: InstanceId,
        generation: Generation,
        who: Option<String>,
    ) {
        let now = who.map(|who| (generation, who));
        let before = match now.clone() {
            Some(now) => self.attached.insert(instance.clone(), now),
            None => self.attached.remove(&instance),
        };
        if before != now {
            self.changed.insert(instance);
            self.show_within(SHOW_PULSES);
        }
    }

    pub(super) fn drifted(&mut self, found: Vec<(InstanceId, Generation, u32)>) {
        for (instance, generation, differs) in found {
            let now = (generation, differs);
            let before = match differs {
                0 => self.drift.remove(&instance),
                _ => self.drift.insert(instance.clone(), now),
            };
            if before.unwrap_or((generation, 0)) != now {
                self.changed.insert(instance);
                self.show_within(SHOW_PULSES);
            }
        }
    }

    pub(super) fn probed(&mut self, instance: &InstanceId, kind: ProbeKind, evidence: &Evidence) {
        self.shared
            .recorder
            .probe(&self.id, instance, kind, evidence);
        let pulse = self.pulses.entry(instance.clone()).or_default();
        pulse.health = Some(evidence.clone());
        pulse.checked = Some(Clock::wall());
        let service = self.record.definition.services.get(&instance.service);
        // Of one that is asked in one way, that was all.
        if service.is_some_and(asked_apart) {
            let (at, evidence) = (Clock::wall(), evidence.clone());
            let seen = ProbeView { at, kind, evidence };
            match pulse.probes.iter_mut().find(|one| one.kind == kind) {
                Some(one) => *one = seen,
                None => pulse.probes.push(seen),
            }
        }
        self.pulsed.insert(instance.clone());
        self.show_within(SHOW_PULSES);
    }

    /// A look at the sockets.
    pub(super) fn connected(&mut self, seen: Vec<Sighting>) {
        self.step(Input::Connected(seen));
        self.show_connections(false);
        self.note_observed();
    }

    /// The gateway leaves out an instance for what it did with requests. That is no verdict: its own check is
    /// asked at once, and judged as ever.
    pub(super) fn ejected(&mut self, ejected: gateway::Ejected) {
        let gateway::Ejected {
            instance,
            why,
            time,
            ..
        } = ejected;
        let text = format!(
            "the gateway sends {instance} nothing for {} s: {why}",
            time.as_secs()
        );
        let what = model::EventKind::Notice { text };
        self.shared.journal.event(Some(&self.id), what);
        if let Some(status) = self.cluster.status(&instance) {
            let now = self.shared.clock.now();
            let millis = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
            let until = Timestamp(now.wall.0.saturating_add(millis));
            let left_out = (status.generation, Ejection { why, until }, now.mono + time);
            self.left_out.insert(instance.clone(), left_out);
            self.changed.insert(instance.clone());
            self.show_within(SHOW_PULSES);
        }
        self.step(Input::Suspected(instance));
    }

    /// Shows of those that the gateway left out that they get requests again, and looks when the next do.
    fn let_in(&mut self) {
        let now = self.shared.clock.now().mono;
        let over = self
            .left_out
            .extract_if(.., |_, (_, _, until)| *until <= now);
        self.changed.extend(over.map(|(instance, _)| instance));
        self.show_at = self.left_out.values().map(|(_, _, until)| *until).min();
    }

    /// Shows who talks to whom; what is only newer is there for who asks next.
    pub(super) fn show_connections(&self, tell: bool) {
        let connections = self.cluster.connections();
        let picture = &self.shared.picture;
        match tell {
            true => picture.publish(Change::Connections {
                cluster: self.id.clone(),
                connections,
            }),
            false => picture.set_connections(&self.id, connections),
        }
    }

    pub(super) fn used(&mut self, usage: Vec<(InstanceId, Usage)>) {
        for (instance, usage) in usage {
            self.shared.recorder.usage(&self.id, &instance, usage);
            self.pulses.entry(instance.clone()).or_default().usage = usage;
            self.pulsed.insert(instance);
        }
        self.show_within(SHOW_PULSES);
    }

    fn service(
        &self,
        definition: &spec::Cluster,
        name: &ServiceName,
        service: &spec::Service,
    ) -> ServiceView {
        // What need not be there may be none of the cluster.
        let defined = |need: &&spec::Need| definition.services.contains_key(&need.service);
        let needs = || service.needs.iter().filter(defined);
        ServiceView {
            name: name.clone(),
            category: service.category.clone(),
            needs: needs().map(|need| need.service.clone()).collect(),
            terms: needs()
                .filter(|need| need.terms() != model::Terms::default())
                .map(|need| (need.service.clone(), need.terms()))
                .collect(),
            replicas: service.replicas,
            max_replicas: service.max_replicas,
            oneshot: service.kind == spec::Kind::Oneshot,
            schedule: service.schedule.as_ref().map(ToString::to_string),
            protected: service.protected,
            tty: service.tty,
            run: launch::written(&service.runs),
            startup: service.startup.as_ref().map(ToString::to_string),
            ready: own_ready(service).map(ToString::to_string),
            health: service.health.as_ref().map(ToString::to_string),
            limits: match service.runs.container() {
                Some(_) => crate::container::held(&service.limits),
                None => (self.shared.driver).held(&service.limits, service.user.as_deref()),
            },
        }
    }
}

/// Its probe of readiness, where its health does not stand in for it.
fn own_ready(service: &spec::Service) -> Option<&spec::Probe> {
    let ready = service.ready.as_ref();
    ready.filter(|_| service.ready != service.health)
}

/// It has more than one probe.
fn asked_apart(service: &spec::Service) -> bool {
    service.startup.is_some() || service.health.is_some() && own_ready(service).is_some()
}

/// The daemon of its container is away: whether it still runs is not known, and that is no hold.
fn unheard(status: &mut InstanceStatus, why: &str) {
    if status.state == State::Ready {
        status.state = State::Degraded;
    }
    status.reason = Reason::new(format!(
        "unknown, for its container daemon is away: {why}; it ran when that was last heard"
    ))
    .then("nothing is done about it until the daemon is back");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_its_daemon_says_nothing_of_is_neither_ready_nor_held() {
        let mut status = InstanceStatus {
            instance: "db.0".parse().unwrap(),
            service: "db".parse().unwrap(),
            category: "services".to_owned(),
            state: State::Ready,
            reason: Reason::new("it runs, and has no check"),
            pid: Some(7),
            ports: Vec::new(),
            generation: Generation(1),
            restarts: 0,
            since: Timestamp(0),
            marks: model::Marks::default(),
            schedule: None,
            findings: Vec::new(),
            origin: None,
            port_taken: None,
        };
        unheard(&mut status, "it does not answer");
        assert_eq!(status.state, State::Degraded);
        assert!(!status.marks.held && status.marks.hold.is_none());
        let said = status.reason.to_string();
        assert!(
            said.starts_with("unknown") && said.contains("last heard"),
            "{said}"
        );
        status.state = State::Stopping;
        unheard(&mut status, "it does not answer");
        assert_eq!(status.state, State::Stopping);
    }
}

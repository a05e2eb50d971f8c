//! What became of asking to add an instance or to take one away, and of doing it.

use super::{Asked, Grown, Saying};
use crate::effect::Effect;
use crate::step::Step;
use healing::history::Lasted;
use model::{ActId, EntryKind, EventKind, InstanceId, RemedyKind, ServiceName};
use std::collections::BTreeSet;

impl Step<'_> {
    /// What was asked with this ticket, if it was about a service's load.
    fn scale_asked(&mut self, ticket: u64) -> Option<(ServiceName, Asked)> {
        let name = &self.cluster.asks.get(&ticket)?.service;
        let asked = &mut self.cluster.services.get_mut(name)?.scaling.asked;
        let asked = asked.take_if(|asked| asked.ticket == ticket)?;
        let id = self.cluster.asks.remove(&ticket)?;
        // Another service may have its turn, whatever comes of this.
        self.turn_over();
        Some((id.service, asked))
    }

    /// The door let healing act; false when that is not about a service's load.
    pub(crate) fn scale_admitted(&mut self, ticket: u64, act: ActId) -> bool {
        let Some((name, asked)) = self.scale_asked(ticket) else {
            return false;
        };
        // What is around it may have changed since.
        if self.cluster.may_scale(&name) {
            self.begin_scaling(&name, &asked, act);
        }
        true
    }

    fn begin_scaling(&mut self, name: &ServiceName, asked: &Asked, act: ActId) {
        let slow = self.cluster.slow_one(name);
        let Some(service) = self.cluster.services.get(name) else {
            return;
        };
        let (there, most) = (service.replicas, service.spec.max_replicas.unwrap_or(0));
        let Asked { to, why, .. } = asked;
        let up = *to == there + 1 && *to <= most;
        let down = *to + 1 == there && service.scaling.added > 0;
        match slow {
            Some(id) if up => {
                let text = format!("is to be scaled up to {to} of at most {most}: {why}");
                self.tell_scaling(&id, &text);
            }
            None if down => {}
            _ => return,
        }
        self.out.acts.push(Effect::Scale {
            service: name.clone(),
            replicas: *to,
            act,
            why: why.clone(),
        });
    }

    /// The incident of one that is slow tells what is done about its service's load.
    fn tell_scaling(&mut self, id: &InstanceId, text: &str) {
        let goes_on = self
            .tale(id)
            .is_some_and(|(_, tale)| tale.incident.state.unended());
        if !goes_on && let Some(instance) = self.cluster.instances.get(id) {
            let cause = format!("{id} is slow under load: {}", instance.reason.text);
            self.open_incident(id, cause, Lasted::Steady, &BTreeSet::new());
        }
        if let Some(service) = self.cluster.services.get_mut(&id.service) {
            service.scaling.told = Some(id.clone());
        }
        self.out.waits.insert(id.clone());
        // It is a remedy when it has been done.
        self.tell_of(id, EntryKind::Remedy, text, None);
    }

    /// The door did not let healing act. It is not asked again about this load.
    pub(crate) fn scale_refused(&mut self, ticket: u64, why: &str) -> bool {
        let Some((name, _)) = self.scale_asked(ticket) else {
            return false;
        };
        self.put_off(&name, format!("healing was refused: {why}"));
        true
    }

    /// The door cannot say yet. What is used goes on being looked at, and it is asked again.
    pub(crate) fn scale_postponed(&mut self, ticket: u64) -> bool {
        let Some((name, _)) = self.scale_asked(ticket) else {
            return false;
        };
        self.forget_loads(&name);
        true
    }

    /// An instance could not be added.
    pub(crate) fn not_scaled(&mut self, name: &ServiceName, why: &str) {
        let told = self
            .cluster
            .services
            .get(name)
            .and_then(|one| one.scaling.told.clone());
        let text = format!("could not be scaled: {why}");
        if let Some(id) = told {
            self.tell_of(&id, EntryKind::Outcome, &text, None);
        }
        self.put_off(name, text);
    }

    fn put_off(&mut self, name: &ServiceName, text: String) {
        if let Some(service) = self.cluster.services.get_mut(name) {
            let wait = service.spec.heal.backoff.reset_after;
            service.scaling.not_before = Some(self.now.mono + wait);
        }
        self.say_load(name, Some((Saying::Refused, text)));
    }

    // === What comes of it ===

    /// Healing has changed how many there are: what was looked at was another number's.
    pub(crate) fn scaled(&mut self, name: &ServiceName, before: u16, why: String) {
        self.forget_loads(name);
        let Some(service) = self.cluster.services.get_mut(name) else {
            return;
        };
        let replicas = service.replicas;
        let most = service.spec.max_replicas.unwrap_or(replicas);
        let told = service.scaling.told.clone();
        let detail = format!("scaled up to {replicas} of at most {most}: {why}");
        let defined = before.saturating_sub(service.scaling.added);
        service.scaling.added = replicas.saturating_sub(defined);
        self.out.facts.push(EventKind::Scaled {
            service: name.clone(),
            before,
            replicas,
            why,
        });
        for id in self.cluster.ids_of(name) {
            if let Some(instance) = self.cluster.instances.get_mut(&id) {
                instance.in_hand |= (before..replicas).contains(&id.index);
            }
            self.out.changed.insert(id);
        }
        if replicas > before {
            if let Some(id) = told.filter(|id| self.cluster.loaded(id)) {
                self.note_remedy(&id, RemedyKind::ScaleUp, detail, None);
            }
            self.say_load(
                name,
                Some((Saying::Added, format!("scaled up to {replicas}"))),
            );
        }
    }

    /// `up` has brought a definition that says so many of each: the others were added.
    pub(crate) fn regrow(&mut self, asked: &spec::Cluster) {
        for (name, defined) in &asked.services {
            if let Some(service) = self.cluster.services.get_mut(name) {
                let added = service.replicas.saturating_sub(defined.replicas);
                self.out.unfinished |= added != service.scaling.added;
                service.scaling.added = added;
            }
        }
    }

    /// What an earlier engine had added. Where there are others now, they are as defined.
    pub(crate) fn resume_grown(&mut self) {
        for (name, Grown { from, to }) in self.cluster.unfinished.take_grown().0 {
            if let Some(service) = self.cluster.services.get_mut(&name)
                && service.replicas == to
                && from < to
            {
                service.scaling.added = to - from;
            }
        }
    }

    /// What an earlier engine has told last of an incident is that it added an instance: then it was slow
    /// under load, and is until it is seen to be quick. False where the incident is about something else.
    pub(crate) fn resume_load(&mut self, id: &InstanceId) -> bool {
        let last = self
            .tale(id)
            .and_then(|(_, tale)| tale.incident.actions.last());
        let grew = last.is_some_and(|last| last.kind == RemedyKind::ScaleUp);
        let (Some(service), Some(instance)) = (
            self.cluster.services.get_mut(&id.service),
            self.cluster.instances.get_mut(id),
        ) else {
            return false;
        };
        // Without a probe nothing would say that it is quick again.
        let loaded = grew && service.spec.health.is_some();
        if loaded {
            service.scaling.told = Some(id.clone());
            instance.watch.was_slow();
        }
        loaded
    }

    pub(crate) fn forget_loads(&mut self, name: &ServiceName) {
        if let Some(service) = self.cluster.services.get_mut(name) {
            service.scaling.roomy = None;
        }
        for id in self.cluster.ids_of(name) {
            if let Some(instance) = self.cluster.instances.get_mut(&id) {
                instance.load.forget();
            }
        }
    }
}

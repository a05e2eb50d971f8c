//! Instances that healing adds while load is why a service is slow, and takes away again when fewer do.
//!
//! - **Slow and busy**: a probe says that it is slow, and what all its instances use, that they can do no
//!   more ([`healing::load`]). While something it needs is not well, that may be why, and nothing is added.
//! - **One at a time**, up to `max_replicas`, where the machine has room and the cluster's budget a turn.
//!   The next is known to be wanted when all of them, the new one too, have been looked at for a while.
//! - **Back again**, one at a time, when one fewer would do and all have been well for `reset_after`: to
//!   what the definition says, or a person has scaled it to since.
//! - It is an act like any other of healing's: held, refused and postponed as they are.

mod done;

use crate::cluster::Cluster;
use crate::effect::Effect;
use crate::instance::{Care, Goal, Instance, Life};
use crate::step::Step;
use healing::load::{self, Busy, Load, Spare, Used};
use healing::words;
use model::{Autonomy, InstanceId, Mono, Reason, RemedyKind, Scaled, ServiceName, State};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How many instances healing has added to a service, and what it is up to with that.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scaling {
    added: u16,
    /// The door is asked.
    asked: Option<Asked>,
    /// Since when one fewer would do.
    roomy: Option<Mono>,
    /// Nothing is tried before this: it was refused, or could not be done.
    not_before: Option<Mono>,
    /// What is said of its load to who sees that it is slow.
    said: Option<(Saying, String)>,
    /// In whose incident it is told, as long as that goes on.
    told: Option<InstanceId>,
}

#[derive(Debug, Clone)]
struct Asked {
    ticket: u64,
    to: u16,
    why: String,
    /// A person is asked to approve of it.
    proposed: bool,
}

/// What is said once and not with each look, in which the numbers differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Saying {
    Most,
    Room,
    Needs,
    Turn,
    Door,
    Held,
    Refused,
    Added,
}

/// How many there were of a service and are to be, for the next engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Grown {
    from: u16,
    to: u16,
}

/// Those of all services.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct AllGrown(BTreeMap<ServiceName, Grown>);

impl Scaling {
    /// A person has said how many there are to be: those count as defined.
    pub(crate) fn begin_anew(&mut self) {
        *self = Self {
            told: self.told.take(),
            ..Self::default()
        };
    }

    /// Healing is about to add or take away one.
    pub(crate) fn asks(&self) -> bool {
        self.asked.is_some()
    }

    /// The same, and no person is asked first.
    pub(crate) fn is_about_to(&self) -> bool {
        self.asked.as_ref().is_some_and(|asked| !asked.proposed)
    }

    /// This is what it asks.
    pub(crate) fn asks_with(&self, ticket: u64) -> bool {
        self.asked
            .as_ref()
            .is_some_and(|asked| asked.ticket == ticket)
    }

    /// What was proposed is not any more.
    pub(crate) fn unpropose(&mut self) {
        self.asked.take_if(|asked| asked.proposed);
    }
}

impl Cluster {
    /// How many of a service's instances healing has added.
    pub fn added(&self, name: &ServiceName) -> u16 {
        self.services.get(name).map_or(0, |one| one.scaling.added)
    }

    /// How many healing has added and may, if it has added some.
    pub(crate) fn scaled(&self, name: &ServiceName) -> Option<Scaled> {
        let service = self.services.get(name)?;
        (service.scaling.added > 0).then(|| Scaled {
            added: service.scaling.added,
            most: service.spec.max_replicas.unwrap_or(service.replicas),
        })
    }

    /// So many of a service there are to be on a definition that says `defined`: what healing has added to
    /// one that runs stays.
    pub(crate) fn grown(&self, name: &ServiceName, defined: &spec::Service) -> u16 {
        let service = self.services.get(name).filter(|service| service.wanted);
        let most = defined.max_replicas.unwrap_or(defined.replicas);
        let added = service.map_or(0, |service| service.scaling.added);
        defined.replicas.saturating_add(added).min(most)
    }

    /// What the next engine has to know of what was added.
    pub(crate) fn all_grown(&self) -> AllGrown {
        let grown = self.services.iter().filter_map(|(name, service)| {
            let from = service.replicas.checked_sub(service.scaling.added)?;
            let to = service.replicas;
            (from < to).then(|| (name.clone(), Grown { from, to }))
        });
        AllGrown(grown.collect())
    }

    /// Those of a service that are to run.
    fn wanted_of(&self, name: &ServiceName) -> impl Iterator<Item = (&InstanceId, &Instance)> {
        let wanted = |(id, _): &(&InstanceId, &Instance)| self.goal(id) == Goal::Run;
        self.instances_of(name).filter(wanted)
    }

    fn loads(&self, name: &ServiceName) -> Vec<&Load> {
        self.wanted_of(name).map(|(_, one)| &one.load).collect()
    }

    /// Nothing else is wrong with a service or done to it, and healing may act on it.
    fn may_scale(&self, name: &ServiceName) -> bool {
        self.calm(name) && !self.holds(name) && self.autonomy() != Autonomy::Off
    }

    /// The same, whether it is held or not.
    fn calm(&self, name: &ServiceName) -> bool {
        let Some(service) = self.services.get(name) else {
            return false;
        };
        let calm = |(id, instance): (&InstanceId, &Instance)| {
            self.goal(id) == Goal::Run
                && instance.life == Life::Alive
                && instance.state.serves()
                && instance.care == Care::Idle
                && instance.cycle.is_none()
                && instance.outdated.is_none()
        };
        service.spec.max_replicas.is_some()
            && service.spec.heal.enabled
            && service.wanted
            && !service.leaving
            && service.rolling.is_none()
            && !service.suffers()
            && service.excuse.is_none()
            && self.instances_of(name).count() == usize::from(service.replicas)
            && self.instances_of(name).all(calm)
    }

    /// Of its instances one that is slow; the one whose incident tells of it before others.
    fn slow_one(&self, name: &ServiceName) -> Option<InstanceId> {
        let told = self.services.get(name)?.scaling.told.as_ref();
        let slow =
            |(_, one): &(&InstanceId, &Instance)| one.state == State::Degraded && one.watch.slow();
        let mut slow: Vec<&InstanceId> = self
            .wanted_of(name)
            .filter(slow)
            .map(|(id, _)| id)
            .collect();
        slow.sort_by_key(|id| told != Some(*id));
        slow.first().map(|id| (*id).clone())
    }

    /// The incident of this instance tells of its service's load, and goes on until that is taken.
    pub(crate) fn loaded(&self, id: &InstanceId) -> bool {
        let told = |service: &crate::cluster::Service| service.scaling.told.as_ref() == Some(id);
        let goes_on = || {
            let key = self.instances.get(id)?.incident?;
            Some(self.incidents.get(&key)?.incident.state.unended())
        };
        self.services.get(&id.service).is_some_and(told) && goes_on() == Some(true)
    }

    /// The same, and it has not been seen to be quick again: that it is ready says nothing of that.
    pub(crate) fn slow_still(&self, id: &InstanceId) -> bool {
        let slow = self.instances.get(id).is_some_and(|one| one.watch.slow());
        slow && self.loaded(id)
    }

    /// Why one is ready, and what its incident waits for if that is about load: that it is ready says nothing
    /// of how quick it is.
    pub(crate) fn until_quick(&self, id: &InstanceId, reason: Reason) -> Reason {
        // One that does not answer has not been seen to be quick either.
        let well = self.instances.get(id).is_none_or(|one| one.watch.well());
        match !well && reason.next.is_none() && self.loaded(id) {
            true => reason.then("the next checks tell whether it is quick again"),
            false => reason,
        }
    }

    /// What is said of the load of one that is slow.
    pub(crate) fn load_said(&self, id: &InstanceId) -> Option<String> {
        let said = self.services.get(&id.service)?.scaling.said.as_ref()?;
        let slow = self.instances.get(id)?.watch.slow();
        slow.then(|| said.1.clone())
    }
}

impl Step<'_> {
    /// What instances have used since the last look.
    pub(crate) fn used(&mut self, used: Vec<(InstanceId, Used)>, spare: Option<Spare>) {
        let mut services = BTreeSet::new();
        for (id, used) in used {
            let service = self.cluster.services.get(&id.service);
            if service.is_none_or(|service| service.spec.max_replicas.is_none()) {
                continue;
            }
            if let Some(instance) = self.cluster.instances.get_mut(&id)
                && instance.life == Life::Alive
            {
                instance.load.note(self.now.mono, used);
                services.insert(id.service);
            }
        }
        for name in services {
            self.weigh_load(&name, spare);
        }
    }

    fn weigh_load(&mut self, name: &ServiceName, spare: Option<Spare>) {
        let now = self.now.mono;
        let off = self.cluster.autonomy() == Autonomy::Off;
        let (calm, held) = (self.cluster.calm(name), self.cluster.holds(name) || off);
        let may = calm && !held;
        let slow = self.cluster.slow_one(name);
        let well = self
            .cluster
            .wanted_of(name)
            .all(|(_, one)| one.state == State::Ready && one.watch.well());
        let Some(service) = self.cluster.services.get(name) else {
            return;
        };
        let limit = service.spec.limits.cpu;
        let loads = self.cluster.loads(name);
        let known = load::known(&loads);
        let busy = load::busy(&loads, limit);
        let fewer = load::roomy(&loads, limit);
        let lacks = busy
            .zip(spare)
            .and_then(|(busy, spare)| busy.lacks(&loads, limit, spare));
        let scaling = &service.scaling;
        let waits = scaling.asks() || scaling.not_before.is_some_and(|at| now < at);
        let roomy = may && well && scaling.added > 0 && fewer.is_some();
        // What was done about it stands until it is known what came of that.
        let said = scaling.said.as_ref().map(|(what, _)| *what);
        let stands = waits || (said == Some(Saying::Added) && !known);
        let raises = scaling.asked.as_ref().filter(|asked| asked.proposed);
        let raises = raises.map(|asked| asked.to > service.replicas);
        // What was proposed about its load is over with that.
        let stale = raises.is_some_and(|raises| raises != slow.is_some());
        let over = slow.is_none() || !(stands || (calm && busy.is_some()));
        if let Some(service) = self.cluster.services.get_mut(name) {
            let since = service.scaling.roomy.filter(|_| roomy);
            service.scaling.roomy = roomy.then(|| since.unwrap_or(now));
            if stale {
                service.scaling.unpropose();
            }
        }
        if over {
            self.say_load(name, None);
        }
        if !calm || waits {
            return;
        }
        match (slow, busy, fewer) {
            (Some(_), Some(busy), _) if held => {
                let uses = busy.words(limit);
                let how = if off { "off" } else { "held" };
                let text = format!("{uses}; healing is {how}, so no instance is added");
                self.say_load(name, Some((Saying::Held, text)));
            }
            (Some(id), Some(busy), _) => self.too_busy(&id, busy, lacks),
            (None, _, Some(uses)) if roomy => self.too_many(name, &uses),
            _ => {}
        }
    }

    /// It is slow, and its load is the cause.
    fn too_busy(&mut self, id: &InstanceId, busy: Busy, lacks: Option<String>) {
        let name = &id.service;
        let unwell = self.cluster.unwell_needs(name);
        let turn = self.cluster.has_turn(name, self.now.mono);
        let (Some(service), Some(instance)) = (
            self.cluster.services.get(name),
            self.cluster.instances.get(id),
        ) else {
            return;
        };
        let uses = busy.words(service.spec.limits.cpu);
        let (there, most) = (service.replicas, service.spec.max_replicas.unwrap_or(0));
        let no_more = if !unwell.is_empty() {
            let names = words::list(&unwell);
            Some((
                Saying::Needs,
                format!("{uses}; nothing is added while {names} is not well"),
            ))
        } else if there >= most {
            Some((
                Saying::Most,
                format!("{uses}, and there are as many instances as there may be: {there}"),
            ))
        } else if let Some(lacks) = lacks {
            Some((
                Saying::Room,
                format!("{uses}; no instance is added: {lacks}"),
            ))
        } else if !turn {
            let text =
                format!("{uses}; an instance is added when others that are being healed are done");
            Some((Saying::Turn, text))
        } else {
            None
        };
        if no_more.is_some() {
            self.say_load(name, no_more);
            return;
        }
        let needs = match service.needs.is_empty() {
            true => "",
            false => "; what it needs is well",
        };
        let why = format!("{uses}, {}{needs}", instance.reason.text);
        let text = match self.cluster.autonomy() {
            Autonomy::Advise => format!("{uses}: healing proposes an instance more"),
            _ => format!("{uses}: an instance is added"),
        };
        self.say_load(&name.clone(), Some((Saying::Door, text)));
        self.ask_to_scale(id, there + 1, RemedyKind::ScaleUp, why);
    }

    /// One fewer would do.
    fn too_many(&mut self, name: &ServiceName, uses: &str) {
        let Some(service) = self.cluster.services.get(name) else {
            return;
        };
        let quiet = service.spec.heal.backoff.reset_after;
        let long = service
            .scaling
            .roomy
            .is_some_and(|since| self.now.mono.since(since) >= quiet);
        // Only a person stops one that is protected.
        if !long || service.spec.protected || !self.cluster.has_turn(name, self.now.mono) {
            return;
        }
        let to = service.replicas.saturating_sub(1);
        let why = format!("well for {}, {uses}", words::duration(quiet));
        let id = InstanceId::new(name.clone(), to);
        self.ask_to_scale(&id, to, RemedyKind::ScaleDown, why);
    }

    fn ask_to_scale(&mut self, id: &InstanceId, to: u16, remedy: RemedyKind, why: String) {
        self.cluster.last_ticket += 1;
        let ticket = self.cluster.last_ticket;
        let advises = self.cluster.autonomy() == Autonomy::Advise;
        let confidence = self.cluster.confidence(id, remedy);
        let Some(service) = self.cluster.services.get_mut(&id.service) else {
            return;
        };
        let asked = why.clone();
        service.scaling.asked = Some(Asked {
            ticket,
            to,
            why,
            proposed: advises,
        });
        self.cluster.asks.insert(ticket, id.clone());
        if advises {
            self.cluster.proposals.insert(ticket, id.clone());
        }
        self.out.acts.push(Effect::Ask {
            ticket,
            instance: id.clone(),
            remedy,
            why: asked,
            detail: format!("{} to {to} instances", remedy.as_str()),
            confidence,
            proposed: advises,
        });
    }

    /// What is said of its load from now on, where it is slow.
    fn say_load(&mut self, name: &ServiceName, said: Option<(Saying, String)>) {
        let Some(service) = self.cluster.services.get_mut(name) else {
            return;
        };
        let what = |said: &Option<(Saying, String)>| said.as_ref().map(|(what, _)| *what);
        if what(&service.scaling.said) == what(&said) {
            return;
        }
        let text = said.as_ref().map(|(_, text)| text.clone());
        let before = std::mem::replace(&mut service.scaling.said, said);
        let before = before.map(|(_, text)| text);
        for id in self.cluster.ids_of(name) {
            let Some(instance) = self.cluster.instances.get(&id) else {
                continue;
            };
            let Reason { text: slow, next } = instance.reason.clone();
            if instance.state == State::Degraded
                && instance.watch.slow()
                && (text.is_some() || next == before)
            {
                let next = text.clone();
                self.set_reason(&id, Reason { text: slow, next });
            }
        }
    }
}

//! Load in a simulated world: services that there is more to do for than their instances can, what those
//! use meanwhile, and what comes of it when healing adds or takes away one.

use crate::audit::Promise;
use crate::chance::Dice;
use crate::machine::SECOND;
use crate::people::SLOTS;
use crate::world::{Coming, Engine, Millis, Phase, World};
use healing::load::Used;
use model::{ActId, InstanceId, ServiceName};
use orchestrator::{Command, Effect, Input};

/// So often what is used is looked at.
const EVERY: Millis = 5 * SECOND;
/// So long a rehearsed load lasts: as many instances are added as are needed, and used for a while.
pub(crate) const LASTS: Millis = 300 * SECOND;
/// Above this an instance takes most of a second to answer.
const FULL: f32 = 0.9;
/// What an instance uses that has nothing to do.
const IDLE: f32 = 0.05;

impl World {
    /// What there is to do for a service, in cores.
    fn demand(&self, service: usize) -> f32 {
        let it = &self.services[service];
        let rough = self.rough.load(service);
        let rehearsed = it.load.filter(|(_, until)| self.now < *until);
        rehearsed.map_or(rough, |(demand, _)| demand)
    }

    /// What each instance of a service that serves has to do.
    fn share(&self, service: usize) -> f32 {
        let instances = self.services[service].instances.iter();
        let serve = instances.filter(|one| {
            let process = self.instances[**one].process.as_ref();
            process.is_some_and(|process| process.phase == Phase::Serves && !process.hung)
        });
        self.demand(service) / serve.count().max(1) as f32
    }

    /// There is more to do for it than it can, so its answers take their time.
    pub(crate) fn overloaded(&self, service: usize) -> bool {
        self.services[service].defined.max_replicas.is_some() && self.share(service) > FULL
    }

    /// More comes for it than its instances can do, and one more could.
    pub(crate) fn strike_load(&mut self, service: usize) {
        let replicas = self.services[service].defined.replicas;
        let demand = f32::from(replicas) + 0.6;
        self.services[service].load = Some((demand, self.now + LASTS));
    }

    /// What a look at the machine shows now, if there is one.
    pub(crate) fn look_at_use(&mut self) -> Option<Input> {
        if self.now < self.next_use {
            return None;
        }
        self.next_use = self.now + EVERY;
        let elastic = self.instances.iter().filter(|one| {
            let defined = &self.services[one.service].defined;
            one.process.is_some() && defined.max_replicas.is_some()
        });
        let used: Vec<(InstanceId, Used)> = elastic
            .map(|one| {
                let used = Used {
                    cpu: self.share(one.service).clamp(IDLE, 1.0),
                    memory: 50_000_000,
                    waiting: 0,
                };
                (one.id.clone(), used)
            })
            .collect();
        if !used.is_empty() && !std::mem::replace(&mut self.looks, true) {
            self.later(EVERY, Coming::Look);
        }
        let spare = self.rough.spare(self.now);
        (!used.is_empty()).then_some(Input::Used(used, spare))
    }

    /// The time of a look has come.
    pub(crate) fn look(&mut self) {
        self.looks = false;
        let known = matches!(self.engine, Engine::Runs) && self.cluster.definition().is_some();
        if known && let Some(used) = self.look_at_use() {
            self.apply(used);
        }
    }

    /// Healing wants another number of instances: answers what it hears of that.
    pub(crate) fn scale(&mut self, effect: Effect) -> Option<Input> {
        let Effect::Scale {
            service,
            replicas,
            act,
            why,
        } = effect
        else {
            return None;
        };
        let before = self.cluster.replicas(&service);
        let it = self.services.iter_mut().find(|one| one.name == service)?;
        if self.rough.portless(self.now) {
            return Some(Input::NotScaled(service, "no port is free".to_owned()));
        }
        if replicas > before && self.counted_from.is_some() {
            it.account.added += 1;
        }
        it.defined.replicas = replicas;
        Some(scaling(service, replicas, why, act))
    }

    /// The record holds both: how many there are, and how many of them were added.
    pub(crate) fn remember_scaling(&mut self) {
        let now = self.cluster.unfinished();
        self.unfinished = [now.clone(), now];
    }

    /// Healing adds no more than it may, and takes away no more than it has added.
    pub(crate) fn audit_scale(
        &self,
        service: &ServiceName,
        replicas: u16,
    ) -> Option<(Promise, String)> {
        let audit = self.audit.as_ref()?;
        let defined = &self
            .services
            .iter()
            .find(|one| one.name == *service)?
            .defined;
        let least = audit
            .wanted
            .get(service)
            .copied()
            .unwrap_or(defined.replicas);
        let most = defined.max_replicas.unwrap_or(0);
        let text = format!("{service} is scaled to {replicas}, of {least} to {most}");
        if audit.holds(service) {
            return Some((Promise::Held, format!("{text}, while it is held")));
        }
        let one = self.cluster.replicas(service).abs_diff(replicas) == 1;
        let within = (least..=most).contains(&replicas);
        (!one || !within).then_some((Promise::Scale, text))
    }
}

fn scaling(service: ServiceName, replicas: u16, why: String, act: ActId) -> Input {
    let command = Command::Scale {
        service,
        replicas,
        // A simulated process listens without one.
        ports: std::collections::BTreeMap::new(),
        healing: Some(why),
    };
    Input::Command { command, act }
}

/// How far one may grow of which so many are defined: for half of them that is soon too few for what there
/// is to do.
pub(crate) fn most(dice: Dice, replicas: u16) -> u16 {
    let more = 1 + Dice(dice.0 ^ 0x3057).below(3) as u16;
    (replicas + more).min(SLOTS)
}

/// Whether a service of a rough world may grow; its chance is its own, so that it changes nobody else's.
pub(crate) fn grows(dice: Dice) -> bool {
    Dice(dice.0 ^ 0x5ca1e).percent(50)
}

//! What people ask for, turned into what is wanted of each service.

use crate::cluster::Pending;
use crate::hold::Held;
use crate::instance::{Care, Cycle, Instance, Life, Outdated};
use crate::io::Command;
use crate::step::Step;
use healing::History;
use model::{ActId, InstanceId, Reason, ServiceName, State};
use std::collections::{BTreeMap, BTreeSet};

impl Step<'_> {
    pub(crate) fn command(&mut self, command: Command, act: ActId) {
        match command {
            Command::Up {
                definition,
                ports,
                left_out,
            } => {
                let before = self.cluster.autonomy();
                self.up(definition, &ports, &left_out, act);
                self.autonomy_from(before, Some(act));
            }
            Command::Adopt {
                definition,
                ports,
                stopped,
                why,
                found,
            } => {
                self.adopt(definition, &ports, (&stopped, why), found, act);
            }
            Command::Down => {
                let all = self.named(Vec::new());
                self.rest(&all, |_| "taken down".to_owned(), act);
            }
            Command::Stop(services) => {
                let named = self.named(services);
                let all = self.cluster.with_dependents(&named);
                let why = |name: &ServiceName| match named.contains(name) {
                    true => "stopped on request".to_owned(),
                    false => format!("stopped with {}", names(&named)),
                };
                self.rest(&all.into_iter().collect::<Vec<_>>(), why, act);
            }
            Command::Start(services) => {
                let by_name = !services.is_empty();
                // One that was stopped is put on its schedule again; one that is at rest runs now.
                let now = self.on_schedule(&services);
                let named = self.meant(services);
                // Who names what has completed does not mean that.
                for id in self.cluster.ids_of_all(named.iter().filter(|_| by_name)) {
                    self.undo(&id);
                }
                self.run(&named, &named, act);
                self.run_by_hand(&now, act);
            }
            Command::Release(services) => {
                let named = self.named(services);
                let mut insisted = BTreeSet::new();
                for name in &named {
                    if self.insist(name, act) {
                        insisted.insert(name.clone());
                    }
                }
                let quarantined = |name: &ServiceName| {
                    let mut instances = self.cluster.instances_of(name);
                    instances.any(|(_, instance)| matches!(instance.care, Care::Quarantined(_)))
                };
                let released = |name: &ServiceName| insisted.contains(name) || quarantined(name);
                let released: Vec<ServiceName> = named.into_iter().filter(released).collect();
                self.run(&released, &released, act);
            }
            Command::Restart { services, at_once } => self.restart(services, at_once, act),
            Command::Refresh {
                services,
                why,
                changed,
            } => self.refresh(&services, &why, changed, act),
            Command::Scale {
                service,
                replicas,
                ports,
                healing,
            } => {
                self.scale(&service, replicas, &ports, healing, act);
            }
            Command::Hold { services, until } => self.hold(services, Some(Held { until }), act),
            Command::Unhold(services) => self.hold(services, None, act),
            Command::Autonomy(said) => self.set_autonomy(said, act),
            Command::Ended { reason } => self.ended(&reason, act),
        }
    }

    /// The services a command means: those it names, or all.
    pub(crate) fn named(&self, services: Vec<ServiceName>) -> Vec<ServiceName> {
        if services.is_empty() {
            self.cluster.services.keys().cloned().collect()
        } else {
            services
                .into_iter()
                .filter(|s| self.cluster.services.contains_key(s))
                .collect()
        }
    }

    /// The services that a command to run means: those it names, or all but those of profiles that nobody has asked
    /// for.
    fn meant(&self, services: Vec<ServiceName>) -> Vec<ServiceName> {
        let all = services.is_empty();
        let mut named = self.named(services);
        named.retain(|name| {
            let service = self.cluster.services.get(name);
            !all || service.is_some_and(|one| one.wanted || one.spec.profiles.is_empty())
        });
        named
    }

    /// Nothing of these is wanted any more.
    fn rest(&mut self, services: &[ServiceName], why: impl Fn(&ServiceName) -> String, act: ActId) {
        let mut concerned = BTreeSet::new();
        for name in services {
            if let Some(service) = self.cluster.services.get_mut(name) {
                service.wanted = false;
            }
            self.end_rolling(name);
            self.off_schedule(name);
            for id in self.cluster.ids_of(name) {
                self.calm(&id, why(name));
                concerned.insert(id);
            }
        }
        for name in services {
            self.resatisfy(name);
            self.comes_back(name);
        }
        self.remember();
        self.wait_for(act, Some(false), concerned);
    }

    /// Whatever was in mind for an instance is off: it is to rest.
    pub(crate) fn calm(&mut self, id: &InstanceId, why: String) {
        self.set_care(id, Care::Idle);
        self.end_patience(id);
        self.end_settling(id);
        self.end_trial(id);
        self.out_of_hand(id);
        self.close_incident(id, &why);
        if let Some(instance) = self.cluster.instances.get_mut(id) {
            if instance.state != State::Stopped {
                instance.rest = why;
            }
            instance.cycle = None;
            self.out.unfinished |= instance.replaces.take().is_some();
            instance.automatic = false;
            instance.done = false;
            instance.by_itself = false;
        }
        self.recount(id);
        self.look.insert(id.clone());
    }

    /// These are wanted, and so is what they need. Those that are `named` begin anew: a person
    /// knows better than healing.
    fn run(&mut self, services: &[ServiceName], named: &[ServiceName], act: ActId) {
        let all = self.cluster.with_wanted_needs(services);
        let mut concerned = BTreeSet::new();
        for name in &all {
            let Some(service) = self.cluster.services.get_mut(name) else {
                continue;
            };
            if service.leaving {
                continue;
            }
            service.wanted = true;
            self.take_schedule(name);
            self.resatisfy(name);
            if self.cluster.replicas(name) == 0 {
                self.goes_down(name);
            }
            for id in self.cluster.ids_of(name) {
                self.revive(&id, act, named.contains(name));
                concerned.insert(id);
            }
        }
        self.remember();
        self.wait_for(act, Some(true), concerned);
    }

    /// A person wants it to run. Without a process it is started whatever healing had in mind; out
    /// of quarantine, and with a ladder that begins anew, only when it was meant itself.
    pub(crate) fn revive(&mut self, id: &InstanceId, act: ActId, named: bool) {
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        let quarantined = matches!(instance.care, Care::Quarantined(_));
        let free = matches!(instance.life, Life::Gone | Life::Ending);
        if !instance.done && free && (named || !quarantined) {
            self.release_incident(id, act);
            let Some(instance) = self.cluster.instances.get_mut(id) else {
                return;
            };
            instance.act = act;
            instance.automatic = false;
            instance.by_itself = false;
            instance.restarts = 0;
            if named {
                instance.history = History::default();
            }
            self.set_care(id, Care::Idle);
            self.end_settling(id);
            self.out_of_hand(id);
        }
        // They may have made room just now.
        self.forget_delay(id);
        self.recount(id);
        self.look.insert(id.clone());
    }

    fn restart(&mut self, services: Vec<ServiceName>, all: bool, act: ActId) {
        let by_name = !services.is_empty();
        let named = self.meant(services);
        let why = "restarted on request".to_owned();
        let (roll, at_once) = match all {
            true => (Vec::new(), named.clone()),
            false => self.cluster.split(&named),
        };
        let mut lives = Vec::new();
        for name in &at_once {
            self.end_rolling(name);
            self.wanted_by_hand(name);
        }
        for id in self.cluster.ids_of_all(&at_once) {
            self.undo(&id);
            let instance = self.cluster.instances.get(&id);
            if instance.is_some_and(|instance| instance.life == Life::Alive) {
                lives.push(id);
            }
        }
        // First all of them are known to restart, then their stops are put in order.
        for id in lives {
            self.begin_anew(&id);
            self.cycle(
                &id,
                Cycle {
                    why: why.clone(),
                    act,
                    automatic: false,
                    ordered: true,
                },
            );
        }
        for name in &roll {
            for id in self.cluster.ids_of(name) {
                self.forget_history(&id);
                self.undo(&id);
            }
            self.begin_rolling(name, Outdated::Restart, why.clone(), act);
        }
        self.run(&named, &named, act);
        if by_name {
            self.run_by_hand(&named, act);
        }
        let concerned = self
            .cluster
            .ids_of_all(&self.cluster.with_followers(&named));
        if let Some(pending) = self.cluster.acts.get_mut(&act) {
            pending.concerned.extend(concerned.iter().cloned());
            pending.open.extend(concerned.iter().cloned());
        }
        self.touched.extend(concerned);
    }

    /// What it has completed is to be done once more. One that is at rest by its schedule runs when its time comes.
    pub(crate) fn undo(&mut self, id: &InstanceId) {
        let scheduled = self.cluster.schedules.contains_key(&id.service);
        if let Some(instance) = self.cluster.instances.get_mut(id) {
            instance.done &= scheduled && instance.life == Life::Gone;
            instance.by_itself = false;
        }
    }

    /// A person replaces its process: what healing knows of it and was about to do is off.
    pub(crate) fn begin_anew(&mut self, id: &InstanceId) {
        self.drop_plans(id);
        self.forget_history(id);
    }

    /// It is about to be replaced: what was to be done with it is off.
    pub(crate) fn drop_plans(&mut self, id: &InstanceId) {
        self.set_care(id, Care::Idle);
        self.end_settling(id);
        self.out_of_hand(id);
        if let Some(instance) = self.cluster.instances.get_mut(id) {
            instance.cycle = None;
            self.out.unfinished |= instance.replaces.take().is_some();
        }
    }

    /// A person knows better than healing: what that has tried counts no more.
    fn forget_history(&mut self, id: &InstanceId) {
        if let Some((_, tale)) = self.tale(id) {
            tale.anew = true;
        }
        if let Some(instance) = self.cluster.instances.get_mut(id) {
            instance.restarts = 0;
            instance.history = History::default();
        }
    }

    fn scale(
        &mut self,
        name: &ServiceName,
        replicas: u16,
        ports: &BTreeMap<InstanceId, Vec<u16>>,
        healing: Option<String>,
        act: ActId,
    ) {
        let Some(service) = self.cluster.services.get_mut(name) else {
            self.wait_for(act, None, BTreeSet::new());
            return;
        };
        let before = std::mem::replace(&mut service.replicas, replicas);
        self.out.unfinished |= service.spec.max_replicas.is_some();
        if healing.is_none() {
            service.scaling.begin_anew();
        }
        self.create(name, ports, act);
        if let Some(why) = healing {
            self.scaled(name, before, why);
        }
        let ids = self.cluster.ids_of(name);
        for id in &ids {
            // All at once: those that leave must not stand in for one that is missing.
            self.count(id);
        }
        for id in &ids {
            if id.index < replicas {
                self.revive(id, act, false);
            } else {
                self.calm(id, "scaled down".to_owned());
            }
        }
        self.resatisfy(name);
        if replicas == 0 {
            self.goes_down(name);
        }
        self.wait_for(act, None, ids.iter().cloned().collect());
        // The highest first.
        for id in ids.iter().rev() {
            self.look.remove(id);
            self.consider(id);
        }
    }

    /// Makes the instances a service should have and has not.
    pub(crate) fn create(
        &mut self,
        name: &ServiceName,
        ports: &BTreeMap<InstanceId, Vec<u16>>,
        act: ActId,
    ) {
        let scheduled = self.cluster.is_scheduled(name);
        let replicas = self
            .cluster
            .services
            .get(name)
            .map_or(0, |service| service.replicas);
        for index in 0..replicas {
            let id = InstanceId::new(name.clone(), index);
            if !self.cluster.instances.contains_key(&id) {
                let ports = ports.get(&id).cloned().unwrap_or_default();
                let mut instance = Instance::new(ports, act, self.now.wall);
                instance.generation = self.cluster.gone.remove(&id).unwrap_or_default();
                instance.done = scheduled;
                self.cluster.instances.insert(id.clone(), instance);
                self.out.changed.insert(id);
            }
        }
    }

    /// The emergency path has ended every process: nothing of it is waited for, not even the
    /// answer about one that was just being made.
    fn ended(&mut self, reason: &str, act: ActId) {
        let text = format!("emergency stop: {reason}");
        let ids: Vec<InstanceId> = self.cluster.instances.keys().cloned().collect();
        for service in self.cluster.services.values_mut() {
            service.wanted = false;
            service.rolling = None;
        }
        self.cluster.rolling.clear();
        for id in &ids {
            self.calm(id, text.clone());
            let Some(instance) = self.cluster.instances.get_mut(id) else {
                continue;
            };
            instance.rest.clone_from(&text);
            instance.pid = None;
            instance.blocked = None;
            (instance.preparing, instance.called_off) = (None, false);
            if instance.life == Life::Asked {
                instance.owed = Some(instance.generation);
            }
            instance.life = Life::Gone;
            self.set(id, State::Stopped, Reason::new(text.clone()));
            self.recount(id);
        }
        let names: Vec<ServiceName> = self.cluster.services.keys().cloned().collect();
        for name in &names {
            self.comes_back(name);
            self.off_schedule(name);
        }
        self.remember();
        self.wait_for(act, None, BTreeSet::new());
    }

    /// Tells the next engine which services a person has stopped, if that has changed.
    pub(crate) fn remember(&mut self) {
        let stopped: Vec<ServiceName> = self.cluster.resting().into_iter().collect();
        if stopped != self.cluster.remembered {
            self.cluster.remembered.clone_from(&stopped);
            self.out.stopped = Some(stopped);
        }
    }

    /// The act has settled when these have come to rest.
    pub(crate) fn wait_for(
        &mut self,
        act: ActId,
        up: Option<bool>,
        concerned: BTreeSet<InstanceId>,
    ) {
        self.touched.extend(concerned.iter().cloned());
        let open = concerned.clone();
        self.cluster.acts.insert(
            act,
            Pending {
                up,
                began: self.now.mono,
                concerned,
                open,
                lives_on: None,
                left_behind: BTreeMap::new(),
                behind: BTreeMap::new(),
            },
        );
    }
}

fn names(services: &[ServiceName]) -> String {
    let names: Vec<String> = services.iter().map(ToString::to_string).collect();
    healing::words::list(&names)
}

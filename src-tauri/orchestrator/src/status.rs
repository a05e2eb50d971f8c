//! What a cluster looks like from outside: each instance's status, and the whole in one word.

use crate::cluster::{Cluster, Service};
use crate::instance::{Care, Goal, Instance, Life, Outdated};
use model::{InstanceId, InstanceStatus, Marks, Overall, Reason, ServiceName, State, Until};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What is said of one that was left behind when its definition was edited.
const OLDER: &str = "its definition has changed since it started; restart to apply";

impl Cluster {
    /// Its id.
    pub fn id(&self) -> &model::ClusterId {
        &self.id
    }

    /// The definition it runs on; `None` before the first one came.
    pub fn definition(&self) -> Option<&Arc<spec::Cluster>> {
        self.definition.as_ref()
    }

    /// Services that are not wanted to run: stopped on request, or not asked for.
    pub fn resting(&self) -> BTreeSet<ServiceName> {
        let services = self.services.iter();
        let resting = services.filter(|(_, service)| !service.wanted && !service.leaving);
        resting.map(|(name, _)| name.clone()).collect()
    }

    /// Why each of them is not: what a person has ordered, or that nobody has asked for it.
    pub fn resting_why(&self) -> BTreeMap<ServiceName, String> {
        let why = |name: ServiceName| {
            let (_, first) = self.instances_of(&name).next()?;
            let why = Some(first.rest.clone()).filter(|why| !why.is_empty());
            Some((name, why?))
        };
        self.resting().into_iter().filter_map(why).collect()
    }

    /// How many instances of a service are wanted; 0 for one that is not known.
    pub fn replicas(&self, service: &ServiceName) -> u16 {
        self.services
            .get(service)
            .map_or(0, |service| service.replicas)
    }

    /// The ports of every instance that has one.
    pub fn ports(&self) -> BTreeMap<InstanceId, Vec<u16>> {
        let instances = self
            .instances
            .iter()
            .filter(|(_, instance)| !instance.ports.is_empty());
        instances
            .map(|(id, instance)| (id.clone(), instance.ports.clone()))
            .collect()
    }

    /// Services a person has stopped.
    pub fn stopped(&self) -> &[ServiceName] {
        &self.remembered
    }

    /// Every instance's status, by name and index.
    pub fn statuses(&self) -> impl Iterator<Item = InstanceStatus> {
        self.instances.keys().filter_map(|id| self.status(id))
    }

    /// The status of every instance of one service, by index.
    pub fn statuses_of(&self, service: &ServiceName) -> impl Iterator<Item = InstanceStatus> {
        self.instances_of(service)
            .filter_map(|(id, _)| self.status(id))
    }

    /// One instance's status.
    pub fn status(&self, id: &InstanceId) -> Option<InstanceStatus> {
        let instance = self.instances.get(id)?;
        let service = self.services.get(&id.service)?;
        Some(InstanceStatus {
            instance: id.clone(),
            service: id.service.clone(),
            category: service.spec.category.clone(),
            state: instance.state,
            reason: self.reason(id),
            pid: instance.pid,
            ports: instance.ports.clone(),
            generation: instance.generation,
            restarts: instance.restarts,
            since: instance.since,
            marks: Marks {
                impacted_by: self.impacted_by(&id.service, instance),
                held: self.holds(&id.service),
                hold: self.hold_of(&id.service),
                circuit: instance.circuit(),
                rolled_back: self.rolled_back(&id.service).cloned(),
                scaled: self.scaled(&id.service),
                shim_lost: instance.shim_lost,
                // The gateway is the engine's to hear.
                ejected: None,
                rebuilding: false,
                // Files are the engine's to look at.
                drift: self.older(id).then(|| OLDER.to_owned()),
            },
            schedule: self.shown_schedule(&id.service),
            findings: crate::finding::shown(&instance.findings),
            // The engine knows these: they decide nothing.
            origin: None,
            port_taken: None,
        })
    }

    /// Where its schedule stands, for people: while somebody holds it no time of it begins anything.
    fn shown_schedule(&self, name: &ServiceName) -> Option<model::Scheduled> {
        let model::Scheduled { next, last } = self.schedule(name)?;
        let next = next.filter(|_| !self.holds(name));
        Some(model::Scheduled { next, last })
    }

    /// It runs on an older definition, and will until a person restarts it.
    fn older(&self, id: &InstanceId) -> bool {
        let rolls = |service: &Service| service.rolling.is_some();
        self.instances.get(id).is_some_and(|instance| {
            matches!(instance.outdated, Some(Outdated::Edit { .. }))
                && instance.life == Life::Alive
                && instance.cycle.is_none()
                && !self.services.get(&id.service).is_some_and(rolls)
        })
    }

    /// An instance's reason as of now: one that waits for others speaks of their present state.
    pub(crate) fn reason(&self, id: &InstanceId) -> Reason {
        let Some(instance) = self.instances.get(id) else {
            return Reason::default();
        };
        let waits = match instance.care {
            // Nobody but the machine keeps it from starting.
            // Nor what it needs, which settles.
            Care::Idle => {
                (instance.delay.is_none() && instance.settling.is_none())
                    || !self.needs_met(&id.service)
            }
            Care::Suffers => true,
            _ => false,
        };
        if instance.state == State::Waiting && instance.life == Life::Gone && waits {
            self.waiting(id)
        } else {
            instance.reason.clone()
        }
    }

    pub(crate) fn needs_met(&self, service: &ServiceName) -> bool {
        let service = self.services.get(service);
        service.is_some_and(|service| service.waits.unmet == 0)
    }

    /// What an instance without a process waits for: "waiting for db: tcp 5432 refused 14 times",
    /// or of several each with its state.
    pub(crate) fn waiting(&self, id: &InstanceId) -> Reason {
        let Some(service) = self.services.get(&id.service) else {
            return Reason::default();
        };
        let mut for_whom: Vec<&ServiceName> = service
            .needs
            .iter()
            .filter(|need| !self.met(service, need))
            .collect();
        if for_whom.is_empty() {
            for_whom.extend(&service.roots);
            for_whom.extend(service.excuse.iter().map(|excuse| &excuse.root));
        }
        let (what, next) = match for_whom.as_slice() {
            [] => ("about to start".to_owned(), None),
            [need] => self.wait_for_one(service, need),
            several => {
                let each = several.iter().map(|need| {
                    let (state, _) = self.standing(need);
                    format!("{} ({state})", awaited(service, need))
                });
                (
                    format!("waiting for {}", shortened(&each.collect::<Vec<_>>())),
                    None,
                )
            }
        };
        let suffers = self
            .instances
            .get(id)
            .filter(|instance| instance.care == Care::Suffers)
            .map(|instance| format!("{}; {what}", instance.fault));
        Reason {
            text: suffers.unwrap_or(what),
            next,
        }
    }

    fn wait_for_one(&self, service: &Service, need: &ServiceName) -> (String, Option<String>) {
        let (state, instance) = self.standing(need);
        let who = awaited(service, need);
        match instance {
            Some(instance) if instance.state == State::Quarantined => (
                format!("waiting for {who} (quarantined)"),
                Some(format!("release {need} first")),
            ),
            // Its own words say more than its state does: what was asked, and when again.
            Some(instance)
                if instance.life == Life::Alive
                    && instance.state != State::Stopping
                    && instance.reason.next.is_some() =>
            {
                let text = format!("waiting for {who}: {}", instance.reason.text);
                (text, instance.reason.next.clone())
            }
            Some(Instance {
                state: State::Waiting,
                ..
            }) => {
                // What is at the bottom of it says more than that the one in between waits too.
                let root = self.root_of(need).map(|root| (root, self.standing(root).0));
                let what = match root {
                    Some((root, how)) => format!("{who}, which waits for {root} ({how})"),
                    None => format!("{who} ({state})"),
                };
                (format!("waiting for {what}"), None)
            }
            _ => (format!("waiting for {who} ({state})"), None),
        }
    }

    /// The state of a service in one word, and the instance that is furthest from serving.
    fn standing(&self, service: &ServiceName) -> (&'static str, Option<&Instance>) {
        let mut instances = self.instances_of(service);
        let lacking =
            instances.find(|(id, instance)| self.goal(id) != Goal::Leave && !instance.good());
        match lacking {
            Some((_, instance)) => (instance.state.as_str(), Some(instance)),
            None => {
                // One that serves may be waited for, too: to be well.
                let mut instances = self.instances_of(service);
                let degraded = instances.any(|(_, one)| one.state == State::Degraded);
                let wanted = self.replicas(service) > 0;
                match (degraded, wanted) {
                    (true, _) => ("degraded", None),
                    (false, true) => ("ready", None),
                    (false, false) => ("scaled to none", None),
                }
            }
        }
    }

    /// The root among what is down above a service.
    pub(crate) fn root_of(&self, service: &ServiceName) -> Option<&ServiceName> {
        let service = self.services.get(service)?;
        let root = healing::cause::root(&service.roots, |root| {
            let root = self.services.get(root);
            root.map_or_else(Default::default, |root| (root.down_since, root.suffers()))
        });
        match root {
            // What it needs fails because of one that it does not.
            Some(root) => {
                let excuse = self.services.get(root)?.excuse.as_ref();
                Some(excuse.map_or(root, |excuse| &excuse.root))
            }
            None => service.excuse.as_ref().map(|excuse| &excuse.root),
        }
    }

    /// The service an instance suffers from: what lives suffers from anything that is down above
    /// it; what waits, only from a fault and not from an orderly start.
    fn impacted_by(&self, name: &ServiceName, instance: &Instance) -> Option<ServiceName> {
        let service = self.services.get(name)?;
        if !service.suffers() {
            return None;
        }
        let gone = instance.life == Life::Gone;
        let lives = match instance.state {
            State::Running | State::Ready | State::Degraded => true,
            State::Failing => !gone,
            _ => false,
        };
        let waits = match instance.state {
            State::Waiting | State::Recovering => true,
            State::Failing => gone,
            _ => false,
        };
        if !lives && !waits {
            return None;
        }
        let root = self.root_of(name)?;
        let faulty = lives
            || instance.care == Care::Suffers
            || self
                .instances_of(root)
                .any(|(_, root)| root.automatic || root.care != Care::Idle);
        faulty.then(|| root.clone())
    }

    /// The whole in one word, and why in words: "150 of 150 ready", "149 of 150 ready, 1 completed", "2 of 150
    /// recovering".
    pub fn overall(&self) -> (Overall, String) {
        let mut tally = Tally::default();
        for (name, service) in &self.services {
            let relied_on = service
                .relied_by
                .iter()
                .any(|above| self.services.get(above).is_some_and(|above| above.wanted));
            for (id, instance) in self.instances_of(name) {
                let wanted = service.goal(id.index) == Goal::Run;
                let impacted = wanted && self.impacted_by(name, instance).is_some();
                let good = instance.good() || self.runs_by_time(id);
                tally.add(instance, good, (wanted, relied_on, impacted));
            }
        }
        tally.word()
    }
}

/// Counts over the instances of a cluster.
#[derive(Default)]
struct Tally {
    wanted: u32,
    good: u32,
    /// Good ones that have done what they were for.
    completed: u32,
    /// Good ones that suffer from another.
    impacted: u32,
    /// Any that suffers, good or not.
    suffering: bool,
    /// They were ready and say that they are not any more.
    unready: u32,
    stopping: u32,
    relied_on_lost: bool,
    /// Wanted ones by state, as far as they are not good.
    lacking: BTreeMap<State, u32>,
    degraded: u32,
}

impl Tally {
    fn add(
        &mut self,
        instance: &Instance,
        good: bool,
        (wanted, relied_on, impacted): (bool, bool, bool),
    ) {
        if !wanted {
            self.stopping += u32::from(instance.state != State::Stopped);
            return;
        }
        self.wanted += 1;
        self.suffering |= impacted;
        self.impacted += u32::from(impacted && good);
        self.degraded += u32::from(instance.state == State::Degraded);
        if good {
            self.good += 1;
            self.completed += u32::from(instance.done && instance.state != State::Scheduled);
        } else if instance.unready.is_some() && instance.state == State::Running {
            self.unready += 1;
            self.relied_on_lost |= relied_on;
        } else {
            *self.lacking.entry(instance.state).or_default() += 1;
            let lost = matches!(instance.state, State::Failing | State::Quarantined);
            self.relied_on_lost |= lost && relied_on;
        }
    }

    fn count(&self, state: State) -> u32 {
        self.lacking.get(&state).copied().unwrap_or(0)
    }

    fn word(&self) -> (Overall, String) {
        if self.wanted == 0 {
            return match self.stopping {
                0 => (
                    Overall::Stopped,
                    "nothing is wanted, nothing runs".to_owned(),
                ),
                n => (Overall::Starting, format!("{n} still stopping")),
            };
        }
        let all = self.wanted;
        let faulty = [State::Quarantined, State::Failing, State::Recovering];
        let faults: u32 = faulty.iter().map(|state| self.count(*state)).sum();
        let mut said: Vec<String> = faulty
            .iter()
            .chain([
                &State::Starting,
                &State::Running,
                &State::Waiting,
                &State::Stopping,
            ])
            .filter(|state| self.count(**state) > 0)
            .map(|state| format!("{} {state}", self.count(*state)))
            .collect();
        if self.unready > 0 {
            said.push(format!("{} not ready", self.unready));
        }
        if self.degraded > 0 {
            said.push(format!("{} degraded", self.degraded));
        }
        if self.impacted > 0 {
            said.push(format!("{} impacted", self.impacted));
        }
        if self.stopping > 0 {
            said.push(format!("{} going away", self.stopping));
        }
        let words = match said.split_first() {
            None if self.completed == 0 => format!("{} of {all} ready", self.good),
            None => {
                let (ready, completed) = (self.good - self.completed, self.completed);
                format!("{ready} of {all} ready, {completed} completed")
            }
            Some((first, rest)) => {
                let (count, state) = first.split_once(' ').unwrap_or(("", first));
                let mut words = format!("{count} of {all} {state}");
                for more in rest {
                    words.push_str(", ");
                    words.push_str(more);
                }
                words
            }
        };
        let overall = if faults > 0 && (self.relied_on_lost || self.good * 2 < all) {
            Overall::Critical
        } else if faults > 0 || self.unready > 0 || self.degraded > 0 || self.suffering {
            Overall::Degraded
        } else if self.good < all || self.stopping > 0 {
            Overall::Starting
        } else {
            Overall::Operational
        };
        (overall, words)
    }
}

/// "db", "seed to end": whom a service waits for, and to do what.
fn awaited(service: &Service, need: &ServiceName) -> String {
    match service.terms(need).until {
        Until::Started => format!("{need} to start"),
        Until::Ready => need.to_string(),
        Until::Ended => format!("{need} to end"),
        Until::Succeeded => format!("{need} to succeed"),
    }
}

/// At most four, and how many more.
fn shortened(each: &[String]) -> String {
    match each {
        [a, b, c, _, more @ ..] if !more.is_empty() => {
            format!("{a}, {b}, {c} and {} more", more.len() + 1)
        }
        all => all.join(", "),
    }
}

//! What needs what, kept as counters so that a step costs what it concerns and not what there is.
//!
//! Each service knows how many of its needs are not met (see [`crate::progress`]) and how many of its
//! dependents still have to stop. A change of one instance updates its own service's counters; only when an
//! answer turns do the neighbours hear of it. Bringing up or taking down a whole cluster so costs as much
//! as it has needs, however wide or deep.

use crate::cluster::{Cluster, Service};
use crate::instance::{Care, Cycle, Outdated};
use crate::step::Step;
use model::{ActId, Reason, ServiceName, State, Terms, Until};
use std::collections::{BTreeMap, BTreeSet};

/// How a service came to run on new processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Renewal {
    /// A person started or restarted it.
    Asked,
    /// A person restarted it, one instance after another.
    Rolled,
    /// Healing did.
    Healed,
}

impl healing::cause::Graph for Cluster {
    fn dependents(&self, service: &ServiceName) -> Vec<ServiceName> {
        let service = self.services.get(service);
        service
            .map(|service| service.relied_by.iter().cloned().collect())
            .unwrap_or_default()
    }
}

impl Cluster {
    /// Everything the given services need, directly or through others, and themselves.
    pub(crate) fn with_needs(&self, services: &[ServiceName]) -> BTreeSet<ServiceName> {
        self.closure(services, |_, service| service.needs.iter().collect())
    }

    /// As `with_needs`, without what is of a profile that nobody has asked for where one can do without it.
    pub(crate) fn with_wanted_needs(&self, services: &[ServiceName]) -> BTreeSet<ServiceName> {
        self.closure(services, |_, service| {
            let comes = |need: &&ServiceName| {
                let other = self.services.get(*need);
                let of_profile = |one: &Service| !one.wanted && !one.spec.profiles.is_empty();
                service.terms(need).required || !other.is_some_and(of_profile)
            };
            service.needs.iter().filter(comes).collect()
        })
    }

    /// Everything that needs the given services and cannot do without them, directly or through others,
    /// and themselves.
    pub(crate) fn with_dependents(&self, services: &[ServiceName]) -> BTreeSet<ServiceName> {
        self.closure(services, |name, service| {
            let requires = |above: &&ServiceName| {
                let above = self.services.get(*above);
                above.is_some_and(|above| above.terms(name).required)
            };
            service.dependents.iter().filter(requires).collect()
        })
    }

    /// Everything that needs the given services in any way, directly or through others, and themselves.
    pub(crate) fn with_all_dependents(&self, services: &[ServiceName]) -> BTreeSet<ServiceName> {
        self.closure(services, |_, service| service.dependents.iter().collect())
    }

    /// Everything that follows a restart of the given services, and themselves.
    pub(crate) fn with_followers(&self, services: &[ServiceName]) -> BTreeSet<ServiceName> {
        let mut found = BTreeSet::new();
        let mut open = services.to_vec();
        while let Some(name) = open.pop() {
            let Some(service) = self.services.get(&name) else {
                continue;
            };
            if !found.contains(&name) {
                let followers = service
                    .dependents
                    .iter()
                    .filter(|above| self.follows(above, &name));
                open.extend(followers.cloned());
                found.insert(name);
            }
        }
        found
    }

    /// `dependent` says it restarts with `need`.
    pub(crate) fn follows(&self, dependent: &ServiceName, need: &ServiceName) -> bool {
        self.services.get(dependent).is_some_and(|service| {
            service
                .spec
                .needs
                .iter()
                .any(|edge| edge.restart && edge.service == *need)
        })
    }

    fn closure<'a>(
        &'a self,
        services: &[ServiceName],
        next: impl Fn(&ServiceName, &'a Service) -> Vec<&'a ServiceName>,
    ) -> BTreeSet<ServiceName> {
        let mut found = BTreeSet::new();
        let mut open = services.to_vec();
        while let Some(name) = open.pop() {
            let Some(service) = self.services.get(&name) else {
                continue;
            };
            if !found.contains(&name) {
                let next = next(&name, service).into_iter();
                open.extend(next.filter(|name| !found.contains(*name)).cloned());
                found.insert(name);
            }
        }
        found
    }

    /// Derives the graph and all counters anew, after the definition has changed.
    pub(crate) fn rebuild(&mut self) {
        self.declared.clear();
        let mut edges = Vec::new();
        for (name, service) in &self.services {
            for need in &service.spec.needs {
                if self.services.contains_key(&need.service) {
                    edges.push((name.clone(), need.service.clone(), need.terms()));
                }
            }
        }
        for service in self.services.values_mut() {
            service.needs.clear();
            service.terms.clear();
            service.dependents.clear();
            service.relied_by.clear();
            service.roots.clear();
            service.above_draining = 0;
            service.drains = false;
        }
        self.waits_for_ends = edges.iter().any(|(.., terms)| terms.until == Until::Ended);
        for (dependent, need, terms) in edges {
            if let Some(service) = self.services.get_mut(&need) {
                if terms.relies() {
                    service.relied_by.insert(dependent.clone());
                }
                service.dependents.insert(dependent.clone());
            }
            if let Some(service) = self.services.get_mut(&dependent) {
                if terms != Terms::default() {
                    service.terms.insert(need.clone(), terms);
                }
                service.needs.insert(need);
            }
        }
        self.rank();
        let mut names: Vec<ServiceName> = self.services.keys().cloned().collect();
        names.sort_by_key(|name| self.services.get(name).map(|service| service.rank));
        self.recount_all(&names);
        for name in &names {
            self.redrain(name);
            if self.services.get(name).is_some_and(|service| service.down) {
                for dependent in healing::cause::dependents(self, name) {
                    if let Some(service) = self.services.get_mut(&dependent) {
                        service.roots.insert(name.clone());
                    }
                }
            }
        }
    }

    /// Counts how deep every service stands on others.
    fn rank(&mut self) {
        let mut open: Vec<ServiceName> = Vec::new();
        let mut missing = BTreeMap::new();
        for (name, service) in &mut self.services {
            service.rank = 0;
            match service.needs.len() {
                0 => open.push(name.clone()),
                needs => _ = missing.insert(name.clone(), needs),
            }
        }
        while let Some(name) = open.pop() {
            let Some(service) = self.services.get(&name) else {
                continue;
            };
            let above = service.rank.saturating_add(1);
            for dependent in service.dependents.clone() {
                if let Some(service) = self.services.get_mut(&dependent) {
                    service.rank = service.rank.max(above);
                }
                let Some(left) = missing.get_mut(&dependent) else {
                    continue;
                };
                *left -= 1;
                if *left == 0 {
                    missing.remove(&dependent);
                    open.push(dependent);
                }
            }
        }
    }

    /// Tells what a service needs when it begins or ceases to stand in the way of their stop.
    /// Answers the services nothing stands in the way of any more.
    fn redrain(&mut self, service: &ServiceName) -> Vec<ServiceName> {
        let mut free = Vec::new();
        let mut open = vec![service.clone()];
        while let Some(name) = open.pop() {
            let Some(service) = self.services.get_mut(&name) else {
                continue;
            };
            let drains = service.counts.draining > 0 || service.above_draining > 0;
            if drains == service.drains {
                continue;
            }
            service.drains = drains;
            for need in service.needs.clone() {
                let Some(below) = self.services.get_mut(&need) else {
                    continue;
                };
                if drains {
                    below.above_draining += 1;
                } else {
                    below.above_draining = below.above_draining.saturating_sub(1);
                    if below.above_draining == 0 {
                        free.push(need.clone());
                    }
                }
                open.push(need);
            }
        }
        free
    }
}

impl Step<'_> {
    /// Lets those stop that nothing stands in the way of any more.
    pub(crate) fn free(&mut self, service: &ServiceName) {
        for free in self.cluster.redrain(service) {
            self.look.extend(self.cluster.ids_of(&free));
        }
    }

    /// What waits for this service shows its state in its reason, so it looks different now.
    /// One that waits for several shows only their states, so words are news to the others alone.
    pub(crate) fn tell_waiting(&mut self, service: &ServiceName, state: bool) {
        let Some(service) = self.cluster.services.get(service) else {
            return;
        };
        if service.satisfied() {
            return;
        }
        for dependent in service.dependents.clone() {
            let unmet = self
                .cluster
                .services
                .get(&dependent)
                .map_or(0, |above| above.waits.unmet);
            if state || unmet == 1 {
                self.show_waiting(&dependent);
            }
        }
    }

    pub(crate) fn show_waiting(&mut self, service: &ServiceName) {
        let waiting = self.cluster.instances_of(service);
        let waiting = waiting.filter(|(_, instance)| instance.state == State::Waiting);
        self.out.changed.extend(waiting.map(|(id, _)| id.clone()));
    }

    /// A service has lost what it is relied on for: from now on it explains the faults of what
    /// needs it. Answers its dependents, direct or through others.
    pub(crate) fn goes_down(&mut self, name: &ServiceName) -> BTreeSet<ServiceName> {
        let dependents = healing::cause::dependents(&*self.cluster, name);
        let Some(service) = self.cluster.services.get_mut(name) else {
            return dependents;
        };
        if !std::mem::replace(&mut service.down, true) {
            service.down_since = self.now.mono;
            for dependent in &dependents {
                if let Some(above) = self.cluster.services.get_mut(dependent) {
                    above.roots.insert(name.clone());
                }
                self.out.changed.extend(self.cluster.ids_of(dependent));
            }
            self.heard_below(&dependents);
        }
        self.touched.extend(self.cluster.ids_of_all(&dependents));
        // What a rolling restart had taken out is missed from now on.
        if self.cluster.rolling.contains(name) {
            self.resatisfy(name);
        }
        dependents
    }

    /// A service is what it should be again, or is no longer wanted. Those that suffered from it
    /// alone begin with a clean slate: what failed while it was down says nothing about them.
    pub(crate) fn comes_back(&mut self, name: &ServiceName) {
        self.drop_excuse(name);
        let Some(service) = self.cluster.services.get_mut(name) else {
            return;
        };
        if !std::mem::replace(&mut service.down, false) {
            return;
        }
        service.back = Some(self.now.mono);
        self.out.relief = true;
        for dependent in healing::cause::dependents(&*self.cluster, name) {
            if let Some(above) = self.cluster.services.get_mut(&dependent) {
                above.roots.remove(name);
                self.explained_no_more(&dependent, name);
            }
        }
        self.unblame(name);
    }

    /// One that explained a service's faults is back. When it was the last, the service begins with
    /// a clean slate.
    pub(crate) fn explained_no_more(&mut self, dependent: &ServiceName, name: &ServiceName) {
        self.out.turned.insert(dependent.clone());
        let above = self.cluster.services.get(dependent);
        let free = above.is_some_and(|above| !above.suffers());
        for id in self.cluster.ids_of(dependent) {
            if free && let Some(instance) = self.cluster.instances.get(&id) {
                if instance.state == State::Failing && instance.care == Care::Idle {
                    let text = instance.fault.clone();
                    let next = format!("{name} is back: the next probes decide");
                    self.set_reason(&id, Reason::new(text).then(next));
                }
                self.ask_anew(&id);
            }
            self.touched.insert(id.clone());
            self.out.changed.insert(id.clone());
            self.look.insert(id);
        }
    }

    /// Those that follow this service's restarts and ran before it was ready again are next: once,
    /// when the last instance of a rolling restart is ready.
    pub(crate) fn lead_followers(&mut self, name: &ServiceName, act: ActId, how: Renewal) {
        let Some(service) = self.cluster.services.get_mut(name) else {
            return;
        };
        if service.rolling.is_some()
            || !service.satisfied()
            || !std::mem::replace(&mut service.renewed, false)
        {
            return;
        }
        for dependent in service.dependents.clone() {
            if self.cluster.follows(&dependent, name) {
                let why = format!("restarts with {name}");
                // It was served all the time: no reason to take it down at once.
                if how == Renewal::Rolled && self.cluster.can_roll(&dependent) {
                    self.begin_rolling(&dependent, Outdated::Restart, why, act);
                    continue;
                }
                for id in self.cluster.ids_of(&dependent) {
                    self.cycle(
                        &id,
                        Cycle {
                            why: why.clone(),
                            act,
                            automatic: how == Renewal::Healed,
                            ordered: true,
                        },
                    );
                }
            }
        }
    }
}

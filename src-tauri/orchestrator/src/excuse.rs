//! Faults that another service explains although nothing is declared, or although that one still
//! serves somehow.
//!
//! A declared need that is down excuses its dependents for as long as it is down: they could not even
//! start. What was only seen in the sockets is weaker, and so is slowness: such an excuse is given for
//! a fault that looks like a lost connection, ends after a bounded time, and is not given twice for
//! the same outage. An edge that goes against a declared need counts for nothing, so nobody waits
//! for one that waits for it.

use crate::cluster::{Cluster, Service};
use crate::instance::{Care, Goal, Instance, Life};
use crate::io::{Effect, TimerKey};
use crate::step::Step;
use healing::cause;
use healing::explain::{Cause, Facts, Fault, How, Reliance, Sight, Unwell, explain};
use healing::history::Lasted;
use healing::words;
use model::{ExitStatus, IncidentState, InstanceId, Mono, ServiceName, State};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// So long a service waits for one that it was seen to talk to and that is down: the default ladder
/// has come to its end by then.
const DOWN: Duration = Duration::from_secs(300);
/// So long it waits for one that is degraded: that may go on for days, and may be chance.
const DEGRADED: Duration = Duration::from_secs(60);

/// Why a service's fault is not its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Excuse {
    /// Whose it is.
    pub(crate) root: ServiceName,
    /// Since when that is unwell.
    pub(crate) since: Mono,
    /// How it is known, in words.
    pub(crate) why: String,
    /// How long it counts.
    lasts: Duration,
}

impl Service {
    /// Something explains its faults.
    pub(crate) fn suffers(&self) -> bool {
        !self.roots.is_empty() || self.excuse.is_some()
    }
}

/// The cluster as the search sees it.
struct Evidence<'a> {
    cluster: &'a Cluster,
    /// All that a service needs, directly or through others.
    needs: RefCell<BTreeMap<ServiceName, BTreeSet<ServiceName>>>,
}

impl Evidence<'_> {
    fn against(&self, from: &ServiceName, to: &ServiceName) -> bool {
        let mut known = self.needs.borrow_mut();
        known
            .entry(to.clone())
            .or_insert_with(|| self.cluster.with_needs(std::slice::from_ref(to)))
            .contains(from)
    }
}

impl Facts for Evidence<'_> {
    fn relies_on(&self, name: &ServiceName) -> Vec<Reliance> {
        let Some(service) = self.cluster.services.get(name) else {
            return Vec::new();
        };
        let declared = service.needs.iter().map(|on| Reliance {
            on: on.clone(),
            seen: None,
        });
        let seen = self.cluster.observed.of(name).filter_map(|(to, edge)| {
            let counts = !service.needs.contains(to) && !self.against(name, to);
            let last = edge.fresh.filter(|_| counts)?;
            Some(Reliance {
                on: to.clone(),
                seen: Some(Sight {
                    last,
                    at: edge.at.first().cloned(),
                }),
            })
        });
        declared.chain(seen).collect()
    }

    fn unwell(&self, name: &ServiceName) -> Option<Unwell> {
        let service = self.cluster.services.get(name)?;
        if service.down {
            return Some(Unwell {
                since: service.down_since,
                how: How::Down,
            });
        }
        let instances = self.cluster.instances_of(name);
        let degraded = instances.filter(|(_, one)| one.state == State::Degraded);
        degraded
            .map(|(_, one)| one.entered)
            .min()
            .map(|since| Unwell {
                since,
                how: How::Degraded,
            })
    }
}

/// A fault that a lost connection can bring about: one that was killed has another story, and one
/// that could not be made has not even tried.
pub(crate) fn excusable(instance: &Instance) -> bool {
    instance.life != Life::Gone || matches!(instance.ended, Some(ExitStatus::Code(_)))
}

impl Step<'_> {
    /// True when another service explains the fault of this instance that is seen now, and it waits
    /// for that one from here on.
    pub(crate) fn excused(&mut self, id: &InstanceId, lasted: Lasted) -> bool {
        let Some(instance) = self.cluster.instances.get(id) else {
            return false;
        };
        // Its story has begun: it is told to its end.
        let own = instance
            .incident
            .and_then(|key| self.cluster.incidents.get(&key));
        let open = own.is_some_and(|tale| tale.incident.state == IncidentState::Open);
        if open || lasted == Lasted::Briefly || !excusable(instance) {
            return false;
        }
        let probed = self
            .cluster
            .services
            .get(&id.service)
            .is_some_and(|service| service.spec.health.is_some());
        // What nobody asks is well until it ends.
        let well = match instance.passed {
            None if !probed && instance.served == Some(instance.generation) => Some(self.now.mono),
            passed => passed,
        };
        match self.cause_of(&id.service, self.now.mono, well) {
            Some(cause) => {
                self.grant(&id.service, cause);
                true
            }
            None => false,
        }
    }

    /// What explains a fault of this service.
    fn cause_of(&self, name: &ServiceName, at: Mono, well: Option<Mono>) -> Option<Cause> {
        let facts = Evidence {
            cluster: self.cluster,
            needs: RefCell::default(),
        };
        let fault = Fault {
            service: name,
            at,
            well,
        };
        let mut cause = explain(&facts, fault)?;
        if let Some(root) = self.cluster.root_of(&cause.root) {
            cause.root = root.clone();
        }
        let root = self.cluster.services.get(&cause.root)?;
        let since = facts.unwell(&cause.root)?.since;
        let spent = self.cluster.services.get(name)?.spent.as_ref();
        let again = spent.is_some_and(|(of, then)| (of, *then) == (&cause.root, since));
        (cause.root != *name && !root.suffers() && !again).then_some(cause)
    }

    /// Lets a service wait for what explains its fault.
    fn grant(&mut self, name: &ServiceName, cause: Cause) {
        let facts = Evidence {
            cluster: self.cluster,
            needs: RefCell::default(),
        };
        let since = facts
            .unwell(&cause.root)
            .map_or(self.now.mono, |unwell| unwell.since);
        let lasts = match cause.how {
            How::Down => DOWN,
            How::Degraded => DEGRADED,
        };
        if cause.how == How::Degraded {
            self.degraded_incident(&cause.root, name);
        }
        self.impact(&cause.root, name, &cause.why);
        let excused = self.cluster.excused.entry(cause.root.clone()).or_default();
        excused.insert(name.clone());
        let Some(service) = self.cluster.services.get_mut(name) else {
            return;
        };
        service.excuse = Some(Excuse {
            root: cause.root,
            since,
            why: cause.why,
            lasts,
        });
        let (key, at) = (TimerKey::Excuse(name.clone()), self.now.mono + lasts);
        self.out.acts.push(Effect::SetTimer { key, at });
        self.out.changed.extend(self.cluster.ids_of(name));
    }

    /// A root is recognised: recent incidents of those that were seen to talk to it are its doing,
    /// if nothing else explains them better.
    pub(crate) fn take_over_seen(
        &mut self,
        root: &ServiceName,
        dependents: &BTreeSet<ServiceName>,
    ) {
        if self.cluster.observed.is_empty() {
            return;
        }
        let now = self.now.mono;
        let open: Vec<(InstanceId, Mono)> = self
            .cluster
            .incidents
            .values()
            .filter(|tale| {
                let of = &tale.incident.service;
                tale.incident.state == IncidentState::Open
                    && of != root
                    && !dependents.contains(of)
                    && cause::same_incident(tale.opened, now)
            })
            .map(|tale| (tale.incident.instance.clone(), tale.opened))
            .collect();
        for (id, opened) in open {
            let excusable = self.cluster.instances.get(&id).is_some_and(excusable);
            let found = self.cause_of(&id.service, opened, None);
            if let Some(cause) = found.filter(|cause| excusable && cause.root == *root) {
                self.grant(&id.service, cause);
                self.take_over(root, &BTreeSet::from([id.service]));
            }
        }
    }

    /// A service is well again, or no longer wanted: who was excused by it begins with a clean slate.
    pub(crate) fn unblame(&mut self, root: &ServiceName) {
        for name in self.cluster.excused.remove(root).unwrap_or_default() {
            let Some(service) = self.cluster.services.get_mut(&name) else {
                continue;
            };
            if service
                .excuse
                .take_if(|excuse| excuse.root == *root)
                .is_none()
            {
                continue;
            }
            service.spent = None;
            self.out
                .acts
                .push(Effect::CancelTimer(TimerKey::Excuse(name.clone())));
            self.explained_no_more(&name, root);
        }
    }

    /// Somebody waits for this service to be well again.
    pub(crate) fn blamed(&self, root: &ServiceName) -> bool {
        self.cluster.excused.contains_key(root)
    }

    /// A service is well again, whatever it was that explained its fault, or is not wanted any more.
    pub(crate) fn drop_excuse(&mut self, name: &ServiceName) {
        if self.take_excuse(name).is_some() {
            let key = TimerKey::Excuse(name.clone());
            self.out.acts.push(Effect::CancelTimer(key));
            self.out.changed.extend(self.cluster.ids_of(name));
        }
    }

    fn take_excuse(&mut self, name: &ServiceName) -> Option<Excuse> {
        let excuse = self.cluster.services.get_mut(name)?.excuse.take()?;
        if let Some(excused) = self.cluster.excused.get_mut(&excuse.root) {
            excused.remove(name);
            if excused.is_empty() {
                self.cluster.excused.remove(&excuse.root);
            }
        }
        Some(excuse)
    }

    /// It has waited long enough: whatever explains its fault, it is its own from here on.
    pub(crate) fn excuse_over(&mut self, name: &ServiceName) {
        let Some(excuse) = self.take_excuse(name) else {
            return;
        };
        if let Some(service) = self.cluster.services.get_mut(name) {
            service.spent = Some((excuse.root.clone(), excuse.since));
        }
        for id in self.cluster.ids_of(name) {
            self.out.changed.insert(id.clone());
            let Some(instance) = self.cluster.instances.get(&id) else {
                continue;
            };
            let wanted = self.cluster.goal(&id) == Goal::Run && instance.cycle.is_none();
            let waits = instance.care == Care::Suffers
                || (instance.care == Care::Idle
                    && instance.life == Life::Alive
                    && instance.state == State::Failing);
            if wanted
                && waits
                && self
                    .cluster
                    .services
                    .get(name)
                    .is_some_and(|one| !one.suffers())
            {
                let cause = format!(
                    "{id} {}; {} is not well after {}, and was not waited for any longer",
                    instance.fault,
                    excuse.root,
                    words::duration(excuse.lasts)
                );
                let dependents = self.goes_down(name);
                self.open_incident(&id, cause, Lasted::NotWell, &dependents);
                self.judge(&id, false);
            }
            self.look.insert(id);
        }
    }
}

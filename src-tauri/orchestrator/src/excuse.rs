//! Faults that another service explains although nothing is declared, or although that one still
//! serves somehow.
//!
//! A declared need that is down excuses its dependents for as long as it is down: they could not even
//! start. What was only seen in the sockets is weaker, and so is slowness: such an excuse is given for
//! a fault that looks like a lost connection, ends after a bounded time, and is not given twice for
//! the same outage. An edge that goes against a declared need counts for nothing, so nobody waits
//! for one that waits for it.

use crate::cluster::{Cluster, Service};
use crate::effect::Effect;
use crate::instance::{Care, Goal, Instance, Life};
use crate::io::TimerKey;
use crate::step::Step;
use healing::cause;
use healing::explain::{Cause, Facts, Fault, How, Reliance, Sight, Unwell, explain};
use healing::history::Lasted;
use healing::observed::FRESH;
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
    /// How that is unwell.
    how: How,
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
    /// What was down after this and is not any more counts as well.
    back_since: Option<Mono>,
}

impl<'a> Evidence<'a> {
    fn of(cluster: &'a Cluster) -> Self {
        Self {
            cluster,
            needs: RefCell::default(),
            back_since: None,
        }
    }

    fn against(&self, from: &ServiceName, to: &ServiceName) -> bool {
        // Whoever needs another stands higher: most need not be looked up.
        let rank = |name| self.cluster.services.get(name).map_or(0, |one| one.rank);
        if rank(to) <= rank(from) {
            return false;
        }
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
        let declared = service.relies_on().map(|on| Reliance {
            on: on.clone(),
            seen: None,
        });
        let seen = self.cluster.observed.of(name).filter_map(|(to, edge)| {
            let declared = service.needs.contains(to) && service.terms(to).relies();
            let counts = !declared && !self.against(name, to);
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
        let back = |since| service.satisfied() && service.back.is_some_and(|at| at >= since);
        if service.down || self.back_since.is_some_and(back) {
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

impl Cluster {
    /// What a service was seen to talk to not long before this, and does not declare.
    pub(crate) fn talks_to(&self, name: &ServiceName, at: Mono) -> Vec<ServiceName> {
        let relies = Evidence::of(self).relies_on(name).into_iter();
        let seen = relies.filter(|one| one.seen.as_ref().is_some_and(|one| one.last + FRESH >= at));
        seen.map(|one| one.on).collect()
    }

    /// Another than a declared need that is down may excuse a fault of this instance: its story has not begun, and
    /// a lost connection can have brought it about.
    pub(crate) fn may_be_excused(&self, id: &InstanceId, lasted: Lasted) -> bool {
        let Some(instance) = self.instances.get(id) else {
            return false;
        };
        let tale = instance.incident;
        let tale = tale.and_then(|key| self.incidents.get(&key));
        let open = tale.is_some_and(|tale| tale.incident.state == IncidentState::Open);
        !open && lasted != Lasted::Briefly && excusable(instance)
    }

    /// All that rely on a service, directly or through others, declared or seen; without itself.
    pub(crate) fn relying_on(&self, root: &ServiceName) -> BTreeSet<ServiceName> {
        let mut found = BTreeSet::new();
        let mut open = vec![root.clone()];
        while let Some(name) = open.pop() {
            let service = self.services.get(&name);
            let declared = service.into_iter().flat_map(|service| &service.relied_by);
            for above in declared.chain(self.observed.to(&name)) {
                if above != root && found.insert(above.clone()) {
                    open.push(above.clone());
                }
            }
        }
        found
    }
}

/// So long after what it used is back an end still counts as an effect of that outage: programs try
/// their connections again for seconds before they give up.
const LATE: Duration = Duration::from_secs(5);

/// What is slow or errs ends nobody: a process that is gone is not waited for by healing.
fn ends(instance: &Instance, how: How) -> bool {
    instance.life == Life::Gone && how == How::Degraded
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
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
        if !self.cluster.may_be_excused(id, lasted) {
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
        let facts = Evidence::of(self.cluster);
        match self.cause_of(&facts, &id.service, self.now.mono, well) {
            Some(cause) if !ends(instance, cause.how) => {
                self.grant(&id.service, cause);
                true
            }
            _ => false,
        }
    }

    /// What its service suffers from already explains this fault of an instance, too.
    pub(crate) fn explained(&mut self, id: &InstanceId) -> bool {
        let Some(service) = self.cluster.services.get_mut(&id.service) else {
            return false;
        };
        let Some(instance) = self.cluster.instances.get(id) else {
            return false;
        };
        match &service.excuse {
            _ if !service.roots.is_empty() => true,
            Some(excuse) if ends(instance, excuse.how) => {
                service.spent = Some((excuse.root.clone(), excuse.since));
                self.drop_excuse(&id.service);
                false
            }
            excuse => excuse.is_some(),
        }
    }

    /// It has ended because of an outage that is over since a moment ago: true when it is started again
    /// for that, as if it had ended before.
    pub(crate) fn late_effect(&mut self, id: &InstanceId, lasted: Lasted) -> bool {
        let Some(instance) = self.cluster.instances.get(id) else {
            return false;
        };
        if instance.life != Life::Gone || !self.cluster.may_be_excused(id, lasted) {
            return false;
        }
        // It was there while that was down, and has not been seen to be well since.
        let moment = Mono(self.now.mono.0.saturating_sub(millis(LATE)));
        let since = [Some(moment), instance.passed, Some(instance.alive_since)];
        let facts = Evidence {
            back_since: since.into_iter().flatten().max(),
            ..Evidence::of(self.cluster)
        };
        let cause = self.cause_of(&facts, &id.service, self.now.mono, instance.passed);
        let Some(cause) = cause.filter(|cause| cause.how == How::Down) else {
            return false;
        };
        let fault = &instance.fault;
        let text = format!(
            "{id} {fault} just after {} was back: a late effect",
            cause.root
        );
        self.impact_late(&cause.root, &id.service, &text);
        self.goes_down(&id.service);
        self.end_trial(id);
        self.set_care(id, Care::Suffers);
        self.look.insert(id.clone());
        true
    }

    /// What explains a fault of this service.
    fn cause_of(
        &self,
        facts: &Evidence,
        name: &ServiceName,
        at: Mono,
        well: Option<Mono>,
    ) -> Option<Cause> {
        let fault = Fault {
            service: name,
            at,
            well,
        };
        let mut cause = explain(facts, fault)?;
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
        let since = Evidence::of(self.cluster)
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
            how: cause.how,
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
        let mut open: Vec<(InstanceId, Mono)> = Vec::new();
        for name in self.cluster.relying_on(root) {
            if dependents.contains(&name) {
                continue;
            }
            for (id, instance) in self.cluster.instances_of(&name) {
                let tale = instance
                    .incident
                    .and_then(|key| self.cluster.incidents.get(&key));
                let recent = tale.filter(|tale| {
                    tale.incident.state == IncidentState::Open
                        && cause::same_incident(tale.opened, now)
                });
                open.extend(recent.map(|tale| (id.clone(), tale.opened)));
            }
        }
        for (id, opened) in open {
            let facts = Evidence::of(self.cluster);
            let found = self.cause_of(&facts, &id.service, opened, None);
            let instance = self.cluster.instances.get(&id);
            let by_root = |cause: &Cause| {
                cause.root == *root
                    && instance.is_some_and(|one| excusable(one) && !ends(one, cause.how))
            };
            if let Some(cause) = found.filter(by_root) {
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

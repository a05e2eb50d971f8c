//! Going back to the last definition on which a service was well, when it never got well on the one that
//! came after it.
//!
//! - A definition *was well* when all instances that are wanted had been well for `settle` on it, and what
//!   is asked for as long as they run had passed since it was taken in. That is looked for while there is
//!   something to go back to, when one of them ceases to be ready, and at the next edit. It stays so when
//!   they suffer from others; while a fault of their own goes on, an edit is meant to mend that, and nobody
//!   goes back to it.
//! - What comes back is the service's own definition: its ports, how many of it there are and what it needs
//!   stay as they are now, and so does what env files hold. Where the older one does not fit what is around
//!   it any more, the rung is passed over.
//! - Once from each definition. It stays away when `up` brings it again, until the file says something else
//!   or a person releases it; and from what a person released nobody goes back.
//!
//! That it comes at all is a rung of the ladder; see `healing::ladder`.

mod kept;
mod proven;

use crate::cluster::{Cluster, span};
use crate::effect::Effect;
use crate::instance::{Care, Cycle, Instance, Life, Outdated};
use crate::io::TimerKey;
use crate::step::Step;
use healing::words;
use kept::fits;
use model::text::harmless;
use model::{ActId, EventKind, InstanceId, Mono, Reason, RolledBack, ServiceName, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Longest text about what differs, in characters.
const LONGEST: usize = 300;

/// The definitions of a service besides the one it runs on. They hold what the definition holds: of a
/// secret, where it comes from.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Versions {
    /// When the present one was taken in, where that is known.
    #[serde(default)]
    taken: Option<Timestamp>,
    /// The same for waiting; zero of one that an earlier engine had taken in.
    #[serde(skip)]
    since: Mono,
    /// It was well on the present one. The next engine sees that for itself.
    #[serde(skip)]
    proven: bool,
    /// The last one on which it was well, until it is well on the present one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<Before>,
    /// From this one it was taken back to the present one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refused: Option<Refused>,
    /// A person wants the present one although it was gone back from it.
    #[serde(default)]
    insisted: bool,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct Before {
    spec: Box<spec::Service>,
    taken: Option<Timestamp>,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct Refused {
    spec: Box<spec::Service>,
    told: RolledBack,
}

impl std::fmt::Debug for Versions {
    /// Variables may be secret, and are not shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let run = |spec: &spec::Service| spec.runs.to_string();
        f.debug_struct("Versions")
            .field("before", &self.before.as_ref().map(|one| run(&one.spec)))
            .field("refused", &self.refused.as_ref().map(|one| run(&one.spec)))
            .finish_non_exhaustive()
    }
}

impl Versions {
    /// One that nothing was before.
    pub(crate) fn new(now: model::Now) -> Self {
        Self {
            taken: Some(now.wall),
            since: now.mono,
            ..Self::default()
        }
    }

    /// There is more to say of them than since when the present one is in force.
    fn matter(&self) -> bool {
        self.before.is_some() || self.refused.is_some() || self.insisted
    }
}

/// Those of all services, for the next engine.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct AllVersions(BTreeMap<ServiceName, Versions>);

impl std::fmt::Debug for AllVersions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let matter = self.0.iter().filter(|(_, versions)| versions.matter());
        f.debug_map().entries(matter).finish()
    }
}

/// The older definition in the place of the present one: what others rely on stays.
fn instead(old: &spec::Service, now: &spec::Service) -> spec::Service {
    spec::Service {
        needs: now.needs.clone(),
        replicas: now.replicas,
        max_replicas: now.max_replicas,
        port: now.port,
        port_exact: now.port_exact,
        listen: now.listen,
        schedule: now.schedule.clone(),
        ..old.clone()
    }
}

impl Cluster {
    /// There is a definition to go back to, and the present one is to blame.
    pub(crate) fn can_roll_back(&self, id: &InstanceId) -> bool {
        let (Some(service), Some(instance)) =
            (self.services.get(&id.service), self.instances.get(id))
        else {
            return false;
        };
        let versions = &service.versions;
        let Some(before) = &versions.before else {
            return false;
        };
        let port = |other: &ServiceName| {
            let other = self.services.get(other)?;
            (!other.leaving).then_some(other.spec.port.is_some())
        };
        // Its process may be an older definition's still, whose turn has not come.
        instance.outdated.is_none()
            && !versions.insisted
            && fits(&before.spec, &service.spec, port)
            && instead(&before.spec, &service.spec) != service.spec
    }

    /// What a service was taken back from and why.
    pub fn rolled_back(&self, name: &ServiceName) -> Option<&RolledBack> {
        let versions = &self.services.get(name)?.versions;
        versions.refused.as_ref().map(|refused| &refused.told)
    }

    /// What the next engine has to know of them.
    pub(crate) fn all_versions(&self) -> AllVersions {
        let services = self.services.iter();
        let versions = services.map(|(name, service)| (name.clone(), service.versions.clone()));
        AllVersions(versions.collect())
    }
}

impl Step<'_> {
    /// What an earlier engine remembered.
    pub(crate) fn resume_versions(&mut self) {
        for (name, versions) in self.cluster.unfinished.take_versions().0 {
            if let Some(service) = self.cluster.services.get_mut(&name) {
                service.versions = versions;
            }
        }
    }

    /// A service is about to be taken in as `new`. `environment`: what env files give it has changed.
    pub(crate) fn note_edit(
        &mut self,
        name: &ServiceName,
        new: &spec::Service,
        environment: bool,
    ) -> bool {
        let well = self.cluster.was_well(name, self.now.mono);
        let Some(service) = self.cluster.services.get_mut(name) else {
            return false;
        };
        let same = instead(&service.spec, new) == *new;
        if same && !environment {
            return false;
        }
        let versions = &mut service.versions;
        let before = match (well, same) {
            (true, false) => Some(Before {
                spec: Box::new(service.spec.clone()),
                taken: versions.taken,
            }),
            // What env files held before is not remembered: there is nothing to go back to.
            (true, true) => None,
            // It is well only if it is on what comes next.
            (false, _) => versions.before.take(),
        };
        self.out.unfinished |= before.is_some() || versions.matter();
        *versions = Versions {
            before,
            ..Versions::new(self.now)
        };
        self.watch_version(name);
        for (_, instance) in self.cluster.instances.range_mut(span(name)) {
            // What was tried on another definition says nothing about this one.
            instance.history.begin_ladder();
        }
        true
    }

    /// `up` has brought this: who asked for what a service was taken back from did not get it; of one
    /// whose file says what it runs on there is nothing more to say.
    pub(crate) fn told_rolled_back(&mut self, name: &ServiceName, asked: &spec::Cluster) {
        let Some(service) = self.cluster.services.get_mut(name) else {
            return;
        };
        let Some(refused) = &service.versions.refused else {
            return;
        };
        let says = asked.services.get(name);
        let runs = |says: &&spec::Service| instead(&service.spec, says) == **says;
        if says.filter(runs).is_some() {
            service.versions.refused = None;
            self.out.unfinished = true;
            self.out.changed.extend(self.cluster.ids_of(name));
            return;
        }
        let text = format!("stays {}", told_of(&refused.told, self.now.wall));
        let next = format!("`azora release {name}` tries the newer one again");
        let reason = Reason::new(text).then(next);
        for id in self.cluster.ids_of(name) {
            self.left_behind(&id, &reason);
            self.touched.insert(id);
        }
    }

    /// Looks later whether it is well on its present definition, if that is not known.
    pub(crate) fn watch_version(&mut self, name: &ServiceName) {
        /// Not a wake-up for each turn of the loop.
        const LEAST: Duration = Duration::from_millis(100);
        let Some(service) = self.cluster.services.get(name) else {
            return;
        };
        if service.versions.before.is_some() {
            let key = TimerKey::Version(name.clone());
            let at = self.now.mono + service.spec.heal.settle.max(LEAST);
            self.out.acts.push(Effect::SetTimer { key, at });
        }
    }

    /// Is it well on its present definition?
    pub(crate) fn version_due(&mut self, name: &ServiceName) {
        let serves = self
            .cluster
            .instances_of(name)
            .any(|(_, one)| one.state.serves());
        if !self.cluster.proven(name, self.now.mono) {
            // One that does not serve is looked at when it does.
            if serves {
                self.watch_version(name);
            }
        } else if let Some(service) = self.cluster.services.get_mut(name) {
            service.versions.insisted = false;
            service.versions.proven = true;
            self.out.unfinished |= service.versions.before.take().is_some();
        }
    }

    /// Puts the older definition in the place of the present one, and has the processes replaced that
    /// were made from that. Answers what is said of it.
    pub(crate) fn roll_back(&mut self, id: &InstanceId, act: ActId) -> Option<String> {
        let name = &id.service;
        let fault = self.cluster.instances.get(id)?.fault.clone();
        let definition = self.cluster.definition.clone()?;
        let service = self.cluster.services.get_mut(name)?;
        let Before { spec, taken } = service.versions.before.take()?;
        let old = instead(&spec, &service.spec);
        let newer = std::mem::replace(&mut service.spec, old.clone());
        let differs = differs(name, &definition, &old, &newer);
        let told = RolledBack {
            to: taken,
            at: self.now.wall,
            why: harmless(&fault, LONGEST),
            differs: harmless(&differs, LONGEST),
        };
        let text = told_of(&told, self.now.wall);
        service.versions = Versions {
            taken,
            since: self.now.mono,
            refused: Some(Refused {
                spec: Box::new(newer.clone()),
                told,
            }),
            ..Versions::default()
        };
        self.define(name, old);
        self.out.facts.push(EventKind::Notice {
            text: format!(
                "{name} was {text}; what it was taken back from differs in: {differs}; `azora release \
                 {name}` tries that again"
            ),
        });
        let next = format!("`azora release {name}` tries the newer one again");
        let reason = Reason::new(text.clone()).then(next);
        self.replace_made_from_newer(id, &newer, &reason, act);
        Some(text)
    }

    /// A person wants what a service was taken back from. False when it was not.
    pub(crate) fn insist(&mut self, name: &ServiceName, act: ActId) -> bool {
        let Some(service) = self.cluster.services.get_mut(name) else {
            return false;
        };
        let Some(Refused { spec, .. }) = service.versions.refused.take() else {
            return false;
        };
        let newer = instead(&spec, &service.spec);
        let old = std::mem::replace(&mut service.spec, newer.clone());
        let taken = service.versions.taken;
        service.versions = Versions {
            before: Some(Before {
                spec: Box::new(old),
                taken,
            }),
            insisted: true,
            ..Versions::new(self.now)
        };
        self.define(name, newer);
        self.watch_version(name);
        for (_, instance) in self.cluster.instances.range_mut(span(name)) {
            instance.history.begin_ladder();
            instance.answered_anew = false;
            instance.outdated =
                (instance.life != Life::Gone).then_some(Outdated::Edit { probes: true });
        }
        self.replace_outdated([name.clone()].into(), act);
        true
    }

    /// This service is defined like this from now on, for the next engine as well.
    fn define(&mut self, name: &ServiceName, spec: spec::Service) {
        if let Some(definition) = &self.cluster.definition {
            let mut definition = spec::Cluster::clone(definition);
            definition.services.insert(name.clone(), spec.clone());
            self.cluster.definition = Some(Arc::new(definition));
        }
        self.out.defined.push(Effect::Define {
            service: name.clone(),
            spec: Box::new(spec),
        });
        if let Some(service) = self.cluster.services.get_mut(name) {
            // Something else is usual for another program.
            service.usual = healing::Usual::default();
        }
        self.out.unfinished = true;
        self.out.changed.extend(self.cluster.ids_of(name));
    }

    /// Of a rolling restart some may have had their turn, and the others are what is wanted again.
    fn replace_made_from_newer(
        &mut self,
        failed: &InstanceId,
        newer: &spec::Service,
        reason: &Reason,
        act: ActId,
    ) {
        let name = &failed.service;
        self.end_rolling(name);
        for id in self.cluster.ids_of(name) {
            let Some(instance) = self.cluster.instances.get_mut(&id) else {
                continue;
            };
            instance.history.begin_ladder();
            let older = matches!(instance.outdated, Some(Outdated::Edit { .. }));
            if older {
                instance.outdated = None;
            }
            let planned = matches!(
                instance.care,
                Care::Doubted(_) | Care::Backoff(_) | Care::Due(..) | Care::Asked(..)
            );
            if id != *failed && instance.life == Life::Gone && planned {
                // What was planned for it was so by the definition that is gone, and its budget. It starts
                // on the older one together with the others.
                (instance.act, instance.automatic) = (act, true);
                self.set_care(&id, Care::Idle);
            } else if id != *failed && !older {
                self.cycle(
                    &id,
                    Cycle {
                        why: reason.text.clone(),
                        act,
                        automatic: true,
                        ordered: false,
                    },
                );
                self.left_on_newer(&id, newer);
            }
            self.left_behind(&id, reason);
            self.look.insert(id.clone());
            self.touched.insert(id);
        }
    }

    /// The older definition protects one that runs: it goes on, and is asked what that one asks.
    fn left_on_newer(&mut self, id: &InstanceId, newer: &spec::Service) {
        let stays = |one: &Instance| one.life == Life::Alive && one.cycle.is_none();
        if !self.cluster.instances.get(id).is_some_and(stays) {
            return;
        }
        self.reprobe(id, newer);
        if let Some(instance) = self.cluster.instances.get_mut(id) {
            instance.answered_anew = false;
            instance.outdated = Some(Outdated::Edit { probes: true });
        }
    }

    /// Who asked for what the file says did not get it.
    fn left_behind(&mut self, id: &InstanceId, reason: &Reason) {
        for pending in self.cluster.acts.values_mut() {
            if pending.up == Some(true) && pending.concerned.contains(id) {
                pending.left_behind.insert(id.clone(), reason.clone());
            }
        }
    }
}

/// "rolled back to its definition of 14 min ago, because the newer one failed: exited with code 3".
fn told_of(told: &RolledBack, now: Timestamp) -> String {
    let to = match told.to {
        Some(to) => {
            let ago = words::duration(Duration::from_millis(now.millis_since(to)));
            format!("its definition of {ago} ago")
        }
        None => "an earlier definition".to_owned(),
    };
    let why = &told.why;
    format!("rolled back to {to}, because the newer one failed: {why}")
}

/// What a newer definition has else, in words. Values of variables are not among them.
fn differs(
    name: &ServiceName,
    around: &spec::Cluster,
    old: &spec::Service,
    new: &spec::Service,
) -> String {
    let alone = |service: &spec::Service| spec::Cluster {
        services: BTreeMap::from([(name.clone(), service.clone())]),
        ..around.clone()
    };
    let changed = spec::diff(&alone(old), &alone(new)).changed;
    let words: Vec<String> = changed.into_iter().flat_map(|(_, words)| words).collect();
    words.join(", ")
}

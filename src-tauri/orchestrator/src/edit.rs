//! Bringing a cluster up on a definition, which may differ from the one it runs on: only what
//! changed is restarted.

use crate::cluster::{Service, span};
use crate::instance::{Cycle, Goal, Life, Outdated};
use crate::rollback::Versions;
use crate::step::Step;
use model::{ActId, InstanceId, Reason, ServiceName, State};
use spec::TemplatePart;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

impl Step<'_> {
    pub(crate) fn up(
        &mut self,
        definition: Arc<spec::Cluster>,
        ports: &BTreeMap<InstanceId, Vec<u16>>,
        left_out: &BTreeMap<ServiceName, String>,
        act: ActId,
    ) {
        let asked = definition;
        let definition = self.cluster.kept(&asked);
        let moved = self.take_ports(ports);
        let rested = self.cluster.services.iter();
        let rested = rested.filter(|(_, service)| !service.wanted);
        // Out of quarantine comes what is not what it was: else any script that says `up` would undo it.
        let mut anew: BTreeSet<ServiceName> = rested.map(|(name, _)| name.clone()).collect();
        let outdated = self.take_definition(definition, &moved, left_out, &mut anew);
        self.regrow(&asked);
        anew.extend(outdated.iter().cloned());
        // Nor is what an earlier edit has not come to.
        let left = self.cluster.instances.iter();
        let left = left.filter(|(_, one)| matches!(one.outdated, Some(Outdated::Edit { .. })));
        anew.extend(left.map(|(id, _)| id.service.clone()));
        let names: Vec<ServiceName> = self.cluster.services.keys().cloned().collect();
        for name in &names {
            self.create(name, ports, act);
        }
        self.cluster.rebuild();
        self.take_schedules();
        let mut resting = BTreeSet::new();
        for name in &names {
            let returned = self
                .cluster
                .services
                .get(name)
                .is_some_and(|s| s.down && s.satisfied());
            if returned {
                self.comes_back(name);
            }
            if self.cluster.replicas(name) == 0 {
                self.goes_down(name);
            }
            if self.cluster.services.get(name).is_some_and(|s| s.leaving) {
                self.end_rolling(name);
            }
            for id in self.cluster.ids_of(name) {
                match self.cluster.goal(&id) {
                    Goal::Leave => self.calm(&id, "no longer defined".to_owned()),
                    Goal::Run => self.revive(&id, act, anew.contains(name)),
                    Goal::Rest => {
                        self.left_out(&id, left_out.get(name));
                        resting.insert(id);
                    }
                }
            }
        }
        self.replace_outdated(outdated, act);
        for name in &names {
            self.drop_left(name);
        }
        self.remember();
        self.wait_for(
            act,
            Some(true),
            self.cluster
                .instances
                .keys()
                .filter(|id| !resting.contains(*id))
                .cloned()
                .collect(),
        );
        for name in &names {
            self.told_rolled_back(name, &asked);
        }
    }

    /// An instance that does not run and is not asked for says why.
    fn left_out(&mut self, id: &InstanceId, why: Option<&String>) {
        if let (Some(instance), Some(why)) = (self.cluster.instances.get_mut(id), why) {
            instance.rest.clone_from(why);
            if instance.state == State::Stopped {
                self.set(id, State::Stopped, Reason::new(why.clone()));
            }
        }
    }

    /// Starts the processes of these services anew, and of those that an earlier edit's rolling
    /// restart did not come to.
    pub(crate) fn replace_outdated(&mut self, mut outdated: BTreeSet<ServiceName>, act: ActId) {
        let left = self.cluster.instances.iter().filter(|(id, instance)| {
            matches!(instance.outdated, Some(Outdated::Edit { .. }))
                && !self.cluster.rolling.contains(&id.service)
        });
        outdated.extend(left.map(|(id, _)| id.service.clone()));
        let (roll, at_once) = self
            .cluster
            .split(&outdated.into_iter().collect::<Vec<_>>());
        let why = "restarts on its new definition".to_owned();
        for name in &at_once {
            self.end_rolling(name);
            for id in self.cluster.ids_of(name) {
                self.undo(&id);
                if let Some(instance) = self.cluster.instances.get_mut(&id)
                    && instance.life == Life::Gone
                {
                    instance.act = act;
                }
                // What had completed has not any more, and nothing may start that needs it.
                self.recount(&id);
                self.cycle(
                    &id,
                    Cycle {
                        why: why.clone(),
                        act,
                        automatic: false,
                        ordered: true,
                    },
                );
                self.look.insert(id);
            }
        }
        for name in &roll {
            for id in self.cluster.ids_of(name) {
                self.undo(&id);
                self.recount(&id);
            }
            self.begin_rolling(name, Outdated::Edit { probes: false }, why.clone(), act);
        }
    }

    /// Takes the ports in, and answers the services whose first port has another number now: it is
    /// in their own environment and in that of those that refer to it.
    pub(crate) fn take_ports(
        &mut self,
        ports: &BTreeMap<InstanceId, Vec<u16>>,
    ) -> BTreeSet<InstanceId> {
        let mut moved = BTreeSet::new();
        for (id, instance) in &mut self.cluster.instances {
            let new = ports.get(id).cloned().unwrap_or_default();
            if instance.ports != new {
                instance.ports = new;
                self.out.changed.insert(id.clone());
                moved.insert(id.clone());
            }
        }
        moved
    }

    /// Takes the definition in, and answers the services whose processes do not fit it any more; those
    /// that are defined otherwise, in whatever way, go into `edited`.
    fn take_definition(
        &mut self,
        definition: Arc<spec::Cluster>,
        moved: &BTreeSet<InstanceId>,
        left_out: &BTreeMap<ServiceName, String>,
        edited: &mut BTreeSet<ServiceName>,
    ) -> BTreeSet<ServiceName> {
        let mut outdated: BTreeSet<ServiceName> =
            moved.iter().map(|id| id.service.clone()).collect();
        let announced: BTreeSet<&ServiceName> = moved
            .iter()
            .filter(|id| id.index == 0)
            .map(|id| &id.service)
            .collect();
        for (name, service) in &mut self.cluster.services {
            service.leaving = !definition.services.contains_key(name);
            // What runs by name runs on, whoever asks for a part.
            service.wanted |= !left_out.contains_key(name);
            service.wanted &= !service.leaving;
        }
        let old_definition = self.cluster.definition.clone();
        for (name, new) in &definition.services {
            let Some(service) = self.cluster.services.get(name) else {
                let mut service = Service::new(new.clone());
                service.versions = Versions::new(self.now);
                service.wanted = !left_out.contains_key(name);
                self.cluster.services.insert(name.clone(), service);
                continue;
            };
            let other_environment = old_definition.as_deref().is_some_and(|old| {
                spec::environment_differs((old, &service.spec), (&*definition, new))
            });
            // A container on a network that is another now is made anew for it.
            let other_around = old_definition.as_deref().is_some_and(|old| {
                let (before, after) = ((old, &service.spec), (&*definition, new));
                !spec::surroundings_changed(before, after).is_empty()
            });
            if self.note_edit(name, new, other_environment) {
                edited.insert(name.clone());
            }
            let Some(service) = self.cluster.services.get_mut(name) else {
                continue;
            };
            // Containers reach each other inside, whatever is published.
            let inside = |to: &ServiceName| {
                let to = definition.services.get(to);
                let both = [to, Some(new)];
                both.into_iter()
                    .all(|one| one.is_some_and(|one| one.runs.container().is_some()))
            };
            let refers = |part: &TemplatePart| match part {
                TemplatePart::Port(to) | TemplatePart::Url(to) => {
                    announced.contains(to) && !inside(to)
                }
                TemplatePart::Text(_) | TemplatePart::Host(_) => false,
            };
            if other_environment
                || other_around
                || restarts(&service.spec, new)
                || parts(new).any(refers)
            {
                outdated.insert(name.clone());
            }
            service.replicas = new.replicas;
            let old = std::mem::replace(&mut service.spec, new.clone());
            let asks = |spec: &spec::Service| spec.health.as_ref().map(|one| one.target.clone());
            if old.runs != new.runs || asks(&old) != asks(new) {
                // Something else is usual for another program, or another question.
                service.usual = healing::Usual::default();
            }
            if outdated.contains(name) {
                let probes = old.health != new.health
                    || old.ready != new.ready
                    || old.startup != new.startup;
                for (_, instance) in self.cluster.instances.range_mut(span(name)) {
                    let before = matches!(instance.outdated, Some(Outdated::Edit { probes: true }));
                    instance.answered_anew &= !probes;
                    instance.outdated = (instance.life != Life::Gone).then_some(Outdated::Edit {
                        probes: probes || before,
                    });
                }
            } else {
                for id in self.cluster.ids_of(name) {
                    self.reprobe(&id, &old);
                }
            }
        }
        self.cluster.definition = Some(definition);
        outdated
    }
}

/// A process made from `old` is not what `new` describes. How it is watched, healed, stopped,
/// counted and sorted is not in the process and applies as it is.
fn restarts(old: &spec::Service, new: &spec::Service) -> bool {
    let spec::Service {
        kind,
        runs,
        cwd,
        // What they come to with the env files is compared before.
        env: _,
        secrets: _,
        env_files: _,
        lines: _,
        // Of the next start.
        before_start: _,
        after_ready: _,
        user,
        port,
        listen,
        tty,
        needs,
        limits,
        category: _,
        profiles: _,
        // Of its next end.
        success: _,
        schedule: _,
        replicas: _,
        max_replicas: _,
        startup: _,
        ready: _,
        ready_always: _,
        ready_within: _,
        ready_as_check: _,
        health: _,
        heal: _,
        stop: _,
        log: _,
        protected: _,
        // Whether another port would do matters when ports are chosen.
        port_exact: _,
        watch: _,
        route: _,
    } = old;
    *kind != new.kind
        || *runs != new.runs
        || *cwd != new.cwd
        || *user != new.user
        || *port != new.port
        || *listen != new.listen
        || *tty != new.tty
        || *needs != new.needs
        || *limits != new.limits
        // A socket that it is told of when it starts.
        || old.notifies() != new.notifies()
}

/// All that a service's process is made from and that may refer to others.
pub(crate) fn parts(spec: &spec::Service) -> impl Iterator<Item = &TemplatePart> {
    spec.runs
        .templates()
        .chain(spec.env.values())
        .flat_map(|template| &template.0)
}

//! Rolling restarts: the instances of a replicated service are replaced one after another, so that
//! the others serve meanwhile.
//!
//! One at a time, and the next only when all others serve: at most one instance is ever missing, of
//! whatever cause. An instance is one process (its run folder, its port and its log belong to it
//! alone), so a new one takes the place of the old instead of starting beside it; that no request is
//! lost meanwhile is the listening socket's business, which outlives both.
//!
//! One without a probe has to live for a moment before the next one is taken.
//!
//! Those that serve nobody are replaced at once, for nothing is lost by it. On the first that does
//! not become ready it stops: the others run on as they were, and who asked is told so.

use crate::cluster::{Cluster, Pending, Service, span};
use crate::effect::Effect;
use crate::graph::Renewal;
use crate::instance::{Cycle, Goal, Instance, Life, Outdated};
use crate::io::TimerKey;
use crate::settle::Rest;
use crate::step::Step;
use model::{ActId, EventKind, InstanceId, Mono, Reason, ServiceName};
use std::collections::{BTreeMap, BTreeSet};

/// A rolling restart of one service.
#[derive(Debug, Clone)]
pub(crate) struct Rolling {
    /// The act it belongs to.
    pub(crate) act: ActId,
    /// Why, for the reason people read.
    pub(crate) why: String,
    /// What was late before is not its concern.
    pub(crate) began: Mono,
    /// How many it began with.
    pub(crate) of: usize,
    /// Those whose turn has not come.
    pub(crate) left: BTreeSet<InstanceId>,
    /// The one that is out: told to end, and not serving again.
    pub(crate) turn: Option<InstanceId>,
    /// A timer is set to look at it then.
    pub(crate) looks: Option<Mono>,
    /// An earlier engine began it, and whether those left serve is not known yet.
    pub(crate) resumed: bool,
}

impl Service {
    /// The instance that a rolling restart has taken out.
    pub(crate) fn turn(&self) -> Option<&InstanceId> {
        self.rolling.as_ref()?.turn.as_ref()
    }
}

impl Cluster {
    /// The instance of a service that a rolling restart has taken out, while the others serve.
    pub fn turn(&self, service: &ServiceName) -> Option<&InstanceId> {
        self.services.get(service)?.turn()
    }

    /// Which of these services of a new definition restart one instance after another.
    pub fn rolled(
        &self,
        definition: &spec::Cluster,
        restarting: &BTreeSet<ServiceName>,
    ) -> BTreeSet<ServiceName> {
        let mut then = Cluster::new(self.id.clone());
        for (name, service) in &definition.services {
            let service = Service::new(service.clone());
            then.services.insert(name.clone(), service);
        }
        then.rebuild();
        let restarting: Vec<ServiceName> = restarting.iter().cloned().collect();
        then.split(&restarting).0.into_iter().collect()
    }

    /// Others can serve while one of its instances is replaced.
    pub(crate) fn can_roll(&self, service: &ServiceName) -> bool {
        self.services
            .get(service)
            .is_some_and(|service| service.replicas > 1 && !service.oneshot())
    }

    /// Splits services that are to be restarted into those that are rolled and those that restart
    /// all at once: with what they need goes what they serve, so nothing is won by rolling them.
    pub(crate) fn split(&self, services: &[ServiceName]) -> (Vec<ServiceName>, Vec<ServiceName>) {
        let at_once: BTreeSet<&ServiceName> = services
            .iter()
            .filter(|name| !self.can_roll(name))
            .collect();
        let rolls = |name: &ServiceName| {
            let needs = self.with_needs(std::slice::from_ref(name));
            !needs.iter().any(|need| at_once.contains(need))
        };
        services.iter().cloned().partition(rolls)
    }

    pub(crate) fn waits_for_its_turn(&self, id: &InstanceId) -> bool {
        self.services
            .get(&id.service)
            .and_then(|service| service.rolling.as_ref())
            .is_some_and(|rolling| rolling.left.contains(id))
    }
}

/// How those of a rolling restart stand that are not left to be replaced.
#[derive(PartialEq, Eq)]
enum Standing {
    /// All serve.
    Well,
    /// This one did not come good.
    Failed(InstanceId),
    /// It is not known yet.
    Waits,
    /// Nor is it of one that only living speaks for, until then.
    Lives(Mono),
}

impl Step<'_> {
    /// Begins to replace the processes of a service one after another; of an edit only those that
    /// are outdated by it. One that is under way already begins anew.
    pub(crate) fn begin_rolling(
        &mut self,
        name: &ServiceName,
        outdated: Outdated,
        why: String,
        act: ActId,
    ) {
        let mut left = BTreeSet::new();
        for (id, instance) in self.cluster.instances.range_mut(span(name)) {
            let concerned = match outdated {
                Outdated::Restart => instance.life == Life::Alive,
                Outdated::Edit { .. } => instance.outdated.is_some(),
            };
            if concerned && instance.life != Life::Gone {
                instance.outdated.get_or_insert(outdated);
                left.insert(id.clone());
            } else if instance.life == Life::Gone {
                instance.act = act;
            }
            self.look.insert(id.clone());
        }
        self.end_rolling(name);
        let began = self.now.mono;
        let Some(service) = self.cluster.services.get_mut(name) else {
            return;
        };
        self.touched.extend(left.iter().cloned());
        let ids = left.clone();
        service.rolling = Some(Rolling {
            act,
            why,
            began,
            of: left.len(),
            left,
            turn: None,
            looks: None,
            resumed: false,
        });
        self.out.unfinished = true;
        self.cluster.rolling.insert(name.clone());
        for id in &ids {
            self.recount(id);
        }
    }

    /// A rolling restart is off. Whoever is left runs on.
    pub(crate) fn end_rolling(&mut self, name: &ServiceName) {
        if !self.cluster.rolling.remove(name) {
            return;
        }
        if let Some(service) = self.cluster.services.get_mut(name) {
            service.rolling = None;
        }
        self.out.unfinished = true;
        self.touched.extend(self.cluster.ids_of(name));
        // The one that was out is missed from now on, if it is not back.
        self.resatisfy(name);
        // Nor will it be, where it waits for a person since before this engine.
        let stuck = |(id, instance): (&InstanceId, &Instance)| {
            instance.care.stuck() && self.cluster.goal(id) == Goal::Run
        };
        if self.cluster.instances_of(name).any(stuck) {
            self.goes_down(name);
        }
    }

    /// Brings every rolling restart a step further; false when none had one to make.
    pub(crate) fn roll_on(&mut self) -> bool {
        let mut moved = false;
        for name in self.cluster.rolling.clone() {
            moved |= self.roll(&name);
        }
        moved
    }

    /// Ends those in which everyone had their turn and serves: before anybody is looked at, because
    /// who follows such a restart goes down now, and nobody may be started in between who needs it.
    pub(crate) fn end_rolled(&mut self) {
        for name in self.cluster.rolling.clone() {
            let service = self.cluster.services.get(&name);
            let Some(rolling) = service.and_then(|service| service.rolling.as_ref()) else {
                continue;
            };
            let act = rolling.act;
            let leaves = |id: &InstanceId| self.cluster.goal(id) != Goal::Run;
            if rolling.left.iter().all(leaves) && self.standing(&name) == Some(Standing::Well) {
                self.end_rolling(&name);
                self.lead_followers(&name, act, Renewal::Rolled);
            }
        }
    }

    fn roll(&mut self, name: &ServiceName) -> bool {
        if self.still_unknown(name) {
            return false;
        }
        let mut moved = self.replace_idle(name);
        let Some(Rolling { act, left, .. }) = self
            .cluster
            .services
            .get(name)
            .and_then(|service| service.rolling.as_ref())
        else {
            return moved;
        };
        let (act, next) = (*act, left.first().cloned());
        match self.standing(name) {
            Some(Standing::Failed(id)) => {
                self.halt(name, &id, act);
                return true;
            }
            Some(Standing::Waits) | None => return moved,
            Some(Standing::Lives(at)) => {
                self.wait_to_roll(name, at);
                return moved;
            }
            Some(Standing::Well) => {}
        }
        moved = true;
        match next {
            Some(id) => self.take_turn(name, &id),
            None => {
                self.end_rolling(name);
                self.lead_followers(name, act, Renewal::Rolled);
            }
        }
        moved
    }

    /// Looks again at this time, by which what has no probe has shown that it lives.
    fn wait_to_roll(&mut self, name: &ServiceName, at: Mono) {
        let service = self.cluster.services.get_mut(name);
        let Some(rolling) = service.and_then(|service| service.rolling.as_mut()) else {
            return;
        };
        if rolling.looks.replace(at) != Some(at) {
            let key = TimerKey::Roll(name.clone());
            self.out.acts.push(Effect::SetTimer { key, at });
        }
    }

    /// How those stand that have had their turn, or need none.
    fn standing(&self, name: &ServiceName) -> Option<Standing> {
        let service = self.cluster.services.get(name)?;
        let Rolling { began, left, .. } = service.rolling.as_ref()?;
        let asked = Pending {
            up: Some(true),
            began: *began,
            concerned: BTreeSet::new(),
            open: BTreeSet::new(),
            lives_on: None,
            left_behind: BTreeMap::new(),
            behind: BTreeMap::new(),
        };
        let mut standing = Standing::Well;
        for (id, instance) in self.cluster.instances_of(name) {
            if left.contains(id) || self.cluster.goal(id) != Goal::Run {
                continue;
            }
            if instance.delay.is_some() {
                // The machine has no room for it: that says nothing about the new ones.
                standing = Standing::Waits;
                continue;
            }
            match self.cluster.rest(id, &asked) {
                Some(Rest::Well) => {
                    // Taken for good at once, one that dies a moment later would have cost all others.
                    if let Some(at) = self.cluster.unproved(id, self.now.mono)
                        && standing == Standing::Well
                    {
                        standing = Standing::Lives(at);
                    }
                }
                Some(Rest::Failed(_)) => return Some(Standing::Failed(id.clone())),
                None => standing = Standing::Waits,
            }
        }
        Some(standing)
    }

    /// Just adopted, those left may serve and have not been asked yet: they must not be taken for
    /// idle.
    fn still_unknown(&mut self, name: &ServiceName) -> bool {
        let Some(service) = self.cluster.services.get_mut(name) else {
            return false;
        };
        let Some(rolling) = service.rolling.as_mut().filter(|rolling| rolling.resumed) else {
            return false;
        };
        let unknown = |id: &InstanceId| {
            let instance = self.cluster.instances.get(id);
            instance.is_some_and(|one| {
                one.life == Life::Alive && !one.ready && one.late.is_none() && !one.care.stuck()
            })
        };
        rolling.resumed = rolling.left.iter().any(unknown);
        rolling.resumed
    }

    /// Those left that serve nobody are replaced at once; those that are new already, or not wanted
    /// any more, are done.
    fn replace_idle(&mut self, name: &ServiceName) -> bool {
        let Some(rolling) = self
            .cluster
            .services
            .get(name)
            .and_then(|service| service.rolling.as_ref())
        else {
            return false;
        };
        let serves = |id: &&InstanceId| {
            self.cluster.goal(id) == Goal::Run
                && self.cluster.instances.get(id).is_some_and(|instance| {
                    instance.good() && instance.outdated.is_some() && instance.cycle.is_none()
                })
        };
        let idle: Vec<InstanceId> = rolling
            .left
            .iter()
            .filter(|id| !serves(id))
            .cloned()
            .collect();
        for id in &idle {
            self.replace(name, id);
        }
        !idle.is_empty()
    }

    /// The next one: it is taken out, and nobody misses it.
    fn take_turn(&mut self, name: &ServiceName, id: &InstanceId) {
        if let Some(rolling) = self
            .cluster
            .services
            .get_mut(name)
            .and_then(|service| service.rolling.as_mut())
        {
            rolling.turn = Some(id.clone());
        }
        self.replace(name, id);
    }

    fn replace(&mut self, name: &ServiceName, id: &InstanceId) {
        let Some(rolling) = self
            .cluster
            .services
            .get_mut(name)
            .and_then(|service| service.rolling.as_mut())
        else {
            return;
        };
        rolling.left.remove(id);
        let nth = rolling.of - rolling.left.len();
        let why = match rolling.of {
            1 => rolling.why.clone(),
            of => format!("{}, {nth} of {of} in turn", rolling.why),
        };
        let act = rolling.act;
        self.touched.insert(id.clone());
        self.look.insert(id.clone());
        let old = self
            .cluster
            .instances
            .get(id)
            .is_some_and(|instance| instance.outdated.is_some() && instance.cycle.is_none());
        if old {
            // What healing knows of it stays: it was set aside when a person asked for this, and what
            // healing has done since counts.
            self.drop_plans(id);
            if let Some(instance) = self.cluster.instances.get_mut(id)
                && instance.life == Life::Gone
            {
                instance.act = act;
                // It has completed while it waited for its turn.
                (instance.done, instance.by_itself) = (false, false);
            }
            self.recount(id);
            self.cycle(
                id,
                Cycle {
                    why,
                    act,
                    automatic: false,
                    // What needs it is served by the others.
                    ordered: false,
                },
            );
        }
    }

    /// One did not become ready: the others are left as they are.
    fn halt(&mut self, name: &ServiceName, id: &InstanceId, act: ActId) {
        let left = self
            .cluster
            .services
            .get_mut(name)
            .and_then(|service| service.rolling.take())
            .map(|rolling| rolling.left)
            .unwrap_or_default();
        self.end_rolling(name);
        if left.is_empty() {
            return;
        }
        let edit = |instance: &crate::instance::Instance| {
            matches!(instance.outdated, Some(Outdated::Edit { .. }))
        };
        let mut as_before = "run on as they were";
        let mut reasons = BTreeMap::new();
        for left in &left {
            let Some(instance) = self.cluster.instances.get_mut(left) else {
                continue;
            };
            let older = edit(instance);
            let text = if older {
                as_before = "go on with their old definition";
                "runs on with its old definition"
            } else {
                instance.outdated = None;
                "was not restarted"
            };
            self.out.changed.insert(left.clone());
            let next = format!("{id} has to become ready first");
            reasons.insert(left.clone(), Reason::new(text).then(next));
            if older {
                self.left_on_older(left);
            }
        }
        let names: Vec<String> = left.iter().map(ToString::to_string).collect();
        self.out.facts.push(EventKind::Notice {
            text: format!(
                "the rolling restart of {name} stopped at {id}, which did not become ready; {} \
                 {as_before}",
                healing::words::list(&names)
            ),
        });
        if let Some(pending) = self.cluster.acts.get_mut(&act) {
            pending.left_behind.extend(reasons);
        }
    }
}

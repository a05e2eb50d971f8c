//! Remedies whose time has come, and what each still waits for before the door is asked.
//!
//! - **What it needs goes first**: while that is down, its dependents' own remedies would be in vain.
//! - **A graceful restart** waits until all that it needs is well, but not for ever.
//! - **The budget of the cluster**: healing has its hands on so many services at a time and no more, so
//!   that what went wrong once for many does not go wrong again by their all starting together. The
//!   others have their turn in the order of needs. A remedy has its service in hand from the question
//!   at the door until that is ready, or should have been; what it restarts
//!   besides (`restart-needs`, `restart = true`) is part of it. What cannot go on, because something
//!   it needs is down or the machine has no room, is not in hand.

use crate::cluster::Cluster;
use crate::effect::Effect;
use crate::instance::{Care, Goal, Instance, Life, Plan};
use crate::io::TimerKey;
use crate::step::Step;
use healing::words;
use model::{Autonomy, EntryKind, InstanceId, Mono, Reason, RemedyKind, ServiceName, State, Until};
use std::collections::BTreeSet;
use std::time::Duration;

/// So long at most it is waited for that what a service needs is well: the longest wait of the
/// default ladder. What never gets well is another's fault to find.
const PATIENCE: Duration = Duration::from_secs(60);
/// So long at most after its process is there a service that is not ready yet keeps others from having their
/// turn, where its own `within` is longer: those are made for first starts, which build or load for an hour.
const IN_HAND: Duration = Duration::from_secs(300);

impl Cluster {
    /// How many services healing may have in hand at a time.
    fn turns(&self) -> usize {
        let services = self.services.len();
        match &self.definition {
            Some(definition) => definition.heal_at_once.of(services),
            None => 1,
        }
    }

    /// Healing may take this one in hand, too.
    pub(crate) fn has_turn(&self, name: &ServiceName, now: Mono) -> bool {
        let hands = self
            .instances
            .iter()
            .filter(|(id, instance)| self.in_hand(id, instance, now).is_some());
        let busy: BTreeSet<&ServiceName> = hands.map(|(id, _)| &id.service).collect();
        busy.contains(name) || busy.len() < self.turns()
    }

    /// What a service needs directly and is not well, by name.
    pub(crate) fn unwell_needs(&self, service: &ServiceName) -> Vec<String> {
        let Some(service) = self.services.get(service) else {
            return Vec::new();
        };
        let well = |need: &ServiceName| {
            // Of one that need only have been started nobody knows whether it will ever be well.
            if service.terms(need).until == Until::Started {
                return self.met(service, need);
            }
            self.satisfied(need)
                && self.instances_of(need).all(|(id, instance)| {
                    self.goal(id) != Goal::Run || (instance.good() && instance.watch.well())
                })
        };
        let unwell = service.relies_on().filter(|need| !well(need));
        unwell.map(ToString::to_string).collect()
    }

    /// When all that a service needs will have been well for so long; `None` while some of it is not.
    fn settled_at(&self, service: &ServiceName, settle: Duration) -> Option<Mono> {
        if !self.unwell_needs(service).is_empty() {
            return None;
        }
        let service = self.services.get(service);
        let since = service
            .into_iter()
            .flat_map(|service| service.relies_on())
            .flat_map(|need| self.instances_of(need))
            .map(|(_, instance)| instance.well_since)
            .max();
        Some(since.map_or(Mono::default(), |since| since + settle))
    }

    /// Until when healing has this instance in hand; `None` when it has not.
    fn in_hand(&self, id: &InstanceId, instance: &Instance, now: Mono) -> Option<Mono> {
        const OPEN: Mono = Mono(u64::MAX);
        // What a person has to approve of may wait for long, and keeps nobody from being proposed as well.
        if matches!(&instance.care, Care::Asked(plan, _) if plan.remedy != RemedyKind::Quarantine && !plan.proposed)
        {
            return Some(OPEN);
        }
        let service = self.services.get(&id.service)?;
        if service.scaling.is_about_to() {
            return Some(OPEN);
        }
        // It cannot be started before what it needs is there, however long that takes.
        let waits = instance.life == Life::Gone && service.waits.unmet > 0;
        let stuck = waits || instance.delay.is_some() || instance.blocked.is_some();
        if !instance.in_hand || stuck || service.suffers() {
            return None;
        }
        if instance.life != Life::Alive || instance.cycle.is_some() {
            return Some(OPEN);
        }
        let within = instance.alive_since + instance.within(&service.spec);
        let until = instance.gives_up.unwrap_or(within);
        let until = until.min(instance.alive_since + IN_HAND);
        (now < until).then_some(until)
    }
}

impl Step<'_> {
    /// The wait before a remedy has passed, or there was none.
    pub(crate) fn due(&mut self, id: &InstanceId, plan: Plan) {
        self.set_care(id, Care::Due(plan, self.now.mono));
    }

    /// Some timer of this room has run out.
    pub(crate) fn turn_over(&mut self) {
        self.turn = true;
    }

    /// Asks the door for those whose turn it is; false when there were none.
    pub(crate) fn let_due(&mut self) -> bool {
        let turn = std::mem::take(&mut self.turn);
        let nothing_new = !turn && self.touched.is_empty();
        if self.cluster.due.is_empty() || nothing_new {
            return false;
        }
        // What others need goes first, and then who has waited longest.
        let mut waiting: Vec<(u32, Mono, InstanceId)> = self
            .cluster
            .due
            .iter()
            .map(|id| {
                let service = self.cluster.services.get(&id.service);
                let since = match self.cluster.instances.get(id).map(|one| &one.care) {
                    Some(Care::Due(_, since)) => *since,
                    _ => Mono::default(),
                };
                (service.map_or(0, |service| service.rank), since, id.clone())
            })
            .collect();
        waiting.sort();
        let now = self.now.mono;
        let (mut busy, mut wake) = (BTreeSet::new(), None::<Mono>);
        for (id, instance) in &self.cluster.instances {
            if let Some(until) = self.cluster.in_hand(id, instance, now) {
                busy.insert(id.service.clone());
                wake = Some(wake.map_or(until, |sooner| sooner.min(until)));
            }
        }
        let turns = self.cluster.turns();
        let (mut moved, mut next) = (false, true);
        for (_, _, id) in waiting {
            let Some(Instance {
                care: Care::Due(plan, since),
                ..
            }) = self.cluster.instances.get(&id)
            else {
                self.cluster.due.remove(&id);
                continue;
            };
            let (mut plan, since) = (plan.clone(), *since);
            if let Some(until) = self.waits_for_needs(&id, &mut plan, since) {
                match until {
                    Some(until) => wake = Some(wake.map_or(until, |sooner| sooner.min(until))),
                    // Its care has changed.
                    None => moved = true,
                }
                continue;
            }
            let proposes = self.cluster.autonomy() == Autonomy::Advise;
            if !proposes && busy.len() >= turns && !busy.contains(&id.service) {
                self.show_turn(&id, turns, busy.len(), std::mem::take(&mut next));
                continue;
            }
            if !proposes {
                busy.insert(id.service.clone());
            }
            self.ask_door(&id, plan);
            moved = true;
        }
        if let Some(at) = wake.filter(|at| *at != Mono(u64::MAX) && !self.cluster.due.is_empty()) {
            self.out.acts.push(Effect::SetTimer {
                key: TimerKey::Turn,
                at,
            });
        }
        moved
    }

    /// Whether a remedy has to wait for others before its turn can come: until when at most, or it is
    /// off altogether.
    fn waits_for_needs(
        &mut self,
        id: &InstanceId,
        plan: &mut Plan,
        since: Mono,
    ) -> Option<Option<Mono>> {
        if plan.excused {
            // Looked at when it was decided; a hold since has put it back.
            return None;
        }
        if self.bar(id).is_some() {
            self.judge(id, false);
            return Some(None);
        }
        let service = self.cluster.services.get(&id.service)?;
        if service.suffers() {
            self.suffer(id);
            return Some(None);
        }
        if plan.remedy != RemedyKind::GracefulRestart {
            return None;
        }
        let unwell = self.cluster.unwell_needs(&id.service);
        let until = since + PATIENCE;
        if unwell.is_empty() {
            return None;
        }
        let names = words::list(&unwell);
        if self.now.mono >= until {
            plan.detail = format!("{}, though {names} did not get well", plan.detail);
            return None;
        }
        let next = format!("{} when {names} is well, or after 60 s", plan.detail);
        self.show_due(id, String::new(), next);
        Some(Some(until))
    }

    fn show_turn(&mut self, id: &InstanceId, turns: usize, busy: usize, first: bool) {
        let all = self.cluster.services.len();
        let (others, are) = match busy {
            1 => ("1 other".to_owned(), "is"),
            many => (format!("{many} others"), "are"),
        };
        let more = format!("; {others} {are} being healed, and heal_at_once is {turns} of {all}");
        let next = match first {
            true => "it is next",
            false => "waits for its turn",
        };
        if let Some(Instance {
            care: Care::Due(plan, _),
            ..
        }) = self.cluster.instances.get_mut(id)
            && !std::mem::replace(&mut plan.queued, true)
        {
            let text = format!("{} waits for its turn{more}", plan.detail);
            self.tell_of(id, EntryKind::Remedy, &text, None);
        }
        self.show_due(id, more, next.to_owned());
    }

    fn show_due(&mut self, id: &InstanceId, more: String, next: String) {
        let Some(instance) = self.cluster.instances.get(id) else {
            return;
        };
        let reason = Reason::new(format!("{}{more}", instance.fault)).then(next);
        self.set(id, State::Failing, reason);
    }

    /// Nothing of healing's is under way with it any more.
    pub(crate) fn out_of_hand(&mut self, id: &InstanceId) {
        if let Some(instance) = self.cluster.instances.get_mut(id) {
            instance.in_hand = false;
        }
    }

    /// What it needs was restarted with it, and has to be well for a while before it is started.
    pub(crate) fn begin_settling(&mut self, id: &InstanceId) {
        if let Some(instance) = self.cluster.instances.get_mut(id) {
            instance.settling = Some(self.now.mono);
            self.cluster.settling.insert(id.clone());
        }
    }

    /// That is not waited for any more.
    pub(crate) fn end_settling(&mut self, id: &InstanceId) {
        if self.cluster.settling.remove(id) {
            let key = TimerKey::Settle(id.clone());
            self.out.acts.push(Effect::CancelTimer(key));
        }
        if let Some(instance) = self.cluster.instances.get_mut(id) {
            instance.settling = None;
        }
    }

    /// Whether its start has to wait for that; shown when it has.
    pub(crate) fn settles(&mut self, id: &InstanceId) -> bool {
        let Some(service) = self.cluster.services.get(&id.service) else {
            return false;
        };
        let Some(instance) = self.cluster.instances.get(id) else {
            return false;
        };
        let Some(since) = instance.settling else {
            return false;
        };
        let settle = service.spec.heal.settle;
        let last = since + (PATIENCE + settle);
        let at = self.cluster.settled_at(&id.service, settle);
        let at = at.map_or(last, |at| at.min(last));
        if at <= self.now.mono {
            return false;
        }
        let needs = service.relies_on().map(ToString::to_string);
        let names = words::list(&needs.collect::<Vec<_>>());
        let text = format!("{}; what it needs settles", instance.fault);
        let next = format!(
            "starts when {names} has been well for {}",
            words::duration(settle)
        );
        let key = TimerKey::Settle(id.clone());
        self.out.acts.push(Effect::SetTimer { key, at });
        self.set(id, State::Waiting, Reason::new(text).then(next));
        true
    }
}

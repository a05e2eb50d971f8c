//! What each effect is held against: one function for each kind, which answers what it breaks.

use crate::audit::Promise;
use crate::world::World;
use model::{
    ActId, EventKind, Generation, Incident, IncidentEntry, IncidentState, InstanceId, ProbeKind,
    RemedyKind, ServiceName, State,
};
use orchestrator::{Effect, TimerKey};

type Breach = Option<(Promise, String)>;

impl World {
    pub(crate) fn audit_start(
        &mut self,
        id: &InstanceId,
        generation: Generation,
        act: Option<ActId>,
    ) -> Breach {
        let number = *self.index.get(id)?;
        let instance = &self.instances[number];
        if let Some(old) = &instance.process {
            let text = format!("{id} #{generation} starts beside {old:?}");
            return Some((Promise::OneCopy, text));
        }
        if let Some((of, _)) = instance.preparing {
            let text = format!("{id} #{generation} starts while #{of} is prepared");
            return Some((Promise::OneCopy, text));
        }
        let now = self.now;
        let audit = self.audit.as_mut()?;
        audit.ended.remove(id);
        let last = audit.generations.insert(id.clone(), generation);
        let prepared = act.is_some() && audit.prepared.remove(&(id.clone(), generation));
        if last >= Some(generation) && !(prepared && last == Some(generation)) {
            let text = format!("{id} #{generation} starts after {last:?}");
            return Some((Promise::OneCopy, text));
        }
        let act = act?;
        if self
            .cluster
            .schedule(&id.service)
            .is_some_and(|one| one.next.is_none())
        {
            let text = format!("{id} runs by a schedule, begins, and has no next time");
            return Some((Promise::Schedule, text));
        }
        audit.told_to_end.retain(|(of, _)| of != id);
        let definition = self.cluster.definition()?;
        let service = definition.services.get(&id.service)?;
        if let Some(of) = audit.with_needs.get(&act)
            && of != id
            && definition
                .services
                .get(&of.service)
                .is_some_and(|above| above.needs.iter().any(|need| need.service == id.service))
        {
            audit.tried.entry(id.clone()).or_default().push(now);
        }
        let hook = service.before_start.is_some() || !service.secrets.is_empty();
        if hook && !prepared {
            return Some((Promise::StartOrder, format!("{id} starts unprepared")));
        }
        let held_up = service.needs.iter().find_map(|need| self.held_up(need));
        held_up.map(|why| (Promise::StartOrder, format!("{id} starts while {why}")))
    }

    /// Of each schedule that somebody wants the next time is waited for, and of no other.
    pub(crate) fn audit_schedules(&mut self) {
        /// Less than what a clock is set by without anybody noticing.
        const LATE: u64 = 5_000;
        let now = self.reading().wall;
        if self
            .audit
            .as_ref()
            .is_some_and(|audit| audit.clock != self.wall)
        {
            // It was set, and nobody has noticed yet.
            return;
        }
        let Some(definition) = self.cluster.definition() else {
            return;
        };
        let scheduled = definition.services.iter();
        let mut scheduled = scheduled.filter(|(_, service)| service.schedule.is_some());
        let late = scheduled.find_map(|(name, _)| {
            let next = self.cluster.schedule(name).and_then(|one| one.next);
            let wanted = !self.cluster.stopped().contains(name);
            let timer = self.timers.get(&TimerKey::Schedule(name.clone()));
            let well = match (next, timer) {
                (Some(next), Some(timer)) => {
                    wanted && *timer <= self.now + next.millis_since(now) + LATE
                }
                (None, None) => !wanted,
                _ => false,
            };
            (!well).then(|| {
                format!("{name}: at {now:?} the next run is at {next:?}, with a timer at {timer:?}; wanted: {wanted}")
            })
        });
        if let Some(text) = late {
            self.breaks(Promise::Schedule, text);
        }
    }

    pub(crate) fn audit_stop(&mut self, id: &InstanceId, generation: Generation) -> Breach {
        let number = *self.index.get(id)?;
        if self.ghosts.contains(&(number, generation)) {
            // It was ended before it could be spoken of, and the driver says so on its own.
            return None;
        }
        if !self.lives(id, generation) {
            let text = format!("{id} #{generation} is told to end and does not live");
            return Some((Promise::Alive, text));
        }
        let state = self.cluster.status(id).map(|status| status.state);
        let definition = self.cluster.definition()?;
        let rests = self.cluster.stopped().contains(&id.service);
        // Who can do without it runs on, unless it is to stop as well.
        let stays = |above: &ServiceName, need: &spec::Need| {
            !need.required && !self.cluster.stopped().contains(above)
        };
        let above = definition.services.iter().filter(|(name, above)| {
            let need = above.need(&id.service);
            need.is_some_and(|need| !stays(name, need))
        });
        let audit = self.audit.as_ref()?;
        for (name, _) in above {
            for index in 0..crate::people::SLOTS {
                let other = InstanceId::new(name.clone(), index);
                let lives = self.process(&other).is_some() && !audit.blocked.contains(&other);
                if rests && lives && !audit.given_up.contains(id) {
                    let text = format!("{id} stops while {other}, which needs it, lives");
                    return Some((Promise::StopOrder, text));
                }
            }
        }
        if state == Some(State::Recovering) && audit.holds(&id.service) {
            return Some((
                Promise::Held,
                format!("{id} is stopped by healing while held"),
            ));
        }
        let audit = self.audit.as_mut()?;
        let again = !audit.told_to_end.insert((id.clone(), generation));
        again.then(|| {
            (
                Promise::Alive,
                format!("{id} #{generation} is told to end twice"),
            )
        })
    }

    pub(crate) fn audit_probe(
        &mut self,
        id: &InstanceId,
        generation: Generation,
        kind: ProbeKind,
        after: u128,
    ) -> Breach {
        let now = self.now;
        let at = now + u64::try_from(after).unwrap_or(u64::MAX);
        let audit = self.audit.as_mut()?;
        let under_way = audit.probes.insert((id.clone(), kind), (generation, at));
        // One that should have come back by now waited for an engine that stood still: asked now, it
        // is not put off.
        let later = under_way.is_some_and(|(of, back)| of == generation && at > back.max(now));
        later.then(|| {
            let text = format!("{id} has two {kind:?} probes under way, or one is put off");
            (Promise::Checks, text)
        })
    }

    /// Healing defines a service as something else.
    pub(crate) fn audit_define(&mut self, name: &ServiceName, new: &spec::Service) -> Breach {
        let now = self.now;
        let mut services = self.services.iter();
        let budget = services.find(|one| one.name == *name)?.defined.heal.budget;
        let audit = self.audit.as_mut()?;
        audit.replaced.insert(name.clone(), budget);
        audit.audit_define(name, new, now)
    }

    pub(crate) fn audit_ask(&mut self, ticket: u64, id: &InstanceId, remedy: RemedyKind) -> Breach {
        let now = self.now;
        let heal = self.services[self.instances[*self.index.get(id)?].service]
            .defined
            .heal
            .clone();
        let audit = self.audit.as_mut()?;
        audit.asks.insert(ticket, (id.clone(), remedy));
        if audit.holds(&id.service) {
            let text = format!("healing wants to {remedy:?} {id} while it is held");
            return Some((Promise::Held, text));
        }
        if remedy != RemedyKind::Quarantine {
            return self.audit_cause(id);
        }
        let per = u64::try_from(heal.budget.per.as_millis()).unwrap_or(u64::MAX);
        let tried = audit.tried.get(id).map_or(0, |tried| {
            tried.iter().filter(|at| now - **at < per).count()
        });
        let nothing = heal
            .ladder
            .first()
            .is_none_or(|one| one.remedy == RemedyKind::Quarantine);
        // A ladder whose rungs have numbers comes to its end.
        let numbers = heal.ladder.iter().filter_map(|one| one.times);
        let length = numbers.fold(0_u32, u32::saturating_add);
        let ever = audit.tried.get(id).map_or(0, Vec::len);
        let ended = length > 0 && ever >= usize::try_from(length).unwrap_or(usize::MAX);
        let spent = tried >= usize::try_from(heal.budget.count).unwrap_or(usize::MAX);
        if spent || ended || nothing || audit.hopeless.contains(id) {
            audit.given_up.insert(id.clone());
            return None;
        }
        let text = format!(
            "{id} is given up after {tried} remedies of {}",
            heal.budget.count
        );
        Some((Promise::Ladder, text))
    }

    pub(crate) fn audit_incident(
        &mut self,
        key: u64,
        incident: &Incident,
        entries: &[IncidentEntry],
    ) -> Breach {
        let (now, id) = (self.now, &incident.instance);
        let budget = self.services[self.instances[*self.index.get(id)?].service]
            .defined
            .heal
            .budget;
        let audit = self.audit.as_mut()?;
        let before = audit.incidents.insert(key, incident.clone());
        let told = before.map_or(0, |before| before.entries);
        let missed = entries.iter().zip(told + 1..).any(|(one, n)| one.n != n);
        if missed || told + u32::try_from(entries.len()).unwrap_or(0) != incident.entries {
            let text = format!("incident {key} has told {told} entries, now {entries:?}");
            return Some((Promise::Incidents, text));
        }
        if incident.state.unended() != incident.waits.is_some() {
            let text =
                format!("incident {key} neither ended nor says what it waits for: {incident:?}");
            return Some((Promise::Incidents, text));
        }
        let known = audit
            .actions
            .insert(key, incident.actions.len())
            .unwrap_or(0);
        let paid = audit.paid.entry(id.clone()).or_default();
        for action in incident.actions.iter().skip(known) {
            if !action.kind.restarts() {
                continue;
            }
            paid.push(now);
            audit.tried.entry(id.clone()).or_default().push(now);
            // One that goes back was allowed by the definition that is gone by now.
            let replaced = audit.replaced.get(&id.service);
            let replaced = replaced.filter(|_| action.kind == RemedyKind::Rollback);
            let budget = replaced.copied().unwrap_or(budget);
            let per = u64::try_from(budget.per.as_millis()).unwrap_or(u64::MAX);
            let within = paid.iter().filter(|at| now - **at < per).count();
            if within > usize::try_from(budget.count).unwrap_or(usize::MAX) {
                let text = format!(
                    "healing acted {within} times on {id}, {} are allowed",
                    budget.count
                );
                return Some((Promise::Budget, text));
            }
        }
        if incident.state == IncidentState::Closed {
            // It was another's fault, or a person took it in hand.
            audit.paid.remove(id);
        }
        let open = audit.incidents.values();
        let open = open.filter(|one| one.instance == *id && one.state.unended());
        (open.count() > 1).then(|| (Promise::Incidents, format!("{id} has two open incidents")))
    }

    pub(crate) fn audit_state(&mut self, id: &InstanceId, from: State, to: State) -> Breach {
        let now = self.now;
        let audit = self.audit.as_mut()?;
        if let Some(since) = audit.causes.turn(id, to, now) {
            audit.versions.serves(id, since, now);
        }
        let was = audit
            .states
            .insert(id.clone(), to)
            .unwrap_or(State::Stopped);
        if was != from {
            let text = format!("{id} was {was} and is told to change from {from} to {to}");
            return Some((Promise::Told, text));
        }
        let given_up = audit.given_up.contains(id);
        // One that is adopted is found running before it goes on to its end.
        let adopted = from == State::Stopped && to == State::Running;
        if to != State::Quarantined && to != State::Stopping && !adopted {
            audit.given_up.remove(id);
        }
        (to == State::Quarantined && !given_up).then(|| {
            (
                Promise::Ladder,
                format!("{id} is in quarantine, and was not given up"),
            )
        })
    }
}

/// It holds something against somebody.
pub(crate) fn judges(effect: &Effect) -> bool {
    match effect {
        Effect::Ask { .. } | Effect::Incident { .. } => true,
        Effect::Publish(EventKind::StateChanged { to, .. }) => {
            matches!(to, State::Failing | State::Degraded | State::Recovering)
        }
        _ => false,
    }
}

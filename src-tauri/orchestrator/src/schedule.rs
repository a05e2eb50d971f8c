//! Schedules: oneshots that run when their time comes, and are at rest between their runs.
//!
//! A time is one of the wall clock, and a timer counts time that passes: when nobody looked, or the clock was
//! set, both are put together anew. However many times were missed meanwhile, by a machine that slept or an
//! engine that was away, one run makes up for all of them. There is one run at a time: a time that comes while
//! the one before goes on is left out, and so is one that comes while a person holds the service. A run that
//! fails is a fault as that of any oneshot; what healing gave up gets another try when its next time comes,
//! with what it has tried still counted.
//!
//! What is known of it is written down before a run begins, with the start that begins it: the next engine
//! neither forgets a run nor makes it twice.

use crate::cluster::Cluster;
use crate::effect::Effect;
use crate::instance::{Care, Goal, Instance, Life};
use crate::io::TimerKey;
use crate::step::Step;
use model::{
    ActId, EntryKind, EventKind, ExitStatus, Generation, IncidentState, InstanceId, LastRun,
    Reason, ServiceName, State, Timestamp,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// A clock that is set back by no more than this does not bring times once more that came already. More is a
/// clock that was wrong before, and what came by it says nothing. As cron has it.
const SET_BACK: i64 = 3 * 3_600_000;

/// Those of a cluster, for the next engine.
pub(crate) type AllSchedules = BTreeMap<ServiceName, Scheduled>;

/// Where the schedule of a service stands.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Scheduled {
    /// By which `next` was computed.
    of: spec::Schedule,
    /// When it runs next; `None` while nobody wants it.
    next: Option<Timestamp>,
    /// When a time came last: all times up to then have come.
    came: Option<Timestamp>,
    /// The start that the run under way begins with.
    run: Option<Generation>,
    /// Its time began that run, and nobody waits for it.
    by_time: bool,
    /// That a time was left out since the last run began has been told.
    told: bool,
    last: Option<LastRun>,
}

impl std::fmt::Debug for Scheduled {
    /// What its definition says is shown there.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Scheduled");
        shown.field("next", &self.next).field("came", &self.came);
        if let Some(run) = self.run {
            shown.field("run", &run).field("by_time", &self.by_time);
        }
        shown.field("last", &self.last).finish()
    }
}

impl Scheduled {
    fn of(schedule: spec::Schedule) -> Self {
        Self {
            of: schedule,
            next: None,
            came: None,
            run: None,
            by_time: false,
            told: false,
            last: None,
        }
    }
}

impl Cluster {
    /// From here on times of the day are those of this zone, where a schedule names none.
    pub fn set_zone(&mut self, zone: spec::Zone) {
        self.zone = zone;
    }

    /// Where a service's schedule stands; `None` of one that has none.
    pub fn schedule(&self, name: &ServiceName) -> Option<model::Scheduled> {
        let Scheduled { next, last, .. } = self.schedules.get(name)?;
        let (next, last) = (*next, *last);
        Some(model::Scheduled { next, last })
    }

    /// It runs by a schedule.
    pub(crate) fn is_scheduled(&self, name: &ServiceName) -> bool {
        let service = self.services.get(name);
        service.is_some_and(|service| service.spec.schedule.is_some())
    }

    /// What mends a fault beside a person.
    pub(crate) fn or_its_time(&self, name: &ServiceName) -> &'static str {
        match self.is_scheduled(name) {
            true => ", or its next time",
            false => "",
        }
    }

    /// A run that its time began, and of which nothing has gone wrong: as usual as its rest.
    pub(crate) fn runs_by_time(&self, id: &InstanceId) -> bool {
        let by_time = self
            .schedules
            .get(&id.service)
            .is_some_and(|one| one.by_time);
        let usual = |instance: &Instance| {
            let on_its_way = matches!(instance.state, State::Starting | State::Running);
            let tale = instance.incident.and_then(|key| self.incidents.get(&key));
            let wrong = tale.is_some_and(|tale| tale.incident.state.unended());
            on_its_way && instance.care == Care::Idle && !wrong
        };
        by_time && self.instances.get(id).is_some_and(usual)
    }

    /// What is shown of one that is at rest.
    fn rest_between(&self, name: &ServiceName) -> Reason {
        let Some(one) = self.schedules.get(name) else {
            return Reason::default();
        };
        let reason = Reason::new(match one.last {
            Some(last) => format!("its last run {}", last.status),
            None => "has not run yet".to_owned(),
        });
        if self.holds(name) {
            return reason.then("its times are left out while it is held".to_owned());
        }
        match one.next {
            Some(next) => reason.then(format!(
                "runs next at {}",
                one.of.zone(&self.zone).words(next)
            )),
            None => reason,
        }
    }

    /// Nothing is to run of it before its next time comes.
    pub(crate) fn waits_for_its_time(&self, name: &ServiceName) -> bool {
        let one = self.schedules.get(name);
        one.is_some_and(|one| one.next.is_some() && one.run.is_none())
    }

    /// Why a time that has come begins nothing.
    fn kept_from(&self, id: &InstanceId) -> Option<&'static str> {
        let instance = self.instances.get(id)?;
        if self.holds(&id.service) {
            return Some("it is held");
        }
        let given_up = instance.care.stuck();
        let rests = instance.done || given_up;
        match (instance.life, rests) {
            (Life::Gone, true) => None,
            (Life::Gone, false) => Some("the run before it has yet to begin, or to be tried again"),
            _ => Some("the run before it still goes on"),
        }
    }
}

impl Step<'_> {
    /// What the definition says of schedules counts from here on: what is new or wanted again gets its next
    /// time, what is not wanted any more has none.
    pub(crate) fn take_schedules(&mut self) {
        let known: Vec<ServiceName> = self.cluster.schedules.keys().cloned().collect();
        for name in known {
            if !self.cluster.is_scheduled(&name) {
                self.drop_schedule(&name);
            }
        }
        let services = self.cluster.services.iter();
        let scheduled = services.filter(|(_, service)| service.spec.schedule.is_some());
        let names: Vec<ServiceName> = scheduled.map(|(name, _)| name.clone()).collect();
        for name in names {
            self.take_schedule(&name);
        }
    }

    /// The same of one service.
    pub(crate) fn take_schedule(&mut self, name: &ServiceName) {
        let Some(service) = self.cluster.services.get(name) else {
            return;
        };
        let Some(schedule) = service.spec.schedule.clone() else {
            return;
        };
        if !service.wanted || service.leaving {
            self.off_schedule(name);
            return;
        }
        let now = self.now.wall;
        let one = self
            .cluster
            .schedules
            .entry(name.clone())
            .or_insert_with(|| Scheduled::of(schedule.clone()));
        let begins = one.next.is_none();
        if !begins && one.of == schedule {
            return;
        }
        one.next = schedule.next(None, now, &self.cluster.zone);
        one.of = schedule;
        let on_start = begins && one.of.run_on_start;
        self.out.unfinished = true;
        self.time_schedule(name);
        for id in self.cluster.ids_of(name) {
            self.enroll(&id, begins, on_start);
        }
    }

    /// An instance is at rest until its time comes, or runs now.
    fn enroll(&mut self, id: &InstanceId, begins: bool, on_start: bool) {
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        let rests = matches!(instance.life, Life::Gone | Life::Ending);
        if begins && rests {
            instance.done = true;
        }
        if on_start && rests {
            self.begin_run(id, false);
        }
        self.recount(id);
        self.look.insert(id.clone());
    }

    /// It has a schedule no more: as a oneshot without one it runs when it is brought up.
    fn drop_schedule(&mut self, name: &ServiceName) {
        self.cluster.schedules.remove(name);
        self.out.unfinished = true;
        let key = TimerKey::Schedule(name.clone());
        self.out.acts.push(Effect::CancelTimer(key));
        for id in self.cluster.ids_of(name) {
            if let Some(instance) = self.cluster.instances.get_mut(&id) {
                instance.done = false;
            }
            self.recount(&id);
        }
    }

    /// Nobody wants it any more: no time of it comes.
    pub(crate) fn off_schedule(&mut self, name: &ServiceName) {
        let Some(one) = self.cluster.schedules.get_mut(name) else {
            return;
        };
        (one.run, one.by_time, one.told) = (None, false, false);
        if one.next.take().is_some() {
            self.out.unfinished = true;
            let key = TimerKey::Schedule(name.clone());
            self.out.acts.push(Effect::CancelTimer(key));
        }
    }

    /// Has its time come.
    fn time_schedule(&mut self, name: &ServiceName) {
        let key = TimerKey::Schedule(name.clone());
        let next = self.cluster.schedules.get(name).and_then(|one| one.next);
        self.out.acts.push(match next {
            Some(next) => {
                let left = Duration::from_millis(next.millis_since(self.now.wall));
                let at = self.now.mono + left;
                Effect::SetTimer { key, at }
            }
            None => Effect::CancelTimer(key),
        });
    }

    /// The machine slept, nobody looked, or the clock was set: what a timer counts is not the time of day any
    /// more, and of a clock that was set back times come once more.
    pub(crate) fn time_schedules_anew(&mut self) {
        let now = self.now.wall;
        let names: Vec<ServiceName> = self.cluster.schedules.keys().cloned().collect();
        for name in names {
            let Some(one) = self.cluster.schedules.get_mut(&name) else {
                continue;
            };
            let Some(next) = one.next else {
                continue;
            };
            let back = one.came.map_or(0, |came| came.0.saturating_sub(now.0));
            if back > SET_BACK {
                one.came = None;
            }
            let from = match (one.came, &one.of.times) {
                // An interval is time that passes, whatever the clock says.
                (Some(came), spec::Times::Cron(_)) => came.max(now),
                _ => now,
            };
            let earliest = one.of.next(None, from, &self.cluster.zone);
            if next > now && earliest.is_some_and(|earliest| earliest < next) {
                one.next = earliest;
                self.out.unfinished = true;
            }
            self.time_schedule(&name);
            self.show_next(&name);
        }
    }

    /// Its time has come, or what the timer took for it.
    pub(crate) fn schedule_due(&mut self, name: &ServiceName) {
        let now = self.now.wall;
        let id = InstanceId::new(name.clone(), 0);
        let Some(one) = self.cluster.schedules.get_mut(name) else {
            return;
        };
        let Some(next) = one.next else {
            return;
        };
        if next > now {
            return self.time_schedule(name);
        }
        one.came = Some(now);
        one.next = one.of.next(Some(next), now, &self.cluster.zone);
        self.out.unfinished = true;
        self.time_schedule(name);
        if self.cluster.goal(&id) != Goal::Run {
            return;
        }
        match self.cluster.kept_from(&id) {
            None => {
                self.try_anew(&id);
                self.begin_run(&id, true);
            }
            Some(why) => self.leave_out(name, next, why),
        }
        self.show_next(name);
    }

    /// A time begins nothing. Of a long run, or a long hold, that is told once.
    fn leave_out(&mut self, name: &ServiceName, time: Timestamp, why: &str) {
        let Some(one) = self.cluster.schedules.get_mut(name) else {
            return;
        };
        if std::mem::replace(&mut one.told, true) {
            return;
        }
        let time = one.of.zone(&self.cluster.zone).words(time);
        let text = format!(
            "the run of {name} at {time} is left out, and so are those that come meanwhile: {why}"
        );
        self.out.facts.push(EventKind::Notice { text });
    }

    /// What healing gave up, or was not to mend, gets another try.
    fn try_anew(&mut self, id: &InstanceId) {
        let Some(instance) = self.cluster.instances.get(id) else {
            return;
        };
        if instance.care == Care::Idle {
            return;
        }
        self.set_care(id, Care::Idle);
        if let Some((key, tale)) = self.tale(id)
            && tale.incident.state.unended()
        {
            tale.incident.state = IncidentState::Open;
            tale.incident.person = false;
            self.out.incidents.insert(key);
            self.tell(
                key,
                EntryKind::Release,
                "its time has come: it runs again",
                None,
            );
        }
    }

    /// A run begins, now or when what it needs is there.
    fn begin_run(&mut self, id: &InstanceId, by_time: bool) {
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        instance.done = false;
        instance.by_itself = false;
        let run = Some(instance.generation.next());
        if let Some(one) = self.cluster.schedules.get_mut(&id.service) {
            (one.run, one.by_time, one.told) = (run, by_time, false);
        }
        self.out.unfinished = true;
        self.recount(id);
        self.look.insert(id.clone());
    }

    /// Those of these that are on their schedule.
    pub(crate) fn on_schedule(&self, services: &[ServiceName]) -> Vec<ServiceName> {
        let next = |name: &&ServiceName| {
            let one = self.cluster.schedules.get(*name);
            one.is_some_and(|one| one.next.is_some())
        };
        services.iter().filter(next).cloned().collect()
    }

    /// A start belongs to a run, whoever wanted it.
    pub(crate) fn note_run(&mut self, id: &InstanceId, generation: Generation) {
        if let Some(one) = self.cluster.schedules.get_mut(&id.service)
            && one.run.is_none()
        {
            one.run = Some(generation);
            self.out.unfinished = true;
        }
    }

    /// Somebody waits for the run under way, whoever began it.
    pub(crate) fn wanted_by_hand(&mut self, name: &ServiceName) {
        if let Some(one) = self.cluster.schedules.get_mut(name) {
            one.by_time = false;
        }
    }

    /// A person wants these to run now.
    pub(crate) fn run_by_hand(&mut self, services: &[ServiceName], act: ActId) {
        for name in services {
            if !self.cluster.is_scheduled(name) {
                continue;
            }
            for id in self.cluster.ids_of(name) {
                let rests = |one: &&mut Instance| one.life == Life::Gone && one.done;
                if let Some(instance) = self.cluster.instances.get_mut(&id).filter(rests) {
                    instance.act = act;
                    self.begin_run(&id, false);
                }
            }
        }
    }

    /// A run has ended, however.
    pub(crate) fn run_ended(&mut self, id: &InstanceId, status: ExitStatus) {
        if let Some(one) = self.cluster.schedules.get_mut(&id.service) {
            let at = self.now.wall;
            one.last = Some(LastRun { at, status });
            self.out.unfinished = true;
        }
    }

    /// A run has done its work: the state in which it waits for the next, and why it is in it.
    pub(crate) fn run_done(&mut self, id: &InstanceId, text: String) -> (State, Reason) {
        if !self.cluster.is_scheduled(&id.service) {
            return (State::Completed, Reason::new(text));
        }
        if let Some(one) = self.cluster.schedules.get_mut(&id.service) {
            (one.run, one.by_time, one.told) = (None, false, false);
            self.out.unfinished = true;
        }
        (State::Scheduled, self.cluster.rest_between(&id.service))
    }

    /// One that has done its work, or has not begun: it waits for its time.
    pub(crate) fn show_scheduled(&mut self, id: &InstanceId) {
        if self.cluster.is_scheduled(&id.service) {
            let reason = self.cluster.rest_between(&id.service);
            self.set(id, State::Scheduled, reason);
        }
    }

    /// Its next time is another one.
    fn show_next(&mut self, name: &ServiceName) {
        for id in self.cluster.ids_of(name) {
            self.out.changed.insert(id.clone());
            self.look.insert(id);
        }
    }

    /// Goes on with what an earlier engine knew. Of those that were at rest nothing has ended; a run that was
    /// to begin and of which nothing is found has yet to.
    pub(crate) fn resume_schedules(&mut self, ended: &mut BTreeMap<InstanceId, ExitStatus>) {
        self.cluster.schedules = self.cluster.unfinished.take_schedules();
        let all: Vec<InstanceId> = self.cluster.instances.keys().cloned().collect();
        for id in all {
            if !self.cluster.is_scheduled(&id.service) {
                continue;
            }
            let scheduled = self.cluster.schedules.get(&id.service);
            let run = scheduled.and_then(|one| one.run);
            let Some(instance) = self.cluster.instances.get_mut(&id) else {
                continue;
            };
            instance.done = false;
            if instance.life != Life::Gone {
                continue;
            }
            let begun =
                ended.contains_key(&id) && run.is_some_and(|run| instance.generation >= run);
            if run.is_none() {
                instance.done = true;
                ended.remove(&id);
            } else if !begun {
                ended.remove(&id);
            }
        }
        self.time_schedules_anew();
        self.take_schedules();
    }
}

//! Faults and what is done about them: whose fault it is, which remedy, and asking the door for it.

use crate::effect::Effect;
use crate::instance::{Bar, Care, Cycle, Life, Plan};
use crate::io::TimerKey;
use crate::step::Step;
use healing::history::Lasted;
use healing::{Decision, words};
use model::{ActId, Autonomy, InstanceId, Mono, Reason, RemedyKind, State};
use std::time::Duration;

/// Something went wrong with an instance.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    /// As its reason says it: "was ended by SIGKILL".
    pub(crate) text: String,
    /// As an incident says it: "db.0 was ended by SIGKILL".
    pub(crate) cause: String,
    /// Trying again cannot help.
    pub(crate) hopeless: bool,
}

impl Step<'_> {
    /// A fault is seen. While something it needs is down it suffers from that; otherwise it is a
    /// root of its own.
    pub(crate) fn fault(&mut self, id: &InstanceId, fault: Fault) {
        let Some(service) = self.cluster.services.get(&id.service) else {
            return;
        };
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        let lasted = match &instance.care {
            // The same fault, found once more.
            Care::Doubted(doubt) => doubt.lasted(),
            _ => (instance.history).faulted(&service.spec.heal, self.now.mono),
        };
        instance.fault.clone_from(&fault.text);
        instance.automatic = false;
        instance.in_hand = false;
        if !fault.hopeless && (self.explained(id) || self.excused(id, lasted)) {
            self.suffer(id);
            return;
        }
        let late = !fault.hopeless && self.late_effect(id, lasted);
        if !late && !self.defer(id, &fault, lasted) {
            self.own_fault(id, fault, lasted);
        }
    }

    /// Nothing else explains it: it is a root.
    pub(crate) fn own_fault(&mut self, id: &InstanceId, fault: Fault, lasted: Lasted) {
        let dependents = self.goes_down(&id.service);
        self.open_incident(id, fault.cause, lasted, &dependents);
        self.break_circuit(id, lasted);
        self.judge(id, fault.hopeless);
        self.take_over(&id.service, &dependents);
        self.take_over_seen(&id.service, &dependents);
        if lasted != Lasted::Steady {
            self.restarts_in_vain(id);
        }
    }

    fn fault_of(&self, id: &InstanceId) -> String {
        self.cluster
            .instances
            .get(id)
            .map(|i| i.fault.clone())
            .unwrap_or_default()
    }

    /// It fails because of another: it waits for that one.
    pub(crate) fn suffer(&mut self, id: &InstanceId) {
        self.goes_down(&id.service);
        self.end_trial(id);
        let Some(instance) = self.cluster.instances.get(id) else {
            return;
        };
        let unready = instance.asked && !instance.ready && instance.gives_up.is_none();
        if instance.life == Life::Gone {
            self.set_care(id, Care::Suffers);
            let reason = self.cluster.waiting(id);
            self.set(id, State::Waiting, reason);
        } else {
            self.set_care(id, Care::Idle);
            let reason = Reason::new(self.fault_of(id));
            let root = self.cluster.root_of(&id.service);
            let next = root.map(|root| format!("asked again when {root} is ready"));
            self.set(id, State::Failing, Reason { next, ..reason });
            if unready {
                // Its time was up before: it has the whole of it again once that one is back.
                self.begin_patience(id, self.now.mono);
            }
        }
    }

    /// What it suffered from is back: starts what had ended meanwhile.
    pub(crate) fn consider_makeup(&mut self, id: &InstanceId) {
        let Some(service) = self.cluster.services.get(&id.service) else {
            return;
        };
        if service.waits.unmet > 0 || service.suffers() {
            let reason = self.cluster.waiting(id);
            self.set(id, State::Waiting, reason);
        } else if self.bar(id).is_some() {
            // Healing may not: from here on it is a fault of its own.
            let cause = format!("{id} {}", self.fault_of(id));
            let dependents = self.goes_down(&id.service);
            self.open_incident(id, cause, Lasted::NotWell, &dependents);
            self.judge(id, false);
        } else {
            let detail = "started again: what it needs is ready again".to_owned();
            self.due(
                id,
                Plan {
                    excused: true,
                    ..Plan::new(RemedyKind::Restart, detail)
                },
            );
        }
    }

    /// Why healing may not act on an instance, if so.
    pub(crate) fn bar(&self, id: &InstanceId) -> Option<Bar> {
        let service = self.cluster.services.get(&id.service)?;
        let instance = self.cluster.instances.get(id)?;
        if !service.spec.heal.enabled {
            Some(Bar::Off)
        } else if self.cluster.autonomy() == Autonomy::Off {
            Some(Bar::NotByItself)
        } else if self.cluster.holds(&id.service) {
            Some(Bar::Held)
        } else if service.spec.protected && instance.life != Life::Gone {
            Some(Bar::Protected)
        } else {
            None
        }
    }

    /// Chooses what to do about a fault.
    pub(crate) fn judge(&mut self, id: &InstanceId, hopeless: bool) {
        self.judge_by(id, hopeless, None);
    }

    /// The same, and what is chosen is done at this time at the latest.
    pub(crate) fn judge_by(&mut self, id: &InstanceId, hopeless: bool, by: Option<Mono>) {
        if let Some(bar) = self.bar(id) {
            self.bar_care(id, bar);
            return;
        }
        let Some(service) = self.cluster.services.get(&id.service) else {
            return;
        };
        let Some(instance) = self.cluster.instances.get(id) else {
            return;
        };
        let fault = instance.fault.clone();
        let back = self.cluster.can_roll_back(id);
        let decision = if hopeless {
            healing::decide_hopeless(&service.spec.heal, &instance.history, back, self.now.mono)
        } else {
            healing::decide(&service.spec.heal, &instance.history, back, self.now.mono)
        };
        let (remedy, wait, attempt, of) = match decision {
            Decision::Quarantine(why) => {
                match self.cluster.autonomy() {
                    // It would have to be approved of, and changes nothing: nothing is tried anyway.
                    Autonomy::Advise => {
                        self.bar_care(
                            id,
                            Bar::Declined(format!("it has nothing to propose: {why}")),
                        );
                    }
                    _ => self.ask_door(id, Plan::new(RemedyKind::Quarantine, why)),
                }
                return;
            }
            Decision::Try {
                remedy,
                wait,
                attempt,
                of,
            } => (remedy, wait, attempt, of),
        };
        let now = self.now.mono;
        let wait = by.map_or(wait, |by| wait.min(by.since(now)));
        if let Some(instance) = self.cluster.instances.get_mut(id) {
            instance.remedy_at = Some(now + wait);
        }
        let mut detail = format!("{} {attempt} of {of}", remedy.as_str());
        let plan = Plan::new(remedy, detail.clone());
        if wait.is_zero() {
            self.due(id, plan);
            return;
        }
        let wait_words = words::duration(wait);
        let reason = Reason::new(fault).then(format!("{detail} in {wait_words}"));
        detail = format!("{detail}, after {wait_words}");
        self.set_care(id, Care::Backoff(Plan { detail, ..plan }));
        let (key, at) = (TimerKey::Backoff(id.clone()), self.now.mono + wait);
        self.out.acts.push(Effect::SetTimer { key, at });
        self.set(id, State::Failing, reason);
    }

    /// Healing keeps its hands off this fault.
    pub(crate) fn bar_care(&mut self, id: &InstanceId, bar: Bar) {
        let scheduled = self.cluster.is_scheduled(&id.service);
        let next = match &bar {
            Bar::Off if scheduled => {
                "healing is switched off for it: it runs again when its next time comes".to_owned()
            }
            Bar::Held => "healing is held: nothing happens until it is let go on".to_owned(),
            Bar::Off => "healing is switched off for it: restart it when it is mended".to_owned(),
            Bar::Protected => "it is protected: only a person may restart it".to_owned(),
            Bar::Refused(why) => format!("healing was refused: {why}"),
            Bar::NotByItself if scheduled => {
                "healing is off in its cluster: it runs again when its next time comes".to_owned()
            }
            Bar::NotByItself => {
                "healing is off in its cluster: restart it, or let healing act".to_owned()
            }
            Bar::Declined(why) => format!("healing does nothing: {why}"),
        };
        self.bar_incident(id, &next);
        self.set_care(id, Care::Barred(bar));
        let reason = Reason::new(self.fault_of(id)).then(next);
        self.set(id, State::Failing, reason);
    }

    pub(crate) fn ask_door(&mut self, id: &InstanceId, plan: Plan) {
        if self.cluster.autonomy() == Autonomy::Advise {
            return self.propose(id, plan);
        }
        let Some(instance) = self.cluster.instances.get(id) else {
            return;
        };
        let why = instance.fault.clone();
        let restart = plan.remedy != RemedyKind::Quarantine && instance.life == Life::Gone;
        let (state, next) = if restart {
            (State::Recovering, "starts again at once")
        } else if plan.remedy == RemedyKind::Quarantine {
            (State::Failing, "goes into quarantine")
        } else {
            (State::Failing, "restarts at once")
        };
        self.cluster.last_ticket += 1;
        let ticket = self.cluster.last_ticket;
        let (remedy, detail) = (plan.remedy, plan.detail.clone());
        let confidence = self.cluster.confidence(id, remedy);
        self.set_care(id, Care::Asked(plan, ticket));
        self.cluster.asks.insert(ticket, id.clone());
        self.set(id, state, Reason::new(why.clone()).then(next));
        self.out.acts.push(Effect::Ask {
            ticket,
            instance: id.clone(),
            remedy,
            why,
            detail,
            confidence,
            proposed: false,
        });
    }

    /// A backoff has passed.
    pub(crate) fn backoff_over(&mut self, id: &InstanceId) {
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        if let Care::Backoff(plan) = instance.care.clone() {
            // The timer is spent: nothing is left to cancel.
            instance.care = Care::Idle;
            self.due(id, plan);
        }
    }

    /// The question this ticket stands for, if it is still one.
    fn asked(&mut self, ticket: u64) -> Option<(InstanceId, Plan)> {
        let id = self.cluster.asks.remove(&ticket)?;
        match &self.cluster.instances.get(&id)?.care {
            Care::Asked(plan, of) if *of == ticket => {
                let plan = plan.clone();
                Some((id, plan))
            }
            _ => None,
        }
    }

    /// The door let healing act.
    pub(crate) fn admitted(&mut self, ticket: u64, act: ActId) {
        self.cluster.proposals.remove(&ticket);
        if self.scale_admitted(ticket, act) {
            return;
        }
        let Some((id, mut plan)) = self.asked(ticket) else {
            return;
        };
        if plan.remedy == RemedyKind::Rollback {
            match self.roll_back(&id, act) {
                Some(text) => plan.detail = text,
                // What is around it has changed since.
                None => return self.judge(&id, false),
            }
        }
        if !plan.excused {
            self.note_remedy(&id, plan.remedy, plan.detail.clone(), Some(act));
        }
        if plan.remedy == RemedyKind::Quarantine {
            self.quarantine_incident(&id, &plan.detail);
            self.set_care(&id, Care::Quarantined(plan.detail));
            self.look.insert(id);
            return;
        }
        self.set_care(&id, Care::Idle);
        let Some(service) = self.cluster.services.get(&id.service) else {
            return;
        };
        let Some(instance) = self.cluster.instances.get_mut(&id) else {
            return;
        };
        if !plan.excused {
            instance.history.acted(&service.spec.heal, self.now.mono);
        }
        if plan.remedy == RemedyKind::Rollback {
            // Its own ladder begins from here.
            instance.history.begin_ladder();
        }
        instance.act = act;
        instance.automatic = true;
        instance.in_hand = true;
        let with_needs = plan.remedy == RemedyKind::RestartNeeds;
        let why = instance.fault.clone();
        self.cycle(
            &id,
            Cycle {
                why,
                act,
                automatic: true,
                ordered: with_needs,
            },
        );
        if with_needs {
            self.begin_settling(&id);
            self.restart_unwell_needs(&id, act);
        }
        self.look.insert(id);
    }

    /// Restarts those it needs directly that serve although they fail checks, and those that are degraded
    /// and were waited for in vain. That one is slow alone is no reason to take it from all others that
    /// need it. Each pays for it from its own budget; what is protected or held stays.
    fn restart_unwell_needs(&mut self, id: &InstanceId, act: ActId) {
        let Some(service) = self.cluster.services.get(&id.service) else {
            return;
        };
        let blamed = service.spent.clone();
        for need in service.relies_on().cloned().collect::<Vec<_>>() {
            let Some(below) = self.cluster.services.get(&need) else {
                continue;
            };
            if !below.spec.heal.enabled || self.cluster.holds(&need) {
                continue;
            }
            let heal = below.spec.heal.clone();
            for below in self.cluster.ids_of(&need) {
                let Some(instance) = self.cluster.instances.get_mut(&below) else {
                    continue;
                };
                let waited = blamed.as_ref().is_some_and(|(root, since)| {
                    *root == need && instance.state == State::Degraded && instance.entered <= *since
                });
                let unwell = instance.ready && (waited || !instance.watch.sure());
                let paid = instance.history.spent(heal.budget.per, self.now.mono);
                if unwell && paid < heal.budget.count && instance.cycle.is_none() {
                    instance.history.acted(&heal, self.now.mono);
                    let why = format!("restarts because {id} needs it and does not get well");
                    self.cycle(
                        &below,
                        Cycle {
                            why,
                            act,
                            automatic: true,
                            ordered: true,
                        },
                    );
                }
            }
        }
    }

    /// The door did not let healing act. It is not asked again about this fault.
    pub(crate) fn refused(&mut self, ticket: u64, why: String) {
        self.cluster.proposals.remove(&ticket);
        if self.scale_refused(ticket, &why) {
            return;
        }
        if let Some((id, plan)) = self.asked(ticket) {
            let bar = match plan.proposed {
                true => Bar::Declined(why),
                false => Bar::Refused(why),
            };
            self.bar_care(&id, bar);
        }
    }

    /// The door cannot write the act down just now. Nothing was tried, and nothing is spent.
    pub(crate) fn postponed(&mut self, ticket: u64, why: &str) {
        /// Room comes back when a person makes some; other faults pass, or the door does without.
        const WAIT: Duration = Duration::from_secs(5);
        self.cluster.proposals.remove(&ticket);
        if self.scale_postponed(ticket) {
            return;
        }
        let Some((id, plan)) = self.asked(ticket) else {
            return;
        };
        let at = self.now.mono + WAIT;
        let Some(instance) = self.cluster.instances.get_mut(&id) else {
            return;
        };
        instance.remedy_at = Some(at);
        let text = format!("{}; healing is delayed: {why}", instance.fault);
        let next = format!("asked again in {}", words::duration(WAIT));
        self.set_care(&id, Care::Backoff(plan));
        let key = TimerKey::Backoff(id.clone());
        self.out.acts.push(Effect::SetTimer { key, at });
        self.set(&id, State::Failing, Reason::new(text).then(next));
    }

    /// It ended by itself while healing had already something in mind for it.
    pub(crate) fn ended_under_care(&mut self, id: &InstanceId, fault: String) {
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        instance.fault = fault;
        let reason = Reason {
            text: instance.fault.clone(),
            next: instance.reason.next.clone(),
        };
        match instance.care {
            // Ended, a protected one may be started again: that stops nothing.
            Care::Barred(Bar::Protected) => self.judge(id, false),
            Care::Barred(_) | Care::Asked(..) | Care::Backoff(_) | Care::Due(..) => {
                self.set(id, State::Failing, reason);
            }
            // A fault anew for those that have none that was judged.
            Care::Idle | Care::Doubted(_) | Care::Suffers | Care::Quarantined(_) => {}
        }
        self.look.insert(id.clone());
    }
}

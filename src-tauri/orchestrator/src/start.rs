//! From wanted to serving: starts when what is needed is there, and what follows from how it goes.

use crate::doubt::Answers;
use crate::effect::Effect;
use crate::graph::Renewal;
use crate::heal::Fault;
use crate::hooks;
use crate::instance::{Care, Goal, Life, Seen};
use crate::step::Step;
use healing::HOPELESS;
use healing::{Watch, words};
use model::{EntryKind, EventKind, ExitStatus, InstanceId, Reason, State};

impl Step<'_> {
    /// It is wanted and has no process.
    pub(crate) fn consider_start(&mut self, id: &InstanceId) {
        let Some(service) = self.cluster.services.get(&id.service) else {
            return;
        };
        let Some(instance) = self.cluster.instances.get(id) else {
            return;
        };
        match &instance.care {
            Care::Quarantined(why) => {
                let reason = Reason::new(format!("{}; {why}", instance.fault));
                let time = self.cluster.or_its_time(&id.service);
                let next = match why.as_str() {
                    HOPELESS => format!("mend that, then `azora release {}`{time}", id.service),
                    _ => format!("`azora release {}` tries again{time}", id.service),
                };
                self.set(id, State::Quarantined, reason.then(next));
            }
            Care::Suffers => self.consider_makeup(id),
            // What it waits for was shown when it was decided.
            Care::Backoff(_) | Care::Due(..) | Care::Asked(..) => {}
            Care::Barred(_) | Care::Doubted(_) => {}
            Care::Idle if instance.done => self.show_scheduled(id),
            // Its turn has passed: it gets another one when what it needs is back.
            Care::Idle
                if service.waits.unmet > 0
                    && !service.roots.is_empty()
                    && instance.in_hand
                    && instance.settling.is_none() =>
            {
                self.out_of_hand(id);
                self.suffer(id);
            }
            Care::Idle if service.waits.unmet > 0 => {
                if instance.settling.is_some() {
                    // What it needs has yet to come back; it settles from then on.
                    self.begin_settling(id);
                }
                let reason = self.cluster.waiting(id);
                self.set(id, State::Waiting, reason);
            }
            Care::Idle => match instance.delayed_until(self.now.mono) {
                Some((_, reason)) => self.show_delay(id, reason),
                None if self.settles(id) => {}
                None => self.start(id),
            },
        }
    }

    fn start(&mut self, id: &InstanceId) {
        self.end_settling(id);
        self.end_findings(id);
        let service = self.cluster.services.get(&id.service);
        let preparing = service.and_then(|service| hooks::preparation(&service.spec));
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        instance.generation = instance.generation.next();
        instance.life = Life::Asked;
        instance.begun = Some(self.now.mono);
        instance.started = false;
        instance.ready = false;
        instance.unready = None;
        instance.asked = false;
        instance.preparing = preparing;
        instance.called_off = false;
        instance.greeted = false;
        instance.under_way.clear();
        instance.unjudged.clear();
        instance.tries = 0;
        instance.passes = 0;
        instance.seen = Seen::default();
        instance.watch = Watch::default();
        instance.answers = Answers::default();
        instance.load.forget();
        instance.last_good = None;
        instance.passed = None;
        instance.ended = None;
        instance.by_itself = false;
        instance.ready_watch = Watch::default();
        instance.unasked = 0;
        instance.check = None;
        instance.shim_lost = false;
        instance.blocked = None;
        instance.outdated = None;
        if instance.automatic {
            instance.restarts = instance.restarts.saturating_add(1);
        }
        let state = if instance.automatic {
            State::Recovering
        } else {
            State::Starting
        };
        let (generation, act) = (instance.generation, instance.act);
        let (state, reason) = match instance.retrying() {
            Some(reason) => (State::Waiting, reason),
            None => (state, instance.story(instance.stage())),
        };
        self.note_run(id, generation);
        let instance = id.clone();
        self.out.acts.push(match preparing.is_some() {
            true => Effect::Prepare {
                instance,
                generation,
            },
            false => Effect::Start {
                instance,
                generation,
                act,
            },
        });
        self.out.changed.insert(id.clone());
        self.set(id, state, reason);
        self.recount(id);
    }

    /// Its process is there.
    pub(crate) fn started(&mut self, id: &InstanceId, pid: u32) {
        let goal = self.cluster.goal(id);
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        if instance.life != Life::Asked {
            return;
        }
        instance.preparing = None;
        instance.delay = None;
        instance.life = Life::Alive;
        instance.pid = Some(pid);
        instance.alive_since = self.now.mono;
        let generation = instance.generation;
        if instance
            .replaces
            .as_ref()
            .is_some_and(|(old, _)| *old < generation)
        {
            instance.replaces = None;
            self.out.unfinished = true;
        }
        let cycled = instance.cycle.is_some();
        let reason = instance.story(&format!("pid {pid} runs"));
        let text = format!("started as pid {pid} (start {generation})");
        self.out.facts.push(EventKind::Started {
            instance: id.clone(),
            generation,
            pid,
        });
        self.tell_of(id, EntryKind::Outcome, &text, None);
        self.out.changed.insert(id.clone());
        self.recount(id);
        if goal == Goal::Run && !cycled {
            self.set_alive(id, reason);
            self.ask_readiness(id);
        } else {
            self.look.insert(id.clone());
        }
    }

    /// It lives and is not known to be ready.
    pub(crate) fn set_alive(&mut self, id: &InstanceId, reason: Reason) {
        let Some(instance) = self.cluster.instances.get(id) else {
            return;
        };
        let state = if instance.automatic {
            State::Recovering
        } else {
            State::Running
        };
        self.set(id, state, reason);
    }

    /// Its process could not be made.
    pub(crate) fn start_failed(&mut self, id: &InstanceId, error: &str, retry: bool) {
        let goal = self.cluster.goal(id);
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        instance.life = Life::Gone;
        instance.pid = None;
        instance.preparing = None;
        instance.delay = None;
        if let Some(cycle) = instance.cycle.take() {
            (instance.act, instance.automatic) = (cycle.act, cycle.automatic);
        }
        self.out.changed.insert(id.clone());
        self.recount(id);
        if goal == Goal::Run {
            let text = format!("could not be started: {error}");
            self.witness(id, EntryKind::Outcome, &text);
            self.fault(
                id,
                Fault {
                    cause: format!("{id} {text}"),
                    text,
                    hopeless: !retry,
                },
            );
        } else {
            self.look.insert(id.clone());
        }
    }

    /// Its process has ended, and all of its tree, of which so many outlived it and had to be ended.
    pub(crate) fn exited(&mut self, id: &InstanceId, status: ExitStatus, left: u32) {
        let goal = self.cluster.goal(id);
        let waits = self.cluster.waits_for_its_time(&id.service);
        let succeeded = self
            .cluster
            .services
            .get(&id.service)
            .is_some_and(|s| s.spec.succeeded(status));
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        let told = instance.life == Life::Ending;
        let lived = words::duration(self.now.mono.since(instance.alive_since));
        // How old one is that was found running is not known here.
        let (lived, took) = match instance.begun {
            Some(_) => (format!("after {lived}"), format!("in {lived}")),
            None => {
                let since = format!("{lived} after it was adopted");
                (since.clone(), since)
            }
        };
        instance.life = Life::Gone;
        instance.ended = Some(status);
        instance.told_end = Some(instance.generation);
        instance.pid = None;
        instance.blocked = None;
        instance.ready = false;
        instance.unready = None;
        let cycle = instance.cycle.take();
        let cycled = cycle.is_some();
        if let Some(cycle) = cycle {
            (instance.act, instance.automatic) = (cycle.act, cycle.automatic);
        }
        let expected = told || cycled || goal != Goal::Run;
        instance.by_itself = !expected;
        // Only a person takes it out of quarantine, not its own end. What has completed is no less there for a
        // moment: who needs it hears nothing of this.
        let completes = succeeded && !expected && !matches!(instance.care, Care::Quarantined(_));
        // Wanted again while it still ended: one with a schedule waits for its time.
        instance.done = completes || (expected && waits);
        let generation = instance.generation;
        let idle = matches!(instance.care, Care::Idle | Care::Doubted(_));
        self.end_patience(id);
        self.end_trial(id);
        self.out.facts.push(EventKind::Exited {
            instance: id.clone(),
            generation,
            status,
        });
        self.out.changed.insert(id.clone());
        self.run_ended(id, status);
        self.recount(id);
        if expected {
            self.touched.insert(id.clone());
            self.look.insert(id.clone());
        } else if completes {
            let how = match status.success() {
                true => format!("completed {took}"),
                false => format!("completed {took}: {status}, which is a success of it"),
            };
            self.completed(id, how);
        } else if idle {
            let text = ended(status, left);
            let cause = cause(id, &text, &lived);
            self.witness(id, EntryKind::Exit, &cause);
            self.fault(
                id,
                Fault {
                    text,
                    cause,
                    hopeless: false,
                },
            );
        } else {
            let text = ended(status, left);
            self.witness(id, EntryKind::Exit, &cause(id, &text, &lived));
            self.ended_under_care(id, text);
        }
    }

    /// It has done its work: a oneshot, or a daemon that may end so.
    pub(crate) fn completed(&mut self, id: &InstanceId, text: String) {
        if let Some(instance) = self.cluster.instances.get_mut(id) {
            instance.done = true;
            instance.watch = Watch::default();
            instance.history.close_circuit();
        }
        // Whatever was wrong with its process is over with it, and so is what healing had in mind.
        self.set_care(id, Care::Idle);
        self.unblame(&id.service);
        let (state, reason) = self.run_done(id, text);
        self.came_good(id, state, reason);
    }

    /// It has passed readiness, or needs none.
    pub(crate) fn became_ready(&mut self, id: &InstanceId, how: &str) {
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        instance.ready = true;
        instance.was_ready = Some(instance.generation);
        instance.last_good = Some(self.now.mono);
        let reason = Reason::new(how);
        instance.serving = (State::Ready, reason.clone());
        self.end_patience(id);
        // Late or not: whatever was in mind for it is off.
        self.set_care(id, Care::Idle);
        if !self.begin_trial(id) {
            self.came_good(id, State::Ready, reason);
        }
        self.begin_health(id);
        self.begin_asking_on(id);
        self.greet(id);
    }

    pub(crate) fn came_good(&mut self, id: &InstanceId, state: State, reason: Reason) {
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        let before = instance.served.replace(instance.generation);
        let renewed = before.is_some_and(|before| before < instance.generation);
        let automatic = std::mem::replace(&mut instance.automatic, false);
        let act = instance.act;
        instance.in_hand = false;
        instance.fault.clear();
        instance.late = None;
        instance.history.healthy(self.now.mono);
        instance.well_since = self.now.mono;
        self.set(id, state, reason);
        self.watch_version(&id.service);
        // After a trial it may have said that it is not ready.
        if state != State::Running && !self.cluster.slow_still(id) {
            self.resolve_incident(id);
        }
        if renewed && let Some(service) = self.cluster.services.get_mut(&id.service) {
            service.renewed = true;
        }
        let how = if automatic {
            Renewal::Healed
        } else {
            Renewal::Asked
        };
        self.lead_followers(&id.service, act, how);
    }

    /// It was about to be stopped, and is wanted after all.
    pub(crate) fn resume(&mut self, id: &InstanceId) {
        let Some(instance) = self.cluster.instances.get(id) else {
            return;
        };
        if instance.ready {
            let (state, reason) = instance.standing();
            if !self.begin_trial(id) {
                self.set(id, state, reason);
            }
        } else {
            let asked = instance.asked;
            self.set_alive(id, Reason::new("runs on"));
            if asked {
                self.begin_patience(id, self.now.mono);
            } else {
                self.ask_readiness(id);
            }
        }
        self.recount(id);
    }
}

/// How an incident says it: with how long it had run, which tells a crash from a bad start.
fn cause(id: &InstanceId, text: &str, lived: &str) -> String {
    match text.split_once(" and left ") {
        Some((ended, left)) => format!("{id} {ended} {lived} and left {left}"),
        None => format!("{id} {text} {lived}"),
    }
}

/// How a daemon ended, in words. That it has put itself into the background is the commonest reason
/// for one to exit with 0, and nothing in its log says so.
fn ended(status: ExitStatus, left: u32) -> String {
    if left == 0 || !status.success() {
        return status.to_string();
    }
    let processes = match left {
        1 => "a process".to_owned(),
        many => format!("{many} processes"),
    };
    format!(
        "{status} and left {processes} behind: it seems to put itself into the background; run it in \
         the foreground (often --foreground, -F, daemon off)"
    )
}

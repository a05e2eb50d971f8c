//! Faults whose cause may lie below: what a service needs has begun to fail as well, or was not asked since.
//!
//! A service that answers 503 at once is found out before the database below it that does not answer at
//! all, and one that gives up when its queue is gone ends before anybody has asked the queue. So whose
//! fault it is is decided when what it needs is known: that is asked at once where it was not asked since,
//! and waited for while its answers speak against it. Then the service suffers from it, or the fault is its
//! own. Who was killed has another story, and whose story has begun is told to its end.
//!
//! What it was seen to talk to counts as what it needs does, where an excuse by that would count. In a circle
//! nobody is waited for: two would wait for each other.
//!
//! This comes to an end: only what can be known soon is waited for, and nothing longer than [`cause::WINDOW`].

use crate::cluster::Cluster;
use crate::effect::Effect;
use crate::excuse::excusable;
use crate::heal::Fault;
use crate::instance::{Care, Goal, Instance, Life, Outdated};
use crate::io::TimerKey;
use crate::step::Step;
use healing::history::Lasted;
use healing::{cause, words};
use model::{Evidence, InstanceId, Mono, ProbeKind, Reason, ServiceName, State, Verdict};
use std::collections::BTreeSet;
use std::time::Duration;

/// While somebody waits for what will be said of it, it is asked again after this, if not sooner anyway.
const SOON: Duration = Duration::from_secs(1);
/// One that has ended waits no longer for a first answer: a check that comes to nothing has done so by
/// then (its usual timeout is a second), and one that takes its time keeps nobody from starting again.
const SILENCE: Duration = Duration::from_secs(2);
/// What answered within this time is not asked again because one more of those that need it fails.
const FRESH: Duration = Duration::from_millis(200);
/// So many of those below are asked, the nearest first. More are unwell only when everything is.
const MOST: usize = 64;

/// A fault that is not judged yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Doubt {
    /// As an incident would say it.
    cause: String,
    /// How long it had been well before.
    lasted: Lasted,
    /// What was fine after this was no reason for it.
    since: Mono,
    /// Who has not answered by then is not waited for.
    silence: Mono,
    /// It is judged then at the latest. `None` after a time in which nobody looked: the fault has to be
    /// found again.
    until: Option<Mono>,
    /// When its timer runs out.
    wakes: Option<Mono>,
}

impl Doubt {
    /// How long it had been well before.
    pub(crate) fn lasted(&self) -> Lasted {
        self.lasted
    }
}

/// What an instance's answers have said lately.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Answers {
    /// Since when they speak against it; `None` while they do not.
    against: Option<Mono>,
    /// When one last did not.
    fine: Option<Mono>,
}

impl Answers {
    /// One more; true when it is the first that speaks against it. Trouble of the prober's says nothing,
    /// and nobody waits for it to say something.
    pub(crate) fn add(&mut self, evidence: &Evidence, now: Mono) -> bool {
        if evidence.verdict == Verdict::Fail {
            let first = self.against.is_none();
            self.against.get_or_insert(now);
            return first;
        }
        (self.against, self.fine) = (None, Some(now));
        false
    }
}

/// Those below a service that may be the cause of its fault.
struct Below {
    /// Which it needs.
    needed: Vec<InstanceId>,
    /// Which it was seen to talk to, itself or what it relies on.
    seen: Vec<InstanceId>,
}

impl Below {
    fn all(&self) -> impl Iterator<Item = &InstanceId> {
        self.needed.iter().chain(&self.seen)
    }

    fn is_empty(&self) -> bool {
        self.all().next().is_none()
    }

    /// Of whom there is more to be known: "db, which it needs, is".
    fn words(&self) -> String {
        let mut names: Vec<String> = self.all().map(|one| one.service.to_string()).collect();
        names.dedup();
        match (&names[..], self.seen.is_empty()) {
            ([one], true) => format!("{one}, which it needs, is"),
            ([one], false) => format!("{one}, which it was seen to rely on, is"),
            (many, true) => format!("what it needs ({}) is", words::list(many)),
            (many, false) => format!("what it relies on ({}) is", words::list(many)),
        }
    }
}

/// These, and what they lead to, the nearest first.
fn reach(
    mut found: Vec<ServiceName>,
    next: impl Fn(&ServiceName) -> Vec<ServiceName>,
) -> Vec<ServiceName> {
    let mut known: BTreeSet<ServiceName> = found.iter().cloned().collect();
    let mut at = 0;
    while let Some(name) = found.get(at) {
        for name in next(name) {
            // The first is whose fault it is.
            if found.len() > MOST {
                return found;
            }
            if known.insert(name.clone()) {
                found.push(name);
            }
        }
        at += 1;
    }
    found
}

impl Care {
    /// A fault that is found now is news.
    pub(crate) fn open(&self) -> bool {
        match self {
            Care::Idle => true,
            Care::Doubted(doubt) => doubt.until.is_none(),
            _ => false,
        }
    }
}

impl Cluster {
    /// Those below a service that may turn out to be the cause of its fault: what it needs, and, when
    /// that would excuse it, what it was seen to talk to.
    fn doubts(&self, id: &InstanceId, doubt: &Doubt, now: Mono) -> Below {
        let ids = |names: &[ServiceName]| {
            let ids = self.ids_of_all(names).into_iter();
            ids.filter(|id| self.doubtful(id, doubt, now)).collect()
        };
        let needs = |name: &ServiceName| match self.services.get(name) {
            Some(service) => service.relies_on().cloned().collect(),
            None => Vec::new(),
        };
        let needed = reach(vec![id.service.clone()], needs);
        let mut below = Below {
            needed: ids(&needed[1..]),
            seen: Vec::new(),
        };
        if self.may_be_excused(id, doubt.lasted) {
            let mut all = reach(needed.clone(), |name| {
                let seen = self.talks_to(name, doubt.since);
                needs(name).into_iter().chain(seen).collect()
            });
            let mut seen = all.split_off(needed.len());
            if !seen.is_empty() {
                let back = self.relying_on(&id.service);
                seen.retain(|name| !back.contains(name));
                below.seen = ids(&seen);
            }
        }
        below
    }

    fn doubtful(&self, id: &InstanceId, doubt: &Doubt, now: Mono) -> bool {
        let (Some(service), Some(instance)) =
            (self.services.get(&id.service), self.instances.get(id))
        else {
            return false;
        };
        let Some(probe) = &service.spec.health else {
            return false;
        };
        let between = match probe.target.told() {
            true => probe.every,
            false => probe.every.min(SOON),
        };
        let soon = between * probe.fail + probe.timeout <= cause::WINDOW;
        let serves = instance.life == Life::Alive
            && instance.ready
            && instance.cycle.is_none()
            && instance.outdated.is_none()
            && service.goal(id.index) == Goal::Run
            && !instance.care.stuck();
        let Answers { against, fine } = instance.answers;
        let silent = fine < Some(doubt.since) && now < doubt.silence;
        soon && serves && (against.is_some() || silent)
    }

    /// Since when an instance fails in a way that what it needs can bring about.
    fn fails_since(instance: &Instance, now: Mono) -> Option<Mono> {
        match instance.life {
            // Who is not ready yet has been waited for.
            Life::Alive if instance.ready => instance.answers.against,
            Life::Gone if excusable(instance) => Some(now),
            _ => None,
        }
    }
}

impl Step<'_> {
    /// True when it is not known yet whether the fault is its own: it is judged when that is.
    pub(crate) fn defer(&mut self, id: &InstanceId, fault: &Fault, lasted: Lasted) -> bool {
        let now = self.now.mono;
        let Some(instance) = self.cluster.instances.get(id) else {
            return false;
        };
        let tale = instance.incident;
        let tale = tale.and_then(|key| self.cluster.incidents.get(&key));
        // Its story is not over: it is told to its end.
        let goes_on = tale.is_some_and(|tale| tale.goes_on(lasted, now));
        if goes_on || fault.hopeless {
            return false;
        }
        let Some(since) = Cluster::fails_since(instance, now) else {
            return false;
        };
        // What it was waited for already counts.
        let begun = match &instance.care {
            Care::Doubted(doubt) => doubt.until,
            _ => None,
        };
        let until = begun.unwrap_or(now + cause::WINDOW);
        let silence = match instance.life {
            Life::Gone => until.min(now + SILENCE),
            _ => until,
        };
        let doubt = Doubt {
            cause: fault.cause.clone(),
            lasted,
            since,
            silence,
            until: Some(until),
            wakes: None,
        };
        let doubts = self.cluster.doubts(id, &doubt, now);
        if doubts.is_empty() {
            return false;
        }
        self.goes_down(&id.service);
        self.wait_for_answers(id, doubt, &doubts, Duration::ZERO);
        true
    }

    fn wait_for_answers(
        &mut self,
        id: &InstanceId,
        mut doubt: Doubt,
        doubts: &Below,
        within: Duration,
    ) {
        let Some(instance) = self.cluster.instances.get(id) else {
            return;
        };
        let next = format!("judged when {} known to be well", doubts.words());
        let reason = Reason::new(instance.fault.clone()).then(next);
        let later = doubt.silence.max(self.now.mono);
        let at = match later > self.now.mono {
            true => later,
            false => doubt.until.unwrap_or(later),
        };
        if doubt.wakes.replace(at) != Some(at) {
            let key = TimerKey::Doubt(id.clone());
            self.out.acts.push(Effect::SetTimer { key, at });
        }
        self.set_care(id, Care::Doubted(doubt));
        self.set(id, State::Failing, reason);
        for one in doubts.all() {
            self.ask_within(one, within);
            let waiting = self.cluster.doubted.entry(one.clone()).or_default();
            waiting.insert(id.clone());
        }
    }

    /// A check of a service has failed for the first time: what it needs or talks to directly, and nothing speaks
    /// against yet, is asked now and not when its turn has come. If it fails as well, its first failure is seen
    /// sooner. From there on it is asked at its own pace: how long it may fail stays as it was.
    pub(crate) fn ask_needs(&mut self, id: &InstanceId) {
        let now = self.now.mono;
        let service = self.cluster.services.get(&id.service);
        let needs = service.into_iter().flat_map(|one| one.relies_on().cloned());
        let seen = self.cluster.talks_to(&id.service, now);
        let below: Vec<ServiceName> = needs.chain(seen.into_iter().take(MOST)).collect();
        for below in self.cluster.ids_of_all(&below) {
            let instance = self.cluster.instances.get(&below);
            let fine = instance.filter(|one| one.ready && one.answers.against.is_none());
            let fresh = |fine: Mono| now.since(fine) < FRESH;
            if fine.is_some_and(|one| !one.answers.fine.is_some_and(fresh)) {
                self.ask_within(&below, Duration::ZERO);
            }
        }
    }

    /// Something was heard of an instance that others' faults may come from.
    pub(crate) fn heard(&mut self, id: &InstanceId) {
        if let Some(waiting) = self.cluster.doubted.get(id) {
            self.look.extend(waiting.iter().cloned());
        }
    }

    /// These may suffer from something now.
    pub(crate) fn heard_below(&mut self, services: &BTreeSet<ServiceName>) {
        let waiting = self.cluster.doubted.values().flatten();
        let waiting = waiting.filter(|id| services.contains(&id.service));
        self.look.extend(waiting.cloned());
    }

    /// It is not doubted any more.
    pub(crate) fn end_doubt(&mut self, id: &InstanceId) {
        let key = TimerKey::Doubt(id.clone());
        self.out.acts.push(Effect::CancelTimer(key));
        self.cluster.doubted.retain(|_, waiting| {
            waiting.remove(id);
            !waiting.is_empty()
        });
    }

    /// The time in which it had to be judged has passed, or that in which others had to answer.
    pub(crate) fn doubt_over(&mut self, id: &InstanceId) {
        self.look.insert(id.clone());
    }

    /// Judges a fault if enough is known by now.
    pub(crate) fn weigh(&mut self, id: &InstanceId) {
        let now = self.now.mono;
        let Some(instance) = self.cluster.instances.get(id) else {
            return;
        };
        let Care::Doubted(doubt) = &instance.care else {
            return;
        };
        let doubt = doubt.clone();
        let probes = instance.outdated == Some(Outdated::Edit { probes: true });
        let replaced = instance.cycle.is_some() || (instance.life == Life::Alive && probes);
        let text = instance.fault.clone();
        if self.cluster.goal(id) != Goal::Run || replaced {
            // Whatever it was, this process is not to stay.
            self.set_care(id, Care::Idle);
            return;
        }
        if self.explained(id) || self.excused(id, doubt.lasted) {
            self.suffer(id);
            return;
        }
        let Some(until) = doubt.until else {
            return;
        };
        let doubts = self.cluster.doubts(id, &doubt, now);
        if now < until && !doubts.is_empty() {
            self.wait_for_answers(id, doubt, &doubts, SOON);
            return;
        }
        let Doubt { cause, lasted, .. } = doubt;
        let hopeless = false;
        self.own_fault(
            id,
            Fault {
                text,
                cause,
                hopeless,
            },
            lasted,
        );
    }

    /// Nobody has looked for a while: what was answered before is another time's. One that lives has to
    /// be found to fail again; one that has ended asks those below anew.
    pub(crate) fn doubt_anew(&mut self) {
        let now = self.now.mono;
        let mut anew = Vec::new();
        for (id, instance) in &mut self.cluster.instances {
            instance.answers = Answers::default();
            if let Care::Doubted(doubt) = &instance.care {
                anew.push((id.clone(), doubt.clone(), instance.life));
            }
        }
        for (id, mut doubt, life) in anew {
            if life == Life::Gone {
                doubt.since = now;
                doubt.silence = now + SILENCE;
                doubt.until = Some(now + cause::WINDOW);
                let doubts = self.cluster.doubts(&id, &doubt, now);
                self.wait_for_answers(&id, doubt, &doubts, Duration::ZERO);
            } else {
                (doubt.until, doubt.wakes) = (None, None);
                self.end_doubt(&id);
                self.set_care(&id, Care::Doubted(doubt));
                if let Some(instance) = self.cluster.instances.get(&id) {
                    let reason = Reason::new(instance.fault.clone());
                    self.set_reason(&id, reason.then("the next checks decide"));
                }
            }
            self.look.insert(id);
        }
    }

    /// Somebody doubts it who is no judge of it: it is asked itself.
    pub(crate) fn suspected(&mut self, id: &InstanceId) {
        self.ask_within(id, Duration::ZERO);
    }

    /// Asks for its health after this time at the latest, unless that is under way.
    fn ask_within(&mut self, id: &InstanceId, after: Duration) {
        let at = self.now.mono + after;
        let service = self.cluster.services.get(&id.service);
        let probe = service.and_then(|service| service.spec.health.as_ref());
        // What is told when it comes is not asked sooner.
        if probe.is_none_or(|probe| probe.target.told()) {
            return;
        }
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        let planned = instance.under_way.get_mut(&ProbeKind::Health);
        let Some(planned) = planned.filter(|planned| **planned > at) else {
            return;
        };
        *planned = at;
        self.out.acts.push(Effect::Probe {
            instance: id.clone(),
            generation: instance.generation,
            kind: ProbeKind::Health,
            after,
        });
    }
}

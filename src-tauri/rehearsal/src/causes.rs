//! Whose fault it is: nobody who lives is restarted while what it relies on, by its needs or by what was seen, is
//! about to be known to fail.
//!
//! It is asked only of what leaves no doubt: a service that is well itself, was well for a while, and answers
//! with errors because of another whose own checks fail in these very seconds.

use crate::audit::Promise;
use crate::world::{Millis, Phase, World};
use model::{Generation, InstanceId, ProbeKind, ServiceName, State, Verdict};
use orchestrator::{Input, Sighting};
use std::collections::BTreeMap;
use std::time::Duration;

/// A cause is waited for at most half a minute: nobody whose first failure is so young has waited for long.
const RECENT: Millis = 28_000;
/// It had been well for longer than a moment.
const WELL: Millis = 10_000;
/// A sight counts for five minutes.
const FRESH: Millis = 280_000;
/// Whose checks are sure to come to an end within this time is waited for.
const SOON: Duration = Duration::from_secs(30);

/// What the heart has heard that speaks of causes.
#[derive(Debug, Default)]
pub(crate) struct Causes {
    /// Of each process, how many checks of its health have failed in a row, and since when.
    fails: BTreeMap<InstanceId, (Generation, u32, Millis)>,
    /// Since when each serves, as the heart says; …
    pub(crate) serves: BTreeMap<InstanceId, Millis>,
    /// … and since when it did, of those that do no more.
    served: BTreeMap<InstanceId, Millis>,
    /// The same of those that are to stop, and go on with it when that is taken back before they are told.
    stopping: BTreeMap<InstanceId, Millis>,
    seen: BTreeMap<(ServiceName, ServiceName), Millis>,
    /// Nobody looked for a while: the first answer after that says nothing.
    gap: bool,
}

impl Causes {
    /// The heart is about to hear this.
    pub(crate) fn hear(&mut self, input: &Input, now: Millis) {
        match input {
            Input::Probed {
                instance,
                generation,
                kind: ProbeKind::Health,
                evidence,
            } => {
                let row = self.fails.remove(instance);
                if evidence.verdict == Verdict::Fail {
                    let row = row.filter(|row| row.0 == *generation);
                    let (_, fails, since) = row.unwrap_or((*generation, 0, now));
                    let row = (*generation, fails + 1, since);
                    self.fails.insert(instance.clone(), row);
                }
            }
            // Nobody looked: what was answered before is another time's.
            Input::Gap(_) => {
                self.fails.clear();
                self.gap = true;
            }
            Input::Connected(seen) => {
                for Sighting { from, to, .. } in seen {
                    self.seen.insert((from.clone(), to.clone()), now);
                }
            }
            _ => {}
        }
    }

    /// An instance is something else now. Answers since when it has served, when it does no more.
    pub(crate) fn turn(&mut self, id: &InstanceId, to: State, now: Millis) -> Option<Millis> {
        let stopping = self.stopping.remove(id);
        if to.serves() {
            self.serves
                .entry(id.clone())
                .or_insert(stopping.unwrap_or(now));
            return None;
        }
        let since = self.serves.remove(id)?;
        self.served.insert(id.clone(), since);
        if to == State::Stopping {
            self.stopping.insert(id.clone(), since);
        }
        Some(since)
    }

    /// The checks of this start fail, since then.
    fn fails(&self, id: &InstanceId, of: Generation) -> Option<Millis> {
        let (generation, fails, since) = *self.fails.get(id)?;
        let sure = fails > u32::from(self.gap);
        (generation == of && sure).then_some(since)
    }
}

impl World {
    /// Healing wants to restart this one.
    pub(crate) fn audit_cause(&self, id: &InstanceId) -> Option<(Promise, String)> {
        let now = self.now;
        let instance = &self.instances[*self.index.get(id)?];
        let process = instance.process.as_ref()?;
        let well = process.phase == Phase::Serves
            && !process.hung
            && process.stuck.is_none()
            && process.ill_until <= now;
        let audit = self.audit.as_ref()?;
        let since = audit.causes.fails(id, process.generation)?;
        let served = audit.causes.served.get(id)?;
        let mut incidents = audit.incidents.values().filter(|one| one.instance == *id);
        let wall = self.reading().wall;
        // Another story of it may go on.
        let first = incidents.all(|one| one.opened == wall);
        if !well || !first || since < served + WELL || since + RECENT < now {
            return None;
        }
        let cause = process
            .misses
            .iter()
            .find(|used| self.about_to_fail(instance.service, **used))?;
        let text = format!(
            "{id} is judged while {}, which it relies on, fails its checks",
            self.services[*cause].name
        );
        Some((Promise::Cause, text))
    }

    /// One service relies on another as the heart can know, and that one's checks fail and were not judged.
    fn about_to_fail(&self, user: usize, used: usize) -> bool {
        let now = self.now;
        let Some(audit) = &self.audit else {
            return false;
        };
        let (user, it) = (&self.services[user], &self.services[used]);
        let edge = (user.name.clone(), it.name.clone());
        let seen = audit.causes.seen.get(&edge);
        let relies = user
            .defined
            .needs
            .iter()
            .any(|need| need.service == it.name && need.terms().relies())
            || seen.is_some_and(|at| at + FRESH > now);
        let Some(probe) = &it.defined.health else {
            return false;
        };
        let every = probe.every.min(Duration::from_secs(1));
        let soon = every * probe.fail + probe.timeout <= SOON;
        let mut instances = it.instances.iter().map(|one| &self.instances[*one]);
        relies
            && soon
            && instances.any(|one| {
                let generation = one.process.as_ref().map(|process| process.generation);
                let edited = one.edited.map(|(generation, _)| generation);
                let status = self.cluster.status(&one.id);
                generation.is_some_and(|of| audit.causes.fails(&one.id, of).is_some())
                    && edited != generation
                    && one.id.index < self.cluster.replicas(&it.name)
                    && status.is_some_and(|status| status.state.serves())
            })
    }
}

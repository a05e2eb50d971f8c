//! Going back from an edit: only from a change, to what was well, once, and never against a person.

use crate::audit::{Audit, Promise};
use crate::world::Millis;
use model::{InstanceId, ServiceName, Verdict};
use orchestrator::{Command, Input};
use std::collections::{BTreeMap, BTreeSet};

/// Serving for so long is having been well.
const WELL: Millis = 5_000;

/// For so long, and without any failure, surely so.
const SURELY: Millis = 3 * WELL;

/// What services are and were defined as.
#[derive(Debug, Default)]
pub(crate) struct Versions {
    of: BTreeMap<ServiceName, Version>,
    /// A roll back of this one was let pass in this step.
    pub(crate) rolls_back: Option<ServiceName>,
    /// A person releases these in this step.
    released: Released,
    /// When a check of each process last passed, …
    passed: BTreeMap<InstanceId, Millis>,
    /// … and when one last did not.
    failed: BTreeMap<InstanceId, Millis>,
}

#[derive(Debug, Default)]
enum Released {
    #[default]
    Nobody,
    All,
    These(BTreeSet<ServiceName>),
}

#[derive(Debug)]
struct Version {
    now: spec::Service,
    taken: Millis,
    /// An instance of it was well on this one.
    well: bool,
    /// What may be gone back to: more than one where it is not sure how well the later one was.
    before: Vec<spec::Service>,
    refused: Option<spec::Service>,
    insisted: bool,
}

/// One definition is the other but for what is between services.
fn alike(one: &spec::Service, other: &spec::Service) -> bool {
    let one = spec::Service {
        needs: other.needs.clone(),
        replicas: other.replicas,
        max_replicas: other.max_replicas,
        port: other.port,
        port_exact: other.port_exact,
        listen: other.listen,
        ..one.clone()
    };
    one == *other
}

impl Versions {
    /// The heart is about to hear this.
    pub(crate) fn hear(&mut self, input: &Input, now: Millis) {
        match input {
            Input::Started { instance, .. } => {
                self.passed.remove(instance);
                self.failed.remove(instance);
            }
            Input::Probed {
                instance, evidence, ..
            } => {
                let asked = match evidence.verdict {
                    Verdict::Pass => &mut self.passed,
                    _ => &mut self.failed,
                };
                asked.insert(instance.clone(), now);
            }
            _ => {}
        }
    }

    /// A new engine has asked nobody yet.
    pub(crate) fn adopted(&mut self, served: &BTreeMap<InstanceId, Millis>, now: Millis) {
        for (id, since) in served {
            self.serves(id, *since, now);
        }
        self.passed.clear();
        self.failed.clear();
    }

    /// A person orders this.
    pub(crate) fn ordered(&mut self, command: &Command) {
        if let Command::Release(services) = command {
            self.released = match services.is_empty() {
                true => Released::All,
                false => Released::These(services.iter().cloned().collect()),
            };
        }
    }

    /// A step is over.
    pub(crate) fn end(&mut self) {
        (self.rolls_back, self.released) = (None, Released::Nobody);
    }

    /// `up` brings this, of which `kept` is taken in.
    pub(crate) fn edited(
        &mut self,
        asked: &spec::Cluster,
        kept: &spec::Cluster,
        serves: &BTreeMap<InstanceId, Millis>,
        now: Millis,
    ) {
        for (id, since) in serves {
            self.serves(id, *since, now);
        }
        for (name, new) in &kept.services {
            let sure = self.surely_well(name, serves, now);
            let before = match self.of.get_mut(name) {
                Some(one) if alike(new, &one.now) => {
                    one.now = new.clone();
                    if asked
                        .services
                        .get(name)
                        .is_some_and(|file| alike(file, new))
                    {
                        one.refused = None;
                    }
                    continue;
                }
                Some(one) => {
                    let mut before = std::mem::take(&mut one.before);
                    if sure {
                        before.clear();
                    }
                    before.extend((sure || one.well).then(|| one.now.clone()));
                    before
                }
                None => Vec::new(),
            };
            let version = Version {
                now: new.clone(),
                taken: now,
                well: false,
                before,
                refused: None,
                insisted: false,
            };
            self.of.insert(name.clone(), version);
        }
    }

    /// The only one of it has been well on this one for long, and nothing speaks against that.
    fn surely_well(
        &self,
        name: &ServiceName,
        serves: &BTreeMap<InstanceId, Millis>,
        now: Millis,
    ) -> bool {
        let id = InstanceId::new(name.clone(), 0);
        let (Some(one), Some(since)) = (self.of.get(name), serves.get(&id)) else {
            return false;
        };
        let long = |since: Millis| since.max(one.taken) + SURELY <= now;
        let asked = one.now.health.is_some() || one.now.ready_always;
        one.now.max_replicas.unwrap_or(one.now.replicas) == 1
            && long(*since)
            && (!asked || self.passed.get(&id).is_some_and(|at| *at > one.taken))
            && self.failed.get(&id).is_none_or(|at| long(*at))
    }

    /// An instance serves, and has since then.
    pub(crate) fn serves(&mut self, id: &InstanceId, since: Millis, now: Millis) {
        let passed = self.passed.get(id);
        if let Some(one) = self.of.get_mut(&id.service) {
            // Who is asked for as long as it runs has to have answered on this one.
            let asked = one.now.health.is_some() || one.now.ready_always;
            let answered = !asked || passed.is_some_and(|passed| *passed > one.taken);
            one.well |= answered && since.max(one.taken) + WELL <= now;
        }
    }
}

impl Audit {
    /// A service is defined as something else by the heart.
    pub(crate) fn audit_define(
        &mut self,
        name: &ServiceName,
        new: &spec::Service,
        now: Millis,
    ) -> Option<(Promise, String)> {
        let held = self.holds(name);
        let rolls_back = self.versions.rolls_back.as_ref() == Some(name);
        let released = match &self.versions.released {
            Released::Nobody => false,
            Released::All => true,
            Released::These(services) => services.contains(name),
        };
        let one = self.versions.of.get_mut(name)?;
        let breach = |text: &str| Some((Promise::TakenBack, format!("{name} {text}")));
        if rolls_back {
            if held {
                return Some((Promise::Held, format!("{name} is taken back while held")));
            }
            if one.insisted {
                return breach("is taken back from what a person insists on");
            }
            if alike(new, &one.now) {
                return breach("is taken back to what it is");
            }
            // One that was taken back has nothing before it: once from each edit.
            let before = std::mem::take(&mut one.before);
            if !before.iter().any(|before| alike(new, before)) {
                return breach("is taken back to what was not well just before");
            }
            one.refused = Some(std::mem::replace(&mut one.now, new.clone()));
            (one.taken, one.well) = (now, true);
            return None;
        }
        if !released {
            return breach("is defined as something else, and nobody wants that");
        }
        if !one
            .refused
            .take()
            .is_some_and(|refused| alike(new, &refused))
        {
            return breach("is released to what it was not taken back from");
        }
        one.before = vec![std::mem::replace(&mut one.now, new.clone())];
        (one.taken, one.well, one.insisted) = (now, false, true);
        None
    }
}

//! What a heart must never do, held against every effect in a rough world, and the story of what was
//! said, for the world that found a fault.

use crate::causes::Causes;
use crate::promises::judges;
use crate::versions::Versions;
use crate::world::{Phase, World};
use model::{
    ActId, EventKind, Generation, Incident, IncidentState, InstanceId, ProbeKind, RemedyKind,
    ServiceName, State,
};
use orchestrator::{Adoption, Command, Effect, Input};
use std::collections::{BTreeMap, BTreeSet};

/// What the heart promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Promise {
    /// Never two copies of an instance, and no generation twice.
    OneCopy,
    /// Nothing starts before what it needs is there, and what precedes its start is done.
    StartOrder,
    /// Nothing that is to stop stops before what needs it.
    StopOrder,
    /// Nothing is asked of a process that is not there.
    Alive,
    /// No more automatic acts than a service's budget allows.
    Budget,
    /// Healing does nothing to what is held.
    Held,
    /// Nothing goes into quarantine but by the ladder.
    Ladder,
    /// Nobody who lives is restarted for what another does that it relies on.
    Cause,
    /// Nothing is taken back but from a change, to what was well, once; and a person may insist.
    TakenBack,
    /// An instance has one incident at a time, which says what it waits for, and ends.
    Incidents,
    /// Every check that is due is made, one at a time.
    Checks,
    /// What is told about states fits together, and every act settles once.
    Told,
    /// Healing adds no more instances than it may, and takes away no more than it has added.
    Scale,
    /// When nothing goes wrong any more, all comes to rest as it should be.
    Rest,
    /// No run of a schedule begins while its service is stopped, and no time of it is forgotten.
    Schedule,
    /// Sleep, a clock that is set and an engine that stands still are no faults of anybody.
    Time,
    /// The heart answers at all.
    Panic,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Audit {
    /// The first promise that was broken, and how.
    pub(crate) broken: Option<(Promise, String)>,
    /// Everything that was said, when somebody wants to read it.
    pub(crate) said: Option<Vec<String>>,
    /// Nobody has a fault: healing has nothing to do, and nothing to say.
    pub(crate) faultless: bool,
    pub(crate) generations: BTreeMap<InstanceId, Generation>,
    /// What precedes its start is done, and the start has to follow in the same step.
    pub(crate) prepared: BTreeSet<(InstanceId, Generation)>,
    /// These have ended by themselves and were not started since.
    pub(crate) ended: BTreeSet<InstanceId>,
    pub(crate) told_to_end: BTreeSet<(InstanceId, Generation)>,
    pub(crate) blocked: BTreeSet<InstanceId>,
    /// When the probe under way comes back at the latest, one of a kind.
    pub(crate) probes: BTreeMap<(InstanceId, ProbeKind), (Generation, u64)>,
    pub(crate) unsettled: BTreeSet<ActId>,
    pub(crate) states: BTreeMap<InstanceId, State>,
    pub(crate) incidents: BTreeMap<u64, Incident>,
    /// Of each incident, how many of its actions are known.
    pub(crate) actions: BTreeMap<u64, usize>,
    /// When healing has acted on an instance at its own expense, since a person last knew better.
    pub(crate) paid: BTreeMap<InstanceId, Vec<u64>>,
    /// What was defined before what healing has defined in this step.
    pub(crate) replaced: BTreeMap<ServiceName, spec::Budget>,
    pub(crate) causes: Causes,
    pub(crate) versions: Versions,
    /// The same, whatever people did.
    pub(crate) tried: BTreeMap<InstanceId, Vec<u64>>,
    /// Restarts with needs that the door has let pass.
    pub(crate) with_needs: BTreeMap<ActId, InstanceId>,
    pub(crate) asks: BTreeMap<u64, (InstanceId, RemedyKind)>,
    /// Trying again cannot help these.
    pub(crate) hopeless: BTreeSet<InstanceId>,
    /// So many of each there are to be without healing: as defined, or as a person has scaled it since.
    pub(crate) wanted: BTreeMap<ServiceName, u16>,
    /// Healing has given these up, by its ladder.
    pub(crate) given_up: BTreeSet<InstanceId>,
    held: BTreeSet<ServiceName>,
    all_held: bool,
    skipped: u64,
    /// What the heart was told last of the clock on the wall.
    pub(crate) clock: i64,
}

impl Audit {
    pub(crate) fn holds(&self, service: &ServiceName) -> bool {
        self.all_held || self.held.contains(service)
    }

    pub(crate) fn breaks(&mut self, promise: Promise, text: String) {
        self.say(|| format!("BROKEN {promise:?}: {text}"));
        self.broken.get_or_insert((promise, text));
    }

    pub(crate) fn say(&mut self, line: impl FnOnce() -> String) {
        if let Some(said) = &mut self.said {
            said.push(line());
        }
    }

    /// A person knows better than healing: what was tried before counts no more.
    pub(crate) fn begin_anew(&mut self) {
        self.paid.clear();
    }

    /// What an engine leaves open for the next one.
    pub(crate) fn left_open(&self) -> Vec<Incident> {
        let open = self.incidents.values().filter(|one| one.state.unended());
        open.cloned().collect()
    }

    fn ordered(&mut self, command: &Command) {
        match command {
            Command::Hold { services, .. } if services.is_empty() => self.all_held = true,
            Command::Hold { services, .. } => self.held.extend(services.iter().cloned()),
            Command::Unhold(services) if services.is_empty() => {
                self.all_held = false;
                self.held.clear();
            }
            Command::Unhold(services) => self.held.retain(|one| !services.contains(one)),
            Command::Down | Command::Stop(_) | Command::Adopt { .. } => {}
            Command::Scale {
                healing: Some(_), ..
            } => {}
            Command::Restart { services, .. } => self.restarted(services),
            Command::Ended { .. } => {
                self.probes.clear();
                self.told_to_end.clear();
                self.blocked.clear();
            }
            _ => self.begin_anew(),
        }
    }
}

impl World {
    /// A promise was broken: nothing after that means anything.
    pub(crate) fn broken(&self) -> bool {
        self.audit
            .as_ref()
            .is_some_and(|audit| audit.broken.is_some())
    }

    pub(crate) fn breaks(&mut self, promise: Promise, text: String) {
        if let Some(audit) = &mut self.audit {
            audit.breaks(promise, text);
        }
    }

    /// The heart is about to hear this.
    pub(crate) fn audit_input(&mut self, input: &Input) {
        let now = self.now;
        let Some(audit) = &mut self.audit else {
            return;
        };
        if let Input::Gap(_) = input {
            audit.clock = self.wall;
        }
        audit.causes.hear(input, now);
        audit.versions.hear(input, now);
        audit.say(|| match input {
            Input::Command {
                command: Command::Up { definition, .. },
                act,
            } => {
                let names: Vec<&str> = definition.services.keys().map(|one| one.as_str()).collect();
                format!("{now} up {act:?} on {}", names.join(", "))
            }
            other => format!("{now} {other:?}"),
        });
        match input {
            Input::Command { command, act } => {
                audit.unsettled.insert(*act);
                audit.ordered(command);
                audit.versions.ordered(command);
                if let Command::Up { definition, .. } = command {
                    let kept = self.cluster.kept(definition);
                    let serves = &audit.causes.serves;
                    audit.versions.edited(definition, &kept, serves, now);
                }
                match command {
                    Command::Up { definition, .. } => {
                        let all = definition.services.iter();
                        let all = all.map(|(name, one)| (name.clone(), one.replicas));
                        audit.wanted.extend(all);
                    }
                    Command::Scale {
                        service,
                        replicas,
                        healing: None,
                        ..
                    } => _ = audit.wanted.insert(service.clone(), *replicas),
                    _ => {}
                }
            }
            Input::Prepared {
                instance,
                generation,
                outcome: Ok(()),
            } => {
                audit.prepared.insert((instance.clone(), *generation));
            }
            Input::Probed {
                instance,
                generation,
                kind,
                ..
            } => {
                let key = (instance.clone(), *kind);
                if audit
                    .probes
                    .get(&key)
                    .is_some_and(|one| one.0 == *generation)
                {
                    audit.probes.remove(&key);
                }
            }
            Input::StopBlocked { instance, .. } => {
                audit.blocked.insert(instance.clone());
            }
            Input::Exited {
                instance,
                generation,
                ..
            } => {
                if !audit.told_to_end.contains(&(instance.clone(), *generation)) {
                    audit.ended.insert(instance.clone());
                }
                audit.blocked.remove(instance);
                audit.probes.retain(|(of, _), _| of != instance);
            }
            Input::StartFailed {
                instance, retry, ..
            } => {
                match retry {
                    true => audit.hopeless.remove(instance),
                    false => audit.hopeless.insert(instance.clone()),
                };
            }
            Input::Started { instance, .. } => {
                audit.hopeless.remove(instance);
            }
            Input::Admitted { ticket, act } => match audit.asks.remove(ticket) {
                Some((instance, RemedyKind::RestartNeeds)) => {
                    audit.with_needs.insert(*act, instance);
                }
                Some((instance, RemedyKind::Rollback)) => {
                    audit.versions.rolls_back = Some(instance.service);
                }
                _ => {}
            },
            _ => {}
        }
    }

    /// A check is being asked and takes so long.
    pub(crate) fn audit_asked(&mut self, number: usize, kind: ProbeKind, took: u64) {
        let (now, id) = (self.now, &self.instances[number].id);
        if let Some(audit) = &mut self.audit
            && let Some((_, back)) = audit.probes.get_mut(&(id.clone(), kind))
        {
            *back = now + took;
        }
    }

    /// A new engine goes on from what really ran, and from nothing else.
    pub(crate) fn audit_adoption(&mut self, found: &[Adoption], forgotten: bool) {
        let now = self.now;
        let Some(audit) = &mut self.audit else {
            return;
        };
        audit.say(|| "a new engine adopts".to_owned());
        let known = found
            .iter()
            .map(|one| (one.instance.clone(), one.generation));
        audit.versions.adopted(&audit.causes.serves, now);
        // The next engine goes on with them, and counts anew.
        let open: Vec<Incident> = audit.left_open();
        let numbered = || (1..).zip(&open);
        // That is told by its incident as well.
        let quarantined = open
            .iter()
            .filter(|one| one.state == IncidentState::Quarantined)
            .map(|one| one.instance.clone());
        let ended = found.iter().filter(|one| one.outcome.is_err());
        **audit = Audit {
            ended: ended.map(|one| one.instance.clone()).collect(),
            actions: numbered()
                .map(|(key, one)| (key, one.actions.len()))
                .collect(),
            incidents: numbered().map(|(key, one)| (key, one.clone())).collect(),
            generations: known.collect(),
            paid: match forgotten {
                true => BTreeMap::new(),
                false => std::mem::take(&mut audit.paid),
            },
            // Only a person takes anybody out of quarantine.
            given_up: match forgotten {
                true => quarantined.collect(),
                false => std::mem::take(&mut audit.given_up),
            },
            tried: std::mem::take(&mut audit.tried),
            versions: std::mem::take(&mut audit.versions),
            wanted: std::mem::take(&mut audit.wanted),
            broken: audit.broken.take(),
            said: audit.said.take(),
            faultless: audit.faultless,
            skipped: audit.skipped,
            clock: self.wall,
            ..Audit::default()
        };
    }

    /// Each is told once in a step, and looked at by whoever is told.
    pub(crate) fn begin_audit(&mut self, effects: &[Effect]) {
        if self.audit.is_none() {
            return;
        }
        let mut changed = BTreeSet::new();
        for effect in effects {
            if let Some(audit) = &mut self.audit {
                audit.say(|| format!("    {effect:?}"));
            }
            if let Effect::Changed(instance) = effect {
                let twice = !changed.insert(instance);
                if twice || self.cluster.status(instance).is_none() {
                    self.breaks(
                        Promise::Told,
                        format!("{instance} is told twice, or of nothing"),
                    );
                }
            }
        }
    }

    /// Holds one effect against the world before it is carried out.
    pub(crate) fn audit(&mut self, effect: &Effect) {
        if self.audit.is_none() {
            return;
        }
        if self.audit.as_ref().is_some_and(|audit| audit.faultless) && judges(effect) {
            let text = format!("nobody has a fault, and it comes to {effect:?}");
            self.breaks(Promise::Time, text);
        }
        let breach = match effect {
            Effect::Prepare {
                instance,
                generation,
            } => self.audit_start(instance, *generation, None),
            Effect::Start {
                instance,
                generation,
                act,
            } => self.audit_start(instance, *generation, Some(*act)),
            Effect::Stop {
                instance,
                generation,
                ..
            } => self.audit_stop(instance, *generation),
            Effect::Greet {
                instance,
                generation,
            } => (!self.lives(instance, *generation)).then(|| {
                let text = format!("{instance} #{generation} is greeted and does not live");
                (Promise::Alive, text)
            }),
            Effect::Probe {
                instance,
                generation,
                kind,
                after,
            } => self.audit_probe(instance, *generation, *kind, after.as_millis()),
            Effect::Ask {
                ticket,
                instance,
                remedy,
                ..
            } => self.audit_ask(*ticket, instance, *remedy),
            Effect::Incident {
                key,
                incident,
                entries,
            } => self.audit_incident(*key, incident, entries),
            Effect::Scale {
                service, replicas, ..
            } => self.audit_scale(service, *replicas),
            Effect::Publish(EventKind::StateChanged {
                instance, from, to, ..
            }) => self.audit_state(instance, *from, *to),
            Effect::Define { service, spec } => self.audit_define(service, spec),
            Effect::Settled { act, .. } => {
                let audit = self.audit.as_mut();
                let first = audit.is_some_and(|audit| audit.unsettled.remove(act));
                (!first).then(|| (Promise::Told, format!("act {} settled twice", act.0)))
            }
            Effect::Removed(instance) => {
                if let Some(audit) = &mut self.audit {
                    audit.states.remove(instance);
                }
                let process = self.process(instance).is_some();
                process.then(|| (Promise::Alive, format!("{instance} was removed and lives")))
            }
            _ => None,
        };
        if let Some((promise, text)) = breach {
            self.breaks(promise, text);
        }
    }

    pub(crate) fn process(&self, id: &InstanceId) -> Option<&crate::world::Process> {
        let number = self.index.get(id)?;
        self.instances[*number].process.as_ref()
    }

    /// It lives, or its end has not been heard of.
    pub(crate) fn lives(&self, id: &InstanceId, generation: Generation) -> bool {
        let Some(number) = self.index.get(id) else {
            return false;
        };
        let instance = &self.instances[*number];
        let process = instance.process.as_ref();
        process.is_some_and(|one| one.generation == generation && one.phase != Phase::Made)
            || instance.untold == Some(generation)
    }

    /// What holds after each step.
    pub(crate) fn end_audit(&mut self) {
        let skipped = self.rounds.skipped;
        let Some(audit) = &mut self.audit else {
            return;
        };
        audit.prepared.clear();
        audit.replaced.clear();
        audit.versions.end();
        // What is not defined any more and gone is forgotten, and with it that it was held.
        let cluster = &self.cluster;
        audit.held.retain(|name| {
            let defined = cluster.definition().map(|all| &all.services);
            defined.is_some_and(|all| all.contains_key(name))
                || cluster.statuses_of(name).next().is_some()
        });
        let mut breach = None;
        if skipped > audit.skipped {
            audit.skipped = skipped;
            breach = Some((
                Promise::Checks,
                "a check that was due was not made".to_owned(),
            ));
        }
        for (key, incident) in &audit.incidents {
            let id = &incident.instance;
            if incident.state != IncidentState::Open {
                continue;
            }
            let status = self.cluster.status(id);
            let says = status.as_ref().is_some_and(|status| match status.state {
                State::Failing => status.reason.next.is_some(),
                // Others fail because of how it serves; the incident says what it waits for.
                State::Degraded => incident.waits.is_some(),
                // One about load, after an engine's death: ready is not quick. Both say so.
                State::Ready => {
                    let last = incident.actions.last();
                    last.is_some_and(|last| last.kind == RemedyKind::ScaleUp)
                        && incident.waits.is_some()
                        && status.reason.next.is_some()
                }
                State::Waiting | State::Starting | State::Running => true,
                State::Recovering | State::Stopping => true,
                _ => false,
            });
            if !says {
                let seen = status.map(|status| (status.state, status.reason));
                let text =
                    format!("incident {key} is open and waits for nothing: {id} is {seen:?}");
                breach = Some((Promise::Incidents, text));
            }
        }
        if let Some((promise, text)) = breach {
            audit.breaks(promise, text);
        }
        self.audit_schedules();
    }
}

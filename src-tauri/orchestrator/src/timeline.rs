//! What an incident tells, line by line: what was seen, what was tried, who suffers; and how one that an earlier engine left open goes on.
//!
//! What speaks of a fault is seen before anybody knows that it is one. It is kept with the instance
//! as a clue, with its own time, and moves into the timeline when an incident opens.

use crate::cluster::Tale;
use crate::effect::Effect;
use crate::instance::{Goal, Life};
use crate::io::LastWords;
use crate::step::Step;
use healing::words;
use model::incident::{MAX_NAMED, MAX_TEXT};
use model::text::harmless;
use model::{
    ActId, Began, EntryKind, Evidence, Generation, Incident, IncidentEntry, IncidentState,
    InstanceId, ProbeKind, RemedyOutcome, ServiceName, Timestamp, Verdict,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// Clues kept of an instance: more than any sensible `fail`, so that all that led to a verdict are
/// there.
const CLUES: usize = 16;
/// Lines of a log that an incident quotes.
const LINES: usize = 5;
/// Of a quotation within a sentence, in bytes.
pub(crate) const QUOTE: usize = 160;

impl crate::Cluster {
    /// Incidents that an earlier engine has left open; [`crate::Command::Adopt`] goes on with them.
    pub fn take_up(&mut self, open: Vec<Incident>) {
        self.left_open = open;
    }
}

impl Step<'_> {
    /// Adds a line to an incident.
    pub(crate) fn tell(&mut self, key: u64, kind: EntryKind, text: &str, act: Option<ActId>) {
        let at = self.now.wall;
        self.put(key, entry(at, kind, text, act));
    }

    /// Adds a line to the incident of an instance, if it has one that goes on.
    pub(crate) fn tell_of(
        &mut self,
        id: &InstanceId,
        kind: EntryKind,
        text: &str,
        act: Option<ActId>,
    ) {
        if let Some(key) = self.goes_on(id) {
            self.tell(key, kind, text, act);
        }
    }

    fn goes_on(&mut self, id: &InstanceId) -> Option<u64> {
        let (key, tale) = self.tale(id)?;
        tale.incident.state.unended().then_some(key)
    }

    fn put(&mut self, key: u64, mut entry: IncidentEntry) {
        let Some(tale) = self.cluster.incidents.get_mut(&key) else {
            return;
        };
        tale.incident.entries = tale.incident.entries.saturating_add(1);
        entry.n = tale.incident.entries;
        tale.new.push(entry);
        self.out.incidents.insert(key);
    }

    /// Something is seen that speaks of a fault.
    pub(crate) fn witness(&mut self, id: &InstanceId, kind: EntryKind, text: &str) {
        if let Some(key) = self.goes_on(id) {
            return self.tell(key, kind, text, None);
        }
        let at = self.now.wall;
        if let Some(instance) = self.cluster.instances.get_mut(id) {
            if instance.clues.len() == CLUES {
                instance.clues.pop_front();
            }
            instance.clues.push_back(entry(at, kind, text, None));
        }
    }

    /// A probe came back. What is said again is told once, but for the failures that lead to a
    /// verdict.
    pub(crate) fn probe_seen(&mut self, id: &InstanceId, kind: ProbeKind, evidence: &Evidence) {
        let now = self.now.mono;
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        if evidence.verdict == Verdict::Pass {
            instance.last_good = Some(now);
            instance.clues.clear();
        }
        let again = kind == ProbeKind::Ready || evidence.verdict == Verdict::Trouble;
        let last = instance.clues.back();
        if again && last.is_some_and(|last| last.text == evidence.detail) {
            return;
        }
        match self.tale(id) {
            Some((_, tale)) if tale.incident.state.unended() => {
                if tale.probe == evidence.detail {
                    return;
                }
                tale.probe.clone_from(&evidence.detail);
            }
            _ if evidence.verdict == Verdict::Pass => return,
            _ => {}
        }
        self.witness(id, EntryKind::Probe, &evidence.detail);
    }

    /// When the fault of an instance began, as well as that can be known.
    pub(crate) fn began(&self, id: &InstanceId) -> (Timestamp, Began) {
        let (now, wall) = (self.now.mono, self.now.wall);
        let ago = |since| {
            let ago = i64::try_from(now.since(since).as_millis()).unwrap_or(i64::MAX);
            Timestamp(wall.0.saturating_sub(ago))
        };
        let Some(instance) = self.cluster.instances.get(id) else {
            return (wall, Began::Seen);
        };
        match (instance.clues.back(), instance.last_good, instance.life) {
            (Some(clue), ..) if clue.kind == EntryKind::Exit => (wall, Began::Exit),
            (_, Some(good), Life::Alive | Life::Ending) => (ago(good), Began::LastGood),
            // One that was adopted may have been well before.
            (_, None, Life::Alive) if instance.begun.is_some() => {
                (ago(instance.alive_since), Began::Start)
            }
            _ => (wall, Began::Seen),
        }
    }

    /// A fault is in this incident: what led to it, and what is to be read of it.
    pub(crate) fn tell_fault(&mut self, key: u64, id: &InstanceId, cause: &str) {
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        let (clues, generation) = (std::mem::take(&mut instance.clues), instance.generation);
        for clue in clues {
            self.put(key, clue);
        }
        let Some(tale) = self.cluster.incidents.get(&key) else {
            return;
        };
        // The last one seen is the fault itself, but for a row of failures, which adds up to one.
        let seen = tale.new.last();
        let told = seen.is_some_and(|last| last.text == cause || last.kind == EntryKind::Outcome);
        let incident = &tale.incident;
        let opens =
            tale.first.is_some() && !incident.cause.is_empty() && incident.actions.is_empty();
        if opens && let (Some(by), Some(took)) = (incident.began_by, incident.detect_ms) {
            let seen = match took {
                0 => "seen at once".to_owned(),
                _ => {
                    let took = words::duration(Duration::from_millis(took));
                    format!("seen {took} after {}", by.words())
                }
            };
            let text = format!("{cause}; {seen}");
            self.tell(key, EntryKind::Opened, &text, None);
        } else if !told {
            self.tell(key, EntryKind::Probe, cause, None);
        }
        self.out.acts.push(Effect::LastWords {
            key,
            instance: id.clone(),
            generation,
        });
    }

    /// What a start has left could be read.
    pub(crate) fn last_words(
        &mut self,
        key: u64,
        id: &InstanceId,
        generation: Generation,
        words: LastWords,
    ) {
        // The instance may have begun another one since.
        let of = self.cluster.instances.get(id).and_then(|one| one.incident);
        let Some(tale) = self.cluster.incidents.get_mut(&key) else {
            return;
        };
        if of != Some(key) {
            return;
        }
        let first = tale.first.take_if(|first| *first == generation).is_some();
        let renewed = tale
            .renewed
            .take_if(|renewed| *renewed == generation)
            .is_some();
        let incident = &mut tale.incident;
        let first = first && incident.began_by == Some(Began::Exit);
        if first && let Some(ended) = words.ended {
            let ended = ended.min(incident.opened);
            incident.began = Some(ended);
            incident.detect_ms = Some(incident.opened.millis_since(ended));
        }
        // What one that lives has written is no word about its fault.
        if (first || renewed && words.ended.is_some())
            && let Some(said) = said(&words)
        {
            incident.cause = harmless(&format!("{}; {said}", incident.cause), MAX_TEXT);
        }
        let at = words.ended.unwrap_or(self.now.wall);
        if !words.lines.is_empty() {
            let again = std::mem::replace(&mut tale.quoted, words.lines.clone()) == words.lines;
            if again {
                let text = "its last lines were the same as before";
                return self.put(key, entry(at, EntryKind::Log, text, None));
            }
        }
        if let Some(error) = words
            .error
            .as_ref()
            .filter(|error| !words.lines.contains(error))
        {
            let text = format!("its first error: {error}");
            self.put(key, entry(at, EntryKind::Log, &text, None));
        }
        let over = words.lines.len().saturating_sub(LINES);
        for line in words.lines.iter().skip(over) {
            self.put(key, entry(at, EntryKind::Log, line, None));
        }
        self.out.incidents.insert(key);
    }

    // === Others ===

    /// These suffer from it from now on.
    pub(crate) fn tell_impact(&mut self, key: u64, services: Vec<ServiceName>) {
        if !self.cluster.incidents.contains_key(&key) {
            return;
        }
        let suffering = &mut self.cluster.suffering;
        let new: Vec<ServiceName> = services
            .into_iter()
            .filter(|service| suffering.entry(service.clone()).or_default().insert(key))
            .collect();
        self.tell_services(
            key,
            EntryKind::Impact,
            new,
            ["suffers from it", "suffer from it"],
        );
    }

    fn tell_services(
        &mut self,
        key: u64,
        kind: EntryKind,
        mut services: Vec<ServiceName>,
        what: [&str; 2],
    ) {
        if services.is_empty() {
            return;
        }
        let names: Vec<String> = services.iter().map(ToString::to_string).collect();
        let what = what[usize::from(names.len() > 1)];
        let text = format!("{} {what}", words::list(&names));
        services.truncate(MAX_NAMED);
        let at = self.now.wall;
        let entry = IncidentEntry {
            services,
            ..entry(at, kind, &text, None)
        };
        self.put(key, entry);
    }

    /// Who suffered and serves again is told so. Only those are looked at of which something has turned in
    /// this step: when a root is back its dependents come one after the other, and each step costs its own.
    pub(crate) fn relieve(&mut self) {
        let mut relieved: BTreeMap<u64, Vec<ServiceName>> = BTreeMap::new();
        for name in std::mem::take(&mut self.out.turned) {
            let Some(mut keys) = self.cluster.suffering.remove(&name) else {
                continue;
            };
            let service = self.cluster.services.get(&name);
            let serves = service.is_none_or(|service| service.satisfied() || !self.suffers(&name));
            keys.retain(|key| {
                let Some(tale) = self.cluster.incidents.get(key) else {
                    return false;
                };
                let root = &tale.incident.service;
                let free = serves && service.is_none_or(|one| !one.roots.contains(root));
                if free {
                    relieved.entry(*key).or_default().push(name.clone());
                }
                !free
            });
            if !keys.is_empty() {
                self.cluster.suffering.insert(name, keys);
            }
        }
        for (key, free) in relieved {
            let what = ["no longer suffers from it", "no longer suffer from it"];
            self.tell_services(key, EntryKind::Relief, free, what);
        }
    }

    // === People ===

    /// Healing may not act on the fault: only a person can.
    pub(crate) fn bar_incident(&mut self, id: &InstanceId, why: &str) {
        let Some(key) = self.goes_on(id) else {
            return;
        };
        if let Some(tale) = self.cluster.incidents.get_mut(&key) {
            tale.incident.person = true;
        }
        self.tell(key, EntryKind::Hold, why, None);
    }

    /// A person has held healing, or let it go on.
    pub(crate) fn hold_incident(&mut self, id: &InstanceId, act: ActId) {
        let text = match self.cluster.holds(&id.service) {
            true => "healing is held",
            false => "healing may go on",
        };
        self.tell_of(id, EntryKind::Hold, text, Some(act));
    }

    /// A person starts it, whatever healing had in mind.
    pub(crate) fn release_incident(&mut self, id: &InstanceId, act: ActId) {
        let Some(key) = self.goes_on(id) else {
            return;
        };
        self.came_to(key, RemedyOutcome::Unknown);
        let Some(tale) = self.cluster.incidents.get_mut(&key) else {
            return;
        };
        let text = match tale.incident.state {
            IncidentState::Quarantined => "released from quarantine",
            _ => "started on request",
        };
        tale.incident.state = IncidentState::Open;
        tale.incident.person = true;
        tale.anew = true;
        self.tell(key, EntryKind::Release, text, Some(act));
    }

    // === Over engines ===

    /// Incidents that an earlier engine left open go on, if what they are about is still wanted.
    pub(crate) fn take_up_incidents(&mut self) {
        for incident in std::mem::take(&mut self.cluster.left_open) {
            let id = incident.instance.clone();
            self.cluster.last_incident += 1;
            let key = self.cluster.last_incident;
            let before = Duration::from_millis(self.now.wall.millis_since(incident.opened));
            for name in &incident.impacted {
                let suffers = self.cluster.suffering.entry(name.clone()).or_default();
                suffers.insert(key);
            }
            let tale = Tale {
                before,
                ..Tale::of(incident, self.now.mono)
            };
            self.cluster.incidents.insert(key, tale);
            let wanted = self.cluster.goal(&id) == Goal::Run;
            match self.cluster.instances.get_mut(&id) {
                Some(instance) if wanted && instance.incident.is_none() => {
                    instance.incident = Some(key);
                    let ready = instance.ready;
                    let text = "the engine ended meanwhile, and another one goes on";
                    self.tell(key, EntryKind::Engine, text, None);
                    if !self.resume_load(&id) && ready {
                        // It was found running, and is asked nothing before it is taken for ready.
                        self.resolve_incident(&id);
                    }
                    self.out.waits.insert(id);
                }
                _ => {
                    let why = "the engine ended meanwhile, and it is not wanted any more";
                    self.end_incident(key, IncidentState::Closed, why);
                }
            }
        }
    }
}

/// A line that is not numbered yet.
fn entry(at: Timestamp, kind: EntryKind, text: &str, act: Option<ActId>) -> IncidentEntry {
    IncidentEntry {
        n: 0,
        at,
        kind,
        text: harmless(text, MAX_TEXT),
        services: Vec::new(),
        act,
    }
}

/// Its last words, or what went wrong first, as the end of a sentence.
fn said(words: &LastWords) -> Option<String> {
    let last = words
        .lines
        .iter()
        .rev()
        .find(|line| !line.trim().is_empty());
    let (what, text) = match (last, &words.error) {
        (Some(last), Some(error)) if last != error => ("its first error was", error),
        (Some(last), _) => ("its last words were", last),
        (None, Some(error)) => ("its first error was", error),
        (None, None) => return None,
    };
    Some(format!(
        "{what} `{}`",
        harmless(text, QUOTE).replace('`', "'")
    ))
}

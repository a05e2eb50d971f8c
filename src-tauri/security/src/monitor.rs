//! What lasts from one look to the next: since when a threat is there, and what a service was like when it had
//! settled. Tells what is new and what is over.

use crate::facts::{Facts, Instance, LogSecret, RefusedAt};
use crate::rules::judge;
use model::{ClusterId, Generation, InstanceId, SecurityView, Threat, ThreatLevel, Timestamp};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;

/// A service that has run so long, in milliseconds, listens wherever it usually does.
pub const SETTLED_MS: u64 = 30_000;
/// Threats that are told; more are only counted.
pub const MAX_TOLD: usize = 500;
/// Refused requests are counted over so long.
const MINUTE_MS: u64 = 60_000;
/// Looks of one door that are remembered: events make some of them close together.
const LOOKS: usize = 64;
/// Lines of one log that are told.
const LINES: usize = 5;

type Key = (ClusterId, InstanceId);

/// What was found, and what has changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Audit {
    /// All of it, as hosts show it.
    pub view: SecurityView,
    /// What was not there at the last look, or is graver now.
    pub found: Vec<Threat>,
    /// What was there at the last look and is not any more.
    pub over: Vec<Threat>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Monitor {
    memory: Memory,
    known: BTreeMap<String, Threat>,
}

impl Monitor {
    /// Takes what a look has seen.
    pub fn audit(&mut self, facts: &Facts) -> Audit {
        self.memory.take(facts);
        let before = std::mem::take(&mut self.known);
        let mut found = Vec::new();
        for mut threat in judge(facts, &self.memory) {
            let known = before.get(&threat.id);
            if let Some(known) = known {
                threat.since = known.since;
            }
            if known.is_none_or(|known| known.level < threat.level) {
                found.push(threat.clone());
            }
            self.known.insert(threat.id.clone(), threat);
        }
        let over = before.into_iter();
        let over = over.filter(|(id, _)| !self.known.contains_key(id));
        let over = over.map(|(_, threat)| threat).collect();
        let view = self.view(facts);
        Audit { view, found, over }
    }

    fn view(&self, facts: &Facts) -> SecurityView {
        let mut threats: Vec<Threat> = self.known.values().cloned().collect();
        // Then the oldest, then by what they are: the same order every time.
        threats.sort_by(|a, b| {
            b.level
                .cmp(&a.level)
                .then(a.since.cmp(&b.since))
                .then(a.id.cmp(&b.id))
        });
        let more = threats.len().saturating_sub(MAX_TOLD);
        let level = threats
            .first()
            .map_or(ThreatLevel::None, |first| first.level);
        threats.truncate(MAX_TOLD);
        SecurityView {
            level,
            threats,
            more: u32::try_from(more).unwrap_or(u32::MAX),
            ledger: facts.ledger.integrity,
            ledger_said: facts.ledger.said.clone(),
            last_audit: Some(facts.at),
            cost_ms: facts.cost_ms,
            blind: facts.blind.clone(),
        }
    }
}

/// What the looks before have seen.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    settled: BTreeMap<Key, Settled>,
    logs: BTreeMap<Key, Written>,
    refused: BTreeMap<RefusedAt, VecDeque<(Timestamp, u64)>>,
}

/// Where a start of an instance listened when it had settled.
#[derive(Debug)]
struct Settled {
    generation: Generation,
    /// It has.
    yes: bool,
    listeners: BTreeSet<SocketAddr>,
}

/// Secrets that a start of an instance has written to its log.
#[derive(Debug)]
pub(crate) struct Written {
    generation: Generation,
    /// The first few.
    pub(crate) lines: Vec<LogSecret>,
    /// All of them.
    pub(crate) count: u64,
}

impl Memory {
    fn take(&mut self, facts: &Facts) {
        let mut seen = BTreeSet::new();
        for cluster in &facts.clusters {
            for one in &cluster.instances {
                let key = (cluster.id.clone(), one.id.clone());
                self.settle(&key, one);
                self.read(&key, one);
                seen.insert(key);
            }
        }
        self.settled.retain(|key, _| seen.contains(key));
        self.logs.retain(|key, _| seen.contains(key));
        for refused in &facts.refused {
            let looks = self.refused.entry(refused.at).or_default();
            // The count begins with the engine, and so does this.
            if looks.is_empty() {
                looks.push_back((facts.at, 0));
            }
            looks.push_back((facts.at, refused.total));
            // One that is a minute old is what is counted from.
            let old = |look: Option<&(Timestamp, u64)>| {
                look.is_some_and(|(at, _)| facts.at.millis_since(*at) >= MINUTE_MS)
            };
            while old(looks.get(1)) || looks.len() > LOOKS {
                looks.pop_front();
            }
        }
    }

    fn settle(&mut self, key: &Key, one: &Instance) {
        let Some(listeners) = &one.listeners else {
            return;
        };
        let known = self.settled.get_mut(key);
        match known.filter(|known| known.generation == one.generation) {
            Some(known) if known.yes => {}
            Some(known) => {
                known.listeners.extend(listeners);
                known.yes = one.age_ms >= SETTLED_MS;
            }
            None => {
                let settled = Settled {
                    generation: one.generation,
                    yes: one.age_ms >= SETTLED_MS,
                    listeners: listeners.clone(),
                };
                self.settled.insert(key.clone(), settled);
            }
        }
    }

    fn read(&mut self, key: &Key, one: &Instance) {
        let known = self.logs.get(key);
        if known.is_some_and(|known| known.generation != one.generation) {
            self.logs.remove(key);
        }
        if one.log.is_empty() {
            return;
        }
        let written = self.logs.entry(key.clone()).or_insert_with(|| Written {
            generation: one.generation,
            lines: Vec::new(),
            count: 0,
        });
        written.count += one.log.len() as u64;
        let room = LINES.saturating_sub(written.lines.len());
        written.lines.extend(one.log.iter().take(room).cloned());
    }

    /// Where it listened when it had settled; `None` when it has not, or the start is another one.
    pub(crate) fn settled(
        &self,
        cluster: &ClusterId,
        one: &Instance,
    ) -> Option<&BTreeSet<SocketAddr>> {
        let known = self.settled.get(&(cluster.clone(), one.id.clone()))?;
        (known.yes && known.generation == one.generation).then_some(&known.listeners)
    }

    pub(crate) fn written(&self, cluster: &ClusterId, one: &Instance) -> Option<&Written> {
        self.logs.get(&(cluster.clone(), one.id.clone()))
    }

    /// How many requests each door has refused within the last minute.
    pub(crate) fn refused(&self) -> impl Iterator<Item = (RefusedAt, u64)> {
        self.refused.iter().filter_map(|(at, looks)| {
            let ((_, before), (_, now)) = (looks.front()?, looks.back()?);
            Some((*at, now.saturating_sub(*before)))
        })
    }
}

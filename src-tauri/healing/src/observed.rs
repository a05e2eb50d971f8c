//! Who was seen to talk to whom: what looks at the sockets have added up to.
//!
//! A look sees what is connected at that moment, so an edge says "they talk", and its absence says
//! little. An edge is evidence for a root cause while it is [`FRESH`]; it is shown for as long as
//! [`KEPT`] after it was last seen.

use model::{Endpoint, Mono, Now, ServiceName, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// An edge that was seen so short a time before its need went down explains faults of who was
/// connected. Looks are at most a minute apart, and a connection may be opened every few minutes.
pub const FRESH: Duration = Duration::from_secs(300);
/// What was not seen for a week is forgotten.
pub const KEPT: Duration = Duration::from_secs(7 * 24 * 3_600);
/// Places remembered of an edge, and services remembered that one talks to.
const PLACES: usize = 4;
const PEERS: usize = 128;

/// From one service to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// Where, the one that was found last first.
    pub at: Vec<Endpoint>,
    /// Looks that have seen it.
    pub seen: u32,
    /// When the first did.
    pub first: Timestamp,
    /// When the last did.
    pub last: Timestamp,
    /// The same on the monotonic clock; `None` when that was in another boot.
    pub fresh: Option<Mono>,
    /// A person was told that it is not declared.
    #[serde(default)]
    pub told: bool,
}

impl Edge {
    /// It was seen not long before this moment, or after it.
    pub fn fresh(&self, at: Mono) -> bool {
        self.fresh.is_some_and(|last| last + FRESH >= at)
    }
}

/// All edges of a cluster, by who opens the connections.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Edges", into = "Edges")]
pub struct Observed {
    edges: Edges,
    /// Who opens connections to each.
    by: BTreeMap<ServiceName, BTreeSet<ServiceName>>,
}

type Edges = BTreeMap<ServiceName, BTreeMap<ServiceName, Edge>>;

impl From<Edges> for Observed {
    fn from(edges: Edges) -> Self {
        let mut by: BTreeMap<ServiceName, BTreeSet<ServiceName>> = BTreeMap::new();
        for (from, peers) in &edges {
            for to in peers.keys() {
                by.entry(to.clone()).or_default().insert(from.clone());
            }
        }
        Self { edges, by }
    }
}

impl From<Observed> for Edges {
    fn from(observed: Observed) -> Self {
        observed.edges
    }
}

impl Observed {
    /// A look saw a connection. True when the edge or its place is new; false also when there is no
    /// room for it.
    pub fn saw(&mut self, from: &ServiceName, to: &ServiceName, at: &Endpoint, now: Now) -> bool {
        let peers = self.edges.entry(from.clone()).or_default();
        if peers.len() >= PEERS && !peers.contains_key(to) {
            return false;
        }
        let mut new = false;
        let edge = peers.entry(to.clone()).or_insert_with(|| {
            new = true;
            self.by.entry(to.clone()).or_default().insert(from.clone());
            Edge {
                at: Vec::new(),
                seen: 0,
                first: now.wall,
                last: now.wall,
                fresh: None,
                told: false,
            }
        });
        // One look may find several connections.
        if edge.fresh != Some(now.mono) {
            edge.seen = edge.seen.saturating_add(1);
        }
        (edge.last, edge.fresh) = (now.wall, Some(now.mono));
        if !edge.at.contains(at) {
            edge.at.insert(0, at.clone());
            edge.at.truncate(PLACES);
            new = true;
        }
        new
    }

    /// Forgets what was not seen for long, and what is about services that are not `known`. True
    /// when something was forgotten.
    pub fn fade(&mut self, now: Timestamp, known: impl Fn(&ServiceName) -> bool) -> bool {
        let kept = i64::try_from(KEPT.as_millis()).unwrap_or(i64::MAX);
        let mut faded = false;
        self.edges.retain(|from, peers| {
            let from = known(from);
            peers.retain(|to, edge| {
                let stays = from && known(to) && now.0.saturating_sub(edge.last.0) <= kept;
                faded |= !stays;
                stays
            });
            !peers.is_empty()
        });
        if faded {
            *self = std::mem::take(&mut self.edges).into();
        }
        faded
    }

    /// Those that a service was seen to talk to.
    pub fn of(&self, from: &ServiceName) -> impl Iterator<Item = (&ServiceName, &Edge)> {
        self.edges.get(from).into_iter().flatten()
    }

    /// Those that were seen to talk to a service.
    pub fn to(&self, to: &ServiceName) -> impl Iterator<Item = &ServiceName> {
        self.by.get(to).into_iter().flatten()
    }

    /// Every edge.
    pub fn all(&self) -> impl Iterator<Item = (&ServiceName, &ServiceName, &Edge)> {
        self.edges
            .iter()
            .flat_map(|(from, peers)| peers.iter().map(move |(to, edge)| (from, to, edge)))
    }

    /// A person was told that this one is not declared.
    pub fn told(&mut self, from: &ServiceName, to: &ServiceName) {
        if let Some(edge) = self.edges.get_mut(from).and_then(|peers| peers.get_mut(to)) {
            edge.told = true;
        }
    }

    /// There is none.
    pub fn is_empty(&self) -> bool {
        self.edges.is_empty()
    }

    /// As it is after the machine was started anew: known, and no evidence.
    #[must_use]
    pub fn of_another_boot(mut self) -> Self {
        for edge in self.edges.values_mut().flat_map(BTreeMap::values_mut) {
            edge.fresh = None;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ServiceName {
        text.parse().unwrap()
    }

    fn now(seconds: u64) -> Now {
        Now {
            mono: Mono(seconds * 1_000),
            wall: Timestamp(i64::try_from(seconds).unwrap() * 1_000),
        }
    }

    fn tcp(port: u16) -> Endpoint {
        Endpoint::Tcp { port }
    }

    #[test]
    fn a_look_counts_once_and_remembers_few_places() {
        let mut seen = Observed::default();
        let (api, db) = (name("api"), name("db"));
        for port in 1..=6 {
            assert!(seen.saw(&api, &db, &tcp(port), now(1)));
        }
        assert!(!seen.saw(&api, &db, &tcp(6), now(5)));
        let (to, edge) = seen.of(&api).next().unwrap();
        assert_eq!((to, edge.seen), (&db, 2));
        assert_eq!(edge.at, [6, 5, 4, 3].map(tcp));
        assert_eq!((edge.first.0, edge.last.0), (1_000, 5_000));
    }

    #[test]
    fn evidence_is_fresh_for_minutes_and_shown_for_days() {
        let mut seen = Observed::default();
        let (api, db) = (name("api"), name("db"));
        seen.saw(&api, &db, &tcp(1), now(100));
        let edge = |seen: &Observed| seen.of(&api).next().map(|(_, edge)| edge.clone());
        assert!(edge(&seen).unwrap().fresh(Mono(400_000)));
        assert!(!edge(&seen).unwrap().fresh(Mono(400_001)));
        let week = 7 * 24 * 3_600;
        assert!(!seen.fade(now(100 + week).wall, |_| true));
        let rebooted = seen.clone().of_another_boot();
        assert!(!edge(&rebooted).unwrap().fresh(Mono(0)));
        assert!(seen.fade(now(101 + week).wall, |_| true));
        assert!(seen.is_empty());
    }

    #[test]
    fn what_is_no_longer_defined_is_forgotten() {
        let mut seen = Observed::default();
        seen.saw(&name("api"), &name("db"), &tcp(1), now(1));
        seen.saw(&name("api"), &name("old"), &tcp(2), now(1));
        seen.saw(&name("old"), &name("db"), &tcp(1), now(1));
        assert!(seen.fade(now(1).wall, |one| one.as_str() != "old"));
        let left: Vec<_> = seen
            .all()
            .map(|(from, to, _)| (from.as_str(), to.as_str()))
            .collect();
        assert_eq!(left, [("api", "db")]);
        assert_eq!(seen.to(&name("db")).collect::<Vec<_>>(), [&name("api")]);
        assert_eq!(seen.to(&name("old")).count(), 0);
    }

    #[test]
    fn who_talks_to_everybody_is_remembered_in_part() {
        let mut seen = Observed::default();
        for n in 0..1_000 {
            seen.saw(&name("scraper"), &name(&format!("s{n}")), &tcp(1), now(1));
        }
        assert_eq!(seen.all().count(), PEERS);
    }
}

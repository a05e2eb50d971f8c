//! Who was seen to talk to whom: what becomes of a look at the sockets, and how it is shown.
//!
//! The edges themselves are kept by [`healing::observed`]; what they are good for in a search for a
//! root cause is in [`crate::excuse`].

use crate::cluster::Cluster;
use crate::effect::Effect;
use crate::io::Sighting;
use crate::step::Step;
use healing::observed::Observed;
use model::observed::SURE;
use model::{Declared, EventKind, ObservedConnection, ServiceName};
use std::collections::BTreeSet;

impl Cluster {
    /// Every connection between its services that was seen, by who opens it.
    pub fn connections(&self) -> Vec<ObservedConnection> {
        let all = self.observed.all();
        all.map(|(from, to, edge)| ObservedConnection {
            from: from.clone(),
            to: to.clone(),
            at: edge.at.clone(),
            seen: edge.seen,
            first: edge.first,
            last: edge.last,
            declared: match self.declared.get(from).and_then(|known| known.get(to)) {
                Some(declared) => *declared,
                None => self.declared(from, to),
            },
        })
        .collect()
    }

    /// What the next engine is to know of them.
    pub fn observed(&self) -> &Observed {
        &self.observed
    }

    /// What an earlier engine has seen.
    pub fn recall_observed(&mut self, observed: Observed) {
        self.observed = observed;
    }

    /// Finds out what the definition says about connections that are new, or of which it may say
    /// something else now: once for each, and not at every look.
    fn compare(&mut self) {
        let mut known = std::mem::take(&mut self.declared);
        let edges: BTreeSet<(&ServiceName, &ServiceName)> = self
            .observed
            .all()
            .map(|(from, to, _)| (from, to))
            .collect();
        known.retain(|from, peers| {
            peers.retain(|to, _| edges.contains(&(from, to)));
            !peers.is_empty()
        });
        for (from, to) in edges {
            if !known.get(from).is_some_and(|peers| peers.contains_key(to)) {
                let declared = self.declared(from, to);
                known
                    .entry(from.clone())
                    .or_default()
                    .insert(to.clone(), declared);
            }
        }
        self.declared = known;
    }

    /// What the definition says about this connection.
    pub(crate) fn declared(&self, from: &ServiceName, to: &ServiceName) -> Declared {
        let needs = |from: &ServiceName| self.services.get(from).map(|service| &service.needs);
        if needs(from).is_some_and(|needs| needs.contains(to)) {
            Declared::Need
        } else if self.needs_through(from, to) {
            Declared::Through
        } else if self.needs_through(to, from) {
            Declared::Against
        } else {
            Declared::No
        }
    }

    /// One service needs another, directly or through others.
    pub(crate) fn needs_through(&self, from: &ServiceName, to: &ServiceName) -> bool {
        let rank = |name| self.services.get(name).map(|one| one.rank);
        // Whoever needs another stands higher.
        rank(from) > rank(to)
            && rank(to).is_some()
            && self.with_needs(std::slice::from_ref(from)).contains(to)
    }
}

impl Step<'_> {
    /// A look at the sockets. What is new in it is shown; what should be declared is said once.
    pub(crate) fn connected(&mut self, seen: &[Sighting]) {
        let now = self.now;
        let mut new = false;
        for Sighting { from, to, at } in seen {
            let services = &self.cluster.services;
            if from != to && services.contains_key(from) && services.contains_key(to) {
                new |= self.cluster.observed.saw(from, to, at, now);
            }
        }
        let Cluster {
            observed, services, ..
        } = &mut *self.cluster;
        new |= observed.fade(now.wall, |name| services.contains_key(name));
        self.cluster.compare();
        for Sighting { from, to, .. } in seen {
            new |= self.tell_undeclared(from, to);
        }
        if new {
            self.out.acts.push(Effect::Connections);
        }
    }

    /// Says that a connection should be declared, if so and if it was not said before.
    fn tell_undeclared(&mut self, from: &ServiceName, to: &ServiceName) -> bool {
        let edges = self.cluster.observed.of(from);
        let Some((_, edge)) = edges.into_iter().find(|(name, _)| *name == to) else {
            return false;
        };
        if edge.told || edge.seen < SURE || self.cluster.declared(from, to) != Declared::No {
            return false;
        }
        let at = edge.at.first().cloned();
        self.cluster.observed.told(from, to);
        if let Some(at) = at {
            self.out.facts.push(EventKind::Undeclared {
                service: from.clone(),
                need: to.clone(),
                at,
            });
        }
        true
    }
}

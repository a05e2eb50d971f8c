//! Who was seen to talk to whom: what becomes of a look at the sockets, and how it is shown.
//!
//! The edges themselves are kept by [`healing::observed`]; what they are good for in a search for a
//! root cause is in [`crate::excuse`].

use crate::cluster::Cluster;
use crate::io::{Effect, Sighting};
use crate::step::Step;
use healing::observed::Observed;
use model::observed::SURE;
use model::{Declared, EventKind, ObservedConnection, ServiceName};

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
            declared: self.declared(from, to),
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
        let known = self
            .services
            .get(to)
            .is_some_and(|to| !to.dependents.is_empty());
        known && self.with_needs(std::slice::from_ref(from)).contains(to)
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

//! Whose fault it is: the search over what services need, and what belongs to one incident.
//!
//! A service that fails while something it needs (directly or through others) is down suffers from
//! that; it gets no incident and no remedy of its own. Of several that are down, the root is the
//! one that does not itself suffer from another.

use model::{Mono, ServiceName};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A dependent's fault is seen up to this long before its root's and still belongs to it: the
/// default health probe takes three failures, 5 s apart and the last one 1 s late, to be sure (16 s),
/// and one whose interval is 9 s just fits too.
pub const WINDOW: Duration = Duration::from_secs(30);

/// Which services need which, as far as the search needs to know it.
pub trait Graph {
    /// Those that need `service` directly.
    fn dependents(&self, service: &ServiceName) -> Vec<ServiceName>;
}

impl Graph for BTreeMap<ServiceName, BTreeSet<ServiceName>> {
    fn dependents(&self, service: &ServiceName) -> Vec<ServiceName> {
        self.get(service).into_iter().flatten().cloned().collect()
    }
}

/// All that need `service`, directly or through others, without `service` itself.
pub fn dependents(graph: &impl Graph, service: &ServiceName) -> BTreeSet<ServiceName> {
    let mut found = BTreeSet::new();
    let mut open = graph.dependents(service);
    while let Some(next) = open.pop() {
        if found.insert(next.clone()) {
            open.extend(graph.dependents(&next));
        }
    }
    found
}

/// The root among the services that are `down` below a failing one: of those that suffer from no
/// other, the one that failed first. `state` says since when one is down, and whether it suffers.
pub fn root<'a>(
    down: impl IntoIterator<Item = &'a ServiceName>,
    state: impl Fn(&ServiceName) -> (Mono, bool),
) -> Option<&'a ServiceName> {
    down.into_iter().min_by_key(|service| {
        let (since, suffers) = state(service);
        (suffers, since)
    })
}

/// Whether a dependent's fault at `earlier` belongs to its root's fault at `now`.
pub fn same_incident(earlier: Mono, now: Mono) -> bool {
    now.since(earlier) <= WINDOW
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ServiceName {
        text.parse().unwrap()
    }

    /// "web api" is "web needs api".
    fn graph(edges: &[(&str, &str)]) -> BTreeMap<ServiceName, BTreeSet<ServiceName>> {
        let mut graph: BTreeMap<ServiceName, BTreeSet<ServiceName>> = BTreeMap::new();
        for (dependent, need) in edges {
            graph.entry(name(need)).or_default().insert(name(dependent));
        }
        graph
    }

    #[test]
    fn dependents_are_found_through_others_and_once() {
        let graph = graph(&[
            ("api", "db"),
            ("web", "api"),
            ("web", "db"),
            ("mail", "queue"),
        ]);
        let found = dependents(&graph, &name("db"));
        assert_eq!(found, BTreeSet::from([name("api"), name("web")]));
        assert!(dependents(&graph, &name("web")).is_empty());
    }

    #[test]
    fn the_root_is_the_first_that_suffers_from_nothing() {
        let down = [name("api"), name("db"), name("net")];
        let of = |state: [(u64, bool); 3]| {
            root(&down, |service| {
                let at = down.iter().position(|one| one == service).unwrap();
                (Mono(state[at].0), state[at].1)
            })
        };
        assert_eq!(of([(1, true), (2, true), (3, false)]), Some(&name("net")));
        assert_eq!(of([(3, false), (1, true), (2, false)]), Some(&name("net")));
        assert_eq!(of([(2, false), (2, false), (2, false)]), Some(&name("api")));
    }

    #[test]
    fn without_anything_down_there_is_no_root() {
        assert_eq!(root([], |_| (Mono(0), false)), None);
    }

    #[test]
    fn faults_far_apart_are_two_incidents() {
        assert!(same_incident(Mono(1_000), Mono(31_000)));
        assert!(!same_incident(Mono(1_000), Mono(31_001)));
    }
}

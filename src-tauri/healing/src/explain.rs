//! Which other service explains a fault: the search over declared needs and observed connections.
//!
//! It goes down from the service that fails, along what it needs and what it was seen to talk to not
//! long ago, to those that are unwell. What is unwell because of something deeper explains nothing;
//! in a circle the first that failed explains the others, so that two never excuse each other. A
//! service that is well is never named, and neither is one whose fault this one has outlived.

use crate::cause::WINDOW;
use crate::circles::because_of_others;
use crate::observed::FRESH;
use model::{Endpoint, Mono, ServiceName};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// A service that was well so long after another had failed does not fail because of that. Clients
/// try again for up to a minute before they give up.
pub const OUTLIVED: Duration = Duration::from_secs(120);
/// Who has been slow for longer than this had its chance to do harm.
pub const SLOW: Duration = Duration::from_secs(600);
/// So many are named that might have been the root; more are down only when everything is.
const NAMED: usize = 4;
/// Services the search looks at: more than a definition has.
const REACH: usize = 10_000;

/// What the search asks.
pub trait Facts {
    /// What a service relies on directly.
    fn relies_on(&self, service: &ServiceName) -> Vec<Reliance>;
    /// Since when and how a service is unwell.
    fn unwell(&self, service: &ServiceName) -> Option<Unwell>;
}

/// One service relies on another.
#[derive(Debug, Clone)]
pub struct Reliance {
    /// On which.
    pub on: ServiceName,
    /// By what it is known; `None` when it is declared.
    pub seen: Option<Sight>,
}

/// A connection that was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sight {
    /// When it was last.
    pub last: Mono,
    /// Where.
    pub at: Option<Endpoint>,
}

/// How a service is unwell. In order of how much it explains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// It does not serve.
    Down,
    /// It serves, slowly or with errors.
    Degraded,
}

/// Since when a service is unwell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unwell {
    /// Since then, as far as it is known.
    pub since: Mono,
    /// And how.
    pub how: How,
}

/// The fault to be explained.
#[derive(Debug, Clone, Copy)]
pub struct Fault<'a> {
    /// Whose.
    pub service: &'a ServiceName,
    /// When it was seen.
    pub at: Mono,
    /// When the service was last seen to be well.
    pub well: Option<Mono>,
}

/// What explains it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The service at the root of it.
    pub root: ServiceName,
    /// How that is unwell.
    pub how: How,
    /// Declared needs alone lead to it.
    pub declared: bool,
    /// Why this one: "api was seen to talk to db (port 5432), which is down".
    pub why: String,
}

/// How a service was reached.
struct Way {
    declared: bool,
    /// The oldest sight on the way.
    last: Option<Mono>,
    distance: u32,
    /// Who is before it on the way, and where it was seen to talk to it.
    from: ServiceName,
    at: Option<Endpoint>,
}

/// The service that explains this fault; `None` when it is the service's own.
pub fn explain(facts: &impl Facts, fault: Fault) -> Option<Cause> {
    let graph = graph(facts, fault.service, fault.at);
    let ways = ways(&graph, fault.service);
    let mut unwell: Vec<(&ServiceName, &Way, Unwell)> = ways
        .iter()
        .filter_map(|(name, way)| Some((name, way, facts.unwell(name)?)))
        .filter(|(_, _, unwell)| explains(unwell, &fault))
        .collect();
    unwell.sort_by_key(|(_, _, unwell)| unwell.since);
    let own = facts
        .unwell(fault.service)
        .map_or(fault.at, |unwell| unwell.since);
    // A way back to the service itself counts, too.
    let mut failed: BTreeMap<&ServiceName, Mono> = unwell
        .iter()
        .map(|(name, _, unwell)| (*name, unwell.since))
        .collect();
    failed.insert(fault.service, own);
    let relies = graph.iter().map(|(from, relies)| {
        let on = relies.iter().map(|reliance| &reliance.on);
        (from, on.collect())
    });
    let deeper = because_of_others(&relies.collect(), &failed);
    let roots: Vec<_> = unwell
        .iter()
        .filter(|(name, ..)| !deeper.contains(*name))
        .collect();
    let (root, way, found) = roots.iter().min_by_key(|(name, way, unwell)| {
        (
            unwell.how,
            !way.declared,
            unwell.since,
            Reverse(way.last),
            way.distance,
            *name,
        )
    })?;
    let others = roots
        .iter()
        .map(|(name, ..)| *name)
        .filter(|name| name != root);
    let mut others: Vec<String> = others.map(ToString::to_string).collect();
    let more = others.len().saturating_sub(NAMED);
    others.truncate(NAMED);
    others.extend((more > 0).then(|| format!("{more} others")));
    Some(Cause {
        root: (*root).clone(),
        how: found.how,
        declared: way.declared,
        why: why(fault.service, root, way, found.how, &others),
    })
}

/// One that is unwell may be the reason for this fault, going by the times.
fn explains(unwell: &Unwell, fault: &Fault) -> bool {
    let outlived = fault
        .well
        .is_some_and(|well| well > unwell.since + OUTLIVED);
    let late = unwell.since > fault.at + WINDOW;
    let old = unwell.how == How::Degraded && fault.at > unwell.since + SLOW;
    !(outlived || late || old)
}

/// What each service within reach relies on, as far as that counts.
fn graph(
    facts: &impl Facts,
    service: &ServiceName,
    at: Mono,
) -> BTreeMap<ServiceName, Vec<Reliance>> {
    let mut known = BTreeSet::from([service.clone()]);
    let mut open = vec![service.clone()];
    let mut graph = BTreeMap::new();
    while let Some(from) = open.pop() {
        let mut relies = facts.relies_on(&from);
        relies.retain(|reliance| counts(facts, reliance, at));
        for Reliance { on, .. } in &relies {
            if known.len() < REACH && known.insert(on.clone()) {
                open.push(on.clone());
            }
        }
        graph.insert(from, relies);
    }
    graph
}

/// All that a service relies on, directly or through others: first what is declared to the end,
/// then what was seen as well.
fn ways(
    graph: &BTreeMap<ServiceName, Vec<Reliance>>,
    service: &ServiceName,
) -> BTreeMap<ServiceName, Way> {
    let mut found: BTreeMap<ServiceName, Way> = BTreeMap::new();
    for declared in [true, false] {
        let mut open: VecDeque<ServiceName> = [service.clone()].into();
        if !declared {
            open.extend(found.keys().cloned());
        }
        while let Some(from) = open.pop_front() {
            for reliance in graph.get(&from).into_iter().flatten() {
                let known = reliance.on == *service || found.contains_key(&reliance.on);
                let wrong = declared && reliance.seen.is_some();
                if known || wrong || found.len() >= REACH {
                    continue;
                }
                let before = found.get(&from);
                let last = [before.and_then(|way| way.last), sight(reliance)];
                let way = Way {
                    declared: declared && reliance.seen.is_none(),
                    last: last.into_iter().flatten().min(),
                    distance: before.map_or(0, |way| way.distance) + 1,
                    from: from.clone(),
                    at: reliance.seen.as_ref().and_then(|seen| seen.at.clone()),
                };
                found.insert(reliance.on.clone(), way);
                open.push_back(reliance.on.clone());
            }
        }
    }
    found
}

fn sight(reliance: &Reliance) -> Option<Mono> {
    reliance.seen.as_ref().map(|seen| seen.last)
}

/// A connection counts that was seen not long ago, or not long before its other end went away.
fn counts(facts: &impl Facts, reliance: &Reliance, at: Mono) -> bool {
    sight(reliance).is_none_or(|last| {
        let down = facts.unwell(&reliance.on).map(|unwell| unwell.since);
        last + FRESH >= down.map_or(at, |down| down.min(at))
    })
}

fn why(
    service: &ServiceName,
    root: &ServiceName,
    way: &Way,
    how: How,
    others: &[String],
) -> String {
    let place = way
        .at
        .as_ref()
        .map(|at| format!(" ({at})"))
        .unwrap_or_default();
    let through = match way.distance {
        1 => String::new(),
        _ => format!(" through {}", way.from),
    };
    let relies = match (way.declared, &way.last) {
        (false, Some(_)) => format!("was seen to talk to {root}{place}{through}"),
        _ => format!("needs {root}{through}"),
    };
    let state = match how {
        How::Down => "is down",
        How::Degraded => "is degraded",
    };
    let among = match others {
        [] => String::new(),
        others => format!("; {} came later or says less", crate::words::list(others)),
    };
    format!("{service} {relies}, which {state}{among}")
}

#[cfg(test)]
mod tests;

//! What can only be checked when all services are known: needs, cycles, references, totals.

use super::{Draft, Reader};
use crate::limits::MAX_INSTANCES;
use crate::problem::{Problem, Span};
use model::ServiceName;
use std::collections::{BTreeMap, BTreeSet};

/// Edges of a cycle that are marked in the file; its message names all of them.
const EDGES_SHOWN: usize = 12;

/// Checks what a service cannot be checked for alone.
pub(super) fn check(reader: &mut Reader<'_>, drafts: &BTreeMap<ServiceName, Draft>) {
    reader.check_needs(drafts);
    reader.check_references(drafts);
    reader.check_joined(drafts);
    super::port::exact_once(reader, drafts);
    cycles(reader, drafts);
    instances(reader, drafts);
}

/// Notes every cycle of needs. Services whose needs can be met are taken away until none is left
/// that could be; from any that remains, following its needs must come back to itself.
fn cycles(reader: &mut Reader<'_>, drafts: &BTreeMap<ServiceName, Draft>) {
    let mut left: BTreeSet<&ServiceName> = drafts.keys().collect();
    // How many of a service's needs are left, and who needs it.
    let mut open: BTreeMap<&ServiceName, usize> = BTreeMap::new();
    let mut needed_by: BTreeMap<&ServiceName, Vec<&ServiceName>> = BTreeMap::new();
    for (name, draft) in drafts {
        for need in draft
            .service
            .needs
            .iter()
            .filter(|need| drafts.contains_key(&need.service))
        {
            *open.entry(name).or_default() += 1;
            needed_by.entry(&need.service).or_default().push(name);
        }
    }
    let mut met: Vec<&ServiceName> = left
        .iter()
        .copied()
        .filter(|name| !open.contains_key(*name))
        .collect();
    loop {
        while let Some(name) = met.pop() {
            if !left.remove(name) {
                continue;
            }
            for dependent in needed_by.get(name).into_iter().flatten() {
                if let Some(count) = open.get_mut(*dependent) {
                    *count = count.saturating_sub(1);
                    if *count == 0 {
                        met.push(dependent);
                    }
                }
            }
        }
        let Some(start) = left.first().copied() else {
            return;
        };
        let cycle = follow(drafts, &left, start);
        report(reader, drafts, &cycle);
        // As if it had been mended: further cycles are then found on their own.
        met.extend(cycle);
    }
}

/// The cycle that following needs from `start` runs into.
fn follow<'a>(
    drafts: &'a BTreeMap<ServiceName, Draft>,
    left: &BTreeSet<&ServiceName>,
    start: &'a ServiceName,
) -> Vec<&'a ServiceName> {
    let mut path: Vec<&ServiceName> = Vec::new();
    let mut place: BTreeMap<&ServiceName, usize> = BTreeMap::new();
    let mut name = start;
    loop {
        if let Some(first) = place.get(name) {
            return path.split_off(*first);
        }
        place.insert(name, path.len());
        path.push(name);
        let next = drafts.get(name).and_then(|draft| {
            draft
                .service
                .needs
                .iter()
                .find(|need| left.contains(&need.service))
        });
        match next {
            Some(need) => name = &need.service,
            // Cannot be: what is left has a need that is left. Ends the walk all the same.
            None => return path,
        }
    }
}

fn report(reader: &mut Reader<'_>, drafts: &BTreeMap<ServiceName, Draft>, cycle: &[&ServiceName]) {
    reader.problems.add(|| {
        let mut names: Vec<&str> = cycle.iter().map(|name| name.as_str()).collect();
        names.extend(names.first().copied());
        let mut edges = cycle.iter().enumerate().filter_map(|(index, name)| {
            let next = cycle[(index + 1) % cycle.len()];
            let span = edge(drafts.get(*name)?, next)?;
            Some((span, format!("`{name}` needs `{next}`")))
        });
        let (span, label) = edges.next().unwrap_or_default();
        let message = format!("services need each other in a circle: {}", names.join(" -> "));
        let problem = Problem::new(span, message, label)
            .help("remove one of these needs; a service that can start without another and retries need not name it");
        edges.take(EDGES_SHOWN - 1).fold(problem, |problem, (span, label)| problem.and(span, label))
    });
}

fn edge(draft: &Draft, to: &ServiceName) -> Option<Span> {
    let at = draft
        .service
        .needs
        .iter()
        .position(|need| need.service == *to)?;
    draft.needs.get(at).map(|place| place.name.clone())
}

fn instances(reader: &mut Reader<'_>, drafts: &BTreeMap<ServiceName, Draft>) {
    let most = |draft: &Draft| {
        let service = &draft.service;
        service.max_replicas.unwrap_or(service.replicas)
    };
    let total: usize = drafts.values().map(|draft| usize::from(most(draft))).sum();
    if total <= MAX_INSTANCES {
        return;
    }
    let Some((name, largest)) = drafts.iter().max_by_key(|(_, draft)| most(draft)) else {
        return;
    };
    reader.refuse(
        &largest.name,
        format!("{total} instances are more than a cluster may have"),
        &format!("`{name}` has the most, {}", most(largest)),
        &format!("at most {MAX_INSTANCES}, all `replicas` together, or `max_replicas` where given"),
    );
}

//! What will happen when an act is let in, for persons who are asked to approve of it: a line each, from what runs
//! now. The door asks for it; nothing is decided here.

use crate::picture::Picture;
use model::view::{ClusterView, Snapshot};
use model::{InstanceStatus, ServiceName, Target, Verb};
use std::collections::BTreeSet;

/// Instances that are told one by one.
const TOLD: usize = 50;

impl Picture {
    /// What an act would do, a line each.
    pub(crate) fn consequences(&self, verb: Verb, target: &Target, details: &str) -> Vec<String> {
        of(&self.snapshot(), verb, target, details)
    }
}

impl Picture {
    /// Adds to the services of an act those that it stops or starts with them.
    pub(crate) fn take_along(&self, verb: Verb, target: &mut Target) {
        let picture = self.snapshot();
        let cluster = target.cluster.as_ref();
        let known = cluster.and_then(|id| picture.clusters.iter().find(|one| one.id == *id));
        let Some(known) = known.filter(|_| !target.services.is_empty()) else {
            return;
        };
        let also: Vec<ServiceName> = {
            let mut touched: BTreeSet<&ServiceName> = target.services.iter().collect();
            match verb {
                Verb::Stop => drop(with_dependents(known, &mut touched)),
                Verb::Start | Verb::Restart | Verb::Release => {
                    with_needs(&picture, known, &mut touched);
                }
                _ => return,
            }
            let named = |one: &&&ServiceName| !target.services.contains(one);
            touched
                .iter()
                .filter(named)
                .map(|one| (*one).clone())
                .collect()
        };
        target.services.extend(also);
    }
}

/// Adds what these need and does not run, however far: it is started with them.
fn with_needs<'a>(
    picture: &Snapshot,
    cluster: &'a ClusterView,
    touched: &mut BTreeSet<&'a ServiceName>,
) {
    let instances = picture.instances.get(&cluster.id);
    let runs = |name: &ServiceName| {
        let mut all = instances.into_iter().flatten();
        all.any(|one| one.service == *name && one.pid.is_some())
    };
    loop {
        let needed = |name: &ServiceName| {
            let mut all = cluster.services.iter();
            all.any(|one| touched.contains(&one.name) && one.needs.contains(name))
        };
        let next = cluster.services.iter().find(|one| {
            !one.oneshot && !touched.contains(&one.name) && needed(&one.name) && !runs(&one.name)
        });
        let Some(next) = next else { return };
        touched.insert(&next.name);
    }
}

fn of(picture: &Snapshot, verb: Verb, target: &Target, details: &str) -> Vec<String> {
    let cluster = target.cluster.as_ref();
    let known = cluster.and_then(|id| picture.clusters.iter().find(|one| one.id == *id));
    let named: Vec<String> = target.services.iter().map(ToString::to_string).collect();
    let whom = match (&named[..], known, cluster) {
        ([], Some(known), _) => format!("all of {}", known.name),
        ([], None, Some(id)) => crate::called(id).to_owned(),
        ([], None, None) => "this home".to_owned(),
        (named, _, _) => named.join(", "),
    };
    let details = match details {
        "" => String::new(),
        details => format!(" ({details})"),
    };
    let mut lines = vec![format!("{} of {whom}{details}", verb.name())];
    if verb == Verb::EmergencyStop {
        let all = picture.instances.iter().flat_map(|(of, all)| {
            let named =
                move |one: &InstanceStatus| format!("{} of {}", one.instance, crate::called(of));
            all.iter()
                .filter_map(move |one| Some(format!("{} (pid {}) is killed", named(one), one.pid?)))
        });
        told(&mut lines, all.collect());
        return lines;
    }
    let becomes = match verb {
        Verb::Stop | Verb::Down => "is stopped",
        Verb::Restart => "is ended and started again",
        Verb::Attach => "gets what is typed",
        Verb::Reveal => "has its secrets shown to who asks",
        _ => return lines,
    };
    let Some(known) = known else {
        return lines;
    };
    let mut touched: BTreeSet<&ServiceName> = match target.services.is_empty() {
        true => known.services.iter().map(|one| &one.name).collect(),
        false => target.services.iter().collect(),
    };
    if verb == Verb::Stop {
        let also = with_dependents(known, &mut touched);
        if !also.is_empty() {
            lines.push(format!("stops with it what needs it: {}", also.join(", ")));
        }
    }
    let instances = picture.instances.get(&known.id).into_iter().flatten();
    let running = instances
        .filter(|one| {
            target
                .instance
                .as_ref()
                .is_none_or(|of| *of == one.instance)
        })
        .filter(|one| touched.contains(&one.service));
    let running: Vec<String> = running
        .filter_map(|one| Some(format!("{} (pid {}) {becomes}", one.instance, one.pid?)))
        .collect();
    match (&target.instance, verb) {
        (Some(one), Verb::Restart) if running.is_empty() => {
            lines.push(format!("{one} does not run, and is started again"));
        }
        _ => told(&mut lines, running),
    }
    lines
}

/// As many of them as are told one by one.
fn told(lines: &mut Vec<String>, running: Vec<String>) {
    let more = running.len().saturating_sub(TOLD);
    if running.is_empty() {
        lines.push("nothing of it runs".to_owned());
    }
    lines.extend(running.into_iter().take(TOLD));
    if more > 0 {
        lines.push(format!("and {more} more instances"));
    }
}

/// Adds what needs these, however far, and answers what that is.
fn with_dependents<'a>(
    cluster: &'a ClusterView,
    touched: &mut BTreeSet<&'a ServiceName>,
) -> Vec<String> {
    let mut also = Vec::new();
    loop {
        let next = cluster.services.iter().find(|one| {
            !touched.contains(&one.name) && one.needs.iter().any(|need| touched.contains(need))
        });
        let Some(next) = next else {
            return also;
        };
        touched.insert(&next.name);
        also.push(next.name.to_string());
    }
}

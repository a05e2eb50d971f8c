//! What has to be known of every process before any is written: which run, which end by themselves, and what can be
//! waited for of them.

use crate::yaml::{Entry, Files, Node, Place};
use crate::{Others, names};
use spec::{Problem, quoted};
use std::collections::BTreeMap;

/// What is known of a process.
#[derive(Debug)]
pub(super) struct Known {
    /// As a service.
    pub(super) service: String,
    pub(super) at: Place,
    /// Why it is none of the cluster, if so.
    pub(super) out: Option<&'static str>,
    /// It is started by name alone.
    pub(super) disabled: bool,
    /// It ends by itself: somebody waits for that, or all others end with it.
    pub(super) ends: bool,
    /// It is started again whenever it has ended.
    pub(super) always: bool,
    /// It runs by a schedule.
    pub(super) scheduled: bool,
    pub(super) replicas: i64,
    /// It is asked whether it is ready.
    pub(super) probed: bool,
    pub(super) line: bool,
}

impl Known {
    pub(super) fn runs(&self) -> bool {
        self.out.is_none() && !self.disabled
    }
}

/// Reads it of all.
pub(super) fn all(
    entries: &[Entry],
    others: Option<&Others>,
    files: &mut Files,
) -> BTreeMap<String, Known> {
    let mut known: BTreeMap<String, Known> = BTreeMap::new();
    let mut services: BTreeMap<String, (String, Place)> = BTreeMap::new();
    for entry in entries {
        let one = of(entry);
        if let Some((other, at)) = services.get(&one.service) {
            files.wrong(entry.at, |span| {
                let message = format!(
                    "{} and {} are both {} as names of services",
                    quoted(other),
                    quoted(&entry.key),
                    one.service
                );
                let problem = Problem::new(span, message, "the second one");
                let same = at.file == entry.at.file;
                let problem = match same {
                    true => problem.and(at.span(), "the first one"),
                    false => problem,
                };
                problem.help("give one of them another name")
            });
            continue;
        }
        services.insert(one.service.clone(), (entry.key.clone(), entry.at));
        known.insert(entry.key.clone(), one);
    }
    for (name, one) in &mut known {
        let own = one.service.clone();
        let Some(place) = others.and_then(|others| others.service(&own)) else {
            continue;
        };
        let free = |made: &String| {
            let theirs = others.and_then(|others| others.service(made));
            theirs.is_none() && !services.contains_key(made)
        };
        let mut numbered = (2..).map(|number| names::numbered(&own, number));
        // There are fewer names than numbers.
        one.service = numbered.find(free).unwrap_or_default();
        services.insert(one.service.clone(), (name.clone(), one.at));
        let says = format!(
            "{name} is called {} here: {place} has a {own} as well",
            one.service
        );
        files.note(one.at, says);
    }
    for entry in entries {
        let wanted = entry.value.get("depends_on").and_then(Node::as_map);
        for need in wanted.into_iter().flatten() {
            let condition = need.value.get("condition").and_then(Node::as_scalar);
            let ends = condition.is_some_and(|word| word.text.starts_with("process_completed"));
            let name = replicated(&need.key, &known).unwrap_or_else(|| need.key.clone());
            if let Some(other) = known.get_mut(&name).filter(|_| ends) {
                other.ends = true;
            }
        }
    }
    known
}

/// `worker-1` is one of several instances of `worker`.
pub(super) fn replicated(name: &str, known: &BTreeMap<String, Known>) -> Option<String> {
    if known.contains_key(name) {
        return None;
    }
    let (group, number) = name.rsplit_once('-')?;
    let number: i64 = number.parse().ok()?;
    let other = known.get(group)?;
    (other.replicas > 1 && number < other.replicas).then(|| group.to_owned())
}

fn of(entry: &Entry) -> Known {
    let node = &entry.value;
    let is = |key: &str| node.get(key).is_some_and(yes);
    let word = |key: &str, of: &str| {
        let value = node.get(key).and_then(|node| node.get(of));
        value.and_then(Node::as_scalar).map(|value| value.words())
    };
    // The text counts more, for an override cannot set the other back.
    let told = node.get("is_disabled").and_then(Node::as_scalar);
    let disabled = match told.map(|told| told.words()).as_deref() {
        Some("true") => true,
        Some("false") => false,
        _ => is("disabled"),
    };
    let scheduled = ["cron", "interval"]
        .iter()
        .any(|key| word("schedule", key).is_some());
    let out = match () {
        () if is("is_foreground") => Some("it is started by hand, in the foreground of a terminal"),
        () => None,
    };
    let ends = node
        .get("availability")
        .and_then(|one| one.get("exit_on_end"))
        .is_some_and(yes);
    let replicas = node.get("replicas").and_then(Node::as_scalar);
    let replicas = replicas.and_then(|number| number.words().parse().ok());
    Known {
        service: super::service(&entry.key),
        at: entry.at,
        out,
        disabled,
        ends: ends || scheduled || is("is_daemon"),
        scheduled,
        always: word("availability", "restart").as_deref() == Some("always"),
        replicas: replicas.filter(|number| *number > 0).unwrap_or(1),
        probed: ["readiness_probe", "liveness_probe"]
            .iter()
            .any(|key| node.get(key).is_some_and(|node| !node.is_null())),
        line: node
            .get("ready_log_line")
            .is_some_and(|node| !node.is_null()),
    }
}

fn yes(node: &Node) -> bool {
    node.as_scalar()
        .is_some_and(|value| value.words() == "true")
}

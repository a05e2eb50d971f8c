//! What an edit changed: shown before `up` applies it, and the reason why only some services are
//! restarted.

mod container;

use crate::amount;
use crate::cluster::{Cluster, Hook, Need, Probe, ProbeTarget, Service};
use crate::duration::words;
use crate::ends::Kind;
use crate::environment::changed_in_files;
pub use container::surroundings_changed;
use container::{container_changes, volumes_kept};
use model::{ServiceName, Terms};
use std::collections::{BTreeMap, BTreeSet};

/// The difference between two definitions of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Diff {
    /// Services only the new one has.
    pub added: Vec<ServiceName>,
    /// Services only the old one has.
    pub removed: Vec<ServiceName>,
    /// Services both have, and what is different about them, in words.
    pub changed: Vec<(ServiceName, Vec<String>)>,
    /// Those of `changed` whose processes have to be started anew for it: their command, folder,
    /// user, environment, limits or port is another. All else takes effect while they run.
    pub restarts: BTreeSet<ServiceName>,
}

impl Diff {
    /// Nothing is different.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

/// What is different in `new`. Values of variables are not shown: they may be secrets.
pub fn diff(old: &Cluster, new: &Cluster) -> Diff {
    let missing = |from: &Cluster, other: &Cluster| -> Vec<ServiceName> {
        from.services
            .keys()
            .filter(|name| !other.services.contains_key(*name))
            .cloned()
            .collect()
    };
    let mut diff = Diff {
        added: missing(new, old),
        removed: missing(old, new),
        ..Diff::default()
    };
    for (name, service) in &new.services {
        let Some(before) = old.services.get(name) else {
            continue;
        };
        let in_files = changed_in_files((old, before), (new, service));
        let around = surroundings_changed((old, before), (new, service));
        let kept = volumes_kept((old, before), (new, service));
        let same = in_files.is_empty() && around.is_empty() && kept.is_empty();
        if before == service && same {
            continue;
        }
        let mut process = process_changes(before, service);
        process.extend(around);
        process.extend(in_files.iter().map(|name| {
            let file = new
                .env_files
                .iter()
                .chain(&service.env_files)
                .rfind(|file| {
                    let file = new.files.get(*file);
                    file.is_some_and(|file| file.0.iter().any(|setting| setting.name == *name))
                });
            match file {
                Some(file) => format!("env {name} changed in {file}"),
                None => format!("env {name} is in no env file any more"),
            }
        }));
        if !process.is_empty() {
            diff.restarts.insert(name.clone());
        }
        let words = process
            .into_iter()
            .chain(kept)
            .chain(care_changes(before, service))
            .collect::<Vec<String>>();
        // Env files that are named and change nothing are no news.
        if !words.is_empty() {
            diff.changed.push((name.clone(), words));
        }
    }
    diff
}

/// What a running process cannot take on.
fn process_changes(old: &Service, new: &Service) -> Vec<String> {
    let mut changes = Changes::default();
    match (old.runs.container(), new.runs.container()) {
        (Some(before), Some(after)) => changes.0.extend(container_changes(before, after)),
        _ => changes.note("run", &old.runs, &new.runs),
    }
    changes.note(
        "kind",
        &format!("{:?}", old.kind).to_lowercase(),
        &format!("{:?}", new.kind).to_lowercase(),
    );
    changes.note("cwd", &or_none(&old.cwd), &or_none(&new.cwd));
    changes.note(
        "user",
        &or_none(old.user.as_deref().unwrap_or_default()),
        &or_none(new.user.as_deref().unwrap_or_default()),
    );
    changes.note("port", &port(old.port), &port(new.port));
    let listen = |service: &Service| service.listen.map_or("none", |listen| listen.as_str());
    changes.note("listen", &listen(old), &listen(new));
    changes.note("tty", &on(old.tty), &on(new.tty));
    let (before, after) = (&old.limits, &new.limits);
    for (what, before, after) in [
        (
            "memory limit",
            before.memory.map(model::bytes),
            after.memory.map(model::bytes),
        ),
        (
            "cpu limit",
            before.cpu.map(amount::cores),
            after.cpu.map(amount::cores),
        ),
        (
            "open-file limit",
            before.files.map(|files| files.to_string()),
            after.files.map(|files| files.to_string()),
        ),
        (
            "process limit",
            before.processes.map(|most| most.to_string()),
            after.processes.map(|most| most.to_string()),
        ),
    ] {
        let word = |limit: Option<String>| limit.unwrap_or_else(|| "none".to_owned());
        changes.note(what, &word(before), &word(after));
    }
    let names: BTreeSet<&String> = old.env.keys().chain(new.env.keys()).collect();
    for name in names {
        match (old.env.get(name), new.env.get(name)) {
            (None, _) => changes.0.push(format!("env {name} added")),
            (_, None) => changes.0.push(format!("env {name} removed")),
            (before, after) if before != after => changes.0.push(format!("env {name} changed")),
            _ => {}
        }
    }
    let names: BTreeSet<&String> = old.secrets.keys().chain(new.secrets.keys()).collect();
    for name in names {
        match (old.secrets.get(name), new.secrets.get(name)) {
            (None, _) => changes.0.push(format!("secret {name} added")),
            (_, None) => changes.0.push(format!("secret {name} removed")),
            (before, after) if before != after => {
                changes
                    .0
                    .push(format!("secret {name} comes from elsewhere"));
            }
            _ => {}
        }
    }
    changes.0
}

/// What only says how it is cared for.
fn care_changes(old: &Service, new: &Service) -> Vec<String> {
    let mut changes = Changes::default();
    changes.note("category", &old.category, &new.category);
    let success = |service: &Service| {
        let codes: Vec<String> = service.success.iter().map(u8::to_string).collect();
        match (service.kind, codes.is_empty()) {
            (Kind::Daemon, true) => "none".to_owned(),
            (Kind::Daemon, false) => codes.join(", "),
            (Kind::Oneshot, true) => "0".to_owned(),
            (Kind::Oneshot, false) => format!("0, {}", codes.join(", ")),
        }
    };
    changes.note("success", &success(old), &success(new));
    let schedule = |service: &Service| match &service.schedule {
        Some(schedule) => schedule.to_string(),
        None => "none".to_owned(),
    };
    changes.note("schedule", &schedule(old), &schedule(new));
    let profiles = |service: &Service| or_none(&service.profiles.join(", "));
    changes.note("profiles", &profiles(old), &profiles(new));
    let route = |service: &Service| match service.route.is_default() {
        true => "none".to_owned(),
        false => service.route.to_string(),
    };
    changes.note("route", &route(old), &route(new));
    changes.note("replicas", &old.replicas, &new.replicas);
    let most = |service: &Service| match service.max_replicas {
        Some(most) => most.to_string(),
        None => "none".to_owned(),
    };
    changes.note("max_replicas", &most(old), &most(new));
    needs(&old.needs, &new.needs, &mut changes);
    changes.note(
        "health",
        &probe(old.health.as_ref()),
        &probe(new.health.as_ref()),
    );
    changes.note(
        "startup",
        &probe(old.startup.as_ref()),
        &probe(new.startup.as_ref()),
    );
    let always = |service: &Service| match service.ready_always {
        true => "always",
        false => "until it passes",
    };
    changes.note("ready asked", &always(old), &always(new));
    // Where health stands in for readiness, it is one change and not two.
    if old.ready != old.health || new.ready != new.health {
        changes.note(
            "ready",
            &probe(old.ready.as_ref()),
            &probe(new.ready.as_ref()),
        );
    }
    let within = |service: &Service| {
        let longer = match service.ready_as_check {
            true => ", or as long as its check takes",
            false => "",
        };
        let ready = service.ready.as_ref();
        ready.map(|_| format!("{}{longer}", words(service.ready_within)))
    };
    if let (Some(before), Some(after)) = (within(old), within(new)) {
        changes.note("ready within", &before, &after);
    }
    let ladder = |service: &Service| {
        service
            .heal
            .ladder
            .iter()
            .map(rung)
            .collect::<Vec<_>>()
            .join(", ")
    };
    changes.note("heal ladder", &ladder(old), &ladder(new));
    let budget = |service: &Service| {
        format!(
            "{} per {}",
            service.heal.budget.count,
            words(service.heal.budget.per)
        )
    };
    let circuit = |service: &Service| match service.heal.circuit {
        Some(limit) => format!("after {limit} failures"),
        None => "none".to_owned(),
    };
    changes.note("heal circuit", &circuit(old), &circuit(new));
    changes.note(
        "heal settle",
        &words(old.heal.settle),
        &words(new.heal.settle),
    );
    changes.note("heal budget", &budget(old), &budget(new));
    let backoff = |service: &Service| {
        let steps: Vec<String> = service
            .heal
            .backoff
            .steps
            .iter()
            .copied()
            .map(words)
            .collect();
        format!(
            "{}, forgotten after {}",
            steps.join(" "),
            words(service.heal.backoff.reset_after)
        )
    };
    changes.note("heal backoff", &backoff(old), &backoff(new));
    changes.note("healing", &on(old.heal.enabled), &on(new.heal.enabled));
    let stop = |service: &Service| {
        let command = service.stop.command.as_ref();
        format!(
            "{}{} and {}",
            command.map_or_else(String::new, |run| format!("{run}, then ")),
            match service.stop.signal {
                Some(signal) => format!("SIG{signal:?}").to_uppercase(),
                None => "its image's signal".to_owned(),
            },
            words(service.stop.grace)
        )
    };
    changes.note("stop", &stop(old), &stop(new));
    let hook = |hook: &Option<Hook>| match hook {
        Some(hook) => format!("{} within {}", hook.run, words(hook.timeout)),
        None => "none".to_owned(),
    };
    changes.note(
        "before_start",
        &hook(&old.before_start),
        &hook(&new.before_start),
    );
    changes.note(
        "after_ready",
        &hook(&old.after_ready),
        &hook(&new.after_ready),
    );
    let keep = |service: &Service| service.log.keep.map_or("all".into(), amount::size);
    if old.log != new.log {
        let text = format!(
            "log keep: {} → {} (from its next start on)",
            keep(old),
            keep(new)
        );
        changes.0.push(text);
    }
    changes.note("protection", &on(old.protected), &on(new.protected));
    let exact = |service: &Service| match (service.port, service.port_exact) {
        (Some(port), true) => format!("{port} and no other"),
        _ => "any that is free".to_owned(),
    };
    if old.port_exact != new.port_exact {
        changes.note("port", &exact(old), &exact(new));
    }
    changes.note("watch", &watch(old), &watch(new));
    changes.0
}

#[derive(Default)]
struct Changes(Vec<String>);

impl Changes {
    fn note(
        &mut self,
        what: &str,
        old: &(impl std::fmt::Display + PartialEq),
        new: &(impl std::fmt::Display + PartialEq),
    ) {
        let (old, new) = (old.to_string(), new.to_string());
        if old != new {
            self.0.push(format!("{what}: {old} → {new}"));
        }
    }
}

fn needs(old: &[Need], new: &[Need], changes: &mut Changes) {
    fn by_name(needs: &[Need]) -> BTreeMap<&ServiceName, &Need> {
        needs.iter().map(|need| (&need.service, need)).collect()
    }
    let (old, new) = (by_name(old), by_name(new));
    for name in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
        match (old.get(name), new.get(name)) {
            (None, Some(need)) if need.terms() != Terms::default() => {
                changes.0.push(format!("needs {name} {}", need.terms()));
            }
            (None, _) => changes.0.push(format!("needs {name}")),
            (_, None) => changes.0.push(format!("no longer needs {name}")),
            (Some(before), Some(after)) => {
                changes.note(&format!("needs {name}"), &before.terms(), &after.terms());
                if before.restart != after.restart {
                    let now = match after.restart {
                        true => "now restarts",
                        false => "no longer restarts",
                    };
                    changes.0.push(format!("{now} with {name}"));
                }
            }
        }
    }
}

fn probe(probe: Option<&Probe>) -> String {
    let Some(probe) = probe else {
        return "none".into();
    };
    // The daemon's word has no times of ours.
    if probe.target.told() || probe.target == ProbeTarget::Check {
        return probe.to_string();
    }
    let slow = probe
        .degraded_above
        .map(|above| format!(", slow above {}", words(above)))
        .unwrap_or_default();
    let errors = probe
        .degraded_errors
        .map(|most| format!(", errs above {} %", f64::from(most) / 10.0))
        .unwrap_or_default();
    format!(
        "{probe}, timeout {}, {} to fail, {} to pass{slow}{errors}",
        words(probe.timeout),
        probe.fail,
        probe.pass
    )
}

fn port(port: Option<u16>) -> String {
    match port {
        None => "none".into(),
        Some(0) => "any".into(),
        Some(port) => port.to_string(),
    }
}

fn watch(service: &Service) -> String {
    match &service.watch {
        None => "none".into(),
        Some(watch) => {
            let ignored = if watch.gitignore {
                ""
            } else {
                ", .gitignore aside"
            };
            format!(
                "{} after {}{ignored}",
                watch.paths.join(" "),
                words(watch.debounce)
            )
        }
    }
}

fn or_none(text: &str) -> String {
    if text.is_empty() {
        "none".into()
    } else {
        text.into()
    }
}

fn on(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

/// "restart", "5 times restart after 0s, 1s".
fn rung(rung: &crate::Rung) -> String {
    let mut said = match rung.times {
        Some(times) => format!("{times} times {}", rung.remedy.as_str()),
        None => rung.remedy.as_str().to_owned(),
    };
    if !rung.after.is_empty() {
        let waits: Vec<String> = rung.after.iter().map(|wait| words(*wait)).collect();
        said.push_str(&format!(" after {}", waits.join("/")));
    }
    said
}

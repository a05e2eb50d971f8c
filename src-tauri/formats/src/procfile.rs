//! A `Procfile`: `name: command` on each line, as foreman, overmind and honcho read it.

use crate::draft::{Draft, list, text};
use crate::foreman::{ENV, FOREMAN, OVERMIND, Told};
use crate::{Imported, Note, Others, names};
use spec::{Found, Problem, Problems, Span, limits, quoted};
use std::collections::BTreeMap;
use std::time::Duration;

/// What is looked at besides.
pub(crate) const BESIDE: [&str; 3] = [ENV, OVERMIND, FOREMAN];

/// What stop signals a definition has.
const SIGNALS: [&str; 7] = ["TERM", "INT", "QUIT", "HUP", "USR1", "USR2", "KILL"];

/// A line of it.
#[derive(Debug)]
struct Entry<'t> {
    /// As the file names it.
    name: &'t str,
    /// As a service.
    service: String,
    command: &'t str,
    line: usize,
    name_span: Span,
    command_span: Span,
}

pub(crate) fn read(
    label: &str,
    source: &str,
    beside: &BTreeMap<String, Found>,
    others: Option<&Others>,
    problems: &mut Problems,
) -> Imported {
    let mut draft = Draft::default();
    let mut told = Told::read(beside);
    let mut entries = entries(label, source, &mut draft, problems);
    if let Some(others) = others {
        stand_beside(others, label, &mut entries, &mut told, &mut draft);
    }
    told.apart = others.is_some();
    for (file, line, what) in &told.strange {
        let says = format!("{what} is not understood, and is passed over");
        draft.note(note(file, *line, says));
    }
    unknown(label, &told, &entries, &mut draft);
    if !entries.is_empty() && !entries.iter().any(|entry| runs(entry, &told)) {
        problems.add(|| {
            let first = entries[0].name_span.clone();
            Problem::new(first, "no process is wanted", "the first that is left out").help(
                "the formation wants none of any process, or all are ignored: see .foreman, .overmind.env and .env",
            )
        });
    }
    for entry in &entries {
        let count = told.count(entry.name);
        if count > limits::MAX_REPLICAS {
            problems.add(|| {
                let message = format!("{count} of {} are wanted", quoted(entry.name));
                Problem::new(entry.name_span.clone(), message, "by the formation").help(format!(
                    "at most {} of a process; see .foreman, .overmind.env and .env",
                    limits::MAX_REPLICAS
                ))
            });
        }
    }
    write(label, &entries, &told, beside, &mut draft);
    draft.done()
}

/// Gives what the other files have to none of these: a name that is taken has a number, and ports begin higher.
fn stand_beside(
    others: &Others,
    label: &str,
    entries: &mut [Entry<'_>],
    told: &mut Told,
    draft: &mut Draft,
) {
    for at in 0..entries.len() {
        let name = entries[at].service.clone();
        let Some(place) = others.service(&name) else {
            continue;
        };
        let free = |made: &String| {
            let mut own = entries.iter();
            others.service(made).is_none() && own.all(|entry| entry.service != *made)
        };
        let mut numbered = (2..).map(|number| names::numbered(&name, number));
        // There are fewer names than numbers.
        let made = numbered.find(free).unwrap_or_default();
        let says = format!("{name} is called {made} here: {place} has a {name} as well");
        draft.note(note(label, entries[at].line, says));
        entries[at].service = made;
    }
    let ports = (0..entries.len()).filter_map(|index| told.port_for(index));
    let ports: Vec<u16> = ports.collect();
    let more = others.apart(ports.iter().copied());
    if more > 0 {
        let (port, before) = (told.port + more, told.port);
        let says = format!("ports begin at {port}, because those from {before} on are taken");
        draft.note(note(label, 1, says));
        told.port = port;
    }
}

/// Names that are told something and stand in no line.
fn unknown(label: &str, told: &Told, entries: &[Entry<'_>], draft: &mut Draft) {
    let named = told.formation.keys().filter(|name| *name != "all");
    let named = named.chain(&told.can_die).chain(&told.ignored);
    for name in named.chain(told.signals.keys()) {
        if !entries.iter().any(|entry| entry.name == name) {
            let says = format!(
                "{} is named beside this file and is no process of it",
                quoted(name)
            );
            draft.note(note(label, 1, says));
        }
    }
}

fn note(file: &str, line: usize, says: impl Into<String>) -> Note {
    Note {
        file: file.to_owned(),
        line,
        says: says.into(),
    }
}

fn entries<'t>(
    label: &str,
    source: &'t str,
    draft: &mut Draft,
    problems: &mut Problems,
) -> Vec<Entry<'t>> {
    const FORM: &str = "a line is NAME: COMMAND, as in web: node server.js";
    let mut entries: Vec<Entry<'t>> = Vec::new();
    let mut at = 0;
    for (index, whole) in source.split('\n').enumerate() {
        let (start, line) = (at, whole.strip_suffix('\r').unwrap_or(whole));
        at += whole.len() + 1;
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        let part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let Some((name, command)) = line
            .split_once(':')
            .filter(|(name, _)| !name.is_empty() && name.chars().all(part))
        else {
            // All programs that read this format pass over such a line.
            let says = format!("{} is passed over: {FORM}", quoted(line));
            draft.note(note(label, index + 1, says));
            continue;
        };
        let name_span = start..start + name.len();
        if command.trim().is_empty() {
            problems.add(|| {
                let message = format!("{} has no command", quoted(name));
                Problem::new(name_span.clone(), message, "nothing follows").help(FORM)
            });
            continue;
        }
        if entries.len() == limits::MAX_SERVICES {
            problems.add(|| {
                let message = format!("more than {} processes", limits::MAX_SERVICES);
                Problem::new(name_span.clone(), message, "no further ones")
                    .help("run the others from a folder of their own")
            });
            break;
        }
        let blanks = command.len() - command.trim_start().len();
        let command_start = start + name.len() + 1 + blanks;
        let service = names::service(name);
        if let Some(other) = entries.iter().find(|other| other.service == service) {
            problems.add(|| {
                let message = match other.name == name {
                    true => format!("{} is there twice", quoted(name)),
                    false => format!(
                        "{} and {} are both {service} as names of services",
                        quoted(other.name),
                        quoted(name)
                    ),
                };
                Problem::new(name_span.clone(), message, "the second one")
                    .and(other.name_span.clone(), "the first one")
                    .help("give one of them another name")
            });
            continue;
        }
        entries.push(Entry {
            name,
            service,
            command: command.trim(),
            line: index + 1,
            name_span,
            command_span: command_start..start + line.trim_end().len(),
        });
    }
    if entries.is_empty() && problems.is_empty() {
        problems.add(|| Problem::new(0..0, "no process is defined", "in all of it").help(FORM));
    }
    entries
}

fn write(
    label: &str,
    entries: &[Entry<'_>],
    told: &Told,
    beside: &BTreeMap<String, Found>,
    draft: &mut Draft,
) {
    let nowhere = 0..0;
    draft.comment(
        &format!(
            "What {} says, as a definition of Azora: a service for each of its lines.",
            base(label)
        ),
        &nowhere,
    );
    let all = Common::of(entries, told, beside);
    if !told.apart {
        draft.blank();
        draft.table("cluster", &nowhere);
        draft.key("env_files", &all.env_files, &nowhere);
        if told.grace.is_some() || told.overmind {
            draft.blank();
            draft.table("cluster.defaults", &nowhere);
            if let Some(stop) = stop(None, told.grace) {
                draft.key("stop", stop, &nowhere);
            }
            all.env(&nowhere, draft);
        }
    }
    let release = entries
        .iter()
        .find(|entry| entry.name == "release" && runs(entry, told));
    for (index, entry) in entries.iter().enumerate() {
        draft.blank();
        if !runs(entry, told) {
            let why = match told.ignored.contains(entry.name) {
                true => "OVERMIND_IGNORED_PROCESSES names it",
                false => "none of it is wanted by the formation",
            };
            let says = format!("{}: {} is left out: {why}", entry.line, entry.name);
            draft.comment(&format!("{}:{says}", base(label)), &entry.name_span);
            draft.note(note(
                label,
                entry.line,
                format!("{} is left out: {why}", entry.name),
            ));
            continue;
        }
        draft.comment(&format!("{}:{}", base(label), entry.line), &entry.name_span);
        draft.table(&format!("service.{}", entry.service), &entry.name_span);
        draft.key(
            "run",
            text(&spec::literal(entry.command)),
            &entry.command_span,
        );
        service(label, index, entry, told, release, &all, draft);
    }
}

/// What holds for all processes.
struct Common {
    env_files: String,
    env: Option<String>,
}

impl Common {
    fn of(entries: &[Entry<'_>], told: &Told, beside: &BTreeMap<String, Found>) -> Self {
        let ports = entries.iter().filter(|entry| runs(entry, told));
        let ports = ports.map(|entry| {
            let name = entry.name.replace('-', "_");
            format!(
                "OVERMIND_PROCESS_{name}_PORT = {}",
                text(&format!("${{{}.port}}", entry.service))
            )
        });
        let ports: Vec<String> = ports.collect();
        Self {
            env_files: env_files(told, beside),
            // Overmind tells every process the ports of all.
            env: told.overmind.then(|| format!("{{ {} }}", ports.join(", "))),
        }
    }

    fn env(&self, from: &Span, draft: &mut Draft) {
        if let Some(env) = &self.env {
            draft.key("env", env, from);
        }
    }
}

fn service(
    label: &str,
    index: usize,
    entry: &Entry<'_>,
    told: &Told,
    release: Option<&Entry<'_>>,
    all: &Common,
    draft: &mut Draft,
) {
    let from = &entry.name_span;
    if told.apart {
        draft.key("env_files", &all.env_files, from);
        all.env(from, draft);
    }
    let first = release.filter(|release| release.service != entry.service);
    if release.is_some() && first.is_none() {
        draft.key("kind", text("oneshot"), from);
        // What has done half of a migration is not begun again by itself.
        draft.key("heal", "{ ladder = [\"quarantine\"] }", from);
        let says = "release runs once before all others, as it does where a Procfile is deployed; when it fails, \
                    nothing is started and it is not tried again by itself";
        draft.note(note(label, entry.line, says));
    } else if told.can_die.contains(entry.name) {
        draft.key("kind", text("oneshot"), from);
        let says = format!(
            "{} may end by itself (OVERMIND_CAN_DIE): it is a oneshot, and is not started again",
            entry.name
        );
        draft.note(note(label, entry.line, says));
    }
    if let Some(release) = first {
        draft.key("needs", list([text(&release.service)]), from);
    }
    match told.port_for(index) {
        Some(port) => draft.key("port", port, from),
        None => {
            draft.key("port", 0, from);
            let says = format!(
                "{} would have a port beyond 65535: any free one",
                entry.name
            );
            draft.note(note(label, entry.line, says));
        }
    }
    let count = told.count(entry.name);
    let once = (release.is_some() && first.is_none()) || told.can_die.contains(entry.name);
    if count > 1 && once {
        let says = format!("{} runs once, and not {count} times at a time", entry.name);
        draft.note(note(label, entry.line, says));
    } else if count > 1 {
        draft.key("replicas", count, from);
    }
    let signal = told.signals.get(entry.name).map(String::as_str);
    let known = signal.filter(|signal| SIGNALS.contains(signal));
    if let Some(stop) = stop(known, told.grace.filter(|_| told.apart)) {
        draft.key("stop", stop, from);
    }
    if let Some(signal) = signal.filter(|_| known.is_none()) {
        let says = format!(
            "{} is not stopped by SIG{signal} but by SIGTERM: a stop signal is one of {}",
            entry.name,
            SIGNALS.join(", ")
        );
        draft.note(note(label, entry.line, says));
    }
}

/// How something is stopped, where that is said.
fn stop(signal: Option<&str>, grace: Option<Duration>) -> Option<String> {
    let signal = signal.map(|signal| format!("signal = {}", text(signal)));
    let grace = grace.map(|grace| format!("grace = {}", text(&format!("{}s", grace.as_secs()))));
    let keys: Vec<String> = signal.into_iter().chain(grace).collect();
    (!keys.is_empty()).then(|| format!("{{ {} }}", keys.join(", ")))
}

/// The file's own name: what is written does not depend on where it was asked for.
fn base(label: &str) -> &str {
    label.rsplit('/').next().unwrap_or(label)
}

fn runs(entry: &Entry<'_>, told: &Told) -> bool {
    !told.ignored.contains(entry.name) && told.count(entry.name) > 0
}

/// The env files that the programs which run a `Procfile` read, and no others.
fn env_files(told: &Told, beside: &BTreeMap<String, Found>) -> String {
    let optional = |path: &str| format!("{{ file = {}, optional = true }}", text(path));
    if !told.env_files.is_empty() {
        return list(told.env_files.iter().map(|path| optional(path)));
    }
    let overmind = matches!(beside.get(OVERMIND), Some(Found::Bytes(_)));
    let own = overmind.then(|| optional(OVERMIND));
    list(own.into_iter().chain([optional(ENV)]))
}

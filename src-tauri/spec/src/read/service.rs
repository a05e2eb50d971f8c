//! One `[service.name]` table, and `[cluster.defaults]`.

use super::container::{check_probe, check_takes};
use super::keys::{DEFAULTS, SERVICE};
use super::other_words::means_run;
use super::{Draft, Reader};
use crate::cluster::{Probe, ProbeTarget, Run, Service, Template};
use crate::document::{Entry, Table, Value, ValueKind};
use crate::ends::Kind;
use crate::limits::{MAX_ARGS, MAX_CATEGORY, MAX_CODES, MAX_PROFILES};
use crate::problem::{Problem, Span, quoted};
use crate::run::{self, Line};
use crate::template::{self, Piece};
use model::ServiceName;
use std::collections::BTreeSet;

/// The category of services that name none.
const CATEGORY: &str = "services";
const RUN_EXAMPLE: &str = "run = \"node server.js\"";

/// `[cluster.defaults]` as it stands. It is read anew for each service, because a default means
/// something else for each (`${self.port}`); what is wrong with it is still said only once.
#[derive(Default)]
pub(super) struct Defaults<'v> {
    category: Option<&'v Entry>,
    env: Option<&'v Entry>,
    secrets: Option<&'v Entry>,
    pub(super) health: Option<&'v Entry>,
    heal: Option<&'v Entry>,
    stop: Option<&'v Entry>,
    limits: Option<&'v Entry>,
    log: Option<&'v Entry>,
}

impl Reader<'_> {
    pub(super) fn defaults<'v>(&mut self, value: &'v Value) -> Defaults<'v> {
        let Some(table) = self.table(
            value,
            "`defaults`",
            "write [cluster.defaults] and below it health = { http = \"/health\" }",
        ) else {
            return Defaults::default();
        };
        self.known_keys(table, &DEFAULTS);
        Defaults {
            category: table.get("category"),
            env: table.get("env"),
            secrets: table.get("secrets"),
            health: table.get("health"),
            heal: table.get("heal"),
            stop: table.get("stop"),
            limits: table.get("limits"),
            log: table.get("log"),
        }
    }

    pub(super) fn service(
        &mut self,
        own: &ServiceName,
        name: &Span,
        table: &Table,
        defaults: &Defaults,
    ) -> Draft {
        self.known_keys(table, &SERVICE);
        let kind = self.kind(table);
        let mut runs = self.runs(own, name, table);
        let contained = runs.container().is_some();
        match contained {
            true => self.only_of_processes(table),
            false => self.only_of_containers(table),
        }
        let (needs, need_places) = self.needs(own, table);
        let replicas = self.replicas(table, kind);
        let max_replicas = self.max_replicas(table, kind, replicas);
        let most = max_replicas.unwrap_or(replicas);
        let port_entry = table.get("port");
        let declared = port_entry.and_then(|entry| self.port(entry, most, shares(table)));
        let listen = match contained {
            true => None,
            false => self.listen(table, kind),
        };
        let has_port = match runs.container() {
            Some(container) => container.port.is_some(),
            None => listen.is_some() || uses_own_port(table),
        };
        let port = declared
            .map(|port| port.number)
            .or_else(|| has_port.then_some(0));
        let layers = [
            [defaults.env, defaults.secrets],
            [table.get("env"), table.get("secrets")],
        ];
        let environment = self.environment(own, layers, port.is_some(), contained);
        let port_unclear = port_entry.is_some() && declared.is_none();
        let startup = match table.get("startup") {
            Some(entry) if kind == Kind::Oneshot => self.no_probe(entry),
            Some(entry) => self.startup(own, entry),
            None => None,
        };
        let (ready, ready_always) = match table.get("ready") {
            Some(entry) if kind == Kind::Oneshot => (self.no_probe(entry), false),
            Some(entry) => self.ready(own, entry),
            None => (None, false),
        };
        let health = match table.get("health") {
            Some(entry) if kind == Kind::Oneshot => self.no_probe(entry),
            entry => {
                let has_port = port.is_some() || port_unclear;
                self.health(own, entry, defaults, kind, (has_port, contained))
            }
        };
        if listen.is_some() {
            let probes = [&startup, &ready, &health].map(Option::as_ref);
            self.listening_probes(table, defaults, probes);
        }
        let asks_nothing = table.get("ready").is_none() && table.get("health").is_none();
        let (ready, health) = match runs.container() {
            Some(container) if asks_nothing && health.is_none() => {
                let check = check_probe(kind, container);
                (check.clone(), check)
            }
            _ => (ready, health),
        };
        let takes = runs.container().map(check_takes);
        let asked = [&startup, &ready, &health].map(Option::as_ref);
        let checks = |probe: &Probe| probe.target == ProbeTarget::Check;
        let takes = takes.filter(|_| asked.into_iter().flatten().any(checks));
        let checked = takes.is_some();
        let (ready_within, given) = self.ready_within(table, defaults, takes.unwrap_or_default());
        let stop = self.stop(own, table.get("stop"), defaults.stop, &mut runs);
        let mut service = Service {
            kind,
            runs,
            cwd: match contained {
                true => None,
                false => self.optional_text(table, "cwd", "cwd = \"backend\""),
            }
            .unwrap_or_default(),
            env: environment.env,
            secrets: environment.secrets,
            lines: environment.lines,
            env_files: self.env_files(table.get("env_files"), false),
            before_start: table
                .get("before_start")
                .and_then(|entry| self.hook(own, entry)),
            after_ready: match table.get("after_ready") {
                Some(entry) if kind == Kind::Oneshot => self.never_ready(entry),
                entry => entry.and_then(|entry| self.hook(own, entry)),
            },
            user: match contained {
                true => self.said(table, "user", "postgres"),
                false => table.get("user").and_then(|entry| self.user(&entry.value)),
            },
            category: self.category(table.get("category").or(defaults.category)),
            success: self.success(table.get("success"), kind),
            schedule: table
                .get("schedule")
                .and_then(|entry| self.schedule(entry, kind)),
            profiles: self.profiles(table.get("profiles")),
            port,
            port_exact: declared.is_some_and(|port| port.exact),
            listen,
            tty: table
                .get("tty")
                .filter(|_| !contained)
                .and_then(|entry| self.flag(&entry.value, "`tty`"))
                .unwrap_or(false),
            needs,
            replicas,
            max_replicas,
            startup,
            ready: ready.or_else(|| health.clone()),
            ready_always,
            ready_within,
            ready_as_check: checked && !given,
            health,
            heal: self.heal(table.get("heal"), defaults.heal),
            stop,
            limits: self.limits(table.get("limits"), defaults.limits),
            log: self.log(table.get("log"), defaults.log),
            protected: table
                .get("protected")
                .and_then(|entry| self.flag(&entry.value, "`protected`"))
                .unwrap_or(false),
            watch: table.get("watch").and_then(|entry| self.watch(entry)),
            route: self.route(table.get("route")),
        };
        self.port_inside(table, &mut service);
        self.alone(most, table, &service);
        if let Some(entry) = table.get("max_replicas") {
            self.load_is_seen(entry, &service);
        }
        Draft {
            service,
            name: name.clone(),
            needs: need_places,
            port: port_entry.map(|entry| entry.value.span.clone()),
            port_unclear,
        }
    }

    fn kind(&mut self, table: &Table) -> Kind {
        let kinds = [("daemon", Kind::Daemon), ("oneshot", Kind::Oneshot)];
        table
            .get("kind")
            .and_then(|entry| self.word(&entry.value, "`kind`", &kinds))
            .unwrap_or(Kind::Daemon)
    }

    pub(super) fn service_run(
        &mut self,
        own: &ServiceName,
        name: &Span,
        table: &Table,
    ) -> Option<Run> {
        let Some(entry) = table.get("run") else {
            // `command = …` was already said to be called `run` here.
            if !table.entries.iter().any(|entry| means_run(&entry.key.name)) {
                self.problems.add(|| {
                    Problem::new(
                        name.clone(),
                        format!("service `{own}` has no `run`"),
                        "what is to be executed?",
                    )
                    .help(format!(
                        "add {RUN_EXAMPLE}, or for a container image = \"postgres:16\""
                    ))
                });
            }
            return None;
        };
        self.run(own, &entry.value, "`run`")
    }

    /// Reads a command: a line, or a list taken verbatim.
    pub(super) fn run(&mut self, own: &ServiceName, value: &Value, key: &str) -> Option<Run> {
        let word = key.rsplit(' ').next_back().unwrap_or(key).trim_matches('`');
        let (program, argument) = match word {
            "exec" => ("pg_isready", "-q"),
            _ => ("node", "server.js"),
        };
        let example = format!("{word} = \"{program} {argument}\"");
        let items = match &value.kind {
            ValueKind::Text(_) => {
                let text = self.text(value, key, &example)?;
                self.references(own, text, &value.span);
                let line = text.trim();
                match run::line(line) {
                    Line::OpenQuote(at) => {
                        let at = at + text.len() - text.trim_start().len();
                        let quote = self.written(&value.span, text).part(&(at..at + 1));
                        self.refuse(
                            &quote,
                            format!("a quote in {key} is not closed"),
                            "opened here",
                            "close it, or write \\\\ before it if it is meant as itself",
                        );
                        return None;
                    }
                    Line::Words(words) if words.first().is_none_or(String::is_empty) => {
                        self.refuse(
                            &value.span,
                            format!("{key} names no program"),
                            "the first word is empty",
                            &example,
                        );
                        return None;
                    }
                    _ => {}
                }
                return Some(run::command(line, own));
            }
            ValueKind::Array(items) => items,
            _ => {
                self.wrong(
                    key,
                    value,
                    "a command line or a list of words",
                    &format!("write it like this: {example}"),
                );
                return None;
            }
        };
        if items.is_empty() {
            self.refuse(
                &value.span,
                format!("{key} is an empty list"),
                "no program in here",
                &format!(
                    "name the program and its arguments: {word} = [\"{program}\", \"{argument}\"]"
                ),
            );
            return None;
        }
        self.list(value, key, MAX_ARGS, &example)?;
        let each = |(index, item): (usize, &Value)| -> Option<Template> {
            match &item.kind {
                // Empty arguments are allowed, an empty program is not.
                ValueKind::Text(text) if index > 0 => self
                    .harmless(text, &item.span, key)
                    .then(|| self.template(own, text, &item.span)),
                _ => {
                    let text = self.text(
                        item,
                        &format!("a word of {key}"),
                        &format!("[\"{program}\", \"{argument}\"]"),
                    )?;
                    Some(self.template(own, text, &item.span))
                }
            }
        };
        let words: Vec<Option<Template>> = items.iter().enumerate().map(each).collect();
        words.into_iter().collect::<Option<_>>().map(Run::Direct)
    }

    fn no_probe<T>(&mut self, entry: &Entry) -> Option<T> {
        if entry.value_is_false() {
            return None;
        }
        self.refuse(&entry.key.span, format!("a oneshot has no `{}`", entry.key.name), "asked of a service that ends by itself",
            "remove it: a oneshot is complete when it exits with 0, and only then are its dependents started");
        None
    }

    fn category(&mut self, entry: Option<&Entry>) -> String {
        let found = entry.and_then(|entry| {
            let text = self.text(&entry.value, "`category`", "category = \"data\"")?;
            let shown = text.trim();
            if shown.len() > MAX_CATEGORY || shown.contains(char::is_control) {
                self.refuse(
                    &entry.value.span,
                    "`category` is not a short text".into(),
                    "too long, or with control characters",
                    &format!("at most {MAX_CATEGORY} bytes in one line"),
                );
            }
            Some(shown.to_owned())
        });
        found.unwrap_or_else(|| CATEGORY.to_owned())
    }

    /// Exit codes with which it has done its work. That a daemon has the key says that it may end.
    fn success(&mut self, entry: Option<&Entry>, kind: Kind) -> BTreeSet<u8> {
        const EXAMPLE: &str = "success = [0, 3]";
        let Some(entry) = entry else {
            return BTreeSet::new();
        };
        let items = self.list(&entry.value, "`success`", MAX_CODES, EXAMPLE);
        let help = format!("exit codes are 0 to 255: {EXAMPLE}");
        let codes = items.unwrap_or_default().iter();
        let named = codes.filter_map(|item| self.number(item, "an exit code", 0..=u8::MAX, &help));
        let named = named.filter(|code| *code != 0);
        // Of a oneshot it goes without saying.
        let always = (kind == Kind::Daemon).then_some(0);
        always.into_iter().chain(named).collect()
    }

    /// Names of profiles, as short as those of services.
    fn profiles(&mut self, entry: Option<&Entry>) -> Vec<String> {
        const EXAMPLE: &str = "profiles = [\"debug\"]";
        let Some(entry) = entry else {
            return Vec::new();
        };
        let items = self.list(&entry.value, "`profiles`", MAX_PROFILES, EXAMPLE);
        let mut profiles: Vec<String> = Vec::new();
        for item in items.unwrap_or_default() {
            let Some(text) = self.text(item, "an entry of `profiles`", "\"debug\"") else {
                continue;
            };
            let plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
            let first = text.starts_with(|c: char| c.is_ascii_alphanumeric());
            if !first || text.len() > MAX_CATEGORY || !text.chars().all(plain) {
                self.refuse(
                    &item.span,
                    format!("{} is not a name for a profile", quoted(text)),
                    "not allowed",
                    "letters, digits, hyphens, dots and _, beginning with a letter or digit: \"debug\"",
                );
            } else if !profiles.iter().any(|one| one == text) {
                profiles.push(text.to_owned());
            }
        }
        profiles
    }

    fn optional_text(&mut self, table: &Table, key: &str, example: &str) -> Option<String> {
        let entry = table.get(key)?;
        self.text(&entry.value, &format!("`{key}`"), example)
            .map(str::to_owned)
    }

    /// A user name as `useradd` takes it, or a uid.
    fn user(&mut self, value: &Value) -> Option<String> {
        let text = self.text(value, "`user`", "user = \"postgres\"")?;
        let uid = text.parse::<u32>().is_ok_and(|uid| uid < u32::MAX);
        let first = text.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
        let rest = text.trim_end_matches('$').chars();
        let name = first
            && text.len() <= 32
            && rest
                .into_iter()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-');
        if !uid && !name {
            self.refuse(&value.span, format!("{} is not a user", quoted(text)), "neither a name nor a uid",
                "a user is up to 32 lower-case letters, digits, - and _, like \"postgres\", or a uid like \"1000\"");
        }
        Some(text.to_owned())
    }
}

/// Whether all instances are to listen on one port.
fn shares(table: &Table) -> bool {
    table
        .get("listen")
        .is_some_and(|entry| matches!(&entry.value.kind, ValueKind::Text(word) if word == "shared"))
}

impl Entry {
    pub(super) fn value_is_false(&self) -> bool {
        matches!(self.value.kind, ValueKind::Boolean(false))
    }
}

/// Whether `run` or `env` use the service's own port, which gives it one.
fn uses_own_port(table: &Table) -> bool {
    fn of_self(text: &str) -> bool {
        template::pieces(text).iter().any(|piece| {
            matches!(piece, Piece::Reference { service, key, .. } if &text[service.clone()] == "self" && &text[key.clone()] != "host")
        })
    }
    fn texts(value: &Value) -> Vec<&str> {
        match &value.kind {
            ValueKind::Text(text) => vec![text],
            ValueKind::Array(items) => items.iter().flat_map(texts).collect(),
            ValueKind::Table(table) => table
                .entries
                .iter()
                .flat_map(|entry| texts(&entry.value))
                .collect(),
            _ => Vec::new(),
        }
    }
    let of = |key| {
        table
            .get(key)
            .map(|entry| texts(&entry.value))
            .unwrap_or_default()
    };
    of("run")
        .iter()
        .any(|text| of_self(text) || template::uses_port_variable(text))
        || of("env").iter().any(|text| of_self(text))
}

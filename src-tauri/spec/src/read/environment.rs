//! What a service finds in its environment and what runs beside its start: `env`, `env_files`,
//! `secrets`, `before_start` and `after_ready`.

use super::Reader;
use super::keys::{ENV_FILE, HOOK, SECRET};
use crate::cluster::{Hook, Run, Secret, Template};
use crate::document::{Entry, Value, ValueKind};
use crate::env_file::Line;
use crate::limits::{MAX_ENV, MAX_ENV_FILES};
use crate::problem::{Problem, Span, quoted};
use model::ServiceName;
use std::collections::BTreeMap;
use std::time::Duration;

/// The env files of a cluster that names none: what docker compose, foreman and vite read, too.
const USUAL: [&str; 2] = [".env", ".env.local"];
/// A hook that takes longer is stuck; a migration says so with a `timeout` of its own.
const HOOK_TIMEOUT: Duration = Duration::from_secs(60);
const HOOK_LONGEST: Duration = Duration::from_secs(3_600);

/// An env file the definition names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EnvFileWanted {
    pub(crate) path: String,
    /// It need not be there.
    pub(crate) optional: bool,
    pub(crate) span: Span,
}

/// The variables a definition gives a service.
#[derive(Default)]
pub(super) struct Environment {
    pub(super) env: BTreeMap<String, Template>,
    pub(super) secrets: BTreeMap<String, Secret>,
    pub(super) lines: BTreeMap<String, Line>,
}

/// Where each line of a text begins.
pub(super) fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0)
        .chain(text.match_indices('\n').map(|(at, _)| at + 1))
        .collect()
}

impl Reader<'_> {
    fn line(&self, span: &Span) -> Line {
        let line = self
            .line_starts
            .partition_point(|start| *start <= span.start);
        Line(u32::try_from(line).unwrap_or(u32::MAX))
    }

    /// Reads layers of `env` and `secrets`, the lowest first. A name is one or the other; a higher
    /// layer may change which.
    pub(super) fn environment(
        &mut self,
        own: &ServiceName,
        layers: [[Option<&Entry>; 2]; 2],
        has_port: bool,
        contained: bool,
    ) -> Environment {
        let mut all = Environment::default();
        for [env, secrets] in layers {
            let mut places = BTreeMap::new();
            for entry in self.variables(env, "`env`", "env = { LOG_LEVEL = \"info\" }") {
                self.env_name(&entry.key.name, &entry.key.span, has_port, contained);
                let Some(text) = self.env_value(&entry.key.name, &entry.value) else {
                    continue;
                };
                let name = entry.key.name.clone();
                places.insert(name.clone(), entry.key.span.clone());
                all.lines.insert(name.clone(), self.line(&entry.key.span));
                all.secrets.remove(&name);
                let template = self.template(own, &text, &entry.value.span);
                all.env.insert(name, template);
            }
            let example = "secrets = { TOKEN = { file = \"secrets/token\" } }";
            for entry in self.variables(secrets, "`secrets`", example) {
                self.env_name(&entry.key.name, &entry.key.span, has_port, contained);
                if let Some(first) = places.get(&entry.key.name) {
                    self.problems.add(|| {
                        Problem::new(
                            entry.key.span.clone(),
                            format!("{} is set twice", quoted(&entry.key.name)),
                            "as a secret here",
                        )
                        .and(first.clone(), "as a plain variable here")
                        .help("keep one of the two")
                    });
                    continue;
                }
                let Some(secret) = self.secret(own, entry) else {
                    continue;
                };
                let name = entry.key.name.clone();
                all.lines.insert(name.clone(), self.line(&entry.key.span));
                all.env.remove(&name);
                all.secrets.insert(name, secret);
            }
        }
        all
    }

    /// The entries of a table of variables, not too many of them.
    fn variables<'v>(&mut self, entry: Option<&'v Entry>, key: &str, example: &str) -> &'v [Entry] {
        let Some(entry) = entry else {
            return &[];
        };
        let Some(table) = self.table(&entry.value, key, &format!("write {example}")) else {
            return &[];
        };
        if let Some(over) = table.entries.get(MAX_ENV) {
            self.refuse(
                &over.key.span,
                format!("{key} has {} entries", table.entries.len()),
                "one too many",
                &format!("at most {MAX_ENV}; put them into a file the program reads"),
            );
            return &[];
        }
        &table.entries
    }

    /// The value of a variable; empty is a value here.
    fn env_value(&mut self, name: &str, value: &Value) -> Option<String> {
        match &value.kind {
            ValueKind::Text(text) if text.is_empty() => Some(String::new()),
            ValueKind::Text(text) => self
                .harmless(text, &value.span, &quoted(name))
                .then(|| text.clone()),
            _ => {
                self.text(value, &quoted(name), "LOG_LEVEL = \"info\"");
                None
            }
        }
    }

    fn env_name(&mut self, name: &str, span: &Span, has_port: bool, contained: bool) {
        // A shell takes fewer than a daemon does.
        let of_container = !name.is_empty() && !name.contains(['=', '\0']);
        let of_process = !name.is_empty()
            && !name.starts_with(|c: char| c.is_ascii_digit())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if contained && !of_container {
            self.refuse(
                span,
                format!("{} is not a name for a variable", quoted(name)),
                "not allowed",
                "a name is not empty and has no = in it",
            );
        } else if !contained && !of_process {
            self.refuse(
                span,
                format!("{} is not a name for a variable", quoted(name)),
                "not allowed",
                "letters, digits and _, not beginning with a digit: LOG_LEVEL",
            );
        } else if name.starts_with("AZORA_") {
            self.refuse(
                span,
                format!("{} is one of Azora's own variables", quoted(name)),
                "begins with AZORA_",
                "choose a name that does not begin with AZORA_",
            );
        } else if name == "PORT" && has_port && !contained {
            self.refuse(
                span,
                "PORT is set to the port the service is given".into(),
                "set a second time",
                "remove it; port = 8080 says which port is preferred",
            );
        }
    }

    fn secret(&mut self, own: &ServiceName, entry: &Entry) -> Option<Secret> {
        const FORM: &str =
            "write { file = \"secrets/token\" } or { command = \"pass show token\" }";
        let name = quoted(&entry.key.name);
        let ValueKind::Table(table) = &entry.value.kind else {
            if let ValueKind::Text(_) = entry.value.kind {
                // Nothing of what is written here is shown: it may be the secret itself.
                self.refuse(
                    &entry.key.span,
                    format!("the secret {name} stands in the definition"),
                    "its value is written out",
                    &format!("say where it is kept instead: {FORM}"),
                );
            } else {
                self.wrong(&name, &entry.value, "a table", FORM);
            }
            return None;
        };
        self.known_keys(table, &SECRET);
        match (table.get("file"), table.get("command")) {
            (Some(file), None) => self
                .text(&file.value, "`file`", "file = \"secrets/token\"")
                .map(|path| Secret::File(path.to_owned())),
            (None, Some(command)) => self
                .run(own, &command.value, "`command`")
                .map(Secret::Command),
            (None, None) => {
                self.refuse(
                    &entry.value.span,
                    format!("the secret {name} comes from nowhere"),
                    "neither `file` nor `command`",
                    FORM,
                );
                None
            }
            (Some(file), Some(command)) => {
                self.problems.add(|| {
                    Problem::new(
                        command.key.span.clone(),
                        format!("the secret {name} comes from two places"),
                        "a command here",
                    )
                    .and(file.key.span.clone(), "a file here")
                    .help("keep one of the two")
                });
                None
            }
        }
    }

    /// The env files that a table names; `usual` ones where it has no such key and may have them.
    pub(super) fn env_files(&mut self, entry: Option<&Entry>, usual: bool) -> Vec<String> {
        const EXAMPLE: &str = "env_files = [\".env\"]";
        let Some(entry) = entry else {
            let names = usual.then_some(USUAL).into_iter().flatten();
            for path in names.clone() {
                self.wanted.push(EnvFileWanted {
                    path: path.to_owned(),
                    optional: true,
                    span: 0..0,
                });
            }
            return names.map(str::to_owned).collect();
        };
        let Some(items) = self.list(&entry.value, "`env_files`", MAX_ENV_FILES, EXAMPLE) else {
            return Vec::new();
        };
        let mut files = Vec::new();
        for item in items {
            let (value, optional) = match &item.kind {
                ValueKind::Table(table) => {
                    self.known_keys(table, &ENV_FILE);
                    let Some(file) = table.get("file") else {
                        self.refuse(
                            &item.span,
                            "an entry of `env_files` names no file".into(),
                            "no `file` in here",
                            "write \".env\" or { file = \".env.local\", optional = true }",
                        );
                        continue;
                    };
                    let optional = table
                        .get("optional")
                        .and_then(|entry| self.flag(&entry.value, "`optional`"));
                    (&file.value, optional.unwrap_or(false))
                }
                _ => (item, false),
            };
            if let Some(path) = self.text(value, "an entry of `env_files`", "\".env\"") {
                files.push(path.to_owned());
                self.wanted.push(EnvFileWanted {
                    path: path.to_owned(),
                    optional,
                    span: value.span.clone(),
                });
            }
        }
        files
    }

    /// A command, or a table with one and how long it may take.
    pub(super) fn hook(&mut self, own: &ServiceName, entry: &Entry) -> Option<Hook> {
        let key = format!("`{}`", entry.key.name);
        let ValueKind::Table(table) = &entry.value.kind else {
            let run = self.run(own, &entry.value, &key)?;
            return Some(Hook {
                run,
                timeout: HOOK_TIMEOUT,
            });
        };
        self.known_keys(table, &HOOK);
        let run: Option<Run> = match table.get("run") {
            Some(run) => self.run(own, &run.value, &format!("`run` of {key}")),
            None => {
                self.refuse(
                    &entry.value.span,
                    format!("{key} has no `run`"),
                    "what is to be executed?",
                    &format!("write {} = \"npm run migrate\"", entry.key.name),
                );
                None
            }
        };
        let timeout = table.get("timeout").and_then(|entry| {
            let range = Duration::from_millis(1)..=HOOK_LONGEST;
            self.duration(&entry.value, "`timeout`", range)
        });
        Some(Hook {
            run: run?,
            timeout: timeout.unwrap_or(HOOK_TIMEOUT),
        })
    }

    pub(super) fn never_ready(&mut self, entry: &Entry) -> Option<Hook> {
        self.refuse(
            &entry.key.span,
            "a oneshot has no `after_ready`".into(),
            "it is never ready, it is completed",
            "put it behind the command: run = \"make && ./after\", or into a oneshot that needs it",
        );
        None
    }
}

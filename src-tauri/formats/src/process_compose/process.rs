//! One process as a service.

use super::command::{Terms, expands, uses_port};
use super::known::Known;
use super::{Project, base, environment, keys, variables};
use crate::draft::{self, Draft, list, text};
use crate::yaml::{Entry, Fields, Files, Place};
use spec::{Problem, Span};
use std::collections::BTreeMap;

/// What is told once.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) unhealed: bool,
}

/// One that is being written.
pub(super) struct Writer<'p, 'n> {
    pub(super) project: &'p Project<'n>,
    pub(super) fields: Fields<'n>,
    pub(super) all: &'p BTreeMap<String, Known>,
    pub(super) own: &'p Known,
    pub(super) terms: Terms,
    /// Where it stands in the file.
    pub(super) from: Span,
    pub(super) at: Place,
}

pub(super) fn write(
    project: &Project<'_>,
    entry: &Entry,
    all: &BTreeMap<String, Known>,
    said: &mut Said,
    files: &mut Files,
    draft: &mut Draft,
) {
    // A second one of the same name was refused.
    let Some(own) = all.get(&entry.key).filter(|own| own.at == entry.at) else {
        return;
    };
    let path = format!("processes.{}", entry.key);
    let Some(fields) = Fields::of(&entry.value, path, files) else {
        return;
    };
    let from = project.origin(entry.at, entry.at);
    let (_, line) = files.position(entry.at);
    let place = format!("{}:{line}", base(project.label));
    draft.blank();
    if let Some(why) = own.out {
        let says = format!("{} is left out: {why}", entry.key);
        draft.comment(&format!("{place}: {says}"), &from);
        return files.note(entry.at, says);
    }
    draft.comment(&place, &from);
    let mut writer = Writer {
        project,
        fields,
        all,
        own,
        terms: Terms::default(),
        from,
        at: entry.at,
    };
    writer.all(said, files, draft);
}

impl Writer<'_, '_> {
    fn all(&mut self, said: &mut Said, files: &mut Files, draft: &mut Draft) {
        let about = self.fields.text("description", files);
        self.read_terms(files);
        if let Some(about) = about {
            draft.comment(&about, &self.from);
        }
        draft.table(&format!("service.{}", self.own.service), &self.from);
        let env = self.variables(files);
        self.folder(files, draft);
        let port = self.run(&env, files, draft);
        self.kind(files, draft);
        self.schedule(files, draft);
        self.needs(files, draft);
        if let Some(port) = port {
            draft.key("port", port, &self.from);
        }
        self.environment(&env, port.is_some(), draft);
        let paths = self.fields.texts("env_file", files);
        let apart = self.project.apart.as_ref();
        if paths.is_some() || apart.is_some() {
            let paths = paths.unwrap_or_default();
            let all = apart.map(|common| common.env_file.clone()).into_iter();
            let all = all.chain(paths.iter().map(|path| text(path)));
            draft.key("env_files", list(all), &self.from);
        }
        if let Some(names) = self.fields.texts("namespace", files) {
            draft.key("category", text(&names.join(", ")), &self.from);
        }
        if self.own.disabled {
            draft.key("profiles", "[\"disabled\"]", &self.from);
        }
        if self.own.replicas > 1 && self.own.ends {
            files.note(
                self.at,
                format!(
                    "{} runs once, and not {} times at a time",
                    self.fields.path(),
                    self.own.replicas
                ),
            );
        } else if self.own.replicas > 1 {
            draft.key("replicas", self.own.replicas, &self.from);
        }
        self.probes(port, files, draft);
        self.availability(said, files, draft);
        self.shutdown(files, draft);
        if self.fields.boolean("is_tty", files) == Some(true) {
            draft.key("tty", true, &self.from);
        }
        self.watch(files, draft);
        for key in [
            "disabled",
            "is_disabled",
            "is_foreground",
            "replicas",
            "is_template_disabled",
        ] {
            let _ = self.fields.get(key);
        }
        self.project
            .rest(&self.fields, keys::PROCESS, keys::READ_PROCESS, files);
    }

    fn read_terms(&mut self, files: &mut Files) {
        let mut vars = self.project.vars.clone();
        vars.extend(variables(&mut self.fields, files));
        let plain = self.fields.boolean("is_template_disabled", files);
        self.terms = Terms {
            vars,
            plain: plain.unwrap_or(false),
            before: Vec::new(),
        };
    }

    pub(super) fn filled(&self, text: &str, files: &mut Files) -> String {
        self.terms.filled(text, self.at, files)
    }

    /// All its variables, those of the project included. Those whose values have variables in them are set by the
    /// shell.
    fn variables(&mut self, files: &mut Files) -> Vec<(String, String)> {
        let own = environment(&mut self.fields, files);
        let own: Vec<(String, String)> = own
            .into_iter()
            .map(|(name, value)| (name, self.filled(&value, files)))
            .collect();
        let common = self.project.environment.iter();
        let common = common.filter(|(name, _)| !own.iter().any(|(one, _)| one == name));
        for (name, value) in common.chain(&own) {
            if self.project.shell.sets(name, value) {
                let value = self.project.shell.quoted(value);
                self.terms.before.push(format!("export {name}={value}"));
            }
        }
        own
    }

    /// `working_dir`; one with variables in it is for the shell.
    fn folder(&mut self, files: &mut Files, draft: &mut Draft) {
        let Some(folder) = self.fields.text("working_dir", files) else {
            return;
        };
        let folder = self.filled(&folder, files);
        if !self.project.shell.literal && expands(&folder) {
            let folder = self.project.shell.quoted(&folder);
            self.terms.before.push(format!("cd {folder} || exit"));
        } else {
            draft.key(
                "cwd",
                text(&self.project.shell.dollars(&folder)),
                &self.from,
            );
        }
    }

    /// What it runs, and the port it is given, if its command speaks of one.
    fn run(
        &mut self,
        env: &[(String, String)],
        files: &mut Files,
        draft: &mut Draft,
    ) -> Option<u16> {
        let shell = &self.project.shell;
        let line = self.fields.get("command").map(|node| node.place);
        let command = self
            .fields
            .text("command", files)
            .filter(|line| !line.trim().is_empty());
        let words = self.fields.texts("entrypoint", files).unwrap_or_default();
        let before = self.terms.before.clone();
        let (run, at) = match command {
            Some(command) => {
                if !words.is_empty() {
                    files.note(
                        self.at,
                        format!(
                            "{} has a command as well as an entrypoint: the command counts",
                            self.fields.path()
                        ),
                    );
                }
                let command = self.filled(&command, files);
                (shell.command(&command, &before), line.unwrap_or(self.at))
            }
            None if words.is_empty() => {
                files.wrong(self.at, |span| {
                    let message = format!("{} has no command", self.fields.path());
                    Problem::new(span, message, "nothing is run")
                        .help("add `command:` or `entrypoint:`")
                });
                return None;
            }
            None => {
                let words: Vec<String> =
                    words.iter().map(|word| self.filled(word, files)).collect();
                (shell.words(&words, &before), self.at)
            }
        };
        let uses = uses_port(&run);
        draft.key("run", &run, &self.project.origin(at, self.at));
        let own = env.iter().find(|(name, _)| name == "PORT");
        let common = self
            .project
            .environment
            .iter()
            .find(|(name, _)| name == "PORT");
        let number = |pair: Option<&(String, String)>| {
            pair.and_then(|(_, value)| value.trim().parse::<u16>().ok())
        };
        match (number(own), uses) {
            (Some(port), _) => Some(port),
            (None, true) => number(common).or(self.project.port).or(Some(0)),
            (None, false) => None,
        }
    }

    /// Codes that count as 0. What is started again whenever it ends has none.
    pub(super) fn success(&mut self, files: &mut Files, draft: &mut Draft) {
        if self.own.always && !self.own.ends {
            return;
        }
        let codes = self.fields.texts("success_exit_codes", files);
        // No process of Linux exits with another code.
        let codes = codes.iter().flatten();
        let codes = codes.filter_map(|code| code.parse::<u8>().ok());
        // Of a oneshot 0 goes without saying; of all others that they may end does not.
        let zero = (!self.own.ends).then_some(0);
        let codes = zero.into_iter().chain(codes.filter(|code| *code != 0));
        let codes: Vec<String> = codes.map(|code| code.to_string()).collect();
        if !codes.is_empty() {
            draft.key("success", format!("[{}]", codes.join(", ")), &self.from);
        }
    }

    fn kind(&mut self, files: &mut Files, draft: &mut Draft) {
        let background = self.fields.boolean("is_daemon", files) == Some(true);
        if background {
            let says = format!(
                "{} puts something into the background: it is a oneshot here, and what it leaves behind is ended \
                 with it; run it in the foreground where that is possible",
                self.fields.path()
            );
            files.note(self.at, says);
        }
        if !self.own.ends {
            return;
        }
        self.success(files, draft);
        if self.own.always && !self.own.scheduled {
            files.wrong(self.at, |span| {
                let message = format!("{} is waited for until it has ended, and is always started again", self.fields.path());
                Problem::new(span, message, "never ends")
                    .help("let it restart on_failure, or wait until it is process_started or process_healthy")
            });
        }
        draft.key("kind", text("oneshot"), &self.from);
    }

    fn environment(&self, env: &[(String, String)], has_port: bool, draft: &mut Draft) {
        let shell = &self.project.shell;
        let common = self.project.environment.iter();
        // Where a process has no port of its own, PORT is a variable like any other.
        let common =
            common.filter(|(name, _)| name == "PORT" && !env.iter().any(|(one, _)| one == "PORT"));
        let all = common
            .chain(env)
            .filter(|(name, value)| !(shell.sets(name, value) || has_port && name == "PORT"));
        let all = all.map(|(name, value)| {
            let value = text(&spec::literal(&shell.dollars(value)));
            format!("{} = {value}", draft::name(name))
        });
        let apart = self.project.apart.as_ref();
        let others = apart.into_iter().flat_map(|common| &common.env);
        let others = others.filter(|(name, _)| !env.iter().any(|(one, _)| one == name));
        let others = others.map(|(name, value)| format!("{} = {value}", draft::name(name)));
        let all: Vec<String> = others.chain(all).collect();
        if !all.is_empty() {
            draft.key("env", format!("{{ {} }}", all.join(", ")), &self.from);
        }
        if let Some(common) = apart {
            common.secrets(env, draft);
        }
    }
}

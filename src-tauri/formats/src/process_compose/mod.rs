//! `process-compose.yaml`, as process-compose reads it (version 0.5 of its format), with what
//! `process-compose.override.yaml` lays over it.
//!
//! [`known`] is what has to be known of all processes before one is written, [`process`] writes one.

mod asked;
mod care;
mod command;
mod keys;
mod known;
mod merge;
mod needs;
mod probe;
mod process;
mod schedule;

use crate::draft::{self, Draft, list, text};
use crate::yaml::{Entry, Fields, FileId, Files, Node, Place, refuse_unknown};
use crate::{Imported, Others, names, variable};
use command::Shell;
use known::Known;
use spec::{Diagnostics, Found, Problem, Span, limits, quoted};
use std::collections::BTreeMap;

/// Names of such a file, the first that is there first.
pub(crate) const FILES: [&str; 2] = ["process-compose.yml", "process-compose.yaml"];
const ENV: &str = ".env";
/// What is looked at besides; of the overrides the first.
pub(crate) const BESIDE: [&str; 3] = [
    "process-compose.override.yml",
    "process-compose.override.yaml",
    ENV,
];

/// The file as it is read, and what holds for all of it.
struct Project<'n> {
    label: &'n str,
    file: FileId,
    shell: Shell,
    vars: BTreeMap<String, String>,
    /// The variables of all processes, as they are written.
    environment: Vec<(String, String)>,
    /// What `.env` says of `PORT`.
    port: Option<u16>,
    /// Unknown keys are mistakes.
    strict: bool,
    /// What holds for all processes, where that is said of each: the services of other files are beside them.
    apart: Option<Common>,
}

/// What holds for all processes, as it is written.
#[derive(Debug, Default)]
struct Common {
    env_file: String,
    env: Vec<(String, String)>,
    secrets: Vec<(String, String, Span)>,
}

impl Project<'_> {
    /// Where a line of what is made came from: a place of this file, or else of the process it is about.
    fn origin(&self, at: Place, or: Place) -> Span {
        match [at, or].into_iter().find(|one| one.file == self.file) {
            Some(at) => at.span(),
            None => 0..0,
        }
    }

    /// Keys that were not asked for: those without an equivalent are told, and others are not known.
    fn rest(
        &self,
        fields: &Fields<'_>,
        told: &'static [(&'static str, &'static str)],
        read: &'static [&'static str],
        files: &mut Files,
    ) {
        for entry in fields.unread() {
            match told.iter().find(|(key, _)| *key == entry.key) {
                Some((_, "")) => {}
                Some((key, why)) => {
                    files.note(
                        entry.at,
                        format!("{} has no equivalent: {why}", fields.path_of(key)),
                    );
                }
                None if self.strict => {
                    let known = told.iter().map(|(key, _)| *key).chain(read.iter().copied());
                    refuse_unknown(fields.path(), entry, known, files);
                }
                None => {
                    let says = format!(
                        "{} is not known, and is passed over",
                        fields.path_of(&entry.key)
                    );
                    files.note(entry.at, says);
                }
            }
        }
    }
}

pub(crate) fn read(
    label: &str,
    bytes: &[u8],
    beside: &BTreeMap<String, Found>,
    others: Option<&Others>,
) -> Result<Imported, Diagnostics> {
    let mut files = Files::default();
    let mut draft = Draft::default();
    if let Some(root) = files.read(label, bytes) {
        let file = root.place.file;
        let root = laid_over(root, label, beside, &mut files);
        let source = Source {
            label,
            file,
            beside,
            others,
        };
        write(&root, &source, &mut files, &mut draft);
    }
    for note in files.done()? {
        draft.note(note);
    }
    Ok(draft.done())
}

/// The file with its override.
fn laid_over(
    mut root: Node,
    label: &str,
    beside: &BTreeMap<String, Found>,
    files: &mut Files,
) -> Node {
    let mut first: Option<&str> = None;
    for name in &BESIDE[..2] {
        let Some(Found::Bytes(bytes)) = beside.get(*name) else {
            continue;
        };
        if let Some(first) = first {
            files.note(
                root.place,
                format!("{name} is passed over: {first} is there as well"),
            );
            continue;
        }
        first = Some(name);
        let folder = label.rsplit_once('/').map(|(folder, _)| folder);
        let label = folder.map_or_else(|| (*name).to_owned(), |folder| format!("{folder}/{name}"));
        if let Some(over) = files.read(&label, bytes) {
            merge::merge(&mut root, over, "");
        }
    }
    root
}

/// The file and what lies beside it.
struct Source<'s> {
    label: &'s str,
    file: FileId,
    beside: &'s BTreeMap<String, Found>,
    others: Option<&'s Others>,
}

fn write(root: &Node, source: &Source<'_>, files: &mut Files, draft: &mut Draft) {
    let Some(mut top) = Fields::of(root, "", files) else {
        return;
    };
    let Some(mut project) = project(&mut top, source, files) else {
        return;
    };
    let Some(processes) = top.get("processes") else {
        project.rest(&top, keys::TOP, keys::READ_TOP, files);
        return nothing(root.place, files);
    };
    let Some(all) = Fields::of(processes, "processes", files) else {
        return;
    };
    if all.entries().len() > limits::MAX_SERVICES {
        let at = all.entries()[limits::MAX_SERVICES].at;
        files.wrong(at, |span| {
            let message = format!("more than {} processes", limits::MAX_SERVICES);
            Problem::new(span, message, "one too many")
                .help("run the others from a folder of their own")
        });
        return;
    }
    let known = known::all(all.entries(), source.others, files);
    let common = head(&project, &mut top, files, draft);
    match source.others {
        Some(_) => project.apart = Some(common),
        None => common.write(draft),
    }
    project.rest(&top, keys::TOP, keys::READ_TOP, files);
    let mut said = process::Said::default();
    for entry in all.entries() {
        process::write(&project, entry, &known, &mut said, files, draft);
    }
    if !known.values().any(Known::runs) {
        nothing(processes.place, files);
    }
}

fn nothing(at: Place, files: &mut Files) {
    files.wrong(at, |span| {
        Problem::new(
            span.start..span.start,
            "no process is to be started",
            "in all of it",
        )
        .help("a process is written below `processes:` as its name and `command:`")
    });
}

fn project<'n>(
    top: &mut Fields<'n>,
    source: &Source<'n>,
    files: &mut Files,
) -> Option<Project<'n>> {
    if let Some(extends) = top.get("extends") {
        files.wrong(extends.place, |span| {
            Problem::new(span, "a project that extends another is not read", "of another file").help(
                "write what the other file says into this one; process-compose.override.yaml is laid over it",
            )
        });
        return None;
    }
    let literal = top.boolean("disable_env_expansion", files).unwrap_or(false);
    let mut words = ["bash".to_owned(), "-c".to_owned()];
    if let Some(node) = top.get("shell") {
        let mut shell = Fields::of(node, "shell", files)?;
        for (word, key) in words.iter_mut().zip(["shell_command", "shell_argument"]) {
            *word = shell.text(key, files).unwrap_or_else(|| word.clone());
        }
        for key in ["elevated_shell_command", "elevated_shell_argument"] {
            let _ = shell.get(key);
        }
        probe::unknown(&shell, files);
    }
    let port = variable(source.beside, ENV, "PORT");
    Some(Project {
        label: source.label,
        file: source.file,
        shell: Shell { words, literal },
        vars: variables(top, files),
        environment: environment(top, files),
        port: port.and_then(|port| port.parse().ok()),
        strict: top.boolean("is_strict", files).unwrap_or(false),
        apart: None,
    })
}

/// `vars`: what templates may name.
fn variables(fields: &mut Fields<'_>, files: &mut Files) -> BTreeMap<String, String> {
    let path = fields.path_of("vars");
    let Some(vars) = fields
        .get("vars")
        .and_then(|node| Fields::of(node, path, files))
    else {
        return BTreeMap::new();
    };
    let mut known = BTreeMap::new();
    for entry in vars.entries() {
        match entry.value.as_scalar() {
            Some(value) => _ = known.insert(entry.key.clone(), value.words()),
            None => {
                let says = format!(
                    "{} is {}, which no template here can name",
                    vars.path_of(&entry.key),
                    entry.value.what()
                );
                files.note(entry.at, says);
            }
        }
    }
    known
}

/// `environment`: `NAME=value` each; the last of a name counts.
fn environment(fields: &mut Fields<'_>, files: &mut Files) -> Vec<(String, String)> {
    let at = fields.get("environment").map(|node| node.place);
    let mut made: Vec<(String, String)> = Vec::new();
    for line in fields.texts("environment", files).unwrap_or_default() {
        match line.split_once('=') {
            Some((name, value)) => {
                made.retain(|(known, _)| known != name);
                made.push((name.to_owned(), value.to_owned()));
            }
            None => {
                if let Some(at) = at {
                    let says = format!(
                        "{} in {} sets nothing",
                        quoted(&line),
                        fields.path_of("environment")
                    );
                    files.note(at, says);
                }
            }
        }
    }
    made
}

/// What stands before the services. Answers what holds for all of them.
fn head(
    project: &Project<'_>,
    top: &mut Fields<'_>,
    files: &mut Files,
    draft: &mut Draft,
) -> Common {
    let nowhere = 0..0;
    let base = base(project.label);
    let says = format!("What {base} says, as a definition of Azora: a service for each process.");
    draft.comment(&says, &nowhere);
    draft.blank();
    draft.table("cluster", &nowhere);
    if let Some(entry) = top.entry("name") {
        let name = entry
            .value
            .as_scalar()
            .map(|name| name.words())
            .unwrap_or_default();
        match name.parse::<model::ClusterName>() {
            Ok(name) => draft.key("name", text(name.as_str()), &nowhere),
            Err(_) => files.note(
                entry.at,
                format!("{} cannot be the name of a cluster", quoted(&name)),
            ),
        }
    }
    let plain = project.environment.iter();
    // A port is the service's own affair, and what has variables in it the shell's.
    let plain = plain.filter(|(name, value)| name != "PORT" && !project.shell.sets(name, value));
    let plain = plain.map(|(name, value)| {
        let value = text(&spec::literal(&project.shell.dollars(value)));
        (name.clone(), value)
    });
    let env: Vec<(String, String)> = plain.collect();
    let commands = top.get("env_cmds");
    let commands = commands.and_then(|node| Fields::of(node, "env_cmds", files));
    let commands = commands.iter().flat_map(|commands| commands.entries());
    Common {
        env_file: format!("{{ file = {}, optional = true }}", text(ENV)),
        env,
        secrets: commands
            .filter_map(|entry| secret(project, entry, files))
            .collect(),
    }
}

/// A variable whose value a command prints.
fn secret(
    project: &Project<'_>,
    entry: &Entry,
    files: &mut Files,
) -> Option<(String, String, Span)> {
    let Some(line) = entry.value.as_scalar().map(|line| line.words()) else {
        files.note(
            entry.at,
            format!("env_cmds.{} is no command, and is passed over", entry.key),
        );
        return None;
    };
    let from = project.origin(entry.at, entry.at);
    let command = project.shell.command(&line, &[]);
    let command = format!("{{ command = {command} }}");
    Some((entry.key.clone(), command, from))
}

impl Common {
    /// For the whole cluster.
    fn write(&self, draft: &mut Draft) {
        let nowhere = 0..0;
        draft.key("env_files", list([self.env_file.clone()]), &nowhere);
        if self.env.is_empty() && self.secrets.is_empty() {
            return;
        }
        draft.blank();
        draft.table("cluster.defaults", &nowhere);
        if !self.env.is_empty() {
            let pairs = self.env.iter();
            let pairs = pairs.map(|(name, value)| format!("{} = {value}", draft::name(name)));
            let pairs: Vec<String> = pairs.collect();
            draft.key("env", format!("{{ {} }}", pairs.join(", ")), &nowhere);
        }
        self.secrets(&[], draft);
    }

    /// Those that a process does not set itself.
    fn secrets(&self, own: &[(String, String)], draft: &mut Draft) {
        for (name, command, from) in &self.secrets {
            if !own.iter().any(|(one, _)| one == name) {
                draft.key(&format!("secrets.{}", draft::name(name)), command, from);
            }
        }
    }
}

/// The file's own name: what is written does not depend on where it was asked for.
fn base(label: &str) -> &str {
    label.rsplit('/').next().unwrap_or(label)
}

/// The name of a process as one of a service.
fn service(name: &str) -> String {
    names::service(name)
}

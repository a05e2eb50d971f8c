//! What is done when a process ends, how it is ended, and which files restart it.

use super::probe::unknown;
use super::process::{Said, Writer};
use crate::draft::{Draft, list, text};
use crate::yaml::{Fields, Files, Node};
use spec::{Problem, nearest, quoted};

/// Signals that a stop may begin with, by their numbers on Linux.
const SIGNALS: [(i64, &str); 7] = [
    (1, "HUP"),
    (2, "INT"),
    (3, "QUIT"),
    (9, "KILL"),
    (10, "USR1"),
    (12, "USR2"),
    (15, "TERM"),
];

impl Writer<'_, '_> {
    pub(super) fn availability(&mut self, said: &mut Said, files: &mut Files, draft: &mut Draft) {
        let path = self.fields.path_of("availability");
        let node = self.fields.get("availability");
        let at = node.map_or(self.at, |node| node.place);
        let fields = node.and_then(|node| Fields::of(node, path, files));
        let (mut restart, mut backoff, mut most) = ("no".to_owned(), None, None);
        if let Some(mut fields) = fields {
            restart = fields.text("restart", files).unwrap_or(restart);
            backoff = fields
                .integer("backoff_seconds", files)
                .filter(|seconds| *seconds > 0);
            most = fields
                .integer("max_restarts", files)
                .filter(|most| *most > 0);
            for (key, says) in [
                (
                    "exit_on_end",
                    "nothing else ends when it ends; `azora run` runs a command beside a cluster",
                ),
                (
                    "exit_on_skipped",
                    "nothing else ends when it cannot be started",
                ),
            ] {
                if fields.boolean(key, files) == Some(true) {
                    files.note(
                        at,
                        format!("{} has no equivalent: {says}", fields.path_of(key)),
                    );
                }
            }
            unknown(&fields, files);
        }
        let from = self.project.origin(at, self.at);
        let again = match restart.as_str() {
            "always" | "on_failure" => true,
            "no" | "exit_on_failure" => false,
            word => {
                files.wrong(at, |span| {
                    let words = ["always", "on_failure", "exit_on_failure", "no"];
                    let problem = Problem::new(
                        span,
                        format!("availability.restart is {}", quoted(word)),
                        "not known",
                    );
                    match nearest(word, words.iter().copied()) {
                        Some(meant) => problem.help(format!("did you mean `{meant}`?")),
                        None => problem.help(format!("it is one of {}", words.join(", "))),
                    }
                });
                return;
            }
        };
        if restart == "always" && self.own.scheduled {
            let says = format!(
                "{} is started again when it fails; else when its time comes",
                self.fields.path()
            );
            files.note(at, says);
        }
        if restart == "exit_on_failure" {
            files.note(
                at,
                format!("{} takes nothing down when it fails", self.fields.path()),
            );
        }
        if !self.own.ends {
            self.success(files, draft);
        }
        if !again && self.own.ends {
            // What has failed is not tried again by itself.
            draft.key("heal", "{ ladder = [\"quarantine\"] }", &from);
        } else if !again {
            if !std::mem::replace(&mut said.unhealed, true) {
                files.note(
                    self.at,
                    "without availability.restart a process that ends is not started again; with 0 it has completed, \
                     with any other code that is told as a fault; remove `heal` from its service and it is healed",
                );
            }
            draft.key("heal", "{ enabled = false }", &from);
        } else {
            let mut keys = vec![format!("backoff = [\"{}s\"]", backoff.unwrap_or(1))];
            if let Some(most) = most {
                let times = most.min(i64::from(spec::limits::MAX_TRIES));
                keys.push(format!("budget = \"{times} per 1d\""));
                keys.push(format!(
                    "ladder = [{{ remedy = \"restart\", times = {times} }}, \"quarantine\"]"
                ));
            }
            draft.key("heal", format!("{{ {} }}", keys.join(", ")), &from);
        }
    }

    pub(super) fn shutdown(&mut self, files: &mut Files, draft: &mut Draft) {
        let path = self.fields.path_of("shutdown");
        let node = self.fields.get("shutdown");
        let at = node.map_or(self.at, |node| node.place);
        let Some(mut fields) = node.and_then(|node| Fields::of(node, path, files)) else {
            return;
        };
        let command = fields.text("command", files);
        let signal = fields.integer("signal", files).filter(|signal| *signal > 0);
        let timeout = fields
            .integer("timeout_seconds", files)
            .filter(|seconds| *seconds > 0);
        if fields.boolean("parent_only", files) == Some(true) {
            files.note(
                at,
                format!(
                    "{} has no equivalent: the whole tree is told to end",
                    fields.path_of("parent_only")
                ),
            );
        }
        if fields.get("send_keys").is_some() {
            files.note(
                at,
                format!(
                    "{} has no equivalent: the process gets a signal",
                    fields.path_of("send_keys")
                ),
            );
        }
        unknown(&fields, files);
        let mut keys = Vec::new();
        if let Some(command) = command {
            let command = self.filled(&command, files);
            let command = self.project.shell.command(&command, &self.terms.before);
            keys.push(format!("command = {command}"));
        }
        match signal.map(|signal| (signal, SIGNALS.iter().find(|(number, _)| *number == signal))) {
            None | Some((15, _)) => {}
            Some((_, Some((_, name)))) => keys.push(format!("signal = {}", text(name))),
            Some((number, None)) => {
                files.note(
                    at,
                    format!(
                        "{} {number} is none that a stop can begin with: SIGTERM is sent",
                        fields.path_of("signal")
                    ),
                );
            }
        }
        if let Some(seconds) = timeout {
            keys.push(format!("grace = \"{seconds}s\""));
        }
        if !keys.is_empty() {
            draft.key(
                "stop",
                format!("{{ {} }}", keys.join(", ")),
                &self.project.origin(at, self.at),
            );
        }
    }

    pub(super) fn watch(&mut self, files: &mut Files, draft: &mut Draft) {
        let path = self.fields.path_of("watch");
        let folder = self.fields.text("working_dir", files).unwrap_or_default();
        let node = self.fields.get("watch");
        let at = node.map_or(self.at, |node| node.place);
        let Some(mut fields) = node.and_then(|node| Fields::of(node, path, files)) else {
            return;
        };
        let debounce = fields
            .text("debounce", files)
            .unwrap_or_else(|| "300ms".to_owned());
        if fields.boolean("cascade", files) == Some(true) {
            let says = format!(
                "{} has no equivalent: a service that restarts with another says so itself, by restart = true in its needs",
                fields.path_of("cascade")
            );
            files.note(at, says);
        }
        for key in ["max_entries", "buffer_size", "disable_default_excludes"] {
            let _ = fields.get(key);
        }
        let paths = fields
            .get("paths")
            .and_then(Node::as_list)
            .unwrap_or_default();
        let path = fields.path_of("paths");
        unknown(&fields, files);
        let mut patterns: Vec<String> = Vec::new();
        for one in paths {
            let Some(mut one) = Fields::of(one, path.clone(), files) else {
                continue;
            };
            let Some(root) = one.text("path", files) else {
                continue;
            };
            let (include, exclude) = (one.texts("include", files), one.texts("exclude", files));
            unknown(&one, files);
            let Some(root) = below(&folder, &root) else {
                files.note(
                    at,
                    format!("{root} is not watched: it is not below the folder of this file"),
                );
                continue;
            };
            let within = |pattern: &str| match root.as_str() {
                "" => pattern.to_owned(),
                root => format!("{root}/{pattern}"),
            };
            // A pattern without a slash is a file's name, wherever it is.
            let anywhere = |pattern: &str| match pattern.contains('/') {
                true => within(pattern),
                false => within(&format!("**/{pattern}")),
            };
            match include {
                Some(include) if !include.is_empty() => {
                    patterns.extend(include.iter().map(|one| anywhere(one)))
                }
                _ => patterns.push(within("**")),
            }
            patterns.extend(
                exclude
                    .iter()
                    .flatten()
                    .map(|one| format!("!{}", anywhere(one))),
            );
        }
        if !patterns.is_empty() {
            let paths = list(patterns.iter().map(|one| text(one)));
            let watch = format!("{{ paths = {paths}, debounce = {} }}", text(&debounce));
            draft.key("watch", watch, &self.project.origin(at, self.at));
        }
    }
}

/// A path as one below the folder of the file, without a slash at its ends; `None` when it is not below it.
fn below(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    if path.starts_with('/')
        || folder.starts_with('/')
        || path.contains('$')
        || folder.contains('$')
    {
        return None;
    }
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => _ = parts.pop()?,
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

//! Commands: what process-compose hands to a shell, as `run` writes it.
//!
//! process-compose puts variables and templates into its file before it reads it. Here the shell does the first
//! when the command runs, by the same environment; only names of variables are put in for the second.

use crate::draft::{list, text};
use crate::yaml::{Files, Place};
use std::collections::BTreeMap;

/// How commands are run.
#[derive(Debug, Clone)]
pub(super) struct Shell {
    /// Program and argument: `bash -c`.
    pub(super) words: [String; 2],
    /// Dollars stand for themselves in the file, as `disable_env_expansion` says.
    pub(super) literal: bool,
}

/// What is known of a process that its texts may speak of.
#[derive(Debug, Default)]
pub(super) struct Terms {
    /// By what `{{.NAME}}` is replaced.
    pub(super) vars: BTreeMap<String, String>,
    /// Templates are not to be looked at.
    pub(super) plain: bool,
    /// Lines that the shell has to run first: a folder with variables in it, variables of variables.
    pub(super) before: Vec<String>,
}

/// The number of an instance, as process-compose and as Azora call it.
const REPLICA: &str = "PC_REPLICA_NUM";
const INDEX: &str = "AZORA_INDEX";

impl Terms {
    /// A text with its templates filled in.
    pub(super) fn filled(&self, text: &str, at: Place, files: &mut Files) -> String {
        if self.plain || !text.contains("{{") {
            return text.to_owned();
        }
        let (mut made, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once("{{") {
            made.push_str(before);
            let Some((inner, behind)) = after.split_once("}}") else {
                made.push_str("{{");
                rest = after;
                continue;
            };
            let name = inner.trim().strip_prefix('.').unwrap_or_default();
            match self.vars.get(name) {
                Some(value) => made.push_str(value),
                None if name == REPLICA => {
                    made.push_str("${");
                    made.push_str(INDEX);
                    made.push('}');
                }
                None => {
                    files.note(
                        at,
                        format!("the template {{{{{inner}}}}} is left as it stands: only names of `vars` are put in"),
                    );
                    made.push_str("{{");
                    made.push_str(inner);
                    made.push_str("}}");
                }
            }
            rest = behind;
        }
        made + rest
    }
}

impl Shell {
    /// This variable is set by the shell, for others are put into its value.
    pub(super) fn sets(&self, name: &str, value: &str) -> bool {
        let part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let named = name.chars().all(part) && !name.starts_with(|c: char| c.is_ascii_digit());
        // A name that is none is told of where it is read.
        !self.literal && named && !name.is_empty() && expands(value)
    }

    /// A dollar as the shell is to see it: `$$` is one in the file.
    pub(super) fn dollars(&self, text: &str) -> String {
        match self.literal {
            true => text.to_owned(),
            false => text.replace("$$", "$"),
        }
    }

    /// A command line, as the value of a key.
    pub(super) fn command(&self, line: &str, before: &[String]) -> String {
        let line = self.dollars(line).replace(REPLICA, INDEX);
        let line = line.trim_end_matches('\n');
        if before.is_empty() && is_words(line) {
            return text(&spec::literal(line));
        }
        let lines = before.iter().map(String::as_str).chain([line]);
        let script = lines.collect::<Vec<_>>().join("\n");
        let words = self.words.iter().map(String::as_str);
        list(
            words
                .chain([script.as_str()])
                .map(|word| text(&spec::literal(word))),
        )
    }

    /// A program and its arguments.
    pub(super) fn words(&self, words: &[String], before: &[String]) -> String {
        let dollars = |word: &String| word.contains('$') && !self.literal;
        if before.is_empty() && !words.iter().any(dollars) {
            return list(words.iter().map(|word| text(&spec::literal(word))));
        }
        let words: Vec<String> = words.iter().map(|word| self.quoted(word)).collect();
        let line = format!("exec {}", words.join(" "));
        let lines = before.iter().map(String::as_str).chain([line.as_str()]);
        let script = lines.collect::<Vec<_>>().join("\n");
        list(["sh", "-c", script.as_str()].map(|word| text(&spec::literal(word))))
    }

    /// A text as one word of a shell line, in which variables are put in.
    pub(super) fn quoted(&self, word: &str) -> String {
        let mut made = String::from("\"");
        let word = self.dollars(word).replace(REPLICA, INDEX);
        let mut chars = word.chars().peekable();
        while let Some(c) = chars.next() {
            // process-compose puts in variables and runs nothing for it.
            let runs = c == '$' && chars.peek() == Some(&'(');
            if matches!(c, '"' | '\\' | '`') || (c == '$' && self.literal) || runs {
                made.push('\\');
            }
            made.push(c);
        }
        made + "\""
    }
}

/// Variables are put into it.
pub(super) fn expands(text: &str) -> bool {
    text.replace("$$", "").contains('$')
}

/// Nothing in it is for a shell: it means the same to whoever splits it at its blanks.
fn is_words(line: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || " ./:,@%+=_-".contains(c);
    let first = line.split(' ').next().unwrap_or_default();
    // What a shell has of its own, and no program is called.
    const OWN: [&str; 26] = [
        ".", ":", "alias", "case", "cd", "eval", "exec", "exit", "export", "for", "function", "if",
        "read", "set", "shift", "shopt", "source", "time", "trap", "type", "ulimit", "umask",
        "unset", "until", "wait", "while",
    ];
    line.chars().all(plain) && !first.is_empty() && !first.contains('=') && !OWN.contains(&first)
}

/// It speaks of the service's own port.
pub(super) fn uses_port(line: &str) -> bool {
    let after = |(at, _): (usize, &str)| line[at + "$PORT".len()..].chars().next();
    let ends = |c: Option<char>| !c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
    line.match_indices("$PORT").map(after).any(ends)
        || line.contains("${PORT}")
        || line.contains("${PORT:")
        || line.contains("${PORT-")
}

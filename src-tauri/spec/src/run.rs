//! How a command line is executed: directly when it is only words, by the shell when it needs one.
//!
//! Directly is better where it is possible: one process less, and the pid people see is the
//! program's. The shell is only asked to do what it alone can do.

use crate::cluster::{Run, Template};
use crate::template;
use model::ServiceName;

/// What a command line needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    /// Nothing: these are its words.
    Words(Vec<String>),
    /// Only expansion (`$VAR`, `*`, `~`, `\`): a single command, which `exec` can become.
    Expansion,
    /// A shell: operators, several commands, a builtin.
    Shell,
    /// A quote that is opened here and never closed.
    OpenQuote(usize),
}

/// Commands only a shell has, or that change the shell itself: `exec` cannot become them.
const BUILTINS: [&str; 36] = [
    "!", ".", ":", "alias", "bg", "break", "case", "cd", "command", "continue", "eval", "exec",
    "exit", "export", "fg", "for", "function", "getopts", "hash", "if", "jobs", "local", "read",
    "readonly", "return", "set", "shift", "source", "times", "trap", "ulimit", "umask", "unset",
    "until", "wait", "while",
];

/// Reads a command line as `sh` would cut it into words, and says what it takes to run it.
pub(crate) fn line(text: &str) -> Line {
    let mut words: Vec<String> = Vec::new();
    let mut word: Option<String> = None;
    let mut expands = false;
    let mut characters = text.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        match c {
            ' ' | '\t' => words.extend(word.take()),
            '\'' | '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match characters.next() {
                        None => return Line::OpenQuote(at),
                        Some((_, end)) if end == c => break,
                        Some((_, '`')) if c == '"' => return Line::Shell,
                        Some((at, '$')) if c == '"' => match dollar(text, at) {
                            Dollar::Ours(end) => {
                                word.push_str(&text[at..end]);
                                while characters.next_if(|(at, _)| *at < end).is_some() {}
                            }
                            Dollar::Variable => expands = true,
                            Dollar::Command => return Line::Shell,
                            Dollar::Itself => word.push('$'),
                        },
                        Some((_, '\\')) if c == '"' => {
                            expands = true;
                            characters.next();
                        }
                        Some((_, inner)) => word.push(inner),
                    }
                }
            }
            '$' => match dollar(text, at) {
                Dollar::Ours(end) => {
                    word.get_or_insert_default().push_str(&text[at..end]);
                    while characters.next_if(|(at, _)| *at < end).is_some() {}
                }
                Dollar::Variable => {
                    expands = true;
                    word.get_or_insert_default();
                    // `${VAR:-…}` up to its brace is the shell's; its braces are no operators.
                    if text[at..].starts_with("${") {
                        let end = text[at..]
                            .find('}')
                            .map_or(text.len(), |length| at + length + 1);
                        while characters.next_if(|(at, _)| *at < end).is_some() {}
                    }
                }
                Dollar::Command => return Line::Shell,
                Dollar::Itself => word.get_or_insert_default().push('$'),
            },
            '\\' => {
                expands = true;
                word.get_or_insert_default();
                characters.next();
            }
            '*' | '?' | '[' => {
                expands = true;
                word.get_or_insert_default().push(c);
            }
            '~' if word.is_none() => {
                expands = true;
                word.get_or_insert_default().push(c);
            }
            '#' if word.is_none() => return Line::Shell,
            '|' | '&' | ';' | '<' | '>' | '(' | ')' | '`' | '{' | '}' | '\n' | '\r' => {
                return Line::Shell;
            }
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    let first = words.first().map_or("", String::as_str);
    if BUILTINS.contains(&first) || is_assignment(first) {
        Line::Shell
    } else if expands {
        Line::Expansion
    } else {
        Line::Words(words)
    }
}

/// `NAME=value` before a command sets a variable for it.
fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty()
            && !name.starts_with(|c: char| c.is_ascii_digit())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

/// What a dollar begins.
enum Dollar {
    /// `${service.key}` of ours, or an escaped `$${…}`; ends at this byte.
    Ours(usize),
    /// `$VAR`, `${VAR}`, `$1`, `$?`.
    Variable,
    /// `$(…)`.
    Command,
    /// A dollar and nothing more.
    Itself,
}

fn dollar(text: &str, at: usize) -> Dollar {
    let rest = &text[at..];
    if rest.starts_with("$${") {
        let end = rest.find('}').map_or(text.len(), |length| at + length + 1);
        return Dollar::Ours(end);
    }
    if rest.starts_with("${") {
        return match template::reference(text, at) {
            Some((template::Piece::Reference { .. }, end)) => Dollar::Ours(end),
            _ => Dollar::Variable,
        };
    }
    match rest[1..].chars().next() {
        Some('(') => Dollar::Command,
        Some(c) if c.is_ascii_alphanumeric() || "_?$!@*#-".contains(c) => Dollar::Variable,
        _ => Dollar::Itself,
    }
}

/// The command of a line whose references were already checked.
pub(crate) fn command(text: &str, own: &ServiceName) -> Run {
    match line(text) {
        Line::Words(words) => Run::Direct(
            words
                .iter()
                .map(|word| template::template(word, own))
                .collect(),
        ),
        Line::Expansion => Run::Shell(exec(template::template(text, own))),
        Line::Shell | Line::OpenQuote(_) => Run::Shell(template::template(text, own)),
    }
}

fn exec(mut line: Template) -> Template {
    use crate::cluster::TemplatePart::Text;
    match line.0.first_mut() {
        Some(Text(first)) => first.insert_str(0, "exec "),
        _ => line.0.insert(0, Text("exec ".into())),
    }
    line
}

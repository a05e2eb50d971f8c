//! Env files (`.env`): from their bytes to variables, or to what is wrong with them, with places.
//!
//! The form is what docker compose, foreman and the dotenv libraries have in common; see
//! `docs/definition.md`. A parser of our own, because none of the finished ones says where a
//! mistake is, and all of them look into this process's environment.

use crate::limits::{MAX_ENV_FILE, MAX_ENV_FILE_VARIABLES, MAX_TEXT};
use crate::problem::{Problem, Problems, Span, quoted};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What an env file sets, in the order of the file; of a name that is set twice the last counts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EnvFile(pub Vec<Setting>);

/// One line of an env file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// The variable.
    pub name: String,
    /// What it is set to.
    pub value: EnvText,
    /// Where in the file.
    pub line: Line,
}

/// A line of a file, from 1. Any two are equal: where a thing stands says nothing about what it is,
/// and a definition is not another one because a comment was added above.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Line(pub u32);

impl PartialEq for Line {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
impl Eq for Line {}

/// A value of an env file: text, and variables that are put into it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EnvText(pub Vec<EnvPart>);

/// A piece of an [`EnvText`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnvPart {
    /// Taken as it stands.
    Text(String),
    /// `${NAME}`, `${NAME:-default}` or `${NAME-default}`.
    Variable {
        /// Which.
        name: String,
        /// What stands for it when it is not set; nothing unless given.
        default: String,
        /// `:-`: also when it is set to nothing.
        filled: bool,
    },
}

impl EnvText {
    /// Puts the variables in. What becomes longer than Linux passes to a program is cut just beyond that:
    /// its start fails and says so, and lines that double each other cost nothing.
    pub(crate) fn resolve(&self, lookup: &dyn Fn(&str) -> Option<String>) -> String {
        /// Bytes of one variable (`MAX_ARG_STRLEN`).
        const LONGEST: usize = 128 << 10;
        let mut made = String::new();
        for part in &self.0 {
            let text = match part {
                EnvPart::Text(text) => text.clone(),
                EnvPart::Variable {
                    name,
                    default,
                    filled,
                } => lookup(name)
                    .filter(|value| !(*filled && value.is_empty()))
                    .unwrap_or_else(|| default.clone()),
            };
            let room = (LONGEST + 1).saturating_sub(made.len());
            let end = text.char_indices().map(|(at, _)| at).find(|at| *at >= room);
            made.push_str(&text[..end.unwrap_or(text.len())]);
        }
        made
    }
}

/// Reads an env file's bytes. Where it breaks off, `Err` holds what of it can be shown.
pub(crate) fn read(bytes: &[u8], problems: &mut Problems) -> Result<EnvFile, String> {
    if bytes.len() > MAX_ENV_FILE {
        problems.add(|| {
            Problem::new(0..0, "the env file is too large", "begins here").help(format!(
                "an env file is at most {} KiB; what is larger is for the program to read",
                MAX_ENV_FILE >> 10
            ))
        });
        let end = bytes.len().min(200);
        return Err(String::from_utf8_lossy(&bytes[..end]).into_owned());
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        problems.add(|| {
            let message = format!("the byte 0x{:02x} is not UTF-8", bytes[at]);
            Problem::new(at..at + 3, message, "here").help("save the file as UTF-8")
        });
        String::from_utf8_lossy(bytes).into_owned()
    })?;
    let mut parser = Parser {
        text,
        at: if text.starts_with('\u{feff}') { 3 } else { 0 },
        line: 1,
        problems,
    };
    Ok(parser.file())
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    line: u32,
    problems: &'a mut Problems,
}

impl Parser<'_> {
    fn file(&mut self) -> EnvFile {
        let mut settings = Vec::new();
        while self.at < self.text.len() {
            if let Some(setting) = self.setting() {
                if settings.len() == MAX_ENV_FILE_VARIABLES {
                    self.refuse(
                        self.at..self.at,
                        format!("more than {MAX_ENV_FILE_VARIABLES} variables"),
                        "no further ones",
                        "move the others into a file the program reads itself",
                    );
                    break;
                }
                settings.push(setting);
            }
            self.skip_line();
        }
        EnvFile(settings)
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    /// What is left of the line, without its end.
    fn rest_of_line(&self) -> &str {
        let rest = self.rest();
        let line = &rest[..rest.find('\n').unwrap_or(rest.len())];
        line.strip_suffix('\r').unwrap_or(line)
    }

    fn skip_line(&mut self) {
        let rest = self.rest();
        self.at += rest.find('\n').map_or(rest.len(), |end| end + 1);
        self.line += 1;
    }

    fn skip_blanks(&mut self) {
        let line = self.rest_of_line();
        self.at += line.len() - line.trim_start_matches([' ', '\t']).len();
    }

    fn refuse(&mut self, span: Span, message: String, label: &str, help: &str) {
        self.problems
            .add(|| Problem::new(span, message, label).help(help));
    }

    /// Reads one line, or several that one value spans; stops before the line's end.
    fn setting(&mut self) -> Option<Setting> {
        const FORM: &str = "write NAME=value; a comment begins with #";
        self.skip_blanks();
        if let Some(rest) = self.rest_of_line().strip_prefix("export")
            && rest.starts_with([' ', '\t'])
        {
            self.at += "export".len();
            self.skip_blanks();
        }
        let line = Line(self.line);
        let start = self.at;
        let rest = self.rest_of_line();
        if rest.is_empty() || rest.starts_with('#') {
            return None;
        }
        let end = rest.find(['=', '#']).unwrap_or(rest.len());
        let (name, behind) = (rest[..end].trim_end().to_owned(), &rest[end..]);
        let valid = !name.is_empty()
            && !name.starts_with(|c: char| c.is_ascii_digit())
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'));
        if !behind.starts_with('=') {
            if valid {
                // "As the terminal has it", which is what it is anyway.
                return None;
            }
            let span = start..start + name.len().max(1);
            let message = format!("the line {} sets nothing", quoted(&name));
            self.refuse(span, message, "no = in it", FORM);
            return None;
        }
        let span = start..start + name.len().max(1);
        self.at = start + end + 1;
        if !valid {
            let message = format!("{} is not a name for a variable", quoted(&name));
            let help = "letters, digits, `_`, `.` and `-`, not beginning with a digit";
            self.refuse(span, message, "not allowed", help);
            return None;
        }
        if name.starts_with("AZORA_") {
            let message = format!("{} is one of Azora's own variables", quoted(&name));
            let help = "choose a name that does not begin with AZORA_";
            self.refuse(span, message, "begins with AZORA_", help);
            return None;
        }
        self.skip_blanks();
        let from = self.at;
        let value = match self.rest_of_line().chars().next() {
            Some(quote @ ('\'' | '"' | '`')) => self.quoted(quote)?,
            _ => self.plain(),
        };
        let length: usize = value
            .0
            .iter()
            .map(|part| match part {
                EnvPart::Text(text) => text.len(),
                EnvPart::Variable { default, .. } => default.len(),
            })
            .sum();
        if length > MAX_TEXT {
            let message = format!("the value of {name} is {length} bytes long");
            let help = format!("at most {MAX_TEXT} bytes; put it into a file and name the file");
            self.refuse(from..from + 1, message, "begins here", &help);
            return None;
        }
        if self.text[from..self.at].contains('\0') {
            let message = format!("the value of {name} has a NUL character in it");
            let help = "no program can be given a NUL; remove it";
            self.refuse(from..from + 1, message, "begins here", help);
            return None;
        }
        Some(Setting { name, value, line })
    }

    /// To the end of the line, or to a comment with a blank before it.
    fn plain(&mut self) -> EnvText {
        let line = self.rest_of_line();
        let comment = line
            .match_indices('#')
            .map(|(at, _)| at)
            .find(|at| *at == 0 || line[..*at].ends_with([' ', '\t']));
        let value = line[..comment.unwrap_or(line.len())].trim_end().to_owned();
        self.at += value.len();
        expand(&value)
    }

    /// A quoted value, which may go on over several lines.
    fn quoted(&mut self, quote: char) -> Option<EnvText> {
        let open = self.at;
        let inner = &self.text[open + 1..];
        let mut end = None;
        let mut characters = inner.char_indices();
        while let Some((at, c)) = characters.next() {
            match c {
                '\\' if quote == '"' => {
                    characters.next();
                }
                c if c == quote => {
                    end = Some(at);
                    break;
                }
                _ => {}
            }
        }
        let Some(end) = end else {
            let help = format!("close it with {quote}, on this line or a later one");
            self.refuse(
                open..open + 1,
                "a quote is not closed".into(),
                "opened here",
                &help,
            );
            // What follows would be read as something it is not.
            self.at = self.text.len();
            return None;
        };
        let raw = &inner[..end];
        let value = if quote == '"' {
            expand_escaped(raw)
        } else {
            EnvText::plain(raw.replace("\r\n", "\n"))
        };
        self.line += u32::try_from(raw.matches('\n').count()).unwrap_or(0);
        self.at = open + 1 + end + 1;
        let behind = self.rest_of_line();
        let after = behind.trim_start_matches([' ', '\t']);
        let comment = after.starts_with('#') && after.len() < behind.len();
        if !(after.is_empty() || comment) {
            let at = self.at + behind.len() - after.len();
            let help =
                "put all of the value between the quotes, or a blank before the # of a comment";
            let message = "there is something behind the closing quote".to_owned();
            self.refuse(at..at + after.len(), message, "not part of the value", help);
            return None;
        }
        Some(value)
    }
}

impl EnvText {
    fn plain(text: String) -> Self {
        Self(if text.is_empty() {
            Vec::new()
        } else {
            vec![EnvPart::Text(text)]
        })
    }

    fn push(&mut self, c: char) {
        match self.0.last_mut() {
            Some(EnvPart::Text(text)) => text.push(c),
            _ => self.0.push(EnvPart::Text(c.to_string())),
        }
    }
}

/// A value without quotes: nothing but `${NAME}` means anything in it.
fn expand(raw: &str) -> EnvText {
    let mut value = EnvText::default();
    let mut at = 0;
    while let Some(c) = raw[at..].chars().next() {
        if let Some((part, length)) = variable(&raw[at..]) {
            value.0.push(part);
            at += length;
        } else {
            value.push(c);
            at += c.len_utf8();
        }
    }
    value
}

/// The inside of double quotes: `${NAME}` and escapes. A backslash before anything else is one.
fn expand_escaped(raw: &str) -> EnvText {
    let mut value = EnvText::default();
    let mut at = 0;
    while let Some(c) = raw[at..].chars().next() {
        if let Some((part, length)) = variable(&raw[at..]) {
            value.0.push(part);
            at += length;
            continue;
        }
        at += c.len_utf8();
        let next = raw[at..].chars().next();
        let escaped = match (c, next) {
            ('\\', Some('n')) => '\n',
            ('\\', Some('r')) => '\r',
            ('\\', Some('t')) => '\t',
            ('\\', Some(next @ ('\\' | '"' | '$' | '\''))) => next,
            ('\r', Some('\n')) => continue,
            _ => {
                value.push(c);
                continue;
            }
        };
        value.push(escaped);
        at += next.map_or(0, char::len_utf8);
    }
    value
}

/// The `${NAME…}` that a text begins with, and how long it is. A dollar without it is a dollar:
/// passwords have some.
fn variable(text: &str) -> Option<(EnvPart, usize)> {
    let inner = text.strip_prefix("${")?;
    let end = inner.find('}')?;
    let body = &inner[..end];
    let length = body
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(body.len());
    let (name, more) = body.split_at(length);
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let (default, filled) = match more.strip_prefix(":-") {
        Some(default) => (default, true),
        None if more.is_empty() => ("", false),
        None => (more.strip_prefix('-')?, false),
    };
    let part = EnvPart::Variable {
        name: name.to_owned(),
        default: default.to_owned(),
        filled,
    };
    Some((part, 2 + end + 1))
}

/// The last word of an env file on each variable, with what it refers to put in: what stands
/// before it, then `lookup`. What is `given` by others is not set here.
pub(crate) fn settle<'f>(
    file: &'f EnvFile,
    into: &mut BTreeMap<&'f str, (String, Line)>,
    given: &dyn Fn(&str) -> bool,
    lookup: &dyn Fn(&str) -> Option<String>,
) {
    /// Bytes of all variables. Linux passes 6 MiB at most, so a start that has them fails anyhow.
    const MOST: usize = 8 << 20;
    let mut total: usize = into.values().map(|(value, _)| value.len()).sum();
    for setting in file.0.iter().filter(|setting| !given(&setting.name)) {
        if total > MOST {
            return;
        }
        let known = |name: &str| match into.get(name) {
            Some((value, _)) => Some(value.clone()),
            None => lookup(name),
        };
        let value = setting.value.resolve(&known);
        total += value.len();
        into.insert(&setting.name, (value, setting.line));
    }
}

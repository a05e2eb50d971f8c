//! The text of an `azora.toml`, line by line, with the place each line came from.

use crate::{Imported, Note};
use spec::Span;

/// Notes that are told; what is beyond is counted.
const MAX_NOTES: usize = 50;

/// What is written so far.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    lines: Vec<(String, Span)>,
    notes: Vec<Note>,
}

impl Draft {
    /// A comment for each line of `says`.
    pub(crate) fn comment(&mut self, says: &str, from: &Span) {
        for line in says.lines() {
            // A comment has no control characters, and a name may.
            let line: String = line.chars().filter(|c| !c.is_control()).collect();
            self.line(format!("# {line}"), from);
        }
    }

    pub(crate) fn blank(&mut self) {
        self.line(String::new(), &(0..0));
    }

    /// `[name]`.
    pub(crate) fn table(&mut self, name: &str, from: &Span) {
        self.line(format!("[{name}]"), from);
    }

    /// `key = value`, where the value is written by [`text`], [`list`] or is a number.
    pub(crate) fn key(&mut self, key: &str, value: impl std::fmt::Display, from: &Span) {
        self.line(format!("{key} = {value}"), from);
    }

    fn line(&mut self, line: String, from: &Span) {
        self.lines.push((line, from.clone()));
    }

    pub(crate) fn note(&mut self, note: Note) {
        self.notes.push(note);
    }

    pub(crate) fn done(mut self) -> Imported {
        self.notes.sort();
        self.notes.dedup();
        let unshown = self.notes.len().saturating_sub(MAX_NOTES);
        self.notes.truncate(MAX_NOTES);
        if unshown > 0
            && let Some(last) = self.notes.last_mut()
        {
            last.says = format!("{}; and {unshown} more like it", last.says);
        }
        let (lines, origins): (Vec<String>, Vec<Span>) = self.lines.into_iter().unzip();
        Imported {
            text: lines.join("\n") + "\n",
            notes: self.notes,
            beside: Vec::new(),
            origins,
        }
    }
}

/// A text as TOML writes it on one line.
pub(crate) fn text(text: &str) -> String {
    let written = toml::Value::String(text.to_owned()).to_string();
    if written.contains('\n') {
        // On one line, so that a line came from one place.
        let mut one = String::from("\"");
        for c in text.chars() {
            match c {
                '"' | '\\' => one.extend(['\\', c]),
                '\n' => one.push_str("\\n"),
                '\r' => one.push_str("\\r"),
                '\t' => one.push_str("\\t"),
                c if c.is_control() => one.push_str(&format!("\\u{:04X}", u32::from(c))),
                c => one.push(c),
            }
        }
        one.push('"');
        return one;
    }
    written
}

/// The name of a key as TOML writes it.
pub(crate) fn name(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    match !name.is_empty() && name.chars().all(bare) {
        true => name.to_owned(),
        false => text(name),
    }
}

/// A list as TOML writes it; its elements are written already.
pub(crate) fn list(elements: impl IntoIterator<Item = String>) -> String {
    let elements: Vec<String> = elements.into_iter().collect();
    format!("[{}]", elements.join(", "))
}

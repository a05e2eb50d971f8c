//! Plain values: texts, numbers, yes or no, durations, lists. Each says what it found when it
//! expected something else.

use super::Reader;
use crate::document::{Table, Value, ValueKind};
use crate::limits::MAX_TEXT;
use crate::problem::{Problem, Span, quoted};
use crate::{amount, duration, suggest};
use std::ops::RangeInclusive;
use std::time::Duration;

impl Reader<'_> {
    /// Notes a value of the wrong type. `key` is as messages name it: "`port`".
    pub(super) fn wrong(&mut self, key: &str, value: &Value, expected: &str, help: &str) {
        self.problems.add(|| {
            Problem::new(
                value.span.clone(),
                format!("{key} is {expected}, not {}", value.what()),
                format!("this is {}", value.what()),
            )
            .help(help)
        });
    }

    /// Notes a value that is of the right type and wrong all the same.
    pub(super) fn refuse(&mut self, span: &Span, message: String, label: &str, help: &str) {
        self.problems
            .add(|| Problem::new(span.clone(), message, label).help(help));
    }

    pub(super) fn table<'v>(
        &mut self,
        value: &'v Value,
        key: &str,
        help: &str,
    ) -> Option<&'v Table> {
        if let ValueKind::Table(table) = &value.kind {
            return Some(table);
        }
        self.wrong(key, value, "a table", help);
        None
    }

    /// A text that may be handed to the operating system: not empty, not too long, no NUL.
    pub(super) fn text<'v>(
        &mut self,
        value: &'v Value,
        key: &str,
        example: &str,
    ) -> Option<&'v str> {
        let ValueKind::Text(text) = &value.kind else {
            let scalar = matches!(
                value.kind,
                ValueKind::Integer(_) | ValueKind::Float | ValueKind::Boolean(_) | ValueKind::Date
            );
            let help = if scalar {
                // Not what it is: it stands above, where a secret is hidden.
                "put it in quotes: \"…\"".to_owned()
            } else {
                format!("write it like this: {example}")
            };
            self.wrong(key, value, "a text", &help);
            return None;
        };
        if text.trim().is_empty() {
            self.refuse(
                &value.span,
                format!("{key} is empty"),
                "nothing in here",
                &format!("write it like this: {example}, or remove the key"),
            );
            return None;
        }
        self.harmless(text, &value.span, key).then_some(text)
    }

    /// Whether a text can be handed to the operating system; noted when not.
    pub(super) fn harmless(&mut self, text: &str, span: &Span, key: &str) -> bool {
        if text.contains('\0') {
            self.refuse(
                span,
                format!("{key} has a NUL character in it"),
                "\\u0000 is in here",
                "no program can be given a NUL; remove it",
            );
            return false;
        }
        if text.len() > MAX_TEXT {
            self.refuse(
                span,
                format!("{key} is {} bytes long", text.len()),
                "begins here",
                &format!("at most {MAX_TEXT} bytes; put it into a file and name the file"),
            );
            return false;
        }
        true
    }

    pub(super) fn flag(&mut self, value: &Value, key: &str) -> Option<bool> {
        if let ValueKind::Boolean(yes) = value.kind {
            return Some(yes);
        }
        self.wrong(
            key,
            value,
            "`true` or `false`",
            "write `true` or `false`, without quotes",
        );
        None
    }

    /// A whole number within a range, as whatever type holds the range.
    pub(super) fn number<T>(
        &mut self,
        value: &Value,
        key: &str,
        range: RangeInclusive<T>,
        help: &str,
    ) -> Option<T>
    where
        T: TryFrom<i64> + PartialOrd + std::fmt::Display,
    {
        let ValueKind::Integer(number) = value.kind else {
            let unquoted = match &value.kind {
                ValueKind::Text(text) if text.parse::<i64>().is_ok() => {
                    format!("write it without quotes: {text}")
                }
                _ => help.to_owned(),
            };
            self.wrong(key, value, "a whole number", &unquoted);
            return None;
        };
        let fits = T::try_from(number)
            .ok()
            .filter(|number| range.contains(number));
        if fits.is_none() {
            self.refuse(
                &value.span,
                format!(
                    "{key} is {} to {}, not {number}",
                    range.start(),
                    range.end()
                ),
                "out of range",
                help,
            );
        }
        fits
    }

    /// A duration within a range.
    pub(super) fn duration(
        &mut self,
        value: &Value,
        key: &str,
        range: RangeInclusive<Duration>,
    ) -> Option<Duration> {
        let ValueKind::Text(text) = &value.kind else {
            let help = match value.kind {
                ValueKind::Integer(number) => {
                    format!(
                        "add a unit: \"{number}s\" for seconds or \"{number}ms\" for milliseconds"
                    )
                }
                _ => "write it like this: \"500ms\", \"5s\", \"2m\" or \"1h\"".to_owned(),
            };
            self.wrong(key, value, "a duration", &help);
            return None;
        };
        self.duration_text(text, &value.span, key, range)
    }

    /// The same for a text that is part of a value.
    pub(super) fn duration_text(
        &mut self,
        text: &str,
        span: &Span,
        key: &str,
        range: RangeInclusive<Duration>,
    ) -> Option<Duration> {
        match duration::parse(text) {
            Err(error) => {
                self.refuse(
                    span,
                    format!("{} is not a duration, as {key} needs one", quoted(text)),
                    error.label,
                    &error.help,
                );
                None
            }
            Ok(found) if !range.contains(&found) => {
                let (least, most) = (
                    duration::words(*range.start()),
                    duration::words(*range.end()),
                );
                self.refuse(
                    span,
                    format!("{key} is {least} to {most}, not {text}"),
                    "out of range",
                    &format!("choose something from \"{least}\" to \"{most}\""),
                );
                None
            }
            Ok(found) => Some(found),
        }
    }

    /// An amount of bytes within a range.
    pub(super) fn size(
        &mut self,
        value: &Value,
        key: &str,
        range: RangeInclusive<u64>,
    ) -> Option<u64> {
        let ValueKind::Text(text) = &value.kind else {
            let help = match value.kind {
                ValueKind::Integer(number) => {
                    format!(
                        "add a unit: \"{number}MB\" for megabytes or \"{number}KB\" for kilobytes"
                    )
                }
                _ => "write it like this: \"512KB\", \"64MB\" or \"2GB\"".to_owned(),
            };
            self.wrong(key, value, "a size", &help);
            return None;
        };
        match amount::bytes(text) {
            Err(error) => {
                self.refuse(
                    &value.span,
                    format!("{} is not a size, as {key} needs one", quoted(text)),
                    error.label,
                    &error.help,
                );
                None
            }
            Ok(found) if !range.contains(&found) => {
                let (least, most) = (amount::size(*range.start()), amount::size(*range.end()));
                self.refuse(
                    &value.span,
                    format!("{key} is {least} to {most}, not {text}"),
                    "out of range",
                    &format!("choose something from \"{least}\" to \"{most}\""),
                );
                None
            }
            Ok(found) => Some(found),
        }
    }

    /// A list of 1 to `most` elements.
    pub(super) fn list<'v>(
        &mut self,
        value: &'v Value,
        key: &str,
        most: usize,
        example: &str,
    ) -> Option<&'v [Value]> {
        let ValueKind::Array(items) = &value.kind else {
            let help = match &value.kind {
                ValueKind::Text(text) => format!("put it in brackets: [{:?}]", text),
                _ => format!("write it like this: {example}"),
            };
            self.wrong(key, value, "a list", &help);
            return None;
        };
        if let Some(over) = items.get(most) {
            self.refuse(
                &over.span,
                format!("{key} has {} entries", items.len()),
                &format!("this one is number {}", most + 1),
                &format!("at most {most}"),
            );
            return None;
        }
        Some(items)
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(
        &mut self,
        value: &Value,
        key: &str,
        words: &[(&str, T)],
    ) -> Option<T> {
        let names = || words.iter().map(|(word, _)| *word);
        let ValueKind::Text(text) = &value.kind else {
            self.wrong(
                key,
                value,
                "a word",
                &format!("one of {}", suggest::list(names())),
            );
            return None;
        };
        let found = words
            .iter()
            .find(|(word, _)| word == text)
            .map(|(_, meaning)| *meaning);
        if found.is_none() {
            let help = match suggest::nearest(text, names()) {
                Some(word) => format!(
                    "did you mean \"{word}\"? The words are {}",
                    suggest::list(names())
                ),
                None => format!("the words are {}", suggest::list(names())),
            };
            self.refuse(
                &value.span,
                format!("{key} knows no {}", quoted(text)),
                "unknown word",
                &help,
            );
        }
        found
    }
}

/// A table laid over a default of the same shape, key by key.
pub(super) struct Layers<'v> {
    pub(super) own: &'v Table,
    pub(super) default: Option<&'v Table>,
}

impl<'v> Layers<'v> {
    pub(super) fn own(own: &'v Table) -> Self {
        Self { own, default: None }
    }

    pub(super) fn get(&self, key: &str) -> Option<&'v crate::document::Entry> {
        self.own.get(key).or_else(|| self.default?.get(key))
    }
}

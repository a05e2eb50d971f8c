//! What a search looks for: a regular expression, in bounded time and memory.

use super::clean;
use super::clean::harmless;
use regex::bytes::{Regex, RegexBuilder};
use std::borrow::Cow;

/// Longest pattern, in bytes.
const MAX_TEXT: usize = 1_000;
/// Most memory of a compiled pattern, and of what it remembers while it searches.
const MAX_SIZE: usize = 1 << 20;

/// A regular expression; upper and lower case are the same to it, unless it says `(?-i)`. It takes
/// time in proportion to the text, whatever the pattern.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// For one line.
    one: Regex,
    /// For many lines at once: finds something in every line that holds it, and may find more. `None` where
    /// what it says of a text's ends would mean another thing there.
    many: Option<Regex>,
}

/// Why a text is no pattern.
#[derive(Debug, thiserror::Error)]
pub enum PatternError {
    /// Over the limit.
    #[error("a pattern has at most {MAX_TEXT} bytes, this one has {0}")]
    TooLong(usize),
    /// The expression is not well formed, or too large when it is compiled.
    #[error("{0}")]
    Wrong(String),
}

impl Pattern {
    /// Reads an expression.
    ///
    /// # Errors
    /// When it is none, or too large.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        if text.len() > MAX_TEXT {
            return Err(PatternError::TooLong(text.len()));
        }
        let build = |many: bool| {
            RegexBuilder::new(text)
                .case_insensitive(true)
                .multi_line(many)
                .size_limit(MAX_SIZE)
                .dfa_size_limit(MAX_SIZE)
                .build()
        };
        let one = build(false).map_err(|error| {
            PatternError::Wrong(match error {
                regex::Error::CompiledTooBig(_) => {
                    "the pattern is too large; repeat less in it".to_owned()
                }
                // It draws the place in lines of its own.
                error => error.to_string(),
            })
        })?;
        // Flags may turn off that ends of lines count; `\A`, `\z` and half boundaries do so by themselves.
        let ends = ["\\A", "\\z", "\\b{", "(?"];
        let many = !ends.iter().any(|end| text.contains(end));
        let many = many.then(|| build(true).ok()).flatten();
        Ok(Self { one, many })
    }

    /// Looks for this text as it is.
    ///
    /// # Errors
    /// When it is too long.
    pub fn plain(text: &str) -> Result<Self, PatternError> {
        if text.len() > MAX_TEXT {
            return Err(PatternError::TooLong(text.len()));
        }
        let escaped = regex::escape(text);
        // What was escaped is longer, and means no more.
        let build = || {
            RegexBuilder::new(&escaped)
                .case_insensitive(true)
                .build()
                .map_err(|error| PatternError::Wrong(error.to_string()))
        };
        let one = build()?;
        Ok(Self {
            many: Some(one.clone()),
            one,
        })
    }

    /// What finds something in every line of a text that holds it, and may find more.
    pub(super) fn many(&self) -> Option<&Regex> {
        self.many.as_ref()
    }

    /// True when the line holds it, whatever colours it is in.
    pub(super) fn is_in(&self, line: &[u8]) -> bool {
        self.one.is_match(&plain(line))
    }
}

/// A line without its colours and whatever else is meant for a terminal.
pub(super) fn plain(line: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(0x1b, line).is_none() {
        return Cow::Borrowed(line);
    }
    let mut plain = Vec::with_capacity(line.len());
    put_plain(line, &mut plain);
    Cow::Owned(plain)
}

/// Appends a line as [`plain`] makes it.
pub(super) fn put_plain(line: &[u8], text: &mut Vec<u8>) {
    let begin = text.len();
    let mut rest = line;
    let simple = loop {
        let Some(escape) = memchr::memchr(0x1b, rest) else {
            // Without any escape it stays as it is, whatever else is in it.
            text.extend_from_slice(rest);
            break rest.len() == line.len() || harmless(rest);
        };
        let (before, colour) = rest.split_at(escape);
        let parameters = colour.get(2..).unwrap_or_default();
        let length = parameters
            .iter()
            .take_while(|byte| matches!(byte, b'0'..=b'9' | b';' | b':'))
            .count();
        if !harmless(before)
            || !colour.starts_with(b"\x1b[")
            || length > 64
            || parameters.get(length) != Some(&b'm')
        {
            break false;
        }
        text.extend_from_slice(before);
        rest = &colour[2 + length + 1..];
    };
    if !simple {
        text.truncate(begin);
        text.extend_from_slice(without_colours(&clean(line)).as_bytes());
    }
}

fn without_colours(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        // Only colours are left after cleaning, and they end with the first m.
        plain.push_str(part.split_once('m').map_or(part, |(_, after)| after));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_found_in_any_case_and_colour() {
        let found =
            |pattern: &str, line: &str| Pattern::new(pattern).unwrap().is_in(line.as_bytes());
        assert!(found("fail", "it FAILED"));
        assert!(!found("(?-i)fail", "it FAILED"));
        assert!(found("^took [0-9]+ ms$", "took 12 ms"));
        assert!(found("7 fail", "line 7 \x1b[31mFa\x1b[0mil"));
        assert!(!found("31m", "line 7 \x1b[31mFa\x1b[0mil"));
    }

    #[test]
    fn a_hostile_pattern_is_refused_or_harmless() {
        assert!(matches!(
            Pattern::new(&"a".repeat(1_001)),
            Err(PatternError::TooLong(1_001))
        ));
        let large = Pattern::new("(a{1000}){1000}").unwrap_err();
        assert!(large.to_string().contains("too large"), "{large}");
        let open = Pattern::new("a(b").unwrap_err();
        assert!(open.to_string().contains("unclosed group"), "{open}");
        // Where others backtrack for longer than the world lasts.
        let patient = Pattern::new("(a*)*b").unwrap();
        assert!(!patient.is_in("a".repeat(60_000).as_bytes()));
    }
}

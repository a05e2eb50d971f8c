//! What a search looks for: a regular expression, in bounded time and memory.

use super::clean;
use regex::bytes::{Regex, RegexBuilder};
use std::borrow::Cow;

/// Longest pattern, in bytes.
const MAX_TEXT: usize = 1_000;
/// Most memory of a compiled pattern, and of what it remembers while it searches.
const MAX_SIZE: usize = 1 << 20;

/// A regular expression; upper and lower case are the same to it, unless it says `(?-i)`. It takes
/// time in proportion to the text, whatever the pattern.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

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
        let built = RegexBuilder::new(text)
            .case_insensitive(true)
            .size_limit(MAX_SIZE)
            .dfa_size_limit(MAX_SIZE)
            .build();
        built.map(Self).map_err(|error| {
            PatternError::Wrong(match error {
                regex::Error::CompiledTooBig(_) => {
                    "the pattern is too large; repeat less in it".to_owned()
                }
                // It draws the place in lines of its own.
                error => error.to_string(),
            })
        })
    }

    /// True when the line holds it, whatever colours it is in.
    pub(super) fn is_in(&self, line: &[u8]) -> bool {
        self.0.is_match(&plain(line))
    }
}

/// A line without its colours and whatever else is meant for a terminal.
pub(super) fn plain(line: &[u8]) -> Cow<'_, [u8]> {
    if line.contains(&0x1b) {
        Cow::Owned(without_colours(&clean(line)).into_bytes())
    } else {
        Cow::Borrowed(line)
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

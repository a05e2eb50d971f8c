//! Regular expressions of definitions: in bounded time and memory.

use regex::bytes::{Regex, RegexBuilder};

/// Longest pattern, in bytes.
const MAX_TEXT: usize = 1_000;
/// Most memory of a compiled pattern, and of what it remembers while it searches.
const MAX_SIZE: usize = 1 << 20;

/// Compiles a pattern of a definition. Upper and lower case differ unless it says `(?i)`. It takes
/// time in proportion to the text it is looked for in, whatever the pattern.
///
/// # Errors
/// What is wrong with it, in a few words.
pub fn pattern(text: &str) -> Result<Regex, String> {
    if text.len() > MAX_TEXT {
        return Err(format!("longer than {MAX_TEXT} bytes"));
    }
    let built = RegexBuilder::new(text)
        .size_limit(MAX_SIZE)
        .dfa_size_limit(MAX_SIZE)
        .build();
    built.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "too large when it is compiled".to_owned(),
        // It draws the place in lines of its own; the last one says what is wrong there.
        error => {
            let told = error.to_string();
            let last = told.lines().last().unwrap_or_default();
            last.trim_start_matches("error: ").to_owned()
        }
    })
}

//! Which lines look like an error: a guess at what a person would look for first in a log.
//!
//! Only the words of the trade count, as words: `ERROR`, `TypeError:`, `[emerg]`, `panicked at`,
//! `failed to`. What merely names them (`/var/log/error.log`, `errors=0`, `error: null`, `0 failed`)
//! does not.

/// Words that begin trouble, in lower case.
const WORDS: [&[u8]; 15] = [
    b"error",
    b"exception",
    b"fatal",
    b"panic",
    b"panicked",
    b"critical",
    b"crit",
    b"emerg",
    b"severe",
    b"traceback",
    b"segfault",
    b"segmentation fault",
    b"core dumped",
    b"unhandled",
    b"failed",
];
/// Words that other words end with in CamelCase: `TypeError`, `NullPointerException`.
const CAMEL: [&[u8]; 2] = [b"error", b"exception"];
/// Longest text that is looked at behind a word: what it is said to be.
const VALUE: usize = 16;

/// True when the line looks like an error.
pub fn is_error(line: &[u8]) -> bool {
    find(line).is_some()
}

/// Where the first word lies that makes a text look like an error. A text may have several lines.
pub fn find(text: &[u8]) -> Option<usize> {
    let mut before = b' ';
    for (at, byte) in text.iter().enumerate() {
        // Most bytes begin no word: the rest is looked at only where one may begin.
        let begins = if byte.is_ascii_uppercase() {
            !before.is_ascii_uppercase()
        } else {
            byte.is_ascii_lowercase() && (!before.is_ascii_alphanumeric() || coloured(&text[..at]))
        };
        if begins && trouble_at(text, at) {
            return Some(at);
        }
        before = *byte;
    }
    None
}

fn trouble_at(text: &[u8], at: usize) -> bool {
    let rest = &text[at..];
    // Words by their first letters alone, before anything is compared.
    if !matches!(
        rest[0].to_ascii_lowercase(),
        b'e' | b'f' | b'p' | b'c' | b's' | b't' | b'u'
    ) {
        return false;
    }
    let inner = at
        .checked_sub(1)
        .is_some_and(|before| text[before].is_ascii_alphanumeric())
        && !coloured(&text[..at]);
    let words: &[&[u8]] = if inner { &CAMEL } else { &WORDS };
    words.iter().any(|word| {
        rest.len() >= word.len()
            && rest[..word.len()].eq_ignore_ascii_case(word)
            && ends(&rest[word.len()..])
            && (inner || alone(&text[..at]))
            && !denied(&text[..at], &rest[word.len()..])
    })
}

/// Whether a word ends before `rest`: `error:` but not `errors`, `error_count`, `error.log`.
fn ends(rest: &[u8]) -> bool {
    match rest {
        [] => true,
        [b'-' | b'.' | b'/', next, ..] => !next.is_ascii_alphanumeric(),
        [next, ..] => !next.is_ascii_alphanumeric() && *next != b'_',
    }
}

/// Whether `before` ends with a colour sequence, whose last letter is no part of the text.
fn coloured(before: &[u8]) -> bool {
    let Some(parameters) = before.strip_suffix(b"m") else {
        return false;
    };
    let digits = parameters
        .iter()
        .rev()
        .take(VALUE)
        .take_while(|byte| matches!(byte, b'0'..=b'9' | b';' | b':'));
    parameters[..parameters.len() - digits.count()].ends_with(b"\x1b[")
}

/// Whether a word stands by itself behind `before`, not at the end of a path or a name.
fn alone(before: &[u8]) -> bool {
    match before {
        [.., last] => !matches!(last, b'_' | b'-' | b'/' | b'.' | b'$'),
        [] => true,
    }
}

/// Whether it is said that there is none: `no error`, `0 failed`, `error=0`, `"error":null`.
fn denied(before: &[u8], after: &[u8]) -> bool {
    let none_before = [&b"no "[..], b"0 ", b"without ", b"any "]
        .iter()
        .any(|word| {
            before.len().checked_sub(word.len()).is_some_and(|begin| {
                before[begin..].eq_ignore_ascii_case(word)
                    && !begin
                        .checked_sub(1)
                        .is_some_and(|at| before[at].is_ascii_alphanumeric())
            })
        });
    if none_before {
        return true;
    }
    let after = &after[..after.len().min(VALUE)];
    let Some(sign) = after
        .iter()
        .position(|byte| !matches!(byte, b'"' | b'\'' | b' ' | b']' | b')'))
        .filter(|at| matches!(after[*at], b'=' | b':'))
    else {
        return false;
    };
    let value = &after[sign + 1..];
    let value = &value[value.iter().take_while(|byte| **byte == b' ').count()..];
    [
        &b"0"[..],
        b"null",
        b"nil",
        b"<nil>",
        b"none",
        b"false",
        b"\"\"",
        b"{}",
        b"[]",
    ]
    .iter()
    .any(|none| {
        value.len() >= none.len()
            && value[..none.len()].eq_ignore_ascii_case(none)
            && value
                .get(none.len())
                .is_none_or(|next| !next.is_ascii_alphanumeric() && *next != b'.')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_tell_of_trouble_are_found() {
        for line in [
            "ERROR: relation \"users\" does not exist",
            "2026-01-02 03:04:05.678 UTC [12] FATAL:  the database system is starting up",
            "thread 'main' panicked at src/main.rs:3:5:",
            "TypeError: Cannot read properties of undefined",
            "java.lang.NullPointerException: x",
            "Traceback (most recent call last):",
            "nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)",
            "{\"level\":\"error\",\"msg\":\"boom\"}",
            "level=error msg=boom",
            "\x1b[31merror\x1b[0m something",
            "failed to connect to db: connection refused",
            "Segmentation fault (core dumped)",
            "npm ERR! code 1\nError: x",
            "error: 01 is no number",
            "- error in row 3",
            "ERROR",
            "UnhandledPromiseRejection: Error: x",
        ] {
            assert!(is_error(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn lines_that_only_name_it_are_not() {
        for line in [
            "",
            "ready in 300 ms",
            "12 passed, 0 failed",
            "found no errors",
            "no error",
            "finished without error",
            "errors=0 warnings=2",
            "{\"error\":null,\"ok\":true}",
            "error=0 took=5",
            "error: none",
            "writing to /var/log/nginx/error.log",
            "loaded error_handler",
            "error-reporting is on",
            "terror in the mirror",
            "GET /error 200",
            "unfailed panics",
            "listening on errors.example",
        ] {
            assert!(!is_error(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn the_place_of_the_word_is_told() {
        assert_eq!(find(b"fine\nstill fine\nan ERROR\n"), Some(19));
        assert_eq!(find(b"0 failed, but: failed"), Some(15));
    }
}

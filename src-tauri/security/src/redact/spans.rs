//! Where in a text a secret stands that nobody told of: by the form of a token, by the name before it, as a password
//! in a URL, and a long one by its look.

use crate::secret::{Name, forms, random};
use aho_corasick::{AhoCorasick, MatchKind};
use std::ops::Range;
use std::sync::LazyLock;

/// So many bytes of a name, and of spaces around a sign, are looked at.
const NAME: usize = 64;
const SPACES: usize = 4;
/// A random value is at least so long, where a name announces it.
const ANNOUNCED: usize = 8;
/// Long words begin here: [`random::without_name`] takes no shorter one.
const LONG: usize = 32;
/// Shorter is no password.
const PASSWORD: usize = 4;

/// A text is gone through so often at most, and that many bytes more: what is behind that is hidden unseen.
const WORK: usize = 64;
const LEAST_WORK: usize = 256 * 1024;

/// What a closer look is worth, in either case of letters. Each word that makes a value secret has one of the stems.
const STEMS: [&str; 7] = ["pass", "secr", "toke", "cred", "key", "auth", "pwd"];
const URL: &str = "://";
const KEY: &str = "-----begin ";
const BEARER: &str = "bearer ";

/// What one of the patterns of [`MARKS`] is.
#[derive(Clone, Copy)]
enum Mark {
    Stem,
    Url,
    Key,
    Bearer,
    Token,
}

static MARKS: LazyLock<Option<(AhoCorasick, Vec<Mark>)>> = LazyLock::new(|| {
    let stems = STEMS.map(|stem| (stem, Mark::Stem)).into_iter();
    let others = [(URL, Mark::Url), (KEY, Mark::Key), (BEARER, Mark::Bearer)];
    let tokens = forms::beginnings().map(|token| (token, Mark::Token));
    let (patterns, marks): (Vec<_>, Vec<_>) = stems.chain(others).chain(tokens).unzip();
    let built = AhoCorasick::builder()
        .match_kind(MatchKind::Standard)
        .ascii_case_insensitive(true)
        .build(patterns);
    // It fails for more patterns than memory holds.
    built.ok().map(|found| (found, marks))
});

/// All of them; they may overlap.
pub(super) fn find(text: &str, spans: &mut Vec<Range<usize>>) {
    if let Some((found, marks)) = &*MARKS {
        // Up to here the last name or URL was looked at; here the word ends that the last hit is in.
        let (mut done, mut word) = (0, 0);
        let mut work = 0_usize;
        for hit in found.find_overlapping_iter(text) {
            let at = hit.start();
            if at >= word {
                let rest = text.as_bytes()[at..]
                    .iter()
                    .position(u8::is_ascii_whitespace);
                word = rest.map_or(text.len(), |length| at + length);
            }
            // Each look may go on to the end of its word, and a word may be nothing but such hits.
            work = work.saturating_add(word - at);
            if work > WORK * text.len() + LEAST_WORK {
                spans.push(at..text.len());
                break;
            }
            let span = match marks[hit.pattern().as_usize()] {
                Mark::Token => forms::token_at(text, at),
                Mark::Url => in_url(text, hit.end()),
                Mark::Key => private_key(text, at),
                Mark::Bearer => bearer(text, hit.end()),
                Mark::Stem if at < done => None,
                Mark::Stem => {
                    let (end, span) = assigned(text, hit.range());
                    done = end;
                    span
                }
            };
            spans.extend(span);
        }
    }
    long(text, spans);
}

/// Quickly: whether [`find`] might find something. Of a no that is sure.
pub(super) fn may_be(line: &[u8]) -> bool {
    let marked = MARKS
        .as_ref()
        .is_some_and(|(found, _)| found.is_match(line));
    marked || {
        let mut run = 0;
        line.iter().any(|byte| {
            run = if of_long(*byte) { run + 1 } else { 0 };
            run >= LONG
        })
    }
}

/// Whether a value is secret because of its name.
pub(super) fn named(name: &str, value: &str) -> bool {
    let words = Name::of(name);
    if words.has("authorization") {
        return value.len() >= ANNOUNCED;
    }
    let value = value.trim();
    words.says_secret() && !super::is_place(value) && announced(&words, value, true)
}

/// The same of a variable: who gives a name of a secret to one means it, whatever the value looks like.
pub(super) fn in_variable(name: &str, value: &str) -> bool {
    let (words, value) = (Name::of(name), value.trim());
    let secret = words.says_secret() || words.says_pass();
    let said = value.len() >= PASSWORD && !stands(value) && !is_none(value);
    let number = !words.password() && value.bytes().all(|byte| byte.is_ascii_digit());
    named(name, value) || secret && said && !number && !super::is_place(value)
}

/// The length of the word at the beginning of a text, if that may be the rest of a secret that was cut.
pub(super) fn half_in_front(text: &str) -> Option<usize> {
    let length = text.bytes().take_while(|byte| of_long(*byte)).count();
    random::looks(&text[..length], ANNOUNCED).then_some(length)
}

/// The same of the word at its end.
pub(super) fn half_behind(text: &str) -> Option<usize> {
    let length = text.bytes().rev().take_while(|byte| of_long(*byte)).count();
    random::looks(&text[text.len() - length..], ANNOUNCED).then_some(length)
}

fn of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

/// What is assigned to the name that has this in it, and where that name ends.
fn assigned(text: &str, stem: Range<usize>) -> (usize, Option<Range<usize>>) {
    let front = &text[text.ceil_char_boundary(stem.start.saturating_sub(NAME))..stem.start];
    let begin = stem.start - (front.len() - front.trim_end_matches(of_name).len());
    let back = &text[stem.end..text.floor_char_boundary(stem.end + NAME)];
    let end = stem.end + (back.len() - back.trim_start_matches(of_name).len());
    (end, value_of(text, &text[begin..end], end))
}

fn value_of(text: &str, name: &str, end: usize) -> Option<Range<usize>> {
    let words = Name::of(name);
    let authorizes = words.has("authorization");
    if !authorizes && !words.says_secret() {
        return None;
    }
    // The quote that closes the name, then the sign.
    let closed = skip(text, end, |c| matches!(c, '"' | '\'' | '\\' | ']'));
    let sign = skip(text, closed, |c| c == ' ');
    let mut behind = skip(text, sign, |c| matches!(c, '=' | ':' | '>'));
    let mut is_flag = name.starts_with('-') && sign > end && closed == end;
    // `"--password", "…"`: the next word of a list.
    if name.starts_with('-') && closed > end && text[sign..].starts_with(',') {
        (behind, is_flag) = (sign + 1, true);
    }
    if behind == sign && !is_flag {
        return None;
    }
    let quote = skip(text, behind, |c| c == ' ');
    let begin = skip(text, quote, |c| matches!(c, '"' | '\'' | '\\'));
    let opening = &text[quote..begin];
    let value = match opening.chars().last() {
        // Quotes within quotes: what closes them is escaped itself.
        Some(closing) if opening.contains('\\') => {
            let rest = &text[begin..];
            &rest[..rest.find(['\\', closing]).unwrap_or(rest.len())]
        }
        Some(closing) => quoted(&text[begin..], closing),
        None => bare(&text[begin..]),
    };
    if authorizes {
        // A scheme comes first: `Bearer`, `Basic`, `token`.
        let second = match value.split_once(' ') {
            Some((scheme, secret)) => {
                begin + scheme.len() + 1..begin + scheme.len() + 1 + secret.len()
            }
            None => {
                let next = begin + value.len();
                let next = skip(text, next, |c| c == ' ');
                match bare(&text[next..]) {
                    "" => begin..begin + value.len(),
                    secret if scheme(value) => next..next + secret.len(),
                    _ => begin..begin + value.len(),
                }
            }
        };
        return (second.len() >= ANNOUNCED).then_some(second);
    }
    let assigned = sign == closed && quote == behind && text[sign..behind].contains('=');
    let tight = assigned || is_flag || begin > quote || closed > end;
    announced(&words, value, tight).then_some(begin..begin + value.len())
}

fn scheme(word: &str) -> bool {
    ["bearer", "basic", "digest", "token", "apikey"]
        .iter()
        .any(|scheme| word.eq_ignore_ascii_case(scheme))
}

/// What is between quotes from here on; the rest of the text where none closes.
fn quoted(text: &str, closing: char) -> &str {
    let mut escaped = false;
    let end = text.find(|c| {
        let ends = c == closing && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    &text[..end.unwrap_or(text.len())]
}

fn bare(text: &str) -> &str {
    let ends = |c: char| {
        c.is_whitespace()
            || matches!(
                c,
                '"' | '\'' | ',' | ';' | ')' | '}' | ']' | '&' | '\\' | '<'
            )
    };
    text.split(ends).next().unwrap_or_default()
}

/// Where this ends, a few letters further at most.
fn skip(text: &str, from: usize, of: impl Fn(char) -> bool) -> usize {
    let rest = &text[from..];
    let length: usize = rest
        .chars()
        .take(SPACES)
        .take_while(|c| of(*c))
        .map(char::len_utf8)
        .sum();
    from + length
}

/// What programs write behind such a name that is none.
fn is_none(value: &str) -> bool {
    const NONE: [&str; 16] = [
        "true",
        "false",
        "null",
        "none",
        "nil",
        "undefined",
        "required",
        "missing",
        "invalid",
        "expired",
        "empty",
        "unset",
        "hidden",
        "redacted",
        "denied",
        "accepted",
    ];
    NONE.iter().any(|none| value.eq_ignore_ascii_case(none))
}

/// Something stands in the place of the value.
fn stands(value: &str) -> bool {
    value.starts_with(['$', '{', '<', '%', '*', '•']) || value.starts_with("(secret")
}

/// A value is no secret, although its name says so, where it is a word about one. `tight`: it is assigned, and not
/// merely told.
fn announced(words: &Name, value: &str, tight: bool) -> bool {
    if value.len() < PASSWORD || stands(value) || is_none(value) {
        return false;
    }
    if random::looks(value, ANNOUNCED) {
        return true;
    }
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    match (words.password(), tight) {
        (true, true) => true,
        (true, false) => digits > 0 && value.bytes().any(|b| b.is_ascii_alphabetic()),
        // `tokens=5000` is a number, and `token=EOF` a word of a parser.
        (false, true) => value.len() >= ANNOUNCED && (digits > 0 && digits < value.len()),
        (false, false) => false,
    }
}

/// `Bearer VALUE`.
fn bearer(text: &str, from: usize) -> Option<Range<usize>> {
    /// No token is shorter.
    const LEAST: usize = 16;
    let value = bare(&text[from..]);
    let has_digit = value.bytes().any(|byte| byte.is_ascii_digit());
    (value.len() >= LEAST && has_digit).then_some(from..from + value.len())
}

/// The password between a name and a host, or what stands there alone and looks random.
fn in_url(text: &str, from: usize) -> Option<Range<usize>> {
    let rest = &text[from..];
    let ends = |c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\'' | '<' | '`');
    let authority = rest.split(ends).next().unwrap_or_default();
    let (user, _) = authority.rsplit_once('@')?;
    match user.split_once(':') {
        Some((name, password)) => {
            let stands = password.is_empty() || password.starts_with(['$', '{', '<', '*', '•']);
            let begin = from + name.len() + 1;
            (!stands).then_some(begin..begin + password.len())
        }
        None => random::looks(user, LONG / 2).then_some(from..from + user.len()),
    }
}

/// A private key up to its end, or as much of it as is there.
fn private_key(text: &str, at: usize) -> Option<Range<usize>> {
    const END: &str = "-----END ";
    let rest = &text[at..];
    let title = rest.get(KEY.len()..)?.split("-----").next()?;
    if title.len() >= 40 || !title.to_ascii_uppercase().contains("PRIVATE KEY") {
        return None;
    }
    let end = rest.find(END).and_then(|end| {
        let closing = end + END.len();
        let dashes = rest[closing..].find("-----")?;
        Some(closing + dashes + 5)
    });
    Some(at..at + end.unwrap_or(rest.len()))
}

fn of_long(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'_' | b'-')
}

/// Long words that nothing but chance makes.
fn long(text: &str, spans: &mut Vec<Range<usize>>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if !of_long(bytes[at]) {
            at += 1;
            continue;
        }
        let length = bytes[at..]
            .iter()
            .take_while(|byte| of_long(**byte))
            .count();
        let padding = bytes[at + length..]
            .iter()
            .take(2)
            .take_while(|byte| **byte == b'=')
            .count();
        let word = &text[at..at + length];
        if length >= LONG && random::without_name(word) {
            spans.push(at..at + length + padding);
        }
        at += length;
    }
}

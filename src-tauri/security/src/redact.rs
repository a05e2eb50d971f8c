//! Hides the secrets in a text that is about to be shown, sent or written down.
//!
//! One redactor for all of it: `engine` tells it the values that it knows, and asks it about log lines, reasons,
//! evidence and the answers of the API; `cli` asks it about what it prints without an engine. It knows a secret by
//! its value (also in base64, hexadecimal, percent-encoded and as JSON writes it), by the form of a well-known
//! token, by the name before it, as a password in a URL, and a long one by its random look alone.
//!
//! It refuses to guess where nothing speaks for it: a short word that nobody told it of and that no name announces
//! stays. It shows rather too little than too much: what stands behind `password=` is hidden, whatever it is.

mod exact;
mod json;
mod spans;
mod veil;

use crate::secret::random;
use aho_corasick::AhoCorasick;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

/// What stands where a secret was.
pub const MASK: &str = "•••";
/// A shorter value is part of any sentence: hiding it would show it.
pub const SHORTEST: usize = 4;
/// So far from where a line was cut a secret is looked for that was cut with it, in bytes.
const CUT: usize = 512;

/// See the module. The default knows no values, and hides what it can tell by form, name and look.
#[derive(Debug, Clone, Default)]
pub struct Redactor(Vec<Arc<Known>>);

/// Values that were told together.
#[derive(Debug)]
struct Known {
    /// Values as they are, for where lines are cut.
    values: Vec<String>,
    /// Looked for in sentences and log lines.
    text: Option<AhoCorasick>,
    /// Looked for everywhere, also where names and states stand: what could be one of these is not among them.
    fields: Option<AhoCorasick>,
}

impl Redactor {
    /// One that knows these values: `own` of the cluster that the texts are about, and `others` besides, of which
    /// only those are hidden that are nobody's name.
    pub fn new<'a>(
        own: impl IntoIterator<Item = &'a str>,
        others: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        Self::default().with(own, others)
    }

    /// The same with more values. What is known already is not looked at again.
    #[must_use]
    pub fn with<'a>(
        &self,
        own: impl IntoIterator<Item = &'a str>,
        others: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let own: Vec<&str> = own
            .into_iter()
            .filter(|one| one.len() >= SHORTEST)
            .collect();
        let others: Vec<&str> = others.into_iter().filter(|one| distinct(one)).collect();
        let text = own.iter().chain(&others).copied();
        let fields = own.iter().filter(|one| distinct(one)).chain(&others);
        let known = Known {
            text: exact::automaton(text),
            fields: exact::automaton(fields.copied()),
            values: own.iter().map(|one| (*one).to_owned()).collect(),
        };
        let mut all = self.0.clone();
        if known.text.is_some() {
            all.push(Arc::new(known));
        }
        Self(all)
    }

    /// A sentence or a line without its secrets.
    pub fn hide<'t>(&self, text: &'t str) -> Cow<'t, str> {
        without(text, self.spans(text, |known| known.text.as_ref()))
    }

    /// The same where the text may be a name or a state, which are no secrets even if somebody's secret is the
    /// same word.
    pub fn hide_field<'t>(&self, text: &'t str) -> Cow<'t, str> {
        without(text, self.spans(text, |known| known.fields.as_ref()))
    }

    /// The value of something that has a name.
    pub fn hide_value<'t>(&self, name: &str, value: &'t str) -> Cow<'t, str> {
        match spans::named(name, value) {
            true => Cow::Borrowed(MASK),
            false => self.hide_field(value),
        }
    }

    /// A piece of a line that was cut in front or behind, where it may have cut a secret in two.
    pub fn hide_piece<'t>(&self, text: &'t str, front: bool, behind: bool) -> Cow<'t, str> {
        let mut spans = self.spans(text, |known| known.text.as_ref());
        let values = || self.0.iter().flat_map(|known| &known.values);
        if front {
            let head = &text[..text.floor_char_boundary(CUT)];
            let known = values().filter_map(|value| suffix(value, head));
            let longest = known.chain(spans::half_in_front(head)).max();
            spans.extend(longest.map(|end| 0..end));
        }
        if behind {
            let from = text.ceil_char_boundary(text.len().saturating_sub(CUT));
            let tail = &text[from..];
            let known = values().filter_map(|value| prefix(value, tail));
            let longest = known.chain(spans::half_behind(tail)).max();
            spans.extend(longest.map(|length| text.len() - length..text.len()));
        }
        without(text, spans)
    }

    /// All strings of a JSON text; `None` when there is nothing to hide in it.
    pub fn hide_json(&self, text: &str) -> Option<String> {
        json::hide(self, text)
    }

    /// Quickly: whether [`Redactor::hide`] might hide something of a line with these bytes. Of a no that is sure.
    pub fn may_hide(&self, line: &[u8]) -> bool {
        let mut known = self.0.iter().filter_map(|known| known.text.as_ref());
        known.any(|known| known.is_match(line)) || spans::may_be(line)
    }

    fn spans(&self, text: &str, of: fn(&Known) -> Option<&AhoCorasick>) -> Vec<Range<usize>> {
        let mut spans = Vec::new();
        for known in self.0.iter().filter_map(|known| of(known)) {
            exact::find(known, text, &mut spans);
        }
        spans::find(text, &mut spans);
        spans
    }
}

/// It is worth knowing as a secret: hardly a word of everyday.
pub fn telling(value: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || matches!(b, b'-' | b'_' | b'.');
    match value.len() {
        ..8 => false,
        8..16 => !value.bytes().all(plain),
        _ => true,
    }
}

/// No name, state, version, address or folder looks like this: where one of those may stand, it is hidden by its value
/// all the same. What is hidden there by mistake is not found again by those who have only its name.
pub fn distinct(value: &str) -> bool {
    /// Names have a number or two in them, and what is random changes between letters and digits all the time.
    const CHANGES: usize = 4;
    const RANDOM: usize = 12;
    let of_names = |b: u8| {
        b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.' | b':')
    };
    if !telling(value) || is_place(value) {
        return false;
    }
    if !value.bytes().all(of_names) {
        return true;
    }
    let kinds = value.bytes().filter(u8::is_ascii_alphanumeric);
    let kinds: Vec<bool> = kinds.map(|b| b.is_ascii_digit()).collect();
    let changes = kinds.windows(2).filter(|two| two[0] != two[1]).count();
    value.len() >= RANDOM && changes >= CHANGES
}

/// A folder, a file or a URL without a password in it.
pub fn is_place(value: &str) -> bool {
    /// Parts of paths that look random are so long, where they are no path.
    const PART: usize = 12;
    let parts = || value.split(['/', '?', '&', '=', '#']);
    let plain = || parts().all(|part| !random::looks(part, PART));
    match value.split_once("://") {
        Some((_, rest)) => !rest.split('/').next().unwrap_or_default().contains('@') && plain(),
        None => value.starts_with('/') && plain(),
    }
}

/// The length of the longest end of `value` that `text` begins with.
fn suffix(value: &str, text: &str) -> Option<usize> {
    let begins = value.char_indices().map(|(at, _)| at).skip(1).take(CUT);
    let mut ends = begins.map(|at| &value[at..]);
    let found = ends.find(|end| end.len() >= SHORTEST && text.starts_with(end));
    found.map(str::len)
}

/// The length of the longest beginning of `value` that `text` ends with.
fn prefix(value: &str, text: &str) -> Option<usize> {
    let ends = value.char_indices().map(|(at, _)| at).take(CUT);
    let begins = ends.map(|at| &value[..at]);
    let fitting = begins.filter(|begin| begin.len() >= SHORTEST && text.ends_with(begin));
    fitting.map(str::len).max()
}

/// The text with a mask in the place of each span; spans may overlap.
fn without(text: &str, spans: Vec<Range<usize>>) -> Cow<'_, str> {
    if spans.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut at = 0;
    for span in merged(text, spans) {
        shown.push_str(&text[at..span.start]);
        shown.push_str(MASK);
        at = span.end;
    }
    shown.push_str(&text[at..]);
    Cow::Owned(shown)
}

/// The same in order, those that overlap or touch as one, none empty.
fn merged(text: &str, mut spans: Vec<Range<usize>>) -> Vec<Range<usize>> {
    spans.sort_by_key(|span| (span.start, span.end));
    let mut all: Vec<Range<usize>> = Vec::new();
    for span in spans {
        let (start, end) = (
            text.floor_char_boundary(span.start),
            text.ceil_char_boundary(span.end),
        );
        match all.last_mut() {
            Some(last) if start <= last.end => last.end = last.end.max(end),
            _ if start < end => all.push(start..end),
            _ => {}
        }
    }
    all
}

#[cfg(test)]
mod tests;

//! The strings of a JSON text, one after the other, with the names that they have there. Numbers, the order of
//! keys and all that is no string stay as they are.

use super::{MASK, Redactor, spans};
use std::borrow::Cow;

/// Names under which the value of something stands that a name beside it is about.
const VALUES: [&str; 4] = ["value", "now", "content", "default"];

/// What an object or a list has had so far.
#[derive(Default)]
struct Frame<'t> {
    /// The name of what comes.
    key: Cow<'t, str>,
    /// What `name` said.
    name: Option<String>,
    /// It is a list, and lies in one.
    list: bool,
    pair: bool,
    /// Of a list, the string before.
    before: Option<String>,
}

pub(super) fn hide(redactor: &Redactor, text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut shown: Option<String> = None;
    // Up to where `shown` has it.
    let mut told = 0;
    let mut frames: Vec<Frame<'_>> = vec![Frame::default()];
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'{' | b'[' => {
                let key = match (byte, frames.last()) {
                    (b'[', Some(frame)) => frame.key.clone(),
                    _ => Cow::default(),
                };
                let list = byte == b'[';
                frames.push(Frame {
                    key,
                    list,
                    pair: list && frames.last().is_some_and(|frame| frame.list),
                    ..Frame::default()
                });
            }
            b'}' | b']' if frames.len() > 1 => drop(frames.pop()),
            b'"' => {
                let end = end_of(bytes, at);
                let literal = text.get(at..end)?;
                let inner = decoded(literal);
                let next = bytes[end..]
                    .iter()
                    .position(|byte| !byte.is_ascii_whitespace());
                let is_key = next.is_some_and(|next| bytes[end + next] == b':');
                let hidden = match frames.last() {
                    Some(frame) if !is_key => value(redactor, frame, &inner),
                    _ => redactor.hide_field(&inner),
                };
                if hidden != inner {
                    let shown = shown.get_or_insert_default();
                    shown.push_str(&text[told..at]);
                    shown.push_str(&serde_json::to_string(&hidden).ok()?);
                    told = end;
                }
                drop(hidden);
                if let Some(frame) = frames.last_mut() {
                    if frame.list {
                        frame.before = Some(inner.into_owned());
                    } else if is_key {
                        frame.key = inner;
                    } else if matches!(&*frame.key, "name" | "key" | "variable") {
                        frame.name = Some(inner.into_owned());
                    }
                }
                at = end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    let mut shown = shown?;
    shown.push_str(&text[told..]);
    Some(shown)
}

fn value<'t>(redactor: &Redactor, frame: &Frame<'_>, text: &'t str) -> Cow<'t, str> {
    let name = match (&frame.name, &frame.before) {
        (Some(name), _) if VALUES.contains(&&*frame.key) && spans::in_variable(name, text) => {
            return Cow::Borrowed(MASK);
        }
        (Some(name), _) if VALUES.contains(&&*frame.key) => name,
        // `["authorization", "…"]` in a list of pairs, and `["--password", "…"]`.
        (_, Some(before)) if frame.pair || before.starts_with('-') => before,
        _ => &*frame.key,
    };
    match spans::named(name, text) {
        true => Cow::Borrowed(MASK),
        false => redactor.hide_field(text),
    }
}

/// Behind the quote that closes the string that begins here.
fn end_of(bytes: &[u8], begin: usize) -> usize {
    let mut at = begin + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn decoded(literal: &str) -> Cow<'_, str> {
    let inner = literal.get(1..literal.len().saturating_sub(1));
    match inner {
        Some(plain) if !plain.contains('\\') => Cow::Borrowed(plain),
        _ => Cow::Owned(serde_json::from_str(literal).unwrap_or_default()),
    }
}

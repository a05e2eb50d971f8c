//! Secrets that are known by their value, in the forms in which programs write them down.

use super::SHORTEST;
use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::collections::BTreeSet;
use std::ops::Range;

/// Values that are looked for; more are not among one cluster's secrets.
const MOST: usize = 10_000;
/// A shorter piece of base64 or hexadecimal digits is anything.
const ENCODED: usize = 8;

/// What finds them; `None` when there are none.
pub(super) fn automaton<'a>(values: impl Iterator<Item = &'a str>) -> Option<AhoCorasick> {
    let patterns: BTreeSet<String> = values.take(MOST).flat_map(forms).collect();
    if patterns.is_empty() {
        return None;
    }
    let built = AhoCorasick::builder()
        .match_kind(MatchKind::Standard)
        .build(patterns);
    // It fails when they have four billion bytes together.
    built.ok()
}

/// All places of a text where one stands.
pub(super) fn find(known: &AhoCorasick, text: &str, spans: &mut Vec<Range<usize>>) {
    for hit in known.find_overlapping_iter(text) {
        spans.push(hit.range());
    }
}

fn forms(value: &str) -> Vec<String> {
    let mut forms = vec![value.to_owned()];
    if value.contains(['\n', '\r']) {
        // A log is read by the line.
        let lines = value.lines().map(str::trim);
        forms.extend(
            lines
                .filter(|line| line.len() >= SHORTEST.max(6))
                .map(str::to_owned),
        );
    }
    let json = serde_json::to_string(value).unwrap_or_default();
    forms.extend(json.get(1..json.len().saturating_sub(1)).map(str::to_owned));
    forms.push(utf8_percent_encode(value, NON_ALPHANUMERIC).to_string());
    forms.push(form_encoded(value));
    let bytes = value.as_bytes();
    if bytes.len() >= ENCODED / 2 {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        forms.push(hex.to_ascii_uppercase());
        forms.push(hex);
    }
    // It may stand behind something else in what was encoded, as `name:password` does: one of three ways to lie
    // in groups of three bytes. What its first and last bytes share with others is left out.
    for before in 0..3 {
        let mut all = vec![0; before];
        all.extend_from_slice(bytes);
        let first = (before * 8).div_ceil(6);
        let whole = all.len() / 3 * 4 + (all.len() % 3 * 8) / 6;
        for encoded in [STANDARD_NO_PAD.encode(&all), URL_SAFE_NO_PAD.encode(&all)] {
            let part = encoded.get(first..whole).unwrap_or_default();
            if part.len() >= ENCODED {
                forms.push(part.to_owned());
            }
        }
    }
    forms.retain(|form| form.len() >= SHORTEST);
    forms
}

/// As a query has it: what is plain there stays.
fn form_encoded(value: &str) -> String {
    const QUERY: &percent_encoding::AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'_')
        .remove(b'.')
        .remove(b'~');
    utf8_percent_encode(value, QUERY).to_string()
}

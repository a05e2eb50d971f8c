//! Values of a kind that several properties have.

use crate::yaml::{Fields, Files, Node, expected, integer, text};
use std::collections::BTreeMap;

/// Texts by name; one that is set to nothing is asked of `missing`, which may leave it out.
pub(super) fn pairs(
    fields: &mut Fields<'_>,
    key: &str,
    files: &mut Files,
    missing: impl Fn(&str) -> Option<String>,
) -> BTreeMap<String, String> {
    let path = fields.path_of(key);
    let mut pairs = BTreeMap::new();
    let Some(node) = fields.get(key) else {
        return pairs;
    };
    let Some(of) = Fields::of(node, path, files) else {
        return pairs;
    };
    for entry in of.entries() {
        let value = if entry.value.is_null() {
            missing(&entry.key)
        } else {
            text(&entry.value, &of.path_of(&entry.key), files)
        };
        pairs.extend(value.map(|value| (entry.key.clone(), value)));
    }
    pairs
}

/// Labels and options: nothing is an empty text.
pub(super) fn labels(
    fields: &mut Fields<'_>,
    key: &str,
    files: &mut Files,
) -> BTreeMap<String, String> {
    pairs(fields, key, files, |_| Some(String::new()))
}

pub(super) fn hosts(
    fields: &mut Fields<'_>,
    key: &str,
    files: &mut Files,
) -> BTreeMap<String, Vec<String>> {
    let path = fields.path_of(key);
    let Some(of) = fields
        .get(key)
        .and_then(|node| Fields::of(node, path, files))
    else {
        return BTreeMap::new();
    };
    let entries = of.entries().iter().filter_map(|entry| {
        let addresses = crate::yaml::texts(&entry.value, &of.path_of(&entry.key), files)?;
        Some((entry.key.clone(), addresses))
    });
    entries.collect()
}

/// Bytes: `1024`, `64k`, `512m`, `1.5g`, `2gb`, `1GiB`.
pub(super) fn bytes(fields: &mut Fields<'_>, key: &str, files: &mut Files) -> Option<u64> {
    let path = fields.path_of(key);
    let node = fields.get(key)?;
    let read = node.as_scalar().and_then(|scalar| size(&scalar.words()));
    if read.is_none() {
        expected(node, &path, "a number of bytes, as in 512m or 2g", files);
    }
    read
}

/// Bytes, or -1 for as many as there are.
pub(super) fn bytes_or_all(fields: &mut Fields<'_>, key: &str, files: &mut Files) -> Option<i64> {
    let unlimited = |node: &Node| {
        node.as_scalar()
            .is_some_and(|scalar| scalar.words() == "-1")
    };
    if fields.get(key).is_some_and(unlimited) {
        return Some(-1);
    }
    bytes(fields, key, files).and_then(|bytes| i64::try_from(bytes).ok())
}

pub(in crate::compose) fn size(text: &str) -> Option<u64> {
    let lower = text.trim().to_lowercase();
    let digits = lower
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(lower.len());
    let (number, unit) = lower.split_at(digits);
    let scale = match unit.trim() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        "p" | "pb" | "pib" => 50,
        _ => return None,
    };
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(1 << scale);
    }
    let number: f64 = number.parse().ok()?;
    let bytes = number * (1u64 << scale) as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "in the range of u64"
    )]
    (bytes >= 0.0 && bytes < u64::MAX as f64).then_some(bytes as u64)
}

/// A whole number within bounds.
pub(super) fn within(
    fields: &mut Fields<'_>,
    key: &str,
    range: std::ops::RangeInclusive<i64>,
    files: &mut Files,
) -> Option<i64> {
    let path = fields.path_of(key);
    let node = fields.get(key)?;
    let number = integer(node, &path, files)?;
    if range.contains(&number) {
        return Some(number);
    }
    expected(
        node,
        &path,
        &format!("{} to {}", range.start(), range.end()),
        files,
    );
    None
}

/// A list; nothing is an empty one.
pub(super) fn items<'n>(fields: &mut Fields<'n>, key: &str, files: &mut Files) -> &'n [Node] {
    let path = fields.path_of(key);
    let node = fields.get(key);
    node.and_then(|node| crate::yaml::list(node, &path, files))
        .unwrap_or_default()
}

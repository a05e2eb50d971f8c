//! Values as TOML writes them on one line.

use crate::compose::container::Ulimit;
use crate::draft::{self, list, text};
use std::collections::BTreeMap;
use std::time::Duration;

/// A text that may hold references, and holds none.
pub(super) fn literal(words: &str) -> String {
    text(&spec::literal(words))
}

/// A list of such texts.
pub(super) fn literals(words: &[String]) -> String {
    list(words.iter().map(|word| literal(word)))
}

/// A list of texts.
pub(super) fn texts(words: &[String]) -> String {
    list(words.iter().map(|word| text(word)))
}

/// An inline table; its values are written already.
pub(super) fn table<'k>(entries: impl IntoIterator<Item = (&'k str, String)>) -> String {
    let entries: Vec<String> = entries
        .into_iter()
        .map(|(key, value)| format!("{} = {value}", draft::name(key)))
        .collect();
    match entries.is_empty() {
        true => "{}".to_owned(),
        false => format!("{{ {} }}", entries.join(", ")),
    }
}

/// A table of texts.
pub(super) fn map(all: &BTreeMap<String, String>) -> String {
    table(all.iter().map(|(key, value)| (key.as_str(), text(value))))
}

/// A key and its text, where there is one.
pub(super) fn text_of<'k>(key: &'k str, said: &Option<String>) -> Option<(&'k str, String)> {
    said.as_ref().map(|said| (key, text(said)))
}

/// A key and its texts, where there are some.
pub(super) fn texts_of<'k>(key: &'k str, said: &[String]) -> Option<(&'k str, String)> {
    (!said.is_empty()).then(|| (key, texts(said)))
}

/// A key and its table of texts, where that is not empty.
pub(super) fn map_of<'k>(
    key: &'k str,
    all: &BTreeMap<String, String>,
) -> Option<(&'k str, String)> {
    (!all.is_empty()).then(|| (key, map(all)))
}

/// A key that is said when it is so.
pub(super) fn yes(key: &str, so: bool) -> Option<(&str, String)> {
    so.then(|| (key, "true".to_owned()))
}

/// A key and its number, where there is one.
pub(super) fn number_of(key: &str, number: Option<impl ToString>) -> Option<(&str, String)> {
    number.map(|number| (key, number.to_string()))
}

/// A key and its size, where there is one.
pub(super) fn size_of(key: &str, bytes: Option<u64>) -> Option<(&str, String)> {
    bytes.map(|bytes| (key, size(bytes)))
}

/// A key and its duration, where there is one.
pub(super) fn duration_of(key: &str, time: Option<Duration>) -> Option<(&str, String)> {
    time.map(|time| (key, duration(time)))
}

/// A table of lists of texts.
pub(super) fn lists(all: &BTreeMap<String, Vec<String>>) -> String {
    table(
        all.iter()
            .map(|(key, values)| (key.as_str(), texts(values))),
    )
}

/// A key and names with their addresses, where there are some.
pub(super) fn hosts_of<'k>(
    key: &'k str,
    all: &BTreeMap<String, Vec<String>>,
) -> Option<(&'k str, String)> {
    (!all.is_empty()).then(|| (key, lists(all)))
}

/// A key and limits of processes by name, where there are some.
pub(super) fn ulimits_of<'k>(
    key: &'k str,
    all: &BTreeMap<String, Ulimit>,
) -> Option<(&'k str, String)> {
    let limits = all.iter().map(|(name, limit)| {
        let written = match limit.soft == limit.hard {
            true => limit.soft.to_string(),
            false => table([
                ("soft", limit.soft.to_string()),
                ("hard", limit.hard.to_string()),
            ]),
        };
        (name.as_str(), written)
    });
    (!all.is_empty()).then(|| (key, table(limits)))
}

/// A size in the largest unit that is exact.
pub(super) fn size(bytes: u64) -> String {
    text(&spec::size(bytes))
}

/// A duration in the largest unit that is exact, milliseconds at least.
pub(super) fn duration(time: Duration) -> String {
    let millis = time.as_nanos().div_ceil(1_000_000);
    text(&match millis {
        _ if !millis.is_multiple_of(1_000) => format!("{millis}ms"),
        _ if !millis.is_multiple_of(60_000) || millis == 0 => format!("{}s", millis / 1_000),
        _ => format!("{}m", millis / 60_000),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_durations_are_exact_where_they_can_be() {
        for (bytes, written) in [
            (512 << 20, "512MiB"),
            (2 << 30, "2GiB"),
            (5_000_000, "5MB"),
            (1_025, "1025B"),
        ] {
            assert_eq!(size(bytes), format!("\"{written}\""));
        }
        for (millis, written) in [
            (500, "500ms"),
            (1_500, "1500ms"),
            (0, "0s"),
            (90_000, "90s"),
            (120_000, "2m"),
        ] {
            assert_eq!(
                duration(Duration::from_millis(millis)),
                format!("\"{written}\"")
            );
        }
    }
}

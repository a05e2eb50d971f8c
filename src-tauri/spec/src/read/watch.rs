//! `watch`: the files whose changes restart a service.

use super::Reader;
use super::keys::WATCH;
use crate::cluster::FileWatch;
use crate::document::{Entry, Value, ValueKind};
use crate::limits::{MAX_PATTERNS, MAX_TEXT};
use crate::problem::quoted;
use std::time::Duration;

const EXAMPLE: &str = "watch = [\"src/**\", \"!src/generated/**\"]";
/// Longer than an editor needs to put a file in the place of another, or a formatter to go over it
/// after that; shorter than a person notices.
const DEBOUNCE: Duration = Duration::from_millis(200);
const SHORTEST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_secs(60);

impl Reader<'_> {
    /// Reads a list of patterns, or a table with one.
    pub(super) fn watch(&mut self, entry: &Entry) -> Option<FileWatch> {
        let mut watch = FileWatch {
            paths: Vec::new(),
            debounce: DEBOUNCE,
            gitignore: true,
        };
        let paths = match &entry.value.kind {
            ValueKind::Table(table) => {
                self.known_keys(table, &WATCH);
                if let Some(entry) = table.get("debounce") {
                    let range = SHORTEST..=LONGEST;
                    watch.debounce = self
                        .duration(&entry.value, "`debounce`", range)
                        .unwrap_or(DEBOUNCE);
                }
                if let Some(entry) = table.get("gitignore") {
                    watch.gitignore = self.flag(&entry.value, "`gitignore`").unwrap_or(true);
                }
                let Some(paths) = table.get("paths") else {
                    self.refuse(
                        &entry.key.span,
                        "this `watch` names no files".into(),
                        "which ones?",
                        "write watch = { paths = [\"src/**\"], debounce = \"500ms\" }",
                    );
                    return None;
                };
                &paths.value
            }
            _ => &entry.value,
        };
        let items = self.list(paths, "`watch`", MAX_PATTERNS, EXAMPLE)?;
        for item in items {
            watch.paths.extend(self.pattern(item));
        }
        let left_out =
            |item: &Value| matches!(&item.kind, ValueKind::Text(text) if text.starts_with('!'));
        if !items.is_empty() && items.iter().all(left_out) {
            self.refuse(
                &paths.span,
                "`watch` names only files that are left out".into(),
                "every entry begins with !",
                "name first what is watched: watch = [\"src/**\", \"!src/generated/**\"]",
            );
        }
        (!watch.paths.is_empty()).then_some(watch)
    }

    /// One pattern: as in a .gitignore, relative to the cluster's folder and inside it.
    fn pattern(&mut self, value: &Value) -> Option<String> {
        let text = self.text(value, "an entry of `watch`", EXAMPLE)?;
        let (not, path) = match text.strip_prefix('!') {
            Some(rest) => ("!", rest),
            None => ("", text),
        };
        let path = path.strip_prefix("./").unwrap_or(path);
        let refusal = if path.len() > MAX_TEXT.min(4_096) {
            Some(("it is too long", "a path has at most 4,096 bytes"))
        } else if path.starts_with('/') || path.starts_with('~') {
            Some((
                "it is not below the cluster's folder",
                "write it relative to the folder of this file",
            ))
        } else if path.split('/').any(|part| part == "..") {
            Some((
                "it leaves the cluster's folder",
                "only files below the folder of this file can be watched; put the azora.toml \
                 further up and use `cwd`",
            ))
        } else if path.contains('\\') || path.contains(char::is_control) {
            Some((
                "it has a backslash or a control character",
                "folders are separated by /",
            ))
        } else if path.trim_matches('/').is_empty() {
            Some(("it names nothing", EXAMPLE))
        } else {
            None
        };
        if let Some((label, help)) = refusal {
            self.refuse(
                &value.span,
                format!("{} cannot be watched", quoted(text)),
                label,
                help,
            );
            return None;
        }
        if let Err(error) = globset::Glob::new(path) {
            self.refuse(
                &value.span,
                format!("{} is not a pattern: {}", quoted(text), error.kind()),
                "not a pattern",
                "* is any part of a name, ** any folders, ? one character, [ab] one of these, \
                 {a,b} one of those",
            );
            return None;
        }
        Some(format!("{not}{path}"))
    }
}

//! Values that tables of containers have many of: texts, lists of texts, tables of texts, numbers.

use super::super::Reader;
use crate::document::{Entry, Table, Value, ValueKind};
use crate::limits::MAX_CONTAINER_LIST;
use crate::problem::quoted;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// The smallest and largest amounts of bytes that mean anything of a machine.
pub(super) const BYTES: RangeInclusive<u64> = 1..=64_000_000_000_000;

impl Reader<'_> {
    /// A text of a table.
    pub(in crate::read) fn said(
        &mut self,
        table: &Table,
        key: &str,
        example: &str,
    ) -> Option<String> {
        let entry = table.get(key)?;
        let example = format!("{key} = \"{example}\"");
        self.text(&entry.value, &format!("`{key}`"), &example)
            .map(str::to_owned)
    }

    /// `true` or `false` of a table; `false` where it is not there.
    pub(super) fn yes(&mut self, table: &Table, key: &str) -> bool {
        self.perhaps(table, key).unwrap_or(false)
    }

    pub(super) fn perhaps(&mut self, table: &Table, key: &str) -> Option<bool> {
        let entry = table.get(key)?;
        self.flag(&entry.value, &format!("`{key}`"))
    }

    /// A whole number of a table.
    pub(super) fn whole<T>(
        &mut self,
        table: &Table,
        key: &str,
        range: RangeInclusive<T>,
        help: &str,
    ) -> Option<T>
    where
        T: TryFrom<i64> + PartialOrd + std::fmt::Display,
    {
        let entry = table.get(key)?;
        self.number(&entry.value, &format!("`{key}`"), range, help)
    }

    /// An amount of bytes of a table.
    pub(super) fn bytes(&mut self, table: &Table, key: &str) -> Option<u64> {
        let entry = table.get(key)?;
        self.size(&entry.value, &format!("`{key}`"), BYTES)
    }

    /// The texts of a list.
    pub(super) fn texts(&mut self, table: &Table, key: &str, example: &str) -> Vec<String> {
        self.placed_texts(table, key, example)
            .into_iter()
            .map(|(text, _)| text)
            .collect()
    }

    /// The texts of a list, each with its value in the file.
    pub(super) fn placed_texts<'v>(
        &mut self,
        table: &'v Table,
        key: &str,
        example: &str,
    ) -> Vec<(String, &'v Value)> {
        let items = self.items(table, key, &format!("{key} = [\"{example}\"]"));
        let what = format!("an entry of `{key}`");
        let mut texts = Vec::new();
        for item in items {
            if let Some(text) = self.text(item, &what, &format!("\"{example}\"")) {
                texts.push((text.to_owned(), item));
            }
        }
        texts
    }

    /// The values of a list; none where it is not there.
    pub(super) fn items<'v>(&mut self, table: &'v Table, key: &str, example: &str) -> &'v [Value] {
        let Some(entry) = table.get(key) else {
            return &[];
        };
        self.list(
            &entry.value,
            &format!("`{key}`"),
            MAX_CONTAINER_LIST,
            example,
        )
        .unwrap_or_default()
    }

    /// The entries of a table in a table, not too many of them.
    pub(super) fn entries<'v>(
        &mut self,
        table: &'v Table,
        key: &str,
        example: &str,
    ) -> &'v [Entry] {
        let Some(entry) = table.get(key) else {
            return &[];
        };
        let key = format!("`{key}`");
        let Some(table) = self.table(&entry.value, &key, &format!("write {example}")) else {
            return &[];
        };
        if let Some(over) = table.entries.get(MAX_CONTAINER_LIST) {
            self.refuse(
                &over.key.span,
                format!("{key} has {} entries", table.entries.len()),
                "one too many",
                &format!("at most {MAX_CONTAINER_LIST}"),
            );
            return &[];
        }
        &table.entries
    }

    /// A table of texts. What is written as a number or as yes or no is taken for its text.
    pub(super) fn text_table(
        &mut self,
        table: &Table,
        key: &str,
        example: &str,
    ) -> BTreeMap<String, String> {
        let example = format!("{key} = {{ {example} }}");
        let mut texts = BTreeMap::new();
        for entry in self.entries(table, key, &example) {
            let text = match &entry.value.kind {
                ValueKind::Integer(number) => Some(number.to_string()),
                ValueKind::Boolean(yes) => Some(yes.to_string()),
                ValueKind::Text(text) => {
                    let name = quoted(&entry.key.name);
                    self.harmless(text, &entry.value.span, &name)
                        .then(|| text.clone())
                }
                _ => {
                    let name = quoted(&entry.key.name);
                    self.wrong(&name, &entry.value, "a text", &format!("write {example}"));
                    None
                }
            };
            texts.extend(text.map(|text| (entry.key.name.clone(), text)));
        }
        texts
    }

    /// A text of a table that has to be of a form.
    pub(super) fn formed(
        &mut self,
        table: &Table,
        key: &str,
        example: &str,
        form: fn(&str) -> bool,
    ) -> Option<String> {
        let text = self.said(table, key, example)?;
        let entry = table.get(key)?;
        if !form(&text) {
            self.refuse(
                &entry.value.span,
                format!("{} is no `{key}`", quoted(&text)),
                "of another form",
                &format!("write it like this: {key} = \"{example}\""),
            );
            return None;
        }
        Some(text)
    }
}

/// `02:42:ac:11:00:02`.
pub(super) fn is_mac(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    let pair = |part: &&str| part.len() == 2 && part.chars().all(|c| c.is_ascii_hexdigit());
    parts.len() == 6 && parts.iter().all(pair)
}

/// What the daemon takes as a name of its own: of a network, a volume, a container.
pub(super) fn is_daemon_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    text.len() <= 255
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(plain)
}

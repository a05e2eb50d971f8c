//! Reading the keys of a mapping: what is there is checked, what is not known is found.

use super::files::Files;
use super::{Entry, Kind, Node, Scalar, Value, duration};
use spec::{Problem, quoted};
use std::time::Duration;

/// A mapping that is read key by key.
#[derive(Debug)]
pub(crate) struct Fields<'n> {
    /// How messages name it: `services.web`; empty for the whole file.
    path: String,
    entries: &'n [Entry],
    read: Vec<bool>,
}

impl<'n> Fields<'n> {
    /// The keys of a mapping; nothing written has none.
    pub(crate) fn of(node: &'n Node, path: impl Into<String>, files: &mut Files) -> Option<Self> {
        let path = path.into();
        let entries: &[Entry] = match &node.kind {
            Kind::Map(entries) => entries,
            _ if node.is_null() => &[],
            _ => {
                expected(node, &path, "a mapping: key: value", files);
                return None;
            }
        };
        Some(Self {
            path,
            read: vec![false; entries.len()],
            entries,
        })
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// How messages name a key of it.
    pub(crate) fn path_of(&self, key: &str) -> String {
        path_to(&self.path, key)
    }

    /// What a key is set to; what is set to nothing is not there.
    pub(crate) fn get(&mut self, key: &str) -> Option<&'n Node> {
        self.entry(key)
            .map(|entry| &entry.value)
            .filter(|value| !value.is_null())
    }

    /// A key that is there, be it set to nothing.
    pub(crate) fn entry(&mut self, key: &str) -> Option<&'n Entry> {
        let index = self.entries.iter().position(|entry| entry.key == key)?;
        self.read[index] = true;
        Some(&self.entries[index])
    }

    pub(crate) fn text(&mut self, key: &str, files: &mut Files) -> Option<String> {
        let path = self.path_of(key);
        text(self.get(key)?, &path, files)
    }

    /// A text with something in it: `${VAR:-}` may leave nothing, which is not set.
    pub(crate) fn word(&mut self, key: &str, files: &mut Files) -> Option<String> {
        self.text(key, files).filter(|text| !text.is_empty())
    }

    /// A text, or several.
    pub(crate) fn texts(&mut self, key: &str, files: &mut Files) -> Option<Vec<String>> {
        let path = self.path_of(key);
        texts(self.get(key)?, &path, files)
    }

    pub(crate) fn boolean(&mut self, key: &str, files: &mut Files) -> Option<bool> {
        let path = self.path_of(key);
        boolean(self.get(key)?, &path, files)
    }

    pub(crate) fn integer(&mut self, key: &str, files: &mut Files) -> Option<i64> {
        let path = self.path_of(key);
        integer(self.get(key)?, &path, files)
    }

    pub(crate) fn number(&mut self, key: &str, files: &mut Files) -> Option<f64> {
        let path = self.path_of(key);
        number(self.get(key)?, &path, files)
    }

    pub(crate) fn duration(&mut self, key: &str, files: &mut Files) -> Option<Duration> {
        let path = self.path_of(key);
        let node = self.get(key)?;
        let read = node
            .as_scalar()
            .and_then(|scalar| duration(&scalar.words()));
        if read.is_none() {
            expected(node, &path, "a duration, as in 30s or 1m30s", files);
        }
        read
    }

    /// What nobody has asked for, without extensions (`x-…`).
    pub(crate) fn unread(&self) -> impl Iterator<Item = &'n Entry> {
        let read = self.read.iter();
        let unread = self.entries.iter().zip(read).filter(|(_, read)| !**read);
        unread
            .map(|(entry, _)| entry)
            .filter(|entry| !entry.key.starts_with("x-"))
    }

    /// All keys.
    pub(crate) fn entries(&self) -> &'n [Entry] {
        self.entries
    }
}

/// How messages name a key below a path. Of a long key its beginning is enough: paths are made for every
/// value.
pub(crate) fn path_to(path: &str, key: &str) -> String {
    const LONGEST: usize = 64;
    let end = key
        .char_indices()
        .nth(LONGEST)
        .map_or(key.len(), |(at, _)| at);
    match path {
        "" => key[..end].to_owned(),
        path => format!("{path}.{}", &key[..end]),
    }
}

/// Says that keys are not known, and which ones may be meant.
pub(crate) fn refuse_unknown<'k>(
    path: &str,
    unknown: &Entry,
    known: impl Iterator<Item = &'k str>,
    files: &mut Files,
) {
    files.wrong(unknown.at, |span| {
        let of = if path.is_empty() {
            "here".to_owned()
        } else {
            format!("in {}", quoted(path))
        };
        let message = format!("the key {} is not known {of}", quoted(&unknown.key));
        let problem = Problem::new(span, message, "not known");
        match spec::nearest(&unknown.key, known) {
            Some(meant) => problem.help(format!("did you mean `{meant}`?")),
            None => problem.help("keys of your own begin with x-"),
        }
    });
}

/// Says that a value is not what its key takes.
pub(crate) fn expected(node: &Node, path: &str, wanted: &str, files: &mut Files) {
    files.wrong(node.place, |span| {
        let path = if path.is_empty() { "the file" } else { path };
        let shown = match node.as_scalar() {
            Some(Scalar { text, .. }) => quoted(text),
            None => node.what().to_owned(),
        };
        Problem::new(span, format!("{path} is {shown}"), "not what it can be")
            .help(format!("it takes {wanted}"))
    });
}

/// A text; numbers and booleans are written out.
pub(crate) fn text(node: &Node, path: &str, files: &mut Files) -> Option<String> {
    match node.as_scalar() {
        Some(scalar) => Some(scalar.words()),
        None => {
            expected(node, path, "a text", files);
            None
        }
    }
}

/// A text, or a list of texts.
pub(crate) fn texts(node: &Node, path: &str, files: &mut Files) -> Option<Vec<String>> {
    match &node.kind {
        Kind::List(items) => {
            let items = items.iter().enumerate();
            Some(
                items
                    .filter_map(|(index, item)| text(item, &format!("{path}[{index}]"), files))
                    .collect(),
            )
        }
        Kind::Map(_) => {
            expected(node, path, "a text, or a list of texts", files);
            None
        }
        Kind::Scalar(scalar) => Some(vec![scalar.words()]),
    }
}

pub(crate) fn list<'n>(node: &'n Node, path: &str, files: &mut Files) -> Option<&'n [Node]> {
    match node.as_list() {
        Some(items) => Some(items),
        None => {
            expected(node, path, "a list: [one, two]", files);
            None
        }
    }
}

/// `true` or `false`, also as a text, and the words of YAML 1.1 that compose still takes.
pub(crate) fn boolean(node: &Node, path: &str, files: &mut Files) -> Option<bool> {
    let read = match node.as_scalar() {
        Some(Scalar {
            value: Value::Bool(yes),
            ..
        }) => Some(*yes),
        Some(Scalar { text, .. }) => match text.to_lowercase().as_str() {
            "true" | "yes" | "on" | "y" => Some(true),
            "false" | "no" | "off" | "n" => Some(false),
            _ => None,
        },
        None => None,
    };
    if read.is_none() {
        expected(node, path, "true or false", files);
    }
    read
}

/// A whole number, also as a text.
pub(crate) fn integer(node: &Node, path: &str, files: &mut Files) -> Option<i64> {
    let read = match node.as_scalar().map(|scalar| (scalar.value, &scalar.text)) {
        Some((Value::Int(number), _)) => i64::try_from(number).ok(),
        Some((Value::Text, text)) => text.parse().ok(),
        _ => None,
    };
    if read.is_none() {
        expected(node, path, "a whole number", files);
    }
    read
}

/// A number, also as a text.
pub(crate) fn number(node: &Node, path: &str, files: &mut Files) -> Option<f64> {
    let read = match node.as_scalar().map(|scalar| (scalar.value, &scalar.text)) {
        #[expect(clippy::cast_precision_loss, reason = "a float is asked for")]
        Some((Value::Int(number), _)) => Some(number as f64),
        Some((Value::Float(number), _)) => Some(number),
        Some((Value::Text, text)) => text.parse().ok(),
        _ => None,
    };
    let read = read.filter(|number: &f64| number.is_finite());
    if read.is_none() {
        expected(node, path, "a number", files);
    }
    read
}

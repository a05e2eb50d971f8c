//! YAML as the tools read it that run what people have: text to a tree of nodes that know their places.
//!
//! Called by the formats that are written in YAML. It knows no format and reads no file. What a document can
//! cost is counted while it is built: depth, nodes after aliases are followed, aliases, and bytes of text.

mod fields;
mod files;
mod goes;
mod scalar;
mod tree;
mod wrong;

#[cfg(test)]
mod tests;

pub(crate) use fields::{Fields, expected, integer, list, path_to, refuse_unknown, text, texts};
pub(crate) use files::{FileId, Files, Place};
pub(crate) use goes::duration;
pub(crate) use scalar::{Scalar, Value};

/// Mappings and lists inside each other. What compose and process-compose know is at most nine deep; a
/// definition's limit is [`spec::limits::MAX_DEPTH`].
pub(crate) const MAX_DEPTH: usize = 64;
/// Nodes of a document after its aliases are followed: a service has some fifty, and there are at most 2,000.
pub(crate) const MAX_NODES: usize = 100_000;
/// Aliases of a document.
pub(crate) const MAX_ALIASES: usize = 5_000;
/// Bytes of all texts of a document after its aliases are followed: 4 MiB, four times what a file may have.
pub(crate) const MAX_EXPANDED: usize = 4 << 20;

/// A part of a document.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) tag: Option<Tag>,
    pub(crate) kind: Kind,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Scalar(Scalar),
    List(Vec<Node>),
    /// In the order of the file, each key once.
    Map(Vec<Entry>),
}

/// A key of a mapping and what it is set to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) at: Place,
    pub(crate) value: Node,
}

/// What compose writes before a value of a file that is laid over another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tag {
    /// `!reset`: what is under it is taken away.
    Reset,
    /// `!override`: this instead of what is under it.
    Override,
}

impl Node {
    /// A text that stands where something else did.
    pub(crate) fn text(text: impl Into<String>, place: Place) -> Self {
        Self::scalar(Scalar::text(text), place)
    }

    pub(crate) fn scalar(scalar: Scalar, place: Place) -> Self {
        Self::of(Kind::Scalar(scalar), place)
    }

    pub(crate) fn of(kind: Kind, place: Place) -> Self {
        Self {
            place,
            tag: None,
            kind,
        }
    }

    /// Nothing is written: `key:` or `key: null`.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar(scalar) if scalar.value == Value::Null)
    }

    pub(crate) fn as_scalar(&self) -> Option<&Scalar> {
        match &self.kind {
            Kind::Scalar(scalar) if scalar.value != Value::Null => Some(scalar),
            _ => None,
        }
    }

    pub(crate) fn as_list(&self) -> Option<&[Node]> {
        match &self.kind {
            Kind::List(items) => Some(items),
            _ => None,
        }
    }

    pub(crate) fn as_map(&self) -> Option<&[Entry]> {
        match &self.kind {
            Kind::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// What a key of a mapping is set to.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        let entry = self.as_map()?.iter().find(|entry| entry.key == key)?;
        Some(&entry.value)
    }

    /// What it is, in words.
    pub(crate) fn what(&self) -> &'static str {
        match &self.kind {
            Kind::List(_) => "a list",
            Kind::Map(_) => "a mapping",
            Kind::Scalar(scalar) => match scalar.value {
                Value::Null => "nothing",
                Value::Bool(_) => "true or false",
                Value::Int(_) | Value::Float(_) => "a number",
                Value::Text => "a text",
            },
        }
    }
}

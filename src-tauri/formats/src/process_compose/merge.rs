//! `process-compose.override.yaml`: what is laid over the file, as process-compose does it.
//!
//! Mappings are merged key by key, lists are appended, and what is set to nothing, to 0 or to `false` is passed
//! over, so that an override cannot switch anything off.

use crate::yaml::{Entry, Kind, Node, Value};

/// Lays a document over another. `key` is what the two are set to.
pub(super) fn merge(base: &mut Node, over: Node, key: &str) {
    if is_empty(&over) {
        return;
    }
    let place = over.place;
    match (&mut base.kind, over.kind) {
        (Kind::Map(under), Kind::Map(upper)) => merge_entries(under, upper),
        // These are replaced as a whole.
        (Kind::List(under), Kind::List(upper)) if matches!(key, "namespace" | "paths") => {
            *under = upper;
        }
        // Of variables the last of a name counts.
        (Kind::List(under), Kind::List(upper)) => under.extend(upper),
        (under, upper) => {
            *under = upper;
            base.place = place;
        }
    }
}

fn merge_entries(under: &mut Vec<Entry>, upper: Vec<Entry>) {
    for entry in upper {
        match under.iter_mut().find(|one| one.key == entry.key) {
            Some(known) => merge(&mut known.value, entry.value, &entry.key),
            None => under.push(entry),
        }
    }
}

fn is_empty(node: &Node) -> bool {
    match &node.kind {
        Kind::Map(entries) => entries.is_empty(),
        Kind::List(items) => items.is_empty(),
        Kind::Scalar(scalar) => match scalar.value {
            Value::Null | Value::Bool(false) | Value::Int(0) => true,
            Value::Text => scalar.text.is_empty(),
            _ => false,
        },
    }
}

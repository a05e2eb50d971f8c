//! What becomes of each property of the specification. The one table that notes, unknown keys and the page
//! `docs/compose.md` are made from.

mod parts;
mod service;
mod top;

use crate::yaml::{Files, Kind, Node, path_to, refuse_unknown};
use spec::quoted;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// What becomes of a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// Azora acts on it, and how.
    Honoured(&'static str),
    /// It is handed on, and to whom.
    Passed(&'static str),
    /// It is not supported, which is said with its line, and why.
    Named(&'static str),
}

/// A property, `*` for a name of the file's own, and what becomes of it.
pub type Row = (&'static str, Support);

/// Every property of the specification.
pub fn support() -> impl Iterator<Item = Row> {
    [top::ROWS, service::ROWS, parts::ROWS]
        .into_iter()
        .flatten()
        .copied()
}

static TABLE: LazyLock<BTreeMap<&'static str, Support>> = LazyLock::new(|| support().collect());

/// The table as the page shows it.
#[must_use]
pub fn support_page() -> String {
    let mut page = String::from("| property | | |\n|---|---|---|\n");
    for (name, support) in &*TABLE {
        let (kind, how) = match support {
            Support::Honoured(how) => ("honoured", how),
            Support::Passed(how) => ("passed on", how),
            Support::Named(why) => ("not supported", why),
        };
        page += &format!("| `{name}` | {kind} | {how} |\n");
    }
    page
}

/// Says which properties of a file are not known, and which are not supported.
pub(super) fn check(root: &Node, files: &mut Files) {
    below(root, "", "", files);
}

/// `pattern` is the node's place in the table, `path` the one in the file.
fn below(node: &Node, pattern: &str, path: &str, files: &mut Files) {
    match &node.kind {
        Kind::Scalar(_) => {}
        Kind::List(items) => {
            for item in items {
                below(item, pattern, path, files);
            }
        }
        Kind::Map(entries) => {
            let named = join(pattern, "*");
            let any = has_below(&named);
            if !pattern.is_empty() && !any && !has_below(pattern) {
                // Names of the file's own.
                return;
            }
            for entry in entries {
                let own = join(pattern, &entry.key);
                let here = path_to(path, &entry.key);
                match TABLE.get(own.as_str()) {
                    _ if entry.key.starts_with("x-") && !any => {}
                    Some(Support::Named(why)) => {
                        let says = format!("{} is not supported: {why}", quoted(&here));
                        files.note(entry.at, says);
                    }
                    Some(_) => below(&entry.value, &own, &here, files),
                    None if any => below(&entry.value, &named, &here, files),
                    None => refuse_unknown(path, entry, known(pattern), files),
                }
            }
        }
    }
}

fn join(path: &str, key: &str) -> String {
    match path {
        "" => key.to_owned(),
        path => format!("{path}.{key}"),
    }
}

/// Whether properties have names that begin so.
fn has_below(pattern: &str) -> bool {
    let begin = format!("{pattern}.");
    let next = TABLE.range(begin.as_str()..).next();
    next.is_some_and(|(name, _)| name.starts_with(&begin))
}

/// The properties right below.
fn known(pattern: &str) -> impl Iterator<Item = &'static str> {
    let begin = match pattern {
        "" => String::new(),
        pattern => format!("{pattern}."),
    };
    TABLE.keys().filter_map(move |name| {
        let rest = name.strip_prefix(begin.as_str())?;
        (!rest.contains('.') && rest != "*").then_some(rest)
    })
}

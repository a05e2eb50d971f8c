//! An entry with all that readers are told of it.

use crate::check::{Check, CheckState, Look};
use crate::{Registration, Weights};
use hyper::body::Bytes;
use model::Timestamp;
use model::view::{Health, RegistryView};
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::sync::Arc;

/// An entry with all that readers are told of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// What is shown of it everywhere.
    pub view: RegistryView,
    /// What it said when it registered; the engine's own say nothing.
    pub wish: Option<Arc<Registration>>,
    /// What tells how well it is, and what it tells.
    pub checks: Vec<CheckState>,
    /// When it was put on the list; see [`crate::Registry::index`].
    pub create_index: u64,
    /// When it, or what a check of it says, changed last.
    pub modify_index: u64,
}

/// What nobody has said anything about.
static NOTHING: BTreeMap<String, String> = BTreeMap::new();

impl Listed {
    /// What it said about itself.
    pub fn meta(&self) -> &BTreeMap<String, String> {
        self.wish.as_ref().map_or(&NOTHING, |wish| &wish.meta)
    }

    /// What share of traffic it should get.
    pub fn weights(&self) -> Weights {
        self.wish
            .as_ref()
            .map_or_else(Weights::default, |wish| wish.weights)
    }

    /// True for the engine's.
    pub fn is_own(&self) -> bool {
        self.wish.is_none()
    }

    /// Has all of these.
    pub fn fits(&self, query: &Query<'_>) -> bool {
        query.name.is_none_or(|name| self.view.name == name)
            && query
                .tags
                .iter()
                .all(|tag| self.view.tags.iter().any(|has| has == tag))
            && self.view.health <= query.worst
    }

    /// The worst check decides, and the first of equals says why.
    pub(crate) fn judge(&mut self) {
        self.view.health = Health::Passing;
        self.view.health_why = None;
        for check in &self.checks {
            if check.status > self.view.health {
                self.view.health = check.status;
                self.view.health_why = Some(match check.output.as_str() {
                    "" if !check.check.notes.is_empty() => check.check.notes.clone(),
                    "" => match &check.check.look {
                        Look::Probe(_) => format!("it was not asked yet: {}", check.check.name),
                        Look::Ttl { .. } | Look::Said => {
                            format!("its check {} says so, and not why", check.check.id)
                        }
                    },
                    output => crate::check::cut(output, 300).to_owned(),
                });
            }
        }
    }
}

/// Which entries are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query<'a> {
    /// Those of this name.
    pub name: Option<&'a str>,
    /// Those that have all of these tags.
    pub tags: &'a [String],
    /// Those that are this well, or better.
    pub worst: Health,
}

impl Default for Query<'_> {
    fn default() -> Self {
        Self {
            name: None,
            tags: &[],
            worst: Health::Critical,
        }
    }
}

#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    view: &'a RegistryView,
    meta: &'a BTreeMap<String, String>,
    checks: Vec<ShownCheck<'a>>,
    index: u64,
}

#[derive(Serialize)]
struct ShownCheck<'a> {
    id: &'a str,
    name: &'a str,
    notes: &'a str,
    kind: &'static str,
    status: Health,
    output: &'a str,
    since: Timestamp,
}

impl Serialize for Listed {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let check = |state: &'_ CheckState| -> &'static str { kind(&state.check) };
        Shown {
            view: &self.view,
            meta: self.meta(),
            checks: self
                .checks
                .iter()
                .map(|state| ShownCheck {
                    id: &state.check.id,
                    name: &state.check.name,
                    notes: &state.check.notes,
                    kind: check(state),
                    status: state.status,
                    output: &state.output,
                    since: state.since,
                })
                .collect(),
            index: self.modify_index,
        }
        .serialize(to)
    }
}

/// What the words of an entry that says little have room in.
pub(crate) const LITTLE: usize = 512;

/// An entry as it is told.
pub(crate) fn words_of(listed: &Listed) -> Bytes {
    let mut text = Vec::with_capacity(LITTLE);
    add(listed, &mut text);
    text.into()
}

/// Entries as they are told: a JSON list.
pub(crate) fn told<'a>(all: impl Iterator<Item = &'a Listed>) -> Bytes {
    let mut text = Vec::with_capacity(LITTLE);
    text.push(b'[');
    for listed in all {
        if text.len() > 1 {
            text.push(b',');
        }
        add(listed, &mut text);
    }
    text.push(b']');
    text.into()
}

fn add(listed: &Listed, text: &mut Vec<u8>) {
    // Texts, numbers and maps of texts always have a JSON form.
    let _ = serde_json::to_writer(text, listed);
}

fn kind(check: &Check) -> &'static str {
    use crate::check::Target;
    match &check.look {
        Look::Ttl { .. } => "ttl",
        Look::Said => "said",
        Look::Probe(probe) => match probe.target {
            Target::Http { .. } => "http",
            Target::Tcp { .. } => "tcp",
            Target::Udp { .. } => "udp",
            Target::Alias { .. } => "alias",
            Target::Grpc { .. } => "grpc",
        },
    }
}

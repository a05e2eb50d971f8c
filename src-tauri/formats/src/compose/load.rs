//! From files to one tree: each read, resolved and brought into long form, then included, extended and merged.

mod extends;
mod include;

use super::canonical::canonical;
use super::interpolate::{Environment, interpolate};
use super::merge::{merge, settle};
use super::paths::{Leads, leads};
use super::rebase::{default_contexts, rebase};
use super::{Files as Sources, support};
use crate::yaml::{Files, Kind, Node, Place, Scalar};
use spec::{EnvPart, Found, Problem, Problems, limits, quoted};
use std::collections::{BTreeMap, BTreeSet};

/// Files of one project, each as often as it is included.
const MAX_FILES: usize = 64;
/// Different files that are looked for, env files among them.
const MAX_ASKED: usize = 500;
/// Bytes of all files that others ask for, each as often as it is read: four times what one may have. They are
/// read again whenever another file is asked for.
const MAX_READ: usize = 4 * limits::MAX_BYTES;
/// Services that extend one another, and files that include one another, in a row.
const MAX_CHAIN: usize = 32;

/// What a project is read with.
pub(super) struct Loader<'s> {
    pub(super) sources: Sources<'s>,
    pub(super) files: Files,
    /// What has to be looked at as well.
    pub(super) missing: BTreeSet<String>,
    /// Files that were read, some of them more than once.
    loads: usize,
    /// Bytes of files that may still be read.
    bytes: usize,
    /// Files that services of others extend, by the model that reads them.
    extended: BTreeMap<(usize, String), Option<Node>>,
    models: usize,
}

/// A set of files that are laid over one another, and where its paths begin.
struct Model<'m> {
    dir: &'m str,
    environment: &'m Environment,
    /// Its files.
    own: Vec<String>,
    /// Its number.
    id: usize,
}

impl<'s> Loader<'s> {
    pub(super) fn new(sources: Sources<'s>) -> Self {
        Self {
            sources,
            files: Files::default(),
            missing: BTreeSet::new(),
            loads: 0,
            bytes: MAX_READ,
            extended: BTreeMap::new(),
            models: 0,
        }
    }

    /// What lies at a path of the project's folder; `None` when that has to be looked at first, or may not be.
    pub(super) fn found(&mut self, path: &str, asked: Place) -> Option<&'s Found> {
        if leads(path) == Leads::Out && !self.sources.settings.outside {
            let message = format!("{} leads out of the project's folder", quoted(path));
            self.files.wrong(asked, |span| {
                Problem::new(span, message, "not below the folder")
                    .help("no file outside of the folder is read, where anybody may have named it: move it into the folder, or bring the project up from the folder above both")
            });
            return None;
        }
        let found = self.sources.beside.get(path);
        if found.is_none() && self.sources.beside.len() + self.missing.len() >= MAX_ASKED {
            let message = format!("the project names more than {MAX_ASKED} files");
            self.files.wrong(asked, |span| {
                Problem::new(span, message, "one more").help("let services share their env files")
            });
        } else if found.is_none() {
            self.missing.insert(path.to_owned());
        }
        found
    }

    /// Reads a file that another one asks for.
    fn document(&mut self, path: &str, asked: Place) -> Option<Node> {
        let found = self.found(path, asked)?;
        if self.loads == MAX_FILES {
            self.files.wrong(asked, |span| {
                Problem::new(
                    span,
                    format!("the project has more than {MAX_FILES} files"),
                    "one more",
                )
                .help("a file counts as often as it is included")
            });
            return None;
        }
        self.loads += 1;
        match found {
            Found::Bytes(bytes) if !self.affords(bytes, asked) => None,
            Found::Bytes(bytes) => self.files.read(path, bytes),
            Found::Absent | Found::Unreadable(_) => {
                let why = Files::absent(found).unwrap_or_default().to_owned();
                self.files.wrong(asked, |span| {
                    let message = format!("the file {} cannot be read", quoted(path));
                    Problem::new(span, message, why)
                        .help("paths begin at the folder of the file that says them")
                });
                None
            }
        }
    }

    /// Takes a file's bytes from what may still be read.
    fn affords(&mut self, bytes: &[u8], asked: Place) -> bool {
        if let Some(left) = self.bytes.checked_sub(bytes.len()) {
            self.bytes = left;
            return true;
        }
        self.files.wrong(asked, |span| {
            Problem::new(span, "the files of the project are too large", "one more").help(format!(
                "at most {} MiB, where a file counts as often as it is named",
                MAX_READ >> 20
            ))
        });
        false
    }

    /// The project's own files: the first, and what is laid over it where that is there.
    pub(super) fn project(
        &mut self,
        main: Node,
        environment: &Environment,
        over: Option<&str>,
    ) -> Option<Node> {
        let sources = self.sources;
        let mut documents = vec![(sources.base().to_owned(), main)];
        if let Some(over) = over {
            let bytes = self.document(over, Place::default())?;
            documents.push((over.to_owned(), bytes));
        }
        let mut stack = vec![sources.base().to_owned()];
        self.model(documents, ".", environment, &mut stack)
    }

    fn model(
        &mut self,
        documents: Vec<(String, Node)>,
        dir: &str,
        environment: &Environment,
        stack: &mut Vec<String>,
    ) -> Option<Node> {
        self.models += 1;
        let model = Model {
            dir,
            environment,
            own: documents.iter().map(|(path, _)| path.clone()).collect(),
            id: self.models,
        };
        let mut merged: Option<Node> = None;
        for (path, document) in documents {
            let mut node = self.prepared(document, dir, environment);
            let imported = self.included(&mut node, &model, stack);
            self.extend_all(&mut node, &path, &model);
            // What is included lies under the file that includes it.
            if let Some(imported) = imported {
                self.conflicts(&imported, &node);
                node = merge(imported, node, &[]);
            }
            merged = Some(match merged {
                Some(base) => merge(base, node, &[]),
                None => node,
            });
        }
        let mut merged = merged?;
        settle(&mut merged, &[]);
        default_contexts(&mut merged, dir, &mut self.files);
        Some(merged)
    }

    /// Variables resolved, short forms made long, paths made the project's.
    fn prepared(&mut self, document: Node, dir: &str, environment: &Environment) -> Node {
        let mut document = document;
        self.few_services(&mut document);
        support::check(&document, &mut self.files);
        let mut node = interpolate(document, environment, &mut self.files);
        canonical(&mut node, &mut self.files);
        rebase(&mut node, dir, &mut self.files);
        node
    }

    /// The same of an env file that nobody has named, and that need not be there.
    pub(super) fn default_env_file(
        &mut self,
        path: &str,
        found: &Found,
        asked: Place,
        known: &Environment,
        into: &mut Environment,
    ) {
        match found {
            Found::Bytes(bytes) => {
                self.env_file(path, bytes, asked, known, into);
            }
            Found::Absent => {}
            Found::Unreadable(why) => self.files.wrong(asked, |span| {
                let message = format!("the env file {} cannot be read", quoted(path));
                Problem::new(span, message, why.clone()).help("write it, or take it away")
            }),
        }
    }

    /// Adds what an env file sets. What is known already counts more where the file uses it. Whether it uses
    /// something.
    pub(super) fn env_file(
        &mut self,
        path: &str,
        bytes: &[u8],
        asked: Place,
        known: &Environment,
        into: &mut Environment,
    ) -> bool {
        if !self.affords(bytes, asked) {
            return false;
        }
        let mut problems = Problems::default();
        let (text, read) = match spec::env_file(bytes, &mut problems) {
            Ok(read) => (String::from_utf8_lossy(bytes).into_owned(), Some(read)),
            Err(shown) => (shown, None),
        };
        if !problems.is_empty() {
            self.files.add(path, text, problems);
            return false;
        }
        let mut uses = false;
        for setting in read.map(|read| read.0).unwrap_or_default() {
            let lookup = |name: &str| known.get(name).or_else(|| into.get(name));
            let Some(value) = filled(&setting.value.0, lookup) else {
                let message = format!(
                    "{} in {path} becomes too long by its variables",
                    quoted(&setting.name)
                );
                self.files.wrong(asked, |span| {
                    Problem::new(span, message, "read for this")
                        .help(format!("at most {} KiB", limits::MAX_TEXT >> 10))
                });
                return uses;
            };
            let variable = |part: &EnvPart| matches!(part, EnvPart::Variable { .. });
            uses |= setting.value.0.iter().any(variable);
            into.insert(setting.name, value);
        }
        uses
    }

    /// Says that a file has too many services, before anything is done with each of them.
    fn few_services(&mut self, document: &mut Node) {
        let Kind::Map(entries) = &mut document.kind else {
            return;
        };
        let services = entries.iter_mut().find(|entry| entry.key == "services");
        if let Some(Kind::Map(services)) = services.map(|services| &mut services.value.kind)
            && let Some(beyond) = services.get(limits::MAX_SERVICES)
        {
            self.files.wrong(beyond.at, |span| {
                let message = format!("more than {} services", limits::MAX_SERVICES);
                Problem::new(span, message, "one more")
                    .help("run the others from a folder of their own")
            });
            services.truncate(limits::MAX_SERVICES);
        }
    }

    /// A text or the texts of a list, each with its place.
    pub(super) fn words(&mut self, node: Option<&Node>, path: &str) -> Vec<(String, Place)> {
        let Some(node) = node.filter(|node| !node.is_null()) else {
            return Vec::new();
        };
        let items = match &node.kind {
            Kind::List(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        let mut words = Vec::new();
        for item in items {
            match item.as_scalar().map(Scalar::words) {
                Some(word) if !word.is_empty() => words.push((word, item.place)),
                _ => crate::yaml::expected(item, path, "a text", &mut self.files),
            }
        }
        words
    }
}

/// A value of an env file with its variables put in; `None` when it becomes too long.
fn filled<'e>(parts: &[EnvPart], lookup: impl Fn(&str) -> Option<&'e String>) -> Option<String> {
    let mut made = String::new();
    for part in parts {
        let text = match part {
            EnvPart::Text(text) => text,
            EnvPart::Variable {
                name,
                default,
                filled,
            } => match lookup(name) {
                Some(value) if !(*filled && value.is_empty()) => value,
                _ => default,
            },
        };
        made.push_str(text);
        if made.len() > limits::MAX_TEXT {
            return None;
        }
    }
    Some(made)
}

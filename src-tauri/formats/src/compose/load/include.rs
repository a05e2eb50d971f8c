//! `include`: files with a folder and variables of their own, whose resources become the project's.

use super::{Loader, MAX_CHAIN, Model};
use crate::compose::interpolate::Environment;
use crate::compose::merge::merge;
use crate::compose::paths::{Leads, folder, is_remote, join, leads};
use crate::yaml::{Entry, Files, Kind, Node, Place};
use spec::{Found, Problem, quoted};
use std::collections::BTreeMap;

impl Loader<'_> {
    /// The resources of what a file includes; `include` is taken out of it.
    pub(super) fn included(
        &mut self,
        node: &mut Node,
        model: &Model<'_>,
        stack: &mut Vec<String>,
    ) -> Option<Node> {
        let Kind::Map(entries) = &mut node.kind else {
            return None;
        };
        let at = entries.iter().position(|entry| entry.key == "include")?;
        let include = entries.remove(at).value;
        let Kind::List(items) = include.kind else {
            if !include.is_null() {
                crate::yaml::expected(&include, "include", "a list of files", &mut self.files);
            }
            return None;
        };
        let mut all: Option<Node> = None;
        for item in items {
            let Some(imported) = self.include(&item, model, stack) else {
                continue;
            };
            all = Some(match all {
                Some(all) => {
                    self.conflicts(&all, &imported);
                    merge(all, imported, &[])
                }
                None => imported,
            });
        }
        all
    }

    fn include(&mut self, item: &Node, model: &Model<'_>, stack: &mut Vec<String>) -> Option<Node> {
        let paths = self.words(item.get("path"), "include.path");
        let Some((first, at)) = paths.first().cloned() else {
            self.files.wrong(item.place, |span| {
                Problem::new(span, "this entry of include names no file", "here")
                    .help("an entry is a path, or { path: … }")
            });
            return None;
        };
        let paths: Vec<(String, Place)> = paths
            .into_iter()
            .map(|(path, at)| {
                if is_remote(&path) {
                    (path, at)
                } else {
                    (join(model.dir, &path), at)
                }
            })
            .collect();
        if let Some((path, at)) = paths.iter().find(|(path, _)| is_remote(path)) {
            let message = format!("{} is not a file of this machine", quoted(path));
            self.files.wrong(*at, |span| {
                Problem::new(span, message, "to be fetched")
                    .help("only files are included; fetch it yourself")
            });
            return None;
        }
        let main = join(model.dir, &first);
        if stack.contains(&main) || stack.len() > MAX_CHAIN {
            let chain: Vec<&str> = stack.iter().chain([&main]).map(String::as_str).collect();
            let message = format!(
                "files include each other in a circle: {}",
                chain.join(" → ")
            );
            self.files.wrong(at, |span| {
                Problem::new(span, message, "closes the circle").help("take one of them out")
            });
            return None;
        }
        let dir = match self
            .words(item.get("project_directory"), "include.project_directory")
            .first()
        {
            Some((dir, _)) => join(model.dir, dir),
            None => folder(&main).to_owned(),
        };
        let environment = self.include_environment(item, &dir, model)?;
        let mut documents = Vec::new();
        for (path, at) in paths {
            documents.push((path.clone(), self.document(&path, at)?));
        }
        stack.push(main);
        let imported = self.model(documents, &dir, &environment, stack);
        stack.pop();
        let mut imported = imported?;
        if let Kind::Map(entries) = &mut imported.kind {
            let resources = [
                "services", "networks", "volumes", "secrets", "configs", "models",
            ];
            entries.retain(|entry| resources.contains(&entry.key.as_str()));
        }
        Some(imported)
    }

    /// What variables of an included file are set to: those of the one that includes it, and under them the
    /// env files of its own.
    fn include_environment(
        &mut self,
        item: &Node,
        dir: &str,
        model: &Model<'_>,
    ) -> Option<Environment> {
        let named = self.words(item.get("env_file"), "include.env_file");
        let mut environment = Environment::new();
        let asked = item.place;
        if named.is_empty() {
            let path = join(dir, ".env");
            if leads(&path) == Leads::In || self.sources.settings.outside {
                let found = self.found(&path, item.place)?;
                let known = model.environment;
                self.default_env_file(&path, found, asked, known, &mut environment);
            }
        }
        for (path, at) in named {
            let path = join(model.dir, &path);
            match self.found(&path, at)? {
                Found::Bytes(bytes) => {
                    self.env_file(&path, bytes, asked, model.environment, &mut environment);
                }
                found => {
                    let why = Files::absent(found).unwrap_or_default().to_owned();
                    self.files.wrong(at, |span| {
                        Problem::new(
                            span,
                            format!("the env file {} cannot be read", quoted(&path)),
                            why,
                        )
                        .help("write it, or take it out of env_file")
                    });
                }
            }
        }
        environment.extend(model.environment.clone());
        Some(environment)
    }

    /// Names that two files both define.
    pub(super) fn conflicts(&mut self, under: &Node, over: &Node) {
        for kind in ["services", "networks", "volumes", "secrets", "configs"] {
            let (Some(under), Some(over)) = (under.get(kind), over.get(kind)) else {
                continue;
            };
            let (Some(under), Some(over)) = (under.as_map(), over.as_map()) else {
                continue;
            };
            let known: BTreeMap<&str, &Entry> = under
                .iter()
                .map(|entry| (entry.key.as_str(), entry))
                .collect();
            for entry in over {
                let Some(first) = known.get(entry.key.as_str()) else {
                    continue;
                };
                if same(&first.value, &entry.value) {
                    continue;
                }
                let first = self.files.named(first.at);
                let says = format!(
                    "{kind}.{} is defined in {first} as well, which is included: this is laid over it",
                    entry.key
                );
                self.files.note(entry.at, says);
            }
        }
    }
}

/// Whether two trees say the same, wherever they stand.
fn same(one: &Node, other: &Node) -> bool {
    match (&one.kind, &other.kind) {
        (Kind::Scalar(one), Kind::Scalar(other)) => one == other,
        (Kind::List(one), Kind::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Kind::Map(one), Kind::Map(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .zip(other)
                    .all(|(one, other)| one.key == other.key && same(&one.value, &other.value))
        }
        _ => false,
    }
}

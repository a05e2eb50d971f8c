//! `extends`: services that are laid over others, of the same file or of another one.

use super::{Loader, MAX_CHAIN, Model};
use crate::compose::canonical::edit;
use crate::compose::merge::merge;
use crate::compose::paths::{folder, is_remote, join};
use crate::yaml::{Kind, Node, Place};
use spec::{Problem, quoted};
use std::collections::BTreeMap;

/// Where a service is defined.
type Origin = (String, String);

impl Loader<'_> {
    /// Brings `extends` of all services of a file to an end.
    pub(super) fn extend_all(&mut self, node: &mut Node, path: &str, model: &Model<'_>) {
        let Some(services) = node.get("services").cloned() else {
            return;
        };
        let mut done = BTreeMap::new();
        let mut files = std::mem::take(&mut self.files);
        edit(
            node,
            "services",
            |mut node, files| {
                std::mem::swap(&mut self.files, files);
                if let Kind::Map(entries) = &mut node.kind {
                    for entry in entries {
                        if entry.value.get("extends").is_some() {
                            let mut trail = Vec::new();
                            let found = self.extended(
                                &services, &entry.key, path, model, &mut trail, &mut done,
                            );
                            if let Some(service) = found {
                                entry.value = service;
                            }
                        }
                    }
                }
                std::mem::swap(&mut self.files, files);
                node
            },
            &mut files,
        );
        self.files = files;
    }

    /// A service with all it extends under it.
    fn extended(
        &mut self,
        services: &Node,
        name: &str,
        path: &str,
        model: &Model<'_>,
        trail: &mut Vec<Origin>,
        done: &mut BTreeMap<Origin, Node>,
    ) -> Option<Node> {
        let origin = (path.to_owned(), name.to_owned());
        if let Some(service) = done.get(&origin) {
            return self.files.afford(service).then(|| service.clone());
        }
        let service = services.get(name)?;
        if !self.files.afford(service) {
            return None;
        }
        let mut service = service.clone();
        let Kind::Map(entries) = &mut service.kind else {
            return Some(service);
        };
        let Some(at) = entries.iter().position(|entry| entry.key == "extends") else {
            return Some(service);
        };
        let extends = entries.remove(at).value;
        let place = extends.place;
        if trail.contains(&origin) || trail.len() > MAX_CHAIN {
            let chain: Vec<String> = trail
                .iter()
                .chain([&origin])
                .map(|(_, name)| name.clone())
                .collect();
            let message = format!(
                "services extend each other in a circle: {}",
                chain.join(" → ")
            );
            self.files.wrong(place, |span| {
                Problem::new(span, message, "closes the circle").help("take one extends out")
            });
            return None;
        }
        let Some(base) = self.words(extends.get("service"), "extends.service").pop() else {
            self.files.wrong(place, |span| {
                Problem::new(span, "extends names no service", "here").help(
                    "write extends: { service: base }, with file: … where that is in another one",
                )
            });
            return None;
        };
        trail.push(origin.clone());
        let other = self.words(extends.get("file"), "extends.file").pop();
        let under = match other {
            None => self.base(services, &base, path, model, trail, done),
            Some((file, at)) if is_remote(&file) => {
                self.files.wrong(at, |span| {
                    Problem::new(
                        span,
                        format!("{} is not a file of this machine", quoted(&file)),
                        "to be fetched",
                    )
                    .help("only files are extended; fetch it yourself")
                });
                None
            }
            Some((file, at)) => {
                // The project's folder need not be the one its file lies in.
                let own = model.own.iter().any(|own| own == path);
                let file = join(if own { model.dir } else { folder(path) }, &file);
                self.services(&file, at, model)
                    .and_then(|others| self.base(&others, &base, &file, model, trail, done))
            }
        };
        trail.pop();
        let merged = merge(under?, service, &["services", name]);
        done.insert(origin, merged.clone());
        Some(merged)
    }

    fn base(
        &mut self,
        services: &Node,
        (name, at): &(String, Place),
        path: &str,
        model: &Model<'_>,
        trail: &mut Vec<Origin>,
        done: &mut BTreeMap<Origin, Node>,
    ) -> Option<Node> {
        if services.get(name).is_none() {
            let known = services.as_map().unwrap_or_default();
            let meant = spec::nearest(name, known.iter().map(|entry| entry.key.as_str()));
            let help = match meant {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => {
                    "a service can be extended where its file defines it, or by file: …".to_owned()
                }
            };
            let message = format!("there is no service {} in {path}", quoted(name));
            self.files.wrong(*at, |span| {
                Problem::new(span, message, "to be extended").help(help)
            });
            return None;
        }
        self.extended(services, name, path, model, trail, done)
    }

    /// The services of another file, which is read once for each model that asks for it.
    fn services(&mut self, path: &str, asked: Place, model: &Model<'_>) -> Option<Node> {
        let key = (model.id, path.to_owned());
        if let Some(known) = self.extended.get(&key) {
            return known.clone();
        }
        let document = self.document(path, asked);
        let services = document.and_then(|document| {
            let node = self.prepared(document, folder(path), model.environment);
            node.get("services").cloned()
        });
        self.extended.insert(key, services.clone());
        services
    }
}

//! From the merged tree to the project's types. Unknown keys were said before; here a value of the wrong kind is.

mod container;
mod limits;
mod resources;
mod service;
mod values;

pub(super) use values::size;

use super::check::{Places, check};
use super::interpolate::Environment;
use super::load::Loader;
use super::project::{At, Project, Service};
use super::risk::{Reach, Risk};
use crate::yaml::{Entry, Fields, Files, Node, Place};
use spec::{Problem, quoted};
use std::collections::BTreeSet;

/// What reading goes by.
pub(super) struct Reader<'r, 's> {
    pub(super) loader: &'r mut Loader<'s>,
    pub(super) environment: &'r Environment,
    risks: Vec<Risk>,
    places: Places,
}

impl Reader<'_, '_> {
    fn files(&mut self) -> &mut Files {
        &mut self.loader.files
    }

    fn at(&self, place: Place) -> At {
        let (file, line) = self.loader.files.position(place);
        At {
            file: file.to_owned(),
            line,
        }
    }

    /// Notes where the service that is read names something else.
    fn uses(&mut self, kind: &'static str, what: &str, place: Place) {
        let use_of = (self.places.of.clone(), kind, what.to_owned());
        self.places.uses.entry(use_of).or_insert(place);
    }

    fn risk(&mut self, of: &str, place: Place, what: Reach) {
        let at = self.at(place);
        self.risks.push(Risk {
            of: of.to_owned(),
            what,
            at,
        });
    }

    fn wrong(&mut self, place: Place, message: String, label: &str, help: &str) {
        self.files()
            .wrong(place, |span| Problem::new(span, message, label).help(help));
    }
}

/// Which of the services that have profiles are wanted.
pub(super) struct Wanted<'s> {
    /// Those of these profiles.
    pub(super) always: BTreeSet<String>,
    /// Those of these, this time.
    pub(super) asked: &'s BTreeSet<String>,
    /// These, this time, by the name in the file or in a definition.
    pub(super) named: &'s BTreeSet<String>,
}

impl Wanted<'_> {
    fn always(&self, service: &Service) -> bool {
        let all = service.profiles.is_empty() || self.always.contains("*");
        all || !service.profiles.is_disjoint(&self.always)
    }

    fn this_time(&self, name: &str, service: &Service) -> bool {
        let named = self.named.contains(name) || self.named.contains(&crate::names::service(name));
        let asked = !service.profiles.is_disjoint(self.asked);
        !service.profiles.is_empty() && (named || asked)
    }
}

/// Reads the whole project.
pub(super) fn project(
    loader: &mut Loader<'_>,
    root: &Node,
    name: String,
    environment: &Environment,
    wanted: &Wanted<'_>,
) -> Project {
    let mut reader = Reader {
        loader,
        environment,
        risks: Vec::new(),
        places: Places::default(),
    };
    let mut project = Project {
        name,
        ..Project::default()
    };
    let Some(mut fields) = Fields::of(root, "", reader.files()) else {
        return project;
    };
    for entry in entries(&mut fields, "services", &mut reader) {
        if !is_name(&entry.key) {
            reader.wrong(
                entry.at,
                format!("{} is no name of a service", quoted(&entry.key)),
                "here",
                "a name is letters, digits, `.`, `_` and `-`",
            );
            continue;
        }
        reader.places.services.insert(entry.key.clone(), entry.at);
        if let Some(mut service) = reader.service(entry) {
            service.this_time = wanted.this_time(&entry.key, &service);
            let into = match service.this_time || wanted.always(&service) {
                true => &mut project.services,
                false => &mut project.disabled,
            };
            into.insert(entry.key.clone(), service);
        }
    }
    for entry in entries(&mut fields, "networks", &mut reader) {
        let network = reader.network(entry, &project.name);
        project
            .networks
            .extend(network.map(|it| (entry.key.clone(), it)));
    }
    for entry in entries(&mut fields, "volumes", &mut reader) {
        let volume = reader.volume(entry, &project.name);
        project
            .volumes
            .extend(volume.map(|it| (entry.key.clone(), it)));
    }
    for entry in entries(&mut fields, "secrets", &mut reader) {
        let given = reader.given(entry, "secrets");
        project
            .secrets
            .extend(given.map(|it| (entry.key.clone(), it)));
    }
    for entry in entries(&mut fields, "configs", &mut reader) {
        let given = reader.given(entry, "configs");
        project
            .configs
            .extend(given.map(|it| (entry.key.clone(), it)));
    }
    reader.risks.sort();
    project.risks = std::mem::take(&mut reader.risks);
    check(&mut project, &reader.places, &mut reader.loader.files);
    if project.services.is_empty() && project.disabled.is_empty() {
        reader.wrong(
            root.place,
            "no service is defined".to_owned(),
            "in all of it",
            "a service is written services: { web: { image: nginx } }",
        );
    }
    project
}

fn entries<'n>(fields: &mut Fields<'n>, key: &str, reader: &mut Reader<'_, '_>) -> &'n [Entry] {
    let Some(node) = fields.get(key) else {
        return &[];
    };
    match Fields::of(node, key, reader.files()) {
        Some(fields) => fields.entries(),
        None => &[],
    }
}

fn is_name(name: &str) -> bool {
    /// What daemons take for the name of a container.
    const LONGEST: usize = 255;
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (1..=LONGEST).contains(&name.len()) && name.chars().all(part)
}

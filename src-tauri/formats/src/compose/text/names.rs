//! Names of a project as names of a definition.

use crate::compose::project::Project;
use crate::names;
use std::collections::{BTreeMap, BTreeSet};

/// What each is called.
#[derive(Debug, Default)]
pub(super) struct Names {
    services: BTreeMap<String, String>,
    networks: BTreeMap<String, String>,
    volumes: BTreeMap<String, String>,
}

impl Names {
    pub(super) fn of(project: &Project) -> Self {
        let services = project.all().map(|(name, _)| name);
        Self {
            services: all(services),
            networks: all(project.networks.keys()),
            volumes: all(project.volumes.keys()),
        }
    }

    pub(super) fn service(&self, name: &str) -> String {
        of(&self.services, name)
    }

    pub(super) fn network(&self, name: &str) -> String {
        of(&self.networks, name)
    }

    pub(super) fn volume(&self, name: &str) -> String {
        of(&self.volumes, name)
    }
}

fn of(known: &BTreeMap<String, String>, name: &str) -> String {
    let known = known.get(name).cloned();
    known.unwrap_or_else(|| names::service(name))
}

/// Those that are fine as they are keep their names; of others that come to the same the later ones are numbered.
fn all<'n>(all: impl Iterator<Item = &'n String>) -> BTreeMap<String, String> {
    let (fine, others): (Vec<&String>, Vec<&String>) =
        all.partition(|name| names::service(name) == **name);
    let mut taken: BTreeSet<String> = fine.iter().map(|name| (*name).clone()).collect();
    let mut known: BTreeMap<String, String> = fine
        .into_iter()
        .map(|name| (name.clone(), name.clone()))
        .collect();
    for name in others {
        let nearest = names::service(name);
        let numbered = (2..).map(|number| names::numbered(&nearest, number));
        let free = std::iter::once(nearest.clone())
            .chain(numbered)
            .find(|name| !taken.contains(name));
        // There are fewer names than numbers.
        let made = free.unwrap_or(nearest);
        taken.insert(made.clone());
        known.insert(name.clone(), made);
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_one_of_its_own() {
        let names = ["web", "Web", "WEB", "my_db", "my.db", "self", "-x"];
        let owned: BTreeSet<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let made = all(owned.iter());
        let of = |name: &str| made[name].as_str();
        assert_eq!(
            ["web", "WEB", "Web", "my.db", "my_db", "self", "-x"].map(of),
            [
                "web",
                "web-2",
                "web-3",
                "my-db",
                "my-db-2",
                "self-service",
                "x"
            ]
        );
    }
}

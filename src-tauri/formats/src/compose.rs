//! A compose file: from its bytes, and those of the files it names, to a [`Project`] whose variables are
//! resolved, whose files are merged and whose short forms are long, or to what is wrong with it.
//!
//! Called by who runs or imports such a project. It opens no file and reads no environment: like the rest of
//! this crate it is told what lies at the paths it asks for. What a project may do is not decided here:
//! [`Risk`] says what reaches out of its containers.

mod canonical;
mod check;
mod container;
mod interpolate;
mod load;
mod merge;
mod paths;
mod ports;
mod project;
mod read;
mod rebase;
mod risk;
mod risks;
mod support;
mod text;
mod volumes;

pub use container::{Build, Container, Device, DeviceRequest, DiskLimit, DiskUse, Limits, Ulimit};
pub use project::{
    At, Attachment, Condition, Dependency, EnvFile, Given, Grant, Healthcheck, Hook, Mount,
    Mounted, Network, Port, Project, Restart, Service, Subnet, Test, Volume, Watch,
};
pub use risk::{Reach, Risk, bound};
pub use risks::{Followed, reaches};
pub use support::{Row, Support, support, support_page};

use crate::yaml::{Node, Place, Scalar};
use load::Loader;
use spec::{Diagnostics, Found};
use std::collections::{BTreeMap, BTreeSet};

/// The names a compose file has, in the order in which they count.
pub const FILES: [&str; 4] = [
    "compose.yaml",
    "compose.yml",
    "docker-compose.yaml",
    "docker-compose.yml",
];

/// What is laid over a file of these names where it is there; the first that is.
pub(crate) const OVER: [&str; 4] = [
    "compose.override.yaml",
    "compose.override.yml",
    "docker-compose.override.yaml",
    "docker-compose.override.yml",
];

/// What a project is read with, besides its files.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The last part of the folder's path, from which a project without a name takes its own.
    pub folder_name: String,
    /// The name that a person gave.
    pub name: Option<String>,
    /// What variables are set to; `.env` lies under it.
    pub environment: BTreeMap<String, String>,
    /// Profiles that are wanted; `*` is all of them. Those of `COMPOSE_PROFILES` are, too.
    pub profiles: BTreeSet<String>,
    /// Profiles that are wanted this time: their services are wanted as those of `profiles` are, and stay services of
    /// profiles in what is made of the file.
    pub asked: BTreeSet<String>,
    /// Services that are wanted this time, whatever their profiles, by their names in the file or here.
    pub named: BTreeSet<String>,
    /// A person allows files of other folders to be read.
    pub outside: bool,
}

/// How far reading came.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    /// All was there.
    Complete(Box<Project>),
    /// These files are looked at as well, relative to the project's folder unless absolute. Not all of them
    /// have to be there. Of each, up to [`MAX_BYTES`](spec::limits::MAX_BYTES) and one byte more are wanted.
    /// A path says nothing of symbolic links: who opens it sees to it that it does not lead out of the folder
    /// by one. No file is asked for twice, and there are at most 500.
    Needs(Vec<String>),
}

/// Whether a file of this name is read as a compose file: `compose.yaml`, `docker-compose.dev.yml`.
pub(crate) fn is_named(name: &str) -> bool {
    let begin = ["compose.", "docker-compose."];
    let rest = begin.iter().find_map(|begin| name.strip_prefix(begin));
    let between = rest.and_then(|rest| {
        let ends = ["yaml", "yml"];
        ends.iter().find_map(|end| rest.strip_suffix(end))
    });
    between.is_some_and(|between| match between.strip_suffix('.') {
        Some(word) => crate::suffix(word),
        None => between.is_empty(),
    })
}

/// A compose file as the definition that says the same.
pub(crate) fn equivalent(
    label: &str,
    bytes: &[u8],
    settings: &Settings,
    beside: &BTreeMap<String, Found>,
    others: Option<&crate::Others>,
) -> Result<crate::Reading, Diagnostics> {
    let files = Files {
        label,
        bytes,
        settings,
        beside,
    };
    let project = match files.read()? {
        Reading::Complete(project) => project,
        Reading::Needs(files) => return Ok(crate::Reading::Needs(files)),
    };
    let around = text::Around {
        label,
        source: &String::from_utf8_lossy(bytes),
        folder_name: &settings.folder_name,
        home: settings.environment.get("HOME").map(String::as_str),
        others,
    };
    Ok(crate::Reading::Complete(text::write(&project, &around)))
}

/// A compose file and what it names, as far as it was read.
#[derive(Debug, Clone)]
pub struct Sources {
    label: String,
    bytes: Vec<u8>,
    settings: Settings,
    beside: BTreeMap<String, Found>,
}

impl Sources {
    /// A file alone. `label` is how messages name it; its folder is the project's.
    pub fn new(label: impl Into<String>, bytes: Vec<u8>, settings: Settings) -> Self {
        Self {
            label: label.into(),
            bytes,
            settings,
            beside: BTreeMap::new(),
        }
    }

    /// Adds what was found where [`Reading::Needs`] said.
    pub fn add(&mut self, path: impl Into<String>, found: Found) {
        self.beside.insert(path.into(), found);
    }

    /// Reads what is there.
    ///
    /// # Errors
    /// Everything that is wrong with the files.
    pub fn read(&self) -> Result<Reading, Diagnostics> {
        let files = Files {
            label: &self.label,
            bytes: &self.bytes,
            settings: &self.settings,
            beside: &self.beside,
        };
        files.read()
    }
}

/// The same, lent.
#[derive(Debug, Clone, Copy)]
struct Files<'f> {
    label: &'f str,
    bytes: &'f [u8],
    settings: &'f Settings,
    beside: &'f BTreeMap<String, Found>,
}

impl<'f> Files<'f> {
    fn read(&self) -> Result<Reading, Diagnostics> {
        let over: &[&str] = match FILES.contains(&self.base()) {
            true => &OVER,
            false => &[],
        };
        let asked = over.iter().copied().chain([".env"]);
        let missing: Vec<String> = asked
            .filter(|path| !self.beside.contains_key(*path))
            .map(str::to_owned)
            .collect();
        if !missing.is_empty() {
            return Ok(Reading::Needs(missing));
        }
        let over = over
            .iter()
            .copied()
            .find(|path| !matches!(self.beside(path), None | Some(Found::Absent)));
        let mut loader = Loader::new(*self);
        let main = loader.files.read(self.label, self.bytes);
        let mut environment = BTreeMap::new();
        if let Some(found) = self.beside(".env") {
            let (at, known) = (Place::default(), &self.settings.environment);
            loader.default_env_file(".env", found, at, known, &mut environment);
        }
        environment.extend(self.settings.environment.clone());
        let name = self.name(main.as_ref(), &environment);
        environment.insert("COMPOSE_PROJECT_NAME".to_owned(), name.clone());
        let mut profiles = self.settings.profiles.clone();
        let more = environment
            .get("COMPOSE_PROFILES")
            .cloned()
            .unwrap_or_default();
        profiles.extend(
            more.split(',')
                .map(str::trim)
                .filter(|it| !it.is_empty())
                .map(str::to_owned),
        );
        let wanted = read::Wanted {
            always: profiles,
            asked: &self.settings.asked,
            named: &self.settings.named,
        };
        let root = main.and_then(|main| loader.project(main, &environment, over));
        let project =
            root.map(|root| read::project(&mut loader, &root, name, &environment, &wanted));
        if !loader.missing.is_empty() {
            return Ok(Reading::Needs(loader.missing.into_iter().collect()));
        }
        let notes = loader.files.done()?;
        let project = Project {
            notes,
            ..project.unwrap_or_default()
        };
        Ok(Reading::Complete(Box::new(project)))
    }

    fn beside(&self, path: &str) -> Option<&'f Found> {
        self.beside.get(path)
    }

    /// The file's own name.
    fn base(&self) -> &'f str {
        self.label.rsplit('/').next().unwrap_or(self.label)
    }

    /// What a person says, `COMPOSE_PROJECT_NAME`, what the file says, the folder's name: the first counts.
    fn name(&self, main: Option<&Node>, environment: &BTreeMap<String, String>) -> String {
        let said = main.and_then(|main| main.get("name")?.as_scalar().map(Scalar::words));
        let said = said.map(|name| interpolate::text(&name, environment));
        let variable = environment.get("COMPOSE_PROJECT_NAME").cloned();
        let names = [self.settings.name.clone(), variable, said];
        let names = names
            .into_iter()
            .flatten()
            .chain([self.settings.folder_name.clone()]);
        let mut names = names.map(|name| project_name(&name));
        names
            .find(|name| !name.is_empty())
            .unwrap_or_else(|| "project".to_owned())
    }
}

/// Lower-case letters, digits, `-` and `_`, beginning with a letter or digit.
fn project_name(name: &str) -> String {
    let part = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    let name: String = name.to_lowercase().chars().filter(part).collect();
    name.trim_start_matches(['-', '_']).to_owned()
}

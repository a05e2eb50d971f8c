//! What people already have: from the bytes of a `Procfile`, a `process-compose.yaml` or a compose file to the text
//! of the `azora.toml` that says the same, with notes on what has no equivalent.
//!
//! Called by `engine`, which reads the text as any other definition, and by `cli`, which prints it. Like
//! `spec` it opens no file, reads no environment and knows no clock: the caller brings the bytes and is told
//! which further files are needed.

pub mod compose;
mod draft;
mod foreman;
mod names;
mod process_compose;
mod procfile;
mod propose;
mod together;
mod yaml;

pub use names::service as service_name;
pub use propose::{Names, Proposal, Proposing, Survey, Wanted};
pub use together::{Clash, Others, Together};

use spec::{Diagnostics, EnvFile, EnvPart, Found, Problems, Span};
use std::collections::BTreeMap;
use std::fmt;

/// The names that are looked for in a folder; the first that is there is the one that counts. Who has
/// written an `azora.toml` beside another file means it; a `process-compose.yaml` is for the developer's machine
/// and nothing else, and its two names count in process-compose's own order; a compose file brings what it needs
/// along, databases among it, which a `Procfile` does not; `Procfile.dev` is, where there are both, the one for the
/// developer's machine.
pub const FILES: [&str; 9] = [
    spec::FILE,
    process_compose::FILES[0],
    process_compose::FILES[1],
    compose::FILES[0],
    compose::FILES[1],
    compose::FILES[2],
    compose::FILES[3],
    "Procfile.dev",
    "Procfile",
];

/// What is looked at beside such a file.
pub const BESIDE: [&str; 9] = [
    procfile::BESIDE[0],
    procfile::BESIDE[1],
    procfile::BESIDE[2],
    process_compose::BESIDE[0],
    process_compose::BESIDE[1],
    compose::OVER[0],
    compose::OVER[1],
    compose::OVER[2],
    compose::OVER[3],
];

/// Whether a file beside another is laid over it, or says how that is run, and is as much a file of the folder as that.
#[must_use]
pub fn is_override(name: &str) -> bool {
    let mut over = compose::OVER.iter().chain(&process_compose::BESIDE[..2]);
    over.any(|one| *one == name) || name == foreman::FOREMAN
}

/// How a file says what to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// `azora.toml`.
    Azora,
    /// `Procfile`, as foreman, overmind and honcho read it.
    Procfile,
    /// `process-compose.yaml`, as process-compose reads it.
    ProcessCompose,
    /// `compose.yaml`, as docker compose reads it.
    Compose,
}

impl Format {
    /// What a file of this name is read as.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        match name {
            spec::FILE => Some(Self::Azora),
            _ if process_compose::FILES.contains(&name) => Some(Self::ProcessCompose),
            _ if compose::is_named(name) => Some(Self::Compose),
            _ if name == "Procfile" || name.strip_prefix("Procfile.").is_some_and(suffix) => {
                Some(Self::Procfile)
            }
            _ => None,
        }
    }
}

/// What may stand behind the dot of `Procfile.dev`: a word, and no way to another folder.
fn suffix(text: &str) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    !text.is_empty() && text.chars().all(part)
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Azora => "azora.toml",
            Self::Procfile => "Procfile",
            Self::ProcessCompose => "process-compose.yaml",
            Self::Compose => "compose.yaml",
        })
    }
}

/// Something about the file that is no mistake, and that its owner should know.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    /// The file.
    pub file: String,
    /// Its line, from 1.
    pub line: usize,
    /// What there is to know.
    pub says: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.says)
    }
}

/// The equivalent of a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Imported {
    /// An `azora.toml`.
    pub text: String,
    /// What has no equivalent, and what was decided.
    pub notes: Vec<Note>,
    /// What was looked at beside the file, be it there or not: a change of one may change the equivalent.
    pub beside: Vec<String>,
    /// For each line of `text`, from 0, the place in the file it came from.
    origins: Vec<Span>,
}

impl Imported {
    /// The line of the file that a line of the equivalent came from; 0 where it is of no single one.
    #[must_use]
    pub fn line_of(&self, line: spec::Line, source: &str) -> spec::Line {
        let at = usize::try_from(line.0).unwrap_or(usize::MAX).checked_sub(1);
        let place = at.and_then(|at| self.origins.get(at));
        let before = place.filter(|place| !place.is_empty());
        let before = before.and_then(|place| source.get(..place.start));
        let count = before.map_or(0, |text| 1 + text.matches('\n').count());
        spec::Line(u32::try_from(count).unwrap_or(u32::MAX))
    }

    /// What `spec` finds wrong with the equivalent, which it was given as [`spec::FILE`], told of the
    /// file it was made from.
    #[must_use]
    pub fn told_of(&self, problems: Diagnostics, file: &str, source: &str) -> Diagnostics {
        problems.told_of(spec::FILE, file, source, |line| {
            let known = self.origins.get(line.saturating_sub(1));
            known.cloned().unwrap_or_default()
        })
    }
}

/// How far reading came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// All was there.
    Complete(Imported),
    /// These files are looked at as well, relative to the folder. None of them has to be there.
    Needs(Vec<String>),
}

/// A file and what lies beside it, as far as it was read.
#[derive(Debug, Clone)]
pub struct Sources {
    format: Format,
    label: String,
    bytes: Vec<u8>,
    beside: BTreeMap<String, Found>,
    settings: compose::Settings,
    others: Option<Others>,
}

impl Sources {
    /// A file alone. `label` is how messages name it.
    pub fn new(format: Format, label: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self {
            format,
            label: label.into(),
            bytes,
            beside: BTreeMap::new(),
            settings: compose::Settings::default(),
            others: None,
        }
    }

    /// Says that what the file becomes is a part of a definition, and what the other parts have.
    #[must_use]
    pub fn among(mut self, others: &Others) -> Self {
        self.others = Some(others.clone());
        self
    }

    /// Says what is known of the folder and the caller's environment, which a compose file can ask for.
    #[must_use]
    pub fn with(mut self, settings: compose::Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Adds what was found where [`Reading::Needs`] said.
    pub fn add(&mut self, path: impl Into<String>, found: Found) {
        self.beside.insert(path.into(), found);
    }

    /// Reads what is there.
    ///
    /// # Errors
    /// Everything that is wrong with the file.
    pub fn read(&self) -> Result<Reading, Diagnostics> {
        let mut read = self.equivalent()?;
        if let Reading::Complete(imported) = &mut read {
            imported.beside = self.beside.keys().cloned().collect();
        }
        Ok(read)
    }

    fn equivalent(&self) -> Result<Reading, Diagnostics> {
        if self.format == Format::Compose {
            let (settings, others) = (&self.settings, self.others.as_ref());
            return compose::equivalent(&self.label, &self.bytes, settings, &self.beside, others);
        }
        if self.format == Format::ProcessCompose {
            let missing = self.missing(&process_compose::BESIDE);
            return match missing.is_empty() {
                true => {
                    let others = self.others.as_ref();
                    process_compose::read(&self.label, &self.bytes, &self.beside, others)
                        .map(Reading::Complete)
                }
                false => Ok(Reading::Needs(missing)),
            };
        }
        let mut problems = Problems::default();
        let text = match spec::foreign_text(&self.bytes, &mut problems) {
            Ok(text) => text,
            Err(shown) => return Err(problems.into_diagnostics(&self.label, &shown)),
        };
        if self.format == Format::Azora {
            // Nothing to translate; `spec` reads it.
            return Ok(Reading::Complete(Imported {
                text: text.to_owned(),
                ..Imported::default()
            }));
        }
        let missing = self.missing(&procfile::BESIDE);
        if !missing.is_empty() {
            return Ok(Reading::Needs(missing));
        }
        let imported = procfile::read(
            &self.label,
            text,
            &self.beside,
            self.others.as_ref(),
            &mut problems,
        );
        if problems.is_empty() {
            Ok(Reading::Complete(imported))
        } else {
            Err(problems.into_diagnostics(&self.label, text))
        }
    }

    /// Which of these were not looked for yet.
    fn missing(&self, wanted: &[&str]) -> Vec<String> {
        let missing = wanted
            .iter()
            .filter(|path| !self.beside.contains_key(**path));
        missing.map(|path| (*path).to_owned()).collect()
    }
}

/// What an env file beside the file sets a variable to; the last counts. What is wrong with an env file is
/// told when the services' environment is read.
fn variable(beside: &BTreeMap<String, Found>, path: &str, name: &str) -> Option<String> {
    let Some(Found::Bytes(bytes)) = beside.get(path) else {
        return None;
    };
    let EnvFile(settings) = spec::env_file(bytes, &mut Problems::default()).ok()?;
    let setting = settings.into_iter().rev().find(|one| one.name == name)?;
    match &setting.value.0[..] {
        [] => Some(String::new()),
        [EnvPart::Text(text)] => Some(text.clone()),
        _ => None,
    }
}

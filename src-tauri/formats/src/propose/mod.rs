//! What a folder that says nothing of services probably wants run: a first `azora.toml`, for its owner to read and
//! to change, from the manifests of its parts (`package.json`, `Cargo.toml`, `pyproject.toml`).
//!
//! What is sure enough becomes a service; what may be a program for the terminal becomes a comment. Each says
//! what it was seen in.

mod folders;
mod node;
mod python;
mod rust;

use crate::{Note, draft, names};
use folders::Folder;
use spec::{Found, limits};
use std::collections::{BTreeMap, BTreeSet};

/// Parts that are looked into.
const MAX_FOLDERS: usize = 200;

/// Something to look for. Paths are relative to the folder, and the folder itself is empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wanted {
    /// What is in a folder, as far as it is there.
    Names(String),
    /// A file.
    File(String),
}

/// What was seen so far.
#[derive(Debug, Clone, Default)]
pub struct Survey {
    /// The files and the folders in each folder; none where there is no such folder.
    names: BTreeMap<String, Names>,
    files: BTreeMap<String, Found>,
}

/// What is in a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// Files, and what leads to them.
    pub files: BTreeSet<String>,
    /// Folders; links to folders are none, so that no circle is walked.
    pub folders: BTreeSet<String>,
}

/// How far looking came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proposing {
    /// All was there. `None` when nothing is known here.
    Complete(Option<Proposal>),
    /// This is looked at as well.
    Needs(Vec<Wanted>),
}

/// A first definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// An `azora.toml`.
    pub text: String,
    /// What was passed over, and why.
    pub notes: Vec<Note>,
}

/// A service, as a part of the folder lets one guess it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Guess {
    name: String,
    /// What it was seen in, for the comment above it.
    seen: String,
    run: String,
    /// The part of the folder it runs in; empty for the folder itself.
    folder: String,
    /// The port that its tool would take by itself.
    port: Option<u16>,
    /// Once it listens there it is ready.
    listens: bool,
    /// It may be no service at all: a comment.
    doubt: Option<&'static str>,
}

/// What is found of a part: guesses, and what is to be said.
#[derive(Debug, Default)]
struct Part {
    guesses: Vec<Guess>,
    notes: Vec<Note>,
}

impl Part {
    fn note(&mut self, file: String, says: impl Into<String>) {
        let (line, says) = (1, says.into());
        self.notes.push(Note { file, line, says });
    }
}

impl Survey {
    /// Adds what is in a folder.
    pub fn names(&mut self, folder: impl Into<String>, names: Names) {
        self.names.insert(folder.into(), names);
    }

    /// Adds a file.
    pub fn file(&mut self, path: impl Into<String>, found: Found) {
        self.files.insert(path.into(), found);
    }

    /// What these folders probably want run.
    #[must_use]
    pub fn propose(&self) -> Proposing {
        let (folders, unseen) = match folders::all(self) {
            Ok(folders) => folders,
            Err(wanted) => return Proposing::Needs(wanted),
        };
        let wanted: Vec<Wanted> = folders
            .iter()
            .flat_map(Folder::manifests)
            .filter(|path| !self.files.contains_key(path))
            .map(Wanted::File)
            .collect();
        if !wanted.is_empty() {
            return Proposing::Needs(wanted);
        }
        let mut whole = Part {
            notes: folders::notes(self),
            ..Part::default()
        };
        for folder in &folders {
            for part in [node::read, rust::read, python::read] {
                let part = part(self, folder, folders.len() > 1);
                whole.guesses.extend(part.guesses);
                whole.notes.extend(part.notes);
            }
        }
        if unseen > 0 {
            whole.note(
                ".".into(),
                format!("{unseen} further folders are not looked at"),
            );
        }
        Proposing::Complete(whole.written())
    }

    fn text(&self, path: &str) -> Option<&str> {
        match self.files.get(path) {
            Some(Found::Bytes(bytes)) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }
}

impl Part {
    /// Nothing when there is nothing to run, not even perhaps.
    fn written(mut self) -> Option<Proposal> {
        if self.guesses.is_empty() {
            return None;
        }
        // What is doubted comes last, where it can be passed over.
        self.guesses.sort_by_key(|guess| guess.doubt.is_some());
        let unwritten = self.guesses.len().saturating_sub(limits::MAX_SERVICES);
        if unwritten > 0 {
            self.guesses.truncate(limits::MAX_SERVICES);
            self.note(
                ".".into(),
                format!("{unwritten} further programs are passed over"),
            );
        }
        let mut text = String::from(
            "# Proposed from what is in this folder. Read it and change it; `azora check` says what is wrong \
             with it,\n# `azora up` brings it up. What needs what cannot be seen from here: add `needs` where \
             something has to be ready first.\n",
        );
        let mut taken = BTreeSet::new();
        for guess in &self.guesses {
            text.push_str(&guess.written(&mut taken));
        }
        self.notes.sort();
        self.notes.dedup();
        Some(Proposal {
            text,
            notes: self.notes,
        })
    }
}

impl Guess {
    fn written(&self, taken: &mut BTreeSet<String>) -> String {
        let wanted = names::service(&self.name);
        let mut name = wanted.clone();
        let mut number = 2;
        while !taken.insert(name.clone()) {
            name = names::numbered(&wanted, number);
            number += 1;
        }
        let mut lines = vec![
            format!("[service.{name}]"),
            format!("run = {}", draft::text(&self.run)),
        ];
        if !self.folder.is_empty() {
            lines.push(format!("cwd = {}", draft::text(&self.folder)));
        }
        if let Some(port) = self.port {
            lines.push(format!("port = {port}"));
        }
        if self.listens {
            lines.push("ready = { tcp = \"$PORT\" }".to_owned());
        }
        let seen: String = self.seen.chars().filter(|c| !c.is_control()).collect();
        let mut text = format!("\n# {seen}\n");
        if let Some(doubt) = self.doubt {
            text.push_str(&format!("# {doubt}\n"));
        }
        for line in lines {
            let mark = if self.doubt.is_some() { "# " } else { "" };
            text.push_str(&format!("{mark}{line}\n"));
        }
        text
    }
}

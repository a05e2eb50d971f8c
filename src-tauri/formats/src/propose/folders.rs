//! The parts of a folder: those its workspaces name, else those that lie directly in it.

use super::{Names, Survey, Wanted};
use crate::Note;
use std::collections::BTreeSet;

/// What makes a folder a part.
const MANIFESTS: [&str; 4] = [
    "package.json",
    "Cargo.toml",
    "pyproject.toml",
    "requirements.txt",
];

/// What packages are installed or built into: nobody's part.
const NOT_OURS: [&str; 12] = [
    "node_modules",
    "target",
    "dist",
    "build",
    "vendor",
    "venv",
    "env",
    "coverage",
    "tmp",
    "test",
    "tests",
    "e2e",
];

/// A folder that is looked at.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    /// Empty for the folder itself.
    pub(super) path: String,
    pub(super) names: Names,
}

impl Folder {
    pub(super) fn has(&self, file: &str) -> bool {
        self.names.files.contains(file)
    }

    /// A file of it.
    pub(super) fn at(&self, file: &str) -> String {
        join(&self.path, file)
    }

    /// What it is called, where its manifest does not say.
    pub(super) fn called(&self) -> &str {
        match self.path.rsplit('/').next() {
            Some("") | None => "app",
            Some(name) => name,
        }
    }

    /// Those of its files that are read.
    pub(super) fn manifests(&self) -> impl Iterator<Item = String> {
        let there = MANIFESTS.iter().filter(|file| self.has(file));
        there.map(|file| self.at(file))
    }
}

/// `folder/file`.
fn join(folder: &str, file: &str) -> String {
    match folder {
        "" => file.to_owned(),
        folder => format!("{folder}/{file}"),
    }
}

/// The folder itself and its parts, in the order of their names, and how many are too many to be looked into; or
/// what has to be looked at first.
pub(super) fn all(survey: &Survey) -> Result<(Vec<Folder>, usize), Vec<Wanted>> {
    let root = of(survey, "")?;
    let workspace: Vec<Wanted> = ["package.json", "pnpm-workspace.yaml", "Cargo.toml"]
        .into_iter()
        .filter(|file| root.has(file) && !survey.files.contains_key(*file))
        .map(|file| Wanted::File(file.to_owned()))
        .collect();
    if !workspace.is_empty() {
        return Err(workspace);
    }
    let workspaces = Workspaces::of(survey);
    let mut paths = workspaces.named.clone();
    let mut wanted = Vec::new();
    if workspaces.is_empty() {
        // Where nothing says what belongs together, what lies side by side does.
        paths.extend(parts_in(&root));
    }
    for above in &workspaces.above {
        match of(survey, above) {
            Ok(above) => paths.extend(parts_in(&above)),
            Err(more) => wanted.extend(more),
        }
    }
    let mut folders = vec![root];
    for path in paths.iter().take(super::MAX_FOLDERS) {
        match of(survey, path) {
            Ok(folder) => folders.push(folder),
            Err(more) => wanted.extend(more),
        }
    }
    if !wanted.is_empty() {
        return Err(wanted);
    }
    // `src` is looked into for programs.
    let sources = folders
        .iter()
        .filter(|folder| folder.has("Cargo.toml") && folder.names.folders.contains("src"));
    let wanted: Vec<Wanted> = sources
        .map(|folder| folder.at("src"))
        .filter(|path| !survey.names.contains_key(path))
        .map(Wanted::Names)
        .collect();
    match wanted.is_empty() {
        true => Ok((folders, paths.len().saturating_sub(super::MAX_FOLDERS))),
        false => Err(wanted),
    }
}

fn of(survey: &Survey, path: &str) -> Result<Folder, Vec<Wanted>> {
    match survey.names.get(path) {
        Some(names) => Ok(Folder {
            path: path.to_owned(),
            names: names.clone(),
        }),
        None => Err(vec![Wanted::Names(path.to_owned())]),
    }
}

fn parts_in(folder: &Folder) -> impl Iterator<Item = String> {
    let own = folder.names.folders.iter();
    let own = own.filter(|name| !name.starts_with('.') && !NOT_OURS.contains(&name.as_str()));
    own.map(|name| join(&folder.path, name))
}

/// What the workspaces of the folder name.
#[derive(Debug, Default)]
struct Workspaces {
    /// Folders.
    named: BTreeSet<String>,
    /// Folders whose folders are meant.
    above: BTreeSet<String>,
    /// What is not followed, or not to its end: in which file, and why.
    notes: Vec<Note>,
}

impl Workspaces {
    fn of(survey: &Survey) -> Self {
        let mut all = Self::default();
        let listed = patterns(survey);
        let unseen = listed.len().saturating_sub(super::MAX_FOLDERS);
        for (file, pattern) in listed.into_iter().take(super::MAX_FOLDERS) {
            all.take(file, &pattern);
        }
        if unseen > 0 {
            all.note(
                ".",
                format!("{unseen} further patterns of workspaces are not followed"),
            );
        }
        all
    }

    fn take(&mut self, file: &str, pattern: &str) {
        let said = spec::quoted(pattern);
        let clean = pattern.trim_start_matches("./").trim_end_matches('/');
        let out = clean.starts_with('/') || clean.split('/').any(|part| part == "..");
        let (above, deep) = match clean.strip_suffix("**") {
            Some(above) => (Some(above), true),
            None => (clean.strip_suffix('*'), false),
        };
        // `apps/*` and `*`, and not `app-*`.
        let above = above.filter(|above| above.is_empty() || above.ends_with('/'));
        let above = above.map(|above| above.trim_end_matches('/'));
        let wild = |path: &str| path.contains(['*', '?', '[', '{', '!']);
        match above {
            _ if clean.is_empty() || clean == "." => {}
            _ if out => self.note(
                file,
                format!("{said} leads out of the folder and is passed over"),
            ),
            Some(above) if !wild(above) => {
                if deep {
                    self.note(file, format!("{said} is looked at one level deep"));
                }
                self.above.insert(above.to_owned());
            }
            None if !wild(clean) => drop(self.named.insert(clean.to_owned())),
            Some(_) | None => self.note(file, format!("the pattern {said} is not followed")),
        }
    }

    fn note(&mut self, file: &str, says: String) {
        let (file, line) = (file.to_owned(), 1);
        self.notes.push(Note { file, line, says });
    }

    fn is_empty(&self) -> bool {
        self.named.is_empty() && self.above.is_empty()
    }
}

/// What there is to know of the patterns of workspaces.
pub(super) fn notes(survey: &Survey) -> Vec<Note> {
    Workspaces::of(survey).notes
}

/// The patterns, and which file has them.
fn patterns(survey: &Survey) -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    if let Some(package) = survey.text("package.json")
        && let Ok(package) = serde_json::from_str::<serde_json::Value>(package)
    {
        let listed = match &package["workspaces"] {
            serde_json::Value::Object(more) => more.get("packages").cloned().unwrap_or_default(),
            other => other.clone(),
        };
        let listed = listed.as_array().cloned().unwrap_or_default();
        let listed = listed.iter().filter_map(|one| one.as_str());
        all.extend(listed.map(|one| ("package.json", one.to_owned())));
    }
    if let Some(text) = survey.text("pnpm-workspace.yaml") {
        let listed = packages(text).into_iter();
        all.extend(listed.map(|one| ("pnpm-workspace.yaml", one)));
    }
    if let Some(text) = survey.text("Cargo.toml")
        && let Ok(cargo) = text.parse::<toml::Table>()
    {
        let members = cargo
            .get("workspace")
            .and_then(|table| table.get("members"));
        let members = members.and_then(toml::Value::as_array);
        let members = members
            .into_iter()
            .flatten()
            .filter_map(toml::Value::as_str);
        all.extend(members.map(|one| ("Cargo.toml", one.to_owned())));
    }
    all
}

/// The list under `packages:` of a `pnpm-workspace.yaml`, which is flat.
fn packages(text: &str) -> Vec<String> {
    let mut lines = text
        .lines()
        .skip_while(|line| line.trim_end() != "packages:");
    lines.next();
    let items = lines.map_while(|line| {
        let line = line.trim();
        match line.strip_prefix('-') {
            Some(item) => Some(Some(item.trim().trim_matches(['"', '\'']).to_owned())),
            None if line.is_empty() || line.starts_with('#') => Some(None),
            None => None,
        }
    });
    items.flatten().collect()
}

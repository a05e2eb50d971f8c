//! The parts of a folder: those its workspaces name, else those that lie directly in it.

use super::{Names, Survey, Wanted};
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
    let patterns = patterns(survey);
    let mut paths = BTreeSet::new();
    let mut wanted = Vec::new();
    if patterns.is_empty() {
        // Where nothing says what belongs together, what lies side by side does.
        paths.extend(parts_in(&root));
    }
    for pattern in &patterns {
        match pattern
            .strip_suffix("/*")
            .or_else(|| pattern.strip_suffix("/**"))
        {
            Some(above) => match of(survey, above) {
                Ok(above) => paths.extend(parts_in(&above)),
                Err(more) => wanted.extend(more),
            },
            None => drop(paths.insert(pattern.clone())),
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

/// What the workspaces of the folder name, as far as they stay in it.
fn patterns(survey: &Survey) -> Vec<String> {
    let mut all = Vec::new();
    if let Some(package) = survey.text("package.json")
        && let Ok(package) = serde_json::from_str::<serde_json::Value>(package)
    {
        let listed = match &package["workspaces"] {
            serde_json::Value::Object(more) => more.get("packages").cloned().unwrap_or_default(),
            other => other.clone(),
        };
        let listed = listed.as_array().cloned().unwrap_or_default();
        all.extend(
            listed
                .iter()
                .filter_map(|one| Some(one.as_str()?.to_owned())),
        );
    }
    if let Some(text) = survey.text("pnpm-workspace.yaml") {
        all.extend(packages(text));
    }
    if let Some(text) = survey.text("Cargo.toml")
        && let Ok(cargo) = text.parse::<toml::Table>()
    {
        let members = cargo
            .get("workspace")
            .and_then(|table| table.get("members"));
        let members = members
            .and_then(toml::Value::as_array)
            .into_iter()
            .flatten();
        all.extend(members.filter_map(|one| Some(one.as_str()?.to_owned())));
    }
    let clean = all.into_iter().map(|one| {
        let one = one.trim_start_matches("./").trim_end_matches('/');
        one.to_owned()
    });
    clean
        .filter(|one| !one.is_empty() && !one.starts_with(['!', '/']))
        .filter(|one| one.split('/').all(|part| part != ".."))
        .filter(|one| {
            !one.trim_end_matches("/**")
                .trim_end_matches("/*")
                .contains(['*', '?', '[', '{'])
        })
        .collect()
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

//! The sources of the project: which files there are, and their text.

use std::path::{Path, PathBuf};

/// One source file.
pub(crate) struct Source {
    /// Its path from the workspace folder, with `/`.
    pub(crate) path: String,
    /// Its text.
    pub(crate) text: String,
}

impl Source {
    /// A source that is not on disk, to show what a rule finds.
    pub(crate) fn made(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }
}

/// What is built or downloaded, not written.
const NOT_OURS: [&str; 8] = [
    "target",
    "node_modules",
    "dist",
    "gen",
    "out",
    ".git",
    ".svelte-kit",
    "test-results",
];

/// All sources under `folder` of the workspace whose names end in one of `endings`, in order of path.
pub(crate) fn sources(folder: &str, endings: &[&str]) -> Vec<Source> {
    let root = crate::root();
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries.flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() {
                if !NOT_OURS.contains(&name.as_str()) {
                    folders.push(path);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.push(Source {
                    path: relative(&root, &path),
                    text: read(&path),
                });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// Every Rust file of ours.
pub(crate) fn rust() -> Vec<Source> {
    let mut all = sources("src-tauri", &[".rs"]);
    all.extend(sources("tests", &[".rs"]));
    all
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .to_string_lossy()
        .replace('\\', "/")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path)
        .unwrap_or_else(|error| panic!("failed to read {}: {error}", path.display()))
}

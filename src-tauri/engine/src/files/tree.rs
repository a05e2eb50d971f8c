//! Which folders have to be watched for a cluster, and watching them.
//!
//! A folder is watched before it is read, so that nothing that appears in it is missed: it is read,
//! or told, or both. Links to folders are not followed.

use super::kernel::{Kernel, Unwatched};
use super::pattern::{Pattern, Rules};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Folders that are watched for one cluster. A repository of a large company has a few thousand
/// that people edit.
pub(super) const MAX_FOLDERS: usize = 50_000;

/// What is to be walked, and by which rules. Moved to the thread that walks, and back.
pub(super) struct Walk {
    /// The cluster's folder.
    pub(super) root: PathBuf,
    /// The home of Azora: what it writes there is no change of anybody's.
    pub(super) home: PathBuf,
    pub(super) patterns: Vec<Arc<Pattern>>,
    pub(super) rules: Rules,
}

/// What a walk came to.
#[derive(Debug, Default)]
pub(super) struct Walked {
    /// Folders that are watched now, absolute.
    pub(super) watched: Vec<(PathBuf, i32)>,
    /// Files in them that are meant, relative to the root.
    pub(super) files: Vec<PathBuf>,
    /// Folders that could not be watched, and why the first could not.
    pub(super) unwatched: Option<(usize, Unwatched)>,
    /// There were more folders than are watched.
    pub(super) too_many: bool,
}

impl Walk {
    /// Watches every folder at or below `start`, which is relative to the root, in which something
    /// may be meant.
    pub(super) fn go(&mut self, kernel: &Kernel, start: &Path, known: usize) -> Walked {
        let mut walked = Walked::default();
        let mut open = vec![start.to_owned()];
        while let Some(folder) = open.pop() {
            if known + walked.watched.len() >= MAX_FOLDERS {
                walked.too_many = true;
                break;
            }
            let path = self.root.join(&folder);
            if path == self.home || !self.looks_into(&folder) {
                continue;
            }
            match kernel.watch(&path) {
                Ok(watch) => walked.watched.push((path.clone(), watch)),
                Err(Unwatched::Gone) => continue,
                Err(why) => {
                    walked.unwatched.get_or_insert((0, why)).0 += 1;
                    // What cannot be watched is still looked through: how much it is, is said.
                }
            }
            for entry in std::fs::read_dir(&path).into_iter().flatten().flatten() {
                let name = folder.join(entry.file_name());
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => open.push(name),
                    Ok(_) if self.means(&name, false) => walked.files.push(name),
                    _ => {}
                }
            }
        }
        walked
    }

    fn looks_into(&mut self, folder: &Path) -> bool {
        let rules = &mut self.rules;
        self.patterns
            .iter()
            .any(|pattern| pattern.looks_into(folder) && !pattern.left_out(folder, true, rules))
    }

    fn means(&mut self, file: &Path, is_dir: bool) -> bool {
        let rules = &mut self.rules;
        self.patterns
            .iter()
            .any(|pattern| pattern.wants(file, is_dir) && !pattern.left_out(file, is_dir, rules))
    }
}

/// Every folder that is watched, by the kernel's number and by path.
#[derive(Debug, Default)]
pub(super) struct Tree {
    paths: HashMap<i32, PathBuf>,
    watches: BTreeMap<PathBuf, i32>,
}

impl Tree {
    /// Notes a folder that is watched.
    pub(super) fn add(&mut self, path: PathBuf, watch: i32) {
        self.paths.insert(watch, path.clone());
        self.watches.insert(path, watch);
    }

    /// The folder the kernel means.
    pub(super) fn path(&self, watch: i32) -> Option<&PathBuf> {
        self.paths.get(&watch)
    }

    /// Watches a folder, and all below it, no longer.
    pub(super) fn drop_below(&mut self, kernel: &Kernel, folder: &Path) {
        let below: Vec<PathBuf> = self
            .watches
            .range(folder.to_owned()..)
            .map(|(path, _)| path)
            .take_while(|path| path.starts_with(folder))
            .cloned()
            .collect();
        for path in below {
            self.drop_one(kernel, &path);
        }
    }

    /// Watches one folder no longer.
    pub(super) fn drop_one(&mut self, kernel: &Kernel, path: &Path) {
        if let Some(watch) = self.watches.remove(path) {
            self.paths.remove(&watch);
            kernel.unwatch(watch);
        }
    }

    /// Watches no longer what is not among these.
    pub(super) fn keep_only(&mut self, kernel: &Kernel, wanted: &BTreeSet<PathBuf>) {
        let dropped: Vec<PathBuf> = self
            .watches
            .keys()
            .filter(|path| !wanted.contains(*path))
            .cloned()
            .collect();
        for path in dropped {
            self.drop_one(kernel, &path);
        }
    }
}

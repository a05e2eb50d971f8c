//! A first definition for a folder that has none: what its manifests let one guess, read from the disk.

use crate::definition::found;
use formats::{Names, Proposal, Proposing, Survey, Wanted};
use std::io::{self, ErrorKind};
use std::path::Path;

/// Rounds of "what further is looked at": the folder, its workspace's manifests, the parts' folders, what lies
/// above them, their manifests.
const ROUNDS: usize = 8;
/// Names in a folder that are taken notice of.
const MAX_NAMES: usize = 10_000;

/// What the folder probably wants run; `None` when nothing in it says so.
///
/// # Errors
/// When the folder cannot be read.
pub fn of_folder(folder: &Path) -> io::Result<Option<Proposal>> {
    let mut survey = Survey::default();
    survey.names("", names(folder)?);
    for _ in 0..ROUNDS {
        let wanted = match survey.propose() {
            Proposing::Complete(proposal) => return Ok(proposal),
            Proposing::Needs(wanted) => wanted,
        };
        for one in wanted {
            match one {
                Wanted::Names(path) => {
                    // What a workspace names need not be there, nor may everybody read it.
                    let there = names(&folder.join(&path)).unwrap_or_default();
                    survey.names(path, there);
                }
                Wanted::File(path) => {
                    let bytes = found(&folder.join(&path));
                    survey.file(path, bytes);
                }
            }
        }
    }
    Err(io::Error::other("it needs ever more files"))
}

fn names(folder: &Path) -> io::Result<Names> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Names::default()),
        Err(error) => return Err(error),
    };
    let mut names = Names::default();
    for entry in entries.take(MAX_NAMES) {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        match entry.file_type()? {
            kind if kind.is_dir() => names.folders.insert(name),
            _ => names.files.insert(name),
        };
    }
    Ok(names)
}

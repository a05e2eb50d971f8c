//! The homes of this user on this machine: what `ps --all` and `who` look through.
//!
//! An engine writes its home down when it takes it. An entry is a hint and no more: it counts only
//! while the home it names is there, is ours and has the id the entry is filed under, and one that
//! does not count is dropped by whoever finds it.

use crate::layout::Layout;
use crate::per_user;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Homes that are looked at; a user has a few, a test suite many.
const MOST: usize = 1_000;
/// Longest path of a home, in bytes: `PATH_MAX` of Linux.
const LONGEST: u64 = 4_096;

fn folder() -> io::Result<PathBuf> {
    let folder = per_user::folder()?.join("homes");
    crate::layout::private_folder(&folder)?;
    Ok(folder)
}

/// Writes a home down.
///
/// # Errors
/// When the folder for it cannot be used. Nothing but `ps --all` and `who` misses it then.
pub(crate) fn note(layout: &Layout) -> io::Result<()> {
    let folder = folder()?;
    let draft = folder.join(format!("{}.{}", layout.id(), std::process::id()));
    fs::write(&draft, layout.home().as_os_str().as_bytes())?;
    fs::rename(&draft, folder.join(layout.id()))
}

/// The homes of this user, those that engines of this boot have taken, in the order of their paths.
pub fn all() -> Vec<Layout> {
    let Ok(folder) = folder() else {
        return Vec::new();
    };
    let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
    let mut homes: Vec<Layout> = entries
        .take(MOST)
        .filter_map(|entry| home(&entry.path()))
        .collect();
    homes.sort_by(|a, b| a.home().cmp(b.home()));
    homes
}

/// The home an entry names, if it counts.
fn home(entry: &Path) -> Option<Layout> {
    let id = entry.file_name()?.to_str()?;
    if id.contains('.') {
        // Being written.
        return None;
    }
    let known = || {
        let short = fs::symlink_metadata(entry).ok()?;
        if !short.is_file() || short.len() > LONGEST {
            return None;
        }
        let path = PathBuf::from(OsStr::from_bytes(&fs::read(entry).ok()?));
        let data = fs::metadata(&path).ok()?;
        let ours = data.is_dir() && data.uid() == rustix::process::geteuid().as_raw();
        let layout = Layout::new(&path);
        (ours && layout.id() == id).then_some(layout)
    };
    let known = known();
    if known.is_none() {
        // Its home is gone. Should it come back, its engine writes it down again.
        let _ = fs::remove_file(entry);
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_is_found_while_it_is_there_and_forgotten_after() {
        let home = testkit::Home::new();
        let layout = Layout::new(home.path());
        note(&layout).unwrap();
        note(&layout).unwrap();
        assert_eq!(all().iter().filter(|one| **one == layout).count(), 1);
        let entry = folder().unwrap().join(layout.id());
        drop(home);
        assert!(!all().contains(&layout));
        assert!(!entry.exists(), "the next look does not look again");
    }

    #[test]
    fn an_entry_that_lies_counts_for_nothing() {
        let home = testkit::Home::new();
        let layout = Layout::new(home.path());
        for (id, path) in [
            ("0123456789abcdef", home.path().as_os_str().as_bytes()),
            ("fedcba9876543210", b"/etc".as_slice()),
            ("00000000000000aa", b"relative".as_slice()),
            ("00000000000000ab", [b'a'; 5_000].as_slice()),
            ("00000000000000ac", b"".as_slice()),
        ] {
            let entry = folder().unwrap().join(id);
            fs::write(&entry, path).unwrap();
            assert_eq!(super::home(&entry), None, "{id}");
            assert!(!entry.exists(), "{id}");
        }
        assert!(!all().contains(&layout), "nobody wrote it down properly");
    }
}

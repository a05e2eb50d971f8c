//! A disk without room, in words that say which it is, what is left on it, and what to do.

use std::error::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Less is no room: the files of a start take more.
const NO_ROOM: u64 = 64 << 10;

/// The disk that holds a path has no room.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the disk that holds {} is full ({}); free some space on it and try again", .path.display(), .left)]
pub struct Full {
    path: PathBuf,
    /// What is free, in words.
    left: String,
}

impl Full {
    /// What is to be said when this, or anything it came of, is the system's word that a disk has no
    /// room. `None` when it is not.
    pub fn of(path: &Path, error: &(dyn Error + 'static)) -> Option<Full> {
        let said = |error: &(dyn Error + 'static)| {
            let error = error.downcast_ref::<io::Error>()?.raw_os_error()?;
            matches!(error, libc::ENOSPC | libc::EDQUOT).then_some(error)
        };
        let mut causes = std::iter::successors(Some(error), |&error| error.source());
        let error = causes.find_map(said)?;
        Some(match error {
            libc::EDQUOT => Full::with(path, "all that your quota allows is used".to_owned()),
            _ => Full::at(path),
        })
    }

    /// The same when there is no error to tell by: `None` when the disk has room.
    pub fn now(path: &Path) -> Option<Full> {
        let disk = rustix::fs::statvfs(existing(path)).ok()?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        (free < NO_ROOM || no_files(&disk)).then(|| Full::at(path))
    }

    /// The same, found out by writing what the files of a start take, and taking it back: what is
    /// reserved for others, and what a quota leaves, no count of free blocks tells. `None` when there
    /// is room, or when it fails for another reason, which what comes next will tell.
    pub fn tried(folder: &Path) -> Option<Full> {
        let draft = folder.join("room.new");
        let written = fs::write(&draft, vec![0; NO_ROOM as usize]);
        // One that stays is written over next time.
        let _ = fs::remove_file(&draft);
        Full::of(folder, &written.err()?)
    }

    /// The disk that holds a path is known to be full.
    pub fn at(path: &Path) -> Full {
        let left = match rustix::fs::statvfs(existing(path)) {
            Ok(disk) if no_files(&disk) => "no more files can be made on it".to_owned(),
            Ok(disk) => {
                let free = disk.f_bavail.saturating_mul(disk.f_frsize);
                format!("{} KiB are free", free >> 10)
            }
            Err(error) => format!("how much is free cannot be told: {error}"),
        };
        Full::with(path, left)
    }

    fn with(path: &Path, left: String) -> Full {
        let path = path.to_owned();
        Full { path, left }
    }
}

/// The number of files of a disk is fixed on some, and used up.
fn no_files(disk: &rustix::fs::StatVfs) -> bool {
    disk.f_files > 0 && disk.f_favail == 0
}

/// The nearest folder above a path that is there, or the path itself.
fn existing(path: &Path) -> &Path {
    let there = path.ancestors().find(|above| above.exists());
    there.unwrap_or(Path::new("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::LockError;

    #[test]
    fn what_a_full_disk_caused_is_told_with_what_to_do() {
        let path = Path::new("/proc/self/not/there");
        let error = |number| LockError::Io(path.into(), io::Error::from_raw_os_error(number));
        let full = Full::of(path, &error(libc::ENOSPC)).unwrap().to_string();
        let begin = "the disk that holds /proc/self/not/there is full (";
        assert!(full.starts_with(begin), "{full}");
        let end = " free); free some space on it and try again";
        assert!(full.ends_with(end), "{full}");
        let quota = Full::of(path, &error(libc::EDQUOT)).unwrap();
        assert!(quota.to_string().contains("quota"), "{quota}");
        assert_eq!(Full::of(path, &error(libc::EACCES)), None);
    }

    #[test]
    fn a_disk_with_room_is_not_full() {
        let home = testkit::Home::new();
        assert_eq!(Full::now(home.path()), None);
        assert_eq!(Full::tried(home.path()), None);
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
    }
}

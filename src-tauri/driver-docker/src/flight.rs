//! Starts that are under way, for who must not take a container for ended that is about to start: the
//! emergency stop, also of another process.
//!
//! Each is a file in its instance's run folder, which its starter holds locked; the kernel lets go of
//! it with the process. A start sees first to its file and then whether an emergency stop is in force;
//! the stop sets its mark first and then looks for files. So one of them sees the other.

use crate::unit::LATE;
use driver::Layout;
use model::Timestamp;
use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// The file of a start that is under way.
const NAME: &str = "container.starting";

/// The clock of files, in which an emergency stop's time is kept as well.
#[expect(
    clippy::disallowed_methods,
    reason = "it is compared with the times of files alone"
)]
fn wall() -> SystemTime {
    SystemTime::now()
}

/// The time at which something is asked for, to be held against that of an emergency stop.
pub fn now() -> Timestamp {
    let millis = wall().duration_since(UNIX_EPOCH);
    let millis = millis.map_or(0, |since| since.as_millis());
    Timestamp(i64::try_from(millis).unwrap_or(i64::MAX))
}

/// A start of ours. Dropped, it may still be done by the daemon.
#[derive(Debug)]
pub(crate) struct Flight {
    path: PathBuf,
    file: File,
}

impl Flight {
    /// # Errors
    /// When it cannot be written; then nothing may be started.
    pub(crate) fn begin(folder: &Path) -> io::Result<Self> {
        crate::record::folder(folder)?;
        let path = folder.join(NAME);
        let mut options = fs::OpenOptions::new();
        let file = options.create(true).append(true).mode(0o600).open(&path)?;
        file.lock()?;
        file.set_modified(wall())?;
        Ok(Self { path, file })
    }

    /// The daemon has answered, or was not asked: what there is of it can be seen.
    pub(crate) fn over(self) {
        // One that stays is counted for a minute.
        let _ = fs::remove_file(&self.path);
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        // From now on it may be done late.
        let _ = self.file.set_modified(wall());
    }
}

/// A start that somebody has under way, or had a moment ago.
#[derive(Debug)]
pub(crate) struct Pending {
    path: PathBuf,
    /// The name of its container.
    pub(crate) name: String,
    /// Its starter lives, and waits for the daemon.
    pub(crate) held: bool,
}

impl Pending {
    /// What was started has been seen.
    pub(crate) fn settle(&self) {
        if !self.held {
            // It was asked for once, and that has been done.
            let _ = fs::remove_file(&self.path);
        }
    }

    /// Why its container cannot be said to have ended.
    pub(crate) fn why(&self) -> &'static str {
        match self.held {
            true => "it is being started, and its daemon has not answered",
            false => "its start was asked for a moment ago, and may still be done",
        }
    }
}

/// All of a home.
pub(crate) fn pending(layout: &Layout) -> Vec<Pending> {
    let folders = |path: PathBuf| {
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        entries.map(|entry| entry.path())
    };
    folders(layout.run_root())
        .flat_map(folders)
        .filter_map(|folder| of(&folder))
        .collect()
}

/// The container is gone for good, whatever was asked for.
pub(crate) fn forget(folder: &Path) {
    // Not there: nothing to drop.
    let _ = fs::remove_file(folder.join(NAME));
}

fn of(folder: &Path) -> Option<Pending> {
    let path = folder.join(NAME);
    let file = File::open(&path).ok()?;
    let held = match file.try_lock() {
        Err(TryLockError::WouldBlock) => true,
        // Whoever cannot tell takes it to be under way.
        Err(TryLockError::Error(_)) => true,
        Ok(()) => false,
    };
    let age = file.metadata().and_then(|seen| seen.modified());
    let age = age.ok().and_then(|at| at.elapsed().ok());
    // A time to come is a clock that was set back.
    let late = age.is_none_or(|age| age < LATE);
    let part = |path: &Path| Some(path.file_name()?.to_str()?.to_owned());
    let cluster = part(folder.parent()?)?.parse().ok()?;
    let instance = part(folder)?.parse().ok()?;
    let name = crate::labels::container_name(&cluster, &instance);
    (held || late).then_some(Pending { path, name, held })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_pending_until_it_is_answered_and_for_a_while_when_it_never_is() {
        let home = testkit::Home::new();
        let layout = Layout::new(home.path());
        let (cluster, instance) = ("zoo-1".parse().unwrap(), "a.0".parse().unwrap());
        let folder = layout.run(&cluster, &instance);
        let told = || -> Vec<bool> { pending(&layout).iter().map(|one| one.held).collect() };
        assert!(told().is_empty());
        let flight = Flight::begin(&folder).unwrap();
        assert_eq!(told(), [true]);
        assert_eq!(pending(&layout)[0].name, "azora-zoo-1-a-0");
        // Its starter dies.
        drop(flight);
        assert_eq!(told(), [false]);
        let long_ago = wall() - LATE * 2;
        let file = File::options()
            .append(true)
            .open(folder.join(NAME))
            .unwrap();
        file.set_modified(long_ago).unwrap();
        assert!(told().is_empty());
        Flight::begin(&folder).unwrap().over();
        assert!(!folder.join(NAME).exists());
    }
}

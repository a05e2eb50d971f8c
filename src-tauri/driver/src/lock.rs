//! One engine per home: the lock on `engine.lock`, and who holds it.

use crate::layout::Layout;
use crate::pidfd::Pidfd;
use model::Anchor;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::time::Duration;

/// Longest text that is read from the lock file.
const MAX: usize = 64 * 1024;

/// What the holder says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockInfo {
    /// Its process.
    pub pid: u32,
    /// When that started, in clock ticks since boot.
    pub start_ticks: u64,
    /// The boot.
    pub boot_id: String,
    /// Its version.
    pub version: String,
    /// URL of its API, once it listens.
    pub api: Option<String>,
    /// URL of its registry, once it listens.
    pub registry: Option<String>,
    /// When it took the home, in Unix milliseconds.
    pub started: i64,
}

impl LockInfo {
    /// Of this process, listening nowhere yet.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub fn of_this_process(version: &str) -> io::Result<LockInfo> {
        let anchor = crate::clock::anchor(std::process::id())
            .ok_or_else(|| io::Error::other("/proc does not show this process"))?;
        Ok(LockInfo {
            pid: anchor.pid,
            start_ticks: anchor.start_ticks,
            boot_id: anchor.boot_id,
            version: version.to_owned(),
            api: None,
            registry: None,
            started: crate::clock::wall_ms(),
        })
    }

    fn anchor(&self) -> Anchor {
        Anchor {
            boot_id: self.boot_id.clone(),
            pid: self.pid,
            start_ticks: self.start_ticks,
        }
    }

    /// True when the process that wrote it has ended, though its parent or the kernel may not be
    /// done with it yet.
    fn leaves(&self) -> bool {
        // One that cannot be looked at does not leave as far as anybody knows.
        !self.lives()
            || crate::procfs::process(self.pid)
                .is_ok_and(|found| found.is_none_or(|one| matches!(one.state, 'Z' | 'X')))
    }

    /// True when the process that wrote it still lives, or could not be looked at.
    pub fn lives(&self) -> bool {
        !matches!(Pidfd::open_anchored(&self.anchor()), Ok(None))
    }
}

/// Why a home cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another engine holds it. What it says of itself; `None` while it has not said it yet.
    #[error("the home is held by {}", .0.as_ref().map_or_else(|| "another engine".to_owned(), |i| format!("the engine with pid {}", i.pid)))]
    Held(Option<LockInfo>),
    /// The lock file cannot be opened or written.
    #[error("lock {0}")]
    Io(std::path::PathBuf, #[source] io::Error),
    /// The holder did not end in time.
    #[error("end the engine with pid {0}: it is still there")]
    StillThere(u32),
    /// The holder may not be signalled by this user, or could not be looked at.
    #[error("end the engine with pid {0}")]
    NotAllowed(u32, #[source] io::Error),
}

/// The home is ours until this is dropped, or this process ends however it ends.
#[derive(Debug)]
pub struct HomeLock {
    file: File,
}

/// Takes the home.
///
/// # Errors
/// [`LockError::Held`] when another engine has it.
pub fn acquire(layout: &Layout) -> Result<HomeLock, LockError> {
    /// Between two tries.
    const PAUSE: Duration = Duration::from_millis(1);
    acquire_pausing(layout, || std::thread::park_timeout(PAUSE))
}

fn acquire_pausing(layout: &Layout, mut pause: impl FnMut()) -> Result<HomeLock, LockError> {
    let path = layout.engine_lock();
    let io = |error| LockError::Io(path.clone(), error);
    layout.create().map_err(io)?;
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(io)?;
    /// Looks of others last microseconds: more than so many in a row do not come.
    const TRIES: u32 = 200;
    /// A killed process keeps its locks until its last thread is gone, on a busy machine for a while.
    const LEAVING: u32 = 5_000;
    /// A process that has let go just now may be making another one, which has its open files, and
    /// with them the lock, until it becomes its program.
    const MAKING: u32 = 100;
    let (mut looks, mut leaving) = (0, 0);
    while looks < TRIES && leaving < LEAVING {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {
                if let Err(error) = crate::homes::note(layout) {
                    tracing::warn!(%error, "`azora ps --all` and `who` will not know this home");
                }
                return Ok(HomeLock { file });
            }
            Err(rustix::io::Errno::WOULDBLOCK) => {}
            Err(error) => return Err(io(error.into())),
        }
        // Whoever just looks holds the lock, too, but shares it.
        if flock(&file, FlockOperation::NonBlockingLockShared).is_ok() {
            let _ = flock(&file, FlockOperation::Unlock);
            looks += 1;
        } else {
            let ended = read_info(&file).is_some_and(|holder| holder.leaves());
            if leaving >= if ended { LEAVING } else { MAKING } {
                break;
            }
            leaving += 1;
        }
        pause();
    }
    Err(LockError::Held(read_info(&file)))
}

/// True while an engine holds the home, whether or not it has said yet who it is.
pub fn held(layout: &Layout) -> bool {
    File::open(layout.engine_lock()).is_ok_and(|file| {
        let shared = flock(&file, FlockOperation::NonBlockingLockShared);
        shared == Err(rustix::io::Errno::WOULDBLOCK)
    })
}

/// Who holds the home now, if anybody does.
pub fn holder(layout: &Layout) -> Option<LockInfo> {
    let file = File::open(layout.engine_lock()).ok()?;
    // A shared lock that can be had means that nobody holds the exclusive one.
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Err(rustix::io::Errno::WOULDBLOCK) => read_info(&file),
        _ => None,
    }
}

/// Ends the engine that holds a home: SIGTERM, and after `grace` SIGKILL. Its services go on.
/// Blocks for at most `grace` and five seconds.
///
/// # Errors
/// When it may not be signalled, or is still there.
pub fn end_holder(info: &LockInfo, grace: Duration) -> Result<(), LockError> {
    /// What the kernel may take to end a process that is not stuck in it.
    const LAST: Duration = Duration::from_secs(5);
    let not_allowed = |error| LockError::NotAllowed(info.pid, error);
    let Some(pidfd) = Pidfd::open_anchored(&info.anchor()).map_err(not_allowed)? else {
        return Ok(());
    };
    pidfd.signal(libc::SIGTERM).map_err(not_allowed)?;
    // One that was stopped hears nothing else before it goes on.
    pidfd.signal(libc::SIGCONT).map_err(not_allowed)?;
    if pidfd.wait_ended(grace) {
        return Ok(());
    }
    pidfd.signal(libc::SIGKILL).map_err(not_allowed)?;
    if pidfd.wait_ended(LAST) {
        Ok(())
    } else {
        Err(LockError::StillThere(info.pid))
    }
}

impl HomeLock {
    /// Tells others who holds the home. The file stays the same one, because the lock is on it:
    /// who reads it half-written reads again.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, info: &LockInfo) -> io::Result<()> {
        let mut text = serde_json::to_vec(info)?;
        text.push(b'\n');
        self.file.write_all_at(&text, 0)?;
        self.file.set_len(text.len() as u64)?;
        self.file.sync_data()
    }

    /// False when the home's lock file is gone, or is another one: the home was deleted, and what is
    /// there now is not the one that is held. What cannot be looked at is there.
    pub fn is_of(&self, layout: &Layout) -> bool {
        let Ok(held) = self.file.metadata() else {
            return true;
        };
        match std::fs::metadata(layout.engine_lock()) {
            Ok(found) => (found.dev(), found.ino()) == (held.dev(), held.ino()),
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        }
    }
}

fn read_info(file: &File) -> Option<LockInfo> {
    // From its beginning, however often it is asked; what is longer is none.
    let mut text = vec![0; MAX];
    let length = file.read_at(&mut text, 0).ok()?;
    serde_json::from_slice(text.get(..length)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_looks_does_not_keep_an_engine_from_its_home() {
        let home = testkit::Home::new();
        let layout = Layout::new(home.path());
        drop(acquire(&layout).unwrap());
        let over = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while !over.load(std::sync::atomic::Ordering::Relaxed) {
                        let _ = held(&layout);
                    }
                });
            }
            let taken = (0..200).all(|_| acquire(&layout).is_ok());
            over.store(true, std::sync::atomic::Ordering::Relaxed);
            assert!(taken);
        });
    }

    #[test]
    fn a_holder_that_was_killed_and_still_has_its_lock_is_waited_for() {
        let home = testkit::Home::new();
        let layout = Layout::new(home.path());
        let lock = acquire(&layout).unwrap();
        let ended = LockInfo {
            start_ticks: 0,
            ..LockInfo::of_this_process("1").unwrap()
        };
        lock.write(&ended).unwrap();
        let (mut lock, mut tries) = (Some(lock), 0);
        let taken = acquire_pausing(&layout, || {
            tries += 1;
            // Its last thread is gone.
            drop(lock.take_if(|_| tries == 3));
        });
        assert!(taken.is_ok(), "{taken:?} after {tries}");
        assert_eq!(tries, 3);
    }

    #[test]
    fn a_lock_is_of_its_own_home_and_of_no_other_at_the_same_place() {
        let home = testkit::Home::new();
        let layout = Layout::new(home.path());
        let lock = acquire(&layout).unwrap();
        assert!(lock.is_of(&layout));
        let away = home.path().join("away");
        std::fs::rename(layout.engine_lock(), &away).unwrap();
        assert!(!lock.is_of(&layout));
        let _other = acquire(&layout).unwrap();
        assert!(!lock.is_of(&layout));
        std::fs::rename(&away, layout.engine_lock()).unwrap();
        assert!(lock.is_of(&layout));
    }

    #[test]
    fn a_home_has_one_holder_and_says_who() {
        let home = testkit::Home::new();
        let layout = Layout::new(home.path());
        let lock = acquire(&layout).unwrap();
        assert!(matches!(acquire(&layout), Err(LockError::Held(None))));
        let info = LockInfo::of_this_process("1").unwrap();
        lock.write(&info).unwrap();
        let Err(LockError::Held(Some(held))) = acquire(&layout) else {
            panic!("must be held")
        };
        assert_eq!(held, info);
        assert!(held.lives());
        assert_eq!(holder(&layout), Some(info));
        drop(lock);
        assert_eq!(holder(&layout), None);
        acquire(&layout).unwrap();
    }
}

//! A file that only takes up room, to be given up when the disk is full.
//!
//! A WAL database without its `-shm` file, as it is after a reboot, cannot even be opened for
//! reading on a full disk; and an act that cannot be written down cannot be allowed. With a few
//! megabytes to give back, the writes that follow a full disk still go through.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Enough for some hundred thousand entries of `state.db`, and for both `-shm` files.
const SIZE: u64 = 64 << 20;
/// With less room than this the disk needs it more than we do.
const SPARE: u64 = 1 << 30;
/// A disk with less room than this counts as full when it fails.
const NO_ROOM: u64 = 1 << 20;

pub(crate) struct Ballast {
    path: PathBuf,
    folder: PathBuf,
}

impl Ballast {
    pub(crate) fn new(home: &Path) -> Self {
        Self {
            path: home.join("ballast"),
            folder: home.to_owned(),
        }
    }

    #[cfg(test)]
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the room back. True when there was some to give.
    pub(crate) fn release(&self) -> bool {
        let released = std::fs::remove_file(&self.path).is_ok();
        if released {
            tracing::warn!(
                "the disk is full; the {} MB kept for this are given up",
                SIZE >> 20
            );
        }
        released
    }

    /// True when the disk has no room left.
    pub(crate) fn no_room(&self) -> bool {
        self.free().is_some_and(|free| free < NO_ROOM)
    }

    /// Takes the room again if the disk has plenty. Failing to is no fault.
    pub(crate) async fn restore(&self) {
        let (path, free) = (self.path.clone(), self.free());
        let restored = tokio::task::spawn_blocking(move || {
            if path.metadata().is_ok_and(|meta| meta.len() == SIZE) {
                return Ok(());
            }
            if free.is_none_or(|free| free < SPARE) {
                return Ok(());
            }
            occupy(&path)
        });
        if let Ok(Err(error)) = restored.await {
            tracing::warn!(%error, "failed to set room aside for a full disk");
        }
    }

    fn free(&self) -> Option<u64> {
        let stat = rustix::fs::statvfs(&self.folder).ok()?;
        Some(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}

/// Writes to another name first: a half-made ballast never looks like a whole one.
fn occupy(path: &Path) -> std::io::Result<()> {
    let unfinished = path.with_extension("new");
    let result = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(&unfinished)
        .and_then(|file| allocate(&file))
        .and_then(|()| std::fs::rename(&unfinished, path));
    if result.is_err() {
        let _ = std::fs::remove_file(&unfinished);
    }
    result
}

fn allocate(mut file: &File) -> std::io::Result<()> {
    let whole = rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, SIZE);
    if whole.is_ok() {
        return Ok(());
    }
    // A file system that cannot set blocks aside is given real ones. Not zeros: some of those
    // systems compress.
    let mut block = vec![0u8; 1 << 16];
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    for chunk in block.chunks_mut(8) {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        chunk.copy_from_slice(&seed.to_ne_bytes());
    }
    for _ in 0..SIZE / block.len() as u64 {
        file.write_all(&block)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_takes_real_room_and_gives_it_back_once() {
        use std::os::unix::fs::MetadataExt;
        let home = tempfile::tempdir().unwrap();
        let ballast = Ballast::new(home.path());
        ballast.restore().await;
        let meta = home.path().join("ballast").metadata().unwrap();
        assert_eq!(meta.len(), SIZE);
        assert!(meta.blocks() * 512 >= SIZE, "only {} blocks", meta.blocks());
        assert!(ballast.release());
        assert!(!ballast.release());
    }
}

//! A small ext4 of its own, mounted over a folder: what happens on a full disk is found out on one.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A mounted disk. Dropping it takes it away, whoever still has files open on it.
#[derive(Debug)]
pub struct SmallDisk {
    place: PathBuf,
    _image: tempfile::NamedTempFile,
}

impl SmallDisk {
    /// Mounts one of so many megabytes over a folder.
    ///
    /// # Errors
    /// Why it cannot be had here: no root, no `mkfs.ext4`, no loop devices.
    pub fn over(place: &Path, megabytes: u64) -> Result<Self, String> {
        if !crate::is_root() {
            return Err("mounting a disk needs root".to_owned());
        }
        let image = tempfile::NamedTempFile::new().map_err(|error| error.to_string())?;
        image
            .as_file()
            .set_len(megabytes << 20)
            .map_err(|error| error.to_string())?;
        // No room is kept for root: an engine that is root would have it.
        run(Command::new("mkfs.ext4")
            .args(["-q", "-F", "-m", "0"])
            .arg(image.path()))?;
        run(Command::new("mount")
            .args(["-o", "loop,noatime"])
            .arg(image.path())
            .arg(place))?;
        Ok(Self {
            place: place.to_owned(),
            _image: image,
        })
    }

    /// Bytes that are free.
    pub fn room(&self) -> u64 {
        rustix::fs::statvfs(&self.place).map_or(0, |stat| stat.f_bavail * stat.f_frsize)
    }

    /// Fills it up and takes so many bytes of that back.
    ///
    /// # Panics
    /// When the filling cannot be made shorter.
    pub fn fill(&self, leave: u64) {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.filling());
        // So full that there is no place for its name.
        let Ok(mut file) = file else { return };
        for size in [1 << 16, 1 << 10] {
            while file.write_all(&vec![b'x'; size]).is_ok() {}
        }
        // Only what has reached the disk is known to have found room.
        let _ = file.sync_all();
        let length = file.metadata().map_or(0, |meta| meta.len());
        if leave > 0 {
            file.set_len(length.saturating_sub(leave))
                .expect("a file can be made shorter");
            let _ = file.sync_all();
        }
    }

    /// Takes the filling away.
    pub fn free(&self) {
        // There may be none.
        let _ = File::create(self.filling()).and_then(|file| file.set_len(0));
        let _ = std::fs::remove_file(self.filling());
    }

    fn filling(&self) -> PathBuf {
        self.place.join("filling")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = run(Command::new("umount").arg("-l").arg(&self.place));
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let done = command.stdin(Stdio::null()).output();
    let name = command.get_program().to_string_lossy().into_owned();
    match done {
        Ok(done) if done.status.success() => Ok(()),
        Ok(done) => Err(format!(
            "{name}: {}",
            String::from_utf8_lossy(&done.stderr).trim()
        )),
        Err(error) => Err(format!("{name}: {error}")),
    }
}

//! The calls on files that a log's keeping is made of. None of them allocates but the opening.

#![expect(
    unsafe_code,
    reason = "holes, the first byte behind one and the word of a change have no safe form in the standard library"
)]

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};

/// Opens a file beside the log, or the log, for reading and writing, made when it is missing.
///
/// # Errors
/// When that cannot be done.
pub(super) fn open(path: &str, append: bool) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .append(append)
        .create(true)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(path)
}

/// How long a file is.
pub(super) fn size(file: &File) -> u64 {
    file.metadata().map_or(0, |file| file.len())
}

/// Length of a block of the file's disk, in bytes: holes begin and end at multiples of it.
pub(super) fn block(file: &File) -> u64 {
    let block = file.metadata().map_or(0, |file| file.blksize());
    // Some network file systems name a transfer size of a megabyte, which would only be coarse.
    block.clamp(4096, 1 << 20)
}

/// Reads at a place: bytes read, 0 at the end, `None` on an error.
pub(super) fn read_at(file: &File, bytes: &mut [u8], at: u64) -> Option<usize> {
    loop {
        match file.read_at(bytes, at) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read.ok(),
        }
    }
}

/// Writes at a place, of a file that is not opened for appending. What a full disk refuses is lost.
pub(super) fn write_at(file: &File, bytes: &[u8], at: u64) {
    let _ = file.write_at(bytes, at);
}

/// Appends to a file that is opened for that, whole or not at all: of what a full disk takes a part
/// of, nothing stays. Only for files that nobody else appends to, so not for the log.
pub(super) fn append(mut file: &File, bytes: &[u8]) {
    if let Ok(written @ 1..) = file.write(bytes)
        && written < bytes.len()
        && let Ok(torn) = file.metadata()
    {
        let _ = file.set_len(torn.len().saturating_sub(written as u64));
    }
}

/// Where the first bytes lie that were not punched out; the file's end when there are none. On a
/// file system without holes that is its beginning.
pub(super) fn kept_from(file: &File) -> u64 {
    // SAFETY: takes numbers only. Nothing here looks at the place in the file that this moves.
    let at = unsafe { libc::lseek(file.as_raw_fd(), 0, libc::SEEK_DATA) };
    match u64::try_from(at) {
        Ok(at) => at,
        Err(_) if io::Error::last_os_error().raw_os_error() == Some(libc::ENXIO) => size(file),
        Err(_) => 0,
    }
}

/// Gives the disk space of `from..to` back; what lies behind keeps its place.
///
/// # Errors
/// When that was not done.
pub(super) fn punch(file: &File, from: u64, to: u64) -> io::Result<()> {
    let place = |at: u64| libc::off_t::try_from(at).map_err(io::Error::other);
    let (from, length) = (place(from)?, place(to.saturating_sub(from))?);
    let mode = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
    loop {
        // SAFETY: takes numbers only.
        if unsafe { libc::fallocate(file.as_raw_fd(), mode, from, length) } == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Asks for one SIGIO when a file of this folder is next written to. False where that cannot be
/// had. Unlike inotify it takes no instance, of which a user has 128.
pub(super) fn watch_once(folder: &File) -> bool {
    /// `<fcntl.h>`; the C bindings leave it out.
    const DN_MODIFY: libc::c_int = 2;
    // SAFETY: takes numbers only.
    unsafe { libc::fcntl(folder.as_raw_fd(), libc::F_NOTIFY, DN_MODIFY) == 0 }
}

/// Wall time in Unix milliseconds.
pub(super) fn now() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |t| u64::try_from(t.as_millis()).unwrap_or(0))
}

//! What a process runs, as the kernel tells it: how its program compares with the one on disk, and its arguments.
//!
//! Called by `engine` for its security monitor. A process of another user, or in a mount namespace of its own, is not
//! judged: its paths are not ours.

use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Bytes of a command line that are looked at. Linux allows 2 MiB of arguments and environment.
const MAX_ARGUMENTS: u64 = 128 * 1024;

/// The program of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Running {
    /// It is the one that is on disk at this path.
    Same(PathBuf),
    /// There is another one at this path now.
    Replaced(PathBuf),
    /// There is none at this path any more.
    Deleted(PathBuf),
    /// It was made in memory, under this name.
    InMemory(String),
}

/// What a process runs; `None` when it is gone or cannot be looked at.
pub fn running(pid: u32) -> Option<Running> {
    let namespace = |of: &str| fs::read_link(format!("/proc/{of}/ns/mnt")).ok();
    if namespace("self")? != namespace(&pid.to_string())? {
        return None;
    }
    let exe = PathBuf::from(format!("/proc/{pid}/exe"));
    let named = fs::read_link(&exe).ok()?;
    let runs = fs::metadata(&exe).ok()?;
    // The link says that a file is gone behind its name, and a name may say so itself.
    if let Ok(there) = fs::metadata(&named) {
        return Some(
            match (there.dev(), there.ino()) == (runs.dev(), runs.ino()) {
                true => Running::Same(named),
                false => Running::Replaced(named),
            },
        );
    }
    let bytes = named.as_os_str().as_bytes();
    let path = bytes.strip_suffix(b" (deleted)").unwrap_or(bytes);
    if let Some(name) = path.strip_prefix(b"/memfd:") {
        return Some(Running::InMemory(
            String::from_utf8_lossy(name).into_owned(),
        ));
    }
    let path = Path::new(std::ffi::OsStr::from_bytes(path)).to_owned();
    Some(match path.exists() {
        true => Running::Replaced(path),
        false => Running::Deleted(path),
    })
}

/// The arguments of a process, its own name first; what is no text is made one. None of one that is gone.
pub fn arguments(pid: u32) -> Vec<String> {
    let mut bytes = Vec::new();
    let file = fs::File::open(format!("/proc/{pid}/cmdline"));
    let read = file.and_then(|file| file.take(MAX_ARGUMENTS).read_to_end(&mut bytes));
    if read.is_err() || bytes.is_empty() {
        return Vec::new();
    }
    // The last one ends with a zero, too.
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(&bytes);
    let all = bytes.split(|byte| *byte == 0);
    all.map(|one| String::from_utf8_lossy(one).into_owned())
        .collect()
}

/// The device and inode of the program of a process, by which it is told from another build of the same name.
pub fn identity(pid: u32) -> Option<(u64, u64)> {
    let runs = fs::metadata(format!("/proc/{pid}/exe")).ok()?;
    Some((runs.dev(), runs.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_runs_what_is_on_disk_and_one_that_is_gone_tells_nothing() {
        let me = std::process::id();
        let exe = fs::read_link("/proc/self/exe").unwrap();
        assert_eq!(running(me), Some(Running::Same(exe)));
        assert_eq!(arguments(me).len(), std::env::args_os().count());
        assert!(identity(me).is_some());
        assert_eq!((running(u32::MAX), arguments(u32::MAX)), (None, Vec::new()));
    }
}

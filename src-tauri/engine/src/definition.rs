//! A folder's definition with all its env files, read from the disk: by the engine at `up`, by
//! `azora check` without one. What the bytes mean is `spec`'s business.

use crate::Error;
use spec::{Cluster, Diagnostics, Found, Reading, Sources};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

/// Rounds of "which further files are needed". The env files of a definition are named in it.
const ROUNDS: usize = 3;

/// Reads the definition of a folder; `None` when there is none. `label` is how messages name its
/// file, `most` the bytes of it that are read at most.
///
/// # Errors
/// When the definition's file is there and cannot be read.
pub fn read(
    folder: &Path,
    label: &str,
    most: u64,
) -> io::Result<Option<Result<Cluster, Diagnostics>>> {
    let path = folder.join(spec::FILE);
    match file(&path, most)? {
        Some(bytes) => of_bytes(folder, label, bytes).map(Some),
        None => Ok(None),
    }
}

/// The same of bytes that may not be in the folder yet: an edit.
pub(crate) fn of_bytes(
    folder: &Path,
    label: &str,
    bytes: Vec<u8>,
) -> io::Result<Result<Cluster, Diagnostics>> {
    let name = folder
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let mut sources = Sources::new(name, bytes).named(label);
    for _ in 0..ROUNDS {
        match sources.read() {
            Ok(Reading::Complete(cluster)) => return Ok(Ok(*cluster)),
            Ok(Reading::Needs(files)) => {
                for name in files {
                    let most = spec::limits::MAX_ENV_FILE as u64 + 1;
                    let found = match file(&folder.join(&name), most) {
                        Ok(Some(bytes)) => Found::Bytes(bytes),
                        Ok(None) => Found::Absent,
                        Err(error) => Found::Unreadable(without_number(&error)),
                    };
                    sources.add(name, found);
                }
            }
            Err(problems) => return Ok(Err(problems)),
        }
    }
    Err(io::Error::other("it needs ever more files"))
}

/// The same for the engine: of what is too large no more is read than shows it.
pub(crate) fn of_folder(folder: &Path) -> Result<Option<Result<Cluster, Diagnostics>>, Error> {
    let most = spec::limits::MAX_BYTES as u64 + 1;
    let path = folder.join(spec::FILE);
    if let Some(what) = no_file(&path) {
        let source = io::Error::other(what);
        return Err(Error::Folder { path, source });
    }
    read(folder, spec::FILE, most).map_err(|source| Error::Folder { path, source })
}

/// What there is at `path` when it is not a file, as a sentence: "it is a folder, not a file". `None`
/// when it is a file, or nothing is there.
#[must_use]
pub fn no_file(path: &Path) -> Option<String> {
    let found = match std::fs::metadata(path) {
        Ok(found) => found.file_type(),
        Err(error) => {
            let to = std::fs::read_link(path).ok()?;
            let to = to.display();
            let itself = rustix::io::Errno::LOOP.raw_os_error();
            return Some(match error.kind() {
                ErrorKind::NotFound => format!("it is a link to {to}, which is not there"),
                _ if error.raw_os_error() == Some(itself) => {
                    "it is a link that leads to itself".to_owned()
                }
                _ => format!("it is a link to {to}: {}", without_number(&error)),
            });
        }
    };
    let what = if found.is_file() {
        return None;
    } else if found.is_dir() {
        "a folder"
    } else if found.is_fifo() {
        "a named pipe"
    } else if found.is_socket() {
        "a socket"
    } else {
        "a device"
    };
    Some(format!("it is {what}, not a file"))
}

/// What is wrong with a definition, for hosts that show text.
pub(crate) fn shown(problems: &Diagnostics) -> String {
    problems.render(100, false)
}

/// A file's first bytes; `None` when it is not there.
fn file(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    // Opening a pipe would wait for somebody to write into it.
    match std::fs::metadata(path) {
        Ok(found) if !found.is_file() => return Err(io::Error::other("it is not a file")),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)?
        .take(most)
        .read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// "permission denied", without the number.
fn without_number(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(chars).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn what_is_there_instead_of_a_file_is_said() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        std::fs::write(at("file"), "").unwrap();
        std::fs::create_dir(at("folder")).unwrap();
        symlink(at("file"), at("link")).unwrap();
        symlink("itself", at("itself")).unwrap();
        symlink("nothing", at("dangling")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        for (name, said) in [
            ("file", None),
            ("link", None),
            ("none", None),
            ("folder", Some("it is a folder, not a file")),
            ("socket", Some("it is a socket, not a file")),
            ("itself", Some("it is a link that leads to itself")),
            (
                "dangling",
                Some("it is a link to nothing, which is not there"),
            ),
        ] {
            assert_eq!(no_file(&at(name)).as_deref(), said, "{name}");
        }
        let device = no_file(Path::new("/dev/null"));
        assert_eq!(device.as_deref(), Some("it is a device, not a file"));
        std::fs::create_dir(at("folder").join(spec::FILE)).unwrap();
        let refused = of_folder(&at("folder")).unwrap_err().story();
        assert!(refused.contains("azora.toml: it is a folder"), "{refused}");
    }
}

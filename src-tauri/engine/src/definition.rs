//! A folder's definition with all its env files, read from the disk: by the engine at `up`, by
//! `azora check` without one. What the bytes mean is `spec`'s business.

use crate::Error;
use spec::{Cluster, Diagnostics, Found, Reading, Sources};
use std::io::{self, ErrorKind, Read};
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
    let Some(bytes) = file(&path, most)? else {
        return Ok(None);
    };
    let name = folder
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let mut sources = Sources::new(name, bytes).named(label);
    for _ in 0..ROUNDS {
        match sources.read() {
            Ok(Reading::Complete(cluster)) => return Ok(Some(Ok(*cluster))),
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
            Err(problems) => return Ok(Some(Err(problems))),
        }
    }
    Err(io::Error::other("it needs ever more files"))
}

/// The same for the engine: of what is too large no more is read than shows it.
pub(crate) fn of_folder(folder: &Path) -> Result<Option<Result<Cluster, Diagnostics>>, Error> {
    let most = spec::limits::MAX_BYTES as u64 + 1;
    let path = folder.join(spec::FILE);
    // A folder or a pipe of that name is none.
    if std::fs::metadata(&path).is_ok_and(|found| !found.is_file()) {
        return Err(Error::NoDefinition(folder.to_owned()));
    }
    read(folder, spec::FILE, most).map_err(|source| Error::Folder { path, source })
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

//! A folder's definition with all its env files, read from the disk: by the engine at `up`, by
//! `azora check` without one. What the bytes mean is the business of `spec`, and of `formats` where the
//! file is not an `azora.toml`.

use crate::Error;
use crate::record::ClusterRecord;
use formats::{Format, Imported, Others};
use spec::{Cluster, Diagnostics, Found, Problem, Problems, Reading, Sources};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::{Component, Path};

/// Rounds of "which further files are needed". The env files of a definition are named in it. Files of compose name
/// each other: each round brings one of them at least, and of how many there may be `formats` has a bound of 500.
const ROUNDS: usize = 510;

/// The caller's variables, which a compose file may ask for.
pub type Env = BTreeMap<String, String>;

/// What a file is read with, besides what lies beside it.
#[derive(Debug, Clone, Default)]
pub struct With {
    /// The caller's variables.
    pub env: Env,
    /// What a person asks to be brought up of it.
    pub asked: spec::Choice,
    /// Profiles of a compose file whose services are always wanted.
    pub always: BTreeSet<String>,
}

impl With {
    /// What a cluster's definition was read with last.
    pub(crate) fn recorded(record: &ClusterRecord) -> Self {
        Self {
            env: record.env.clone(),
            asked: record.asked.clone(),
            always: BTreeSet::new(),
        }
    }
}

impl From<Env> for With {
    fn from(env: Env) -> Self {
        Self {
            env,
            ..Self::default()
        }
    }
}

/// The file of a folder that says what to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its name in the folder.
    pub name: String,
    /// How it is read.
    pub format: Format,
}

impl File {
    /// A file of this name, if it is one that is read.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let format = Format::of(name)?;
        let name = name.to_owned();
        Some(Self { name, format })
    }

    /// An `azora.toml`.
    #[must_use]
    pub fn own() -> Self {
        Self {
            name: spec::FILE.to_owned(),
            format: Format::Azora,
        }
    }
}

/// What a folder defines.
#[derive(Debug)]
pub struct Definition {
    /// Whole and checked.
    pub cluster: Cluster,
    /// What its file says that a definition cannot, and what was made of it.
    pub notes: Vec<String>,
    /// What its file was read with, there or not, besides the env files that the definition names.
    pub beside: Vec<String>,
}

/// The files of a folder that say what to run. The first is the one that counts unless another one is
/// asked for. What else has such a name counts too: somebody has meant it to be one.
#[must_use]
pub fn files(folder: &Path) -> Vec<File> {
    let there = |name: &&str| folder.join(name).symlink_metadata().is_ok();
    let names = formats::FILES.iter().copied().filter(there);
    names.filter_map(File::named).collect()
}

/// The files of a folder that could be put into one definition with this one: the first of each other format.
#[must_use]
pub fn companions(folder: &Path, file: &File) -> Vec<String> {
    let mut formats = vec![Format::Azora, file.format];
    let mut names = Vec::new();
    for other in files(folder) {
        if !formats.contains(&other.format) {
            formats.push(other.format);
            names.push(other.name);
        }
    }
    names
}

/// What puts a file and its companions into one definition; `None` where it is one already, or has none.
#[must_use]
pub fn put_together(folder: &Path, file: &File) -> Option<String> {
    let others = companions(folder, file);
    let apart = file.format != Format::Azora && !others.is_empty();
    apart.then(|| format!("azora import {} {}", file.name, others.join(" ")))
}

/// The file of a folder that counts: the one that was asked for, or the first there is.
pub(crate) fn chosen(folder: &Path, asked: Option<&str>) -> Option<File> {
    match asked {
        Some(name) => File::named(name),
        None => files(folder).into_iter().next(),
    }
}

/// Reads the definition in a file of a folder; `None` when it is not there. `label` is how messages name
/// the file, `most` the bytes of it that are read at most.
///
/// # Errors
/// When the file is there and cannot be read.
pub fn read(
    folder: &Path,
    file: &File,
    label: &str,
    most: u64,
    with: &With,
) -> io::Result<Option<Result<Definition, Diagnostics>>> {
    match bytes_of(&folder.join(&file.name), most)? {
        Some(bytes) => of_bytes(folder, file.format, label, bytes, with).map(Some),
        None => Ok(None),
    }
}

/// The same of bytes that may not be in the folder yet: an edit.
pub(crate) fn of_bytes(
    folder: &Path,
    format: Format,
    label: &str,
    bytes: Vec<u8>,
    with: &With,
) -> io::Result<Result<Definition, Diagnostics>> {
    if format == Format::Azora {
        let read = of_own(folder, label, bytes, &|name| found_as_said(folder, name))?;
        return Ok(read.map(|cluster| Definition {
            cluster,
            notes: Vec::new(),
            beside: Vec::new(),
        }));
    }
    let imported = match imported(folder, (format, label), &bytes, with, None)? {
        Ok(imported) => imported,
        Err(problems) => return Ok(Err(problems)),
    };
    // The env files are those that the file names.
    let text = imported.text.clone().into_bytes();
    let source = String::from_utf8_lossy(&bytes);
    // What could not be read although the file does not name it: it counts by lying there.
    let implied = RefCell::new(None);
    let read = of_own(folder, spec::FILE, text, &|name| {
        if format == Format::Compose {
            return found_within(folder, &folder.join(name));
        }
        let found = found_as_said(folder, name);
        if let Found::Unreadable(why) = &found
            && !source.contains(name)
        {
            let _ = implied.borrow_mut().insert((name.to_owned(), why.clone()));
        }
        found
    })?;
    Ok(match read {
        Ok(mut cluster) => {
            let name = label.rsplit('/').next().unwrap_or(label);
            cluster.made_from(name, |line| imported.line_of(line, &source));
            Ok(Definition {
                cluster,
                notes: imported.notes.iter().map(ToString::to_string).collect(),
                beside: imported.beside,
            })
        }
        Err(problems) => Err(match implied.into_inner() {
            Some((name, why)) => unread(format, &name, &why),
            None => imported.told_of(problems, label, &source),
        }),
    })
}

/// No line of the file leads to an env file that is read because it lies beside it.
fn unread(format: Format, name: &str, why: &str) -> Diagnostics {
    let why = why.split(';').next().unwrap_or(why);
    let mut problems = Problems::default();
    problems.add(|| {
        let message = format!("this env file of the {format} cannot be read");
        Problem::new(0..0, message, why).help(
            "put the file itself there; or make an azora.toml with `azora import`, and name the \
             file in its `env_files`",
        )
    });
    problems.into_diagnostics(name, "")
}

/// The `azora.toml` that says what these bytes say, or the part of one that stands beside `others`.
///
/// # Errors
/// When a file beside it is there and cannot be read.
pub fn imported(
    folder: &Path,
    (format, label): (Format, &str),
    bytes: &[u8],
    with: &With,
    others: Option<&Others>,
) -> io::Result<Result<Imported, Diagnostics>> {
    let settings = formats::compose::Settings {
        folder_name: name_of(folder),
        environment: with.env.clone(),
        asked: with.asked.profiles.iter().cloned().collect(),
        named: with.asked.services.iter().cloned().collect(),
        profiles: with.always.clone(),
        ..formats::compose::Settings::default()
    };
    let mut sources = formats::Sources::new(format, label, bytes.to_vec()).with(settings);
    if let Some(others) = others {
        sources = sources.among(others);
    }
    for _ in 0..ROUNDS {
        match sources.read() {
            Ok(formats::Reading::Complete(imported)) => return Ok(Ok(imported)),
            Ok(formats::Reading::Needs(files)) => {
                for name in files {
                    let path = folder.join(&name);
                    let found = match format {
                        // As much a file of the folder as the one it is laid over.
                        _ if formats::is_override(&name) => found(&path),
                        Format::Compose if path.ends_with(".env") && path.is_dir() => {
                            // That of an environment of Python is none.
                            Found::Absent
                        }
                        Format::Compose => found_within(folder, &path),
                        _ => found_as_said(folder, &name),
                    };
                    sources.add(name, found);
                }
            }
            Err(problems) => return Ok(Err(problems)),
        }
    }
    Err(io::Error::other("it needs ever more files"))
}

/// The definition that a text would be as a folder's `azora.toml`.
///
/// # Errors
/// When an env file of it is there and cannot be read.
pub fn of_text(folder: &Path, text: &str) -> io::Result<Result<Cluster, Diagnostics>> {
    let bytes = text.as_bytes().to_vec();
    of_own(folder, spec::FILE, bytes, &|name| {
        found_as_said(folder, name)
    })
}

fn name_of(folder: &Path) -> String {
    let name = folder.file_name();
    name.map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// `found` looks at an env file, by its path from the folder.
fn of_own(
    folder: &Path,
    label: &str,
    bytes: Vec<u8>,
    found: &dyn Fn(&str) -> Found,
) -> io::Result<Result<Cluster, Diagnostics>> {
    let mut sources = Sources::new(name_of(folder), bytes).named(label);
    for _ in 0..ROUNDS {
        match sources.read() {
            Ok(Reading::Complete(cluster)) => return Ok(Ok(*cluster)),
            Ok(Reading::Needs(files)) => {
                for name in files {
                    let found = found(&name);
                    sources.add(name, found);
                }
            }
            Err(problems) => return Ok(Err(problems)),
        }
    }
    Err(io::Error::other("it needs ever more files"))
}

/// What there is of a small file beside the definition.
pub(crate) fn found(path: &Path) -> Found {
    found_of(path, spec::limits::MAX_ENV_FILE as u64 + 1)
}

/// What there is of an env file that is named. A path that leads out of the folder says so, and who reads the definition
/// sees it; a link does not.
fn found_as_said(folder: &Path, name: &str) -> Found {
    let most = spec::limits::MAX_ENV_FILE as u64 + 1;
    let path = folder.join(name);
    let mut depth = 0_i32;
    let inside = Path::new(name).components().all(|part| {
        match part {
            Component::Normal(_) => depth += 1,
            Component::ParentDir => depth -= 1,
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return false,
        }
        depth >= 0
    });
    match inside && leads_out(folder, &path) {
        true => Found::Unreadable(
            "it is a link that leads out of the folder; name the file that it leads to".to_owned(),
        ),
        false => found_of(&path, most),
    }
}

/// Whether a link leads from a path in the folder out of it.
fn leads_out(folder: &Path, path: &Path) -> bool {
    let real = std::fs::canonicalize(path);
    let folder = std::fs::canonicalize(folder);
    matches!((real, folder), (Ok(real), Ok(folder)) if !real.starts_with(&folder))
}

/// What there is of a file that a file of the folder names. Whoever wrote that may have put a link there to what is
/// none of theirs.
fn found_within(folder: &Path, path: &Path) -> Found {
    match leads_out(folder, path) {
        true => Found::Unreadable("it is a link that leads out of the folder".to_owned()),
        false => found_of(path, spec::limits::MAX_BYTES as u64 + 1),
    }
}

fn found_of(path: &Path, most: u64) -> Found {
    match bytes_of(path, most) {
        Ok(Some(bytes)) => Found::Bytes(bytes),
        Ok(None) => Found::Absent,
        Err(error) => Found::Unreadable(without_number(&error)),
    }
}

/// The same for the engine: of what is too large no more is read than shows it. `asked` is the file that
/// somebody has named.
pub(crate) fn of_folder(
    folder: &Path,
    asked: Option<&str>,
    with: &With,
) -> Result<Option<Result<Definition, Diagnostics>>, Error> {
    let Some(chosen) = chosen(folder, asked) else {
        return Ok(None);
    };
    let most = spec::limits::MAX_BYTES as u64 + 1;
    let path = folder.join(&chosen.name);
    if let Some(what) = no_file(&path) {
        let source = io::Error::other(what);
        return Err(Error::Folder { path, source });
    }
    read(folder, &chosen, &chosen.name, most, with).map_err(|source| Error::Folder { path, source })
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
fn bytes_of(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
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
mod tests;

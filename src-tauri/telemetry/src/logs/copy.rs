//! Copies of logs for people to keep, to send or to open in an editor: the kept part of one log as it is, or
//! the lines of several in the order of time without colours. Step by step; a copy that is let go of before it
//! is whole goes.

use super::lines::Log;
use super::page::{CHUNK, Opened};
use super::pattern::plain;
use super::view::{Place, ViewQuery, view};
use model::view::{LogCopy, LogPlaces};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Bytes of a log that one step copies as they are.
const STEP: u64 = 16 << 20;
/// Lines that one step copies.
const LINES: usize = 5_000;
/// A disk is not filled up to here by a copy: services write to it, too.
const SPARE: u64 = 256 << 20;
/// Copies of one name.
const MAX_NAMES: u32 = 10_000;

/// What is copied.
#[derive(Debug, Clone)]
pub struct Copied {
    /// Which lines of which logs; from its place on, which is [`Place::After`].
    pub query: ViewQuery,
    /// Bytes as they were written, of one log and all of its lines; else text as it is shown.
    pub raw: bool,
    /// The folder for the file, and its name without an ending.
    pub folder: PathBuf,
    /// `api.0`.
    pub name: String,
}

/// A copy that is being made.
pub struct Copying {
    copied: Copied,
    path: PathBuf,
    file: BufWriter<File>,
    /// Where each log is read on, where it began, and where it ended when the copy began.
    at: LogPlaces,
    begin: LogPlaces,
    end: LogPlaces,
    lines: u64,
    done: bool,
}

impl Copying {
    /// Makes the file.
    ///
    /// # Errors
    /// When the file cannot be made or the disk has too little room.
    pub fn begin(copied: Copied) -> io::Result<Self> {
        let mut query = copied.query.clone();
        query.limit = 1;
        query.filter = super::Filter::default();
        let mut there = view(&query)?;
        if let Place::After(from) = &query.place {
            for (instance, begin) in &mut there.begin {
                *begin = (*begin).max(from.get(instance).copied().unwrap_or(0));
            }
        }
        let begin = there.begin;
        let (end, size) = (there.end.clone(), left(&begin, &there.end));
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&copied.folder)?;
        room(&copied.folder, size)?;
        let (path, file) = new_file(&copied.folder, &copied.name)?;
        Ok(Self {
            copied,
            path,
            file: BufWriter::with_capacity(1 << 20, file),
            at: begin.clone(),
            begin,
            end,
            lines: 0,
            done: false,
        })
    }

    /// Goes on for a little; `None` when all of it was copied and said.
    ///
    /// # Errors
    /// When a log cannot be read or the copy not be written.
    pub fn step(&mut self) -> io::Result<Option<LogCopy>> {
        if self.done {
            return Ok(None);
        }
        let over = match self.copied.raw {
            true => self.bytes()?,
            false => self.text()?,
        };
        if over {
            self.file.flush()?;
            self.done = true;
        }
        Ok(Some(self.told(None)))
    }

    /// What is said when it cannot go on.
    pub fn failed(&self, problem: &io::Error) -> Option<LogCopy> {
        Some(self.told(Some(problem.to_string())))
    }

    fn told(&self, problem: Option<String>) -> LogCopy {
        let of = left(&self.begin, &self.end);
        let left = if self.done {
            0
        } else {
            left(&self.at, &self.end)
        };
        LogCopy {
            path: self.path.to_string_lossy().into_owned(),
            read: of.saturating_sub(left),
            of,
            lines: self.lines,
            done: self.done,
            problem,
        }
    }

    fn bytes(&mut self) -> io::Result<bool> {
        let Some((instance, folder)) = self.copied.query.logs.first() else {
            return Ok(true);
        };
        let end = self.end.get(instance).copied().unwrap_or(0);
        let (Some(at), Some(opened)) = (self.at.get_mut(instance), Opened::open(folder)?) else {
            return Ok(true);
        };
        let mut log = Log::of(&opened.file)?;
        let stop = at.saturating_add(STEP).min(end);
        let mut chunk = Vec::new();
        while *at < stop {
            log.read_into(*at, (*at + CHUNK).min(stop), &mut chunk)?;
            if log.punched()? || *at < log.first {
                // Its oldest bytes went while it was copied.
                *at = log.first.max(*at);
                continue;
            }
            if chunk.is_empty() {
                break;
            }
            self.file.write_all(&chunk)?;
            self.lines += memchr::memchr_iter(b'\n', &chunk).count() as u64;
            *at += chunk.len() as u64;
        }
        Ok(*at >= end || chunk.is_empty())
    }

    fn text(&mut self) -> io::Result<bool> {
        let query = ViewQuery {
            place: Place::After(self.at.clone()),
            limit: LINES,
            ..self.copied.query.clone()
        };
        let part = view(&query)?;
        let several = self.copied.query.logs.len() > 1;
        let widest = self
            .copied
            .query
            .logs
            .iter()
            .map(|(id, _)| id.to_string().len());
        let widest = widest.max().unwrap_or(0);
        for line in &part.lines {
            if line.offset >= self.end.get(&line.instance).copied().unwrap_or(0) {
                continue;
            }
            if several {
                write!(self.file, "{:widest$} | ", line.instance.to_string())?;
            }
            self.file.write_all(&plain(line.text.as_bytes()))?;
            self.file.write_all(b"\n")?;
            self.lines += 1;
        }
        let stands = part.to == self.at;
        self.at = part.to;
        Ok(stands || left(&self.at, &self.end) == 0)
    }
}

impl Drop for Copying {
    fn drop(&mut self) {
        if !self.done {
            // Half a copy would be taken for a whole one.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Bytes between these places, over all logs.
fn left(from: &LogPlaces, to: &LogPlaces) -> u64 {
    let of = |(id, end): (_, &u64)| end.saturating_sub(from.get(id).copied().unwrap_or(0));
    to.iter().map(of).sum()
}

fn room(folder: &Path, size: u64) -> io::Result<()> {
    let disk = rustix::fs::statvfs(folder)?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if free < size.saturating_add(SPARE) {
        return Err(io::Error::new(
            io::ErrorKind::StorageFull,
            format!(
                "the copy takes up to {} MB, and of the {} MB that are free, 256 MB stay so",
                size.div_ceil(1 << 20),
                free >> 20
            ),
        ));
    }
    Ok(())
}

/// A file of this name, or of the first with a number that nobody has.
fn new_file(folder: &Path, name: &str) -> io::Result<(PathBuf, File)> {
    for nth in 1..=MAX_NAMES {
        let path = match nth {
            1 => folder.join(format!("{name}.log")),
            nth => folder.join(format!("{name}-{nth}.log")),
        };
        match OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
        {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other(format!(
        "there are {MAX_NAMES} copies named {name} in {}",
        folder.display()
    )))
}

#[cfg(test)]
mod tests {
    use super::super::{Filter, LOG};
    use super::*;

    fn copied(folder: &Path, names: &[&str], raw: bool) -> Copied {
        let log = |name: &&str| (name.parse().unwrap(), folder.join(name));
        Copied {
            query: ViewQuery {
                logs: names.iter().map(log).collect(),
                place: Place::After(
                    names
                        .iter()
                        .map(|name| (name.parse().unwrap(), 0))
                        .collect(),
                ),
                limit: 0,
                filter: Filter::default(),
                since: None,
                until: None,
            },
            raw,
            folder: folder.join("exports"),
            name: "api".to_owned(),
        }
    }

    fn logs() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("api.0", "\x1b[31mred\x1b[0m\r\nhalf"), ("db.0", "db\n")] {
            std::fs::create_dir_all(folder.path().join(name)).unwrap();
            std::fs::write(folder.path().join(name).join(LOG), text).unwrap();
        }
        folder
    }

    fn whole(copied: Copied) -> (String, LogCopy) {
        let mut copying = Copying::begin(copied).unwrap();
        let mut last = None;
        while let Some(told) = copying.step().unwrap() {
            last = Some(told);
        }
        let last = last.unwrap();
        (std::fs::read_to_string(&last.path).unwrap(), last)
    }

    #[test]
    fn a_copy_is_what_was_written_or_what_is_shown() {
        let folder = logs();
        let (text, told) = whole(copied(folder.path(), &["api.0"], true));
        assert_eq!(text, "\x1b[31mred\x1b[0m\r\n");
        assert!(told.path.ends_with("/exports/api.log"), "{told:?}");
        assert_eq!(
            (told.lines, told.read, told.of, told.done),
            (1, 14, 14, true)
        );
        let (text, told) = whole(copied(folder.path(), &["api.0", "db.0"], false));
        assert_eq!(text, "api.0 | red\ndb.0  | db\n");
        assert!(told.path.ends_with("/exports/api-2.log"), "{told:?}");
    }

    #[test]
    fn half_a_copy_does_not_stay() {
        let folder = logs();
        let copying = Copying::begin(copied(folder.path(), &["api.0"], true)).unwrap();
        let path = copying.path.clone();
        assert!(path.exists());
        drop(copying);
        assert!(!path.exists());
    }
}

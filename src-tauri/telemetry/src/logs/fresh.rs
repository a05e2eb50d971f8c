//! What was written to a log since it was last looked at, for whoever looks for something in all that is written.

use super::lines::{Log, split};
use super::{LOG, shown};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;

/// What was read of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fresh {
    /// Where the next look goes on.
    pub next: u64,
    /// So many bytes were read.
    pub read: u64,
    /// More was written than was read: the oldest of it was left out.
    pub skipped: bool,
}

/// Hands on each whole line that was written since `from`, with its address, colours and all that steers left out; of
/// `None` the newest. At most `most` bytes are read, from the end. A log that is not there has no lines.
///
/// # Errors
/// When it cannot be read.
pub fn fresh(
    folder: &Path,
    from: Option<u64>,
    most: u64,
    mut each: impl FnMut(u64, &str),
) -> io::Result<Fresh> {
    let file = match File::open(folder.join(LOG)) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Ok(Fresh {
                next: 0,
                read: 0,
                skipped: false,
            });
        }
        Err(error) => return Err(error),
    };
    let log = Log::of(&file)?;
    // One that is shorter than it was is another file.
    let from = from.filter(|from| *from <= log.end);
    let least = log.end.saturating_sub(most);
    let begin = from.unwrap_or(0).max(least).max(log.first);
    let skipped = from.is_some_and(|from| from < begin && from >= log.first);
    let begin = if from == Some(begin) {
        begin
    } else {
        log.line_from(begin)?
    };
    let bytes = log.read(begin, log.end)?;
    let (lines, next) = split(&bytes, begin, false);
    for line in lines {
        let text = shown(line.bytes);
        match text.contains('\u{1b}') {
            // A colour would be part of the word behind it.
            true => each(line.offset, &model::text::harmless(&text, text.len())),
            false => each(line.offset, &text),
        }
    }
    Ok(Fresh {
        next,
        read: bytes.len() as u64,
        skipped,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn look(folder: &Path, from: Option<u64>, most: u64) -> (Fresh, Vec<(u64, String)>) {
        let mut lines = Vec::new();
        let fresh = fresh(folder, from, most, |at, line| {
            lines.push((at, line.to_owned()))
        });
        (fresh.unwrap(), lines)
    }

    #[test]
    fn each_line_is_told_once_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(
            look(folder.path(), None, 100).0.next,
            0,
            "there is none yet"
        );
        let mut log = File::create(folder.path().join(LOG)).unwrap();
        log.write_all(b"one\ntwo\nthr").unwrap();
        let (first, lines) = look(folder.path(), None, 100);
        assert_eq!(lines, [(0, "one".to_owned()), (4, "two".to_owned())]);
        log.write_all(b"ee\n").unwrap();
        let (second, lines) = look(folder.path(), Some(first.next), 100);
        assert_eq!(lines, [(8, "three".to_owned())]);
        assert_eq!(look(folder.path(), Some(second.next), 100).1, []);
    }

    #[test]
    fn of_what_is_too_much_the_newest_is_told_and_that_some_was_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let text: String = (0..100).map(|n| format!("line {n:03}\n")).collect();
        std::fs::write(folder.path().join(LOG), &text).unwrap();
        let (fresh, lines) = look(folder.path(), Some(0), 50);
        assert!(fresh.skipped && fresh.read <= 50, "{fresh:?}");
        assert_eq!(lines.last().unwrap().1, "line 099");
        assert!(lines.len() < 6, "{lines:?}");
        assert_eq!(fresh.next, text.len() as u64);
        // Of a log that was not looked at before nothing is left out: it is told from there on.
        assert!(!look(folder.path(), None, 50).0.skipped);
    }
}

//! A page of a log: lines before an address, after one, or the last ones.

use super::index::Index;
use super::{INDEX, LOG, MAX_LINE, clean};
use model::view::{LogLine, LogPage};
use model::{InstanceId, Timestamp};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Most lines of a page.
const MAX_LINES: usize = 10_000;
/// Read at a time.
const CHUNK: u64 = 256 << 10;
/// Most bytes that are looked through for one page: a search for a rare word goes on with the next.
const MAX_LOOK: u64 = 64 << 20;

/// Which lines of a log. Offsets are bytes.
#[derive(Debug, Clone, Default)]
pub struct LogQuery {
    /// Lines that begin before this offset, the last of them.
    pub before: Option<u64>,
    /// Lines that begin at or after this offset, the first of them.
    pub after: Option<u64>,
    /// At most so many; 0 is the most there can be.
    pub limit: usize,
    /// Not older, to the second.
    pub since: Option<Timestamp>,
    /// Not newer, to the second.
    pub until: Option<Timestamp>,
    /// Holding this text, in upper or lower case.
    pub grep: Option<String>,
}

/// A line as it lies in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Raw {
    pub(super) offset: u64,
    /// Where the next one begins.
    pub(super) end: u64,
    pub(super) bytes: Vec<u8>,
}

/// Reads a page of the log in `folder`. A log that is not there yet is empty.
///
/// # Errors
/// When the log cannot be read.
pub fn page(folder: &Path, instance: &InstanceId, query: &LogQuery) -> io::Result<LogPage> {
    let file = match File::open(folder.join(LOG)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(LogPage {
                lines: vec![],
                end: 0,
                more: false,
            });
        }
        Err(error) => return Err(error),
    };
    let index = Index::open(&folder.join(INDEX))?;
    let end = file.metadata()?.len();
    let limit = if query.limit == 0 {
        MAX_LINES
    } else {
        query.limit.min(MAX_LINES)
    };
    let needle = query.grep.as_ref().map(|text| text.to_lowercase());
    let earliest = query.since.map_or(0, |since| index.offset_at(since));
    let wanted = |raw: &Raw| {
        let at = index.time_of(raw.end);
        let in_time = query
            .until
            .is_none_or(|until| at.is_none_or(|at| at <= until));
        let text = clean(&raw.bytes);
        let found = needle
            .as_ref()
            .is_none_or(|needle| text.to_lowercase().contains(needle));
        (in_time && found).then(|| LogLine {
            offset: raw.offset,
            at,
            instance: instance.clone(),
            text,
        })
    };
    if let Some(after) = query.after {
        let (lines, _) = forwards(&file, after.max(earliest), end, limit, wanted)?;
        let more = earliest.max(first_line(&file, end)?) < after;
        return Ok(LogPage { lines, end, more });
    }
    let before = query.before.unwrap_or(end).min(end);
    let (lines, more) = backwards(&file, earliest, before, limit, wanted)?;
    Ok(LogPage { lines, end, more })
}

/// Where the log begins: behind what was punched out.
fn first_line(file: &File, end: u64) -> io::Result<u64> {
    match rustix::fs::seek(file, rustix::fs::SeekFrom::Data(0)) {
        Ok(offset) => Ok(offset.min(end)),
        // Nothing but a hole, or nothing at all.
        Err(rustix::io::Errno::NXIO) => Ok(end),
        Err(error) => Err(error.into()),
    }
}

/// Up to `limit` wanted lines from `from` on, and where to go on.
pub(super) fn forwards<T>(
    file: &File,
    from: u64,
    end: u64,
    limit: usize,
    wanted: impl Fn(&Raw) -> Option<T>,
) -> io::Result<(Vec<T>, u64)> {
    let mut lines = Vec::new();
    let mut at = from.max(first_line(file, end)?);
    let stop = end.min(at.saturating_add(MAX_LOOK));
    while at < stop && lines.len() < limit {
        let chunk = read(file, at, (at + CHUNK).min(end))?;
        let whole = at + chunk.len() as u64 >= end;
        let (raws, next) = split(&chunk, at, whole);
        if next == at {
            break;
        }
        for raw in raws {
            at = raw.end;
            lines.extend(wanted(&raw));
            if lines.len() >= limit {
                return Ok((lines, at));
            }
        }
        at = at.max(next);
    }
    Ok((lines, at))
}

/// The last `limit` wanted lines that begin in `earliest..before`, and whether there are older ones.
fn backwards<T>(
    file: &File,
    earliest: u64,
    before: u64,
    limit: usize,
    wanted: impl Fn(&Raw) -> Option<T>,
) -> io::Result<(Vec<T>, bool)> {
    let first = first_line(file, before)?;
    let bottom = first.max(earliest);
    let floor = bottom.max(before.saturating_sub(MAX_LOOK));
    let mut newest_first = Vec::new();
    // What begins at `top` or after it has been looked at.
    let mut top = before;
    while top > floor && newest_first.len() < limit {
        let mut begin = top.saturating_sub(CHUNK).max(bottom);
        // A chunk begins at a line's beginning: behind the first line end in it.
        let mut chunk = read(file, begin, top)?;
        if begin > bottom && chunk.get(..1) != Some(b"\n") {
            match chunk.iter().position(|byte| *byte == b'\n') {
                Some(newline) if newline + 1 < chunk.len() => {
                    chunk.drain(..=newline);
                    begin += newline as u64 + 1;
                }
                // One line longer than a chunk: it is taken in pieces.
                _ => {}
            }
        }
        let (raws, _) = split(&chunk, begin, true);
        for raw in raws.iter().rev() {
            newest_first.extend(wanted(raw));
            if newest_first.len() >= limit {
                newest_first.reverse();
                return Ok((newest_first, raw.offset > bottom));
            }
        }
        top = begin;
    }
    newest_first.reverse();
    Ok((newest_first, top > bottom))
}

fn read(file: &File, from: u64, to: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(to.saturating_sub(from)).unwrap_or(usize::MAX)];
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], from + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// The lines of a chunk that begins at `offset`, and where the first unfinished one begins. With
/// `whole` an unfinished last line counts as a line.
pub(super) fn split(chunk: &[u8], offset: u64, whole: bool) -> (Vec<Raw>, u64) {
    let mut lines = Vec::new();
    let mut begin = 0;
    while begin < chunk.len() {
        let rest = &chunk[begin..];
        let newline = rest.iter().position(|byte| *byte == b'\n');
        let (length, skip) = match newline {
            Some(at) if at <= MAX_LINE => (at, at + 1),
            _ if rest.len() > MAX_LINE => (MAX_LINE, MAX_LINE),
            _ if whole => (rest.len(), rest.len()),
            _ => break,
        };
        let bytes = rest[..length]
            .strip_suffix(b"\r")
            .unwrap_or(&rest[..length]);
        // The edge of a punched hole leaves zeros before the first whole line.
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        lines.push(Raw {
            offset: offset + (begin + zeros) as u64,
            end: offset + (begin + skip) as u64,
            bytes: bytes[zeros..].to_vec(),
        });
        begin += skip;
    }
    (lines, offset + begin as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn log(text: &[u8]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(LOG), text).unwrap();
        folder
    }

    fn id() -> InstanceId {
        "api".parse().unwrap()
    }

    fn texts(page: &LogPage) -> Vec<&str> {
        page.lines.iter().map(|line| line.text.as_str()).collect()
    }

    #[test]
    fn the_last_lines_come_first_and_older_ones_are_said_to_exist() {
        let folder = log(b"one\ntwo\nthree\nfour");
        let query = LogQuery {
            limit: 2,
            ..LogQuery::default()
        };
        let last = page(folder.path(), &id(), &query).unwrap();
        assert_eq!(
            (texts(&last), last.more, last.end),
            (vec!["three", "four"], true, 18)
        );
        let older = LogQuery {
            before: Some(last.lines[0].offset),
            ..query
        };
        let first = page(folder.path(), &id(), &older).unwrap();
        assert_eq!((texts(&first), first.more), (vec!["one", "two"], false));
    }

    #[test]
    fn a_search_finds_either_case_and_a_missing_log_is_empty() {
        let folder = log(b"Error: a\nfine\nerror: b\n");
        let grep = LogQuery {
            grep: Some("ERROR".into()),
            ..LogQuery::default()
        };
        assert_eq!(
            texts(&page(folder.path(), &id(), &grep).unwrap()),
            ["Error: a", "error: b"]
        );
        let empty = tempfile::tempdir().unwrap();
        assert_eq!(page(empty.path(), &id(), &grep).unwrap().lines, vec![]);
    }

    proptest! {
        #[test]
        fn pages_put_together_are_the_log(
            lines in proptest::collection::vec("[a-z]{0,9}", 0..60),
            size in 1usize..7,
        ) {
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            let folder = log(text.as_bytes());
            let mut backwards = Vec::new();
            let mut before = None;
            loop {
                let query = LogQuery { before, limit: size, ..LogQuery::default() };
                let page = page(folder.path(), &id(), &query).unwrap();
                let Some(first) = page.lines.first() else { break };
                before = Some(first.offset);
                backwards.splice(0..0, page.lines.iter().map(|line| line.text.clone()));
                if !page.more { break }
            }
            prop_assert_eq!(&backwards, &lines);
            let mut forwards = Vec::new();
            let mut after = Some(0);
            loop {
                let query = LogQuery { after, limit: size, ..LogQuery::default() };
                let page = page(folder.path(), &id(), &query).unwrap();
                let Some(last) = page.lines.last() else { break };
                after = Some(last.offset + last.text.len() as u64 + 1);
                forwards.extend(page.lines.iter().map(|line| line.text.clone()));
            }
            prop_assert_eq!(&forwards, &lines);
        }
    }
}

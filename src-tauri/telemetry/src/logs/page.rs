//! A page of a log: lines before an address, after one, or the last ones.

use super::index::Index;
use super::lines::{Log, Raw, split};
use super::{INDEX, LOG, Pattern, shown};
use model::view::{LogLine, LogPage};
use model::{InstanceId, Timestamp};
use std::fs::File;
use std::io;
use std::path::Path;

/// Most lines of a page.
const MAX_LINES: usize = 10_000;
/// Read at a time; longer than any line.
pub(super) const CHUNK: u64 = 256 << 10;
/// Most bytes that are looked through for one page: some seconds' work.
pub(super) const MAX_LOOK: u64 = 1 << 30;

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
    /// Holding this.
    pub grep: Option<Pattern>,
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
                begin: 0,
                end: 0,
                whole: 0,
                next: 0,
                more: false,
            });
        }
        Err(error) => return Err(error),
    };
    let index = Index::open(&folder.join(INDEX), &file.metadata()?)?;
    let mut log = Log::of(&file)?;
    let mut search = Search::new(query, &index, instance);
    let mut bottom = log.first;
    if let Some(since) = query.since {
        // What had been written before may end in the midst of a line, which is then newer.
        bottom = log.line_of(index.size_before(since))?;
    }
    let newest = query.until.and_then(|until| index.size_after(until));
    let top = newest.unwrap_or(log.end).min(log.end);
    let (next, more) = match query.after {
        Some(after) => {
            // Who asks from the very beginning means the beginning of what there is.
            if after > 0 {
                search.missed = log.first.saturating_sub(after);
            }
            let next = search.forwards(&mut log, after.max(bottom), top)?;
            (next, bottom < after.min(log.end))
        }
        None => {
            let before = query.before.unwrap_or(log.end).min(top);
            let before = log.line_from(before)?;
            let next = search.backwards(&mut log, bottom, before)?;
            (next, next > bottom.max(log.first))
        }
    };
    Ok(LogPage {
        lines: search.found,
        begin: log.first,
        end: log.end,
        whole: log.whole()?,
        next,
        more,
    })
}

/// A line as it is shown.
pub(super) fn line(raw: Raw, at: Option<Timestamp>, instance: &InstanceId) -> LogLine {
    LogLine {
        offset: raw.offset,
        end: raw.end,
        missed: None,
        at,
        instance: instance.clone(),
        text: shown(raw.bytes),
    }
}

/// A walk over the lines of a log that keeps those that are wanted.
struct Search<'a> {
    index: &'a Index,
    instance: &'a InstanceId,
    until: Option<Timestamp>,
    pattern: Option<&'a Pattern>,
    limit: usize,
    /// So many bytes were punched out before they could be looked at; said with the next line.
    missed: u64,
    found: Vec<LogLine>,
}

impl<'a> Search<'a> {
    fn new(query: &'a LogQuery, index: &'a Index, instance: &'a InstanceId) -> Self {
        Self {
            index,
            instance,
            until: query.until,
            pattern: query.grep.as_ref(),
            limit: if query.limit == 0 {
                MAX_LINES
            } else {
                query.limit.min(MAX_LINES)
            },
            missed: 0,
            found: Vec::new(),
        }
    }

    fn full(&self) -> bool {
        self.found.len() >= self.limit
    }

    fn look(&mut self, raw: Raw) {
        // Cheapest first: most lines of a search are not wanted.
        if self
            .pattern
            .is_some_and(|pattern| !pattern.is_in(&raw.bytes))
        {
            return;
        }
        let at = self.index.time_of(raw.end);
        if self
            .until
            .is_some_and(|until| at.is_some_and(|at| at > until))
        {
            return;
        }
        let missed = std::mem::take(&mut self.missed);
        self.found.push(LogLine {
            missed: (missed > 0).then_some(missed),
            ..line(raw, at, self.instance)
        });
    }

    /// From `from` on, which is taken for a line's beginning: a follower may have stopped there.
    /// Answers where what was not looked at begins; the log's end when all before `top` was.
    fn forwards(&mut self, log: &mut Log<'_>, from: u64, top: u64) -> io::Result<u64> {
        let mut at = from;
        let stop = top.min(at.saturating_add(MAX_LOOK));
        while at < stop && !self.full() {
            let to = (at + CHUNK).min(log.end);
            let chunk = log.read(at, to)?;
            if log.punched()? && log.first > at {
                self.missed += log.first - at;
                at = log.first;
                continue;
            }
            let (raws, next) = split(&chunk, at, to == log.end);
            if next == at {
                break;
            }
            at = next;
            for raw in raws {
                if self.full() {
                    at = raw.offset;
                    break;
                }
                self.look(raw);
            }
        }
        // What went before it was read is said with a line; without one it is to be asked for again.
        if self.missed > 0 && self.pattern.is_none() {
            return Ok(at - self.missed);
        }
        Ok(if at >= top { log.end } else { at })
    }

    /// From `before` back to `bottom`, both lines' beginnings. Answers where what was looked at
    /// begins.
    fn backwards(&mut self, log: &mut Log<'_>, bottom: u64, before: u64) -> io::Result<u64> {
        let floor = bottom.max(before.saturating_sub(MAX_LOOK));
        // What begins at `top` or after it has been looked at, and lies there newest first.
        let mut top = before;
        while top > floor.max(log.first) && !self.full() {
            let bottom = bottom.max(log.first);
            let begin = top.saturating_sub(CHUNK).max(bottom);
            let begin = if begin == bottom {
                bottom
            } else {
                log.line_from(begin)?
            };
            let chunk = log.read(begin, top)?;
            if log.punched()? && log.first > begin {
                continue;
            }
            let (raws, _) = split(&chunk, begin, true);
            if raws.is_empty() {
                break;
            }
            for raw in raws.into_iter().rev() {
                if self.full() {
                    break;
                }
                top = raw.offset;
                self.look(raw);
            }
        }
        self.found.reverse();
        Ok(top)
    }
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
            grep: Some(Pattern::new("ERROR").unwrap()),
            ..LogQuery::default()
        };
        assert_eq!(
            texts(&page(folder.path(), &id(), &grep).unwrap()),
            ["Error: a", "error: b"]
        );
        let empty = tempfile::tempdir().unwrap();
        assert_eq!(page(empty.path(), &id(), &grep).unwrap().lines, vec![]);
    }

    #[test]
    fn a_search_is_not_misled_by_colours_and_goes_back_page_by_page() {
        let text: String = (0..5_000)
            .map(|n| format!("line {n} \x1b[31mFa\x1b[0mil\n"))
            .collect();
        let folder = log(text.as_bytes());
        let mut query = LogQuery {
            limit: 3,
            grep: Some(Pattern::new("7 fail").unwrap()),
            ..LogQuery::default()
        };
        let last = page(folder.path(), &id(), &query).unwrap();
        assert_eq!(last.lines.len(), 3);
        assert!(
            last.lines[2].text.starts_with("line 4997 "),
            "{:?}",
            last.lines
        );
        query.before = Some(last.lines[0].offset);
        let older = page(folder.path(), &id(), &query).unwrap();
        assert!(
            older.more && older.lines[2].text.starts_with("line 4967 "),
            "{:?}",
            older.lines
        );
    }

    /// A log of which the shim noted the size after each group of lines.
    fn timed(groups: &[(i64, &str)]) -> tempfile::TempDir {
        let (mut text, mut index) = (String::new(), String::new());
        for (at, lines) in groups {
            text += lines;
            index += &format!("{at:013} {:016}\n", text.len());
        }
        let folder = log(text.as_bytes());
        std::fs::write(folder.path().join(INDEX), index).unwrap();
        folder
    }

    #[test]
    fn times_bound_a_page_on_both_sides() {
        let groups = [
            (1_000, "a\nb\n"),
            (2_000, "c\nhal"),
            (3_000, "f\nd\n"),
            (9_000, "e\n"),
        ];
        let folder = timed(&groups);
        let of = |since: Option<i64>, until: Option<i64>| {
            let query = LogQuery {
                since: since.map(Timestamp),
                until: until.map(Timestamp),
                ..LogQuery::default()
            };
            let page = page(folder.path(), &id(), &query).unwrap();
            page.lines
                .iter()
                .map(|line| line.text.clone())
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(of(None, None), "a b c half d e");
        assert_eq!(of(Some(2_000), None), "c half d e");
        // A line is as old as its end.
        assert_eq!(of(Some(3_000), None), "half d e");
        assert_eq!(of(Some(3_001), None), "e");
        assert_eq!(of(Some(9_001), None), "");
        assert_eq!(of(None, Some(2_000)), "a b c");
        assert_eq!(of(None, Some(999)), "");
        assert_eq!(of(Some(2_000), Some(3_000)), "c half d");
        let all = page(folder.path(), &id(), &LogQuery::default()).unwrap();
        let times: Vec<_> = all
            .lines
            .iter()
            .map(|line| line.at.map(|at| at.0))
            .collect();
        assert_eq!(times, [1_000, 1_000, 2_000, 3_000, 3_000, 9_000].map(Some));
    }

    #[test]
    fn endless_lines_come_in_pieces_that_fit_together() {
        let text = format!("short\n{}\nend\n", "z".repeat(500_000));
        let folder = log(text.as_bytes());
        let all = page(folder.path(), &id(), &LogQuery::default()).unwrap();
        assert!(all.lines.iter().all(|line| line.text.len() <= 64 << 10));
        let whole: String = all.lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(whole, text.replace('\n', ""));
        let one = LogQuery {
            limit: 1,
            before: Some(all.lines[4].offset),
            ..LogQuery::default()
        };
        assert_eq!(
            page(folder.path(), &id(), &one).unwrap().lines,
            [all.lines[3].clone()]
        );
    }

    #[test]
    fn a_page_says_where_the_kept_part_begins_and_where_to_go_on() {
        let text: String = (0..1_000).map(|n| format!("line {n:04}\n")).collect();
        let folder = log(text.as_bytes());
        let file = File::options()
            .write(true)
            .open(folder.path().join(LOG))
            .unwrap();
        let punch = rustix::fs::FallocateFlags::PUNCH_HOLE | rustix::fs::FallocateFlags::KEEP_SIZE;
        if rustix::fs::fallocate(&file, punch, 0, 4_096).is_err() {
            return; // Not every file system can.
        }
        let query = LogQuery {
            after: Some(70),
            limit: 2,
            ..LogQuery::default()
        };
        let page = |query: &LogQuery| super::page(folder.path(), &id(), query).unwrap();
        // Ten bytes a line: the first whole one behind the hole.
        let first = page(&query);
        assert_eq!(
            (first.begin, texts(&first)),
            (4_100, vec!["line 0410", "line 0411"])
        );
        assert_eq!(
            (first.next, first.whole, first.end),
            (4_120, 10_000, 10_000)
        );
        assert_eq!(
            (first.lines[0].missed, first.lines[1].missed),
            (Some(4_030), None)
        );
        let begin = page(&LogQuery {
            after: Some(0),
            ..query.clone()
        });
        assert_eq!(begin.lines[0].missed, None, "all there is was asked for");
        let all = page(&LogQuery {
            after: Some(first.next),
            ..LogQuery::default()
        });
        assert_eq!((all.lines.len(), all.next), (588, 10_000));
        // A search that finds nothing has been everywhere all the same.
        let none = page(&LogQuery {
            grep: Some(Pattern::new("line 0003").unwrap()),
            ..LogQuery::default()
        });
        assert_eq!((none.lines.len(), none.next, none.more), (0, 4_100, false));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

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
                prop_assert_eq!(page.next, last.end);
                after = Some(page.next);
                forwards.extend(page.lines.iter().map(|line| line.text.clone()));
            }
            prop_assert_eq!(&forwards, &lines);
        }
    }
}

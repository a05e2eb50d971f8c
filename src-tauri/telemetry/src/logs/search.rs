//! Searching logs from their beginning to their end, and what is written to them then: step by step, for who
//! counts what is found while it goes on.

use super::lines::Log;
use super::page::{CHUNK, Filter, Opened};
use super::scan::Scan;
use model::view::LogSearch;
use model::{InstanceId, Timestamp};
use std::io;
use std::path::PathBuf;

/// Bytes that one step looks through: some hundredths of a second's work.
const STEP: u64 = 64 << 20;
/// Read at a time. A search goes through much, and asks for the file's holes each time.
const PIECE: u64 = 4 * CHUNK;
/// Addresses that are told, of all logs together; what is found then is only counted.
pub(super) const MAX_FOUND: usize = 100_000;

/// A search that is under way.
pub struct Searching {
    logs: Vec<One>,
    filter: Filter,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    /// So many addresses may still be told.
    left: usize,
    /// That all of it was looked through was said.
    done: bool,
    scan: Scan,
    chunk: Vec<u8>,
}

struct One {
    instance: InstanceId,
    folder: PathBuf,
    opened: Option<Opened>,
    from: u64,
    at: u64,
    count: u64,
    /// How long the log was when it was last looked through to its end.
    looked: Option<u64>,
}

impl Searching {
    /// Of these logs the lines that `filter` wants, written between these times.
    pub fn new(
        logs: Vec<(InstanceId, PathBuf)>,
        filter: Filter,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Self {
        let one = |(instance, folder)| One {
            instance,
            folder,
            opened: None,
            from: 0,
            at: 0,
            count: 0,
            looked: None,
        };
        Self {
            logs: logs.into_iter().map(one).collect(),
            filter,
            since,
            until,
            left: MAX_FOUND,
            done: false,
            scan: Scan::default(),
            chunk: Vec::new(),
        }
    }

    /// Goes on for a little; `None` when there is nothing new.
    ///
    /// # Errors
    /// When a log cannot be read.
    pub fn step(&mut self) -> io::Result<Option<LogSearch>> {
        let count = self.logs.len();
        for nth in 0..count {
            if let Some(mut told) = self.look(nth)? {
                let rest = &self.logs[nth + 1..];
                let over = told.at >= told.end && rest.iter().all(|one| one.looked.is_some());
                told.done = self.done || over;
                self.done = told.done;
                return Ok(Some(told));
            }
        }
        Ok(None)
    }

    /// What is said when it cannot go on.
    pub fn failed(&self, problem: &io::Error) -> Option<LogSearch> {
        let one = self.logs.first()?;
        Some(LogSearch {
            problem: Some(problem.to_string()),
            ..one.told(Vec::new(), one.at)
        })
    }

    fn look(&mut self, nth: usize) -> io::Result<Option<LogSearch>> {
        let one = &mut self.logs[nth];
        if one.opened.is_none() {
            one.opened = Opened::open(&one.folder)?;
            if let (Some(opened), Some(since)) = (&one.opened, self.since) {
                let log = Log::of(&opened.file)?;
                one.at = log.line_of(opened.index.size_before(since))?;
            }
            one.from = one.at;
        }
        let Some(opened) = &one.opened else {
            // It may come. Until then it is known to hold nothing.
            let first = one.looked.replace(0).is_none();
            return Ok(first.then(|| one.told(Vec::new(), 0)));
        };
        let mut log = Log::of(&opened.file)?;
        if log.end < one.at {
            // Somebody emptied it: what comes now is new.
            (one.from, one.at, one.count) = (0, 0, 0);
        }
        if one.looked == Some(log.end) {
            return Ok(None);
        }
        let top = self.until.and_then(|until| opened.index.size_after(until));
        let top = top.unwrap_or(log.end).min(log.end);
        if one.count == 0 && one.at < log.first {
            (one.from, one.at) = (log.first, log.first);
        }
        let stop = one.at.saturating_add(STEP).min(top);
        let mut found = Vec::new();
        while one.at < stop {
            let to = (one.at + PIECE).min(log.end);
            log.read_into(one.at, to, &mut self.chunk)?;
            if log.punched()? && log.first > one.at {
                one.at = log.first;
                continue;
            }
            let (raws, next) = self
                .filter
                .lines(&mut self.scan, &self.chunk, one.at, false);
            // The index knows times by the second and of pieces: those at the ends have lines of both sides.
            let within = |end: u64| {
                let at = opened.index.time_of(end);
                let late = self.until.zip(at).is_some_and(|(until, at)| at > until);
                let early = self.since.zip(at).is_some_and(|(since, at)| at < since);
                !late && !early
            };
            let raws = raws
                .into_iter()
                .filter(|raw| raw.offset < top && within(raw.end));
            for raw in raws {
                one.count += 1;
                if self.left > 0 {
                    self.left -= 1;
                    found.push(raw.offset);
                }
            }
            if next == one.at {
                // The last line has no end yet.
                break;
            }
            one.at = next;
        }
        let over = one.at < stop || stop == top;
        if over {
            one.looked = Some(log.end);
        }
        let end = if over { one.at } else { top };
        Ok(Some(one.told(found, end)))
    }
}

impl One {
    fn told(&self, found: Vec<u64>, end: u64) -> LogSearch {
        LogSearch {
            instance: self.instance.clone(),
            found,
            count: self.count,
            from: self.from,
            at: self.at,
            end,
            done: false,
            problem: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{LOG, Pattern};
    use super::*;
    use std::io::Write;

    fn write(folder: &std::path::Path, text: &str) {
        let log = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(folder.join(LOG));
        log.unwrap().write_all(text.as_bytes()).unwrap();
    }

    #[test]
    fn everything_is_counted_and_what_comes_later_too() {
        let (api, db) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        write(api.path(), "fine\nit failed\nfine\nFailed again\nfail");
        let logs = [("api.0", api.path()), ("db.0", db.path())];
        let logs = logs.map(|(id, folder)| (id.parse().unwrap(), folder.to_owned()));
        let filter = Filter {
            grep: Some(Pattern::new("fail").unwrap()),
            level: None,
            hide: None,
        };
        let mut search = Searching::new(logs.to_vec(), filter, None, None);
        let told = search.step().unwrap().unwrap();
        assert_eq!((told.found, told.count, told.done), (vec![5, 20], 2, false));
        let told = search.step().unwrap().unwrap();
        assert_eq!(
            (told.instance.to_string(), told.count, told.done),
            ("db.0".into(), 0, true)
        );
        assert_eq!(search.step().unwrap(), None);
        write(api.path(), "ure\nfine\n");
        write(db.path(), "failed\n");
        let told = search.step().unwrap().unwrap();
        assert_eq!((told.found, told.count, told.done), (vec![33], 3, true));
        let told = search.step().unwrap().unwrap();
        assert_eq!((told.found, told.count), (vec![0], 1));
        assert_eq!(search.step().unwrap(), None);
    }
}

//! A page of a log: lines before an address, after one, or the last ones.

use super::hide::is_shown;
use super::index::Index;
use super::lines::{Log, Raw, split};
use super::scan::Scan;
use super::{INDEX, LOG, Pattern, level, shown};
use model::view::{LogLevel, LogLine, LogPage};
use model::{InstanceId, Timestamp};
use security::redact::Redactor;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Most lines of a page.
pub(super) const MAX_LINES: usize = 10_000;
/// Read at a time; longer than any line.
pub(super) const CHUNK: u64 = 256 << 10;
/// Most bytes that are looked through for one page: some seconds' work.
pub(super) const MAX_LOOK: u64 = 1 << 30;

/// Which of its lines.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Holding this.
    pub grep: Option<Pattern>,
    /// Of this level or a higher one.
    pub level: Option<LogLevel>,
    /// Hides what is a secret in what is shown, and in what is looked for; lines are shown as they were written
    /// without.
    pub hide: Option<Arc<Redactor>>,
}

impl Filter {
    /// Whether there are lines it leaves out.
    pub(super) fn narrows(&self) -> bool {
        self.grep.is_some() || self.level.is_some()
    }

    /// [`split`], and of its lines those that are wanted.
    pub(super) fn lines<'a>(
        &self,
        scan: &mut Scan,
        chunk: &'a [u8],
        offset: u64,
        whole: bool,
    ) -> (Vec<Raw<'a>>, u64) {
        let (mut raws, next) = match (&self.grep, &self.hide) {
            (Some(pattern), None) => scan.lines(chunk, offset, whole, pattern),
            (Some(pattern), Some(redactor)) => {
                let (mut raws, next) = split(chunk, offset, whole);
                raws.retain(|raw| is_shown(redactor, pattern, raw));
                (raws, next)
            }
            (None, _) => split(chunk, offset, whole),
        };
        if let Some(least) = self.level {
            raws.retain(|raw| level(raw.bytes).is_some_and(|level| level >= least));
        }
        (raws, next)
    }

    /// Whether a line is wanted.
    pub(super) fn wants(&self, raw: &Raw<'_>) -> bool {
        let holds = |pattern: &Pattern| match &self.hide {
            Some(redactor) => is_shown(redactor, pattern, raw),
            None => pattern.is_in(raw.bytes),
        };
        self.grep.as_ref().is_none_or(holds)
            && self
                .level
                .is_none_or(|least| level(raw.bytes).is_some_and(|level| level >= least))
    }
}

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
    /// Of these, which.
    pub filter: Filter,
    /// Bytes that are looked through at most; 0 is the most there can be.
    pub look: u64,
}

/// A log that is read.
pub(super) struct Opened {
    pub(super) file: File,
    pub(super) index: Index,
}

impl Opened {
    /// Opens the log in `folder`; nothing when there is none yet.
    pub(super) fn open(folder: &Path) -> io::Result<Option<Self>> {
        let file = match File::open(folder.join(LOG)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let index = Index::open(&folder.join(INDEX), &file.metadata()?)?;
        Ok(Some(Self { file, index }))
    }
}

/// Reads a page of the log in `folder`. A log that is not there yet is empty.
///
/// # Errors
/// When the log cannot be read.
pub fn page(folder: &Path, instance: &InstanceId, query: &LogQuery) -> io::Result<LogPage> {
    match Opened::open(folder)? {
        Some(opened) => page_of(&opened, instance, query),
        None => Ok(LogPage {
            lines: vec![],
            begin: 0,
            end: 0,
            whole: 0,
            next: 0,
            more: false,
        }),
    }
}

/// [`page`] of a log that is open.
pub(super) fn page_of(
    opened: &Opened,
    instance: &InstanceId,
    query: &LogQuery,
) -> io::Result<LogPage> {
    let index = &opened.index;
    let mut log = Log::of(&opened.file)?;
    let mut search = Search::new(query, index, instance);
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
pub(super) fn line(raw: &Raw<'_>, at: Option<Timestamp>, instance: &InstanceId) -> LogLine {
    LogLine {
        offset: raw.offset,
        end: raw.end,
        missed: None,
        skipped: None,
        level: level(raw.bytes),
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
    filter: &'a Filter,
    limit: usize,
    look: u64,
    /// So many bytes were punched out before they could be looked at; said with the next line.
    missed: u64,
    found: Vec<LogLine>,
}

/// What is asked of a query's number that may be left open.
fn most(asked: usize, most: usize) -> usize {
    if asked == 0 { most } else { asked.min(most) }
}

impl<'a> Search<'a> {
    fn new(query: &'a LogQuery, index: &'a Index, instance: &'a InstanceId) -> Self {
        Self {
            index,
            instance,
            until: query.until,
            filter: &query.filter,
            limit: most(query.limit, MAX_LINES),
            look: if query.look == 0 {
                MAX_LOOK
            } else {
                query.look.min(MAX_LOOK)
            },
            missed: 0,
            found: Vec::new(),
        }
    }

    fn full(&self) -> bool {
        self.found.len() >= self.limit
    }

    fn take(&mut self, raw: &Raw<'_>) {
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
            ..self.filter.show(raw, at, self.instance, false)
        });
    }

    /// From `from` on, which is taken for a line's beginning: a follower may have stopped there.
    /// Answers where what was not looked at begins; the log's end when all before `top` was.
    fn forwards(&mut self, log: &mut Log<'_>, from: u64, top: u64) -> io::Result<u64> {
        let mut at = from;
        let stop = top.min(at.saturating_add(self.look));
        let (mut chunk, mut scan) = (Vec::new(), Scan::default());
        while at < stop && !self.full() {
            let to = (at + CHUNK).min(log.end);
            log.read_into(at, to, &mut chunk)?;
            if log.punched()? && log.first > at {
                self.missed += log.first - at;
                at = log.first;
                continue;
            }
            let (raws, next) = self.filter.lines(&mut scan, &chunk, at, to == log.end);
            if next == at {
                break;
            }
            at = next;
            for raw in raws {
                if self.full() {
                    at = raw.offset;
                    break;
                }
                self.take(&raw);
            }
        }
        // What went before it was read is said with a line; without one it is to be asked for again.
        if self.missed > 0 && !self.filter.narrows() {
            return Ok(at - self.missed);
        }
        Ok(if at >= top { log.end } else { at })
    }

    /// From `before` back to `bottom`, both lines' beginnings. Answers where what was looked at
    /// begins.
    fn backwards(&mut self, log: &mut Log<'_>, bottom: u64, before: u64) -> io::Result<u64> {
        let floor = bottom.max(before.saturating_sub(self.look));
        // What begins at `top` or after it has been looked at, and lies there newest first.
        let mut top = before;
        let (mut chunk, mut scan) = (Vec::new(), Scan::default());
        while top > floor.max(log.first) && !self.full() {
            let bottom = bottom.max(log.first);
            let begin = top.saturating_sub(CHUNK).max(bottom);
            let begin = if begin == bottom {
                bottom
            } else {
                log.line_from(begin)?
            };
            log.read_into(begin, top, &mut chunk)?;
            if log.punched()? && log.first > begin {
                continue;
            }
            if chunk.is_empty() {
                break;
            }
            let (raws, _) = self.filter.lines(&mut scan, &chunk, begin, true);
            top = begin;
            for raw in raws.into_iter().rev() {
                self.take(&raw);
                if self.full() {
                    top = raw.offset;
                    break;
                }
            }
        }
        self.found.reverse();
        Ok(top)
    }
}

#[cfg(test)]
mod tests;

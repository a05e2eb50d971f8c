//! One log that is followed: what of it has been shown, and what comes next.

use crate::logs::INDEX;
use crate::logs::index::Index;
use crate::logs::lines::{Log, Raw, hole, split};
use crate::logs::page::{Filter, LogQuery, page};
use model::InstanceId;
use model::view::LogLine;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A line without an end is shown after this long.
pub(super) const UNFINISHED: Duration = Duration::from_secs(1);
/// Read from one log at a time, so that a flood in one does not starve the others. Longer than
/// any line.
const TURN: u64 = 256 << 10;

pub(super) struct Following {
    pub(super) file: File,
    pub(super) folder: PathBuf,
    /// Everything before it has been sent.
    pub(super) at: u64,
    /// Since when a line without an end has been waiting, and how far it reaches.
    pub(super) unfinished: Option<(Instant, u64)>,
    /// The last line was sent without its end, so an end alone is no line.
    pub(super) open: bool,
    /// So many bytes went out of the log before they were read; said with the next line.
    pub(super) missed: u64,
    /// So many bytes were passed over, because only the newest are wanted; said with the next line.
    pub(super) skipped: u64,
}

impl Following {
    pub(super) fn index(&self) -> io::Result<Index> {
        Index::open(&self.folder.join(INDEX), &self.file.metadata()?)
    }

    /// Shows the last lines and goes on behind them.
    pub(super) fn tail(
        &mut self,
        id: &InstanceId,
        count: usize,
        filter: &Filter,
        lines: &mut Vec<LogLine>,
    ) -> io::Result<()> {
        let query = LogQuery {
            limit: count.max(1),
            filter: filter.clone(),
            ..LogQuery::default()
        };
        let mut last = page(&self.folder, id, &query)?;
        self.at = last.whole;
        // One that is being written comes when it is whole.
        last.lines.retain(|line| line.end <= last.whole);
        if count > 0 {
            lines.extend(last.lines);
        }
        Ok(())
    }

    /// Takes what is new; true when there is more.
    pub(super) fn read(
        &mut self,
        id: &InstanceId,
        filter: &Filter,
        lines: &mut Vec<LogLine>,
    ) -> io::Result<bool> {
        let end = self.file.metadata()?.len();
        if end < self.at {
            // Somebody emptied it: what comes now is new.
            (self.at, self.open, self.unfinished) = (0, false, None);
        }
        if end == self.at {
            return Ok(false);
        }
        let mut chunk = vec![0; usize::try_from((end - self.at).min(TURN)).unwrap_or(0)];
        let read = self.file.read_at(&mut chunk, self.at)?;
        chunk.truncate(read);
        // Asked after the reading: what is not punched out now was read as it was written.
        if hole(&self.file)? > self.at {
            return self.outrun();
        }
        let all = self.at + read as u64 >= end;
        let (raws, next) = split(&chunk, self.at, all && self.waited(end));
        self.take(id, raws, next, filter, lines)?;
        if all && next < end && self.unfinished.is_none() {
            self.unfinished = Some((Instant::now(), end));
        }
        Ok(!all)
    }

    /// Leaves out what is too old for who wants only the newest lines, when there is more than `room` bytes of it.
    pub(super) fn hurry(&mut self, room: u64) -> io::Result<()> {
        let end = self.file.metadata()?.len();
        if end < self.at || end - self.at <= room {
            return Ok(());
        }
        let to = Log::of(&self.file)?.line_from(end - room)?;
        self.skipped += to.saturating_sub(self.at);
        (self.at, self.open, self.unfinished) = (to.max(self.at), false, None);
        Ok(())
    }

    /// The service wrote more than its log keeps before it was read: goes on with the first line
    /// that is whole.
    fn outrun(&mut self) -> io::Result<bool> {
        let first = Log::of(&self.file)?.first;
        self.missed += first.saturating_sub(self.at);
        (self.at, self.open, self.unfinished) = (first.max(self.at), false, None);
        Ok(true)
    }

    /// True when a line without an end has been waiting for long enough.
    fn waited(&mut self, end: u64) -> bool {
        match self.unfinished {
            Some((since, reaches)) if reaches == end => since.elapsed() >= UNFINISHED,
            _ => {
                self.unfinished = None;
                false
            }
        }
    }

    fn take(
        &mut self,
        id: &InstanceId,
        raws: Vec<Raw<'_>>,
        next: u64,
        filter: &Filter,
        lines: &mut Vec<LogLine>,
    ) -> io::Result<()> {
        if raws.is_empty() {
            return Ok(());
        }
        let index = self.index()?;
        for raw in raws {
            let open = std::mem::take(&mut self.open);
            let ending = open && raw.bytes.is_empty();
            // Its end is not its own content: it was sent before that came.
            self.open = raw.end - raw.offset == raw.bytes.len() as u64;
            if !ending && filter.wants(&raw) {
                let at = index.time_of_new(raw.end);
                let missed = std::mem::take(&mut self.missed);
                let skipped = std::mem::take(&mut self.skipped);
                lines.push(LogLine {
                    missed: (missed > 0).then_some(missed),
                    skipped: (skipped > 0).then_some(skipped),
                    ..filter.show(&raw, at, id, open)
                });
            }
        }
        self.unfinished = None;
        self.at = next;
        Ok(())
    }

    /// Takes all there is, the unfinished last line too.
    pub(super) fn finish(&mut self, id: &InstanceId, filter: &Filter, lines: &mut Vec<LogLine>) {
        let done = loop {
            match self.read(id, filter, lines) {
                Ok(true) => {}
                other => break other,
            }
        };
        let rest = done.and_then(|_| {
            let mut rest = vec![0; usize::try_from(TURN).unwrap_or(0)];
            let read = self.file.read_at(&mut rest, self.at)?;
            rest.truncate(read);
            let (raws, next) = split(&rest, self.at, true);
            self.take(id, raws, next, filter, lines)
        });
        if let Err(error) = rest {
            tracing::warn!(instance = %id, %error, "failed to read the end of a log");
        }
    }
}

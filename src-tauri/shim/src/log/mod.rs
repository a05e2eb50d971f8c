//! What is done for a service's log: it is noted when it had which length, it is kept within its
//! bound, and the first error of each start outlives its line. Its shim does that; when the shim is
//! lost, the driver does, for as long as the service lives.
//!
//! The service appends to the file by itself, so nothing here stands between them. Old bytes are
//! punched out and never moved: a line's address is its byte offset for ever, readers begin at the
//! first whole line behind the hole, and no line can be lost between a copy and a cut. Nothing is
//! allocated after the start.
//!
//! A shim does not wake for a log at rest: the kernel says once when it is next written to. While it
//! grows it is looked at after as long as a part of the room would take to fill at the pace just
//! seen.

mod file;
mod starts;
mod times;

use crate::{Intent, index};
use starts::Starts;
use std::fs::File;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

/// Notes of a log's length are at least so far apart.
const NOTE: Duration = Duration::from_secs(1);
/// From the first write to a log at rest until its pace is measured.
const FIRST_LOOK: Duration = Duration::from_millis(10);
/// Longest time between two looks at a growing log: what can be written in it at top speed is the
/// most by which the log may be over its bound for a moment.
const LOOK: Duration = Duration::from_millis(50);
/// Between looks where the kernel cannot tell of writes, or there is nothing to bound.
const SLOW_LOOK: Duration = Duration::from_secs(1);
/// Most bytes that are punched before children and commands are seen to again.
const PIECE: u64 = 16 << 20;
/// Most bytes over what is kept before the oldest go, in a log of any size.
const MOST_ROOM: u64 = 64 << 20;
/// The index gives up its entries in steps of at least this.
const INDEX_STEP: u64 = 64 << 10;
/// Least length of an index that goes before its log does: nine hours of notes each second.
const INDEX_LEAST: u64 = 1 << 20;
/// Least time between two looks.
const PROMPT: Duration = Duration::from_millis(1);

/// How whoever keeps a log learns that one at rest was written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// By one SIGIO, which ends a process that is not ready for it; then it calls [`Log::stirred`].
    Signal,
    /// By looking each second.
    Looking,
}

/// A log in somebody's keeping. Only one at a time may keep a log.
#[derive(Debug)]
pub struct Log {
    file: File,
    index: Option<File>,
    /// The folder, watched for the next write.
    folder: Option<File>,
    /// So many of the newest bytes stay; `None` keeps all.
    keep: Option<u64>,
    block: u64,
    /// What lies before is punched out.
    kept_from: u64,
    index_kept_from: u64,
    /// As of the last look.
    size: u64,
    looked: Instant,
    /// The last note in the index.
    noted: u64,
    noted_at: Option<Instant>,
    due: Option<Instant>,
    starts: Starts,
}

impl Log {
    /// Takes over the log that an intent names. Allocates all it will ever need.
    ///
    /// # Errors
    /// When the log cannot be opened. What lies beside it may be missing.
    pub fn open(intent: &Intent, wake: Wake) -> io::Result<Log> {
        let file = file::open(&intent.log, true)?;
        let folder = Path::new(&intent.log).parent();
        let folder = folder.filter(|_| wake == Wake::Signal);
        let index = file::open(&intent.index, true).ok();
        let size = file::size(&file);
        let noted = index.as_ref().and_then(times::take_over);
        let now = Instant::now();
        Ok(Log {
            folder: folder.and_then(|folder| File::open(folder).ok()),
            keep: intent.keep,
            block: file::block(&file),
            kept_from: file::kept_from(&file),
            index_kept_from: index.as_ref().map_or(0, file::kept_from),
            size,
            looked: now,
            noted: noted.map_or(0, |(_, size)| size),
            noted_at: None,
            due: Some(now),
            starts: Starts::new(intent.runs.as_deref()),
            index,
            file,
        })
    }

    /// A start begins: what is written from here on is its own.
    pub fn begins(&mut self, generation: u64) {
        self.note_now();
        self.starts.begins(generation, self.size);
    }

    /// The service's own process has ended: its last lines get their time.
    pub fn ended(&mut self) {
        self.note_now();
    }

    /// Only what cannot wait: a start or an end is never held up by the log's size.
    fn note_now(&mut self) {
        let now = Instant::now();
        self.size = file::size(&self.file);
        self.noted_at = None;
        self.note(now);
        self.due = Some(now);
    }

    /// The kernel says that the log, or a file beside it, was written to.
    pub fn stirred(&mut self) {
        let now = Instant::now();
        if self.due.is_none_or(|due| due > now + FIRST_LOOK) {
            // The pace is measured from here on.
            self.looked = now;
            self.due = Some(now + FIRST_LOOK);
        }
    }

    /// When it is to be looked at next; `None` is when it is written to.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Looks if it is time.
    pub fn look_if_due(&mut self) {
        if self.due.is_some_and(|due| due <= Instant::now()) {
            self.look();
        }
    }

    fn look(&mut self) {
        let now = Instant::now();
        let size = file::size(&self.file);
        if size < self.size {
            // Somebody emptied it: what comes now is new.
            self.kept_from = file::kept_from(&self.file);
            self.noted = 0;
        }
        let grown = size.saturating_sub(self.size);
        let passed = now - self.looked;
        (self.size, self.looked) = (size, now);
        self.note(now);
        self.due = if self.punch() {
            Some(now)
        } else if grown > 0 {
            Some(now + self.pace(grown, passed))
        } else {
            self.rest(now)
        };
    }

    /// Appends (time, length) when it grew, at most once a second.
    fn note(&mut self, now: Instant) {
        if let Some(index) = &self.index
            && self.size != self.noted
            && self.noted_at.is_none_or(|at| now - at >= NOTE)
        {
            (self.noted, self.noted_at) = (self.size, Some(now));
            file::append(index, &index::encode(file::now(), self.size));
        }
    }

    /// When to look again at a log that grew by so much in this time.
    fn pace(&self, grown: u64, passed: Duration) -> Duration {
        let Some(keep) = self.keep else {
            return SLOW_LOOK;
        };
        // Half of the room is left for what comes faster than it came.
        let part = room(keep, self.block) as f64 / 2.0 / grown as f64;
        passed.mul_f64(part.min(1e6)).clamp(PROMPT, LOOK)
    }

    /// When to look again at a log that does not grow.
    fn rest(&self, now: Instant) -> Option<Instant> {
        let watched = self.folder.as_ref().is_some_and(file::watch_once);
        if file::size(&self.file) != self.size {
            return Some(now + FIRST_LOOK);
        }
        let pending = (self.size != self.noted && self.index.is_some())
            .then_some(self.noted_at)
            .flatten()
            .map(|at| at + NOTE);
        pending.or_else(|| (!watched).then_some(now + SLOW_LOOK))
    }

    /// Gives the oldest bytes back when the log is over its bound. True when there is more to do.
    fn punch(&mut self) -> bool {
        let Some(keep) = self.keep else { return false };
        if self.size - self.kept_from.min(self.size) <= keep + room(keep, self.block) {
            return false;
        }
        let target = (self.size - keep) / self.block * self.block;
        let end = target.min(self.kept_from + PIECE);
        let hurry = self.kept_from + keep + 2 * room(keep, self.block);
        self.starts.look_through(
            &self.file,
            self.index.as_ref(),
            (self.kept_from, end),
            hurry,
        );
        if let Err(error) = file::punch(&self.file, self.kept_from, end) {
            if matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::ENOSYS)) {
                // This file system has no holes: all is kept, as the engine's limits say.
                self.keep = None;
            }
            return false;
        }
        self.kept_from = end;
        if end == target {
            self.punch_index(keep);
        }
        end < target
    }

    /// The index goes as its log goes, and has a bound of its own for logs that grow by a byte a
    /// second.
    fn punch_index(&mut self, keep: u64) {
        let Some(index) = &self.index else { return };
        let size = file::size(index);
        let most = (keep / 8).max(INDEX_LEAST);
        let surplus = size.saturating_sub(most);
        let useless = times::before(index, self.kept_from);
        let target = useless.max(surplus) / self.block * self.block;
        if target >= self.index_kept_from + INDEX_STEP
            && file::punch(index, self.index_kept_from, target).is_ok()
        {
            self.index_kept_from = target;
        }
    }
}

/// What a log may be over what is kept: punching a little at a time would cost more than it gives.
fn room(keep: u64, block: u64) -> u64 {
    (keep / 4).clamp(block, MOST_ROOM)
}

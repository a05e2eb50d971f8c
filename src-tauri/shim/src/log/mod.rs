//! What a shim does for its service's log: notes when it had which length, keeps it within its
//! bound, and sees to it that the first error of each start outlives its line.
//!
//! The service appends to the file by itself, so nothing here stands between them. Old bytes are
//! punched out and never moved: a line's address is its byte offset for ever, readers begin at the
//! first whole line behind the hole, and no line can be lost between a copy and a cut. Nothing is
//! allocated after the start.
//!
//! Nobody wakes for a log at rest: the kernel says once when it is next written to. While it grows
//! it is looked at after as long as a part of the room would take to fill at the pace just seen.

mod starts;
mod times;

use crate::sys::{self, Fd};
use shim::{Intent, index};
use starts::Starts;
use std::ffi::c_int;
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
/// How late timers may come: a thousand shims at rest wake together, one in a flood at once.
const CALM_MS: u64 = 100;
const PROMPT_MS: u64 = 1;

/// A log in the keeping of its shim.
pub(crate) struct Log {
    fd: Fd,
    index: Option<Fd>,
    /// The folder, watched for the next write; -1 where that cannot be had.
    folder: Fd,
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
    prompt: bool,
    starts: Starts,
}

impl Log {
    /// Takes the log over that was opened for the service. Allocates all it will ever need.
    pub(crate) fn new(fd: Fd, intent: &Intent) -> Log {
        let folder = Path::new(&intent.log).parent().and_then(Path::to_str);
        let folder = folder
            .and_then(|folder| std::ffi::CString::new(folder).ok())
            .and_then(|folder| sys::open_folder(&folder));
        let index = sys::open_append(&intent.index);
        let size = sys::size(fd);
        let noted = index.and_then(times::last).map_or(0, |(_, size)| size);
        let now = Instant::now();
        Log {
            fd,
            index,
            folder: folder.unwrap_or(-1),
            keep: intent.keep,
            block: sys::block(fd),
            kept_from: sys::kept_from(fd),
            index_kept_from: index.map_or(0, sys::kept_from),
            size,
            looked: now,
            noted,
            noted_at: None,
            due: Some(now),
            prompt: false,
            starts: Starts::new(intent.runs.as_deref()),
        }
    }

    /// A start begins: what is written from here on is its own.
    pub(crate) fn begins(&mut self, generation: u64) {
        self.note_now();
        // The fork that follows leaves timers as late as those of a shim at rest.
        self.prompt = false;
        self.starts.begins(generation, self.size);
    }

    /// The service's own process has ended: its last lines get their time.
    pub(crate) fn ended(&mut self) {
        self.note_now();
    }

    /// Only what cannot wait: a start or an end is never held up by the log's size.
    fn note_now(&mut self) {
        let now = Instant::now();
        self.size = sys::size(self.fd);
        self.noted_at = None;
        self.note(now);
        self.due = Some(now);
    }

    /// The kernel says that the log, or a file beside it, was written to.
    pub(crate) fn stirred(&mut self) {
        let now = Instant::now();
        if self.due.is_none_or(|due| due > now + FIRST_LOOK) {
            // The pace is measured from here on.
            self.looked = now;
            self.due = Some(now + FIRST_LOOK);
        }
    }

    /// How long `poll` may wait for something else, in milliseconds; `None` is for ever.
    pub(crate) fn wait(&mut self) -> Option<c_int> {
        let due = self.due?;
        let left = due.saturating_duration_since(Instant::now());
        let prompt = left < 2 * LOOK;
        if prompt != self.prompt {
            self.prompt = prompt;
            sys::timer_slack(if prompt { PROMPT_MS } else { CALM_MS });
        }
        // Rounded up, so that it is not asked again for the rest of a millisecond.
        Some(c_int::try_from(left.as_micros().div_ceil(1_000)).unwrap_or(c_int::MAX))
    }

    /// Looks if it is time.
    pub(crate) fn look_if_due(&mut self) {
        if self.due.is_some_and(|due| due <= Instant::now()) {
            self.look();
        }
    }

    fn look(&mut self) {
        let now = Instant::now();
        let size = sys::size(self.fd);
        if size < self.size {
            // Somebody emptied it: what comes now is new.
            self.kept_from = sys::kept_from(self.fd);
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
        if let Some(index) = self.index
            && self.size != self.noted
            && self.noted_at.is_none_or(|at| now - at >= NOTE)
        {
            (self.noted, self.noted_at) = (self.size, Some(now));
            sys::write(index, &index::encode(sys::now(), self.size));
        }
    }

    /// When to look again at a log that grew by so much in this time.
    fn pace(&self, grown: u64, passed: Duration) -> Duration {
        let Some(keep) = self.keep else {
            return SLOW_LOOK;
        };
        // Half of the room is left for what comes faster than it came.
        let part = room(keep, self.block) as f64 / 2.0 / grown as f64;
        passed
            .mul_f64(part.min(1e6))
            .clamp(Duration::from_millis(PROMPT_MS), LOOK)
    }

    /// When to look again at a log that does not grow.
    fn rest(&self, now: Instant) -> Option<Instant> {
        let watched = sys::watch_once(self.folder);
        if sys::size(self.fd) != self.size {
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
        self.starts
            .look_through(self.fd, self.index, (self.kept_from, end), hurry);
        if !sys::punch(self.fd, self.kept_from, end) {
            if matches!(sys::errno(), libc::EOPNOTSUPP | libc::ENOSYS) {
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
        let Some(index) = self.index else { return };
        let size = sys::size(index);
        let most = (keep / 8).max(INDEX_LEAST);
        let surplus = size.saturating_sub(most);
        let useless = times::before(index, self.kept_from);
        let target = useless.max(surplus) / self.block * self.block;
        if target >= self.index_kept_from + INDEX_STEP
            && sys::punch(index, self.index_kept_from, target)
        {
            self.index_kept_from = target;
        }
    }
}

/// What a log may be over what is kept: punching a little at a time would cost more than it gives.
fn room(keep: u64, block: u64) -> u64 {
    (keep / 4).clamp(block, MOST_ROOM)
}

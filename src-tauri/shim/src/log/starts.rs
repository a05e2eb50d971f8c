//! Where each start began in the log, and its first line that looks like an error.
//!
//! A part of the log is looked through just before it is given up: what is still there anybody can
//! look through later. So a log that never reaches its bound costs nothing here.

use super::{file, times};
use crate::runs::{self, Found, Run, SLOT, SLOTS, TEXT};
use crate::trouble;
use std::fs::File;
use std::time::{Duration, Instant};

/// Read at a time: a line that is longer is shown in pieces anyway, of at most this.
const CHUNK: usize = 64 << 10;
/// Where a long line is cut by its readers: at multiples of this, behind a whole block of it.
const BLOCK: u64 = 32 << 10;
/// So many bytes are looked through in a second, and saved up for one. A service that writes more
/// than this, without a single error, is not worth a core.
const ALLOWANCE: u64 = 64 << 20;
/// So much of a part is looked through however fast the log grows: what begins a flood is often the
/// error itself.
const LEAST: u64 = 1 << 20;

/// The newest starts, as they are on disk.
#[derive(Debug)]
pub(super) struct Starts {
    file: Option<File>,
    /// By slot.
    runs: Vec<Option<Run>>,
    /// What comes before was looked through: a line's beginning, or 0.
    looked_to: u64,
    allowance: u64,
    refilled: Instant,
    chunk: Vec<u8>,
}

impl Starts {
    /// Reads what earlier shims left. Allocates all it will ever need.
    pub(super) fn new(path: Option<&str>) -> Starts {
        let file = path.and_then(|path| file::open(path, false).ok());
        let mut runs = vec![None; SLOTS as usize];
        let mut slot = [0; SLOT];
        for (number, run) in (0..).zip(&mut runs) {
            let ring = file.as_ref();
            let read = ring.and_then(|ring| file::read_at(ring, &mut slot, runs::place(number)));
            // Behind the end of the file there is no other.
            if read != Some(SLOT) {
                break;
            }
            *run = runs::decode(&slot).map(|(run, _)| run);
        }
        Starts {
            file,
            runs,
            looked_to: 0,
            allowance: ALLOWANCE,
            refilled: Instant::now(),
            chunk: Vec::with_capacity(CHUNK),
        }
    }

    /// Notes that a start begins.
    pub(super) fn begins(&mut self, generation: u64, begin: u64) {
        let run = Run {
            generation,
            begin,
            at: file::now(),
            unseen: 0,
            error: None,
        };
        self.put(run, b"");
    }

    fn put(&mut self, run: Run, text: &[u8]) {
        let place = runs::place(run.generation);
        self.runs[(place / SLOT as u64) as usize] = Some(run);
        if let Some(file) = &self.file {
            file::write_at(file, &runs::encode(&run, text), place);
        }
    }

    /// The part `from..to` is about to be given up: keeps the first error of each start in it. Once
    /// the log is longer than `hurry` little of it is looked at: the disk is more important.
    pub(super) fn look_through(
        &mut self,
        log: &File,
        index: Option<&File>,
        part: (u64, u64),
        hurry: u64,
    ) {
        let (from, to) = part;
        self.refill();
        let mut at = from.max(self.looked_to);
        let stop = at + LEAST;
        while at < to {
            let (run, run_end) = self.run_of(at);
            let end = run_end.min(to);
            match run {
                Some(mut run) if run.error.is_none() => {
                    let spent = self.allowance < CHUNK as u64;
                    if at >= stop && (spent || file::size(log) > hurry) {
                        run.unseen += end - at;
                        self.put(run, b"");
                        at = end;
                    } else {
                        at = self.look_at(log, index, run, at, run_end).max(at + 1);
                    }
                }
                // Its error is known, or nothing is.
                _ => at = end,
            }
        }
        self.looked_to = at;
    }

    fn refill(&mut self) {
        let now = Instant::now();
        let passed = (now - self.refilled).min(Duration::from_secs(1));
        let more = ALLOWANCE * u64::try_from(passed.as_micros()).unwrap_or(0) / 1_000_000;
        self.allowance = (self.allowance + more).min(ALLOWANCE);
        self.refilled = now;
    }

    /// Whose byte it is at this place, and where the next start's bytes begin.
    fn run_of(&self, at: u64) -> (Option<Run>, u64) {
        let known = || self.runs.iter().flatten();
        let run = known()
            .filter(|run| run.begin <= at)
            .max_by_key(|run| run.generation);
        let next = known().map(|run| run.begin).filter(|begin| *begin > at);
        (run.copied(), next.min().unwrap_or(u64::MAX))
    }

    /// Looks for the first error of a run, whose bytes end at `end`, in a chunk from `from` on;
    /// answers how far it came.
    fn look_at(&mut self, log: &File, index: Option<&File>, run: Run, from: u64, end: u64) -> u64 {
        self.chunk.resize(CHUNK, 0);
        let Some(read @ 1..) = file::read_at(log, &mut self.chunk, from) else {
            return end;
        };
        self.allowance = self.allowance.saturating_sub(read as u64);
        let own = usize::try_from(end - from).unwrap_or(usize::MAX);
        self.chunk.truncate(read.min(own));
        let read = self.chunk.len();
        let lines = self.chunk.iter().rposition(|byte| *byte == b'\n');
        let looked = lines.map_or(read, |newline| newline + 1);
        if let Some(word) = trouble::find(&self.chunk[..looked]) {
            return self.keep(index, run, from, word);
        }
        match lines {
            Some(newline) => from + newline as u64 + 1,
            // A line without an end goes on where its readers would cut it.
            None if read == CHUNK => (from + read as u64) / BLOCK * BLOCK,
            None => from + read as u64,
        }
    }

    /// Keeps the line of the chunk at `at` that holds the byte at `word`; answers where it ends.
    fn keep(&mut self, index: Option<&File>, mut run: Run, at: u64, word: usize) -> u64 {
        let newline = |byte: &u8| *byte == b'\n';
        let begin = self.chunk[..word].iter().rposition(newline);
        let mut begin = begin.map_or(0, |newline| newline + 1);
        let end = self.chunk[word..].iter().position(newline);
        let end = end.map_or(self.chunk.len(), |newline| word + newline + 1);
        // The piece of a long line that readers show.
        let cut = ((at + begin as u64).next_multiple_of(BLOCK) + BLOCK - at) as usize;
        if word >= cut {
            begin = ((at + word as u64) / BLOCK * BLOCK - at) as usize;
        }
        let mut text = [0; TEXT];
        let line = self.chunk[begin..end].trim_ascii_end();
        let length = line.len().min(TEXT);
        text[..length].copy_from_slice(&line[..length]);
        let end = at + end as u64;
        run.error = Some(Found {
            offset: at + begin as u64,
            end,
            at: index
                .and_then(|index| times::time_of(index, end - 1))
                .unwrap_or(0),
        });
        self.put(run, &text[..length]);
        end
    }
}

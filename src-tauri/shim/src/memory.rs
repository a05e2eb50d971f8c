//! Memory that runs out: whom the kernel should rather take, and whether it has taken something.
//! Reads without allocating; what is made of the counts is decided in `shim::kills`.

use crate::sys::{self, Text};
use shim::OutOfMemory;
use shim::kills::{Counts, Kills};
use std::ffi::{CStr, CString};
use std::fmt::Write as _;

/// Where the kernel says how likely a process is to be taken: -1000 to 1000.
const SCORE: &CStr = c"/proc/self/oom_score_adj";

/// So near to its limit a group of version 1 was full: what is asked for when memory runs out is
/// some pages at most.
const SLACK: u64 = 256 * 1024;

/// The counts of one control group: the files they stand in, and what was made of them.
pub(crate) struct Group {
    /// Kills by the kernel: a line `oom_kill N` in both versions.
    kills: CString,
    hits: Hits,
    seen: Kills,
}

/// How it is known that a group's own limit was reached.
enum Hits {
    /// Version 2 counts it, beside the kills.
    Counted,
    /// Version 1 keeps the highest use since it was last set back, with and without swap.
    Highest {
        files: [Option<CString>; 2],
        limit: u64,
        count: u64,
    },
}

impl Group {
    /// The group in a folder, which holds it to so many bytes.
    pub(crate) fn new(limit: u64, folder: &str) -> Option<Group> {
        let file = |name: &str| CString::new(format!("{folder}/{name}")).ok();
        let events = file("memory.events")?;
        let unified = sys::exists(&events);
        let highest = [
            "memory.max_usage_in_bytes",
            "memory.memsw.max_usage_in_bytes",
        ];
        Some(Group {
            kills: if unified {
                events
            } else {
                file("memory.oom_control")?
            },
            hits: if unified {
                Hits::Counted
            } else {
                Hits::Highest {
                    files: highest.map(file),
                    limit,
                    count: 0,
                }
            },
            seen: Kills::default(),
        })
    }

    /// A start: what was before does not count.
    pub(crate) fn begin(&mut self) {
        let counts = self.counts();
        self.seen.begin(counts);
    }

    /// Takes note of the counts.
    pub(crate) fn look(&mut self) {
        let counts = self.counts();
        self.seen.look(counts, sys::monotonic());
    }

    /// Whether something of it has just been killed, and whose memory had run out.
    pub(crate) fn recent(&mut self) -> Option<OutOfMemory> {
        self.look();
        self.seen.recent(sys::monotonic())
    }

    fn counts(&mut self) -> Counts {
        let kills = count(&self.kills, b"oom_kill").unwrap_or(0);
        let hits = match &mut self.hits {
            Hits::Counted => count(&self.kills, b"oom").unwrap_or(0),
            Hits::Highest {
                files,
                limit,
                count: hits,
            } => {
                let mut full = false;
                for file in files.iter().flatten() {
                    let highest = count(file, b"").unwrap_or(0);
                    full |= highest.saturating_add(SLACK) >= *limit;
                    // To what it uses now: the next look sees what was since this one.
                    sys::write_to(file, b"0");
                }
                *hits += u64::from(full);
                *hits
            }
        };
        Counts { kills, hits }
    }
}

fn count(path: &CStr, key: &[u8]) -> Option<u64> {
    // The longest of these files has seven lines of some twenty bytes.
    let mut block = [0; 512];
    let read = sys::read_small(path, &mut block)?;
    shim::kills::number(&block[..read], key)
}

/// Makes the kernel take the keeper after the kept, where it lets us; answers what the service is
/// to be given back.
pub(crate) fn be_spared() -> Option<i32> {
    /// The first is for those who may do so; the others undo what a session has added.
    const WISHES: [i32; 3] = [-900, 0, 100];
    let mut block = [0; 16];
    let read = sys::read_small(SCORE, &mut block)?;
    let own: i32 = std::str::from_utf8(&block[..read])
        .ok()?
        .trim()
        .parse()
        .ok()?;
    let spared = WISHES
        .into_iter()
        .any(|wish| wish < own && write_score(wish));
    spared.then_some(own)
}

/// Gives a service the score its keeper had. Raising it is always allowed.
pub(crate) fn write_score(score: i32) -> bool {
    let mut text = Text::<16>::new();
    write!(text, "{score}").is_ok() && sys::write_to(SCORE, text.bytes())
}

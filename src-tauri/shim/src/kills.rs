//! Whether an end is the kernel's doing: the counts that a control group keeps of what was killed
//! in it for want of memory, and when they went up.
//!
//! An end is put down to that only when the count has just gone up: whoever else sends SIGKILL, it
//! stays one.

use crate::OutOfMemory;

/// How long after the count went up an end is put down to it, in ms. A process gives back gigabytes
/// before it is gone, and its parent may end some time after it.
const RECENT: u64 = 10_000;

/// The counts of one group at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Processes in the group that the kernel has killed, for whatever reason memory ran out.
    pub kills: u64,
    /// How often the group's own limit was reached; only that it went up counts.
    pub hits: u64,
}

/// What is made of the counts of one start.
#[derive(Debug, Clone, Default)]
pub struct Kills {
    kills: u64,
    /// At the last two looks: the limit may have been reached just before one, and the kill come
    /// just after it.
    hits: [u64; 2],
    moved: Option<(u64, OutOfMemory)>,
}

impl Kills {
    /// A start: what was before does not count.
    pub fn begin(&mut self, counts: Counts) {
        self.kills = counts.kills;
        self.hits = [counts.hits; 2];
        self.moved = None;
    }

    /// Takes note of the counts; `now` is in milliseconds of a clock that nobody sets. Called about
    /// once a second, so that a kill is known while it is recent.
    pub fn look(&mut self, counts: Counts, now: u64) {
        if counts.kills > self.kills {
            let whose = if counts.hits > self.hits[0] {
                OutOfMemory::OwnLimit
            } else {
                OutOfMemory::Machine
            };
            self.kills = counts.kills;
            self.moved = Some((now, whose));
        }
        self.hits = [self.hits[1], counts.hits];
    }

    /// Whether something has just been killed, and whose memory had run out.
    pub fn recent(&self, now: u64) -> Option<OutOfMemory> {
        let (at, whose) = self.moved?;
        (now.saturating_sub(at) <= RECENT).then_some(whose)
    }
}

/// The number on the line that begins with this key and a blank; without a key, the file's number.
pub fn number(text: &[u8], key: &[u8]) -> Option<u64> {
    text.split(|byte| *byte == b'\n').find_map(|line| {
        let digits = match key {
            b"" => line,
            key => line.strip_prefix(key)?.strip_prefix(b" ")?,
        };
        std::str::from_utf8(digits).ok()?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_of_both_versions_are_read() {
        let unified = b"low 0\nhigh 0\nmax 31\noom 2\noom_kill 3\noom_group_kill 7\n";
        assert_eq!(number(unified, b"oom_kill"), Some(3));
        assert_eq!(number(unified, b"oom"), Some(2));
        let legacy = b"oom_kill_disable 0\nunder_oom 0\noom_kill 4\n";
        assert_eq!(number(legacy, b"oom_kill"), Some(4));
        assert_eq!(number(b"17\n", b""), Some(17));
        assert_eq!(number(b"", b""), None);
        assert_eq!(number(b"oom_kill many\n", b"oom_kill"), None);
    }

    #[test]
    fn only_what_was_counted_in_this_start_is_the_kernels_doing() {
        let counts = |kills, hits| Counts { kills, hits };
        let mut seen = Kills::default();
        seen.begin(counts(5, 5));
        seen.look(counts(5, 9), 100);
        assert_eq!(seen.recent(100), None, "nothing was killed");
        seen.look(counts(6, 10), 200);
        assert_eq!(seen.recent(200), Some(OutOfMemory::OwnLimit));
        assert_eq!(seen.recent(200 + RECENT), Some(OutOfMemory::OwnLimit));
        assert_eq!(seen.recent(201 + RECENT), None, "it was long ago");
        seen.begin(counts(6, 10));
        seen.look(counts(6, 10), 300);
        assert_eq!(seen.recent(300), None, "it was the last start's");
        seen.look(counts(7, 10), 400);
        assert_eq!(seen.recent(400), Some(OutOfMemory::Machine));
        for now in [500, 600, 700] {
            seen.look(counts(7, 12), now);
        }
        seen.look(counts(8, 12), 800);
        assert_eq!(
            seen.recent(800),
            Some(OutOfMemory::Machine),
            "its own limit was reached before, not now"
        );
        seen.look(counts(8, 13), 900);
        seen.look(counts(9, 13), 1_000);
        assert_eq!(
            seen.recent(1_000),
            Some(OutOfMemory::OwnLimit),
            "a look fell between the two"
        );
    }
}

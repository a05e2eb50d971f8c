//! CPU and memory of whole process trees, read from `/proc`.

use model::Timestamp;
use model::view::Usage;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::time::Instant;

/// Reads usage; remembers the last reading, because CPU is a difference of two.
#[derive(Debug)]
pub struct Sampler {
    last: BTreeMap<u32, Stat>,
    at: Option<Instant>,
    /// The last reading again, in clock ticks since the machine was booted.
    looked: u64,
    ticks_per_second: f64,
    page: u64,
    path: String,
    buffer: Vec<u8>,
}

/// What is taken from `/proc/PID/stat`. Times are in clock ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stat {
    /// Since the machine was booted; with the pid it tells one process from another.
    started: u64,
    /// CPU time of its own.
    own: u64,
    /// CPU time of its children that have ended and were waited for, and of theirs.
    children: u64,
    pages: u64,
    /// It has ended and nobody has waited for it.
    dead: bool,
}

impl Stat {
    fn whole(&self) -> u64 {
        self.own + self.children
    }
}

impl Default for Sampler {
    fn default() -> Self {
        Self::new()
    }
}

impl Sampler {
    /// A sampler that has read nothing yet: its first reading knows no CPU.
    pub fn new() -> Self {
        Self {
            last: BTreeMap::new(),
            at: None,
            looked: u64::MAX,
            // Both are small positive numbers on every machine.
            ticks_per_second: rustix::param::clock_ticks_per_second() as f64,
            page: rustix::param::page_size() as u64,
            path: String::with_capacity(32),
            buffer: Vec::with_capacity(1_024),
        }
    }

    /// The usage of each tree, in the order given. Processes that are gone count nothing; a pid
    /// that was given to another process in between begins anew. Memory is what is resident, so
    /// pages that a tree's processes share count more than once.
    pub fn sample<Key: Clone>(&mut self, trees: &[(Key, Vec<u32>)]) -> Vec<(Key, Usage)> {
        let now = Instant::now();
        let seconds = self
            .at
            .replace(now)
            .map(|at| now.duration_since(at).as_secs_f64());
        let before = std::mem::take(&mut self.last);
        let ticks = self.ticks_since_boot();
        let looked = std::mem::replace(&mut self.looked, ticks);
        let mut result = Vec::with_capacity(trees.len());
        for (key, pids) in trees {
            let mut usage = Usage::default();
            let mut ticks = Ticks::default();
            for pid in pids {
                let Some(stat) = self.stat(*pid) else {
                    if let Some(gone) = before.get(pid) {
                        ticks.gone += gone.whole();
                    }
                    continue;
                };
                if !stat.dead {
                    usage.files = usage.files.max(self.files(*pid));
                    usage.processes += 1;
                    usage.memory += stat.pages * self.page;
                }
                ticks.add(before.get(pid), &stat, looked);
                self.last.insert(*pid, stat);
            }
            if let Some(seconds) = seconds.filter(|seconds| *seconds > 0.0) {
                usage.cpu = (ticks.used() as f64 / self.ticks_per_second / seconds) as f32;
            }
            result.push((key.clone(), usage));
        }
        result
    }

    /// The clock that processes' starts are told in. Unreadable, no process counts as new.
    fn ticks_since_boot(&self) -> u64 {
        let uptime = std::fs::read_to_string("/proc/uptime").unwrap_or_default();
        let seconds = uptime
            .split(' ')
            .next()
            .and_then(|text| text.parse::<f64>().ok());
        seconds.map_or(u64::MAX, |seconds| (seconds * self.ticks_per_second) as u64)
    }

    /// How many files a process has open: the size of its folder of them, since Linux 6.2. Nothing is
    /// opened and nothing is listed.
    fn files(&mut self, pid: u32) -> u32 {
        use std::fmt::Write;
        self.path.clear();
        let written = write!(self.path, "/proc/{pid}/fd");
        let size = written
            .ok()
            .and_then(|()| std::fs::metadata(&self.path).ok());
        size.map_or(0, |folder| u32::try_from(folder.len()).unwrap_or(u32::MAX))
    }

    fn stat(&mut self, pid: u32) -> Option<Stat> {
        use std::fmt::Write;
        self.path.clear();
        write!(self.path, "/proc/{pid}/stat").ok()?;
        self.buffer.clear();
        let mut file = File::open(&self.path).ok()?;
        file.read_to_end(&mut self.buffer).ok()?;
        parse(&self.buffer)
    }
}

/// When each of these processes began, as far as it can be seen.
pub fn began(pids: &[u32], now: Timestamp) -> BTreeMap<u32, Timestamp> {
    let mut sampler = Sampler::new();
    let ticks = sampler.ticks_since_boot();
    if ticks == u64::MAX {
        return BTreeMap::new();
    }
    let began = pids.iter().filter_map(|pid| {
        let started = sampler.stat(*pid)?.started;
        let age = ticks.saturating_sub(started) as f64 / sampler.ticks_per_second;
        Some((*pid, Timestamp(now.0 - (age * 1_000.0) as i64)))
    });
    began.collect()
}

/// The CPU time of a tree between two readings.
#[derive(Default)]
struct Ticks {
    own: u64,
    children: u64,
    /// What processes had used that are no more. It comes back as their parents' children's.
    gone: u64,
}

impl Ticks {
    fn add(&mut self, before: Option<&Stat>, stat: &Stat, looked: u64) {
        match before {
            Some(before) if before.started == stat.started => {
                self.own += stat.own.saturating_sub(before.own);
                self.children += stat.children.saturating_sub(before.children);
            }
            // Everything a process has used that was started since the last look, it has used
            // since. One that is older is new to us only, as after an adoption.
            _ if stat.started >= looked => {
                self.own += stat.own;
                self.children += stat.children;
            }
            _ => {}
        }
    }

    fn used(&self) -> u64 {
        self.own + self.children.saturating_sub(self.gone)
    }
}

/// Reads the fields after the command, which may hold spaces and parentheses itself.
fn parse(stat: &[u8]) -> Option<Stat> {
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(stat.get(end + 2..)?).ok()?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    // Counted from the state, which is field 3 of proc_pid_stat(5).
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    Some(Stat {
        own: field(14)? + field(15)?,
        // Signed there, and never negative.
        children: field(16)? + field(17)?,
        started: field(22)?,
        pages: field(24)?,
        dead: matches!(fields.first(), Some(&("Z" | "X"))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_with_parentheses_does_not_shift_the_fields() {
        let stat = b"42 (a) b) c) S 1 42 42 0 -1 4194560 95 0 0 0 7 5 3 2 20 0 1 0 9000 2629632 300 18446744073709551615";
        let parsed = parse(stat).unwrap();
        let expected = Stat {
            started: 9_000,
            own: 12,
            children: 5,
            pages: 300,
            dead: false,
        };
        assert_eq!(parsed, expected);
        assert_eq!(parse(b"42 (a"), None);
        assert_eq!(parse(b""), None);
    }

    #[test]
    fn this_process_uses_memory_and_a_missing_one_nothing() {
        let mut sampler = Sampler::new();
        let own = std::process::id();
        let usage = sampler.sample(&[("own", vec![own]), ("none", vec![u32::MAX])]);
        assert!(usage[0].1.memory > 0 && usage[0].1.processes == 1);
        let listed = std::fs::read_dir("/proc/self/fd").unwrap().count();
        let counted = usage[0].1.files as usize;
        // Tests beside this one open files, too; older kernels do not count.
        assert!(
            counted == 0 || counted.abs_diff(listed) < 50,
            "{counted} of {listed}"
        );
        let began = began(&[own, u32::MAX], Timestamp(1_000_000_000));
        assert_eq!(began.len(), 1);
        assert!(began[&own].0 <= 1_000_000_000);
        assert_eq!(usage[1].1, Usage::default());
    }

    #[test]
    fn a_busy_process_shows_cpu() {
        let mut sampler = Sampler::new();
        let trees = [((), vec![std::process::id()])];
        sampler.sample(&trees);
        // Work until the clock of ticks has seen it.
        let mut work = 1_u64;
        let seen = (0..1_000).any(|_| {
            for n in 0..2_000_000_u64 {
                work = std::hint::black_box(work.wrapping_mul(n | 1));
            }
            sampler.sample(&trees)[0].1.cpu > 0.0
        });
        assert!(seen);
    }

    fn stat(started: u64, own: u64, children: u64) -> Stat {
        Stat {
            started,
            own,
            children,
            pages: 0,
            dead: false,
        }
    }

    #[test]
    fn a_tree_is_charged_once_for_what_it_used() {
        // A child that was known ends: its parent inherits what it had used.
        let mut ticks = Ticks::default();
        ticks.add(Some(&stat(1, 10, 0)), &stat(1, 12, 57), 2);
        ticks.gone = 50;
        assert_eq!(ticks.used(), 2 + 7);
        // One that nobody of the tree waited for takes nothing from the others.
        let mut ticks = Ticks::default();
        ticks.add(Some(&stat(1, 10, 0)), &stat(1, 12, 0), 2);
        ticks.gone = 50;
        assert_eq!(ticks.used(), 2);
    }

    #[test]
    fn old_processes_that_are_new_to_us_are_no_peak() {
        let mut ticks = Ticks::default();
        ticks.add(None, &stat(100, 360_000, 5), 9_000);
        assert_eq!(ticks.used(), 0);
        // Really new, and a pid that was given away again.
        ticks.add(None, &stat(9_500, 30, 1), 9_000);
        ticks.add(Some(&stat(7, 1_000, 1_000)), &stat(9_600, 4, 0), 9_000);
        assert_eq!(ticks.used(), 35);
    }
}

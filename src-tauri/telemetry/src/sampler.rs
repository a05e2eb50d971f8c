//! CPU and memory of whole process trees, read from `/proc`.

use model::view::Usage;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::time::Instant;

/// Reads usage; remembers the last reading, because CPU is a difference of two.
#[derive(Debug)]
pub struct Sampler {
    /// By pid: when it started, and the CPU time it had used, in clock ticks.
    last: BTreeMap<u32, (u64, u64)>,
    at: Option<Instant>,
    ticks_per_second: f64,
    page: u64,
    buffer: Vec<u8>,
}

/// What is taken from `/proc/PID/stat`.
struct Stat {
    started: u64,
    used: u64,
    pages: u64,
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
            // Both are small positive numbers on every machine.
            ticks_per_second: rustix::param::clock_ticks_per_second() as f64,
            page: rustix::param::page_size() as u64,
            buffer: Vec::with_capacity(1_024),
        }
    }

    /// The usage of each tree, in the order given. Processes that are gone count nothing; a pid
    /// that was given to another process in between begins anew.
    pub fn sample<Key: Clone>(&mut self, trees: &[(Key, Vec<u32>)]) -> Vec<(Key, Usage)> {
        let now = Instant::now();
        let seconds = self
            .at
            .replace(now)
            .map(|at| now.duration_since(at).as_secs_f64());
        let mut current = BTreeMap::new();
        let mut result = Vec::with_capacity(trees.len());
        for (key, pids) in trees {
            let mut usage = Usage::default();
            for pid in pids {
                let Some(stat) = self.stat(*pid) else {
                    continue;
                };
                usage.processes += 1;
                usage.memory += stat.pages * self.page;
                if let Some(seconds) = seconds.filter(|seconds| *seconds > 0.0) {
                    let before = match self.last.get(pid) {
                        Some((started, used)) if *started == stat.started => *used,
                        // Everything a new process has used, it has used since.
                        _ => 0,
                    };
                    let ticks = stat.used.saturating_sub(before) as f64;
                    usage.cpu += (ticks / self.ticks_per_second / seconds) as f32;
                }
                current.insert(*pid, (stat.started, stat.used));
            }
            result.push((key.clone(), usage));
        }
        self.last = current;
        result
    }

    fn stat(&mut self, pid: u32) -> Option<Stat> {
        self.buffer.clear();
        let mut file = File::open(format!("/proc/{pid}/stat")).ok()?;
        file.read_to_end(&mut self.buffer).ok()?;
        parse(&self.buffer)
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
        used: field(14)? + field(15)?,
        started: field(22)?,
        pages: field(24)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_with_parentheses_does_not_shift_the_fields() {
        let stat = b"42 (a) b) c) S 1 42 42 0 -1 4194560 95 0 0 0 7 5 0 0 20 0 1 0 9000 2629632 300 18446744073709551615";
        let stat = parse(stat).unwrap();
        assert_eq!((stat.used, stat.started, stat.pages), (12, 9_000, 300));
    }

    #[test]
    fn this_process_uses_memory_and_a_missing_one_nothing() {
        let mut sampler = Sampler::new();
        let own = std::process::id();
        let usage = sampler.sample(&[("own", vec![own]), ("none", vec![u32::MAX])]);
        assert!(usage[0].1.memory > 0 && usage[0].1.processes == 1);
        assert_eq!(usage[1].1, Usage::default());
    }
}

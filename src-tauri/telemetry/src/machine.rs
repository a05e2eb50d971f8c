//! What the machine has to spare, read from `/proc`, and whose connections wait to be accepted. Asked by
//! the engine only while there is a service that instances may be added to.

use crate::connections::backlogs;
use std::collections::BTreeMap;
use std::time::Instant;

/// Reads it; remembers the last reading, because idle CPU is a difference of two.
#[derive(Debug, Default)]
pub struct Machine {
    last: Option<(Instant, u64)>,
}

/// One reading.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reading {
    /// Cores that had nothing to do since the last reading, and bytes of memory that can be had; `None`
    /// before the second one, and where it cannot be read.
    pub spare: Option<(f32, u64)>,
    /// By TCP port, how many connections wait to be accepted; only where some do.
    pub waiting: BTreeMap<u16, u32>,
}

impl Machine {
    /// Reads once. Takes some hundred microseconds.
    pub fn read(&mut self) -> Reading {
        let now = Instant::now();
        let idle = std::fs::read_to_string("/proc/stat").ok();
        let idle = idle.as_deref().and_then(idle_ticks);
        let before = std::mem::replace(&mut self.last, idle.map(|idle| (now, idle)));
        let memory = std::fs::read_to_string("/proc/meminfo").ok();
        let memory = memory.as_deref().and_then(available);
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        let cpu = before.zip(idle).and_then(|((at, before), idle)| {
            let seconds = now.duration_since(at).as_secs_f64();
            let used = idle.saturating_sub(before) as f64 / ticks;
            (seconds > 0.0).then(|| (used / seconds) as f32)
        });
        Reading {
            spare: cpu.zip(memory),
            waiting: backlogs(),
        }
    }
}

/// Ticks in which some core had nothing to do, waiting for a disk included.
fn idle_ticks(stat: &str) -> Option<u64> {
    let all = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let mut fields = all.split_ascii_whitespace().skip(3);
    let idle: u64 = fields.next()?.parse().ok()?;
    let disk: u64 = fields.next()?.parse().ok()?;
    Some(idle + disk)
}

fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.split_ascii_whitespace().next()?.parse().ok()?;
    kib.checked_mul(1_024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn tables_of_the_kernel_are_read() {
        let stat = "cpu  10 2 30 4000 50 0 1 0 0 0\ncpu0 10 2 30 4000 50 0 1 0 0 0\n";
        assert_eq!(idle_ticks(stat), Some(4_050));
        assert_eq!(idle_ticks("cpu0 1 2"), None);
        let memory = "MemTotal:       16 kB\nMemFree:   1 kB\nMemAvailable:   8 kB\n";
        assert_eq!(available(memory), Some(8_192));
        assert_eq!(available(""), None);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test stands in for a service")]
    fn who_waits_to_be_accepted_is_seen_and_who_was_accepted_is_not() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut machine = Machine::default();
        assert_eq!(machine.read().spare, None, "that is a difference of two");
        let clients: Vec<TcpStream> = (0..3)
            .map(|_| TcpStream::connect(("127.0.0.1", port)).unwrap())
            .collect();
        let read = machine.read();
        assert_eq!(read.waiting.get(&port), Some(&3), "{read:?}");
        let (cpu, memory) = read.spare.unwrap();
        assert!(cpu >= 0.0 && memory > 0);
        let accepted: Vec<_> = (0..3).map(|_| listener.accept().unwrap()).collect();
        assert_eq!(machine.read().waiting.get(&port), None);
        drop((clients, accepted));
    }
}

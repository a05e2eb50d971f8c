//! What a process is, and how it ended.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Counts the starts of one instance, from 1. A word about an older generation is old news.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    ts_rs::TS,
)]
#[serde(transparent)]
#[ts(type = "number")]
pub struct Generation(pub u64);

impl Generation {
    /// The generation after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Anchors a pid to one process: a pid alone is reused, all three together are not.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Anchor {
    /// `/proc/sys/kernel/random/boot_id`.
    pub boot_id: String,
    /// Process id.
    pub pid: u32,
    /// Field 22 of `/proc/PID/stat`: start time in clock ticks since boot.
    pub start_ticks: u64,
}

/// How a process ended: as its direct parent saw it, or unknown. Never invented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case", tag = "kind", content = "value")]
pub enum ExitStatus {
    /// It exited with this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
    /// Nobody was there to see.
    Unknown,
    /// The kernel ended it, or one of its processes, because it used more memory than it may: told
    /// only when the kernel's own count of such ends went up during this very start.
    OutOfMemory {
        /// How much it may use, in bytes; `null` when it was not over its own limit and the machine,
        /// or a group above, had nothing left.
        #[ts(type = "number | null")]
        limit: Option<u64>,
        /// The code its own process exited with, when that was not the one that was killed.
        code: Option<i32>,
    },
}

impl ExitStatus {
    /// True for exit code 0.
    pub fn success(self) -> bool {
        self == ExitStatus::Code(0)
    }
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExitStatus::Code(code) => write!(f, "exited with code {code}"),
            ExitStatus::Signal(signal) => match signal_name(*signal) {
                Some(name) => write!(f, "was ended by {name}"),
                None => write!(f, "was ended by signal {signal}"),
            },
            ExitStatus::Unknown => f.write_str("ended with unknown status"),
            ExitStatus::OutOfMemory { limit, code } => {
                match code {
                    None => f.write_str("was killed by the kernel: out of memory")?,
                    Some(code) => write!(
                        f,
                        "exited with code {code} after the kernel killed a process of it: out of \
                         memory"
                    )?,
                }
                match limit {
                    Some(limit) => write!(f, " (limit {})", bytes(*limit)),
                    None => f.write_str(" (the machine's, not its own limit)"),
                }
            }
        }
    }
}

/// An amount of memory for people, in the largest unit that is exact: "64 MB", "1 GiB". A limit is
/// told as it was written.
pub fn bytes(bytes: u64) -> String {
    let units = [
        ("TiB", 1 << 40),
        ("TB", 1_000_000_000_000),
        ("GiB", 1 << 30),
        ("GB", 1_000_000_000),
        ("MiB", 1 << 20),
        ("MB", 1_000_000),
        ("KiB", 1 << 10),
        ("kB", 1_000),
    ];
    let exact = units
        .iter()
        .filter(|(_, unit)| bytes >= *unit && bytes.is_multiple_of(*unit))
        .max_by_key(|(_, unit)| *unit);
    match exact {
        Some((name, unit)) => format!("{} {name}", bytes / unit),
        None => format!("{bytes} bytes"),
    }
}

/// The usual name of a signal by its Linux number; these numbers are the same on macOS.
pub fn signal_name(signal: i32) -> Option<&'static str> {
    Some(match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_told_as_it_was_written() {
        for (amount, said) in [
            (64_000_000, "64 MB"),
            (64 << 20, "64 MiB"),
            (1_500_000_000, "1500 MB"),
            (1 << 30, "1 GiB"),
            (2_000_000_000, "2 GB"),
            (1_000_001, "1000001 bytes"),
        ] {
            assert_eq!(bytes(amount), said);
        }
    }

    #[test]
    fn out_of_memory_is_told_with_the_limit() {
        let limit = Some(64_000_000);
        assert_eq!(
            ExitStatus::OutOfMemory { limit, code: None }.to_string(),
            "was killed by the kernel: out of memory (limit 64 MB)"
        );
        let child = ExitStatus::OutOfMemory {
            limit,
            code: Some(1),
        };
        assert!(child.to_string().starts_with("exited with code 1 after"));
        assert!(!child.success());
    }
}

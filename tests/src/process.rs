//! Processes as the kernel shows them.

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::fs;

/// Sends a signal to a process that is there.
///
/// # Panics
/// When it is not there or not ours.
pub fn signal(pid: u32, signal: Signal) {
    let number = i32::try_from(pid)
        .ok()
        .and_then(Pid::from_raw)
        .expect("a pid");
    let pidfd = pidfd_open(number, PidfdFlags::empty())
        .unwrap_or_else(|error| panic!("no process {pid}: {error}"));
    pidfd_send_signal(&pidfd, signal)
        .unwrap_or_else(|error| panic!("failed to signal {pid}: {error}"));
}

/// Sends a signal to a process that may be gone.
pub fn try_signal(pid: u32, signal: Signal) {
    let number = i32::try_from(pid).ok().and_then(Pid::from_raw);
    if let Some(pidfd) = number.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()) {
        // Gone in between.
        let _ = pidfd_send_signal(&pidfd, signal);
    }
}

/// The letter of its state: `R`, `S`, `T`, `Z` …
pub fn state(pid: u32) -> Option<char> {
    stat(pid)?.first()?.chars().next()
}

/// `kill -9` of a process that may have ended, and whose number may be another's by now: only if its
/// command holds `command`. True when it was sent.
pub fn kill_if(pid: u32, holds: &str) -> bool {
    let number = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let pidfd = number.and_then(|number| pidfd_open(number, PidfdFlags::empty()).ok());
    // Asked after it was opened, so the answer is about what is signalled.
    pidfd.is_some_and(|pidfd| {
        command(pid).contains(holds) && pidfd_send_signal(&pidfd, Signal::KILL).is_ok()
    })
}

/// `kill -9`.
pub fn kill(pid: u32) {
    signal(pid, Signal::KILL);
}

/// True while it runs; the dead that nobody has reaped do not.
pub fn lives(pid: u32) -> bool {
    stat(pid).is_some_and(|fields| !matches!(fields.first().map(String::as_str), Some("Z" | "X")))
}

/// When it was started, in ticks since boot: with the pid this names one process.
pub fn started(pid: u32) -> Option<u64> {
    stat(pid)?.get(19)?.parse().ok()
}

/// For how long it has been there.
pub fn age(pid: u32) -> Option<std::time::Duration> {
    let up = fs::read_to_string("/proc/uptime").ok()?;
    let up: f64 = up.split(' ').next()?.parse().ok()?;
    // A hundred ticks a second, as everywhere in this file.
    let began = started(pid)? as f64 / 100.0;
    std::time::Duration::try_from_secs_f64(up - began).ok()
}

/// What it was started as.
pub fn command(pid: u32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes)
        .replace('\0', " ")
        .trim_end()
        .to_owned()
}

/// The user it runs as.
pub fn user(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// CPU time it has used, in clock ticks (100 a second).
pub fn cpu_ticks(pid: u32) -> Option<u64> {
    let fields = stat(pid)?;
    Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
}

/// Its share of memory in kilobytes: what is its own, and its part of what it shares (PSS); and what
/// is its own alone.
pub fn memory_kb(pid: u32) -> Option<(u64, u64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let sum = |names: &[&str]| {
        text.lines()
            .filter(|line| names.iter().any(|name| line.starts_with(name)))
            .filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok())
            .sum()
    };
    Some((sum(&["Pss:"]), sum(&["Private_Clean:", "Private_Dirty:"])))
}

/// What it has written to, in kilobytes. Pages of a program's file do not count: those are its own alone as soon as
/// others that run the same program have ended.
pub fn written_kb(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Every process there is.
pub fn all() -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

/// The parent of a process.
pub fn parent(pid: u32) -> Option<u32> {
    stat(pid)?.get(1)?.parse().ok()
}

/// The fields of `/proc/PID/stat` after the command: state, parent, …
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(
        text.rsplit_once(')')?
            .1
            .split_whitespace()
            .map(str::to_owned)
            .collect(),
    )
}

/// Connections to a port of this machine in which something waits to be read by who listens there.
pub fn unread(port: u16) -> usize {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    let here = format!("0100007F:{port:04X}");
    let waits = |line: &&str| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let (local, queues) = (fields.next(), fields.nth(2));
        let received = queues.and_then(|queues| queues.split_once(':'));
        local == Some(here.as_str())
            && received
                .is_some_and(|(_, bytes)| u64::from_str_radix(bytes, 16).is_ok_and(|n| n > 1))
    };
    // The listening socket counts there who has not been let in.
    table
        .lines()
        .skip(1)
        .filter(|line| !line.contains(" 00000000:0000 "))
        .filter(waits)
        .count()
}

//! What anchors a process: the boot and its start time.

use model::{Anchor, Timestamp};
use std::io;
use std::sync::OnceLock;

/// The boot this machine runs in.
///
/// # Errors
/// When `/proc` is not there.
pub fn boot_id() -> io::Result<&'static str> {
    static BOOT: OnceLock<String> = OnceLock::new();
    if let Some(boot) = BOOT.get() {
        return Ok(boot);
    }
    let boot = shim::anchor::boot_id()?;
    Ok(BOOT.get_or_init(|| boot))
}

/// When a process started, in clock ticks since boot; `None` when there is no such process.
pub fn start_ticks(pid: u32) -> Option<u64> {
    shim::anchor::start_ticks(&std::fs::read(format!("/proc/{pid}/stat")).ok()?)
}

/// The anchor of a process that runs now.
pub fn anchor(pid: u32) -> Option<Anchor> {
    let start_ticks = start_ticks(pid)?;
    Some(Anchor {
        boot_id: boot_id().ok()?.to_owned(),
        pid,
        start_ticks,
    })
}

/// When something happened that the kernel dates in clock ticks since boot, to the second.
pub(crate) fn wall_of(start_ticks: u64) -> Option<Timestamp> {
    let stat = std::fs::read_to_string("/proc/stat").ok()?;
    let boot = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
    let boot: i64 = boot.trim().parse().ok()?;
    let since = start_ticks.checked_mul(1_000)? / rustix::param::clock_ticks_per_second();
    let since = i64::try_from(since).ok()?;
    Some(Timestamp(boot.checked_mul(1_000)?.checked_add(since)?))
}

/// Wall time in Unix milliseconds, for records that people read.
pub(crate) fn wall_ms() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |t| i64::try_from(t.as_millis()).unwrap_or(i64::MAX))
}

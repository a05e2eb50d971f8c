//! Whether the engine has descriptors left for one more service.
//!
//! Every service takes a few for as long as it runs. The last ones are kept for what comes and goes:
//! who asks the engine, probes, files. Without them an engine that watches as many services as it
//! can could not even be told to stop one.

use crate::refusal::Refusal;
use rustix::fs::{Mode, OFlags, open};
use rustix::process::{Resource, getrlimit};
use std::os::fd::AsRawFd;

/// Kept, at most.
const KEPT: u64 = 64;

/// A start is to be put off when this is not `Ok`.
pub(crate) fn for_one_more() -> Result<(), Refusal> {
    let Some(limit) = getrlimit(Resource::Nofile).current else {
        return Ok(());
    };
    let lowest = open("/dev/null", OFlags::CLOEXEC, Mode::empty());
    let lowest = lowest.map_err(|error| Refusal::of("open a file", &error.into()))?;
    // As long as a low number is free, not many are taken: they are given from below.
    if u64::try_from(lowest.as_raw_fd()).unwrap_or(0) < limit / 2 {
        return Ok(());
    }
    let open = std::fs::read_dir("/proc/self/fd");
    let open = open.map_err(|error| Refusal::of("count its files", &error))?;
    let kept = KEPT.min(limit / 4);
    match open.count() as u64 + kept <= limit {
        true => Ok(()),
        false => Err(Refusal::short(
            "the engine has no file descriptors left",
            &format!("keep {kept} of {limit} for its own work"),
        )),
    }
}

//! A control group that holds an engine, and all it starts, to a number of processes.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// A control group that counts processes.
#[derive(Debug)]
pub(super) struct Group(pub(super) PathBuf);

impl Group {
    pub(super) fn new() -> Result<Self, String> {
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let pids = mounts.lines().find(|line| {
            let (_, kind) = line.split_once(" - ").unwrap_or_default();
            kind.starts_with("cgroup ") && kind.split(',').any(|word| word.trim() == "pids")
        });
        let place = pids.and_then(|line| line.split(' ').nth(4));
        let place = place.ok_or("no control groups of version 1 that count processes")?;
        let folder = Path::new(place).join(format!("azora-few-{}", std::process::id()));
        std::fs::create_dir(&folder)
            .map_err(|error| format!("failed to make {}: {error}", folder.display()))?;
        Ok(Self(folder))
    }

    pub(super) fn now(&self) -> u64 {
        let text = std::fs::read_to_string(self.0.join("pids.current")).unwrap_or_default();
        text.trim().parse().unwrap_or(0)
    }

    pub(super) fn most(&self, most: Option<u64>) {
        let text = most.map_or_else(|| "max".to_owned(), |most| most.to_string());
        std::fs::write(self.0.join("pids.max"), text).expect("the group is ours");
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Groups of instances lie below it, and are gone with them.
        let _ = testkit::eventually(Duration::from_secs(5), || {
            std::fs::remove_dir(&self.0).is_ok() || !self.0.exists()
        });
    }
}

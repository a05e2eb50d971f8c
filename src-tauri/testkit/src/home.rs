//! Scratch homes.

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A folder to use as `AZORA_HOME`, under a short path (sockets have 108 bytes). When it is
/// dropped, every process that belongs to it is ended and the folder removed.
///
/// What belongs to it is found without the code under test: a process whose command line or
/// environment names this folder or its id, one in a control group named for it, and everything
/// that descends from these.
#[derive(Debug)]
pub struct Home {
    /// Removes itself when dropped.
    _folder: tempfile::TempDir,
    path: PathBuf,
    /// Nothing that is older belongs to it: ticks since the machine's start.
    since: u64,
}

impl Home {
    /// Makes one.
    ///
    /// # Panics
    /// When the folder cannot be made.
    #[expect(clippy::new_without_default, reason = "making a folder is no default")]
    pub fn new() -> Home {
        let folder = tempfile::Builder::new()
            .prefix("az-")
            .rand_bytes(6)
            .tempdir_in("/tmp")
            .expect("a scratch folder in /tmp");
        let path = fs::canonicalize(folder.path()).expect("the folder just made");
        Home {
            _folder: folder,
            path,
            since: uptime().saturating_sub(2),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its short name in environments and control groups.
    pub fn id(&self) -> String {
        shim::home_id(&self.path)
    }

    /// Processes that belong to this home now, without the test's own. The dead that nobody has
    /// reaped do not count.
    pub fn processes(&self) -> Vec<u32> {
        let path = self.path.to_string_lossy().into_owned();
        let marks = [
            format!("{}={}\0", shim::ENV_HOME_ID, self.id()),
            format!("AZORA_HOME={path}\0"),
        ];
        let group = format!("/azora-{}/", self.id());
        let own = std::process::id();
        let mut parents = Vec::new();
        let mut found = BTreeSet::new();
        for pid in pids() {
            let read = |name: &str| {
                fs::read(format!("/proc/{pid}/{name}"))
                    .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
                    .unwrap_or_default()
            };
            let Some((state, parent, begun)) = stat(&read("stat")) else {
                continue;
            };
            // Most processes of a machine are older, and one look saves three more at each.
            if pid == own || begun < self.since || matches!(state, 'Z' | 'X') {
                continue;
            }
            parents.push((pid, parent));
            let environ = read("environ");
            if marks.iter().any(|mark| environ.contains(mark.as_str()))
                || read("cmdline").contains(&path)
                || read("cgroup").contains(&group)
            {
                found.insert(pid);
            }
        }
        loop {
            let more: Vec<u32> = parents
                .iter()
                .filter(|(pid, parent)| found.contains(parent) && !found.contains(pid))
                .map(|(pid, _)| *pid)
                .collect();
            if more.is_empty() {
                return found.into_iter().collect();
            }
            found.extend(more);
        }
    }

    fn end_processes(&self) {
        // Twice nothing, because a process may fork while it is being looked for.
        let mut empty = 0;
        let _ = crate::eventually(std::time::Duration::from_secs(10), || {
            let found = self.processes();
            // Opened first and looked at again then: a number cannot come to mean another process
            // between that look and the signal.
            let open: Vec<_> = found
                .iter()
                .filter_map(|pid| Some((*pid, open(*pid)?)))
                .collect();
            let still = if open.is_empty() {
                Vec::new()
            } else {
                self.processes()
            };
            for (_, pidfd) in open.iter().filter(|(pid, _)| still.contains(pid)) {
                let _ = pidfd_send_signal(pidfd, Signal::KILL);
            }
            empty = if found.is_empty() { empty + 1 } else { 0 };
            empty == 2
        });
    }

    fn remove_groups(&self) {
        let name = format!("azora-{}", self.id());
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let own: Vec<&str> = own
            .lines()
            .filter_map(|line| line.splitn(3, ':').nth(2))
            .collect();
        // Of both versions; most pairs of a mount and a group are none.
        for line in mounts.lines().filter(|line| line.contains(" - cgroup")) {
            let Some(mount) = line.split(' ').nth(4) else {
                continue;
            };
            for own in &own {
                // A driver that was alone in its group has moved this process into a leaf of it.
                let own = own.strip_suffix("/azora-engine").unwrap_or(own);
                let group = Path::new(mount).join(own.trim_start_matches('/'));
                remove_group(&group.join(&name));
            }
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.end_processes();
        self.remove_groups();
    }
}

fn open(pid: u32) -> Option<std::os::fd::OwnedFd> {
    pidfd_open(
        Pid::from_raw(i32::try_from(pid).ok()?)?,
        PidfdFlags::empty(),
    )
    .ok()
}

fn remove_group(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_group(&entry.path());
        }
    }
    let _ = fs::remove_dir(folder);
}

fn pids() -> impl Iterator<Item = u32> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// State, a zombie's only if no thread of it is left, parent, and when it began in ticks since the
/// machine's start.
fn stat(stat: &str) -> Option<(char, u32, u64)> {
    let mut fields = stat.get(stat.rfind(')')? + 2..)?.split(' ');
    let (state, parent) = (fields.next()?.chars().next()?, fields.next()?);
    // Fields 20 and 22; the last was field 4.
    let threads: u32 = fields.nth(20 - 4 - 1)?.parse().ok()?;
    let began = fields.nth(22 - 20 - 1)?.parse().ok()?;
    let state = match state {
        'Z' if threads > 1 => 'S',
        state => state,
    };
    Some((state, parent.parse().ok()?, began))
}

/// Ticks since the machine's start; zero when that is not told, and then nothing is too old.
fn uptime() -> u64 {
    let text = fs::read_to_string("/proc/uptime").unwrap_or_default();
    // Seconds with two digits behind the point: a tick is a hundredth of a second.
    let digits: String = text.split(' ').next().unwrap_or_default().replace('.', "");
    digits.parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;
    use std::time::Duration;

    #[test]
    fn a_dropped_home_takes_its_processes_along() {
        let home = Home::new();
        let mut child = Command::new("sleep")
            .arg("600")
            .env("AZORA_HOME", home.path())
            .spawn()
            .unwrap();
        assert!(crate::eventually(Duration::from_secs(5), || home
            .processes()
            == [child.id()]));
        let path = home.path().to_owned();
        drop(home);
        assert!(!child.wait().unwrap().success());
        assert!(!path.exists());
    }
}

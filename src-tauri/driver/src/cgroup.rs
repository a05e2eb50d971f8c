//! Control groups: the one means by which a whole tree is found and killed at once.
//!
//! Every instance has a group `azora-<home>/<cluster>/<instance>` below the group the engine was
//! started in, where that is possible: cgroup v2 (also beside v1, as "unified"), writable by us.

use crate::layout::Layout;
use model::{ClusterId, InstanceId};
use rustix::fs::{Access, access};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Deepest nesting that is followed below a group.
const MAX_DEPTH: usize = 16;

/// Where the groups of a home are made.
#[derive(Debug, Clone)]
pub(crate) struct Groups {
    root: PathBuf,
}

impl Groups {
    /// Finds the place for a home's groups and makes it.
    ///
    /// # Errors
    /// Why this machine has none, in words for people.
    pub(crate) fn find(layout: &Layout) -> Result<Groups, String> {
        let own = own_group().ok_or("it has no cgroup v2")?;
        // A process moves between groups only if the mover may write to the one above both.
        if access(own.join("cgroup.procs"), Access::WRITE_OK).is_err() {
            return Err(format!(
                "the control group {} is not writable",
                own.display()
            ));
        }
        let root = own.join(group_name(layout));
        fs::create_dir_all(&root).map_err(|error| {
            format!(
                "the control group {} cannot be made: {error}",
                root.display()
            )
        })?;
        if !root.join("cgroup.kill").exists() {
            // Best effort: it is empty.
            let _ = fs::remove_dir(&root);
            return Err("its kernel is older than 5.14 (no cgroup.kill)".to_owned());
        }
        // An emergency stop that was itself killed may have left it frozen.
        freeze(&root, false);
        Ok(Groups { root })
    }

    /// The home's group below the one this process is in, if it is there.
    pub(crate) fn existing(layout: &Layout) -> Option<PathBuf> {
        let path = own_group()?.join(group_name(layout));
        path.join("cgroup.procs").exists().then_some(path)
    }

    /// Removes the home's group if nothing is in it.
    pub(crate) fn leave(&self) {
        // In use: stays.
        let _ = fs::remove_dir(&self.root);
    }

    /// Makes the group of an instance, anew if it was there and nothing lives in it: Linux 6.14 and
    /// later kill at birth what is born in a group in which everything was ever killed.
    pub(crate) fn make(&self, cluster: &ClusterId, instance: &InstanceId) -> io::Result<PathBuf> {
        let path = self.root.join(cluster.as_str()).join(instance.to_string());
        remove(&path);
        // The cluster's group may be removed, empty, just when it was found to be there.
        fs::create_dir_all(&path).or_else(|_| fs::create_dir_all(&path))?;
        Ok(path)
    }
}

fn group_name(layout: &Layout) -> String {
    format!("azora-{}", layout.id())
}

/// The group of one home above an instance's group, if the path has the form we give it. A record
/// that names anything else names a stranger's.
pub(crate) fn home_group(layout: &Layout, instance_group: &Path) -> Option<PathBuf> {
    let home = instance_group.parent()?.parent()?;
    let ours = home.file_name()?.to_str()? == group_name(layout)
        && instance_group
            .components()
            .all(|part| !matches!(part, std::path::Component::ParentDir))
        && mounts()
            .iter()
            .any(|(_, mount)| instance_group.starts_with(mount));
    ours.then(|| home.to_owned())
}

/// (root within the hierarchy, mount point) of each cgroup v2 mount.
fn mounts() -> Vec<(String, PathBuf)> {
    let info = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mut mounts = Vec::new();
    for line in info.lines() {
        // 41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
        let Some((mount, kind)) = line.split_once(" - ") else {
            continue;
        };
        let mut fields = mount.split(' ').skip(3);
        if kind.starts_with("cgroup2 ")
            && let (Some(root), Some(point)) = (fields.next(), fields.next())
        {
            // Blanks in mount points are written \040.
            mounts.push((root.to_owned(), PathBuf::from(point.replace("\\040", " "))));
        }
    }
    mounts
}

/// The folder of the group this process is in.
fn own_group() -> Option<PathBuf> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    mounts().into_iter().find_map(|(root, point)| {
        let below = own.strip_prefix(root.trim_end_matches('/'))?;
        let path = point.join(below.trim_start_matches('/'));
        path.join("cgroup.procs").exists().then_some(path)
    })
}

/// All processes of a group and the groups below it.
pub(crate) fn processes(group: &Path) -> Vec<u32> {
    let mut pids = Vec::new();
    walk(group, 0, &mut |group| {
        let list = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
        // 0 is a process of another pid namespace: not ours to name.
        pids.extend(
            list.lines()
                .filter_map(|pid| pid.parse::<u32>().ok())
                .filter(|pid| *pid != 0),
        );
    });
    pids
}

/// True when something lives in the group or below. Zombies do not count.
pub(crate) fn populated(group: &Path) -> bool {
    fs::read_to_string(group.join("cgroup.events")).is_ok_and(|text| text.contains("populated 1"))
}

/// SIGKILL to everything in the group and below, forks in progress included.
pub(crate) fn kill(group: &Path) {
    // A group that is not there has nobody in it.
    let _ = fs::write(group.join("cgroup.kill"), "1");
}

/// Stops the group in its tracks, or lets it go on.
pub(crate) fn freeze(group: &Path, frozen: bool) {
    // As with killing: not there, nobody in it.
    let _ = fs::write(group.join("cgroup.freeze"), if frozen { "1" } else { "0" });
}

/// Removes an instance's group if it is empty, and those above it that this leaves empty.
pub(crate) fn remove_instance(group: &Path) {
    remove(group);
    for above in group.ancestors().skip(1).take(2) {
        // In use by others: stays.
        let _ = fs::remove_dir(above);
    }
}

/// Removes an empty group with the empty ones below it. One in use stays.
pub(crate) fn remove(group: &Path) {
    let mut folders = Vec::new();
    walk(group, 0, &mut |group| folders.push(group.to_owned()));
    for folder in folders.iter().rev() {
        // Busy ones stay, as said.
        let _ = fs::remove_dir(folder);
    }
}

fn walk(group: &Path, depth: usize, visit: &mut dyn FnMut(&Path)) {
    visit(group);
    if depth == MAX_DEPTH {
        return;
    }
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            walk(&entry.path(), depth + 1, visit);
        }
    }
}

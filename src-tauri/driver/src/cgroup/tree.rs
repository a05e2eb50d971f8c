//! A group and all below it as one thing: who is in it, killed, frozen, removed.

use crate::shortage::seen;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Deepest nesting that is followed below a group.
const MAX_DEPTH: usize = 16;

/// All processes of a group and the groups below it.
///
/// # Errors
/// When they could not be read. A group that is not there has none.
pub(crate) fn processes(group: &Path) -> io::Result<Vec<u32>> {
    let mut pids = Vec::new();
    walk(group, 0, &mut |group| {
        let list = fs::read_to_string(group.join("cgroup.procs"));
        let list = seen(list)?.unwrap_or_default();
        // 0 is a process of another pid namespace: not ours to name.
        pids.extend(
            list.lines()
                .filter_map(|pid| pid.parse::<u32>().ok())
                .filter(|pid| *pid != 0),
        );
        Ok(())
    })?;
    Ok(pids)
}

/// The numbers that the kernel knows a group and those below it by. One that went meanwhile has none.
///
/// # Errors
/// When one could not be looked at.
pub(crate) fn numbers(group: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    walk(group, 0, &mut |group| {
        numbers.extend(seen(fs::metadata(group))?.map(|group| group.ino()));
        Ok(())
    })?;
    Ok(numbers)
}

/// True when something lives in the group or below, or when that could not be read. Zombies do not
/// count.
pub(crate) fn populated(group: &Path) -> bool {
    match seen(fs::read_to_string(group.join("cgroup.events"))) {
        Ok(Some(text)) => text.contains("populated 1"),
        // Version 1 keeps no such count.
        Ok(None) => processes(group).map_or(true, |all| !all.is_empty()),
        Err(_) => true,
    }
}

/// SIGKILL to everything in the group and below, forks in progress included. Version 1 cannot.
pub(crate) fn kill(group: &Path) {
    write_existing(group, "cgroup.kill", "1");
}

/// Stops the group in its tracks, or lets it go on. Version 1 has another hierarchy for that.
pub(crate) fn freeze(group: &Path, frozen: bool) {
    write_existing(group, "cgroup.freeze", if frozen { "1" } else { "0" });
}

/// A group that is not there has nobody in it, so nobody misses the word.
fn write_existing(group: &Path, file: &str, text: &str) {
    use std::io::Write;
    if let Ok(mut file) = fs::OpenOptions::new().write(true).open(group.join(file)) {
        let _ = file.write_all(text.as_bytes());
    }
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
    // What could not be looked at stays, like a busy one.
    let _ = walk(group, 0, &mut |group| {
        folders.push(group.to_owned());
        Ok(())
    });
    for folder in folders.iter().rev() {
        // Busy ones stay, as said.
        let _ = fs::remove_dir(folder);
    }
}

fn walk(
    group: &Path,
    depth: usize,
    visit: &mut dyn FnMut(&Path) -> io::Result<()>,
) -> io::Result<()> {
    visit(group)?;
    // A kernel that lists a group makes an entry of each of its dozens of files first. That it has
    // no groups below is seen from its links: its own two, and one for each.
    let childless = |group: &Path| fs::metadata(group).is_ok_and(|group| group.nlink() == 2);
    if depth == MAX_DEPTH || childless(group) {
        return Ok(());
    }
    for entry in seen(fs::read_dir(group))?.into_iter().flatten() {
        let Some(entry) = seen(entry)? else { continue };
        if seen(entry.file_type())?.is_some_and(|kind| kind.is_dir()) {
            walk(&entry.path(), depth + 1, visit)?;
        }
    }
    Ok(())
}

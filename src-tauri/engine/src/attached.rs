//! Whether somebody has a debugger on an instance. A process that is stopped in one answers nothing,
//! and to restart it would take from under a person's hands what they are looking at: healing waits.
//!
//! Looked at only when a probe has failed or a remedy is about to be carried out, and then off the
//! owner's loop.

use driver::ProcessDriver;
use model::{ClusterId, InstanceId};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// Longest part of a program's name that is shown; the kernel keeps 15 bytes.
const NAME: usize = 32;

/// Who is attached to a process of this instance, in words: "gdb (pid 4711) is attached to it".
pub(crate) async fn to(
    driver: &Arc<ProcessDriver>,
    cluster: &ClusterId,
    instance: &InstanceId,
) -> Option<String> {
    let (driver, cluster, instance) = (Arc::clone(driver), cluster.clone(), instance.clone());
    let looking = tokio::task::spawn_blocking(move || among(&driver.tree(&cluster, &instance)));
    looking.await.unwrap_or_default()
}

/// The same of these processes, which are a whole tree. A service that traces its own children, or
/// runs below `strace` by its definition, is not being debugged.
fn among(tree: &[u32]) -> Option<String> {
    let own: BTreeSet<u32> = tree.iter().copied().collect();
    let tracer = tree.iter().find_map(|pid| {
        let tracer = tracer(*pid)?;
        (!own.contains(&tracer)).then_some(tracer)
    })?;
    let name = std::fs::read_to_string(format!("/proc/{tracer}/comm")).unwrap_or_default();
    let name: String = name.trim_end().chars().take(NAME).collect();
    Some(match name.is_empty() {
        true => format!("a debugger (pid {tracer}) is attached to it"),
        false => format!("{name} (pid {tracer}) is attached to it"),
    })
}

/// The process that traces this one.
fn tracer(pid: u32) -> Option<u32> {
    let status = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status"));
    let status = status.ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("TracerPid:"))?;
    line.trim().parse().ok().filter(|pid| *pid != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_attached_to_this_test() {
        assert_eq!(among(&[std::process::id()]), None);
        // One that is gone meanwhile has nobody attached to it.
        assert_eq!(among(&[u32::MAX]), None);
    }
}

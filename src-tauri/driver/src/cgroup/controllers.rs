//! Which control group holds which limit, and the files by which it is told to.
//!
//! Of version 2 a group has the controllers that the one above passes down, and only a group
//! without processes of its own may pass any down. So the engine needs a group to itself: a
//! container's, a unit's or a scope's with `Delegate=yes`. Where it is alone in its group it moves
//! into a leaf of it; where others are in there, nothing can be done for them, and that is said.
//!
//! Of version 1 a group may be made below any that can be written to.

use super::places::{Controller, Places};
use super::{LEAF, group_name};
use crate::layout::Layout;
use rustix::fs::{Access, access};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The time in which a share of the processor is measured, in µs: the kernel's default. A shorter
/// one costs, a longer one lets a service stand still for longer.
const PERIOD: u64 = 100_000;

/// What holds a kind of limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Holder {
    /// The instance's own group of version 2.
    Unified,
    /// A group of the instance below this one, the home's in a hierarchy of version 1.
    Legacy(PathBuf),
}

/// True when a limit of this kind is asked for.
pub(super) fn wants(controller: Controller, limits: &spec::Limits) -> bool {
    match controller {
        Controller::Memory => limits.memory.is_some(),
        Controller::Cpu => limits.cpu.is_some(),
        Controller::Pids => limits.processes.is_some(),
    }
}

/// The file by which a controller is told a limit, as messages name it.
pub(crate) fn file(controller: Controller, holder: &Holder) -> &'static str {
    match (controller, holder) {
        (Controller::Memory, Holder::Unified) => "memory.max",
        (Controller::Memory, Holder::Legacy(_)) => "memory.limit_in_bytes",
        (Controller::Cpu, Holder::Unified) => "cpu.max",
        (Controller::Cpu, Holder::Legacy(_)) => "cpu.cfs_quota_us",
        (Controller::Pids, _) => "pids.max",
    }
}

/// Finds out what holds each kind of limit. `base` is the group of version 2 that the home's is
/// made in.
pub(super) fn holders(
    places: &Places,
    base: Option<&Path>,
    tree: &Result<PathBuf, String>,
    layout: &Layout,
) -> BTreeMap<Controller, Result<Holder, String>> {
    let mut delegation = None;
    Controller::ALL
        .into_iter()
        .map(|controller| {
            let found = match (places.legacy.get(&controller), base, tree) {
                (Some(own), _, _) => legacy(own, controller, layout),
                (None, Some(base), Ok(_)) => delegation
                    .get_or_insert_with(|| Delegation::ask(base, &places.legacy))
                    .of(controller),
                (None, _, Err(why)) => Err(why.clone()),
                (None, None, Ok(_)) => Err("it has no cgroup v2".to_owned()),
            };
            (controller, found)
        })
        .collect()
}

fn legacy(own: &Path, controller: Controller, layout: &Layout) -> Result<Holder, String> {
    let home = own.join(group_name(layout));
    let holder = Holder::Legacy(home.clone());
    let made = fs::create_dir_all(&home);
    if let Err(error) = made {
        return Err(format!(
            "the control group {} is not writable: {error}",
            own.display()
        ));
    }
    let file = home.join(file(controller, &holder));
    access(&file, Access::WRITE_OK)
        .map(|()| holder)
        .map_err(|error| {
            // Best effort: it is empty, or another controller of the same hierarchy uses it.
            let _ = fs::remove_dir(&home);
            format!("{} cannot be written: {error}", file.display())
        })
}

/// Which controllers the group of version 2 passes down to ours.
struct Delegation {
    available: Vec<String>,
    passed: Vec<String>,
    /// Why the others are not.
    why: String,
}

impl Delegation {
    /// Asks for all controllers of use that no hierarchy of version 1 has.
    fn ask(base: &Path, legacy: &BTreeMap<Controller, PathBuf>) -> Delegation {
        let available = words(&base.join("cgroup.controllers"));
        let control = base.join("cgroup.subtree_control");
        let passed = words(&control);
        let missing: Vec<&str> = Controller::ALL
            .into_iter()
            .filter(|controller| !legacy.contains_key(controller))
            .map(Controller::as_str)
            .filter(|name| available.iter().any(|known| known == name))
            .filter(|name| !passed.iter().any(|known| known == name))
            .collect();
        let mut why = String::new();
        // Asked of a group with processes, the kernel refuses `memory`, but passes `cpu` and `pids`
        // on and makes the group the root of a threaded subtree, in which none of ours can be used.
        if !missing.is_empty() && !emptied(base) {
            why = format!(
                "the control group {} has other processes in it, and only one without may pass \
                 controllers on; started by `systemd-run --user --scope -p Delegate=yes`, azora \
                 has one to itself",
                base.display()
            );
        } else {
            for name in missing {
                if let Err(error) = fs::write(&control, format!("+{name}")) {
                    why = refusal(base, &error);
                }
            }
        }
        let passed = words(&control);
        Delegation {
            available,
            passed,
            why,
        }
    }

    fn of(&self, controller: Controller) -> Result<Holder, String> {
        let has = |list: &[String]| list.iter().any(|name| name == controller.as_str());
        if has(&self.passed) {
            Ok(Holder::Unified)
        } else if has(&self.available) {
            Err(self.why.clone())
        } else {
            Err(format!(
                "the control group it was started in has no {} controller",
                controller.as_str()
            ))
        }
    }
}

fn refusal(base: &Path, error: &io::Error) -> String {
    let base = base.display();
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            format!("the control group {base} may not be changed by this user")
        }
        _ => format!("the control group {base} passes no controllers on: {error}"),
    }
}

/// True when a group may pass controllers on: it is the root of its hierarchy, nothing is in it, or
/// this process alone was, which moves into a leaf then.
fn emptied(base: &Path) -> bool {
    // The root alone has no type.
    if !base.join("cgroup.type").exists() {
        return true;
    }
    let procs = fs::read_to_string(base.join("cgroup.procs"));
    let own = std::process::id().to_string();
    match procs {
        Ok(list) if list.is_empty() => true,
        Ok(list) if list.lines().eq([own.as_str()]) => {
            let leaf = base.join(LEAF);
            // "0" is whoever writes.
            fs::create_dir_all(&leaf).is_ok() && fs::write(leaf.join("cgroup.procs"), "0").is_ok()
        }
        _ => false,
    }
}

/// Makes a group of ours pass these controllers on.
pub(super) fn pass_down(group: &Path, wanted: &[Controller]) -> io::Result<()> {
    if wanted.is_empty() {
        return Ok(());
    }
    let control = group.join("cgroup.subtree_control");
    let passed = words(&control);
    for controller in wanted {
        let name = controller.as_str();
        if !passed.iter().any(|known| known == name) {
            fs::write(&control, format!("+{name}"))?;
        }
    }
    Ok(())
}

/// Tells an instance's group of version 2 its limits.
///
/// `memory.oom.group` stays off: a service that keeps workers (PostgreSQL, a web server) is made to
/// lose one, and one that is a single process loses that one either way.
pub(super) fn set_unified(
    group: &Path,
    wanted: &[Controller],
    limits: &spec::Limits,
) -> io::Result<()> {
    let amount = |limit: Option<u64>| limit.map_or_else(|| "max".to_owned(), |n| n.to_string());
    // A group that is used again may have had a limit.
    let set = |controller, file: &str, text: String| {
        let path = group.join(file);
        if wanted.contains(&controller) || path.exists() {
            fs::write(path, text)
        } else {
            Ok(())
        }
    };
    set(Controller::Memory, "memory.max", amount(limits.memory))?;
    // What may not be in memory may not be in swap instead. A machine without swap has no such file.
    if group.join("memory.swap.max").exists() {
        let swap = if limits.memory.is_some() { "0" } else { "max" };
        fs::write(group.join("memory.swap.max"), swap)?;
    }
    let share = amount(limits.cpu.map(quota));
    set(Controller::Cpu, "cpu.max", format!("{share} {PERIOD}"))?;
    set(
        Controller::Pids,
        "pids.max",
        amount(limits.processes.map(u64::from)),
    )
}

/// Tells an instance's group of version 1 its limit.
pub(super) fn set_legacy(
    group: &Path,
    controller: Controller,
    limits: &spec::Limits,
) -> io::Result<()> {
    let set = |file: &str, amount: u64| fs::write(group.join(file), amount.to_string());
    match controller {
        Controller::Memory => {
            let Some(bytes) = limits.memory else {
                return Ok(());
            };
            // With swap counted; kernels may be built or booted without. It may at no time be below
            // the limit of memory alone, so it is lifted before and set after.
            let with_swap = group.join("memory.memsw.limit_in_bytes");
            if with_swap.exists() {
                fs::write(&with_swap, "-1")?;
            }
            set("memory.limit_in_bytes", bytes)?;
            if with_swap.exists() {
                fs::write(&with_swap, bytes.to_string())?;
            }
            Ok(())
        }
        Controller::Cpu => match limits.cpu {
            Some(share) => {
                set("cpu.cfs_period_us", PERIOD)?;
                set("cpu.cfs_quota_us", quota(share))
            }
            None => Ok(()),
        },
        Controller::Pids => match limits.processes {
            Some(most) => set("pids.max", u64::from(most)),
            None => Ok(()),
        },
    }
}

/// Thousandths of a core as µs of processor time in each period.
fn quota(thousandths: u32) -> u64 {
    u64::from(thousandths) * PERIOD / 1_000
}

fn words(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split_ascii_whitespace().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> spec::Limits {
        spec::Limits {
            memory: Some(64_000_000),
            cpu: Some(1_500),
            files: None,
            processes: Some(20),
        }
    }

    fn read(group: &Path, file: &str) -> String {
        fs::read_to_string(group.join(file)).unwrap()
    }

    /// The files as the kernel would take them; a folder stands in for the group.
    #[test]
    fn a_group_of_version_2_is_told_its_limits() {
        let home = testkit::Home::new();
        let group = home.path();
        fs::write(group.join("memory.swap.max"), "max").unwrap();
        set_unified(group, &Controller::ALL, &limits()).unwrap();
        assert_eq!(read(group, "memory.max"), "64000000");
        assert_eq!(read(group, "memory.swap.max"), "0");
        assert_eq!(read(group, "cpu.max"), "150000 100000");
        assert_eq!(read(group, "pids.max"), "20");
        // The same group for a definition without limits.
        set_unified(group, &[], &spec::Limits::default()).unwrap();
        assert_eq!(read(group, "memory.max"), "max");
        assert_eq!(read(group, "memory.swap.max"), "max");
        assert_eq!(read(group, "cpu.max"), "max 100000");
        assert_eq!(read(group, "pids.max"), "max");
    }

    #[test]
    fn a_group_without_the_controller_is_told_nothing() {
        let home = testkit::Home::new();
        let one = [Controller::Pids];
        set_unified(home.path(), &one, &limits()).unwrap();
        assert!(!home.path().join("memory.max").exists());
        assert_eq!(read(home.path(), "pids.max"), "20");
    }

    #[test]
    fn groups_of_version_1_are_told_their_limits() {
        let home = testkit::Home::new();
        let group = home.path();
        fs::write(group.join("memory.memsw.limit_in_bytes"), "9").unwrap();
        for controller in Controller::ALL {
            set_legacy(group, controller, &limits()).unwrap();
        }
        assert_eq!(read(group, "memory.limit_in_bytes"), "64000000");
        assert_eq!(read(group, "memory.memsw.limit_in_bytes"), "64000000");
        assert_eq!(read(group, "cpu.cfs_quota_us"), "150000");
        assert_eq!(read(group, "cpu.cfs_period_us"), "100000");
        assert_eq!(read(group, "pids.max"), "20");
    }

    /// Found on a machine of version 2: `cpu` and `pids` were granted, and every group of ours
    /// became invalid.
    #[test]
    fn nothing_is_asked_of_a_group_that_others_are_in() {
        let home = testkit::Home::new();
        let group = home.path();
        fs::write(group.join("cgroup.controllers"), "cpu memory pids\n").unwrap();
        fs::write(group.join("cgroup.subtree_control"), "\n").unwrap();
        fs::write(group.join("cgroup.type"), "domain\n").unwrap();
        let own = std::process::id();
        fs::write(group.join("cgroup.procs"), format!("1\n{own}\n")).unwrap();
        let found = Delegation::ask(group, &BTreeMap::new());
        assert_eq!(read(group, "cgroup.subtree_control"), "\n");
        for controller in Controller::ALL {
            let why = found.of(controller).unwrap_err();
            assert!(why.contains("has other processes in it"), "{why}");
        }
        // Alone, it steps aside.
        fs::write(group.join("cgroup.procs"), format!("{own}\n")).unwrap();
        Delegation::ask(group, &BTreeMap::new());
        assert_eq!(read(&group.join(LEAF), "cgroup.procs"), "0");
        assert_ne!(read(group, "cgroup.subtree_control"), "\n");
    }

    #[test]
    fn what_is_passed_down_is_not_asked_for_again() {
        let home = testkit::Home::new();
        let group = home.path();
        fs::write(group.join("cgroup.controllers"), "cpuset cpu io memory\n").unwrap();
        fs::write(group.join("cgroup.subtree_control"), "cpu memory\n").unwrap();
        let found = Delegation::ask(group, &BTreeMap::new());
        assert_eq!(read(group, "cgroup.subtree_control"), "cpu memory\n");
        assert_eq!(found.of(Controller::Memory), Ok(Holder::Unified));
        let why = found.of(Controller::Pids).unwrap_err();
        assert!(why.contains("has no pids controller"), "{why}");
    }
}

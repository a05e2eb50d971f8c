//! Where this process stands in the control groups of its machine.
//!
//! There is one hierarchy of version 2 or none, and beside it or instead of it any number of
//! version 1, each with controllers of its own ("hybrid"). A container sees a part of a hierarchy,
//! mounted as if it were the whole; a mount may lie anywhere, twice, or over another. So nothing is
//! taken for granted: what `/proc/self/mountinfo` and `/proc/self/cgroup` say is put together, and
//! a folder counts only if this very process is listed in it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// What can be limited by a controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Controller {
    Memory,
    Cpu,
    Pids,
}

impl Controller {
    pub(crate) const ALL: [Controller; 3] = [Self::Memory, Self::Cpu, Self::Pids];

    /// Its name in `cgroup.controllers`, in mount options and in `/proc/self/cgroup`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Cpu => "cpu",
            Self::Pids => "pids",
        }
    }
}

/// The groups this process is in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Places {
    /// Its group of version 2.
    pub(crate) unified: Option<PathBuf>,
    /// Its groups in hierarchies of version 1 that have a controller of use.
    pub(crate) legacy: BTreeMap<Controller, PathBuf>,
}

impl Places {
    /// Looks for this process.
    pub(crate) fn of_this_process() -> Places {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let own = std::process::id().to_string();
        let listed = |folder: &Path| {
            let list = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
            list.lines().any(|pid| pid == own)
        };
        find(
            &read("/proc/self/mountinfo"),
            &read("/proc/self/cgroup"),
            &listed,
        )
    }
}

/// One mount of a hierarchy.
#[derive(Debug, PartialEq, Eq)]
struct Mount {
    /// Which part of the hierarchy is mounted.
    root: PathBuf,
    /// Where.
    point: PathBuf,
    /// Its controllers; `None` for version 2.
    controllers: Option<Vec<String>>,
}

/// Every mount of control groups: where its folders begin.
pub(crate) fn mount_points() -> Vec<PathBuf> {
    let info = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    mounts(&info).into_iter().map(|mount| mount.point).collect()
}

/// Puts the two files of `/proc` together. `is_in` says whether the process is in a folder.
fn find(mountinfo: &str, groups: &str, is_in: &dyn Fn(&Path) -> bool) -> Places {
    let mounts = mounts(mountinfo);
    let place = |own: &str, of: &dyn Fn(&Mount) -> bool| {
        mounts
            .iter()
            // The last of two mounts at one place is the one that is seen.
            .rev()
            .filter(|mount| of(mount))
            .filter_map(|mount| mount.folder(Path::new(own)))
            .find(|folder| is_in(folder))
    };
    let mut places = Places::default();
    for line in groups.lines() {
        // 4:memory:/user.slice or 1:cpu,cpuacct:/ or, of version 2, 0::/init.scope
        let mut fields = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(own)) = (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        if controllers.is_empty() {
            places.unified = place(own, &|mount| mount.controllers.is_none());
            continue;
        }
        for controller in Controller::ALL {
            if !controllers
                .split(',')
                .any(|name| name == controller.as_str())
            {
                continue;
            }
            let has = |mount: &Mount| {
                let names = mount.controllers.as_deref().unwrap_or_default();
                names.iter().any(|name| name == controller.as_str())
            };
            if let Some(folder) = place(own, &has) {
                places.legacy.insert(controller, folder);
            }
        }
    }
    places
}

fn mounts(mountinfo: &str) -> Vec<Mount> {
    mountinfo.lines().filter_map(mount).collect()
}

/// `41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw`
fn mount(line: &str) -> Option<Mount> {
    let (mount, kind) = line.split_once(" - ")?;
    let mut fields = mount.split(' ').skip(3);
    let (root, point) = (fields.next()?, fields.next()?);
    let mut kind = kind.split(' ');
    let controllers = match kind.next()? {
        "cgroup2" => None,
        // Among the options of the file system are the names of its controllers.
        "cgroup" => Some(kind.nth(1)?.split(',').map(str::to_owned).collect()),
        _ => return None,
    };
    Some(Mount {
        root: PathBuf::from(unescape(root)),
        point: PathBuf::from(unescape(point)),
        controllers,
    })
}

/// Blanks, tabs, line ends and backslashes of a path are written in octal.
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let code = rest.get(at + 1..at + 4);
        let code = code.and_then(|code| u8::from_str_radix(code, 8).ok());
        plain.push_str(&rest[..at]);
        match code.filter(u8::is_ascii) {
            Some(byte) => {
                plain.push(char::from(byte));
                rest = &rest[at + 4..];
            }
            None => {
                plain.push('\\');
                rest = &rest[at + 1..];
            }
        }
    }
    plain.push_str(rest);
    plain
}

impl Mount {
    /// The folder of a group, if this mount shows it. `/..` stands for what lies outside of the
    /// control group namespace, and has no name here.
    fn folder(&self, group: &Path) -> Option<PathBuf> {
        let outside = |path: &Path| path.components().any(|part| part == Component::ParentDir);
        if outside(group) || outside(&self.root) {
            return None;
        }
        let below = group.strip_prefix(&self.root).ok()?;
        Some(if below.as_os_str().is_empty() {
            self.point.clone()
        } else {
            self.point.join(below)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where a machine's two files put the process, when `there` are the folders it is listed in.
    fn places(fixture: &str, there: &[&str]) -> Places {
        let (mountinfo, groups) = fixture.split_once("--- /proc/self/cgroup\n").unwrap();
        find(mountinfo, groups, &|folder| {
            there.iter().any(|known| folder == Path::new(known))
        })
    }

    #[test]
    fn systemd_with_version_2_only() {
        let scope = "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/app.slice/\
                     app-gnome-org.gnome.Terminal-4711.scope";
        let found = places(include_str!("fixtures/systemd-v2.txt"), &[scope]);
        assert_eq!(found.unified, Some(PathBuf::from(scope)));
        assert_eq!(found.legacy, BTreeMap::new());
    }

    #[test]
    fn a_hybrid_has_its_controllers_in_version_1() {
        let fixture = include_str!("fixtures/hybrid.txt");
        let there = [
            "/sys/fs/cgroup/unified",
            "/sys/fs/cgroup/memory/work/one",
            "/sys/fs/cgroup/cpu,cpuacct",
            "/sys/fs/cgroup/pids/user.slice",
        ];
        let found = places(fixture, &there);
        assert_eq!(found.unified, Some(PathBuf::from(there[0])));
        assert_eq!(
            found.legacy,
            BTreeMap::from([
                (Controller::Memory, PathBuf::from(there[1])),
                (Controller::Cpu, PathBuf::from(there[2])),
                (Controller::Pids, PathBuf::from(there[3])),
            ])
        );
    }

    #[test]
    fn a_container_of_version_1_sees_its_part_as_the_whole() {
        let fixture = include_str!("fixtures/docker-v1.txt");
        let there = ["/sys/fs/cgroup/memory", "/sys/fs/cgroup/pids"];
        let found = places(fixture, &there);
        assert_eq!(found.unified, None);
        let folders: Vec<_> = found.legacy.values().collect();
        assert_eq!(folders, [Path::new(there[0]), Path::new(there[1])]);
    }

    #[test]
    fn a_container_of_version_2_has_a_namespace_of_its_own() {
        let fixture = include_str!("fixtures/docker-v2.txt");
        let found = places(fixture, &["/sys/fs/cgroup"]);
        assert_eq!(found.unified, Some(PathBuf::from("/sys/fs/cgroup")));
    }

    #[test]
    fn a_bind_mount_with_blanks_shows_a_part() {
        let fixture = include_str!("fixtures/bind.txt");
        let there = "/mnt/the groups/build/job-7";
        assert_eq!(
            places(fixture, &[there]).unified,
            Some(PathBuf::from(there))
        );
        // A group whose name only begins like the mounted one is another.
        let beside = fixture.replace("0::/ci/build/job-7", "0::/ci-old/build/job-7");
        let wrong = "/mnt/the groups/-old/build/job-7";
        assert_eq!(places(&beside, &[wrong]).unified, None);
    }

    #[test]
    fn what_lies_outside_of_the_namespace_has_no_folder() {
        let fixture = include_str!("fixtures/docker-v2.txt").replace("0::/\n", "0::/../other\n");
        assert_eq!(
            places(&fixture, &["/sys/fs/cgroup", "/sys/fs/other"]),
            Places::default()
        );
    }

    #[test]
    fn a_mount_that_another_hides_is_passed_over() {
        let fixture = include_str!("fixtures/systemd-v2.txt");
        assert_eq!(places(fixture, &[]), Places::default());
    }

    #[test]
    fn escapes_of_mountinfo() {
        assert_eq!(unescape(r"/a\040b\134c\011"), "/a b\\c\t");
        assert_eq!(unescape(r"/a\0"), r"/a\0");
        assert_eq!(unescape(r"/a\9zz\"), r"/a\9zz\");
    }

    #[test]
    fn this_process_is_in_what_is_found() {
        let found = Places::of_this_process();
        for folder in found.unified.iter().chain(found.legacy.values()) {
            let list = fs::read_to_string(folder.join("cgroup.procs")).unwrap();
            assert!(
                list.lines()
                    .any(|pid| pid == std::process::id().to_string())
            );
        }
    }
}

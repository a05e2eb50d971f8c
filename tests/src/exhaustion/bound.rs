//! What holds an engine, and all that it starts, to a number of processes.

use crate::{Azora, process};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

/// Who counts processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// A control group of version 1.
    GroupV1,
    /// A control group of version 2.
    GroupV2,
    /// The user: `RLIMIT_NPROC`, which root is not held to.
    User,
}

/// A bound that can be drawn tighter and lifted.
#[derive(Debug)]
pub(super) enum Bound {
    Group(Group),
    User(User),
}

impl Bound {
    /// One of this kind; why there is none here.
    pub(super) fn new(by: By) -> Result<Self, String> {
        Ok(match by {
            By::GroupV1 => Self::Group(Group::below(&version_1()?)?),
            By::GroupV2 => Self::Group(Group::below(&version_2()?)?),
            By::User => Self::User(User::new()?),
        })
    }

    /// What a shell does before it becomes the engine.
    pub(super) fn first(&self) -> String {
        match self {
            Self::Group(group) => format!("echo $$ > {}/cgroup.procs", group.0.display()),
            Self::User(_) => format!("prlimit --pid $$ --nproc={NPROC}"),
        }
    }

    /// The same Azora as somebody who is held to it, where that is not anybody.
    pub(super) fn held(&self, azora: &Azora) -> Result<Option<Azora>, String> {
        match self {
            Self::Group(_) => Ok(None),
            Self::User(user) => azora.of_user(user.uid).map(Some),
        }
    }

    /// Leaves room for so many more than there are now.
    pub(super) fn leave(&mut self, more: u64) {
        match self {
            Self::Group(group) => group.most(Some(group.now() + more)),
            Self::User(user) => user.leave(more),
        }
    }

    /// Makes room.
    pub(super) fn free(&mut self) {
        match self {
            Self::Group(group) => group.most(None),
            Self::User(user) => user.free(),
        }
    }
}

/// A control group that counts processes.
#[derive(Debug)]
pub(super) struct Group(PathBuf);

impl Group {
    fn below(above: &Path) -> Result<Self, String> {
        let folder = above.join(format!("azora-few-{}", std::process::id()));
        std::fs::create_dir(&folder)
            .map_err(|error| format!("failed to make {}: {error}", folder.display()))?;
        Ok(Self(folder))
    }

    fn now(&self) -> u64 {
        let text = std::fs::read_to_string(self.0.join("pids.current")).unwrap_or_default();
        text.trim().parse().unwrap_or(0)
    }

    fn most(&self, most: Option<u64>) {
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

/// Where the hierarchy of version 1 is that counts processes.
fn version_1() -> Result<PathBuf, String> {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let pids = mounts.lines().find(|line| {
        let (_, kind) = line.split_once(" - ").unwrap_or_default();
        kind.starts_with("cgroup ") && kind.split(',').any(|word| word.trim() == "pids")
    });
    let place = pids.and_then(|line| line.split(' ').nth(4));
    place
        .map(PathBuf::from)
        .ok_or_else(|| "no control groups of version 1 count processes here".to_owned())
}

/// The nearest group of version 2 above this process that has those below it count processes.
fn version_2() -> Result<PathBuf, String> {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mount = mounts.lines().find(|line| line.contains(" - cgroup2 "));
    let mut fields = mount
        .ok_or("there are no control groups of version 2 here")?
        .split(' ')
        .skip(3);
    let (root, place) = (fields.next(), fields.next());
    let (root, place) = (root.unwrap_or("/"), PathBuf::from(place.unwrap_or("/")));
    let own = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let own = own.lines().find_map(|line| line.strip_prefix("0::"));
    let below = Path::new(own.unwrap_or("/"))
        .strip_prefix(root)
        .unwrap_or(Path::new(""));
    let folder = place.join(below);
    let read = |folder: &Path, file| std::fs::read_to_string(folder.join(file)).unwrap_or_default();
    let counts = |folder: &&Path| {
        let passed = read(folder, "cgroup.subtree_control");
        passed.split_whitespace().any(|name| name == "pids")
    };
    let found = folder
        .ancestors()
        .take_while(|folder| folder.starts_with(&place))
        .find(counts);
    found.map(Path::to_path_buf).ok_or_else(|| {
        format!(
            "the control groups of version 2 here do not count processes: they have [{}], and pass on [{}]",
            read(&place, "cgroup.controllers").trim(),
            read(&folder, "cgroup.subtree_control").trim(),
        )
    })
}

/// A user that nobody else is: the kernel counts the processes of a user wherever they were started.
/// The limit stays, because what has been started keeps the one it was started with; others of this
/// user take the room, and end.
#[derive(Debug)]
pub(super) struct User {
    uid: u32,
    others: Vec<Child>,
}

/// Above what systems give to people, services and containers.
const USERS: u32 = 2_000_000_000;
/// Threads that the user may have: enough for all services, each with its shim, and the commands.
const NPROC: u64 = 250;

impl User {
    fn new() -> Result<Self, String> {
        if !crate::is_root() {
            return Err("becoming a user of its own needs root".to_owned());
        }
        Ok(Self {
            uid: USERS + std::process::id(),
            others: Vec::new(),
        })
    }

    /// Its threads: what `RLIMIT_NPROC` counts.
    fn now(&self) -> u64 {
        let own = process::all().into_iter();
        own.filter(|pid| process::user(*pid) == Some(self.uid))
            .map(|pid| {
                let threads = std::fs::read_dir(format!("/proc/{pid}/task"));
                threads.map_or(0, Iterator::count) as u64
            })
            .sum()
    }

    fn leave(&mut self, more: u64) {
        for _ in self.now() + more..NPROC {
            let other = Command::new("sleep")
                .arg("infinity")
                .uid(self.uid)
                .gid(self.uid)
                .spawn();
            self.others.push(other.expect("this program has no limit"));
        }
    }

    fn free(&mut self) {
        for mut other in self.others.drain(..) {
            let _ = other.kill();
            let _ = other.wait();
        }
    }
}

impl Drop for User {
    fn drop(&mut self) {
        self.free();
        // What all homes of a user share. Nothing is there when no engine came up.
        let _ = std::fs::remove_dir_all(format!("/tmp/azora-{}", self.uid));
    }
}

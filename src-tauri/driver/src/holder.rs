//! Who holds a port: every process that listens on it, what it is part of, and since when. Looks
//! only; nothing here ever sends a signal.

use crate::holders::{Holders, Places, Recorded};
use crate::layout::Layout;
use crate::{clock, homes, intent, procfs, user};
use model::{ClusterId, Generation, InstanceId, Timestamp};
use std::fs;
use std::net::IpAddr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Parents that are named; a terminal is a handful away.
const PARENTS: usize = 8;
/// Parents that are looked at for a shim; nobody nests deeper on purpose.
const DEEPEST: usize = 64;
/// How long what is on record in all homes is looked through: of two thousand services it takes less.
const LOOKING: Duration = Duration::from_secs(2);
/// Proxies of container engines: their command lines can be read whoever's they are.
const PROXIES: [&str; 4] = ["docker-proxy", "rootlessport", "slirp4netns", "pasta"];

/// One holder of a port, as far as this user may see.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Holder {
    /// On which addresses.
    pub addresses: Vec<IpAddr>,
    /// Whose sockets they are. `None` for a process that only keeps the port from being used.
    pub uid: Option<u32>,
    /// The name that belongs to it.
    pub user: Option<String>,
    /// The process; `None` when this user may not see whose the socket is.
    pub process: Option<Process>,
}

/// A process as people know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// What it runs.
    pub command: String,
    /// When it started.
    pub since: Option<Timestamp>,
    /// Its parents, the nearest first: number and name.
    pub parents: Vec<(u32, String)>,
    /// It was started from a terminal that still has it.
    pub terminal: bool,
    /// The service of the system it is part of: `nginx.service`.
    pub unit: Option<String>,
    /// The container it is in, or forwards to: "172.17.0.2:80", "container 0123456789ab".
    pub container: Option<String>,
    /// What of Azora's it is part of.
    pub ours: Option<Ours>,
}

/// An instance of a home of this user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ours {
    /// The home.
    pub home: PathBuf,
    /// Which cluster.
    pub cluster: ClusterId,
    /// Which instance.
    pub instance: InstanceId,
    /// Which start, as far as it is on record.
    pub generation: Option<Generation>,
}

/// Who holds a port now. Empty when nobody listens on it.
pub fn of(port: u16) -> Vec<Holder> {
    Holders::default().all(port)
}

/// What is known of who has this socket.
pub(crate) fn holder(pid: Option<u32>, uid: u32, port: u16, places: &mut Places) -> Holder {
    let proxy = || proxy_of(port);
    Holder {
        addresses: Vec::new(),
        uid: Some(uid),
        user: user::name(uid),
        process: pid.or_else(proxy).and_then(|pid| look(pid, port, places)),
    }
}

/// Everything about one process.
fn look(pid: u32, port: u16, places: &mut Places) -> Option<Process> {
    let process = procfs::process(pid).ok()??;
    let mut parents = parents(process.parent);
    let cgroup = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    let chain = std::iter::once(pid).chain(parents.iter().map(|(pid, _)| *pid));
    let ours = ours(&process, chain, &cgroup, places);
    parents.truncate(PARENTS);
    Some(Process {
        pid,
        command: procfs::command(pid),
        since: clock::wall_of(process.start_ticks),
        terminal: process.terminal,
        unit: unit(&cgroup),
        container: forwarded(pid, port).or_else(|| container(&cgroup)),
        ours,
        parents,
    })
}

/// Who made a process, who made that one, and so on.
fn parents(mut pid: u32) -> Vec<(u32, String)> {
    let mut parents = Vec::new();
    while pid > 1 && parents.len() < DEEPEST {
        let Ok(Some(parent)) = procfs::process(pid) else {
            break;
        };
        parents.push((pid, parent.name));
        pid = parent.parent;
    }
    parents
}

/// The instance a process belongs to: by a shim above it, by the marks it carries, by its control
/// group, or by what is on record in the homes of this user.
fn ours(
    process: &procfs::Process,
    chain: impl Iterator<Item = u32>,
    cgroup: &str,
    places: &mut Places,
) -> Option<Ours> {
    chain
        .filter_map(shim_of)
        .next()
        .or_else(|| marked(process.pid))
        .or_else(|| grouped(cgroup))
        .or_else(|| {
            let (home, cluster, instance) = places.of(process)?;
            with_generation(home, cluster, instance)
        })
}

/// What a shim says on its command line: the instance's run folder.
fn shim_of(pid: u32) -> Option<Ours> {
    let process = procfs::process(pid).ok()??;
    if process.name != "azora-shim" {
        return None;
    }
    let folder = procfs::arguments(pid).ok()?.into_iter().nth(1)?;
    let folder = PathBuf::from(std::ffi::OsStr::from_bytes(&folder));
    let (cluster, instance) = (folder.parent()?, folder.file_name()?.to_str()?);
    let run = cluster.parent()?;
    let home = run.parent()?;
    with_generation(
        home.to_owned(),
        cluster.file_name()?.to_str()?.parse().ok()?,
        instance.parse().ok()?,
    )
}

/// What a process carries in its environment, when it has not erased it.
fn marked(pid: u32) -> Option<Ours> {
    let marks = procfs::marks(pid).ok()?;
    let id = marks.home?;
    let home = homes::all().into_iter().find(|home| home.id() == id)?;
    let (cluster, instance) = (marks.cluster?.parse().ok()?, marks.instance?.parse().ok()?);
    with_generation(home.home().to_owned(), cluster, instance)
}

/// The instance whose control group this is, or is above it.
fn grouped(cgroup: &str) -> Option<Ours> {
    let (id, cluster, instance) = cgroup.lines().find_map(|line| {
        let mut parts = line
            .split('/')
            .skip_while(|part| !part.starts_with("azora-"));
        let id = parts.next()?.strip_prefix("azora-")?;
        let (cluster, instance) = (parts.next()?, parts.next()?);
        let instance = instance
            .strip_suffix(crate::cgroup::HOOK)
            .unwrap_or(instance);
        Some((id, cluster.parse().ok()?, instance.parse().ok()?))
    })?;
    let home = homes::all().into_iter().find(|home| home.id() == id)?;
    with_generation(home.home().to_owned(), cluster, instance)
}

/// What the run folders of this user's homes say about the processes that shims have made, by
/// number and start. The last and the costliest way, for one that has
/// erased its marks and lost its shim, and so it has a limit: in the homes of others of this user
/// thousands may run. What cannot be read is left out.
pub(crate) fn recorded() -> Recorded {
    let begun = Instant::now();
    let mut found = Recorded::default();
    for home in homes::all() {
        for (cluster, instance, folder) in intent::folders(&home, None).unwrap_or_default() {
            if begun.elapsed() > LOOKING {
                found.cut = true;
                return found;
            }
            let story = intent::Story::read(&folder).unwrap_or_default();
            if let Some((_, main)) = story.running().filter(|_| story.of_this_boot()) {
                let place = (home.home().to_owned(), cluster, instance);
                found.places.insert((main.pid, main.start_ticks), place);
            }
        }
    }
    found
}

fn with_generation(home: PathBuf, cluster: ClusterId, instance: InstanceId) -> Option<Ours> {
    let story = intent::Story::read(&Layout::new(&home).run(&cluster, &instance)).ok()?;
    Some(Ours {
        generation: story.generation(),
        home,
        cluster,
        instance,
    })
}

// === containers and services of the system ===

/// The process that forwards a port into a container, found by its command line: it is often
/// root's, and what it holds cannot be seen by others.
fn proxy_of(port: u16) -> Option<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .find(|pid| forwarded(*pid, port).is_some())
}

/// Where a process forwards a port to, when it is a container engine's proxy for it.
fn forwarded(pid: u32, port: u16) -> Option<String> {
    let process = procfs::process(pid).ok()??;
    // The kernel keeps fifteen bytes of a name; these fit.
    if !PROXIES.contains(&process.name.as_str()) {
        return None;
    }
    let words: Vec<String> = procfs::arguments(pid)
        .ok()?
        .iter()
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect();
    forwards(&words, port)
}

/// The same from the words of a command line.
fn forwards(words: &[String], port: u16) -> Option<String> {
    let after = |name: &str| {
        let at = words.iter().position(|word| word == name)?;
        words.get(at + 1)
    };
    if after("-host-port")?.parse() != Ok(port) {
        return None;
    }
    let (ip, inner) = (after("-container-ip")?, after("-container-port")?);
    Some(format!("a container at {ip}:{inner}"))
}

/// The container a control group belongs to, by the names that engines give.
fn container(cgroup: &str) -> Option<String> {
    let parts = cgroup.lines().flat_map(|line| line.split('/'));
    parts.into_iter().rev().find_map(|part| {
        let name = part.strip_suffix(".scope").unwrap_or(part);
        let id = ["docker-", "libpod-", "cri-containerd-", "crio-"]
            .iter()
            .find_map(|prefix| name.strip_prefix(prefix))
            .unwrap_or(name);
        let hex = id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        hex.then(|| format!("container {}", &id[..12]))
    })
}

/// The service of the system a control group is, as systemd names it.
fn unit(cgroup: &str) -> Option<String> {
    let unit = cgroup
        .lines()
        .flat_map(|line| line.rsplit('/'))
        .find(|part| part.ends_with(".service"))?;
    // Everything a person runs is below their own.
    (!unit.starts_with("user@")).then(|| unit.to_owned())
}

// === words ===

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let own = rustix::process::geteuid().as_raw();
        let user = match (&self.user, self.uid) {
            (Some(name), _) => format!("user {name}"),
            (None, Some(uid)) => format!("user {uid}"),
            (None, None) => "an unknown user".to_owned(),
        };
        let Some(process) = &self.process else {
            return write!(f, "a process of {user} that cannot be seen from here");
        };
        if let Some(ours) = &process.ours {
            write!(f, "{} of {}, ", ours.instance, ours.cluster)?;
        }
        write!(f, "pid {} ({})", process.pid, process.command)?;
        if self.uid != Some(own) {
            write!(f, " of {user}")?;
        }
        if let Some(container) = &process.container {
            write!(f, " for {container}")?;
        }
        if let Some(since) = process.since {
            let seconds = Timestamp(clock::wall_ms()).millis_since(since) / 1_000;
            write!(f, ", for {}", age(seconds))?;
        }
        Ok(())
    }
}

/// A length of time in its largest unit, for the middle of a sentence.
fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn this_process_is_found_on_its_port_with_its_parents_and_its_age() {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let holders = of(port);
        assert_eq!(holders.len(), 1, "{holders:?}");
        let holder = &holders[0];
        assert_eq!(holder.addresses, ["127.0.0.1".parse::<IpAddr>().unwrap()]);
        assert_eq!(holder.uid, Some(rustix::process::geteuid().as_raw()));
        let process = holder.process.as_ref().unwrap();
        assert_eq!(process.pid, std::process::id());
        let parent = std::os::unix::process::parent_id();
        assert_eq!(process.parents.first().map(|(pid, _)| *pid), Some(parent));
        assert_eq!(process.ours, None);
        let since = process.since.unwrap();
        let age = Timestamp(clock::wall_ms()).millis_since(since);
        assert!(age < 3_600_000, "{age} ms");
        assert!(holder.to_string().contains(", for "), "{holder}");
        drop(listener);
        assert_eq!(of(port), []);
    }

    #[test]
    fn one_port_can_have_several_holders_and_each_is_named() {
        let four = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = four.local_addr().unwrap().port();
        let second = std::net::TcpListener::bind(("127.0.0.9", port)).unwrap();
        let addresses: BTreeSet<IpAddr> = of(port)
            .into_iter()
            .flat_map(|holder| holder.addresses)
            .collect();
        assert_eq!(addresses.len(), 2);
        drop((four, second));
    }

    #[test]
    fn a_control_group_tells_whose_a_process_is() {
        let home = testkit::Home::new();
        let layout = Layout::new(home.path());
        homes::note(&layout).unwrap();
        let id = layout.id();
        let ours = grouped(&format!(
            "5:pids:/x/azora-{id}/shop-00000000/web.1/deep\n0::/\n"
        ))
        .unwrap();
        assert_eq!(ours.home, home.path());
        assert_eq!(ours.cluster.to_string(), "shop-00000000");
        assert_eq!(ours.instance.to_string(), "web.1");
        let hook = grouped(&format!("0::/azora-{id}/shop-00000000/web.1.hook\n")).unwrap();
        assert_eq!(hook.instance, ours.instance);
        for other in [
            "0::/x/azora-engine\n".to_owned(),
            format!("0::/azora-{id}\n"),
            "0::/azora-0123456789abcdef/shop-00000000/web.1\n".to_owned(),
        ] {
            assert_eq!(grouped(&other), None, "{other}");
        }
    }

    #[test]
    fn one_that_cannot_be_seen_is_named_by_its_user() {
        let unseen = Holder {
            uid: Some(33),
            user: Some("www-data".into()),
            ..Holder::default()
        };
        assert_eq!(
            unseen.to_string(),
            "a process of user www-data that cannot be seen from here"
        );
    }

    #[test]
    fn a_proxy_of_a_container_engine_says_where_it_leads() {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let line = "/usr/bin/docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port 3000 -container-ip 172.17.0.2 -container-port 80";
        assert_eq!(
            forwards(&words(line), 3000).as_deref(),
            Some("a container at 172.17.0.2:80")
        );
        assert_eq!(forwards(&words(line), 3001), None);
        assert_eq!(forwards(&words("docker-proxy -host-port"), 3000), None);
    }

    #[test]
    fn control_groups_tell_containers_and_services_of_the_system() {
        let id = "0123456789abcdef".repeat(4);
        for line in [
            format!("0::/system.slice/docker-{id}.scope\n"),
            format!("0::/machine.slice/libpod-{id}.scope/container\n"),
            format!("12:pids:/docker/{id}\n0::/\n"),
        ] {
            assert_eq!(
                container(&line).as_deref(),
                Some("container 0123456789ab"),
                "{line}"
            );
        }
        assert_eq!(container("0::/user.slice/user-1000.slice\n"), None);
        assert_eq!(
            unit("0::/system.slice/nginx.service\n").as_deref(),
            Some("nginx.service")
        );
        let app = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/x.scope\n";
        assert_eq!(unit(app), None);
    }
}

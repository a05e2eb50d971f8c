//! Who holds a port: every process that listens on it, what it is part of, and since when. Looks
//! only; nothing here ever sends a signal.

use crate::layout::Layout;
use crate::ports::listen::{self, Socket};
use crate::survivors::Remains;
use crate::{clock, homes, intent, procfs, user};
use model::{ClusterId, Generation, InstanceId, Timestamp};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::net::IpAddr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// Parents that are named; a terminal is a handful away.
const PARENTS: usize = 8;
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

/// Listening sockets and their processes, read at most once and only when somebody asks.
#[derive(Debug, Default)]
pub(crate) struct Holders {
    sockets: Option<HashMap<u16, Vec<Socket>>>,
    owners: Option<HashMap<u64, u32>>,
    on_record: OnRecord,
}

/// Whose processes are, by what is on record, once somebody has asked. With thousands of services
/// this takes a second, and many ports may be asked for.
type OnRecord = Option<HashMap<u32, Place>>;

/// A home, and an instance in it.
type Place = (PathBuf, ClusterId, InstanceId);

impl Holders {
    /// The sockets on a port with the process of each.
    fn listeners(&mut self, port: u16) -> Vec<(Socket, Option<u32>)> {
        let sockets = self.sockets.get_or_insert_with(listen::sockets);
        let Some(here) = sockets.get(&port) else {
            return Vec::new();
        };
        let owners = self.owners.get_or_insert_with(|| {
            let all = sockets.values().flatten().map(|socket| socket.inode);
            listen::owners(&all.collect())
        });
        here.iter()
            .map(|socket| (*socket, owners.get(&socket.inode).copied()))
            .collect()
    }

    /// The processes on a port.
    pub(crate) fn pids(&mut self, port: u16) -> BTreeSet<u32> {
        let listeners = self.listeners(port).into_iter();
        listeners.filter_map(|(_, pid)| pid).collect()
    }

    /// Everyone on a port: by process, and what cannot be seen by user.
    pub(crate) fn all(&mut self, port: u16) -> Vec<Holder> {
        let mut holders: BTreeMap<(Option<u32>, u32), Holder> = BTreeMap::new();
        for (socket, pid) in self.listeners(port) {
            let holder = holders
                .entry((pid, socket.uid))
                .or_insert_with(|| holder(pid, socket.uid, port, &mut self.on_record));
            holder.addresses.push(socket.address);
        }
        holders.into_values().collect()
    }

    /// In words, for a message: "pid 4711 (nginx) of user www-data, for 3 h".
    pub(crate) fn words(&mut self, port: u16) -> String {
        let all: Vec<String> = self.all(port).iter().map(ToString::to_string).collect();
        match all.is_empty() {
            // It went between the look at the port and the look at who has it, or it holds the
            // port without listening on it.
            true => "a process that does not listen on it (it may be about to, or be going)".into(),
            false => all.join(" and "),
        }
    }
}

fn holder(pid: Option<u32>, uid: u32, port: u16, on_record: &mut OnRecord) -> Holder {
    let proxy = || proxy_of(port);
    Holder {
        addresses: Vec::new(),
        uid: Some(uid),
        user: user::name(uid),
        process: pid
            .or_else(proxy)
            .and_then(|pid| look(pid, port, on_record)),
    }
}

/// Everything about one process.
fn look(pid: u32, port: u16, on_record: &mut OnRecord) -> Option<Process> {
    let process = procfs::process(pid).ok()??;
    let parents = parents(process.parent);
    let cgroup = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    let chain = std::iter::once(pid).chain(parents.iter().map(|(pid, _)| *pid));
    Some(Process {
        pid,
        command: procfs::command(pid),
        since: clock::wall_of(process.start_ticks),
        terminal: process.terminal,
        unit: unit(&cgroup),
        container: forwarded(pid, port).or_else(|| container(&cgroup)),
        ours: ours(pid, chain, on_record),
        parents,
    })
}

/// Who made a process, who made that one, and so on.
fn parents(mut pid: u32) -> Vec<(u32, String)> {
    let mut parents = Vec::new();
    while pid > 1 && parents.len() < PARENTS {
        let Ok(Some(parent)) = procfs::process(pid) else {
            break;
        };
        parents.push((pid, parent.name));
        pid = parent.parent;
    }
    parents
}

/// The instance a process belongs to: by a shim above it, by the marks it carries, or by what is on
/// record in the homes of this user.
fn ours(pid: u32, chain: impl Iterator<Item = u32>, on_record: &mut OnRecord) -> Option<Ours> {
    chain
        .filter_map(shim_of)
        .next()
        .or_else(|| marked(pid))
        .or_else(|| {
            let on_record = on_record.get_or_insert_with(recorded);
            let (home, cluster, instance) = on_record.get(&pid)?.clone();
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

/// What the run folders of this user's homes say: the last and the costliest way. What cannot be
/// read is left out.
fn recorded() -> HashMap<u32, Place> {
    let mut found = HashMap::new();
    let mut table = None;
    for home in homes::all() {
        for (cluster, instance, folder) in intent::folders(&home, None).unwrap_or_default() {
            let table = match &mut table {
                Some(table) => table,
                none => match procfs::Table::read() {
                    Ok(table) => none.insert(table),
                    Err(_) => return found,
                },
            };
            let remains = intent::Story::read(&folder)
                .and_then(|story| Remains::of(&home, &folder, &story))
                .and_then(|remains| remains.look(table));
            for pid in remains.unwrap_or_default().into_keys() {
                found
                    .entry(pid)
                    .or_insert_with(|| (home.home().to_owned(), cluster.clone(), instance.clone()));
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

//! Ports: choosing free ones, keeping them for one home, and naming who sits on a taken one.
//!
//! A port is reserved for this user on this machine by a lock on one byte of one file (byte number
//! = port number), so two homes never choose the same one even while neither listens. The lock
//! belongs to an open file: it ends with the driver, however that ends.
#![expect(
    unsafe_code,
    reason = "locks that belong to an open file have no safe wrapper yet"
)]

use crate::layout::{Layout, private_folder};
use crate::procfs;
use model::{ClusterId, InstanceId};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::Mutex;

/// Chosen ports lie here: above the usual services, below the ports the kernel hands to clients
/// (`ip_local_port_range` begins at 32768).
const RANGE: std::ops::Range<u16> = 20_000..32_768;

/// A port an instance would like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortWish {
    /// Whose.
    pub cluster: ClusterId,
    /// Whose.
    pub instance: InstanceId,
    /// Which; 0 is any.
    pub preferred: u16,
}

/// A port an instance has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortGrant {
    /// Whose.
    pub instance: InstanceId,
    /// Which.
    pub port: u16,
    /// The preferred one was taken: which it was, and who has it.
    pub moved: Option<(u16, String)>,
}

/// Why ports cannot be granted.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// The file of reservations cannot be used.
    #[error("open the file of reserved ports {0}")]
    File(PathBuf, #[source] io::Error),
    /// Every port of the range is taken.
    #[error("find a free port for {0} from {low} to {high}", low = RANGE.start, high = RANGE.end - 1)]
    None(InstanceId),
}

/// The ports of one home.
#[derive(Debug)]
pub(crate) struct Ports {
    home: String,
    file: File,
    held: Mutex<BTreeMap<u16, (ClusterId, InstanceId)>>,
}

impl Ports {
    pub(crate) fn open(layout: &Layout) -> Result<Ports, PortError> {
        let path = reservations();
        let file = open_reservations(&path).map_err(|error| PortError::File(path, error))?;
        Ok(Ports {
            home: layout.id(),
            file,
            held: Mutex::default(),
        })
    }

    /// One port for each wish, or an error and none of them. `ours` says which processes belong to
    /// an instance: a port that it already listens on is its own. `kept` says whether the port's
    /// listening socket is kept for the wish's service, which makes it its own as well.
    pub(crate) fn grant(
        &self,
        wishes: &[PortWish],
        ours: impl Fn(&ClusterId, &InstanceId) -> Vec<u32>,
        kept: impl Fn(&PortWish, u16) -> bool,
    ) -> Result<Vec<PortGrant>, PortError> {
        let mut held = self
            .held
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut holders = Holders::default();
        let mut new = BTreeSet::new();
        let mut given = BTreeSet::new();
        let mut grants = Vec::with_capacity(wishes.len());
        for wish in wishes {
            let owner = (wish.cluster.clone(), wish.instance.clone());
            let mut taken_by = |port: u16, held: &BTreeMap<u16, (ClusterId, InstanceId)>| {
                if let Some(other) = held.get(&port) {
                    return (*other != owner).then(|| format!("{} of {}", other.1, other.0));
                }
                if !self.lock(port) {
                    return Some("another home of Azora".to_owned());
                }
                let holder = if kept(wish, port) || free(port) {
                    None
                } else {
                    Some(holders.of(port))
                };
                let holder = holder.filter(|holder| {
                    let own = ours(&wish.cluster, &wish.instance);
                    !holder.pid.is_some_and(|pid| own.contains(&pid))
                });
                if holder.is_some() {
                    self.unlock(port);
                }
                holder.map(|holder| holder.to_string())
            };
            let moved = match wish.preferred {
                0 => None,
                port => taken_by(port, &held).map(|holder| (port, holder)),
            };
            let port = if wish.preferred != 0 && moved.is_none() {
                wish.preferred
            } else {
                let found = self.order(&owner).find(|port| {
                    *port != wish.preferred
                        && !given.contains(port)
                        && taken_by(*port, &held).is_none()
                });
                match found {
                    Some(port) => port,
                    None => {
                        for port in &new {
                            held.remove(port);
                            self.unlock(*port);
                        }
                        return Err(PortError::None(wish.instance.clone()));
                    }
                }
            };
            if held.insert(port, owner).is_none() {
                new.insert(port);
            }
            given.insert(port);
            grants.push(PortGrant {
                instance: wish.instance.clone(),
                port,
                moved,
            });
        }
        Ok(grants)
    }

    pub(crate) fn release(&self, ports: &[u16]) {
        let mut held = self
            .held
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        for port in ports {
            if held.remove(port).is_some() {
                self.unlock(*port);
            }
        }
    }

    /// All chosen ports, beginning where home, cluster and instance point to: the same instance
    /// gets the same port again as long as nobody is in the way.
    fn order(&self, owner: &(ClusterId, InstanceId)) -> impl Iterator<Item = u16> {
        let text = format!("{}/{}/{}", self.home, owner.0, owner.1);
        let hash = u64::from_str_radix(&shim::home_id(text.as_ref()), 16).unwrap_or(0);
        let count = u64::from(RANGE.end - RANGE.start);
        // A remainder below the range's length fits where the range does.
        (0..count).map(move |step| RANGE.start + (hash.wrapping_add(step) % count) as u16)
    }

    fn lock(&self, port: u16) -> bool {
        self.set_lock(port, libc::F_WRLCK)
    }
    fn unlock(&self, port: u16) {
        self.set_lock(port, libc::F_UNLCK);
    }
    fn set_lock(&self, port: u16, kind: libc::c_int) -> bool {
        // SAFETY: flock is plain numbers, for which zero is a valid value.
        let mut lock: libc::flock = unsafe { std::mem::zeroed() };
        lock.l_type = kind as libc::c_short;
        lock.l_whence = libc::SEEK_SET as libc::c_short;
        lock.l_start = libc::off_t::from(port);
        lock.l_len = 1;
        // SAFETY: an owned descriptor and a live place of the type the command takes.
        unsafe { libc::fcntl(self.file.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) == 0 }
    }
}

/// One file per user and machine, whatever home: in `/run/user/UID` where that is, else in `/tmp`.
fn reservations() -> PathBuf {
    let uid = rustix::process::geteuid().as_raw();
    let run = PathBuf::from(format!("/run/user/{uid}"));
    let own = fs::symlink_metadata(&run).is_ok_and(|data| data.is_dir() && data.uid() == uid);
    if own {
        run.join("azora-ports")
    } else {
        format!("/tmp/azora-{uid}/ports").into()
    }
}

fn open_reservations(path: &std::path::Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        private_folder(folder)?;
        // Anybody could have made it in /tmp before us.
        let data = fs::symlink_metadata(folder)?;
        if !data.is_dir() || data.uid() != rustix::process::geteuid().as_raw() {
            return Err(io::Error::other(format!(
                "{} belongs to somebody else",
                folder.display()
            )));
        }
    }
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(path)
}

/// True when a server could listen on this port, on loopback and on every address. Ports that only
/// wait for stray packets of old connections are free, as they are to servers.
pub(crate) fn free(port: u16) -> bool {
    // Loopback is covered: a wildcard conflicts with any address of its family.
    can_bind(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port)
        && can_bind(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port)
}

fn can_bind(address: IpAddr, port: u16) -> bool {
    use rustix::io::Errno;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with, sockopt};
    let family = if address.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    let Ok(socket) = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None) else {
        // No such family here: nobody listens on it.
        return true;
    };
    // Without these the answer is stricter, never laxer.
    let _ = sockopt::set_socket_reuseaddr(&socket, true);
    if address.is_ipv6() {
        let _ = sockopt::set_ipv6_v6only(&socket, true);
    }
    !matches!(
        bind(&socket, &SocketAddr::new(address, port)),
        Err(Errno::ADDRINUSE)
    )
}

/// Who sits on a port, as far as can be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) pid: Option<u32>,
    uid: Option<u32>,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.pid, self.uid) {
            (Some(pid), _) => write!(f, "pid {pid} ({})", procfs::command(pid)),
            (None, Some(uid)) => write!(f, "a process of user {uid}"),
            (None, None) => f.write_str("a process that cannot be seen from here"),
        }
    }
}

/// Who sits on a port now.
pub(crate) fn holder(port: u16) -> Holder {
    Holders::default().of(port)
}

/// Listening sockets and their owners, read at most once and only when somebody asks.
#[derive(Debug, Default)]
struct Holders {
    /// Port → socket number and user.
    sockets: Option<HashMap<u16, (u64, u32)>>,
    /// Socket number → process.
    owners: Option<HashMap<u64, u32>>,
}

impl Holders {
    fn of(&mut self, port: u16) -> Holder {
        let sockets = self.sockets.get_or_insert_with(listening);
        let Some((inode, uid)) = sockets.get(&port).copied() else {
            return Holder {
                pid: None,
                uid: None,
            };
        };
        let owners = self.owners.get_or_insert_with(socket_owners);
        Holder {
            pid: owners.get(&inode).copied(),
            uid: Some(uid),
        }
    }
}

fn listening() -> HashMap<u16, (u64, u32)> {
    let mut found = HashMap::new();
    for file in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let text = fs::read_to_string(file).unwrap_or_default();
        for line in text.lines().skip(1) {
            // sl local remote state queues timer retransmits uid timeout inode
            let fields: Vec<&str> = line.split_ascii_whitespace().collect();
            if let [_, local, _, "0A", _, _, _, uid, _, inode, ..] = fields.as_slice()
                && let Some((_, port)) = local.rsplit_once(':')
                && let (Ok(port), Ok(uid), Ok(inode)) =
                    (u16::from_str_radix(port, 16), uid.parse(), inode.parse())
            {
                found.insert(port, (inode, uid));
            }
        }
    }
    found
}

fn socket_owners() -> HashMap<u64, u32> {
    let mut owners = HashMap::new();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    for pid in entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()) {
        for fd in fs::read_dir(format!("/proc/{pid}/fd"))
            .into_iter()
            .flatten()
            .flatten()
        {
            let Ok(target) = fs::read_link(fd.path()) else {
                continue;
            };
            let inode = target
                .to_str()
                .and_then(|t| t.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok());
            if let Some(inode) = inode {
                // The first is the oldest: a server before its workers.
                owners.entry(inode).or_insert(pid);
            }
        }
    }
    owners
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(instance: &str, preferred: u16) -> PortWish {
        PortWish {
            cluster: "shop-00000000".parse().unwrap(),
            instance: instance.parse().unwrap(),
            preferred,
        }
    }

    fn ports() -> (testkit::Home, Ports) {
        let home = testkit::Home::new();
        let ports = Ports::open(&Layout::new(home.path())).unwrap();
        (home, ports)
    }

    fn nobody(_: &ClusterId, _: &InstanceId) -> Vec<u32> {
        Vec::new()
    }

    fn not_kept(_: &PortWish, _: u16) -> bool {
        false
    }

    #[test]
    fn a_taken_port_is_moved_and_its_holder_named() {
        let (_home, ports) = ports();
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let taken = listener.local_addr().unwrap().port();
        let grant = ports
            .grant(&[wish("a.0", taken)], nobody, not_kept)
            .unwrap()
            .remove(0);
        let (wanted, holder) = grant.moved.unwrap();
        assert_eq!(wanted, taken);
        assert!(
            holder.starts_with(&format!("pid {} (", std::process::id())),
            "{holder}"
        );
        assert_ne!(grant.port, taken);
        // The same port is its own when the listener belongs to the instance.
        let own = ports
            .grant(
                &[wish("b.0", taken)],
                |_, _| vec![std::process::id()],
                not_kept,
            )
            .unwrap();
        assert_eq!((own[0].port, &own[0].moved), (taken, &None));
    }

    #[test]
    fn two_homes_never_get_the_same_port() {
        let ((_one, first), (_two, second)) = (ports(), ports());
        let wishes: Vec<_> = (0..50).map(|n| wish(&format!("a.{n}"), 0)).collect();
        let mut seen = BTreeSet::new();
        let granted = first.grant(&wishes, nobody, not_kept).unwrap();
        for grant in &granted {
            assert!(seen.insert(grant.port));
        }
        for grant in second.grant(&wishes, nobody, not_kept).unwrap() {
            assert!(seen.insert(grant.port));
        }
        let wanted = granted[0].port;
        let moved = second
            .grant(&[wish("b.0", wanted)], nobody, not_kept)
            .unwrap()
            .remove(0)
            .moved;
        assert_eq!(moved, Some((wanted, "another home of Azora".to_owned())));
        first.release(&[wanted]);
        let free = second
            .grant(&[wish("c.0", wanted)], nobody, not_kept)
            .unwrap()
            .remove(0);
        assert_eq!((free.port, free.moved), (wanted, None));
    }

    #[test]
    fn an_instance_keeps_its_port() {
        let (_home, ports) = ports();
        let first = ports
            .grant(&[wish("a.0", 0)], nobody, not_kept)
            .unwrap()
            .remove(0)
            .port;
        assert_eq!(
            ports
                .grant(&[wish("a.0", first)], nobody, not_kept)
                .unwrap()[0]
                .port,
            first
        );
        ports.release(&[first]);
        assert_eq!(
            ports.grant(&[wish("a.0", 0)], nobody, not_kept).unwrap()[0].port,
            first
        );
    }
}

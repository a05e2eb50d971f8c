//! Listening sockets as the kernel lists them, and the processes that hold them.

use crate::procfs;
use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

/// A listening socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Socket {
    pub(crate) address: IpAddr,
    pub(crate) inode: u64,
    /// Who made it. Known of everybody's.
    pub(crate) uid: u32,
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

/// Every listening TCP socket of this network namespace, by port.
pub(crate) fn sockets() -> HashMap<u16, Vec<Socket>> {
    let mut found: HashMap<u16, Vec<Socket>> = HashMap::new();
    for file in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let table = fs::read_to_string(file).unwrap_or_default();
        for (port, socket) in table.lines().skip(1).filter_map(listening) {
            found.entry(port).or_default().push(socket);
        }
    }
    found
}

/// A line of the table, if it is about a listening socket:
/// `sl local remote state queues timer retransmits uid timeout inode …`.
fn listening(line: &str) -> Option<(u16, Socket)> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let [_, local, _, "0A", _, _, _, uid, _, inode, ..] = fields.as_slice() else {
        return None;
    };
    let (address, port) = local.rsplit_once(':')?;
    let socket = Socket {
        address: ip(address)?,
        inode: inode.parse().ok()?,
        uid: uid.parse().ok()?,
    };
    Some((u16::from_str_radix(port, 16).ok()?, socket))
}

/// `0100007F`: an address in the machine's own byte order, four bytes at a time.
fn ip(hex: &str) -> Option<IpAddr> {
    let word = |n: usize| -> Option<[u8; 4]> {
        let digits = hex.get(n * 8..n * 8 + 8)?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    match hex.len() {
        8 => Some(word(0)?.into()),
        32 => {
            let mut bytes = [0; 16];
            for (n, four) in bytes.chunks_mut(4).enumerate() {
                four.copy_from_slice(&word(n)?);
            }
            Some(bytes.into())
        }
        _ => None,
    }
}

/// Who holds a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) pid: u32,
    /// When that process was started.
    start_ticks: u64,
    /// Under which number.
    fd: u32,
}

impl Held {
    /// That very process holds the socket of this inode now.
    pub(crate) fn still(&self, inode: u64) -> bool {
        let process = procfs::process(self.pid).ok().flatten();
        process.is_some_and(|process| process.start_ticks == self.start_ticks)
            && inode_of(format!("/proc/{}/fd/{}", self.pid, self.fd)) == Some(inode)
    }
}

/// The inode of a socket, from the link that stands for a descriptor.
fn inode_of(link: impl AsRef<Path>) -> Option<u64> {
    let target = fs::read_link(link).ok()?;
    let inode = target.to_str()?.strip_prefix("socket:[")?;
    inode.strip_suffix(']')?.parse().ok()
}

/// The processes that hold these sockets, as far as they may be looked at. Of several that share
/// one, the oldest: a server and not its workers.
pub(crate) fn owners(wanted: &BTreeSet<u64>) -> HashMap<u64, Held> {
    let mut oldest: HashMap<u64, Held> = HashMap::new();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    for pid in entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()) {
        let mut started = None;
        for fd in fs::read_dir(format!("/proc/{pid}/fd"))
            .into_iter()
            .flatten()
            .flatten()
        {
            let Some(inode) = inode_of(fd.path()).filter(|inode| wanted.contains(inode)) else {
                continue;
            };
            let number = fd.file_name().to_str().and_then(|name| name.parse().ok());
            let start_ticks = *started.get_or_insert_with(|| match procfs::process(pid) {
                Ok(Some(one)) => one.start_ticks,
                _ => u64::MAX,
            });
            let held = Held {
                pid,
                start_ticks,
                fd: number.unwrap_or(u32::MAX),
            };
            let age = |one: &Held| (one.start_ticks, one.pid);
            match oldest.get(&inode) {
                Some(other) if age(other) <= age(&held) => {}
                _ => drop(oldest.insert(inode, held)),
            }
        }
    }
    oldest
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn every_kind_of_address_is_seen_with_its_socket_and_its_process() {
        let me = std::process::id();
        for address in ["127.0.0.1:0", "127.0.0.2:0", "[::1]:0"] {
            // A machine without IPv6 has nothing to find there.
            let Ok(listener) = TcpListener::bind(address) else {
                continue;
            };
            let local = listener.local_addr().unwrap();
            let sockets = sockets();
            let found: Vec<Socket> = sockets[&local.port()]
                .iter()
                .copied()
                .filter(|socket| socket.address == local.ip())
                .collect();
            assert_eq!(found.len(), 1, "{address}");
            assert_eq!(found[0].uid, rustix::process::geteuid().as_raw());
            let wanted = BTreeSet::from([found[0].inode]);
            let owners = owners(&wanted);
            let held = &owners[&found[0].inode];
            assert!(held.pid == me && held.still(found[0].inode), "{address}");
            assert!(!free(local.port()), "{address}");
        }
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn lines_of_the_table_are_read_and_others_are_not() {
        let line = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 11111 1 0 100 0 0 10 0";
        let (port, socket) = listening(line).unwrap();
        assert_eq!((port, socket.uid, socket.inode), (8080, 1000, 11111));
        assert_eq!(socket.address, IpAddr::V4(Ipv4Addr::LOCALHOST));
        let six = "  1: 00000000000000000000000001000000:0BB8 00000000000000000000000000000000:0000 0A 0:0 0:0 0 33 0 7 1";
        let (port, socket) = listening(six).unwrap();
        assert_eq!((port, socket.uid), (3000, 33));
        assert_eq!(socket.address, IpAddr::V6(Ipv6Addr::LOCALHOST));
        for other in [
            "",
            "  sl  local_address rem_address   st",
            "   1: 0100007F:C350 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 22222",
            "   1: 0100007F:zzzz 00000000:0000 0A 0:0 0:0 0 1000 0 1",
            "   1: 01:1F90 00000000:0000 0A 0:0 0:0 0 1000 0 1",
            "   1: é100007F:1F90 00000000:0000 0A 0:0 0:0 0 1000 0 1",
        ] {
            assert_eq!(listening(other), None, "{other}");
        }
    }
}

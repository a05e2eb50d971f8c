//! The sockets of this network namespace: by netlink, or else as `proc_net_tcp(5)` tells them.

use super::diag;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

/// Sockets looked at of each kind. A machine with more tells of some of its connections only.
const MOST: usize = 131_072;

/// What a socket does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It waits for connections.
    Listens,
    /// It is an end of a connection, or would be.
    Talks,
}

/// A TCP socket. An IPv4 address written as IPv6 is told as IPv4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tcp {
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    /// 0 of one that nobody holds.
    pub(super) inode: u64,
    pub(super) state: State,
}

/// A socket of the machine's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unix {
    pub(super) inode: u64,
    /// The other end's inode.
    pub(super) peer: Option<u64>,
    /// The path, or the name that begins with a zero, it is bound to; the end of a listener is bound
    /// to the listener's.
    pub(super) name: Option<Box<[u8]>>,
    pub(super) state: State,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    pub(super) tcp: Vec<Tcp>,
    pub(super) unix: Vec<Unix>,
}

impl Sockets {
    /// Asks the kernel. Not every container lets it be asked; the tables say the same of TCP, and
    /// nothing of who is at the other end of a path.
    pub(super) fn read() -> Sockets {
        diag::read(MOST).unwrap_or_else(|_| Sockets::tables())
    }

    /// The same from the kernel's tables.
    pub(super) fn tables() -> Sockets {
        let mut found = Sockets::default();
        for table in ["/proc/self/net/tcp", "/proc/self/net/tcp6"] {
            let text = std::fs::read_to_string(table).unwrap_or_default();
            let lines = text.lines().skip(1).filter_map(line);
            found.tcp.extend(lines.take(MOST));
        }
        found
    }
}

/// The sockets that listen, by TCP.
pub(super) fn listening() -> Vec<Tcp> {
    diag::listening(MOST).unwrap_or_else(|_| {
        let mut found = Sockets::tables().tcp;
        found.retain(|one| one.state == State::Listens);
        found
    })
}

/// How many connections wait to be accepted, by port, where some do.
pub(crate) fn backlogs() -> BTreeMap<u16, u32> {
    let all = diag::backlogs(MOST).unwrap_or_else(|_| {
        let tables = ["/proc/self/net/tcp", "/proc/self/net/tcp6"].map(std::fs::read_to_string);
        let lines = tables
            .iter()
            .flatten()
            .flat_map(|text| text.lines().skip(1));
        lines.filter_map(backlog).take(MOST).collect()
    });
    let mut by_port = BTreeMap::new();
    for (port, waiting) in all.into_iter().filter(|(_, waiting)| *waiting > 0) {
        let sum: &mut u32 = by_port.entry(port).or_default();
        *sum = sum.saturating_add(waiting);
    }
    by_port
}

/// Of a line of the table, if it listens: where, and how many wait.
fn backlog(line: &str) -> Option<(u16, u32)> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let local = address(fields.next()?)?;
    let listens = fields.nth(1)? == "0A";
    let (_, waiting) = fields.next()?.split_once(':')?;
    let waiting = u32::from_str_radix(waiting, 16).ok()?;
    listens.then_some((local.port(), waiting))
}

/// `sl local remote state queues timer retransmits uid timeout inode …`.
fn line(line: &str) -> Option<Tcp> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let (local, remote) = (address(fields.next()?)?, address(fields.next()?)?);
    let state = match fields.next()? {
        "0A" => State::Listens,
        "01" | "02" | "08" => State::Talks,
        _ => return None,
    };
    let inode = fields.nth(5)?.parse().ok()?;
    Some(Tcp {
        local,
        remote,
        inode,
        state,
    })
}

/// `0100007F:1F90`: the address in the machine's own byte order, four bytes at a time.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |n: usize| -> Option<[u8; 4]> {
        let digits = ip.get(n * 8..n * 8 + 8)?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    let ip: IpAddr = match ip.len() {
        8 => word(0)?.into(),
        32 => {
            let mut bytes = [0; 16];
            for (n, four) in bytes.chunks_mut(4).enumerate() {
                four.copy_from_slice(&word(n)?);
            }
            bytes.into()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip.to_canonical(), port))
}

#[cfg(all(test, target_endian = "little"))]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_table_are_read_and_others_are_not() {
        let listens = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 11111 1 0 100 0 0 10 0";
        let one = line(listens).unwrap();
        assert_eq!(
            (one.local, one.inode),
            ("127.0.0.1:8080".parse().unwrap(), 11111)
        );
        assert_eq!(one.state, State::Listens);
        assert_eq!(backlog(listens), Some((8080, 0)));
        let crowded = listens.replace("00000000:00000000 00:", "00000000:0000001F 00:");
        assert_eq!(backlog(&crowded), Some((8080, 31)));
        let talks = "   3: 0000000000000000FFFF00000100007F:C352 0000000000000000FFFF00000100007F:1F90 08 00000000:00000000 00:00000000 00000000  1001        0 33333 1 0";
        let one = line(talks).unwrap();
        assert_eq!(
            (one.remote, one.inode),
            ("127.0.0.1:8080".parse().unwrap(), 33333)
        );
        assert_eq!(one.state, State::Talks);
        for other in [
            "",
            "  sl  local_address rem_address   st",
            // One that was hung up and is nobody's any more.
            "   2: 0100007F:C351 0100007F:1F90 06 00000000:00000000 00:00000000 00000000     0        0 0 1 0",
            "   1: é100007F:1F90 00000000:0000 0A 0:0 0:0 0 1000 0 1",
        ] {
            assert_eq!(line(other), None, "{other}");
            assert_eq!(backlog(other), None, "{other}");
        }
    }
}

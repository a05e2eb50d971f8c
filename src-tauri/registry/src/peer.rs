//! Whose program is at the other end of a TCP connection on this machine.
//!
//! TCP has no peer credentials. On Linux the kernel lists every socket with its owner; the other
//! end's is the one whose local and remote address are ours swapped.

use std::net::{IpAddr, SocketAddr};

/// Why the other end is not served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Stranger {
    #[error("programs of user {0} are not served")]
    OtherUser(u32),
    #[error("the program that asks could not be found on this machine")]
    NotFound,
    #[error("this system does not say whose a connection is")]
    #[cfg_attr(
        target_os = "linux",
        expect(dead_code, reason = "other systems say this")
    )]
    Unsupported,
}

/// Looks who is at the other end: our own user or root, or it is not served. Reads the kernel's
/// list anew each time: nothing that was true of an address before says anything about it now.
#[cfg(target_os = "linux")]
pub(crate) fn check(remote: SocketAddr, local: SocketAddr) -> Result<(), Stranger> {
    let table = if remote.is_ipv4() {
        "/proc/self/net/tcp"
    } else {
        "/proc/self/net/tcp6"
    };
    let text = std::fs::read_to_string(table).map_err(|_| Stranger::NotFound)?;
    // A client on IPv4 may hold an IPv6 socket, which is in the other list.
    let uid = match owner(&text, remote, local) {
        None if remote.is_ipv4() => std::fs::read_to_string("/proc/self/net/tcp6")
            .ok()
            .and_then(|text| owner(&text, remote, local)),
        found => found,
    };
    match uid {
        None => Err(Stranger::NotFound),
        Some(0) => Ok(()),
        Some(uid) if uid == rustix::process::geteuid().as_raw() => Ok(()),
        Some(uid) => Err(Stranger::OtherUser(uid)),
    }
}

/// Elsewhere nobody can tell, so nobody is served.
#[cfg(not(target_os = "linux"))]
pub(crate) fn check(_: SocketAddr, _: SocketAddr) -> Result<(), Stranger> {
    Err(Stranger::Unsupported)
}

/// The owner of the socket with this local and this remote address, as `proc_net_tcp(5)` lists it.
fn owner(table: &str, local: SocketAddr, remote: SocketAddr) -> Option<u32> {
    table.lines().skip(1).find_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let (from, to) = (address(fields.next()?)?, address(fields.next()?)?);
        if from != plain(local) || to != plain(remote) {
            return None;
        }
        // st, queues, timer, retransmits, uid, timeout, inode
        let uid = fields.nth(4)?.parse().ok()?;
        let inode: u64 = fields.nth(1)?.parse().ok()?;
        // A socket that nobody holds any more is shown as root's: who sends and hangs up at once
        // must not pass for root.
        (inode != 0).then_some(uid)
    })
}

/// An IPv4 address that is written as IPv6 is the same address.
fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
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
    Some(plain(SocketAddr::new(ip, port)))
}

#[cfg(all(test, target_os = "linux", target_endian = "little"))]
mod tests {
    use super::*;

    const TABLE: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11111 1 0 100 0 0 10 0
   1: 0100007F:C350 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 22222 1 0 20 4 30 10 -1
   2: 0100007F:C351 0100007F:1F90 05 00000000:00000000 00:00000000 00000000     0        0 0 1 0 20 4 30 10 -1
   3: 0000000000000000FFFF00000100007F:C352 0000000000000000FFFF00000100007F:1F90 01 00000000:00000000 00:00000000 00000000  1001        0 33333 1 0
   4: 00000000000000000000000001000000:C353 00000000000000000000000001000000:1F90 01 00000000:00000000 00:00000000 00000000  1002        0 44444 1 0
   5: garbage
";

    fn of(local: &str, remote: &str) -> Option<u32> {
        owner(TABLE, local.parse().unwrap(), remote.parse().unwrap())
    }

    #[test]
    fn the_owner_is_read_from_the_kernels_list() {
        assert_eq!(of("127.0.0.1:50000", "127.0.0.1:8080"), Some(1000));
        assert_eq!(of("127.0.0.1:50002", "127.0.0.1:8080"), Some(1001));
        assert_eq!(of("[::1]:50003", "[::1]:8080"), Some(1002));
        assert_eq!(of("127.0.0.1:50004", "127.0.0.1:8080"), None);
        assert_eq!(of("127.0.0.1:50000", "127.0.0.1:8081"), None);
    }

    #[test]
    fn a_socket_that_was_hung_up_does_not_pass_for_roots() {
        assert_eq!(of("127.0.0.1:50001", "127.0.0.1:8080"), None);
    }

    #[test]
    fn our_own_connections_are_ours_until_they_are_closed() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, remote) = listener.accept().unwrap();
        let local = server.local_addr().unwrap();
        assert_eq!(check(remote, local), Ok(()));
        drop(client);
        assert_eq!(check(remote, local), Err(Stranger::NotFound));
    }
}

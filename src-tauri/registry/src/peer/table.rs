//! The kernel's list of all sockets, as `proc_net_tcp(5)` tells it.

use super::{Socket, plain};
use std::net::{IpAddr, SocketAddr};

/// The socket with this local and this remote address.
pub(super) fn find(local: SocketAddr, remote: SocketAddr) -> Option<Socket> {
    // A client on IPv4 may hold an IPv6 socket, which is in the other list.
    let tables: &[&str] = match local.is_ipv4() {
        true => &["/proc/self/net/tcp", "/proc/self/net/tcp6"],
        false => &["/proc/self/net/tcp6"],
    };
    tables.iter().find_map(|table| {
        let text = std::fs::read_to_string(table).ok()?;
        socket(&text, local, remote)
    })
}

fn socket(table: &str, local: SocketAddr, remote: SocketAddr) -> Option<Socket> {
    table.lines().skip(1).find_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let (from, to) = (address(fields.next()?)?, address(fields.next()?)?);
        if from != local || to != remote {
            return None;
        }
        // st, queues, timer, retransmits, uid, timeout, inode
        let uid = fields.nth(4)?.parse().ok()?;
        let inode = fields.nth(1)?.parse().ok()?;
        Some(Socket {
            uid,
            inode,
            group: None,
        })
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
    Some(plain(SocketAddr::new(ip, port)))
}

#[cfg(all(test, target_endian = "little"))]
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

    fn of(local: &str, remote: &str) -> Option<(u32, u64)> {
        let found = socket(TABLE, local.parse().unwrap(), remote.parse().unwrap())?;
        Some((found.uid, found.inode))
    }

    #[test]
    fn the_owner_is_read_from_the_kernels_list() {
        assert_eq!(of("127.0.0.1:50000", "127.0.0.1:8080"), Some((1000, 22222)));
        assert_eq!(of("127.0.0.1:50002", "127.0.0.1:8080"), Some((1001, 33333)));
        assert_eq!(of("[::1]:50003", "[::1]:8080"), Some((1002, 44444)));
        // One that was hung up: told as root's, and as nobody's.
        assert_eq!(of("127.0.0.1:50001", "127.0.0.1:8080"), Some((0, 0)));
        assert_eq!(of("127.0.0.1:50004", "127.0.0.1:8080"), None);
        assert_eq!(of("127.0.0.1:50000", "127.0.0.1:8081"), None);
    }
}

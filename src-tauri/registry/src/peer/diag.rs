//! Asking the kernel for one socket, as `sock_diag(7)` tells: the same in no time, however many
//! connections there are.

use super::Socket;
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink};
use std::net::{IpAddr, SocketAddr};

/// Numbers of <linux/netlink.h>, <linux/sock_diag.h> and <linux/inet_diag.h>.
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLM_F_REQUEST: u16 = 1;
const NLMSG_ERROR: u16 = 2;
const IPPROTO_TCP: u8 = 6;
const TCP_LISTEN: u8 = 10;
const ALL_STATES: u32 = u32::MAX;
/// `struct nlmsghdr`, `struct inet_diag_req_v2`, and the part of it that names a connection.
const HEADER: usize = 16;
const REQUEST: usize = HEADER + 56;
const ID: std::ops::Range<usize> = 8..8 + 36;
/// Where `struct inet_diag_msg` keeps the same, and what we want to know.
const ANSWER_ID: std::ops::Range<usize> = 4..4 + 36;
const UID: usize = 64;
const INODE: usize = 68;
/// Attributes follow: two bytes of length, two of kind, then what they say, each at the next multiple of four.
const ATTRIBUTES: usize = 72;
/// The number of the socket's control group of version 2; Linux 5.9.
const INET_DIAG_CGROUP_ID: u16 = 21;

/// The socket with this local and this remote address. An error when the kernel cannot be asked.
pub(super) fn find(local: SocketAddr, remote: SocketAddr) -> Result<Option<Socket>, Errno> {
    let request = request(local, remote);
    let socket = rustix::net::socket_with(
        AddressFamily::NETLINK,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        Some(netlink::SOCK_DIAG),
    )?;
    rustix::net::send(&socket, &request, SendFlags::empty())?;
    // The kernel has answered before it comes back from sending.
    let mut answer = [0; 1_024];
    let (read, _) = rustix::net::recv(&socket, &mut answer[..], RecvFlags::DONTWAIT)?;
    parse(&answer[..read.min(1_024)], &request[HEADER..][ID])
}

fn request(local: SocketAddr, remote: SocketAddr) -> [u8; REQUEST] {
    let mut bytes = [0; REQUEST];
    let mut at = 0;
    let mut put = |field: &[u8]| {
        bytes[at..at + field.len()].copy_from_slice(field);
        at += field.len();
    };
    put(&(REQUEST as u32).to_ne_bytes());
    put(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    put(&NLM_F_REQUEST.to_ne_bytes());
    put(&[0; 8]); // sequence and port: one question, one answer
    let family = if local.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    // Both families' numbers are small.
    put(&[family.as_raw() as u8, IPPROTO_TCP, 0, 0]);
    put(&ALL_STATES.to_ne_bytes());
    put(&local.port().to_be_bytes());
    put(&remote.port().to_be_bytes());
    for address in [local, remote] {
        put(&match address.ip() {
            IpAddr::V4(ip) => {
                let mut wide = [0; 16];
                wide[..4].copy_from_slice(&ip.octets());
                wide
            }
            IpAddr::V6(ip) => ip.octets(),
        });
    }
    put(&[0; 4]); // any interface
    put(&[0xff; 8]); // no cookie
    bytes
}

/// Reads an answer about the connection `id`.
fn parse(answer: &[u8], id: &[u8]) -> Result<Option<Socket>, Errno> {
    let kind = answer
        .get(4..6)
        .and_then(|bytes| bytes.try_into().ok())
        .map(u16::from_ne_bytes);
    let body = answer.get(HEADER..).unwrap_or_default();
    let word = |at: usize| -> Option<u32> {
        Some(u32::from_ne_bytes(body.get(at..at + 4)?.try_into().ok()?))
    };
    match kind {
        Some(SOCK_DIAG_BY_FAMILY) => {
            // Without a connection of these addresses the kernel offers a listener of that port.
            if body.get(1) == Some(&TCP_LISTEN) || body.get(ANSWER_ID) != Some(id) {
                return Ok(None);
            }
            let (Some(uid), Some(inode)) = (word(UID), word(INODE)) else {
                return Err(Errno::BADMSG);
            };
            Ok(Some(Socket {
                uid,
                inode: inode.into(),
                group: group(body.get(ATTRIBUTES..).unwrap_or_default()),
            }))
        }
        Some(NLMSG_ERROR) => match word(0).map(u32::cast_signed) {
            Some(error) if error == -Errno::NOENT.raw_os_error() => Ok(None),
            Some(error) => Err(Errno::from_raw_os_error(error.saturating_neg())),
            None => Err(Errno::BADMSG),
        },
        _ => Err(Errno::BADMSG),
    }
}

/// The control group among these attributes.
fn group(mut attributes: &[u8]) -> Option<u64> {
    loop {
        let short = |at: usize| -> Option<u16> {
            Some(u16::from_ne_bytes(
                attributes.get(at..at + 2)?.try_into().ok()?,
            ))
        };
        let (length, kind) = (usize::from(short(0)?), short(2)?);
        let said = attributes.get(4..length)?;
        if kind == INET_DIAG_CGROUP_ID {
            return Some(u64::from_ne_bytes(said.try_into().ok()?));
        }
        attributes = attributes.get(length.next_multiple_of(4)..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the kernel said of a connection of user 1000, made smaller.
    fn answer(state: u8, id: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; HEADER + 72];
        bytes[4..6].copy_from_slice(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
        bytes[HEADER + 1] = state;
        bytes[HEADER + 4..][..36].copy_from_slice(id);
        bytes[HEADER + UID..][..4].copy_from_slice(&1_000_u32.to_ne_bytes());
        bytes[HEADER + INODE..][..4].copy_from_slice(&77_u32.to_ne_bytes());
        bytes
    }

    #[test]
    fn only_an_answer_to_the_question_is_one() {
        let (local, remote) = (
            "127.0.0.1:5".parse().unwrap(),
            "127.0.0.1:6".parse().unwrap(),
        );
        let (asked, other) = (request(local, remote), request(remote, local));
        let (id, other) = (&asked[HEADER..][ID], &other[HEADER..][ID]);
        let ours = Some(Socket {
            uid: 1_000,
            inode: 77,
            group: None,
        });
        assert_eq!(parse(&answer(1, id), id), Ok(ours));
        assert_eq!(parse(&answer(TCP_LISTEN, id), id), Ok(None));
        assert_eq!(parse(&answer(1, other), id), Ok(None));
        for length in 0..HEADER + 72 {
            let cut = parse(&answer(1, id)[..length], id);
            assert!(cut != Ok(ours), "{length}: {cut:?}");
        }
        // A byte, and the group behind it.
        let mut more = answer(1, id);
        more.extend([5, 0, 8, 0, 7, 0, 0, 0]);
        let group = |bytes: &[u8]| parse(bytes, id).unwrap().unwrap().group;
        assert_eq!(group(&more), None);
        more.extend(12_u16.to_ne_bytes());
        more.extend(INET_DIAG_CGROUP_ID.to_ne_bytes());
        more.extend(4_242_u64.to_ne_bytes());
        assert_eq!(group(&more), Some(4_242));
        for length in HEADER + 72..more.len() {
            assert_eq!(group(&more[..length]), None, "{length}");
        }
        // Lengths that lead nowhere, or nowhere else.
        for length in 0..4_u16 {
            let mut odd = answer(1, id);
            odd.extend(length.to_ne_bytes());
            odd.extend([1, 0, 0, 0]);
            assert_eq!(group(&odd), None, "{length}");
        }
        let error = |number: i32| {
            let mut bytes = vec![0; HEADER + 4];
            bytes[4..6].copy_from_slice(&NLMSG_ERROR.to_ne_bytes());
            bytes[HEADER..].copy_from_slice(&number.to_ne_bytes());
            parse(&bytes, id)
        };
        assert_eq!(error(-2), Ok(None));
        assert_eq!(error(-1), Err(Errno::PERM));
    }
}

//! Asking the kernel for all its sockets, as `sock_diag(7)` tells: a few microseconds each, where
//! `/proc/net` is text of one line each.

use super::sockets::{Sockets, State, Tcp, Unix};
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Numbers of <linux/netlink.h>, <linux/sock_diag.h>, <linux/inet_diag.h> and <linux/unix_diag.h>.
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_DUMP: u16 = 0x300;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const IPPROTO_TCP: u8 = 6;
const HEADER: usize = 16;
/// `struct inet_diag_req_v2` and `struct unix_diag_req`.
const INET_REQUEST: usize = 56;
const UNIX_REQUEST: usize = 24;
/// `struct inet_diag_msg`, and what of it is read.
const INET_ANSWER: usize = 72;
const INODE: usize = 68;
/// Of one that listens, how many wait to be accepted.
const RECEIVED: usize = 56;
/// `struct unix_diag_msg`, and what follows it.
const UNIX_ANSWER: usize = 16;
const SHOW_NAME: u32 = 1;
const SHOW_PEER: u32 = 4;
const ATTR_NAME: u16 = 0;
const ATTR_PEER: u16 = 2;
const SOCK_STREAM: u8 = 1;
const SOCK_SEQPACKET: u8 = 5;
/// Who talks, who tries to, who has been hung up on and has not noticed, and who listens.
const STATES: u32 = bit(ESTABLISHED) | bit(SYN_SENT) | bit(CLOSE_WAIT) | bit(LISTEN);
const ESTABLISHED: u8 = 1;
const SYN_SENT: u8 = 2;
const CLOSE_WAIT: u8 = 8;
const LISTEN: u8 = 10;
/// The kernel fills at most so much at a time.
const BUFFER: usize = 32 * 1024;
/// Parts of one answer: at 200 sockets each more than a machine has.
const PARTS: usize = 2_048;

const fn bit(state: u8) -> u32 {
    1 << state
}

fn ask() -> Result<std::os::fd::OwnedFd, Errno> {
    rustix::net::socket_with(
        AddressFamily::NETLINK,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        Some(netlink::SOCK_DIAG),
    )
}

/// Ports that somebody listens on, and how many connections wait there.
pub(super) fn backlogs(most: usize) -> Result<Vec<(u16, u32)>, Errno> {
    let socket = ask()?;
    let mut found = Vec::new();
    let mut buffer = vec![0; BUFFER];
    for family in [AddressFamily::INET, AddressFamily::INET6] {
        rustix::net::send(
            &socket,
            &inet_request(family, bit(LISTEN)),
            SendFlags::empty(),
        )?;
        dump(&socket, &mut buffer, |body| {
            let one = tcp(body).zip(word(body, RECEIVED));
            let one = one.filter(|(tcp, _)| tcp.state == State::Listens && found.len() < most);
            found.extend(one.map(|(tcp, waiting)| (tcp.local.port(), waiting)));
        })?;
    }
    Ok(found)
}

/// The sockets that listen, by TCP.
pub(super) fn listening(most: usize) -> Result<Vec<Tcp>, Errno> {
    let socket = ask()?;
    let mut found = Vec::new();
    let mut buffer = vec![0; BUFFER];
    for family in [AddressFamily::INET, AddressFamily::INET6] {
        let request = inet_request(family, bit(LISTEN));
        rustix::net::send(&socket, &request, SendFlags::empty())?;
        dump(&socket, &mut buffer, |body| {
            let one = tcp(body).filter(|one| one.state == State::Listens && found.len() < most);
            found.extend(one);
        })?;
    }
    Ok(found)
}

/// All of them, or why the kernel cannot be asked.
pub(super) fn read(most: usize) -> Result<Sockets, Errno> {
    let socket = ask()?;
    let mut found = Sockets::default();
    let mut buffer = vec![0; BUFFER];
    for family in [AddressFamily::INET, AddressFamily::INET6] {
        rustix::net::send(&socket, &inet_request(family, STATES), SendFlags::empty())?;
        dump(&socket, &mut buffer, |body| {
            found
                .tcp
                .extend(tcp(body).filter(|_| found.tcp.len() < most));
        })?;
    }
    rustix::net::send(&socket, &unix_request(), SendFlags::empty())?;
    // A kernel without it still tells of TCP.
    let unix = dump(&socket, &mut buffer, |body| {
        found
            .unix
            .extend(unix(body).filter(|_| found.unix.len() < most));
    });
    if unix.is_err() {
        found.unix.clear();
    }
    Ok(found)
}

fn header(length: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + length);
    // Requests are shorter than a hundred bytes.
    bytes.extend(u32::try_from(HEADER + length).unwrap_or(0).to_ne_bytes());
    bytes.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    bytes.extend((NLM_F_REQUEST | NLM_F_DUMP).to_ne_bytes());
    bytes.extend([0; 8]); // sequence and port: one question at a time
    bytes
}

fn inet_request(family: AddressFamily, states: u32) -> Vec<u8> {
    let mut bytes = header(INET_REQUEST);
    // Both families' numbers are small.
    bytes.extend([family.as_raw() as u8, IPPROTO_TCP, 0, 0]);
    bytes.extend(states.to_ne_bytes());
    bytes.resize(HEADER + INET_REQUEST, 0);
    bytes
}

fn unix_request() -> Vec<u8> {
    let mut bytes = header(UNIX_REQUEST);
    bytes.extend([AddressFamily::UNIX.as_raw() as u8, 0, 0, 0]);
    bytes.extend((bit(ESTABLISHED) | bit(LISTEN)).to_ne_bytes());
    bytes.extend([0; 4]); // of no particular inode
    bytes.extend((SHOW_NAME | SHOW_PEER).to_ne_bytes());
    bytes.resize(HEADER + UNIX_REQUEST, 0);
    bytes
}

/// Reads the parts of one answer to its end, and hands on the body of each message.
fn dump(
    socket: impl std::os::fd::AsFd,
    buffer: &mut [u8],
    mut each: impl FnMut(&[u8]),
) -> Result<(), Errno> {
    for _ in 0..PARTS {
        // The kernel has the next part ready whenever the last was read.
        let (read, _) = rustix::net::recv(&socket, &mut *buffer, RecvFlags::DONTWAIT)?;
        if messages(buffer.get(..read).ok_or(Errno::BADMSG)?, &mut each)? {
            return Ok(());
        }
    }
    Err(Errno::OVERFLOW)
}

/// Hands on the messages of one part; true when it was the last.
fn messages(mut part: &[u8], each: &mut impl FnMut(&[u8])) -> Result<bool, Errno> {
    while !part.is_empty() {
        let length = word(part, 0).ok_or(Errno::BADMSG)? as usize;
        let message = part.get(HEADER..length).ok_or(Errno::BADMSG)?;
        match half(part, 4) {
            Some(SOCK_DIAG_BY_FAMILY) => each(message),
            Some(NLMSG_DONE) => return Ok(true),
            Some(NLMSG_ERROR) => {
                let error = word(message, 0).map_or(0, u32::cast_signed);
                return Err(Errno::from_raw_os_error(error.saturating_neg()));
            }
            _ => return Err(Errno::BADMSG),
        }
        part = part.get(aligned(length)..).unwrap_or_default();
    }
    Ok(false)
}

fn tcp(body: &[u8]) -> Option<Tcp> {
    let body = body.get(..INET_ANSWER)?;
    let ip = |at: usize| -> Option<IpAddr> {
        if i32::from(*body.first()?) == i32::from(AddressFamily::INET.as_raw()) {
            let bytes: [u8; 4] = body.get(at..at + 4)?.try_into().ok()?;
            return Some(Ipv4Addr::from(bytes).into());
        }
        let bytes: [u8; 16] = body.get(at..at + 16)?.try_into().ok()?;
        Some(IpAddr::from(Ipv6Addr::from(bytes)).to_canonical())
    };
    let port = |at: usize| Some(u16::from_be_bytes(body.get(at..at + 2)?.try_into().ok()?));
    let state = match *body.get(1)? {
        LISTEN => State::Listens,
        ESTABLISHED | SYN_SENT | CLOSE_WAIT => State::Talks,
        _ => return None,
    };
    Some(Tcp {
        local: SocketAddr::new(ip(8)?, port(4)?),
        remote: SocketAddr::new(ip(24)?, port(6)?),
        inode: word(body, INODE)?.into(),
        state,
    })
}

fn unix(body: &[u8]) -> Option<Unix> {
    if !matches!(*body.get(1)?, SOCK_STREAM | SOCK_SEQPACKET) {
        return None;
    }
    let state = match *body.get(2)? {
        LISTEN => State::Listens,
        ESTABLISHED => State::Talks,
        _ => return None,
    };
    let mut one = Unix {
        inode: word(body, 4)?.into(),
        peer: None,
        name: None,
        state,
    };
    let mut rest = body.get(UNIX_ANSWER..)?;
    while let (Some(length), Some(kind)) = (half(rest, 0), half(rest, 2)) {
        let length = usize::from(length);
        let value = rest.get(4..length)?;
        match kind {
            ATTR_NAME => one.name = Some(value.into()),
            ATTR_PEER => one.peer = word(value, 0).map(u64::from),
            _ => {}
        }
        rest = rest.get(aligned(length)..).unwrap_or_default();
    }
    Some(one)
}

/// Messages and their attributes begin at multiples of four.
fn aligned(length: usize) -> usize {
    length.saturating_add(3) & !3
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(kind: u16, body: &[u8]) -> Vec<u8> {
        let mut bytes = u32::try_from(HEADER + body.len())
            .unwrap()
            .to_ne_bytes()
            .to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.resize(HEADER, 0);
        bytes.extend(body);
        bytes.resize(aligned(bytes.len()), 0);
        bytes
    }

    #[test]
    fn a_listener_of_ipv6_is_read_and_a_message_cut_short_is_none() {
        let mut body = vec![0; INET_ANSWER];
        body[0] = AddressFamily::INET6.as_raw() as u8;
        body[1] = LISTEN;
        body[4..6].copy_from_slice(&5432_u16.to_be_bytes());
        body[8..24].copy_from_slice(&Ipv6Addr::LOCALHOST.octets());
        body[INODE..].copy_from_slice(&77_u32.to_ne_bytes());
        let read = tcp(&body).unwrap();
        assert_eq!(read.local, "[::1]:5432".parse().unwrap());
        assert_eq!((read.inode, read.state), (77, State::Listens));
        assert!((0..INET_ANSWER).all(|length| tcp(&body[..length]).is_none()));
    }

    #[test]
    fn a_connection_over_a_path_is_read_with_its_other_end() {
        let mut body = vec![0; UNIX_ANSWER];
        (body[1], body[2]) = (SOCK_STREAM, ESTABLISHED);
        body[4..8].copy_from_slice(&5_u32.to_ne_bytes());
        let name = b"/run/pg";
        body.extend((4 + name.len() as u16).to_ne_bytes());
        body.extend(ATTR_NAME.to_ne_bytes());
        body.extend(name);
        body.push(0);
        body.extend(8_u16.to_ne_bytes());
        body.extend(ATTR_PEER.to_ne_bytes());
        body.extend(6_u32.to_ne_bytes());
        let read = unix(&body).unwrap();
        assert_eq!((read.inode, read.peer), (5, Some(6)));
        assert_eq!(read.name.as_deref(), Some(&name[..]));
    }

    #[test]
    fn errors_and_the_end_are_told_from_more() {
        let mut count = 0;
        let mut each = |_: &[u8]| count += 1;
        let mut part = message(SOCK_DIAG_BY_FAMILY, &[0; 3]);
        part.extend(message(SOCK_DIAG_BY_FAMILY, &[0; 8]));
        assert_eq!(messages(&part, &mut each), Ok(false));
        part.extend(message(NLMSG_DONE, &[0; 4]));
        assert_eq!(messages(&part, &mut each), Ok(true));
        let error = message(NLMSG_ERROR, &(-2_i32).to_ne_bytes());
        assert_eq!(messages(&error, &mut each), Err(Errno::NOENT));
        assert_eq!(count, 4);
    }

    proptest! {
        #[test]
        fn no_answer_of_any_bytes_breaks_anything(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = messages(&bytes, &mut |body| {
                let _ = (tcp(body), unix(body));
            });
            let _ = (tcp(&bytes), unix(&bytes));
        }
    }
}

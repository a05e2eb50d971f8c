//! Whose program is at the other end of a TCP connection on this machine.
//!
//! TCP has no peer credentials. On Linux the kernel knows every socket's owner; the other end's is
//! the one whose local and remote address are ours swapped.

#[cfg(target_os = "linux")]
mod diag;
#[cfg(target_os = "linux")]
mod table;

use std::net::SocketAddr;

/// Why the other end is not served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stranger {
    /// It is another user's.
    #[error("programs of user {0} are not served")]
    OtherUser(u32),
    /// Nobody holds the other end any more, or it is not here.
    #[error("the program that asks could not be found on this machine")]
    NotFound,
    /// Only Linux says whose it is.
    #[error("this system does not say whose a connection is")]
    Unsupported,
}

/// A socket as the kernel tells of it.
#[cfg(target_os = "linux")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Socket {
    uid: u32,
    inode: u64,
    /// The number of the control group of version 2 it was made in, where the kernel says that.
    group: Option<u64>,
}

/// Who is at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// The number of its socket, by which its descriptors are known in `/proc`.
    pub socket: u64,
    /// The number of the control group of version 2 that its program was in when it connected, where
    /// that is known.
    pub group: Option<u64>,
}

/// Looks who is at the other end: our own user or root, or it is not served. Asks the kernel anew
/// each time: nothing that was true of an address before says anything about it now.
///
/// # Errors
/// Whose it is instead, or that nobody can tell.
#[cfg(target_os = "linux")]
pub fn check(remote: SocketAddr, local: SocketAddr) -> Result<(), Stranger> {
    find(remote, local).map(|_| ())
}

/// The same, and what is known of who is.
///
/// # Errors
/// As above.
#[cfg(target_os = "linux")]
pub fn find(remote: SocketAddr, local: SocketAddr) -> Result<Peer, Stranger> {
    let (remote, local) = (plain(remote), plain(local));
    let socket = match diag::find(remote, local) {
        Ok(found) => found,
        // Not every kernel has it, and not every container lets it be asked. The table takes
        // time with thousands of connections, and says the same.
        Err(_) => table::find(remote, local),
    };
    match socket {
        // A socket that nobody holds any more is told as root's: who sends and hangs up at once
        // must not pass for root.
        None | Some(Socket { inode: 0, .. }) => Err(Stranger::NotFound),
        Some(Socket { uid, inode, group })
            if uid == 0 || uid == rustix::process::geteuid().as_raw() =>
        {
            Ok(Peer {
                socket: inode,
                group,
            })
        }
        Some(Socket { uid, .. }) => Err(Stranger::OtherUser(uid)),
    }
}

/// Elsewhere nobody can tell, so nobody is served.
///
/// # Errors
/// Always.
#[cfg(not(target_os = "linux"))]
pub fn check(_: SocketAddr, _: SocketAddr) -> Result<(), Stranger> {
    Err(Stranger::Unsupported)
}

/// Elsewhere nobody can tell, so nobody is served.
///
/// # Errors
/// Always.
#[cfg(not(target_os = "linux"))]
pub fn find(_: SocketAddr, _: SocketAddr) -> Result<Peer, Stranger> {
    Err(Stranger::Unsupported)
}

/// An IPv4 address that is written as IPv6 is the same address.
#[cfg(target_os = "linux")]
fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    /// Both ways to ask, of the same connection.
    fn both(remote: SocketAddr, local: SocketAddr) -> [Option<Socket>; 2] {
        let asked = diag::find(remote, local).unwrap_or_else(|_| table::find(remote, local));
        [asked, table::find(remote, local)]
    }

    #[test]
    fn our_own_connections_are_ours_until_they_are_closed() {
        for place in ["127.0.0.1:0", "[::1]:0"] {
            // Not every container has IPv6.
            let Ok(listener) = TcpListener::bind(place) else {
                continue;
            };
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (server, remote) = listener.accept().unwrap();
            let local = server.local_addr().unwrap();
            let [one, other] = both(remote, local);
            // The table does not tell of groups.
            let grouped = |other: Socket| Socket {
                group: one.and_then(|one| one.group),
                ..other
            };
            assert_eq!(one, other.map(grouped));
            assert_eq!(
                one.map(|socket| socket.uid),
                Some(rustix::process::geteuid().as_raw())
            );
            assert_eq!(check(remote, local), Ok(()));
            // Half closed is still held.
            client.shutdown(std::net::Shutdown::Write).unwrap();
            assert_eq!(check(remote, local), Ok(()));
            drop(client);
            assert_eq!(check(remote, local), Err(Stranger::NotFound));
        }
    }

    #[test]
    fn a_listener_is_not_taken_for_a_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, other) = (
            listener.local_addr().unwrap(),
            "127.0.0.1:1".parse().unwrap(),
        );
        assert_eq!(both(address, other), [None, None]);
        assert_eq!(check(address, other), Err(Stranger::NotFound));
    }
}

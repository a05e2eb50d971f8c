//! Listening sockets that services are handed: made once, kept here and by each shim that was given
//! them, and gone when no instance that uses them is to run any more.
//!
//! As long as one copy is open anywhere, a connection that comes while a service restarts waits in
//! the socket's queue. The engine's copy bridges the time between two shims; the shims' copies
//! bridge the time between two engines, which gets duplicates back when it connects.
//!
//! Loopback only, as everything Azora opens.

use crate::Listen;
use crate::holders;
use crate::refusal::Refusal;
use model::{ClusterId, InstanceId, ServiceName};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, sockopt,
};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::Interest;
use tokio::net::UnixStream;

/// Connections that may wait while nobody accepts. The kernel caps it at `net.core.somaxconn`,
/// which is 4096 since Linux 5.4.
const BACKLOG: i32 = 4096;

/// A shim greets at once. From one that does not nothing is to be had.
const GREETING: Duration = Duration::from_secs(1);

type Key = (ClusterId, InstanceId);

/// A socket, and the instances that were given it.
#[derive(Debug)]
struct Kept {
    socket: OwnedFd,
    users: BTreeSet<Key>,
}

/// The sockets of a home, by port.
#[derive(Debug, Default)]
pub(crate) struct Sockets(Mutex<BTreeMap<u16, Kept>>);

impl Sockets {
    /// Duplicates of the sockets an instance is to be handed, in their order. Those that are not
    /// there yet are made.
    pub(crate) fn take(&self, key: &Key, listen: &[Listen]) -> Result<Vec<OwnedFd>, Refusal> {
        let mut all = self.lock();
        let mut duplicates = Vec::with_capacity(listen.len());
        for Listen { port, .. } in listen {
            if !all.contains_key(port) {
                let socket = make(*port).map_err(|error| refusal(*port, &error))?;
                let users = BTreeSet::new();
                all.insert(*port, Kept { socket, users });
            }
            if let Some(kept) = all.get_mut(port) {
                let duplicate = kept.socket.try_clone();
                duplicates.push(duplicate.map_err(|error| refusal(*port, &error))?);
                kept.users.insert(key.clone());
            }
        }
        Ok(duplicates)
    }

    /// Takes what a shim has kept while no engine was there. Of one that several instances share,
    /// the first is enough; what is not the socket it should be is dropped.
    pub(crate) fn adopt(&self, key: &Key, listen: &[shim::Listen], sockets: Vec<OwnedFd>) {
        let mut all = self.lock();
        for (listen, socket) in listen.iter().zip(sockets) {
            if !listens_on(&socket, listen.port) {
                tracing::warn!(instance = %key.1, port = listen.port, "its shim keeps another socket than it says");
                continue;
            }
            let users = BTreeSet::new();
            let kept = all.entry(listen.port);
            let kept = kept.or_insert_with(|| Kept { socket, users });
            kept.users.insert(key.clone());
        }
    }

    /// An instance has no use any more for any but these ports' sockets. One that nobody uses is
    /// closed.
    pub(crate) fn leave_others(&self, key: &Key, ports: &[u16]) {
        self.lock().retain(|port, kept| {
            if !ports.contains(port) && kept.users.remove(key) {
                return !kept.users.is_empty();
            }
            true
        });
    }

    /// True when this port's socket is kept for an instance of this service.
    pub(crate) fn kept_for(&self, cluster: &ClusterId, service: &ServiceName, port: u16) -> bool {
        self.lock().get(&port).is_some_and(|kept| {
            kept.users
                .iter()
                .any(|(of, instance)| of == cluster && instance.service == *service)
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u16, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A socket that listens on a port of loopback.
fn make(port: u16) -> io::Result<OwnedFd> {
    let (inet, stream) = (AddressFamily::INET, SocketType::STREAM);
    let socket = rustix::net::socket_with(inet, stream, SocketFlags::CLOEXEC, None)?;
    // What waits for stray packets of old connections is in nobody's way.
    sockopt::set_socket_reuseaddr(&socket, true)?;
    rustix::net::bind(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(socket)
}

fn refusal(port: u16, error: &io::Error) -> Refusal {
    if error.kind() == io::ErrorKind::AddrInUse {
        let error = format!("port {port} is held by {}", holders::words(port));
        return Refusal::again(error);
    }
    Refusal::of(&format!("listen on port {port}"), error)
}

/// True for a socket that listens on this port of loopback.
fn listens_on(socket: &OwnedFd, port: u16) -> bool {
    let address = rustix::net::getsockname(socket)
        .ok()
        .and_then(|address| SocketAddr::try_from(address).ok());
    address == Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        && sockopt::socket_acceptconn(socket).unwrap_or(false)
}

/// Sends sockets with one byte to carry them.
pub(crate) fn send(to: impl AsFd, sockets: &[OwnedFd]) -> io::Result<()> {
    let borrowed: Vec<BorrowedFd> = sockets.iter().map(AsFd::as_fd).collect();
    let mut space = [MaybeUninit::uninit(); SPACE];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(&borrowed)) {
        return Err(io::Error::other("they are too many"));
    }
    rustix::net::sendmsg(
        to,
        &[IoSlice::new(b"\n")],
        &mut control,
        SendFlags::NOSIGNAL,
    )?;
    Ok(())
}

/// Room for as many descriptors as an intent may name.
const SPACE: usize = rustix::cmsg_space!(ScmRights(shim::intent::MAX_LISTEN));

/// Hears the beginning of a shim's greeting, and the sockets that come with it. Nothing from one
/// that does not greet. Fewer than were sent when there are too few descriptors: the kernel drops
/// the others (`MSG_CTRUNC`).
pub(crate) async fn receive(from: &UnixStream) -> (Vec<u8>, Vec<OwnedFd>) {
    match tokio::time::timeout(GREETING, hear(from)).await {
        Ok(Ok(first)) => first,
        // What is wrong with it shows in its next line.
        Ok(Err(_)) | Err(_) => (Vec::new(), Vec::new()),
    }
}

/// The next piece of what a shim says, and the descriptors that came with it: a piece ends where some
/// did. Empty at the end of the connection.
///
/// # Errors
/// What the system says.
pub(crate) async fn hear(from: &UnixStream) -> io::Result<(Vec<u8>, Vec<OwnedFd>)> {
    from.async_io(Interest::READABLE, || {
        let mut text = [0; 1024];
        let mut space = [MaybeUninit::uninit(); SPACE];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let heard = rustix::net::recvmsg(
            from,
            &mut [IoSliceMut::new(&mut text)],
            &mut control,
            RecvFlags::CMSG_CLOEXEC,
        )?;
        let lent = control.drain().filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(lent) => Some(lent),
            _ => None,
        });
        Ok((text[..heard.bytes].to_vec(), lent.flatten().collect()))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(instance: &str) -> Key {
        ("shop-00000000".parse().unwrap(), instance.parse().unwrap())
    }

    fn listen(port: u16) -> Vec<Listen> {
        vec![Listen { name: "own", port }]
    }

    /// A port nobody has, most likely.
    fn free_port() -> u16 {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.local_addr().unwrap().port()
    }

    fn accepts(port: u16) -> bool {
        std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
    }

    #[test]
    fn a_socket_lives_until_the_last_instance_that_shares_it_has_left() {
        let (sockets, port) = (Sockets::default(), free_port());
        drop(sockets.take(&key("web.0"), &listen(port)).unwrap());
        drop(sockets.take(&key("web.1"), &listen(port)).unwrap());
        assert!(accepts(port));
        let (cluster, instance) = key("web.7");
        assert!(sockets.kept_for(&cluster, &instance.service, port));
        assert!(!sockets.kept_for(&cluster, &"api".parse().unwrap(), port));
        sockets.leave_others(&key("web.0"), &[]);
        assert!(accepts(port));
        // One that names the port again keeps it.
        sockets.leave_others(&key("web.1"), &[port]);
        assert!(accepts(port));
        sockets.leave_others(&key("web.1"), &[]);
        assert!(!accepts(port));
    }

    #[test]
    fn a_port_that_is_taken_names_its_holder() {
        let stranger = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = stranger.local_addr().unwrap().port();
        let refusal = Sockets::default().take(&key("web.0"), &listen(port));
        let refusal = refusal.unwrap_err();
        let holder = format!("port {port} is held by pid {}", std::process::id());
        assert!(refusal.error.starts_with(&holder), "{}", refusal.error);
        assert_eq!(refusal.next, crate::refusal::Next::Again);
    }

    #[test]
    fn what_is_not_the_socket_it_should_be_is_not_adopted() {
        let sockets = Sockets::default();
        let named = |port| {
            vec![shim::Listen {
                name: "own".to_owned(),
                port,
            }]
        };
        let (socket, port) = (make(0).unwrap(), free_port());
        let real = rustix::net::getsockname(&socket).unwrap();
        let real = SocketAddr::try_from(real).unwrap().port();
        let copy = socket.try_clone().unwrap();
        sockets.adopt(&key("web.0"), &named(port), vec![copy]);
        let file = std::fs::File::open("/dev/null").unwrap();
        sockets.adopt(&key("web.0"), &named(real), vec![file.into()]);
        let (cluster, instance) = key("web.0");
        for port in [port, real] {
            assert!(!sockets.kept_for(&cluster, &instance.service, port));
        }
        sockets.adopt(&key("web.0"), &named(real), vec![socket]);
        assert!(sockets.kept_for(&cluster, &instance.service, real));
    }
}

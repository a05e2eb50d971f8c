//! Real sockets of real processes: this one listens and connects, and stands for several instances
//! where that is enough.

use super::*;
use std::cell::Cell;
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Child, Stdio};

#[expect(
    clippy::disallowed_types,
    reason = "a test needs processes that hold sockets"
)]
type Command = std::process::Command;

/// A process that holds the given descriptor as its input, until it is dropped.
struct Holder(Child);

impl Holder {
    fn new(holds: impl Into<Stdio>) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", "echo; exec sleep 600"]);
        command.stdin(holds).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut out = child.stdout.take().unwrap();
        // From here on it is its own.
        out.read_exact(&mut [0]).unwrap();
        Self(child)
    }

    fn party(&self, key: &'static str, ports: &[u16]) -> Party<&'static str> {
        Party {
            key,
            pid: self.0.id(),
            ports: ports.to_vec(),
        }
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn look(
    connections: &mut Connections<&'static str>,
    running: &[Party<&'static str>],
) -> Look<&'static str> {
    connections.look(running, |key| {
        let party = running.iter().find(|party| party.key == *key);
        party.map(|party| party.pid).into_iter().collect()
    })
}

/// A look at what is known already, for which nobody is asked for a tree. Anybody's new listener on this
/// machine is a reason for a search, but they do not come without a pause.
fn look_again(
    connections: &mut Connections<&'static str>,
    running: &[Party<&'static str>],
) -> Vec<Seen<&'static str>> {
    for _ in 0..1_000 {
        let searched = Cell::new(false);
        let again = connections.look(running, |_| {
            searched.set(true);
            Vec::new()
        });
        if !searched.get() {
            return again.seen;
        }
    }
    panic!("somebody is searched again and again");
}

fn tcp(from: &'static str, to: &'static str, port: u16) -> Seen<&'static str> {
    let at = Endpoint::Tcp { port };
    Seen { from, to, at }
}

#[test]
fn a_connection_is_told_with_who_opened_it_and_who_listens() {
    #[expect(clippy::disallowed_methods, reason = "a test stands in for a service")]
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let client = TcpStream::connect(address).unwrap();
    let (server, _) = listener.accept().unwrap();
    let db = Holder::new(std::os::fd::OwnedFd::from(listener.try_clone().unwrap()));
    let api = Holder::new(std::os::fd::OwnedFd::from(client.try_clone().unwrap()));
    let other = Holder::new(Stdio::null());
    // They alone hold them: what this process does is the engine's own doing.
    drop((listener, client));
    let running = [
        api.party("api", &[]),
        db.party("db", &[]),
        other.party("other", &[]),
    ];
    let mut connections = Connections::default();
    let expected = vec![tcp("api", "db", address.port())];
    let first = look(&mut connections, &running);
    assert_eq!(first.seen, expected);
    assert!(first.blind.is_empty(), "{:?}", first.blind);
    // A second time without a search: nobody is asked for a tree.
    assert_eq!(look_again(&mut connections, &running), expected);
    // Its end is not noticed by who was connected: the port is still its own.
    drop((db, server));
    let given = [api.party("api", &[]), other.party("db", &[address.port()])];
    assert_eq!(look(&mut connections, &given).seen, expected);
    drop(api);
    let left = [
        other.party("db", &[address.port()]),
        other.party("other", &[]),
    ];
    assert_eq!(look(&mut connections, &left).seen, []);
}

#[test]
fn a_stranger_and_the_engine_itself_are_nobody() {
    #[expect(clippy::disallowed_methods, reason = "a test stands in for a service")]
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let db = Holder::new(std::os::fd::OwnedFd::from(listener.try_clone().unwrap()));
    let _probe = TcpStream::connect(address).unwrap();
    let stranger = TcpStream::connect(address).unwrap();
    let _other = Holder::new(std::os::fd::OwnedFd::from(stranger));
    let idle = Holder::new(Stdio::null());
    let running = [db.party("db", &[address.port()]), idle.party("idle", &[])];
    let mut connections = Connections::default();
    assert_eq!(look(&mut connections, &running).seen, []);
    // They are not searched for at every look.
    assert_eq!(look_again(&mut connections, &running), []);
}

#[test]
fn a_connection_over_a_path_is_told_with_its_path() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("db.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let client = UnixStream::connect(&path).unwrap();
    let (_server, _) = listener.accept().unwrap();
    let db = Holder::new(std::os::fd::OwnedFd::from(listener));
    let api = Holder::new(std::os::fd::OwnedFd::from(client));
    let running = [api.party("api", &[]), db.party("db", &[])];
    let mut connections = Connections::default();
    let seen = look(&mut connections, &running).seen;
    if diag::read(1).is_err() {
        // A kernel that does not tell.
        assert_eq!(seen, []);
        return;
    }
    let at = Endpoint::Unix {
        path: path.display().to_string(),
    };
    let (from, to) = ("api", "db");
    assert_eq!(seen, [Seen { from, to, at }]);
}

#[test]
fn both_ways_to_ask_say_the_same_of_tcp() {
    #[expect(clippy::disallowed_methods, reason = "a test stands in for a service")]
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let client = TcpStream::connect(address).unwrap();
    let ours = client.local_addr().unwrap();
    let of = |sockets: Sockets| -> Vec<_> {
        let ends = |one: &&sockets::Tcp| [one.local, one.remote].contains(&ours);
        let mut found: Vec<_> = sockets.tcp.iter().filter(ends).cloned().collect();
        found.sort_by_key(|one| one.local);
        found
    };
    let Ok(asked) = diag::read(usize::MAX) else {
        return;
    };
    let (asked, tables) = (of(asked), of(Sockets::tables()));
    assert_eq!(asked, tables);
    // The client's end; the server's is nobody's before it is accepted.
    assert!(
        asked
            .iter()
            .any(|one| one.remote == address && one.inode != 0)
    );
}

#[test]
fn a_process_that_is_gone_or_elsewhere_is_not_seen_into() {
    assert!(sees(std::process::id()));
    assert!(!sees(u32::MAX));
}

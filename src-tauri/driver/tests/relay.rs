//! `azora-relay` by itself: whom it lets in, what it copies, and how it follows what is wanted.
//!
//! On loopback, which is a device like a bridge; what only two networks can show is shown in networks of
//! the test's own.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use driver::forwards::{Forward, Forwards, Heard};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// More than anything here takes on a busy machine.
const LONG: Duration = Duration::from_secs(30);
/// This machine, as who is on 127.0.0.0/8 reaches it.
const OWN: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

struct Relay {
    child: Child,
    home: testkit::Home,
    number: u64,
}

impl Relay {
    fn new() -> Self {
        Self::begun_by(Command::new(testkit::program("azora-relay")))
    }

    fn begun_by(mut command: Command) -> Self {
        let home = testkit::Home::new();
        let child = command.arg(home.path()).stdin(Stdio::null()).spawn();
        Self {
            child: child.unwrap(),
            home,
            number: 0,
        }
    }

    /// Has it do this, and answers what it could not.
    fn wants(&mut self, all: &[Forward]) -> Vec<(Ipv4Addr, u16, String)> {
        self.number += 1;
        let wanted = Forwards {
            number: self.number,
            all: all.to_vec(),
        };
        wanted.write(self.home.path()).unwrap();
        let mut heard = None;
        assert!(testkit::eventually(LONG, || {
            heard = Heard::read(self.home.path()).filter(|heard| heard.number == self.number);
            heard.is_some()
        }));
        heard.unwrap().failed
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port of [`OWN`] that nobody has.
fn free() -> u16 {
    let socket = TcpListener::bind((OWN, 0)).unwrap();
    socket.local_addr().unwrap().port()
}

fn forward(target: &TcpListener) -> Forward {
    Forward {
        network: "n".into(),
        device: "lo".into(),
        address: OWN,
        prefix: 8,
        port: free(),
        service: "api".into(),
        target: target.local_addr().unwrap().port(),
    }
}

fn service() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()
}

fn connect(forward: &Forward) -> TcpStream {
    let stream = TcpStream::connect((forward.address, forward.port)).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream
}

/// What it says until it has no more to say.
fn rest(mut stream: &TcpStream) -> String {
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    said
}

/// The peer wants nothing of it.
fn is_refused(forward: &Forward) -> bool {
    match TcpStream::connect((forward.address, forward.port)) {
        Err(error) => error.kind() == ErrorKind::ConnectionRefused,
        Ok(mut stream) => {
            stream.set_read_timeout(Some(LONG)).unwrap();
            let read = stream.read(&mut [0; 8]);
            read.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset)
        }
    }
}

#[test]
fn bytes_go_both_ways_and_each_end_is_told() {
    let (mut relay, service) = (Relay::new(), service());
    let forward = forward(&service);
    assert_eq!(relay.wants(std::slice::from_ref(&forward)), []);
    let mut client = connect(&forward);
    client.write_all(b"asked").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let (mut server, peer) = service.accept().unwrap();
    assert!(peer.ip().is_loopback(), "as from this machine");
    server.set_read_timeout(Some(LONG)).unwrap();
    assert_eq!(rest(&server), "asked", "and it heard that there is no more");
    // One way is closed, and the other is not.
    let answer = "answered ".repeat(100_000);
    let mut writing = server.try_clone().unwrap();
    let sent = answer.clone();
    let writer = std::thread::spawn(move || {
        writing.write_all(sent.as_bytes()).unwrap();
        writing.shutdown(Shutdown::Both).unwrap();
    });
    assert_eq!(rest(&client), answer);
    writer.join().unwrap();
    drop(server.flush());
    // Where nobody listens any more it is as if nobody listened there.
    drop(service);
    assert!(is_refused(&forward));
}

#[test]
fn who_is_not_of_the_network_is_refused() {
    let (mut relay, service) = (Relay::new(), service());
    let mut alone = forward(&service);
    // 127.0.0.1, from which a test comes, is of another one.
    alone.prefix = 31;
    alone.address = Ipv4Addr::new(127, 9, 0, 2);
    assert_eq!(relay.wants(std::slice::from_ref(&alone)), []);
    assert!(is_refused(&alone));
    service.set_nonblocking(true).unwrap();
    let nobody = service.accept().unwrap_err();
    assert_eq!(nobody.kind(), ErrorKind::WouldBlock);
}

#[test]
fn what_is_wanted_is_followed_and_connections_of_the_rest_go_on() {
    let (mut relay, first, second) = (Relay::new(), service(), service());
    let stays = forward(&first);
    let goes = Forward {
        port: free(),
        ..stays.clone()
    };
    assert_eq!(relay.wants(&[stays.clone(), goes.clone()]), []);
    let mut client = connect(&stays);
    let (mut server, _) = first.accept().unwrap();
    let moved = Forward {
        target: second.local_addr().unwrap().port(),
        ..stays.clone()
    };
    assert_eq!(relay.wants(&[moved]), []);
    client.write_all(b"on").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    server.set_read_timeout(Some(LONG)).unwrap();
    assert_eq!(rest(&server), "on", "it goes on where it was");
    server.write_all(b"yes").unwrap();
    drop(server);
    assert_eq!(rest(&client), "yes");
    let mut next = connect(&stays);
    next.write_all(b"new").unwrap();
    next.shutdown(Shutdown::Write).unwrap();
    let (server, _) = second.accept().unwrap();
    server.set_read_timeout(Some(LONG)).unwrap();
    assert_eq!(
        rest(&server),
        "new",
        "the next one goes where it listens now"
    );
    let gone = || TcpStream::connect((goes.address, goes.port)).is_err();
    assert!(testkit::eventually(LONG, gone));
}

#[test]
fn what_cannot_be_listened_at_is_said_and_the_rest_is_served() {
    let (mut relay, service) = (Relay::new(), service());
    let (good, taken) = (forward(&service), TcpListener::bind((OWN, 0)).unwrap());
    let no_bridge = Forward {
        device: "br-none".into(),
        port: free(),
        ..good.clone()
    };
    let in_use = Forward {
        port: taken.local_addr().unwrap().port(),
        ..good.clone()
    };
    let failed = relay.wants(&[no_bridge.clone(), in_use.clone(), good.clone()]);
    let ports: Vec<u16> = failed.iter().map(|(_, port, _)| *port).collect();
    assert_eq!(ports, [no_bridge.port, in_use.port], "{failed:?}");
    assert!(failed[0].2.contains("there is no br-none"), "{failed:?}");
    connect(&good);
}

#[test]
fn connections_leave_it_the_descriptors_to_serve_and_to_answer() {
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -Sn 24; ulimit -Hn 128; exec \"$0\" \"$1\""]);
    limited.arg(testkit::program("azora-relay"));
    let mut relay = Relay::begun_by(limited);
    let (one, other) = (service(), service());
    let (first, second) = (forward(&one), forward(&other));
    assert_eq!(relay.wants(std::slice::from_ref(&first)), []);
    // More than its limit allowed at first, and all that it takes on now.
    one.set_nonblocking(true).unwrap();
    let served = |_| {
        let asks = connect(&first);
        let mut came = None;
        let comes = || {
            came = one.accept().ok();
            came.is_some()
        };
        assert!(testkit::eventually(LONG, comes), "it is passed on");
        (asks, came)
    };
    let held: Vec<_> = (0..32).map(served).collect();
    assert!(is_refused(&first), "all of its places are taken");
    assert_eq!(relay.wants(&[first.clone(), second.clone()]), []);
    drop(held);
    other.set_nonblocking(true).unwrap();
    let comes = || {
        let _asks = connect(&second);
        other.accept().is_ok()
    };
    assert!(testkit::eventually(LONG, comes), "places come back");
}

#[test]
fn it_ends_with_its_folder() {
    let mut relay = Relay::new();
    assert_eq!(relay.wants(&[]), []);
    std::fs::remove_dir_all(relay.home.path()).unwrap();
    let ended = || matches!(relay.child.try_wait(), Ok(Some(status)) if status.success());
    assert!(testkit::eventually(LONG, ended));
}

/// A machine with a container on its bridge and a neighbour on the LAN, who knows the way to the bridge's
/// address.
const NETWORKS: &str = r#"
set -e
ip link set lo up
trap 'kill $box $far $relay $plain' EXIT
apart() {
  unshare -n sleep infinity <&- &
  local pid=$!
  until [ "$(readlink /proc/$pid/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do :; done
  eval "$1=$pid"
}
joined() { # pid device here device there address prefix
  ip link add "$2" type veth peer name "$3" netns "$1"
  nsenter -n -t "$1" ip link set lo up
  nsenter -n -t "$1" ip addr add "$4" dev "$3"
  nsenter -n -t "$1" ip link set "$3" up
  ip link set "$2" up
}
apart box; apart far
ip link add br0 type bridge
ip link set br0 up
ip addr add 172.30.0.1/24 dev br0
joined "$box" box0 eth0 172.30.0.2/24
ip link set box0 master br0
joined "$far" lan0 eth0 10.99.0.2/24
ip addr add 10.99.0.1/24 dev lan0
nsenter -n -t "$far" ip route add 172.30.0.0/24 via 10.99.0.1
"$RELAY" "$FOLDER" & relay=$!
# One that is not bound to the bridge, and so shows that there is a way.
"$PUPPET" serve plain 7003 address 172.30.0.1 >/dev/null & plain=$!
until [ -s "$FOLDER/forwards.heard" ]; do :; done
cat "$FOLDER/forwards.heard"
connects() { nsenter -n -t "$1" timeout 10 bash -c "exec 3<>/dev/tcp/172.30.0.1/$2" 2>/dev/null; }
try() { if connects "$1" 7001; then echo "$2: connected"; else echo "$2: refused"; fi; }
until connects "$far" 7003; do [ -d /proc/$plain ]; done
try "$box" box
try "$far" far
"#;

/// The address of a bridge is one of the machine's: a kernel takes what the LAN sends to it, if it is let.
#[test]
fn a_neighbour_on_the_lan_who_knows_the_way_is_not_heard() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("\n*** SKIPPED: networks of one's own want root ***\n");
        return;
    }
    let home = testkit::Home::new();
    let forward = Forward {
        network: "n".into(),
        device: "br0".into(),
        address: Ipv4Addr::new(172, 30, 0, 1),
        prefix: 0,
        port: 7001,
        service: "api".into(),
        target: 7002,
    };
    let wanted = Forwards {
        number: 1,
        all: vec![forward],
    };
    wanted.write(home.path()).unwrap();
    let said = in_networks(home.path());
    assert!(said.contains("box: connected\n"), "{said}");
    assert!(said.contains("far: refused\n"), "{said}");
}

fn in_networks(folder: &Path) -> String {
    let done = Command::new("unshare")
        .args(["-n", "bash", "-c", NETWORKS])
        .env("RELAY", testkit::program("azora-relay"))
        .env("PUPPET", testkit::program("puppet"))
        .env("FOLDER", folder)
        .output();
    let done = done.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}{}", text(&done.stdout), text(&done.stderr))
}

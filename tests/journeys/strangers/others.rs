//! Another user of this machine, and another machine: with good requests, token and all.

use super::scene::Scene;
use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tests::process::lives;
use tests::strangers::{Answer, Case, LISTENERS, Listener, World, ask, routes, send};
use tests::{in_own_network, is_root, until};

/// `nobody`.
const STRANGER: u32 = 65_534;

/// Does this as another user: the kernel counts threads, not processes.
fn as_stranger<T: Send>(act: impl FnOnce() -> T + Send) -> T {
    use rustix::process::{Gid, Uid};
    let become_one = || {
        let (uid, gid) = (Uid::from_raw(STRANGER), Gid::from_raw(STRANGER));
        rustix::thread::set_thread_groups(&[])?;
        rustix::thread::set_thread_res_gid(gid, gid, gid)?;
        rustix::thread::set_thread_res_uid(uid, uid, uid)
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(move || {
            become_one().expect("root may become anybody");
            act()
        });
        other.join().expect("nobody panicked")
    })
}

/// All good requests, and pages and files that the user who runs Azora may have, token or not.
fn all_routes(world: &World) -> Vec<Case> {
    let mut all: Vec<Case> = routes(world)
        .into_iter()
        .map(|route| Case {
            listener: route.listener,
            class: "a good request",
            name: route.line.clone(),
            bytes: route.bytes(),
            then: route.then,
        })
        .collect();
    for (listener, path) in [
        (Listener::Api, "/"),
        (Listener::Api, "/index.html"),
        (Listener::Api, "/healthz"),
        (Listener::Registry, "/healthz"),
        (Listener::Registry, "/openapi.json"),
        (Listener::Registry, "/services/nothing"),
        (Listener::Consul, "/v1/status/leader"),
        (Listener::Consul, "/v1/kv/?recurse"),
        (Listener::Gateway, "/"),
        (Listener::Gateway, "/nothing/x"),
    ] {
        let port = world.port(listener);
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
        all.push(Case {
            listener,
            class: "a page",
            name: path.to_owned(),
            bytes: request.into_bytes(),
            then: None,
        });
    }
    all
}

/// Files, folders and sockets below a folder.
fn below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            below(&path, found);
        }
        found.push(path);
    }
}

/// What a user may do with a path; `None` when nothing.
fn may(path: &Path) -> Option<&'static str> {
    if std::fs::read_dir(path).is_ok() {
        return Some("list it");
    }
    if File::open(path).is_ok() {
        return Some("read it");
    }
    if File::options().append(true).open(path).is_ok() {
        return Some("write to it");
    }
    if UnixStream::connect(path).is_ok() {
        return Some("connect to it");
    }
    std::fs::remove_file(path).is_ok().then_some("remove it")
}

#[test]
fn another_user_of_this_machine_is_told_nothing_and_does_nothing() {
    if !is_root() {
        println!("left out: only root can become another user");
        return;
    }
    let mut scene = Scene::new();
    let before = scene.state();
    let cases = all_routes(&scene.world);
    let successes = as_stranger(|| scene.successes(&cases));
    assert!(successes.is_empty(), "{}", successes.join("\n"));
    // Threads of a thread that is somebody else are that one's, too.
    let refused = as_stranger(|| {
        let count = |case: &&Case| send(&scene.world, case).text().contains("user 65534");
        cases.iter().filter(count).count()
    });
    assert_eq!(refused, cases.len(), "each is told that it is who it is");

    let mut paths = vec![scene.azora.home().path().to_path_buf()];
    below(scene.azora.home().path(), &mut paths);
    let shared = PathBuf::from(format!("/tmp/azora-{}", rustix::process::getuid().as_raw()));
    for shared in [shared, PathBuf::from("/run/user/0/azora")] {
        below(&shared, &mut paths);
        paths.push(shared);
    }
    paths.retain(|path| path.exists());
    let engine = scene.engine.id();
    let service = scene.azora.instance(scene.folder.path(), "canarydb.0").pid;
    for pid in [engine, service] {
        for file in ["environ", "mem", "maps", "fd", "cwd/.", "root/.", "io"] {
            paths.push(PathBuf::from(format!("/proc/{pid}/{file}")));
        }
    }
    let of_everybody = as_stranger(|| {
        let may = |path: &PathBuf| may(path).map(|what| format!("{}: may {what}", path.display()));
        paths.iter().filter_map(may).collect::<Vec<String>>()
    });
    assert!(of_everybody.is_empty(), "{}", of_everybody.join("\n"));
    let signalled = as_stranger(|| {
        let pid = |pid: u32| rustix::process::Pid::from_raw(pid.cast_signed()).expect("a pid");
        let may = |one: &&u32| rustix::process::test_kill_process(pid(**one)).is_ok();
        [engine, service].iter().filter(may).count()
    });
    assert_eq!(signalled, 0);
    // No argument holds the token: those anybody may read.
    for pid in tests::process::all() {
        assert!(
            !tests::process::command(pid).contains(&scene.world.token),
            "{pid}"
        );
    }
    scene.has_not_changed(&before);
    println!(
        "as user {STRANGER}: {} requests, {} paths, 2 processes: 0 successes",
        cases.len(),
        paths.len()
    );
}

/// Another machine on a cable: a network of its own, joined to this one by a pair of interfaces.
struct Machine {
    holder: Child,
    network: File,
}

const HERE: &str = "10.83.0.1";
const THERE: &str = "10.83.0.2";

fn sh(command: &str) {
    let done = Command::new("sh").args(["-euc", command]).output();
    let done = done.expect("sh runs");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{command}: {said}");
}

impl Machine {
    fn new() -> Self {
        // Holds the network until nobody writes to it any more.
        let holder = Command::new("unshare")
            .args(["-n", "cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("unshare runs");
        let pid = holder.id();
        let own = std::fs::read_link("/proc/self/ns/net").expect("it is ours");
        until("it to have a network of its own", || {
            let its = std::fs::read_link(format!("/proc/{pid}/ns/net")).ok()?;
            (its != own).then_some(())
        });
        sh(&format!(
            "ip link add cable type veth peer name cable netns {pid}
             ip addr add {HERE}/24 dev cable
             ip link set cable up
             nsenter -t {pid} -n sh -euc '
               ip addr add {THERE}/24 dev cable
               ip link set lo up
               ip link set cable up
               ip route add default via {HERE}'"
        ));
        let network = File::open(format!("/proc/{pid}/ns/net")).expect("it is ours");
        Self { holder, network }
    }

    /// Does this there.
    fn there<T: Send>(&self, act: impl FnOnce() -> T + Send) -> T {
        use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
        std::thread::scope(|scope| {
            let there = scope.spawn(|| {
                move_into_link_name_space(self.network.as_fd(), Some(LinkNameSpaceType::Network))
                    .expect("root may go anywhere");
                act()
            });
            there.join().expect("nobody panicked")
        })
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}

fn reaches(address: &str, port: u16) -> bool {
    let address = format!("{address}:{port}").parse().expect("an address");
    TcpStream::connect_timeout(&address, Duration::from_secs(2)).is_ok()
}

#[test]
fn another_machine_reaches_nothing() {
    if !is_root() {
        println!("left out: only root can make another machine");
        return;
    }
    in_own_network("strangers::others::another_machine_reaches_nothing", || {
        let machine = Machine::new();
        // What listens everywhere is reached: the cable works.
        let open = TcpListener::bind("0.0.0.0:0").expect("a port is free");
        let port = open.local_addr().expect("it is bound").port();
        until("the cable to work", || {
            machine.there(|| reaches(HERE, port)).then_some(())
        });
        let mut scene = Scene::new();
        let before = scene.state();
        for listener in LISTENERS {
            let port = scene.world.port(listener);
            assert!(reaches("127.0.0.1", port), "{listener:?} listens");
            assert!(!machine.there(|| reaches(HERE, port)), "{listener:?}");
        }
        let loopback = |machine: &Machine| machine.there(|| reaches("127.0.0.1", port));
        assert!(!loopback(&machine), "its loopback is its own");

        // A machine that passes on what is meant for 127.0.0.1, as some network plugins make it do (CVE-2020-8558).
        let pid = machine.holder.id();
        sh(&format!(
            "echo 1 > /proc/sys/net/ipv4/conf/cable/route_localnet
             echo 0 > /proc/sys/net/ipv4/conf/cable/rp_filter
             echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter
             nsenter -t {pid} -n sh -euc '
               ip addr del 127.0.0.1/8 dev lo
               ip route add 127.0.0.1/32 via {HERE} src {THERE}'
             nsenter -t {pid} -n sh -euc 'echo 1 > /proc/sys/net/ipv4/conf/cable/route_localnet'"
        ));
        assert!(loopback(&machine), "127.0.0.1 is reached from there now");
        let cases = all_routes(&scene.world);
        let answers: Vec<(Case, Answer)> = machine.there(|| {
            let sent = cases.iter().map(|case| {
                let port = scene.world.port(case.listener);
                (case.clone(), ask(port, &case.bytes, case.then.as_deref()))
            });
            sent.collect()
        });
        let successes: Vec<String> = answers
            .iter()
            .filter_map(|(case, answer)| scene.world.success(case, answer))
            .collect();
        assert!(successes.is_empty(), "{}", successes.join("\n"));
        let refused = answers.iter().filter(|(_, answer)| answer.status() == 403);
        assert_eq!(refused.count(), cases.len(), "it was heard and refused");
        scene.has_not_changed(&before);
        assert!(lives(scene.engine.id()));
        println!(
            "from another machine: 4 ports, {} requests to 127.0.0.1 from outside: 0 successes",
            cases.len()
        );
    });
}

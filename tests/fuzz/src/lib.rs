//! A registry, a gateway and a strict backend in one process, each on loopback, and a client that sends them bytes.
//!
//! The whole way is taken, sockets and all: what parses is hyper's, serde's and ours together, and what one of them
//! lets through the next one reads. A panic of any thread ends the process, which is what the fuzzer looks for.

#[path = "../../src/smuggling/strict.rs"]
mod strict;

use model::{Act, ActId, Actor, ActorKind, Outcome, Target, Timestamp, Verb};
use registry::{Door, Own, Registry};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use store::Store;

/// Longer than anything here takes, and shorter than the fuzzer's patience.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is asked.
pub struct World {
    /// The registry's port.
    pub registry: u16,
    /// The gateway's.
    pub gateway: u16,
    /// That of Consul's clients.
    pub consul: u16,
}

/// The one of this process.
pub fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(build)
}

fn build() -> World {
    let memory = std::path::Path::new("/dev/shm");
    let home = match memory.is_dir() {
        true => tempfile::tempdir_in(memory),
        false => tempfile::tempdir(),
    };
    let home = Box::leak(Box::new(home.expect("a folder can be made")));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    let runtime = Box::leak(Box::new(runtime.expect("threads can be made")));
    runtime.block_on(async {
        let store = Store::open(home.path()).await.expect("a store opens");
        let door = Arc::new(Open(AtomicU64::new(0)));
        let registry = Registry::open(store.clone(), door, wall, vec![]).await;
        let registry = registry.expect("a registry opens");
        registry.upsert_own(&Own {
            cluster: "shop-1".parse().expect("an id"),
            cluster_name: "shop".parse().expect("a name"),
            instance: "api.0".parse().expect("an instance"),
            name: "api".parse().expect("a name"),
            url: format!("http://127.0.0.1:{}", backend()),
            category: "services".into(),
        });
        let config = gateway::Config {
            port: 0,
            threads: 1,
            allowed: vec![],
            wall,
            callers: gateway::Callers::nobody(),
            ejected: None,
        };
        let gateway = gateway::Gateway::start(config, &registry).expect("a gateway starts");
        // Else each name that is not there is waited for.
        gateway.settled();
        let port = gateway.address().port();
        std::mem::forget(gateway);
        let listener = registry::bind(0).await.expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        tokio::spawn(registry::serve(registry.clone(), listener, std::future::pending()));
        let listener = registry::bind(0).await.expect("a port is free");
        let consul = listener.local_addr().expect("it is bound").port();
        let never = std::future::pending();
        tokio::spawn(registry::consul::serve(registry, store, listener, never));
        World {
            consul,
            registry: address.port(),
            gateway: port,
        }
    })
}

/// Sends bytes and says that no more will come; gives what came back. Who takes its time for an answer may
/// take that for a hang-up.
pub fn send(port: u16, bytes: &[u8]) -> Vec<u8> {
    exchange(port, bytes, true)
}

/// Sends bytes and waits until the other side has said all it has to say.
fn ask(port: u16, bytes: &[u8]) -> Vec<u8> {
    exchange(port, bytes, false)
}

fn exchange(port: u16, bytes: &[u8], no_more: bool) -> Vec<u8> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time is no fault");
    // It may have hung up before it has heard all.
    let _ = stream.write_all(bytes);
    if no_more {
        let _ = stream.shutdown(Shutdown::Write);
    }
    let mut heard = Vec::new();
    if let Err(error) = stream.read_to_end(&mut heard) {
        let late = [std::io::ErrorKind::WouldBlock, std::io::ErrorKind::TimedOut];
        assert!(!late.contains(&error.kind()), "no end within {PATIENCE:?}");
    }
    heard
}

/// One of the routes of who listens at a port, asked for with what a fuzzer makes of it: its first byte is the route,
/// its first line the rest of the path, what follows the body.
pub fn any_of_the_routes<'a>(
    port: u16,
    count: usize,
    route: impl FnOnce(usize) -> (&'a str, String),
    bytes: &[u8],
) {
    let Some((first, rest)) = bytes.split_first() else { return };
    let (method, path) = route(usize::from(*first) % count);
    let (line, body) = match rest.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&rest[..at], &rest[at + 1..]),
        None => (&rest[..0], rest),
    };
    let tail = target(line);
    let mut request = format!(
        "{method} {path}{tail} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    // A query may ask to wait for a change; who hangs up meanwhile gets nothing.
    let may_wait = tail.contains('?');
    let heard = match may_wait {
        true => send(port, &request),
        false => ask(port, &request),
    };
    // Behind a head that it cannot read, hyper takes HTTP/2's beginning for one, and says nothing.
    let silent = may_wait || body.windows(14).any(|part| part == b"PRI * HTTP/2.0");
    assert!(
        heard.starts_with(b"HTTP/1.1 ") || silent && heard.is_empty(),
        "no answer: {}",
        heard.escape_ascii()
    );
}

/// These bytes as they may be in the target of a request; what may not is for the other targets.
fn target(line: &[u8]) -> String {
    let one = |byte: &u8| match byte {
        b'!'..=b'~' => char::from(*byte).to_string(),
        other => format!("%{other:02x}"),
    };
    line.iter().map(one).collect()
}

/// A backend that takes only what RFC 9112 allows, and ends everything at anything else.
fn backend() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    let port = listener.local_addr().expect("it is bound").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer(&stream));
        }
    });
    port
}

fn answer(stream: &TcpStream) {
    let mut from = strict::reader(stream);
    loop {
        let read = strict::head(&mut from).and_then(|request| strict::body(&mut from, request));
        let head = match read {
            Ok(request) => request.method == "HEAD",
            Err(strict::Ended::Wrong(what)) => panic!("the gateway sent what it may not: {what}"),
            Err(_) => return,
        };
        let body = if head { "" } else { "ok" };
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{body}");
        let mut stream = stream;
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// Lets everything in.
struct Open(AtomicU64);

impl Door for Open {
    fn admit(&self, verb: Verb, what: &str) -> Result<Act, String> {
        Ok(Act {
            id: ActId(self.0.fetch_add(1, Ordering::Relaxed) + 1),
            at: wall(),
            actor: Actor {
                kind: ActorKind::Client,
                via: "registry".into(),
            },
            verb,
            target: Target::default(),
            reason: what.to_owned(),
            outcome: Outcome::Pending,
            decision: None,
        })
    }

    fn allow(&self, _: Verb, _: &str) -> Result<(), String> {
        Ok(())
    }

    fn conclude(&self, _: Act, _: bool) {}
}

fn wall() -> Timestamp {
    Timestamp(1_700_000_000_000)
}

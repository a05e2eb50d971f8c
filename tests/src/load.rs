//! Constant load on one port, from threads of this process over loopback: who asks on a connection
//! that stays, and who makes a new one for every request. Nothing is tried again: every request that
//! is refused, reset, late or answered with anything but 200 counts as failed.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A request that takes longer has failed: much longer than any restart here.
const LATE: Duration = Duration::from_secs(20);
/// Between two requests of one who asks: some hundreds a second each, whatever the machine.
const PACE: Duration = Duration::from_millis(3);
/// Failures that are told; the rest are counted.
const TOLD: usize = 20;

/// What came of all requests.
#[derive(Debug, Default, Clone)]
pub struct Tally {
    /// How many were sent.
    pub asked: u64,
    /// How many did not come back as 200.
    pub failed: u64,
    /// The first of those, in words.
    pub told: Vec<String>,
    /// The longest answer.
    pub slowest: Duration,
    /// The processes that answered.
    pub pids: BTreeSet<u64>,
}

impl Tally {
    fn add(&mut self, other: Tally) {
        self.asked += other.asked;
        self.failed += other.failed;
        self.told.extend(other.told);
        self.told.truncate(TOLD);
        self.slowest = self.slowest.max(other.slowest);
        self.pids.extend(other.pids);
    }
}

/// Load that goes on until it is ended.
#[derive(Debug)]
pub struct Load {
    stop: Arc<AtomicBool>,
    asked: Arc<AtomicU64>,
    workers: Vec<JoinHandle<Tally>>,
}

/// One who asks.
#[derive(Debug, Clone, Copy)]
struct Client {
    port: u16,
    path: &'static str,
    /// On a connection that stays.
    keep: bool,
    /// Before the first request.
    first: Duration,
    /// Between two requests.
    pace: Duration,
}

impl Load {
    /// Begins: so many on connections that stay, so many with a new one each time. Both are counted
    /// in dozens at most, so that the load is bounded.
    pub fn begin(port: u16, kept: usize, fresh: usize) -> Load {
        Self::at(port, "/health", kept, fresh)
    }

    /// The same with this path.
    pub fn at(port: u16, path: &'static str, kept: usize, fresh: usize) -> Load {
        Self::of((0..kept.min(32) + fresh.min(32)).map(|n| Client {
            port,
            path,
            keep: n < kept,
            first: Duration::ZERO,
            pace: PACE,
        }))
    }

    /// Begins with clients who ask for `/` on new connections and wait so long after each answer: a service
    /// that answers each of them soon is asked so often and no more.
    pub fn of_people(port: u16, clients: usize, pace: Duration) -> Load {
        let count = u32::try_from(clients.min(32)).unwrap_or(1);
        Self::of((0..count).map(|n| Client {
            port,
            path: "/",
            keep: false,
            first: pace * n / count,
            pace,
        }))
    }

    fn of(clients: impl Iterator<Item = Client>) -> Load {
        let (stop, asked) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let workers = clients.map(|client| {
            let (stop, asked) = (Arc::clone(&stop), Arc::clone(&asked));
            std::thread::spawn(move || work(client, &stop, &asked))
        });
        Load {
            workers: workers.collect(),
            stop,
            asked,
        }
    }

    /// Requests sent so far.
    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    /// Ends it; what came of it.
    pub fn end(self) -> Tally {
        self.stop.store(true, Ordering::Relaxed);
        for worker in &self.workers {
            worker.thread().unpark();
        }
        let mut all = Tally::default();
        for worker in self.workers {
            match worker.join() {
                Ok(tally) => all.add(tally),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all
    }
}

fn work(client: Client, stop: &AtomicBool, count: &AtomicU64) -> Tally {
    let mut tally = Tally::default();
    let mut connection = None;
    std::thread::park_timeout(client.first);
    while !stop.load(Ordering::Relaxed) {
        let begun = Instant::now();
        let reused = connection.is_some();
        count.fetch_add(1, Ordering::Relaxed);
        tally.asked += 1;
        match ask(client, &mut connection) {
            Ok(pid) => {
                tally.pids.insert(pid);
            }
            Err(why) => {
                connection = None;
                tally.failed += 1;
                if tally.told.len() < TOLD {
                    let on = if reused { "a kept" } else { "a new" };
                    let after = begun.elapsed().as_millis();
                    tally
                        .told
                        .push(format!("{why}, on {on} connection after {after} ms"));
                }
            }
        }
        tally.slowest = tally.slowest.max(begun.elapsed());
        std::thread::park_timeout(client.pace);
    }
    tally
}

type Connection = BufReader<TcpStream>;

/// One request, on the connection there is or a new one; the process that answered.
fn ask(client: Client, connection: &mut Option<Connection>) -> Result<u64, String> {
    let Client {
        port, path, keep, ..
    } = client;
    let mut stream = match connection.take() {
        Some(stream) => stream,
        None => {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            let stream = TcpStream::connect_timeout(&address, LATE)
                .map_err(|error| format!("failed to connect: {error}"))?;
            let timed = stream
                .set_read_timeout(Some(LATE))
                .and_then(|()| stream.set_nodelay(true));
            timed.map_err(|error| format!("failed to prepare: {error}"))?;
            BufReader::new(stream)
        }
    };
    let how = if keep { "keep-alive" } else { "close" };
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: {how}\r\n\r\n");
    stream
        .get_mut()
        .write_all(request.as_bytes())
        .map_err(|error| format!("failed to send: {error}"))?;
    let mut line = String::new();
    let mut next = |stream: &mut Connection| {
        line.clear();
        match stream.read_line(&mut line) {
            Ok(0) => Err("closed without an answer".to_owned()),
            Ok(_) => Ok(line.trim_end().to_ascii_lowercase()),
            Err(error) => Err(format!("failed to read: {error}")),
        }
    };
    let status = next(&mut stream)?;
    // HTTP/1.1 stays unless it says otherwise.
    let (mut length, mut stays) = (0, true);
    loop {
        match next(&mut stream)?.split_once(": ") {
            Some(("content-length", value)) => length = value.parse().unwrap_or(0),
            Some(("connection", value)) => stays = value == "keep-alive",
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    stream
        .read_exact(&mut body)
        .map_err(|error| format!("failed to read the body: {error}"))?;
    if !status.contains(" 200 ") {
        return Err(format!("answered {status}"));
    }
    if keep && stays {
        *connection = Some(stream);
    }
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    Ok(body["pid"].as_u64().unwrap_or(0))
}

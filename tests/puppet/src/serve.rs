//! `serve NAME PORT [KEY VALUE …]`: a service that really uses what it needs, and can be told to go wrong.
//!
//! It asks each need a few times a second on a connection that stays, answers 503 while
//! one of them fails, and does what `POST /do/TRICK` says until another process takes its place:
//!
//! | trick | from then on |
//! |---|---|
//! | `exit-N` | it has ended with this code |
//! | `errors` | every answer is 503 |
//! | `slow` | every answer takes three seconds |
//! | `garbage` | every answer is no HTTP |
//! | `deadlock` | nobody accepts; the socket listens on |
//! | `refuse` | the socket is closed, the process lives |
//! | `leak` | it takes memory until its limit ends it |
//!
//! | key | value |
//! |---|---|
//! | `needs` | `http:PORT`, `redis:PORT` or `postgres:PORT`; a host may stand before the port |
//! | `shallow` | `yes`: its answers are about itself alone |
//! | `leaves` | `yes`: ends with code 4 when a need that was there is lost |
//! | `data` | a folder it writes to before each answer, and cannot be started without |
//! | `config` | `good`, or it ends at once with code 78 |
//! | `address` | where it listens, in place of 127.0.0.1 |
//! | `memory` | kilobytes it may have |
//! | `crashes` | a file with the number of starts that end at once with code 3 |
//! | `ends` | a file that gets a byte whenever it ends by itself |
//! | `frozen` | a file: while it exists, requests are taken and not answered |
//! | `crowd` | a file that is told how many requests were open at a time, whenever it is more than before |

use crate::needs::Need;
use crate::{fail, number, pause, say};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Between two questions to a need.
const PACE: u64 = 200;
/// Failures in a row after which a need is lost to who leaves then.
const LOST: u32 = 3;
/// Every answer of who is slow takes so long: longer than anybody waits.
const SLOW: u64 = 3_000;
/// Connections at a time. One who needs it has one, and a probe.
const MOST: u64 = 256;
/// Threads are many and do little. Their stacks count for `memory`.
const STACK: usize = 128 << 10;
/// Code of who has lost a need.
const LEFT: i32 = 4;
/// A leak takes so much at a time, and this long between two.
const LEAK: (usize, u64) = (1 << 20, 15);

#[derive(Default)]
struct Service {
    name: String,
    shallow: bool,
    leaves: bool,
    data: Option<String>,
    ends: Option<String>,
    frozen: Option<String>,
    crowd: Option<String>,
    needs: Vec<AtomicBool>,
    errors: AtomicBool,
    slow: AtomicBool,
    garbage: AtomicBool,
    refuses: AtomicBool,
    /// Who accepts or answers holds it for a moment each time.
    busy: Mutex<()>,
    connections: AtomicU64,
    open: AtomicU64,
    most: Mutex<u64>,
}

/// Serves for ever.
pub(crate) fn serve(mut words: impl Iterator<Item = String>) -> ! {
    let mut word = || {
        words
            .next()
            .unwrap_or_else(|| fail("serve NAME PORT [KEY VALUE]"))
    };
    let mut service = Service {
        name: word(),
        ..Service::default()
    };
    let port = number(&word()) as u16;
    let (mut needs, mut crashes, mut config) = (Vec::new(), None, "good".to_owned());
    let mut address = "127.0.0.1".to_owned();
    while let Some(key) = words.next() {
        let Some(value) = words.next() else {
            fail(&format!("{key} needs a value"));
        };
        match key.as_str() {
            "needs" => needs.push(
                Need::read(&value).unwrap_or_else(|| fail(&format!("{value} is nothing to need"))),
            ),
            "shallow" => service.shallow = value == "yes",
            "leaves" => service.leaves = value == "yes",
            "data" => service.data = Some(value),
            "config" => config = value,
            "address" => address = value,
            "memory" => bound(number(&value) << 10),
            "crashes" => crashes = Some(value),
            "ends" => service.ends = Some(value),
            "frozen" => service.frozen = Some(value),
            "crowd" => service.crowd = Some(value),
            _ => fail(&format!("serve knows no {key}")),
        }
    }
    if let Some(path) = crashes {
        crash_as_often_as_told(&service, &path);
    }
    if config != "good" {
        eprintln!("{}: config {config:?} makes no sense", service.name);
        service.end(78);
    }
    if let Err(error) = service.write() {
        eprintln!("{}: failed to open its data: {error}", service.name);
        service.end(5);
    }
    let listener = match TcpListener::bind((address.as_str(), port)) {
        Ok(listener) => listener,
        Err(error) => fail(&format!("cannot bind {port}: {error}")),
    };
    service.needs = needs.iter().map(|_| AtomicBool::new(false)).collect();
    let service = Arc::new(service);
    for (at, need) in needs.into_iter().enumerate() {
        let service = Arc::clone(&service);
        thread(move || service.use_need(at, need));
    }
    say(&format!("{} listens on {port}", service.name));
    service.accept(&listener);
    drop(listener);
    crate::hang()
}

fn thread(then: impl FnOnce() + Send + 'static) {
    let made = std::thread::Builder::new().stack_size(STACK).spawn(then);
    // Without a thread it cannot go on as it should: what cannot be served is dropped.
    drop(made);
}

/// Allocations over it fail, and that ends the process.
fn bound(bytes: u64) {
    let limit = libc::rlimit {
        rlim_cur: bytes,
        rlim_max: bytes,
    };
    // SAFETY: the limit is a valid place to read from.
    unsafe { libc::setrlimit(libc::RLIMIT_DATA, &raw const limit) };
}

fn crash_as_often_as_told(service: &Service, path: &str) {
    let left = std::fs::read_to_string(path).unwrap_or_default();
    let left: u64 = left.trim().parse().unwrap_or(0);
    if left > 0 {
        // In place of the old one, so that nobody reads half a number.
        let new = format!("{path}.new");
        if std::fs::write(&new, (left - 1).to_string())
            .and_then(|()| std::fs::rename(&new, path))
            .is_err()
        {
            fail(&format!("cannot write {path}"));
        }
        service.end(3);
    }
}

impl Service {
    /// Ends by itself, which is noted before: nobody else did it.
    fn end(&self, code: i32) -> ! {
        if let Some(path) = &self.ends {
            let file = std::fs::File::options()
                .create(true)
                .append(true)
                .open(path);
            if file.and_then(|mut file| file.write_all(b".")).is_err() {
                eprintln!("{}: cannot write {path}", self.name);
            }
        }
        std::process::exit(code)
    }

    fn write(&self) -> std::io::Result<()> {
        match &self.data {
            Some(folder) => std::fs::write(format!("{folder}/written"), b"."),
            None => Ok(()),
        }
    }

    fn use_need(&self, at: usize, mut need: Need) {
        let (mut had, mut lost) = (false, 0);
        loop {
            let well = need.ask();
            if self.needs[at].swap(well, Relaxed) != well {
                let how = if well { "answers" } else { "fails" };
                say(&format!("{need} {how}"));
            }
            had |= well;
            lost = if well { 0 } else { lost + 1 };
            if self.leaves && had && lost >= LOST {
                eprintln!("{}: {need} is lost", self.name);
                self.end(LEFT);
            }
            pause(PACE);
        }
    }

    /// Returns when it refuses from now on.
    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        loop {
            drop(self.busy.lock().unwrap_or_else(PoisonError::into_inner));
            let Ok((stream, _)) = listener.accept() else {
                pause(1);
                continue;
            };
            if self.refuses.load(Relaxed) {
                return;
            }
            if self.connections.fetch_add(1, Relaxed) < MOST {
                let service = Arc::clone(self);
                thread(move || {
                    // Whoever is gone in the middle of it has no answer to miss.
                    let _ = service.answer_all(stream);
                    service.connections.fetch_sub(1, Relaxed);
                });
            } else {
                self.connections.fetch_sub(1, Relaxed);
            }
        }
    }

    fn answer_all(&self, stream: TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream.try_clone()?.take(1 << 20));
        let mut stream = stream;
        loop {
            let mut first = String::new();
            if reader.read_line(&mut first)? == 0 {
                return Ok(());
            }
            let mut stays = true;
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line)? == 0 {
                    return Ok(());
                }
                let line = line.trim().to_ascii_lowercase();
                stays &= line != "connection: close";
                if line.is_empty() {
                    break;
                }
            }
            let now = self.open.fetch_add(1, Relaxed) + 1;
            self.crowded(now);
            let answered = self.answer(&mut stream, &first, stays);
            self.open.fetch_sub(1, Relaxed);
            answered?;
            if !stays || self.refuses.load(Relaxed) {
                return Ok(());
            }
        }
    }

    /// Word of how many were open at a time outlives every process.
    fn crowded(&self, now: u64) {
        let Some(path) = &self.crowd else { return };
        let mut most = self.most.lock().unwrap_or_else(PoisonError::into_inner);
        if now > *most {
            *most = now;
            let known = std::fs::read_to_string(path).unwrap_or_default();
            if known.trim().parse().unwrap_or(0) < now {
                let _ = std::fs::write(path, now.to_string());
            }
        }
    }

    fn answer(&self, stream: &mut TcpStream, first: &str, stays: bool) -> std::io::Result<()> {
        let path = first.split(' ').nth(1).unwrap_or_default();
        if let Some(trick) = path.strip_prefix("/do/") {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
            stream.shutdown(std::net::Shutdown::Write)?;
            self.trick(trick, stream.local_addr()?.port());
            return Ok(());
        }
        if self
            .frozen
            .as_ref()
            .is_some_and(|path| std::path::Path::new(path).exists())
        {
            // Until whoever asks does not wait any longer.
            stream.set_read_timeout(Some(Duration::from_secs(3600)))?;
            let _ = stream.read(&mut [0]);
            return Err(std::io::ErrorKind::TimedOut.into());
        }
        drop(self.busy.lock().unwrap_or_else(PoisonError::into_inner));
        if self.slow.load(Relaxed) {
            pause(SLOW);
        }
        if self.refuses.load(Relaxed) {
            return Ok(());
        }
        if self.garbage.load(Relaxed) {
            return stream.write_all(b"\x16\x03\x01\x00garbage, and no HTTP\r\n\r\n");
        }
        let needs = self.shallow || self.needs.iter().all(|need| need.load(Relaxed));
        let well = needs && !self.errors.load(Relaxed) && self.write().is_ok();
        let (code, status) = if well {
            ("200 OK", "pass")
        } else {
            ("503 Service Unavailable", "fail")
        };
        let body = format!(
            "{{\"status\":\"{status}\",\"name\":\"{}\",\"pid\":{}}}",
            self.name,
            std::process::id()
        );
        let connection = if stays { "keep-alive" } else { "close" };
        let head = format!(
            "HTTP/1.1 {code}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: {connection}\r\n\r\n",
            body.len()
        );
        stream.write_all((head + &body).as_bytes())
    }

    fn trick(&self, trick: &str, port: u16) {
        eprintln!("{}: told: {trick}", self.name);
        match trick {
            "errors" => self.errors.store(true, Relaxed),
            "slow" => self.slow.store(true, Relaxed),
            "garbage" => self.garbage.store(true, Relaxed),
            "refuse" => {
                self.refuses.store(true, Relaxed);
                // Who accepts waits for somebody.
                drop(TcpStream::connect(("127.0.0.1", port)));
            }
            "deadlock" => {
                let _held = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
                crate::hang()
            }
            "leak" => loop {
                // Not zero: the kernel gives zeros away without memory behind them. Looked at: what nobody
                // reads an optimising compiler does not take at all.
                std::mem::forget(std::hint::black_box(vec![1_u8; LEAK.0]));
                pause(LEAK.1);
            },
            _ => match trick.strip_prefix("exit-") {
                Some(code) => std::process::exit(number(code) as i32),
                None => fail(&format!("no trick {trick}")),
            },
        }
    }
}

//! The backend: reads strictly, writes down every request, and answers with what it read, or with what a case tells it to.

use super::corpus::Part;
use super::strict::{self, Ended, Request};
use std::collections::BTreeMap;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A connection that nobody asks on is kept much longer than any case lasts.
const IDLE: Duration = Duration::from_secs(120);

/// A backend on a port of its own. It ends with the process of the test.
#[derive(Debug, Clone)]
pub struct Recorder {
    port: u16,
    shared: Arc<Mutex<Written>>,
}

/// What was written down since the last [`Recorder::take`].
#[derive(Debug, Default, Clone)]
pub struct Written {
    /// Whole requests, in the order they ended.
    pub requests: Vec<Request>,
    /// Heads of requests that were cut short.
    pub cut: Vec<Request>,
    /// What no proxy may send.
    pub wrong: Vec<String>,
    answers: BTreeMap<String, Vec<Part>>,
}

impl Recorder {
    /// Begins to listen.
    ///
    /// # Panics
    /// When there is no port to be had.
    #[expect(clippy::new_without_default, reason = "opening a port is no default")]
    pub fn new() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let recorder = Self {
            port,
            shared: Arc::default(),
        };
        let shared = Arc::clone(&recorder.shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || serve(&stream, &shared));
            }
        });
        recorder
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Answers requests for this path with these bytes from now on, as soon as their head is read, and closes then.
    pub fn answer(&self, path: &str, parts: Vec<Part>) {
        lock(&self.shared).answers.insert(path.to_owned(), parts);
    }

    /// What was written down, and begins anew.
    pub fn take(&self) -> Written {
        let mut written = lock(&self.shared);
        let answers = std::mem::take(&mut written.answers);
        let taken = std::mem::take(&mut *written);
        written.answers = answers;
        taken
    }

    /// Looks at what was written down.
    pub fn written(&self) -> Written {
        lock(&self.shared).clone()
    }
}

fn lock(shared: &Mutex<Written>) -> MutexGuard<'_, Written> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(stream: &TcpStream, shared: &Mutex<Written>) {
    let _ = stream.set_read_timeout(Some(IDLE));
    let _ = stream.set_nodelay(true);
    let mut from = strict::reader(stream);
    loop {
        let read = strict::head(&mut from).and_then(|request| {
            let early = lock(shared).answers.get(path(&request)).cloned();
            match early {
                Some(parts) => {
                    let stays = say(stream, &parts);
                    let read = strict::body(&mut from, request)?;
                    Ok((read, Some(stays)))
                }
                None => {
                    if request.all("expect") == ["100-continue"] {
                        let _ = (&*stream).write_all(b"HTTP/1.1 100 Continue\r\n\r\n");
                    }
                    Ok((strict::body(&mut from, request)?, None))
                }
            }
        });
        match read {
            Ok((request, Some(stays))) => {
                lock(shared).requests.push(request);
                if !stays {
                    return;
                }
            }
            Ok((request, None)) => {
                let answer = usual(&request);
                lock(shared).requests.push(request);
                if (&*stream).write_all(&answer).is_err() {
                    return;
                }
            }
            Err(Ended::Clean) => return,
            Err(Ended::Cut(head)) => {
                lock(shared).cut.extend(head.map(|head| *head));
                return;
            }
            Err(Ended::Wrong(what)) => {
                lock(shared).wrong.push(what);
                return;
            }
        }
    }
}

/// Sends what a case says; a pause in front of the end closes the connection. True when it stays open.
fn say(mut stream: &TcpStream, parts: &[Part]) -> bool {
    for (at, part) in parts.iter().enumerate() {
        match part {
            Part::Bytes(bytes) => {
                if stream.write_all(bytes).is_err() {
                    return false;
                }
            }
            Part::Pause if at + 1 == parts.len() => {
                let _ = stream.shutdown(std::net::Shutdown::Write);
                return false;
            }
            Part::Pause => {}
        }
    }
    true
}

/// Says what was read: the target, and how long the body was.
fn usual(request: &Request) -> Vec<u8> {
    let body = format!(
        "{} {} {}",
        request.method,
        request.target,
        request.body.len()
    );
    let mut answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    if request.method != "HEAD" {
        answer += &body;
    }
    answer.into_bytes()
}

fn path(request: &Request) -> &str {
    let target = request.target.as_str();
    target.split('?').next().unwrap_or(target)
}

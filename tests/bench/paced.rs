//! Who asks at a steady rate: one request after another, evenly spaced, each by a connection that is free. A program
//! that sends those of all its connections at once measures how long they wait for one another.

use crate::generator::{LOAD_CORE, Outcome, Target};
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// How long answers may be late at the end.
const LATE: Duration = Duration::from_secs(5);

/// So many requests a second over so many connections that stay. Each is timed from when it is sent; if none was free
/// then, from when it should have been.
pub(crate) fn at_rate(
    target: &Target,
    connections: usize,
    rate: f64,
    time: Duration,
) -> Result<Outcome, String> {
    std::thread::scope(|scope| {
        let run = scope.spawn(|| {
            pin()?;
            Crowd::new(target, connections)?.run(rate, time)
        });
        run.join().map_err(|_| "who asks has panicked".to_owned())?
    })
}

/// This thread runs on the core of who asks, and is woken when it should be and not some time later.
fn pin() -> Result<(), String> {
    let thread = rustix::thread::gettid();
    let mut cores = rustix::thread::CpuSet::new();
    cores.set(LOAD_CORE.parse().map_err(|_| "a core has a number")?);
    rustix::thread::sched_setaffinity(Some(thread), &cores)
        .map_err(|error| format!("failed to stay on core {LOAD_CORE}: {error}"))?;
    let slack = format!("/proc/{}/timerslack_ns", thread.as_raw_nonzero());
    std::fs::write(slack, "1").map_err(|error| format!("failed to set the timer slack: {error}"))
}

struct Connection {
    stream: TcpStream,
    /// When what it waits for was asked.
    asked: Option<Instant>,
    heard: Vec<u8>,
}

struct Crowd {
    epoll: std::os::fd::OwnedFd,
    connections: Vec<Connection>,
    free: Vec<usize>,
    request: Vec<u8>,
    times: Vec<Duration>,
    bad: u64,
}

impl Crowd {
    fn new(target: &Target, connections: usize) -> Result<Self, String> {
        let failed =
            |what: &str, error: &dyn std::fmt::Display| format!("failed to {what}: {error}");
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)
            .map_err(|error| failed("wait for answers", &error))?;
        let mut crowd = Self {
            epoll,
            connections: Vec::with_capacity(connections),
            free: (0..connections).collect(),
            request: format!(
                "GET {} HTTP/1.1\r\nHost: {}\r\n\r\n",
                target.path, target.host
            )
            .into_bytes(),
            times: Vec::new(),
            bad: 0,
        };
        for n in 0..connections {
            let stream = TcpStream::connect(("127.0.0.1", target.port))
                .map_err(|error| failed("connect", &error))?;
            stream
                .set_nodelay(true)
                .and_then(|()| stream.set_nonblocking(true))
                .map_err(|error| failed("connect", &error))?;
            let data = epoll::EventData::new_u64(n as u64);
            epoll::add(&crowd.epoll, &stream, data, epoll::EventFlags::IN)
                .map_err(|error| failed("wait for answers", &error))?;
            crowd.connections.push(Connection {
                stream,
                asked: None,
                heard: Vec::new(),
            });
        }
        Ok(crowd)
    }

    fn run(mut self, rate: f64, time: Duration) -> Result<Outcome, String> {
        let wanted = (rate * time.as_secs_f64()) as u64;
        let begun = Instant::now();
        let due = |n: u64| begun + Duration::from_secs_f64(n as f64 / rate);
        let mut late = VecDeque::new();
        let mut events = Vec::with_capacity(self.connections.len());
        let mut sent = 0;
        while sent < wanted || self.free.len() < self.connections.len() || !late.is_empty() {
            let now = Instant::now();
            if now > due(wanted) + LATE {
                break;
            }
            while sent < wanted && due(sent) <= now {
                // What waits for a connection waits for an answer.
                let waits = late.len() >= self.free.len();
                late.push_back(waits.then(|| due(sent)));
                sent += 1;
            }
            while !self.free.is_empty()
                && let Some(since) = late.pop_front()
                && let Some(free) = self.free.pop()
            {
                self.ask(free, since.unwrap_or_else(Instant::now))?;
            }
            let left = match sent < wanted {
                true => due(sent).saturating_duration_since(Instant::now()),
                false => LATE,
            };
            let left = Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(0),
                tv_nsec: left.subsec_nanos().into(),
            };
            events.clear();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&left)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(format!("failed to wait for answers: {error}")),
            }
            for event in events.drain(..) {
                self.hear(event.data.u64() as usize)?;
            }
        }
        self.bad += wanted - self.times.len() as u64;
        Ok(Outcome {
            requests: self.times.len() as u64,
            rate: self.times.len() as f64 / begun.elapsed().as_secs_f64(),
            p50: crate::table::percentile(&mut self.times, 50),
            p99: crate::table::percentile(&mut self.times, 99),
            bad: self.bad,
        })
    }

    fn ask(&mut self, n: usize, asked: Instant) -> Result<(), String> {
        let one = &mut self.connections[n];
        one.asked = Some(asked);
        one.stream
            .write_all(&self.request)
            .map_err(|error| format!("failed to ask: {error}"))
    }

    fn hear(&mut self, n: usize) -> Result<(), String> {
        let one = &mut self.connections[n];
        let mut bytes = [0; 16 << 10];
        match one.stream.read(&mut bytes) {
            Ok(0) => return Err("a connection was closed".to_owned()),
            Ok(length) => one.heard.extend_from_slice(&bytes[..length]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(format!("failed to hear an answer: {error}")),
        }
        if let Some(good) = whole(&one.heard)
            && let Some(asked) = one.asked.take()
        {
            self.times.push(asked.elapsed());
            self.bad += u64::from(!good);
            one.heard.clear();
            self.free.push(n);
        }
        Ok(())
    }
}

/// Whether an answer that is all there is a good one.
fn whole(heard: &[u8]) -> Option<bool> {
    let text = std::str::from_utf8(heard).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let named = name.eq_ignore_ascii_case("content-length");
        named.then(|| value.trim().parse::<usize>().ok())?
    });
    (body.len() >= length?).then(|| head.starts_with("HTTP/1.1 2"))
}

#[cfg(test)]
mod reading {
    use super::whole;

    #[test]
    fn an_answer_is_over_when_all_of_it_is_there() {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc";
        for length in 0..answer.len() {
            assert_eq!(whole(&answer[..length]), None, "{length}");
        }
        assert_eq!(whole(answer), Some(true));
        assert_eq!(
            whole(b"HTTP/1.1 502 Bad\r\nContent-Length: 0\r\n\r\n"),
            Some(false)
        );
    }
}

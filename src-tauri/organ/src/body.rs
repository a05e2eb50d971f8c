//! The organ itself: one loop that waits for whatever is next and does it.

use crate::args::Args;
use crate::asked::{Answer, Asked, CLOSE, Request, Then};
use crate::calls::{Call, Tally};
use crate::mischief::{self, Mischief, Mode};
use crate::say::say;
use crate::signals;
use std::io::{self, PipeReader, Read};
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

/// So many may ask at once; more wait in the kernel's queue.
const MOST_ASKED: usize = 64;
/// Between two rounds of calls.
const ROUND: Duration = Duration::from_secs(1);
/// So long those are answered that it has when it is asked to stop. Well below the grace of services.
const DRAIN: Duration = Duration::from_secs(5);
/// Between two lines about how it goes.
const REPORT: Duration = Duration::from_secs(10);

/// The whole state.
pub(crate) struct Organ {
    name: String,
    generation: Option<u64>,
    /// None any more once it stops.
    listeners: Vec<TcpListener>,
    /// It was asked to stop, and ends by then at the latest.
    stops: Option<Instant>,
    bell: PipeReader,
    asked: Vec<Asked>,
    calls: Vec<Call>,
    tally: Tally,
    answered: u64,
    mischief: Mischief,
    next_round: Instant,
    next_report: Instant,
    polled: Vec<libc::pollfd>,
}

impl Organ {
    /// Takes its place. Flags that misbehave from the start take effect here.
    pub(crate) fn new(args: Args, listeners: Vec<TcpListener>) -> io::Result<Self> {
        let mut places = Vec::new();
        for listener in &listeners {
            // Others may accept from the same socket and be quicker.
            listener.set_nonblocking(true)?;
            places.push(listener.local_addr()?.to_string());
        }
        let places = places.join(" and ");
        let bell = signals::listen()?;
        if args.ignore_term {
            signals::ignore_term();
        }
        if args.double_fork {
            mischief::leave_grandchild();
        }
        let (now, pid) = (Instant::now(), std::process::id());
        match args.generation {
            Some(generation) => {
                say!(
                    out,
                    "{}: listening on {places}, pid {pid}, start {generation}",
                    args.name
                );
            }
            None => say!(out, "{}: listening on {places}, pid {pid}", args.name),
        }
        Ok(Self {
            name: args.name,
            generation: args.generation,
            listeners,
            stops: None,
            bell,
            asked: Vec::new(),
            calls: args.calls.into_iter().map(Call::to).collect(),
            tally: Tally::default(),
            answered: 0,
            mischief: Mischief::default(),
            // Organs that start together do not all call in the same millisecond.
            next_round: now + Duration::from_millis(u64::from(pid) % 1000),
            next_report: now + REPORT,
            polled: Vec::new(),
        })
    }

    /// Lives until it is asked to stop; the answer is the exit code.
    pub(crate) fn live(&mut self) -> io::Result<i32> {
        loop {
            self.wait()?;
            let now = Instant::now();
            if self.ready(0) {
                if self.stop(now) {
                    continue;
                }
                return Ok(0);
            }
            let front = 1 + self.listeners.len();
            let came = self.polled[1..front].iter().any(|entry| entry.revents != 0);
            let asking = self.asked.len();
            for index in 0..self.calls.len() {
                if self.calls[index].interest().is_some() && self.ready_call(index, asking) {
                    self.calls[index].go_on(&self.name, &mut self.tally);
                }
            }
            // From the back, so that dropping one does not move those still to be looked at.
            for index in (0..asking).rev() {
                let mut then = match self.ready(front + index) {
                    true => self.asked[index].look(),
                    false => Then::Wait,
                };
                if let Then::Answer(request) = then {
                    then = self.answer(index, &request, now);
                }
                if matches!(then, Then::Wait) {
                    then = self.asked[index].tick(now);
                }
                if matches!(then, Then::Drop) {
                    self.asked.swap_remove(index);
                }
            }
            if came {
                self.accept(now);
            }
            self.on_the_clock(now);
            if self
                .stops
                .is_some_and(|by| by <= now || self.asked.is_empty())
            {
                return Ok(0);
            }
        }
    }

    /// It was asked to stop: it accepts nobody any more and answers those it has. False when there is
    /// nothing to wait for, or it was asked a second time.
    fn stop(&mut self, now: Instant) -> bool {
        // One ring is one byte; the next wait is for the next ring.
        let _ = self.bell.read(&mut [0]);
        if self.stops.is_some() {
            return false;
        }
        say!(out, "{}: stopping", self.name);
        self.listeners.clear();
        self.calls.clear();
        for asked in &mut self.asked {
            asked.drain(now);
        }
        self.stops = Some(now + DRAIN);
        !self.asked.is_empty()
    }

    /// Waits for a descriptor or the next thing due. Fills `polled`: bell, listener, those who ask, calls.
    #[expect(unsafe_code, reason = "std has no poll")]
    fn wait(&mut self) -> io::Result<()> {
        let entry = |fd, events| libc::pollfd {
            fd,
            events,
            revents: 0,
        };
        self.polled.clear();
        self.polled.push(entry(self.bell.as_raw_fd(), libc::POLLIN));
        // A negative descriptor is skipped: who comes while we are full waits in the kernel's queue.
        let room = self.asked.len() < MOST_ASKED;
        for listener in &self.listeners {
            self.polled.push(entry(
                if room { listener.as_raw_fd() } else { -1 },
                libc::POLLIN,
            ));
        }
        for asked in &self.asked {
            self.polled
                .push(entry(asked.stream().as_raw_fd(), libc::POLLIN));
        }
        for call in &self.calls {
            self.polled.push(match call.interest() {
                Some((fd, true)) => entry(fd, libc::POLLOUT),
                Some((fd, false)) => entry(fd, libc::POLLIN),
                None => entry(-1, 0),
            });
        }
        let left = self.next_due().saturating_duration_since(Instant::now());
        // Rounded up, or the last fraction of a millisecond would be spent spinning.
        let wait = i32::try_from(left.as_millis() + 1).unwrap_or(i32::MAX);
        // SAFETY: the array lives through the call and its length is its own.
        let n = unsafe {
            libc::poll(
                self.polled.as_mut_ptr(),
                self.polled.len() as libc::nfds_t,
                wait,
            )
        };
        if n < 0 {
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
            for entry in &mut self.polled {
                entry.revents = 0;
            }
        }
        Ok(())
    }

    fn next_due(&self) -> Instant {
        let mut due = self.next_report.min(self.stops.unwrap_or(self.next_report));
        if !self.calls.is_empty() || self.mischief.every_second() {
            due = due.min(self.next_round);
        }
        let held = self.asked.iter().map(Asked::due);
        let under_way = self.calls.iter().filter_map(Call::until);
        held.chain(under_way).fold(due, Instant::min)
    }

    fn ready(&self, at: usize) -> bool {
        self.polled[at].revents != 0
    }

    fn ready_call(&self, index: usize, asking: usize) -> bool {
        self.ready(1 + self.listeners.len() + asking + index)
    }

    fn accept(&mut self, now: Instant) {
        for listener in &self.listeners {
            while self.asked.len() < MOST_ASKED {
                let Ok((stream, _)) = listener.accept() else {
                    break;
                };
                if let Ok(asked) = Asked::new(stream, now) {
                    self.asked.push(asked);
                }
            }
        }
    }

    /// Rounds of calls, reports, and mischief that goes on.
    fn on_the_clock(&mut self, now: Instant) {
        for call in &mut self.calls {
            call.expire(&self.name, now, &mut self.tally);
        }
        if self.next_round <= now {
            self.next_round = now + ROUND;
            for call in &mut self.calls {
                call.begin(&self.name, now, &mut self.tally);
            }
            self.mischief.leak_more();
            for line in 0..self.mischief.flood {
                say!(out, "{}: flooding, line {line} of this second", self.name);
            }
        }
        if self.next_report <= now {
            self.next_report = now + REPORT;
            let Tally { ok, failed } = self.tally;
            say!(
                out,
                "{}: answered {}, calls {ok} ok {failed} failed",
                self.name,
                self.answered
            );
        }
    }

    fn answer(&mut self, index: usize, request: &Request, now: Instant) -> Then {
        self.answered += 1;
        let (path, query) = request
            .target
            .split_once('?')
            .unwrap_or((&request.target, ""));
        let slow = self.mischief.slow.map(|time| now + time);
        let (text, at) = match (request.method.as_str(), path) {
            _ if request.from_page => (reply(403, &failure("web pages may not ask here")), None),
            ("GET", "/health") => (self.health(), slow),
            ("POST", "/misbehave") => match Mode::parse(query) {
                Ok(mode) => return self.misbehave(index, mode),
                Err(wrong) => (reply(400, &failure(&wrong)), None),
            },
            ("GET", "/misbehave") => (reply(405, &failure("say it with POST")), None),
            _ => (
                reply(404, &failure("there is /health, and POST /misbehave?mode=")),
                slow,
            ),
        };
        // The last answer says that it is the last: nobody sends another request after it.
        let keep = request.keep && self.stops.is_none();
        self.asked[index].answer(Answer { text, keep }, at)
    }

    fn health(&self) -> String {
        let code = self.mischief.error.unwrap_or(200);
        let status = if (200..400).contains(&code) {
            "pass"
        } else {
            "fail"
        };
        let generation = self
            .generation
            .map_or("null".to_owned(), |generation| generation.to_string());
        let body = format!(
            "{{\"status\":\"{status}\",\"name\":\"{}\",\"pid\":{},\"generation\":{generation},\
             \"calls\":{{\"ok\":{},\"failed\":{}}}}}\n",
            self.name,
            std::process::id(),
            self.tally.ok,
            self.tally.failed
        );
        reply(code, &body)
    }

    /// Does it, then says so: whoever has the answer can count on it. Only what leaves nobody to answer
    /// is said first.
    fn misbehave(&mut self, index: usize, mode: Mode) -> Then {
        say!(err, "{}: told to misbehave: {mode:?}", self.name);
        match mode {
            Mode::Crash(_) | Mode::Hang(_) => {}
            Mode::Slow(time) => self.mischief.slow = Some(time),
            Mode::Error(code) => self.mischief.error = Some(code),
            Mode::Leak(kb) => self.mischief.leak = kb,
            Mode::Flood(lines) => self.mischief.flood = lines,
            Mode::Fork => mischief::leave_grandchild(),
            Mode::IgnoreTerm => signals::ignore_term(),
            Mode::Ok => {
                self.mischief = Mischief::default();
                signals::heed_term();
            }
        }
        let text = reply(200, "{\"status\":\"as you wish\"}\n");
        let then = self.asked[index].answer(Answer { text, keep: false }, None);
        match mode {
            Mode::Crash(code) => mischief::crash(code),
            Mode::Hang(time) => mischief::hang(time),
            _ => {}
        }
        then
    }
}

/// A body that says what is wrong. Quotes would end the JSON text.
fn failure(why: &str) -> String {
    format!(
        "{{\"status\":\"fail\",\"why\":\"{}\"}}\n",
        why.replace(['"', '\\'], "'")
    )
}

fn reply(code: u16, body: &str) -> String {
    let reason = match code {
        200 => "OK",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        503 => "Service Unavailable",
        _ => "As Told",
    };
    format!(
        "HTTP/1.1 {code} {reason}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\n{CLOSE}\r\n\r\n{body}",
        body.len()
    )
}

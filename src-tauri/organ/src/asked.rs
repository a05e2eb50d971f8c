//! Those who ask us: one small request, one small answer, then the connection ends.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

/// A request head that is longer is refused. Browsers send some 700 bytes.
const LONGEST: usize = 2048;
/// Who says nothing for so long is left.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// What an answer says that is the last on its connection.
pub(crate) const CLOSE: &str = "Connection: close";

/// A request that was sent before its sender could know that we stop has come by then.
const ON_ITS_WAY: Duration = Duration::from_secs(1);

/// A connection somebody made to us.
pub(crate) struct Asked {
    stream: TcpStream,
    head: Vec<u8>,
    /// When it is ended, whatever has come of it.
    pub(crate) until: Instant,
    stage: Stage,
}

enum Stage {
    /// The request is not complete yet.
    Reading,
    /// The answer is ready and held back until then.
    Holding(Instant, Answer),
    /// The answer is out; waiting for the other side to close, so that nothing is cut off.
    Closing,
}

/// What is sent back, and what comes after it.
pub(crate) struct Answer {
    /// Head and body, as the last answer on a connection.
    pub(crate) text: String,
    /// The connection stays for another request.
    pub(crate) keep: bool,
}

/// What became of a connection after it was looked at.
pub(crate) enum Then {
    /// Nothing yet.
    Wait,
    /// A request is complete.
    Answer(Request),
    /// It is over.
    Drop,
}

/// The part of a request that matters here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// `GET`, `POST` …
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    /// A web page sent it.
    pub(crate) from_page: bool,
    /// It asks for the connection to stay. In HTTP/1.1 it need not say so, but most who ask an organ ask
    /// once and wait for the end.
    pub(crate) keep: bool,
}

impl Asked {
    /// A connection that was just accepted.
    pub(crate) fn new(stream: TcpStream, now: Instant) -> std::io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream,
            head: Vec::new(),
            until: now + PATIENCE,
            stage: Stage::Reading,
        })
    }

    /// The stream, to be polled for reading.
    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// When something is to be done about it even if nothing comes in.
    pub(crate) fn due(&self) -> Instant {
        match self.stage {
            Stage::Holding(at, _) => at.min(self.until),
            _ => self.until,
        }
    }

    /// The organ is about to end. A request that is on its way is waited for; a connection that is kept
    /// open for the next one, only as long as one may be on its way.
    pub(crate) fn drain(&mut self, now: Instant) {
        match &mut self.stage {
            Stage::Reading if self.head.is_empty() => {
                self.until = self.until.min(now + ON_ITS_WAY);
            }
            Stage::Holding(_, answer) => answer.keep = false,
            _ => {}
        }
    }

    /// Reads what has come in.
    pub(crate) fn look(&mut self) -> Then {
        let mut piece = [0; 512];
        match self.stream.read(&mut piece) {
            Ok(0) => Then::Drop,
            Ok(got) if matches!(self.stage, Stage::Reading) => {
                self.head.extend_from_slice(&piece[..got]);
                match parse(&self.head) {
                    Some(request) => Then::Answer(request),
                    None if self.head.len() > LONGEST => Then::Drop,
                    None => Then::Wait,
                }
            }
            Ok(_) => Then::Wait, // a body, or more requests: not for us
            Err(error) if error.kind() == ErrorKind::WouldBlock => Then::Wait,
            Err(_) => Then::Drop,
        }
    }

    /// Answers, at once or when the time has come.
    pub(crate) fn answer(&mut self, answer: Answer, at: Option<Instant>) -> Then {
        self.head = Vec::new();
        match at {
            Some(at) => {
                self.until = self.until.max(at + PATIENCE);
                self.stage = Stage::Holding(at, answer);
                Then::Wait
            }
            None => self.send(&answer),
        }
    }

    /// Does what is due.
    pub(crate) fn tick(&mut self, now: Instant) -> Then {
        if self.until <= now {
            return Then::Drop;
        }
        match &mut self.stage {
            Stage::Holding(at, answer) if *at <= now => {
                let text = std::mem::take(&mut answer.text);
                let keep = answer.keep;
                self.send(&Answer { text, keep })
            }
            _ => Then::Wait,
        }
    }

    fn send(&mut self, answer: &Answer) -> Then {
        // Some hundred bytes into a socket that has sent nothing yet: it takes them whole or is dead.
        let kept;
        let text = if answer.keep {
            kept = answer.text.replacen(CLOSE, "Connection: keep-alive", 1);
            &kept
        } else {
            &answer.text
        };
        if self.stream.write_all(text.as_bytes()).is_err() {
            return Then::Drop;
        }
        if answer.keep {
            self.stage = Stage::Reading;
            self.until = Instant::now() + PATIENCE;
            return Then::Wait;
        }
        self.stage = Stage::Closing;
        match self.stream.shutdown(Shutdown::Write) {
            Ok(()) => Then::Wait,
            Err(_) => Then::Drop,
        }
    }
}

/// The request, once its head is complete.
fn parse(head: &[u8]) -> Option<Request> {
    let end = head.windows(4).position(|four| four == b"\r\n\r\n")?;
    let text = String::from_utf8_lossy(&head[..end]);
    let mut lines = text.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ');
    let header = |name: &str, value: &str| {
        lines.clone().any(|line| {
            line.split_once(':').is_some_and(|(key, has)| {
                key.trim().eq_ignore_ascii_case(name)
                    && (value.is_empty() || has.trim().eq_ignore_ascii_case(value))
            })
        })
    };
    Some(Request {
        method: first.next().unwrap_or_default().to_owned(),
        target: first.next().unwrap_or_default().to_owned(),
        from_page: header("origin", ""),
        keep: header("connection", "keep-alive"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_once_its_head_is_complete() {
        assert_eq!(parse(b"GET /health HTTP/1.1\r\nHost: x\r\n"), None);
        let request =
            parse(b"POST /misbehave?mode=ok HTTP/1.1\r\nORIGIN: http://evil\r\n\r\n").unwrap();
        assert_eq!(request.method, "POST");
        assert_eq!(request.target, "/misbehave?mode=ok");
        assert!(request.from_page && !request.keep);
        assert!(!parse(b"\r\n\r\n").unwrap().from_page);
        let request = parse(b"GET / HTTP/1.1\r\nconnection: Keep-Alive\r\n\r\n").unwrap();
        assert!(request.keep);
    }
}

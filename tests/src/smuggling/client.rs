//! A client that sends bytes as they are, and reads answers as they come.

use super::corpus::Part;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

/// How long an answer is waited for that has to come: machines that build at the same time are slow.
const ANSWER: Duration = Duration::from_secs(20);
/// How long one is waited for that need not.
const PERHAPS: Duration = Duration::from_millis(700);
/// How long a pause is.
const PAUSE: Duration = Duration::from_millis(60);
/// How long the end is waited for after we have said that there is no more.
pub(super) const END: Duration = Duration::from_secs(3);
/// Answers are not longer.
const MOST: usize = 4 << 20;

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Head, as it came.
    pub head: String,
    /// Its body.
    pub body: Vec<u8>,
    /// False when it was cut short.
    pub whole: bool,
}

/// What came back on one connection.
#[derive(Debug, Clone, Default)]
pub struct Heard {
    /// Every byte.
    pub bytes: Vec<u8>,
    /// The connection was closed at the other end.
    pub closed: bool,
}

/// Sends these, and hears what comes back until so many answers have come, or, when none has to, until nothing does. Then
/// ends its own side, and hears the rest.
///
/// # Errors
/// When nobody listens.
pub fn send(port: u16, parts: &[Part], wanted: usize) -> std::io::Result<Heard> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    // Who refuses may stop reading in the middle of it.
    stream.set_write_timeout(Some(END))?;
    let mut heard = Heard::default();
    for part in parts {
        match part {
            Part::Bytes(bytes) => {
                if stream.write_all(bytes).is_err() {
                    break;
                }
            }
            Part::Pause => hear(&mut stream, &mut heard, PAUSE, |_| false)?,
        }
    }
    let time = if wanted > 0 { ANSWER } else { PERHAPS };
    hear(&mut stream, &mut heard, time, |bytes| {
        let all = answers(bytes);
        let whole = all
            .iter()
            .filter(|answer| answer.whole && answer.status >= 200);
        whole.count() >= wanted.max(1)
    })?;
    let _ = stream.shutdown(Shutdown::Write);
    hear(&mut stream, &mut heard, END, |_| false)?;
    Ok(heard)
}

/// Reads for so long, or until there is enough.
fn hear(
    stream: &mut TcpStream,
    heard: &mut Heard,
    time: Duration,
    enough: impl Fn(&[u8]) -> bool,
) -> std::io::Result<()> {
    let until = Instant::now() + time;
    let mut bytes = [0; 1 << 14];
    while !heard.closed && heard.bytes.len() < MOST && !enough(&heard.bytes) {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut bytes) {
            Ok(0) => heard.closed = true,
            Ok(count) => heard.bytes.extend(&bytes[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                break;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // A reset is an end as well.
            Err(_) => heard.closed = true,
        }
    }
    Ok(())
}

/// The answers in what came back.
pub fn answers(bytes: &[u8]) -> Vec<Answer> {
    read(bytes, false)
}

/// The same, when it was heads that were asked for.
pub fn heads(bytes: &[u8]) -> Vec<Answer> {
    read(bytes, true)
}

fn read(mut bytes: &[u8], heads: bool) -> Vec<Answer> {
    let mut all = Vec::new();
    while let Some(at) = find(bytes, b"\r\n\r\n") {
        let head = String::from_utf8_lossy(&bytes[..at]).into_owned();
        let rest = &bytes[at + 4..];
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|code| code.get(..3)?.parse().ok())
            .unwrap_or(0);
        let lower = head.to_ascii_lowercase();
        let length = lower.lines().find_map(|line| {
            line.strip_prefix("content-length:")?
                .trim()
                .parse::<usize>()
                .ok()
        });
        let (body, whole, used) =
            if heads || (100..200).contains(&status) || matches!(status, 204 | 304) {
                (Vec::new(), true, 0)
            } else if lower.contains("transfer-encoding: chunked") {
                chunks(rest)
            } else if let Some(length) = length {
                let have = length.min(rest.len());
                (rest[..have].to_vec(), have == length, have)
            } else {
                // Until the end of the connection: whole is what nobody can say.
                (rest.to_vec(), true, rest.len())
            };
        all.push(Answer {
            status,
            head,
            body,
            whole,
        });
        bytes = &rest[used..];
    }
    all
}

fn chunks(bytes: &[u8]) -> (Vec<u8>, bool, usize) {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let Some(end) = find(&bytes[at..], b"\r\n") else {
            return (body, false, bytes.len());
        };
        let size = String::from_utf8_lossy(&bytes[at..at + end]).into_owned();
        let Ok(size) = usize::from_str_radix(size.trim(), 16) else {
            return (body, false, bytes.len());
        };
        at += end + 2;
        if size == 0 {
            // Trailers end with an empty line.
            let after = &bytes[at..];
            return match (after.starts_with(b"\r\n"), find(after, b"\r\n\r\n")) {
                (true, _) => (body, true, at + 2),
                (false, Some(end)) => (body, true, at + end + 4),
                (false, None) => (body, false, bytes.len()),
            };
        }
        let have = size.min(bytes.len().saturating_sub(at));
        body.extend(&bytes[at..at + have]);
        if at + size + 2 > bytes.len() {
            return (body, false, bytes.len());
        }
        at += size + 2;
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod reading {
    use super::*;

    #[test]
    fn answers_are_told_apart() {
        let bytes = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabHTTP/1.1 400 Bad\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab";
        let all = answers(bytes);
        let shown: Vec<(u16, &[u8], bool)> = all
            .iter()
            .map(|answer| (answer.status, answer.body.as_slice(), answer.whole))
            .collect();
        assert_eq!(
            shown,
            [
                (100, &b""[..], true),
                (200, &b"ab"[..], true),
                (400, &b"x"[..], true),
                (200, &b"ab"[..], false)
            ]
        );
    }
}

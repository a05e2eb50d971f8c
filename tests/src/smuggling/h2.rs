//! HTTP/2 frames made by hand: what no library would send.

use super::client::END;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// How a client begins: the preface and settings that change nothing.
const HELLO: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// Kinds of frames.
pub mod kind {
    #![expect(missing_docs, reason = "they are the names of RFC 9113")]
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const PRIORITY: u8 = 2;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PUSH_PROMISE: u8 = 5;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
}

/// No more frames of this stream, or this is an acknowledgement.
pub const END_STREAM: u8 = 1;
/// No more headers.
pub const END_HEADERS: u8 = 4;

/// A frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len())
        .unwrap_or(u32::MAX)
        .to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// Headers as they are, none of them indexed.
pub fn block(headers: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in headers {
        bytes.push(0);
        for text in [name, value] {
            integer(&mut bytes, text.len(), 127);
            bytes.extend(*text);
        }
    }
    bytes
}

/// A number behind a prefix of so many.
fn integer(bytes: &mut Vec<u8>, mut number: usize, prefix: usize) {
    if number < prefix {
        bytes.push(u8::try_from(number).unwrap_or(0));
        return;
    }
    bytes.push(u8::try_from(prefix).unwrap_or(0));
    number -= prefix;
    while number >= 128 {
        bytes.push((number % 128) as u8 | 128);
        number /= 128;
    }
    bytes.push(number as u8);
}

/// A connection that has said hello.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    heard: Vec<u8>,
    closed: bool,
}

/// A frame that came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// See [`kind`].
    pub kind: u8,
    /// Its flags.
    pub flags: u8,
    /// Its stream.
    pub stream: u32,
    /// What it holds.
    pub payload: Vec<u8>,
}

impl Connection {
    /// Says hello.
    ///
    /// # Errors
    /// When nobody listens.
    pub fn open(port: u16) -> std::io::Result<Self> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(END))?;
        stream.write_all(HELLO)?;
        Ok(Self {
            stream,
            heard: Vec::new(),
            closed: false,
        })
    }

    /// Sends; false when the other end takes no more.
    pub fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// The frames that come within this time, or until one of them is enough or the connection ends.
    pub fn frames(&mut self, time: Duration, enough: impl Fn(&Frame) -> bool) -> Vec<Frame> {
        let until = Instant::now() + time;
        let mut frames = Vec::new();
        let mut bytes = [0; 1 << 14];
        loop {
            while let Some(frame) = self.next() {
                let last = enough(&frame);
                frames.push(frame);
                if last {
                    return frames;
                }
            }
            let left = until.saturating_duration_since(Instant::now());
            if self.closed || left.is_zero() || self.stream.set_read_timeout(Some(left)).is_err() {
                return frames;
            }
            match self.stream.read(&mut bytes) {
                Ok(0) => self.closed = true,
                Ok(count) => self.heard.extend(&bytes[..count]),
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => self.closed = true,
            }
        }
    }

    /// The other end has closed it.
    pub fn closed(&self) -> bool {
        self.closed
    }

    fn next(&mut self) -> Option<Frame> {
        let head: [u8; 9] = self.heard.get(..9)?.try_into().ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let payload = self.heard.get(9..9 + length)?.to_vec();
        self.heard.drain(..9 + length);
        Some(Frame {
            kind: head[3],
            flags: head[4],
            stream: u32::from_be_bytes([head[5], head[6], head[7], head[8]]),
            payload,
        })
    }
}

impl Frame {
    /// The status it tells of, when it begins an answer. Our own encoder and every proxy we ask write the common ones as
    /// indexes; another is 0.
    pub fn status(&self) -> Option<u16> {
        if self.kind != kind::HEADERS {
            return None;
        }
        // A change of the table's size may come before it.
        let first = self.payload.iter().find(|byte| *byte & 0xe0 != 0x20)?;
        let known = [200, 204, 206, 304, 400, 404, 500];
        let at = first.checked_sub(0x88).map(usize::from);
        Some(at.and_then(|at| known.get(at).copied()).unwrap_or(0))
    }

    /// It ends its stream, or everything, by an error.
    pub fn is_error(&self) -> bool {
        matches!(self.kind, kind::RST_STREAM | kind::GOAWAY)
    }
}

#[cfg(test)]
mod writing {
    use super::*;

    #[test]
    fn frames_and_numbers_are_written_as_they_should_be() {
        assert_eq!(
            frame(kind::PING, 1, 3, b"ab"),
            b"\0\0\x02\x06\x01\0\0\0\x03ab"
        );
        let long = vec![b'x'; 300];
        let block = block(&[(b"a", &long)]);
        // 300 = 127 + 45 + 128
        assert_eq!(block[..6], [0, 1, b'a', 127, 0xad, 0x01]);
        assert_eq!(block.len(), 6 + 300);
    }
}

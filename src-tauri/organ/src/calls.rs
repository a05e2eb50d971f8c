//! The calls an organ makes: `GET /health` of each peer every second, without ever waiting.

use crate::say::say;
use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

/// A call that takes longer has failed. Less than the second after which the next one is due.
const PATIENCE: Duration = Duration::from_millis(900);

/// Somebody to call.
#[derive(Debug)]
pub(crate) struct Peer {
    host: Ipv4Addr,
    port: u16,
    path: String,
}

impl Peer {
    /// Reads `http://127.0.0.1:8080/health`; scheme and path may be left out.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        let wrong = || format!("{url} is no address to call: http://127.0.0.1:PORT[/PATH]");
        let rest = url.strip_prefix("http://").unwrap_or(url);
        let (place, path) = match rest.find('/') {
            Some(slash) if rest.len() > slash + 1 => rest.split_at(slash),
            Some(slash) => (&rest[..slash], "/health"),
            None => (rest, "/health"),
        };
        let (host, port) = place.split_once(':').ok_or_else(wrong)?;
        let host = if host == "localhost" {
            "127.0.0.1"
        } else {
            host
        };
        if path.len() > 128 || !path.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(wrong());
        }
        Ok(Self {
            host: host.parse().map_err(|_| wrong())?,
            port: port.parse().map_err(|_| wrong())?,
            path: path.to_owned(),
        })
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}:{}{}", self.host, self.port, self.path)
    }
}

/// What came of calls so far.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Tally {
    /// Answered with 2xx in time.
    pub(crate) ok: u64,
    /// All others.
    pub(crate) failed: u64,
}

/// A peer and the call to it that is under way, if one is.
#[derive(Debug)]
pub(crate) struct Call {
    peer: Peer,
    under_way: Option<UnderWay>,
    /// How the last one ended; `None` before the first.
    well: Option<bool>,
}

#[derive(Debug)]
struct UnderWay {
    stream: TcpStream,
    asked: bool,
    until: Instant,
}

impl Call {
    /// Nothing is under way yet.
    pub(crate) fn to(peer: Peer) -> Self {
        Self {
            peer,
            under_way: None,
            well: None,
        }
    }

    /// What to poll for: the descriptor, and whether for writing.
    pub(crate) fn interest(&self) -> Option<(RawFd, bool)> {
        self.under_way
            .as_ref()
            .map(|call| (call.stream.as_raw_fd(), !call.asked))
    }

    /// When the call under way has taken too long.
    pub(crate) fn until(&self) -> Option<Instant> {
        self.under_way.as_ref().map(|call| call.until)
    }

    /// Begins a call. One that is still under way is left alone: it will fail by itself.
    pub(crate) fn begin(&mut self, name: &str, now: Instant, tally: &mut Tally) {
        if self.under_way.is_some() {
            return;
        }
        match connect(self.peer.host, self.peer.port) {
            Ok(stream) => {
                self.under_way = Some(UnderWay {
                    stream,
                    asked: false,
                    until: now + PATIENCE,
                });
            }
            Err(error) => self.end(name, tally, Err(&error)),
        }
    }

    /// Goes on with the call after its descriptor became ready.
    pub(crate) fn go_on(&mut self, name: &str, tally: &mut Tally) {
        let Some(call) = &mut self.under_way else {
            return;
        };
        if !call.asked {
            let asked = match call.stream.take_error() {
                Ok(None) => ask(&mut call.stream, &self.peer),
                Ok(Some(error)) | Err(error) => Err(error),
            };
            match asked {
                Ok(()) => call.asked = true,
                Err(error) => self.end(name, tally, Err(&error)),
            }
            return;
        }
        // The status line is all that is wanted, and it comes in one piece over loopback.
        let mut head = [0; 16];
        match call.stream.read(&mut head) {
            Ok(got) if head[..got].starts_with(b"HTTP/1.1 2") => self.end(name, tally, Ok(())),
            Ok(0) => self.end(name, tally, Err(&"closed without an answer")),
            Ok(got) => {
                let line = String::from_utf8_lossy(&head[..got]).into_owned();
                self.end(
                    name,
                    tally,
                    Err(&format_args!("answered {}", line.trim_end())),
                );
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => self.end(name, tally, Err(&error)),
        }
    }

    /// Ends a call that has taken too long.
    pub(crate) fn expire(&mut self, name: &str, now: Instant, tally: &mut Tally) {
        if self.until().is_some_and(|until| until <= now) {
            self.end(
                name,
                tally,
                Err(&format_args!("no answer in {} ms", PATIENCE.as_millis())),
            );
        }
    }

    /// Counts it, and says so when it is news.
    fn end(&mut self, name: &str, tally: &mut Tally, how: Result<(), &dyn fmt::Display>) {
        if let Some(call) = self.under_way.take() {
            reset_on_close(&call.stream);
        }
        match how {
            Ok(()) => {
                tally.ok += 1;
                if self.well == Some(false) {
                    say!(err, "{name}: {} answers again", self.peer);
                }
            }
            Err(error) => {
                tally.failed += 1;
                if self.well != Some(false) {
                    say!(err, "{name}: failed to call {}: {error}", self.peer);
                }
            }
        }
        self.well = Some(how.is_ok());
    }
}

fn ask(stream: &mut TcpStream, peer: &Peer) -> std::io::Result<()> {
    // Well under any send buffer: a fresh socket takes it whole.
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}:{}\r\n\r\n",
        peer.path, peer.host, peer.port
    );
    stream.write_all(request.as_bytes())
}

/// Begins to connect. The stream is there at once; it can be written to when the peer has accepted.
#[expect(unsafe_code, reason = "std cannot connect without waiting")]
fn connect(host: Ipv4Addr, port: u16) -> std::io::Result<TcpStream> {
    // SAFETY: plain numbers in, a descriptor or -1 out.
    let fd = unsafe { libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0) };
    if fd < 0 {
        return Err(std::io::Error::last_os_error());
    }
    // SAFETY: the descriptor is new and nobody else's.
    let stream = TcpStream::from(unsafe { OwnedFd::from_raw_fd(fd) });
    stream.set_nonblocking(true)?;
    // SAFETY: all zeros is a valid address; the fields that count are set next.
    let mut address: libc::sockaddr_in = unsafe { std::mem::zeroed() };
    address.sin_family = libc::AF_INET as libc::sa_family_t;
    address.sin_port = port.to_be();
    address.sin_addr.s_addr = u32::from(host).to_be();
    let length = size_of::<libc::sockaddr_in>() as libc::socklen_t;
    // SAFETY: the address lives through the call and the length is its own.
    let outcome = unsafe { libc::connect(fd, (&raw const address).cast(), length) };
    let error = std::io::Error::last_os_error();
    if outcome == 0 || error.raw_os_error() == Some(libc::EINPROGRESS) {
        return Ok(stream);
    }
    Err(error)
}

/// Closing drops the connection at once. Hundreds of calls a second would otherwise fill the machine
/// with sockets in TIME_WAIT; nothing is lost, as the answer has been read.
#[expect(unsafe_code, reason = "std cannot set SO_LINGER")]
fn reset_on_close(stream: &TcpStream) {
    let linger = libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    let length = size_of::<libc::linger>() as libc::socklen_t;
    // SAFETY: the option's value lives through the call and the length is its own.
    unsafe {
        libc::setsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const linger).cast(),
            length,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_with_and_without_scheme_and_path() {
        let shown = |url| Peer::parse(url).unwrap().to_string();
        assert_eq!(shown("http://127.0.0.1:80"), "http://127.0.0.1:80/health");
        assert_eq!(shown("http://127.0.0.1:80/"), "http://127.0.0.1:80/health");
        assert_eq!(shown("localhost:80/ready"), "http://127.0.0.1:80/ready");
        for wrong in [
            "",
            "http://127.0.0.1",
            "127.0.0.1:x",
            "ftp://127.0.0.1:1",
            "127.0.0.1:1/a b",
        ] {
            assert!(Peer::parse(wrong).is_err(), "{wrong:?} is no address");
        }
    }
}

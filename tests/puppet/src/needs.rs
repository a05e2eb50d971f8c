//! What `serve` needs of others: one question a time, on a connection that stays, in the words of whoever is
//! asked. A connection that broke is made anew once before the need counts as failing.

use std::fmt;
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_millis(400);
/// Longest answer that is read.
const MOST: usize = 64 << 10;

/// Somebody to ask.
pub(crate) struct Need {
    kind: Kind,
    host: String,
    port: u16,
    connection: Option<TcpStream>,
}

#[derive(Clone, Copy)]
enum Kind {
    Http,
    Redis,
    Postgres,
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Http => "http",
            Kind::Redis => "redis",
            Kind::Postgres => "postgres",
        };
        write!(f, "{kind}:{}", self.port)
    }
}

impl Need {
    /// Reads `redis:6379`, or `redis:HOST:6379`; `http:api.shop.localhost:7422` asks by that name.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (kind, port) = text.split_once(':')?;
        let kind = match kind {
            "http" => Kind::Http,
            "redis" => Kind::Redis,
            "postgres" => Kind::Postgres,
            _ => return None,
        };
        let (host, port) = port.rsplit_once(':').unwrap_or(("127.0.0.1", port));
        Some(Self {
            kind,
            host: host.to_owned(),
            port: port.parse().ok()?,
            connection: None,
        })
    }

    /// True when it answers, and well.
    pub(crate) fn ask(&mut self) -> bool {
        let kept = self.connection.is_some();
        match self.once() {
            Ok(well) => well,
            // What was kept may have been to a process that is no more. One that does not answer is
            // not asked twice.
            Err(error) if kept && !late(&error) => self.once().unwrap_or(false),
            Err(_) => false,
        }
    }

    fn once(&mut self) -> Result<bool> {
        let mut stream = match self.connection.take() {
            Some(stream) => stream,
            None => self.connect()?,
        };
        let answer = match self.kind {
            Kind::Http => {
                let host = &self.host;
                let request = format!("GET /health HTTP/1.1\r\nHost: {host}\r\n\r\n");
                stream.write_all(request.as_bytes())?;
                let answer = until(&mut stream, is_whole)?;
                answer.starts_with("HTTP/1.1 200")
            }
            Kind::Redis => {
                stream.write_all(b"PING\r\n")?;
                until(&mut stream, |text| text.ends_with("\r\n"))?.starts_with("+PONG")
            }
            Kind::Postgres => {
                let query = b"SELECT 1\0";
                let mut message = vec![b'Q'];
                message.extend_from_slice(&(query.len() as u32 + 4).to_be_bytes());
                message.extend_from_slice(query);
                stream.write_all(&message)?;
                ready(&mut stream)?
            }
        };
        self.connection = Some(stream);
        Ok(answer)
    }

    fn connect(&self) -> Result<TcpStream> {
        // Not every resolver knows that these are all this machine.
        let host = match self.host.ends_with(".localhost") {
            true => "127.0.0.1",
            false => &self.host,
        };
        let mut addresses = (host, self.port).to_socket_addrs()?;
        let address = addresses.next().ok_or(ErrorKind::NotFound)?;
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        if matches!(self.kind, Kind::Postgres) {
            let who = b"user\0postgres\0database\0postgres\0\0";
            let mut message = (who.len() as u32 + 8).to_be_bytes().to_vec();
            message.extend_from_slice(&196_608_u32.to_be_bytes());
            message.extend_from_slice(who);
            stream.write_all(&message)?;
            if !ready(&mut stream)? {
                return Err(ErrorKind::ConnectionRefused.into());
            }
        }
        Ok(stream)
    }
}

/// The head is there, and as much of a body as it says.
fn is_whole(text: &str) -> bool {
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let head = head.to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    body.len()
        >= length
            .and_then(|length| length.trim().parse().ok())
            .unwrap_or(0)
}

fn late(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

fn until(stream: &mut TcpStream, whole: impl Fn(&str) -> bool) -> Result<String> {
    let mut text = String::new();
    let mut some = [0; 1024];
    while !whole(&text) {
        let read = stream.read(&mut some)?;
        if read == 0 || text.len() > MOST {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        text.push_str(&String::from_utf8_lossy(&some[..read]));
    }
    Ok(text)
}

/// Reads PostgreSQL's messages up to `ReadyForQuery`; false when one of them was an error.
fn ready(stream: &mut TcpStream) -> Result<bool> {
    let mut well = true;
    loop {
        let mut head = [0; 5];
        stream.read_exact(&mut head)?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        let Some(length) = length.checked_sub(4).filter(|length| *length <= MOST) else {
            return Err(ErrorKind::InvalidData.into());
        };
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        match head[0] {
            b'Z' => return Ok(well),
            b'E' => well = false,
            _ => {}
        }
    }
}

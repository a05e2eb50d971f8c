//! HTTP/1.1 read as strictly as RFC 9112 allows: what a careful backend would refuse, and what a proxy must therefore
//! never send.

use std::io::{BufRead, BufReader, Read};

/// Longest line and largest body that is kept.
const MOST: u64 = 8 << 20;

/// What a proxy keeps to itself; `x-hop` is what the cases name in `Connection`.
const FOR_ONE_CONNECTION: [&str; 5] = [
    "keep-alive",
    "proxy-connection",
    "proxy-authorization",
    "http2-settings",
    "x-hop",
];

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `GET`.
    pub method: String,
    /// `/case/3?x`.
    pub target: String,
    /// Name in lower case, and value.
    pub headers: Vec<(String, String)>,
    /// All of it.
    pub body: Vec<u8>,
}

impl Request {
    /// All values of a header.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(other, _)| other == name);
        named.map(|(_, value)| value.as_str()).collect()
    }
}

/// Why no request was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ended {
    /// Between two requests: as it should.
    Clean,
    /// In the middle of one; its head, if that was whole.
    Cut(Option<Box<Request>>),
    /// Something no proxy may send.
    Wrong(String),
}

/// How a body is framed.
enum Framing {
    Length(u64),
    Chunks,
}

/// Reads a head.
pub(super) fn head(from: &mut impl BufRead) -> Result<Request, Ended> {
    let Some(first) = line(from, true)? else {
        return Err(Ended::Clean);
    };
    let words: Vec<&str> = first.split(' ').collect();
    let [method, target, "HTTP/1.1"] = words[..] else {
        return wrong(format!("the request line {first:?}"));
    };
    if method.is_empty() || !method.bytes().all(token) {
        return wrong(format!("the method {method:?}"));
    }
    let origin = target.starts_with('/') || (method == "OPTIONS" && target == "*");
    if !origin || !target.bytes().all(|byte| (0x21..0x7f).contains(&byte)) {
        return wrong(format!("the target {target:?}"));
    }
    let headers = headers(from)?;
    let request = Request {
        method: method.to_owned(),
        target: target.to_owned(),
        headers,
        body: Vec::new(),
    };
    for name in FOR_ONE_CONNECTION {
        if !request.all(name).is_empty() {
            return wrong(format!("{name} is for one connection only"));
        }
    }
    let spoken = request.all("te").into_iter().find(|te| *te != "trailers");
    let asked = request
        .all("upgrade")
        .into_iter()
        .find(|to| to.eq_ignore_ascii_case("h2c"));
    if let Some(other) = spoken.or(asked) {
        return wrong(format!("the client's wish for {other:?}"));
    }
    if request.all("host").len() != 1 {
        return wrong(format!("{} hosts", request.all("host").len()));
    }
    let upgrades = !request.all("upgrade").is_empty();
    for option in request.all("connection") {
        let option = option.to_ascii_lowercase();
        let known = ["close", "keep-alive", "te"].contains(&option.as_str());
        let known = known || (upgrades && option == "upgrade");
        if !known {
            return wrong(format!("Connection: {option}"));
        }
    }
    Ok(request)
}

/// Reads the body that belongs to a head.
pub(super) fn body(from: &mut impl BufRead, mut request: Request) -> Result<Request, Ended> {
    let cut = |request: &Request| Ended::Cut(Some(Box::new(request.clone())));
    match framing(&request)? {
        Framing::Length(length) => {
            let mut bytes = Vec::new();
            let read = from.take(length.min(MOST)).read_to_end(&mut bytes);
            request.body = bytes;
            if read.is_err() || request.body.len() as u64 != length {
                return Err(cut(&request));
            }
        }
        Framing::Chunks => loop {
            let Some(size) = line(from, false)? else {
                return Err(cut(&request));
            };
            let digits = !size.is_empty() && size.bytes().all(|byte| byte.is_ascii_hexdigit());
            let Some(length) = u64::from_str_radix(&size, 16).ok().filter(|_| digits) else {
                return wrong(format!("the chunk size {size:?}"));
            };
            if length == 0 {
                let trailers = headers(from)?;
                let forbidden = [
                    "content-length",
                    "transfer-encoding",
                    "host",
                    "authorization",
                    "content-type",
                ];
                if let Some((name, _)) = trailers
                    .iter()
                    .find(|(name, _)| forbidden.contains(&name.as_str()))
                {
                    return wrong(format!("the trailer {name}"));
                }
                break;
            }
            let mut bytes = Vec::new();
            let read = from.take(length.min(MOST)).read_to_end(&mut bytes);
            request.body.extend(&bytes);
            if read.is_err() || bytes.len() as u64 != length {
                return Err(cut(&request));
            }
            match line(from, false)? {
                Some(end) if end.is_empty() => {}
                Some(end) => return wrong(format!("{end:?} after a chunk")),
                None => return Err(cut(&request)),
            }
        },
    }
    Ok(request)
}

/// A reader of what comes in on a connection.
pub(super) fn reader<R: Read>(from: R) -> BufReader<R> {
    BufReader::with_capacity(1 << 16, from)
}

fn framing(request: &Request) -> Result<Framing, Ended> {
    let (lengths, codings) = (
        request.all("content-length"),
        request.all("transfer-encoding"),
    );
    match (&lengths[..], &codings[..]) {
        ([], []) => Ok(Framing::Length(0)),
        ([length], []) => {
            let digits = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
            match length.parse() {
                Ok(length) if digits => Ok(Framing::Length(length)),
                _ => wrong(format!("the length {length:?}")),
            }
        }
        ([], [coding]) if coding.eq_ignore_ascii_case("chunked") => Ok(Framing::Chunks),
        _ => wrong(format!("lengths {lengths:?} and codings {codings:?}")),
    }
}

fn headers(from: &mut impl BufRead) -> Result<Vec<(String, String)>, Ended> {
    let mut headers = Vec::new();
    loop {
        match line(from, false)? {
            None => return Err(Ended::Cut(None)),
            Some(line) if line.is_empty() => return Ok(headers),
            Some(line) => {
                let Some((name, value)) = line.split_once(':') else {
                    return wrong(format!("the header {line:?}"));
                };
                let value = value.trim_matches([' ', '\t']);
                let control = |byte: u8| (byte < 0x20 && byte != b'\t') || byte == 0x7f;
                if name.is_empty() || !name.bytes().all(token) || value.bytes().any(control) {
                    return wrong(format!("the header {line:?}"));
                }
                headers.push((name.to_ascii_lowercase(), value.to_owned()));
            }
        }
    }
}

/// A line without its end; `None` when there is nothing, not even its first byte.
fn line(from: &mut impl BufRead, first: bool) -> Result<Option<String>, Ended> {
    let mut bytes = Vec::new();
    let read = from.take(MOST).read_until(b'\n', &mut bytes);
    if bytes.is_empty() {
        return match (read, first) {
            // A reset between two requests, and nobody who asks for a long time, are ends as well.
            (_, true) => Ok(None),
            (_, false) => Err(Ended::Cut(None)),
        };
    }
    match bytes.strip_suffix(b"\r\n") {
        Some(line) if !line.contains(&b'\r') => {
            Ok(Some(line.iter().copied().map(char::from).collect()))
        }
        _ if bytes.ends_with(b"\n") => {
            wrong(format!("the line {:?}", String::from_utf8_lossy(&bytes)))
        }
        _ => Err(Ended::Cut(None)),
    }
}

/// A character that names of methods and headers may have.
fn token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn wrong<T>(what: String) -> Result<T, Ended> {
    Err(Ended::Wrong(what))
}

#[cfg(test)]
mod reading {
    use super::*;

    fn read(text: &str) -> Result<Request, Ended> {
        let mut from = reader(text.as_bytes());
        let request = head(&mut from)?;
        body(&mut from, request)
    }

    #[test]
    fn what_is_right_is_read_whole() {
        let chunked = read(
            "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\nX-T: 1\r\n\r\n",
        );
        assert_eq!(
            chunked.map(|request| request.body),
            Ok(b"abc0123456789".to_vec())
        );
        let long = read("PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nabREST");
        assert_eq!(long.map(|request| request.body), Ok(b"ab".to_vec()));
        assert_eq!(read(""), Err(Ended::Clean));
    }

    #[test]
    fn what_two_parsers_may_read_differently_is_wrong() {
        for text in [
            "GET  / HTTP/1.1\r\nHost: h\r\n\r\n",
            "GET / HTTP/1.0\r\nHost: h\r\n\r\n",
            "GET http://h/ HTTP/1.1\r\nHost: h\r\n\r\n",
            "GET / HTTP/1.1\nHost: h\r\n\r\n",
            "GET / HTTP/1.1\r\nHost : h\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: h\r\n x: y\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: h\r\nA: b\rc\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: h\r\nConnection: x-secret\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +2\r\n\r\nab",
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab",
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 4\r\n\r\n",
        ] {
            assert!(matches!(read(text), Err(Ended::Wrong(_))), "{text:?}");
        }
        let cut = read("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab");
        assert!(matches!(cut, Err(Ended::Cut(Some(_)))), "{cut:?}");
    }
}

//! One request, one answer, over loopback.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub code: u16,
    /// The body.
    pub body: String,
}

impl Answer {
    /// The body as JSON; `null` when it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// Asks `method path` of `127.0.0.1:port`; `None` when nobody answers.
pub fn ask(port: u16, method: &str, path: &str, body: &str) -> Option<Answer> {
    ask_of(port, &format!("127.0.0.1:{port}"), method, path, body)
}

/// The same of a host that is named.
pub fn ask_of(port: u16, host: &str, method: &str, path: &str, body: &str) -> Option<Answer> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut bytes = Vec::new();
    // A reset after the answer loses nothing of it.
    let _ = stream.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let code = head.split(' ').nth(1)?.parse().ok()?;
    let body = if head
        .to_ascii_lowercase()
        .contains("transfer-encoding: chunked")
    {
        unchunk(body)
    } else {
        body.to_owned()
    };
    Some(Answer { code, body })
}

/// `GET path`.
pub fn get(port: u16, path: &str) -> Option<Answer> {
    ask(port, "GET", path, "")
}

/// `GET path` of a host that is named.
pub fn get_of(port: u16, host: &str, path: &str) -> Option<Answer> {
    ask_of(port, host, "GET", path, "")
}

/// The process that answers `/health` on a port, as it says itself.
pub fn health_pid(port: u16) -> Option<u32> {
    let answer = get(port, "/health").filter(|answer| answer.code == 200)?;
    answer.json()["pid"]
        .as_u64()
        .and_then(|pid| u32::try_from(pid).ok())
}

/// The port in `http://127.0.0.1:8080/…`.
pub fn port_of(url: &str) -> Option<u16> {
    url.rsplit_once(':')?.1.split('/').next()?.parse().ok()
}

fn unchunk(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
        match rest.get(..size) {
            Some(piece) if size > 0 => whole.push_str(piece),
            _ => break,
        }
        body = rest[size..].trim_start_matches("\r\n");
    }
    whole
}

/// The body of a whole answer, in chunks or in one piece.
pub fn body(answer: &str) -> String {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    if !head
        .to_ascii_lowercase()
        .contains("transfer-encoding: chunked")
    {
        return body.to_owned();
    }
    let mut text = String::new();
    let mut rest = body;
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
        if size == 0 || after.len() < size {
            break;
        }
        text.push_str(&after[..size]);
        rest = after[size..].trim_start_matches("\r\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_put_together() {
        assert_eq!(unchunk("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"), "abcde");
    }

    #[test]
    fn a_port_is_found_in_a_url() {
        assert_eq!(port_of("http://127.0.0.1:8080/x"), Some(8080));
        assert_eq!(port_of("http://127.0.0.1:80"), Some(80));
        assert_eq!(port_of("nothing"), None);
    }
}

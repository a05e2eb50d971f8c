//! What is said in the place of hyper's own answers to what it cannot read: those have no body, and what
//! is wrong is nowhere said.

use crate::answer::{Asked, Refusal};
use crate::heads::Has;
use crate::listen::LONGEST_HEAD;
use hyper::header::{ACCEPT, HeaderValue};
use hyper::{HeaderMap, Method, StatusCode, Uri, Version};

/// How an answer of hyper's own goes on behind its status: nothing of ours has such a head.
const OWN: &[u8] = b"connection: close\r\ncontent-length: 0\r\n";
/// Lines of a head that hyper reads.
const LINES: usize = 100;

/// The status of an answer that hyper has made by itself, if that is what this is.
pub(crate) fn own(written: &[u8]) -> Option<StatusCode> {
    let rest = written.strip_prefix(b"HTTP/1.1 4")?;
    let end = rest.iter().position(|b| *b == b'\n')?;
    rest[end + 1..].starts_with(OWN).then_some(())?;
    let code = rest.get(..2)?;
    StatusCode::from_bytes(&[b'4', code[0], code[1]]).ok()
}

/// The answer that is given instead to who sent `seen`.
pub(crate) fn instead(status: StatusCode, seen: &[u8]) -> Vec<u8> {
    let (error, help) = match status {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE | StatusCode::URI_TOO_LONG => {
            let kilobytes = LONGEST_HEAD >> 10;
            (
                format!(
                    "the head of the request is longer than {kilobytes} KB, or has more than {LINES} lines"
                ),
                "Cookies are kept for all ports of a host together: those of 127.0.0.1 and localhost can be \
                 removed in the browser."
                    .to_owned(),
            )
        }
        _ => match stray(seen) {
            Some(byte) => (
                format!(
                    "the request is not understood: there is a `{}` in its target",
                    byte.escape_ascii()
                ),
                format!("In a path or a query it is sent as %{byte:02X}."),
            ),
            None => (
                "the request is not understood: it is not written as HTTP/1.1 is".to_owned(),
                "It begins with a line like `GET / HTTP/1.1`, and each line behind that is `Name: value`."
                    .to_owned(),
            ),
        },
    };
    let mut refusal = Refusal::new(status, &error, &help);
    refusal.close = true;
    refusal.bytes(&asked(seen))
}

/// As far as that can be told of what was not understood.
fn asked(seen: &[u8]) -> Asked {
    let mut headers = HeaderMap::new();
    let accept = seen.split(|b| *b == b'\n').find_map(|line| {
        let (name, value) = line.split_at_checked(b"accept:".len())?;
        name.eq_ignore_ascii_case(b"accept:").then_some(value)
    });
    if let Some(Ok(accept)) = accept.map(|accept| HeaderValue::from_bytes(accept.trim_ascii())) {
        headers.insert(ACCEPT, accept);
    }
    // What was wrong with it is wrong the next time, too.
    Asked::new(&Method::POST, Version::HTTP_11, &headers, Has::of(&headers))
}

/// What is in a target, and belongs into none: of the newest line that has one.
fn stray(seen: &[u8]) -> Option<u8> {
    let mut lines = seen.rsplit(|b| *b == b'\n');
    let target = lines.find_map(|line| {
        let line = line.trim_ascii_end();
        let line = line
            .strip_suffix(b" HTTP/1.1")
            .or_else(|| line.strip_suffix(b" HTTP/1.0"))?;
        let begins = line.iter().position(|b| *b == b' ')?;
        Some(&line[begins + 1..])
    })?;
    if Uri::try_from(target).is_ok() {
        return None;
    }
    let wrong = |b: &&u8| b"\"<>`".contains(b);
    target.iter().find(wrong).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hypers_own_answers_are_known_and_no_others() {
        let head = "HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n";
        let dated = format!("{head}date: Mon, 30 Nov 2026 00:00:00 GMT\r\n\r\n");
        assert_eq!(own(dated.as_bytes()).map(|it| it.as_u16()), Some(431));
        for other in [
            "HTTP/1.1 404 Not Found\r\ncontent-type: text/html\r\n\r\n",
            "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 4",
            "",
        ] {
            assert_eq!(own(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_as_far_as_it_can_be_told() {
        let said = |seen: &str| {
            String::from_utf8(instead(StatusCode::BAD_REQUEST, seen.as_bytes())).unwrap()
        };
        let page = said("GET /?a=\"b\" HTTP/1.1\r\nHost: a\r\nACCEPT: text/html\r\n\r\n");
        assert!(page.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{page}");
        assert!(
            page.contains("sent as %22") && page.contains("<h1>"),
            "{page}"
        );
        let json = said("GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n");
        let (_, body) = json.split_once("\r\n\r\n").unwrap();
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert!(
            body["help"].as_str().unwrap().contains("Name: value"),
            "{json}"
        );
        let long = instead(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, b"");
        assert!(String::from_utf8(long).unwrap().contains("32 KB"));
    }
}

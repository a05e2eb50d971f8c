//! Seeing the bytes that hyper reads, for what its parser mends without a word.
//!
//! Of a request with both `Content-Length` and `Transfer-Encoding`, or with one length twice, hyper
//! keeps what counts and drops the rest, which is safe for what we forward and hides what the sender
//! tried. Both are refused here, as RFC 9112 lets a server: so the bytes of the newest head are kept
//! until its request is there, and looked at when it has a body. Nothing is parsed: a head of ours is
//! one that begins with the request's own line.

use crate::heads::Has;
use hyper::Method;
use memchr::memmem;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

/// What hyper holds of a connection at most, in bytes.
pub(crate) const BUFFER: usize = 64 << 10;
/// So a head that it has just parsed is within the last of these bytes.
const KEPT: usize = BUFFER;

/// The end of a head.
static END: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(b"\r\n\r\n"));

/// The newest bytes of a connection.
#[derive(Clone, Default)]
pub(crate) struct Sniffed(Arc<Mutex<Vec<u8>>>);

impl Sniffed {
    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at them.
    pub(crate) fn with<T>(&self, look: impl FnOnce(&[u8]) -> T) -> T {
        look(&self.lock())
    }

    pub(crate) fn add(&self, bytes: &[u8]) {
        let seen = &mut *self.lock();
        // Moved seldom: what goes is as much as what stays.
        if seen.len() + bytes.len() > 2 * KEPT {
            let surplus = seen.len().saturating_sub(KEPT.saturating_sub(bytes.len()));
            seen.drain(..surplus);
        }
        seen.extend_from_slice(&bytes[bytes.len().saturating_sub(KEPT)..]);
    }

    /// This request was parsed. What about it could be read in two ways, if anything.
    pub(crate) fn parsed(&self, method: &Method, has: Has, bodiless: bool) -> Option<&'static str> {
        let seen = &mut *self.lock();
        if bodiless && !has.content_length() {
            // Nearly always this head is all that was read; what follows another is kept.
            if seen.ends_with(END.needle()) && END.find(seen) == Some(seen.len() - 4) {
                seen.clear();
            }
            return None;
        }
        let chunked = has.transfer_encoding();
        let ambiguous = is_ambiguous(seen, method, chunked);
        ambiguous.then_some(match chunked {
            true => "its body is said to be chunked, and something else besides",
            false => "it says more than once how long its body is",
        })
    }
}

/// Something in these bytes may be the head of a request with this method, and says more than once
/// where its body ends. A head has no empty line in it, so it is looked for between two of them: from
/// the first place where the method stands. Each byte is looked at once.
fn is_ambiguous(seen: &[u8], method: &Method, chunked: bool) -> bool {
    let line = format!("{method} ");
    let finder = memmem::Finder::new(line.as_bytes());
    let (mut begun, mut lengths, mut codings) = (false, 0, 0);
    let ends = memchr::memchr_iter(b'\n', seen).chain([seen.len()]);
    let mut from = 0;
    for end in ends {
        let line = seen.get(from..end).unwrap_or_default();
        from = end + 1;
        if line.is_empty() || line == b"\r" {
            (begun, lengths, codings) = (false, 0, 0);
        } else if !begun {
            begun = finder.find(line).is_some();
        } else if names(line, b"content-length") {
            lengths += 1;
        } else if names(line, b"transfer-encoding") {
            codings += 1;
        }
        if match chunked {
            true => codings > 0 && lengths + codings > 1,
            false => lengths > 1,
        } {
            return true;
        }
    }
    false
}

/// A line that begins with a header's name, in any case of letters.
fn names(line: &[u8], name: &[u8]) -> bool {
    let begins = line.get(..name.len());
    begins.is_some_and(|begins| begins.eq_ignore_ascii_case(name))
        && matches!(line.get(name.len()), Some(b':' | b' ' | b'\t'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::HeaderMap;

    /// What is said of a request with this head, behind these bytes.
    fn said(before: &str, head: &str, headers: &[(&str, &str)]) -> Option<&'static str> {
        let sniffed = Sniffed::default();
        sniffed.add(before.as_bytes());
        sniffed.add(head.as_bytes());
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect::<Vec<_>>()
            .into_iter()
            .collect();
        sniffed.parsed(&Method::POST, Has::of(&headers), false)
    }

    const CHUNKED: &[(&str, &str)] = &[("transfer-encoding", "chunked")];
    const LENGTH: &[(&str, &str)] = &[("content-length", "3")];

    #[test]
    fn what_says_its_length_in_two_ways_is_found() {
        let heads = [
            "POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\nCONTENT-LENGTH: 3\r\n\r\n",
            "POST / HTTP/1.1\nTransfer-Encoding: chunked\nContent-Length: 3\n\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n\r\n",
        ];
        let before = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        for head in heads {
            assert!(said("", head, CHUNKED).is_some(), "{head}");
            assert!(said(before, head, CHUNKED).is_some(), "{head}");
        }
        let body_before = "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc";
        for head in heads {
            assert!(said(body_before, head, CHUNKED).is_some(), "{head}");
        }
        let twice = "POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc";
        assert!(said(before, twice, LENGTH).is_some());
    }

    #[test]
    fn what_a_body_holds_is_no_head() {
        let head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
        let part = "20\r\n--x\r\nContent-Length: 7\r\n\r\nPOST x y\r\n";
        assert_eq!(said("", &format!("{head}{part}"), CHUNKED), None);
        assert_eq!(said(part, head, CHUNKED), None);
        let head = "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc";
        assert_eq!(said(head, head, LENGTH), None);
    }

    #[test]
    fn a_body_full_of_beginnings_is_looked_at_once() {
        let body = "\nPOST ".repeat(2 * KEPT / 6);
        let head = "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc";
        for _ in 0..100 {
            assert_eq!(said(&body, head, LENGTH), None);
        }
    }

    #[test]
    fn what_is_kept_is_bounded_and_goes_with_a_request_that_is_all_there_was() {
        let sniffed = Sniffed::default();
        for _ in 0..100 {
            sniffed.add(&[b'x'; 10_000]);
        }
        assert!(sniffed.lock().len() <= 2 * KEPT);
        let sniffed = Sniffed::default();
        sniffed.add(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        sniffed.parsed(&Method::GET, Has::default(), true);
        assert!(sniffed.lock().is_empty());
        sniffed.add(b"GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n");
        sniffed.parsed(&Method::GET, Has::default(), true);
        assert!(!sniffed.lock().is_empty());
    }
}

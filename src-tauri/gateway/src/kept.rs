//! The head of a request as it was written to an instance: what another try sends again.
//!
//! Hyper takes a request and gives none back of which anything is written, and to copy each one before, for the few that
//! are tried again, costs as much as to parse it. Its bytes lie in one piece when they are written, and are kept then.

use crate::body::Outgoing;
use bytes::Bytes;
use httparse::{EMPTY_HEADER, Status};
use hyper::Request;
use hyper::header::{HeaderName, HeaderValue};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Fields of a head: what hyper takes from a client, and ours.
const FIELDS: usize = 128;
/// Bytes that are kept from head to head; a larger one is given back.
const USUAL: usize = 4 << 10;

/// See the module. One thread uses it: what is in it is shared with a connection that hyper wants to be able to send.
#[derive(Default)]
pub(crate) struct Kept {
    /// Nothing of the request is written yet.
    expected: AtomicBool,
    head: Mutex<Vec<u8>>,
}

impl Kept {
    /// What is written next is the head of a request.
    pub(crate) fn expect(&self) {
        self.expected.store(true, Ordering::Relaxed);
    }

    /// This is about to be written. `after`: all that was to be written before has been. Else this may be the rest of
    /// the body of another request, which its client made up.
    pub(crate) fn writes(&self, bytes: &[u8], after: bool) {
        if !self.expected.load(Ordering::Relaxed) {
            return;
        }
        self.expected.store(false, Ordering::Relaxed);
        let mut head = self.head();
        head.clear();
        head.shrink_to(USUAL);
        if after {
            head.extend_from_slice(bytes);
        }
    }

    /// The request whose head was written, with this body; none if there was none.
    pub(crate) fn again(&self, body: Option<Bytes>) -> Option<Request<Outgoing>> {
        if self.expected.load(Ordering::Relaxed) {
            return None;
        }
        let head = self.head();
        let mut fields = [EMPTY_HEADER; FIELDS];
        let mut read = httparse::Request::new(&mut fields);
        if !matches!(read.parse(&head), Ok(Status::Complete(_))) {
            return None;
        }
        let mut request = Request::new(Outgoing::Whole(body));
        *request.method_mut() = read.method?.parse().ok()?;
        *request.uri_mut() = read.path?.parse().ok()?;
        for field in read.headers.iter() {
            let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
            let value = HeaderValue::from_bytes(field.value).ok()?;
            request.headers_mut().append(name, value);
        }
        Some(request)
    }

    fn head(&self) -> MutexGuard<'_, Vec<u8>> {
        self.head.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_what_is_sent_again() {
        let kept = Kept::default();
        kept.expect();
        assert!(kept.again(None).is_none(), "nothing is written yet");
        kept.writes(
            b"PUT /a?b=c HTTP/1.1\r\nhost: x\r\nvia: 1\r\nvia: 2\r\ncontent-length: 2\r\n\r\nok",
            true,
        );
        kept.writes(b"GET /other HTTP/1.1\r\n\r\n", true);
        let request = kept.again(Some(Bytes::from_static(b"ok"))).unwrap();
        assert_eq!(
            (request.method().as_str(), request.uri().to_string()),
            ("PUT", "/a?b=c".to_owned())
        );
        let fields: Vec<_> = request
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
            .collect();
        assert_eq!(
            fields,
            [
                ("host", "x"),
                ("via", "1"),
                ("via", "2"),
                ("content-length", "2")
            ]
        );
    }

    #[test]
    fn what_follows_something_unwritten_is_no_head() {
        let kept = Kept::default();
        kept.expect();
        kept.writes(b"GET /made-up HTTP/1.1\r\n\r\n", false);
        assert!(kept.again(None).is_none());
        kept.expect();
        kept.writes(b"GET /half HTT", true);
        assert!(kept.again(None).is_none());
    }

    #[test]
    fn a_large_head_is_not_kept_for_ever() {
        let kept = Kept::default();
        for length in [60_000, 10] {
            kept.expect();
            kept.writes(&vec![b'x'; length], true);
        }
        assert!(
            kept.head().capacity() <= USUAL,
            "{}",
            kept.head().capacity()
        );
    }
}

//! The gRPC health checking protocol, version 1: `grpc.health.v1.Health/Check`.
//!
//! Its request is one text and its answer one number, so both are written and read by hand; HTTP/2
//! itself is `h2`. One call on a connection of its own, without TLS.

use super::{Seen, connect, fail, pass};
use bytes::{BufMut, Bytes, BytesMut};
use h2::client::Builder;
use hyper::http::{HeaderMap, Method, Request, Version};
use std::pin::pin;

/// Most of an answer that is read: the message takes seven bytes.
const MAX_ANSWER: usize = 4 << 10;
/// Most of its head.
const MAX_HEAD: u32 = 16 << 10;

/// Status codes of gRPC that say something about health.
const OK: u32 = 0;
const NOT_FOUND: u32 = 5;
const UNIMPLEMENTED: u32 = 12;

pub(super) async fn check(port: u16, service: &str) -> Seen {
    let stream = match connect(port).await {
        Ok(stream) => stream,
        Err(seen) => return seen,
    };
    let what = match service {
        "" => format!("grpc {port}"),
        service => format!("grpc {port} {service}"),
    };
    let broken = |error: h2::Error| fail(format!("{what}: no gRPC there: {error}"));
    let shaken = Builder::new()
        .enable_push(false)
        .max_concurrent_streams(1)
        .initial_window_size(MAX_HEAD)
        .max_header_list_size(MAX_HEAD)
        .handshake::<_, Bytes>(stream)
        .await;
    let (sender, connection) = match shaken {
        Ok(both) => both,
        Err(error) => return broken(error),
    };
    // The connection makes progress only while it is polled.
    let (mut asking, mut connection) = (pin!(call(sender, port, service)), pin!(connection));
    let answered = tokio::select! {
        answered = &mut asking => answered,
        ended = &mut connection => match ended {
            Ok(()) => asking.await,
            Err(error) => Err(error),
        },
    };
    match answered {
        Ok(answer) => answer.judge(&what, service),
        Err(error) => broken(error),
    }
}

async fn call(
    sender: h2::client::SendRequest<Bytes>,
    port: u16,
    service: &str,
) -> Result<Answer, h2::Error> {
    let mut sender = sender.ready().await?;
    let request = Request::builder()
        .version(Version::HTTP_2)
        .method(Method::POST)
        .uri(format!(
            "http://127.0.0.1:{port}/grpc.health.v1.Health/Check"
        ))
        .header("te", "trailers")
        .header("content-type", "application/grpc")
        .header("user-agent", "azora-probe")
        .body(())
        .unwrap_or_default();
    let (answer, mut body) = sender.send_request(request, false)?;
    body.send_data(message(service), true)?;
    let (head, mut body) = answer.await?.into_parts();
    let mut read = BytesMut::new();
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        let room = MAX_ANSWER - read.len();
        read.put_slice(&data[..data.len().min(room)]);
        if data.len() >= room {
            break;
        }
    }
    let trailers = match read.len() {
        MAX_ANSWER.. => None,
        _ => body.trailers().await?,
    };
    Ok(Answer {
        http: head.status.as_u16(),
        // An answer without a message has all it says in its head.
        told: trailers.unwrap_or(head.headers),
        message: read.freeze(),
    })
}

/// `HealthCheckRequest { string service = 1; }`, as gRPC frames it: not compressed, its length, itself.
fn message(service: &str) -> Bytes {
    let mut inner = BytesMut::new();
    if !service.is_empty() {
        inner.put_u8(0x0a);
        let mut length = service.len();
        while length >= 0x80 {
            inner.put_u8(u8::try_from(length & 0x7f).unwrap_or(0) | 0x80);
            length >>= 7;
        }
        inner.put_u8(u8::try_from(length).unwrap_or(0));
        inner.put_slice(service.as_bytes());
    }
    let mut framed = BytesMut::new();
    framed.put_u8(0);
    framed.put_u32(u32::try_from(inner.len()).unwrap_or(0));
    framed.put(inner);
    framed.freeze()
}

/// `HealthCheckResponse { ServingStatus status = 1; }`: the number; zero is left out when it is
/// written. `None` for what is no such message.
fn serving(framed: &[u8]) -> Option<u64> {
    let (head, message) = framed.split_at_checked(5)?;
    let (compressed, length) = head.split_first()?;
    let length = u32::from_be_bytes(length.try_into().ok()?);
    if *compressed != 0 || usize::try_from(length) != Ok(message.len()) {
        return None;
    }
    let mut status = 0;
    let mut rest = message;
    while !rest.is_empty() {
        let (tag, after) = varint(rest)?;
        let (value, after) = varint(after)?;
        match tag {
            // Field 1, a number.
            0x08 => status = value,
            // Another number; there is none of another kind in this message.
            other if other & 7 == 0 => {}
            _ => return None,
        }
        rest = after;
    }
    Some(status)
}

/// A number in groups of seven bits, and what follows.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (at, byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * at).min(63);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[at + 1..]));
        }
    }
    None
}

struct Answer {
    http: u16,
    told: HeaderMap,
    message: Bytes,
}

impl Answer {
    fn judge(&self, what: &str, service: &str) -> Seen {
        let header = |name: &str| self.told.get(name).and_then(|value| value.to_str().ok());
        let code = header("grpc-status").and_then(|code| code.parse::<u32>().ok());
        let Some(code) = code else {
            return fail(match self.http {
                200 => format!("{what} answered without a status of gRPC: no gRPC there"),
                http => format!("{what} answered HTTP {http}: no gRPC there"),
            });
        };
        if code == OK {
            return match serving(&self.message) {
                Some(1) => pass(format!("{what} is SERVING")),
                Some(2) => fail(format!("{what} is NOT_SERVING")),
                Some(3) => fail(format!("{what} is SERVICE_UNKNOWN")),
                Some(0) => fail(format!("{what} says UNKNOWN")),
                Some(other) => fail(format!("{what} says {other}, which is no status of health")),
                None => fail(format!("{what} answered what is no HealthCheckResponse")),
            };
        }
        let said = header("grpc-message").unwrap_or_default();
        let said = match crate::health_format::short(said) {
            empty if empty.is_empty() => empty,
            said => format!(": {said}"),
        };
        fail(match code {
            NOT_FOUND => format!(
                "{what} is not known to it (NOT_FOUND): its health service knows no {service:?}"
            ),
            UNIMPLEMENTED => format!(
                "{what} has no health service (UNIMPLEMENTED): add grpc.health.v1 to it, or probe it by tcp"
            ),
            code => format!("{what} answered gRPC status {code}{said}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_framed_as_the_protocol_says() {
        assert_eq!(&message("")[..], [0, 0, 0, 0, 0]);
        assert_eq!(&message("ab")[..], [0, 0, 0, 0, 4, 0x0a, 2, b'a', b'b']);
        let long = message(&"x".repeat(300));
        assert_eq!(long[..8], [0, 0, 0, 1, 47, 0x0a, 0xac, 0x02]);
        assert_eq!(long.len(), 8 + 300);
    }

    #[test]
    fn an_answer_is_one_number_or_nothing() {
        assert_eq!(serving(&[0, 0, 0, 0, 2, 8, 1]), Some(1));
        assert_eq!(serving(&[0, 0, 0, 0, 0]), Some(0));
        // A field of a later version.
        assert_eq!(serving(&[0, 0, 0, 0, 5, 16, 0xff, 1, 8, 2]), Some(2));
        for broken in [
            &[][..],
            &[0, 0, 0, 0],
            &[1, 0, 0, 0, 2, 8, 1],
            &[0, 0, 0, 0, 3, 8, 1],
            &[0, 0, 0, 0, 2, 8, 0x80],
            &[0, 0, 0, 0, 2, 0x0a, 1],
            &[0, 0xff, 0xff, 0xff, 0xff, 8, 1],
        ] {
            assert_eq!(serving(broken), None, "{broken:?}");
        }
    }
}

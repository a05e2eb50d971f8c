//! The health service of gRPC, `grpc.health.v1.Health/Check`, without TLS. Its request is one text and
//! its answer one number, so both are written and read by hand.

use super::ask::{Seen, Word, bad};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http2;
use hyper::header::{CONTENT_TYPE, HeaderMap, TE};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::net::SocketAddr;
use std::pin::pin;
use tokio::net::TcpStream;

/// Most of an answer that is read: the message takes seven bytes.
const MAX_ANSWER: usize = 4 << 10;
/// Longest head of an answer, in bytes.
const MAX_HEAD: u32 = 16 << 10;
/// `ServingStatus`.
const SERVING: u64 = 1;

/// Asks how this service is; all of it when it is empty.
pub(super) async fn check(stream: TcpStream, address: SocketAddr, service: &str) -> Seen {
    let what = format!("gRPC {address} {service}");
    let what = what.trim_end();
    let request = Request::builder()
        .method(Method::POST)
        .uri(format!("http://{address}/grpc.health.v1.Health/Check"))
        .header(TE, "trailers")
        .header(CONTENT_TYPE, "application/grpc")
        .body(Full::from(message(service)));
    let request = match request {
        Ok(request) => request,
        Err(error) => return bad(format!("{what}: {error}")),
    };
    let broken = |error: hyper::Error| bad(format!("{what}: no gRPC there: {error}"));
    let shaken = http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(MAX_HEAD)
        .initial_connection_window_size(u32::from(u16::MAX))
        .max_header_list_size(MAX_HEAD)
        .handshake::<_, Full<Bytes>>(TokioIo::new(stream))
        .await;
    let (mut sender, connection) = match shaken {
        Ok(both) => both,
        Err(error) => return broken(error),
    };
    let asking = async {
        let answer = sender.send_request(request).await?;
        Ok(judge(answer, what).await)
    };
    // The connection makes progress only while it is polled.
    let (mut asking, mut connection) = (pin!(asking), pin!(connection));
    let answered: Result<Seen, hyper::Error> = tokio::select! {
        biased;
        answered = &mut asking => answered,
        ended = &mut connection => match ended {
            Ok(()) => asking.await,
            Err(error) => Err(error),
        },
    };
    answered.unwrap_or_else(broken)
}

async fn judge(answer: Response<Incoming>, what: &str) -> Seen {
    let (head, body) = answer.into_parts();
    if head.status != StatusCode::OK {
        return bad(format!("{what}: {}", head.status));
    }
    let whole = match Limited::new(body, MAX_ANSWER).collect().await {
        Ok(whole) => whole,
        Err(error) => return bad(format!("{what}: the answer broke off: {error}")),
    };
    // An answer without a message says all in its head.
    let status = whole.trailers().and_then(status).or(status(&head.headers));
    match status {
        Some(0) => match serving(&whole.to_bytes()) {
            Some(SERVING) => Seen {
                word: Word::Good,
                output: format!("{what}: serving"),
            },
            Some(_) => bad(format!("{what}: not serving")),
            None => bad(format!("{what}: the answer is no word about health")),
        },
        Some(5) => bad(format!("{what}: no such service is known there")),
        Some(12) => bad(format!("{what}: there is no health service")),
        Some(other) => bad(format!("{what}: refused with gRPC status {other}")),
        None => bad(format!("{what}: the answer has no gRPC status")),
    }
}

fn status(headers: &HeaderMap) -> Option<u32> {
    headers.get("grpc-status")?.to_str().ok()?.parse().ok()
}

/// `HealthCheckRequest { string service = 1; }` as gRPC frames it: not compressed, its length, itself.
fn message(service: &str) -> Vec<u8> {
    let mut inner = Vec::new();
    if !service.is_empty() {
        inner.push(0x0a);
        let mut length = service.len();
        while length >= 0x80 {
            inner.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        inner.push(length as u8);
        inner.extend_from_slice(service.as_bytes());
    }
    let mut framed = vec![0];
    framed.extend_from_slice(&(inner.len() as u32).to_be_bytes());
    framed.extend(inner);
    framed
}

/// `HealthCheckResponse { ServingStatus status = 1; }`: the number; zero is left out when it is written.
/// `None` for what is no such message.
fn serving(framed: &[u8]) -> Option<u64> {
    let (head, mut rest) = framed.split_at_checked(5)?;
    let length = u32::from_be_bytes(head[1..].try_into().ok()?);
    if head[0] != 0 || usize::try_from(length) != Ok(rest.len()) {
        return None;
    }
    let mut status = 0;
    while !rest.is_empty() {
        let (tag, after) = varint(rest)?;
        let (value, after) = varint(after)?;
        match tag {
            0x08 => status = value,
            // Another number; there is nothing of another kind in this message.
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
    for (at, byte) in bytes.iter().take(9).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[at + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_as_the_protocol_has_them() {
        assert_eq!(message(""), [0, 0, 0, 0, 0]);
        assert_eq!(message("ab"), [0, 0, 0, 0, 4, 0x0a, 2, b'a', b'b']);
        assert_eq!(&message(&"x".repeat(200))[5..8], [0x0a, 0xc8, 1]);
        assert_eq!(serving(&[0, 0, 0, 0, 0]), Some(0));
        assert_eq!(serving(&[0, 0, 0, 0, 2, 8, 1]), Some(1));
        assert_eq!(serving(&[0, 0, 0, 0, 4, 16, 9, 8, 2]), Some(2));
        for broken in [
            &b""[..],
            &[0, 0, 0, 0],
            &[1, 0, 0, 0, 2, 8, 1],
            &[0, 0, 0, 0, 3, 8, 1],
            &[0, 0, 0, 0, 1, 8],
            &[0, 0, 0, 0, 2, 10, 0],
        ] {
            assert_eq!(serving(broken), None, "{broken:?}");
        }
        assert_eq!(varint(&[0xff; 20]), None);
    }
}

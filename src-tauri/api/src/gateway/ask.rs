//! A person's own request to a route: what may be asked, and how much of the answer is read.
//!
//! It goes to the gateway's own address and nowhere else, as any other client's would; redirects are
//! shown, not followed.

use super::{GatewayTried, GatewayTry};
use bytes::Bytes;
use engine::{Error, Tried};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{
    CONNECTION, CONTENT_LENGTH, HOST, HeaderName, HeaderValue, TE, TRAILER, TRANSFER_ENCODING,
    UPGRADE, USER_AGENT,
};
use hyper::{HeaderMap, Method, Request, Response};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Bytes of a path with its query: as much as servers commonly take.
const MAX_PATH: usize = 8 << 10;
/// Headers, and bytes of all of them.
const MAX_HEADERS: usize = 64;
const MAX_HEADER_BYTES: usize = 16 << 10;
/// Bytes of a body that is sent.
const MAX_BODY: usize = 1 << 20;
/// Bytes of an answer's body that are read: more is not read on a page.
const MAX_ANSWER: usize = 256 << 10;
/// Until an answer begins. The gateway itself gives up earlier, and says why.
const HEAD_TIME: Duration = Duration::from_secs(60);
/// For the rest of it: an answer may go on for ever.
const BODY_TIME: Duration = Duration::from_secs(5);

/// A request that may be sent.
pub(super) struct Question {
    address: SocketAddr,
    request: Request<Full<Bytes>>,
    /// Method and address, without the query: that may hold what is nobody's business.
    said: String,
}

impl Question {
    /// # Errors
    /// What is wrong with it, and what would be right.
    pub(super) fn new(gateway: &str, wanted: GatewayTry) -> Result<Self, Error> {
        let address = loopback(gateway)?;
        let GatewayTry {
            host,
            method,
            path,
            headers,
            body,
            ..
        } = wanted;
        let method = method_of(&method)?;
        if !path.starts_with('/') {
            return wrong(format!("the path begins with a slash: /{path}"));
        }
        if path.len() > MAX_PATH {
            return wrong(format!(
                "the path has at most {MAX_PATH} bytes, this one has {}",
                path.len()
            ));
        }
        let body = body.unwrap_or_default();
        if body.len() > MAX_BODY {
            return wrong(format!(
                "a body from here has at most 1 MiB, this one has {} bytes; send it with curl",
                body.len()
            ));
        }
        let said = format!("{method} {host}{}", path.split('?').next().unwrap_or("/"));
        let mut request = Request::builder()
            .method(method)
            .uri(&path)
            .body(Full::new(Bytes::from(body)))
            .map_err(|_| {
                let why = "the path holds what a path cannot; write spaces as %20";
                Error::BadRequest(why.to_owned())
            })?;
        *request.headers_mut() = headers_of(headers)?;
        let asked = format!("{host}:{}", address.port());
        let asked = HeaderValue::from_str(&asked)
            .map_err(|_| Error::BadRequest("the host is no host".to_owned()))?;
        request.headers_mut().insert(HOST, asked);
        request
            .headers_mut()
            .entry(USER_AGENT)
            .or_insert(HeaderValue::from_static("azora"));
        Ok(Self {
            address,
            request,
            said,
        })
    }

    /// It may change something: its method is none of those that only read.
    pub(super) fn changes(&self) -> bool {
        !self.request.method().is_safe()
    }

    /// In words.
    pub(super) fn said(&self) -> String {
        self.said.clone()
    }

    /// Sends it.
    ///
    /// # Errors
    /// Why there is no answer at all.
    pub(super) async fn ask(self) -> Result<Tried<GatewayTried>, Error> {
        let begun = Instant::now();
        let (response, driving) = tokio::time::timeout(HEAD_TIME, send(self.address, self.request))
            .await
            .unwrap_or_else(|_| {
                let time = HEAD_TIME.as_secs();
                Err(Error::Conflict(format!("no answer within {time} s")))
            })?;
        let head_ms = millis(begun);
        let (head, body) = response.into_parts();
        let (bytes, cut) = read(body).await;
        drop(driving);
        let status = head.status.as_u16();
        let shown = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        Ok(Tried {
            said: format!("answered {status}"),
            answer: GatewayTried {
                status,
                head_ms,
                took_ms: millis(begun),
                headers: head
                    .headers
                    .iter()
                    .map(|(name, value)| (name.as_str().to_owned(), shown(value)))
                    .collect(),
                bytes: bytes.len() as u64,
                body: text(bytes, cut.is_some()),
                cut,
            },
        })
    }
}

fn wrong<T>(why: String) -> Result<T, Error> {
    Err(Error::BadRequest(why))
}

fn millis(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1_000.0
}

/// Where the gateway says it listens. It is our own word; what came of it must never lead elsewhere.
fn loopback(gateway: &str) -> Result<SocketAddr, Error> {
    let address = gateway.strip_prefix("http://").unwrap_or(gateway);
    match address.parse::<SocketAddr>() {
        Ok(address) if address.ip().is_loopback() => Ok(address),
        _ => Err(Error::Conflict(format!(
            "the gateway listens at {gateway}, which is not on this machine alone"
        ))),
    }
}

/// # Errors
/// That it is no method, or one that is no question to a service.
fn method_of(text: &str) -> Result<Method, Error> {
    let short: String = text.chars().take(40).collect();
    match Method::from_bytes(text.as_bytes()) {
        Ok(Method::CONNECT) => wrong("CONNECT is for proxies; the gateway is none".to_owned()),
        Ok(method) => Ok(method),
        Err(_) => wrong(format!(
            "{short:?} is no method; one is a word like GET or POST"
        )),
    }
}

/// Said by the connection itself, or by what is sent; two of them would make two requests of one.
const OURS: [HeaderName; 7] = [
    HOST,
    CONNECTION,
    CONTENT_LENGTH,
    TRANSFER_ENCODING,
    TE,
    TRAILER,
    UPGRADE,
];

/// # Errors
/// Which header cannot be sent, and why.
fn headers_of(wanted: Vec<(String, String)>) -> Result<HeaderMap, Error> {
    if wanted.len() > MAX_HEADERS {
        return wrong(format!(
            "at most {MAX_HEADERS} headers are sent from here, these are {}",
            wanted.len()
        ));
    }
    let size: usize = wanted
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    if size > MAX_HEADER_BYTES {
        return wrong(format!(
            "headers from here have at most {MAX_HEADER_BYTES} bytes together, these have {size}"
        ));
    }
    let mut headers = HeaderMap::new();
    for (name, value) in wanted {
        let shown: String = name.chars().take(60).collect();
        let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else {
            return wrong(format!(
                "{shown:?} is no name of a header; one is letters, digits and hyphens"
            ));
        };
        if OURS.contains(&name) {
            return wrong(format!("{shown} is said by Azora itself; leave it out"));
        }
        let Ok(value) = HeaderValue::from_str(&value) else {
            return wrong(format!(
                "the value of {shown} holds characters that a header cannot"
            ));
        };
        headers.append(name, value);
    }
    Ok(headers)
}

/// The answer, and the connection that brings its body as long as it is kept.
async fn send(
    address: SocketAddr,
    request: Request<Full<Bytes>>,
) -> Result<(Response<Incoming>, JoinSet<()>), Error> {
    let stream = TcpStream::connect(address).await.map_err(|error| {
        Error::Conflict(format!("the gateway at {address} does not answer: {error}"))
    })?;
    let broken =
        |error: hyper::Error| Error::Conflict(format!("the gateway ended the connection: {error}"));
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    let mut driving = JoinSet::new();
    driving.spawn(async move {
        // What went wrong is said by the request.
        let _ = connection.await;
    });
    let response = sender.send_request(request).await.map_err(broken)?;
    Ok((response, driving))
}

/// The beginning of a body, and why that is not all of it.
async fn read(mut body: Incoming) -> (Vec<u8>, Option<String>) {
    let mut bytes = Vec::new();
    let all = async {
        while let Some(frame) = body.frame().await {
            let frame = match frame {
                Ok(frame) => frame,
                Err(error) => return Some(format!("it broke off: {error}")),
            };
            // Trailers are no body.
            let Some(data) = frame.data_ref() else {
                continue;
            };
            let room = MAX_ANSWER - bytes.len();
            bytes.extend_from_slice(&data[..data.len().min(room)]);
            if data.len() > room {
                return Some(format!("it is longer than {} KiB", MAX_ANSWER >> 10));
            }
        }
        None
    };
    let cut = tokio::time::timeout(BODY_TIME, all).await;
    let cut =
        cut.unwrap_or_else(|_| Some(format!("it had not ended after {} s", BODY_TIME.as_secs())));
    (bytes, cut)
}

/// As text, if it is some. One that was cut may end within a character.
fn text(bytes: Vec<u8>, cut: bool) -> Option<String> {
    match String::from_utf8(bytes) {
        Ok(text) => (!text.contains('\0')).then_some(text),
        Err(error) => {
            let (whole, utf8) = (error.utf8_error().valid_up_to(), error.utf8_error());
            let bytes = error.into_bytes();
            let ends_within = cut && utf8.error_len().is_none();
            let text = String::from_utf8_lossy(&bytes[..whole]).into_owned();
            (ends_within && !text.contains('\0')).then_some(text)
        }
    }
}

#[cfg(test)]
#[path = "ask/tests.rs"]
mod tests;

//! One question to one address, and what the answer means.
//!
//! The address was looked at when it was registered and is looked at again here, right before the
//! connection is made to it: what may be asked may have become less since. It is an address and no
//! name, so what was looked at is what is connected to. A redirect is an answer and is not followed.

use super::{aim, grpc, udp};
use crate::check::{Probe, Target, cut};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes};
use hyper::header::{ACCEPT, HOST, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::pin::pin;
use tokio::net::TcpStream;

/// Most of an answer that is read and kept, in bytes.
const MAX_ANSWER: usize = 4 << 10;
/// Longest head of an answer, in bytes. hyper takes no less than 8 KB.
const MAX_HEAD: usize = 16 << 10;

/// What an answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    Good,
    /// It answers, and asks for less.
    Busy,
    Bad,
}

/// What came of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) word: Word,
    pub(crate) output: String,
}

pub(super) fn bad(output: String) -> Seen {
    let word = Word::Bad;
    Seen { word, output }
}

/// Asks, and takes no longer than the probe allows.
pub(crate) async fn ask(probe: &Probe, refused_ports: &BTreeSet<u16>, allowed: &[IpNet]) -> Seen {
    let address = match aim::address(&probe.target, refused_ports, allowed) {
        Ok(Some(address)) => address,
        Ok(None) => return bad("nobody is to be asked".to_owned()),
        Err(refusal) => return bad(format!("it is not asked: {refusal}")),
    };
    let asking = async {
        if let Target::Udp { .. } = &probe.target {
            return udp::check(address, probe.timeout).await;
        }
        let stream = match TcpStream::connect(address).await {
            Ok(stream) => stream,
            Err(error) => return bad(format!("failed to connect to {address}: {error}")),
        };
        match &probe.target {
            Target::Tcp { .. } | Target::Udp { .. } | Target::Alias { .. } => Seen {
                word: Word::Good,
                output: format!("{address} accepts connections"),
            },
            Target::Http {
                url,
                method,
                headers,
                body,
            } => {
                let what = format!("{method} {url}");
                match request(url, method, headers, body, address) {
                    Ok(request) => http(stream, request, &what).await,
                    Err(why) => bad(format!("{what}: {why}")),
                }
            }
            Target::Grpc { service, .. } => grpc::check(stream, address, service).await,
        }
    };
    match tokio::time::timeout(probe.timeout, asking).await {
        Ok(seen) => seen,
        Err(_) => bad(format!(
            "{address} did not answer within {} ms",
            probe.timeout.as_millis()
        )),
    }
}

type Headers = std::collections::BTreeMap<String, Vec<String>>;

fn request(
    url: &str,
    method: &str,
    headers: &Headers,
    body: &str,
    address: SocketAddr,
) -> Result<Request<Full<Bytes>>, String> {
    let url = url::Url::parse(url).map_err(|error| error.to_string())?;
    let path = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .body(Full::from(body.to_owned()))
        .map_err(|error| error.to_string())?;
    let all = request.headers_mut();
    for (name, values) in headers {
        let name: HeaderName = name
            .parse()
            .map_err(|_| format!("no header is called {name:?}"))?;
        for value in values {
            let value = HeaderValue::from_str(value).map_err(|error| error.to_string())?;
            all.append(name.clone(), value);
        }
    }
    let text = |text: &str| HeaderValue::from_str(text).map_err(|error| error.to_string());
    if !all.contains_key(HOST) {
        let host = url.host_str().unwrap_or_default();
        all.insert(HOST, text(&format!("{host}:{}", address.port()))?);
    }
    if !all.contains_key(USER_AGENT) {
        all.insert(USER_AGENT, HeaderValue::from_static("azora-probe"));
    }
    if !all.contains_key(ACCEPT) {
        all.insert(ACCEPT, HeaderValue::from_static("text/plain, text/*, */*"));
    }
    Ok(request)
}

async fn http(stream: TcpStream, request: Request<Full<Bytes>>, what: &str) -> Seen {
    let broken = |error: hyper::Error| bad(format!("{what}: no HTTP there: {error}"));
    let shaken = hyper::client::conn::http1::Builder::new()
        .max_buf_size(MAX_HEAD)
        .handshake::<_, Full<Bytes>>(TokioIo::new(stream))
        .await;
    let (mut sender, connection) = match shaken {
        Ok(both) => both,
        Err(error) => return broken(error),
    };
    let asking = async {
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        let text = beginning(answer.into_body()).await?;
        Ok((status, text))
    };
    // The connection makes progress only while it is polled.
    let (mut asking, mut connection) = (pin!(asking), pin!(connection));
    let answered: Result<_, hyper::Error> = tokio::select! {
        biased;
        answered = &mut asking => answered,
        ended = &mut connection => match ended {
            Ok(()) => asking.await,
            Err(error) => Err(error),
        },
    };
    match answered {
        Ok((status, text)) => Seen {
            word: match status {
                status if status.is_success() => Word::Good,
                StatusCode::TOO_MANY_REQUESTS => Word::Busy,
                _ => Word::Bad,
            },
            output: format!("{what}: {status}\n{text}").trim_end().to_owned(),
        },
        Err(error) => broken(error),
    }
}

/// The first of a body that may have no end.
async fn beginning<B>(body: B) -> Result<String, B::Error>
where
    B: Body<Data = Bytes>,
{
    let mut body = pin!(body);
    let mut read = Vec::new();
    while read.len() < MAX_ANSWER {
        match body.frame().await {
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    let room = MAX_ANSWER - read.len();
                    read.extend_from_slice(&data[..data.len().min(room)]);
                }
            }
            // What was said so far is an answer, too.
            Some(Err(_)) if !read.is_empty() => break,
            Some(Err(error)) => return Err(error),
            None => break,
        }
    }
    let text = String::from_utf8_lossy(&read);
    Ok(cut(&text, MAX_ANSWER).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// The same that is refused at registration is refused when it is asked, should it ever come so far.
    #[tokio::test]
    async fn nothing_that_is_refused_is_connected_to() {
        let urls = include_str!("../../tests/all/refused-urls.txt");
        let urls = urls.lines().filter(|line| !line.starts_with('#'));
        let mut count = 0;
        for url in urls.chain(["https://127.0.0.1/", "http://127.0.0.1:7421/"]) {
            let target = Target::Http {
                url: url.to_owned(),
                method: "GET".into(),
                headers: Headers::new(),
                body: String::new(),
            };
            let probe = Probe {
                target,
                every: Duration::from_secs(1),
                timeout: Duration::from_secs(1),
                passes: 1,
                warns: 1,
                fails: 1,
            };
            let seen = ask(&probe, &BTreeSet::from([7_421]), &[]).await;
            assert_eq!(seen.word, Word::Bad);
            assert!(
                seen.output.starts_with("it is not asked: "),
                "{url}: {}",
                seen.output
            );
            count += 1;
        }
        assert!(count > 100, "{count}");
    }
}

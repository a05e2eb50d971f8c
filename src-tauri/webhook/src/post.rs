//! One request and its answer over HTTP/1.1. Of the answer only the beginning is read.

use crate::address;
use crate::answer::Answer;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::header::{HeaderMap, LOCATION, RETRY_AFTER};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use url::Url;

/// Bytes of an answer's head.
const MAX_HEAD: usize = 32 << 10;
/// Bytes of an answer's body that are read; a connection that has more to say is given up.
const MAX_BODY: usize = 64 << 10;
/// Of which so many are shown.
const SHOWN: usize = 200;
/// For the body, once the head is there: what it says changes nothing any more.
const BODY_TIME: Duration = Duration::from_secs(2);

/// A connection that was made, and can be used again while the receiver keeps it open.
pub(crate) struct Line {
    sender: SendRequest<Full<Bytes>>,
    /// The connection makes progress only while it is polled, and ends with this.
    _driving: JoinSet<()>,
}

impl Line {
    /// A connection to where the URL leads, with TLS where that is wanted.
    pub(crate) async fn open(url: &Url, tls: Option<Arc<ClientConfig>>) -> Result<Self, String> {
        let stream = address::connect(url).await?;
        let Some(tls) = tls else {
            return Self::over(stream).await;
        };
        let host = url.host_str().unwrap_or_default();
        // As certificates name an address: without the brackets of a URL.
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| format!("{host} is no name that a certificate can have"))?;
        let stream = TlsConnector::from(tls)
            .connect(name, stream)
            .await
            .map_err(|error| format!("TLS with {host} failed: {error}"))?;
        Self::over(stream).await
    }

    async fn over<S>(stream: S) -> Result<Self, String>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let shaken = Builder::new()
            .max_buf_size(MAX_HEAD)
            .handshake(TokioIo::new(stream))
            .await;
        let (sender, connection) = shaken.map_err(said)?;
        let mut driving = JoinSet::new();
        driving.spawn(async move {
            // What went wrong is said by the request that was under way.
            let _ = connection.await;
        });
        Ok(Self {
            sender,
            _driving: driving,
        })
    }

    /// It is still open, as far as is known.
    pub(crate) fn open_still(&self) -> bool {
        !self.sender.is_closed()
    }

    /// The answer, and the connection if it can be used again.
    pub(crate) async fn post(
        mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<(Answer, Option<Self>), String> {
        self.sender.ready().await.map_err(said)?;
        let answered = self.sender.send_request(request).await.map_err(said)?;
        let (answer, whole) = read(answered).await;
        Ok((answer, whole.then_some(self)))
    }
}

/// hyper's own words leave out what lies below.
fn said(error: hyper::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(below) = source {
        text = format!("{text}: {below}");
        source = below.source();
    }
    text
}

/// The answer, and whether all of it was read.
async fn read(answered: Response<Incoming>) -> (Answer, bool) {
    let status = answered.status().as_u16();
    let header = |headers: &HeaderMap, name| {
        let value = headers.get(name)?;
        value.to_str().ok().map(str::to_owned)
    };
    let retry_after = header(answered.headers(), RETRY_AFTER);
    let location = header(answered.headers(), LOCATION);
    let mut body = answered.into_body();
    let mut bytes = Vec::new();
    let reading = async {
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return false };
            if let Some(data) = frame.data_ref() {
                bytes.extend_from_slice(&data[..data.len().min(MAX_BODY)]);
            }
            if bytes.len() > MAX_BODY {
                return false;
            }
        }
        true
    };
    let whole = tokio::time::timeout(BODY_TIME, reading).await;
    let said = String::from_utf8_lossy(&bytes[..bytes.len().min(4 * SHOWN)]);
    let answer = Answer {
        status,
        retry_after,
        location,
        said: model::text::harmless(&said, SHOWN),
    };
    (answer, whole == Ok(true))
}

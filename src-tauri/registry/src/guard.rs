//! Who may ask at all. The registry has no token, so that ordinary programs can use it; what keeps
//! web pages and other users out is checked here, on every route, before anything is read.
//!
//! A page in a browser can send requests to this machine: its own by name (DNS rebinding gives
//! itself away by `Host`), or across sites (by `Origin`, `Referer` or `Sec-Fetch-Site`). Programs
//! send none of these. See Tailscale's local API for the same rule.

use crate::http::Failure;
use crate::{Registry, peer};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::header::{HOST, HeaderName, ORIGIN, REFERER};
use hyper::{HeaderMap, StatusCode, Uri};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What requests are held against.
#[derive(Clone)]
pub(crate) struct Guard {
    hosts: [String; 3],
    /// How many it has refused.
    refused: Arc<AtomicU64>,
}

/// What was found out about who is at the other end, once per connection.
#[derive(Debug, Clone)]
pub(crate) struct Peer(pub(crate) Result<(), peer::Stranger>);

impl Guard {
    pub(crate) fn new(registry: &Registry, port: u16) -> Self {
        Self {
            refused: Arc::clone(&registry.shared.refused),
            hosts: [
                format!("127.0.0.1:{port}"),
                format!("localhost:{port}"),
                format!("[::1]:{port}"),
            ],
        }
    }

    fn knows(&self, host: &[u8]) -> bool {
        self.hosts.iter().any(|known| known.as_bytes() == host)
    }

    fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Failure> {
        let mut hosts = headers.get_all(HOST).iter();
        let host = hosts.next().is_some_and(|host| self.knows(host.as_bytes()));
        if !host || hosts.next().is_some() {
            return Err(refused(
                "the Host header is not this registry's",
                "Ask for it by 127.0.0.1, localhost or [::1] and its port, and nothing else.",
            ));
        }
        // A proxy's way of asking: the target names the host once more.
        if uri
            .authority()
            .is_some_and(|named| !self.knows(named.as_str().as_bytes()))
        {
            return Err(refused(
                "the request is for another host",
                "The registry is no proxy.",
            ));
        }
        for header in [ORIGIN, REFERER] {
            if headers.contains_key(&header) {
                return Err(refused(
                    "requests from web pages are refused",
                    "Ask from a program, without Origin and Referer headers.",
                ));
            }
        }
        // "none" is a person typing the address.
        if headers
            .get_all(SEC_FETCH_SITE)
            .iter()
            .any(|site| site != "none")
        {
            return Err(refused(
                "requests from web pages are refused",
                "Ask from a program, without Sec-Fetch headers.",
            ));
        }
        Ok(())
    }
}

fn refused(error: &str, help: &str) -> Failure {
    Failure::new(StatusCode::FORBIDDEN, error, help)
}

impl Guard {
    /// Who asks is served, and asks as a program does.
    pub(crate) fn admits(&self, peer: &Peer, uri: &Uri, headers: &HeaderMap) -> bool {
        peer.0.is_ok() && self.check(uri, headers).is_ok()
    }
}

/// The layer around every route.
pub(crate) async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let peer = match request.extensions().get::<Peer>() {
        Some(Peer(Ok(()))) => Ok(()),
        Some(Peer(Err(stranger))) => Err(refused(
            &stranger.to_string(),
            "The registry serves programs of the user who runs Azora, and root.",
        )),
        // Without having looked, nobody is let in.
        None => Err(refused(
            "nobody looked who is asking",
            "Please report this as a fault.",
        )),
    };
    match peer.and_then(|()| guard.check(request.uri(), request.headers())) {
        Ok(()) => next.run(request).await,
        Err(failure) => {
            guard.refused.fetch_add(1, Ordering::Relaxed);
            failure.into_response()
        }
    }
}

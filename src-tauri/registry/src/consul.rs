//! Consul's HTTP API, for programs that were written for it: discovery, agent, catalogue, health and
//! keys with values, on a port of its own (`docs/consul.md` has the table).
//!
//! What it answers from is the registry itself; nothing is kept twice. The same guard stands before it,
//! and every write passes the same door. What of Consul is not here answers 404 or 501 and says why;
//! a check that would run a command is refused, whoever asks.

mod agent;
mod answer;
mod asked;
mod catalog;
mod checks;
mod duration;
mod filter;
#[cfg(test)]
mod fuzz;
mod health;
mod keys;
mod lenient;
mod node;
mod place;
mod routes;
mod seen;
mod shape;
mod wish;

pub(crate) use asked::quoted;
pub use routes::{Method, ROUTES};

use crate::kv::Kv;
use crate::{Error, Listed, Registry, Watched};
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{ALLOW, CONTENT_TYPE};
use node::Node;
use serde::Serialize;
use std::future::Future;
use std::io;
use std::sync::Arc;
use store::Store;
use tokio::net::TcpListener;

/// What every request is answered from.
pub(crate) struct Consul {
    registry: Registry,
    kv: Kv,
    node: Node,
}

/// Serves Consul's clients on this listener until `shutdown` is over. The listener should be bound to
/// loopback; who comes from elsewhere is refused.
///
/// # Errors
/// When keys and values cannot be read, or the listener's address. Failing to accept is waited out.
pub async fn serve(
    registry: Registry,
    store: Store,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let port = listener.local_addr()?.port();
    let (_, allowed) = registry.limits_of_probes();
    let node = Node::of(&store, port, allowed)
        .await
        .map_err(io::Error::other)?;
    let kv = Kv::open(store, registry.clone())
        .await
        .map_err(io::Error::other)?;
    let router = routes::router(
        Arc::new(Consul {
            registry: registry.clone(),
            kv,
            node,
        }),
        port,
    );
    crate::serve_router(&registry, listener, router, shutdown).await
}

/// Why a request is not answered with what was asked for: a status, and words. Consul's clients show
/// the body as it is, so it is plain text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct No {
    status: StatusCode,
    why: String,
    /// The methods that there are instead.
    allowed: Option<String>,
}

pub(crate) type Answer<T> = Result<T, No>;

pub(crate) fn no(status: StatusCode, why: impl Into<String>) -> No {
    No {
        status,
        why: why.into(),
        allowed: None,
    }
}

impl No {
    pub(crate) fn allowing(self, methods: String) -> Self {
        let allowed = Some(methods);
        Self { allowed, ..self }
    }

    #[cfg(test)]
    pub(crate) fn status(&self) -> u16 {
        self.status.as_u16()
    }
}

impl IntoResponse for No {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.why).into_response();
        let allowed = self.allowed.and_then(|methods| methods.parse().ok());
        if let Some(allowed) = allowed {
            response.headers_mut().insert(ALLOW, allowed);
        }
        response
    }
}

impl From<Error> for No {
    fn from(error: Error) -> Self {
        let (status, why) = crate::http::Failure::from(error).in_words();
        no(status, why)
    }
}

const INDEX: HeaderName = HeaderName::from_static("x-consul-index");
const KNOWN_LEADER: HeaderName = HeaderName::from_static("x-consul-knownleader");
const LAST_CONTACT: HeaderName = HeaderName::from_static("x-consul-lastcontact");

/// An answer with the index at which it changed last: clients wait for a later one, and take 0 for a
/// fault.
pub(crate) fn indexed(index: u64, response: impl IntoResponse) -> Response {
    let mut response = response.into_response();
    let headers = response.headers_mut();
    headers.insert(INDEX, HeaderValue::from(index.max(1)));
    headers.insert(KNOWN_LEADER, HeaderValue::from_static("true"));
    headers.insert(LAST_CONTACT, HeaderValue::from_static("0"));
    response
}

/// JSON with 200: the clients take nothing else for a success.
pub(crate) fn json(value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(bytes) => ([(CONTENT_TYPE, "application/json")], Body::from(bytes)).into_response(),
        // Texts, numbers and lists always have a JSON form.
        Err(error) => no(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

impl Registry {
    /// When what is watched changed last: never less than before, and never 0.
    fn changed(&self, watched: &Watched) -> u64 {
        self.shared.read().changed(watched)
    }

    /// The entry that has this id in Consul's eyes.
    pub(crate) fn called(&self, id: &str) -> Option<Arc<Listed>> {
        if let Some(listed) = self.by_id(id) {
            return Some(listed);
        }
        // `name:id` of what did not come by this API.
        if let Some((name, rest)) = id.split_once(':') {
            let mut of_name = self.list(Some(name)).into_iter();
            let found = of_name.find(|one| one.view.id == rest && seen::id(one) == id);
            if found.is_some() {
                return found;
            }
        }
        self.own_by_id(id)
    }

    /// The engine's entry of this id.
    fn own_by_id(&self, id: &str) -> Option<Arc<Listed>> {
        Some(self.shared.read().own_by_id(id)?.listed.clone())
    }

    /// Whose check this is.
    fn by_check(&self, check: &str) -> Option<Arc<Listed>> {
        Some(self.shared.read().by_check(check)?.listed.clone())
    }
}

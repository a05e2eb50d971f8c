//! The registry as ordinary programs see it: plain HTTP and JSON.
//!
//! | request | answer |
//! |---|---|
//! | `POST /register` `{"name", "url", "id"?, "ttl"?, "meta"?}` | 201 with the entry; 200 if it was listed already |
//! | `GET /services` | every entry, by name and id |
//! | `GET /services/{name}` | those of a name; 404 if there is none, 503 while all of it gets no traffic |
//! | `DELETE /services/{name}`, `DELETE /services/{name}/{id}` | `{"removed": n}` |
//! | `PUT /services/{name}/{id}/heartbeat` | the entry with its new end |
//! | `GET /healthz` | `{"ok": true}` |
//!
//! `ttl` is in seconds, `meta` is an object of texts. Everything else answers
//! `{"error", "help"}`.

use crate::guard::{Guard, guard};
use crate::{DEFAULT_TTL, Error, Keep, Listed, Registration, Registry};
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use axum::{Json, Router, middleware};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::header::CONTENT_TYPE;
use hyper::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize, Serializer};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Longest body, in bytes.
const MAX_BODY: usize = 64 << 10;
/// How long a body may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// An answer that is not what was asked for.
#[derive(Debug)]
pub(crate) struct Failure {
    status: StatusCode,
    error: String,
    help: String,
}

impl Failure {
    pub(crate) fn new(status: StatusCode, error: &str, help: &str) -> Self {
        Self {
            status,
            error: error.to_owned(),
            help: help.to_owned(),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let body = serde_json::json!({ "error": self.error, "help": self.help });
        (self.status, Json(body)).into_response()
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let status = match &error {
            Error::Name(_)
            | Error::Id
            | Error::Free(_)
            | Error::Url(_)
            | Error::Ttl(_)
            | Error::Meta
            | Error::Tags
            | Error::Word(_)
            | Error::Check(_) => StatusCode::BAD_REQUEST,
            Error::Kept { .. } => StatusCode::CONFLICT,
            Error::Missing { .. } | Error::NoCheck { .. } => StatusCode::NOT_FOUND,
            Error::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Error::Refused(_) => StatusCode::FORBIDDEN,
            Error::Withheld { .. } | Error::Store(_) | Error::Row(_) | Error::Closing => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        };
        Self::new(status, &format!("failed to {error}"), error.help())
    }
}

/// Every route, behind the guard.
pub(crate) fn router(registry: Registry, port: u16) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/register", post(register))
        .route("/services", get(list))
        .route("/services/{name}", get(named).delete(remove_name))
        .route("/services/{name}/{id}", delete(remove))
        .route("/services/{name}/{id}/heartbeat", put(heartbeat))
        .fallback(async || {
            Failure::new(
                StatusCode::NOT_FOUND,
                "there is nothing here",
                "There are /services, /services/{name}, /register and /healthz.",
            )
        })
        .method_not_allowed_fallback(async || {
            Failure::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "this cannot be done here",
                "POST /register, GET /services, GET or DELETE /services/{name}, \
                 DELETE /services/{name}/{id}, PUT /services/{name}/{id}/heartbeat.",
            )
        })
        .with_state(registry)
        .layer(middleware::from_fn_with_state(Guard::new(port), guard))
}

/// Entries that others hold as well.
struct Told<'a>(&'a [Arc<Listed>]);

impl Serialize for Told<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.0.iter().map(|one| &**one))
    }
}

async fn healthz() -> Response {
    Json(serde_json::json!({ "ok": true })).into_response()
}

/// The body of `POST /register`. What it does not name is of no interest and ignored.
#[derive(Deserialize)]
struct Wish {
    name: String,
    url: String,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    ttl: Option<u64>,
    #[serde(default)]
    meta: BTreeMap<String, String>,
}

impl From<Wish> for Registration {
    fn from(wish: Wish) -> Self {
        let mut registration = Registration::new(&wish.name, &wish.url);
        if let Some(id) = wish.id {
            registration.id = id;
        }
        registration.keep = Keep::Lease {
            ttl: wish.ttl.map_or(DEFAULT_TTL, Duration::from_secs),
        };
        registration.meta = wish.meta;
        registration
    }
}

async fn register(
    State(registry): State<Registry>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    accept(&headers)?;
    let bytes = read(body).await?;
    let wish: Wish = serde_json::from_slice(&bytes).map_err(|error| {
        Failure::new(
            StatusCode::BAD_REQUEST,
            &format!("the body is not what is wanted: {error}"),
            r#"Send JSON like {"name": "mail", "url": "http://127.0.0.1:4000"}."#,
        )
    })?;
    let (listed, new) = registry.register(wish.into()).await?;
    let status = if new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, Json(&*listed)).into_response())
}

/// JSON, or no word about it. `curl -d` calls everything a form, and a form that a browser sends
/// under that name is never JSON, so that is taken too. Text is not: a page may send any text.
fn accept(headers: &HeaderMap) -> Result<(), Failure> {
    let Some(kind) = headers.get(CONTENT_TYPE) else {
        return Ok(());
    };
    let kind = kind
        .to_str()
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim();
    let known = ["application/json", "application/x-www-form-urlencoded"];
    if known.iter().any(|known| kind.eq_ignore_ascii_case(known)) {
        return Ok(());
    }
    Err(Failure::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "the body is not said to be JSON",
        "Send it with Content-Type: application/json.",
    ))
}

async fn read(body: Body) -> Result<hyper::body::Bytes, Failure> {
    let whole = Limited::new(body, MAX_BODY).collect();
    match tokio::time::timeout(BODY_TIMEOUT, whole).await {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Failure::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "the body is longer than 64 KB",
            "Say less about the service.",
        )),
        Ok(Err(error)) => Err(Failure::new(
            StatusCode::BAD_REQUEST,
            &format!("the body broke off: {error}"),
            "Send it again.",
        )),
        Err(_) => Err(Failure::new(
            StatusCode::REQUEST_TIMEOUT,
            "the body took longer than 10 s",
            "Send it again.",
        )),
    }
}

/// A part of a path that is no text is the asker's fault, and is told in the usual shape.
type Parts<T> = Result<Path<T>, PathRejection>;

fn parts<T>(path: Parts<T>) -> Result<T, Failure> {
    path.map(|Path(parts)| parts).map_err(|error| {
        Failure::new(
            StatusCode::BAD_REQUEST,
            &error.body_text(),
            "Write the path as plain text.",
        )
    })
}

async fn list(State(registry): State<Registry>) -> Response {
    Json(Told(&registry.list(None))).into_response()
}

async fn named(State(registry): State<Registry>, name: Parts<String>) -> Result<Response, Failure> {
    let name = parts(name)?;
    Ok(Json(Told(&registry.lookup(&name)?)).into_response())
}

async fn remove_name(
    State(registry): State<Registry>,
    name: Parts<String>,
) -> Result<Response, Failure> {
    let removed = registry.deregister(&parts(name)?, None).await?;
    Ok(Json(serde_json::json!({ "removed": removed })).into_response())
}

async fn remove(
    State(registry): State<Registry>,
    key: Parts<(String, String)>,
) -> Result<Response, Failure> {
    let (name, id) = parts(key)?;
    let removed = registry.deregister(&name, Some(&id)).await?;
    Ok(Json(serde_json::json!({ "removed": removed })).into_response())
}

async fn heartbeat(
    State(registry): State<Registry>,
    key: Parts<(String, String)>,
) -> Result<Response, Failure> {
    let (name, id) = parts(key)?;
    Ok(Json(&*registry.heartbeat(&name, &id)?).into_response())
}

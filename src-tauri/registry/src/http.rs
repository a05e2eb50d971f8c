//! The registry as ordinary programs see it: plain HTTP and JSON.
//!
//! | request | answer |
//! |---|---|
//! | `POST /register` | 201 with the entry; 200 if it was listed already |
//! | `GET /services` | every entry, by name and id |
//! | `GET /services/{name}` | those of a name; 404 if there is none, 503 while all of it gets no traffic |
//! | `DELETE /services/{name}`, `DELETE /services/{name}/{id}` | `{"removed": n}` |
//! | `PUT /services/{name}/{id}/heartbeat` | the entry with its new end |
//! | `GET /watch` | what there is and every change, as server-sent events |
//! | `GET /healthz` | `{"ok": true}` |
//! | `GET /openapi.json` | all this in full |
//!
//! Everything else answers `{"error", "help"}`. See `docs/registry.md`.

mod asked;
mod shape;
mod wish;

use crate::follow::Changes;
use crate::guard::{Guard, guard};
use crate::listed::words_of;
use crate::serve::Stopping;
use crate::told::words;
use crate::{Error, Registry, Watched};
use asked::Asked;
use axum::BoxError;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use axum::{Json, Router, middleware};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{HeaderMap, StatusCode};
use model::view::Health;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wish::Wish;

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

    /// The same for who reads no JSON.
    pub(crate) fn in_words(self) -> (StatusCode, String) {
        (self.status, format!("{}. {}", self.error, self.help))
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
            | Error::Place
            | Error::Url(_)
            | Error::Ttl(_)
            | Error::Meta
            | Error::Tags
            | Error::Word(_)
            | Error::Steers(_)
            | Error::Check(_) => StatusCode::BAD_REQUEST,
            Error::Kept { .. } | Error::GaveWay { .. } | Error::CheckTaken { .. } => {
                StatusCode::CONFLICT
            }
            Error::Missing { .. }
            | Error::Down { .. }
            | Error::Over { .. }
            | Error::NoCheck { .. } => StatusCode::NOT_FOUND,
            Error::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Error::Refused(_) => StatusCode::FORBIDDEN,
            Error::Withheld { .. } | Error::Store(_) | Error::Row(_) | Error::Closing => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        };
        Self::new(status, &format!("failed to {error}"), error.help())
    }
}

/// Who waits for changes at a time, by blocking reads and `/watch`.
const WAITING: usize = 1_536;
/// How many changes a reader has seen, and what it says so with when it comes back.
const INDEX: HeaderName = HeaderName::from_static("x-registry-index");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// What routes share.
#[derive(Clone)]
struct App {
    registry: Registry,
    waiting: Arc<Semaphore>,
}

/// Every route, behind the guard.
pub(crate) fn router(registry: Registry, port: u16) -> Router {
    let guarding = Guard::new(&registry, port);
    let app = App {
        registry,
        waiting: Arc::new(Semaphore::new(WAITING)),
    };
    Router::new()
        .route("/healthz", get(healthz))
        .route("/openapi.json", get(openapi))
        .route("/register", post(register))
        .route("/services", get(list))
        .route("/services/{name}", get(named).delete(remove_name))
        .route("/services/{name}/{id}", delete(remove))
        .route("/services/{name}/{id}/heartbeat", put(heartbeat))
        .route("/watch", get(follow))
        .fallback(async || {
            Failure::new(
                StatusCode::NOT_FOUND,
                "there is nothing here",
                "There are /services, /services/{name}, /register, /watch, /healthz and \
                 /openapi.json, which says what each takes.",
            )
        })
        .method_not_allowed_fallback(async || {
            Failure::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "this cannot be done here",
                "POST /register, GET /services, GET or DELETE /services/{name}, \
                 DELETE /services/{name}/{id}, PUT /services/{name}/{id}/heartbeat, GET /watch.",
            )
        })
        .with_state(app)
        .layer(middleware::from_fn_with_state(guarding, guard))
}

impl App {
    fn place(&self) -> Result<OwnedSemaphorePermit, Failure> {
        let place = Arc::clone(&self.waiting).try_acquire_owned();
        place.map_err(|_| {
            Failure::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "too many wait for changes already",
                "Ask without index, or follow changes over fewer connections.",
            )
        })
    }

    /// Waits for a change if that was asked for.
    async fn wait(
        &self,
        asked: &Asked,
        watched: Watched,
        mut stopping: Stopping,
    ) -> Result<(), Failure> {
        let Some(index) = asked.index else {
            return Ok(());
        };
        let _place = self.place()?;
        tokio::select! {
            _ = self.registry.wait(&watched, index, asked.wait) => {}
            () = stopping.stopped() => {}
        }
        Ok(())
    }
}

/// What is asked for, and when to stop waiting for it, which is put there with every connection.
fn asked(request: Request) -> Result<(Asked, Stopping), Failure> {
    let asked = Asked::read(request.uri().query())?;
    let stopping = request.extensions().get::<Stopping>().cloned();
    Ok((asked, stopping.ok_or(Error::Closing)?))
}

/// Entries in words.
pub(crate) fn told(index: u64, text: Bytes) -> Response {
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(INDEX, index.into());
    response
}

async fn healthz() -> Response {
    Json(serde_json::json!({ "ok": true })).into_response()
}

async fn openapi() -> Response {
    let json = [(CONTENT_TYPE, "application/json")];
    (json, include_str!("../openapi.json")).into_response()
}

async fn register(State(app): State<App>, headers: HeaderMap, body: Body) -> Response {
    registered(&app.registry, &headers, body).await
}

/// What comes of a registration, however its request was routed.
pub(crate) async fn registered<B>(registry: &Registry, headers: &HeaderMap, body: B) -> Response
where
    B: hyper::body::Body,
    B::Error: Into<BoxError>,
{
    let answer = async {
        accept(headers)?;
        // Let go before anything is waited for: the next request is read into the same memory.
        let wish = Wish::read(&read(body).await?)?;
        Ok(registry.register(wish.into_registration()?).await?)
    };
    match answer.await {
        Ok((listed, new)) => {
            let mut response = Response::new(Body::from(words_of(&listed)));
            if new {
                *response.status_mut() = StatusCode::CREATED;
            }
            let json = HeaderValue::from_static("application/json");
            response.headers_mut().insert(CONTENT_TYPE, json);
            response
        }
        Err(failure) => Failure::into_response(failure),
    }
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

async fn read<B>(body: B) -> Result<Bytes, Failure>
where
    B: hyper::body::Body,
    B::Error: Into<BoxError>,
{
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

async fn list(State(app): State<App>, request: Request) -> Result<Response, Failure> {
    let (asked, stopping) = asked(request)?;
    app.wait(&asked, Watched::Everything, stopping).await?;
    let (index, text) = if asked.is_plain() {
        app.registry.told_whole().await
    } else {
        let (index, found) = app.registry.find(&asked.query(None));
        (index, words(found).await)
    };
    Ok(told(index, text))
}

async fn named(
    State(app): State<App>,
    name: Parts<String>,
    request: Request,
) -> Result<Response, Failure> {
    let name = parts(name)?;
    let (asked, stopping) = asked(request)?;
    let watched = Watched::Name(name.clone());
    app.wait(&asked, watched, stopping).await?;
    let (index, found) = app.registry.find(&asked.query(Some(&name)));
    if found.is_empty()
        && let Err(error) = app.registry.lookup(&name)
    {
        let mut answer = Failure::from(error).into_response();
        answer.headers_mut().insert(INDEX, index.into());
        return Ok(answer);
    }
    Ok(told(index, words(found).await))
}

async fn follow(State(app): State<App>, request: Request) -> Result<Response, Failure> {
    let seen = request.headers().get(LAST_EVENT_ID);
    let seen = seen.and_then(|id| id.to_str().ok()?.parse().ok());
    let (asked, stopping) = asked(request)?;
    if !asked.tags.is_empty() || asked.worst != Health::Critical || asked.index.is_some() {
        return Err(Failure::new(
            StatusCode::BAD_REQUEST,
            "changes are told of everything or of one name",
            "Ask for /watch or /watch?name=NAME.",
        ));
    }
    let body = Changes::new(
        app.registry.clone(),
        asked.name,
        seen,
        stopping,
        app.place()?,
    );
    let headers = [
        (CONTENT_TYPE, "text/event-stream"),
        (CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, Body::new(body)).into_response())
}

async fn remove_name(State(app): State<App>, name: Parts<String>) -> Result<Response, Failure> {
    let removed = app.registry.deregister(&parts(name)?, None).await?;
    Ok(Json(serde_json::json!({ "removed": removed })).into_response())
}

async fn remove(State(app): State<App>, key: Parts<(String, String)>) -> Result<Response, Failure> {
    let (name, id) = parts(key)?;
    let removed = app.registry.deregister(&name, Some(&id)).await?;
    Ok(Json(serde_json::json!({ "removed": removed })).into_response())
}

async fn heartbeat(
    State(app): State<App>,
    key: Parts<(String, String)>,
) -> Result<Response, Failure> {
    let (name, id) = parts(key)?;
    Ok(Json(&*app.registry.heartbeat(&name, &id)?).into_response())
}

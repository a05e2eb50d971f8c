//! The routes, and what is said around every answer.

use super::assets;
use super::guard::{Guard, Refusal, bearer};
use super::sockets::socket;
use super::token::Token;
use crate::dispatch::{self, Json, Lines};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use engine::peer::Stranger;
use engine::{Caller, Handle};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};
use model::view::{Code, Failure};
use model::{Actor, ApprovalId, Timestamp};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Largest request. The longest by far is a definition as text: in JSON each line end, tab, quote and
/// backslash of it takes two bytes, and no other character that may stand in TOML more than its own. What
/// is larger than a definition may be still comes as far as who says so, with its place and size.
pub(super) const LARGEST_BODY: usize = 4 * spec::limits::MAX_BYTES;
/// A sender that takes longer has gone away or means harm.
pub(super) const SLOWEST_BODY: Duration = Duration::from_secs(20);
/// A quiet stream sends an empty line this often, so that both ends notice when the other is gone.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Most messages that go out in one piece when a reader has some to catch up with.
const PIECE: usize = 64;

/// Says through what a person acts; the command line sends it. Anything else is a browser.
pub(crate) const VIA: HeaderName = HeaderName::from_static("azora-via");

/// When the caller made the call, in Unix milliseconds: a call can wait for an engine that hangs.
pub(crate) const ASKED: HeaderName = HeaderName::from_static("azora-asked");

/// What persons have approved of, for this one call.
pub(crate) const APPROVAL: HeaderName = HeaderName::from_static("azora-approval");

/// What a caller says of its call besides the request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Asked {
    /// When it was made.
    pub at: Option<Timestamp>,
    /// What persons have approved of.
    pub approval: Option<ApprovalId>,
}

/// What stands behind the routes: the command table over an engine.
pub trait Desk: Send + Sync + 'static {
    /// Carries out a call; `asked` is what its caller says of it.
    fn call(
        &self,
        actor: Actor,
        asked: Asked,
        name: String,
        request: Bytes,
    ) -> BoxFuture<'static, Result<Json, Failure>>;
    /// Opens a stream.
    fn stream(
        &self,
        actor: Actor,
        name: String,
        request: Bytes,
    ) -> BoxFuture<'static, Result<Lines, Failure>>;
    /// The agent whose token this is; `None` when it is nobody's, or may act no more.
    fn agent(&self, _claim: &str) -> Option<Caller> {
        None
    }
    /// Hears of a request that was turned away at the gate.
    fn refused(&self, _refusal: &Refusal) {}
}

impl Desk for Handle {
    fn call(
        &self,
        actor: Actor,
        asked: Asked,
        name: String,
        request: Bytes,
    ) -> BoxFuture<'static, Result<Json, Failure>> {
        let engine = self.asked_at(asked.at).with_approval(asked.approval);
        async move { dispatch::call(&engine, &actor, &name, &request).await }.boxed()
    }
    fn stream(
        &self,
        actor: Actor,
        name: String,
        request: Bytes,
    ) -> BoxFuture<'static, Result<Lines, Failure>> {
        let engine = self.clone();
        async move { dispatch::stream(&engine, &actor, &name, &request).await }.boxed()
    }
    fn agent(&self, claim: &str) -> Option<Caller> {
        Handle::agent(self, claim)
    }
    fn refused(&self, refusal: &Refusal) {
        Handle::refused(self, *refusal == Refusal::Token);
    }
}

/// What every route knows.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) guard: Arc<Guard>,
    pub(super) token: Token,
    pub(super) desk: Arc<dyn Desk>,
    /// Calls under way. A call goes on when its caller hangs up: an act is never cut in half.
    pub(super) calls: TaskTracker,
    /// Places for pages' streams.
    pub(super) sockets: Arc<Semaphore>,
    pub(super) closing: CancellationToken,
}

impl Shared {
    /// Whose token this is. A person's says through what that person acts; an agent's says who it is, and nothing
    /// else that comes with it does.
    pub(super) fn caller(&self, claim: &str, via: &str) -> Option<Caller> {
        match self.token.is(claim) {
            true => Some(Caller {
                actor: Actor::person(via),
                gone: CancellationToken::new(),
            }),
            false => self.desk.agent(claim),
        }
    }
}

pub(super) fn router(shared: Shared) -> Router {
    Router::new()
        .route("/api/call/{name}", post(call))
        .route("/api/stream/{name}", post(stream_lines))
        .route("/api/socket", any(socket))
        .route("/api", any(no_such_route))
        .route("/api/", any(no_such_route))
        .route("/api/{*rest}", any(no_such_route))
        .route("/healthz", get(|| async { "ok\n" }))
        .fallback(ui)
        .layer(middleware::from_fn_with_state(shared.clone(), gate))
        .with_state(shared)
}

/// What answers on a connection of somebody who is not served.
pub(super) fn strangers(shared: &Shared, stranger: Stranger) -> Router {
    let shared = shared.clone();
    Router::new().fallback(move || {
        let response = refused(&shared, Refusal::Stranger(stranger.clone()));
        std::future::ready(response)
    })
}

/// Before and around everything.
async fn gate(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    let mut response = match shared.guard.admit(&head) {
        Ok(()) => next.run(Request::from_parts(head, body)).await,
        Err(refusal) => refused(&shared, refusal),
    };
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Said with every answer. Nothing but our own files runs or is loaded, nobody frames us, and
/// nobody learns where a link was followed from.
const ALWAYS: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
         connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

async fn call(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let (caller, head, body) = match asked(&shared, request).await {
        Ok(asked) => asked,
        Err(response) => return response,
    };
    let said = said_of(&head);
    let work = shared.desk.call(caller.actor, said, name, body);
    match shared.calls.spawn(work).await {
        Ok(Ok(Json(text))) => ([(header::CONTENT_TYPE, "application/json")], text).into_response(),
        Ok(Err(failure)) => failed(&failure),
        Err(_) => failed(&Failure {
            code: Code::Internal,
            message: "the command came to a fault of Azora's own; its log says more".to_owned(),
        }),
    }
}

async fn stream_lines(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let (caller, _, body) = match asked(&shared, request).await {
        Ok(asked) => asked,
        Err(response) => return response,
    };
    match shared.desk.stream(caller.actor, name, body).await {
        Ok(lines) => {
            let kind = [(header::CONTENT_TYPE, "application/x-ndjson")];
            let pieces = pieces(lines, shared.closing, caller.gone);
            (kind, Body::from_stream(pieces)).into_response()
        }
        Err(failure) => failed(&failure),
    }
}

/// Messages as pieces of a body: those that are there already go together, and a blank line now
/// and then when there are none. Ends when the host closes, and when who reads it is gone.
pub(super) fn pieces(
    lines: Lines,
    closing: CancellationToken,
    gone: CancellationToken,
) -> impl futures_util::Stream<Item = Result<String, std::convert::Infallible>> {
    let begin = (lines.ready_chunks(PIECE), closing, gone);
    stream::unfold(begin, |(mut lines, closing, gone)| async move {
        let next = tokio::select! {
            biased;
            () = closing.cancelled() => return None,
            () = gone.cancelled() => return None,
            next = tokio::time::timeout(KEEP_ALIVE, lines.next()) => next,
        };
        let mut piece = String::new();
        match next {
            Err(_) => piece.push('\n'),
            Ok(None) => return None,
            Ok(Some(messages)) => {
                for Json(text) in messages {
                    piece.push_str(&text);
                    piece.push('\n');
                }
            }
        }
        Some((Ok(piece), (lines, closing, gone)))
    })
}

/// What both kinds of command want before they are looked at: token, JSON, a body of a decent size.
async fn asked(shared: &Shared, request: Request) -> Result<(Caller, Parts, Bytes), Response> {
    let (head, body) = request.into_parts();
    let caller = bearer(&head).and_then(|claim| shared.caller(claim, via(&head)));
    let Some(caller) = caller else {
        return Err(refused(shared, Refusal::Token));
    };
    Guard::is_json(&head).map_err(|refusal| refused(shared, refusal))?;
    match tokio::time::timeout(SLOWEST_BODY, axum::body::to_bytes(body, LARGEST_BODY)).await {
        Ok(Ok(bytes)) => Ok((caller, head, bytes)),
        Ok(Err(error)) if is_too_large(&error) => Err(said(
            StatusCode::PAYLOAD_TOO_LARGE,
            Code::BadRequest,
            &format!(
                "the request is over {} MiB, which is more than any may be; a definition may have {} MiB",
                LARGEST_BODY >> 20,
                spec::limits::MAX_BYTES >> 20,
            ),
        )),
        Ok(Err(_)) => Err(said(
            StatusCode::BAD_REQUEST,
            Code::BadRequest,
            "the request broke off",
        )),
        Err(_) => Err(said(
            StatusCode::REQUEST_TIMEOUT,
            Code::BadRequest,
            "the request did not come to its end",
        )),
    }
}

fn is_too_large(error: &axum::Error) -> bool {
    let source = std::error::Error::source(error);
    source.is_some_and(|source| source.is::<http_body_util::LengthLimitError>())
}

fn via(head: &Parts) -> &'static str {
    match head.headers.get(VIA).map(HeaderValue::as_bytes) {
        Some(b"cli") => "cli",
        _ => "browser",
    }
}

fn said_of(head: &Parts) -> Asked {
    let said = |name: &HeaderName| head.headers.get(name)?.to_str().ok();
    Asked {
        at: said(&ASKED).and_then(|at| at.parse().ok()).map(Timestamp),
        approval: said(&APPROVAL)
            .and_then(|id| id.parse().ok())
            .map(ApprovalId),
    }
}

async fn ui(request: Request) -> Response {
    match *request.method() {
        Method::GET | Method::HEAD => assets::answer(request.uri().path(), request.headers()),
        _ => said(
            StatusCode::METHOD_NOT_ALLOWED,
            Code::BadRequest,
            "only GET is answered here",
        ),
    }
}

async fn no_such_route() -> Response {
    said(
        StatusCode::NOT_FOUND,
        Code::NotFound,
        "the API is POST /api/call/NAME and POST /api/stream/NAME; streams also go through WebSockets at /api/socket",
    )
}

fn refused(shared: &Shared, refusal: Refusal) -> Response {
    shared.desk.refused(&refusal);
    tracing::warn!(%refusal, "refused a request");
    let code = match refusal {
        Refusal::NotJson => Code::BadRequest,
        _ => Code::Refused,
    };
    said(refusal.status(), code, &refusal.to_string())
}

fn failed(failure: &Failure) -> Response {
    let status = match failure.code {
        Code::BadRequest => StatusCode::BAD_REQUEST,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::Definition => StatusCode::UNPROCESSABLE_ENTITY,
        Code::Refused => StatusCode::FORBIDDEN,
        Code::Untrusted | Code::Risks | Code::NeedsApproval | Code::Conflict => {
            StatusCode::CONFLICT
        }
        Code::Closing => StatusCode::SERVICE_UNAVAILABLE,
        Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let Json(text) = dispatch::json(failure);
    (status, [(header::CONTENT_TYPE, "application/json")], text).into_response()
}

pub(super) fn said(status: StatusCode, code: Code, message: &str) -> Response {
    let Json(text) = dispatch::json(&Failure {
        code,
        message: message.to_owned(),
    });
    (status, [(header::CONTENT_TYPE, "application/json")], text).into_response()
}

//! Streams for pages. A browser opens six HTTP connections to one host, all its tabs together, and an open stream
//! holds one for as long as somebody looks: with a few tabs, the next request waits without a word. Of WebSockets it
//! opens hundreds.
//!
//! One socket carries one stream. Its first message says who asks and for what ([`Opening`]); the first answer says
//! what became of that ([`Head`]), every other is a piece of the stream, as `/api/stream` sends it. Called by
//! [`super::routes`], behind the gate; refuses whoever does not show the token first.

use super::guard::Refusal;
use super::routes::{LARGEST_BODY, SLOWEST_BODY, Shared, pieces, said};
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use engine::Caller;
use futures_util::StreamExt;
use model::view::{Code, Failure};
use serde::{Deserialize, Serialize};

/// Sockets at once; a browser opens 255.
pub(super) const MOST: usize = 256;

/// What is asked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Opening {
    /// The token of this start, or an agent's: a page cannot send it as a header.
    token: String,
    /// The stream's name.
    stream: String,
    /// What the stream takes.
    request: serde_json::Value,
}

/// What became of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Head {
    /// What follows is the stream.
    Opened,
    /// The token is not this engine's, nor one of an agent that may act.
    Unauthorised,
    /// There is no stream, for this reason.
    Failed(Failure),
}

pub(super) async fn socket(
    State(shared): State<Shared>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let Ok(upgrade) = upgrade else {
        return said(
            StatusCode::UPGRADE_REQUIRED,
            Code::BadRequest,
            "this address is for WebSockets",
        );
    };
    let Ok(place) = shared.sockets.clone().try_acquire_owned() else {
        return said(
            StatusCode::SERVICE_UNAVAILABLE,
            Code::Refused,
            "too many streams are open; close a tab",
        );
    };
    // Who stops the host waits for it as for a call.
    let under_way = shared.calls.token();
    upgrade
        .max_message_size(LARGEST_BODY)
        .max_frame_size(LARGEST_BODY)
        .on_upgrade(async move |socket| {
            if let Err(error) = talk(&shared, socket).await {
                // Pages are closed all the time.
                tracing::debug!(%error, "a socket ended early");
            }
            drop((place, under_way));
        })
}

async fn talk(shared: &Shared, mut socket: WebSocket) -> Result<(), axum::Error> {
    let first = tokio::select! {
        biased;
        () = shared.closing.cancelled() => return Ok(()),
        first = tokio::time::timeout(SLOWEST_BODY, first(&mut socket)) => first,
    };
    // One that says nothing has gone away or means harm.
    let Ok(Some(first)) = first else {
        return Ok(());
    };
    let (opened, lines) = match asked(shared, &first) {
        Err(refused) => (refused, None),
        Ok((
            caller,
            Opening {
                stream, request, ..
            },
        )) => {
            let request = Bytes::from(request.to_string());
            match shared.desk.stream(caller.actor, stream, request).await {
                Ok(lines) => (Head::Opened, Some((lines, caller.gone))),
                Err(failure) => (Head::Failed(failure), None),
            }
        }
    };
    let head = crate::dispatch::json(&opened).0;
    socket.send(Message::Text(head.into())).await?;
    let Some((lines, gone)) = lines else {
        return socket.send(Message::Close(None)).await;
    };
    let mut pieces = std::pin::pin!(pieces(lines, shared.closing.clone(), gone));
    loop {
        // A page says nothing more, but that it is gone.
        tokio::select! {
            piece = pieces.next() => match piece {
                Some(Ok(piece)) => socket.send(Message::Text(piece.into())).await?,
                None => return socket.send(Message::Close(None)).await,
            },
            heard = socket.recv() => match heard.transpose()? {
                Some(Message::Ping(_) | Message::Pong(_)) => {}
                _ => return Ok(()),
            },
        }
    }
}

/// The first thing that is said, if it is said at all.
async fn first(socket: &mut WebSocket) -> Option<Message> {
    loop {
        match socket.recv().await?.ok()? {
            Message::Ping(_) | Message::Pong(_) => {}
            said => return Some(said),
        }
    }
}

fn asked(shared: &Shared, first: &Message) -> Result<(Caller, Opening), Head> {
    let bad = |message: String| {
        Head::Failed(Failure {
            code: Code::BadRequest,
            message,
        })
    };
    let Message::Text(text) = first else {
        return Err(bad("the first message must be JSON".to_owned()));
    };
    let opening: Opening = serde_json::from_str(text)
        // Not in the words of who reads it, which repeat what was said: a token may be among that.
        .map_err(|error| {
            bad(format!(
                "the first message is not of its shape at line {} column {}: it has `token`, `stream` and `request`",
                error.line(),
                error.column(),
            ))
        })?;
    match shared.caller(&opening.token, "browser") {
        Some(caller) => Ok((caller, opening)),
        None => {
            shared.desk.refused(&Refusal::Token);
            Err(Head::Unauthorised)
        }
    }
}

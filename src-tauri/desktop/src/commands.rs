//! Every row of the command table, as the window calls it: `invoke(name, { request })`, and for
//! streams `invoke("stream_" + name, { request })`, then again and again `invoke("pull", { id })`, and
//! `invoke("unstream", { id })`. Two are the window's alone: `invoke("open_copy", { path })`, and
//! `invoke("save_file", bytes)` with the file's name in a header.
//!
//! Expanded from [`api::commands!`]; a row needs nothing here. Tauri has checked the window's
//! capability before any of this runs. Nothing is decided here: a call goes to `api` as it came.

use crate::embedded::Embedded;
use crate::streams::{StreamId, Streams};
use crate::{copies, emergency, environment, grave, saves};
use api::Json;
use api::model::Actor;
use api::model::view::Failure;
use serde_json::Value;
use std::path::PathBuf;
use tauri::ipc::{Invoke, InvokeBody, InvokeError, InvokeResponseBody};
use tauri::{AppHandle, Manager, Runtime};

/// Who acts through this host.
pub(crate) fn actor() -> Actor {
    Actor::person("window")
}

/// What a command of the window is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// A call of this name.
    Call(&'static str),
    /// Opens the stream of this name.
    Stream(&'static str),
    /// Asks for what one has.
    Pull,
    /// Closes one.
    Unstream,
    /// Opens a copy of a log in the program for it.
    OpenCopy,
    /// Writes a file that the page has made.
    SaveFile,
}

macro_rules! expand {
    (
        calls { $( #[doc = $doc:literal] $kind:ident $agents:ident $call:ident($request:ty) -> $response:ty; )* }
        streams { $( #[doc = $sdoc:literal] $sagents:ident $stream:ident($srequest:ty) -> $message:ty; )* }
    ) => {
        /// The row that a command of the window belongs to.
        pub(crate) fn route(command: &str) -> Option<Route> {
            match command {
                $( stringify!($call) => Some(Route::Call(stringify!($call))), )*
                $( concat!("stream_", stringify!($stream)) => Some(Route::Stream(stringify!($stream))), )*
                "pull" => Some(Route::Pull),
                "unstream" => Some(Route::Unstream),
                "open_copy" => Some(Route::OpenCopy),
                "save_file" => Some(Route::SaveFile),
                _ => None,
            }
        }
    };
}
api::commands!(expand);

/// Tauri's handler for all of them. False: not ours.
pub(crate) fn handle<R: Runtime>(invoke: Invoke<R>) -> bool {
    let Some(route) = route(invoke.message.command()) else {
        return false;
    };
    let webview = invoke.message.webview();
    let mut args = match invoke.message.payload() {
        InvokeBody::Json(Value::Object(args)) => args.clone(),
        _ => Args::new(),
    };
    match route {
        Route::Call(name) => {
            let app = webview.app_handle().clone();
            invoke.resolver.respond_async_serialized(async move {
                let answer = call(&app, name, args).await.map_err(refusal)?;
                Ok(InvokeResponseBody::Json(answer.0))
            });
        }
        Route::Stream(name) => {
            let request = request(&mut args);
            invoke.resolver.respond_async(async move {
                let engine = webview
                    .state::<Embedded>()
                    .handle()
                    .await
                    .map_err(refusal)?;
                let lines = api::stream(&engine, &actor(), name, &request)
                    .await
                    .map_err(refusal)?;
                Ok(webview.state::<Streams>().open(webview.label(), lines))
            });
        }
        Route::Pull => {
            let streams = webview.state::<Streams>().inner().clone();
            // No stream has the number 0.
            let id = stream_id(&args).unwrap_or(StreamId(0));
            invoke.resolver.respond_async_serialized(async move {
                let pulled = streams.pull(webview.label(), id).await;
                Ok(InvokeResponseBody::Json(pulled))
            });
        }
        Route::Unstream => {
            if let Some(id) = stream_id(&args) {
                webview.state::<Streams>().close(webview.label(), id);
            }
            invoke.resolver.resolve(());
        }
        Route::OpenCopy => {
            let app = webview.app_handle().clone();
            let path = args.get("path").and_then(Value::as_str).map(PathBuf::from);
            invoke.resolver.respond_async(async move {
                let path = path.unwrap_or_default();
                copies::open(&app, path).await.map_err(refusal)
            });
        }
        Route::SaveFile => {
            let app = webview.app_handle().clone();
            let name = invoke.message.headers().get(saves::NAME);
            let name = name.and_then(|name| name.to_str().ok()).unwrap_or_default();
            let (name, body) = (name.to_owned(), invoke.message.payload().clone());
            invoke
                .resolver
                .respond_async(async move { saves::save(&app, name, body).await.map_err(refusal) });
        }
    }
    true
}

async fn call<R: Runtime>(app: &AppHandle<R>, name: &str, mut args: Args) -> Result<Json, Failure> {
    if let Some(answer) = emergency::without_engine(app, name, &request(&mut args.clone())).await {
        return answer;
    }
    let engine = app.state::<Embedded>().handle().await?;
    grave::ask(app, &engine, name, &args).await?;
    // What is looked at is what would be brought up.
    if ["up", "look"].contains(&name)
        && let Some(Value::Object(asked)) = args.get_mut("request")
        && asked.get("env").is_none_or(Value::is_null)
        && let Some(folder) = asked.get("folder").and_then(Value::as_str)
        && let file = asked.get("file").and_then(Value::as_str).map(str::to_owned)
        && let Some(env) = environment::for_up(&engine, folder.as_ref(), file).await
    {
        asked.insert("env".to_owned(), env.into_iter().collect());
    }
    api::call(&engine, &actor(), name, &request(&mut args)).await
}

fn stream_id(args: &Args) -> Option<StreamId> {
    args.get("id").and_then(Value::as_u64).map(StreamId)
}

pub(crate) type Args = serde_json::Map<String, Value>;

/// The bytes of `request`, as the other hosts hand them over; none is `{}`.
fn request(args: &mut Args) -> Vec<u8> {
    args.remove("request")
        .map(|request| request.to_string().into_bytes())
        .unwrap_or_default()
}

fn refusal(failure: Failure) -> InvokeError {
    // A failure is two texts; serde_json cannot fail on it.
    InvokeError(serde_json::to_value(failure).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::command_names::COMMAND_NAMES;

    #[test]
    fn every_name_in_the_manifest_has_a_row_and_every_row_a_name() {
        for name in COMMAND_NAMES {
            assert!(
                route(name).is_some(),
                "{name} is in AppManifest::commands and has no row"
            );
        }
        let rows = api::dispatch::COMMANDS.len();
        assert_eq!(
            rows + 4,
            COMMAND_NAMES.len(),
            "all rows, pull, unstream, open_copy, save_file"
        );
        assert_eq!(route("status"), Some(Route::Call("status")));
        assert_eq!(route("stream_feed"), Some(Route::Stream("feed")));
        assert_eq!(route("feed"), None);
    }
}

//! The emergency stop when this app has no engine to ask: it did not start, or hangs in its start.
//! Then it is done from the records beside the processes, and from what container daemons say.

use crate::embedded::{Embedded, Settings};
use api::Json;
use api::model::ClusterName;
use api::model::view::{Code, Failure, StopPreview};
use serde::Serialize;
use serde_json::Value;
use tauri::{AppHandle, Manager, Runtime};

/// The answer to an emergency command that no engine can give now; `None` for every other command,
/// and when there is an engine.
pub(crate) async fn without_engine<R: Runtime>(
    app: &AppHandle<R>,
    name: &str,
    request: &[u8],
) -> Option<Result<Json, Failure>> {
    let settings = app.try_state::<Settings>()?;
    if app.state::<Embedded>().handle_now().is_some() {
        return None;
    }
    let home = settings.home.clone();
    let reason = reason(request);
    let answered = match name {
        "emergency_preview" => {
            tauri::async_runtime::spawn_blocking(move || preview(&home).map(|view| text(&view)))
                .await
        }
        "emergency_stop" => {
            let who = "window, without an engine".to_owned();
            let stopped = engine::stop_everything(&home, reason, who).await;
            Ok(stopped.map(|view| text(&view)))
        }
        _ => return None,
    };
    let fault = |_| Err("the emergency stop came to a fault".to_owned());
    Some(answered.unwrap_or_else(fault).map_err(|why| Failure {
        code: Code::Internal,
        message: format!("{why}; run `azora emergency-stop`"),
    }))
}

fn reason(request: &[u8]) -> String {
    let request: Value = serde_json::from_slice(request).unwrap_or_default();
    request
        .get("reason")
        .and_then(Value::as_str)
        .unwrap_or("no reason given")
        .to_owned()
}

fn text(view: &impl Serialize) -> Json {
    // Views are plain data; serde_json cannot fail on them.
    Json(serde_json::to_string(view).unwrap_or_default())
}

fn preview(home: &driver::Layout) -> Result<StopPreview, String> {
    let preview = driver::emergency::preview(home)
        .map_err(|error| format!("it could not be looked for what runs: {error}"))?;
    // Without the definitions an id has to do as a name; the two have one grammar.
    let named = |(id, count): (api::model::ClusterId, u32)| {
        id.as_str()
            .parse::<ClusterName>()
            .ok()
            .map(|name| (name, count))
    };
    Ok(StopPreview {
        instances: preview.instances,
        processes: preview.processes,
        clusters: preview.clusters.into_iter().filter_map(named).collect(),
        protected: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_taken_from_whatever_was_asked() {
        assert_eq!(reason(br#"{"reason":"fire"}"#), "fire");
        assert_eq!(reason(b"{}"), "no reason given");
        assert_eq!(reason(b"not json"), "no reason given");
    }
}

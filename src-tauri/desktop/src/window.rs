//! The one window: made at once, before the engine is there, and led to a place when something asks
//! for it. The page is a function of its URL, so a place is a URL and nothing else is told to it.

use crate::streams::Streams;
use crate::{platform, quit};
use api::model::{ClusterId, IncidentId};
use std::path::PathBuf;
use tauri::webview::{NewWindowResponse, PageLoadEvent};
use tauri::{
    AppHandle, Manager, Runtime, Url, WebviewUrl, WebviewWindow, WebviewWindowBuilder, WindowEvent,
};

/// Its label, which the capability names.
pub(crate) const MAIN: &str = "main";

/// Where the window can be led.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// Wherever it was.
    Home,
    /// A cluster's topology.
    Cluster(ClusterId),
    /// A folder that was not run yet: what it would run, and the question.
    Folder(PathBuf),
    /// The emergency stop's dialog. It still has to be confirmed there.
    Emergency,
    /// All incidents.
    Incidents,
    /// One incident.
    Incident(IncidentId),
}

impl Place {
    /// The part of the URL that the page reads; `None` stays where it is.
    fn query(&self) -> Option<String> {
        let pair = |key: &str, value: &str| {
            let mut query = tauri::Url::parse("azora:///").ok()?;
            query.query_pairs_mut().append_pair(key, value);
            query.query().map(|query| format!("?{query}"))
        };
        match self {
            Place::Home => None,
            Place::Cluster(id) => pair("cluster", id.as_str()),
            Place::Folder(folder) => pair("open", &folder.display().to_string()),
            Place::Emergency => pair("dialog", "emergency"),
            Place::Incidents => pair("view", "incidents"),
            Place::Incident(id) => pair("incident", &id.0.to_string()),
        }
    }
}

/// Makes the window and shows it.
pub(crate) fn create<R: Runtime>(app: &AppHandle<R>) -> tauri::Result<WebviewWindow<R>> {
    let window = WebviewWindowBuilder::new(app, MAIN, WebviewUrl::App("index.html".into()))
        .title("Azora")
        .inner_size(1280.0, 800.0)
        .min_inner_size(720.0, 480.0)
        // Files dropped on the window would replace the page.
        .disable_drag_drop_handler()
        .on_navigation(is_ours)
        // Service pages open in the person's browser: the app cannot tell a frame from its window.
        .on_new_window(|_, _| NewWindowResponse::Deny)
        .on_page_load(|window, page| {
            if matches!(page.event(), PageLoadEvent::Started) {
                window.state::<Streams>().close_all(window.label());
            }
        })
        .build()?;
    let app = app.clone();
    window.on_window_event(move |event| match event {
        WindowEvent::CloseRequested { api, .. } if !app.state::<quit::Leaving>().is_under_way() => {
            api.prevent_close();
            closed(&app);
        }
        WindowEvent::Destroyed => app.state::<Streams>().close_all(MAIN),
        _ => {}
    });
    Ok(window)
}

/// Only the app's own page is ever shown.
fn is_ours(url: &Url) -> bool {
    let dev =
        cfg!(debug_assertions) && url.host_str() == Some("localhost") && url.port() == Some(5173);
    let own = match url.scheme() {
        "tauri" => url.host_str() == Some("localhost"),
        // Windows and Android serve the same page under this name.
        "http" | "https" => url.host_str() == Some("tauri.localhost"),
        _ => false,
    };
    own || dev
}

/// Brings the window to the front and leads it somewhere.
pub(crate) fn show<R: Runtime>(app: &AppHandle<R>, place: &Place) {
    let window = match app.get_webview_window(MAIN) {
        Some(window) => window,
        None => match create(app) {
            Ok(window) => window,
            Err(error) => {
                tracing::error!(%error, "failed to make the window");
                return;
            }
        },
    };
    let shown = window
        .unminimize()
        .and_then(|()| window.show())
        .and_then(|()| window.set_focus());
    if let Err(error) = shown {
        tracing::warn!(%error, "failed to bring the window to the front");
    }
    if let Some(query) = place.query() {
        // As if a link of the page had been followed: no reload, so nothing on it is lost.
        let query = serde_json::Value::String(query);
        let script = format!(
            "history.pushState(null, '', {query}); dispatchEvent(new PopStateEvent('popstate'))"
        );
        if let Err(error) = window.eval(script) {
            tracing::warn!(%error, ?place, "failed to lead the window");
        }
    }
}

/// The close button: the app goes on in the tray. Where there is none it would be lost, so it asks.
fn closed<R: Runtime>(app: &AppHandle<R>) {
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        if platform::tray_is_shown().await {
            let hidden = app.get_webview_window(MAIN).map(|window| window.hide());
            if let Some(Err(error)) = hidden {
                tracing::warn!(%error, "failed to hide the window");
            }
        } else {
            quit::ask(&app);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_query_that_cannot_break_out() {
        assert_eq!(Place::Home.query(), None);
        let folder = Place::Folder("/a b/\"'&<x>#?=é".into()).query().unwrap();
        assert_eq!(folder, "?open=%2Fa+b%2F%22%27%26%3Cx%3E%23%3F%3D%C3%A9");
        assert_eq!(
            Place::Incident(IncidentId(42)).query().unwrap(),
            "?incident=42"
        );
    }

    #[test]
    fn no_other_page_is_ever_shown() {
        let ours = |url: &str| is_ours(&Url::parse(url).unwrap());
        assert!(ours("tauri://localhost/index.html?view=incidents"));
        assert!(ours("http://tauri.localhost/"));
        for other in [
            "http://127.0.0.1:8080/",
            "https://tauri.localhost.example.com/",
            "tauri://other/",
            "http://localhost:9000/",
            "file:///etc/passwd",
            "data:text/html,x",
            "javascript:alert(1)",
        ] {
            assert!(!ours(other), "{other}");
        }
    }
}

//! The one window: made at once, before the engine is there, and led to a place when something asks
//! for it. The page is a function of its URL, so a place is a URL and nothing else is told to it.

#[cfg(debug_assertions)]
mod uninvited;

use crate::frame::Frame;
use crate::notify::{About, Notice, Tell};
use crate::options::Opening;
use crate::screen::Screen;
use crate::streams::Streams;
use crate::{open, platform, quit};
use api::model::{ClusterId, IncidentId, ServiceName};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tauri::webview::{NewWindowResponse, PageLoadEvent};
use tauri::{
    AppHandle, DragDropEvent, Manager, Runtime, Url, WebviewUrl, WebviewWindow,
    WebviewWindowBuilder, WindowEvent,
};
use tauri_plugin_window_state::{AppHandleExt, StateFlags};

/// Its label, which the capability names.
pub(crate) const MAIN: &str = "main";

/// Size and place. Whether it was visible is not: a hidden window stays findable.
pub(crate) const REMEMBERED: StateFlags = StateFlags::SIZE
    .union(StateFlags::POSITION)
    .union(StateFlags::MAXIMIZED);

/// Under the locale C.UTF-8 WebKitGTK says that a person's language is "C", which is none: the page's
/// number and date formats would throw before anything is shown.
const A_LANGUAGE: &str = "
    try { new Intl.NumberFormat(navigator.language) } catch {
        Object.defineProperties(Navigator.prototype, {
            language: { get: () => 'en-US' },
            languages: { get: () => Object.freeze(['en-US']) },
        });
    }";

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
    /// One incident, and whose, where that is known.
    Incident(Option<ClusterId>, IncidentId),
    /// A service of a cluster.
    Service(ClusterId, ServiceName),
    /// Security, approvals or rules: one of the tabs of governance.
    Governance(&'static str),
}

impl Place {
    /// The address within the page; `None` stays where it is.
    fn href(&self) -> Option<String> {
        let at = |path: &str, pairs: &[(&str, &str)]| {
            let mut url = Url::parse("tauri://localhost").ok()?;
            url.set_path(path);
            url.query_pairs_mut().extend_pairs(pairs);
            Some(format!("{}?{}", url.path(), url.query()?))
        };
        match self {
            Place::Home => None,
            Place::Cluster(id) => at("/topology", &[("cluster", id.as_str())]),
            Place::Folder(folder) => at(
                "/clusters",
                &[("open", folder.display().to_string().as_str())],
            ),
            Place::Emergency => at("/clusters", &[("dialog", "emergency")]),
            Place::Incidents => Some("/incidents".to_owned()),
            Place::Incident(cluster, id) => {
                let id = id.0.to_string();
                let cluster = cluster.iter().map(|cluster| ("cluster", cluster.as_str()));
                let pairs: Vec<_> = cluster.chain([("incident", id.as_str())]).collect();
                at("/incidents", &pairs)
            }
            Place::Service(cluster, service) => at(
                "/topology",
                &[("cluster", cluster.as_str()), ("service", service.as_str())],
            ),
            Place::Governance(tab) => at("/governance", &[("show", *tab)]),
        }
    }
}

/// Where the window is led when its page has come: the engine may be quicker than the page.
#[derive(Default)]
pub(crate) struct Led(Mutex<Leading>);

#[derive(Default)]
struct Leading {
    page_is_there: bool,
    waiting: Option<Place>,
}

impl Led {
    fn lock(&self) -> MutexGuard<'_, Leading> {
        // Two plain values; neither can be left half set.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The page starts to load: what is asked from now on waits for it.
    fn page_went(&self) {
        self.lock().page_is_there = false;
    }

    /// The page is there; what waited.
    fn page_came(&self) -> Option<Place> {
        let mut leading = self.lock();
        leading.page_is_there = true;
        leading.waiting.take()
    }

    /// True when it can be led there now; otherwise it waits, in place of what waited before.
    fn may_go(&self, place: &Place) -> bool {
        let mut leading = self.lock();
        if !leading.page_is_there {
            leading.waiting = Some(place.clone());
        }
        leading.page_is_there
    }
}

/// Makes the window and shows it.
pub(crate) fn create<R: Runtime>(app: &AppHandle<R>) -> tauri::Result<WebviewWindow<R>> {
    let window = WebviewWindowBuilder::new(app, MAIN, WebviewUrl::App("index.html".into()))
        .title("Azora")
        .inner_size(1280.0, 800.0)
        .min_inner_size(720.0, 480.0)
        .initialization_script(A_LANGUAGE)
        .on_navigation(is_ours)
        // Service pages open in the person's browser: the app cannot tell a frame from its window.
        .on_new_window(|_, _| NewWindowResponse::Deny)
        .on_page_load(|window, page| match page.event() {
            PageLoadEvent::Started => {
                window.state::<Streams>().close_all(window.label());
                window.state::<Led>().page_went();
            }
            PageLoadEvent::Finished => {
                // The window system has put back by now what is remembered: it is asked to when the
                // window is made, and says where it is only later.
                keep_on_a_monitor(&window);
                if let Some(place) = window.state::<Led>().page_came() {
                    lead(&window, &place);
                }
            }
        })
        .build()?;
    #[cfg(debug_assertions)]
    uninvited::open_if_asked(app)?;
    let app = app.clone();
    window.on_window_event(move |event| match event {
        WindowEvent::DragDrop(event) => dragged(&app, event),
        WindowEvent::CloseRequested { api, .. } if !app.state::<quit::Leaving>().is_under_way() => {
            api.prevent_close();
            closed(&app);
        }
        WindowEvent::Destroyed => app.state::<Streams>().close_all(MAIN),
        _ => {}
    });
    Ok(window)
}

/// A monitor that is gone takes nothing along: a window that nobody could reach is moved back, and one
/// that is larger than its monitor is made to fit.
fn keep_on_a_monitor<R: Runtime>(window: &WebviewWindow<R>) {
    let moved = (|| {
        let (at, size) = (window.outer_position()?, window.inner_size()?);
        let frame = Frame::new((at.x, at.y), (size.width, size.height));
        let monitors: Vec<Frame> = window
            .available_monitors()?
            .iter()
            .map(|monitor| {
                let (at, size) = (monitor.position(), monitor.size());
                Frame::new((at.x, at.y), (size.width, size.height))
            })
            .collect();
        let Some(to) = frame.reachable_on(&monitors) else {
            return Ok(());
        };
        window.set_size(tauri::PhysicalSize::new(to.width, to.height))?;
        window.set_position(tauri::PhysicalPosition::new(to.x, to.y))
    })();
    if let Err::<(), tauri::Error>(error) = moved {
        tracing::warn!(%error, "the window stays where it was put");
    }
}

/// Something is dragged over the window, or dropped on it: a folder, or a file in one, is opened.
fn dragged<R: Runtime>(app: &AppHandle<R>, event: &DragDropEvent) {
    let over = match event {
        DragDropEvent::Enter { .. } => true,
        DragDropEvent::Drop { paths, .. } => {
            dropped(app, paths);
            false
        }
        DragDropEvent::Leave => false,
        _ => return,
    };
    // The page shows what a drop would do.
    let said = app.get_webview_window(MAIN).map(|window| {
        window.eval(format!(
            "dispatchEvent(new CustomEvent('azora-drag', {{ detail: {over} }}))"
        ))
    });
    if let Some(Err(error)) = said {
        tracing::warn!(%error, "failed to show that something is dragged");
    }
}

fn dropped<R: Runtime>(app: &AppHandle<R>, paths: &[PathBuf]) {
    match paths {
        [path] if Path::is_absolute(path) => {
            let opening = Opening::Folder(path.clone());
            tauri::async_runtime::spawn(open::opening(app.clone(), opening, false));
        }
        [] => open::refuse(
            app,
            "What was dropped is no folder of this machine. Drop a folder, or an azora.toml.",
        ),
        _ => open::refuse(app, "Drop one folder at a time."),
    }
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
    if app.state::<Led>().may_go(place) {
        lead(&window, place);
    }
}

/// As if a link of the page had been followed: no reload, so nothing on it is lost.
fn lead<R: Runtime>(window: &WebviewWindow<R>, place: &Place) {
    let Some(href) = place.href() else { return };
    let href = serde_json::Value::String(href);
    let script = format!(
        "history.pushState(null, '', {href}); dispatchEvent(new PopStateEvent('popstate'))"
    );
    if let Err(error) = window.eval(script) {
        tracing::warn!(%error, ?place, "failed to lead the window");
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
            // A session that ends badly takes the app along without a word.
            if let Err(error) = app.save_window_state(REMEMBERED) {
                tracing::warn!(%error, "size and place of the window are not remembered");
            }
            tell_once(&app);
        } else {
            quit::ask(&app);
        }
    });
}

/// The first time only: that closing the window did not end the app.
fn tell_once<R: Runtime>(app: &AppHandle<R>) {
    let Ok(folder) = app.path().app_config_dir() else {
        return;
    };
    if !is_first(&folder.join("told-of-the-tray")) {
        return;
    }
    app.state::<Screen>().tell(Tell::Show(Notice {
        title: "Azora goes on in the tray".to_owned(),
        body: "What runs goes on, healing watches it, and you are told of incidents. \
               The tray's menu has Quit."
            .to_owned(),
        about: About::App,
        urgent: false,
    }));
}

/// True once for each file, which is there afterwards. Where it cannot be made, nothing is told at all:
/// better than every time.
fn is_first(mark: &Path) -> bool {
    let folder = mark.parent().map(std::fs::create_dir_all);
    matches!(folder, Some(Ok(()))) && std::fs::File::create_new(mark).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_an_address_that_cannot_break_out() {
        assert_eq!(Place::Home.href(), None);
        let folder = Place::Folder("/a b/\"'&<x>#?=é".into()).href().unwrap();
        assert_eq!(
            folder,
            "/clusters?open=%2Fa+b%2F%22%27%26%3Cx%3E%23%3F%3D%C3%A9"
        );
        let shop: ClusterId = "shop-1".parse().unwrap();
        for (place, href) in [
            (
                Place::Incident(None, IncidentId(42)),
                "/incidents?incident=42",
            ),
            (
                Place::Incident(Some(shop.clone()), IncidentId(42)),
                "/incidents?cluster=shop-1&incident=42",
            ),
            (
                Place::Service(shop, "db".parse().unwrap()),
                "/topology?cluster=shop-1&service=db",
            ),
            (Place::Governance("rules"), "/governance?show=rules"),
        ] {
            assert_eq!(place.href().unwrap(), href);
        }
    }

    #[test]
    fn it_is_told_once() {
        let home = testkit::Home::new();
        let mark = home.path().join("config/told");
        assert!(is_first(&mark));
        assert!(!is_first(&mark));
        assert!(!is_first(Path::new("/proc/no/such/folder")));
    }

    #[test]
    fn what_is_asked_before_the_page_is_there_waits_for_it() {
        let led = Led::default();
        assert!(!led.may_go(&Place::Incidents));
        assert!(!led.may_go(&Place::Emergency));
        assert_eq!(led.page_came(), Some(Place::Emergency));
        assert!(led.may_go(&Place::Incidents));
        led.page_went();
        assert!(!led.may_go(&Place::Incidents));
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

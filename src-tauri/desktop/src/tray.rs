//! The tray: an icon that shows the worst state and a menu that reaches the few things a person
//! wants without the window. Redrawn only when what it shows has changed.

use crate::embedded::Embedded;
use crate::watch::Picture;
use crate::{commands, quit, window};
use api::model::{ClusterId, Mute, Overall, Target, Timestamp};
use engine::Order;
use jiff::Zoned;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tauri::image::Image;
use tauri::menu::{CheckMenuItem, Menu, MenuItem, PredefinedMenuItem};
use tauri::tray::{MouseButton, MouseButtonState, TrayIconBuilder, TrayIconEvent};
use tauri::{AppHandle, Manager, Runtime};

const ID: &str = "azora";
const OPEN: &str = "open";
const HOLD: &str = "hold";
const MUTE: &str = "mute";
const EMERGENCY: &str = "emergency";
const QUIT: &str = "quit";
/// Before a cluster's id, in the id of its menu item.
const CLUSTER: &str = "cluster/";
/// So long notifications are off from here: a meeting. Settings have other times.
const MUTED: Duration = Duration::from_secs(3_600);
/// Clusters listed before "N more…": a menu longer than a screen is no menu.
const LISTED: usize = 12;

fn icon(overall: Overall) -> tauri::Result<Image<'static>> {
    Image::from_bytes(match overall {
        Overall::Stopped => include_bytes!("../../../icons/tray-stopped.png"),
        Overall::Operational => include_bytes!("../../../icons/tray-operational.png"),
        Overall::Starting => include_bytes!("../../../icons/tray-starting.png"),
        Overall::Degraded => include_bytes!("../../../icons/tray-degraded.png"),
        Overall::Critical => include_bytes!("../../../icons/tray-critical.png"),
    })
}

/// What the tray shows now.
#[derive(Default)]
pub(crate) struct Shown(Mutex<Picture>);

/// Puts the icon there. Desktops without a tray simply do not show it.
pub(crate) fn create<R: Runtime>(app: &AppHandle<R>) -> tauri::Result<()> {
    let picture = Picture::default();
    TrayIconBuilder::with_id(ID)
        .icon(icon(picture.overall)?)
        .tooltip("Azora")
        .menu(&menu(app, &picture)?)
        .show_menu_on_left_click(false)
        .on_menu_event(|app, event| chosen(app, event.id().as_ref()))
        .on_tray_icon_event(|tray, event| {
            if let TrayIconEvent::Click {
                button: MouseButton::Left,
                button_state: MouseButtonState::Up,
                ..
            } = event
            {
                window::show(tray.app_handle(), &window::Place::Home);
            }
        })
        .build(app)?;
    Ok(())
}

/// Shows another picture, if it is another.
pub(crate) fn update<R: Runtime>(app: &AppHandle<R>, picture: &Picture) {
    let shown = app.state::<Shown>();
    let mut shown = shown.0.lock().unwrap_or_else(PoisonError::into_inner);
    if *shown == *picture {
        return;
    }
    let Some(tray) = app.tray_by_id(ID) else {
        return;
    };
    let redrawn = (|| {
        if shown.overall != picture.overall {
            tray.set_icon(Some(icon(picture.overall)?))?;
        }
        tray.set_tooltip(Some(tooltip(picture, &Zoned::now())))?;
        tray.set_menu(Some(menu(app, picture)?))
    })();
    match redrawn {
        Ok(()) => *shown = picture.clone(),
        Err(error) => tracing::warn!(%error, "failed to redraw the tray"),
    }
}

fn menu<R: Runtime>(app: &AppHandle<R>, picture: &Picture) -> tauri::Result<Menu<R>> {
    let menu = Menu::new(app)?;
    for cluster in picture.clusters.iter().take(LISTED) {
        let whole = |one: &Mute| one.is_of(Some(&cluster.id), None);
        let muted = match picture.mutes.iter().any(whole) {
            true => " (muted)",
            false => "",
        };
        let text = format!("{}: {}{muted}", cluster.name, cluster.reason);
        menu.append(&MenuItem::with_id(
            app,
            format!("{CLUSTER}{}", cluster.id),
            text,
            true,
            None::<&str>,
        )?)?;
    }
    let more = picture.clusters.len().saturating_sub(LISTED);
    if more > 0 {
        menu.append(&MenuItem::with_id(
            app,
            OPEN,
            format!("{more} more…"),
            true,
            None::<&str>,
        )?)?;
    }
    if picture.clusters.is_empty() {
        menu.append(&MenuItem::new(app, "No clusters", false, None::<&str>)?)?;
    }
    let any = !picture.clusters.is_empty();
    menu.append_items(&[
        &PredefinedMenuItem::separator(app)?,
        &MenuItem::with_id(app, OPEN, "Open Azora", true, None::<&str>)?,
        &CheckMenuItem::with_id(app, HOLD, "Hold healing", any, picture.held(), None::<&str>)?,
        &CheckMenuItem::with_id(
            app,
            MUTE,
            match picture.muted() {
                Some(mute) => format!("Notifications are muted{}", until(mute, &Zoned::now())),
                None => "Mute notifications for 1 h".to_owned(),
            },
            true,
            picture.muted().is_some(),
            None::<&str>,
        )?,
        &PredefinedMenuItem::separator(app)?,
        &MenuItem::with_id(app, EMERGENCY, "Emergency stop…", any, None::<&str>)?,
        &PredefinedMenuItem::separator(app)?,
        &MenuItem::with_id(app, QUIT, "Quit…", true, None::<&str>)?,
    ])?;
    Ok(menu)
}

/// The state, and that something is not told of.
fn tooltip(picture: &Picture, now: &Zoned) -> String {
    let state = format!("Azora: {}", picture.overall);
    match (picture.muted(), picture.mutes.is_empty()) {
        (Some(mute), _) => format!("{state}; notifications are muted{}", until(mute, now)),
        (None, false) => format!("{state}; some notifications are muted"),
        (None, true) => state,
    }
}

/// " until 14:02", with the day where it is another one; nothing for a mute without an end.
fn until(mute: &Mute, now: &Zoned) -> String {
    let zoned = |Timestamp(at): Timestamp| {
        let at = jiff::Timestamp::from_millisecond(at).ok()?;
        Some(at.to_zoned(now.time_zone().clone()))
    };
    let Some(at) = mute.until.and_then(zoned) else {
        return String::new();
    };
    let form = match at.date() == now.date() {
        true => " until %H:%M",
        false => " until %a %d %b %H:%M",
    };
    at.strftime(form).to_string()
}

fn chosen<R: Runtime>(app: &AppHandle<R>, item: &str) {
    match item {
        OPEN => window::show(app, &window::Place::Home),
        HOLD => toggle_hold(app),
        MUTE => toggle_mute(app),
        // Never at once from a menu that a hand can slip on: the dialog says what would be stopped.
        EMERGENCY => window::show(app, &window::Place::Emergency),
        QUIT => quit::ask(app),
        other => {
            if let Some(Ok(id)) = other.strip_prefix(CLUSTER).map(str::parse::<ClusterId>) {
                window::show(app, &window::Place::Cluster(id));
            }
        }
    }
}

/// Holds healing of every cluster, or lets it go on. The menu follows the engine's answer, so a
/// refusal leaves the mark as it was.
fn toggle_hold<R: Runtime>(app: &AppHandle<R>) {
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        let picture = {
            let shown = app.state::<Shown>();
            let shown = shown.0.lock().unwrap_or_else(PoisonError::into_inner);
            shown.clone()
        };
        let Ok(engine) = app.state::<Embedded>().handle().await else {
            return;
        };
        let hold = !picture.held();
        for cluster in picture
            .clusters
            .iter()
            .filter(|cluster| cluster.held != hold)
        {
            let (cluster, services) = (cluster.id.clone(), Vec::new());
            let order = match hold {
                true => Order::Hold {
                    cluster,
                    services,
                    span: None,
                },
                false => Order::Unhold { cluster, services },
            };
            if let Err(error) = engine
                .order(commands::actor(), order, "from the tray".to_owned())
                .await
            {
                tracing::warn!(%error, "failed to change the hold on healing");
            }
        }
    });
}

/// Mutes everything for a while, or ends that. Here, too, the menu follows the engine's answer.
fn toggle_mute<R: Runtime>(app: &AppHandle<R>) {
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        let muted = {
            let shown = app.state::<Shown>();
            let shown = shown.0.lock().unwrap_or_else(PoisonError::into_inner);
            shown.muted().is_some()
        };
        let Ok(engine) = app.state::<Embedded>().handle().await else {
            return;
        };
        let (actor, why) = (commands::actor(), "from the tray".to_owned());
        let everything = Target::default();
        let done = match muted {
            true => engine.unmute(actor, everything, why).await,
            false => engine.mute(actor, everything, Some(MUTED), why).await,
        };
        if let Err(error) = done {
            tracing::warn!(%error, "failed to change what is muted");
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tooltip_says_that_notifications_are_muted_and_until_when() {
        let now: Zoned = "2026-11-29T13:00:00+01:00[+01:00]".parse().unwrap();
        let after = |hours: i64| Timestamp(now.timestamp().as_millisecond() + hours * 3_600_000);
        let said = |cluster: Option<&str>, until: Option<Timestamp>| {
            let mute = Mute {
                cluster: cluster.map(|id| id.parse().unwrap()),
                service: None,
                since: Timestamp(0),
                until,
            };
            let picture = Picture {
                overall: Overall::Operational,
                mutes: vec![mute],
                ..Picture::default()
            };
            tooltip(&picture, &now)
        };
        assert_eq!(tooltip(&Picture::default(), &now), "Azora: stopped");
        assert_eq!(
            said(None, Some(after(1))),
            "Azora: operational; notifications are muted until 14:00"
        );
        assert_eq!(
            said(None, Some(after(12))),
            "Azora: operational; notifications are muted until Mon 30 Nov 01:00"
        );
        assert_eq!(
            said(None, None),
            "Azora: operational; notifications are muted"
        );
        assert_eq!(
            said(Some("shop-1"), None),
            "Azora: operational; some notifications are muted"
        );
    }

    #[test]
    fn every_state_has_a_picture_of_its_own() {
        use Overall::*;
        let all = [Stopped, Operational, Starting, Degraded, Critical];
        let pictures: Vec<Vec<u8>> = all.map(|state| icon(state).unwrap().rgba().to_vec()).into();
        for (at, picture) in pictures.iter().enumerate() {
            assert_eq!(picture.len(), 64 * 64 * 4);
            assert!(
                !pictures[..at].contains(picture),
                "{:?} looks like another",
                all[at]
            );
        }
    }
}

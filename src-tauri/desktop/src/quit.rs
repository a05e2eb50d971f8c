//! Leaving: what runs may stay, kept by a headless engine, or is taken down first. A person is asked,
//! unless nothing runs. However the app ends, nothing may depend on this: the shims keep the services
//! and the next engine adopts them.

use crate::embedded::{Embedded, Settings};
use crate::watch::Picture;
use std::sync::atomic::{AtomicBool, Ordering};
use tauri::{AppHandle, Manager, Runtime};
use tauri_plugin_dialog::{
    DialogExt, MessageDialogButtons, MessageDialogKind, MessageDialogResult,
};

const LEAVE: &str = "Leave running";
const STOP: &str = "Stop everything";
const STAY: &str = "Cancel";

/// Under way, so that a second Quit does nothing and the window's end is not taken for a close.
#[derive(Default)]
pub(crate) struct Leaving(AtomicBool);

impl Leaving {
    /// The app is on its way out.
    pub(crate) fn is_under_way(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// False when it already was under way.
    fn begin(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }
}

/// What happens to the services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Services {
    /// They stay, and a headless engine takes care of them.
    Stay,
    /// They stay; whoever asked the app to end takes care of them, or the next engine does.
    StayUnwatched,
    /// They are taken down first.
    Stop,
}

/// Asks what shall become of what runs, then leaves. With nothing running it leaves at once.
pub(crate) fn ask<R: Runtime>(app: &AppHandle<R>) {
    let Some(engine) = app.state::<Embedded>().handle_now() else {
        // No engine of ours holds the home: there is nothing to ask about.
        leave(app, Services::StayUnwatched);
        return;
    };
    let picture = Picture::of(&engine.snapshot());
    if !picture.runs() {
        leave(app, Services::Stop);
        return;
    }
    let running = picture
        .clusters
        .iter()
        .filter(|c| c.overall != api::model::Overall::Stopped);
    let names: Vec<&str> = running.map(|cluster| cluster.name.as_str()).collect();
    let message = format!(
        "{} still running. Leave the services running in the background, or stop them first?",
        match names.as_slice() {
            [one] => format!("{one} is"),
            many => format!("{} are", many.join(", ")),
        }
    );
    let mut dialog = app
        .dialog()
        .message(message)
        .title("Quit Azora")
        .kind(MessageDialogKind::Warning)
        .buttons(MessageDialogButtons::YesNoCancelCustom(
            LEAVE.into(),
            STOP.into(),
            STAY.into(),
        ));
    if let Some(window) = app.get_webview_window(crate::window::MAIN) {
        dialog = dialog.parent(&window);
    }
    let app = app.clone();
    dialog.show_with_result(move |answer| match choice(&answer) {
        Some(services) => leave(&app, services),
        None => tracing::debug!("quitting was called off"),
    });
}

/// Platforms answer with the button's role or with its text.
fn choice(answer: &MessageDialogResult) -> Option<Services> {
    match answer {
        MessageDialogResult::Yes => Some(Services::Stay),
        MessageDialogResult::No => Some(Services::Stop),
        MessageDialogResult::Custom(text) if text == LEAVE => Some(Services::Stay),
        MessageDialogResult::Custom(text) if text == STOP => Some(Services::Stop),
        _ => None,
    }
}

/// Lets go of the home in good order and ends the app.
pub(crate) fn leave<R: Runtime>(app: &AppHandle<R>, services: Services) {
    if !app.state::<Leaving>().begin() {
        return;
    }
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        app.state::<Embedded>()
            .end(services, &app.state::<Settings>())
            .await;
        app.exit(0);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_answer_ends_the_app() {
        assert_eq!(choice(&MessageDialogResult::Yes), Some(Services::Stay));
        assert_eq!(
            choice(&MessageDialogResult::Custom(STOP.into())),
            Some(Services::Stop)
        );
        // Escape, and the window's close button.
        assert_eq!(choice(&MessageDialogResult::Cancel), None);
        assert_eq!(choice(&MessageDialogResult::Custom(STAY.into())), None);
    }

    #[test]
    fn leaving_begins_once() {
        let leaving = Leaving::default();
        assert!(leaving.begin());
        assert!(!leaving.begin());
        assert!(leaving.is_under_way());
    }
}

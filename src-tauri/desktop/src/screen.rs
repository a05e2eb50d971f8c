//! What is to be told, on the screen of this desktop; and what a click on it opens.

use crate::notify::{About, Tell};
use crate::window::{self, Place};
use tauri::{AppHandle, Runtime};
use tokio::sync::mpsc;

/// Notifications that wait to be shown: bursts are gathered before.
const QUEUE: usize = 64;

/// The way to the screen. One that does not answer loses what is more than can wait.
#[derive(Clone)]
pub(crate) struct Screen(mpsc::Sender<Tell>);

impl Screen {
    /// Shows what it is given from now on.
    pub(crate) fn open<R: Runtime>(app: &AppHandle<R>) -> Self {
        let (sender, tells) = mpsc::channel(QUEUE);
        tauri::async_runtime::spawn(show_all(app.clone(), tells));
        Self(sender)
    }

    pub(crate) fn tell(&self, tell: Tell) {
        if self.0.try_send(tell).is_err() {
            tracing::warn!("a notification is not shown: those before it are not yet");
        }
    }
}

fn opens<R: Runtime>(app: &AppHandle<R>, about: About) {
    let place = match about {
        About::Incident(cluster, incident) => Place::Incident(cluster, incident),
        About::Incidents => Place::Incidents,
        About::Threat(_) => Place::Governance("security"),
        About::Approval(_) => Place::Governance("approvals"),
        About::Rules => Place::Governance("rules"),
        About::App => Place::Home,
    };
    window::show(app, &place);
}

#[cfg(target_os = "linux")]
async fn show_all<R: Runtime>(app: AppHandle<R>, tells: mpsc::Receiver<Tell>) {
    crate::bus::run(None, tells, |about| opens(&app, about)).await;
}

/// By the plugin, which takes one away before another is shown in its place.
#[cfg(not(target_os = "linux"))]
async fn show_all<R: Runtime>(app: AppHandle<R>, mut tells: mpsc::Receiver<Tell>) {
    use crate::notify::Subject;
    use api::model::IncidentId;
    use tauri_plugin_notification::NotificationExt;

    // Numbers count up from 1; after two thousand million, a click may open the list instead. What is no incident has
    // none, and cannot be taken away.
    let number = |subject: Subject| match subject {
        Subject::Incident(incident) => i32::try_from(incident.0).unwrap_or(0),
        Subject::Threat(_) | Subject::Approval(_) | Subject::Rules => 0,
    };
    let handle = app.clone();
    let listening = app.notification().on_action(move |performed| {
        let shown = performed.notification().map(|shown| shown.id());
        let incident = shown.and_then(|id| u64::try_from(id).ok());
        let incident = incident.filter(|id| *id > 0).map(IncidentId);
        opens(
            &handle,
            incident.map_or(About::Incidents, |id| About::Incident(None, id)),
        );
    });
    if let Err(error) = listening {
        tracing::warn!(%error, "clicks on notifications will do nothing");
    }
    while let Some(tell) = tells.recv().await {
        let said = match tell {
            Tell::Close(subject) => match number(subject) {
                0 => Ok(()),
                id => app.notification().remove_active(vec![id]),
            },
            Tell::Show(notice) => {
                let id = notice.about.subject().map_or(0, number);
                let _ = app.notification().remove_active(vec![id]);
                let builder = app.notification().builder();
                builder.id(id).title(notice.title).body(notice.body).show()
            }
        };
        if let Err(error) = said {
            tracing::warn!(%error, "failed to show a notification");
        }
    }
}

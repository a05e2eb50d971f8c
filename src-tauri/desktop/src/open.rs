//! Opening a folder that the app was started with: what was run before, or is trusted, comes up;
//! anything else is shown first, because running it executes its commands as this person.

use crate::window::{self, Place};
use crate::{commands, environment};
use engine::{Error, Handle, Up};
use std::path::PathBuf;
use tauri::{AppHandle, Runtime};

/// Brings the folder's cluster up and leads the window there.
pub(crate) async fn folder<R: Runtime>(
    app: AppHandle<R>,
    engine: Handle,
    folder: PathBuf,
    trust: bool,
) {
    let env = environment::for_up(&engine, &folder).await;
    let up = Up {
        folder: folder.clone(),
        trust,
        env,
    };
    let place = match engine
        .up(commands::actor(), up, "opened with the app".to_owned())
        .await
    {
        Ok(started) => Place::Cluster(started.cluster),
        Err(Error::Untrusted(folder)) => Place::Folder(folder),
        Err(error) => {
            // The page asks again and shows the whole story, with line and caret.
            tracing::warn!(%error, folder = %folder.display(), "failed to open the folder");
            Place::Folder(folder)
        }
    };
    window::show(&app, &place);
}

//! Opening what the app was given: on its command line, by a second start, by something dropped on
//! the window. A folder that was run before, or is trusted, comes up; any other is shown first, because
//! running it executes its commands as this person. A place is shown when it is there.

use crate::embedded::Embedded;
use crate::options::Opening;
use crate::window::{self, Place};
use crate::{commands, environment};
use engine::{Error, Handle, Up};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use tauri::{AppHandle, Manager, Runtime};
use tauri_plugin_dialog::{DialogExt, MessageDialogKind};

/// Opens it once there is an engine.
pub(crate) async fn opening<R: Runtime>(app: AppHandle<R>, opening: Opening, trust: bool) {
    let engine = match &opening {
        Opening::Refused(error) => return refuse(&app, &capital(&error.to_string())),
        _ => app.state::<Embedded>().handle().await,
    };
    let engine = match engine {
        Ok(engine) => engine,
        // The page says so too, where it says everything about the engine.
        Err(failure) => return tracing::warn!("nothing is opened: {}", failure.message),
    };
    match opening {
        Opening::Folder(path) => folder(app, engine, path, trust).await,
        Opening::Place(place) => match is_there(&engine, place).await {
            Ok(place) => window::show(&app, &place),
            Err(error) => refuse(&app, &capital(&error.to_string())),
        },
        Opening::Refused(_) => {}
    }
}

/// Brings the folder's cluster up and leads the window there.
async fn folder<R: Runtime>(app: AppHandle<R>, engine: Handle, path: PathBuf, trust: bool) {
    let (folder, file) = folder_of(&path).await;
    let env = environment::for_up(&engine, &folder, file.clone()).await;
    let up = Up {
        folder: folder.clone(),
        file,
        trust,
        risks: Vec::new(),
        env,
        choice: Default::default(),
    };
    let place = match engine
        .up(commands::actor(), up, "opened with the app".to_owned())
        .await
    {
        Ok(started) => Place::Cluster(started.cluster),
        Err(Error::Untrusted(folder)) => Place::Folder(folder),
        Err(Error::Risks(_)) => Place::Folder(folder),
        Err(error) => {
            // The page asks again and shows the whole story, with line and caret.
            tracing::warn!(%error, folder = %folder.display(), "failed to open the folder");
            Place::Folder(folder)
        }
    };
    window::show(&app, &place);
}

/// A file stands for the folder that it lies in: its definition, or what else was found there.
async fn folder_of(path: &Path) -> (PathBuf, Option<String>) {
    let is_file = tokio::fs::metadata(path).await.is_ok_and(|it| it.is_file());
    match path.parent() {
        Some(parent) if is_file => {
            let name = path.file_name().and_then(|name| name.to_str());
            let named = name.and_then(engine::definition::File::named);
            (parent.to_owned(), named.map(|file| file.name))
        }
        _ => (path.to_owned(), None),
    }
}

/// The place as it is shown, if what it names is there.
async fn is_there(engine: &Handle, place: Place) -> Result<Place, Error> {
    match place {
        Place::Incident(_, id) => {
            let story = engine.incident(id).await?;
            Ok(Place::Incident(Some(story.incident.cluster), id))
        }
        Place::Cluster(id) => {
            cluster(engine, &id)?;
            Ok(Place::Cluster(id))
        }
        Place::Service(id, service) => {
            let cluster = cluster(engine, &id)?;
            if !cluster.services.iter().any(|one| one.name == service) {
                let near = None;
                return Err(Error::NoService {
                    cluster: id,
                    service,
                    near,
                });
            }
            Ok(Place::Service(id, service))
        }
        place => Ok(place),
    }
}

fn cluster(
    engine: &Handle,
    id: &api::model::ClusterId,
) -> Result<api::model::view::ClusterView, Error> {
    let mut clusters = engine.snapshot().clusters.into_iter();
    clusters
        .find(|cluster| cluster.id == *id)
        .ok_or_else(|| Error::NoCluster(id.clone()))
}

/// One such dialog at a time: whoever makes links could make a thousand.
static SAYING: AtomicBool = AtomicBool::new(false);

/// Says in the window that something was not opened, and why.
pub(crate) fn refuse<R: Runtime>(app: &AppHandle<R>, why: &str) {
    tracing::warn!("not opened: {why}");
    window::show(app, &Place::Home);
    if SAYING.swap(true, Ordering::AcqRel) {
        return;
    }
    let mut dialog = app
        .dialog()
        .message(why)
        .title("Azora cannot open this")
        .kind(MessageDialogKind::Warning);
    if let Some(window) = app.get_webview_window(window::MAIN) {
        dialog = dialog.parent(&window);
    }
    dialog.show(|_| SAYING.store(false, Ordering::Release));
}

/// As the beginning of a sentence of its own.
pub(crate) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), letters.as_str()),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_stands_for_its_folder() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let of = |folder: &Path, file: Option<&str>| (folder.to_owned(), file.map(str::to_owned));
        assert_eq!(
            folder_of(&folder.join("Cargo.toml")).await,
            of(folder, None)
        );
        assert_eq!(folder_of(folder).await, of(folder, None));
        // What is not there is told of by its own name.
        let absent = folder.join("absent");
        assert_eq!(folder_of(&absent).await, of(&absent, None));
    }

    #[test]
    fn a_fragment_becomes_a_sentence() {
        assert_eq!(capital("there is no incident 7"), "There is no incident 7.");
    }
}

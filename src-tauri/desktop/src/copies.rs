//! Opening a log that was saved, in the program this person opens such files with. The window names the file; only
//! what lies in the home's folder of copies is opened, whatever the page says.

use crate::embedded::Embedded;
use api::model::view::{Code, Failure};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tauri::{AppHandle, Manager, Runtime};

/// What opens files on a desktop says within this that it knows no program; one that waits for the program it
/// has started says nothing. `xdg-open` takes half a second to find that there is none.
const SAYS_WITHIN: Duration = Duration::from_secs(2);

pub(crate) async fn open<R: Runtime>(app: &AppHandle<R>, path: PathBuf) -> Result<(), Failure> {
    let engine = app.state::<Embedded>().handle().await?;
    let folder = engine.copies();
    let open = move || {
        let copy = copy_in(&folder, &path).map_err(|error| (Code::NotFound, error.to_string()))?;
        open::that_detached_with_timeout(&copy, SAYS_WITHIN).map_err(|error| {
            tracing::warn!(copy = %copy.display(), %error, "a saved log was not opened");
            let why = "this desktop knows no program for it; it lies where it was saved";
            (Code::NotFound, why.to_owned())
        })
    };
    let opened = tokio::task::spawn_blocking(open).await;
    let opened = opened.unwrap_or_else(|error| Err((Code::Internal, error.to_string())));
    opened.map_err(|(code, why)| Failure {
        code,
        message: format!("failed to open the file: {why}"),
    })
}

/// The file, if it is one of the folder's own and no way out of it.
fn copy_in(folder: &Path, path: &Path) -> io::Result<PathBuf> {
    let real = path.canonicalize()?;
    let own = real.parent() == Some(&folder.canonicalize()?);
    match own && real.is_file() && real.extension().is_some_and(|end| end == "log") {
        true => Ok(real),
        false => Err(io::Error::other("it is no saved log")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_saved_log_is_opened() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("exports");
        std::fs::create_dir_all(folder.join("folder.log")).unwrap();
        let saved = folder.join("shop-api.0.log");
        std::fs::write(&saved, "line\n").unwrap();
        std::fs::write(folder.join("run.desktop"), "").unwrap();
        let secret = home.path().join("secret.log");
        std::fs::write(&secret, "").unwrap();
        std::os::unix::fs::symlink(&secret, folder.join("link.log")).unwrap();

        assert_eq!(
            copy_in(&folder, &saved).unwrap(),
            saved.canonicalize().unwrap()
        );
        for path in [
            secret.clone(),
            folder.join("../secret.log"),
            folder.join("link.log"),
            folder.join("folder.log"),
            folder.join("run.desktop"),
            folder.join("none.log"),
            PathBuf::new(),
            PathBuf::from("/etc/passwd"),
        ] {
            assert!(copy_in(&folder, &path).is_err(), "{path:?}");
        }
    }
}

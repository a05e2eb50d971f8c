//! Opening a log that was saved, in the program this person opens such files with. The window names the file; only
//! what lies in the home's folder of copies is opened, whatever the page says.

use crate::embedded::Embedded;
use api::model::view::{Code, Failure};
use std::io;
use std::path::{Path, PathBuf};
use tauri::{AppHandle, Manager, Runtime};
use tauri_plugin_opener::OpenerExt;

pub(crate) async fn open<R: Runtime>(app: &AppHandle<R>, path: PathBuf) -> Result<(), Failure> {
    let engine = app.state::<Embedded>().handle().await?;
    let folder = engine.copies();
    let copy = tokio::task::spawn_blocking(move || copy_in(&folder, &path)).await;
    let copy = match copy.map_err(io::Error::other).flatten() {
        Ok(copy) => copy,
        Err(error) => return Err(failure(Code::NotFound, &error.to_string())),
    };
    app.opener()
        .open_path(copy.to_string_lossy(), None::<&str>)
        .map_err(|error| failure(Code::Internal, &error.to_string()))
}

fn failure(code: Code, why: &str) -> Failure {
    let message = format!("failed to open the file: {why}");
    Failure { code, message }
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

//! Files that the page has made (the graph as a picture, an incident as text), written into the folder that
//! downloads go to. The page gives a name and bytes, and is told where they lie: a web view has no list of
//! downloads that a person could look into. Nothing that is there is written over, and nothing but these kinds
//! of file is written.

use api::model::view::{Code, Failure};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tauri::ipc::InvokeBody;
use tauri::{AppHandle, Manager, Runtime};

/// The header that names the file.
pub(crate) const NAME: &str = "azora-name";

/// Most bytes of a file: a picture of the largest graph has a tenth of that.
const MOST: usize = 64 << 20;
/// Longest name, in bytes: with a number behind it, it still is one on every file system.
const LONGEST: usize = 200;
/// So many files of one name are told apart by a number.
const ALIKE: u32 = 1_000;
/// What the page makes.
const KINDS: [&str; 5] = ["json", "md", "mmd", "png", "svg"];

/// The file is there, whole, when this returns where.
pub(crate) async fn save<R: Runtime>(
    app: &AppHandle<R>,
    name: String,
    body: InvokeBody,
) -> Result<PathBuf, Failure> {
    let folder = app.path().download_dir().or_else(|_| app.path().home_dir());
    let work = move || {
        let bytes = bytes(body).ok_or_else(|| io::Error::other("it came without its bytes"))?;
        let folder = folder.map_err(io::Error::other)?;
        write(&folder, &name, &bytes)
    };
    let written = tokio::task::spawn_blocking(work).await;
    let written = written.map_err(io::Error::other).flatten();
    written.map_err(|error| Failure {
        code: match error.kind() {
            io::ErrorKind::InvalidInput => Code::BadRequest,
            _ => Code::Internal,
        },
        message: format!("failed to save the file: {error}"),
    })
}

/// Raw, or a list of numbers, where the web view takes no raw bodies.
fn bytes(body: InvokeBody) -> Option<Vec<u8>> {
    match body {
        InvokeBody::Raw(bytes) => Some(bytes),
        InvokeBody::Json(list) => serde_json::from_value(list).ok(),
    }
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<PathBuf> {
    let (stem, kind) = named(name)?;
    if bytes.len() > MOST {
        let text = format!("it has {} bytes, and may have {MOST}", bytes.len());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    std::fs::create_dir_all(folder).map_err(|error| within(folder, error))?;
    for number in 1..=ALIKE {
        let path = folder.join(match number {
            1 => format!("{stem}.{kind}"),
            _ => format!("{stem} ({number}).{kind}"),
        });
        let mut file = match File::create_new(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(within(folder, error)),
        };
        // What is there is on the disk, or there is nothing.
        if let Err(error) = file.write_all(bytes).and_then(|()| file.sync_all()) {
            let _ = std::fs::remove_file(&path);
            return Err(within(folder, error));
        }
        return Ok(path);
    }
    Err(io::Error::other(format!(
        "{} has {ALIKE} files of the name {name}",
        folder.display()
    )))
}

/// The name without its ending, and that.
fn named(name: &str) -> io::Result<(&str, &str)> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    name.rsplit_once('.')
        .filter(|(stem, kind)| {
            let whole = name.len() <= LONGEST && name.chars().all(plain);
            whole && !stem.is_empty() && !stem.starts_with('.') && KINDS.contains(kind)
        })
        .ok_or_else(|| {
            let text = format!("{name:?} is no name for it");
            io::Error::new(io::ErrorKind::InvalidInput, text)
        })
}

fn within(folder: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_whole_and_over_no_other() {
        let home = tempfile::tempdir().unwrap();
        // Nobody has downloaded anything yet.
        let folder = home.path().join("Downloads");
        let first = write(&folder, "shop-topology.svg", b"<svg/>").unwrap();
        let second = write(&folder, "shop-topology.svg", b"<svg>2</svg>").unwrap();
        assert_eq!(first, folder.join("shop-topology.svg"));
        assert_eq!(second, folder.join("shop-topology (2).svg"));
        assert_eq!(std::fs::read(first).unwrap(), b"<svg/>");
        assert_eq!(std::fs::read(second).unwrap(), b"<svg>2</svg>");
        // Where a name leads to a file elsewhere, that one is left alone.
        let other = home.path().join("other");
        std::fs::write(&other, "mine").unwrap();
        std::os::unix::fs::symlink(&other, folder.join("link.md")).unwrap();
        let beside = write(&folder, "link.md", b"# It").unwrap();
        assert_eq!(beside, folder.join("link (2).md"));
        assert_eq!(std::fs::read(other).unwrap(), b"mine");
    }

    #[test]
    fn no_name_leads_out_of_the_folder_or_is_run_by_anybody() {
        let home = tempfile::tempdir().unwrap();
        for name in [
            "",
            ".",
            "..",
            ".svg",
            ".bashrc",
            "..svg",
            "svg",
            "run.desktop",
            "run.sh",
            "page.html",
            "a/b.svg",
            "../b.svg",
            "a\\b.svg",
            "a\0.svg",
            "a\n.svg",
            "é.svg",
            &format!("{}.svg", "x".repeat(LONGEST)),
        ] {
            let error = write(home.path(), name, b"").unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{name:?}");
        }
        let large = vec![0; MOST + 1];
        let error = write(home.path(), "a.png", &large).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
        assert!(write(home.path(), "a.b-c_1.png", b"").is_ok());
    }

    #[test]
    fn what_keeps_it_from_being_written_is_said_with_the_folder() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("Downloads");
        std::fs::write(&file, "").unwrap();
        let error = write(&file, "a.svg", b"").unwrap_err();
        let said = error.to_string();
        assert!(said.starts_with(&file.display().to_string()), "{said}");
    }

    #[test]
    fn bytes_come_raw_or_as_numbers() {
        assert_eq!(bytes(InvokeBody::Raw(vec![0, 255])), Some(vec![0, 255]));
        let list = serde_json::json!([0, 255]);
        assert_eq!(bytes(InvokeBody::Json(list)), Some(vec![0, 255]));
        for wrong in [
            serde_json::json!({}),
            serde_json::json!([256]),
            serde_json::json!("x"),
        ] {
            assert_eq!(bytes(InvokeBody::Json(wrong)), None);
        }
    }
}

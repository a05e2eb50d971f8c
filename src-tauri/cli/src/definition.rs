//! Finding and reading a definition on this side, so that its mistakes are shown where it is edited.

use crate::args::Check;
use crate::fail::{Done, Fail};
use crate::terminal::{Terminal, note, plain, print};
use engine::definition::no_file;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Width of diagnostics where there is no terminal.
const USUAL_WIDTH: usize = 100;

/// Far over what the parser takes, so that it can say how much too large a file is.
const MOST: u64 = 64 * spec::limits::MAX_BYTES as u64;

/// A folder with a definition.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Absolute, links followed.
    pub(crate) folder: PathBuf,
    file: PathBuf,
}

/// The folder that `path` means: itself, the folder of the file it names, or without a path the
/// nearest folder from `here` upward that has a definition.
pub(crate) fn find(path: Option<&Path>, here: &Path) -> Done<Found> {
    let (start, up) = match path {
        Some(path) => (here.join(path), false),
        None => (here.to_owned(), true),
    };
    let unread = |path: &Path, why: &dyn std::fmt::Display| {
        Fail::absent(format!("failed to read {}: {why}", path.display()))
    };
    // A folder may have that name, and be the one that is meant.
    let itself = start.file_name().is_some_and(|name| name == spec::FILE);
    if let Some(what) = no_file(&start).filter(|_| itself && !start.join(spec::FILE).exists()) {
        return Err(unread(&start, &what));
    }
    let real = std::fs::canonicalize(&start).map_err(|error| unread(&start, &error))?;
    if real.is_file() {
        let folder = real.parent().unwrap_or(Path::new("/")).to_owned();
        if real.file_name().is_some_and(|name| name != spec::FILE) {
            return Err(Fail::absent(format!(
                "{} is not an {}",
                real.display(),
                spec::FILE
            )));
        }
        return Ok(Found { folder, file: real });
    }
    let mut folders = real.ancestors().take(if up { usize::MAX } else { 1 });
    // What else there is of that name is not passed over: somebody has meant it to be one.
    let folder = folders.find(|folder| folder.join(spec::FILE).symlink_metadata().is_ok());
    match folder {
        Some(folder) => {
            let file = folder.join(spec::FILE);
            match no_file(&file) {
                Some(what) => Err(unread(&file, &what)),
                None => Ok(Found {
                    folder: folder.to_owned(),
                    file,
                }),
            }
        }
        None if up => Err(Fail::absent(format!(
            "there is no {} in {} or above it",
            spec::FILE,
            real.display()
        ))),
        None => Err(Fail::absent(format!(
            "there is no {} in {}",
            spec::FILE,
            real.display()
        ))),
    }
}

impl Found {
    /// Reads and checks it.
    pub(crate) fn read(&self) -> Done<Result<spec::Cluster, spec::Diagnostics>> {
        let failed =
            |error| Fail::absent(format!("failed to read {}: {error}", self.file.display()));
        engine::definition::read(&self.folder, &self.label(), MOST)
            .map_err(|error| failed(error.to_string()))?
            .ok_or_else(|| failed("it is gone".to_owned()))
    }

    /// Reads it, or shows what is wrong with it.
    pub(crate) fn checked(&self) -> Done<spec::Cluster> {
        self.read()?.map_err(|problems| self.shown(&problems))
    }

    /// What is wrong, with lines and carets.
    fn shown(&self, problems: &spec::Diagnostics) -> Fail {
        let terminal = Terminal::stderr();
        let text = problems.render(terminal.columns.unwrap_or(USUAL_WIDTH), terminal.colour);
        Fail::definition(format!(
            "{} cannot be run\n{}",
            self.label(),
            text.trim_end()
        ))
    }

    /// How messages name the file: as short as it can be typed from here.
    fn label(&self) -> String {
        let here = std::env::current_dir().and_then(std::fs::canonicalize).ok();
        let short = here
            .as_deref()
            .and_then(|here| self.file.strip_prefix(here).ok());
        short.unwrap_or(&self.file).display().to_string()
    }
}

/// Why the definition of a cluster that was brought up cannot be used as it is now, in one line.
pub(crate) fn unusable(folder: &Path) -> Option<String> {
    match engine::definition::read(folder, spec::FILE, MOST) {
        Ok(Some(Ok(_))) => None,
        Ok(Some(Err(problems))) => Some(problems.to_string()),
        Ok(None) => Some(format!("{} is gone", spec::FILE)),
        Err(error) => Some(format!("failed to read {}: {error}", spec::FILE)),
    }
}

/// `azora check`.
pub(crate) fn check(here: &Path, arguments: &Check) -> Done {
    let found = find(Some(&arguments.path), here)?;
    let read = found.read()?;
    if arguments.json.json {
        let value = match &read {
            Ok(cluster) => {
                json!({"ok": true, "name": cluster.name, "services": cluster.services.len(), "problems": [], "notes": spec::notes(cluster)})
            }
            Err(problems) => {
                json!({"ok": false, "problems": problems_json(problems), "unshown": problems.unshown()})
            }
        };
        print(&value.to_string())?;
    }
    match read {
        Ok(cluster) if !arguments.json.json => {
            print(&format!("ok: {} services", cluster.services.len()))?;
            for text in spec::notes(&cluster) {
                note(&format!("note: {}", plain(&text)));
            }
            Ok(())
        }
        Ok(_) => Ok(()),
        Err(_) if arguments.json.json => Err(Fail::definition("")),
        Err(problems) => Err(found.shown(&problems)),
    }
}

fn problems_json(problems: &spec::Diagnostics) -> Vec<serde_json::Value> {
    problems
        .problems()
        .iter()
        .map(|problem| {
            let (line, column) = problem.position();
            json!({"file": problem.file(), "line": line, "column": column, "message": problem.message(), "remedy": problem.remedy()})
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("shop/src/deep")).unwrap();
        std::fs::write(
            root.path().join("shop/azora.toml"),
            "[service.a]\nrun = \"sleep 1\"\n",
        )
        .unwrap();
        std::fs::write(root.path().join("shop/other.toml"), "").unwrap();
        std::fs::create_dir_all(root.path().join("folder/azora.toml")).unwrap();
        for folder in ["loop", "shop/loop"] {
            let folder = root.path().join(folder);
            std::fs::create_dir(&folder).unwrap();
            std::os::unix::fs::symlink("azora.toml", folder.join("azora.toml")).unwrap();
        }
        root
    }

    #[test]
    fn a_definition_is_found_here_above_or_where_the_path_says() {
        let root = tree();
        let real = root.path().canonicalize().unwrap();
        let shop = real.join("shop");
        let found = |path: Option<&str>, here: &Path| {
            find(path.map(Path::new), here).map(|found| found.folder)
        };
        assert_eq!(found(None, &shop.join("src/deep")).unwrap(), shop);
        assert_eq!(found(Some("shop"), &real).unwrap(), shop);
        assert_eq!(found(Some("shop/azora.toml"), &real).unwrap(), shop);
        assert_eq!(found(Some(".."), &shop.join("src")).unwrap(), shop);
    }

    #[test]
    fn a_definition_that_cannot_be_used_now_says_why_in_one_line() {
        let root = tree();
        let shop = root.path().join("shop");
        assert_eq!(unusable(&shop), None);
        std::fs::write(shop.join("azora.toml"), "[service.a\nrun = 1\n").unwrap();
        let why = unusable(&shop).unwrap();
        assert!(
            why.starts_with("azora.toml") && !why.contains('\n'),
            "{why}"
        );
        std::fs::remove_file(shop.join("azora.toml")).unwrap();
        assert_eq!(unusable(&shop).unwrap(), "azora.toml is gone");
    }

    #[test]
    fn a_path_that_was_typed_means_exactly_that() {
        let root = tree();
        let message = |path: &str| {
            find(Some(Path::new(path)), root.path())
                .unwrap_err()
                .message
        };
        assert!(
            message("shop/src").contains("there is no azora.toml in"),
            "not the folder above"
        );
        assert!(message("shop/other.toml").contains("is not an azora.toml"));
        assert!(message("none").contains("failed to read"));
        for (name, what) in [
            ("folder", "azora.toml: it is a folder, not a file"),
            (
                "folder/azora.toml",
                "azora.toml: it is a folder, not a file",
            ),
            ("loop", "azora.toml: it is a link that leads to itself"),
            (
                "loop/azora.toml",
                "azora.toml: it is a link that leads to itself",
            ),
        ] {
            assert!(message(name).contains(what), "{name}: {}", message(name));
        }
        let above = find(None, &root.path().join("shop/loop")).unwrap_err();
        assert!(
            above.message.contains("leads to itself"),
            "the one above is not meant"
        );
        assert!(
            find(None, root.path())
                .unwrap_err()
                .message
                .contains("or above it")
        );
    }
}

//! Finding and reading a definition on this side, so that its mistakes are shown where it is edited.

use crate::args::Check;
use crate::fail::{Done, Fail};
use crate::terminal::{Terminal, note, plain, print};
use crate::up::environment;
use engine::definition::{Definition, File, With, files, no_file};
use serde_json::json;
use std::io::Read as _;
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
    /// Which file of it.
    pub(crate) file: File,
    /// It was named, and not found.
    pub(crate) named: bool,
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
    let name = |path: &Path| {
        path.file_name()
            .and_then(|name| File::named(name.to_str()?))
    };
    let itself = name(&start);
    if let Some(what) = no_file(&start).filter(|_| itself.is_some() && files(&start).is_empty()) {
        return Err(unread(&start, &what));
    }
    let real = std::fs::canonicalize(&start).map_err(|error| unread(&start, &error))?;
    if real.is_file() {
        // A link may have another name than what it leads to.
        let (Some(file), Some(real)) = (itself.or_else(|| name(&real)), beside(&start, &real))
        else {
            return Err(Fail::absent(format!(
                "{} is not a file that says what to run; those are called {}",
                real.display(),
                formats::FILES.join(", ")
            )));
        };
        return Ok(Found {
            folder: real,
            file,
            named: true,
        });
    }
    let folder = match up {
        true => nearest(&real),
        false => Some(real.as_path()).filter(|folder| !files(folder).is_empty()),
    };
    let found = folder.and_then(|folder| Some((folder, files(folder).into_iter().next()?)));
    match found {
        Some((folder, file)) => match no_file(&folder.join(&file.name)) {
            Some(what) => Err(unread(&folder.join(&file.name), &what)),
            None => Ok(Found {
                folder: folder.to_owned(),
                file,
                named: false,
            }),
        },
        None => {
            let above = if up { " or above it" } else { "" };
            Err(Fail::absent(format!(
                "there is no {} in {}{above}; `azora up --help` says what is read",
                formats::FILES.join(" or "),
                real.display()
            )))
        }
    }
}

/// The folder of a file that was named: where it lies, which for a link is where the link lies when its
/// name says how it is read.
fn beside(start: &Path, real: &Path) -> Option<PathBuf> {
    let file = match start
        .file_name()
        .and_then(|name| File::named(name.to_str()?))
    {
        Some(own) if own.format != formats::Format::Azora => start,
        _ => real,
    };
    let folder = std::fs::canonicalize(file.parent()?).ok()?;
    let name = file.file_name()?.to_str()?;
    File::named(name).map(|_| folder)
}

/// The nearest folder from `start` upward that has a definition. One of Azora's own counts before any
/// other: what lies below it is a part of it, whatever else it can be run with.
pub(crate) fn nearest(start: &Path) -> Option<&Path> {
    let with = |own: bool| {
        let of = move |file: File| own == (file.format == formats::Format::Azora);
        start
            .ancestors()
            .find(|folder| files(folder).into_iter().any(of))
    };
    with(true).or_else(|| with(false))
}

impl Found {
    /// Reads and checks it, as `up` does when that is asked for.
    pub(crate) fn read(&self, asked: &spec::Choice) -> Done<Result<Definition, spec::Diagnostics>> {
        let failed = |error| {
            let path = self.path();
            Fail::absent(format!("failed to read {}: {error}", path.display()))
        };
        let with = With {
            env: environment(),
            asked: asked.clone(),
            ..With::default()
        };
        engine::definition::read(&self.folder, &self.file, &self.label(), MOST, &with)
            .map_err(|error| failed(error.to_string()))?
            .ok_or_else(|| failed("it is gone".to_owned()))
    }

    /// Where the file lies.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.join(&self.file.name)
    }

    /// The definition that says the same, or the part of one that it is beside others. Services of these profiles are
    /// always wanted.
    pub(crate) fn imported(
        &self,
        profiles: &[String],
        others: Option<&formats::Others>,
    ) -> Done<formats::Imported> {
        let path = self.path();
        let failed = |error| Fail::absent(format!("failed to read {}: {error}", path.display()));
        let mut bytes = Vec::new();
        std::fs::File::open(&path)
            .and_then(|file| file.take(MOST).read_to_end(&mut bytes))
            .map_err(failed)?;
        // What is written does not depend on where it was asked for.
        let name = &self.file.name;
        let with = With {
            env: environment(),
            always: profiles.iter().cloned().collect(),
            ..With::default()
        };
        let file = (self.file.format, name.as_str());
        engine::definition::imported(&self.folder, file, &bytes, &with, others)
            .map_err(failed)?
            .map_err(|problems| self.shown(&problems))
    }

    /// Reads it, or shows what is wrong with it, or that it does not have what is asked for.
    pub(crate) fn checked(&self, asked: &spec::Choice) -> Done<Definition> {
        let read = self
            .read(asked)?
            .map_err(|problems| self.shown(&problems))?;
        match asked.left_out(&read.cluster) {
            Ok(_) => Ok(read),
            Err(none) => Err(Fail::usage(plain(&none.to_string()))),
        }
    }

    /// What is wrong, with lines and carets.
    pub(crate) fn shown(&self, problems: &spec::Diagnostics) -> Fail {
        let terminal = Terminal::stderr();
        let text = problems.render(terminal.columns.unwrap_or(USUAL_WIDTH), terminal.colour);
        Fail::definition(format!(
            "{} cannot be run\n{}",
            plain(&self.label()),
            text.trim_end()
        ))
    }

    /// How messages name the file: as short as it can be typed from here.
    pub(crate) fn label(&self) -> String {
        let (file, here) = (self.path(), std::env::current_dir());
        let here = here.and_then(std::fs::canonicalize).ok();
        let short = here
            .as_deref()
            .and_then(|here| file.strip_prefix(here).ok());
        short.unwrap_or(&file).display().to_string()
    }
}

/// Why the definition of a cluster that was brought up cannot be used as it is now, in one line.
pub(crate) fn unusable(folder: &Path) -> Option<String> {
    let file = files(folder).into_iter().next().unwrap_or_else(File::own);
    let name = &file.name;
    match engine::definition::read(folder, &file, name, MOST, &environment().into()) {
        Ok(Some(Ok(_))) => None,
        Ok(Some(Err(problems))) => Some(problems.to_string()),
        Ok(None) => Some(format!("{name} is gone")),
        Err(error) => Some(format!("failed to read {name}: {error}")),
    }
}

/// `azora check`.
pub(crate) fn check(here: &Path, arguments: &Check) -> Done {
    let found = find(Some(&arguments.path), here)?;
    let asked = spec::Choice {
        profiles: arguments.profiles.clone(),
        ..spec::Choice::default()
    };
    let read = found.read(&asked)?;
    if let Ok(read) = &read
        && let Err(none) = asked.left_out(&read.cluster)
    {
        return Err(Fail::usage(plain(&none.to_string())));
    }
    if arguments.json.json {
        let value = match &read {
            Ok(Definition { cluster, notes, .. }) => {
                let notes: Vec<String> =
                    notes.iter().cloned().chain(spec::notes(cluster)).collect();
                json!({"ok": true, "file": found.file.name, "name": cluster.name, "services": cluster.services.len(), "problems": [], "notes": notes})
            }
            Err(problems) => {
                json!({"ok": false, "problems": problems_json(problems), "unshown": problems.unshown()})
            }
        };
        print(&value.to_string())?;
    }
    match read {
        Ok(Definition { cluster, notes, .. }) if !arguments.json.json => {
            let services = match cluster.services.len() {
                1 => "1 service".to_owned(),
                many => format!("{many} services"),
            };
            print(&format!("ok: {services}"))?;
            for text in notes.into_iter().chain(spec::notes(&cluster)) {
                note(&format!("note: {}", plain(&text)));
            }
            Ok(())
        }
        Ok(_) => Ok(()),
        Err(_) if arguments.json.json => Err(Fail::definition("")),
        Err(problems) => Err(found.shown(&problems)),
    }
}

/// What is wrong, for programs.
pub(crate) fn problems_json(problems: &spec::Diagnostics) -> Vec<serde_json::Value> {
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
    fn what_other_programs_run_is_found_too_unless_there_is_one_of_our_own() {
        let root = tree();
        let real = root.path().canonicalize().unwrap();
        let write = |path: &str| std::fs::write(real.join(path), "web: sleep 1\n").unwrap();
        std::fs::create_dir_all(real.join("rails/app")).unwrap();
        for path in [
            "rails/Procfile",
            "rails/Procfile.dev",
            "rails/Procfile.old",
            "shop/Procfile",
            "shop/src/Procfile",
        ] {
            write(path);
        }
        std::os::unix::fs::symlink("../rails/Procfile", real.join("folder/Procfile")).unwrap();
        std::fs::create_dir(real.join("links")).unwrap();
        std::os::unix::fs::symlink("../shop/azora.toml", real.join("links/toml")).unwrap();
        let found = |path: Option<&str>, here: &str| {
            let found = find(path.map(Path::new), &real.join(here)).unwrap();
            let folder = found
                .folder
                .strip_prefix(&real)
                .unwrap()
                .display()
                .to_string();
            (folder, found.file.name, found.named)
        };
        let is = |folder: &str, file: &str, named| (folder.to_owned(), file.to_owned(), named);
        assert_eq!(found(None, "rails/app"), is("rails", "Procfile.dev", false));
        assert_eq!(found(Some("rails"), ""), is("rails", "Procfile.dev", false));
        assert_eq!(
            found(Some("rails/Procfile"), ""),
            is("rails", "Procfile", true)
        );
        assert_eq!(
            found(Some("Procfile.old"), "rails"),
            is("rails", "Procfile.old", true)
        );
        assert_eq!(found(None, "shop"), is("shop", "azora.toml", false));
        assert_eq!(
            found(Some("Procfile"), "shop"),
            is("shop", "Procfile", true)
        );
        // A part of what is defined above it.
        assert_eq!(found(None, "shop/src"), is("shop", "azora.toml", false));
        assert_eq!(
            found(Some("."), "shop/src"),
            is("shop/src", "Procfile", false)
        );
        // By the name of the link, where that says how it is read.
        assert_eq!(
            found(Some("folder/Procfile"), ""),
            is("folder", "Procfile", true)
        );
        assert_eq!(
            found(Some("links/toml"), ""),
            is("shop", "azora.toml", true)
        );
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
            message("shop/src").contains("there is no azora.toml or "),
            "not the folder above"
        );
        assert!(message("shop/other.toml").contains("is not a file that says what to run"));
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

//! Compose files as people have them (`tests/corpus/compose`), and the definitions they become: as they are written
//! down beside them, read by `spec`, and meaning what the files mean.

#![expect(
    clippy::disallowed_methods,
    reason = "reads cases of the repository, and writes what is meant when asked"
)]

use crate::meaning::differences;
use crate::text::imported;
use crate::{Tree, read};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// What an owner reads of a definition and of its notes.
const TEXT: &str = "azora.toml";
const NOTES: &str = "notes";

/// A case: what it is about, and the files of its folder.
struct Case {
    path: PathBuf,
    about: String,
    files: Vec<(String, String)>,
}

impl Case {
    fn read(path: PathBuf) -> Self {
        let text = std::fs::read_to_string(&path).unwrap();
        let (mut about, mut files) = (String::new(), Vec::<(String, String)>::new());
        for line in text.split_inclusive('\n') {
            let name = line.trim_end().strip_prefix("-- ");
            match (
                name.and_then(|name| name.strip_suffix(" --")),
                files.last_mut(),
            ) {
                (Some(name), _) => files.push((name.to_owned(), String::new())),
                (None, Some((_, text))) => text.push_str(line),
                (None, None) => about.push_str(line),
            }
        }
        Self { path, about, files }
    }

    fn file(&self, name: &str) -> Option<&str> {
        let file = self.files.iter().find(|(one, _)| one == name);
        file.map(|(_, text)| text.as_str())
    }

    /// The files that its owner has.
    fn tree(&self) -> Vec<(&str, &str)> {
        let files = self.files.iter();
        let own = files.filter(|(name, _)| name != TEXT && name != NOTES);
        own.map(|(name, text)| (name.as_str(), text.as_str()))
            .collect()
    }

    /// The same with other results.
    fn with(&self, text: &str, notes: &str) -> String {
        let mut all = self.about.clone();
        let results = [(TEXT, text), (NOTES, notes)];
        for (name, text) in self.tree().into_iter().chain(results) {
            write!(all, "-- {name} --\n{text}").unwrap();
        }
        all
    }
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/compose");
    let entries = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(Case::read).collect()
}

#[test]
fn each_becomes_the_definition_that_is_written_beside_it() {
    let bless = std::env::var_os("AZORA_BLESS").is_some();
    let all = cases();
    assert!(all.len() >= 30, "{} are not enough", all.len());
    let mut wrong = String::new();
    for case in &all {
        let tree = case.tree();
        let made = imported(&tree).unwrap_or_else(|wrong| panic!("{:?}\n{wrong}", case.path));
        let notes = made.notes.iter().map(|note| format!("{note}\n"));
        let notes: String = notes.collect();
        let same = case.file(TEXT) == Some(&made.text) && case.file(NOTES) == Some(&notes);
        if !same && bless {
            std::fs::write(&case.path, case.with(&made.text, &notes)).unwrap();
        } else if !same {
            writeln!(wrong, "{:?} becomes\n{}\n{notes}", case.path, made.text).unwrap();
        }
    }
    assert!(
        wrong.is_empty(),
        "{wrong}AZORA_BLESS=1 writes what is meant"
    );
}

#[test]
fn each_definition_is_right_and_means_what_its_file_means() {
    for case in cases() {
        let tree = case.tree();
        let made = imported(&tree).unwrap();
        let cluster = defined(&made.text, &tree);
        let project = read(&tree).unwrap();
        let differences = differences(&project, &cluster);
        assert!(
            differences.is_empty(),
            "{:?}\n{}\n{}",
            case.path,
            made.text,
            differences.join("\n")
        );
    }
}

/// What is written does not depend on where it was asked for, and is the same when it is asked for again.
#[test]
fn each_definition_is_the_same_from_wherever_it_is_asked_for() {
    for case in cases() {
        let tree = case.tree();
        let once = imported(&tree).unwrap();
        let far = format!("somewhere/{}", tree[0].0);
        let mut elsewhere = tree.clone();
        elsewhere[0].0 = &far;
        let again = imported(&elsewhere).unwrap();
        assert_eq!(once.text, again.text, "{:?}", case.path);
        let as_own = defined(&once.text, &tree);
        assert_eq!(as_own, defined(&again.text, &tree), "{:?}", case.path);
    }
}

/// The definition in a text, with the env files of a folder.
pub(crate) fn defined(text: &str, tree: Tree<'_>) -> spec::Cluster {
    let mut sources = spec::Sources::new("shop", text.as_bytes().to_vec());
    loop {
        match sources.read() {
            Ok(spec::Reading::Complete(cluster)) => return *cluster,
            Ok(spec::Reading::Needs(paths)) => {
                for path in paths {
                    let there = tree.iter().find(|(name, _)| *name == path);
                    let found = there.map_or(spec::Found::Absent, |(_, text)| {
                        spec::Found::Bytes(text.as_bytes().to_vec())
                    });
                    sources.add(path, found);
                }
            }
            Err(wrong) => panic!("{text}\n{}", wrong.render(120, false)),
        }
    }
}

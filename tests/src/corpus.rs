//! Folders as people have them, each written down in one file of `tests/corpus/KIND`, with what is expected of it.
//!
//! What stands before the first `-- NAME --` says what it is about. Each such line begins a file of the folder;
//! the one called `expect` holds the expectations, a line each:
//!
//! | line | what it says |
//! |---|---|
//! | `program PATH` | the folder has a program here |
//! | `ends WORD` | a program with this word among its arguments ends by itself, with 0 |
//! | `INSTANCE ran WORDS` | it was started so; words with blanks stand in single quotes |
//! | `INSTANCE has NAME=VALUE` | with this variable; `\n` is a line's end |
//! | `INSTANCE in FOLDER` | in this folder |
//! | `first SERVICE then SERVICE` | every process of the one was made before any of the other |
//! | `none SERVICE` | there is no such service |
//! | `rests SERVICE` | there is, and it is not started |
//! | `note TEXT` | `up` says this |
//!
//! `{port}` is the port the instance was given, `{NAME.port}` that of the first instance of another.

use crate::{Azora, Folder, Instance, root, until};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// Programs that a stand-in is there for, in every case.
const PROGRAMS: &str = "air bun bundle cargo celery clockwork composer deno dotnet elixir flask foreman go gradle guard \
                        gunicorn hugo java mailcatcher memcached minio mix mvn node npm npx php pipenv pnpm poetry postgres \
                        puma python python3 rackup rails rake redis-server ruby sidekiq tailwindcss uv uvicorn vite webpack \
                        yarn";

/// A folder, and what is expected of it.
#[derive(Debug)]
pub struct Case {
    /// The name of its file.
    pub name: String,
    files: Vec<(String, String)>,
    expected: Vec<Expected>,
}

#[derive(Debug)]
enum Expected {
    Program(String),
    Ends(String),
    Ran(String, String),
    Has(String, String, String),
    In(String, String),
    Order(String, String),
    None(String),
    Rests(String),
    Note(String),
}

/// All cases of a kind, sorted by name.
///
/// # Panics
/// When one of them cannot be read.
pub fn cases(kind: &str) -> Vec<Case> {
    let folder = root().join("tests/corpus").join(kind);
    let entries = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("failed to read {}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("the folder reads").path())
        .collect();
    paths.sort();
    paths.iter().map(|path| Case::read(path)).collect()
}

impl Case {
    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).expect("a case is UTF-8");
        let name = path.file_stem().expect("it has a name").to_string_lossy();
        let mut files: Vec<(String, String)> = Vec::new();
        for line in text.split_inclusive('\n') {
            let header = line.trim_end().strip_prefix("-- ");
            match header.and_then(|header| header.strip_suffix(" --")) {
                Some(file) => files.push((file.to_owned(), String::new())),
                None => {
                    if let Some((_, text)) = files.last_mut() {
                        text.push_str(line);
                    }
                }
            }
        }
        let at = files.iter().position(|(file, _)| file == "expect");
        let at = at.unwrap_or_else(|| panic!("{name} expects nothing"));
        let (_, expected) = files.remove(at);
        let lines = expected.lines().filter(|line| !line.is_empty());
        let expected = lines
            .map(|line| Expected::of(line).unwrap_or_else(|| panic!("{name}: what is {line:?}?")));
        Self {
            expected: expected.collect(),
            name: name.into_owned(),
            files,
        }
    }

    /// Makes the folder.
    ///
    /// # Panics
    /// When it cannot.
    pub fn lay(&self) -> Folder {
        let folder = Folder::empty();
        let place = |path: &str| {
            let path = folder.path().join(path);
            let parent = path.parent().expect("it is in the folder");
            fs::create_dir_all(parent).expect("the folder is ours");
            path
        };
        for (path, text) in &self.files {
            fs::write(place(path), text).expect("the folder is ours");
        }
        for expected in &self.expected {
            if let Expected::Program(path) = expected {
                symlink(testkit::program("puppet"), place(path)).expect("the folder is ours");
            }
        }
        folder
    }

    /// The words that make a stand-in end.
    fn ends(&self) -> String {
        let words = self.expected.iter().filter_map(|expected| match expected {
            Expected::Ends(word) => Some(word.as_str()),
            _ => None,
        });
        words.collect::<Vec<&str>>().join(" ")
    }
}

impl Expected {
    fn of(line: &str) -> Option<Self> {
        let (first, rest) = line.split_once(' ')?;
        let own = str::to_owned;
        Some(match first {
            "program" => Self::Program(own(rest)),
            "ends" => Self::Ends(own(rest)),
            "none" => Self::None(own(rest)),
            "rests" => Self::Rests(own(rest)),
            "note" => Self::Note(own(rest)),
            "first" => {
                let (before, after) = rest.split_once(" then ")?;
                Self::Order(own(before), own(after))
            }
            instance => match rest.split_once(' ')? {
                ("ran", words) => Self::Ran(own(instance), own(words)),
                ("in", folder) => Self::In(own(instance), own(folder)),
                ("has", pair) => {
                    let (name, value) = pair.split_once('=')?;
                    Self::Has(own(instance), own(name), value.replace("\\n", "\n"))
                }
                _ => return None,
            },
        })
    }
}

/// What the stand-ins wrote down.
#[derive(Debug, Default)]
struct Told {
    /// Instance, folder and words of each start.
    starts: Vec<(String, String, String)>,
}

impl Told {
    fn read(records: &Path) -> Self {
        let text = fs::read_to_string(records.join("starts")).unwrap_or_default();
        let starts = text.lines().map(|line| {
            let mut parts = line.split('\x1f').map(str::to_owned);
            let mut part = || parts.next().expect("a start has an instance and a folder");
            (
                part(),
                part(),
                parts.map(quoted).collect::<Vec<String>>().join(" "),
            )
        });
        Self {
            starts: starts.collect(),
        }
    }
}

/// The instances of a folder's cluster in the order in which their processes were made. What they write comes in
/// whatever order the machine runs them.
fn made(azora: &Azora, folder: &Path) -> Vec<String> {
    let cluster = azora.json(folder, &["ps"])["cluster"].clone();
    let events = azora.json(folder, &["events", "--limit", "10000"]);
    let events = events.as_array().into_iter().flatten();
    events
        .filter(|event| event["cluster"] == cluster && event["what"]["kind"] == "started")
        .filter_map(|event| event["what"]["instance"].as_str().map(str::to_owned))
        .collect()
}

fn quoted(word: String) -> String {
    match word.is_empty() || word.contains(' ') {
        true => format!("'{word}'"),
        false => word,
    }
}

/// A folder with a stand-in for each of the programs; it goes first on the `PATH` of [`Azora`].
#[derive(Debug)]
pub struct StandIns(Folder);

impl StandIns {
    /// Makes them.
    ///
    /// # Panics
    /// When it cannot.
    #[expect(clippy::new_without_default, reason = "making a folder is no default")]
    pub fn new() -> Self {
        let folder = Folder::empty();
        for program in PROGRAMS.split_whitespace() {
            let path = folder.path().join(program);
            symlink(testkit::program("puppet"), path).expect("the folder is ours");
        }
        Self(folder)
    }

    /// Brings a case's folder up, waits until what is expected was started, writes the equivalent definition beside
    /// it and brings it up again, which restarts nothing, and takes it down.
    ///
    /// # Errors
    /// What was not as expected.
    pub fn play(&self, azora: &Azora, case: &Case) -> Result<(), Vec<String>> {
        let (folder, records) = (case.lay(), Folder::empty());
        let usual = std::env::var("PATH").unwrap_or_default();
        let run = |words: &[&str]| {
            let path = format!("{}:{usual}", self.0.path().display());
            let variables = [
                ("PATH", path),
                ("STAND_IN", records.path().display().to_string()),
                ("STAND_IN_ENDS", case.ends()),
            ];
            let done = azora.run_with(folder.path(), words, &variables);
            match done.code {
                0 => Ok(done),
                _ => Err(vec![format!("{words:?} failed: {}{}", done.out, done.err)]),
            }
        };
        let up = run(&["up", "--detach", "--yes"])?;
        let instances = azora.instances(folder.path());
        let made = made(azora, folder.path());
        let mut wrong = Vec::new();
        // That a service runs says that its shell does; what the shell starts comes a little later.
        let as_expected = testkit::eventually(crate::PATIENCE, || {
            wrong = case.wrong(records.path(), &instances, &made, &up.err, folder.path());
            wrong.is_empty()
        });
        if !as_expected {
            return Err(wrong);
        }

        run(&["import", "--write"])?;
        run(&["up", "--detach", "--yes"])?;
        let pids = |all: &BTreeMap<String, Instance>| -> Vec<(String, u32)> {
            all.values()
                .map(|one| (one.name.clone(), one.pid))
                .collect()
        };
        let again = azora.instances(folder.path());
        if pids(&again) != pids(&instances) {
            let how = format!("the equivalent runs anew: {instances:?}, then {again:?}");
            return Err(vec![how]);
        }
        run(&["down"])?;
        until("its instances to have ended", || {
            let left = instances.values().filter(|one| one.pid != 0);
            let mut left = left.filter(|one| crate::process::lives(one.pid));
            left.next().is_none().then_some(())
        });
        Ok(())
    }
}

impl Case {
    fn wrong(
        &self,
        records: &Path,
        instances: &BTreeMap<String, Instance>,
        made: &[String],
        said: &str,
        folder: &Path,
    ) -> Vec<String> {
        let told = Told::read(records);
        let real = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let mut wrong = Vec::new();
        let mut expect = |held: bool, why: String| {
            if !held {
                wrong.push(why);
            }
        };
        let services: BTreeSet<&str> = instances
            .keys()
            .filter_map(|name| Some(name.rsplit_once('.')?.0))
            .collect();
        for expected in &self.expected {
            match expected {
                Expected::Program(_) | Expected::Ends(_) => {}
                Expected::Ran(instance, words) => {
                    let words = ports(words, instance, instances);
                    let own = told.starts.iter().filter(|(name, ..)| name == instance);
                    let own: Vec<&String> = own.map(|(_, _, words)| words).collect();
                    let ran = own.contains(&&words);
                    expect(ran, format!("{instance} ran {own:?} and not {words:?}"));
                }
                Expected::Has(instance, name, value) => {
                    let value = ports(value, instance, instances);
                    let all = fs::read(records.join(instance)).unwrap_or_default();
                    let wanted = format!("{name}={value}");
                    let mut each = all.split(|byte| *byte == 0);
                    let has = each.any(|one| one == wanted.as_bytes());
                    let prefix = format!("{name}=");
                    let mut each = all.split(|byte| *byte == 0);
                    let real = each.find(|one| one.starts_with(prefix.as_bytes()));
                    let real = real.map(String::from_utf8_lossy);
                    expect(has, format!("{instance} has {real:?} and not {wanted:?}"));
                }
                Expected::In(instance, place) => {
                    let place = real.join(place).display().to_string();
                    let mut starts = told.starts.iter();
                    let there = starts.any(|(name, at, _)| name == instance && *at == place);
                    expect(there, format!("{instance} was not started in {place}"));
                }
                Expected::Order(before, after) => {
                    let of = |service: &str| -> Vec<usize> {
                        let own =
                            |name: &str| name.rsplit_once('.').is_some_and(|(of, _)| of == service);
                        (0..made.len()).filter(|at| own(&made[*at])).collect()
                    };
                    let (last, first) = (of(before).pop(), of(after).into_iter().next());
                    let held = last.zip(first).is_some_and(|(last, first)| last < first);
                    expect(held, format!("{before} was not before {after}: {made:?}"));
                }
                Expected::None(service) => {
                    let held = !services.contains(service.as_str());
                    expect(held, format!("there is a service {service}"));
                }
                Expected::Rests(service) => {
                    let own = instances.get(&format!("{service}.0"));
                    let held = own.is_some_and(|one| one.pid == 0 && one.generation == 0);
                    expect(held, format!("{service} is not at rest: {own:?}"));
                }
                Expected::Note(text) => {
                    expect(
                        said.contains(text),
                        format!("nothing says {text:?}: {said}"),
                    );
                }
            }
        }
        // Nothing runs that the case does not know.
        let known: BTreeSet<&str> = self
            .expected
            .iter()
            .filter_map(|expected| match expected {
                Expected::Ran(instance, _) => Some(instance.rsplit_once('.')?.0),
                Expected::Rests(service) => Some(service.as_str()),
                _ => None,
            })
            .collect();
        for service in services.difference(&known) {
            expect(false, format!("{service} runs and was not expected"));
        }
        wrong
    }
}

/// The text with the ports that were given.
fn ports(text: &str, instance: &str, instances: &BTreeMap<String, Instance>) -> String {
    let own = instances.get(instance).map_or(0, |one| one.port);
    let mut text = text.replace("{port}", &own.to_string());
    for (name, other) in instances {
        if let Some(service) = name.strip_suffix(".0") {
            text = text.replace(&format!("{{{service}.port}}"), &other.port.to_string());
        }
    }
    text
}

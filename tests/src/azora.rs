//! The real `azora`, in a home of its own.

use crate::{PATIENCE, http, process};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{Read, Seek};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A home and the program that works in it. Whatever still belongs to the home ends with it.
#[derive(Debug)]
pub struct Azora {
    home: testkit::Home,
    program: PathBuf,
    env: Vec<(String, String)>,
    /// The user it runs as, when that is another, and copies of the programs for that one.
    other: Option<(u32, tempfile::TempDir)>,
}

/// How a command ended.
#[derive(Debug, Clone)]
pub struct Done {
    /// Its exit code; -1 when a signal ended it.
    pub code: i32,
    /// Its output.
    pub out: String,
    /// Its complaints.
    pub err: String,
}

/// A row of `azora ps --json`.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    /// `api.0`.
    pub name: String,
    /// `ready` …
    pub state: String,
    /// Why, as the row says it.
    pub reason: String,
    /// The process; 0 when there is none.
    pub pid: u32,
    /// Its first port; 0 when it has none.
    pub port: u16,
    /// Which start it is.
    pub generation: u64,
    /// How often healing started it.
    pub restarts: u64,
}

impl Instance {
    /// True while it answers, or may.
    pub fn serves(&self) -> bool {
        matches!(self.state.as_str(), "ready" | "degraded")
    }
}

impl Azora {
    /// A fresh home, and the `azora` that was built beside this test.
    #[expect(clippy::new_without_default, reason = "making a home is no default")]
    pub fn new() -> Self {
        Self::with(testkit::program("azora"))
    }

    /// A fresh home and this `azora`.
    pub fn with(program: PathBuf) -> Self {
        Self {
            home: testkit::Home::new(),
            program,
            env: Vec::new(),
            other: None,
        }
    }

    /// A fresh home of another user, and the same program, run by that user: with what lies beside it
    /// in a folder that anybody may read, where built programs need not be.
    ///
    /// # Errors
    /// What keeps it from being made. It takes root.
    pub fn of_user(&self, user: u32) -> Result<Self, String> {
        let said = |error: std::io::Error| format!("failed to run it as user {user}: {error}");
        let home = testkit::Home::new();
        chown(home.path(), Some(user), Some(user)).map_err(said)?;
        let folder = tempfile::Builder::new()
            .prefix("azp-")
            .permissions(std::fs::Permissions::from_mode(0o755))
            .tempdir_in("/tmp")
            .map_err(said)?;
        for name in ["azora", "azora-shim", "azora-relay", "organ", "puppet"] {
            let built = self.program.with_file_name(name);
            if built.exists() {
                std::fs::copy(built, folder.path().join(name)).map_err(said)?;
            }
        }
        Ok(Self {
            home,
            program: folder.path().join("azora"),
            env: self.env.clone(),
            other: Some((user, folder)),
        })
    }

    /// Sets a variable for every command from here on.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.push((name.to_owned(), value.into()));
        self
    }

    /// The home.
    pub fn home(&self) -> &testkit::Home {
        &self.home
    }

    /// A command that is to be run in a folder.
    pub fn command(&self, folder: &Path, words: &[&str]) -> Command {
        let mut command = self.as_user(&self.program);
        command
            .args(words)
            .current_dir(folder)
            .env("AZORA_HOME", self.home.path())
            .stdin(Stdio::null());
        for (name, value) in &self.env {
            command.env(name, value);
        }
        command
    }

    /// An engine in the foreground, as a child of this program. It says nothing.
    ///
    /// # Panics
    /// When it cannot be run.
    pub fn serve(&self, folder: &Path) -> Child {
        // What it says is part of the story.
        let said = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.home.path().join("serve.log"));
        self.command(folder, &["serve"])
            .stdout(Stdio::null())
            .stderr(said.map_or_else(|_| Stdio::null(), Stdio::from))
            .spawn()
            .expect("azora can be run")
    }

    /// The same, once it listens: an `up` that comes before would be an engine itself, and this one
    /// would end.
    ///
    /// # Panics
    /// When it cannot be run, or does not listen within [`PATIENCE`].
    pub fn serve_until_it_listens(&self, folder: &Path) -> Child {
        let engine = self.serve(folder);
        let there = testkit::eventually(PATIENCE, || self.listens(engine.id()));
        assert!(there, "the engine does not listen\n{}", self.story());
        engine
    }

    /// True once this engine has adopted everything: it says where it listens then, and not before.
    pub fn listens(&self, engine: u32) -> bool {
        let lock = self.lock();
        lock.is_some_and(|lock| lock["pid"] == engine && lock["api"].is_string())
    }

    /// The engine in the foreground, as what a shell becomes that has done `first` before.
    pub fn serve_after(&self, folder: &Path, first: &str) -> Command {
        let usual = self.command(folder, &[]);
        let mut command = self.as_user(Path::new("sh"));
        command
            .args(["-c", &format!("{first} && exec \"$0\" serve")])
            .arg(&self.program)
            .current_dir(folder)
            .stdin(Stdio::null());
        for (name, value) in usual.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        command
    }

    fn as_user(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        if let Some((user, _)) = &self.other {
            command.uid(*user).gid(*user);
        }
        command
    }

    /// Runs `azora WORDS` in a folder. JSON that it prints is held against the schema that is published.
    ///
    /// # Panics
    /// When it does not end in time, or prints JSON of another shape.
    #[track_caller]
    pub fn run(&self, folder: &Path, words: &[&str]) -> Done {
        self.run_with(folder, words, &[])
    }

    /// The same, with these variables besides.
    ///
    /// # Panics
    /// When it does not end in time.
    #[track_caller]
    pub fn run_with(&self, folder: &Path, words: &[&str], variables: &[(&str, String)]) -> Done {
        // Files, not pipes: an engine that goes on in the background may keep them open.
        let (mut out, mut err) = (
            tempfile::tempfile().expect("scratch"),
            tempfile::tempfile().expect("scratch"),
        );
        let mut child = self
            .command(folder, words)
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdout(out.try_clone().expect("a file can be shared"))
            .stderr(err.try_clone().expect("a file can be shared"))
            .spawn()
            .unwrap_or_else(|error| panic!("failed to run azora: {error}"));
        let mut status = None;
        let ended = testkit::eventually(2 * PATIENCE, || {
            status = child.try_wait().expect("it is our child");
            status.is_some()
        });
        let read = |file: &mut std::fs::File| {
            let mut text = String::new();
            file.rewind().expect("it is a file");
            file.read_to_string(&mut text).expect("azora writes UTF-8");
            text
        };
        let (out, err) = (read(&mut out), read(&mut err));
        if !ended {
            let _ = child.kill();
            panic!(
                "azora {words:?} did not end\n--- out\n{out}\n--- err\n{err}\n{}",
                self.story()
            );
        }
        crate::outputs::hold(words, &out);
        Done {
            code: status.and_then(|status| status.code()).unwrap_or(-1),
            out,
            err,
        }
    }

    /// Runs it and wants it to go well; answers its output.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn ok(&self, folder: &Path, words: &[&str]) -> String {
        self.well(folder, words).out
    }

    #[track_caller]
    fn well(&self, folder: &Path, words: &[&str]) -> Done {
        let done = self.run(folder, words);
        if done.code != 0 {
            panic!(
                "azora {words:?} ended with {}\n--- out\n{}\n--- err\n{}\n{}",
                done.code,
                done.out,
                done.err,
                self.story()
            );
        }
        done
    }

    /// Runs it and reads its JSON.
    ///
    /// # Panics
    /// When it does not go well or prints no JSON.
    #[track_caller]
    pub fn json(&self, folder: &Path, words: &[&str]) -> Value {
        let out = self.ok(folder, &[words, &["--json"]].concat());
        serde_json::from_str(&out).unwrap_or_else(|error| {
            panic!("azora {words:?} --json printed no JSON: {error}\n{out}")
        })
    }

    /// Brings a folder's cluster up and leaves it in the background; answers what it said.
    #[track_caller]
    pub fn up(&self, folder: &Path) -> String {
        let done = self.well(folder, &["up", ".", "--detach", "--trust"]);
        done.out + &done.err
    }

    /// The instances of a folder's cluster.
    #[track_caller]
    pub fn instances(&self, folder: &Path) -> BTreeMap<String, Instance> {
        let ps = self.json(folder, &["ps"]);
        let rows = ps["instances"]
            .as_array()
            .unwrap_or_else(|| panic!("no instances in {ps}"));
        rows.iter()
            .map(|row| instance(row))
            .map(|instance| (instance.name.clone(), instance))
            .collect()
    }

    /// One of them.
    #[track_caller]
    pub fn instance(&self, folder: &Path, name: &str) -> Instance {
        let mut all = self.instances(folder);
        all.remove(name)
            .unwrap_or_else(|| panic!("no instance {name} in {:?}", all.keys()))
    }

    /// Waits until an instance is as wanted.
    #[track_caller]
    pub fn until(
        &self,
        folder: &Path,
        name: &str,
        what: &str,
        wanted: impl Fn(&Instance) -> bool,
    ) -> Instance {
        let mut last = None;
        let there = testkit::eventually(PATIENCE, || {
            let found = self.instance(folder, name);
            let there = wanted(&found);
            last = Some(found);
            there
        });
        match last {
            Some(found) if there => found,
            last => panic!(
                "waited for {name} to be {what}, last seen {last:#?}\n{}",
                self.story()
            ),
        }
    }

    /// The process of the engine.
    #[track_caller]
    pub fn engine(&self) -> u32 {
        let status = self.json(self.home.path(), &["status"]);
        let pid = status["engine"]["pid"]
            .as_u64()
            .unwrap_or_else(|| panic!("no engine in {status}"));
        u32::try_from(pid).expect("a pid")
    }

    /// The port of the registry.
    #[track_caller]
    pub fn registry(&self) -> u16 {
        let status = self.json(self.home.path(), &["status"]);
        let url = status["engine"]["registry"]
            .as_str()
            .unwrap_or_else(|| panic!("no registry in {status}"));
        http::port_of(url).unwrap_or_else(|| panic!("no port in {url}"))
    }

    /// The port of the gateway; `None` while it has none.
    #[track_caller]
    pub fn gateway(&self) -> Option<u16> {
        let status = self.json(self.home.path(), &["status"]);
        http::port_of(status["engine"]["gateway"].as_str()?)
    }

    /// The ports the registry lists for a name.
    #[track_caller]
    pub fn listed(&self, name: &str) -> Vec<u16> {
        self.all_listed().remove(name).unwrap_or_default()
    }

    /// The ports the registry lists, by name.
    #[track_caller]
    pub fn all_listed(&self) -> BTreeMap<String, Vec<u16>> {
        let answer = http::get(self.registry(), "/services").expect("the registry answers");
        let services = answer.json();
        // Either a list of entries, or an object that holds one.
        let list = services
            .as_array()
            .or_else(|| services["services"].as_array());
        let mut listed: BTreeMap<String, Vec<u16>> = BTreeMap::new();
        for entry in list.unwrap_or_else(|| panic!("no list in {services}")) {
            let name = entry["name"].as_str().unwrap_or_default();
            if let Some(port) = entry["url"].as_str().and_then(http::port_of) {
                listed.entry(name.to_owned()).or_default().push(port);
            }
        }
        listed
    }

    /// The incidents, newest first.
    #[track_caller]
    pub fn incidents(&self) -> Vec<Value> {
        let incidents = self.json(self.home.path(), &["incidents"]);
        incidents
            .as_array()
            .cloned()
            .unwrap_or_else(|| panic!("no list in {incidents}"))
    }

    /// What is left of this home, with commands; empty is what stories end with. The engine may stay.
    pub fn left(&self) -> Vec<String> {
        let engine = self.lock_pid();
        self.home
            .processes()
            .into_iter()
            .filter(|pid| Some(*pid) != engine)
            .map(|pid| format!("{pid} {}", process::command(pid)))
            .collect()
    }

    /// The process named in `engine.lock`, as far as it lives.
    fn lock_pid(&self) -> Option<u32> {
        u32::try_from(self.lock()?["pid"].as_u64()?)
            .ok()
            .filter(|pid| process::lives(*pid))
    }

    /// The port the engine answers the command line at.
    ///
    /// # Panics
    /// When it does not listen.
    #[track_caller]
    pub fn api_port(&self) -> u16 {
        let lock = self.lock().unwrap_or_default();
        let port = lock["api"].as_str().and_then(|api| {
            let (_, port) = api.trim_end_matches('/').rsplit_once(':')?;
            port.parse().ok()
        });
        port.unwrap_or_else(|| panic!("no engine listens\n{}", self.story()))
    }

    fn lock(&self) -> Option<Value> {
        let text = std::fs::read_to_string(self.home.path().join("engine.lock")).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// What a person would look at when a story goes wrong: the logs of the home, their ends.
    pub fn story(&self) -> String {
        let mut story = String::new();
        let mut folders = vec![self.home.path().to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path
                    .file_name()
                    .is_some_and(|name| name == "log" || name == "record")
                    || path.extension().is_some_and(|end| end == "log")
                {
                    let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap_or_default())
                        .into_owned();
                    let lines: Vec<&str> = text.lines().rev().take(15).collect();
                    story.push_str(&format!("--- {}\n", path.display()));
                    for line in lines.iter().rev() {
                        story.push_str(&format!("{line}\n"));
                    }
                }
            }
        }
        story
    }
}

#[track_caller]
fn instance(row: &Value) -> Instance {
    let wanted = [
        "service",
        "instance",
        "category",
        "state",
        "reason",
        "pid",
        "ports",
        "generation",
        "restarts",
        "since",
    ];
    for key in wanted {
        assert!(row.get(key).is_some(), "ps --json has no {key:?} in {row}");
    }
    let text = |value: &Value| {
        value.as_str().map_or_else(
            || value["text"].as_str().unwrap_or_default().to_owned(),
            str::to_owned,
        )
    };
    let number = |value: &Value| value.as_u64().unwrap_or(0);
    Instance {
        name: text(&row["instance"]),
        state: text(&row["state"]),
        reason: text(&row["reason"]),
        pid: u32::try_from(number(&row["pid"])).expect("a pid"),
        port: u16::try_from(number(&row["ports"][0])).expect("a port"),
        generation: number(&row["generation"]),
        restarts: number(&row["restarts"]),
    }
}

//! The built `azora`: what it prints, how it exits, how it holds a home. Whole clusters are brought
//! up by the journeys in `tests`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_types, reason = "a test runs the program it tests")]

mod door;
mod homes;
mod registry;
mod rehearse;
mod rules;
mod said;

use rustix::process::{Pid, Signal};
use serde_json::Value;
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use testkit::{Home, eventually};

/// An engine takes the home in well under a second; a machine under load takes longer.
const PATIENCE: Duration = Duration::from_secs(30);

struct Done {
    code: Option<i32>,
    out: String,
    err: String,
}

fn azora(home: &Home, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_azora"));
    command
        .args(words)
        .env("AZORA_HOME", home.path())
        .env("NO_COLOR", "1")
        .stdin(Stdio::null());
    command
}

fn run(home: &Home, words: &[&str]) -> Done {
    let output = azora(home, words).output().unwrap();
    Done {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn json(home: &Home, words: &[&str]) -> Value {
    let done = run(home, words);
    assert_eq!(done.code, Some(0), "{words:?}: {}", done.err);
    serde_json::from_str(&done.out).unwrap()
}

/// The process that has the home and answers; null while it is changing hands.
fn engine(home: &Home) -> Value {
    let status: Option<Value> = serde_json::from_str(&run(home, &["status", "--json"]).out).ok();
    status.map_or(Value::Null, |status| status["engine"]["pid"].clone())
}

/// An engine that runs until it is dropped.
struct Served(Child);

impl Served {
    fn start(home: &Home, words: &[&str]) -> Self {
        let mut command = azora(home, words);
        Self::spawn(command.stdout(Stdio::null()).stderr(Stdio::null()), home)
    }

    fn spawn(command: &mut Command, home: &Home) -> Self {
        let served = Self(command.spawn().unwrap());
        assert!(
            eventually(PATIENCE, || engine(home) == served.0.id()),
            "the engine answers"
        );
        served
    }

    fn ended(&mut self) -> Option<i32> {
        let mut code = None;
        assert!(eventually(PATIENCE, || {
            code = self.0.try_wait().unwrap();
            code.is_some()
        }));
        code.and_then(|status| status.code())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The same command with SIGINT as a terminal's has it: what a shell runs in the background, as a
/// build machine may run all of this, inherits it as ignored.
fn interruptible(command: &Command) -> Command {
    let mut other = Command::new("env");
    other.arg("--default-signal=INT").arg(command.get_program());
    other.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => other.env(name, value),
            None => other.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        other.current_dir(folder);
    }
    other
}

#[expect(
    clippy::disallowed_methods,
    reason = "the test signals what it has started"
)]
fn signal(child: &Child, signal: Signal) {
    rustix::process::kill_process(Pid::from_child(child), signal).unwrap();
}

fn folder_with(definition: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("azora.toml"), definition).unwrap();
    folder
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Asks the API of a home; the answer's head and body.
fn ask(home: &Home, token: &str, command: &str, body: &str) -> String {
    let status = json(home, &["status", "--json"]);
    let api = status["engine"]["api"].as_str().unwrap();
    let address = api.trim_start_matches("http://");
    let mut socket = TcpStream::connect(address).unwrap();
    write!(
        socket,
        "POST /api/call/{command} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer
}

fn token(home: &Home) -> String {
    std::fs::read_to_string(home.path().join("token")).unwrap()
}

#[test]
fn help_and_version_work_without_anything() {
    let home = Home::new();
    let lines = [
        &["--help"][..],
        &["help", "up"],
        &["emergency-stop", "--help"],
        &["--version"],
    ];
    for words in lines {
        let done = run(&home, words);
        assert_eq!((done.code, done.err.as_str()), (Some(0), ""), "{words:?}");
        assert!(done.out.contains("azora"), "{words:?}: {}", done.out);
    }
    let mistyped = run(&home, &["strat", "api"]);
    assert_eq!(mistyped.code, Some(2));
    assert!(mistyped.err.contains("start"), "a near word is offered");
    assert_eq!(run(&home, &[]).code, Some(2));
    let without = run(&home, &["scale"]);
    assert_eq!(without.code, Some(2));
    let usage = without.err.lines().find(|line| line.starts_with("Usage:"));
    assert_eq!(
        usage,
        Some("Usage: azora scale <SERVICE=N>..."),
        "AZORA_HOME is set"
    );
}

#[test]
fn check_says_how_many_services_or_what_is_wrong_and_where() {
    let home = Home::new();
    let good = folder_with(
        "[service.a]\nrun = \"true\"\n\n[service.b]\nrun = \"true\"\nneeds = [\"a\"]\n",
    );
    let done = run(&home, &["check", text(good.path())]);
    let said = (done.code, done.out.as_str(), done.err.as_str());
    assert_eq!(said, (Some(0), "ok: 2 services\n", ""));

    let bad = folder_with("[service.a]\nrun = \"true\"\nneeds = [\"a\"]\n");
    let done = run(&home, &["check", text(bad.path())]);
    assert_eq!((done.code, done.out.as_str()), (Some(4), ""));
    let shown = done.err.contains("azora.toml:3:") && done.err.contains('^');
    assert!(shown, "{}", done.err);
    let done = run(&home, &["check", text(bad.path()), "--json"]);
    let problems: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!((done.code, &problems["ok"]), (Some(4), &false.into()));
    assert_eq!(problems["problems"][0]["line"], 3);

    let none = tempfile::tempdir().unwrap();
    let done = run(&home, &["check", text(none.path())]);
    assert_eq!(done.code, Some(3));
    assert!(done.err.contains("there is no azora.toml"), "{}", done.err);

    for what in ["p", "c 1 3"] {
        let odd = tempfile::tempdir().unwrap();
        let file = odd.path().join("azora.toml");
        let make = format!("mknod {} {what}", text(&file));
        if !Command::new("sh")
            .args(["-c", &make])
            .status()
            .unwrap()
            .success()
        {
            eprintln!("skipped: only root makes devices");
            continue;
        }
        for words in [["check", text(odd.path())], ["up", text(odd.path())]] {
            let done = run(&home, &words);
            assert_eq!(done.code, Some(3), "{}", done.err);
            let said =
                done.err.contains("azora.toml: it is a") && done.err.contains(", not a file");
            assert!(said, "{what}: {}", done.err);
        }
    }
}

#[test]
fn up_says_of_a_folder_that_its_path_is_not_text() {
    let home = Home::new();
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join(OsStr::from_bytes(b"sh\xffp"));
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("azora.toml"), "[service.a]\nrun = \"true\"\n").unwrap();
    let up = azora(&home, &["up", "--detach"])
        .current_dir(&folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&up.stderr);
    assert_eq!(up.status.code(), Some(1), "{said}");
    assert!(
        said.contains("is not UTF-8") && !said.contains("No such file"),
        "{said}"
    );
    assert_eq!(engine(&home), Value::Null, "none was started for it");
}

#[test]
fn without_an_engine_status_answers_and_everything_else_says_what_to_do() {
    let home = Home::new();
    let status = json(&home, &["status", "--json"]);
    let nothing = serde_json::json!({"engine": null, "overall": "stopped", "clusters": []});
    assert_eq!(status, nothing);
    let lines = [
        &["ps"][..],
        &["ps", "--json"],
        &["logs", "a"],
        &["start", "a"],
        &["scale", "a=2"],
        &["down"],
        &["resume"],
        &["incidents", "--json"],
        &["incident", "1"],
        &["healed"],
        &["events"],
        &["open"],
    ];
    for words in lines {
        let done = run(&home, words);
        assert_eq!((done.code, done.out.as_str()), (Some(3), ""), "{words:?}");
        assert!(done.err.contains("azora up"), "{words:?}: {}", done.err);
    }
}

#[test]
fn an_emergency_stop_with_nothing_to_stop_says_so() {
    let home = Home::new();
    let done = run(&home, &["emergency-stop", "--reason", "test"]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    let said = done.out.contains("ended 0 processes, 0 left");
    assert!(said, "{}", done.out);
    let report = json(&home, &["emergency-stop", "--reason", "test", "--json"]);
    assert_eq!(report["left"], Value::Array(Vec::new()));
    assert_eq!(report["by"], "direct");
    assert!(report["took_ms"].is_number());
    let without = run(&home, &["emergency-stop"]);
    assert_eq!(without.code, Some(2), "a reason is wanted");
}

#[test]
fn what_is_of_all_clusters_is_refused_for_one_and_says_what_does_that() {
    let home = Home::new();
    let words = ["emergency-stop", "--reason", "test", "--cluster", "shop"];
    let done = run(&home, &words);
    assert_eq!(done.code, Some(2), "{}", done.err);
    assert!(
        done.err.contains("azora down --cluster shop"),
        "{}",
        done.err
    );
    let resumed = run(&home, &["resume", "--cluster", "shop"]);
    assert_eq!(resumed.code, Some(2), "{}", resumed.err);
    assert!(resumed.err.contains("without --cluster"), "{}", resumed.err);
}

#[test]
fn a_home_that_cannot_be_made_is_named() {
    let shop = folder_with("[service.api]\nrun = \"true\"\n");
    let words = ["--home", "/proc/none", "up", text(shop.path()), "--detach"];
    let done = run(&Home::new(), &words);
    assert_eq!(done.code, Some(1), "{}", done.err);
    assert!(done.err.contains("home /proc/none"), "{}", done.err);
}

#[test]
fn a_reader_that_goes_away_is_no_failure_and_no_panic() {
    let home = Home::new();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = azora(&home, &["status"]).stdout(writer).output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), err.as_str()), (Some(0), ""));
}

#[test]
fn status_and_the_lists_have_their_shapes() {
    let home = Home::new();
    let _engine = Served::start(&home, &["serve"]);
    let status = json(&home, &["status", "--json"]);
    for url in ["api", "registry", "gateway"] {
        let url = status["engine"][url].as_str().unwrap();
        assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    }
    assert_eq!(status["engine"]["home"], text(home.path()));
    assert_eq!(status["overall"], "stopped");
    assert_eq!(status["clusters"], Value::Array(Vec::new()));
    let incidents = json(&home, &["incidents", "--json"]);
    assert_eq!(incidents, Value::Array(Vec::new()));
    for (words, said) in [
        (&["incidents"][..], "no incidents"),
        (
            &["incidents", "--open", "--service", "db"],
            "no open incidents of db",
        ),
        (&["healed", "--since", "1h"], "healing had nothing to do"),
    ] {
        let done = run(&home, words);
        assert_eq!(done.code, Some(0), "{words:?}: {}", done.err);
        assert!(done.out.contains(said), "{words:?}: {}", done.out);
    }
    let done = run(&home, &["incident", "7"]);
    assert_eq!(done.code, Some(3), "{}", done.err);
    assert!(done.err.contains("no incident 7"), "{}", done.err);
    assert_eq!(run(&home, &["incident", "seven"]).code, Some(2));
    let events = json(&home, &["events", "--json"]);
    let none = json(&home, &["events", "-n", "0", "--json"]);
    assert_eq!(none, Value::Array(Vec::new()));
    let first = &events[0];
    assert_eq!(first["what"]["kind"], "engine_started");
    let time = first["at"].as_str().unwrap();
    assert!(time.ends_with('Z'), "times are RFC 3339: {first}");
    let done = run(&home, &["ps"]);
    assert_eq!(done.code, Some(3));
    assert!(done.err.contains("azora up"), "{}", done.err);
}

#[test]
fn an_incident_is_told_and_a_week_is_summed_up() {
    let home = Home::new();
    let _engine = Served::start(&home, &["serve"]);
    let shop = folder_with(
        "[service.db]\nrun = \"echo could not write WAL; exit 1\"\n\
         heal = { backoff = [\"0s\", \"60s\"] }\n",
    );
    run(&home, &["up", text(shop.path()), "--detach", "--yes"]);
    let open = || json(&home, &["incidents", "--open", "--json"]);
    let waits = testkit::eventually(std::time::Duration::from_secs(60), || {
        let open = open();
        let waits = open[0]["waits"].as_str().unwrap_or_default();
        waits.contains("after 60 s") && open[0]["cause"].as_str().unwrap().contains("WAL")
    });
    assert!(waits, "{}", open());
    let id = open()[0]["id"].to_string();
    let story = run(&home, &["incident", &id]).out;
    for said in [
        "its last words were `could not write WAL`",
        "waits for",
        "restart 1 of",
        "exit ",
    ] {
        assert!(story.contains(said), "{said} in:\n{story}");
    }
    let story = json(&home, &["incident", &id, "--json"]);
    assert_eq!(story["timeline"][0]["kind"], "exit", "{story}");
    assert!(
        story["incident"]["began"].as_str().unwrap().ends_with('Z'),
        "{story}"
    );
    let listed = run(
        &home,
        &["incidents", "--open", "--since", "1h", "--service", "db"],
    )
    .out;
    assert!(listed.contains("waits for restart"), "{listed}");
    assert!(
        run(&home, &["incidents", "--service", "api"])
            .out
            .contains("no incidents of api")
    );
    let week = json(&home, &["healed", "--json"]);
    assert_eq!(week["total"]["incidents"], 1, "{week}");
    assert_eq!(week["services"][0]["sum"]["restarts"], 1, "{week}");
    let said = run(&home, &["healed", "--since", "1h"]).out;
    assert!(
        said.starts_with("1 incident since ") && said.contains("1 goes on"),
        "{said}"
    );
    run(&home, &["down", "-C", text(shop.path())]);
    assert_eq!(open(), Value::Array(Vec::new()), "a person stopped it");
}

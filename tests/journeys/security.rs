//! Faults that are planted in a cluster that runs: each is found, with its level, and is gone when it was mended.

use serde_json::Value;
use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use tests::folder::SMALL;
use tests::{Azora, Folder, http, is_root, until};

const WATCHED: &str = r#"
[cluster]
name = "watched"
env_files = [".env"]

[cluster.defaults]
stop = { grace = "2s" }

[service.open]
run = "puppet until open bind-all 0 hang"

[service.late]
run = "puppet bind 0 until late bind 0 hang"

[service.copied]
run = "./copied hang"

[service.script]
run = "./run.sh"

[service.wordy]
run = "sh -c 'until [ -e wordy ]; do sleep 0.1; done; cat words; exec sleep 600'"
"#;

/// Azora's own programs in a folder of their own, so that they can be tampered with.
struct Programs(tempfile::TempDir);

impl Programs {
    fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("azp-")
            .permissions(Permissions::from_mode(0o755))
            .tempdir_in("/tmp")
            .expect("a folder in /tmp");
        for name in ["azora", "azora-shim", "azora-relay", "organ", "puppet"] {
            let built = testkit::program("azora").with_file_name(name);
            if built.exists() {
                fs::copy(built, folder.path().join(name)).expect("it can be copied");
            }
        }
        Self(folder)
    }

    fn of(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

/// A token in a form that GitHub publishes, and nobody's.
fn token() -> String {
    ["ghp", "_", "4kPz9QwX7LmN2vRtY8sB", "6jHc3FdG1aUeK5oT"].concat()
}

/// What is found now, without what the terminal of this test has given.
fn threats(azora: &Azora, folder: &Path) -> Vec<Value> {
    let view = azora.json(folder, &["security", "--now"]);
    let all = view["threats"].as_array().expect("there is a list").clone();
    let own =
        |threat: &Value| threat["kind"] != "secret_in_environment" || threat["level"] != "low";
    all.into_iter().filter(own).collect()
}

/// Waits until exactly this is found, of this service where one is named.
fn found(azora: &Azora, folder: &Path, kind: &str, level: &str, of: &str) {
    until(&format!("{kind} ({level}) of {of} to be found"), || {
        let all = threats(azora, folder);
        let only = all.first().filter(|_| all.len() == 1)?;
        let whose = of.is_empty() || only["id"].as_str()?.contains(of);
        (only["kind"] == kind && only["level"] == level && whose).then_some(())
    });
}

fn none(azora: &Azora, folder: &Path, after: &str) {
    until(&format!("nothing to be found after {after}"), || {
        threats(azora, folder).is_empty().then_some(())
    });
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("it is ours");
}

fn give_to(path: &Path, user: Option<u32>) {
    chown(path, Some(user.unwrap_or(0)), None).expect("root may");
}

#[test]
fn each_planted_fault_is_found_with_its_level_and_is_gone_when_mended() {
    let programs = Programs::new();
    let (azora, folder) = (Azora::with(programs.of("azora")), Folder::with(WATCHED));
    let at = folder.path();
    let path = |name: &str| at.join(name);
    fs::copy(programs.of("puppet"), path("copied")).expect("it can be copied");
    folder.write("run.sh", "#!/bin/sh\nexec sleep 600\n");
    mode(&path("run.sh"), 0o755);
    folder.write(".env", "COLOUR=green\n");
    azora.up(at);
    let pid = |name: &str| azora.instance(at, name).pid;
    let restart = |name: &str| drop(azora.ok(at, &["restart", name]));
    none(&azora, at, "nothing was planted");

    // What services do.
    folder.write("open", "");
    found(&azora, at, "exposed", "high", "open.0");
    fs::remove_file(path("open")).expect("it is there");
    restart("open");
    none(&azora, at, "the listener was closed");

    fs::copy(programs.of("puppet"), path("new")).expect("it can be copied");
    fs::rename(path("new"), path("copied")).expect("it can be replaced");
    found(&azora, at, "program_replaced", "low", "copied.0");
    restart("copied");
    none(&azora, at, "the new program was started");

    fs::remove_file(path("copied")).expect("it is there");
    found(&azora, at, "program_deleted", "medium", "copied.0");
    fs::copy(programs.of("puppet"), path("copied")).expect("it can be copied");
    restart("copied");
    none(&azora, at, "the program was put back");

    mode(&path("copied"), 0o777);
    found(&azora, at, "writable", "high", "copied");
    mode(&path("copied"), 0o755);
    none(&azora, at, "the program was closed");

    // Definitions.
    folder.define(&WATCHED.replace("bind 0 until late", "bind 0 until later"));
    found(&azora, at, "definition_changed", "low", "");
    folder.define("[service");
    found(&azora, at, "definition_changed", "low", "");
    folder.define(WATCHED);
    none(&azora, at, "the definition was put back");
    for (name, level) in [("azora.toml", "high"), (".env", "high")] {
        mode(&path(name), 0o666);
        found(&azora, at, "writable", level, name);
        mode(&path(name), 0o644);
        none(&azora, at, "the file was closed");
    }
    mode(at, 0o777);
    found(&azora, at, "writable", "high", "");
    mode(at, 0o755);
    none(&azora, at, "the folder was closed");
    if is_root() {
        for of in [path("azora.toml"), at.to_owned()] {
            give_to(&of, Some(12_345));
            found(&azora, at, "foreign", "high", "");
            give_to(&of, None);
            none(&azora, at, "it was taken back");
        }
    }

    // Secrets, in an environment and then in a log and among arguments.
    let with = |env: &str, run: &str| {
        folder.write(".env", env);
        folder.define(&WATCHED.replace("puppet bind 0 until late", run));
        azora.up(at);
    };
    with(
        &format!("GITHUB_TOKEN={}\n", token()),
        "puppet bind 0 until late",
    );
    found(
        &azora,
        at,
        "secret_in_environment",
        "medium",
        "GITHUB_TOKEN",
    );
    with("COLOUR=green\n", "puppet bind 0 until late");
    none(&azora, at, "the variable was taken out");
    with(
        "COLOUR=green\n",
        &format!("puppet mark --token={} bind 0 until late", token()),
    );
    found(&azora, at, "secret_in_arguments", "high", "late.0");
    with("COLOUR=green\n", "puppet bind 0 until late");
    none(&azora, at, "the argument was taken out");
    folder.write("words", &format!("calling with {}\n", token()));
    folder.write("wordy", "");
    found(&azora, at, "secret_in_log", "medium", "wordy.0");
    fs::remove_file(path("wordy")).expect("it is there");
    restart("wordy");
    none(&azora, at, "the program prints nothing any more");

    // The home, and Azora's own.
    let home = azora.home().path().to_owned();
    let own = [
        ("token", "readable", "high", 0o604, 0o600),
        ("token", "writable", "critical", 0o602, 0o600),
        ("settings.toml", "writable", "high", 0o666, 0o644),
        ("constitution.cedar", "writable", "critical", 0o666, 0o644),
    ];
    for (name, kind, level, bad, good) in own {
        let file = home.join(name);
        if !file.exists() {
            fs::write(
                &file,
                if name.ends_with(".cedar") {
                    policy()
                } else {
                    ""
                },
            )
            .expect("it is ours");
            mode(&file, good);
        }
        mode(&file, bad);
        found(&azora, at, kind, level, name);
        mode(&file, good);
        none(&azora, at, "the file of the home was closed");
    }
    fs::write(home.join("constitution.cedar"), "permit (").expect("it is ours");
    found(&azora, at, "policy_broken", "high", "");
    fs::write(home.join("constitution.cedar"), policy()).expect("it is ours");
    none(&azora, at, "the rules were mended");
    mode(&home, 0o755);
    found(&azora, at, "readable", "medium", "");
    mode(&home, 0o700);
    none(&azora, at, "the home was closed");
    mode(&programs.of("azora-shim"), 0o777);
    found(&azora, at, "writable", "critical", "azora-shim");
    mode(&programs.of("azora-shim"), 0o755);
    none(&azora, at, "the shim was closed");

    // What comes with time: by now everything has settled.
    folder.write("run.sh", "#!/bin/sh\nexec sleep 601\n");
    found(&azora, at, "script_changed", "low", "script.0");
    restart("script");
    none(&azora, at, "the new script was started");
    until("it to have run for half a minute", || {
        let age = tests::process::age(pid("late.0"))?;
        (age.as_secs() >= 31).then_some(())
    });
    none(&azora, at, "it has settled");
    folder.write("late", "");
    found(&azora, at, "new_listener", "low", "late.0");
    fs::remove_file(path("late")).expect("it is there");
    restart("late");
    none(&azora, at, "the listener was closed");

    let told = azora.json(at, &["events", "-n", "1000"]);
    let told = told.as_array().expect("a list").iter();
    let told = told.filter(|event| event["what"]["kind"] == "threat");
    let (over, opened): (Vec<&Value>, Vec<&Value>) =
        told.partition(|event| event["what"]["over"] == true);
    assert!(
        opened.len() >= 20 && over.len() >= 20,
        "{opened:?}\n{over:?}"
    );
    let said = format!("{opened:?}");
    assert!(!said.contains(&token()), "{said}");
    assert_eq!(azora.run(at, &["security", "--check"]).code, 0);
}

fn policy() -> &'static str {
    include_str!("../../src-tauri/policy/src/constitution.cedar")
}

#[test]
fn what_nobody_asks_about_is_found_within_a_minute_and_told() {
    let (azora, folder) = (Azora::new(), Folder::with(SMALL));
    let at = folder.path();
    azora.up(at);
    until("the first look", || {
        let view = azora.json(at, &["security"]);
        (!view["last_audit"].is_null()).then_some(())
    });
    // Nothing happens then that would be a reason to look.
    fs::set_permissions(azora.home().path(), Permissions::from_mode(0o755)).expect("it is ours");
    let planted = std::time::Instant::now();
    until("it to be told", || {
        let events = azora.json(at, &["events", "-n", "1000"]);
        let mut events = events.as_array()?.iter();
        events
            .any(|event| event["what"]["threat"]["kind"] == "readable")
            .then_some(())
    });
    assert!(planted.elapsed().as_secs() < 60, "{:?}", planted.elapsed());
    assert_eq!(azora.run(at, &["security", "--check"]).code, 1);
    let status = azora.json(at, &["status"]);
    assert_eq!(status["security"]["level"], "medium", "{status}");
    let said = azora.ok(at, &["security"]);
    assert!(
        said.contains("threat level  Medium") && said.contains("chmod"),
        "{said}"
    );
}

#[test]
fn bursts_of_refused_requests_are_found_and_are_over_in_the_end() {
    let (azora, folder) = (Azora::new(), Folder::with(SMALL));
    let at = folder.path();
    azora.up(at);
    none(&azora, at, "nothing was asked");
    let port = |name: &str| -> u16 {
        let status = azora.json(at, &["status"]);
        let url = status["engine"][name]
            .as_str()
            .expect("it listens")
            .to_owned();
        url.rsplit(':')
            .next()
            .and_then(|port| port.parse().ok())
            .expect("a port")
    };
    let (api, registry) = (port("api"), port("registry"));
    for _ in 0..12 {
        let mut stream = TcpStream::connect(("127.0.0.1", api)).expect("it listens");
        let ask = format!(
            "POST /api/call/status HTTP/1.1\r\nHost: 127.0.0.1:{api}\r\nAuthorization: Bearer no\r\n\
             Content-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}"
        );
        stream.write_all(ask.as_bytes()).expect("it hears");
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    }
    for _ in 0..32 {
        let refused =
            http::ask_of(registry, "evil.example", "GET", "/services", "").expect("an answer");
        assert_eq!(refused.code, 403);
        let refused = http::ask_of(api, "evil.example", "GET", "/", "").expect("an answer");
        assert_eq!(refused.code, 403);
    }
    let all = threats(&azora, at);
    let level = |which: &str| {
        let id = format!("refused_burst:{which}");
        let one = all.iter().find(|threat| threat["id"] == id.as_str());
        one.map(|threat| threat["level"].clone())
    };
    assert_eq!(level("token"), Some("high".into()), "{all:?}");
    assert_eq!(level("registry"), Some("medium".into()), "{all:?}");
    assert_eq!(level("page"), Some("medium".into()), "{all:?}");
    let begun = std::time::Instant::now();
    let over = testkit::eventually(2 * tests::PATIENCE, || threats(&azora, at).is_empty());
    assert!(
        over,
        "after {:?}: {:?}",
        begun.elapsed(),
        threats(&azora, at)
    );
}

#[test]
fn the_demo_is_in_order_and_a_look_at_it_is_cheap() {
    let (azora, folder) = (Azora::new(), Folder::copy_of("examples/azora-os"));
    let at = folder.path();
    azora.up(at);
    none(&azora, at, "it was brought up");
    let view = azora.json(at, &["security", "--now"]);
    let cost = view["cost_ms"].as_f64().expect("a number");
    eprintln!(
        "a look at {} instances took {cost} ms",
        azora.instances(at).len()
    );
    // Not optimised, and on a machine that does other work.
    assert!(cost < 500.0, "{view}");
    assert_eq!(view["blind"], serde_json::json!([]), "{view}");
}

const OPEN: &str = r#"
[cluster]
name = "open"

[cluster.defaults]
stop = { grace = "2s" }

[service.wide]
run = "puppet bind-all 0 hang"

[service.kept]
run = "puppet bind-all 0 hang"
protected = true
"#;

/// Where the settings say so, and for a person to see why.
#[test]
fn a_service_that_answers_other_machines_undeclared_is_stopped_where_the_settings_say_so_and_told_of_where_not()
 {
    let (azora, folder) = (Azora::new(), Folder::with(OPEN));
    azora.up(folder.path());
    let seen = || {
        let view = azora.json(folder.path(), &["security", "--now"]);
        let all = view["threats"].as_array().cloned().unwrap_or_default();
        all.into_iter()
            .filter(|one| one["kind"] == "exposed")
            .collect::<Vec<_>>()
    };
    until("both to be found", || (seen().len() == 2).then_some(()));
    assert!(
        seen().iter().all(|one| one.get("answer").is_none()),
        "told, and nothing else"
    );
    assert!(
        azora
            .instances(folder.path())
            .values()
            .all(|one| one.pid != 0)
    );
    let by_monitor = || {
        let all = azora.json(folder.path(), &["acts", "-n", "100"]);
        let all = all.as_array().cloned().unwrap_or_default();
        all.into_iter()
            .filter(|act| act["actor"]["kind"] == "monitor")
            .collect::<Vec<_>>()
    };
    assert_eq!(by_monitor(), [] as [Value; 0]);

    let settings = "[security]\non = { exposed = \"stop\" }\n";
    fs::write(azora.home().path().join("settings.toml"), settings).expect("it is ours");
    let engine = azora.engine();
    tests::process::kill(engine);
    until("the engine to be gone", || {
        (!tests::process::lives(engine)).then_some(())
    });
    azora.up(folder.path());
    let left = until("what is protected to be told of alone", || {
        let all = seen();
        let [only] = &all[..] else { return None };
        only.get("answer").is_some().then(|| only.clone())
    });
    azora.until(folder.path(), "wide.0", "stopped", |one| one.pid == 0);
    assert_eq!(left["service"], "kept", "{left}");
    assert!(left["answer"]["act"].is_null(), "{left}");
    let said = left["answer"]["said"].as_str().expect("it says why");
    assert!(said.contains("protected"), "{left}");
    assert_ne!(azora.instance(folder.path(), "kept.0").pid, 0);
    azora.json(folder.path(), &["security", "--now"]);
    let acts = by_monitor();
    let verbs: Vec<_> = acts
        .iter()
        .map(|act| (act["verb"].as_str(), act["outcome"]["kind"].as_str()))
        .collect();
    assert_eq!(verbs.len(), 2, "each once: {acts:?}");
    assert!(verbs.contains(&(Some("stop"), Some("refused"))), "{acts:?}");
    let stopped = acts
        .iter()
        .find(|act| act["outcome"]["kind"] == "done")
        .expect("one was done");
    let reason = stopped["reason"].as_str().expect("it says why");
    assert!(
        reason.starts_with("exposed: wide.0 answers other machines at 0.0.0.0:"),
        "{reason}"
    );
    let events = azora.json(folder.path(), &["events", "-n", "1000"]);
    let told = events.as_array().into_iter().flatten().any(|event| {
        event["what"]["kind"] == "threat"
            && event["what"]["threat"]["answer"]["said"] == "wide is stopped"
    });
    assert!(told, "{events}");
}

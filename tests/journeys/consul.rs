//! Consul's own clients, as they come from PyPI and npm, with a real engine.
//!
//! `scripts/setup --tests` installs them beside the other test tools.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tests::folder::SMALL;
use tests::{Azora, Folder, free_ports, root, until};

/// Where the clients are: beside the folder that programs are built in.
fn clients() -> PathBuf {
    let program = std::env::current_exe().expect("a test has a program");
    let built = program
        .ancestors()
        .nth(3)
        .expect("target/debug/deps/journeys");
    let beside = built.with_file_name("tools").join("clients");
    let clients = std::env::var_os("AZORA_CLIENTS").map_or(beside, PathBuf::from);
    assert!(
        clients.is_dir(),
        "the clients are not in {}: run scripts/setup --tests",
        clients.display()
    );
    clients
}

/// An engine that serves Consul's clients on a port of its own.
fn serving(azora: &Azora, folder: &Folder) -> u16 {
    let port = free_ports(1)[0];
    let settings = format!("[registry]\nconsul = {port}\n");
    std::fs::write(azora.home().path().join("settings.toml"), settings).expect("it is ours");
    azora.up(folder.path());
    port
}

/// Runs a story to its end, at most two minutes.
fn tell(command: &mut Command) {
    let output = tempfile::NamedTempFile::new().expect("a scratch file");
    let said = || output.reopen().expect("it is there");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(said())
        .stderr(said())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?} cannot be run: {error}"));
    let begun = Instant::now();
    let ended = until("the story to end", || {
        if begun.elapsed() > Duration::from_secs(55) {
            let _ = child.kill();
        }
        child.try_wait().expect("it is our child")
    });
    let said = std::fs::read_to_string(output.path()).unwrap_or_default();
    assert!(ended.success(), "{command:?}: {ended}\n{said}");
    assert!(said.contains("all of it"), "{said}");
}

fn story(name: &str) -> PathBuf {
    root().join("tests/clients").join(name)
}

#[test]
fn py_consul_finds_all_it_looks_for() {
    let (azora, folder) = (Azora::new(), Folder::with(SMALL));
    let port = serving(&azora, &folder);
    let db = azora.instance(folder.path(), "db.0");
    tell(
        Command::new(clients().join("python/bin/python"))
            .arg(story("python/story.py"))
            .args([&port.to_string(), "db", &db.port.to_string()]),
    );
    assert!(!Path::new("/tmp/azora-must-not-be").exists());
    // What clients did went through the door.
    let events = azora.json(folder.path(), &["events", "-n", "1000"]);
    let registered = |event: &serde_json::Value| event["what"]["act"]["verb"] == "register";
    assert!(
        events.as_array().into_iter().flatten().any(registered),
        "{events}"
    );
}

#[test]
fn the_npm_client_finds_all_it_looks_for() {
    let (azora, folder) = (Azora::new(), Folder::with(SMALL));
    let port = serving(&azora, &folder);
    tell(
        Command::new("node")
            .env("NODE_PATH", clients().join("node/node_modules"))
            .arg(story("node/story.mjs"))
            .arg(port.to_string()),
    );
}

/// Its clients look at one port: another would be as good as none, and whoever holds theirs is named.
#[test]
fn a_port_that_is_taken_is_said_and_no_other_is_used() {
    let (azora, folder) = (Azora::new(), Folder::with(SMALL));
    let taken = TcpListener::bind("127.0.0.1:0").expect("any port");
    let port = taken.local_addr().expect("it has one").port();
    let settings = format!("[registry]\nconsul = {port}\n");
    std::fs::write(azora.home().path().join("settings.toml"), settings).expect("it is ours");
    azora.up(folder.path());
    let status = azora.run(folder.path(), &["status"]);
    let said = format!("port {port} is held by pid {}", std::process::id());
    let flat = status.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains(&said), "{}", status.out);
    assert_eq!(azora.instance(folder.path(), "db.0").state, "ready");
}

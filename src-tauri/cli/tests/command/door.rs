//! The door to an engine: what it takes, and whom it lets in.

use super::{Served, ask, azora, folder_with, json, run, text, token};
use serde_json::Value;
use testkit::Home;

#[test]
fn the_api_is_strict_and_says_what_it_wants() {
    let home = Home::new();
    let _engine = Served::start(&home, &["serve"]);
    let token = token(&home);
    let folder = folder_with("[service.a]\nrun = \"true\"\n");
    let unknown_folder = format!(r#"{{"folder":"{}"}}"#, text(folder.path()));
    let rows = [
        (
            "ps",
            r#"{"clutser":"shop-1"}"#,
            400,
            "expected `cluster` or `folder`",
        ),
        ("up", r#"{"folder":"shop"}"#, 400, "not an absolute path"),
        ("down", r#"{"cluster":"shop-1"}"#, 404, "azora status"),
        ("drop_tables", "{}", 404, "no command"),
        ("up", &unknown_folder, 409, "untrusted"),
    ];
    for (command, body, status, says) in rows {
        let answer = ask(&home, &token, command, body);
        let begins = format!("HTTP/1.1 {status}");
        assert!(
            answer.starts_with(&begins) && answer.contains(says),
            "{answer}"
        );
    }
    let status = json(&home, &["status", "--json"]);
    assert_eq!(
        status["clusters"],
        Value::Array(Vec::new()),
        "nothing was run"
    );
}

#[test]
fn the_token_is_nowhere_but_in_its_file() {
    let home = Home::new();
    let log = home.path().join("said.log");
    let file = std::fs::File::create(&log).unwrap();
    let mut command = azora(&home, &["serve"]);
    command
        .env("AZORA_LOG", "trace")
        .stdout(file.try_clone().unwrap())
        .stderr(file);
    let _engine = Served::spawn(&mut command, &home);
    let token = token(&home);
    let answer = ask(&home, &token, "snapshot", "{}");
    assert!(answer.starts_with("HTTP/1.1 200") && !answer.contains(&token));
    let events = run(&home, &["events", "--json"]).out;
    let status = run(&home, &["status", "--json"]).out;
    assert!(!events.contains(&token) && !status.contains(&token));
    let said = std::fs::read_to_string(&log).unwrap();
    assert!(
        said.contains("registry"),
        "it says where it listens: {said}"
    );
    let files = std::fs::read_dir(home.path()).unwrap().flatten();
    for entry in files.filter(|entry| entry.path().is_file()) {
        let bytes = std::fs::read(entry.path()).unwrap();
        let mut windows = bytes.windows(token.len());
        let there = windows.any(|window| window == token.as_bytes());
        assert_eq!(there, entry.file_name() == "token", "{:?}", entry.path());
    }
}

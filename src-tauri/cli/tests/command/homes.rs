//! One engine has a home; one that hangs keeps nobody.

use super::{
    PATIENCE, Served, ask, azora, engine, folder_with, interruptible, run, signal, text, token,
};
use rustix::process::Signal;
use serde_json::Value;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use testkit::{Home, eventually};

#[test]
fn a_home_has_one_engine_and_a_second_takes_it_over_when_told_to() {
    let home = Home::new();
    let mut first = Served::start(&home, &["serve"]);
    let before = token(&home);
    let refused = run(&home, &["serve"]);
    assert_eq!(refused.code, Some(1));
    let pid = format!("pid {}", first.0.id());
    let offers = refused.err.contains(&pid) && refused.err.contains("--take-over");
    assert!(offers, "{}", refused.err);
    assert_eq!(
        token(&home),
        before,
        "who did not get the home left its token"
    );

    let _second = Served::start(&home, &["serve", "--take-over"]);
    assert_eq!(first.ended(), Some(0), "the first went in good order");
    assert_ne!(token(&home), before, "every start has its own token");
    let old = ask(&home, &before, "status", "{}");
    assert!(old.starts_with("HTTP/1.1 401"), "{old}");
    let new = ask(&home, &token(&home), "status", "{}");
    assert!(new.starts_with("HTTP/1.1 200"), "{new}");
}

#[test]
fn an_engine_that_hangs_does_not_keep_its_home() {
    let home = Home::new();
    let first = Served::start(&home, &["serve"]);
    signal(&first.0, Signal::STOP);
    let mut command = azora(&home, &["serve", "--take-over"]);
    let command = command.stdout(Stdio::null()).stderr(Stdio::null());
    let second = Served(command.spawn().unwrap());
    let holder = || -> Option<Value> {
        let lock = std::fs::read(home.path().join("engine.lock")).ok()?;
        let lock: Value = serde_json::from_slice(&lock).ok()?;
        lock["api"].is_string().then(|| lock["pid"].clone())
    };
    assert!(
        eventually(PATIENCE, || holder() == Some(second.0.id().into())),
        "the second has the home"
    );
    assert_eq!(engine(&home), second.0.id());
}

#[test]
fn an_engine_that_hangs_is_named_and_nobody_is_kept_by_it() {
    let home = Home::new();
    let engine = Served::start(&home, &["serve"]);
    signal(&engine.0, Signal::STOP);
    let shop = folder_with("[service.api]\nrun = \"true\"\n");
    let commands = [
        &["ps"][..],
        &["down"],
        &["up", text(shop.path()), "--detach"],
        &["up", text(shop.path())],
    ];
    let begun: Vec<(Served, tempfile::NamedTempFile)> = commands
        .iter()
        .map(|words| {
            let err = tempfile::NamedTempFile::new().unwrap();
            let mut command = interruptible(&azora(&home, words));
            command.stdout(Stdio::null()).stderr(err.reopen().unwrap());
            (Served(command.spawn().unwrap()), err)
        })
        .collect();
    let said = |err: &tempfile::NamedTempFile| std::fs::read_to_string(err.path()).unwrap();
    let word = format!("the engine (pid {}) does not answer", engine.0.id());
    for (words, (mut command, err)) in commands.iter().zip(begun) {
        assert!(
            eventually(PATIENCE, || said(&err).contains(&word)),
            "{words:?}: {}",
            said(&err)
        );
        let code = match words {
            ["ps"] => 1,
            _ => {
                signal(&command.0, Signal::INT);
                130
            }
        };
        let mut status = None;
        assert!(
            eventually(2 * PATIENCE, || {
                status = command.0.try_wait().unwrap();
                status.is_some()
            }),
            "{words:?} goes on: {}",
            said(&err)
        );
        let said = said(&err);
        // By default a shell says 130 of what SIGINT ended, too.
        let status = status.unwrap();
        let ended = status.code().or(status.signal().map(|signal| 128 + signal));
        assert_eq!(ended, Some(code), "{words:?}: {said}");
        assert_eq!(said.matches(&word).count(), 1, "{words:?}: {said}");
        assert!(said.contains("azora serve --take-over"), "{said}");
    }
}

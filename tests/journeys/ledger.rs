//! What a second place for checkpoints finds: an end that was cut off together with its checkpoints, and that the place
//! itself is not there.

use rustix::process::Signal;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Child, Command};
use tests::process::signal;
use tests::{Azora, Folder, free_ports, until};

const ONE: &str = "[cluster]\nname = \"one\"\n[service.db]\nrun = \"puppet hang\"\n";

/// The engine ends in order: what is not signed yet is signed, and brought to all places.
fn ended(mut engine: Child) {
    signal(engine.id(), Signal::TERM);
    until("the engine to end", || engine.try_wait().expect("ours"));
}

fn git(folder: &Path, words: &[&str]) -> String {
    let done = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(words)
        .output()
        .expect("git is here");
    assert!(done.status.success(), "{done:?}");
    String::from_utf8(done.stdout).expect("git writes text")
}

/// What is found, by kind.
fn findings(azora: &Azora, folder: &Path) -> (i32, Vec<String>, String) {
    let done = azora.run(folder, &["ledger", "verify", "--json"]);
    let verdict: Value = serde_json::from_str(&done.out).expect("it prints JSON");
    let all = verdict["findings"].as_array().expect("there is a list");
    let kinds = all
        .iter()
        .map(|one| one["kind"].as_str().unwrap_or_default().to_owned());
    (done.code, kinds.collect(), done.out)
}

/// How far each place is, once all of them are as far as what is signed.
fn kept(azora: &Azora, folder: &Path) -> u64 {
    until("the checkpoint to be in all places", || {
        let done = azora.run(folder, &["ledger", "checkpoint", "--json"]);
        let stand: Value = serde_json::from_str(&done.out).ok()?;
        let size = stand["size"].as_u64()?;
        let mut places = stand["places"].as_array()?.iter();
        places
            .all(|place| place["size"] == size && place["trouble"].is_null())
            .then_some(size)
    })
}

/// The files of the book, as they are while nobody has them open.
fn book(home: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let files = fs::read_dir(home).expect("it is ours").flatten();
    files
        .map(|file| file.path())
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| name.as_encoded_bytes().starts_with(b"state.db"))
        })
        .map(|path| (path.clone(), fs::read(&path).expect("it is ours")))
        .collect()
}

#[test]
fn an_end_that_was_cut_off_is_found_by_what_was_kept_elsewhere() {
    let (azora, folder, elsewhere) = (Azora::new(), Folder::with(ONE), Folder::empty());
    let (share, repo) = (
        elsewhere.path().join("share"),
        elsewhere.path().join("repo"),
    );
    fs::create_dir(&share).expect("it is ours");
    fs::create_dir_all(repo.join("below")).expect("it is ours");
    git(&repo, &["init", "-q"]);
    let port = free_ports(1)[0];
    let got = crate::webhook::receive(port);
    let (share_text, below) = (share.display(), repo.join("below"));
    let settings = format!(
        "[ledger]\ncheckpoints = [\"{share_text}\", {{ git = \"{}\" }}, {{ webhook = \"away\" }}]\n\
         [webhook.away]\nurl = \"http://127.0.0.1:{port}/\"\nevents = [\"emergency_shutdown\"]\n",
        below.display()
    );
    let home = azora.home().path();
    fs::write(home.join("settings.toml"), settings).expect("it is ours");

    let engine = azora.serve_until_it_listens(folder.path());
    azora.up(folder.path());
    kept(&azora, folder.path());
    ended(engine);
    let (code, found, said) = findings(&azora, folder.path());
    assert_eq!((code, found), (0, vec![]), "{said}");
    let verdict: Value = serde_json::from_str(&said).expect("it prints JSON");
    assert_eq!(verdict["outside"], 2, "{verdict}");
    assert!(said.contains("the webhook away was sent"), "{said}");
    let before = book(home);
    let notes = |folder: &Path| -> Vec<String> {
        let files = fs::read_dir(folder).expect("it is there").flatten();
        let path = files.map(|file| file.path());
        path.map(|path| fs::read_to_string(path).expect("a note"))
            .collect()
    };
    let [first] = &notes(&share)[..] else {
        panic!("{:?}", notes(&share));
    };

    // More is done and signed, and then everything is put back to what it was.
    let engine = azora.serve_until_it_listens(folder.path());
    azora.ok(folder.path(), &["restart", "db"]);
    ended(engine);
    let [second] = &notes(&share)[..] else {
        panic!("{:?}", notes(&share));
    };
    assert_ne!(
        first, second,
        "the last checkpoint was brought there at the end"
    );
    let commits = git(&repo, &["log", "--format=%s"]);
    assert!(commits.lines().count() >= 2, "{commits}");
    assert_eq!(git(&repo, &["status", "--porcelain"]), "");
    let sent = got.lock().expect("nobody panicked").clone();
    let last = sent.last().expect("it was sent");
    assert_eq!(last["type"], "dev.azora.ledger_checkpoint", "{last}");
    assert_eq!(last["data"]["note"], second.as_str(), "{last}");
    for (path, _) in book(home) {
        fs::remove_file(path).expect("it is ours");
    }
    for (path, bytes) in &before {
        fs::write(path, bytes).expect("it is ours");
    }
    let (code, found, said) = findings(&azora, folder.path());
    assert_eq!(code, 1, "{said}");
    assert_eq!(found, ["cut"], "{said}");

    // The next engine sees it by itself, leaves what is there as it is, and says so where people look.
    let engine = azora.serve_until_it_listens(folder.path());
    until("the engine to say so", || {
        let status = azora.json(folder.path(), &["status"]);
        let limits = status["engine"]["limits"].to_string();
        limits
            .contains("not of this ledger as it is now")
            .then_some(())
    });
    let view = azora.json(folder.path(), &["security", "--now"]);
    let kinds = view["threats"].to_string();
    assert!(kinds.contains("ledger_doubted"), "{view}");
    ended(engine);
    assert_eq!(&notes(&share)[..], std::slice::from_ref(second));
}

#[test]
fn a_place_that_cannot_be_looked_at_is_said_and_is_no_soundness_and_is_tried_again() {
    let (azora, folder, elsewhere) = (Azora::new(), Folder::with(ONE), Folder::empty());
    let share = elsewhere.path().join("stick");
    let settings = format!("[ledger]\ncheckpoints = [\"{}\"]\n", share.display());
    fs::write(azora.home().path().join("settings.toml"), settings).expect("it is ours");
    let engine = azora.serve_until_it_listens(folder.path());
    until("the engine to say so", || {
        let status = azora.json(folder.path(), &["status"]);
        let limits = status["engine"]["limits"].to_string();
        limits
            .contains("no checkpoint of the ledger is kept in")
            .then_some(())
    });
    let (code, found, said) = findings(&azora, folder.path());
    assert_eq!((code, found), (1, vec!["place".to_owned()]), "{said}");
    assert!(said.contains("was not held against it"), "{said}");
    // It is plugged in.
    fs::create_dir(&share).expect("it is ours");
    kept(&azora, folder.path());
    let (code, found, said) = findings(&azora, folder.path());
    assert_eq!((code, found), (0, vec![]), "{said}");
    let status = azora.json(folder.path(), &["status"]);
    let limits = status["engine"]["limits"].to_string();
    assert!(!limits.contains("checkpoint"), "{limits}");
    // It is there, and what was on it is not.
    for file in fs::read_dir(&share).expect("it is there").flatten() {
        fs::remove_file(file.path()).expect("it is ours");
    }
    let (code, found, said) = findings(&azora, folder.path());
    assert_eq!((code, found), (1, vec!["place".to_owned()]), "{said}");
    ended(engine);
}

//! The same entries and checkpoints, verified by programs that share no code with ours: pymerkle and
//! cryptography, as they come from PyPI. `scripts/setup --tests` installs them.

#![expect(
    clippy::disallowed_types,
    reason = "it is a tool of the test, and ends by itself"
)]

use crate::{Home, keys};
use ledger::{Key, inclusion};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Where Python is: beside the folder that programs are built in.
fn python() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let beside = program.ancestors().nth(3).unwrap();
    let beside = beside.with_file_name("tools").join("clients");
    let clients = std::env::var_os("AZORA_CLIENTS").map_or(beside, PathBuf::from);
    let python = clients.join("python/bin/python");
    assert!(
        python.exists(),
        "{} is not there: run scripts/setup --tests",
        python.display()
    );
    python
}

fn verified(folder: &Path) -> Output {
    let story = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/clients/python/ledger.py");
    let mut command = Command::new(python());
    let files = ["entries", "checkpoint", "key", "proof"];
    command.arg(story).args(files.map(|file| folder.join(file)));
    command.output().unwrap()
}

#[tokio::test]
async fn others_verify_it_as_well() {
    let mut home = Home::new().await;
    home.acts(1, 100, "é \"\u{1}").await;
    let kept = home.seal().await.unwrap();
    let key = Key::of(home.folder.path()).unwrap();
    let public = key.public();
    let proof = inclusion(
        &home.store.ledger(),
        &keys(home.folder.path()),
        &kept,
        150,
        None,
    )
    .await
    .unwrap();
    let entries = home.texts().await.join("\n") + "\n";
    let scratch = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| std::fs::write(scratch.path().join(file), text).unwrap();
    write("entries", &entries);
    write("checkpoint", &kept.note);
    write("key", public.text());
    write("proof", &serde_json::to_string(&proof).unwrap());
    let output = verified(scratch.path());
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("201 entries, all of it"),
        "{output:?}"
    );
    write("entries", &entries.replacen("restarted", "restarter", 1));
    assert!(!verified(scratch.path()).status.success());
}

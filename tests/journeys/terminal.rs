//! What closing the terminal does to `azora up` in the foreground, and what `azora forget` forgets.

use rustix::process::Signal;
use std::process::Stdio;
use tests::folder::SMALL;
use tests::process::{lives, signal, started};
use tests::{Azora, Folder, until};

#[test]
fn closing_the_terminal_ends_the_engine_in_order_and_leaves_the_services_running() {
    let (azora, folder) = (Azora::new(), Folder::with(SMALL));
    // Whoever runs this may have told all below not to hear it: `nohup`.
    let mut up = std::process::Command::new("env")
        .arg("--default-signal=HUP")
        .arg(testkit::program("azora"))
        .args(["up", ".", "--trust"])
        .current_dir(folder.path())
        .env("AZORA_HOME", azora.home().path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        // As a closed terminal would be: nobody reads what is said.
        .stderr(Stdio::piped())
        .spawn()
        .expect("azora runs");
    drop(up.stderr.take());
    let before = until("everything to be ready", || {
        let done = azora.run(folder.path(), &["ps", "--json"]);
        let ps: serde_json::Value = serde_json::from_str(&done.out).ok()?;
        (ps["overall"] == "operational").then(|| azora.instances(folder.path()))
    });
    let born: Vec<_> = before.values().map(|one| started(one.pid)).collect();

    signal(up.id(), Signal::HUP);
    let status = until("azora to end", || up.try_wait().expect("it is our child"));
    assert_eq!(status.code(), Some(129), "in order, not by the signal");
    assert!(
        before.values().all(|one| lives(one.pid)),
        "services live on"
    );

    azora.up(folder.path());
    let after = azora.instances(folder.path());
    let still: Vec<_> = after.values().map(|one| started(one.pid)).collect();
    assert_eq!(still, born, "adopted, none restarted");
    let events = azora.json(folder.path(), &["events"]);
    let ended = events.as_array().expect("a list").iter().any(|event| {
        event["what"]["kind"] == "engine_stopped" && event["what"]["left_running"] == true
    });
    assert!(ended, "the engine said that it left: {events}");
}

#[test]
fn a_command_that_is_to_outlive_its_terminal_does() {
    let (azora, folder) = (Azora::new(), Folder::with(SMALL));
    let script = format!(
        "trap '' HUP; exec '{}' up . --trust",
        testkit::program("azora").display()
    );
    let mut up = std::process::Command::new("sh")
        .args(["-c", &script])
        .current_dir(folder.path())
        .env("AZORA_HOME", azora.home().path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("sh runs");
    until("everything to be ready", || {
        let done = azora.run(folder.path(), &["ps", "--json"]);
        done.out
            .contains("\"overall\":\"operational\"")
            .then_some(())
    });
    signal(up.id(), Signal::HUP);
    // SIGTERM after it is still heard, and ends it the usual way: had SIGHUP been heard, the
    // services would live on.
    signal(up.id(), Signal::TERM);
    let status = until("azora to end", || up.try_wait().expect("it is our child"));
    assert_eq!(status.code(), Some(130));
    until("nothing to be left", || {
        azora.left().is_empty().then_some(())
    });
}

#[test]
fn a_cluster_that_is_down_can_be_forgotten_and_its_logs_stay() {
    let (azora, folder) = (Azora::new(), Folder::with(SMALL));
    azora.up(folder.path());
    let id = azora.json(folder.path(), &["ps"])["cluster"]
        .as_str()
        .expect("an id")
        .to_owned();
    let refused = azora.run(folder.path(), &["forget"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.err.contains("take it down first"), "{refused:?}");

    azora.ok(folder.path(), &["down"]);
    let said = azora.ok(folder.path(), &["forget", "--reason", "done with it"]);
    assert!(said.contains(&id) && said.contains("forgotten"), "{said}");
    let logs = azora.home().path().join("logs").join(&id);
    assert!(logs.join("db.0").join("log").exists(), "its logs stay");
    let status = azora.json(folder.path(), &["status"]);
    assert_eq!(status["clusters"], serde_json::json!([]), "{status}");
    assert_eq!(azora.run(folder.path(), &["ps"]).code, 3);
    let events = azora.json(folder.path(), &["events"]).to_string();
    assert!(events.contains("done with it"), "{events}");

    // Once more it is a new cluster.
    azora.up(folder.path());
    assert_eq!(azora.instance(folder.path(), "db.0").generation, 1);
}

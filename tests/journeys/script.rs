//! What scripts and CI use: a command beside a cluster, and waiting for services.

use tests::folder::SMALL;
use tests::{Azora, Folder, until};

#[test]
fn a_command_runs_beside_the_cluster_and_its_exit_code_is_passed_on() {
    let (azora, folder) = (Azora::new(), Folder::with(SMALL));
    std::fs::write(folder.path().join(".env"), "COLOUR=red\n").expect("the folder is ours");
    let script = "echo $COLOUR $API_HOST $WEB_URL; test $DB_PORT -gt 0 || exit 9; exit 7";
    let done = azora.run(folder.path(), &["run", "--yes", "--", "sh", "-c", script]);
    assert_eq!(done.code, 7, "{}", done.err);
    assert!(
        done.out.starts_with("red 127.0.0.1 http://127.0.0.1:"),
        "{}",
        done.out
    );
    assert_eq!(
        done.out.lines().count(),
        1,
        "nothing but what the command said: {}",
        done.out
    );
    until("nothing to be left", || {
        azora.left().is_empty().then_some(())
    });

    let killed = azora.run(folder.path(), &["run", "--", "sh", "-c", "kill -KILL $$"]);
    assert_eq!(killed.code, 137, "{}", killed.err);
    let absent = azora.run(folder.path(), &["run", "--", "no-such-program"]);
    assert_eq!(absent.code, 1, "{}", absent.err);
    assert!(
        absent.err.contains("failed to run no-such-program"),
        "{}",
        absent.err
    );
    until("nothing to be left", || {
        azora.left().is_empty().then_some(())
    });

    // One that ran before is left as it was.
    azora.up(folder.path());
    let before = azora.instance(folder.path(), "web.0").pid;
    let done = azora.run(folder.path(), &["run", "--", "true"]);
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(done.err.contains("ran before, and runs on"), "{}", done.err);
    assert_eq!(azora.instance(folder.path(), "web.0").pid, before);
    azora.ok(folder.path(), &["down"]);
}

#[test]
fn a_command_is_not_run_beside_a_cluster_that_does_not_come_up() {
    let broken = SMALL.replace("organ --name web", "no-such-program --name web");
    let (azora, folder) = (Azora::new(), Folder::with(&broken));
    let done = azora.run(folder.path(), &["run", "--yes", "--", "echo", "ran"]);
    assert_eq!((done.code, done.out.as_str()), (1, ""), "{}", done.err);
    assert!(done.err.contains("the command was not run"), "{}", done.err);
    assert!(done.err.contains("no-such-program"), "{}", done.err);
    until("nothing to be left", || {
        azora.left().is_empty().then_some(())
    });
}

#[test]
fn waiting_ends_when_it_is_so_when_it_cannot_be_and_when_it_takes_too_long() {
    let (azora, folder) = (Azora::new(), Folder::with(SMALL));
    azora.up(folder.path());
    let waits = |words: &[&str]| azora.run(folder.path(), &[&["wait"], words].concat());
    let ready = waits(&["web", "api", "--healthy"]);
    assert_eq!(ready.code, 0, "{}", ready.err);
    assert!(ready.out.starts_with("3 ready after "), "{}", ready.out);
    let late = waits(&["web", "--stopped", "--timeout", "300ms"]);
    assert_eq!(late.code, 1);
    assert!(
        late.err.contains("not stopped after 300 ms"),
        "{}",
        late.err
    );
    assert!(late.err.contains("web.0 is ready"), "{}", late.err);
    let none = waits(&["nobody"]);
    assert_eq!(none.code, 3);
    assert!(none.err.contains("has no service nobody"), "{}", none.err);

    azora.ok(folder.path(), &["stop", "web"]);
    assert_eq!(waits(&["web", "--stopped"]).code, 0);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| waits(&["web", "--timeout", "30s"]));
        azora.ok(folder.path(), &["start", "web"]);
        assert_eq!(waiting.join().expect("it does not panic").code, 0);
    });

    folder.define(
        &SMALL
            .replace("organ --name web", "puppet exit 1 --name web")
            .replace(
                "[cluster.defaults]",
                "[cluster.defaults]\nheal = { ladder = [\"quarantine\"] }",
            ),
    );
    azora.run(folder.path(), &["up", "--detach"]);
    azora.until(folder.path(), "web.0", "quarantined", |web| {
        web.state == "quarantined"
    });
    let never = waits(&["web", "--timeout", "60s"]);
    assert_eq!(never.code, 1);
    assert!(never.err.contains("`azora release web`"), "{}", never.err);
    azora.ok(folder.path(), &["down"]);
}

#[test]
fn orders_and_waiting_tell_programs_what_came_of_them() {
    let (azora, folder) = (Azora::new(), Folder::with(SMALL));
    let up = azora.json(folder.path(), &["up", "--detach", "--yes"]);
    assert_eq!(
        (&up["order"], &up["ok"]),
        (&"up".into(), &true.into()),
        "{up}"
    );
    assert_eq!(up["instances"].as_array().map(Vec::len), Some(4), "{up}");
    let before = azora.instance(folder.path(), "db.0").pid;
    let restart = azora.json(folder.path(), &["restart", "db"]);
    let db = &restart["instances"][0];
    assert_eq!(
        (&db["instance"], &db["state"]),
        (&"db.0".into(), &"ready".into())
    );
    assert_ne!(db["pid"], before, "{restart}");
    let wait = azora.json(folder.path(), &["wait", "api", "--healthy"]);
    assert_eq!(
        wait["instances"].as_array().map(Vec::len),
        Some(2),
        "{wait}"
    );

    // What did not go well is told in the same shape, and by the exit code.
    folder.define(&SMALL.replace("organ --name web", "no-such-program --name web"));
    let failed = azora.run(folder.path(), &["up", "--detach", "--json"]);
    assert_eq!(failed.code, 1, "{}", failed.err);
    let told: serde_json::Value = serde_json::from_str(&failed.out).expect("it is JSON");
    assert_eq!(told["ok"], false, "{told}");
    let web = &told["failed"][0];
    assert_eq!(web["instance"], "web.0", "{told}");
    let reason = web["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("exited with code 127"), "{told}");

    let down = azora.json(folder.path(), &["down"]);
    let rows = down["instances"].as_array().cloned().unwrap_or_default();
    assert!(rows.iter().all(|one| one["state"] == "stopped"), "{down}");
    // A foreground `up` has nothing to print at one certain time.
    let refused = azora.run(folder.path(), &["up", "--json"]);
    assert_eq!(refused.code, 2, "{}", refused.err);

    let other = Folder::empty();
    other.write("Procfile", "release: true\nweb: node server.js\n");
    let imported = azora.json(other.path(), &["import"]);
    assert_eq!(imported["written"], serde_json::Value::Null, "{imported}");
    assert_eq!(imported["notes"][0]["line"], 1, "{imported}");
    let text = imported["definition"].as_str().unwrap_or_default();
    assert!(text.contains("[service.web]"), "{text}");
}

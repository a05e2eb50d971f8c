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

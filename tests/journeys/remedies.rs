//! How far healing goes, when it keeps its hands off, and what outlives the engine of that.

use rustix::process::Signal;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use tests::process::{kill, lives, signal};
use tests::{Azora, Folder, http, until};

/// The default ladder with shorter waits.
const DOOMED: &str = r#"
[service.doomed]
run = "test -e mended && exec organ --name doomed --port $PORT; exit 3"
port = 0
health = { http = "/health" }
heal = { backoff = ["0s", "0s", "10ms", "50ms", "100ms"] }
"#;

/// What was tried for an incident, in order; its circuit is another story.
fn tried(incident: &serde_json::Value) -> Vec<&str> {
    let actions = incident["actions"].as_array().expect("what was tried");
    let kinds = actions.iter().filter_map(|action| action["kind"].as_str());
    kinds.filter(|kind| *kind != "circuit-break").collect()
}

/// Whether it comes to ready for a moment is not what these stories are about.
fn up_in_vain(azora: &Azora, folder: &Path) {
    azora.run(folder, &["up", ".", "--detach", "--trust"]);
}

#[test]
fn the_default_ladder_ends_in_quarantine_after_ten_starts() {
    let (azora, folder) = (Azora::new(), Folder::with(DOOMED));
    up_in_vain(&azora, folder.path());
    let doomed = azora.until(folder.path(), "doomed.0", "in quarantine", |doomed| {
        doomed.state == "quarantined"
    });
    assert_eq!((doomed.generation, doomed.restarts), (10, 9));
    let incidents = azora.incidents();
    assert_eq!(incidents.len(), 1, "{incidents:#?}");
    let mut ladder = vec!["restart"; 5];
    ladder.extend(["graceful-restart"; 2]);
    ladder.extend(["restart-needs"; 2]);
    ladder.push("quarantine");
    assert_eq!(tried(&incidents[0]), ladder);

    // Quarantine outlives the engine.
    let engine = azora.engine();
    kill(engine);
    until("the engine to be gone", || (!lives(engine)).then_some(()));
    up_again(&azora, folder.path());
    let still = azora.instance(folder.path(), "doomed.0");
    assert_eq!(
        (still.state.as_str(), still.generation),
        ("quarantined", 10)
    );

    std::fs::write(folder.path().join("mended"), "").expect("the folder can be written to");
    azora.ok(folder.path(), &["release", "doomed"]);
    azora.until(folder.path(), "doomed.0", "ready", |doomed| doomed.serves());
}

/// Another engine, without `up`, which would begin anew.
fn up_again(azora: &Azora, folder: &Path) {
    drop(azora.serve_until_it_listens(folder));
}

#[test]
fn what_was_tried_is_counted_on_by_the_next_engine() {
    let folder = Folder::with(
        r#"
[service.doomed]
run = "exit 3"
heal = { backoff = ["0s", "0s", "0s", "0s", "0s", "1d"] }
"#,
    );
    let azora = Azora::new();
    up_in_vain(&azora, folder.path());
    // Five restarts are spent, and the sixth waits for a day.
    let sixth = |doomed: &tests::Instance| doomed.state == "failing" && doomed.restarts == 5;
    azora.until(folder.path(), "doomed.0", "waiting for its sixth", sixth);
    let engine = azora.engine();
    kill(engine);
    until("the engine to be gone", || (!lives(engine)).then_some(()));
    up_again(&azora, folder.path());
    let after = azora.until(folder.path(), "doomed.0", "waiting again", sixth);
    assert_eq!(after.generation, 6, "nothing was tried anew");
}

#[test]
fn a_service_that_is_stopped_in_a_debugger_is_left_alone() {
    let service = |name: &str| {
        format!(
            "[service.{name}]\nrun = \"organ --name {name} --port $PORT\"\nport = 0\n\
             health = {{ http = \"/health\", every = \"100ms\", timeout = \"200ms\" }}\n"
        )
    };
    let folder = Folder::with(&format!("{}{}", service("api"), service("twin")));
    let azora = Azora::new();
    azora.up(folder.path());
    let before = azora.instance(folder.path(), "api.0");
    let pid = before.pid.to_string();
    let mut debugger = std::process::Command::new(testkit::program("puppet"))
        .args(["attach", &pid, "hang"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("puppet is built");
    let mut line = String::new();
    let out = debugger.stdout.take().expect("it is piped");
    BufReader::new(out)
        .read_line(&mut line)
        .expect("it says what it did");
    assert_eq!(
        line,
        format!("attached {pid}\n"),
        "may this user trace its own processes?"
    );

    // Many more probes fail than it takes to be failing: it says why nothing is done.
    let hold = until("the hold to be shown", || {
        let ps = azora.json(folder.path(), &["ps"]);
        ps["instances"][0]["marks"]["hold"]["why"]
            .as_str()
            .map(str::to_owned)
    });
    assert_eq!(
        hold,
        format!("puppet (pid {}) is attached to it", debugger.id())
    );
    // What hangs without a debugger is found and restarted meanwhile.
    let twin = azora.instance(folder.path(), "twin.0");
    signal(twin.pid, Signal::STOP);
    azora.until(folder.path(), "twin.0", "back", |now| {
        now.serves() && now.pid != twin.pid
    });
    let incidents = azora.incidents();
    let whose: Vec<&str> = incidents
        .iter()
        .filter_map(|one| one["instance"].as_str())
        .collect();
    assert_eq!(whose, ["twin.0"]);
    let held = azora.instance(folder.path(), "api.0");
    assert_eq!((held.pid, held.restarts), (before.pid, 0));

    // Without the debugger it goes on where it was, and is healed again.
    kill(debugger.id());
    debugger.wait().expect("it was ours");
    until("the hold to be over", || {
        let ps = azora.json(folder.path(), &["ps"]);
        ps["instances"][0]["marks"]
            .get("hold")
            .is_none()
            .then_some(())
    });
    assert_eq!(http::health_pid(before.port), Some(before.pid));
    kill(before.pid);
    azora.until(folder.path(), "api.0", "back", |api| {
        api.serves() && api.pid != before.pid
    });
}

#[test]
fn a_hold_for_a_time_outlives_the_engine_and_ends_by_itself() {
    let folder = Folder::with("[service.api]\nrun = \"organ --name api --port $PORT\"\nport = 0\n");
    let azora = Azora::new();
    azora.up(folder.path());
    let said = azora.ok(folder.path(), &["hold", "api", "--for", "8s"]);
    assert!(said.contains("for 8"), "{said}");
    let engine = azora.engine();
    kill(engine);
    until("the engine to be gone", || (!lives(engine)).then_some(()));
    up_again(&azora, folder.path());
    let before = azora.instance(folder.path(), "api.0");
    let ps = azora.json(folder.path(), &["ps"]);
    let marks = &ps["instances"][0]["marks"];
    assert_eq!(marks["held"], true, "{ps}");
    assert!(marks["hold"]["until"].is_string(), "{ps}");
    kill(before.pid);
    azora.until(folder.path(), "api.0", "failing", |api| {
        api.state == "failing"
    });
    azora.until(folder.path(), "api.0", "back by itself", |api| {
        api.serves() && api.generation == before.generation + 1
    });
}

#[test]
fn what_an_edit_breaks_is_taken_back_and_stays_so_over_an_engine() {
    let definition = |run: &str| {
        format!(
            "[service.api]\nrun = \"{run}\"\nport = 0\nhealth = {{ http = \"/health\" }}\n\
             heal = {{ settle = \"0s\" }}\n"
        )
    };
    let good = definition("organ --name api --port $PORT");
    let (azora, folder) = (Azora::new(), Folder::with(&good));
    let place = folder.path();
    azora.up(place);
    folder.define(&definition("exit 3"));
    let up = azora.run(place, &["up", ".", "--detach"]);
    assert_ne!(up.code, 0, "the edit is not in force");
    let said = format!("{}{}", up.out, up.err);
    assert!(said.contains("rolled back"), "{said}");
    azora.until(place, "api.0", "back on what it was", |api| api.serves());
    let back = |what: &str| {
        let ps = azora.json(place, &["ps"]);
        let mark = ps["instances"][0]["marks"]["rolled_back"].clone();
        assert_eq!(mark["why"], "exited with code 3", "{what}: {ps}");
        assert!(
            mark["to"].is_string() && mark["at"].is_string(),
            "{what}: {ps}"
        );
        assert!(
            mark["differs"]
                .as_str()
                .is_some_and(|differs| differs.contains("exit 3")),
            "{what}: {ps}"
        );
    };
    back("at first");
    let incidents = azora.incidents();
    assert_eq!(incidents.len(), 1, "{incidents:#?}");
    assert_eq!(tried(&incidents[0]), ["restart", "restart", "rollback"]);

    // The next engine adopts it as what it is, and heals it as that.
    let before = azora.instance(place, "api.0");
    let engine = azora.engine();
    kill(engine);
    until("the engine to be gone", || (!lives(engine)).then_some(()));
    up_again(&azora, place);
    back("over an engine");
    let adopted = azora.until(place, "api.0", "adopted", |api| api.serves());
    assert_eq!(adopted.pid, before.pid);
    kill(adopted.pid);
    let healed = azora.until(place, "api.0", "healed", |api| {
        api.serves() && api.pid != adopted.pid
    });

    // The same file is not tried again, and who asks for it is told.
    let up = azora.run(place, &["up", ".", "--detach"]);
    assert_ne!(up.code, 0, "{}{}", up.out, up.err);
    let said = format!("{}{}", up.out, up.err);
    assert!(said.contains("stays rolled back"), "{said}");
    assert_eq!(azora.instance(place, "api.0").pid, healed.pid);

    // A person may insist, and gets it.
    azora.run(place, &["release", "api"]);
    let insisted = azora.json(place, &["ps"]);
    let insisted = &insisted["instances"][0];
    assert!(insisted["marks"].get("rolled_back").is_none(), "{insisted}");
    assert_ne!(insisted["state"], "ready", "{insisted}");

    // Mended, the file is what runs.
    folder.define(&good);
    azora.up(place);
    let ps = azora.json(place, &["ps"]);
    assert!(
        ps["instances"][0]["marks"].get("rolled_back").is_none(),
        "{ps}"
    );
}

//! Everything stops at once, whatever the services think of it, and comes back when asked.

use serde_json::Value;
use std::fmt::Write;
use std::io::Read;
use std::process::Stdio;
use tests::process::lives;
use tests::{Azora, Folder, http, until};

/// Eight that behave, four that ignore SIGTERM, four with a double-forked child in its own session.
fn difficult() -> String {
    let mut definition = String::from(
        "[cluster]\nname = \"difficult\"\n\n[cluster.defaults]\nhealth = { http = \"/health\" }\n",
    );
    for n in 0..16 {
        let more = match n % 4 {
            2 => " --ignore-term",
            3 => " --double-fork",
            _ => "",
        };
        let _ = write!(
            definition,
            "\n[service.s{n}]\nrun = \"organ --name s{n} --port $PORT{more}\"\nport = 0\n"
        );
    }
    definition
}

#[test]
fn an_emergency_stop_leaves_nothing_and_resume_brings_it_back() {
    let (azora, folder) = (Azora::new(), Folder::with(&difficult()));
    azora.up(folder.path());
    let before = azora.instances(folder.path());
    assert_eq!(before.len(), 16);
    assert!(before.values().all(|instance| instance.serves()));
    let trees = azora.left();
    // A shim and an organ each, and a grandchild for every fourth.
    assert!(
        trees.len() >= 16 * 2 + 4,
        "{} processes: {trees:#?}",
        trees.len()
    );

    let report = azora.json(folder.path(), &["emergency-stop", "--reason", "test"]);
    assert_eq!(
        azora.left(),
        [] as [String; 0],
        "nothing is left when it returns"
    );
    assert_eq!(report["left"], Value::Array(Vec::new()), "{report}");
    assert!(report["ended"].as_u64() >= Some(16 + 4), "{report}");
    println!("emergency stop of 16 services: {} ms", report["took_ms"]);
    for instance in before.values() {
        assert!(!lives(instance.pid), "{} lives", instance.name);
    }
    assert!(
        azora
            .instances(folder.path())
            .values()
            .all(|instance| instance.state == "stopped")
    );

    azora.ok(folder.path(), &["resume"]);
    for name in before.keys() {
        let back = azora.until(folder.path(), name, "back", |instance| instance.serves());
        assert_eq!(http::health_pid(back.port), Some(back.pid));
    }
}

#[test]
fn an_emergency_stop_works_while_the_engine_hangs() {
    let (azora, folder) = (Azora::new(), Folder::with(&difficult()));
    azora.up(folder.path());
    let engine = azora.engine();
    tests::process::signal(engine, rustix::process::Signal::STOP);
    let done = azora.run(
        folder.path(),
        &["emergency-stop", "--reason", "the engine hangs"],
    );
    let left = azora.left();
    tests::process::signal(engine, rustix::process::Signal::CONT);
    assert_eq!(done.code, 0, "{done:?}");
    assert_eq!(left, [] as [String; 0]);
    // The engine wakes up, sees what happened, and brings nothing back by itself.
    until("the engine to see it", || {
        azora
            .instances(folder.path())
            .values()
            .all(|instance| instance.state == "stopped")
            .then_some(())
    });
    assert_eq!(azora.left(), [] as [String; 0]);
}

/// Whoever may neither read a home nor signal what runs in it has ended nothing, and says so.
#[test]
fn an_emergency_stop_by_another_user_names_whom_it_cannot_end() {
    if !tests::is_root() {
        println!("not looked at: it takes root to be two users");
        return;
    }
    // What ends by itself meanwhile was not ended either.
    let busy = "\n[service.busy]\nrun = [\"sh\", \"-c\", \"while :; do sleep 0.05; done\"]\n";
    let definition = format!("{}{busy}", tests::folder::SMALL);
    let (azora, folder) = (Azora::new(), Folder::with(&definition));
    azora.up(folder.path());
    let before = azora.instances(folder.path());
    let home = azora.home().path().to_string_lossy().into_owned();
    let other = azora.of_user(65_534).expect("root may be anybody");
    let other = other.env("AZORA_HOME", home);
    let root: &std::path::Path = "/".as_ref();
    let done = other.run(root, &["emergency-stop", "--reason", "test", "--json"]);
    assert_eq!(done.code, 1, "{done:?}");
    let report: Value = serde_json::from_str(&done.out).expect("it prints JSON");
    assert_eq!(report["ended"], 0, "{report}");
    // Who comes and goes as they like is no reason to go on for a minute.
    assert!(report["took_ms"].as_u64() < Some(30_000), "{report}");
    let unseen = report["unseen"].as_str().unwrap_or_default();
    assert!(unseen.contains("cannot be read: not permitted"), "{report}");
    let left = report["left"].as_array().cloned().unwrap_or_default();
    for (name, instance) in &before {
        assert!(lives(instance.pid), "{name} was ended");
        let told = left.iter().find(|one| one["pid"] == instance.pid);
        let why = told.and_then(|one| one["why"].as_str()).unwrap_or_default();
        assert!(why.ends_with("belongs to root: not permitted"), "{report}");
    }
    let done = other.run(root, &["emergency-stop", "--reason", "test"]);
    assert_eq!(done.code, 1, "{done:?}");
    assert!(!done.out.contains("0 left"), "{done:?}");
    for (name, instance) in &azora.instances(folder.path()) {
        assert_eq!(instance.pid, before[name].pid, "{name} went on");
    }
}

/// What waited for a hung engine when everything was ended is not done when the engine wakes up, and
/// what is asked for after that is.
#[test]
fn what_an_emergency_stop_has_overtaken_is_not_done() {
    let (azora, folder) = (Azora::new(), Folder::with(tests::folder::SMALL));
    azora.up(folder.path());
    let engine = azora.engine();
    let port = azora.api_port();
    tests::process::signal(engine, rustix::process::Signal::STOP);
    let queue = |count| {
        let mut waits = azora
            .command(folder.path(), &["up", ".", "--detach", "--trust"])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .expect("azora can be run");
        let waiting =
            testkit::eventually(tests::PATIENCE, || tests::process::unread(port) == count);
        if !waiting {
            let _ = waits.kill();
            panic!("the request is not on its way");
        }
        waits
    };
    // Of one of them nobody waits for the answer any more.
    let (mut dead, waits) = (queue(1), queue(2));
    dead.kill().expect("it is our child");
    dead.wait().expect("it is our child");
    let done = azora.run(folder.path(), &["emergency-stop", "--reason", "it hangs"]);
    tests::process::signal(engine, rustix::process::Signal::CONT);
    assert_eq!(done.code, 0, "{done:?}");
    let refused = waits.wait_with_output().expect("it is our child");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success(), "{said}");
    assert!(said.contains("an emergency stop came after"), "{said}");
    until("the engine to have read the other, too", || {
        (tests::process::unread(port) == 0).then_some(())
    });
    until("the engine to see that all has ended", || {
        azora
            .instances(folder.path())
            .values()
            .all(|one| one.state == "stopped")
            .then_some(())
    });
    assert_eq!(azora.left(), [] as [String; 0]);
    azora.ok(folder.path(), &["resume"]);
    for name in azora.instances(folder.path()).keys() {
        azora.until(folder.path(), name, "back", |instance| instance.serves());
    }
}

#[test]
fn an_emergency_stop_works_without_an_engine() {
    let (azora, folder) = (Azora::new(), Folder::with(&difficult()));
    azora.up(folder.path());
    let engine = azora.engine();
    tests::process::kill(engine);
    until("the engine to be gone", || (!lives(engine)).then_some(()));
    assert_eq!(
        azora
            .run(folder.path(), &["emergency-stop", "--reason", "test"])
            .code,
        0
    );
    assert_eq!(azora.left(), [] as [String; 0]);
}

#[test]
fn down_leaves_nothing_of_services_that_resist() {
    let definition = difficult().replace(
        "[cluster.defaults]\n",
        "[cluster.defaults]\nstop = { grace = \"500ms\" }\n",
    );
    let (azora, folder) = (Azora::new(), Folder::with(&definition));
    azora.up(folder.path());
    azora.ok(folder.path(), &["down"]);
    assert_eq!(
        azora.left(),
        [] as [String; 0],
        "down returns when all is gone"
    );
}

#[test]
fn a_stopped_service_stays_stopped_until_it_is_started() {
    let (azora, folder) = (Azora::new(), Folder::with(tests::folder::SMALL));
    azora.up(folder.path());
    let before = azora.instances(folder.path());
    azora.ok(folder.path(), &["stop", "web"]);
    let web = azora.until(folder.path(), "web.0", "stopped", |web| {
        web.state == "stopped"
    });
    assert_eq!(web.pid, 0);
    assert_eq!(
        azora.instance(folder.path(), "api.0").pid,
        before["api.0"].pid,
        "what it needs runs on"
    );
    azora.ok(folder.path(), &["start", "web"]);
    azora.until(folder.path(), "web.0", "ready", |web| web.serves());
    azora.ok(folder.path(), &["restart", "db"]);
    let db = azora.until(folder.path(), "db.0", "another", |db| {
        db.serves() && db.pid != before["db.0"].pid
    });
    assert_eq!(db.restarts, 0, "a person's restart is not healing's");
    assert!(
        azora.incidents().is_empty(),
        "what a person does is no incident: {:#?}",
        azora.incidents()
    );
}

#[test]
fn a_down_that_up_overtakes_says_so() {
    let (azora, folder) = (
        Azora::new(),
        Folder::with(
            r#"
[service.slow]
run = 'sh -c "trap : TERM; while :; do sleep 0.1; done"'
stop = { grace = "3s" }
"#,
        ),
    );
    azora.up(folder.path());
    let mut down = azora
        .command(folder.path(), &["down"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("azora runs");
    azora.until(folder.path(), "slow.0", "on its way down", |slow| {
        slow.state == "stopping"
    });
    azora.up(folder.path());
    let status = until("down to end", || down.try_wait().expect("it is our child"));
    let mut said = String::new();
    let mut err = down.stderr.take().expect("it is piped");
    err.read_to_string(&mut said).expect("azora writes UTF-8");
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("down was overtaken by up: 1"), "{said}");
}

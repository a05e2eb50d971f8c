//! Probes that nobody asks, and readiness that is asked on, with real services: what they say, what
//! follows, and what outlives the engine.

use rustix::process::Signal;
use std::time::{Duration, Instant};
use tests::process::{kill, lives, signal};
use tests::{Azora, Folder, http, until};

const TOLD: &str = r#"
[cluster.defaults]
stop = { grace = "1s" }

[service.line]
run = ["puppet", "print", "starting", "until", "go", "print", "listening on 8080", "hang"]
ready = { log = "^listening on [0-9]+$" }

[service.unit]
run = ["puppet", "notify", "STATUS=warming up", "until", "go", "notify", "READY=1", "notify-on", "250", "WATCHDOG=1"]
ready = { notify = true }
health = { watchdog = "2s" }
"#;

#[test]
fn what_a_service_says_by_itself_counts_even_if_no_engine_was_there_to_hear_it() {
    let (azora, folder) = (Azora::new(), Folder::with(TOLD));
    let go = folder.path().join("go");
    std::fs::write(&go, "").expect("a file");
    azora.up(folder.path());
    let line = azora.instance(folder.path(), "line.0");
    assert!(
        line.reason.contains("it wrote: listening on 8080"),
        "{line:?}"
    );

    std::fs::remove_file(&go).expect("to be gone");
    let mut restart = azora.command(folder.path(), &["restart", "line", "unit"]);
    let mut restart = restart.spawn().expect("a command");
    let unit = azora.until(folder.path(), "unit.0", "warming up", |unit| {
        unit.generation == 2 && unit.reason.contains("says: warming up")
    });
    let line = azora.until(folder.path(), "line.0", "started", |line| {
        line.generation == 2 && line.pid > 0
    });
    assert!(!unit.serves() && !line.serves(), "{unit:?} {line:?}");
    let engine = azora.engine();
    kill(engine);
    until("the engine to be gone", || (!lives(engine)).then_some(()));
    let _ = restart.wait();

    std::fs::write(&go, "").expect("a file");
    let logs = azora.home().path().join("logs");
    until("both to have said it", || {
        let cluster = std::fs::read_dir(&logs).ok()?.next()?.ok()?.path();
        let log = std::fs::read_to_string(cluster.join("line.0/log")).ok()?;
        (log.matches("listening").count() == 2).then_some(())
    });
    azora.up(folder.path());
    for before in [unit, line] {
        let after = azora.instance(folder.path(), &before.name);
        assert!(after.serves(), "{after:?}");
        assert_eq!((after.pid, after.generation), (before.pid, 2), "{after:?}");
    }
}

#[test]
fn a_watchdog_that_falls_silent_restarts_the_service() {
    let (azora, folder) = (Azora::new(), Folder::with(TOLD));
    std::fs::write(folder.path().join("go"), "").expect("a file");
    azora.up(folder.path());
    let before = azora.instance(folder.path(), "unit.0");
    signal(before.pid, Signal::STOP);
    azora.until(folder.path(), "unit.0", "started anew", |unit| {
        unit.serves() && unit.pid != before.pid && unit.restarts == 1
    });
    let incidents = azora.incidents();
    let cause = incidents[0]["cause"].as_str().unwrap_or_default();
    assert!(
        cause.contains("has not said WATCHDOG=1 within 2s"),
        "{incidents:#?}"
    );
    let line = azora.instance(folder.path(), "line.0");
    assert_eq!((line.generation, line.restarts), (1, 0), "{line:?}");
}

#[test]
fn a_lease_that_is_not_renewed_restarts_the_service() {
    let folder = Folder::with(
        r#"
[service.mail]
run = "organ --name mail --port $PORT"
port = 0
ready = { http = "/health" }
health = { lease = "2s" }
"#,
    );
    let azora = Azora::new();
    azora.up(folder.path());
    let before = azora.instance(folder.path(), "mail.0");
    let registry = azora.registry();
    let wish = format!(
        r#"{{"name": "post", "url": "http://127.0.0.1:{}"}}"#,
        before.port
    );
    let begun = Instant::now();
    until("twice its time to be over", || {
        let answer = http::ask(registry, "POST", "/register", &wish);
        assert!(answer.is_some_and(|answer| matches!(answer.code, 200 | 201)));
        (begun.elapsed() > Duration::from_secs(5)).then_some(())
    });
    let now = azora.instance(folder.path(), "mail.0");
    assert_eq!((now.pid, now.restarts), (before.pid, 0), "{now:?}");
    azora.until(folder.path(), "mail.0", "restarted", |mail| {
        mail.restarts > 0
    });
    let incidents = azora.incidents();
    let cause = incidents[0]["cause"].as_str().unwrap_or_default();
    assert!(
        cause.contains("has not renewed its lease within 2s"),
        "{incidents:#?}"
    );
}

#[test]
fn one_that_is_not_ready_any_more_gets_no_traffic_and_is_not_restarted() {
    let folder = Folder::with(
        r#"
[service.api]
run = "organ --name api --port $PORT"
port = 0
ready = { http = "/health", always = true, every = "200ms", fail = 2 }
health = { tcp = "$PORT", every = "200ms" }

[service.web]
run = "organ --name web --port $PORT"
port = 0
needs = ["api"]
health = { http = "/health", every = "200ms" }
"#,
    );
    let azora = Azora::new();
    azora.up(folder.path());
    let before = azora.instance(folder.path(), "api.0");
    assert_eq!(azora.listed("api"), [before.port]);
    let told = |mode: &str| {
        let told = http::ask(before.port, "POST", &format!("/misbehave?{mode}"), "");
        assert_eq!(told.map(|answer| answer.code), Some(200));
    };
    told("mode=error&code=503");
    let lost = azora.until(folder.path(), "api.0", "not ready", |api| !api.serves());
    assert_eq!(
        (&*lost.state, lost.pid),
        ("running", before.pid),
        "{lost:?}"
    );
    assert!(
        lost.reason.contains("not ready: GET /health answered 503"),
        "{lost:?}"
    );
    assert_eq!(azora.listed("api"), Vec::<u16>::new());
    let ps = azora.json(folder.path(), &["ps"]);
    let web = ps["instances"]
        .as_array()
        .and_then(|all| all.iter().find(|one| one["instance"] == "web.0").cloned());
    let web = web.expect("web");
    assert_eq!(web["marks"]["impacted_by"], "api", "{web}");
    told("mode=ok");
    let back = azora.until(folder.path(), "api.0", "ready again", |api| api.serves());
    assert_eq!(
        (back.pid, back.generation, back.restarts),
        (before.pid, 1, 0)
    );
    assert_eq!(azora.listed("api"), [before.port]);
    // That it did not serve is told, and that nothing was done about it.
    let incidents = azora.incidents();
    assert_eq!(incidents.len(), 1, "{incidents:?}");
    let told = ["service", "state", "actions"].map(|key| incidents[0][key].clone());
    let wanted = [
        "api".into(),
        "resolved".into(),
        serde_json::Value::Array(vec![]),
    ];
    assert_eq!(told, wanted, "{incidents:?}");
}

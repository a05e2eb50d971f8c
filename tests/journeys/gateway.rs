//! Names instead of ports, while instances come, go and die.

use tests::load::Load;
use tests::process::kill;
use tests::{Azora, Folder, http, until};

const THREE: &str = r#"
[cluster]
name = "gated"

[service.web]
run = "organ --name web --port $PORT"
port = 0
replicas = 3
health = { http = "/health", every = "1s", timeout = "5s" }
"#;

const ALONE: &str = r#"
[cluster]
name = "gated"

[service.web]
run = "organ --name web --port $PORT"
port = 0
health = { http = "/health", every = "1s", timeout = "5s" }
"#;

/// The gateway's port, once it leads to `web`.
#[track_caller]
fn gate(azora: &Azora, folder: &Folder) -> u16 {
    azora.up(folder.path());
    let gateway = azora.gateway().expect("it has a gateway");
    until("the gateway to lead there", || {
        let answer = http::get(gateway, "/gated/web/health")?;
        (answer.code == 200).then_some(())
    });
    gateway
}

#[test]
fn restarts_and_scaling_under_load_fail_no_request() {
    let (azora, folder) = (Azora::new(), Folder::with(THREE));
    let gateway = gate(&azora, &folder);
    let load = Load::at(gateway, "/gated/web/health", 4, 4);
    azora.ok(folder.path(), &["restart", "web"]);
    azora.ok(folder.path(), &["scale", "web=5"]);
    azora.ok(folder.path(), &["scale", "web=2"]);
    azora.ok(folder.path(), &["restart", "web"]);
    let tally = load.end();
    assert_eq!(tally.failed, 0, "{tally:#?}");
    assert!(tally.pids.len() > 5, "all of them answered: {tally:#?}");
    azora.ok(folder.path(), &["down"]);
    let answer = http::get(gateway, "/gated/web/health").expect("the gateway answers");
    assert_eq!(answer.code, 503, "{answer:?}");
    assert!(answer.body.contains("is stopped"), "{answer:?}");
}

#[test]
fn a_restart_of_one_alone_lets_requests_wait() {
    let (azora, folder) = (Azora::new(), Folder::with(ALONE));
    let gateway = gate(&azora, &folder);
    let load = Load::at(gateway, "/gated/web/health", 2, 2);
    for _ in 0..2 {
        azora.ok(folder.path(), &["restart", "web"]);
    }
    let tally = load.end();
    assert_eq!(tally.failed, 0, "{tally:#?}");
    assert!(tally.pids.len() >= 3, "{tally:#?}");
}

#[test]
fn a_kill_and_a_heal_under_load_fail_no_request() {
    for definition in [THREE, ALONE] {
        let (azora, folder) = (Azora::new(), Folder::with(definition));
        let gateway = gate(&azora, &folder);
        let load = Load::at(gateway, "/gated/web/health", 4, 4);
        let before = azora.instance(folder.path(), "web.0");
        kill(before.pid);
        until("it to be healed", || {
            let now = azora.instance(folder.path(), "web.0");
            (now.generation > before.generation && now.serves()).then_some(())
        });
        let healed = load.asked();
        until("some more requests", || {
            (load.asked() > healed + 100).then_some(())
        });
        // What healing did to the one before is nothing to the one that is stopped by plan now.
        azora.ok(folder.path(), &["restart", "web"]);
        let tally = load.end();
        assert_eq!(tally.failed, 0, "{tally:#?}");
    }
}

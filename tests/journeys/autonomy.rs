//! Healing that does not act by itself: it proposes and a person approves, or it begins nothing at all.

use serde_json::Value;
use std::path::Path;
use tests::process::{kill, lives};
use tests::{Azora, Folder, until};

const ADVISED: &str = r#"
[cluster]
name = "shop"
autonomy = "advise"

[service.api]
run = "organ --name api --port $PORT"
port = 0
health = { http = "/health" }
"#;

/// What waits for a person, when there is something.
fn waits(azora: &Azora, at: &Path) -> Value {
    until("something to be proposed", || {
        let all = azora.json(at, &["approvals"]);
        let one = all.as_array().expect("a list").first().cloned();
        one.filter(|one| one["state"] == "waiting")
    })
}

#[test]
fn a_person_sees_what_healing_would_do_approves_of_it_and_it_heals() {
    let (azora, folder) = (Azora::new(), Folder::with(ADVISED));
    let at = folder.path();
    azora.up(at);
    let said = azora.ok(at, &["autonomy"]);
    assert!(said.contains("healing only proposes"), "{said}");
    let status = azora.ok(at, &["status"]);
    assert!(status.contains("healing only proposes"), "{status}");

    let before = azora.instance(at, "api.0");
    kill(before.pid);
    let one = waits(&azora, at);
    assert_eq!(one["actor"]["kind"], "healer", "{one}");
    let told = azora.ok(at, &["approvals"]);
    for part in [
        "approval 1: healing proposes restart of api (restart 1 of 9): 0 of 1 have approved",
        "api.0 does not run, and is started again",
        "because: was ended by SIGKILL; no experience with that here yet",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let failing = azora.instance(at, "api.0");
    assert_eq!(failing.state, "failing");
    let incidents = azora.incidents();
    let open = incidents[0]["waits"].as_str().unwrap_or_default();
    assert!(
        open.contains("a person to approve of restart 1 of 9"),
        "{open}"
    );

    let said = azora.ok(at, &["approve", "1", "--name", "anna"]);
    assert!(said.contains("approved (anna): healing does it"), "{said}");
    azora.until(at, "api.0", "healed", |api| {
        api.serves() && api.generation == before.generation + 1
    });
    let acts = azora.json(at, &["acts"]).to_string();
    assert!(
        acts.contains("no experience with that here yet; approved by anna"),
        "{acts}"
    );
    let all = azora.json(at, &["approvals", "--all"]);
    assert_eq!(all[0]["state"], "used", "{all}");
    azora.ok(at, &["ledger", "verify"]);
    let story = azora.ok(at, &["incident", "1"]);
    let tried = "restart 1 of 9 (no experience with that here yet, act 3): it worked";
    assert!(story.contains(tried), "{story}");

    // The next time it is known what it came to, also to the next engine.
    let cluster = azora.incidents()[0]["cluster"].clone();
    let cluster = cluster.as_str().expect("a text");
    let learned = azora
        .home()
        .path()
        .join("clusters")
        .join(cluster)
        .join("learned.json");
    until("it to be written", || {
        let text = std::fs::read_to_string(&learned).unwrap_or_default();
        text.contains("\"worked\":1").then_some(())
    });
    let engine = azora.engine();
    kill(engine);
    until("the engine to be gone", || (!lives(engine)).then_some(()));
    azora.up(at);
    kill(azora.instance(at, "api.0").pid);
    waits(&azora, at);
    let told = azora.ok(at, &["approvals"]);
    // The same incident may go on, and then that did not last.
    let known = "the one time before when a process had ended";
    assert!(told.contains(known), "{told}");
}

#[test]
fn healing_that_is_off_tells_what_is_wrong_and_begins_nothing_until_it_is_on() {
    let definition = ADVISED.replace("autonomy = \"advise\"\n", "");
    let (azora, folder) = (Azora::new(), Folder::with(&definition));
    let at = folder.path();
    azora.up(at);
    let said = azora.ok(at, &["autonomy", "off", "--reason", "a migration"]);
    assert!(said.contains("healing is off"), "{said}");
    let before = azora.instance(at, "api.0");
    kill(before.pid);
    let incident = until("the incident to be open", || {
        azora.incidents().first().cloned()
    });
    let waits = incident["waits"].as_str().unwrap_or_default();
    assert!(
        waits.contains("healing is off here: `azora restart api`"),
        "{waits}"
    );
    let failing = azora.instance(at, "api.0");
    assert_eq!((failing.state.as_str(), failing.restarts), ("failing", 0));
    let wrong = azora.run(at, &["autonomy", "of"]);
    assert_eq!(wrong.code, 2, "{wrong:?}");

    azora.ok(at, &["autonomy", "defined"]);
    azora.until(at, "api.0", "healed", |api| {
        api.serves() && api.generation == before.generation + 1
    });
    let acts = azora.json(at, &["acts"]).to_string();
    assert!(acts.contains("\"off: a migration\""), "{acts}");
    assert!(acts.contains("\"as defined\""), "{acts}");
    let told = azora.ok(at, &["autonomy"]);
    assert!(told.contains("it acts by itself"), "{told}");
}

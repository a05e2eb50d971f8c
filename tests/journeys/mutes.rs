//! What a person mutes by the command line: how long it lasts, what it covers, and that no incident is another for it.

use tests::process::{kill, lives};
use tests::{Azora, Folder, until};

const API: &str = r#"
[cluster]
name = "shop"
[service.api]
run = "organ --name api --port $PORT"
port = 0
health = { http = "/health" }
"#;

#[test]
fn a_mute_outlives_the_engine_ends_by_itself_and_hides_no_incident() {
    let (azora, folder) = (Azora::new(), Folder::with(API));
    let place = folder.path();
    azora.up(place);
    let said = azora.ok(place, &["mute", "api", "--for", "2h"]);
    assert!(said.contains("no notifications of api for 2 h"), "{said}");
    azora.ok(place, &["mute", "--for", "10s"]);
    let engine = azora.engine();
    kill(engine);
    until("the engine to be gone", || (!lives(engine)).then_some(()));
    azora.ok(place, &["up", ".", "--detach"]);

    let muted = || azora.json(place, &["mute", "--list"])["mutes"].clone();
    let service = |all: &serde_json::Value| all.as_array().expect("a list").clone();
    let ends = until("the cluster's mute to end", || {
        let all = muted();
        let all = service(&all);
        (all.len() == 1 && all[0]["service"] == "api").then(|| all[0]["until"].clone())
    });
    assert!(
        ends.as_str().is_some_and(|ends| ends.ends_with('Z')),
        "{ends}"
    );

    let before = azora.instance(place, "api.0");
    kill(before.pid);
    azora.until(place, "api.0", "back", |api| {
        api.serves() && api.pid != before.pid
    });
    assert_eq!(azora.incidents().len(), 1, "it is recorded all the same");
}

#[test]
fn who_unmutes_is_told_what_else_is_muted_and_how_that_is_ended() {
    let (azora, folder) = (Azora::new(), Folder::with(API));
    let place = folder.path();
    azora.up(place);
    let said = azora.ok(place, &["mute", "--everything"]);
    assert!(said.contains("`azora unmute --everything`"), "{said}");
    azora.ok(place, &["mute", "api"]);
    let left = azora.run(place, &["unmute", "api"]);
    let (out, err) = (left.out, left.err);
    assert_eq!(left.code, 1, "{out}{err}");
    assert!(out.contains("api is not muted any more"), "{out}");
    assert!(
        err.contains("everything is still muted: `azora unmute --everything`"),
        "{err}"
    );
    azora.ok(place, &["unmute", "--everything"]);
    let said = azora.ok(place, &["unmute", "api"]);
    assert!(said.contains("api was not muted"), "{said}");
    let none = azora.run(place, &["mute", "apo"]);
    let err = none.err;
    assert!(err.contains("did you mean api?"), "{err}");
    let long = azora.run(place, &["mute", "--for", "31d"]);
    let err = long.err;
    assert!(err.contains("at most 30 days"), "{err}");
}

//! What checks say, over the end of an engine.

use crate::world::{World, consul, consul_of, wall};
use registry::Registry;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use store::Store;

/// Waits until this is in what is on disk of the entries, or not.
async fn on_disk(store: &Store, text: &str, there: bool) {
    let looked = tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            let rows = store.registry().all().await.unwrap();
            let is = rows.iter().any(|row| row.body.contains(text));
            if is == there {
                return;
            }
            tokio::task::yield_now().await;
        }
    });
    looked.await.unwrap();
}

async fn next(world: World) -> World {
    let (home, store) = (world.home, world.store);
    store.close().await;
    let store = Store::open(home.path()).await.unwrap();
    let notes = Arc::<crate::world::Notes>::default();
    let registry = Registry::open(store.clone(), notes.clone(), wall, vec![]);
    let registry = registry.await.unwrap();
    World {
        home,
        store,
        notes,
        registry,
    }
}

/// A program beats every ten seconds; its clients should not lose it for so long with each new engine.
#[tokio::test]
async fn a_check_says_to_the_next_engine_what_it_said_to_the_last() {
    let server = consul().await;
    for (name, port) in [("good", 1), ("bad", 2), ("held", 3)] {
        let body = json!({"Name": name, "Port": port, "Check": {"TTL": "1h"}});
        let line = "PUT /v1/agent/service/register";
        assert_eq!(server.ask(line, &body.to_string()).await.status, 200);
    }
    let rows = server.world.store.registry().all().await.unwrap();
    assert!(rows.iter().all(|row| !row.body.contains("says")));
    server
        .ask("PUT /v1/agent/check/pass/service:good", "")
        .await;
    server.ask("PUT /v1/agent/check/pass/service:bad", "").await;
    server
        .ask(
            "PUT /v1/agent/service/maintenance/held?enable=true&reason=disks",
            "",
        )
        .await;
    server
        .ask("PUT /v1/agent/check/pass/service:held", "")
        .await;
    on_disk(&server.world.store, r#""service:held":["passing""#, true).await;
    server
        .ask("PUT /v1/agent/check/warn/service:bad?note=slow", "")
        .await;
    on_disk(&server.world.store, r#""service:bad":["warning""#, true).await;
    // Registered again, with what is said of it.
    let moved = r#"{"Name":"good","Port":4,"Check":{"TTL":"1h"}}"#;
    server.ask("PUT /v1/agent/service/register", moved).await;
    let acts = server.world.store.acts().recent(100).await.unwrap().len();

    let server = consul_of(next(server.world).await).await;
    let status = async |name: &str| {
        let line = format!("GET /v1/health/checks/{name}");
        let all = server.ask(&line, "").await.json();
        let all = all.as_array().unwrap().iter();
        let all = all.map(|one| one["Status"].as_str().unwrap().to_owned());
        all.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(status("good").await, "passing");
    assert_eq!(status("bad").await, "warning");
    assert_eq!(status("held").await, "passing critical");
    let why = server.world.registry.list(Some("bad"))[0]
        .view
        .health_why
        .clone();
    assert!(why.unwrap().contains("when Azora ended"));
    assert_eq!(
        server.world.store.acts().recent(100).await.unwrap().len(),
        acts
    );
    // Again as it was registered: nothing is kept of it.
    server
        .ask("PUT /v1/agent/check/fail/service:good", "")
        .await;
    on_disk(&server.world.store, r#""service:good":["passing""#, false).await;
}

/// What was well and says nothing any more is not well for ever.
#[tokio::test]
async fn a_check_that_was_well_has_its_whole_time_and_no_more() {
    let server = consul().await;
    let body = r#"{"Name":"web","Port":1,"Check":{"TTL":"1s"}}"#;
    server.ask("PUT /v1/agent/service/register", body).await;
    let world = loop {
        server.ask("PUT /v1/agent/check/pass/service:web", "").await;
        let rows = server.world.store.registry().all().await.unwrap();
        if rows[0].body.contains(r#"["passing""#) {
            break next(server.world).await;
        }
    };
    let health = || world.registry.list(Some("web"))[0].view.health;
    assert_eq!(health(), model::view::Health::Passing);
    let mut changes = world.registry.changes();
    let change = tokio::time::timeout(Duration::from_secs(20), changes.recv()).await;
    assert_eq!(change.unwrap().unwrap().upserts.len(), 1);
    assert_eq!(health(), model::view::Health::Critical);
}

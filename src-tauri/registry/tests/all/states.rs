//! What checks say, over the end of an engine.

use crate::world::{World, consul, consul_of, wall};
use registry::Registry;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use store::{Registering, Store};

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

/// An engine from before let two services have a check of one id.
#[tokio::test]
async fn what_shares_a_checks_id_on_disk_registers_again_as_ever() {
    let server = consul().await;
    let with = |id: &str, port: u16| {
        let check = json!({"CheckID": "alive", "TTL": "1h"});
        json!({"Name": "web", "ID": id, "Port": port, "Check": check}).to_string()
    };
    let line = "PUT /v1/agent/service/register";
    assert_eq!(server.ask(line, &with("w1", 1)).await.status, 200);
    let registry = server.world.store.registry();
    let mut put = registry.all().await.unwrap();
    put[0].id = "w2".into();
    put[0].body = put[0].body.replace(r#""w1""#, r#""w2""#);
    let before = Registering {
        put,
        ..Registering::default()
    };
    registry.write(&before).await.unwrap();

    let server = consul_of(next(server.world).await).await;
    assert_eq!(server.world.registry.list(Some("web")).len(), 2);
    for (id, port) in [("w1", 1), ("w2", 1), ("w1", 2), ("w2", 2)] {
        let again = server.ask(line, &with(id, port)).await;
        assert_eq!(again.status, 200, "{id} {port}: {again:?}");
    }
    let third = server.ask(line, &with("w3", 1)).await;
    assert_eq!(third.status, 409, "{third:?}");
}

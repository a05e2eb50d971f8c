//! Checks of Consul's clients: whose they are, and what stays of them.

use crate::world::{Answer, Server, consul, world};
use model::view::Health;
use registry::{Check, Keep, Registration};
use serde_json::{Value, json};
use std::time::Duration;

async fn register(server: &Server, body: &Value) -> Answer {
    let line = "PUT /v1/agent/service/register";
    server.ask(line, &body.to_string()).await
}

#[tokio::test]
async fn ids_of_checks_are_one_space_and_one_services() {
    let server = consul().await;
    let with = |id: &str, check: &str| json!({"Name": "web", "ID": id, "Check": {"CheckID": check, "TTL": "1h"}});
    assert_eq!(register(&server, &with("w1", "alive")).await.status, 200);
    let taken = register(&server, &with("w2", "alive")).await;
    assert_eq!(taken.status, 409, "{taken:?}");
    assert!(
        taken.body.contains("service w1 has one of that id"),
        "{taken:?}"
    );
    assert_eq!(register(&server, &with("w2", "alive:2")).await.status, 200);
    let mine = r#"{"Name":"alive","ServiceID":"w2","TTL":"1h"}"#;
    let taken = server.ask("PUT /v1/agent/check/register", mine).await;
    assert_eq!(taken.status, 409, "{taken:?}");
    // Its own again, and under another name: it is the same service's.
    assert_eq!(register(&server, &with("w1", "alive")).await.status, 200);
    let moved = json!({"Name": "www", "ID": "w1", "Check": {"CheckID": "alive", "TTL": "1h"}});
    assert_eq!(register(&server, &moved).await.status, 200);
    let pass = "PUT /v1/agent/check/pass/alive";
    assert_eq!(server.ask(pass, "").await.status, 200);
    let www = server.ask("GET /v1/health/checks/www", "").await.json();
    assert_eq!(www[0]["Status"], "passing");
    server.ask("PUT /v1/agent/service/deregister/w1", "").await;
    assert_eq!(server.ask(pass, "").await.status, 404);
    assert_eq!(register(&server, &with("w3", "alive")).await.status, 200);
    assert_eq!(server.ask(pass, "").await.status, 200);
}

/// Both are acknowledged, so both hold, in whatever order they are written.
#[tokio::test]
async fn a_check_that_is_added_while_its_service_registers_again_stays() {
    let server = consul().await;
    for round in 0..40_u16 {
        let id = format!("more-{round}");
        let body = json!({"Name": id, "ServiceID": "web", "TTL": "1h"}).to_string();
        let again = json!({"Name": "web", "Port": round + 1, "Check": {"TTL": "1h"}});
        register(&server, &again).await;
        let again = json!({"Name": "web", "Port": round + 2, "Check": {"TTL": "1h"}});
        let (added, registered) = tokio::join!(
            server.ask("PUT /v1/agent/check/register", &body),
            register(&server, &again)
        );
        assert_eq!((added.status, registered.status), (200, 200));
        let gone = format!("PUT /v1/agent/check/deregister/{id}");
        let gone = server.ask(&gone, "").await;
        assert_eq!(gone.status, 200, "round {round}: it was there: {gone:?}");
    }
}

/// All are let in, and when they are written the first has taken what the others want, too.
#[tokio::test]
async fn what_is_refused_when_it_is_written_leaves_on_disk_what_was_there() {
    let world = world().await;
    let wish = |name: &str, id: &str, checks: &[&str]| Registration {
        keep: Keep::Checks,
        id: id.to_owned(),
        checks: checks
            .iter()
            .map(|id| Check::said(id, Health::Passing, ""))
            .collect(),
        ..Registration::new(name, "")
    };
    let register = |name: &str, id: &str, check: &str| {
        let wish = wish(name, id, &[check]);
        world.registry.register(wish)
    };
    register("second", "second", "own").await.unwrap();
    register("old", "s", "old").await.unwrap();
    let (first, second, third) = tokio::join!(
        register("first", "first", "wanted"),
        register("second", "second", "wanted"),
        // The id of what is there under another name, which is to go for it.
        register("new", "s", "wanted"),
    );
    first.unwrap();
    for refused in [second, third] {
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("wanted"), "{refused}");
    }
    let listed = world.registry.by_id("second").unwrap();
    assert_eq!(listed.checks[0].check.id, "own");
    assert_eq!(world.registry.by_id("s").unwrap().view.name, "old");
    // As it is listed, so the next engine finds it.
    let on_disk = async {
        loop {
            let rows = world.store.registry().all().await.unwrap();
            let of = |name: &str| rows.iter().find(|row| row.name == name);
            let says =
                |name: &str, check: &str| of(name).is_some_and(|row| row.body.contains(check));
            if says("second", "\"own\"") && says("old", "\"old\"") && of("new").is_none() {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(10), on_disk).await;
    waited.expect("it is on disk as it is listed");
}

//! Names of clusters, and programs that have one of them.

use crate::world::{World, own, server, wall, world};
use model::{InstanceId, ServiceName};
use registry::{Error, Registration, Registry};
use std::time::Duration;
use store::Store;

fn wish(name: &str, id: &str, port: u16) -> Registration {
    let mut wish = Registration::new(name, &format!("http://127.0.0.1:{port}"));
    wish.id = id.into();
    wish
}

fn keys(registry: &Registry) -> Vec<String> {
    let all = registry.entries().into_iter();
    all.map(|entry| format!("{}/{}", entry.name, entry.id))
        .collect()
}

/// Waits until so many rows are on disk.
async fn rows(store: &Store, count: usize) {
    let looked = tokio::time::timeout(Duration::from_secs(10), async {
        while store.registry().all().await.unwrap().len() != count {
            tokio::task::yield_now().await;
        }
    });
    looked.await.unwrap();
}

fn claim(world: &World) {
    let name: ServiceName = "api".parse().unwrap();
    world.registry.claim(&"shop-1".parse().unwrap(), [name]);
}

#[tokio::test]
async fn nobody_takes_a_name_or_an_id_of_a_cluster_that_is_down() {
    let world = world().await;
    claim(&world);
    for taken in [
        wish("api", "a", 9),
        wish("mail", "shop-1.api.0", 9),
        wish("mail", "shop-1.db.12", 9),
    ] {
        let refused = world.registry.register(taken).await;
        assert!(matches!(refused, Err(Error::Kept { .. })), "{refused:?}");
    }
    for free in [
        wish("apis", "a", 9),
        wish("mail", "shop-1", 9),
        wish("mail", "shop-12.api.0", 9),
    ] {
        world.registry.register(free).await.unwrap();
    }
    world.registry.unclaim(&"shop-1".parse().unwrap());
    world.registry.register(wish("api", "a", 9)).await.unwrap();
}

/// Some services are found well by the heartbeats of their own entry, which they have before they serve.
#[tokio::test]
async fn an_instance_on_its_way_registers_itself_and_goes_on_doing_so() {
    let world = world().await;
    claim(&world);
    let registry = &world.registry;
    let cluster = "shop-1".parse().unwrap();
    let name = "api".parse().unwrap();
    for (instance, port) in [("api.0", 4000), ("api.1", 4001)] {
        let instance: InstanceId = instance.parse().unwrap();
        registry.expect_own(&cluster, &instance, &name, port);
        let id = format!("self-{port}");
        registry.register(wish("api", &id, port)).await.unwrap();
    }
    let refused = registry.register(wish("api", "x", 4002)).await;
    assert!(matches!(refused, Err(Error::Kept { .. })), "{refused:?}");
    let gone = registry.upsert_own(&own("api.0", "api", "http://127.0.0.1:4000"));
    assert_eq!(gone, [], "neither its own nor that of one on its way");
    for port in [4000, 4001] {
        registry.heartbeat("api", &format!("self-{port}")).unwrap();
    }
    let (listed, new) = registry.register(wish("api", "y", 4000)).await.unwrap();
    assert_eq!((&*listed.view.id, new), ("shop-1.api.0", false));
    // It stopped: what is at its port now is not it.
    registry.remove_own(&cluster, &"api.1".parse().unwrap());
    let refused = registry.register(wish("api", "z", 4001)).await;
    assert!(matches!(refused, Err(Error::Kept { .. })), "{refused:?}");
}

#[tokio::test]
async fn what_had_the_name_gives_way_and_does_not_come_back() {
    let world = world().await;
    let registry = &world.registry;
    for (name, id) in [
        ("api", "shop-1.api.0"),
        ("api", "old"),
        ("mail", "shop-1.api.0"),
    ] {
        registry.register(wish(name, id, 9)).await.unwrap();
    }
    let mut changes = registry.changes();
    let gone = registry.upsert_own(&own("api.0", "api", "http://127.0.0.1:4000"));
    assert_eq!(gone.len(), 2, "{gone:?}");
    assert_eq!(keys(registry), ["api/shop-1.api.0", "mail/shop-1.api.0"]);
    let key = |id: &str| ("api".to_owned(), id.to_owned());
    let first = changes.try_recv().unwrap();
    assert_eq!(first.removed, [key("old"), key("shop-1.api.0")]);
    let second = changes.try_recv().unwrap();
    assert_eq!((second.upserts.len(), second.removed.len()), (1, 0));
    let lost = registry.heartbeat("api", "old");
    assert!(matches!(lost, Err(Error::GaveWay { .. })), "{lost:?}");
    let never = registry.heartbeat("api", "never");
    assert!(matches!(never, Err(Error::Over { .. })), "{never:?}");
    rows(&world.store, 1).await;
    let next = Registry::open(world.store.clone(), world.notes.clone(), wall, vec![]);
    assert_eq!(keys(&next.await.unwrap()), ["mail/shop-1.api.0"]);
}

#[tokio::test]
async fn who_follows_a_name_is_told_that_it_was_taken_away() {
    let server = server().await;
    server
        .ask("POST /register", r#"{"name":"api","port":9,"id":"old"}"#)
        .await;
    let index = server.ask("GET /services/api", "").await.index();
    let taken = own("api.0", "api", "http://127.0.0.1:4000");
    server.world.registry.upsert_own(&taken);
    let line = format!("GET /services/api?index={index}");
    let answer = server.ask(&line, "").await;
    assert!(!answer.body.contains("old"), "{answer:?}");
    let again = r#"{"name":"api","port":9,"id":"old"}"#;
    assert_eq!(server.ask("POST /register", again).await.status, 409);
    // Who lost it is told so, and not to register again.
    let beat = server.ask("PUT /services/api/old/heartbeat", "").await;
    assert_eq!(beat.status, 409, "{beat:?}");
    assert!(beat.body.contains("cluster shop-1"), "{beat:?}");
    let never = server.ask("PUT /services/api/never/heartbeat", "").await;
    assert_eq!(never.status, 404, "{never:?}");
}

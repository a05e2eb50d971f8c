//! Who is seen to talk to whom, with real services: what is shown, said once, remembered by the next
//! engine, and what it is good for when one dies.

use crate::stage::{PATIENCE, config, folder, kill, me, up};
use engine::{Engine, Handle, IncidentFilter};
use model::{ClusterId, Declared, Endpoint, EventKind, ObservedConnection, State};
use testkit::{Home, eventually_async};

/// `api` is always connected to `db`, ends when it is gone, and declares nothing. `db` does not come
/// back while a file says so: what ends a moment after it is well again has its own story.
const SHOP: &str = r#"
[cluster]
name = "shop"
[service.db]
run = "organ --name db --port $PORT"
before_start = "while test -e away; do sleep 0.05; done"
health = { http = "/health" }
[service.api]
run = ["bash", "-c", "A=/dev/tcp/127.0.0.1/$DB; until (exec 3<>$A) 2>&-; do sleep 0.1; done; while (exec 3<>$A) 2>&- && exec 3<>$A; do read -r -t 2 <&3; done; exit 7"]
env = { DB = "${db.port}" }
[service.idle]
run = "sleep 600"
"#;

fn seen(handle: &Handle, cluster: &ClusterId) -> Vec<ObservedConnection> {
    let mut snapshot = handle.snapshot();
    snapshot.connections.remove(cluster).unwrap_or_default()
}

fn pid(handle: &Handle, cluster: &ClusterId, service: &str) -> Option<u32> {
    let snapshot = handle.snapshot();
    let all = snapshot.instances.get(cluster)?;
    all.iter().find(|one| one.service.as_str() == service)?.pid
}

/// How often it was said that the need is not declared.
async fn said(handle: &Handle) -> usize {
    let events = handle.events(0, 10_000).await.unwrap();
    let undeclared = |one: &&model::Event| matches!(one.what, EventKind::Undeclared { .. });
    events.iter().filter(undeclared).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undeclared_need_is_seen_said_once_and_the_root_of_what_it_breaks() {
    let home = Home::new();
    let first = Engine::start(config(&home)).await.unwrap();
    let handle = first.handle();
    let folder = folder(&home, "shop", SHOP);
    let cluster = up(&handle, &folder).await;
    // Three looks make it sure.
    let sure = || seen(&handle, &cluster).iter().any(|one| one.seen >= 3);
    assert!(
        eventually_async(PATIENCE, sure).await,
        "{:?}",
        seen(&handle, &cluster)
    );
    let all = seen(&handle, &cluster);
    assert_eq!(all.len(), 1, "{all:?}");
    let one = &all[0];
    assert_eq!((one.from.as_str(), one.to.as_str()), ("api", "db"));
    assert_eq!(one.declared, Declared::No);
    assert!(matches!(one.at[..], [Endpoint::Tcp { .. }]), "{:?}", one.at);
    assert!(
        one.advice(&[])
            .is_some_and(|text| text.contains("needs = [\"db\"]"))
    );
    let times = one.seen;
    // The next engine goes on from there and does not say it again.
    handle.shutdown(me(), true, String::new()).await;
    drop(first);
    let second = Engine::start(config(&home)).await.unwrap();
    let handle = second.handle();
    let goes_on = || {
        seen(&handle, &cluster)
            .iter()
            .any(|one| one.seen > times + 1)
    };
    assert!(
        eventually_async(PATIENCE, goes_on).await,
        "{:?}",
        seen(&handle, &cluster)
    );
    assert_eq!(said(&handle).await, 1);
    // db dies, and api with it.
    let (old_db, old_api) = (pid(&handle, &cluster, "db"), pid(&handle, &cluster, "api"));
    let away = folder.join("away");
    std::fs::write(&away, "").unwrap();
    kill(old_db);
    let ended = || pid(&handle, &cluster, "api") != old_api;
    assert!(
        eventually_async(PATIENCE, ended).await,
        "{:?}",
        handle.snapshot().instances
    );
    std::fs::remove_file(&away).unwrap();
    let well = || {
        let snapshot = handle.snapshot();
        let all = snapshot.instances.get(&cluster).unwrap();
        let (db, api) = (pid(&handle, &cluster, "db"), pid(&handle, &cluster, "api"));
        all.iter().all(|one| one.state == State::Ready) && db != old_db && api != old_api
    };
    assert!(
        eventually_async(PATIENCE, well).await,
        "{:?}",
        handle.snapshot().instances
    );
    let incidents = handle
        .incidents(IncidentFilter {
            limit: 100,
            ..IncidentFilter::default()
        })
        .await
        .unwrap();
    // Which of both ends is told first is chance; the story in the end is db's.
    let blamed: Vec<_> = incidents
        .iter()
        .filter(|one| one.state != model::IncidentState::Closed)
        .collect();
    assert_eq!(blamed.len(), 1, "{incidents:#?}");
    assert_eq!(blamed[0].service.as_str(), "db");
    assert_eq!(blamed[0].impacted.len(), 1, "{:?}", blamed[0]);
    handle.shutdown(me(), false, String::new()).await;
}

//! Incidents with real processes: what they tell of a fault, and how they outlive the engine.

use crate::stage::{PATIENCE, begin, config, folder, me};
use engine::{Engine, Handle, IncidentFilter, Order};
use model::{Began, EntryKind, EventKind, IncidentId, IncidentState, IncidentStory};
use testkit::{Home, eventually_async};

/// The newest incident of this state.
fn newest(handle: &Handle, state: IncidentState) -> Option<IncidentId> {
    let all = handle.snapshot().incidents;
    all.iter().find(|one| one.state == state).map(|one| one.id)
}

async fn wait_for(handle: &Handle, state: IncidentState) -> IncidentStory {
    let there = || newest(handle, state).is_some();
    let all = handle.snapshot().incidents;
    assert!(eventually_async(PATIENCE, there).await, "{all:#?}");
    handle
        .incident(newest(handle, state).unwrap())
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_tells_why_and_no_secret() {
    let home = Home::new();
    let folder = folder(
        &home,
        "one",
        "[service.db]
run = \"echo token $TOKEN; echo could not write WAL: no space >&2; test -e mended || exit 1; exec sleep 600\"
secrets = { TOKEN = { file = \"token\" } }
heal = { backoff = [\"0s\", \"0s\", \"60s\"] }
",
    );
    std::fs::write(folder.join("token"), "s3cr3t-of-db").unwrap();
    let engine = Engine::start(config(&home)).await.unwrap();
    let handle = engine.handle();
    let cluster = begin(&handle, &folder).await.cluster;
    let open = || async {
        let id = newest(&handle, IncidentState::Open)?;
        handle.incident(id).await.ok()
    };
    // Two restarts at once, then a long backoff: it waits, and says for what.
    let waits = || {
        let all = handle.snapshot().incidents;
        let waits = all.first().and_then(|one| one.waits.clone());
        waits.is_some_and(|waits| waits.contains("after 60 s")) && all[0].entries >= 15
    };
    assert!(
        eventually_async(PATIENCE, waits).await,
        "{:#?}",
        open().await
    );
    let story = open().await.unwrap();
    let incident = &story.incident;
    assert!(
        incident.cause.starts_with("db.0 exited with code 1 after ")
            && incident
                .cause
                .ends_with("its last words were `could not write WAL: no space`"),
        "{}",
        incident.cause
    );
    assert_eq!(incident.began_by, Some(Began::Exit));
    assert!(incident.began.unwrap() <= incident.opened && incident.detect_ms.unwrap() < 10_000);
    let of = |kind| {
        story
            .timeline
            .iter()
            .filter(move |entry| entry.kind == kind)
    };
    assert_eq!(of(EntryKind::Exit).count(), 3, "{story:#?}");
    assert_eq!(of(EntryKind::Remedy).count(), 2, "{story:#?}");
    assert!(
        of(EntryKind::Log).any(|entry| entry.text == "token •••"),
        "{story:#?}"
    );
    let numbers = story.timeline.iter().map(|entry| entry.n);
    assert!(numbers.eq(1..=incident.entries), "{story:#?}");
    let told = format!("{story:?}{:?}", handle.recent_events(1_000).await.unwrap());
    assert!(!told.contains("s3cr3t-of-db"), "{told}");

    // A person mends it: who it was is told, and what it took.
    std::fs::write(folder.join("mended"), "").unwrap();
    let order = Order::Start {
        cluster: cluster.clone(),
        services: vec!["db".parse().unwrap()],
    };
    handle.order(me(), order, String::new()).await.unwrap();
    let story = wait_for(&handle, IncidentState::Resolved).await;
    let release = story
        .timeline
        .iter()
        .find(|entry| entry.kind == EntryKind::Release);
    assert!(release.unwrap().text.ends_with("(test)"), "{story:#?}");
    assert!(story.incident.person && story.incident.waits.is_none());
    assert_eq!(story.timeline.last().unwrap().kind, EntryKind::Ended);
    let week = handle.healed(model::Timestamp(0), IncidentFilter::default());
    let week = week.await.unwrap();
    let (total, db) = (&week.total, &week.services[0]);
    assert_eq!((total.incidents, total.person, total.healed), (1, 1, 0));
    assert_eq!((db.service.as_str(), db.sum.restarts), ("db", 2));
    handle.shutdown(me(), false, String::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_incident_outlives_the_engine() {
    let home = Home::new();
    let folder = folder(
        &home,
        "one",
        "[service.db]
run = \"test -e mended || exit 3; exec sleep 600\"
heal = { backoff = [\"60s\"] }
",
    );
    let engine = Engine::start(config(&home)).await.unwrap();
    let cluster = begin(&engine.handle(), &folder).await.cluster;
    let before = wait_for(&engine.handle(), IncidentState::Open).await;
    engine.handle().shutdown(me(), true, String::new()).await;
    drop(engine);

    std::fs::write(folder.join("mended"), "").unwrap();
    let engine = Engine::start(config(&home)).await.unwrap();
    let handle = engine.handle();
    let open = wait_for(&handle, IncidentState::Open).await;
    assert_eq!(open.incident.id, before.incident.id, "it is the same one");
    assert!(
        open.timeline
            .iter()
            .any(|entry| entry.kind == EntryKind::Engine),
        "{open:#?}"
    );
    let order = Order::Start {
        cluster: cluster.clone(),
        services: vec!["db".parse().unwrap()],
    };
    handle.order(me(), order, String::new()).await.unwrap();
    let over = wait_for(&handle, IncidentState::Resolved).await;
    assert_eq!(over.incident.id, before.incident.id);
    let took = over
        .incident
        .resolved
        .unwrap()
        .millis_since(over.incident.opened);
    assert!(
        over.incident.duration_ms.unwrap().abs_diff(took) < 1_000,
        "counted over both engines: {over:#?}"
    );
    let all = handle.incidents(IncidentFilter {
        limit: 9,
        ..IncidentFilter::default()
    });
    assert_eq!(all.await.unwrap().len(), 1);
    handle.shutdown(me(), false, String::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_whose_cluster_is_gone_is_closed() {
    let home = Home::new();
    let folder = folder(
        &home,
        "one",
        "[service.db]
run = \"exit 3\"
heal = { backoff = [\"60s\"] }
",
    );
    let engine = Engine::start(config(&home)).await.unwrap();
    let cluster = begin(&engine.handle(), &folder).await.cluster;
    wait_for(&engine.handle(), IncidentState::Open).await;
    engine.handle().shutdown(me(), true, String::new()).await;
    drop(engine);
    std::fs::remove_dir_all(home.path().join("clusters").join(cluster.as_str())).unwrap();
    let engine = Engine::start(config(&home)).await.unwrap();
    let story = wait_for(&engine.handle(), IncidentState::Closed).await;
    assert!(story.incident.waits.is_none(), "{story:#?}");
    assert_eq!(story.timeline.last().unwrap().kind, EntryKind::Ended);
    assert!(newest(&engine.handle(), IncidentState::Open).is_none());
    engine.handle().shutdown(me(), false, String::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ready_healed_and_the_emergency_stop_are_told_once() {
    let home = Home::new();
    let folder = folder(
        &home,
        "one",
        "[service.db]
run = \"while test ! -e end; do sleep 0.05; done; rm end; exit 1\"
",
    );
    let engine = Engine::start(config(&home)).await.unwrap();
    let handle = engine.handle();
    let told = async |name: &str| {
        let events = handle.recent_events(1_000).await.unwrap();
        let of = events.into_iter().filter(|event| event.what.name() == name);
        of.map(|event| event.what).collect::<Vec<_>>()
    };
    begin(&handle, &folder).await;
    let ready = || {
        handle
            .snapshot()
            .events
            .iter()
            .any(|event| event.what.name() == "system_ready")
    };
    assert!(eventually_async(PATIENCE, ready).await);
    std::fs::write(folder.join("end"), "").unwrap();
    let story = wait_for(&handle, IncidentState::Resolved).await;
    // It is told when it has lasted.
    assert_eq!(told("service_healed").await.len(), 0);
    let stayed = || {
        let events = handle.snapshot().events;
        events
            .iter()
            .any(|event| event.what.name() == "service_healed")
    };
    assert!(eventually_async(PATIENCE, stayed).await);
    let [healed] = told("service_healed").await.try_into().unwrap();
    assert!(
        matches!(&healed, EventKind::ServiceHealed { incident, remedies: 1, .. } if *incident == story.incident.id),
        "{healed:?}"
    );
    handle.emergency_stop(me(), "test".into()).await.unwrap();
    let [stopped] = told("emergency_shutdown").await.try_into().unwrap();
    assert!(
        matches!(&stopped, EventKind::EmergencyShutdown { reason, left: Some(0), ended: Some(1..), .. } if reason == "test"),
        "{stopped:?}"
    );
    assert_eq!(told("system_ready").await.len(), 1);
    assert_eq!(told("service_healed").await.len(), 1);
    handle.shutdown(me(), false, String::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_life_that_is_short_each_time_is_never_told_as_healed() {
    let home = Home::new();
    let folder = folder(
        &home,
        "one",
        "[service.db]
run = \"test ! -e ran3 || exec sleep 600; test ! -e ran2 || touch ran3; test ! -e ran1 || touch ran2; touch ran1; sleep 0.2; exit 1\"
heal = { backoff = [\"0s\"] }
",
    );
    let engine = Engine::start(config(&home)).await.unwrap();
    let handle = engine.handle();
    begin(&handle, &folder).await;
    let healed = || {
        let events = handle.snapshot().events;
        let healed = events.iter().map(|event| event.what.name());
        healed.filter(|name| *name == "service_healed").count()
    };
    assert!(eventually_async(PATIENCE, || healed() > 0).await);
    let story = wait_for(&handle, IncidentState::Resolved).await;
    assert!(story.incident.actions.len() >= 3, "{story:#?}");
    assert_eq!(healed(), 1);
    handle.shutdown(me(), false, String::new()).await;
}

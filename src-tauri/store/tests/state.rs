//! What must not be lost comes back as it was written.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use model::{
    Act, ActId, Actor, Began, EntryKind, Event, EventKind, Generation, Incident, IncidentEntry,
    IncidentId, IncidentState, Outcome, Reason, Remedy, RemedyKind, State, Target, Timestamp, Verb,
};
use store::{Batch, Durability, IncidentFilter, Store};

fn act(id: u64, outcome: Outcome) -> Act {
    Act {
        id: ActId(id),
        at: Timestamp(1_000 + i64::try_from(id).unwrap()),
        actor: Actor::person("cli"),
        verb: Verb::Restart,
        target: Target {
            cluster: Some("shop-1".parse().unwrap()),
            services: vec!["api".parse().unwrap()],
            instance: None,
        },
        // As hostile as text gets: it must come back, and nothing else must happen.
        reason: "'; DROP TABLE acts; -- \u{0}\u{202e}\u{1f980}".into(),
        outcome,
        decision: None,
    }
}

fn incident(id: u64, state: IncidentState) -> Incident {
    let resolved = (!state.unended()).then_some(Timestamp(2_000));
    Incident {
        id: IncidentId(id),
        cluster: "shop-1".parse().unwrap(),
        service: "db".parse().unwrap(),
        instance: "db.0".parse().unwrap(),
        state,
        cause: "db.0 was ended by SIGKILL".into(),
        impacted: vec!["api".parse().unwrap()],
        actions: vec![Remedy::new(
            Timestamp(1_500),
            RemedyKind::Restart,
            "restart 1 of 5".into(),
        )],
        opened: Timestamp(1_000),
        resolved,
        duration_ms: resolved.map(|_| 1_000),
        began: Some(Timestamp(900)),
        began_by: Some(Began::LastGood),
        detect_ms: Some(100),
        waits: state.unended().then(|| "restart to begin".into()),
        person: false,
        entries: 0,
        unlisted: Vec::new(),
    }
}

fn changed(seq: u64, at: i64, to: State) -> Event {
    Event {
        seq,
        at: Timestamp(at),
        cluster: Some("shop-1".parse().unwrap()),
        what: EventKind::StateChanged {
            instance: "api.0".parse().unwrap(),
            generation: Generation(1),
            from: State::Waiting,
            to,
            reason: Reason::new("because"),
        },
    }
}

#[tokio::test]
async fn acts_come_back_after_a_restart_with_their_outcomes() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).await.unwrap();
    assert_eq!(store.acts().last_id().await.unwrap(), ActId(0));
    for id in 1..=3 {
        store
            .acts()
            .append(&act(id, Outcome::Pending), Durability::Full)
            .await
            .unwrap();
    }
    let done = act(2, Outcome::Done("restarted".into()));
    let batch = Batch {
        acts: vec![done.clone()],
        incidents: vec![incident(1, IncidentState::Open)],
        ..Batch::default()
    };
    store.keep(&batch).await.unwrap();
    // One that could not be written when it began.
    let emergency = act(4, Outcome::Failed("2 left".into()));
    let batch = Batch {
        acts: vec![emergency.clone()],
        ..Batch::default()
    };
    store.keep(&batch).await.unwrap();
    // One that does not wait for the disk.
    let five = act(5, Outcome::Pending);
    store
        .acts()
        .append(&five, Durability::Normal)
        .await
        .unwrap();
    store.close().await;

    let store = Store::open(home.path()).await.unwrap();
    assert_eq!(store.notices(), [] as [String; 0]);
    assert_eq!(store.acts().last_id().await.unwrap(), ActId(5));
    assert_eq!(
        store.acts().recent(3).await.unwrap(),
        [
            act(5, Outcome::Pending),
            emergency,
            act(3, Outcome::Pending)
        ]
    );
    assert_eq!(store.acts().recent(10).await.unwrap()[3], done);
    assert_eq!(store.incidents().open().await.unwrap().len(), 1);
    let pending: Vec<u64> = store
        .acts()
        .pending()
        .await
        .unwrap()
        .iter()
        .map(|a| a.id.0)
        .collect();
    assert_eq!(pending, [1, 3, 5]);
}

#[tokio::test]
async fn incidents_are_found_open_recent_and_by_instance() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).await.unwrap();
    let incidents = store.incidents();
    for id in 1..=3 {
        incidents
            .upsert(&incident(id, IncidentState::Open))
            .await
            .unwrap();
    }
    incidents
        .upsert(&incident(2, IncidentState::Resolved))
        .await
        .unwrap();
    assert_eq!(incidents.last_id().await.unwrap(), IncidentId(3));
    let ids = |found: Vec<Incident>| found.iter().map(|one| one.id.0).collect::<Vec<_>>();
    assert_eq!(ids(incidents.open().await.unwrap()), [3, 1]);
    assert_eq!(ids(incidents.recent(2).await.unwrap()), [3, 2]);
    assert_eq!(
        incidents.recent(9).await.unwrap()[1],
        incident(2, IncidentState::Resolved)
    );
    let of = async |from, to| {
        let (cluster, instance) = ("shop-1".parse().unwrap(), "db.0".parse().unwrap());
        ids(incidents
            .of_instance(&cluster, &instance, Timestamp(from), Timestamp(to), 10)
            .await
            .unwrap())
    };
    assert_eq!(of(1_900, 9_000).await, [1, 2, 3]);
    assert_eq!(of(2_001, 9_000).await, [1, 3]);
    assert_eq!(of(0, 999).await, [] as [u64; 0]);
}

#[tokio::test]
async fn incidents_are_filtered_and_one_in_quarantine_goes_on() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).await.unwrap();
    let incidents = store.incidents();
    let of = |id, service: &str, state| Incident {
        service: service.parse().unwrap(),
        instance: format!("{service}.0").parse().unwrap(),
        ..incident(id, state)
    };
    for one in [
        of(1, "db", IncidentState::Resolved),
        of(2, "db-backup", IncidentState::Quarantined),
        of(3, "db", IncidentState::Open),
    ] {
        incidents.upsert(&one).await.unwrap();
    }
    let found = async |filter: IncidentFilter| {
        let limit = if filter.limit == 0 { 9 } else { filter.limit };
        let filter = IncidentFilter { limit, ..filter };
        let found = incidents.list(&filter).await.unwrap();
        found.iter().map(|one| one.id.0).collect::<Vec<_>>()
    };
    let all = IncidentFilter::default;
    assert_eq!(found(all()).await, [3, 2, 1]);
    assert_eq!(found(IncidentFilter { limit: 1, ..all() }).await, [3]);
    assert_eq!(
        found(IncidentFilter {
            open: true,
            ..all()
        })
        .await,
        [3, 2]
    );
    let db = Some("db".parse().unwrap());
    assert_eq!(
        found(IncidentFilter {
            service: db,
            ..all()
        })
        .await,
        [3, 1]
    );
    let since = |at| Some(Timestamp(at));
    assert_eq!(
        found(IncidentFilter {
            since: since(2_001),
            ..all()
        })
        .await,
        [3, 2]
    );
    assert_eq!(
        found(IncidentFilter {
            since: since(2_000),
            ..all()
        })
        .await,
        [3, 2, 1]
    );
    let other = Some("other-1".parse().unwrap());
    assert_eq!(
        found(IncidentFilter {
            cluster: other,
            ..all()
        })
        .await,
        [0; 0]
    );
    assert_eq!(incidents.one(IncidentId(9)).await.unwrap(), None);
    assert_eq!(incidents.one(IncidentId(3)).await.unwrap().unwrap().id.0, 3);
}

fn line(n: u32) -> IncidentEntry {
    IncidentEntry {
        n,
        at: Timestamp(i64::from(n)),
        kind: EntryKind::Probe,
        text: format!("line {n}"),
        services: vec!["api".parse().unwrap()],
        act: Some(ActId(7)),
    }
}

#[tokio::test]
async fn a_timeline_keeps_its_beginning_and_its_end() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).await.unwrap();
    let of = IncidentId(1);
    for from in (1..=600).step_by(100) {
        let batch = Batch {
            incidents: vec![incident(1, IncidentState::Open)],
            entries: (from..from + 100).map(|n| (of, line(n))).collect(),
            ..Batch::default()
        };
        store.keep(&batch).await.unwrap();
        store.keep(&batch).await.unwrap();
    }
    let numbers = async || {
        let lines = store.incidents().timeline(of).await.unwrap();
        lines.iter().map(|line| line.n).collect::<Vec<_>>()
    };
    let kept: Vec<u32> = (1..=100).chain(201..=600).collect();
    assert_eq!(numbers().await, kept);
    assert_eq!(store.incidents().timeline(of).await.unwrap()[0], line(1));
    // It goes with its incident, which is let go of when it has ended and 10,000 came after it.
    let incidents = store.incidents();
    let ended = incident(1, IncidentState::Resolved);
    incidents.upsert(&ended).await.unwrap();
    let later = incident(10_001, IncidentState::Open);
    incidents.upsert(&later).await.unwrap();
    assert_eq!(incidents.one(of).await.unwrap(), None);
    assert_eq!(numbers().await, [0_u32; 0]);
}

#[tokio::test]
async fn a_home_from_before_timelines_is_opened_and_its_incidents_are_read() {
    use sqlx::Connection;
    let home = tempfile::tempdir().unwrap();
    Store::open(home.path()).await.unwrap().close().await;
    // As the first version left it.
    let file = home.path().join("state.db");
    let old = "DROP TABLE agents; DROP TABLE approvals; DROP TABLE approvers; DROP TRIGGER acts_admitted; DROP TRIGGER acts_ended; DROP TABLE ledger;
        DROP TABLE checkpoints; ALTER TABLE acts DROP COLUMN ended; DROP INDEX acts_asked; ALTER TABLE acts DROP COLUMN asked; DROP TABLE incident_entries; DROP TABLE outbox; DROP TABLE outbox_targets;
        DROP TABLE registered; DROP TABLE pairs; CREATE TABLE leases (name, id, url, meta, ttl_ms, since);
        INSERT INTO incidents (id, cluster, instance, open, opened, ended, body) VALUES
            (1, 'shop-1', 'db.0', 1, 1000, NULL, '{\"id\":1,\"cluster\":\"shop-1\",\"service\":\"db\",
              \"instance\":\"db.0\",\"state\":\"open\",\"cause\":\"db.0 exited with code 1\",\"impacted\":[],
              \"actions\":[],\"opened\":1000,\"resolved\":null,\"duration_ms\":null}');
        PRAGMA user_version = 1;";
    let url = format!("sqlite://{}", file.display());
    let mut db = sqlx::SqliteConnection::connect(&url).await.unwrap();
    sqlx::raw_sql(old).execute(&mut db).await.unwrap();
    db.close().await.unwrap();
    let store = Store::open(home.path()).await.unwrap();
    let [open] = store.incidents().open().await.unwrap().try_into().unwrap();
    assert_eq!(
        (open.id, open.entries, open.began),
        (IncidentId(1), 0, None)
    );
    let batch = Batch {
        entries: vec![(open.id, line(1))],
        ..Batch::default()
    };
    store.keep(&batch).await.unwrap();
    assert_eq!(
        store.incidents().timeline(open.id).await.unwrap(),
        [line(1)]
    );
}

#[tokio::test]
async fn events_are_read_by_number_and_never_written_twice() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).await.unwrap();
    let events: Vec<Event> = (1..=600)
        .map(|seq| changed(seq, i64::try_from(seq).unwrap() * 10, State::Ready))
        .collect();
    store.events().append(&events).await.unwrap();
    store.events().append(&events[500..]).await.unwrap();
    assert_eq!(store.events().last_seq().await.unwrap(), 600);
    assert_eq!(store.events().after(598, 10).await.unwrap(), events[598..]);
    assert_eq!(store.events().after(0, 2).await.unwrap(), events[..2]);
    assert_eq!(store.events().recent(3).await.unwrap(), events[597..]);
}

#[tokio::test]
async fn events_beyond_the_limit_go_with_their_states() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).await.unwrap();
    store
        .events()
        .append(&[changed(1, 10, State::Ready)])
        .await
        .unwrap();
    store
        .events()
        .append(&[changed(100_001, 20, State::Failing)])
        .await
        .unwrap();
    assert_eq!(
        store.events().after(0, 10).await.unwrap(),
        [changed(100_001, 20, State::Failing)]
    );
    assert_eq!(states(&store, 0, 100).await, [(20, State::Failing)]);
}

async fn states(store: &Store, from: i64, to: i64) -> Vec<(i64, State)> {
    let (cluster, instance) = ("shop-1".parse().unwrap(), "api.0".parse().unwrap());
    store
        .events()
        .states(&cluster, &instance, Timestamp(from), Timestamp(to), 1_000)
        .await
        .unwrap()
        .into_iter()
        .map(|(at, state)| (at.0, state))
        .collect()
}

#[tokio::test]
async fn the_states_of_a_stretch_begin_with_the_one_it_was_in() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).await.unwrap();
    let all = [
        (10, State::Starting),
        (20, State::Ready),
        (40, State::Failing),
        (60, State::Ready),
    ];
    let events: Vec<Event> = (1..)
        .zip(all)
        .map(|(seq, (at, state))| changed(seq, at, state))
        .collect();
    store.events().append(&events).await.unwrap();
    assert_eq!(states(&store, 0, 100).await, all);
    assert_eq!(states(&store, 30, 50).await, all[1..3]);
    assert_eq!(states(&store, 40, 50).await, all[2..3]);
    assert_eq!(states(&store, 0, 5).await, []);
}

#[tokio::test]
async fn the_states_of_a_whole_cluster_begin_with_the_last_one_before() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).await.unwrap();
    // Ready in the same millisecond as it was started.
    let of_api = [
        changed(1, 10, State::Starting),
        changed(2, 10, State::Ready),
        changed(3, 40, State::Failing),
    ];
    let other = |seq, at, instance: &str| {
        let mut event = changed(seq, at, State::Ready);
        if let EventKind::StateChanged { instance: of, .. } = &mut event.what {
            *of = instance.parse().unwrap();
        }
        event
    };
    store.events().append(&of_api).await.unwrap();
    let others = [other(4, 45, "api-2.0"), other(5, 46, "web.1")];
    store.events().append(&others).await.unwrap();
    let all = async |service: Option<&str>, from, to, limit| -> Vec<(String, Vec<(i64, State)>)> {
        let (cluster, service) = (
            "shop-1".parse().unwrap(),
            service.map(|one| one.parse().unwrap()),
        );
        let (from, to) = (Timestamp(from), Timestamp(to));
        let events = store.events();
        let found = events
            .all_states(&cluster, service.as_ref(), from, to, limit)
            .await;
        let plain = |(id, changes): (model::InstanceId, Vec<(Timestamp, State)>)| {
            let changes = changes.into_iter().map(|(at, state)| (at.0, state));
            (id.to_string(), changes.collect())
        };
        found.unwrap().into_iter().map(plain).collect()
    };
    let (ready, failing) = ((10, State::Ready), (40, State::Failing));
    let api = ("api.0".to_owned(), vec![ready, failing]);
    let rest = [
        ("api-2.0".to_owned(), vec![(45, State::Ready)]),
        ("web.1".to_owned(), vec![(46, State::Ready)]),
    ];
    let mut found = all(None, 20, 100, 1_000).await;
    found.sort();
    assert_eq!(found, [rest[0].clone(), api.clone(), rest[1].clone()]);
    assert_eq!(all(Some("api"), 20, 100, 1_000).await, [api]);
    assert_eq!(
        all(Some("api"), 20, 30, 1_000).await,
        [("api.0".to_owned(), vec![ready])]
    );
    assert_eq!(all(Some("api"), 0, 5, 1_000).await, []);
    assert_eq!(
        all(Some("api"), 20, 100, 1).await,
        [("api.0".to_owned(), vec![failing])]
    );
}

#[tokio::test]
async fn values_are_replaced() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).await.unwrap();
    assert_eq!(store.meta().get("k").await.unwrap(), None);
    store.meta().set("k", "1").await.unwrap();
    store.meta().set("k", "2").await.unwrap();
    assert_eq!(store.meta().get("k").await.unwrap().as_deref(), Some("2"));
}

#[tokio::test]
async fn many_writers_and_readers_get_along() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for id in 1..=50 {
        let store = store.clone();
        tasks.spawn(async move {
            store
                .acts()
                .append(&act(id, Outcome::Pending), Durability::Full)
                .await
                .unwrap();
            store.acts().recent(10).await.unwrap();
        });
    }
    tasks.join_all().await;
    assert_eq!(store.acts().recent(100).await.unwrap().len(), 50);
}

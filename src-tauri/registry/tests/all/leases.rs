//! Own entries, leases and their ends, without HTTP.

use crate::world::{own, wall, world, world_with};
use model::view::KeptBy;
use model::{ActId, ClusterId, InstanceId, Outcome, Timestamp, Verb};
use registry::{Error, Keep, Registration, Registry, RegistryChange};
use std::time::Duration;
use store::{Registered, Registering, Store};

fn ids() -> (ClusterId, InstanceId) {
    ("shop-1".parse().unwrap(), "api.0".parse().unwrap())
}

fn names(registry: &Registry) -> Vec<String> {
    registry
        .entries()
        .into_iter()
        .map(|entry| format!("{}/{}", entry.name, entry.id))
        .collect()
}

fn wish(name: &str, id: &str, port: u16) -> Registration {
    let mut wish = Registration::new(name, &format!("http://127.0.0.1:{port}"));
    wish.id = id.into();
    wish
}

#[tokio::test]
async fn own_entries_are_seen_and_gone_at_once() {
    let world = world().await;
    let (cluster, instance) = ids();
    let mut changes = world.registry.changes();
    world
        .registry
        .upsert_own(&own("api.0", "api", "http://127.0.0.1:4000"));
    assert_eq!(names(&world.registry), ["api/shop-1.api.0"]);
    let entry = world.registry.entries().remove(0);
    assert_eq!(
        (entry.kept_by, entry.since, entry.expires),
        (KeptBy::Own, wall(), None)
    );
    // The same again is no change.
    world
        .registry
        .upsert_own(&own("api.0", "api", "http://127.0.0.1:4000"));
    world
        .registry
        .upsert_own(&own("api.0", "api", "http://127.0.0.1:4001"));
    world.registry.remove_own(&cluster, &instance);
    assert_eq!(names(&world.registry), [] as [&str; 0]);
    world.registry.remove_own(&cluster, &instance);

    let told = |change: RegistryChange| {
        (
            change
                .upserts
                .into_iter()
                .map(|entry| entry.view.url.clone())
                .collect::<Vec<_>>(),
            change.removed,
        )
    };
    let gone = vec![("api".to_owned(), "shop-1.api.0".to_owned())];
    assert_eq!(
        told(changes.try_recv().unwrap()),
        (vec!["http://127.0.0.1:4000".into()], vec![])
    );
    assert_eq!(
        told(changes.try_recv().unwrap()),
        (vec!["http://127.0.0.1:4001".into()], vec![])
    );
    assert_eq!(told(changes.try_recv().unwrap()), (vec![], gone));
    assert!(changes.try_recv().is_err());
    // Own entries never reach the disk.
    assert_eq!(world.store.registry().all().await.unwrap(), []);
}

#[tokio::test]
async fn readers_never_see_an_own_entry_after_its_removal() {
    let world = world().await;
    let (cluster, instance) = ids();
    for _ in 0..1_000 {
        world
            .registry
            .upsert_own(&own("api.0", "api", "http://127.0.0.1:4000"));
        world.registry.remove_own(&cluster, &instance);
        let reader = world.registry.clone();
        let seen = tokio::task::spawn_blocking(move || reader.entries().len())
            .await
            .unwrap();
        assert_eq!(seen, 0);
    }
}

#[tokio::test]
async fn a_lease_is_written_down_and_passes_the_door_once() {
    let world = world().await;
    let wish = wish("mail", "a", 4000);
    let (listed, new) = world.registry.register(wish.clone()).await.unwrap();
    assert!(new);
    assert_eq!(listed.view.expires, Some(Timestamp(wall().0 + 30_000)));
    assert_eq!(world.store.registry().all().await.unwrap().len(), 1);
    // Again: a heartbeat and no act.
    assert!(!world.registry.register(wish.clone()).await.unwrap().1);
    // Elsewhere: an act, and still one entry.
    let mut moved = wish;
    moved.url = "http://127.0.0.1:4001".into();
    assert!(!world.registry.register(moved).await.unwrap().1);
    assert_eq!(world.registry.entries()[0].url, "http://127.0.0.1:4001");
    assert_eq!(world.registry.deregister("mail", None).await.unwrap(), 1);
    assert_eq!(world.store.registry().all().await.unwrap(), []);
    assert_eq!(
        *world.notes.asked.lock().unwrap(),
        [
            (Verb::Register, "mail at http://127.0.0.1:4000".to_owned()),
            (Verb::Register, "mail at http://127.0.0.1:4001".to_owned()),
            (Verb::Deregister, "mail".to_owned()),
        ]
    );
    assert_eq!(
        *world.notes.concluded.lock().unwrap(),
        [
            (
                ActId(1),
                Outcome::Done("mail at http://127.0.0.1:4000".into()),
                true
            ),
            (
                ActId(2),
                Outcome::Done("mail at http://127.0.0.1:4001".into()),
                true
            ),
            (ActId(3), Outcome::Done("mail".into()), true),
        ]
    );
}

#[tokio::test]
async fn an_act_that_the_disk_refused_is_not_said_to_be_done() {
    let world = world().await;
    world.store.close().await;
    let refused = world.registry.register(wish("mail", "a", 4000)).await;
    assert!(matches!(refused, Err(Error::Store(_))), "{refused:?}");
    let concluded = world.notes.concluded.lock().unwrap();
    assert!(
        matches!(&concluded[..], [(ActId(1), Outcome::Failed(_), false)]),
        "{concluded:?}"
    );
}

#[tokio::test]
async fn what_the_door_refuses_is_not_listed() {
    let world = world().await;
    let error = world
        .registry
        .register(wish("forbidden", "a", 4000))
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "pass the door: the policy says no");
    assert_eq!(world.registry.entries(), []);
    assert_eq!(world.store.registry().all().await.unwrap(), []);
}

#[tokio::test]
async fn a_name_the_engine_keeps_is_not_for_others() {
    let world = world().await;
    world
        .registry
        .upsert_own(&own("api.0", "api", "http://127.0.0.1:4000"));
    let taken = world
        .registry
        .register(wish("api", "mine", 4001))
        .await
        .unwrap_err();
    assert_eq!(
        taken.to_string(),
        "change api: it is kept by cluster shop-1"
    );
    let taken = world
        .registry
        .register(wish("api", "shop-1.api.0", 4001))
        .await
        .unwrap_err();
    assert!(matches!(taken, Error::Kept { .. }));
    for id in [None, Some("shop-1.api.0")] {
        let kept = world.registry.deregister("api", id).await.unwrap_err();
        assert!(matches!(kept, Error::Kept { .. }));
    }
    // A service that registers itself as well is told where it is listed already.
    let (listed, new) = world
        .registry
        .register(wish("api", "mine", 4000))
        .await
        .unwrap();
    assert_eq!((listed.view.id.as_str(), new), ("shop-1.api.0", false));
    assert_eq!(
        world.registry.heartbeat("api", "shop-1.api.0").unwrap(),
        listed
    );
    assert_eq!(names(&world.registry), ["api/shop-1.api.0"]);
}

#[tokio::test]
async fn an_own_entry_takes_its_id_from_whoever_held_it() {
    let world = world().await;
    world
        .registry
        .register(wish("api", "shop-1.api.0", 6000))
        .await
        .unwrap();
    world
        .registry
        .upsert_own(&own("api.0", "api", "http://127.0.0.1:4000"));
    assert_eq!(world.registry.entries()[0].url, "http://127.0.0.1:4000");
    assert_eq!(world.registry.entries()[0].kept_by, KeptBy::Own);
}

/// Keeps the paused clock where it is while the database's own threads work: tokio moves it on
/// only when nothing at all is under way.
pub(crate) struct Still(
    #[expect(dead_code, reason = "held, not read")] std::sync::mpsc::SyncSender<()>,
);

pub(crate) fn still() -> Still {
    let (hold, held) = std::sync::mpsc::sync_channel::<()>(0);
    tokio::task::spawn_blocking(move || held.recv());
    tokio::time::pause();
    Still(hold)
}

/// Waits until a name is off the list and then off the disk. Both, before the clock is moved on:
/// the database's own timeouts go by it too.
async fn gone(registry: &Registry, store: &Store, name: &str) {
    while !registry.list(Some(name)).is_empty() {
        tokio::task::yield_now().await;
    }
    while store
        .registry()
        .all()
        .await
        .unwrap()
        .iter()
        .any(|lease| lease.name == name)
    {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn leases_end_unless_their_heart_beats() {
    let world = world().await;
    let registry = &world.registry;
    let _still = still();
    let mut short = wish("short", "a", 4000);
    short.keep = Keep::Lease {
        ttl: Duration::from_secs(5),
    };
    registry.register(short).await.unwrap();
    registry.register(wish("long", "a", 4001)).await.unwrap();
    registry.register(wish("beating", "a", 4002)).await.unwrap();
    let mut changes = registry.changes();
    tokio::time::advance(Duration::from_millis(4_999)).await;
    tokio::task::yield_now().await;
    assert_eq!(names(registry), ["beating/a", "long/a", "short/a"]);
    tokio::time::advance(Duration::from_millis(2)).await;
    gone(registry, &world.store, "short").await;
    assert_eq!(
        changes.recv().await.unwrap().removed,
        [("short".to_owned(), "a".to_owned())]
    );
    assert!(matches!(
        registry.heartbeat("short", "a"),
        Err(Error::Over { .. })
    ));

    tokio::time::advance(Duration::from_secs(20)).await;
    registry.heartbeat("beating", "a").unwrap();
    tokio::time::advance(Duration::from_secs(6)).await;
    gone(registry, &world.store, "long").await;
    assert_eq!(names(registry), ["beating/a"]);
    tokio::time::advance(Duration::from_secs(30)).await;
    gone(registry, &world.store, "beating").await;
}

#[tokio::test]
async fn leases_outlive_the_engine_and_get_their_whole_time_again() {
    let mut world = world().await;
    let mut wish = wish("mail", "a", 4000);
    wish.meta.insert("version".into(), "7".into());
    world.registry.register(wish).await.unwrap();
    let before = world.registry.list(None);
    // What an older version may have let in is not taken up.
    let row = |url: &str| Registered {
        name: "evil".into(),
        id: url.len().to_string(),
        since: Timestamp(0),
        body: serde_json::to_string(&Registration::new("evil", url)).unwrap(),
    };
    let evil = Registering {
        put: vec![row("http://169.254.169.254/"), row("file:///etc/passwd")],
        ..Registering::default()
    };
    world.store.registry().write(&evil).await.unwrap();
    let index = world.registry.index();
    world.store.close().await;
    let store = Store::open(world.home.path()).await.unwrap();
    let later = || Timestamp(wall().0 + 500_000);
    world.registry = Registry::open(store.clone(), world.notes.clone(), later, vec![])
        .await
        .unwrap();
    let after = world.registry.list(None);
    let [mail] = &after[..] else {
        panic!("{after:?}")
    };
    assert_eq!(mail.view.expires, Some(Timestamp(later().0 + 30_000)));
    assert_eq!(
        (&mail.wish, mail.view.since),
        (&before[0].wish, before[0].view.since)
    );
    assert!(mail.create_index > index, "{} {index}", mail.create_index);
    let _still = still();
    tokio::time::advance(Duration::from_secs(31)).await;
    gone(&world.registry, &store, "mail").await;
}

#[tokio::test]
async fn there_is_a_limit_to_entries_of_a_name() {
    let world = world().await;
    // So that the limit is within a commit.
    for n in 0..5 {
        let first = wish("many", &format!("i{n}"), 4000);
        world.registry.register(first).await.unwrap();
    }
    let mut all = tokio::task::JoinSet::new();
    for n in 5..1_030 {
        let registry = world.registry.clone();
        all.spawn(async move {
            registry
                .register(wish("many", &format!("i{n}"), 4000))
                .await
        });
    }
    let refused: Vec<Error> = all
        .join_all()
        .await
        .into_iter()
        .filter_map(Result::err)
        .collect();
    assert_eq!(
        refused.len(),
        6,
        "those who were written with others as well"
    );
    let error = world
        .registry
        .register(wish("many", "one-more", 4000))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "add an entry: there are 1024 entries of many already"
    );
    // Those that are there can still be renewed, and others added; nothing that was refused is on disk.
    let there = world.registry.list(Some("many"))[7].view.id.clone();
    world
        .registry
        .register(wish("many", &there, 4000))
        .await
        .unwrap();
    world
        .registry
        .register(wish("other", "a", 4000))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_program_that_hangs_up_while_registering_leaves_nothing_half_done() {
    let world = world().await;
    for n in 0..100_u64 {
        let register = world
            .registry
            .register(wish("mail", &format!("i{n}"), 4000));
        let _ = tokio::time::timeout(Duration::from_micros(n * 20), register).await;
    }
    // What the keeper was told it has done once it answers the next one.
    world
        .registry
        .register(wish("last", "a", 4000))
        .await
        .unwrap();
    let disk: Vec<String> = world
        .store
        .registry()
        .all()
        .await
        .unwrap()
        .into_iter()
        .map(|lease| format!("{}/{}", lease.name, lease.id))
        .collect();
    assert_eq!(names(&world.registry), disk);
}

#[tokio::test]
async fn an_entry_may_point_into_an_allowed_network_for_as_long_as_it_is_allowed() {
    let world = world_with(&["10.1.0.0/16"]).await;
    let at = |url: &str| Registration::new("far", url);
    let near = world.registry.register(at("http://127.0.0.1:4000")).await;
    assert!(near.is_ok());
    world
        .registry
        .register(at("http://10.1.2.3:4000"))
        .await
        .unwrap();
    let refused = world.registry.register(at("http://10.2.2.3:4000")).await;
    let said = refused.unwrap_err().to_string();
    assert!(said.contains("registry.allow"), "{said}");
    // Our own ports are on this machine only.
    world.registry.refuse_port(4001);
    assert!(
        world
            .registry
            .register(at("http://127.0.0.1:4001"))
            .await
            .is_err()
    );
    assert!(
        world
            .registry
            .register(at("http://10.1.2.3:4001"))
            .await
            .is_ok()
    );
    // Nor does one stay that was there before.
    world.registry.refuse_port(4000);
    let urls = |registry: &Registry| -> Vec<String> {
        let all = registry.list(None);
        all.iter().map(|one| one.view.url.clone()).collect()
    };
    assert!(!urls(&world.registry).contains(&"http://127.0.0.1:4000".to_owned()));
    assert!(urls(&world.registry).contains(&"http://10.1.2.3:4000".to_owned()));
    // The next engine allows less, and that port is not its own.
    world.store.close().await;
    let store = Store::open(world.home.path()).await.unwrap();
    let registry = Registry::open(store, world.notes.clone(), wall, vec![])
        .await
        .unwrap();
    let urls: Vec<String> = registry
        .list(None)
        .into_iter()
        .map(|one| one.view.url.clone())
        .collect();
    assert_eq!(urls, ["http://127.0.0.1:4000"]);
}

/// A health probe by lease listens to the port, whatever renews there and under whatever name.
#[tokio::test]
async fn who_renews_is_heard_by_its_port() {
    let world = world().await;
    let registry = &world.registry;
    let (mine, other) = (registry.beats(4000), registry.beats(4001));
    let beat = || *mine.borrow();
    assert_eq!(beat(), None);
    // New, the same again, and a heartbeat; each is later than the one before.
    registry.register(wish("mail", "a", 4000)).await.unwrap();
    let first = beat().unwrap();
    registry.register(wish("mail", "a", 4000)).await.unwrap();
    let second = beat().unwrap();
    registry.heartbeat("mail", "a").unwrap();
    let third = beat().unwrap();
    assert!(first < second && second < third);
    // The engine's own entry at that address needs no renewing, and is heard all the same.
    registry.upsert_own(&own("api.0", "api", "http://127.0.0.1:4000"));
    registry.heartbeat("api", "shop-1.api.0").unwrap();
    let fourth = beat().unwrap();
    let mut same = wish("api", "x", 4000);
    same.url = "http://localhost:4000/".to_owned();
    registry.register(same).await.unwrap();
    let fifth = beat().unwrap();
    assert!(third < fourth && fourth < fifth);
    // What is refused renews nothing, and nothing of it concerns another port.
    assert!(registry.register(wish("api", "y", 4001)).await.is_err());
    assert!(registry.heartbeat("nobody", "a").is_err());
    assert_eq!((beat(), *other.borrow()), (Some(fifth), None));
    registry.forget_beats(4000);
    assert_eq!(beat(), None);
}

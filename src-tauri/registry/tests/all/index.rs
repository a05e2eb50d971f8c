//! The numbers of changes, and who is woken by which.

use crate::world::{own, wall, world};
use model::view::Health;
use registry::{Check, Keep, Key, Query, Registration, Registry, Watched};
use std::time::Duration;
use tokio::task::JoinSet;

/// Longer than anything here takes on a busy machine…
const LIMIT: Duration = Duration::from_secs(20);
/// … and longer than that: a wait that ends by its time has not heard.
const LONG: Duration = Duration::from_secs(600);

/// What it was woken with, and not by its time.
async fn heard(mut task: JoinSet<u64>) -> u64 {
    let heard = tokio::time::timeout(LIMIT, task.join_next()).await;
    heard.unwrap().unwrap().unwrap()
}

fn wish(name: &str, port: u16) -> Registration {
    Registration::new(name, &format!("http://127.0.0.1:{port}"))
}

fn name(of: &str) -> Watched {
    Watched::Name(of.into())
}

/// A wait of its own; what it waits for may happen before it has begun, and is no less seen.
fn wait(registry: &Registry, watched: Watched, after: u64) -> JoinSet<u64> {
    let (registry, mut task) = (registry.clone(), JoinSet::new());
    task.spawn(async move { registry.wait(&watched, after, LONG).await });
    task
}

#[tokio::test]
async fn numbers_begin_above_0_and_grow_with_what_readers_see() {
    let world = world().await;
    let registry = &world.registry;
    let mut last = registry.index();
    assert!(last > 0);
    let mut grown = |what: &str, grows: bool| {
        let index = registry.index();
        assert_eq!(index > last, grows, "{what}: {last} {index}");
        assert!(index >= last, "{what}");
        last = index;
    };
    let mut mail = wish("mail", 4000);
    let id = registry
        .register(mail.clone())
        .await
        .unwrap()
        .0
        .view
        .id
        .clone();
    grown("registered", true);
    registry.register(mail.clone()).await.unwrap();
    registry.heartbeat("mail", &id).unwrap();
    grown("renewed", false);
    mail.tags = vec!["blue".into()];
    registry.register(mail).await.unwrap();
    grown("changed", true);
    let own = own("api.0", "api", "http://127.0.0.1:4001");
    registry.upsert_own(&own);
    grown("own", true);
    registry.upsert_own(&own);
    grown("own, the same", false);
    registry.withhold_own(
        &own.cluster,
        &own.instance,
        &own.name,
        "its circuit is open",
    );
    grown("withheld", true);
    registry.withhold_own(
        &own.cluster,
        &own.instance,
        &own.name,
        "its circuit is open",
    );
    grown("withheld, the same", false);
    registry.remove_own(&own.cluster, &own.instance);
    grown("gone", true);
    registry.deregister("mail", None).await.unwrap();
    grown("deregistered", true);
}

#[tokio::test]
async fn an_entry_says_when_it_came_and_when_it_changed() {
    let world = world().await;
    let registry = &world.registry;
    let first = registry.register(wish("mail", 4000)).await.unwrap().0;
    assert_eq!(first.create_index, first.modify_index);
    registry.register(wish("other", 4001)).await.unwrap();
    let mut mail = wish("mail", 4000);
    mail.version = Some("2".into());
    let second = registry.register(mail).await.unwrap().0;
    assert_eq!(second.create_index, first.create_index);
    assert_eq!(second.modify_index, registry.index());
    assert_eq!(second.modify_index, first.modify_index + 2);
}

#[tokio::test]
async fn who_waits_is_woken_by_what_is_asked_for_and_by_nothing_else() {
    let world = world().await;
    let registry = &world.registry;
    registry.register(wish("mail", 4000)).await.unwrap();
    let index = registry.index();
    let mut of_mail = wait(registry, name("mail"), index);
    let mut of_none = wait(registry, name("nobody"), index);
    let of_names = wait(registry, Watched::Names, index);
    let of_all = wait(registry, Watched::Everything, index);
    registry.register(wish("other", 4001)).await.unwrap();
    assert_eq!(heard(of_names).await, index + 1);
    assert_eq!(heard(of_all).await, index + 1);
    // Nothing of theirs has changed, however long they look.
    let short = Duration::from_millis(1);
    for watched in [name("mail"), name("nobody")] {
        registry.wait(&watched, index, short).await;
    }
    assert!(of_mail.try_join_next().is_none() && of_none.try_join_next().is_none());
    let mut mail = wish("mail", 4000);
    mail.version = Some("2".into());
    registry.register(mail).await.unwrap();
    assert_eq!(heard(of_mail).await, index + 2);
    assert!(of_none.try_join_next().is_none());
    // What changes of an entry is no change of names.
    let of_names = wait(registry, Watched::Names, index + 1);
    registry.register(wish("nobody", 4002)).await.unwrap();
    assert_eq!(heard(of_none).await, index + 3);
    assert_eq!(heard(of_names).await, index + 3);
}

#[tokio::test]
async fn what_changed_before_it_is_waited_for_is_not_missed() {
    let world = world().await;
    let registry = &world.registry;
    registry.register(wish("mail", 4000)).await.unwrap();
    let index = registry.index();
    registry.deregister("mail", None).await.unwrap();
    // It came and went since.
    assert!(heard(wait(registry, name("mail"), index)).await > index);
    let (now, none) = (registry.index(), Duration::ZERO);
    assert_eq!(registry.wait(&name("mail"), now, none).await, now);
    // Nobody was told such a number.
    assert_eq!(heard(wait(registry, name("mail"), now + 1_000)).await, now);
    assert_eq!(heard(wait(registry, Watched::Everything, 0)).await, now);
}

#[tokio::test]
async fn the_next_engine_goes_on_above_every_number_that_was_told() {
    let world = world().await;
    let mut last = 0;
    let mut registry = world.registry.clone();
    for n in 0..3 {
        assert!(registry.index() > last);
        registry.register(wish("mail", 4000 + n)).await.unwrap();
        // Of ours, which no disk knows of.
        let own = own("api.0", "api", &format!("http://127.0.0.1:{n}"));
        registry.upsert_own(&own);
        registry.remove_own(&own.cluster, &own.instance);
        last = registry.index();
        // As after `kill -9`: nothing is said to it before.
        registry = Registry::open(world.store.clone(), world.notes.clone(), wall, vec![])
            .await
            .unwrap();
        let mail = registry.list(Some("mail"));
        assert!(mail.iter().all(|one| one.create_index > last));
        // Who waited there reads anew.
        assert!(heard(wait(&registry, name("mail"), last)).await > last);
    }
}

/// The number that was kept is of the engine before, whose own could not be written down.
#[tokio::test]
async fn numbers_go_on_from_the_time_where_they_could_not_be_written_down() {
    let world = world().await;
    let later = || model::Timestamp(1_800_000_000_000);
    let registry = Registry::open(world.store.clone(), world.notes.clone(), later, vec![])
        .await
        .unwrap();
    assert!(registry.index() >= 1_800_000_000_000);
    assert!(registry.index() < 1 << 53, "JSON's numbers end there");
}

fn said(check: &Check) -> Registration {
    let mut wish = wish("mail", 4000);
    wish.id = "MyApp:1/a".into();
    wish.keep = Keep::Checks;
    wish.checks = vec![check.clone()];
    wish
}

fn ttl(deregister_after: Option<Duration>) -> Check {
    Check {
        look: registry::Look::Ttl {
            ttl: Duration::from_secs(10),
        },
        deregister_after,
        ..Check::said("beat", Health::Critical, "")
    }
}

#[tokio::test]
async fn an_entry_is_as_well_as_its_worst_check_and_readers_hear_of_it() {
    let world = world().await;
    let registry = &world.registry;
    let wish = said(&ttl(None));
    let key = Key::new("mail", &wish.id);
    registry.register(wish.clone()).await.unwrap();
    let health = || registry.entry(&key).unwrap().view.health;
    assert_eq!(health(), Health::Critical);
    let well = Query {
        worst: Health::Warning,
        ..Query::default()
    };
    assert_eq!(registry.find(&well).1, []);
    let index = registry.index();
    let of_mail = wait(registry, name("mail"), index);
    registry
        .set_check(&key, "beat", Health::Warning, "slow\nvery")
        .unwrap();
    assert_eq!(heard(of_mail).await, index + 1);
    let listed = registry.find(&well).1.remove(0);
    assert_eq!(listed.view.health_why.as_deref(), Some("slow\nvery"));
    assert_eq!(
        (listed.modify_index, listed.checks[0].modify_index),
        (index + 1, index + 1)
    );
    // Another word for the same is kept, and wakes nobody.
    registry
        .set_check(&key, "beat", Health::Warning, "slower")
        .unwrap();
    assert_eq!(registry.entry(&key).unwrap().checks[0].output, "slower");
    assert_eq!(registry.index(), index + 1);
    registry
        .set_check(&key, "beat", Health::Passing, "")
        .unwrap();
    // Maintenance is one more check, which is written down, and the others stay as they are.
    let maintain = |on: bool| {
        let change = move |wish: &mut Registration| {
            wish.checks.retain(|check| check.id != "maintenance");
            wish.checks
                .extend(on.then(|| Check::said("maintenance", Health::Critical, "moving")));
        };
        registry.amend(&key, "maintenance", change)
    };
    let listed = maintain(true).await.unwrap();
    assert_eq!(listed.view.health_why.as_deref(), Some("moving"));
    assert_eq!(listed.checks[0].status, Health::Passing);
    let again = Registry::open(world.store.clone(), world.notes.clone(), wall, vec![]);
    assert_eq!(
        again.await.unwrap().entry(&key).unwrap().checks[1].status,
        Health::Critical
    );
    assert_eq!(maintain(false).await.unwrap().view.health, Health::Passing);
    // Registered once more as it was, it is as well as it was.
    assert!(!registry.register(wish).await.unwrap().1);
    assert_eq!(health(), Health::Passing);
    assert!(
        registry
            .set_check(&key, "other", Health::Passing, "")
            .is_err()
    );
}

/// Moves the paused clock on and lets the keeper look; what is not written down needs no disk.
async fn pass(time: Duration) {
    tokio::time::advance(time).await;
    for _ in 0..8 {
        tokio::task::yield_now().await;
    }
}

/// The same, until it is so: the keeper may be at the disk with what was said before.
async fn pass_until(time: Duration, is: impl Fn() -> bool) {
    tokio::time::advance(time).await;
    for _ in 0..1_000_000 {
        if is() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("it never comes to that");
}

#[tokio::test]
async fn silence_is_critical_and_what_is_critical_for_too_long_is_taken_away() {
    let world = world().await;
    let registry = &world.registry;
    let wish = said(&ttl(Some(Duration::from_secs(60))));
    let key = Key::new("mail", &wish.id);
    registry.register(wish).await.unwrap();
    let health = || registry.entry(&key).map(|one| one.view.health);
    let _still = crate::leases::still();
    registry
        .set_check(&key, "beat", Health::Passing, "")
        .unwrap();
    for _ in 0..3 {
        pass(Duration::from_secs(9)).await;
        assert_eq!(health(), Some(Health::Passing));
        registry
            .set_check(&key, "beat", Health::Passing, "")
            .unwrap();
    }
    let index = registry.index();
    let critical = || health() == Some(Health::Critical);
    pass_until(Duration::from_secs(11), critical).await;
    let why = registry
        .entry(&key)
        .unwrap()
        .view
        .health_why
        .clone()
        .unwrap();
    assert_eq!(why, "it has not said for 10s how it is");
    assert_eq!(registry.index(), index + 1);
    pass(Duration::from_secs(30)).await;
    registry
        .set_check(&key, "beat", Health::Warning, "")
        .unwrap();
    registry
        .set_check(&key, "beat", Health::Critical, "")
        .unwrap();
    // From here on once more, and it is told once that it is silent.
    let index = registry.index();
    pass(Duration::from_secs(59)).await;
    assert_eq!(
        (health(), registry.index()),
        (Some(Health::Critical), index)
    );
    pass_until(Duration::from_secs(2), || health().is_none()).await;
    let disk = async || world.store.registry().all().await.unwrap().len();
    while disk().await > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_id_of_consuls_is_ones_alone_under_whatever_name() {
    let world = world().await;
    let registry = &world.registry;
    let mut all = JoinSet::new();
    for name in ["a/b", "My App", "web", "web"] {
        let (registry, mut wish) = (registry.clone(), said(&ttl(None)));
        wish.name = name.into();
        wish.url = String::new();
        wish.id = "one".into();
        all.spawn(async move { registry.register(wish).await });
    }
    assert!(all.join_all().await.iter().all(Result::is_ok));
    let [only] = &registry.list(None)[..] else {
        panic!("{:?}", registry.list(None))
    };
    assert_eq!(registry.by_id("one").as_ref(), Some(only));
    let [row] = &world.store.registry().all().await.unwrap()[..] else {
        panic!("more on disk than listed")
    };
    assert_eq!(row.name, only.view.name);
    registry
        .deregister(&only.view.name, Some("one"))
        .await
        .unwrap();
    assert_eq!(registry.by_id("one"), None);
    // What others register has its own grammar.
    let mut strict = wish("a/b", 4000);
    assert!(registry.register(strict.clone()).await.is_err());
    strict.name = "ab".into();
    strict.id = "a/b".into();
    assert!(registry.register(strict).await.is_err());
}

/// Both are written in one commit unless it is seen that they are about one id.
#[tokio::test]
async fn what_is_changed_while_another_takes_its_id_is_gone_from_the_disk_as_well() {
    let world = world().await;
    let registry = &world.registry;
    let named = |name: &str| Registration {
        name: name.into(),
        id: "x".into(),
        ..said(&ttl(None))
    };
    registry.register(named("web2")).await.unwrap();
    let key = Key::new("web2", "x");
    let change = |wish: &mut Registration| wish.tags.push("blue".into());
    let (amended, put) = tokio::join!(
        registry.amend(&key, "tags", change),
        registry.register(named("web1"))
    );
    assert!(amended.is_ok() && put.is_ok(), "{amended:?} {put:?}");
    let disk = world.store.registry().all().await.unwrap();
    let disk: Vec<_> = disk.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(disk, ["web1"]);
    assert_eq!(registry.by_id("x").unwrap().view.name, "web1");
}

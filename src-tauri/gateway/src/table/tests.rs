//! Who is found by which name, and who is not.

use super::*;
use crate::callers::Caller;
use crate::standing::Back;
use model::view::KeptBy;

fn table() -> Arc<Table> {
    let clock = Clock {
        wall: || Timestamp(1_000),
        began: Instant::now(),
    };
    Table::new(clock, vec![], 7_422, None)
}

fn entry(cluster: Option<&str>, name: &str, id: &str, port: u16) -> RegistryView {
    let instance = id.strip_prefix(cluster.unwrap_or("-"));
    RegistryView {
        name: name.to_owned(),
        id: id.to_owned(),
        url: format!("http://127.0.0.1:{port}"),
        kept_by: match cluster {
            Some(_) => KeptBy::Own,
            None => KeptBy::Lease,
        },
        cluster: cluster.map(|cluster| cluster.parse().unwrap()),
        cluster_name: cluster.map(|_| "shop".to_owned()),
        instance: instance.map(|id| id[1..].parse().unwrap()),
        tags: vec![],
        version: None,
        category: None,
        health: Health::Passing,
        health_why: None,
        since: Timestamp(1_000),
        expires: None,
    }
}

#[test]
fn of_thousands_those_of_clusters_are_shown_and_each_is_found() {
    let table = table();
    for nth in 0..SHOWN {
        table.put(&entry(None, &format!("lent-{nth}"), "one", 5_000));
    }
    let id = "shop-1a2b3c4d";
    table.put(&entry(Some(id), "web", &format!("{id}.web.0"), 6_000));
    let shown = table.view();
    assert_eq!((shown.len(), table.count()), (SHOWN, SHOWN + 1));
    assert!(shown.iter().any(|route| route.host == "web.shop.localhost"));
    let all = (0..SHOWN).map(|nth| format!("lent-{nth}.localhost"));
    let hidden: Vec<String> = all
        .filter(|host| shown.iter().all(|route| route.host != *host))
        .collect();
    assert_eq!(hidden.len(), 1);
    assert!(table.shown(&hidden[0]).is_some());
    assert!(table.shown("gone.localhost").is_none());
}

#[test]
fn no_name_is_there_before_who_serves_it() {
    const NAMES: usize = 5_000;
    let table = table();
    let name = |nth| format!("lent-{nth}");
    let looks = Arc::clone(&table);
    let looks = std::thread::spawn(move || {
        for nth in 0..NAMES {
            let route = loop {
                if let Some(route) = looks.by_host(&name(nth)) {
                    break route;
                }
                std::hint::spin_loop();
            };
            assert_eq!(route.backends().len(), 1, "{}", name(nth));
        }
    });
    for nth in 0..NAMES {
        table.put(&entry(None, &name(nth), "one", 5_000));
    }
    looks.join().unwrap();
}

#[test]
fn a_service_is_found_by_its_clusters_name_and_by_its_id() {
    let table = table();
    table.put(&entry(
        Some("shop-1a2b3c4d"),
        "api",
        "shop-1a2b3c4d.api.0",
        4_000,
    ));
    table.put(&entry(None, "mail", "x", 4_001));
    for host in ["api.shop", "api.shop-1a2b3c4d", "mail"] {
        assert!(table.by_host(host).is_some(), "{host}");
    }
    let [api, mail] = table.view().try_into().unwrap();
    assert_eq!(
        (&*api.host, &*api.prefix),
        ("api.shop.localhost", "/shop/api")
    );
    assert_eq!((&*mail.host, &*mail.prefix), ("mail.localhost", "/mail"));
    assert_eq!(api.backends[0].instance, Some("api.0".parse().unwrap()));
    table.take("mail", "x");
    assert!(table.by_host("mail").is_none());
}

const FIRST: &str = "shop-00000001";
const SECOND: &str = "shop-00000002";

/// The service of cluster 1 at port 1, and that of cluster 2 at port 2.
fn own(cluster: &str, service: &str) -> RegistryView {
    let port = if cluster == FIRST { 1 } else { 2 };
    entry(
        Some(cluster),
        service,
        &format!("{cluster}.{service}.0"),
        port,
    )
}

fn stands(table: &Table, cluster: &str, service: &str, wanted: bool) {
    let standing = Standing {
        why: format!("{service}.0 is stopped"),
        since: Timestamp(1_000),
        coming: false,
        wanted,
        back: Back::Start,
    };
    let instance = format!("{service}.0").parse().unwrap();
    table.stands(&cluster.parse().unwrap(), &instance, standing);
}

fn cluster_of(table: &Table, host: &str) -> String {
    let route = table.by_host(host).unwrap();
    route.cluster.as_ref().unwrap().to_string()
}

#[test]
fn of_two_clusters_of_one_name_the_one_that_is_up_has_it() {
    let table = table();
    for cluster in [SECOND, FIRST] {
        let created = if cluster == FIRST { 10 } else { 20 };
        table.knows(&cluster.parse().unwrap(), Timestamp(created));
        stands(&table, cluster, "api", false);
        stands(&table, cluster, "web", false);
    }
    let hosts = || {
        let mut hosts: Vec<_> = table.view().into_iter().map(|one| one.host).collect();
        hosts.retain(|host| host.starts_with("api"));
        hosts
    };
    // Neither is up: the one that was first run, whichever was heard of first.
    assert_eq!(cluster_of(&table, "api.shop"), FIRST);
    assert_eq!(
        hosts(),
        ["api.shop-00000002.localhost", "api.shop.localhost"]
    );

    // The other is alone up.
    let version = table.version();
    stands(&table, SECOND, "api", true);
    table.put(&own(SECOND, "api"));
    assert!(table.version() > version, "threads look anew");
    assert_eq!(cluster_of(&table, "api.shop"), SECOND);
    assert_eq!(cluster_of(&table, "web.shop"), SECOND, "names go together");
    assert_eq!(cluster_of(&table, "api.shop-00000001"), FIRST);
    assert_eq!(
        hosts(),
        ["api.shop-00000001.localhost", "api.shop.localhost"]
    );

    // The first comes up as well, with one service; of the other it says where that serves.
    stands(&table, FIRST, "web", true);
    assert_eq!(cluster_of(&table, "api.shop"), FIRST);
    let unavailable = table.shown("api.shop.localhost").unwrap().unavailable;
    let why = unavailable.unwrap().why;
    assert!(
        why.ends_with("serves at api.shop-00000002.localhost"),
        "{why}"
    );

    // And down again.
    stands(&table, FIRST, "web", false);
    assert_eq!(cluster_of(&table, "web.shop"), SECOND);
    table.forget(&SECOND.parse().unwrap(), &"api.0".parse().unwrap());
    table.take("api", &format!("{SECOND}.api.0"));
    assert_eq!(cluster_of(&table, "web.shop"), FIRST);
    assert!(table.by_host("api.shop-00000002").is_none());
}

#[test]
fn who_drains_and_goes_gives_up_the_names_of_its_cluster() {
    let table = table();
    stands(&table, FIRST, "web", false);
    table.put(&own(FIRST, "api"));
    stands(&table, SECOND, "web", true);
    assert_eq!(cluster_of(&table, "web.shop"), FIRST);
    table.drain(&FIRST.parse().unwrap(), &"api.0".parse().unwrap());
    table.take("api", &format!("{FIRST}.api.0"));
    assert_eq!(cluster_of(&table, "web.shop"), SECOND);
}

#[test]
fn a_thousand_services_come_up_in_no_time() {
    let table = table();
    let services: Vec<String> = (0..1_000).map(|n| format!("s{n}")).collect();
    for cluster in [FIRST, SECOND] {
        for service in &services {
            stands(&table, cluster, service, false);
        }
    }
    assert_eq!(cluster_of(&table, "s7.shop"), FIRST);
    // By a look at each service for each name and each service that comes, this were a thousand million looks.
    for service in &services {
        stands(&table, SECOND, service, true);
    }
    assert_eq!(cluster_of(&table, "s7.shop"), SECOND);
    for service in &services {
        stands(&table, SECOND, service, false);
        stands(&table, FIRST, service, true);
    }
    assert_eq!(cluster_of(&table, "s7.shop"), FIRST);
}

#[test]
fn an_id_is_nobody_elses_name() {
    let table = table();
    // A cluster that is called like another's id.
    let called = "shop-00000002-0000000a";
    table.knows(&called.parse().unwrap(), Timestamp(1));
    table.put(&entry(Some(called), "api", &format!("{called}.api.0"), 1));
    assert_eq!(cluster_of(&table, "api.shop-00000002"), called);
    table.put(&own(SECOND, "api"));
    assert_eq!(cluster_of(&table, "api.shop-00000002"), SECOND);
    assert_eq!(
        table.shown("api.shop.localhost").unwrap().host,
        "api.shop.localhost"
    );
    let other = table.shown(&format!("api.{called}.localhost")).unwrap();
    assert_eq!(other.host, format!("api.{called}.localhost"));
}

#[test]
fn an_instance_that_comes_back_at_its_address_is_another() {
    let table = table();
    let cluster: ClusterId = "shop-1a2b3c4d".parse().unwrap();
    let mut entry = entry(Some("shop-1a2b3c4d"), "api", "shop-1a2b3c4d.api.0", 4_000);
    table.put(&entry);
    let before = table.by_host("api.shop").unwrap().backends()[0].number;
    table.put(&entry);
    let same = table.by_host("api.shop").unwrap().backends()[0].number;
    assert_eq!(before, same);
    assert_eq!(table.drain(&cluster, &"api.0".parse().unwrap()).len(), 1);
    // Heard late, it is the one that gets nothing more.
    table.put(&entry);
    assert!(table.by_host("api.shop").unwrap().backends()[0].is_draining());
    entry.since = Timestamp(1_001);
    table.put(&entry);
    let after = table.by_host("api.shop").unwrap().backends();
    assert!(after.len() == 1 && after[0].number != before && !after[0].is_draining());
}

#[tokio::test]
async fn who_says_something_new_of_itself_stays_where_it_is_and_wakes_nobody() {
    let table = table();
    let mut mail = entry(None, "mail", "x", 4_001);
    table.put(&mail);
    let route = table.by_host("mail").unwrap();
    let known = Arc::clone(&route.backends()[0]);
    let same = || Arc::ptr_eq(&known, &route.backends()[0]);
    let mut woken = std::pin::pin!(route.changes());
    woken.as_mut().enable();
    mail.version = Some("2".to_owned());
    table.put(&mail);
    let quiet = tokio::time::timeout(std::time::Duration::ZERO, woken.as_mut());
    assert!(same() && quiet.await.is_err());
    // What it fails, and where it is, changes who gets requests.
    mail.health = Health::Critical;
    table.put(&mail);
    woken.await;
    assert!(same() && !known.takes());
    mail.health = Health::Passing;
    table.put(&mail);
    assert!(same() && known.takes());
    mail.url = "http://127.0.0.1:4002".to_owned();
    table.put(&mail);
    assert_eq!(route.backends()[0].address.port(), 4_002);
}

#[test]
fn many_names_that_go_at_once_go_in_no_time() {
    let table = table();
    let ids: Vec<String> = (0..20_000).map(|n| format!("mail-{n}")).collect();
    for id in &ids {
        table.put(&entry(None, id, "x", 4_000));
    }
    // By a look at each other name for each, this were four hundred million looks.
    table.keep_only(&[]);
    assert!(table.view().is_empty() && table.by_host(&ids[7]).is_none());
    assert!(table.read().claims.is_empty() && table.read().by_host.is_empty());
}

/// Whoever asks wants to know for how long, and not that he asks now.
#[test]
fn since_when_it_is_withheld_is_when_that_began() {
    use std::sync::atomic::{AtomicI64, Ordering};
    static NOW: AtomicI64 = AtomicI64::new(5_000);
    let clock = Clock {
        wall: || Timestamp(NOW.load(Ordering::Relaxed)),
        began: Instant::now(),
    };
    let table = Table::new(clock, vec![], 7_422, None);
    let mut entry = entry(None, "mail", "x", 4_000);
    entry.health = Health::Critical;
    entry.health_why = Some("answers 500".into());
    table.put(&entry);
    NOW.store(9_000, Ordering::Relaxed);
    entry.health_why = Some("answers 503".into());
    table.put(&entry);
    let said = table.view()[0].unavailable.clone().unwrap();
    assert_eq!((&*said.why, said.since), ("answers 503", Timestamp(5_000)));
    entry.health = Health::Passing;
    table.put(&entry);
    entry.health = Health::Critical;
    table.put(&entry);
    let said = table.view()[0].unavailable.clone().unwrap();
    assert_eq!(said.since, Timestamp(9_000));
}

#[test]
fn no_backend_is_where_the_registry_would_list_none() {
    let table = table();
    for url in [
        "http://169.254.169.254/",
        "http://10.0.0.1:80",
        "http://0177.0.0.1:80",
    ] {
        let mut entry = entry(None, "mail", "x", 1);
        entry.url = url.into();
        table.put(&entry);
        assert!(table.by_host("mail").is_none(), "{url}");
    }
    for name in ["api.shop", "a/b", "MyApp", ""] {
        let mut entry = entry(None, "mail", "x", 1);
        entry.name = name.into();
        table.put(&entry);
        assert!(table.view().is_empty(), "{name}");
    }
    let mut entry = entry(None, "mail", "x", 1);
    entry.health = Health::Critical;
    entry.health_why = Some("answers 500".into());
    table.put(&entry);
    let why = table.view()[0].unavailable.clone().unwrap().why;
    assert_eq!(why, "answers 500");
    entry.health = Health::Warning;
    table.put(&entry);
    assert_eq!(table.view()[0].unavailable, None);
    entry.url = "http://127.0.0.1:7422".into();
    table.put(&entry);
    let why = table.view()[0].unavailable.clone().unwrap().why;
    assert!(why.contains("itself"), "{why}");
    entry.url = "https://127.0.0.1:1".into();
    table.put(&entry);
    let why = table.view()[0].unavailable.clone().unwrap().why;
    assert!(why.contains("https"), "{why}");
}

#[test]
fn what_was_meant_is_looked_for_when_it_is_told() {
    let table = table();
    let host = hyper::header::HeaderValue::from_static("wob.shop.localhost");
    let Err(refusal) = crate::guard::route(&table, &host, &hyper::Uri::from_static("/")) else {
        panic!("nothing is there");
    };
    // Until then nothing was done for it: it may be waited for, and others come.
    table.put(&entry(
        Some("shop-1a2b3c4d"),
        "web",
        "shop-1a2b3c4d.web.0",
        1,
    ));
    let (method, version) = (hyper::Method::GET, hyper::Version::HTTP_11);
    let asked = crate::answer::Asked::new(
        &method,
        version,
        &hyper::HeaderMap::new(),
        crate::heads::Has::default(),
    );
    let crate::body::Answer::Whole(Some(json)) = refusal.answer(&asked).into_body() else {
        panic!("it is said at once");
    };
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["help"], "These are in shop.");
    assert_eq!(json["known"][0], "http://web.shop.localhost:7422/");
}

#[test]
fn of_many_names_a_few_are_looked_at_and_those_of_clusters_first() {
    let table = table();
    for nth in 0..2 * COMPARED {
        table.put(&entry(None, &format!("lent-{nth}"), "one", 5_000));
    }
    let id = "shop-1a2b3c4d";
    for cluster in ["shop", id, "shop-2-1a2b3c4d", "shopping-1a2b3c4d"] {
        table.put(&entry(Some(cluster), "web", &format!("{cluster}.web.0"), 1));
    }
    let hosts = |asked: &str| table.known(asked).hosts;
    assert_eq!(hosts("web.shpo")[0], "web.shop.localhost:7422");
    assert_eq!(hosts("wob.shop").len(), 2, "by its name: two are called so");
    assert_eq!(hosts(&format!("wob.{id}")).len(), 1, "by its id");
    assert_eq!(hosts("wob.shop-2"), ["web.shop-2.localhost:7422"]);
    assert_eq!(table.read().first(COMPARED).len(), COMPARED);
    assert_eq!(table.known("web.shpo").more, 2 * COMPARED + 3);
}

#[test]
fn what_was_counted_of_callers_that_are_gone_goes_with_them() {
    let table = table();
    let mail = "mail-1a2b3c4d";
    table.put(&entry(Some(mail), "mail", &format!("{mail}.mail.0"), 5_000));
    let route = table.by_host("mail.mail").unwrap();
    // None of them listens, so none has a route of its own.
    let caller = |cluster: &str| Caller {
        cluster: cluster.parse().unwrap(),
        service: "worker".parse().unwrap(),
    };
    let of = || -> Vec<String> {
        let edges = table.edges().into_iter();
        edges.map(|edge| edge.cluster.to_string()).collect()
    };
    let (shop, gone, late) = ("shop-1a2b3c4d", "test-1a2b3c4d", "late-1a2b3c4d");
    drop(route.edge(&caller(shop)));
    drop(route.edge(&caller(late)));
    let connected = route.edge(&caller(gone));
    let keep = |known: &[&str]| table.keep_edges(|one| known.contains(&one.as_str()));
    // As long as the engine looks for what runs, one that is not known may be about to be.
    keep(&[]);
    assert_eq!(of().len(), 3);
    table.settle();
    keep(&[shop, gone]);
    assert_eq!(of(), [shop, gone]);
    keep(&[shop]);
    assert_eq!(of(), [shop, gone], "it has a connection yet");
    drop(connected);
    keep(&[shop]);
    assert_eq!(of(), [shop]);
}

//! The rules of a home and of its folders: which hold when, and that the door asks them about every act.

use super::{Constitution, Reread};
use crate::door::Door;
use crate::stage::{LIMIT, config, me};
use crate::tasks::RegistryDoor;
use crate::{Engine, Error, Handle, Order, Up};
use model::{Actor, ClusterId, InstanceStatus, Target, Verb};
use policy::{FILE, Verdict};
use registry::Door as _;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use testkit::{Home, eventually_async};

mod acts;
mod approvals;

/// All is allowed to everybody, but for what a test forbids.
const ALL: &str =
    "@id(\"all\") @says(\"everything may be done\") permit (principal, action, resource);\n";

fn write(folder: &Path, text: &str) {
    std::fs::write(folder.join(FILE), text).unwrap();
}

/// A rule that forbids this.
fn no(what: &str) -> String {
    format!("@id(\"no\") @says(\"nobody does this here\") forbid ({what});\n")
}

fn here(cluster: &ClusterId, services: &[&str]) -> Target {
    Target {
        cluster: Some(cluster.clone()),
        services: services.iter().map(|name| name.parse().unwrap()).collect(),
        instance: None,
    }
}

fn up(folder: &Path) -> Up {
    Up {
        folder: folder.to_owned(),
        file: None,
        trust: true,
        choice: Default::default(),
        risks: Vec::new(),
        env: None,
    }
}

async fn runs(handle: &Handle, folder: &Path) -> ClusterId {
    let started = handle.up(me(), up(folder), String::new()).await.unwrap();
    assert!(handle.wait(started.act, LIMIT).await.unwrap().settled);
    started.cluster
}

fn folder(home: &Home, name: &str, definition: &str) -> std::path::PathBuf {
    let folder = home.path().join(name);
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join(spec::FILE), definition).unwrap();
    folder
}

fn status(handle: &Handle, cluster: &ClusterId) -> InstanceStatus {
    let all = handle.shared.picture.instances(cluster);
    all.into_iter().next().unwrap()
}

fn why<T>(result: Result<T, Error>) -> String {
    match result {
        Err(Error::Refused(why)) => why,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was let in"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_forbids_for_its_own_cluster_also_after_a_restart() {
    let home = Home::new();
    let definition = "[service.db]\nrun = \"sleep 600\"\n";
    let (one, two) = (
        folder(&home, "one", definition),
        folder(&home, "two", definition),
    );
    write(&one, &no("principal, action == Action::\"stop\", resource"));
    let mut engine = Engine::start(config(&home)).await.unwrap();
    let mut handle = engine.handle();
    let (first, second) = (runs(&handle, &one).await, runs(&handle, &two).await);
    let stop = |cluster: &ClusterId| Order::Stop {
        cluster: cluster.clone(),
        services: vec!["db".parse().unwrap()],
    };
    for _ in 0..2 {
        let said = why(handle.order(me(), stop(&first), String::new()).await);
        assert!(
            said.contains("(this project's rule no) [service db of one"),
            "{said}"
        );
        handle
            .order(me(), stop(&second), String::new())
            .await
            .unwrap();
        handle.shutdown(me(), true, String::new()).await;
        drop(engine);
        // What was brought up holds, and not what lies there now.
        std::fs::remove_file(one.join(FILE)).ok();
        engine = Engine::start(config(&home)).await.unwrap();
        handle = engine.handle();
    }
    // A mistake in it keeps the definition from being brought up; without it its rules are gone.
    write(&one, ALL);
    let wrong = handle.up(me(), up(&one), String::new()).await.unwrap_err();
    assert!(
        matches!(&wrong, Error::Definition(text) if text.contains("may only forbid")),
        "{wrong}"
    );
    assert!(
        handle
            .order(me(), stop(&first), String::new())
            .await
            .is_err()
    );
    std::fs::remove_file(one.join(FILE)).unwrap();
    runs(&handle, &one).await;
    handle
        .order(me(), stop(&first), String::new())
        .await
        .unwrap();
    handle.shutdown(me(), false, String::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_read_when_they_change_and_a_mistake_changes_nothing() {
    let home = Home::new();
    let one = folder(&home, "one", "[service.db]\nrun = \"sleep 600\"\n");
    let engine = Engine::start(config(&home)).await.unwrap();
    let handle = engine.handle();
    let cluster = runs(&handle, &one).await;
    let mute = || handle.mute(me(), here(&cluster, &["db"]), None, String::new());
    mute().await.unwrap();
    let told = async |words: &str| {
        let said = || {
            let events = handle.snapshot().events;
            events
                .iter()
                .any(|event| json!(event.what).to_string().contains(words))
        };
        assert!(eventually_async(LIMIT, said).await, "{words}");
    };
    write(
        home.path(),
        &format!(
            "{ALL}{}",
            no("principal, action == Action::\"mute\", resource")
        ),
    );
    told("2 rules hold in this home now").await;
    why(mute().await);
    write(home.path(), "permit (principal, action, resource");
    told("the rules from before go on to hold").await;
    let limits = handle.info().limits;
    assert!(
        limits
            .iter()
            .any(|limit| limit.contains("constitution.cedar:1:")),
        "{limits:?}"
    );
    why(mute().await);
    handle
        .order(
            me(),
            Order::Hold {
                cluster: cluster.clone(),
                services: vec![],
                span: None,
            },
            String::new(),
        )
        .await
        .unwrap();
    std::fs::remove_file(home.path().join(FILE)).unwrap();
    told("the built-in rules of who may do what hold").await;
    mute().await.unwrap();
    assert!(
        handle
            .info()
            .limits
            .iter()
            .all(|limit| !limit.contains("constitution.cedar"))
    );
    handle.shutdown(me(), false, String::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_rules_can_be_read_people_take_load_away_and_nobody_does_anything_else() {
    let home = Home::new();
    let one = folder(&home, "one", "[service.db]\nrun = \"sleep 600\"\n");
    let engine = Engine::start(config(&home)).await.unwrap();
    let handle = engine.handle();
    let cluster = runs(&handle, &one).await;
    handle.shutdown(me(), true, String::new()).await;
    drop(engine);
    write(home.path(), "permit (principal, action, resource);");
    let engine = Engine::start(config(&home)).await.unwrap();
    let handle = engine.handle();
    let of = |services: &[&str]| Order::Restart {
        cluster: cluster.clone(),
        services: services.iter().map(|name| name.parse().unwrap()).collect(),
        at_once: true,
    };
    let said = why(handle.order(me(), of(&["db"]), String::new()).await);
    for words in [
        "cannot be read",
        "constitution.cedar:1:1:",
        "azora policy check",
        "rule unreadable-rules",
    ] {
        assert!(said.contains(words), "{said}");
    }
    why(handle.up(me(), up(&one), String::new()).await);
    let door: &Door = &handle.shared.door;
    for (actor, verb) in [
        (Actor::healer(), Verb::Restart),
        (Actor::watch(), Verb::Restart),
        (Actor::healer(), Verb::Stop),
    ] {
        why(door.admit(actor, verb, here(&cluster, &["db"]), "").await);
    }
    why(handle.emergency_stop(Actor::watch(), String::new()).await);
    assert!(
        RegistryDoor(Arc::clone(&handle.shared.door))
            .admit(Verb::Register, "x")
            .is_err()
    );
    let events = handle.snapshot().events;
    assert!(
        events
            .iter()
            .any(|event| event.what.name() == "rules_alarm"),
        "{events:?}"
    );
    let stop = Order::Stop {
        cluster: cluster.clone(),
        services: vec!["db".parse().unwrap()],
    };
    handle.order(me(), stop, String::new()).await.unwrap();
    handle
        .order(
            me(),
            Order::Down {
                cluster: cluster.clone(),
            },
            String::new(),
        )
        .await
        .unwrap();
    handle.emergency_stop(me(), "test".into()).await.unwrap();
    // Mended, they hold.
    write(home.path(), ALL);
    assert_eq!(handle.shared.constitution.reread(), Reread::Other(1, false));
    handle
        .order(
            me(),
            Order::Start {
                cluster,
                services: vec![],
            },
            String::new(),
        )
        .await
        .unwrap();
    handle.shutdown(me(), false, String::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn healing_that_is_refused_says_so_and_does_not_ask_again_and_again() {
    let home = Home::new();
    let one = folder(
        &home,
        "one",
        "[service.db]\nrun = \"sh -c 'sleep 0.2; exit 1'\"\n",
    );
    write(
        home.path(),
        &format!(
            "{ALL}{}",
            no("principal is Healer, action == Action::\"restart\", resource")
        ),
    );
    let engine = Engine::start(config(&home)).await.unwrap();
    let handle = engine.handle();
    let started = handle.up(me(), up(&one), String::new()).await.unwrap();
    let cluster = started.cluster;
    let refused = || {
        let status = status(&handle, &cluster);
        let next = status.reason.next.unwrap_or_default();
        next.contains("healing was refused") && next.contains("nobody does this here (rule no)")
    };
    assert!(
        eventually_async(LIMIT, refused).await,
        "{:?}",
        status(&handle, &cluster)
    );
    let incidents = handle.snapshot().incidents;
    assert_eq!(incidents.len(), 1, "{incidents:?}");
    let acts = handle.acts(100).await.unwrap();
    let asked = acts
        .iter()
        .filter(|act| act.actor == Actor::healer())
        .count();
    assert_eq!(asked, 1, "{acts:?}");
    assert_eq!(status(&handle, &cluster).generation.0, 1);
    handle.shutdown(me(), false, String::new()).await;
}

#[test]
fn what_was_protected_or_is_to_be_counts_when_a_definition_is_brought_up() {
    let home = tempfile::tempdir().unwrap();
    let forbid = no("principal, action == Action::\"up\", resource is Service");
    let forbid = forbid.replace(");\n", ") when { resource.protected };\n");
    write(home.path(), &format!("{ALL}{forbid}"));
    let constitution = Constitution::open(home.path());
    let id: ClusterId = "one-1".parse().unwrap();
    let of = |protected: bool| {
        let text = format!("[service.db]\nrun = \"sleep 600\"\nprotected = {protected}\n");
        crate::definition::of_text(home.path(), &text)
            .unwrap()
            .unwrap()
    };
    let asked = |protected: bool| {
        let definition = of(protected);
        let candidate = super::Candidate {
            definition: &definition,
            rules: None,
        };
        constitution.decide_up(&me(), &id, &candidate, 0).verdict
    };
    assert_eq!(asked(true), Verdict::Refused);
    assert_eq!(asked(false), Verdict::Allowed);
    let now = crate::clock::Clock::wall();
    let record = crate::record::ClusterRecord::new(
        id.clone(),
        home.path().to_owned(),
        Arc::new(of(true)),
        now,
    );
    constitution.knows(&record);
    assert_eq!(asked(false), Verdict::Refused, "it is protected as it runs");
    constitution.forgets(&id);
    assert_eq!(asked(false), Verdict::Allowed);
}

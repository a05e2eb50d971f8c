//! The engine with real processes: what it takes, remembers, adopts and refuses.
#![expect(
    clippy::disallowed_methods,
    reason = "a test ends services behind the engine's back and takes ports before it"
)]

use crate::stage::{PATIENCE, config, folder, kill, me, up};
use engine::{Engine, Error, Handle, IncidentFilter, Order, StartError, Up};
use model::view::Code;
use model::{Act, ClusterId, Outcome, State, Verb};
use std::time::Duration;
use testkit::{Home, eventually_async};

const TWO: &str = r#"
[cluster]
name = "two"
[cluster.defaults]
health = { http = "/health" }
[service.db]
run = "organ --name db --port $PORT"
[service.api]
run = "organ --name api --port $PORT --call ${db.url}"
needs = ["db"]
"#;

fn states(handle: &Handle, cluster: &ClusterId) -> Vec<(State, Option<u32>, u64)> {
    let snapshot = handle.snapshot();
    let instances = snapshot.instances.get(cluster).cloned().unwrap_or_default();
    instances
        .iter()
        .map(|one| (one.state, one.pid, one.generation.0))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_was_never_run_is_asked_about_once() {
    let home = Home::new();
    let folder = folder(&home, "two", TWO);
    let engine = Engine::start(config(&home)).await.unwrap();
    let handle = engine.handle();
    let ask = Up {
        folder: folder.clone(),
        file: None,
        trust: false,
        choice: Default::default(),
        risks: Vec::new(),
        env: None,
    };
    let refused = handle
        .up(me(), ask.clone(), String::new())
        .await
        .unwrap_err();
    assert!(matches!(refused, Error::Untrusted(_)) && refused.code() == Code::Untrusted);
    assert!(!handle.look(folder.clone(), None, None).await.unwrap().known);
    up(&handle, &folder).await;
    assert!(handle.look(folder, None, None).await.unwrap().known);
    assert!(handle.up(me(), ask, String::new()).await.is_ok());
    handle.shutdown(me(), false, String::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_engine_is_told_who_holds_the_home() {
    let home = Home::new();
    let engine = Engine::start(config(&home)).await.unwrap();
    engine
        .handle()
        .announce_api("http://127.0.0.1:1".into())
        .unwrap();
    let Err(StartError::Held { pid, api }) = Engine::start(config(&home)).await else {
        panic!("a home was held twice");
    };
    assert_eq!(
        (pid, api.as_deref()),
        (std::process::id(), Some("http://127.0.0.1:1"))
    );
    engine.handle().shutdown(me(), true, String::new()).await;
    let next = Engine::start(config(&home)).await.unwrap();
    next.handle().shutdown(me(), true, String::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_engine_adopts_the_same_processes() {
    let home = Home::new();
    let folder = folder(&home, "two", TWO);
    let engine = Engine::start(config(&home)).await.unwrap();
    let cluster = up(&engine.handle(), &folder).await;
    let before = states(&engine.handle(), &cluster);
    engine.handle().shutdown(me(), true, String::new()).await;
    drop(engine);
    let engine = Engine::start(config(&home)).await.unwrap();
    let handle = engine.handle();
    let ready = eventually_async(PATIENCE, || states(&handle, &cluster) == before).await;
    assert!(ready, "{before:?} became {:?}", states(&handle, &cluster));
    handle.shutdown(me(), false, String::new()).await;
    assert_eq!(home.processes(), Vec::<u32>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_act_is_in_the_book_with_its_outcome_and_healings_too() {
    let home = Home::new();
    let folder = folder(&home, "two", TWO);
    let engine = Engine::start(config(&home)).await.unwrap();
    let handle = engine.handle();
    let cluster = up(&handle, &folder).await;
    let (_, pid, generation) = states(&handle, &cluster)[1];
    kill(pid);
    let healed = eventually_async(PATIENCE, || {
        let (state, _, now) = states(&handle, &cluster)[1];
        state == State::Ready && now > generation
    })
    .await;
    assert!(healed);
    let order = Order::Down {
        cluster: cluster.clone(),
    };
    let down = handle.order(me(), order, "enough".into()).await.unwrap();
    handle.wait(down.id, PATIENCE).await.unwrap();
    let acts = handle.acts(10).await.unwrap();
    let verbs: Vec<Verb> = acts.iter().map(|act| act.verb).collect();
    assert_eq!(verbs, [Verb::Down, Verb::Restart, Verb::Up]);
    assert!(
        acts.iter()
            .all(|act| matches!(act.outcome, Outcome::Done(_))),
        "{acts:#?}"
    );
    let incidents = handle
        .incidents(IncidentFilter {
            limit: 10,
            ..IncidentFilter::default()
        })
        .await
        .unwrap();
    assert_eq!(incidents.len(), 1, "{incidents:#?}");
    assert!(incidents[0].duration_ms.is_some() && incidents[0].cause.contains("SIGKILL"));
    handle.shutdown(me(), false, String::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_an_engine_is_in_the_book_before_it_and_with_its_outcome() {
    let home = Home::new();
    let folder = folder(&home, "two", TWO);
    let engine = Engine::start(config(&home)).await.unwrap();
    up(&engine.handle(), &folder).await;
    let why = "an update".to_owned();
    engine.handle().shutdown(me(), true, why.clone()).await;
    let engine = Engine::start(config(&home)).await.unwrap();
    let ended = engine.handle().acts(1).await.unwrap().remove(0);
    assert_eq!((ended.verb, &ended.actor), (Verb::Shutdown, &me()));
    assert_eq!(ended.reason, why);
    let done = |text: &str| Outcome::Done(text.to_owned());
    assert_eq!(ended.outcome, done("the engine ended; what ran runs on"));

    // Taking the services down is acts of whoever asked for it.
    engine.handle().shutdown(me(), false, why).await;
    let engine = Engine::start(config(&home)).await.unwrap();
    let acts = engine.handle().acts(2).await.unwrap();
    let verbs: Vec<Verb> = acts.iter().map(|act| act.verb).collect();
    assert_eq!(verbs, [Verb::Down, Verb::Shutdown]);
    assert!(acts.iter().all(|act| act.actor == me()), "{acts:#?}");
    assert_eq!(acts[0].reason, "the engine is shutting down: an update");
    let down = done("the engine ended; every cluster was taken down");
    assert_eq!(acts[1].outcome, down);
    engine.handle().shutdown(me(), true, String::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_crashed_and_was_taken_down_leaves_no_shim_waiting() {
    let home = Home::new();
    let folder = folder(&home, "two", TWO);
    let engine = Engine::start(config(&home)).await.unwrap();
    let handle = engine.handle();
    let cluster = up(&handle, &folder).await;
    let services = vec![];
    let hold = Order::Hold {
        cluster: cluster.clone(),
        services,
        span: None,
    };
    handle.order(me(), hold, String::new()).await.unwrap();
    kill(states(&handle, &cluster)[1].1);
    let failing = || states(&handle, &cluster)[1].0 == State::Failing;
    assert!(eventually_async(PATIENCE, failing).await);
    let down = Order::Down {
        cluster: cluster.clone(),
    };
    let down = handle.order(me(), down, String::new()).await.unwrap();
    handle.wait(down.id, PATIENCE).await.unwrap();
    // A shim waits a minute for a fast restart; nobody will ask for one any more.
    let soon = Duration::from_secs(20);
    assert!(
        eventually_async(soon, || home.processes().is_empty()).await,
        "{:?}",
        home.processes()
    );
    handle.shutdown(me(), true, String::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn resume_brings_back_what_the_last_stop_took_down_and_nothing_older() {
    let home = Home::new();
    let engine = Engine::start(config(&home)).await.unwrap();
    let handle = engine.handle();
    let one = up(
        &handle,
        &folder(&home, "one", &TWO.replace("\"two\"", "\"one\"")),
    )
    .await;
    let two = up(&handle, &folder(&home, "two", TWO)).await;
    let order = Order::Down {
        cluster: one.clone(),
    };
    let down = handle.order(me(), order, String::new()).await.unwrap();
    handle.wait(down.id, PATIENCE).await.unwrap();
    let report = handle.emergency_stop(me(), "test".into()).await.unwrap();
    assert_eq!(report.left, vec![]);
    assert!(
        states(&handle, &two)
            .iter()
            .all(|(state, ..)| *state == State::Stopped)
    );
    let resume = handle
        .order(me(), Order::Resume, String::new())
        .await
        .unwrap();
    assert!(handle.wait(resume.id, PATIENCE).await.unwrap().settled);
    assert!(
        states(&handle, &two)
            .iter()
            .all(|(state, ..)| *state == State::Ready)
    );
    assert!(
        states(&handle, &one)
            .iter()
            .all(|(state, ..)| *state == State::Stopped)
    );
    handle.shutdown(me(), false, String::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emergency_stop_without_an_engine_is_known_to_the_next_one() {
    let home = Home::new();
    let folder = folder(&home, "two", TWO);
    let engine = Engine::start(config(&home)).await.unwrap();
    let cluster = up(&engine.handle(), &folder).await;
    engine.handle().shutdown(me(), true, String::new()).await;
    drop(engine);
    let layout = driver::Layout::new(home.path());
    let report = driver::emergency::stop(&layout, "test", "test");
    assert!(report.left.is_empty() && report.ended >= 2, "{report:?}");
    let engine = Engine::start(config(&home)).await.unwrap();
    let handle = engine.handle();
    let now = states(&handle, &cluster);
    assert!(
        now.iter()
            .all(|(state, pid, _)| *state == State::Stopped && pid.is_none()),
        "{now:?}"
    );
    let resume = handle
        .order(me(), Order::Resume, String::new())
        .await
        .unwrap();
    let settled = handle.wait(resume.id, PATIENCE).await.unwrap();
    assert!(settled.settled && settled.failed.is_empty(), "{settled:?}");
    handle.shutdown(me(), false, String::new()).await;
}

/// Waits until the book of acts is as it should be. Reading it waits for what is being written.
async fn book(handle: &Handle, as_wanted: impl Fn(&[Act]) -> bool) {
    let read = async { while !as_wanted(&handle.acts(500).await.unwrap()) {} };
    let read = tokio::time::timeout(PATIENCE, read).await;
    assert!(read.is_ok(), "{:#?}", handle.acts(500).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn healings_acts_are_over_when_everything_was_stopped() {
    let home = Home::new();
    let mut definition = "[cluster]\nname = \"loops\"\n".to_owned();
    for n in 0..20 {
        definition.push_str(&format!("[service.s{n}]\nrun = [\"false\"]\n"));
    }
    let ask = Up {
        folder: folder(&home, "loops", &definition),
        file: None,
        trust: true,
        choice: Default::default(),
        risks: Vec::new(),
        env: None,
    };
    let engine = Engine::start(config(&home)).await.unwrap();
    let handle = engine.handle();
    handle.up(me(), ask, String::new()).await.unwrap();
    book(&handle, |acts| acts.len() > 30).await;
    handle.emergency_stop(me(), "test".into()).await.unwrap();
    book(&handle, |acts| {
        acts.iter().all(|act| act.outcome != Outcome::Pending)
    })
    .await;
    handle.shutdown(me(), false, String::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_forgotten_does_not_stand_in_the_way_of_resuming_the_rest() {
    let home = Home::new();
    let engine = Engine::start(config(&home)).await.unwrap();
    let handle = engine.handle();
    let gone = up(&handle, &folder(&home, "gone", TWO)).await;
    let stays = up(&handle, &folder(&home, "stays", TWO)).await;
    let report = handle.emergency_stop(me(), "test".into()).await.unwrap();
    assert!(report.left.is_empty(), "{report:?}");
    let forget = Order::Forget { cluster: gone };
    handle.order(me(), forget, String::new()).await.unwrap();
    let resume = handle
        .order(me(), Order::Resume, String::new())
        .await
        .unwrap();
    let settled = handle.wait(resume.id, PATIENCE).await.unwrap();
    assert!(settled.settled && settled.failed.is_empty(), "{settled:?}");
    let now = states(&handle, &stays);
    assert!(
        now.iter().all(|(state, ..)| *state == State::Ready),
        "{now:?}"
    );
    handle.shutdown(me(), false, String::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_record_hides_one_cluster_and_says_so() {
    let home = Home::new();
    let folder = folder(&home, "two", TWO);
    let engine = Engine::start(config(&home)).await.unwrap();
    let cluster = up(&engine.handle(), &folder).await;
    engine.handle().shutdown(me(), false, String::new()).await;
    drop(engine);
    let layout = driver::Layout::new(home.path());
    std::fs::write(layout.cluster(&cluster).join("cluster.json"), "{ not json").unwrap();
    let engine = Engine::start(config(&home)).await.unwrap();
    let handle = engine.handle();
    let snapshot = handle.snapshot();
    assert!(snapshot.clusters.is_empty());
    let said = snapshot.events.iter().any(|event| {
        matches!(&event.what, model::EventKind::Notice { text } if text.contains("cluster.json"))
    });
    assert!(said, "{:#?}", snapshot.events);
    assert_eq!(up(&handle, &folder).await, cluster);
    handle.shutdown(me(), false, String::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preferred_port_that_is_taken_is_replaced_and_its_holder_named() {
    let home = Home::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let definition = format!(
        "[cluster]\nname = \"port\"\n[service.web]\nrun = \"organ --name web --port $PORT\"\nport = {port}\nhealth = {{ http = \"/health\" }}\n"
    );
    let folder = folder(&home, "port", &definition);
    let engine = Engine::start(config(&home)).await.unwrap();
    let handle = engine.handle();
    let ask = Up {
        folder,
        file: None,
        trust: true,
        choice: Default::default(),
        risks: Vec::new(),
        env: None,
    };
    let started = handle.up(me(), ask, String::new()).await.unwrap();
    let told = started.changes.join("\n");
    assert!(
        told.contains(&port.to_string()) && told.contains(&std::process::id().to_string()),
        "{told}"
    );
    assert!(
        handle
            .wait(started.act, PATIENCE)
            .await
            .unwrap()
            .failed
            .is_empty()
    );
    let got = handle.snapshot().instances[&started.cluster][0].ports[0];
    assert_ne!(got, port);
    handle.shutdown(me(), false, String::new()).await;
}

const PROFILES: &str = r#"
[cluster]
name = "profiles"
[service.api]
run = "organ --name api --port $PORT"
[service.debugger]
run = "organ --name debugger --port $PORT"
profiles = ["debug"]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_of_a_profile_rests_until_it_is_asked_for_and_the_next_engine_knows() {
    let home = Home::new();
    let folder = folder(&home, "profiles", PROFILES);
    let engine = Engine::start(config(&home)).await.unwrap();
    let handle = engine.handle();
    let cluster = up(&handle, &folder).await;
    let debugger = |handle: &Handle| {
        let now = handle.snapshot().instances[&cluster].clone();
        let now = now
            .iter()
            .find(|one| one.instance.service.as_str() == "debugger");
        let now = now.unwrap();
        (now.state, now.reason.text.clone(), now.pid)
    };
    let rests = |handle: &Handle| {
        let (state, why, pid) = debugger(handle);
        assert_eq!(
            (state, why.as_str(), pid),
            (State::Stopped, "not wanted: profile debug", None)
        );
    };
    rests(&handle);
    // It is asked for a second time, and nothing about it is new: that is known on disk all the same.
    up(&handle, &folder).await;
    handle.shutdown(me(), true, String::new()).await;
    let engine = Engine::start(config(&home)).await.unwrap();
    let handle = engine.handle();
    rests(&handle);

    let start = Order::Start {
        cluster: cluster.clone(),
        services: vec!["debugger".parse().unwrap()],
    };
    let act = handle.order(me(), start, String::new()).await.unwrap();
    assert!(handle.wait(act.id, PATIENCE).await.unwrap().settled);
    let (state, _, pid) = debugger(&handle);
    assert_eq!(state, State::Ready);
    up(&handle, &folder).await;
    assert_eq!(debugger(&handle).2, pid, "what runs by name runs on");

    let ask = |choice: spec::Choice| Up {
        folder: folder.clone(),
        file: None,
        trust: false,
        risks: Vec::new(),
        choice,
        env: None,
    };
    let none = ask(spec::Choice {
        profiles: vec!["debgu".to_owned()],
        ..spec::Choice::default()
    });
    let refused = handle.up(me(), none, String::new()).await.unwrap_err();
    assert!(
        refused.to_string().contains("did you mean \"debug\"?"),
        "{refused}"
    );
    let down = Order::Down {
        cluster: cluster.clone(),
    };
    let act = handle.order(me(), down, String::new()).await.unwrap();
    assert!(handle.wait(act.id, PATIENCE).await.unwrap().settled);
    let part = ask(spec::Choice {
        services: vec!["debugger".to_owned()],
        ..spec::Choice::default()
    });
    let started = handle.up(me(), part, String::new()).await.unwrap();
    assert!(handle.wait(started.act, PATIENCE).await.unwrap().settled);
    let now: Vec<State> = states(&handle, &cluster).iter().map(|one| one.0).collect();
    assert_eq!(now, [State::Stopped, State::Ready]);
    handle.shutdown(me(), false, String::new()).await;
}

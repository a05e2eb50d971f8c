//! Every place at which an engine can die between what it writes and what the daemon does comes to
//! one live container or none.

use crate::bench::{Bench, LONG, Whose, instance};
use driver::Happened;
use model::{ExitStatus, Generation};
use testkit::Engine;

/// The intent's file, in the form in which an engine leaves it.
fn rewrite(bench: &Bench, name: &str, change: impl FnOnce(&mut serde_json::Value)) {
    let folder = bench.layout.run(&bench.cluster, &instance(name));
    let path = folder.join("container");
    let mut intent = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    change(&mut intent);
    std::fs::write(path, serde_json::to_vec(&intent).unwrap()).unwrap();
}

fn remove_container(bench: &Bench, name: &str) {
    let container = driver_docker::container_name(&bench.cluster, &instance(name));
    let path = format!("/containers/{container}?force=true");
    bench.made.daemon.ask("DELETE", &path, &[]).unwrap();
}

fn act(bench: &Bench, name: &str, act: &str) {
    let container = driver_docker::container_name(&bench.cluster, &instance(name));
    let path = format!("/containers/{container}/{act}");
    bench.made.daemon.ask("POST", &path, &[]).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_anywhere_in_a_start_comes_to_one_or_none() {
    let Some(mut bench) = Bench::new(Engine::Docker).await else {
        return;
    };
    // Between the intent and the container: nothing was made, and nothing is found.
    let hang = bench.spec(&["hang"]);
    bench.run("a", 1, hang.clone()).await;
    let run = bench
        .layout
        .run(&bench.cluster, &instance("a"))
        .join("container.run");
    remove_container(&bench, "a");
    bench.exited().await;
    std::fs::remove_file(&run).unwrap();
    let mut bench = bench.reborn().await;
    assert_eq!(bench.driver.adopt(&bench.cluster).await, []);

    // Between the container and its start: it is removed, so that a late start comes to nothing.
    bench.run("a", 2, hang.clone()).await;
    let body = bench.inspect("a").unwrap();
    let (home, made) = bench.dies();
    let name = body["Name"]
        .as_str()
        .unwrap()
        .trim_start_matches('/')
        .to_owned();
    let mut create = body["Config"].clone();
    create["HostConfig"] = serde_json::json!({"NetworkMode": "none"});
    made.daemon
        .ask("DELETE", &format!("/containers/{name}?force=true"), &[])
        .unwrap();
    let answer = made
        .daemon
        .post(&format!("/containers/create?name={name}"), &create);
    assert!(answer.unwrap().starts_with("HTTP/1.1 201"));
    std::fs::remove_file(&run).unwrap();
    let mut bench = Bench::comes((home, made)).await;
    assert_eq!(bench.driver.adopt(&bench.cluster).await, []);
    assert!(
        bench.inspect("a").is_none(),
        "what was made and never started"
    );

    // Between its start and the note of it: it is this start.
    bench.run("a", 3, hang.clone()).await;
    std::fs::remove_file(&run).unwrap();
    let bench = bench.reborn().await;
    let found = bench.driver.adopt(&bench.cluster).await;
    assert_eq!(found[0].generation, Generation(3));
    assert!(found[0].outcome.is_ok(), "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_before_a_container_is_started_again_tells_the_start_before() {
    let Some(mut bench) = Bench::new(Engine::Docker).await else {
        return;
    };
    let spec = bench.spec(&["on-term", "4", "print", "up", "hang"]);
    bench.run("a", 1, spec.clone()).await;
    bench.said("a", "up").await;
    bench.stop("a", 1);
    bench.exited().await;
    let container = bench.inspect("a").unwrap();
    // The engine has written that it wants another start of this very container, and died.
    rewrite(&bench, "a", |intent| {
        intent["generation"] = 2.into();
        intent["before"] = serde_json::json!({
            "id": container["Id"], "started": container["State"]["StartedAt"],
        });
    });
    let mut bench = bench.reborn().await;
    let found = bench.driver.adopt(&bench.cluster).await;
    assert_eq!(found[0].generation, Generation(1));
    assert_eq!(found[0].outcome, Err(ExitStatus::Code(4)));
    // The daemon does it now, when nobody wants it any more: it is ended, and nothing is said.
    act(&bench, "a", "start");
    let ended = || bench.inspect("a").unwrap()["State"]["Running"] == false;
    assert!(
        testkit::eventually_async(LONG, ended).await,
        "a late start is ended"
    );
    bench.run("a", 3, spec).await;
    let same = bench.inspect("a").unwrap()["Id"] == container["Id"];
    assert!(same, "and the same container is started again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_home_that_has_lost_its_files_knows_its_containers_by_label() {
    let Some(mut bench) = Bench::new(Engine::Docker).await else {
        return;
    };
    let spec = bench.spec(&["hang"]);
    let pid = bench.run("a", 7, spec.clone()).await;
    let mut other = Bench::beside(bench.made.daemon.clone()).await;
    other.cluster = bench.cluster.clone();
    let (home, made) = bench.dies();
    std::fs::remove_dir_all(home.path().join("run")).unwrap();
    let mut bench = Bench::comes((home, made)).await;
    let found = bench.driver.adopt(&bench.cluster).await;
    assert_eq!(found[0].generation, Generation(7));
    assert_eq!(found[0].outcome, Ok(pid));
    // Another home, which would give its container the same name, leaves it alone.
    assert_eq!(other.driver.adopt(&other.cluster).await, []);
    other.start("a", 1, spec.clone());
    let (error, retry) = other.refused().await;
    assert!(error.contains("belongs to the home"), "{error}");
    assert!(!retry);
    other.driver.clear(&other.cluster).await.unwrap();
    assert_eq!(bench.inspect("a").unwrap()["State"]["Running"], true);
    bench.start("a", 8, spec);
    assert!(bench.refused().await.0.contains("already runs"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_starts_or_removes_it_by_hand_is_seen() {
    let Some(mut bench) = Bench::new(Engine::Docker).await else {
        return;
    };
    let spec = bench.spec(&["hang"]);
    bench.run("a", 1, spec.clone()).await;
    act(&bench, "a", "restart?t=0");
    let (generation, status) = bench.exited().await;
    assert_eq!(generation, Generation(1));
    // How it ended may have been seen before it ran again.
    let known = [ExitStatus::Unknown, ExitStatus::Signal(9)];
    assert!(known.contains(&status), "{status:?}");
    // The next start ends what has no owner, and there is one.
    bench.run("a", 2, spec.clone()).await;
    remove_container(&bench, "a");
    let (generation, status) = bench.exited().await;
    assert_eq!(generation, Generation(2));
    assert!(known.contains(&status), "{status:?}");
    bench.run("a", 3, spec).await;
    assert_eq!(bench.made.left()[0], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_started_while_an_emergency_stop_is_in_force() {
    let Some(mut bench) = Bench::new(Engine::Docker).await else {
        return;
    };
    std::fs::write(bench.layout.emergency(), "").unwrap();
    let spec = bench.spec(&["hang"]);
    bench.start("a", 1, spec);
    match bench.happened().await {
        Happened::StartFailed { error, .. } => assert!(error.contains("emergency"), "{error}"),
        other => panic!("expected a refusal, got {other:?}"),
    }
    assert_eq!(bench.made.left(), [0, 0, 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_in_another_daemon_is_not_gone_and_not_made_twice() {
    let Some(podman) = testkit::Daemon::shared(Engine::Podman) else {
        return;
    };
    let Some(mut bench) = Bench::new(Engine::Docker).await else {
        return;
    };
    let spec = bench.spec(&["on-term", "3", "print", "up", "hang"]);
    let pid = bench.run("a", 1, spec.clone()).await;
    bench.said("a", "up").await;
    // Somebody has said in DOCKER_HOST that it is another one.
    let (home, mut made) = bench.dies();
    let docker = std::mem::replace(&mut made.daemon, Whose::Shared(podman));
    let mut bench = Bench::comes((home, made)).await;
    let found = bench.driver.adopt(&bench.cluster).await;
    assert_eq!(found[0].outcome, Ok(pid));
    assert!(found[0].unanswered);
    bench.start("a", 2, spec);
    let (error, _) = bench.refused().await;
    assert!(error.contains("is in another daemon, unix:///"), "{error}");
    bench.stop("a", 1);
    match bench.happened().await {
        Happened::StopBlocked { blocker, .. } => assert!(blocker.contains("DOCKER_HOST")),
        other => panic!("expected that it cannot be reached, got {other:?}"),
    }
    let (home, mut made) = bench.dies();
    made.daemon = docker;
    let mut bench = Bench::comes((home, made)).await;
    assert_eq!(bench.driver.adopt(&bench.cluster).await[0].outcome, Ok(pid));
    bench.stop("a", 1);
    assert_eq!(bench.exited().await, (Generation(1), ExitStatus::Code(3)));
}

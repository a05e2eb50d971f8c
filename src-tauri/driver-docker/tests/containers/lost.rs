//! The daemon dies and comes back.

use crate::bench::{Bench, LONG};
use driver_docker::Event;
use model::{ExitStatus, Generation};
use testkit::Engine;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_that_dies_is_said_and_what_its_containers_did_is_told_when_it_is_back() {
    let Some(mut bench) = Bench::alone(Engine::Docker).await else {
        return;
    };
    let spec = bench.spec(&["tick", "5"]);
    bench.run("a", 1, spec).await;
    bench.said("a", "line 20").await;
    bench.made.daemon.kill();
    assert!(matches!(bench.event().await, Event::DaemonLost { .. }));
    // What is asked meanwhile is answered, and says why not.
    let spec = bench.spec(&["hang"]);
    bench.start("b", 1, spec);
    let why = match bench.event().await {
        Event::Happened(driver::Happened::StartDelayed { shortage, .. }) => shortage,
        other => panic!("expected that it waits for its daemon, got {other:?}"),
    };
    assert!(why.contains("does not answer"), "{why}");
    bench.made.daemon.start();
    // An instance may have looked before it was knocked at: in either order.
    let (mut back, mut ended) = (false, None);
    while !back || ended.is_none() {
        match bench.event().await {
            Event::DaemonBack => back = true,
            Event::Happened(driver::Happened::Exited {
                generation, status, ..
            }) => ended = Some((generation, status)),
            other => panic!("expected that it is back, got {other:?}"),
        }
    }
    let ended = ended.unwrap();
    // A daemon that is set up so ends what its predecessor left.
    assert_eq!(ended.0, Generation(1));
    assert!(matches!(ended.1, ExitStatus::Signal(_)), "{:?}", ended.1);
    let lines: Vec<_> = bench.log("a").lines().map(str::to_owned).collect();
    let wrong = lines
        .iter()
        .zip(1..)
        .find(|(l, n)| **l != format!("line {n}"));
    assert_eq!(wrong, None);
    // And it goes on as ever.
    let spec = bench.spec(&["tick", "5"]);
    bench.run("a", 2, spec).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_its_daemon_keeps_alive_goes_on_as_the_same_start_with_its_log() {
    let Some(mut bench) = Bench::alone(Engine::DockerLive).await else {
        return;
    };
    let spec = bench.spec(&["tick", "20"]);
    let pid = bench.run("a", 1, spec).await;
    bench.said("a", "line 10").await;
    bench.made.daemon.kill();
    assert!(matches!(bench.event().await, Event::DaemonLost { .. }));
    assert!(std::path::Path::new(&format!("/proc/{pid}/exe")).exists());
    // The engine dies as well, and the next one comes when the daemon is back.
    let before = bench.log("a").lines().count();
    let parts = bench.dies();
    parts.1.daemon.start();
    let bench = Bench::comes(parts).await;
    let found = bench.driver.adopt(&bench.cluster).await;
    assert_eq!(found[0].outcome, Ok(pid));
    let more = || bench.log("a").lines().count() > before + 50;
    assert!(testkit::eventually_async(LONG, more).await);
    // What the daemon had taken and not kept when it was killed is lost; nothing is there twice.
    let number = |line: &str| line.strip_prefix("line ")?.parse::<u64>().ok();
    let numbers: Vec<_> = bench.log("a").lines().filter_map(number).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
}

/// Podman's containers are not its service's: they live on without it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_lives_on_without_its_daemon_is_not_gone() {
    let Some(mut bench) = Bench::alone(Engine::Podman).await else {
        return;
    };
    let spec = bench.spec(&["on-term", "3", "print", "up", "hang"]);
    let pid = bench.run("a", 1, spec).await;
    bench.said("a", "up").await;
    bench.made.daemon.kill();
    assert!(matches!(bench.event().await, Event::DaemonLost { .. }));
    // An engine that comes while the daemon is away cannot even connect, which is said with why; one
    // that has been there stops it when the daemon is back.
    bench.stop("a", 1);
    bench.made.daemon.start();
    let ended = bench.exited().await;
    assert_eq!(ended, (Generation(1), ExitStatus::Code(3)));
    assert!(!std::path::Path::new(&format!("/proc/{pid}/exe")).exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_adoption_while_the_daemon_is_silent_believes_what_is_written() {
    let Some(mut bench) = Bench::alone(Engine::Podman).await else {
        return;
    };
    let spec = bench.spec(&["on-term", "3", "print", "up", "hang"]);
    let pid = bench.run("a", 1, spec.clone()).await;
    bench.said("a", "up").await;
    let spec = bench.spec(&["exit", "4"]);
    bench.run("b", 1, spec).await;
    bench.exited().await;
    // The daemon dies after the new engine has connected, and before it looks.
    let mut bench = bench.reborn().await;
    bench.made.daemon.kill();
    let found = bench.driver.adopt(&bench.cluster).await;
    let told: Vec<_> = found.iter().map(|f| (f.outcome, f.unanswered)).collect();
    assert_eq!(told, [(Ok(pid), true), (Err(ExitStatus::Code(4)), false)]);
    bench.made.daemon.start();
    bench.stop("a", 1);
    assert_eq!(bench.exited().await, (Generation(1), ExitStatus::Code(3)));
    let copied = || bench.log("a") == "up\nbye\n";
    assert!(testkit::eventually_async(LONG, copied).await);
}

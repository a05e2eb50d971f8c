//! The emergency stop, without an engine.

use crate::bench::{Bench, LONG};
use crate::gate::Gate;
use driver_docker::{Surroundings, emergency};
use testkit::Engine;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_ends_all_containers_of_the_home_and_no_others() {
    let Some(mut bench) = Bench::new(Engine::Docker).await else {
        return;
    };
    let mut other = Bench::beside(bench.made.daemon.clone()).await;
    let spec = bench.spec(&["ignore-term", "hang"]);
    other.run("a", 1, spec.clone()).await;
    for name in ["a", "b", "c"] {
        bench.run(name, 1, spec.clone()).await;
    }
    let container = driver_docker::container_name(&bench.cluster, &crate::bench::instance("b"));
    let pause = format!("/containers/{container}/pause");
    bench.made.daemon.ask("POST", &pause, &[]).unwrap();
    let layout = bench.layout.clone();
    let cluster = bench.cluster.clone();
    let (home, made) = bench.dies();
    // Nothing around says where the daemon is: the home knows.
    let report = emergency::stop(&layout, &Surroundings::default(), LONG).await;
    let names = ["a", "b", "c"].map(|name| format!("azora-{cluster}-{name}-0"));
    assert_eq!(report.ended, names);
    assert_eq!((report.left, report.silent), (Vec::new(), Vec::new()));
    assert_eq!(other.inspect("a").unwrap()["State"]["Running"], true);
    drop((home, made));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_that_does_not_answer_is_named() {
    let Some(mut bench) = Bench::alone(Engine::Docker).await else {
        return;
    };
    let spec = bench.spec(&["hang"]);
    bench.run("a", 1, spec).await;
    bench.made.daemon.kill();
    let report = emergency::stop(&bench.layout, &Surroundings::default(), LONG).await;
    assert_eq!(report.silent.len(), 1, "{report:?}");
    assert!(report.silent[0].0.contains("daemon.sock"), "{report:?}");
    bench.made.daemon.start();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_that_hangs_keeps_no_other_from_being_asked() {
    let Some(mut bench) = Bench::new(Engine::Docker).await else {
        return;
    };
    let spec = bench.spec(&["ignore-term", "hang"]);
    bench.run("a", 1, spec).await;
    let layout = bench.layout.clone();
    let name = driver_docker::container_name(&bench.cluster, &crate::bench::instance("a"));
    let (home, made) = bench.dies();
    // It takes connections and says nothing, and comes first.
    let hangs = home.path().join("0.sock");
    let _hangs = std::os::unix::net::UnixListener::bind(&hangs).unwrap();
    let around = Surroundings {
        docker_host: Some(format!("unix://{}", hangs.display())),
        ..Surroundings::default()
    };
    // Shorter than anybody waits for one daemon.
    let limit = std::time::Duration::from_secs(5);
    let report = emergency::stop(&layout, &around, limit).await;
    assert_eq!(report.ended, [name]);
    assert_eq!((report.left, report.silent), (Vec::new(), Vec::new()));
    drop((home, made));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_is_under_way_is_left_or_ended_and_never_passed_over() {
    let Some(mut bench) = Bench::new(Engine::Docker).await else {
        return;
    };
    let mut gate = Gate::before(&mut bench, "/start HTTP").await;
    bench.start("a", 1, bench.spec(&["hang"]));
    gate.reached().await;
    let around = Surroundings::default();
    driver::emergency::stop(&bench.layout, "the test", "the test");
    let short = std::time::Duration::from_secs(1);
    let report = emergency::stop(&bench.layout, &around, short).await;
    let name = driver_docker::container_name(&bench.cluster, &crate::bench::instance("a"));
    let left: Vec<&str> = report.left.iter().map(|one| one.0.as_str()).collect();
    assert_eq!(left, [name.as_str()], "{report:?}");
    // As an engine does when its own is over.
    driver::emergency::clear(&bench.layout).unwrap();
    gate.open();
    let report = emergency::stop(&bench.layout, &around, LONG).await;
    assert!(report.not_ended().is_empty(), "{report:?}");
    let runs = bench.inspect("a").unwrap()["State"]["Running"].clone();
    assert_eq!(runs, false, "{report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_asked_for_before_a_stop_that_is_over_is_not_started() {
    let Some(mut bench) = Bench::new(Engine::Docker).await else {
        return;
    };
    let mut gate = Gate::before(&mut bench, "/images/").await;
    bench.start("a", 1, bench.spec(&["hang"]));
    gate.reached().await;
    driver::emergency::stop(&bench.layout, "the test", "the test");
    driver::emergency::clear(&bench.layout).unwrap();
    gate.open();
    let (why, again) = bench.refused().await;
    assert!(why.contains("an emergency stop came since"), "{why}");
    assert!(again && bench.inspect("a").is_none());
    bench.run("a", 2, bench.spec(&["hang"])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_whose_engine_died_before_the_answer_is_said_to_be_possible() {
    let Some(mut bench) = Bench::new(Engine::Docker).await else {
        return;
    };
    let mut gate = Gate::before(&mut bench, "/start HTTP").await;
    bench.start("a", 1, bench.spec(&["hang"]));
    gate.reached().await;
    bench.driver.close().await;
    let (layout, around) = (bench.layout.clone(), Surroundings::default());
    let short = std::time::Duration::from_secs(1);
    let report = emergency::stop(&layout, &around, short).await;
    assert!(report.left[0].1.contains("may still be done"), "{report:?}");
    gate.open();
    // The daemon hears it now, and does it.
    let report = emergency::stop(&layout, &around, LONG).await;
    assert_eq!(report.ended.len(), 1, "{report:?}");
    assert!(report.not_ended().is_empty(), "{report:?}");
}

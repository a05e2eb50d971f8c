//! The emergency stop, without an engine.

use crate::bench::{Bench, LONG};
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

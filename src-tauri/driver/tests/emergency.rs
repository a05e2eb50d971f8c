//! The stop that always works.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each test file uses its part")]
mod common;

use common::{Bench, Stranger, instance, kill, lives};
use driver::{Happened, emergency};
use rustix::process::Signal;
use std::os::unix::fs::PermissionsExt;
use std::sync::LazyLock;

/// How many services; `AZORA_TEST_COUNT=1000` for a look at the time it takes.
static COUNT: LazyLock<usize> = LazyLock::new(|| {
    std::env::var("AZORA_TEST_COUNT")
        .ok()
        .and_then(|count| count.parse().ok())
        .unwrap_or(30)
});

async fn zoo(bench: &mut Bench) {
    for n in 0..*COUNT {
        let words: &[&str] = match n % 5 {
            0 => &["ignore-term", "hang"],
            1 => &["session", "hang"],
            2 => &["erase-environ", "session", "fork", "ignore-term", "hang"],
            _ => &["fork", "hang"],
        };
        bench
            .driver
            .start(bench.launch(&format!("a.{n}"), 1, words));
    }
    for _ in 0..*COUNT {
        bench.started().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_everything_and_nothing_else() {
    let stranger = Stranger::new(&[]);
    let mut bench = Bench::new();
    zoo(&mut bench).await;
    // A keeper that hangs, and a service that was stopped.
    kill(bench.shim("a.3"), Signal::STOP);
    let stopped = bench.driver.tree(&bench.cluster, &instance("a.4"))[0];
    kill(stopped, Signal::STOP);
    let preview = emergency::preview(&bench.layout).unwrap();
    assert_eq!(preview.instances as usize, *COUNT);
    assert!(preview.processes as usize > *COUNT);
    assert_eq!(preview.clusters, [(bench.cluster.clone(), *COUNT as u32)]);

    let layout = bench.layout.clone();
    let stop = move || emergency::stop(&layout, "test", "cli");
    let report = tokio::task::spawn_blocking(stop).await.unwrap();
    assert_eq!(report.left, []);
    assert!(report.ended as usize > *COUNT);
    println!(
        "{} processes of {} services ended in {:?}",
        report.ended, *COUNT, report.took
    );
    let text = std::fs::read_to_string(report.path.unwrap()).unwrap();
    assert!(
        text.contains("reason: test\n") && text.contains("left: 0\n"),
        "{text}"
    );
    assert_eq!(bench.home.processes(), [] as [u32; 0]);
    assert_eq!(
        emergency::preview(&bench.layout).unwrap(),
        emergency::Preview::default()
    );
    assert!(lives(stranger.pid()));

    // The engine hears of each end, whichever way it notices.
    let mut ended = 0;
    while ended < *COUNT {
        match bench.next().await {
            Happened::Exited { .. } => ended += 1,
            Happened::ShimLost { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    // It starts nothing until a person says so.
    bench.driver.start(bench.launch("a.0", 2, &["hang"]));
    assert_eq!(
        bench.failed().await,
        ("an emergency stop is in force".to_owned(), false)
    );
    assert!(emergency::in_force(&bench.layout));
    emergency::clear(&bench.layout).unwrap();
    bench.start("a.0", 3, &["hang"]).await;
}

/// The engine is starting things, and heals what ends, while everything is being ended.
#[tokio::test(flavor = "multi_thread")]
async fn no_start_slips_through() {
    let mut bench = Bench::new();
    zoo(&mut bench).await;
    for n in 0..*COUNT {
        bench
            .driver
            .start(bench.launch(&format!("b.{n}"), 1, &["session", "hang"]));
    }
    let layout = bench.layout.clone();
    let stop = tokio::task::spawn_blocking(move || emergency::stop(&layout, "test", "cli"));
    let (mut answered, mut slipped) = (0, 0);
    while answered < 2 * *COUNT {
        let next = bench.next().await;
        eprintln!("{answered} {next:?}");
        match next {
            Happened::Exited {
                instance,
                generation,
                ..
            } => {
                answered += 1;
                let launch = bench.launch(&instance.to_string(), 0, &["session", "hang"]);
                bench.driver.start(driver::Launch {
                    generation: generation.next(),
                    ..launch
                });
            }
            Happened::StartFailed { generation, .. } if generation.0 == 1 => answered += 1,
            Happened::Started { generation, .. } if generation.0 > 1 => slipped += 1,
            _ => {}
        }
    }
    let report = stop.await.unwrap();
    assert_eq!((report.left, slipped), (vec![], 0));
    bench.nothing_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_report_it_is_a_stop_all_the_same() {
    let mut bench = Bench::new();
    let pid = bench.start("a.0", 1, &["hang"]).await;
    std::fs::remove_dir(bench.layout.reports()).unwrap();
    std::fs::write(bench.layout.reports(), "in the way").unwrap();
    let report = emergency::stop(&bench.layout, "test", "cli");
    assert_eq!((report.left, report.path), (vec![], None));
    assert!(!lives(pid));
}

/// What is not ours to read is not nothing: what can be found without it is ended, and that somebody
/// else may live is said.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_said_and_not_taken_for_nothing() {
    let mut bench = Bench::new();
    let pid = bench.start("a.0", 1, &["hang"]).await;
    let runs = bench.layout.run_cluster(&bench.cluster);
    let open = std::fs::metadata(&runs).unwrap().permissions();
    std::fs::set_permissions(&runs, std::fs::Permissions::from_mode(0o000)).unwrap();
    let preview = emergency::preview(&bench.layout);
    let report = emergency::stop(&bench.layout, "test", "cli");
    let found = driver::survivors::find(&bench.layout, None);
    std::fs::set_permissions(&runs, open).unwrap();
    assert!(!lives(pid));
    assert_eq!((report.left, report.ended), (vec![], 1));
    if rustix::process::geteuid().is_root() {
        // Root may read anything.
        assert_eq!((report.unseen, found.unwrap()), (None, vec![]));
        return;
    }
    let unseen = report.unseen.unwrap();
    assert!(unseen.contains("cannot be read: not permitted"), "{unseen}");
    assert!(preview.is_err() && found.is_err());
    let text = std::fs::read_to_string(report.path.unwrap()).unwrap();
    assert!(text.contains(&unseen), "{text}");
}

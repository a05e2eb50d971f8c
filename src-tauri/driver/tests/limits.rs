//! Limits are held, their breach is told as what it was, and nothing of them is left.
//!
//! Where no control group can be written to, what is promised instead is held.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each test file uses its part")]
mod common;

use common::{Bench, LONG, instance, kill, lives};
use model::ExitStatus;
use rustix::process::Signal;
use std::path::PathBuf;
use std::time::Duration;

const MEMORY: u64 = 64_000_000;
/// Four times what it may use.
const TOO_MUCH: &str = "256000000";

const LIMITS: spec::Limits = spec::Limits {
    memory: Some(MEMORY),
    cpu: Some(200),
    files: Some(100),
    processes: Some(20),
};

const KILLED: ExitStatus = ExitStatus::OutOfMemory {
    limit: Some(MEMORY),
    code: None,
};

/// What holds a limit here: the test says so when it has to do without a control group.
fn by_group(bench: &Bench, what: &str) -> bool {
    let held = bench.driver.held(&LIMITS, None);
    let view = held.iter().find(|view| view.what == what).unwrap();
    let by_group = view.by.starts_with("its control group");
    if !by_group {
        println!("{what} is held by {}: only that is tested", view.by);
    }
    by_group
}

/// The groups of an instance, as its intent names them.
fn groups(bench: &Bench, name: &str) -> Vec<PathBuf> {
    let folder = bench.layout.run(&bench.cluster, &instance(name));
    let intent = std::fs::read_to_string(folder.join(shim::INTENT)).unwrap();
    let intent = shim::Intent::decode(&intent).unwrap();
    intent.all_groups().map(PathBuf::from).collect()
}

fn limited(bench: &Bench, name: &str, generation: u64, words: &[&str]) -> driver::Launch {
    driver::Launch {
        limits: LIMITS,
        ..bench.launch(name, generation, words)
    }
}

async fn start(bench: &mut Bench, name: &str, generation: u64, words: &[&str]) -> u32 {
    let launch = limited(bench, name, generation, words);
    bench.driver.start(launch);
    bench.started().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_uses_too_much_memory_ends_alone_and_it_is_said_why() {
    let mut bench = Bench::new();
    if !by_group(&bench, "memory") {
        let launch = driver::Launch {
            argv: ["grep", "data", "/proc/self/limits"]
                .map(str::to_owned)
                .into(),
            ..limited(&bench, "a.0", 1, &[])
        };
        bench.driver.start(launch);
        bench.started().await;
        bench.exited().await;
        assert!(bench.log("a.0").contains(&MEMORY.to_string()));
        return;
    }
    let neighbour = bench.start("b.0", 1, &["hang"]).await;
    let limited_too = start(&mut bench, "c.0", 1, &["hang"]).await;
    start(&mut bench, "a.0", 1, &["leak", TOO_MUCH]).await;
    assert_eq!(bench.exited().await, KILLED);
    assert!(lives(neighbour) && lives(limited_too));
    assert!(!bench.log("a.0").contains("leaked"));
    // The fast way, by the same shim: into the same groups.
    let shim = bench.shim("a.0");
    start(&mut bench, "a.0", 2, &["leak", TOO_MUCH]).await;
    assert_eq!(bench.exited().await, KILLED);
    assert_eq!(bench.shim("a.0"), shim);
    assert_eq!(
        KILLED.to_string(),
        "was killed by the kernel: out of memory (limit 64 MB)"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_by_hand_stays_one_whatever_happened_before() {
    let mut bench = Bench::new();
    if !by_group(&bench, "memory") {
        return;
    }
    let go = bench.home.path().join("go");
    let words = ["until", go.to_str().unwrap(), "leak", TOO_MUCH];
    start(&mut bench, "a.0", 1, &words).await;
    std::fs::write(&go, "").unwrap();
    assert_eq!(bench.exited().await, KILLED);
    std::fs::remove_file(&go).unwrap();
    // The same group, whose count is not zero any more.
    let pid = start(&mut bench, "a.0", 2, &words).await;
    kill(pid, Signal::KILL);
    assert_eq!(bench.exited().await, ExitStatus::Signal(9));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exit_because_a_child_was_killed_says_both() {
    let mut bench = Bench::new();
    if !by_group(&bench, "memory") {
        return;
    }
    let puppet = testkit::program("puppet");
    let mut launch = limited(&bench, "a.0", 1, &[]);
    launch.argv = vec![
        "sh".into(),
        "-c".into(),
        format!("{} leak {TOO_MUCH}; exit 7", puppet.display()),
    ];
    bench.driver.start(launch);
    bench.started().await;
    let status = ExitStatus::OutOfMemory {
        limit: Some(MEMORY),
        code: Some(7),
    };
    assert_eq!(bench.exited().await, status);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_known_also_when_no_engine_was_there() {
    let mut bench = Bench::new();
    if !by_group(&bench, "memory") {
        return;
    }
    let go = bench.home.path().join("go");
    let words = ["until", go.to_str().unwrap(), "leak", TOO_MUCH];
    let pid = start(&mut bench, "a.0", 1, &words).await;
    let groups = groups(&bench, "a.0");
    let home = bench.home;
    drop((bench.driver, bench.events));
    std::fs::write(&go, "").unwrap();
    assert!(testkit::eventually(LONG, || !lives(pid)));
    let bench = Bench::on(home);
    let found = bench.driver.adopt(&bench.cluster).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].outcome, Err(KILLED));
    bench.driver.rest(&bench.cluster, &instance("a.0"));
    let gone = || groups.iter().all(|group| !group.exists());
    assert!(testkit::eventually_async(LONG, gone).await, "{groups:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_bomb_is_bounded_and_leaves_nothing() {
    let mut bench = Bench::new();
    if !by_group(&bench, "processes") {
        return;
    }
    start(&mut bench, "a.0", 1, &["forks", "100", "hang"]).await;
    // Itself is one of the twenty.
    assert_eq!(bench.said("a.0", "forks").await, "19");
    start(&mut bench, "b.0", 1, &["bomb"]).await;
    let many = || bench.driver.tree(&bench.cluster, &instance("b.0")).len() == 20;
    assert!(testkit::eventually_async(LONG, many).await);
    for name in ["a.0", "b.0"] {
        bench.stop(name, 1, Duration::from_millis(50));
        bench.exited().await;
    }
    bench.nothing_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_of_the_processor_is_all_it_gets() {
    let mut bench = Bench::new();
    if !by_group(&bench, "cpu") {
        return;
    }
    let mut launch = limited(&bench, "a.0", 1, &["burn"]);
    // So little that it reaches it on the busiest machine.
    launch.limits.cpu = Some(10);
    bench.driver.start(launch);
    bench.started().await;
    let groups = groups(&bench, "a.0");
    let throttled = || {
        groups.iter().any(|group| {
            let stat = std::fs::read_to_string(group.join("cpu.stat")).unwrap_or_default();
            let line = stat
                .lines()
                .find_map(|line| line.strip_prefix("nr_throttled "));
            line.is_some_and(|times| times != "0")
        })
    };
    assert!(testkit::eventually_async(LONG, throttled).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_limited_wherever_it_runs() {
    let mut bench = Bench::new();
    start(&mut bench, "a.0", 1, &["limit", "hang"]).await;
    assert_eq!(bench.said("a.0", "nofile").await, "100");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_of_the_groups() {
    let mut bench = Bench::new();
    let gone = |groups: &[PathBuf]| groups.iter().all(|group| !group.exists());
    // Stopped.
    start(&mut bench, "a.0", 1, &["hang"]).await;
    let stopped = groups(&bench, "a.0");
    assert!(stopped.iter().all(|group| group.exists()), "{stopped:?}");
    bench.stop("a.0", 1, Duration::from_secs(1));
    bench.exited().await;
    assert!(gone(&stopped), "{stopped:?}");
    // Ended by itself, and no longer waited for.
    start(&mut bench, "b.0", 1, &["exit", "1"]).await;
    let ended = groups(&bench, "b.0");
    bench.exited().await;
    bench.driver.rest(&bench.cluster, &instance("b.0"));
    assert!(testkit::eventually_async(LONG, || gone(&ended)).await);
    // Forgotten.
    start(&mut bench, "c.0", 1, &["exit", "1"]).await;
    let forgotten = groups(&bench, "c.0");
    bench.exited().await;
    bench.driver.forget(&bench.cluster, &instance("c.0"));
    assert!(testkit::eventually_async(LONG, || gone(&forgotten)).await);
    // By the emergency path.
    start(&mut bench, "d.0", 1, &["forks", "3", "hang"]).await;
    bench.said("d.0", "forks").await;
    let ended = groups(&bench, "d.0");
    let report = driver::emergency::stop(&bench.layout, "test", "test");
    assert_eq!(report.left, []);
    assert!(testkit::eventually_async(LONG, || gone(&ended)).await);
}

/// What forks faster than it is looked for, and would take the whole machine with it.
#[tokio::test(flavor = "multi_thread")]
async fn the_emergency_path_ends_a_fork_bomb() {
    let mut bench = Bench::new();
    if !by_group(&bench, "processes") {
        return;
    }
    start(&mut bench, "a.0", 1, &["bomb"]).await;
    let many = || bench.driver.tree(&bench.cluster, &instance("a.0")).len() == 20;
    assert!(testkit::eventually_async(LONG, many).await);
    let report = driver::emergency::stop(&bench.layout, "test", "test");
    assert_eq!(report.left, []);
    assert!(report.ended >= 20, "{report:?}");
    bench.nothing_left().await;
}

/// The kernel takes the largest; of two that are alike it is to be the service.
#[tokio::test(flavor = "multi_thread")]
async fn the_kernel_takes_the_kept_before_the_keeper() {
    let mut bench = Bench::new();
    let pid = bench.start("a.0", 1, &["hang"]).await;
    let score = |pid: u32| -> i32 {
        let text = std::fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).unwrap();
        text.trim().parse().unwrap()
    };
    let own = score(std::process::id());
    assert_eq!(score(pid), own, "the service keeps what it would have");
    let shim = score(bench.shim("a.0"));
    assert!(shim <= own);
    // CAP_SYS_RESOURCE: to be root is not enough in a container.
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let capabilities = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    if capabilities.is_some_and(|mask| mask & (1 << 24) != 0) {
        assert!(shim < own, "{shim}");
    } else {
        println!("no process may be spared here: that the shim is, is not tested");
    }
}

//! Nothing that a service may have started outlives a stop, by either way, with control groups and
//! without.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(
    unsafe_code,
    reason = "a thread without control groups is made by two bare system calls"
)]

#[expect(dead_code, reason = "each test file uses its part")]
mod common;

use common::{Bench, Stranger, lives};
use driver::{Happened, emergency};
use model::ExitStatus;
use std::time::Duration;

/// Each hangs when it has said `up`. All of them have the home's path on their command line, by
/// which the test kit finds them, whatever they have erased.
const ANIMALS: &[(&str, &[&str])] = &[
    ("deaf", &["ignore-term"]),
    ("doublefork", &["session"]),
    ("erased", &["erase-environ", "session", "fork"]),
    ("group", &["group"]),
    ("stopped", &["stopped"]),
    ("traced", &["traced"]),
    ("headless", &["headless"]),
    ("erasedheadless", &["erase-environ", "headless"]),
    (
        "renamed",
        &["session", "rename", "something-else", "session"],
    ),
    ("comet", &["ignore-term", "comet"]),
    ("hydra", &["hydra", "12", "HYDRA"]),
    ("stdout", &["fork", "session", "fork"]),
];

fn words(bench: &Bench, animal: &[&str]) -> Vec<String> {
    let home = bench.home.path();
    let hydra = home.join("hydra").to_str().unwrap().to_owned();
    let mut words: Vec<String> = vec!["mark".into(), home.to_str().unwrap().into()];
    words.extend(animal.iter().map(|word| match *word {
        "HYDRA" => hydra.clone(),
        word => word.to_owned(),
    }));
    words.extend(["print".into(), "up".into(), "hang".into()]);
    words
}

/// Starts one of each; their own processes.
async fn open(bench: &mut Bench) -> Vec<u32> {
    let mut mains = Vec::new();
    for (name, animal) in ANIMALS {
        let words = words(bench, animal);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let name = format!("{name}.0");
        mains.push(bench.start(&name, 1, &words).await);
        bench.said(&name, "up").await;
    }
    mains
}

fn caged(bench: &Bench) -> bool {
    bench
        .driver
        .limits()
        .iter()
        .all(|limit| !limit.contains("no control group per service"))
}

async fn a_stop_ends_them(mut bench: Bench) {
    let stranger = Stranger::new(&[]);
    let mains = open(&mut bench).await;
    // Somebody has stopped this one as a whole.
    common::kill(mains[0], rustix::process::Signal::STOP);
    for (name, _) in ANIMALS {
        bench.stop(&format!("{name}.0"), 1, Duration::from_millis(100));
    }
    let mut ended = 0;
    while ended < ANIMALS.len() {
        match bench.next().await {
            Happened::Exited { instance, .. } => {
                ended += 1;
                let left: Vec<u32> = bench.driver.tree(&bench.cluster, &instance);
                assert_eq!(left, [] as [u32; 0], "of {instance}");
            }
            Happened::StopGoesOn { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    // Told at once, and not after a while.
    assert_eq!(bench.home.processes(), [] as [u32; 0]);
    assert!(lives(stranger.pid()));
}

/// Asks for one until it leaves nothing; how many it ended. It may leave something only when its time
/// was over, as it may be on a machine that has a hundred other things to do.
async fn emergency_stop(bench: &Bench) -> u32 {
    let mut ended = 0;
    for _ in 0..20 {
        let layout = bench.layout.clone();
        let stop = move || emergency::stop(&layout, "the zoo", "a test");
        let report = tokio::task::spawn_blocking(stop).await.unwrap();
        println!("{} processes ended in {:?}", report.ended, report.took);
        assert_eq!(report.unseen, None);
        ended += report.ended;
        if report.left.is_empty() {
            return ended;
        }
        assert!(report.took > Duration::from_secs(4), "{:?}", report.left);
    }
    panic!("there is no end to it");
}

async fn an_emergency_stop_ends_them(mut bench: Bench) {
    let stranger = Stranger::new(&[]);
    let mains = open(&mut bench).await;
    common::kill(mains[0], rustix::process::Signal::STOP);
    common::kill(bench.shim("group.0"), rustix::process::Signal::STOP);
    let ended = emergency_stop(&bench).await;
    assert_eq!(bench.home.processes(), [] as [u32; 0]);
    assert!(ended as usize > ANIMALS.len());
    assert!(lives(stranger.pid()));
}

fn with_groups(story: impl AsyncFnOnce(Bench)) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let bench = Bench::new();
        if !caged(&bench) {
            println!("no control group can be made here: it is tested without");
        }
        story(bench).await;
    });
}

/// This thread and all it makes from here on see nothing mounted where control groups are.
fn hide_groups() -> bool {
    let none = std::ptr::null();
    // SAFETY: plain numbers and zero-terminated texts; only this thread's view of mounts changes.
    unsafe {
        libc::unshare(libc::CLONE_NEWNS) == 0
            && libc::mount(
                none,
                c"/".as_ptr(),
                none,
                libc::MS_REC | libc::MS_PRIVATE,
                none.cast(),
            ) == 0
            && libc::mount(
                c"none".as_ptr(),
                c"/sys/fs/cgroup".as_ptr(),
                c"tmpfs".as_ptr(),
                0,
                none.cast(),
            ) == 0
    }
}

fn without_groups(story: impl AsyncFnOnce(Bench)) {
    // An ordinary user may make none anyway.
    let hidden = hide_groups();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let bench = Bench::new();
        if caged(&bench) {
            assert!(!hidden, "{:?}", bench.driver.limits());
            println!("control groups cannot be hidden here: without them it is not tested");
            return;
        }
        story(bench).await;
    });
}

#[test]
fn a_stop_ends_the_zoo() {
    with_groups(a_stop_ends_them);
}

#[test]
fn a_stop_ends_the_zoo_without_control_groups() {
    without_groups(a_stop_ends_them);
}

#[test]
fn an_emergency_stop_ends_the_zoo() {
    with_groups(an_emergency_stop_ends_them);
}

#[test]
fn an_emergency_stop_ends_the_zoo_without_control_groups() {
    without_groups(an_emergency_stop_ends_them);
}

/// The service's own process has ended, and what it has left behind in its group goes on.
#[test]
fn what_forks_faster_than_it_is_looked_at_ends_with_its_group() {
    without_groups(async |mut bench: Bench| {
        let home = bench.home.path().to_str().unwrap().to_owned();
        let words = ["mark", &home, "ignore-term", "comet", "exit", "3"];
        bench.start("a.0", 1, &words).await;
        assert_eq!(bench.exited().await, ExitStatus::Code(3));
        // Its shim waits for the next start.
        let shim = bench.shim("a.0");
        let mut left = bench.home.processes();
        left.retain(|pid| *pid != shim);
        assert_eq!(left, [] as [u32; 0]);
    });
}

/// As many as this grow back faster than they are killed one after the other.
const HEADS: &str = "30";

async fn hydra(bench: &mut Bench) {
    let home = bench.home.path().to_str().unwrap().to_owned();
    let places = format!("{home}/hydra");
    let words = ["mark", &home, "hydra", HEADS, &places, "hang"];
    bench.start("a.0", 1, &words).await;
    bench.said("a.0", "hydra").await;
}

#[test]
fn what_forks_as_fast_as_it_is_killed_ends_by_a_stop() {
    without_groups(async |mut bench: Bench| {
        hydra(&mut bench).await;
        bench.stop("a.0", 1, Duration::ZERO);
        loop {
            match bench.next().await {
                Happened::Exited { .. } => break,
                // On a busy machine it may take its time.
                Happened::StopGoesOn { .. } | Happened::StopBlocked { .. } => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(bench.home.processes(), [] as [u32; 0]);
    });
}

#[test]
fn what_forks_as_fast_as_it_is_killed_ends_by_an_emergency_stop() {
    without_groups(async |mut bench: Bench| {
        hydra(&mut bench).await;
        emergency_stop(&bench).await;
        assert_eq!(bench.home.processes(), [] as [u32; 0]);
    });
}

//! A stop is asked for in the way that was chosen, goes on by itself, and says what it waits for.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each test file uses its part")]
mod common;

use common::{Bench, LONG, instance, kill, lives};
use driver::{ExecLaunch, Happened};
use model::{ExitStatus, Generation};
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// `sh -c` with the environment of a service.
fn command(text: &str) -> Option<ExecLaunch> {
    Some(ExecLaunch {
        argv: ["sh", "-c", text].map(str::to_owned).into(),
        cwd: "/".into(),
        env: BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]),
        user: None,
    })
}

fn stop(bench: &Bench, name: &str, command: Option<ExecLaunch>, grace: Duration) {
    let stop = driver::Stop {
        command,
        signal: spec::StopSignal::Term,
        grace,
    };
    let cluster = &bench.cluster;
    bench
        .driver
        .stop(cluster, &instance(name), Generation(1), stop);
}

/// The next word of a stop that begins so.
async fn goes_on(bench: &mut Bench, begins: &str) -> String {
    loop {
        match bench.next().await {
            Happened::StopGoesOn { how, .. } if how.starts_with(begins) => return how,
            // On a busy machine any step may take so long that it is told who is waited for.
            Happened::StopGoesOn { .. } => {}
            other => panic!("expected word of the stop, got {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_of_choice_ends_it() {
    let mut bench = Bench::new();
    let mark = bench.home.path().join("stop");
    let words = ["ignore-term", "until", mark.to_str().unwrap(), "exit", "5"];
    let pid = bench.start("a.0", 1, &words).await;
    let text = format!("echo $AZORA_PID > {}", mark.display());
    stop(&bench, "a.0", command(&text), LONG);
    assert_eq!(bench.exited().await, ExitStatus::Code(5));
    assert_eq!(
        std::fs::read_to_string(&mark).unwrap(),
        format!("{pid}\n"),
        "it is told whom to stop"
    );
    bench.nothing_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_command_that_fails_comes_the_signal_at_once() {
    let mut bench = Bench::new();
    bench
        .start("a.0", 1, &["on-term", "3", "print", "up", "hang"])
        .await;
    bench.said("a.0", "up").await;
    stop(
        &bench,
        "a.0",
        command("echo there is no such server; exit 4"),
        Duration::from_secs(30),
    );
    let how = goes_on(&mut bench, "its stop command exited with code 4").await;
    let said = "its stop command exited with code 4: there is no such server; SIGTERM was sent, \
                SIGKILL follows in ";
    assert!(how.starts_with(said), "{how}");
    assert_eq!(bench.exited().await, ExitStatus::Code(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_command_that_does_nothing_comes_the_signal_in_its_time() {
    let mut bench = Bench::new();
    bench
        .start("a.0", 1, &["on-term", "3", "print", "up", "hang"])
        .await;
    bench.said("a.0", "up").await;
    let begun = Instant::now();
    let grace = Duration::from_millis(300);
    stop(&bench, "a.0", command("true"), grace);
    let how = goes_on(&mut bench, "its stop command").await;
    // On a busy machine not even `true` ends in its time.
    let known = ["was not enough", "took too long"];
    let known = known.map(|why| format!("its stop command {why}; SIGTERM was sent"));
    assert!(known.iter().any(|known| how.starts_with(known)), "{how}");
    assert_eq!(bench.exited().await, ExitStatus::Code(3));
    assert!(begun.elapsed() >= grace);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_hangs_ends_with_its_grace() {
    let mut bench = Bench::new();
    let note = bench.home.path().join("pid");
    bench.start("a.0", 1, &["ignore-term", "hang"]).await;
    let text = format!("echo $$ > {}; exec sleep 600", note.display());
    let begun = Instant::now();
    stop(&bench, "a.0", command(&text), Duration::from_millis(500));
    goes_on(&mut bench, "its stop command took too long").await;
    assert_eq!(bench.exited().await, ExitStatus::Signal(9));
    assert!(begun.elapsed() < LONG, "twice the grace and no more");
    let pid: u32 = std::fs::read_to_string(&note)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    assert!(testkit::eventually_async(LONG, || !lives(pid)).await);
}

/// A command that outlives what it was to stop holds nothing up, its output included.
#[tokio::test(flavor = "multi_thread")]
async fn a_command_ends_with_the_service() {
    let mut bench = Bench::new();
    let note = bench.home.path().join("pid");
    bench
        .start("a.0", 1, &["on-term", "0", "print", "up", "hang"])
        .await;
    bench.said("a.0", "up").await;
    let text = format!(
        "echo $$ > {}; kill -TERM $AZORA_PID; exec sleep 600",
        note.display()
    );
    stop(&bench, "a.0", command(&text), Duration::from_secs(600));
    assert_eq!(bench.exited().await, ExitStatus::Code(0));
    let pid: u32 = std::fs::read_to_string(&note)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    assert!(testkit::eventually_async(LONG, || !lives(pid)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_end_is_named_while_it_is_waited_for() {
    let mut bench = Bench::new();
    let pid = bench
        .start("a.0", 1, &["ignore-term", "print", "up", "hang"])
        .await;
    bench.said("a.0", "up").await;
    stop(&bench, "a.0", None, 4 * LONG);
    let how = goes_on(&mut bench, "waits for").await;
    let begins =
        format!("waits for pid {pid} puppet in state S; SIGTERM was sent, SIGKILL follows in ");
    assert!(how.starts_with(&begins), "{how}");
    // Asked again, the shorter grace holds.
    stop(&bench, "a.0", None, Duration::ZERO);
    assert_eq!(bench.exited().await, ExitStatus::Signal(9));
}

/// Its own process has ended, a grandchild in a session of its own has not.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_of_a_tree_is_named_too() {
    let mut bench = Bench::new();
    bench
        .start(
            "a.0",
            1,
            &["session", "on-term", "0", "print", "up", "hang"],
        )
        .await;
    bench.said("a.0", "up").await;
    let left = bench.said("a.0", "session").await;
    stop(&bench, "a.0", None, 4 * LONG);
    let how = goes_on(&mut bench, "waits for").await;
    assert!(how.contains(&format!("waits for pid {left} ")), "{how}");
    stop(&bench, "a.0", None, Duration::ZERO);
    assert_eq!(bench.exited().await, ExitStatus::Code(0));
    bench.nothing_left().await;
}

/// A group of the freezer of version 1: what is frozen in it does not even die by SIGKILL.
struct Freezer(PathBuf);

impl Freezer {
    fn new(pid: u32) -> Option<Freezer> {
        let group = Path::new("/sys/fs/cgroup/freezer").join(format!("azora-test-{pid}"));
        std::fs::create_dir(&group).ok()?;
        let freezer = Freezer(group);
        std::fs::write(freezer.0.join("cgroup.procs"), pid.to_string()).ok()?;
        freezer.set("FROZEN").then_some(freezer)
    }

    fn set(&self, state: &str) -> bool {
        std::fs::write(self.0.join("freezer.state"), state).is_ok()
    }
}

impl Drop for Freezer {
    fn drop(&mut self) {
        self.set("THAWED");
        let empty = || {
            std::fs::read_to_string(self.0.join("cgroup.procs"))
                .unwrap()
                .is_empty()
        };
        let _ = testkit::eventually(LONG, empty);
        let _ = std::fs::remove_dir(&self.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_kernel_holds_is_named_and_nothing_hangs_on_it() {
    let mut bench = Bench::new();
    let pid = bench.start("a.0", 1, &["print", "up", "hang"]).await;
    bench.said("a.0", "up").await;
    let Some(freezer) = Freezer::new(pid) else {
        println!("nothing can be frozen here: what lives on after SIGKILL is not tested");
        return;
    };
    stop(&bench, "a.0", None, Duration::from_millis(100));
    let named = loop {
        match bench.next().await {
            Happened::StopBlocked { blocker, .. } => break blocker,
            Happened::StopGoesOn { .. } => {}
            other => panic!("expected a blocked stop, got {other:?}"),
        }
    };
    assert_eq!(named, format!("pid {pid} puppet in state D"));
    // Others start and stop meanwhile.
    bench.start("b.0", 1, &["hang"]).await;
    stop(&bench, "b.0", None, LONG);
    assert_eq!(bench.exited().await, ExitStatus::Signal(15));
    drop(freezer);
    assert_eq!(bench.exited().await, ExitStatus::Signal(9));
    bench.nothing_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_asks_first() {
    let mut bench = Bench::new();
    bench
        .start("a.0", 1, &["on-term", "7", "print", "ready", "hang"])
        .await;
    bench.said("a.0", "ready").await;
    bench.stop("a.0", 1, LONG);
    assert_eq!(bench.exited().await, ExitStatus::Code(7));
    bench.said("a.0", "bye").await;
    bench.nothing_left().await;
    // Asked once more, it is still answered.
    bench.stop("a.0", 1, LONG);
    assert_eq!(bench.exited().await, ExitStatus::Code(7));
}

/// A second signal is "at once" to many: whoever is served just then would have no answer.
#[tokio::test(flavor = "multi_thread")]
async fn the_next_engine_goes_on_with_a_stop_and_does_not_signal_again() {
    let mut bench = Bench::new();
    let go = bench.home.path().join("go").to_string_lossy().into_owned();
    let words = ["tell-term", "print", "ready", "until", &go, "exit", "5"];
    for name in ["a.0", "b.0"] {
        bench.start(name, 1, &words).await;
        bench.said(name, "ready").await;
        bench.stop(name, 1, LONG);
        bench.said(name, "term").await;
    }
    let run = |name: &str| bench.layout.run(&bench.cluster, &instance(name));
    let asked = ["a.0", "b.0"].map(|name| run(name).join("asked"));
    let kept = || asked.iter().all(|asked| asked.exists());
    assert!(testkit::eventually_async(LONG, kept).await);
    let mut bench = bench.reborn();
    let cluster = bench.cluster.clone();
    bench.driver.adopt(&cluster).await;
    bench.stop("a.0", 1, LONG);
    goes_on(&mut bench, "waits for").await;
    assert_eq!(bench.log("a.0").matches("term").count(), 1);
    // So long ago that it is another stop.
    let text = std::fs::read_to_string(&asked[1]).unwrap();
    let (whom, _) = text.rsplit_once(' ').unwrap();
    std::fs::write(&asked[1], format!("{whom} 1\n")).unwrap();
    bench.stop("b.0", 1, LONG);
    let twice = || bench.log("b.0").matches("term").count() == 2;
    assert!(testkit::eventually_async(LONG, twice).await);
    std::fs::write(&go, "").unwrap();
    for _ in 0..2 {
        while let Happened::StopGoesOn { .. } = bench.next().await {}
    }
    assert_eq!(bench.log("a.0").matches("term").count(), 1);
    bench.nothing_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_process_hears_the_stop_too() {
    let mut bench = Bench::new();
    let pid = bench
        .start("a.0", 1, &["on-term", "7", "print", "ready", "hang"])
        .await;
    bench.said("a.0", "ready").await;
    kill(pid, Signal::STOP);
    bench.stop("a.0", 1, LONG);
    assert_eq!(bench.exited().await, ExitStatus::Code(7));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_listen_is_killed_after_the_grace() {
    let mut bench = Bench::new();
    bench
        .start("a.0", 1, &["ignore-term", "print", "deaf", "hang"])
        .await;
    bench.said("a.0", "deaf").await;
    let begun = Instant::now();
    bench.stop("a.0", 1, Duration::from_millis(200));
    assert_eq!(bench.exited().await, ExitStatus::Signal(9));
    assert!(begun.elapsed() >= Duration::from_millis(200));
    bench.nothing_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_takes_the_whole_zoo() {
    let mut bench = Bench::new();
    let words = [
        "erase-environ",
        "session",
        "fork",
        "session",
        "ignore-term",
        "fork",
        "print",
        "ready",
        "hang",
    ];
    bench.start("a.0", 1, &words).await;
    bench.said("a.0", "ready").await;
    let tree = bench.driver.tree(&bench.cluster, &instance("a.0"));
    assert_eq!(
        tree.len(),
        5,
        "itself, two children, two in sessions of their own: {tree:?}"
    );
    bench.stop("a.0", 1, Duration::from_millis(50));
    assert_eq!(bench.exited().await, ExitStatus::Signal(9));
    // At this very moment, not some time later.
    assert!(!tree.iter().any(|pid| lives(*pid)));
    bench.nothing_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_stops_at_once_take_as_long_as_one() {
    const COUNT: usize = 40;
    let mut bench = Bench::new();
    for n in 0..COUNT {
        let words: &[&str] = if n % 4 == 0 {
            &["session", "hang"]
        } else {
            &["hang"]
        };
        bench
            .driver
            .start(bench.launch(&format!("a.{n}"), 1, words));
    }
    for _ in 0..COUNT {
        bench.started().await;
    }
    let begun = Instant::now();
    for n in 0..COUNT {
        bench.stop(&format!("a.{n}"), 1, Duration::from_millis(500));
    }
    for _ in 0..COUNT {
        bench.exited().await;
    }
    println!(
        "{COUNT} stops, a quarter of them killed after 500 ms, took {:?}",
        begun.elapsed()
    );
    assert!(begun.elapsed() < LONG);
    bench.nothing_left().await;
}

//! Hooks and secrets with real processes: nothing outlives its time, nothing runs twice, nothing
//! secret is on a disk.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(
    clippy::disallowed_methods,
    reason = "tests make and end processes as the world does"
)]

#[expect(dead_code, reason = "each test file uses its part")]
mod common;

use common::{Bench, LONG, instance, lives};
use driver::{ExecLaunch, HookLaunch, SecretText};
use model::{ExitStatus, Generation};
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::time::Duration;

fn hook(name: &str, words: &[&str], timeout: Duration) -> HookLaunch {
    let puppet = testkit::program("puppet").to_string_lossy().into_owned();
    HookLaunch {
        cluster: common::cluster(),
        instance: instance(name),
        generation: Generation(1),
        name: "before_start",
        exec: ExecLaunch {
            argv: std::iter::once(puppet)
                .chain(words.iter().map(|word| (*word).to_owned()))
                .collect(),
            cwd: "/".into(),
            env: Default::default(),
            user: None,
        },
        limits: spec::Limits::default(),
        timeout,
    }
}

/// The number behind the last line that begins so.
fn pid(log: &str, word: &str) -> u32 {
    let line = log.lines().rev().find_map(|line| line.strip_prefix(word));
    line.unwrap_or_else(|| panic!("no {word:?} in {log}"))
        .trim()
        .parse()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_hook_leaves_behind_ends_with_it_and_its_words_are_in_the_log() {
    let bench = Bench::new();
    let words = ["session", "print", "done"];
    bench.driver.hook(hook("a.0", &words, LONG)).await.unwrap();
    let log = bench.log("a.0");
    assert!(log.ends_with("done\n"), "{log}");
    assert!(!lives(pid(&log, "session ")));
    bench.nothing_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_hook_says_what_it_said_last() {
    let bench = Bench::new();
    let words = ["lines", "5", "exit", "3"];
    let why = bench.driver.hook(hook("a.0", &words, LONG)).await;
    let said = "before_start exited with code 3: line 3 | line 4 | line 5";
    assert_eq!(why.unwrap_err().to_string(), said);
    // More than a pipe holds is no reason to hang.
    let words = ["lines", "300000", "exit", "1"];
    let why = bench.driver.hook(hook("b.0", &words, LONG)).await;
    assert!(why.unwrap_err().to_string().ends_with("line 300000"));
    assert_eq!(bench.log("b.0").lines().count(), 300_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_hook_outlives_its_time_nor_its_asker() {
    let bench = Bench::new();
    let words = ["ignore-term", "session", "fork", "hang"];
    let short = Duration::from_millis(300);
    let why = bench.driver.hook(hook("a.0", &words, short)).await;
    assert!(
        why.unwrap_err()
            .to_string()
            .contains("had not ended after 300ms")
    );
    bench.nothing_left().await;

    let asked = {
        let driver = bench.driver.clone();
        tokio::spawn(async move { driver.hook(hook("b.0", &words, LONG)).await })
    };
    bench.said("b.0", "child").await;
    asked.abort();
    bench
        .driver
        .end_hook(&bench.cluster, &instance("b.0"))
        .await;
    assert!(!lives(pid(&bench.log("b.0"), "session ")));
    bench.nothing_left().await;
}

/// Whether this machine has a control group for each hook.
fn grouped(bench: &Bench) -> bool {
    let limits = bench.driver.limits();
    let without = limits.iter().find(|text| text.contains("no control group"));
    if let Some(why) = without {
        println!("without control groups a part of this is not tried: {why}");
    }
    without.is_none()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_has_the_limits_of_its_service() {
    const LIMITS: spec::Limits = spec::Limits {
        memory: Some(64_000_000),
        cpu: None,
        files: Some(77),
        processes: Some(10),
    };
    let bench = Bench::new();
    let limited = |name, words: &[&str]| HookLaunch {
        limits: LIMITS,
        ..hook(name, words, LONG)
    };
    bench.driver.hook(limited("a.0", &["limit"])).await.unwrap();
    assert_eq!(bench.log("a.0"), "nofile 77\n");

    let held = bench.driver.held(&LIMITS, None);
    let by_group = |what: &str| {
        let view = held.iter().find(|view| view.what == what).unwrap();
        view.by.starts_with("its control group")
    };
    if by_group("processes") {
        let ran = bench.driver.hook(limited("b.0", &["forks", "50"])).await;
        ran.unwrap();
        let forks = pid(&bench.log("b.0"), "forks ");
        assert!((1..10).contains(&forks), "{forks} of 50 were made");
    }
    if by_group("memory") {
        let words = ["leak", "256000000"];
        let why = bench.driver.hook(limited("c.0", &words)).await.unwrap_err();
        assert!(why.to_string().contains("SIGKILL"), "{why}");
    }
    bench.nothing_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_runs_in_a_control_group_of_its_own_which_goes_with_it() {
    let mut bench = Bench::new();
    if !grouped(&bench) {
        return;
    }
    let service = bench.start("a.0", 1, &["hang"]).await;
    // Neither mark nor parent nor session tells whose this is.
    let words = ["erase-environ", "session", "hang"];
    let short = Duration::from_millis(500);
    let why = bench.driver.hook(hook("a.0", &words, short)).await;
    assert!(why.unwrap_err().to_string().contains("had not ended"));
    let log = bench.log("a.0");
    assert!(!lives(pid(&log, "session ")), "it outlived its hook");
    assert!(lives(service), "the service suffered from its hook");

    let asked = {
        let driver = bench.driver.clone();
        tokio::spawn(async move { driver.hook(hook("a.0", &words, LONG)).await })
    };
    let sessions = || bench.log("a.0").matches("session ").count();
    assert!(testkit::eventually_async(LONG, || sessions() == 2).await);
    let record = fs::read_to_string(
        bench
            .layout
            .run(&bench.cluster, &instance("a.0"))
            .join("hook"),
    );
    let record = record.unwrap();
    let groups: Vec<&Path> = record
        .lines()
        .filter_map(|line| Some(Path::new(line.strip_prefix("group ")?)))
        .collect();
    assert!(
        groups
            .iter()
            .any(|group| group.join("cgroup.kill").exists()),
        "{record}"
    );
    let left = driver::survivors::find(&bench.layout, None).unwrap();
    let session = pid(&bench.log("a.0"), "session ");
    assert!(left.iter().any(|one| one.pid == session), "{left:?}");
    asked.abort();
    bench
        .driver
        .end_hook(&bench.cluster, &instance("a.0"))
        .await;
    assert!(!lives(session) && lives(service));
    assert!(groups.iter().all(|group| !group.exists()), "{record}");
    bench.stop("a.0", 1, LONG);
    bench.exited().await;
    bench.nothing_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hooks_of_an_instance_run_one_after_the_other() {
    let bench = Bench::new();
    let gate = bench.home.path().join("gate");
    let wait = [
        "print",
        "first",
        "until",
        gate.to_str().unwrap(),
        "print",
        "over",
    ];
    let first = bench.driver.hook(hook("a.0", &wait, LONG));
    let second = async {
        bench.said("a.0", "first").await;
        let hook = hook("a.0", &["print", "second"], LONG);
        let second = bench.driver.hook(hook);
        tokio::pin!(second);
        let early = tokio::time::timeout(Duration::from_millis(200), &mut second).await;
        assert!(early.is_err(), "it did not wait for its turn");
        fs::write(&gate, "").unwrap();
        second.await
    };
    let (first, second) = tokio::join!(first, second);
    assert_eq!((first, second), (Ok(()), Ok(())));
    assert_eq!(bench.log("a.0"), "first\nover\nsecond\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_begun_while_an_emergency_stop_is_in_force() {
    let bench = Bench::new();
    let running = {
        let driver = bench.driver.clone();
        let words = ["session", "hang"];
        tokio::spawn(async move { driver.hook(hook("a.0", &words, LONG)).await })
    };
    bench.said("a.0", "session").await;
    let report = driver::emergency::stop(&bench.layout, "test", "cli");
    assert_eq!(report.left, []);
    assert!(running.await.unwrap().is_err());
    let why = bench.driver.hook(hook("a.0", &["print", "x"], LONG)).await;
    let why = why.unwrap_err().to_string();
    assert_eq!(why, "an emergency stop is in force");
    bench.nothing_left().await;
}

/// Not a test of its own: the engine that the next one kills in the middle of a hook.
#[tokio::test(flavor = "multi_thread")]
async fn engine_to_be_killed() {
    let Some(home) = std::env::var_os("AZORA_TEST_ENGINE") else {
        return;
    };
    let layout = driver::Layout::new(home);
    let (events, _heard) = tokio::sync::mpsc::channel(8);
    let shim = testkit::program("azora-shim");
    let driver = driver::ProcessDriver::open(layout, shim, events).unwrap();
    let words = ["ignore-term", "session", "fork", "tick", "1"];
    let _ = driver.hook(hook("a.0", &words, LONG)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_cut_off_by_the_engines_death_is_ended_before_it_is_run_again() {
    let home = testkit::Home::new();
    let mut engine = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "engine_to_be_killed", "--nocapture"])
        .env("AZORA_TEST_ENGINE", home.path())
        .stdout(std::process::Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    let log = driver::Layout::new(home.path()).log(&common::cluster(), &instance("a.0"));
    let lines = || fs::read_to_string(&log).unwrap_or_default();
    assert!(testkit::eventually_async(LONG, || lines().contains("line 1\n")).await);
    engine.kill().unwrap();
    engine.wait().unwrap();
    let left = pid(&lines(), "session ");
    assert!(lives(left), "nothing was left, so nothing was shown");

    let bench = Bench::on(home);
    assert_eq!(bench.driver.adopt(&bench.cluster.clone()).await, []);
    assert!(!lives(left));
    bench.nothing_left().await;
    let ran = |name| {
        let generation = Generation(1);
        bench
            .driver
            .hook_ran(&bench.cluster, &instance("a.0"), generation, name)
    };
    bench
        .driver
        .hook(hook("a.0", &["print", "again"], LONG))
        .await
        .unwrap();
    assert!(bench.log("a.0").ends_with("again\n"));
    assert!(ran("before_start") && !ran("after_ready"));
}

/// Every file below a folder that has this text in it.
fn holding(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holding(&path, text));
        } else if let Ok(bytes) = fs::read(&path)
            && bytes
                .windows(text.len())
                .any(|part| part == text.as_bytes())
        {
            found.push(path.display().to_string());
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_reaches_every_start_and_no_file() {
    const CANARY: &str = "canary-7f31";
    let mut bench = Bench::new();
    let launch = |bench: &Bench, generation| {
        let words = ["env", "TOKEN", "env", "OTHER", "hang"];
        let mut launch = bench.launch("a.0", generation, &words);
        launch.env.insert("OTHER".into(), "plain".into());
        let secret = SecretText::new(CANARY.into());
        launch.secrets.insert("TOKEN".into(), secret);
        launch
    };
    bench.driver.start(launch(&bench, 1));
    let pid = bench.started().await;
    let shim = bench.shim("a.0");
    let told = |bench: &Bench| {
        bench
            .log("a.0")
            .matches(&format!("TOKEN={CANARY}\nOTHER=plain"))
            .count()
    };
    assert!(testkit::eventually_async(LONG, || told(&bench) == 1).await);

    // The shim that is there starts it again, also for the next engine.
    common::kill(pid, rustix::process::Signal::KILL);
    assert_eq!(bench.exited().await, ExitStatus::Signal(9));
    bench.driver.start(launch(&bench, 2));
    bench.started().await;
    assert!(testkit::eventually_async(LONG, || told(&bench) == 2).await);
    let mut bench = bench.reborn();
    let cluster = bench.cluster.clone();
    let pid = bench.driver.adopt(&cluster).await[0].outcome.unwrap();
    common::kill(pid, rustix::process::Signal::KILL);
    assert_eq!(bench.exited().await, ExitStatus::Signal(9));
    bench.driver.start(launch(&bench, 3));
    bench.started().await;
    assert!(testkit::eventually_async(LONG, || told(&bench) == 3).await);
    assert_eq!(
        bench.shim("a.0"),
        shim,
        "another shim was made for the same secret"
    );

    // What is on the disk are the hash, and what the service itself printed.
    let log = bench.layout.log(&bench.cluster, &instance("a.0"));
    assert_eq!(
        holding(bench.home.path(), CANARY),
        [log.display().to_string()]
    );
    let given = bench.driver.given(&cluster, &instance("a.0")).unwrap();
    let print = |text: &str| bench.driver.fingerprint(&SecretText::new(text.into()));
    assert_eq!(given.secrets["TOKEN"], print(CANARY).unwrap());
    assert!(!given.env.contains_key("TOKEN"));

    // Another secret is another start.
    let given_pid = bench.driver.adopt(&cluster).await[0].outcome.unwrap();
    common::kill(given_pid, rustix::process::Signal::KILL);
    bench.exited().await;
    let mut other = launch(&bench, 4);
    let secret = SecretText::new("another".into());
    other.secrets.insert("TOKEN".into(), secret);
    bench.driver.start(other);
    bench.started().await;
    bench.said("a.0", "TOKEN=another").await;
    assert_ne!(bench.shim("a.0"), shim);
    bench.stop("a.0", 4, LONG);
    bench.exited().await;
    bench.nothing_left().await;
}

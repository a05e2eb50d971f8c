//! What the driver promises of starting and stopping, held against real processes.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each test file uses its part")]
mod common;

use common::{Bench, LONG, instance, kill, lives};
use driver::{ExecLaunch, ExecOutcome, Happened};
use model::ExitStatus;
use rustix::process::Signal;
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn a_start_is_told_and_so_is_how_it_ended() {
    let mut bench = Bench::new();
    let pid = bench.start("a.0", 1, &["pid", "exit", "3"]).await;
    assert_eq!(bench.exited().await, ExitStatus::Code(3));
    assert_eq!(bench.said("a.0", "pid").await, pid.to_string());
    bench.start("b.0", 1, &["raise", "9"]).await;
    assert_eq!(bench.exited().await, ExitStatus::Signal(9));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_gets_its_environment_and_nothing_of_ours() {
    let mut bench = Bench::new();
    let words = [
        "env",
        "COLOUR",
        "env",
        "AZORA_INSTANCE",
        "env",
        "AZORA_NONCE",
        "fds",
        "limit",
        "folder",
        "hang",
    ];
    let mut launch = bench.launch("a.0", 1, &words);
    launch
        .env
        .insert("COLOUR".into(), "two\nlines \\ and more".into());
    launch.cwd = "/usr".into();
    bench.driver.start(launch);
    bench.started().await;
    assert_eq!(bench.said("a.0", "/usr").await, "");
    let log = bench.log("a.0");
    assert!(log.contains("COLOUR=two\nlines \\ and more\n"), "{log}");
    assert!(log.contains("AZORA_INSTANCE=a.0\n"), "{log}");
    assert_eq!(bench.said("a.0", "AZORA_NONCE=").await.len(), 32);
    assert_eq!(bench.said("a.0", "fds").await, "0,1,2");
    // Asked of a program whose runtime ignores no signals by itself.
    let mut launch = bench.launch("b.0", 1, &[]);
    launch.argv = ["grep", "-E", "SigBlk|SigIgn", "/proc/self/status"]
        .map(str::to_owned)
        .into();
    bench.driver.start(launch);
    bench.started().await;
    bench.exited().await;
    assert_eq!(
        bench.log("b.0"),
        "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n"
    );
}

/// The shim's own timers may be late, so that thousands of them wake together; no service's may.
#[tokio::test(flavor = "multi_thread")]
async fn a_services_timers_are_as_punctual_as_ours() {
    let mut bench = Bench::new();
    let mut launch = bench.launch("a.0", 1, &[]);
    launch.argv = ["cat", "/proc/self/timerslack_ns"]
        .map(str::to_owned)
        .into();
    bench.driver.start(launch);
    bench.started().await;
    bench.exited().await;
    // Only root may read it of a process whose main thread is another one; a child has its parent's.
    let own = std::process::Command::new("cat")
        .arg("/proc/self/timerslack_ns")
        .output()
        .unwrap();
    assert_eq!(bench.log("a.0").as_bytes(), own.stdout);
}

/// Linux 6.14 and later kill at birth what is born in a control group in which everything was ever
/// killed, and every sweep kills everything in one.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_swept_can_be_started_again() {
    let mut bench = Bench::new();
    for generation in 1..4 {
        let pid = bench.start("a.0", generation, &["fork", "hang"]).await;
        let child = bench.said("a.0", "child").await.parse().unwrap();
        kill(pid, Signal::KILL);
        assert_eq!(bench.exited().await, ExitStatus::Signal(9));
        assert!(!lives(child));
    }
    bench.stop("a.0", 3, Duration::ZERO);
    bench.exited().await;
    bench.nothing_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_fails_says_why_and_whether_again_helps() {
    let mut bench = Bench::new();
    let mut launch = bench.launch("a.0", 1, &[]);
    launch.argv = vec!["no-such-program".into()];
    bench.driver.start(launch.clone());
    let failure = (
        "failed to execute no-such-program: no such file or directory".to_owned(),
        false,
    );
    assert_eq!(bench.failed().await, failure);

    launch.argv = vec!["/etc/passwd".into()];
    bench.driver.start(launch.clone());
    assert_eq!(
        bench.failed().await,
        (
            "failed to execute /etc/passwd: permission denied".into(),
            false
        )
    );

    launch.argv = vec!["true".into()];
    launch.cwd = "/no/such/folder".into();
    bench.driver.start(launch.clone());
    let failure = "failed to enter the working folder /no/such/folder: no such file or directory";
    assert_eq!(bench.failed().await, (failure.to_owned(), false));

    launch.cwd = "/".into();
    launch.user = Some("no-such-user".into());
    bench.driver.start(launch.clone());
    assert_eq!(
        bench.failed().await,
        (
            "there is no user no-such-user on this machine".into(),
            false
        )
    );

    // A script without a first line is read by the shell, as shells do it.
    let script = bench.home.path().join("script");
    std::fs::write(&script, "exit 9\n").unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    launch.user = None;
    launch.argv = vec![script.to_string_lossy().into_owned()];
    bench.driver.start(launch);
    bench.started().await;
    assert_eq!(bench.exited().await, ExitStatus::Code(9));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_user_needs_root() {
    let mut bench = Bench::new();
    let mut launch = bench.launch("a.0", 1, &["who", "env", "HOME", "hang"]);
    let root = rustix::process::geteuid().is_root();
    launch.user = Some(if root { "nobody" } else { "root" }.into());
    if root {
        let puppet = testkit::program_for_others("puppet", bench.home.id());
        launch.argv[0] = puppet.to_string_lossy().into_owned();
        bench.driver.start(launch);
        bench.started().await;
        let who = bench.said("a.0", "uid").await;
        std::fs::remove_file(puppet).unwrap();
        assert!(who.starts_with("65534 gid 65534 groups 65534"), "{who}");
        assert_eq!(bench.said("a.0", "HOME=").await, "/nonexistent");
    } else {
        bench.driver.start(launch);
        let (error, retry) = bench.failed().await;
        assert!(
            error.starts_with("only root can run a service as another user (root)"),
            "{error}"
        );
        assert!(!retry);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_is_told_when_its_tree_is_gone_as_well() {
    let mut bench = Bench::new();
    bench
        .start("a.0", 1, &["session", "fork", "erase-environ", "exit", "1"])
        .await;
    assert_eq!(bench.exited().await, ExitStatus::Code(1));
    assert_eq!(
        driver::survivors::find(&bench.layout, Some(&bench.cluster)).unwrap(),
        []
    );
    let session: u32 = bench.said("a.0", "session").await.parse().unwrap();
    assert!(!lives(session));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_leaves_its_parent_does_not_leave_us() {
    let mut bench = Bench::new();
    bench.start("a.0", 1, &["daemonise", "hang"]).await;
    // It forks twice: who of the two is there at one look is chance.
    assert_eq!(bench.exited_leaving().await.0, ExitStatus::Code(0));
    bench.stop("a.0", 1, Duration::ZERO);
    bench.exited().await;
    bench.nothing_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_left_behind_is_counted_at_an_exit_with_zero_that_nobody_asked_for() {
    let mut bench = Bench::new();
    let ended = |code| ExitStatus::Code(code);
    bench.start("a.0", 1, &["session", "fork", "fork"]).await;
    assert_eq!(bench.exited_leaving().await, (ended(0), 3));
    bench.start("b.0", 1, &["fork", "exit", "1"]).await;
    assert_eq!(bench.exited_leaving().await, (ended(1), 0));
    bench.start("c.0", 1, &["exit", "0"]).await;
    assert_eq!(bench.exited_leaving().await, (ended(0), 0));
    bench
        .start("d.0", 1, &["fork", "on-term", "0", "hang"])
        .await;
    bench.said("d.0", "child").await;
    bench.stop("d.0", 1, LONG);
    assert_eq!(bench.exited_leaving().await.1, 0);
    // Its shim waits for a fast restart.
    bench.stop("b.0", 1, Duration::ZERO);
    bench.exited().await;
    bench.nothing_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_thing_again_takes_the_same_shim() {
    let mut bench = Bench::new();
    let pid = bench.start("a.0", 1, &["fork", "hang"]).await;
    let shim = bench.shim("a.0");
    kill(pid, Signal::KILL);
    assert_eq!(bench.exited().await, ExitStatus::Signal(9));
    let second = bench.start("a.0", 2, &["fork", "hang"]).await;
    assert_ne!(second, pid);
    assert_eq!(bench.shim("a.0"), shim);
    kill(second, Signal::KILL);
    bench.exited().await;
    // Another command is another shim.
    bench.start("a.0", 3, &["hang"]).await;
    assert_ne!(bench.shim("a.0"), shim);
    assert!(testkit::eventually_async(LONG, || !lives(shim)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_never_runs_twice_and_old_stops_are_old_news() {
    let mut bench = Bench::new();
    let pid = bench.start("a.0", 5, &["hang"]).await;
    bench.driver.start(bench.launch("a.0", 6, &["hang"]));
    let (error, _) = bench.failed().await;
    assert_eq!(
        error,
        format!("it already runs as pid {pid} (generation 5)")
    );
    bench.stop("a.0", 4, Duration::ZERO);
    // The stop before was heard by the time this one is answered.
    bench.driver.start(bench.launch("a.0", 7, &["hang"]));
    bench.failed().await;
    assert!(lives(pid));
    assert_eq!(bench.home.processes().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_shim_a_service_lives_on_and_can_be_stopped() {
    let mut bench = Bench::new();
    let pid = bench
        .start("a.0", 1, &["session", "erase-environ", "tick", "1"])
        .await;
    bench.said("a.0", "line 5").await;
    kill(bench.shim("a.0"), Signal::KILL);
    assert!(matches!(bench.next().await, Happened::ShimLost { .. }));
    let line = bench.log("a.0").lines().count();
    assert!(testkit::eventually_async(LONG, || bench.log("a.0").lines().count() > line + 5).await);
    assert!(lives(pid));
    bench.stop("a.0", 1, Duration::from_millis(200));
    assert_eq!(bench.exited().await, ExitStatus::Unknown);
    assert!(!lives(pid));
    // With a control group even the one that left the session and erased its environment is found;
    // without, limits() says that it may not be.
    if bench.driver.limits().is_empty() {
        bench.nothing_left().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stuck_shim_does_not_stand_in_the_way() {
    let mut bench = Bench::new();
    let pid = bench.start("a.0", 1, &["session", "hang"]).await;
    kill(bench.shim("a.0"), Signal::STOP);
    bench.stop("a.0", 1, Duration::from_millis(50));
    // Let go on after the killing, it may still tell.
    let status = bench.exited().await;
    let told = [ExitStatus::Unknown, ExitStatus::Signal(15)];
    assert!(told.contains(&status), "{status:?}");
    assert!(!lives(pid));
    bench.nothing_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_names_its_holder() {
    let mut bench = Bench::new();
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut launch = bench.launch("a.0", 1, &["bind", &port.to_string(), "hang"]);
    launch.ports = vec![port];
    bench.driver.start(launch.clone());
    let (error, retry) = bench.failed().await;
    assert!(
        error.starts_with(&format!(
            "port {port} is held by pid {} (",
            std::process::id()
        )),
        "{error}"
    );
    assert!(retry);
    drop(listener);
    bench.driver.start(launch);
    bench.started().await;
    bench.said("a.0", "port").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_may_be_granted_the_port_it_listens_on() {
    let mut bench = Bench::new();
    bench.start("a.0", 1, &["bind", "0", "hang"]).await;
    let preferred: u16 = bench.said("a.0", "port").await.parse().unwrap();
    let wish = |name| driver::PortWish {
        cluster: bench.cluster.clone(),
        instance: instance(name),
        preferred,
        exact: false,
    };
    let other = bench.driver.grant_ports(&[wish("b.0")]).unwrap().remove(0);
    assert_eq!(other.moved.unwrap().0, preferred);
    let own = bench.driver.grant_ports(&[wish("a.0")]).unwrap().remove(0);
    assert_eq!((own.port, own.moved), (preferred, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_death_is_heard_at_once() {
    let mut bench = Bench::new();
    let mut times = Vec::new();
    for generation in 1..=10 {
        let pid = bench.start("a.0", generation, &["hang"]).await;
        let killed = Instant::now();
        kill(pid, Signal::KILL);
        bench.exited().await;
        times.push(killed.elapsed());
    }
    times.sort();
    println!(
        "from SIGKILL to Exited: median {:?}, slowest {:?}",
        times[5], times[9]
    );
    // A bound for a busy machine; what it takes on a quiet one is printed.
    assert!(times[5] < Duration::from_secs(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_goes_to_the_log_whole() {
    let mut bench = Bench::new();
    bench
        .start("a.0", 1, &["flood", "20000000", "exit", "0"])
        .await;
    assert_eq!(bench.exited().await, ExitStatus::Code(0));
    let log = bench.layout.log(&bench.cluster, &instance("a.0"));
    assert_eq!(std::fs::metadata(log).unwrap().len(), 20_000_000);
    let index = std::fs::read(bench.layout.log_index(&bench.cluster, &instance("a.0"))).unwrap();
    let last = shim::index::decode(&index[index.len() - shim::index::ENTRY..]).unwrap();
    assert_eq!(last.1, 20_000_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_forgotten_leaves_no_folder() {
    let mut bench = Bench::new();
    bench.start("a.0", 1, &["hang"]).await;
    let folder = bench.layout.run(&bench.cluster, &instance("a.0"));
    bench.driver.forget(&bench.cluster, &instance("a.0"));
    bench.stop("a.0", 1, LONG);
    bench.exited().await;
    assert!(folder.exists(), "one that runs is not forgotten");
    bench.driver.forget(&bench.cluster, &instance("a.0"));
    assert!(testkit::eventually_async(LONG, || !folder.exists()).await);
    // And it can come back.
    bench.start("a.0", 2, &["hang"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_is_run_bounded() {
    let bench = Bench::new();
    let exec = |words: &[&str]| ExecLaunch {
        argv: std::iter::once(testkit::program("puppet").to_string_lossy().into_owned())
            .chain(words.iter().map(|word| (*word).to_owned()))
            .collect(),
        cwd: "/".into(),
        env: [(
            "AZORA_HOME".to_owned(),
            bench.home.path().to_string_lossy().into_owned(),
        )]
        .into(),
        user: None,
    };
    let run = |words: &'static [&'static str], limit| bench.driver.exec(exec(words), limit);
    let outcome = run(&["lines", "5", "exit", "2"], LONG).await;
    assert_eq!(
        outcome,
        ExecOutcome::Exit {
            status: ExitStatus::Code(2),
            said: "line 5".into()
        }
    );
    // What it leaves in its group ends with it, and is not waited for.
    let outcome = run(&["fork", "exit", "0"], LONG).await;
    assert!(
        matches!(
            outcome,
            ExecOutcome::Exit {
                status: ExitStatus::Code(0),
                ..
            }
        ),
        "{outcome:?}"
    );
    let outcome = run(
        &["ignore-term", "flood", "99999999999"],
        Duration::from_millis(100),
    )
    .await;
    assert_eq!(outcome, ExecOutcome::TimedOut);
    bench.nothing_left().await;
    let missing = ExecLaunch {
        argv: vec!["no-such-program".into()],
        ..exec(&[])
    };
    let outcome = bench.driver.exec(missing, LONG).await;
    assert!(
        matches!(outcome, ExecOutcome::NotFound(why) if why.starts_with("failed to execute no-such-program"))
    );
}

/// The shim lays out what it starts in a block of 256 KiB, and the rest beyond it.
#[tokio::test]
async fn an_environment_of_a_megabyte_comes_whole() {
    let mut bench = Bench::new();
    let mut launch = bench.launch("a.0", 1, &["env", "V0", "env", "V149", "hang"]);
    // Each is less than the kernel takes of one, and all are less than it takes together.
    let value = |number: usize| format!("{number}:{}", "v".repeat(7_000));
    for number in 0..150 {
        launch.env.insert(format!("V{number}"), value(number));
    }
    let wanted = launch.env.clone();
    bench.driver.start(launch);
    let pid = bench.started().await;
    bench.said("a.0", "V149=").await;
    let got = std::fs::read(format!("/proc/{pid}/environ")).unwrap();
    let got: std::collections::BTreeMap<&str, &str> = got
        .split(|byte| *byte == 0)
        .filter_map(|variable| std::str::from_utf8(variable).ok()?.split_once('='))
        .collect();
    for (name, value) in &wanted {
        assert!(got.get(name.as_str()) == Some(&value.as_str()), "{name}");
    }
    // The same shim starts it again out of the same memory.
    kill(pid, Signal::KILL);
    bench.exited().await;
}

//! The engine dies and another one comes: what runs is found again, what ended is told as it
//! ended, and what is not ours is never touched.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Bench, LONG, Stranger, instance, kill, lives};
use driver::{Found, Happened, clock};
use model::{ExitStatus, Generation};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use rustix::process::Signal;
use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::time::Duration;

fn found(name: &str, generation: u64, outcome: Result<u32, ExitStatus>) -> Found {
    Found {
        instance: instance(name),
        generation: Generation(generation),
        outcome,
        shim_lost: false,
        unanswered: false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_is_adopted_and_loses_not_a_line() {
    let mut bench = Bench::new();
    let pid = bench.start("a.0", 3, &["tick", "1"]).await;
    bench.said("a.0", "line 3").await;
    let mut bench = bench.reborn();
    let cluster = bench.cluster.clone();
    assert_eq!(
        bench.driver.adopt(&cluster).await,
        [found("a.0", 3, Ok(pid))]
    );
    let lines = bench.log("a.0").lines().count();
    assert!(
        testkit::eventually_async(LONG, || bench.log("a.0").lines().count() > lines + 10).await
    );
    let log = bench.log("a.0");
    for (at, line) in log.lines().enumerate().take(lines + 10) {
        assert_eq!(line, format!("line {}", at + 1));
    }
    // Asked again it is the same; and it can be stopped and started like any other.
    assert_eq!(
        bench.driver.adopt(&cluster).await,
        [found("a.0", 3, Ok(pid))]
    );
    kill(pid, Signal::KILL);
    assert_eq!(bench.exited().await, ExitStatus::Signal(9));
    // What was adopted and has ended since is not found running once more.
    assert_eq!(
        bench.driver.adopt(&cluster).await,
        [found("a.0", 3, Err(ExitStatus::Signal(9)))]
    );
    bench.start("a.0", 4, &["tick", "1"]).await;
    bench.stop("a.0", 4, LONG);
    assert_eq!(bench.exited().await, ExitStatus::Signal(15));
    bench.nothing_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fast_way_works_after_adoption_too() {
    let mut bench = Bench::new();
    let pid = bench.start("a.0", 1, &["hang"]).await;
    let shim = bench.shim("a.0");
    let mut bench = bench.reborn();
    let cluster = bench.cluster.clone();
    bench.driver.adopt(&cluster).await;
    kill(pid, Signal::KILL);
    bench.exited().await;
    bench.start("a.0", 2, &["hang"]).await;
    assert_eq!(bench.shim("a.0"), shim);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ended_meanwhile_is_told_as_it_ended() {
    let mut bench = Bench::new();
    let go = bench.home.path().join("go").to_string_lossy().into_owned();
    bench
        .start("a.0", 1, &["session", "until", &go, "exit", "5"])
        .await;
    bench.start("b.0", 1, &["until", &go, "raise", "11"]).await;
    bench.said("a.0", "session").await;
    let (home, layout) = bench.dies();
    fs::write(&go, "").unwrap();
    // Nobody listens, so the shims end what is left and go.
    assert!(testkit::eventually_async(LONG, || home.processes().is_empty()).await);
    assert_eq!(driver::survivors::find(&layout, None).unwrap(), []);
    let bench = Bench::on(home);
    let expected = [
        found("a.0", 1, Err(ExitStatus::Code(5))),
        found("b.0", 1, Err(ExitStatus::Signal(11))),
    ];
    assert_eq!(bench.driver.adopt(&bench.cluster).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_asked_of_a_new_engine_finds_the_copy_that_runs() {
    let mut bench = Bench::new();
    let pid = bench.start("a.0", 1, &["hang"]).await;
    let mut bench = bench.reborn();
    // Nobody has asked it to adopt.
    bench.driver.start(bench.launch("a.0", 2, &["hang"]));
    assert_eq!(
        bench.failed().await.0,
        format!("it already runs as pid {pid} (generation 1)")
    );
    assert_eq!(bench.home.processes().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_shim_it_is_adopted_with_a_mark() {
    let mut bench = Bench::new();
    let pid = bench.start("a.0", 1, &["hang"]).await;
    let other = bench.start("b.0", 1, &["session", "hang"]).await;
    let session: u32 = bench.said("b.0", "session").await.parse().unwrap();
    let (home, layout) = bench.dies();
    for shim in home.processes() {
        if ![pid, other, session].contains(&shim) {
            kill(shim, Signal::KILL);
        }
    }
    kill(other, Signal::KILL);
    assert!(testkit::eventually_async(LONG, || !lives(other)).await);
    let mut bench = Bench::on(home);
    let cluster = bench.cluster.clone();
    let a = Found {
        shim_lost: true,
        ..found("a.0", 1, Ok(pid))
    };
    let b = found("b.0", 1, Err(ExitStatus::Unknown));
    assert_eq!(bench.driver.adopt(&cluster).await, [a, b]);
    assert!(
        !lives(session),
        "what was left of b.0 is ended before it is told"
    );
    kill(pid, Signal::KILL);
    // The kernel's word, or none where it gives none.
    let status = bench.exited().await;
    assert!(
        [ExitStatus::Signal(9), ExitStatus::Unknown].contains(&status),
        "{status:?}"
    );
    assert_eq!(driver::survivors::find(&layout, None).unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_shim_does_not_hide_its_service() {
    let mut bench = Bench::new();
    let pid = bench.start("a.0", 1, &["hang"]).await;
    kill(bench.shim("a.0"), Signal::STOP);
    let bench = bench.reborn();
    assert_eq!(
        bench.driver.adopt(&bench.cluster).await,
        [found("a.0", 1, Ok(pid))]
    );
}

/// Every engine that comes waits in its queue, which holds a few.
#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_shim_that_takes_nobody_on_does_not_hide_its_service() {
    let mut bench = Bench::new();
    let pid = bench.start("a.0", 1, &["hang"]).await;
    kill(bench.shim("a.0"), Signal::STOP);
    let folder = bench.layout.run(&bench.cluster, &instance("a.0"));
    let folder = fs::File::open(folder).unwrap();
    let socket = format!("/proc/self/fd/{}/{}", folder.as_raw_fd(), shim::SOCKET);
    let mut queue = Vec::new();
    loop {
        let kind = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (unix, stream) = (AddressFamily::UNIX, SocketType::STREAM);
        let one = rustix::net::socket_with(unix, stream, kind, None).unwrap();
        let address = SocketAddrUnix::new(socket.as_str()).unwrap();
        match rustix::net::connect(&one, &address) {
            Ok(()) => queue.push(one),
            Err(full) => break assert_eq!(full, rustix::io::Errno::AGAIN),
        }
    }
    let mut bench = bench.reborn();
    let cluster = bench.cluster.clone();
    assert_eq!(
        bench.driver.adopt(&cluster).await,
        [found("a.0", 1, Ok(pid))]
    );
    bench.stop("a.0", 1, LONG);
    assert_eq!(bench.exited().await, ExitStatus::Unknown);
    bench.nothing_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intent_without_a_fork_is_absent() {
    let mut bench = Bench::new();
    bench.start("a.0", 1, &["exit", "0"]).await;
    bench.exited().await;
    let folder = bench.layout.run(&bench.cluster, &instance("a.0"));
    let intent = fs::read_to_string(folder.join(shim::INTENT)).unwrap();
    let mut intent = shim::Intent::decode(&intent).unwrap();
    let bench = bench.reborn();
    assert!(testkit::eventually_async(LONG, || bench.home.processes().is_empty()).await);
    // The engine died between writing this and making the shim.
    intent.generation = 2;
    intent.nonce = "0123456789abcdef0123456789abcdef".into();
    fs::write(folder.join(shim::INTENT), intent.encode()).unwrap();
    assert_eq!(bench.driver.adopt(&bench.cluster).await, []);
}

/// Records that name a process which is not ours. Whatever is done with them, it lives.
#[tokio::test(flavor = "multi_thread")]
async fn forged_records_move_no_signal() {
    let nonce = "0123456789abcdef0123456789abcdef";
    let foreign = Stranger::new(&[("AZORA_NONCE", "ffffffffffffffffffffffffffffffff")]);
    let plain = Stranger::new(&[]);
    let boot = clock::boot_id().unwrap();
    let ticks = |stranger: &Stranger| clock::start_ticks(stranger.pid()).unwrap();
    let mut bench = Bench::new();
    let forge = |name: &str, pid: u32, ticks: u64, boot_id: &str| {
        let folder = bench.layout.run(&bench.cluster, &instance(name));
        fs::create_dir_all(&folder).unwrap();
        let intent = shim::Intent {
            generation: 1,
            nonce: nonce.into(),
            boot_id: boot_id.into(),
            // Not a group of ours: the whole machine's.
            cgroup: Some("/sys/fs/cgroup/unified".into()),
            argv: vec!["true".into()],
            ..shim::Intent::default()
        };
        fs::write(folder.join(shim::INTENT), intent.encode()).unwrap();
        let shim = format!("shim 1 {pid} {ticks} {boot_id} {nonce}\n");
        fs::write(
            folder.join(shim::RECORD),
            format!("{shim}started 1 {pid} {ticks} 0\n"),
        )
        .unwrap();
    };
    // The pid was recycled; the machine was restarted; the mark is another shim's.
    forge("recycled.0", plain.pid(), ticks(&plain) - 1, boot);
    forge(
        "restarted.0",
        plain.pid(),
        ticks(&plain),
        "00000000-0000-0000-0000-000000000000",
    );
    forge("foreign.0", foreign.pid(), ticks(&foreign), boot);

    assert_eq!(driver::survivors::find(&bench.layout, None).unwrap(), []);
    assert_eq!(
        driver::emergency::preview(&bench.layout).unwrap().processes,
        0
    );
    let cluster = bench.cluster.clone();
    for found in bench.driver.adopt(&cluster).await {
        assert_eq!(
            found.outcome,
            Err(ExitStatus::Unknown),
            "{}",
            found.instance
        );
    }
    for name in ["recycled.0", "restarted.0", "foreign.0"] {
        bench.stop(name, 1, Duration::ZERO);
        bench.exited().await;
    }
    assert!(lives(plain.pid()));
    assert!(lives(foreign.pid()));
}

/// The shims of many are killed at once: each service lives, each loss is told within a second, and
/// how each ends afterwards is what it did, or unknown.
#[tokio::test(flavor = "multi_thread")]
async fn lost_shims_cost_no_service_and_no_truth() {
    const SERVICES: usize = 12;
    let mut bench = Bench::new();
    let go = bench.home.path().join("go").to_string_lossy().into_owned();
    let mut pids = Vec::new();
    for n in 0..SERVICES {
        let name = format!("s{n}.0");
        let words = ["until", go.as_str(), "exit", &n.to_string()].map(str::to_owned);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        pids.push(bench.start(&name, 1, &words).await);
    }
    let begun = tokio::time::Instant::now();
    for n in 0..SERVICES {
        kill(bench.shim(&format!("s{n}.0")), Signal::KILL);
    }
    for _ in 0..SERVICES {
        assert!(matches!(bench.next().await, Happened::ShimLost { .. }));
    }
    eprintln!("{SERVICES} lost shims told within {:?}", begun.elapsed());
    assert!(pids.iter().all(|pid| lives(*pid)));
    fs::write(&go, "").unwrap();
    for _ in 0..SERVICES {
        let Happened::Exited {
            instance, status, ..
        } = bench.next().await
        else {
            panic!("each ends")
        };
        let own = instance.service.to_string();
        let code = ExitStatus::Code(own[1..].parse().unwrap());
        assert!(
            [code, ExitStatus::Unknown].contains(&status),
            "{own}: {status:?}"
        );
    }
    bench.nothing_left().await;
}

/// Not a test of its own: the engine that the next one kills.
#[tokio::test(flavor = "multi_thread")]
async fn engine_to_be_killed() {
    let Some(home) = std::env::var_os("AZORA_TEST_ENGINE") else {
        return;
    };
    let layout = driver::Layout::new(home);
    let (events, mut heard) = tokio::sync::mpsc::channel(8);
    let driver =
        driver::ProcessDriver::open(layout, testkit::program("azora-shim"), events).unwrap();
    let puppet = testkit::program("puppet").to_string_lossy().into_owned();
    driver.start(driver::Launch {
        cluster: common::cluster(),
        instance: instance("a.0"),
        generation: Generation(1),
        argv: vec![puppet, "tick".into(), "1".into()],
        cwd: "/".into(),
        env: Default::default(),
        secrets: Default::default(),
        origins: Default::default(),
        user: None,
        ports: Vec::new(),
        listen: Vec::new(),
        tty: false,
        notify: false,
        limits: spec::Limits::default(),
        log_keep: None,
    });
    assert!(matches!(heard.recv().await, Some(Happened::Started { .. })));
    std::future::pending::<()>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_of_the_engine_costs_nothing() {
    let home = testkit::Home::new();
    let mut engine = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "engine_to_be_killed", "--nocapture"])
        .env("AZORA_TEST_ENGINE", home.path())
        .stdout(std::process::Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    let log = driver::Layout::new(home.path()).log(&common::cluster(), &instance("a.0"));
    let lines = || fs::read_to_string(&log).unwrap_or_default().lines().count();
    assert!(testkit::eventually_async(LONG, || lines() > 5).await);
    engine.kill().unwrap();
    engine.wait().unwrap();
    let seen = lines();
    assert!(testkit::eventually_async(LONG, || lines() > seen + 10).await);
    let mut bench = Bench::on(home);
    let cluster = bench.cluster.clone();
    let adopted = bench.driver.adopt(&cluster).await;
    assert!(
        matches!(
            adopted.as_slice(),
            [Found {
                outcome: Ok(_),
                shim_lost: false,
                ..
            }]
        ),
        "{adopted:?}"
    );
    bench.stop("a.0", 1, LONG);
    assert_eq!(bench.exited().await, ExitStatus::Signal(15));
    for (at, line) in bench.log("a.0").lines().enumerate() {
        assert_eq!(line, format!("line {}", at + 1));
    }
    bench.nothing_left().await;
}

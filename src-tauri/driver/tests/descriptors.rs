//! Too few descriptors to look: nobody is taken for gone because of it.
//!
//! The limit holds for the whole process, so these tests take turns; and they are the only ones
//! here.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each test file uses its part")]
mod common;

use common::{Bench, LONG, instance, kill, lives};
use driver::{
    ExecLaunch, ExecOutcome, Happened, HookLaunch, Launch, Listen, NotRun, PortWish, emergency,
    survivors,
};
use model::{ExitStatus, Generation};
use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use std::fs::{self, File};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Runtime;

static TURN: Mutex<()> = Mutex::new(());

/// A runtime takes descriptors itself: it is made when the one before has given back what it took.
fn alone(test: impl Future<Output = ()>) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    Runtime::new().unwrap().block_on(test);
}

/// No descriptor can be had until this is dropped.
struct Scarce {
    before: Rlimit,
    _taken: Vec<File>,
}

impl Scarce {
    /// Not one of a number that is free: what others give back does not help either.
    fn none() -> Scarce {
        Scarce::at(0)
    }

    /// All that there are are in use; who has some in reserve can use those.
    fn all_used() -> Scarce {
        let mut scarce = Scarce::at(256);
        while let Ok(file) = File::open("/dev/null") {
            scarce._taken.push(file);
        }
        assert!(none_left());
        scarce
    }

    fn at(limit: u64) -> Scarce {
        let before = getrlimit(Resource::Nofile);
        let low = Rlimit {
            current: Some(limit),
            maximum: before.maximum,
        };
        setrlimit(Resource::Nofile, low).unwrap();
        Scarce {
            before,
            _taken: Vec::new(),
        }
    }
}

impl Drop for Scarce {
    fn drop(&mut self) {
        setrlimit(Resource::Nofile, self.before).unwrap();
    }
}

fn none_left() -> bool {
    File::open("/dev/null").is_err()
}

#[test]
fn who_cannot_be_looked_at_is_not_gone() {
    alone(async {
        let mut bench = Bench::new();
        let pid = bench.start("a.0", 1, &["hang"]).await;
        let scarce = Scarce::none();
        let (found, preview) = (
            survivors::find(&bench.layout, None),
            emergency::preview(&bench.layout),
        );
        drop(scarce);
        assert!(found.is_err() && preview.is_err(), "{found:?} {preview:?}");
        let found = survivors::find(&bench.layout, None).unwrap();
        assert_eq!(found.iter().map(|one| one.pid).collect::<Vec<_>>(), [pid]);
    });
}

/// The shim says that nothing is left; whether that is so cannot be seen.
#[test]
fn a_stop_ends_when_it_was_seen_that_nothing_is_left() {
    alone(async {
        let mut bench = Bench::new();
        let words = ["session", "print", "up", "hang"];
        bench.start("a.0", 1, &words).await;
        bench.said("a.0", "up").await;
        let stray: u32 = bench.said("a.0", "session").await.parse().unwrap();
        let scarce = Scarce::none();
        bench.stop("a.0", 1, Duration::ZERO);
        let blocked = loop {
            match bench.next().await {
                Happened::StopBlocked { blocker, .. } => break blocker,
                Happened::StopGoesOn { .. } => {}
                other => panic!("nobody knows that yet: {other:?}"),
            }
        };
        assert!(blocked.contains("cannot be looked at"), "{blocked}");
        drop(scarce);
        bench.exited().await;
        assert!(!lives(stray));
        bench.nothing_left().await;
    });
}

/// Without its shim it is known by looking only.
#[test]
fn a_stop_without_a_shim_waits_until_it_can_look() {
    alone(async {
        let mut bench = Bench::new();
        let pid = bench.start("a.0", 1, &["ignore-term", "hang"]).await;
        common::kill(bench.shim("a.0"), rustix::process::Signal::KILL);
        assert!(matches!(bench.next().await, Happened::ShimLost { .. }));
        let scarce = Scarce::none();
        bench.stop("a.0", 1, Duration::ZERO);
        match bench.next().await {
            Happened::StopBlocked { blocker, .. } => {
                assert!(blocker.contains("cannot be looked at"))
            }
            // Its control group was enough to kill it, not to know that.
            other => panic!("nobody knows that yet: {other:?}"),
        }
        drop(scarce);
        bench.exited().await;
        assert!(!lives(pid));
        bench.nothing_left().await;
    });
}

#[test]
fn an_emergency_stop_that_cannot_look_does_not_say_that_nothing_is_left() {
    alone(async {
        let mut bench = Bench::new();
        let pid = bench.start("a.0", 1, &["ignore-term", "hang"]).await;
        let scarce = Scarce::none();
        let report = emergency::stop(&bench.layout, "test", "test");
        drop(scarce);
        assert!(report.unseen.is_some(), "{report:?}");
        assert!(lives(pid));
        let report = emergency::stop(&bench.layout, "test", "test");
        assert_eq!((report.left, report.unseen), (vec![], None));
        assert!(!lives(pid));
        bench.nothing_left().await;
    });
}

/// What an engine keeps in reserve is enough for all of it.
#[test]
fn with_every_descriptor_in_use_everything_is_ended_all_the_same() {
    alone(async {
        let mut bench = Bench::new();
        let mut pids = Vec::new();
        for name in ["a.0", "a.1", "a.2"] {
            let words = ["ignore-term", "session", "print", "up", "hang"];
            pids.push(bench.start(name, 1, &words).await);
            bench.said(name, "up").await;
            pids.push(bench.said(name, "session").await.parse().unwrap());
        }
        let scarce = Scarce::all_used();
        let found = survivors::find(&bench.layout, None);
        let report = emergency::stop(&bench.layout, "test", "test");
        drop(scarce);
        assert!(found.unwrap().len() >= pids.len());
        assert_eq!((report.left, report.unseen), (vec![], None));
        assert!(pids.iter().all(|pid| !lives(*pid)));
        bench.nothing_left().await;
    });
}

/// An engine comes, cannot look, and starts nothing a second time.
#[test]
fn what_runs_is_adopted_when_it_can_be_looked_at() {
    alone(async {
        let mut bench = Bench::new();
        let pid = bench.start("a.0", 1, &["hang"]).await;
        let mut bench = bench.reborn();
        let (driver, cluster) = (bench.driver.clone(), bench.cluster.clone());
        let scarce = Scarce::none();
        bench.driver.start(bench.launch("a.0", 2, &["hang"]));
        let mut adopting = std::pin::pin!(driver.adopt(&cluster));
        // As long as it lasts, nothing is said of it.
        let early = tokio::time::timeout(Duration::from_millis(300), &mut adopting).await;
        assert!(early.is_err(), "{early:?}");
        assert!(bench.events.try_recv().is_err());
        drop(scarce);
        let found = adopting.await;
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].outcome, Ok(pid));
        let (error, retry) = bench.failed().await;
        assert!(retry && error.starts_with("it already runs"), "{error}");
        assert!(!bench.driver.tree(&cluster, &instance("a.0")).is_empty());
        bench.stop("a.0", 1, Duration::from_secs(5));
        assert_eq!(bench.exited().await, ExitStatus::Signal(15));
        assert!(testkit::eventually_async(LONG, || !lives(pid)).await);
    });
}

/// This process has the listening socket of a port.
fn holds(port: u16) -> bool {
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    let local = format!(":{port:04X} 00000000:0000 0A");
    let line = table.lines().find(|line| line.contains(&local));
    let inode = line.and_then(|line| line.split_whitespace().nth(9));
    inode.is_some_and(|inode| links().contains(&format!("socket:[{inode}]")))
}

/// What this process's descriptors are.
fn links() -> Vec<String> {
    let open = fs::read_dir("/proc/self/fd").unwrap().flatten();
    let link = |fd: fs::DirEntry| fs::read_link(fd.path()).ok();
    open.filter_map(link)
        .map(|link| link.to_string_lossy().into_owned())
        .collect()
}

fn sockets() -> usize {
    let links = links().into_iter();
    links.filter(|link| link.starts_with("socket:")).count()
}

/// The kernel drops a socket that is passed when there is no number for it. The shim has it still.
#[test]
fn a_socket_that_there_was_no_descriptor_for_is_asked_for_again() {
    alone(async {
        let mut bench = Bench::new();
        let wish = PortWish {
            cluster: bench.cluster.clone(),
            instance: instance("web.0"),
            preferred: 0,
            exact: false,
        };
        let port = bench.driver.grant_ports(&[wish]).unwrap()[0].port;
        let launch = Launch {
            listen: vec![Listen { name: "own", port }],
            ..bench.launch("web.0", 1, &["hang"])
        };
        bench.driver.start(launch);
        let pid = bench.started().await;
        let shim = bench.shim("web.0");
        bench.driver.close().await;
        let bench = bench.reborn();
        assert!(testkit::eventually_async(LONG, || !holds(port)).await);
        // It does not greet before there is no descriptor any more.
        kill(shim, Signal::STOP);
        let (driver, cluster, before) = (bench.driver.clone(), bench.cluster.clone(), sockets());
        let mut adopting = tokio::task::JoinSet::new();
        adopting.spawn(async move { driver.adopt(&cluster).await });
        assert!(testkit::eventually_async(LONG, || sockets() > before).await);
        let scarce = Scarce::none();
        kill(shim, Signal::CONT);
        // It greets meanwhile, or the driver does not wait for it any longer: either way without a socket.
        let early = tokio::time::timeout(Duration::from_millis(300), adopting.join_next()).await;
        assert!(early.is_err(), "{early:?}");
        drop(scarce);
        let found = adopting.join_next().await.unwrap().unwrap();
        assert_eq!(found[0].outcome, Ok(pid));
        assert!(testkit::eventually_async(LONG, || holds(port)).await);
    });
}

/// A hook and a secret's command that there is no descriptor for have not failed.
#[test]
fn what_precedes_a_start_has_not_failed_for_want_of_descriptors() {
    alone(async {
        let bench = Bench::new();
        let exec = |words: &[&str]| {
            let launch = bench.launch("a.0", 1, words);
            ExecLaunch {
                argv: launch.argv,
                cwd: launch.cwd,
                env: launch.env,
                user: None,
            }
        };
        let hook = || HookLaunch {
            cluster: bench.cluster.clone(),
            instance: instance("a.0"),
            generation: Generation(1),
            name: "before_start",
            exec: exec(&["print", "done"]),
            limits: spec::Limits::default(),
            timeout: LONG,
        };
        // So that there is an earlier one to be looked for.
        bench.driver.hook(hook()).await.unwrap();
        let scarce = Scarce::none();
        let ran = bench.driver.hook(hook()).await;
        let captured = bench.driver.capture(exec(&["print", "secret"]), LONG).await;
        drop(scarce);
        let Err(NotRun::Short(why)) = ran else {
            panic!("{ran:?}")
        };
        assert!(why.contains("no file descriptors left"), "{why}");
        let Err(ExecOutcome::Short(why)) = captured else {
            panic!("it could not be run")
        };
        assert!(why.contains("no file descriptors left"), "{why}");
        bench.driver.hook(hook()).await.unwrap();
    });
}

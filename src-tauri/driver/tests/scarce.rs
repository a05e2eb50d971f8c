//! A shim that is short of descriptors itself: it keeps nothing that it cannot keep, and waits for the
//! rest.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each test file uses its part")]
mod common;

use common::{Bench, LONG, instance, kill};
use driver::{Happened, Layout, ProcessDriver};
use model::ExitStatus;
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, prlimit};
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use tokio::sync::mpsc;

/// Sets how many descriptors a process may have.
fn descriptors(pid: u32, most: u64) {
    let limit = Rlimit {
        current: Some(most),
        // It has inherited that.
        maximum: getrlimit(Resource::Nofile).maximum,
    };
    // It may have ended.
    let _ = prlimit(Pid::from_raw(pid as i32), Resource::Nofile, limit);
}

/// How often a process has gone to sleep.
fn sleeps(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    line.unwrap().trim().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_there_is_no_descriptor_for_is_waited_for_asleep() {
    let mut bench = Bench::new();
    bench.start("a.0", 1, &["hang"]).await;
    let shim = bench.shim("a.0");
    // It has more, and waits for fewer at once.
    descriptors(shim, 9);
    let folder = bench.layout.run(&bench.cluster, &instance("a.0"));
    let stream = UnixStream::connect(folder.join(shim::SOCKET)).unwrap();
    let before = sleeps(shim);
    let slept = || sleeps(shim) > before + 20;
    assert!(testkit::eventually_async(LONG, slept).await, "it spins");
    descriptors(shim, 1024);
    stream.set_read_timeout(Some(LONG)).unwrap();
    let mut greeting = String::new();
    BufReader::new(stream).read_line(&mut greeting).unwrap();
    assert!(greeting.starts_with("shim 1 "), "{greeting}");
}

fn shims(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "azora-shim\n")
}

/// A driver whose shims may have as many descriptors as a file beside it says.
fn limited() -> (Bench, std::path::PathBuf) {
    let home = testkit::Home::new();
    let (program, limit) = (home.path().join("limited-shim"), home.path().join("limit"));
    let script = format!(
        "#!/bin/sh\nulimit -S -n \"$(cat '{}')\"\nexec '{}' \"$@\"\n",
        limit.display(),
        testkit::program("azora-shim").display()
    );
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    let layout = Layout::new(home.path());
    let (events, heard) = mpsc::channel(64);
    let bench = Bench {
        driver: ProcessDriver::open(layout.clone(), program, events).unwrap(),
        events: heard,
        layout,
        cluster: common::cluster(),
        home,
    };
    (bench, limit)
}

/// Whatever it was short of at its start: once there is enough, a service starts and its end is seen.
#[tokio::test(flavor = "multi_thread")]
async fn a_shim_that_was_short_of_descriptors_at_its_start_keeps_all_or_nothing() {
    let (mut bench, limit) = limited();
    let mut refused = 0;
    for most in 4..=16 {
        let name = format!("a.{most}");
        let mut generation = 1;
        fs::write(&limit, most.to_string()).unwrap();
        bench.driver.start(bench.launch(&name, 1, &["hang"]));
        let pid = loop {
            let happened = bench.next().await;
            // There is enough from here on, also for a shim that waits to be told to start again.
            fs::write(&limit, "1024").unwrap();
            let limited = bench.home.processes().into_iter().filter(|pid| shims(*pid));
            limited.for_each(|pid| descriptors(pid, 1024));
            match happened {
                Happened::Started { pid, .. } => break pid,
                Happened::StartFailed { retry: true, .. } | Happened::StartDelayed { .. } => {
                    refused += 1;
                    generation += 1;
                    let again = bench.launch(&name, generation, &["hang"]);
                    bench.driver.start(again);
                }
                other => panic!("{most}: {other:?}"),
            }
        };
        kill(pid, Signal::KILL);
        assert_eq!(bench.exited().await, ExitStatus::Signal(9), "{most}");
    }
    assert!(refused > 0, "none was short of any");
}

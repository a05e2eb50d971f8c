//! The floor: what the machine needs when nobody supervises anything.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tests::{PATIENCE, http, process};

/// What the same acts cost without a supervisor.
pub(crate) struct Floor {
    /// All started at once, until each answers.
    pub(crate) up: Duration,
    /// One killed, waited for, started again, until it answers.
    pub(crate) recoveries: Vec<Duration>,
    /// All killed, until each is gone.
    pub(crate) stop: Duration,
    /// Mean memory of one.
    pub(crate) organ_pss: u64,
}

/// Starts `count` organs by a loop, kills some, stops all.
pub(crate) fn measure(organ: &Path, count: usize, kills: usize) -> Floor {
    let ports = free_ports(count);
    let begun = Instant::now();
    let mut organs: Vec<Child> = ports.iter().map(|port| start(organ, *port)).collect();
    for (port, child) in ports.iter().zip(&organs) {
        answered(*port, child.id());
    }
    let up = begun.elapsed();
    let pss: Vec<u64> = organs
        .iter()
        .filter_map(|child| process::memory_kb(child.id()))
        .map(|kb| kb.0)
        .collect();

    let recoveries = (0..kills.min(count))
        .map(|n| {
            let begun = Instant::now();
            let _ = organs[n].kill();
            let _ = organs[n].wait();
            organs[n] = start(organ, ports[n]);
            answered(ports[n], organs[n].id());
            begun.elapsed()
        })
        .collect();

    let begun = Instant::now();
    for child in &mut organs {
        let _ = child.kill();
    }
    for child in &mut organs {
        let _ = child.wait();
    }
    let stop = begun.elapsed();
    Floor {
        up,
        recoveries,
        stop,
        organ_pss: pss.iter().sum::<u64>() / pss.len().max(1) as u64,
    }
}

fn start(organ: &Path, port: u16) -> Child {
    Command::new(organ)
        .args(["--name", "floor", "--port", &port.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("failed to start {}: {error}", organ.display()))
}

fn answered(port: u16, pid: u32) {
    assert!(
        testkit::eventually(PATIENCE, || http::health_pid(port) == Some(pid)),
        "no answer on {port}"
    );
}

/// Ports nobody has at the moment, all different: they are held together before they are let go.
fn free_ports(count: usize) -> Vec<u16> {
    let held: Vec<TcpListener> = (0..count)
        .map(|_| TcpListener::bind(("127.0.0.1", 0)).expect("a port is free"))
        .collect();
    held.iter()
        .map(|listener| listener.local_addr().expect("it is bound").port())
        .collect()
}

/// Lets time pass: watching an idle engine is the measurement.
pub(crate) fn pass(time: Duration) {
    let _ = testkit::eventually(time, || {
        std::thread::park_timeout(Duration::from_millis(200));
        false
    });
}

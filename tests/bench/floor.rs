//! The floor: what the machine needs when nobody supervises anything.

use crate::stage::{Job, eventually};
use std::path::{Path, PathBuf};
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
    let jobs = crate::stage::jobs(&[count]);
    let begun = Instant::now();
    let mut organs = Loop::begin(organ, &jobs);
    for (job, child) in jobs.iter().zip(&organs.children) {
        answered(job.port, child.id());
    }
    let up = begun.elapsed();
    let pss: Vec<u64> = organs
        .children
        .iter()
        .filter_map(|child| process::memory_kb(child.id()))
        .map(|kb| kb.0)
        .collect();

    let recoveries = (0..kills.min(count))
        .map(|at| {
            let begun = Instant::now();
            let _ = organs.children[at].kill();
            organs.again(at);
            answered(jobs[at].port, organs.children[at].id());
            begun.elapsed()
        })
        .collect();

    let begun = Instant::now();
    organs.end();
    let stop = begun.elapsed();
    Floor {
        up,
        recoveries,
        stop,
        organ_pss: pss.iter().sum::<u64>() / pss.len().max(1) as u64,
    }
}

/// A loop that starts organs, and starts one again when it is told that it has died.
pub(crate) struct Loop {
    organ: PathBuf,
    ports: Vec<u16>,
    children: Vec<Child>,
}

impl Loop {
    /// Starts them, each when all it needs answer.
    pub(crate) fn begin(organ: &Path, jobs: &[Job]) -> Loop {
        let mut children = Vec::with_capacity(jobs.len());
        let mut answering = 0;
        let mut layer: &[String] = &[];
        for (at, job) in jobs.iter().enumerate() {
            // Jobs come layer by layer, so all before the first of a layer are below it.
            if job.needs != layer {
                layer = &job.needs;
                for below in &jobs[answering..at] {
                    let up = eventually(PATIENCE, || http::health_pid(below.port).is_some());
                    assert!(up, "no answer on {}", below.port);
                }
                answering = at;
            }
            children.push(start(organ, job.port));
        }
        Loop {
            organ: organ.to_owned(),
            ports: jobs.iter().map(|job| job.port).collect(),
            children,
        }
    }

    /// This one has been killed: waits for its end and starts it again.
    pub(crate) fn again(&mut self, at: usize) {
        let _ = self.children[at].wait();
        self.children[at] = start(&self.organ, self.ports[at]);
    }

    /// Ends them all.
    pub(crate) fn end(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
        }
        for child in &mut self.children {
            let _ = child.wait();
        }
        self.children.clear();
    }
}

/// The bare kill loop: so many processes that do nothing, each killed, each waited for.
pub(crate) fn kill_loop(puppet: &Path, count: usize) -> Duration {
    let start = || {
        Command::new(puppet)
            .arg("hang")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("failed to start {}: {error}", puppet.display()))
    };
    let mut all: Vec<Child> = (0..count).map(|_| start()).collect();
    let begun = Instant::now();
    for child in &mut all {
        let _ = child.kill();
    }
    for child in &mut all {
        let _ = child.wait();
    }
    begun.elapsed()
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
        eventually(PATIENCE, || http::health_pid(port) == Some(pid)),
        "no answer on {port}"
    );
}

/// Lets time pass: watching an idle engine is the measurement.
pub(crate) fn pass(time: Duration) {
    let _ = testkit::eventually(time, || {
        std::thread::park_timeout(Duration::from_millis(200));
        false
    });
}

//! Too few descriptors or processes for what is to be started all at once.

use super::bound::{Bound, By};
use super::{Report, Run};
use crate::{Azora, Folder, Instance, PATIENCE, process};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// What runs out besides the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Few {
    /// Descriptors: the engine may have so few that not every service can be watched.
    Descriptors,
    /// Processes: as many as the engine and its services may be.
    Processes(By),
}

/// Descriptors that the engine may have: enough for some of [`MANY`] services.
const DESCRIPTORS: u32 = 192;
/// Services that are started all at once.
const MANY: usize = 60;
/// Processes that there may be more than there are, when [`MANY`] are to be started.
const A_FEW: u64 = 12;

/// Runs out of descriptors or processes so many times.
///
/// # Errors
/// Why it cannot be tried here.
///
/// # Panics
/// When the cluster does not come up in the first place.
pub fn few(azora: &Azora, few: Few, cycles: usize) -> Result<Report, String> {
    let folder = Folder::empty();
    let steady = "[cluster]\nname = \"few\"\n[cluster.defaults]\nstop = { grace = \"2s\" }\n\
        [service.web]\nrun = \"organ --name web --port $PORT\"\nport = 0\n\
        health = { http = \"/health\", every = \"500ms\", timeout = \"5s\", fail = 3 }\n\
        [service.asked]\nrun = \"puppet hang\"\n\
        health = { exec = \"true\", every = \"500ms\", timeout = \"5s\", fail = 3 }\n\
        [service.victim]\nrun = \"puppet hang\"\n\
        [service.many]\nrun = \"puppet hang\"\nreplicas = 1\n";
    folder.define(steady);
    let mut bound = match few {
        Few::Processes(by) => Some(Bound::new(by)?),
        Few::Descriptors => None,
    };
    let (held, first) = match &bound {
        Some(bound) => (bound.held(azora)?, bound.first()),
        None => (None, format!("ulimit -n {DESCRIPTORS}")),
    };
    let azora = held.as_ref().unwrap_or(azora);
    let mut run = Run::begin(azora, &folder, Some(&first));
    run.steady.retain(|name, _| !name.starts_with("many"));
    for _ in 0..cycles {
        run.run_out(bound.as_mut());
        run.cycle_over();
    }
    run.check();
    run.end();
    drop(run.engine.take());
    let report = run.report.clone();
    drop(run);
    Ok(report)
}

impl Run<'_> {
    fn run_out(&mut self, mut bound: Option<&mut Bound>) {
        let cycle = self.report.cycles;
        if let Some(bound) = &mut bound {
            bound.leave(A_FEW);
        }
        let all = format!("many={MANY}");
        // Not waited for: not all of them can come up.
        let mut scale = self
            .azora
            .command(self.folder.path(), &["scale", &all])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("azora can be run");
        let mut delayed = 0;
        let short = testkit::eventually(PATIENCE, || {
            let now = self.instances();
            let waits = |one: &&Instance| one.reason.contains("start delayed");
            delayed = now.values().filter(waits).count();
            delayed > 0
        });
        if !short {
            let now = self.instances();
            self.fault(format!("nothing ran out: {now:#?}"));
        }
        self.report.put_off += delayed;
        let before = cpu(self.engine_pid());
        let begun = Instant::now();
        self.look();
        let (stop, took) = self.order(&["stop", "victim"], &format!("stop {cycle}"));
        self.report.stop.push(took);
        if stop.code != 0 {
            self.fault(format!("stop: {stop:?}"));
        }
        // Probes that cannot be asked are no verdict.
        while begun.elapsed() < Duration::from_secs(3) {
            self.look();
            let now = self.instances();
            for name in ["web.0", "asked.0"] {
                let ok = now.get(name).is_some_and(Instance::serves);
                if !ok {
                    self.fault(format!("{name}: {:?}", now.get(name)));
                }
            }
        }
        let used = cpu(self.engine_pid()).saturating_sub(before);
        if used > begun.elapsed() / 2 {
            self.fault(format!("the engine used {used:?} in {:?}", begun.elapsed()));
        }
        let quarantined = |one: &&Instance| one.state == "quarantined";
        let lost: Vec<Instance> = self
            .instances()
            .into_values()
            .filter(|one| quarantined(&one))
            .collect();
        if !lost.is_empty() {
            self.fault(format!("given up for want of room: {lost:?}"));
        }
        // There is room again: fewer are wanted, or more may be.
        let begun = Instant::now();
        if let Some(bound) = bound {
            bound.free();
            let well = testkit::eventually(PATIENCE, || {
                let now = self.instances();
                now.values()
                    .filter(|one| one.name != "victim.0")
                    .all(Instance::serves)
            });
            if !well {
                let now = self.instances();
                self.fault(format!("it did not recover: {now:#?}"));
            }
        }
        let (fewer, _) = self.order(&["scale", "many=1"], &format!("fewer {cycle}"));
        let (start, _) = self.order(&["start", "victim"], &format!("again {cycle}"));
        if fewer.code != 0 || start.code != 0 {
            self.fault(format!("with room again: {fewer:?} {start:?}"));
        }
        self.report.recovery.push(begun.elapsed());
        let _ = scale.wait();
    }
}

/// Processor time a process has used.
fn cpu(pid: u32) -> Duration {
    Duration::from_millis(process::cpu_ticks(pid).unwrap_or(0) * 10)
}

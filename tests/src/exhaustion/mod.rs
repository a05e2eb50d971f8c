//! An engine on a machine that has run out of something: room on the disk, descriptors, processes.
//! It is filled up, steered, freed, and has to recover by itself; what runs must not notice.

mod bound;
mod disk;
mod few;

pub use bound::By;
pub use disk::disk;
pub use few::{Few, few};

use crate::{Azora, Done, Folder, Instance, PATIENCE, process};
use rustix::process::Signal;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Times it was filled and freed.
    pub cycles: usize,
    /// What must not be.
    pub faults: Vec<String>,
    /// How long `ps` took while it was full.
    pub ps: Vec<Duration>,
    /// The same of stopping a service.
    pub stop: Vec<Duration>,
    /// From making room until all was as before.
    pub recovery: Vec<Duration>,
    /// Starts that were refused, or delayed.
    pub put_off: usize,
    /// Starts that went well although it was full.
    pub started: usize,
    /// Services that were killed while it was full, and came back before there was room.
    pub healed: usize,
    /// Engines that were killed while it was full.
    pub engine_kills: usize,
    /// Acts that were said to be done, each of which has to be in the book once.
    pub acts: usize,
}

struct Run<'a> {
    azora: &'a Azora,
    folder: &'a Folder,
    engine: Option<Child>,
    /// What the engine says of itself; it lies where there is room.
    told: tempfile::NamedTempFile,
    report: Report,
    steady: BTreeMap<String, u32>,
    /// The reasons of acts that were acknowledged.
    said: BTreeSet<String>,
    /// Looks that were taken before this cycle.
    looks: usize,
}

impl<'a> Run<'a> {
    /// Brings the cluster up; `limit` is what a shell does before it becomes the engine.
    fn begin(azora: &'a Azora, folder: &'a Folder, limit: Option<&str>) -> Self {
        let mut run = Self {
            azora,
            folder,
            engine: None,
            told: tempfile::NamedTempFile::new().expect("scratch"),
            report: Report::default(),
            steady: BTreeMap::new(),
            said: BTreeSet::new(),
            looks: 0,
        };
        run.serve(limit);
        azora.up(folder.path());
        let all = azora.instances(folder.path());
        let moving = ["victim.0", "crash.0"];
        run.steady = all
            .into_iter()
            .filter(|(name, _)| !moving.contains(&name.as_str()))
            .map(|(name, instance)| (name, instance.pid))
            .collect();
        run
    }

    fn serve(&mut self, limit: Option<&str>) {
        let first = limit.unwrap_or("true");
        let mut command = self.azora.serve_after(self.folder.path(), first);
        let told = self.told.reopen().expect("scratch");
        told.set_len(0).expect("scratch");
        command.stdout(Stdio::null()).stderr(told);
        let engine = command.spawn().expect("azora can be run");
        let pid = engine.id();
        self.engine = Some(engine);
        // `status` answers without an engine, too.
        let there = testkit::eventually(PATIENCE, || {
            let status = self.azora.run(self.folder.path(), &["status", "--json"]);
            let status: serde_json::Value = serde_json::from_str(&status.out).unwrap_or_default();
            status["engine"]["pid"] == pid
        });
        if !there {
            let told = std::fs::read_to_string(self.told.path()).unwrap_or_default();
            let lives = self.engine.as_mut().map(Child::try_wait);
            let story = self.azora.story();
            self.fault(format!("no engine came up ({lives:?}): {told}\n{story}"));
        }
    }

    fn fault(&mut self, what: String) {
        let cycle = self.report.cycles;
        // At once: what comes of it may end the test before its report.
        eprintln!("cycle {cycle}: {what}");
        self.report.faults.push(format!("cycle {cycle}: {what}"));
    }

    /// Counts a cycle, and says what it has shown: of a run that is cut off, so much is known.
    fn cycle_over(&mut self) {
        let longest = |times: &[Duration]| times.iter().max().copied().unwrap_or_default();
        let looks = self.report.ps.get(self.looks..).unwrap_or_default();
        eprintln!(
            "cycle {}: ps {:.0?} at most of {}, stop {:.0?}, well again after {:.1?}; \
             so far {} put off, {} healed, {} engines killed, {} acts, {} faults",
            self.report.cycles,
            longest(looks),
            looks.len(),
            self.report.stop.last().copied().unwrap_or_default(),
            self.report.recovery.last().copied().unwrap_or_default(),
            self.report.put_off,
            self.report.healed,
            self.report.engine_kills,
            self.said.len(),
            self.report.faults.len(),
        );
        self.looks = self.report.ps.len();
        self.report.cycles += 1;
    }

    fn look(&mut self) {
        let begun = Instant::now();
        let ps = self.azora.run(self.folder.path(), &["ps", "--json"]);
        self.report.ps.push(begun.elapsed());
        if ps.code != 0 {
            self.fault(format!("ps: {ps:?}"));
        }
        self.steady_live();
    }

    /// Orders something; what is acknowledged has to be in the book.
    fn order(&mut self, words: &[&str], why: &str) -> (Done, Duration) {
        let begun = Instant::now();
        let words = [words, &["--reason", why]].concat();
        let done = self.azora.run(self.folder.path(), &words);
        if done.code == 0 {
            self.said.insert(why.to_owned());
        }
        (done, begun.elapsed())
    }

    fn instances(&self) -> BTreeMap<String, Instance> {
        self.azora.instances(self.folder.path())
    }

    fn steady_live(&mut self) {
        let dead: Vec<String> = self
            .steady
            .iter()
            .filter(|(_, pid)| !process::lives(**pid))
            .map(|(name, pid)| format!("{name} ({pid})"))
            .collect();
        if !dead.is_empty() {
            self.fault(format!("ended: {dead:?}"));
            self.steady.retain(|_, pid| process::lives(*pid));
        }
    }

    /// Copies what the engine has on disk at one moment, and looks whether it is sound.
    fn check(&mut self) {
        self.steady_live();
        let now = self.instances();
        for (name, pid) in self.steady.clone() {
            if now.get(&name).is_none_or(|one| one.pid != pid) {
                self.fault(format!(
                    "{name} is not {pid} any more: {:?}",
                    now.get(&name)
                ));
            }
        }
        let copy = tempfile::tempdir().expect("scratch");
        let engine = self.engine_pid();
        // What lies on disk while it stands still is what a crash would leave.
        process::try_signal(engine, Signal::STOP);
        crate::until("the engine to stand still", || {
            (process::state(engine) == Some('T')).then_some(())
        });
        let copied = copy_databases(self.azora.home().path(), copy.path());
        process::try_signal(engine, Signal::CONT);
        if let Err(error) = copied {
            return self.fault(format!("the databases cannot be copied: {error}"));
        }
        let acts = match testkit::databases(copy.path()) {
            Ok(acts) => acts,
            Err(error) => return self.fault(format!("a database is not sound: {error}")),
        };
        let mut times: BTreeMap<&str, usize> = BTreeMap::new();
        for act in &acts {
            *times.entry(&act.reason).or_default() += 1;
        }
        let wrong: Vec<String> = self
            .said
            .iter()
            .filter(|why| times.get(why.as_str()) != Some(&1))
            .map(|why| format!("{why}: {:?}", times.get(why.as_str())))
            .collect();
        if !wrong.is_empty() {
            self.fault(format!("acts that are not in the book once: {wrong:?}"));
        }
        self.report.acts = self.said.len();
    }

    fn engine_pid(&self) -> u32 {
        self.azora.engine()
    }

    fn kill_engine(&mut self) {
        if let Some(mut engine) = self.engine.take() {
            let _ = engine.kill();
            let _ = engine.wait();
        }
    }

    fn end(&mut self) {
        self.azora.run(self.folder.path(), &["down"]);
        self.kill_engine();
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        self.kill_engine();
    }
}

fn copy_databases(home: &Path, to: &Path) -> std::io::Result<()> {
    for name in [
        "state.db",
        "state.db-wal",
        "history.db",
        "history.db-wal",
        "spare",
    ] {
        let from: PathBuf = home.join(name);
        if from.exists() {
            std::fs::copy(from, to.join(name))?;
        }
    }
    Ok(())
}

//! `kill -9` of the engine around acts: at each point between what was asked, its entry, the act and its outcome, and at
//! random instants. What must be true afterwards: whatever an act did has its entry from before, what was
//! acknowledged is there, every act has one outcome, and the ledger is what was signed of it, here and elsewhere.
//!
//! What acts did is not taken from the engine: the shims' records say which processes were started and ended.

use crate::dice::{Dice, pass};
use crate::mortal::{definition, name};
use crate::{Azora, Folder, PATIENCE};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Between two lines of a service, in milliseconds.
const PACE: u32 = 20;
/// Services that are ordered about.
const SERVICES: usize = 2;
/// Where an engine stands still, in the order in which an act comes by. Points of builds for debugging.
const POINTS: [&str; 6] = [
    "door.asked",
    "door.written",
    "door.begun",
    "door.ended",
    "journal.write",
    "journal.written",
];
/// What is ordered: each changes what runs, or may.
const VERBS: [&str; 3] = ["restart", "stop", "start"];

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// Kills of the engine.
    pub kills: usize,
    /// Where the dice begin.
    pub seed: u64,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Report {
    /// Times the engine was killed.
    pub kills: usize,
    /// At which point how often; "random" is at no point.
    pub at: BTreeMap<String, usize>,
    /// Orders whose outcome the person saw.
    pub acknowledged: usize,
    /// Entries of the ledger in the end.
    pub entries: u64,
    /// Starts and ends of processes that were held against it.
    pub effects: usize,
    /// What an act did without an entry that was written before.
    pub unwritten: Vec<String>,
    /// What was acknowledged and is not there.
    pub lost: Vec<String>,
    /// Acts without an outcome.
    pub open: Vec<String>,
    /// What verifying found.
    pub found: Vec<String>,
}

impl Report {
    /// Nothing that must not be.
    pub fn flawless(&self) -> bool {
        let faults = [&self.unwritten, &self.lost, &self.open, &self.found];
        faults.iter().all(|faults| faults.is_empty())
    }

    /// The same of another home.
    pub fn add(&mut self, other: Report) {
        self.kills += other.kills;
        for (at, times) in other.at {
            *self.at.entry(at).or_default() += times;
        }
        self.acknowledged += other.acknowledged;
        self.entries += other.entries;
        self.effects += other.effects;
        self.unwritten.extend(other.unwritten);
        self.lost.extend(other.lost);
        self.open.extend(other.open);
        self.found.extend(other.found);
    }
}

struct Run<'a> {
    azora: &'a Azora,
    folder: &'a Folder,
    engine: Option<Child>,
    dice: Dice,
    /// So often each order of a service was acknowledged.
    acknowledged: BTreeMap<(String, String), usize>,
    report: Report,
}

/// Does it.
///
/// # Panics
/// When the cluster does not come up in the first place.
pub fn run(azora: &Azora, wish: Wish) -> Report {
    let folder = Folder::empty();
    folder.define(&definition("entries", SERVICES, PACE, folder.path()));
    let mut run = Run {
        azora,
        folder: &folder,
        engine: None,
        dice: Dice(wish.seed),
        acknowledged: BTreeMap::new(),
        report: Report::default(),
    };
    run.engine = Some(azora.serve_until_it_listens(folder.path()));
    azora.up(folder.path());
    for kill in 0..wish.kills {
        run.once(kill);
        run.judge();
    }
    azora.run(folder.path(), &["down"]);
    run.kill_engine();
    std::mem::take(&mut run.report)
}

impl Run<'_> {
    fn kill_engine(&mut self) {
        if let Some(mut engine) = self.engine.take() {
            let _ = engine.kill();
            let _ = engine.wait();
        }
    }

    /// An order, and a kill while it is carried out. Every second one at a point, the others whenever.
    fn once(&mut self, kill: usize) {
        let service = name(self.dice.below(SERVICES as u64) as usize);
        let verb = VERBS[self.dice.below(VERBS.len() as u64) as usize];
        let point = kill
            .is_multiple_of(2)
            .then(|| POINTS[kill / 2 % POINTS.len()]);
        let mark = self.azora.home().path().join("mark");
        if let Some(point) = point {
            self.stand_at(point, &mark);
        }
        let mut order = self.order(verb, &service);
        match point {
            Some(_) => {
                // It need not come by: what runs is not started.
                let _ = testkit::eventually(PATIENCE, || {
                    mark.exists() || matches!(order.try_wait(), Ok(Some(_)))
                });
            }
            None => pass(Duration::from_millis(self.dice.below(150))),
        }
        self.report.kills += 1;
        let at = match (point, mark.exists()) {
            (Some(point), true) => point,
            (Some(_), false) => "passed by",
            (None, _) => "random",
        };
        *self.report.at.entry(at.to_owned()).or_default() += 1;
        self.kill_engine();
        let _ = std::fs::remove_file(&mark);
        if succeeded(&mut order) {
            self.report.acknowledged += 1;
            *self
                .acknowledged
                .entry((verb.to_owned(), service))
                .or_default() += 1;
        }
        let engine = self.azora.serve_until_it_listens(self.folder.path());
        self.engine = Some(engine);
    }

    /// The next engine stands still at this point, once it has adopted what runs.
    fn stand_at(&mut self, point: &str, mark: &Path) {
        self.kill_engine();
        // What an engine does by itself at its start comes by the journal's points as well.
        let nth = if point.starts_with("journal") {
            2 + self.dice.below(3)
        } else {
            1
        };
        let order = format!("stop {point} {nth} {}", mark.display());
        let mut command = self.azora.command(self.folder.path(), &["serve"]);
        command
            .env(shim::failpoint::VARIABLE, order)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let engine = command.spawn().expect("azora can be run");
        let _ = testkit::eventually(PATIENCE, || {
            self.azora.listens(engine.id()) || mark.exists()
        });
        self.engine = Some(engine);
    }

    fn order(&self, verb: &str, service: &str) -> Child {
        let mut command: Command = self.azora.command(self.folder.path(), &[verb, service]);
        command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("azora can be run")
    }

    fn judge(&mut self) {
        let path = self.folder.path();
        // Outcomes of acts that a dead engine left open are written in the background.
        let mut entries = Vec::new();
        let mut open = BTreeSet::new();
        let closed = testkit::eventually(PATIENCE, || {
            entries = self.entries();
            open = unended(&entries);
            open.is_empty()
        });
        if !closed {
            self.report
                .open
                .push(format!("acts {open:?} have no outcome"));
        }
        self.report.entries = entries.len() as u64;
        self.judge_effects(&entries);
        self.judge_acknowledged(&entries);
        let kept = self.azora.home().path().join("elsewhere");
        let mut words = vec!["ledger", "verify", "--json"];
        let folder = kept.display().to_string();
        if kept.is_dir() {
            words.extend(["--checkpoint", &folder]);
        }
        let done = self.azora.run(path, &words);
        if done.code != 0 {
            self.report.found.push(format!("{}{}", done.out, done.err));
        }
        // What is signed now has to be there after the next kill.
        let signed = self.azora.run(path, &["ledger", "checkpoint", "--json"]);
        if let Ok(value) = serde_json::from_str::<Value>(&signed.out) {
            let (size, note) = (&value["size"], value["note"].as_str().unwrap_or_default());
            let write = std::fs::create_dir_all(&kept)
                .and_then(|()| std::fs::write(kept.join(format!("{size}.checkpoint")), note));
            write.expect("the home can be written to");
        }
    }

    fn entries(&self) -> Vec<Value> {
        let mut all: Vec<Value> = Vec::new();
        loop {
            let from = (all.len() + 1).to_string();
            let words = ["ledger", "show", "--from", &from, "--limit", "5000"];
            let page = self.azora.json(self.folder.path(), &words);
            let page = page.as_array().cloned().unwrap_or_default();
            let whole = page.len() < 5_000;
            all.extend(page.into_iter().map(|mut one| one["entry"].take()));
            if whole {
                return all;
            }
        }
    }

    /// Every start and every end that an act brought about: there are at least as many acts, admitted before, that
    /// bring such about.
    fn judge_effects(&mut self, entries: &[Value]) {
        self.report.effects = 0;
        for service in (0..SERVICES).map(name) {
            let (mut starts, mut ends) = (Vec::new(), Vec::new());
            for line in self.record(&service) {
                match line {
                    shim::Line::Started { at, .. } => starts.push(at),
                    shim::Line::Exited { at, .. } => ends.push(at),
                    _ => {}
                }
            }
            let acts = |verbs: &[&str]| -> Vec<u64> {
                let admitted = entries.iter().filter(|entry| {
                    let services = entry["target"]["services"].as_array();
                    let all = services.is_none_or(Vec::is_empty);
                    let this = services.is_some_and(|all| all.iter().any(|one| *one == *service));
                    entry["verb"]
                        .as_str()
                        .is_some_and(|verb| verbs.contains(&verb))
                        && (this || all)
                });
                admitted.filter_map(|entry| entry["at"].as_u64()).collect()
            };
            let started = acts(&["up", "start", "restart", "release", "resume"]);
            let ended = acts(&["stop", "restart", "down"]);
            for (what, effects, mut acts) in [("starts", starts, started), ("ends", ends, ended)] {
                self.report.effects += effects.len();
                acts.sort_unstable();
                for (n, at) in effects.iter().enumerate() {
                    let before = acts.partition_point(|act| act <= at);
                    if before <= n {
                        self.report.unwritten.push(format!(
                            "{service} has {} {what} up to {at}, and {before} acts were admitted before",
                            n + 1
                        ));
                    }
                }
            }
        }
    }

    fn judge_acknowledged(&mut self, entries: &[Value]) {
        for ((verb, service), times) in &self.acknowledged {
            let named = |entry: &&Value| {
                let services = entry["target"]["services"].as_array();
                entry["verb"] == **verb
                    && entry["actor"]["kind"] == "person"
                    && services.is_some_and(|all| all.iter().any(|one| *one == **service))
            };
            let there = entries.iter().filter(named).count();
            if there < *times {
                let fault = format!("{verb} {service} was done {times} times, {there} are there");
                self.report.lost.push(fault);
            }
        }
    }

    fn record(&self, service: &str) -> Vec<shim::Line> {
        let root = self.azora.home().path().join("run");
        let cluster = std::fs::read_dir(root)
            .ok()
            .and_then(|mut all| all.next()?.ok());
        let path: Option<PathBuf> = cluster.map(|cluster| {
            cluster
                .path()
                .join(format!("{service}.0"))
                .join(shim::RECORD)
        });
        let text = path.and_then(|path| std::fs::read_to_string(path).ok());
        let text = text.unwrap_or_default();
        text.lines().filter_map(shim::Line::parse).collect()
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        self.kill_engine();
    }
}

/// Waits for a command of which the engine was killed; one that waits on is ended.
fn succeeded(order: &mut Child) -> bool {
    let mut status = None;
    let _ = testkit::eventually(PATIENCE, || {
        status = order.try_wait().ok().flatten();
        status.is_some()
    });
    if status.is_none() {
        let _ = order.kill();
        let _ = order.wait();
    }
    status.is_some_and(|status| status.success())
}

/// Acts that were admitted and have not ended.
fn unended(entries: &[Value]) -> BTreeSet<u64> {
    let mut open = BTreeSet::new();
    for entry in entries {
        match (
            entry["entry"].as_str(),
            entry["id"].as_u64(),
            entry["act"].as_u64(),
        ) {
            (Some("admitted"), Some(id), _) => {
                open.insert(id);
            }
            (Some("ended"), _, Some(act)) => {
                open.remove(&act);
            }
            _ => {}
        }
    }
    open
}

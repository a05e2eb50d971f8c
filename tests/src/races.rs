//! Engines and clients that are started in the same moment, for one home and one cluster: whoever wins,
//! every service is started once, one engine is left, and everybody is told something that makes sense.

use crate::dice::{Dice, pass};
use crate::{Azora, Done, Folder, PATIENCE, process};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// Races.
    pub races: usize,
    /// Services of the cluster.
    pub services: usize,
    /// Where the dice begin.
    pub seed: u64,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Report {
    /// Races.
    pub races: usize,
    /// Those after which everything had been started; in the others it was adopted.
    pub started: usize,
    /// Engines that were told that another has the home.
    pub refused: usize,
    /// Engines that took the home over from another.
    pub taken_over: usize,
    /// Services that were started twice, or lived twice at the same time.
    pub doubled: Vec<String>,
    /// Services that do not run, or were started again without need.
    pub lost: Vec<String>,
    /// Answers that make no sense.
    pub nonsense: Vec<String>,
    /// Moments at which not exactly one engine had the home.
    pub engines: Vec<String>,
    /// From the start of a race until both clients had their answer.
    pub answered: Vec<Duration>,
}

impl Report {
    /// Nothing that must not be.
    pub fn flawless(&self) -> bool {
        let faults = [&self.doubled, &self.lost, &self.nonsense, &self.engines];
        faults.iter().all(|faults| faults.is_empty())
    }
}

/// What there is when a race begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    /// No engine, and nothing runs.
    Nothing,
    /// No engine, and everything runs.
    Orphans,
    /// An engine, and nothing runs; the two that race want to take over from it.
    Idle,
    /// An engine, and everything runs; the two that race want to take over from it.
    Busy,
}

/// One start of a service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Start {
    generation: u64,
    pid: u32,
}

/// Engines, and clients, that race.
const EACH: usize = 2;

struct Run<'a> {
    azora: &'a Azora,
    folder: &'a Folder,
    services: usize,
    report: Report,
    /// The engine that won, when it is a child of this program.
    engine: Option<Child>,
}

/// Does it.
pub fn run(azora: &Azora, wish: Wish) -> Report {
    let folder = Folder::empty();
    let puppet = testkit::program("puppet");
    let mut definition = "[cluster]\nname = \"races\"\n".to_owned();
    for service in 0..wish.services {
        let name = name(service);
        let sole = folder.path().join(&name);
        definition.push_str(&format!(
            "[service.{name}]\nrun = [\"{}\", \"sole\", \"{}\", \"hang\"]\n",
            puppet.display(),
            sole.display()
        ));
    }
    folder.define(&definition);
    let mut run = Run {
        azora,
        folder: &folder,
        services: wish.services,
        report: Report::default(),
        engine: None,
    };
    let mut dice = Dice(wish.seed);
    for race in 0..wish.races {
        let before = match dice.below(4) {
            _ if race == 0 => Before::Nothing,
            0 => Before::Nothing,
            1 => Before::Orphans,
            2 => Before::Idle,
            _ => Before::Busy,
        };
        run.race(before, &mut dice);
        if !run.report.flawless() && run.report.nonsense.len() > 20 {
            break;
        }
    }
    azora.run(folder.path(), &["down"]);
    run.kill_engine();
    std::mem::take(&mut run.report)
}

fn name(service: usize) -> String {
    format!("s{service}")
}

impl Run<'_> {
    /// The home as it is to be; the newest start of each service so far.
    fn prepare(&mut self, before: Before) -> BTreeMap<String, Start> {
        let path = self.folder.path();
        if matches!(before, Before::Nothing | Before::Idle) && self.report.races > 0 {
            self.azora.ok(path, &["down"]);
        }
        if before != Before::Idle && before != Before::Busy {
            self.kill_engine();
        }
        (0..self.services)
            .map(name)
            .map(|name| {
                let newest = self.starts(&name).last().copied().unwrap_or_default();
                (name, newest)
            })
            .collect()
    }

    fn race(&mut self, before: Before, dice: &mut Dice) {
        let race = self.report.races;
        let known = self.prepare(before);
        let there = matches!(before, Before::Idle | Before::Busy);
        let words: &[&str] = match there {
            true => &["serve", "--take-over"],
            false => &["serve"],
        };
        let (azora, path) = (self.azora, self.folder.path());
        let begun = Instant::now();
        let mut engines = Vec::new();
        let mut clients = Vec::new();
        let waits: Vec<Duration> = (0..2 * EACH)
            .map(|_| Duration::from_micros(dice.below(20_000)))
            .collect();
        let up = |wait: Duration| {
            pass(wait);
            azora.run(path, &["up", ".", "--detach", "--trust"])
        };
        let serve = |wait: Duration| {
            pass(wait);
            let said = tempfile::NamedTempFile::new().expect("scratch");
            let engine = azora
                .command(path, words)
                .stdout(Stdio::null())
                .stderr(said.reopen().expect("scratch"))
                .spawn()
                .expect("azora can be run");
            (engine, said)
        };
        std::thread::scope(|scope| {
            let (ups, serves) = waits.split_at(EACH);
            let ups: Vec<_> = ups.iter().map(|wait| scope.spawn(|| up(*wait))).collect();
            let serves = serves.iter().map(|wait| scope.spawn(|| serve(*wait)));
            let serves: Vec<_> = serves.collect();
            engines.extend(serves.into_iter().map(|one| one.join().expect("no panic")));
            clients.extend(ups.into_iter().map(|one| one.join().expect("no panic")));
        });
        self.report.answered.push(begun.elapsed());
        let what = format!("race {race}, {before:?}");
        for client in &clients {
            self.judge_client(&what, client, there);
        }
        self.judge_engines(&what, engines, there);
        // Who was told that an engine gives way may have come to nothing: a person asks again.
        let again = azora.run(path, &["up", ".", "--detach", "--trust"]);
        if again.code != 0 {
            self.report
                .nonsense
                .push(format!("{what}, up after it: {again:?}"));
        }
        self.judge_services(&what, before, &known);
        self.report.races += 1;
    }

    /// Up says that it is up. While engines take over from each other it may say that its engine went.
    fn judge_client(&mut self, what: &str, client: &Done, there: bool) {
        let fine = client.code == 0 || (there && client.err.contains("engine"));
        if !fine {
            self.report.nonsense.push(format!("{what}: up {client:?}"));
        }
    }

    /// One engine is left, ours or one that a client began; each of ours that ended said why.
    fn judge_engines(
        &mut self,
        what: &str,
        engines: Vec<(Child, tempfile::NamedTempFile)>,
        there: bool,
    ) {
        let mut living = Vec::new();
        let mut engines: Vec<_> = engines
            .into_iter()
            .map(|(engine, said)| (engine, said, None))
            .collect();
        let one = testkit::eventually(PATIENCE, || {
            for (engine, _, ended) in &mut engines {
                if ended.is_none() {
                    *ended = engine.try_wait().ok().flatten();
                }
            }
            self.reap();
            living = engines_of(self.azora);
            matches!(living[..], [one] if self.azora.listens(one))
        });
        if !one {
            let fault = format!("{what}: these engines live: {living:?}");
            self.report.engines.push(fault);
        }
        for (mut engine, said, ended) in engines {
            let said = std::fs::read_to_string(said.path()).unwrap_or_default();
            let Some(status) = ended else {
                if living == [engine.id()] {
                    self.report.taken_over += usize::from(there);
                    self.engine = Some(engine);
                } else {
                    let _ = engine.kill();
                    let _ = engine.wait();
                }
                continue;
            };
            // From whom another took over ends well; who came too late says so.
            let refused = said.contains("already runs this home");
            self.report.refused += usize::from(refused);
            if !(refused || there && status.success()) {
                let fault = format!("{what}: serve {status}: {said}");
                self.report.nonsense.push(fault);
            }
        }
    }

    fn judge_services(&mut self, what: &str, before: Before, known: &BTreeMap<String, Start>) {
        let fresh = matches!(before, Before::Nothing | Before::Idle);
        self.report.started += usize::from(fresh);
        for service in 0..self.services {
            let name = name(service);
            let old = known.get(&name).copied().unwrap_or_default();
            let starts = self.starts(&name);
            let new: Vec<&Start> = starts
                .iter()
                .filter(|start| start.generation > old.generation)
                .collect();
            let double = self.folder.path().join(format!("{name}.double"));
            if std::fs::remove_file(double).is_ok() {
                let fault = format!("{what}: two of {name} lived at the same time");
                self.report.doubled.push(fault);
            }
            let wanted = usize::from(fresh);
            if new.len() > wanted {
                let fault = format!("{what}: {name} was started {new:?}, wanted {wanted}");
                self.report.doubled.push(fault);
            }
            let now = starts.last().copied().unwrap_or_default();
            if new.len() < wanted || !process::lives(now.pid) || !(fresh || now == old) {
                let fault = format!("{what}: {name} was {old:?} and is {now:?}");
                self.report.lost.push(fault);
            }
        }
    }

    /// The starts of a service that are on record, newest last.
    fn starts(&self, name: &str) -> Vec<Start> {
        let record = self.record(name);
        let text = record
            .and_then(|path| std::fs::read_to_string(path).ok())
            .unwrap_or_default();
        let lines = text.lines().filter_map(shim::Line::parse);
        lines
            .filter_map(|line| match line {
                shim::Line::Started {
                    generation, pid, ..
                } => Some(Start { generation, pid }),
                _ => None,
            })
            .collect()
    }

    fn record(&self, name: &str) -> Option<PathBuf> {
        let root = self.azora.home().path().join("run");
        let cluster = std::fs::read_dir(root).ok()?.flatten().next()?.path();
        Some(cluster.join(format!("{name}.0")).join(shim::RECORD))
    }

    /// The engine that has the home, whoever started it.
    fn kill_engine(&mut self) {
        for pid in engines_of(self.azora) {
            process::kill_if(pid, SERVE);
            crate::until("the engine to be gone", || {
                (!process::lives(pid)).then_some(())
            });
        }
        self.reap();
    }

    /// Forgets the engine of ours that has ended.
    fn reap(&mut self) {
        if let Some(old) = &mut self.engine
            && matches!(old.try_wait(), Ok(Some(_)))
        {
            self.engine = None;
        }
    }
}

/// What engines have on their command line.
const SERVE: &str = "azora serve";

/// Those of a home that live.
fn engines_of(azora: &Azora) -> Vec<u32> {
    let mut all = azora.home().processes();
    all.retain(|pid| process::command(*pid).contains(SERVE));
    all
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        if let Some(engine) = &mut self.engine {
            let _ = engine.kill();
            let _ = engine.wait();
        }
    }
}

//! `kill -9` of the engine at random instants, its own starting and adopting among them, while
//! services that count write lines, and now and then die as they are told: what must be true of
//! every service, every line and every death afterwards.

use crate::dice::{Dice, pass};
use crate::mortal::{definition, file, name, tell_to_die, told_by_events};
use crate::{Azora, Folder, PATIENCE, process};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

/// Between two lines of a service, in milliseconds.
const PACE: u32 = 10;

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// Services that count.
    pub services: usize,
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
    /// Those before it had adopted everything.
    pub kills_while_adopting: usize,
    /// From the start of an engine until it showed everything as adopted.
    pub adoptions: Vec<Duration>,
    /// Deaths that services were told to die.
    pub deaths: usize,
    /// Those of them while no engine ran.
    pub deaths_unattended: usize,
    /// Those of them while an engine was adopting.
    pub deaths_while_adopting: usize,
    /// Lines that were written, and are there.
    pub lines: u64,
    /// Services that ended without being told to, or run no more.
    pub lost_services: Vec<String>,
    /// Lines that were written, and are not there.
    pub lost_lines: Vec<String>,
    /// Services of which two copies lived at the same time.
    pub doubled: Vec<String>,
    /// Deaths of which the record does not say how, or something else.
    pub unknown_deaths: Vec<String>,
    /// Ends in the book of events that were not so.
    pub made_up: Vec<String>,
    /// Deaths that the book of events has not; the record has them.
    pub untold: usize,
}

impl Report {
    /// Nothing that must not be.
    pub fn flawless(&self) -> bool {
        let faults = [
            &self.lost_services,
            &self.lost_lines,
            &self.doubled,
            &self.unknown_deaths,
            &self.made_up,
        ];
        faults.iter().all(|faults| faults.is_empty())
    }
}

/// What the engine does while a service dies.
#[derive(Clone, Copy)]
enum Meanwhile {
    EngineRuns,
    NoEngine,
    Adopting,
}

/// A death that was told, and happened.
struct Death {
    service: usize,
    generation: u64,
    /// As a record has it: "code 3", "signal 11".
    how: String,
    /// The book of events has it.
    told: bool,
}

struct Run<'a> {
    azora: &'a Azora,
    folder: &'a Folder,
    wish: Wish,
    engine: Option<Child>,
    deaths: Vec<Death>,
    report: Report,
}

/// Does it.
///
/// # Panics
/// When the cluster does not come up in the first place.
pub fn run(azora: &Azora, wish: Wish) -> Report {
    let folder = Folder::empty();
    folder.define(&definition("kills", wish.services, PACE, folder.path()));
    let mut run = Run {
        azora,
        folder: &folder,
        wish,
        engine: None,
        deaths: Vec::new(),
        report: Report::default(),
    };
    run.engine = Some(azora.serve_until_it_listens(folder.path()));
    azora.up(folder.path());
    run.all_run();
    run.kill_again_and_again();
    run.judge();
    run.end();
    std::mem::take(&mut run.report)
}

impl Run<'_> {
    fn begin(&mut self) {
        self.engine = Some(self.azora.serve(self.folder.path()));
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

    fn kill_again_and_again(&mut self) {
        let mut dice = Dice(self.wish.seed);
        for kill in 0..self.wish.kills {
            // One in three is killed before it can have adopted everything.
            let early = dice.below(3) == 0;
            let attended = dice.below(2) == 0;
            if attended && !early {
                self.tell_to_die(&mut dice, Meanwhile::EngineRuns);
            }
            let wait = Duration::from_millis(dice.below(if early { 120 } else { 300 }));
            pass(wait);
            self.kill_engine();
            self.report.kills += 1;
            if !attended {
                self.tell_to_die(&mut dice, Meanwhile::NoEngine);
            }
            let begun = Instant::now();
            self.begin();
            let dies = dice.below(3) == 0;
            if dies {
                // What is told while its cluster is not yet listed must not be lost.
                pass(Duration::from_millis(dice.below(60)));
                self.tell_to_die(&mut dice, Meanwhile::Adopting);
            }
            if early && kill + 1 < self.wish.kills {
                self.report.kills_while_adopting += 1;
                continue;
            }
            self.all_adopted();
            // One that dies and is healed meanwhile says nothing about how long adopting takes.
            if !dies {
                self.report.adoptions.push(begun.elapsed());
            }
            self.hear_of_deaths();
        }
        self.all_run();
        self.hear_of_deaths();
    }

    /// Tells one service how to die, and waits until it has. Nobody heals it while no engine runs.
    fn tell_to_die(&mut self, dice: &mut Dice, meanwhile: Meanwhile) {
        let service = dice.below(self.wish.services as u64) as usize;
        let Some((generation, pid)) = self.newest(service) else {
            return;
        };
        if !process::lives(pid) {
            // It has just been told, and nobody has healed it yet.
            return;
        }
        let how = tell_to_die(self.folder.path(), &name(service), dice);
        if !testkit::eventually(PATIENCE, || !process::lives(pid)) {
            let fault = format!("{} was told to die and did not", name(service));
            self.report.lost_services.push(fault);
            return;
        }
        self.report.deaths += 1;
        match meanwhile {
            Meanwhile::EngineRuns => {}
            Meanwhile::NoEngine => self.report.deaths_unattended += 1,
            Meanwhile::Adopting => self.report.deaths_while_adopting += 1,
        }
        self.deaths.push(Death {
            service,
            generation,
            how,
            told: false,
        });
    }

    fn file(&self, service: usize, end: &str) -> PathBuf {
        file(self.folder.path(), &name(service), end)
    }

    fn home_file(&self, kind: &str, service: usize, file: &str) -> Option<PathBuf> {
        let root = self.azora.home().path().join(kind);
        let cluster = std::fs::read_dir(root).ok()?.flatten().next()?.path();
        Some(cluster.join(format!("{}.0", name(service))).join(file))
    }

    fn record(&self, service: usize) -> Vec<shim::Line> {
        let text = self
            .home_file("run", service, shim::RECORD)
            .and_then(|path| std::fs::read_to_string(path).ok())
            .unwrap_or_default();
        text.lines().filter_map(shim::Line::parse).collect()
    }

    /// The newest process on record.
    fn newest(&self, service: usize) -> Option<(u64, u32)> {
        self.record(service)
            .iter()
            .rev()
            .find_map(|line| match line {
                shim::Line::Started {
                    generation, pid, ..
                } => Some((*generation, *pid)),
                _ => None,
            })
    }

    /// Waits until the engine shows every service as it is: with a process that lives, or as one that
    /// is being healed. A process that is gone may be shown for a moment, and no longer.
    fn all_adopted(&mut self) {
        let azora = self.azora;
        let folder = self.folder.path();
        let wanted = self.wish.services;
        let there = testkit::eventually(PATIENCE, || {
            let done = azora.run(folder, &["ps", "--json"]);
            let seen = serde_json::from_str::<serde_json::Value>(&done.out).ok();
            seen.is_some_and(|seen| {
                let rows = seen["instances"].as_array().map_or(&[][..], Vec::as_slice);
                rows.len() == wanted
                    && rows.iter().all(|row| match row["pid"].as_u64() {
                        Some(pid) => u32::try_from(pid).is_ok_and(process::lives),
                        None => row["state"] != "stopped",
                    })
            })
        });
        if !there {
            let fault = format!("not everything was adopted\n{}", azora.story());
            self.report.lost_services.push(fault);
        }
    }

    /// Waits until every service runs.
    fn all_run(&mut self) {
        for service in 0..self.wish.services {
            let there = testkit::eventually(PATIENCE, || {
                self.newest(service)
                    .is_some_and(|(_, pid)| process::lives(pid))
            });
            if !there {
                let fault = format!("{} does not run: {:?}", name(service), self.record(service));
                self.report.lost_services.push(fault);
            }
        }
    }

    /// Compares what the book of events says with how they were told to die.
    fn hear_of_deaths(&mut self) {
        if self.deaths.iter().all(|death| death.told) {
            return;
        }
        let told = told_by_events(self.azora, self.folder);
        for death in self.deaths.iter_mut().filter(|death| !death.told) {
            let own = name(death.service);
            let Some(all) = told.get(&(own.clone(), death.generation)) else {
                continue;
            };
            death.told = true;
            let wrong = all.iter().filter(|how| **how != death.how);
            let made_up = wrong.map(|how| format!("{own} ended by {}, told as {how}", death.how));
            self.report.made_up.extend(made_up);
        }
    }

    fn judge(&mut self) {
        self.report.untold = self.deaths.iter().filter(|death| !death.told).count();
        for service in 0..self.wish.services {
            self.judge_service(service);
        }
    }

    fn judge_service(&mut self, service: usize) {
        let own = name(service);
        if self.file(service, "sole.double").exists() {
            self.report.doubled.push(own.clone());
        }
        let record = self.record(service);
        let mut ends = BTreeMap::new();
        for line in &record {
            if let shim::Line::Exited {
                generation, end, ..
            } = line
            {
                ends.insert(*generation, written(*end));
            }
        }
        let mut deaths = 0;
        for death in self.deaths.iter().filter(|death| death.service == service) {
            deaths += 1;
            let recorded = ends.get(&death.generation);
            if recorded != Some(&death.how) {
                self.report.unknown_deaths.push(format!(
                    "{own} {} ended by {}, recorded as {recorded:?}",
                    death.generation, death.how
                ));
            }
        }
        if ends.len() != deaths {
            let fault = format!("{own} was told to die {deaths} times, and died: {ends:?}");
            self.report.lost_services.push(fault);
        }
        self.judge_log(service, deaths + 1);
    }

    /// Every life in the log counts from one without a gap, at least as far as it says itself.
    fn judge_log(&mut self, service: usize, lives: usize) {
        let own = name(service);
        // Read before the log: what was counted by then is in it by now.
        let counted = |pid: &str| -> u64 {
            let text = std::fs::read_to_string(self.file(service, pid)).unwrap_or_default();
            text.parse().unwrap_or(0)
        };
        let mut seen = Vec::new();
        let mut faults = Vec::new();
        let log = self.home_file("logs", service, "log");
        let before: BTreeMap<String, u64> = lives_of(self.folder.path(), &own)
            .into_iter()
            .map(|pid| (pid.clone(), counted(&pid)))
            .collect();
        let bytes = log
            .and_then(|log| std::fs::read(log).ok())
            .unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let mut last = 0;
        for line in text.lines() {
            match line.split_once(' ') {
                Some(("life", pid)) => {
                    seen.push((pid.to_owned(), 0));
                    last = 0;
                }
                Some(("line", number)) => {
                    let number: u64 = number.parse().unwrap_or(0);
                    if number != last + 1 {
                        faults.push(format!("{own}: after line {last} comes {number}"));
                    }
                    last = number;
                    self.report.lines += 1;
                    if let Some(life) = seen.last_mut() {
                        life.1 = number;
                    }
                }
                _ => faults.push(format!("{own} has not written {line:?}")),
            }
        }
        if seen.len() != lives {
            faults.push(format!(
                "{own} lived {lives} times, its log knows {}",
                seen.len()
            ));
        }
        for (pid, last) in seen {
            let counted = before.get(&pid).copied().unwrap_or(0);
            if last < counted {
                faults.push(format!("{own}: {counted} lines written, {last} there"));
            }
        }
        self.report.lost_lines.extend(faults);
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        self.kill_engine();
    }
}

fn written(end: shim::End) -> String {
    match end {
        shim::End::Code(code) => format!("code {code}"),
        shim::End::Signal(signal) => format!("signal {signal}"),
    }
}

/// The pids of a service's lives, by the files they keep their count in.
fn lives_of(folder: &Path, service: &str) -> Vec<String> {
    let names = std::fs::read_dir(folder).into_iter().flatten().flatten();
    names
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter_map(|file| Some(file.strip_prefix(service)?.strip_prefix('.')?.to_owned()))
        .filter(|end| end.bytes().all(|byte| byte.is_ascii_digit()))
        .collect()
}

//! An engine that is stopped for a while and goes on: a machine that slept, a debugger, a laptop that
//! swaps. What ran meanwhile must not be judged by the time in which nobody asked or listened.

use crate::dice::{Dice, pass};
use crate::{Azora, Folder, Instance, PATIENCE, http, process};
use rustix::process::Signal;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// Instances of the service that is asked by HTTP, besides the others.
    pub services: usize,
    /// Times the engine is stopped.
    pub cycles: usize,
    /// How long each time. Longer than everything the definition gives a service time for, see [`WITHIN`].
    pub still: Duration,
    /// Where the dice begin.
    pub seed: u64,
}

/// Time that the one service has which is just being started; it is ready while the engine stands still.
pub const WITHIN: Duration = Duration::from_secs(4);
/// The engine is stopped when no more than this of that time has passed, by the clock of who stops it. On a
/// machine that is too busy for that it is tried again, so often; the last try goes on however late it is.
const IN_TIME: Duration = Duration::from_secs(3);
const TRIES: usize = 8;
/// Checks of a service after which it has been looked at once and again since the engine goes on.
const ROUNDS: u64 = 3;
/// Events looked at after a cycle.
const RECENT: &str = "1000";

/// What came of it.
#[derive(Debug, Default)]
pub struct Report {
    /// Times the engine was stopped.
    pub cycles: usize,
    /// Instances that were looked at each time.
    pub instances: usize,
    /// Checks that were missed while it stood still, all in all, of the one service that counts.
    pub missed: u64,
    /// Instances that were started again, or are another generation or process.
    pub restarted: Vec<String>,
    /// Verdicts and incidents.
    pub judged: Vec<String>,
    /// Whatever else must not be.
    pub wrong: Vec<String>,
    /// From going on until an answer to `ps`.
    pub answers: Vec<Duration>,
}

impl Report {
    /// Nothing that must not be.
    pub fn flawless(&self) -> bool {
        self.restarted.is_empty() && self.judged.is_empty() && self.wrong.is_empty()
    }
}

/// Between two checks of most services.
const EVERY: Duration = Duration::from_millis(250);
/// How long an answer takes of those that are usually being asked when the engine is stopped.
const SLOW_MS: u32 = 300;

struct Files {
    /// Grows by a byte with each check of `counts`.
    counted: PathBuf,
    /// Lets `late` be ready.
    open: PathBuf,
}

/// Does it.
///
/// # Panics
/// When the cluster does not come up in the first place.
pub fn run(azora: &Azora, wish: Wish) -> Report {
    let folder = Folder::empty();
    let files = Files {
        counted: folder.path().join("counted"),
        open: folder.path().join("open"),
    };
    std::fs::write(&files.open, b"").expect("the folder can be written to");
    folder.define(&definition(wish.services, &files));
    azora.up(folder.path());
    for (name, one) in azora.instances(folder.path()) {
        if name.starts_with("slow") {
            let order = format!("/misbehave?mode=slow&ms={SLOW_MS}");
            assert!(http::ask(one.port, "POST", &order, "").is_some(), "{name}");
        }
    }
    let mut report = Report::default();
    let mut dice = Dice(wish.seed);
    for _ in 0..wish.cycles {
        cycle(
            azora,
            folder.path(),
            &files,
            wish.still,
            &mut dice,
            &mut report,
        );
        report.cycles += 1;
    }
    azora.run(folder.path(), &["down"]);
    report
}

/// One failure is a verdict for all of them: none is forgiven because it is the first.
fn definition(services: usize, files: &Files) -> String {
    let every = EVERY.as_millis();
    let within = WITHIN.as_secs();
    let often = format!("every = \"{every}ms\", timeout = \"2s\", fail = 1");
    let organ = |name: &str| format!("run = \"organ --name {name} --port $PORT\"\nport = 0\n");
    let exec = |script: String| format!("exec = [\"sh\", \"-c\", \"{script}\"]");
    format!(
        "[cluster]\nname = \"frozen\"\n[cluster.defaults]\nstop = {{ grace = \"2s\" }}\n\
         [service.web]\n{}replicas = {services}\nhealth = {{ http = \"/health\", {often} }}\n\
         [service.slow]\n{}replicas = 3\nhealth = {{ http = \"/health\", {often}, degraded_above = \"1s\" }}\n\
         [service.bare]\n{}health = {{ tcp = \"$PORT\", {often} }}\n\
         [service.needy]\n{}needs = [\"web\"]\nhealth = {{ http = \"/health\", {often} }}\n\
         [service.counts]\nrun = \"puppet hang\"\nhealth = {{ {}, {often} }}\n\
         [service.late]\nrun = \"puppet hang\"\n\
         ready = {{ {}, every = \"{every}ms\", timeout = \"1s\", within = \"{within}s\" }}\n",
        organ("web"),
        organ("slow"),
        organ("bare"),
        organ("needy"),
        exec(format!(
            "printf . >> {}; sleep 0.1",
            files.counted.display()
        )),
        exec(format!("test -e {}", files.open.display())),
    )
}

fn cycle(
    azora: &Azora,
    folder: &Path,
    files: &Files,
    still: Duration,
    dice: &mut Dice,
    report: &mut Report,
) {
    let cycle = report.cycles;
    let Stopped {
        engine,
        before,
        known,
        mut restart,
    } = stopped(azora, folder, files, dice);
    report.instances = before.len();
    let begun = Instant::now();
    let asked = count(files);
    std::fs::write(&files.open, b"").expect("the folder can be written to");
    pass(still);
    report.missed += (begun.elapsed().as_millis() / EVERY.as_millis()) as u64;
    if count(files) > asked + 1 {
        let fault = format!("cycle {cycle}: somebody asked while the engine stood still");
        report.wrong.push(fault);
    }
    process::signal(engine, Signal::CONT);
    let begun = Instant::now();
    let answer = azora.run(folder, &["ps", "--json"]);
    report.answers.push(begun.elapsed());
    if answer.code != 0 {
        report.wrong.push(format!("cycle {cycle}: {answer:?}"));
    }
    let asked = count(files);
    let checked = testkit::eventually(PATIENCE, || {
        count(files) >= asked + ROUNDS && azora.instance(folder, "late.0").serves()
    });
    if !checked {
        let fault = format!("cycle {cycle}: {:?}", azora.instances(folder));
        report.wrong.push(fault);
    }
    let ended = restart.wait().map(|status| status.code());
    if !matches!(ended, Ok(Some(0))) {
        let fault = format!("cycle {cycle}: the restart that was asked for before: {ended:?}");
        report.wrong.push(fault);
    }
    compare(cycle, &before, &azora.instances(folder), report);
    judge(cycle, &events(azora, folder), known, report);
}

/// The engine while it stands still, and what was before.
struct Stopped {
    engine: u32,
    before: BTreeMap<String, Instance>,
    /// The newest event.
    known: u64,
    /// Under way; it ends when the one that is late is ready.
    restart: Child,
}

/// Stops the engine while one is being started, which is then ready in time while nobody looks.
fn stopped(azora: &Azora, folder: &Path, files: &Files, dice: &mut Dice) -> Stopped {
    let engine = azora.engine();
    let mut tries = 0;
    loop {
        tries += 1;
        std::fs::remove_file(&files.open).expect("it is there");
        let old = azora.instance(folder, "late.0");
        let asked = Instant::now();
        let mut restart = azora
            .command(folder, &["restart", "late"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("azora can be run");
        let before = crate::until("late.0 to be started", || {
            let all = azora.instances(folder);
            let late = all.get("late.0")?;
            let starts = late.pid != 0 && late.generation > old.generation && !late.serves();
            starts.then_some(all)
        });
        let known = newest(&events(azora, folder));
        pass(Duration::from_millis(dice.below(300)));
        process::signal(engine, Signal::STOP);
        crate::until("the engine to stand still", || {
            (process::state(engine) == Some('T')).then_some(())
        });
        if asked.elapsed() < IN_TIME || tries == TRIES {
            return Stopped {
                engine,
                before,
                known,
                restart,
            };
        }
        // It may have been judged already, for time that the engine was there.
        std::fs::write(&files.open, b"").expect("the folder can be written to");
        process::signal(engine, Signal::CONT);
        let _ = restart.wait();
        azora.until(folder, "late.0", "ready", Instance::serves);
    }
}

fn compare(
    cycle: usize,
    before: &BTreeMap<String, Instance>,
    after: &BTreeMap<String, Instance>,
    report: &mut Report,
) {
    for (name, old) in before {
        let same = after.get(name).is_some_and(|new| {
            (new.pid, new.generation, new.restarts) == (old.pid, old.generation, old.restarts)
        });
        if !same {
            let new = after.get(name);
            let fault = format!("cycle {cycle}: {old:?} became {new:?}");
            report.restarted.push(fault);
        }
    }
}

/// Nothing happened to anybody but that the late one became ready, and with it the whole; that the
/// engine stood still is told.
fn judge(cycle: usize, events: &[Value], known: u64, report: &mut Report) {
    let new = events.iter().filter(|event| seq(event) > known);
    for event in new {
        let what = &event["what"];
        let ready = what["instance"] == "late.0" && what["to"] == "ready";
        let harmless = matches!(
            what["kind"].as_str(),
            Some("act" | "started" | "system_ready")
        );
        let told = what["text"]
            .as_str()
            .is_some_and(|text| text.contains("stood still"));
        if !harmless && !ready && !told {
            report.judged.push(format!("cycle {cycle}: {what}"));
        }
    }
}

fn events(azora: &Azora, folder: &Path) -> Vec<Value> {
    let done = azora.run(folder, &["events", "--json", "--limit", RECENT]);
    let events: Value = serde_json::from_str(&done.out).unwrap_or_default();
    events.as_array().cloned().unwrap_or_default()
}

fn seq(event: &Value) -> u64 {
    event["seq"].as_u64().unwrap_or(0)
}

fn newest(events: &[Value]) -> u64 {
    events.iter().map(seq).max().unwrap_or(0)
}

fn count(files: &Files) -> u64 {
    std::fs::metadata(&files.counted).map_or(0, |file| file.len())
}

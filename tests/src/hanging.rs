//! Services that take every question and answer none, for as long as is asked: how many questions to one of
//! them are open at a time, and what the engine holds more of afterwards than before.

use crate::{Azora, Folder, PATIENCE};
use std::path::Path;
use std::time::{Duration, Instant};

/// Between two checks of a service, and how long each waits: what is given up is gone before the next.
const EVERY_MS: u64 = 2_000;
const TIMEOUT_MS: u64 = 1_000;
/// Between two looks at the engine.
const LOOK: Duration = Duration::from_secs(1);
/// It may hold so many descriptors and threads more: what it had opened by chance when it was looked at.
const SLACK: usize = 4;
/// And so much memory, in kilobytes: what the events of that time take.
const SLACK_KB: u64 = 16 << 10;

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// Services that are asked by HTTP.
    pub services: usize,
    /// Services that are asked by a command which hangs, and leaves a child behind.
    pub commands: usize,
    /// How long nobody answers.
    pub time: Duration,
}

/// What the engine holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Held {
    /// Open descriptors.
    pub descriptors: usize,
    /// Threads.
    pub threads: usize,
    /// Processes of the home, the engine's among them.
    pub processes: usize,
    /// Kilobytes it has written to: the program itself is another's as well now and then.
    pub memory_kb: u64,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Report {
    /// Questions that were left without an answer, at least.
    pub asked: u64,
    /// Services of which more than one question was open at a time.
    pub crowded: Vec<String>,
    /// Before, at most meanwhile, and afterwards.
    pub before: Held,
    /// The most of each.
    pub most: Held,
    /// When everything answered again.
    pub after: Held,
    /// What there is more of afterwards.
    pub leaked: Vec<String>,
    /// Services that were restarted, or were not well afterwards.
    pub wrong: Vec<String>,
    /// From the first answer until all were ready again.
    pub recovered: Duration,
}

/// Does it.
///
/// # Panics
/// When the cluster does not come up in the first place.
pub fn run(azora: &Azora, wish: Wish) -> Report {
    let folder = Folder::empty();
    let path = folder.path();
    let (frozen, answers) = (path.join("frozen"), path.join("answers"));
    std::fs::write(&answers, b"").expect("the folder can be written to");
    folder.define(&definition(path, wish));
    azora.up(path);
    let engine = azora.engine();
    let mut report = Report {
        before: settled(azora, engine),
        ..Report::default()
    };
    let first = azora.instances(path);

    std::fs::remove_file(&answers).expect("it is there");
    std::fs::write(&frozen, b"").expect("the folder can be written to");
    let begun = Instant::now();
    while begun.elapsed() < wish.time {
        std::thread::park_timeout(LOOK);
        let held = held(azora, engine);
        let most = &mut report.most;
        most.descriptors = most.descriptors.max(held.descriptors);
        most.threads = most.threads.max(held.threads);
        most.processes = most.processes.max(held.processes);
        most.memory_kb = most.memory_kb.max(held.memory_kb);
    }
    let rounds = begun.elapsed().as_millis() as u64 / EVERY_MS;
    report.asked = rounds * (wish.services + wish.commands) as u64;
    if azora
        .instances(path)
        .values()
        .all(|one| one.state != "failing")
    {
        report.wrong.push("nobody was found to fail".to_owned());
    }

    std::fs::write(&answers, b"").expect("the folder can be written to");
    std::fs::remove_file(&frozen).expect("it is there");
    let begun = Instant::now();
    let well = || {
        azora
            .instances(path)
            .values()
            .all(|one| one.state == "ready")
    };
    if !testkit::eventually(PATIENCE, well) {
        let unwell = azora
            .instances(path)
            .into_values()
            .filter(|one| one.state != "ready");
        report
            .wrong
            .extend(unwell.map(|one| format!("{} is {}: {}", one.name, one.state, one.reason)));
    }
    report.recovered = begun.elapsed();
    for (name, one) in azora.instances(path) {
        if first[&name].pid != one.pid {
            report.wrong.push(format!("{name} was restarted"));
        }
    }
    // Threads that have nothing to do end by themselves, after ten seconds.
    let _ = testkit::eventually(PATIENCE, || {
        std::thread::park_timeout(LOOK);
        report.after = held(azora, engine);
        leaks(report.before, report.after).is_empty()
    });
    report.leaked = leaks(report.before, report.after);
    report.crowded = crowded(path, wish);
    azora.run(path, &["down"]);
    report
}

/// Healing would restart them, and then they would not hang for long: it is switched off, so that they are
/// asked all the time.
fn definition(folder: &Path, wish: Wish) -> String {
    let often = format!("every = \"{EVERY_MS}ms\", timeout = \"{TIMEOUT_MS}ms\"");
    let at = folder.display();
    let mut text =
        "[cluster]\nname = \"hanging\"\n[cluster.defaults]\nheal = { enabled = false }\n\
                    stop = { grace = \"2s\" }\n"
            .to_owned();
    for n in 0..wish.services {
        text += &format!(
            "[service.asked-{n}]\nport = 0\nhealth = {{ http = \"/health\", {often} }}\n\
             run = \"puppet serve asked-{n} $PORT frozen {at}/frozen crowd {at}/crowd-{n}\"\n"
        );
    }
    for n in 0..wish.commands {
        // The lock is held by all it has forked, so a child that was left alive is found by the next.
        text += &format!(
            "[service.told-{n}]\nrun = \"puppet hang\"\n\
             health = {{ exec = [\"sh\", \"-c\", \"test -e {at}/answers || exec puppet sole {at}/sole-{n} fork until {at}/answers\"], {often} }}\n"
        );
    }
    text
}

fn crowded(folder: &Path, wish: Wish) -> Vec<String> {
    let mut crowded = Vec::new();
    for n in 0..wish.services {
        let most = std::fs::read_to_string(folder.join(format!("crowd-{n}"))).unwrap_or_default();
        if most.trim().parse() != Ok(1) {
            crowded.push(format!("asked-{n}: {most:?} questions at a time"));
        }
    }
    for n in 0..wish.commands {
        let double = std::fs::read_to_string(folder.join(format!("sole-{n}.double")));
        if let Ok(pids) = double {
            crowded.push(format!(
                "told-{n}: {} commands began while one was there",
                pids.lines().count()
            ));
        }
    }
    crowded
}

/// What it holds when that is the same twice.
fn settled(azora: &Azora, engine: u32) -> Held {
    let mut last = held(azora, engine);
    let _ = testkit::eventually(PATIENCE, || {
        std::thread::park_timeout(LOOK);
        let now = held(azora, engine);
        let same = (now.descriptors, now.threads, now.processes)
            == (last.descriptors, last.threads, last.processes);
        last = now;
        same
    });
    last
}

fn held(azora: &Azora, engine: u32) -> Held {
    let count =
        |what: &str| std::fs::read_dir(format!("/proc/{engine}/{what}")).map_or(0, Iterator::count);
    Held {
        descriptors: count("fd"),
        threads: count("task"),
        processes: azora.home().processes().len(),
        memory_kb: crate::process::written_kb(engine).unwrap_or(0),
    }
}

fn leaks(before: Held, after: Held) -> Vec<String> {
    let mut leaks = Vec::new();
    let mut more = |what: &str, before: usize, after: usize, slack: usize| {
        if after > before + slack {
            leaks.push(format!("{what}: {before} before, {after} afterwards"));
        }
    };
    more("descriptors", before.descriptors, after.descriptors, SLACK);
    more("threads", before.threads, after.threads, SLACK);
    more("processes", before.processes, after.processes, 0);
    more(
        "kilobytes",
        before.memory_kb as usize,
        after.memory_kb as usize,
        SLACK_KB as usize,
    );
    leaks
}

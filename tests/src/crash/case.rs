//! One crash: where, who dies, and what must be true afterwards.

use super::play::{ACTS, Act, running, start};
use super::stage::{Halt, Known, Stage, go_on, kill};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

/// Who dies while somebody stands at the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Victim {
    /// The engine; the shim goes on.
    Engine,
    /// The engine; the shim stands still until the next engine has come.
    EngineAndShimStays,
    /// The shims; the engine goes on.
    Shim,
    /// All of them.
    Both,
    /// Who stands there: of a shim, the child that has not become the program yet.
    Child,
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Case {
    /// During what.
    pub act: Act,
    /// At which point.
    pub point: String,
    /// The how manieth time it is reached.
    pub nth: u32,
    /// Who dies.
    pub victim: Victim,
    /// The engine that comes after the crash dies as well, at this point.
    pub again: Option<(String, u32)>,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Case {
            act,
            point,
            nth,
            victim,
            again,
        } = self;
        write!(f, "{act:?}, {point} ({nth}), {victim:?} killed")?;
        if let Some((point, nth)) = again {
            write!(f, ", and the next engine at {point} ({nth})")?;
        }
        Ok(())
    }
}

impl Case {
    /// Plays it; false when the point was not reached.
    ///
    /// # Errors
    /// What was not as it must be.
    pub fn run(&self, host: &Path) -> Result<bool, String> {
        let mut stage = Stage::new(host);
        let told = |halt: Halt, stage: &Stage| match halt {
            Halt::Wrong(wrong) => format!("{wrong}\n{}{:?}", stage.record(), stage.left()),
            Halt::At(pid) => format!("{pid} stands at a point once more"),
        };
        stage.arm(&self.point, self.nth);
        let standing = match self.act.play(&mut stage) {
            Ok(()) => None,
            Err(Halt::At(pid)) => Some(pid),
            Err(halt) => return Err(told(halt, &stage)),
        };
        stage.order = None;
        let result = match standing {
            Some(pid) => self.crash(&mut stage, pid),
            None => Ok(()),
        };
        let result = result.and_then(|()| {
            // Whatever came of it: that is what the next engine finds.
            stage.kill_host();
            self.recover(&mut stage, standing)
        });
        result.map_err(|halt| told(halt, &stage))?;
        Ok(standing.is_some())
    }

    fn crash(&self, stage: &mut Stage, standing: u32) -> Result<(), Halt> {
        match self.victim {
            Victim::Engine => stage.kill_host(),
            Victim::EngineAndShimStays => {
                stage.kill_host();
                return Ok(());
            }
            Victim::Shim => {
                let shims = stage.shims().into_iter();
                shims.filter(|pid| !self.is_child(*pid)).for_each(kill);
            }
            Victim::Both => {
                stage.shims().into_iter().for_each(kill);
                stage.kill_host();
            }
            Victim::Child => kill(standing),
        }
        go_on(standing);
        if stage.host.is_none() {
            return Ok(());
        }
        // The engine lives: what it holds to be true is true before long.
        let mut last = String::new();
        for _ in 0..2_000 {
            let found = stage.adopt()?;
            match agrees(stage, &found) {
                Ok(()) => return Ok(()),
                Err(why) => last = why,
            }
        }
        Err(Halt::Wrong(format!(
            "the engine does not come to see that {last}"
        )))
    }

    /// A child of a shim on its way to the program looks like a shim.
    fn is_child(&self, pid: u32) -> bool {
        let parent = crate::process::parent(pid).map(crate::process::command);
        parent.is_some_and(|parent| parent.contains("azora-shim"))
    }

    fn recover(&self, stage: &mut Stage, standing: Option<u32>) -> Result<(), Halt> {
        if let Some((point, nth)) = &self.again {
            stage.arm(point, *nth);
            stage.begin();
            let came = stage.adopt().and_then(|found| bring_up(stage, found));
            match came {
                // Not on its way: there was nothing to do there.
                Ok(()) => {}
                Err(Halt::At(pid)) => {
                    stage.kill_host();
                    go_on(pid);
                }
                Err(wrong) => return Err(wrong),
            }
            stage.order = None;
            stage.kill_host();
        }
        stage.begin();
        let found = stage.adopt()?;
        agrees(stage, &found)?;
        if let Some((generation, Err(status))) = &found {
            self.status_is_real(status)?;
            if !(1..=3).contains(generation) {
                return Err(Halt::Wrong(format!(
                    "generation {generation} was never made"
                )));
            }
        }
        bring_up(stage, found)?;
        let main = running(stage)?;
        let found = stage.adopt()?;
        let Some((generation, Ok(pid))) = found else {
            return Err(Halt::Wrong(format!("{main} runs, and {found:?} is found")));
        };
        if pid != main {
            return Err(Halt::Wrong(format!("{main} runs, and {pid} is known")));
        }
        agrees(stage, &found)?;
        stage.tell(&format!("stop {generation} 50"));
        stage.hear(&format!("exited {generation}"))?;
        if stage.doubled() {
            return Err(Halt::Wrong("two copies have lived at the same time".into()));
        }
        stage.until("nothing to be left", |stage| stage.left().is_empty())?;
        if let Some(pid) = standing.filter(|pid| crate::process::lives(*pid)) {
            return Err(Halt::Wrong(format!("{pid} still stands there")));
        }
        Ok(())
    }

    /// How it ended is what the kernel said, or nothing at all; and nothing only when a shim was
    /// killed, who alone could have known.
    fn status_is_real(&self, status: &str) -> Result<(), Halt> {
        let shim_died =
            self.victim != Victim::Engine || matches!(self.act, Act::AdoptLost | Act::AdoptStray);
        match status {
            // SIGTERM, SIGKILL; what a child ends with that did not become the program.
            "signal-15" | "signal-9" | "code-127" => Ok(()),
            "unknown" if shim_died || self.again.is_some() => Ok(()),
            other => Err(Halt::Wrong(format!(
                "it is said to have ended with {other}"
            ))),
        }
    }
}

/// What is found is what is there: one copy with all its processes, or none.
fn agrees(stage: &Stage, found: &Option<Known>) -> Result<(), String> {
    if stage.doubled() {
        return Err("two copies have lived at the same time".to_owned());
    }
    let copies = stage.copies();
    match found {
        Some((_, Ok(pid))) if !crate::process::lives(*pid) => {
            Err(format!("{pid}, which is found, lives no more"))
        }
        Some((_, Ok(pid))) => {
            // It may be on its way to the program still.
            let main = stage.main().filter(|main| copies.contains(main));
            match main {
                Some(main) if main != *pid => Err(format!("{main} runs, and {pid} is found")),
                _ => Ok(()),
            }
        }
        _ if copies.is_empty() => Ok(()),
        _ => Err(format!("{copies:?} live, and {found:?} is found")),
    }
}

/// What `up` does: nothing if it runs, a start if not.
fn bring_up(stage: &mut Stage, found: Option<Known>) -> Result<(), Halt> {
    /// A start that fails for a passing reason is tried again, as healing does.
    const TRIES: u64 = 5;
    let before = match found {
        Some((_, Ok(_))) => return Ok(()),
        Some((generation, Err(_))) => generation,
        None => 0,
    };
    let mut said = String::new();
    for generation in before + 1..=before + TRIES {
        start(stage, generation);
        let mut started = false;
        stage.until("an answer to the start", |stage| {
            let Some(line) = stage.next_line() else {
                return false;
            };
            started = line.starts_with(&format!("started {generation}"));
            let failed = line.starts_with(&format!("failed {generation}"));
            said = line;
            started || failed
        })?;
        if started {
            return Ok(());
        }
    }
    Err(Halt::Wrong(format!("it cannot be started: {said}")))
}

/// The points an act comes by, in the order of the first time, with how often.
fn trace(host: &Path, act: Act) -> Result<Vec<(String, u32)>, String> {
    let mut stage = Stage::new(host);
    let file = stage.file("trace");
    stage.order = Some(format!("trace {}", file.display()));
    act.play(&mut stage)
        .map_err(|halt| format!("{act:?} does not go well: {halt:?}"))?;
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let mut times: BTreeMap<&str, u32> = BTreeMap::new();
    let mut order = Vec::new();
    for line in text.lines() {
        let times = times.entry(line).or_default();
        if *times == 0 {
            order.push(line);
        }
        *times += 1;
    }
    Ok(order
        .into_iter()
        .map(|point| (point.to_owned(), times[point]))
        .collect())
}

/// Every failpoint that the sources of a crate name.
fn points(of: &str) -> BTreeSet<String> {
    let folder = crate::root().join("src-tauri").join(of).join("src");
    let files = std::fs::read_dir(folder).expect("the sources are there");
    let mut points = BTreeSet::new();
    for file in files.flatten() {
        let text = std::fs::read_to_string(file.path()).unwrap_or_default();
        let parts = text.split("fail_point!(\"").skip(1);
        points.extend(parts.filter_map(|part| Some(part.split_once('"')?.0.to_owned())));
    }
    points
}

/// Every point of every act, as often as the act comes by, each with everyone who can die.
///
/// # Errors
/// When an act does not go well without a crash, or a point is on no act's way.
pub fn all_cases(host: &Path) -> Result<Vec<Case>, String> {
    let mut cases = Vec::new();
    let shims = points("shim");
    let mut missed: BTreeSet<String> = shims.union(&points("driver")).cloned().collect();
    for act in ACTS {
        for (point, times) in trace(host, act)? {
            missed.remove(&point);
            for nth in 1..=times {
                cases.extend(with_victims(act, &point, nth, shims.contains(&point)));
            }
        }
    }
    if missed.is_empty() {
        Ok(cases)
    } else {
        Err(format!("no act comes by {missed:?}"))
    }
}

/// Every point once, on the way of the first act that comes by, with one of those who can die: the
/// next one for each next point, so that all of them have their turn.
///
/// # Errors
/// As [`all_cases`].
pub fn few_cases(host: &Path) -> Result<Vec<Case>, String> {
    let mut by_point: BTreeMap<String, Vec<Case>> = BTreeMap::new();
    for case in all_cases(host)? {
        let others = by_point.entry(case.point.clone()).or_default();
        let first = others.first().is_none_or(|one| one.act == case.act);
        if first && case.nth == 1 {
            others.push(case);
        }
    }
    let chosen = by_point.into_values().enumerate();
    Ok(chosen
        .filter_map(|(turn, mut cases)| {
            let at = turn % cases.len().max(1);
            (at < cases.len()).then(|| cases.swap_remove(at))
        })
        .collect())
}

/// Each of these with the engine that comes next dying as well, at every point on its way.
pub fn pairs(cases: &[Case]) -> Vec<Case> {
    let engine = cases
        .iter()
        .filter(|case| matches!(case.act, Act::Adopt | Act::Start | Act::AdoptIntent))
        .filter(|case| case.victim == Victim::Engine)
        .map(|case| case.point.clone());
    let second: BTreeSet<String> = engine.collect();
    let mut pairs = Vec::new();
    for case in cases {
        for point in &second {
            let again = Some((point.clone(), 1));
            pairs.push(Case {
                again,
                ..case.clone()
            });
        }
    }
    pairs
}

fn with_victims(act: Act, point: &str, nth: u32, of_shim: bool) -> Vec<Case> {
    let mut victims = vec![Victim::Engine, Victim::Shim, Victim::Both];
    if of_shim {
        victims.push(Victim::EngineAndShimStays);
    }
    if point.starts_with("child.") {
        victims.push(Victim::Child);
    }
    victims
        .into_iter()
        .map(|victim| Case {
            act,
            point: point.to_owned(),
            nth,
            victim,
            again: None,
        })
        .collect()
}

//! One crash: where, who dies, and what must be true afterwards.

use super::play::{Act, running, start};
use super::stage::{Halt, Known, LONG, Stage, go_on, kill};
use std::fmt;
use std::path::Path;
use std::time::Instant;

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
    /// What comes after the crash meets another one.
    pub again: Option<Again>,
}

/// A second crash, while the next engine makes up for the first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Again {
    /// At which point.
    pub point: String,
    /// The how manieth time the next engine, or a shim of its making, comes there.
    pub nth: u32,
    /// Who dies.
    pub victim: Victim,
}

/// How a case went.
#[derive(Debug, Default)]
pub struct Played {
    /// Somebody stood at the point, and the crash took place.
    pub crashed: bool,
    /// The second one as well.
    pub again: bool,
    /// The points that the way back led by, with how often: where a second crash can be.
    pub way_back: Vec<(String, u32)>,
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
        if let Some(Again { point, nth, victim }) = again {
            write!(f, "; then {point} ({nth}), {victim:?} killed")?;
        }
        Ok(())
    }
}

impl Case {
    /// A single crash.
    pub fn new(act: Act, point: &str, nth: u32, victim: Victim) -> Case {
        Case {
            act,
            point: point.to_owned(),
            nth,
            victim,
            again: None,
        }
    }

    /// The same with a second crash after it.
    #[must_use]
    pub fn then(self, point: &str, nth: u32, victim: Victim) -> Case {
        let point = point.to_owned();
        let again = Some(Again { point, nth, victim });
        Case { again, ..self }
    }

    /// Plays it. A point need not be reached every time: threads take turns as they like.
    ///
    /// # Errors
    /// What was not as it must be.
    pub fn run(&self, host: &Path) -> Result<Played, String> {
        let mut stage = Stage::new(host);
        let told = |halt: Halt, stage: &Stage| match halt {
            Halt::Wrong(wrong) => format!("{wrong}\n{}{:?}", stage.record(), stage.left()),
            Halt::At(pid) => format!("{pid} stands at a point once more"),
        };
        let mut played = Played::default();
        stage.arm(&self.point, self.nth);
        let mut standing = Vec::new();
        match self.act.play(&mut stage) {
            Ok(()) => {}
            Err(Halt::At(pid)) => standing.push(pid),
            Err(halt) => return Err(told(halt, &stage)),
        }
        stage.order = None;
        played.crashed = !standing.is_empty();
        let result = standing
            .first()
            .map_or(Ok(()), |pid| crash(self.victim, &mut stage, *pid));
        let result = result.and_then(|()| {
            // Whatever came of it: that is what the next engine finds.
            stage.kill_host();
            self.recover(&mut stage, &mut standing, &mut played)
        });
        result.map_err(|halt| told(halt, &stage))?;
        Ok(played)
    }

    fn recover(
        &self,
        stage: &mut Stage,
        standing: &mut Vec<u32>,
        played: &mut Played,
    ) -> Result<(), Halt> {
        if let Some(Again { point, nth, victim }) = &self.again {
            stage.arm(point, *nth);
            stage.begin();
            let came = stage.adopt().and_then(|found| bring_up(stage, found));
            stage.order = None;
            match came {
                // Not on its way: there was nothing to do there.
                Ok(()) => {}
                Err(Halt::At(pid)) => {
                    played.again = true;
                    standing.push(pid);
                    crash(*victim, stage, pid)?;
                }
                Err(wrong) => return Err(wrong),
            }
            stage.kill_host();
        } else {
            stage.trace();
        }
        stage.begin();
        let found = adopted(stage)?;
        if let Some((generation, Err(status))) = &found {
            self.status_is_real(status)?;
            if !(1..=stage.asked).contains(generation) {
                return Err(Halt::Wrong(format!(
                    "generation {generation} was never made"
                )));
            }
        }
        bring_up(stage, found)?;
        let main = running(stage)?;
        played.way_back = stage.traced();
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
        if let Some(pid) = standing.iter().find(|pid| crate::process::lives(**pid)) {
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

fn crash(victim: Victim, stage: &mut Stage, standing: u32) -> Result<(), Halt> {
    match victim {
        Victim::Engine => stage.kill_host(),
        Victim::EngineAndShimStays => {
            stage.kill_host();
            return Ok(());
        }
        Victim::Shim => {
            let shims = stage.shims().into_iter();
            shims.filter(|pid| !is_child(*pid)).for_each(kill);
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
    let (mut last, begun) = (String::new(), Instant::now());
    while begun.elapsed() < LONG {
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
fn is_child(pid: u32) -> bool {
    let parent = crate::process::parent(pid).map(crate::process::command);
    parent.is_some_and(|parent| parent.contains("azora-shim"))
}

/// What the next engine finds, and it is what is there.
fn adopted(stage: &mut Stage) -> Result<Option<Known>, Halt> {
    let (mut last, begun) = (String::new(), Instant::now());
    while begun.elapsed() < LONG {
        let found = stage.adopt()?;
        match agrees(stage, &found) {
            Ok(()) => return Ok(found),
            Err(why) => last = why,
        }
        // A signal of the engine before this one may end it just after it was found; everything
        // else is wrong at once.
        let Some((_, Ok(pid))) = &found else { break };
        if crate::process::lives(*pid) {
            break;
        }
    }
    Err(Halt::Wrong(last))
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

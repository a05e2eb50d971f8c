//! A machine so busy that shims or engines get no turn: what they know is waited for, and what is
//! not known is not told.

use super::play::{running, start};
use super::stage::{Halt, Stage, go_on, kill};
use crate::process;
use rustix::process::Signal;
use std::path::Path;
use std::time::{Duration, Instant};

/// Longer than one that does not work gets.
const SLOW: Duration = Duration::from_secs(4);

/// Who has no turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slow {
    /// The shim, when its service has ended, and the engine sees that it says nothing.
    Shim,
    /// The same, with the next engine to see it.
    ShimOfNextEngine,
    /// The shim, which somebody has stopped, and lets go on when the next engine has come.
    ShimStopped,
    /// The next engine, while it makes sure that a start which was cut short leads to nothing.
    Engine,
}

impl Slow {
    /// Plays it.
    ///
    /// # Errors
    /// What was not as it must be.
    pub fn run(self, host: &Path) -> Result<(), String> {
        let mut stage = Stage::new(host);
        let played = match self {
            Slow::Shim => shim_is_slow(&mut stage, false),
            Slow::ShimOfNextEngine => shim_is_slow(&mut stage, true),
            Slow::ShimStopped => shim_is_stopped(&mut stage),
            Slow::Engine => engine_is_slow(&mut stage),
        };
        played.map_err(|halt| format!("{self:?}: {halt:?}\n{}", stage.record()))
    }
}

fn shim_is_slow(stage: &mut Stage, next_engine: bool) -> Result<(), Halt> {
    stage.wait_at("exit.reaped", 1);
    let main = begin(stage)?;
    stage.order = None;
    let said = if next_engine {
        stage.kill_host();
        end(stage, main)?;
        stage.begin();
        stage.tell("adopt");
        "found 1 ended"
    } else {
        end(stage, main)?;
        "exited 1"
    };
    let begun = Instant::now();
    let mut early = None;
    stage.until("time to pass", |stage| {
        early = stage.next_line();
        early.is_some() || begun.elapsed() > SLOW
    })?;
    if let Some(early) = early {
        return Err(Halt::Wrong(format!("its shim was not waited for: {early}")));
    }
    stage.let_go_on();
    match stage.hear(said)?.as_str() {
        "signal-9" => Ok(()),
        other => Err(Halt::Wrong(format!("it was killed, and told as {other}"))),
    }
}

fn shim_is_stopped(stage: &mut Stage) -> Result<(), Halt> {
    let main = begin(stage)?;
    stage.kill_host();
    let shims = stage.shims();
    for shim in &shims {
        process::try_signal(*shim, Signal::STOP);
    }
    stage.begin();
    let found = stage.adopt()?;
    if found != Some((1, Ok(main))) {
        return Err(Halt::Wrong(format!("{main} runs, and {found:?} is found")));
    }
    shims.into_iter().for_each(go_on);
    kill(main);
    match stage.hear("exited 1")?.as_str() {
        "signal-9" => Ok(()),
        other => Err(Halt::Wrong(format!("it was killed, and told as {other}"))),
    }
}

fn engine_is_slow(stage: &mut Stage) -> Result<(), Halt> {
    let main = begin(stage)?;
    stage.kill_host();
    stage.shims().into_iter().for_each(kill);
    end(stage, main)?;
    stage.arm("intent.written", 1);
    stage.begin();
    let found = stage.adopt()?;
    if found != Some((1, Err("unknown".to_owned()))) {
        return Err(Halt::Wrong(format!("{found:?} is found")));
    }
    start(stage, 2);
    let Err(Halt::At(_)) = stage.hear("started 2") else {
        return Err(Halt::Wrong("the intent was not reached".to_owned()));
    };
    stage.kill_host();
    // That intent is taken back before.
    stage.wait_at("adopt.shut-out", 1);
    stage.begin();
    let found = stage.adopt()?;
    stage.order = None;
    stage.let_go_on();
    if found != Some((1, Err("unknown".to_owned()))) {
        return Err(Halt::Wrong(format!("1 has ended, and {found:?} is told")));
    }
    start(stage, 2);
    stage.hear("started 2")?;
    Ok(())
}

fn begin(stage: &mut Stage) -> Result<u32, Halt> {
    stage.begin();
    stage.adopt()?;
    start(stage, 1);
    stage.hear("started 1")?;
    running(stage)
}

/// Kills the service and waits until somebody has taken note.
fn end(stage: &mut Stage, main: u32) -> Result<(), Halt> {
    kill(main);
    stage.until("it to be gone", |_| process::state(main).is_none())
}

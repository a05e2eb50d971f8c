//! What is going on when the crash comes.

use super::stage::{Halt, Known, Stage, kill};
use std::io::Write;

/// Grace of every stop here, in milliseconds: long enough to be reached, short enough to pass.
const GRACE: u32 = 50;

/// One piece of a service's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    /// A first start.
    Start,
    /// A stop of something with a stray child that hears no signal.
    Stop,
    /// A crash of the service, and the same command again through the same shim.
    Again,
    /// The same when the record has grown so long that it is begun anew.
    AgainLong,
    /// Another command in its place: another shim.
    Replace,
    /// A program that is not there.
    Fail,
    /// Another engine comes while the service runs.
    Adopt,
    /// Another engine comes after the service ended by itself.
    AdoptEnded,
    /// The shim is lost, another engine comes, the service is stopped.
    AdoptLost,
    /// All but a stray child is gone when another engine comes.
    AdoptStray,
    /// An engine died when it had written an intent and nothing more.
    AdoptIntent,
    /// A stop, and all of it forgotten.
    Forget,
}

/// All of them.
pub(crate) const ACTS: [Act; 12] = [
    Act::Start,
    Act::Stop,
    Act::Again,
    Act::AgainLong,
    Act::Replace,
    Act::Fail,
    Act::Adopt,
    Act::AdoptEnded,
    Act::AdoptLost,
    Act::AdoptStray,
    Act::AdoptIntent,
    Act::Forget,
];

impl Act {
    /// Plays it to its end, or until somebody stands at the failpoint.
    pub(crate) fn play(self, stage: &mut Stage) -> Result<(), Halt> {
        if self == Act::AdoptIntent {
            let order = stage.order.take();
            stage.arm("intent.written", 1);
            stage.begin();
            start(stage, 1);
            let Err(Halt::At(_)) = stage.hear("started 1") else {
                return Err(Halt::Wrong("the intent was not reached".to_owned()));
            };
            stage.kill_host();
            let _ = std::fs::remove_file(stage.file("mark"));
            stage.order = order;
            return next_host(stage).map(|_| ());
        }
        stage.begin();
        stage.adopt()?;
        if self == Act::Fail {
            stage.tell("start 1 /no/such/program");
            stage.hear("failed 1")?;
            return Ok(());
        }
        start(stage, 1);
        stage.hear("started 1")?;
        let main = running(stage)?;
        match self {
            Act::Start | Act::Fail | Act::AdoptIntent => {}
            Act::Stop => stop(stage)?,
            Act::Again | Act::AgainLong => {
                if self == Act::AgainLong {
                    lengthen(stage);
                }
                kill(main);
                stage.hear("exited 1")?;
                start(stage, 2);
                stage.hear("started 2")?;
            }
            Act::Replace => {
                kill(main);
                stage.hear("exited 1")?;
                let words = words(stage, "7");
                stage.tell(&format!("start 2 {words}"));
                stage.hear("started 2")?;
            }
            Act::Adopt => {
                stage.kill_host();
                let found = next_host(stage)?;
                if found != Some((1, Ok(main))) {
                    return Err(Halt::Wrong(format!("found {found:?}, and {main} runs")));
                }
                stop(stage)?;
            }
            Act::AdoptEnded => {
                stage.kill_host();
                kill(main);
                stage.until("the shim to leave", |stage| stage.left().is_empty())?;
                let found = next_host(stage)?;
                if found != Some((1, Err("signal-9".to_owned()))) {
                    return Err(Halt::Wrong(format!("found {found:?}, and it was killed")));
                }
            }
            Act::AdoptLost => {
                stage.shims().into_iter().for_each(kill);
                stage.hear("lost 1")?;
                stage.kill_host();
                next_host(stage)?;
                stop(stage)?;
            }
            Act::AdoptStray => {
                stage.kill_host();
                stage.shims().into_iter().for_each(kill);
                kill(main);
                next_host(stage)?;
            }
            Act::Forget => {
                stop(stage)?;
                stage.tell("forget");
                stage.until("the folder to be gone", |stage| {
                    !stage.run_folder().exists()
                })?;
            }
        }
        // The last word of a shim may come after that of its driver.
        stage.adopt()?;
        Ok(())
    }
}

fn next_host(stage: &mut Stage) -> Result<Option<Known>, Halt> {
    stage.begin();
    stage.adopt()
}

fn stop(stage: &mut Stage) -> Result<(), Halt> {
    stage.tell(&format!("stop 1 {GRACE}"));
    stage.hear("exited 1")?;
    Ok(())
}

/// The service: alone under its lock, with a stray child, and something to say.
pub(crate) fn start(stage: &mut Stage, generation: u64) {
    let words = words(stage, "5");
    stage.tell(&format!("start {generation} {words}"));
}

fn words(stage: &Stage, pace: &str) -> String {
    let puppet = testkit::program("puppet");
    let sole = stage.file("sole");
    format!(
        "{} sole {} session tick {pace}",
        puppet.display(),
        sole.display()
    )
}

/// Waits until the service has its lock: started is not yet there.
pub(crate) fn running(stage: &mut Stage) -> Result<u32, Halt> {
    stage.until("the service to run", |stage| {
        stage.main().is_some_and(crate::process::lives)
    })?;
    stage
        .main()
        .ok_or_else(|| Halt::Wrong("it runs no more".to_owned()))
}

/// Longer than a shim lets its record grow.
fn lengthen(stage: &Stage) {
    let line = "a line of a later version, which this one does not read\n";
    let record = stage.run_folder().join(shim::RECORD);
    let file = std::fs::OpenOptions::new().append(true).open(record);
    let mut file = file.expect("the record is there");
    file.write_all(line.repeat(6_000).as_bytes())
        .expect("the record can be written");
}

//! Ending an instance: its command or its signal, then the grace, then SIGKILL, and saying what is
//! waited for.

use crate::ContainerStop;
use crate::daemon::{Fault, QUICK, ask};
use crate::exec::{Exec, run};
use crate::look::Stage;
use crate::unit::Unit;
use bollard::query_parameters::KillContainerOptionsBuilder;
use driver::ExecOutcome;
use model::{ExitStatus, Generation};
use std::time::Duration;
use tokio::time::Instant;

/// What lives on for so long after SIGKILL is said to be stuck.
const KILL_PATIENCE: Duration = Duration::from_secs(5);
/// What has not ended after so long is said to be waited for.
const NAMED_AFTER: Duration = Duration::from_secs(2);
/// Between two tries to reach a daemon that did not take a signal.
const AGAIN: Duration = Duration::from_secs(1);
/// The signal of an image that names none.
const TERM: &str = "SIGTERM";

/// An end under way.
#[derive(Debug)]
pub(crate) struct Stopping {
    stop: ContainerStop,
    /// When SIGKILL follows; after that, when it is said to be stuck.
    end: Instant,
    step: Step,
    /// When it is said what is waited for.
    name: Option<Instant>,
    /// That it is stuck was said.
    stuck: bool,
    /// The signal that is, or was, sent.
    signal: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Its command runs, or has set something in motion.
    Commanded,
    /// Its signal is to be sent.
    Due,
    /// Its signal was sent.
    Signalled,
    /// SIGKILL was sent.
    Killed,
}

impl Unit {
    pub(crate) async fn on_stop(&mut self, generation: Generation, stop: ContainerStop) {
        let Some(living) = self.life.clone() else {
            // It has ended by itself in the meantime; who asks is still to be answered.
            let status = match self.last {
                Some((last, status)) if last == generation => status,
                _ => ExitStatus::Unknown,
            };
            return self.shared.say(self.whose.exited(generation, status)).await;
        };
        if generation < living.generation {
            return;
        }
        if let Some(why) = self.out_of_reach() {
            let event = self.whose.stop_blocked(living.generation, why);
            return self.shared.say(event).await;
        }
        let now = Instant::now();
        if let Some(stopping) = &mut self.stopping {
            // Asked again: the shorter grace holds, nothing is said twice.
            if stopping.step != Step::Killed {
                stopping.end = stopping.end.min(now + stop.grace());
            }
            return self.on_timer().await;
        }
        let signal = match (&stop.signal, self.seen().await) {
            (Some(signal), _) => signal.clone(),
            (None, Ok(Some(seen))) => seen.stop_signal.unwrap_or_else(|| TERM.into()),
            (None, _) => TERM.into(),
        };
        let command = stop.command.clone();
        self.stopping = Some(Stopping {
            end: now + stop.grace(),
            step: match command {
                Some(_) => Step::Commanded,
                None => Step::Due,
            },
            name: Some(now + NAMED_AFTER),
            stuck: false,
            signal,
            stop,
        });
        if let Some(argv) = command {
            let (shared, container) = (self.shared.clone(), self.name.clone());
            let grace = self.stopping.as_ref().map_or(QUICK, |one| one.stop.grace);
            let exec = Exec {
                argv,
                ..Exec::default()
            };
            let command = async move { run(&shared.daemon, &container, exec, grace).await.0 };
            self.stop_command.spawn(command);
        }
        self.on_timer().await;
    }

    pub(crate) async fn on_stop_command(&mut self, outcome: ExecOutcome) {
        let why = match outcome {
            // What it has set in motion takes its time.
            ExecOutcome::Exit { status, .. } if status.success() => return,
            ExecOutcome::Exit { status, said } if said.is_empty() => status.to_string(),
            ExecOutcome::Exit { status, said } => format!("{status}: {said}"),
            ExecOutcome::TimedOut => "took too long".to_owned(),
            ExecOutcome::Failed(error)
            | ExecOutcome::NotFound(error)
            | ExecOutcome::Short(error) => error,
        };
        let (Some(living), Some(stopping)) = (&self.life, &mut self.stopping) else {
            return;
        };
        if stopping.step == Step::Commanded {
            stopping.step = Step::Due;
            let how = format!("its stop command {why}; {}", stopping.what_follows());
            let event = self.whose.stop_goes_on(living.generation, how);
            self.shared.say(event).await;
            self.on_timer().await;
        }
    }

    /// Does what is due of a stop, and sets the timer for what is next.
    pub(crate) async fn on_timer(&mut self) {
        self.timer = None;
        // Whether it has ended is what everything else depends on.
        self.on_look().await;
        let (Some(living), Some(mut stopping)) = (self.life.clone(), self.stopping.take()) else {
            return;
        };
        let now = Instant::now();
        let mut next = stopping.end;
        match stopping.step {
            Step::Killed if now >= stopping.end => {
                if !stopping.stuck {
                    stopping.stuck = true;
                    let blocker = format!("the container {}", self.name);
                    let event = self.whose.stop_blocked(living.generation, blocker);
                    self.shared.say(event).await;
                }
                // Its daemon may have lost it.
                let _ = self.signal("SIGKILL").await;
                stopping.end = now + KILL_PATIENCE;
                next = stopping.end;
            }
            Step::Killed => {}
            _ if now >= stopping.end => {
                stopping.step = Step::Killed;
                stopping.end = now + KILL_PATIENCE;
                next = stopping.end;
                if let Err(fault) = self.signal("SIGKILL").await {
                    next = now + AGAIN;
                    stopping.step = Step::Due;
                    stopping.end = now;
                    self.say_not_taken(living.generation, &mut stopping, &fault)
                        .await;
                }
            }
            Step::Due => match self.signal(&stopping.signal).await {
                Ok(()) => stopping.step = Step::Signalled,
                Err(fault) => {
                    next = next.min(now + AGAIN);
                    self.say_not_taken(living.generation, &mut stopping, &fault)
                        .await;
                }
            },
            Step::Commanded | Step::Signalled => {}
        }
        match stopping.name {
            Some(at) if now >= at && stopping.step != Step::Killed => {
                stopping.name = None;
                let follows = stopping.what_follows();
                let how = format!("waits for the container {}; {follows}", self.name);
                let event = self.whose.stop_goes_on(living.generation, how);
                self.shared.say(event).await;
            }
            Some(at) => next = next.min(at),
            None => {}
        }
        self.stopping = Some(stopping);
        self.timer = Some(next.max(now + Duration::from_millis(1)));
    }

    /// Once: the tries go on.
    async fn say_not_taken(&self, generation: Generation, stopping: &mut Stopping, fault: &Fault) {
        if stopping.name.take().is_some() {
            let how = format!("{} was not sent: {fault}; tried again", stopping.signal);
            let event = self.whose.stop_goes_on(generation, how);
            self.shared.say(event).await;
        }
    }

    /// Sends a signal to its first process. One that has ended needs none; one that is held still
    /// could not hear it, and is let go.
    async fn signal(&self, signal: &str) -> Result<(), Fault> {
        let api = self.shared.daemon.api();
        if let Ok(Some(seen)) = self.seen().await
            && seen.stage == Stage::Paused
        {
            // The signal says whether it could be let go.
            let _ = ask(QUICK, api.unpause_container(&self.name)).await;
        }
        let options = KillContainerOptionsBuilder::new().signal(signal).build();
        match ask(QUICK, api.kill_container(&self.name, Some(options))).await {
            Err(fault) if fault.is_not_found() || fault.is_conflict() => {
                // Its end is on its way to us.
                self.looks.notify_one();
                Ok(())
            }
            sent => sent,
        }
    }
}

impl Stopping {
    /// What happens next to one that does not end.
    fn what_follows(&self) -> String {
        let left = self.end.saturating_duration_since(Instant::now());
        // Half a second more or less helps nobody.
        let left = left.as_secs_f64().round();
        let signal = &self.signal;
        match self.step {
            Step::Commanded => format!("SIGKILL follows in {left} s"),
            Step::Due => format!("{signal} follows"),
            Step::Signalled | Step::Killed => {
                format!("{signal} was sent, SIGKILL follows in {left} s")
            }
        }
    }
}

impl ContainerStop {
    /// What the signal leaves it: SIGKILL leaves nothing.
    fn grace(&self) -> Duration {
        match (&self.command, self.signal.as_deref()) {
            (None, Some("SIGKILL" | "KILL" | "9")) => Duration::ZERO,
            _ => self.grace,
        }
    }
}

//! Ending an instance: command, signal, grace, SIGKILL to the whole tree, and only then the word
//! that it has ended.
//!
//! A service that names a stop command is asked by it first; the signal follows when that fails, or
//! when the grace has passed and the service is still there. The stop signal goes once to the
//! process group that the service's own process leads, as Ctrl-C in a terminal does: a shell and
//! what it runs hear it together. It stays at once when the engine dies in the middle and another one
//! goes on with it ([`crate::asked`]). What has made a group or session of its own (PostgreSQL's
//! children) is left to its parent until the grace is over. Then SIGKILL goes to everything that
//! belongs to the instance by any of the three means, all of it stopped before the first is killed
//! ([`crate::roundup`]), until two looks in a row find nothing.
//!
//! What is waited for is named while it is waited for.

use crate::asked;
use crate::clear::unseen;
use crate::pidfd::Pidfd;
use crate::procfs::Table;
use crate::shortage;
use crate::spawn::Shim;
use crate::survivors::{self, Remains};
use crate::watch::{Life, Main, Unit, blocking};
use crate::{ExecOutcome, Happened, Stop};
use crate::{cgroup, exec, procfs};
use model::{ExitStatus, Generation};
use shim::{Command, fail_point};
use std::io;
use std::time::Duration;
use tokio::time::Instant;

/// SIGKILL takes milliseconds. After this long the shim is not waited for any more.
const KILL_PATIENCE: Duration = Duration::from_secs(1);
/// What lives this long after it was asked to stop, or after SIGKILL, is named.
pub(crate) const NAMED_AFTER: Duration = Duration::from_secs(2);
/// Between two looks at a tree that has no shim to tell when it is gone.
pub(crate) const LOOK: Duration = Duration::from_millis(50);

/// Tells a stop command which process it is about.
const ENV_PID: &str = "AZORA_PID";

/// A stop that is under way.
#[derive(Debug, Clone)]
pub(crate) struct Stopping {
    /// How it is to be done.
    stop: Stop,
    step: Step,
    /// When the next step begins.
    end: Instant,
    /// When what still lives is named; `None` when it was.
    name: Option<Instant>,
}

/// How far a stop has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Nothing was done yet: its process is still being made.
    Due,
    /// The command was run.
    Commanded,
    /// The signal was sent.
    Signalled,
    /// SIGKILL from here on.
    Killed,
}

impl Stopping {
    /// True while it still may end by itself.
    pub(crate) fn asking(&self) -> bool {
        self.step != Step::Killed
    }

    fn grace_over(&self) -> bool {
        Instant::now() >= self.end
    }

    fn next_look(&self) -> Instant {
        self.name.map_or(self.end, |name| name.min(self.end))
    }
}

impl Unit {
    pub(crate) async fn on_stop(&mut self, generation: Generation, stop: Stop) {
        fail_point!("stop.asked");
        let current = match &self.life {
            Life::Idle => {
                // It has ended by itself in the meantime; who asks is still to be answered.
                let status = match self.last {
                    Some((last, status)) if last == generation => status,
                    _ => ExitStatus::Unknown,
                };
                self.quit_shim().await;
                return self.say_exited(generation, status).await;
            }
            Life::Starting(generation) | Life::Ended(generation, _) => *generation,
            Life::Running(main) => main.generation,
        };
        if generation < current {
            return;
        }
        let now = Instant::now();
        if let Some(stopping) = &mut self.stopping {
            // Asked again: the shorter grace holds, nothing is said twice.
            stopping.stop.grace = stopping.stop.grace.min(stop.grace());
            stopping.end = stopping.end.min(now + stop.grace());
            if stop.grace().is_zero() && stopping.step == Step::Commanded {
                stopping.step = Step::Signalled;
            }
            if stopping.asking() {
                self.timer = Some(stopping.next_look());
            }
            return;
        }
        let under_way = self.asked_before(stop.grace()).await;
        self.stopping = Some(Stopping {
            end: now + under_way.unwrap_or(stop.grace()),
            stop,
            step: match under_way {
                Some(_) => Step::Signalled,
                None => Step::Due,
            },
            name: Some(now + NAMED_AFTER),
        });
        self.ask().await;
    }

    /// What is left of its grace, when an engine before this one has sent it its signal. Over by now, it
    /// may have been about another stop, and counts for nothing.
    async fn asked_before(&self, grace: Duration) -> Option<Duration> {
        let Life::Running(main) = &self.life else {
            return None;
        };
        let (folder, anchor) = (self.folder.clone(), main.anchor.clone());
        let since = blocking(move || asked::since(&folder, &anchor)).await?;
        let left = grace.checked_sub(since)?;
        (!left.is_zero()).then_some(left)
    }

    /// The next thing that may make it end by itself: the command, then the signal, then nothing.
    async fn ask(&mut self) {
        if matches!(&self.life, Life::Running(main) if main.again.is_some()) {
            self.watch_again().await;
        }
        let (Life::Running(main), Some(stopping)) = (&self.life, &mut self.stopping) else {
            return;
        };
        let now = Instant::now();
        if main.again.is_some() && now < stopping.end {
            // Without a descriptor it cannot be signalled yet.
            self.timer = Some(stopping.end.min(now + shortage::PAUSE));
            return;
        }
        match (stopping.step, stopping.stop.command.take()) {
            (Step::Due, Some(mut command)) => {
                stopping.step = Step::Commanded;
                let grace = stopping.stop.grace;
                stopping.end = now + grace;
                let pid = main.anchor.pid.to_string();
                command.env.insert(ENV_PID.to_owned(), pid);
                // One that does not end is ended by the next step.
                self.stop_command
                    .spawn(exec::run(command, 2 * grace, self.shared.nofile));
            }
            (Step::Due | Step::Commanded, _) => {
                self.stop_command.abort_all();
                stopping.step = Step::Signalled;
                // Nothing to wait for when it could not be signalled.
                let grace = stopping.stop.grace();
                stopping.end = now
                    + if main.again.is_some() {
                        Duration::ZERO
                    } else {
                        grace
                    };
                if stopping.end > now
                    && let Some(pidfd) = &main.pidfd
                {
                    let (signal, pid) = (number(stopping.stop.signal), main.anchor.pid);
                    ask_to_stop(pidfd.get_ref(), signal, pid, &self.remains());
                    let (folder, anchor) = (self.folder.clone(), main.anchor.clone());
                    blocking(move || asked::keep(&folder, &anchor)).await;
                }
                fail_point!("stop.signalled");
            }
            (Step::Signalled | Step::Killed, _) => {}
        }
        self.timer = self.stopping.as_ref().map(Stopping::next_look);
    }

    /// The stop command has come to its end.
    pub(crate) async fn on_stop_command(&mut self, outcome: ExecOutcome) {
        let asked = self
            .stopping
            .as_ref()
            .is_some_and(|stopping| stopping.step == Step::Commanded);
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
        if asked && let Life::Running(Main { generation, .. }) = self.life {
            self.ask().await;
            let next = self.what_follows();
            let how = format!("its stop command {why}; {next}");
            self.say_stop_goes_on(generation, how).await;
        }
    }

    /// What happens next to one that does not end.
    fn what_follows(&self) -> String {
        let Some(stopping) = &self.stopping else {
            return String::new();
        };
        let left = stopping.end.saturating_duration_since(Instant::now());
        // Half a second more or less helps nobody.
        let left = left.as_secs_f64().round();
        let signal = format!("{:?}", stopping.stop.signal).to_uppercase();
        match stopping.step {
            Step::Due | Step::Commanded => format!("SIG{signal} follows in {left} s"),
            Step::Signalled | Step::Killed => {
                format!("SIG{signal} was sent, SIGKILL follows in {left} s")
            }
        }
    }

    /// Says who has not ended yet, once, when it is time for that.
    async fn name_the_living(&mut self, generation: Generation) {
        let due = |stopping: &&mut Stopping| stopping.name.is_some_and(|at| Instant::now() >= at);
        let Some(stopping) = self.stopping.as_mut().filter(due) else {
            return;
        };
        stopping.name = None;
        let living = match self.look().await {
            Ok((found, _)) if found.is_empty() => return,
            Ok((found, table)) => survivors::names(&found, &table),
            Err(error) => unseen(&error),
        };
        let how = format!("waits for {living}; {}", self.what_follows());
        self.say_stop_goes_on(generation, how).await;
    }

    async fn say_stop_goes_on(&mut self, generation: Generation, how: String) {
        let (cluster, instance) = (self.cluster.clone(), self.instance.clone());
        self.shared
            .say(Happened::StopGoesOn {
                cluster,
                instance,
                generation,
                how,
            })
            .await;
    }

    /// See the states: each has one thing it waits for.
    pub(crate) async fn on_timer(&mut self) {
        self.timer = None;
        match &self.life {
            Life::Idle => self.quit_shim().await,
            Life::Starting(_) => {
                // Neither the program nor a reason: the shim hangs. Its end is heard and told.
                if let Some(shim) = &self.shim {
                    shim.kill();
                }
            }
            Life::Running(main) => {
                let (generation, ended) = (main.generation, main.ended.is_some());
                let asking = self.stopping.as_ref().filter(|stopping| stopping.asking());
                match asking.map(|stopping| (stopping.step, stopping.grace_over())) {
                    Some((Step::Signalled, true)) => self.sweep().await,
                    // It began to run while it was being stopped, or the command was not enough.
                    Some((Step::Due, _)) if !ended => self.ask().await,
                    Some((Step::Commanded, true)) if !ended => {
                        let why = if self.stop_command.is_empty() {
                            "was not enough"
                        } else {
                            "took too long"
                        };
                        self.ask().await;
                        let how = format!("its stop command {why}; {}", self.what_follows());
                        self.say_stop_goes_on(generation, how).await;
                    }
                    Some((_, true)) => self.sweep().await,
                    Some((_, false)) if !ended => {
                        self.name_the_living(generation).await;
                        self.timer = self.stopping.as_ref().map(Stopping::next_look);
                    }
                    _ if self.waits_for_shim() => {}
                    _ => {
                        // Killed, or ended, and the shim has not a word to say about it.
                        self.clear(generation).await;
                        self.drop_shim().await;
                        let status = self.recorded(generation).await;
                        self.finish(generation, status).await;
                    }
                }
            }
            Life::Ended(generation, status) => {
                let (generation, status) = (*generation, *status);
                let asking = self.stopping.as_ref().filter(|stopping| stopping.asking());
                match asking.map(|stopping| (stopping.end, stopping.grace_over())) {
                    Some((end, false)) => {
                        let looked = self.look().await;
                        let gone = looked.is_ok_and(|(found, _)| found.is_empty());
                        if self.shim.is_none() && gone {
                            return self.finish(generation, status).await;
                        }
                        self.name_the_living(generation).await;
                        let name = self.stopping.as_ref().map(Stopping::next_look);
                        let next = if self.shim.is_none() {
                            Instant::now() + LOOK
                        } else {
                            name.unwrap_or(end)
                        };
                        self.timer = Some(next.min(end));
                    }
                    Some((_, true)) => self.sweep().await,
                    _ => {
                        self.clear(generation).await;
                        self.drop_shim().await;
                        self.finish(generation, status).await;
                    }
                }
            }
        }
    }

    /// SIGKILL to the whole tree, by the shim and by the control group. The shim tells when nothing
    /// is left; if it does not in time, the timer brings us back to look for ourselves.
    pub(crate) async fn sweep(&mut self) {
        if let Some(stopping) = &mut self.stopping {
            stopping.step = Step::Killed;
        }
        let generation = match &self.life {
            Life::Idle => return,
            Life::Starting(generation) | Life::Ended(generation, _) => *generation,
            Life::Running(main) => main.generation,
        };
        self.swept = true;
        for group in &self.groups {
            cgroup::kill(group);
        }
        self.kill_process_group();
        fail_point!("sweep.group-killed");
        let told = match &mut self.shim {
            Some(shim) => shim.tell(Command::Sweep(generation.0)).await,
            None => false,
        };
        fail_point!("sweep.told");
        let wait = if told { KILL_PATIENCE } else { Duration::ZERO };
        self.timer = Some(Instant::now() + wait);
    }

    /// The tree is gone as far as the shim knows. Makes sure by the other means, lets the shim go
    /// unless a fast restart is to be expected, and tells.
    pub(crate) async fn finish(&mut self, generation: Generation, status: ExitStatus) {
        fail_point!("finish.begun");
        let stopped = self.stopping.is_some();
        // A living subreaper without children is proof that nothing descends from it any more. The
        // whole process table is searched when there is no such proof, and at every stop.
        let lost = self.shim.is_none();
        if stopped || lost || self.groups.iter().any(|group| cgroup::populated(group)) {
            self.clear(generation).await;
        }
        self.stopping = None;
        self.led = None;
        // One that still runs has nothing left to stop: it ends with its group.
        self.stop_command.abort_all();
        self.life = Life::Idle;
        self.leave_log();
        self.last = Some((generation, status));
        // One that did its work is not started again in a moment. One with listening sockets keeps
        // them until it is known whether it will be: then it is told to rest, or to start. So does
        // one that knows how large its terminal was made, however it ended.
        let keeps = self.shim.as_ref().is_some_and(Shim::keeps_sockets);
        let knows = self.shim.as_ref().is_some_and(Shim::knows_a_size);
        if stopped && keeps || knows {
            self.linger();
        } else if stopped || status.success() {
            self.quit_shim().await;
            fail_point!("finish.shim-gone");
        } else {
            self.linger();
        }
        self.say_exited(generation, status).await;
    }

    pub(crate) async fn say_exited(&mut self, generation: Generation, status: ExitStatus) {
        let (cluster, instance) = (self.cluster.clone(), self.instance.clone());
        self.shared
            .say(Happened::Exited {
                cluster,
                instance,
                generation,
                status,
                left: std::mem::take(&mut self.left),
            })
            .await;
        fail_point!("exited.told");
    }
}

/// Sends the stop signal to the group of a service's own process, and lets what was stopped (^Z, a
/// debugger's leftovers) go on so that it hears it.
fn ask_to_stop(main: &Pidfd, signal: i32, pid: u32, remains: &Remains) {
    for signal in [signal, libc::SIGCONT] {
        // Ended by now: its end is on its way to us.
        if main
            .signal_group(signal)
            .is_err_and(|e| e.kind() == io::ErrorKind::InvalidInput)
        {
            signal_members(main, signal, pid, remains);
        }
    }
}

/// Before Linux 6.9 a descriptor stands for a process only: the members of the group are collected
/// and each signalled through its own, the service's process first.
fn signal_members(main: &Pidfd, signal: i32, group: u32, remains: &Remains) {
    // As above.
    let _ = main.signal(signal);
    // Whom it does not reach for want of descriptors has the grace like one that does not hear.
    let Ok(table) = Table::read() else {
        return;
    };
    let members = remains.look(&table).unwrap_or_default();
    for pid in members.into_keys().filter(|pid| *pid != group) {
        if let Ok(Some(member)) = Pidfd::open(pid)
            && let Ok(Some(process)) = procfs::process(pid)
            && process.group == group
        {
            let _ = member.signal(signal);
        }
    }
}

fn number(signal: spec::StopSignal) -> i32 {
    match signal {
        spec::StopSignal::Term => libc::SIGTERM,
        spec::StopSignal::Int => libc::SIGINT,
        spec::StopSignal::Quit => libc::SIGQUIT,
        spec::StopSignal::Hup => libc::SIGHUP,
        spec::StopSignal::Usr1 => libc::SIGUSR1,
        spec::StopSignal::Usr2 => libc::SIGUSR2,
        spec::StopSignal::Kill => libc::SIGKILL,
    }
}

//! Ending an instance: signal, grace, SIGKILL to the whole tree, and only then the word that it
//! has ended.
//!
//! The stop signal goes once to the process group that the service's own process leads, as Ctrl-C
//! in a terminal does: a shell and what it runs hear it together. What has made a group or session
//! of its own (PostgreSQL's children) is left to its parent until the grace is over. Then SIGKILL
//! goes to everything that belongs to the instance by any of the three means, until two looks in a
//! row find nothing.

use crate::Happened;
use crate::pidfd::Pidfd;
use crate::procfs::Table;
use crate::survivors::{self, Remains};
use crate::watch::{Life, Stopping, Unit};
use crate::{cgroup, procfs};
use model::{ExitStatus, Generation};
use shim::Command;
use std::time::Duration;
use tokio::time::Instant;

/// SIGKILL takes milliseconds. After this long the shim is not waited for any more.
const KILL_PATIENCE: Duration = Duration::from_secs(1);
/// What lives this long after SIGKILL is named.
const BLOCKED_AFTER: Duration = Duration::from_secs(2);
/// Between two looks at a tree that has no shim to tell when it is gone.
const LOOK: Duration = Duration::from_millis(50);
/// Between two looks at what does not even die by SIGKILL.
const LOOK_BLOCKED: Duration = Duration::from_secs(1);

impl Unit {
    pub(crate) async fn on_stop(&mut self, generation: Generation, stop: spec::Stop) {
        let grace = if stop.signal == spec::StopSignal::Kill {
            Duration::ZERO
        } else {
            stop.grace
        };
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
        let grace_end = Instant::now() + grace;
        if let Some(stopping) = &mut self.stopping {
            // Asked again: the shorter grace holds, the signal is not sent twice.
            stopping.grace_end = stopping.grace_end.min(grace_end);
            if !stopping.killed {
                self.timer = Some(stopping.grace_end);
            }
            return;
        }
        self.stopping = Some(Stopping {
            grace_end,
            killed: false,
        });
        self.stop_signal = number(stop.signal);
        if let Life::Running(main) = &self.life {
            let (pid, pidfd) = (main.anchor.pid, main.pidfd.as_ref());
            if let Some(pidfd) = pidfd.filter(|_| grace > Duration::ZERO) {
                ask_to_stop(pidfd.get_ref(), self.stop_signal, pid, &self.remains());
            }
            self.timer = Some(grace_end);
        }
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
                let (generation, ended) = (main.generation, main.ended);
                match self.stopping {
                    Some(stopping) if !stopping.killed && Instant::now() >= stopping.grace_end => {
                        self.sweep().await;
                    }
                    Some(stopping) if !stopping.killed && !ended => {
                        // It began to run while it was being stopped.
                        if let Some(pidfd) = &main.pidfd {
                            ask_to_stop(
                                pidfd.get_ref(),
                                self.stop_signal,
                                main.anchor.pid,
                                &self.remains(),
                            );
                        }
                        self.timer = Some(stopping.grace_end);
                    }
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
                match self.stopping {
                    Some(stopping) if !stopping.killed && Instant::now() < stopping.grace_end => {
                        let table = self.shared.scanner.table().await;
                        if self.shim.is_none() && self.remains().look(&table).is_empty() {
                            return self.finish(generation, status).await;
                        }
                        let next = if self.shim.is_none() {
                            Instant::now() + LOOK
                        } else {
                            stopping.grace_end
                        };
                        self.timer = Some(next.min(stopping.grace_end));
                    }
                    Some(stopping) if !stopping.killed => self.sweep().await,
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
            stopping.killed = true;
        }
        let generation = match &self.life {
            Life::Idle => return,
            Life::Starting(generation) | Life::Ended(generation, _) => *generation,
            Life::Running(main) => main.generation,
        };
        if let Some(cgroup) = &self.cgroup {
            cgroup::kill(cgroup);
        }
        let told = match &mut self.shim {
            Some(shim) => shim.tell(Command::Sweep(generation.0)).await,
            None => false,
        };
        let wait = if told { KILL_PATIENCE } else { Duration::ZERO };
        self.timer = Some(Instant::now() + wait);
    }

    /// Kills what belongs to the instance until two looks in a row find nothing. What does not die
    /// is named once, and waited for.
    pub(crate) async fn clear(&mut self, generation: Generation) {
        let begun = Instant::now();
        let mut named = false;
        let mut empty = 0;
        while empty < 2 {
            let table = self.shared.scanner.table().await;
            let remains = self.remains();
            let found = remains.look(&table);
            if found.is_empty() {
                empty += 1;
                continue;
            }
            empty = 0;
            remains.kill(&found, &table);
            if !named && begun.elapsed() > BLOCKED_AFTER {
                named = true;
                let (cluster, instance) = (self.cluster.clone(), self.instance.clone());
                let blocker = survivors::names(&found, &table);
                self.shared
                    .say(Happened::StopBlocked {
                        cluster,
                        instance,
                        generation,
                        blocker,
                    })
                    .await;
            }
            tokio::time::sleep(if named { LOOK_BLOCKED } else { LOOK / 10 }).await;
        }
    }

    /// The tree is gone as far as the shim knows. Makes sure by the other means, lets the shim go
    /// unless a fast restart is to be expected, and tells.
    pub(crate) async fn finish(&mut self, generation: Generation, status: ExitStatus) {
        let stopped = self.stopping.is_some();
        // A living subreaper without children is proof that nothing descends from it any more. The
        // whole process table is searched when there is no such proof, and at every stop.
        let lost = self.shim.is_none();
        if stopped || lost || self.cgroup.as_deref().is_some_and(cgroup::populated) {
            self.clear(generation).await;
        }
        self.stopping = None;
        self.life = Life::Idle;
        self.last = Some((generation, status));
        // One that did its work is not started again in a moment.
        if stopped || status.success() {
            self.quit_shim().await;
            if let Some(cgroup) = &self.cgroup {
                cgroup::remove_instance(cgroup);
            }
        } else {
            self.linger();
        }
        self.say_exited(generation, status).await;
    }

    async fn say_exited(&mut self, generation: Generation, status: ExitStatus) {
        let (cluster, instance) = (self.cluster.clone(), self.instance.clone());
        self.shared
            .say(Happened::Exited {
                cluster,
                instance,
                generation,
                status,
            })
            .await;
    }
}

/// Sends the stop signal to the group of a service's own process, and lets what was stopped (^Z, a
/// debugger's leftovers) go on so that it hears it.
fn ask_to_stop(main: &Pidfd, signal: i32, pid: u32, remains: &Remains) {
    for signal in [signal, libc::SIGCONT] {
        // Ended by now: its end is on its way to us.
        if main
            .signal_group(signal)
            .is_err_and(|e| e.kind() == std::io::ErrorKind::InvalidInput)
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
    let table = Table::read();
    for pid in remains.look(&table).into_keys().filter(|pid| *pid != group) {
        if let Some(member) = Pidfd::open(pid)
            && procfs::process(pid).is_some_and(|process| process.group == group)
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

//! One task per instance: waits for its shim, its process, its timer and what it is asked, one
//! word at a time.
//!
//! The task first looks at what is on disk ([`crate::adopt`]), whoever asked for it: so a start
//! never makes a second copy of what an earlier engine, or a task that broke, has left running.

use crate::handback::Missing;
use crate::intent;
use crate::lost::Kept;
use crate::pidfd::Pidfd;
use crate::shared::Shared;
use crate::spawn::Shim;
use crate::stop::{NAMED_AFTER, Stopping};
use crate::survivors::Remains;
use crate::{ExecOutcome, Found, Happened, Launch, Stop};
use model::{Anchor, ClusterId, ExitStatus, Generation, InstanceId};
use shim::{Line, fail_point};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// A shim without a service stays so long for a fast restart.
const LINGER: Duration = Duration::from_secs(60);

/// What a task is asked.
#[derive(Debug)]
pub(crate) enum Ask {
    Start(Box<Launch>),
    Stop(Generation, Box<Stop>),
    Find(oneshot::Sender<Option<Found>>),
    Rest,
    Forget,
    /// Break, to show that it begins anew.
    #[cfg(test)]
    Break,
}

/// One thing that happened.
enum Word {
    Line(Line),
    Unlinked,
    ShimEnded,
    MainEnded,
    /// It is time to try again to watch its process.
    Watch,
    /// It is time to ask again for its sockets.
    Sockets,
    Timer,
    StopCommand(ExecOutcome),
    Ask(Ask),
}

/// How far the newest start has come.
#[derive(Debug)]
pub(crate) enum Life {
    /// Nothing of it lives.
    Idle,
    /// The shim was told to make it.
    Starting(Generation),
    /// Its process runs.
    Running(Main),
    /// Its process has ended, its tree is being ended.
    Ended(Generation, ExitStatus),
}

/// The service's own process.
#[derive(Debug)]
pub(crate) struct Main {
    pub(crate) generation: Generation,
    pub(crate) anchor: Anchor,
    /// `None` when it had ended before it could be opened, and while that waits for a descriptor.
    pub(crate) pidfd: Option<AsyncFd<Pidfd>>,
    /// No descriptor could be had for it: when that is tried again.
    pub(crate) again: Option<Instant>,
    /// When it was seen to end; the shim has not said how yet.
    pub(crate) ended: Option<Instant>,
}

/// What others may read of a unit without asking its task.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    pub(crate) shim: Option<u32>,
    pub(crate) main: Option<u32>,
    pub(crate) groups: Vec<PathBuf>,
    /// It has been looked at, as what is on disk is when the task begins.
    pub(crate) attached: bool,
    /// Told as running before that: the task owes word if it is not.
    pub(crate) told: Option<Generation>,
}

/// One instance.
#[derive(Debug)]
pub(crate) struct Unit {
    pub(crate) shared: Arc<Shared>,
    pub(crate) cluster: ClusterId,
    pub(crate) instance: InstanceId,
    pub(crate) folder: PathBuf,
    pub(crate) asks: mpsc::Receiver<Ask>,
    pub(crate) facts: Arc<Mutex<Facts>>,
    pub(crate) shim: Option<Shim>,
    pub(crate) life: Life,
    /// Its own process, which has ended: the group it led may not have.
    pub(crate) led: Option<AsyncFd<Pidfd>>,
    /// Who of its tree lived on when that had exited with 0 by itself.
    pub(crate) left: u32,
    pub(crate) stopping: Option<Stopping>,
    /// The stop command that was run last, while it runs.
    pub(crate) stop_command: JoinSet<ExecOutcome>,
    /// Means what life and stopping say: see [`Unit::on_timer`].
    pub(crate) timer: Option<Instant>,
    /// Listening sockets that its shim keeps and that have not come from it yet.
    pub(crate) missing: Option<Missing>,
    /// Who wants to know how it is with the newest start, which is still being made.
    pub(crate) finders: Vec<oneshot::Sender<Option<Found>>>,
    /// How the last start ended, in this task's time or before it.
    pub(crate) last: Option<(Generation, ExitStatus)>,
    pub(crate) nonce: Option<String>,
    /// Its control groups, the one of version 2 first.
    pub(crate) groups: Vec<PathBuf>,
    /// Everything in its groups was killed once: they are to be made anew before something is born
    /// in them.
    pub(crate) swept: bool,
    pub(crate) shim_lost: bool,
    /// Its log, since its shim was lost.
    pub(crate) log: Option<Kept>,
}

impl Unit {
    /// Goes on until its driver is dropped.
    pub(crate) async fn live(&mut self) {
        self.publish();
        loop {
            let Some(word) = self.next().await else {
                return;
            };
            // Boxed, here and where the task begins, because most of a thousand tasks wait for a word
            // most of the time, and doing what it asks for takes ten times the room of waiting.
            Box::pin(self.apply(word)).await;
            self.publish();
            self.answer_finders();
        }
    }

    async fn next(&mut self) -> Option<Word> {
        let (line, shim_ended) = match &mut self.shim {
            Some(shim) if shim.linked() => (Some(shim), None),
            // What it said last is heard before its end is.
            Some(shim) => (None, Some(shim)),
            None => (None, None),
        };
        let (main, again) = match &self.life {
            Life::Running(main) if main.ended.is_none() => (main.pidfd.as_ref(), main.again),
            _ => (None, None),
        };
        tokio::select! {
            biased;
            line = async { match line { Some(shim) => shim.line().await, None => std::future::pending().await } } => {
                Some(line.map_or(Word::Unlinked, Word::Line))
            }
            () = async { match shim_ended { Some(shim) => shim.ended().await, None => std::future::pending().await } } => {
                Some(Word::ShimEnded)
            }
            _ = async { match main { Some(main) => main.readable().await.map(|_| ()), None => std::future::pending().await } } => {
                Some(Word::MainEnded)
            }
            () = async { match again { Some(at) => tokio::time::sleep_until(at).await, None => std::future::pending().await } } => {
                Some(Word::Watch)
            }
            () = async { match self.missing { Some(missing) => tokio::time::sleep_until(missing.at).await, None => std::future::pending().await } } => {
                Some(Word::Sockets)
            }
            () = async { match self.timer { Some(at) => tokio::time::sleep_until(at).await, None => std::future::pending().await } } => {
                Some(Word::Timer)
            }
            outcome = ended(&mut self.stop_command) => Some(Word::StopCommand(outcome)),
            ask = self.asks.recv() => ask.map(Word::Ask),
        }
    }

    async fn apply(&mut self, word: Word) {
        match word {
            Word::Line(line) => self.on_line(line).await,
            Word::Unlinked => {}
            Word::ShimEnded => self.on_shim_ended().await,
            Word::MainEnded => self.on_main_ended().await,
            Word::Watch => self.watch_again().await,
            Word::Sockets => self.ask_for_sockets().await,
            Word::Timer => self.on_timer().await,
            Word::StopCommand(outcome) => self.on_stop_command(outcome).await,
            Word::Ask(Ask::Start(launch)) => self.on_start(*launch).await,
            Word::Ask(Ask::Stop(generation, stop)) => self.on_stop(generation, *stop).await,
            Word::Ask(Ask::Find(answer)) => self.finders.push(answer),
            // The timer of an idle one is the end of its wait for a fast restart.
            Word::Ask(Ask::Rest) if matches!(self.life, Life::Idle) => {
                self.leave_sockets();
                self.on_timer().await;
            }
            Word::Ask(Ask::Rest) => {}
            Word::Ask(Ask::Forget) => self.forget().await,
            #[cfg(test)]
            Word::Ask(Ask::Break) => panic!("broken by a test"),
        }
    }

    async fn on_line(&mut self, line: Line) {
        match (line, &mut self.life) {
            (
                Line::Started {
                    generation,
                    pid,
                    start_ticks,
                    ..
                },
                Life::Starting(wanted),
            ) if generation == wanted.0 => {
                fail_point!("started.heard");
                let anchor = self.anchor(pid, start_ticks);
                self.begin_running(Generation(generation), anchor);
                self.say_started().await;
                fail_point!("started.told");
            }
            (
                Line::Failed {
                    generation,
                    errno,
                    step,
                },
                Life::Starting(wanted),
            ) if generation == wanted.0 => {
                fail_point!("failed.heard");
                let refusal = self.refusal(errno, step);
                self.start_failed(Generation(generation), refusal).await;
            }
            (
                Line::Exited {
                    generation,
                    end,
                    out_of_memory,
                    ..
                },
                Life::Running(main),
            ) if generation == main.generation.0 => {
                fail_point!("exited.heard");
                let generation = main.generation;
                let memory = self
                    .shim
                    .as_ref()
                    .and_then(|shim| shim.intent.memory.as_ref());
                let status = intent::status(end, out_of_memory, memory);
                self.main_over(generation, status).await;
            }
            // It was adopted on its way to the program, and did not become it.
            (Line::Failed { generation, .. }, Life::Running(main))
                if generation == main.generation.0 =>
            {
                /// What such a child ends with.
                const NOT_EXECUTED: i32 = 127;
                let generation = main.generation;
                self.main_over(generation, ExitStatus::Code(NOT_EXECUTED))
                    .await;
            }
            (Line::Gone { generation }, Life::Ended(ended, status)) if generation == ended.0 => {
                fail_point!("gone.heard");
                let (generation, status) = (*ended, *status);
                self.finish(generation, status).await;
            }
            (Line::Told { generation, told }, Life::Running(main))
                if generation == main.generation.0 =>
            {
                let generation = main.generation;
                self.say_told(generation, told).await;
            }
            // A greeting, or old news.
            _ => {}
        }
    }

    pub(crate) async fn say_started(&mut self) {
        if let Life::Running(main) = &self.life {
            let (generation, pid) = (main.generation, main.anchor.pid);
            self.publish();
            self.shared
                .say(Happened::Started {
                    cluster: self.cluster.clone(),
                    instance: self.instance.clone(),
                    generation,
                    pid,
                })
                .await;
        }
    }

    /// By what everything of this instance is found.
    pub(crate) fn remains(&self) -> Remains {
        Remains {
            nonce: self.nonce.clone(),
            groups: self.groups.clone(),
            shim: self.shim.as_ref().map(|shim| shim.anchor.clone()),
            main: match &self.life {
                Life::Running(main) => Some(main.anchor.clone()),
                _ => None,
            },
            home: self.shared.home.clone(),
        }
    }

    pub(crate) fn key(&self) -> (ClusterId, InstanceId) {
        (self.cluster.clone(), self.instance.clone())
    }

    /// What the run folder says, as soon as it can be read. Who waits for a stop is told when that
    /// takes its time.
    pub(crate) async fn story(&self) -> intent::Story {
        let mut reading = std::pin::pin!(intent::Story::in_time(&self.folder));
        let generation = match &self.life {
            Life::Idle => None,
            Life::Starting(generation) | Life::Ended(generation, _) => Some(*generation),
            Life::Running(main) => Some(main.generation),
        };
        if let Some(generation) = generation.filter(|_| self.stopping.is_some()) {
            if let Ok(story) = tokio::time::timeout(NAMED_AFTER, &mut reading).await {
                return story;
            }
            let (cluster, instance) = (self.cluster.clone(), self.instance.clone());
            let blocked = Happened::StopBlocked {
                cluster,
                instance,
                generation,
                blocker: "its record, which cannot be looked at yet".to_owned(),
            };
            self.shared.say(blocked).await;
        }
        reading.await
    }

    /// How a generation ended, as its shim recorded it.
    pub(crate) async fn recorded(&self, generation: Generation) -> ExitStatus {
        let ended = self.story().await.ended;
        ended
            .filter(|(ended, _)| *ended == generation.0)
            .map_or(ExitStatus::Unknown, |(_, status)| status)
    }

    pub(crate) fn anchor(&self, pid: u32, start_ticks: u64) -> Anchor {
        let boot_id = crate::clock::boot_id().unwrap_or_default().to_owned();
        Anchor {
            boot_id,
            pid,
            start_ticks,
        }
    }

    /// Its sockets are not wanted any more; some may just have come.
    fn leave_sockets(&mut self) {
        self.missing = None;
        self.shared.sockets.leave_others(&self.key(), &[]);
    }

    /// Nothing of it lives, and it is not to be started again soon: its shim and its control groups
    /// go.
    pub(crate) async fn quit_shim(&mut self) {
        self.timer = None;
        if let Some(shim) = self.shim.take() {
            shim.retire().await;
        }
        self.remove_groups();
    }

    /// Ends a shim that does not answer. What it kept is gone, or found by other means.
    pub(crate) async fn drop_shim(&mut self) {
        if let Some(shim) = self.shim.take() {
            shim.kill();
            shim.retire().await;
        }
    }

    /// Tells what runs or has ended; of a start under way only when it is known what became of it:
    /// who heard of nothing would make another.
    fn answer_finders(&mut self) {
        if matches!(self.life, Life::Starting(_)) {
            return;
        }
        let current = self.current();
        for answer in self.finders.drain(..) {
            // Who asked may have gone.
            let _ = answer.send(current.clone());
        }
    }

    fn current(&self) -> Option<Found> {
        let (generation, outcome) = match &self.life {
            Life::Running(main) => (main.generation, Ok(main.anchor.pid)),
            Life::Ended(generation, status) => (*generation, Err(*status)),
            Life::Idle | Life::Starting(_) => self.last.map(|(last, how)| (last, Err(how)))?,
        };
        Some(Found {
            instance: self.instance.clone(),
            generation,
            shim_lost: self.shim_lost && outcome.is_ok(),
            unanswered: false,
            outcome,
        })
    }

    fn publish(&self) {
        let mut facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        facts.shim = self.shim.as_ref().map(|shim| shim.anchor.pid);
        facts.main = match &self.life {
            Life::Running(main) if main.ended.is_none() => Some(main.anchor.pid),
            _ => None,
        };
        facts.groups.clone_from(&self.groups);
    }

    /// Drops what is on disk of an instance that has ended. The task stays: it is small, and it
    /// may be asked again at any time.
    async fn forget(&mut self) {
        if !matches!(self.life, Life::Idle) {
            return;
        }
        fail_point!("forget.asked");
        self.leave_sockets();
        self.quit_shim().await;
        (self.last, self.nonce) = (None, None);
        self.groups.clear();
        let folder = self.folder.clone();
        blocking(move || {
            // The cluster's own folder goes with its last instance.
            let _ = std::fs::remove_dir_all(&folder);
            fail_point!("forget.folder-gone");
            let _ = folder.parent().map(std::fs::remove_dir);
        })
        .await;
    }

    /// Removes its control groups, if nothing is in them any more.
    pub(crate) fn remove_groups(&self) {
        for group in &self.groups {
            crate::cgroup::remove_instance(group);
        }
    }

    pub(crate) fn linger(&mut self) {
        self.timer = self.shim.is_some().then(|| Instant::now() + LINGER);
    }
}

/// How a stop command ended; for ever when none runs.
async fn ended(commands: &mut JoinSet<ExecOutcome>) -> ExecOutcome {
    loop {
        match commands.join_next().await {
            Some(Ok(outcome)) => return outcome,
            // It was not needed any more, or it broke: the signal comes in its time.
            Some(Err(_)) => {}
            None => return std::future::pending().await,
        }
    }
}

/// Runs what waits for the disk on a thread that may.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    /// Threads that wait for the disk at once: adopting a thousand instances is a thousand looks,
    /// and neither a disk nor a few processors are quicker for a thousand threads.
    static THREADS: Semaphore = Semaphore::const_new(8);
    // The semaphore is never closed.
    let _permit = THREADS.acquire().await;
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        // A panic in there is a panic here: this task ends, the next one looks at the disk anew.
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down and with it this task.
            Err(_) => std::future::pending().await,
        },
    }
}

//! An instance's task: the only one that makes, starts and ends its container.
//!
//! It acts on what a look shows, never on what an event says: an event only says that it is time for
//! one. So an event that is lost, doubled or late changes nothing.

use crate::copy::Copier;
use crate::daemon::Fault;
use crate::look::{HealthWord, Seen, Stage, look};
use crate::record::{Anchor, Intent, Run};
use crate::shared::{Shared, Whose};
use crate::stop::Stopping;
use crate::{ContainerStop, Launch, record};
use driver::{ExecOutcome, Found};
use model::{ExitStatus, Generation, Timestamp};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// A start that an engine has asked for before it died, or that was given up, may still be done for
/// so long.
pub(crate) const LATE: Duration = Duration::from_secs(60);

/// What is asked of an instance's task.
#[derive(Debug)]
pub(crate) enum Ask {
    /// With when it was asked for.
    Start(Box<Launch>, Timestamp),
    Stop(Generation, ContainerStop),
    /// What was found when the task began.
    Find(oneshot::Sender<Option<Found>>),
    /// Removes the container, ended or not, and all that is written of it.
    Remove(oneshot::Sender<Result<(), Fault>>),
}

/// What is known to others.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    /// The container that runs.
    pub(crate) container: Option<String>,
}

/// A start that runs.
#[derive(Debug, Clone)]
pub(crate) struct Living {
    pub(crate) generation: Generation,
    /// Not known while the daemon has been silent since before we were here.
    pub(crate) anchor: Option<Anchor>,
    pub(crate) pid: u32,
    /// As the daemon said last.
    pub(crate) health: Option<HealthWord>,
}

#[derive(Debug)]
pub(crate) struct Unit {
    pub(crate) shared: Arc<Shared>,
    pub(crate) whose: Whose,
    /// The container's name.
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    pub(crate) asks: mpsc::Receiver<Ask>,
    pub(crate) looks: Arc<Notify>,
    pub(crate) facts: Arc<Mutex<Facts>>,
    pub(crate) intent: Option<Intent>,
    /// The daemon its container is in, when that is another one than ours.
    pub(crate) elsewhere: Option<String>,
    /// `None`: it does not run.
    pub(crate) life: Option<Living>,
    /// Volumes without a name of a container that was removed for the next one, until that runs: which,
    /// and where each appears.
    pub(crate) unnamed: Vec<(String, String)>,
    /// How the newest start ended.
    pub(crate) last: Option<(Generation, ExitStatus)>,
    /// Until then a container that runs and should not is a start that came late.
    pub(crate) late: Option<Instant>,
    pub(crate) stopping: Option<Stopping>,
    pub(crate) stop_command: JoinSet<ExecOutcome>,
    pub(crate) timer: Option<Instant>,
    pub(crate) copier: Option<Copier>,
}

impl Unit {
    pub(crate) async fn run(mut self) {
        self.attach().await;
        loop {
            // Without a timer this is never asked.
            let due = self.timer.unwrap_or_else(Instant::now);
            tokio::select! {
                ask = self.asks.recv() => match ask {
                    Some(ask) => self.on_ask(ask).await,
                    None => return,
                },
                () = self.looks.notified() => self.on_look().await,
                () = sleep_until(due), if self.timer.is_some() => self.on_timer().await,
                Some(outcome) = self.stop_command.join_next() => {
                    let broke = |error: tokio::task::JoinError| ExecOutcome::Failed(error.to_string());
                    self.on_stop_command(outcome.unwrap_or_else(broke)).await;
                }
            }
        }
    }

    async fn on_ask(&mut self, ask: Ask) {
        match ask {
            Ask::Start(launch, asked) => self.on_start(*launch, asked).await,
            Ask::Stop(generation, stop) => self.on_stop(generation, stop).await,
            Ask::Find(answer) => {
                // Who asked may be gone.
                let _ = answer.send(self.found());
            }
            Ask::Remove(answer) => {
                let removed = self.on_remove().await;
                let _ = answer.send(removed);
            }
        }
    }

    fn found(&self) -> Option<Found> {
        let (generation, outcome, unanswered) = match (&self.life, self.last) {
            (Some(living), _) => {
                let unanswered = living.anchor.is_none() || self.copier.is_none();
                (living.generation, Ok(living.pid), unanswered)
            }
            (None, Some((generation, status))) => (generation, Err(status), false),
            (None, None) => return None,
        };
        Some(Found {
            instance: self.whose.instance.clone(),
            generation,
            outcome,
            shim_lost: false,
            unanswered,
        })
    }

    /// Looks at its container. One that is called like it and is not ours is none.
    pub(crate) async fn seen(&self) -> Result<Option<Seen>, Fault> {
        let seen = look(&self.shared.daemon, &self.name).await?;
        Ok(seen.filter(|seen| self.owns(seen)))
    }

    pub(crate) fn owns(&self, seen: &Seen) -> bool {
        let Whose { cluster, instance } = &self.whose;
        seen.is(&self.shared.home, cluster, instance)
    }

    /// Something may have become of it.
    pub(crate) async fn on_look(&mut self) {
        if self.elsewhere.is_some() {
            // That ours has none says nothing.
            return;
        }
        let Ok(seen) = self.seen().await else {
            // Who keeps watch of the daemon sees that, and calls again.
            return;
        };
        match (self.life.clone(), seen) {
            (Some(living), seen) => self.compare(living, seen).await,
            (None, Some(seen)) if seen.lives() && self.late.is_some_and(|t| t > Instant::now()) => {
                tracing::warn!(container = self.name, "a start came late, and is ended");
                self.late = None;
                self.end_now(&seen.anchor.id).await;
            }
            (None, _) => {}
        }
    }

    async fn compare(&mut self, living: Living, seen: Option<Seen>) {
        let generation = living.generation;
        let Some(seen) = seen else {
            // Removed by somebody, and what it ended with has gone with it.
            return self.over(generation, None, ExitStatus::Unknown).await;
        };
        let before = self
            .intent
            .as_ref()
            .and_then(|intent| intent.before.clone());
        let same = match &living.anchor {
            Some(anchor) => *anchor == seen.anchor,
            None => before.as_ref() != Some(&seen.anchor) && seen.stage != Stage::Made,
        };
        match (same, seen.lives()) {
            (true, true) => {
                if living.anchor.is_none() {
                    self.take_up(generation, &seen, false).await;
                } else if self.copier.as_mut().is_none_or(Copier::is_over) {
                    // The daemon was away, or is only slow to say how it ended.
                    self.copier = Some(self.copy(generation, &seen, false).await);
                }
                self.tell_health(&seen).await;
            }
            (true, false) => {
                let status = seen.status;
                self.over(generation, Some(&seen), status).await;
            }
            // Somebody has started it again, or made another one of its name. The start we know has
            // ended, nobody has seen how, and this one has no owner: the next start ends it.
            (false, _) => self.over(generation, None, ExitStatus::Unknown).await,
        }
    }

    /// From now on it is watched, and its output copied.
    pub(crate) async fn take_up(&mut self, generation: Generation, seen: &Seen, new: bool) {
        let run = Run {
            generation,
            anchor: seen.anchor.clone(),
            pid: seen.pid,
            ended: None,
            ports: seen.ports.clone(),
        };
        run.write(&self.folder);
        self.life = Some(Living {
            generation,
            anchor: Some(seen.anchor.clone()),
            pid: seen.pid,
            health: None,
        });
        self.copier = Some(self.copy(generation, seen, new).await);
        self.show();
    }

    /// Before anybody is told of it.
    pub(crate) fn show(&self) {
        let container = self.life.as_ref().map(|_| self.name.clone());
        crate::shared::lock(&self.facts).container = container;
    }

    pub(crate) async fn copy(&self, generation: Generation, seen: &Seen, new: bool) -> Copier {
        let keep = self.intent.as_ref().and_then(|intent| intent.log_keep);
        let Whose { cluster, instance } = &self.whose;
        Copier::begin(
            Arc::clone(&self.shared),
            crate::copy::Source {
                name: self.name.clone(),
                id: seen.anchor.id.clone(),
                folder: self.folder.clone(),
                logs: self.shared.layout.logs(cluster, instance),
                keep,
            },
            new.then_some(generation),
        )
        .await
    }

    pub(crate) async fn tell_health(&mut self, seen: &Seen) {
        let Some((word, said)) = seen.health.clone() else {
            return;
        };
        if let Some(living) = self.life.as_mut().filter(|l| l.health != Some(word)) {
            living.health = Some(word);
            let event = self.whose.health(living.generation, word, said);
            self.shared.say(event).await;
        }
    }

    /// It has ended. Its last lines are in its log before that is said.
    pub(crate) async fn over(
        &mut self,
        generation: Generation,
        seen: Option<&Seen>,
        status: ExitStatus,
    ) {
        if let Some(copier) = self.copier.take() {
            copier.finish().await;
        }
        if let Some(seen) = seen {
            let run = Run {
                generation,
                anchor: seen.anchor.clone(),
                pid: 0,
                ended: Some(status),
                ports: Vec::new(),
            };
            run.write(&self.folder);
        }
        self.life = None;
        self.show();
        self.last = Some((generation, status));
        (self.stopping, self.timer) = (None, None);
        self.stop_command.abort_all();
        self.shared.say(self.whose.exited(generation, status)).await;
    }

    /// Why nothing can be done with it.
    pub(crate) fn out_of_reach(&self) -> Option<String> {
        let daemon = self.elsewhere.as_ref()?;
        Some(format!(
            "its container is in another daemon, {daemon}: name that in DOCKER_HOST, or end it there"
        ))
    }

    async fn on_remove(&mut self) -> Result<(), Fault> {
        if let Some(why) = self.out_of_reach() {
            return Err(Fault::Silent(why));
        }
        let seen = self.seen().await?;
        if let Some(seen) = seen {
            self.remove(&seen.anchor.id).await?;
        }
        if let Some(living) = self.life.clone() {
            let killed = ExitStatus::Signal(9);
            self.over(living.generation, None, killed).await;
        }
        self.last = None;
        self.unnamed.clear();
        self.intent = None;
        record::forget(&self.folder);
        Ok(())
    }
}

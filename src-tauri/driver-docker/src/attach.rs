//! Coming back after the engine, or the daemon, was away: what the home's files and the daemon say
//! of an instance, put together.

use crate::look::{Seen, Stage};
use crate::record::{Intent, Run};
use crate::unit::{LATE, Living, Unit};
use model::{ExitStatus, Generation};
use tokio::time::Instant;

impl Unit {
    pub(crate) async fn attach(&mut self) {
        self.intent = Intent::read(&self.folder);
        let run = Run::read(&self.folder);
        if let Some(intent) = &self.intent
            && !self
                .shared
                .daemon
                .endpoint
                .address
                .is_same(&intent.endpoint)
        {
            let daemon = intent.endpoint.clone();
            self.believe(run);
            self.elsewhere = self.life.is_some().then_some(daemon);
            return;
        }
        match self.seen().await {
            // What runs is not gone because nobody answers.
            Err(fault) => {
                tracing::warn!(container = self.name, %fault, "failed to look at a container");
                self.believe(run);
            }
            Ok(None) => self.last = self.recorded(run),
            Ok(Some(seen)) => {
                if self.intent.is_none() {
                    let endpoint = self.shared.daemon.endpoint.address.to_string();
                    self.intent = Intent::of_labels(&seen.labels, endpoint);
                }
                self.judge(run, seen).await;
            }
        }
    }

    /// While the daemon is silent, what is written down holds. A start that is not known to have
    /// ended is taken to run until the daemon says otherwise.
    fn believe(&mut self, run: Option<Run>) {
        let Some(intent) = &self.intent else {
            return;
        };
        let generation = intent.generation;
        let run = run.filter(|run| run.generation == generation);
        if let Some(status) = run.as_ref().and_then(|run| run.ended) {
            self.last = Some((generation, status));
            return;
        }
        self.life = Some(Living {
            generation,
            pid: run.as_ref().map_or(0, |run| run.pid),
            anchor: run.map(|run| run.anchor),
            health: None,
        });
        self.show();
    }

    /// How the newest start ended whose container is gone. One that was never made has not.
    fn recorded(&self, run: Option<Run>) -> Option<(Generation, ExitStatus)> {
        let run = run?;
        Some((run.generation, run.ended.unwrap_or(ExitStatus::Unknown)))
    }

    async fn judge(&mut self, run: Option<Run>, seen: Seen) {
        let Some(intent) = self.intent.clone() else {
            return;
        };
        let before = intent.before.as_ref() == Some(&seen.anchor);
        // Whose start this is: the one that is wanted, unless the container has not been started
        // since before that was written down.
        let generation = match &run {
            Some(run) if before => run.generation,
            _ => intent.generation,
        };
        match seen.stage {
            Stage::Runs | Stage::Paused => {
                self.take_up(generation, &seen, false).await;
                self.tell_health(&seen).await;
            }
            // A start may be on its way; without its container it comes to nothing.
            Stage::Made => {
                if let Err(fault) = self.remove(&seen.anchor.id).await {
                    tracing::warn!(container = self.name, %fault, "failed to remove a container");
                    self.late = Some(Instant::now() + LATE);
                }
                self.last = self.recorded(run);
            }
            Stage::Ended => {
                if before {
                    // Its next start may be on its way.
                    self.late = Some(Instant::now() + LATE);
                }
                // What it wrote while nobody copied.
                self.copy(generation, &seen, false).await.finish().await;
                self.last = Some((generation, seen.status));
            }
        }
    }
}

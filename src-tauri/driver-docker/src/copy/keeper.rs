//! What a shim does for a process's log is done here for a container's: the times of its growth, its
//! bound, the beginning of each start and its first error.

use super::Source;
use model::Generation;
use shim::log::{Log, Wake};
use std::time::Duration;
use tokio::time::Instant;

/// A log at rest is not looked at; after its last line it is, until its time is noted.
const REST: Duration = Duration::from_secs(3);

/// A log in keeping. `None` within: nobody can keep it, and it grows without bound.
pub(super) struct Keeper {
    log: Option<Log>,
    /// Looked at until then.
    awake: Option<Instant>,
}

impl Keeper {
    pub(super) async fn open(source: &Source) -> Self {
        let path = |name: &str| source.logs.join(name).to_string_lossy().into_owned();
        let intent = shim::Intent {
            log: path("log"),
            index: path("log.idx"),
            runs: Some(path("log.runs")),
            keep: source.keep,
            ..shim::Intent::default()
        };
        let folder = source.logs.clone();
        let opened = tokio::task::spawn_blocking(move || {
            // The first start's has none yet.
            crate::record::folder(&folder)?;
            Log::open(&intent, Wake::Looking)
        });
        let opened = opened.await;
        let log = match opened {
            Ok(Ok(log)) => Some(log),
            Ok(Err(error)) => {
                let log = source.logs.display();
                tracing::warn!(%log, %error, "nobody keeps this log within its bound");
                None
            }
            Err(_) => None,
        };
        Self {
            log,
            awake: Some(Instant::now() + REST),
        }
    }

    /// A start begins.
    pub(super) async fn begins(&mut self, generation: Generation) {
        self.with(move |log| log.begins(generation.0)).await;
    }

    /// It was written to.
    pub(super) fn stirred(&mut self) {
        self.awake = Some(Instant::now() + REST);
        if let Some(log) = &mut self.log {
            log.stirred();
        }
    }

    /// When it is to be looked at next.
    pub(super) fn due(&self) -> Option<Instant> {
        let due = self.log.as_ref()?.due().map(Instant::from_std)?;
        self.awake.is_some_and(|until| due <= until).then_some(due)
    }

    pub(super) async fn look_if_due(&mut self) {
        self.with(Log::look_if_due).await;
    }

    /// Its last lines get their time.
    pub(super) async fn ended(&mut self) {
        self.with(Log::ended).await;
    }

    /// A look may wait for the disk, and nobody else is to wait for it.
    async fn with(&mut self, work: impl FnOnce(&mut Log) + Send + 'static) {
        let Some(mut log) = self.log.take() else {
            return;
        };
        let worked = tokio::task::spawn_blocking(move || {
            work(&mut log);
            log
        });
        self.log = worked.await.ok();
    }
}

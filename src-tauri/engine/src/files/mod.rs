//! Watching the files of services: one inotify instance for all services of all clusters.
//!
//! [`Files`] is the handle that owners hold; the task behind it owns the instance, debounces, and
//! tells an owner which of its services' files have changed. It decides nothing: whether a service
//! is restarted is asked at the door and decided by the orchestrator.
//!
//! - [`pattern`]: which files of a folder are meant.
//! - [`kernel`]: inotify, with every way in which it can fail.
//! - [`tree`]: which folders have to be watched, and watching them.
//! - [`quiet`]: when changes have come to rest, and when they never do.

mod kernel;
mod pattern;
mod quiet;
mod task;
mod tree;

use crate::owner::Message;
use crate::shared::Shared;
use model::{ClusterId, ServiceName};
use spec::FileWatch;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Asks that may wait for the task.
const ASKS: usize = 1_024;

/// What one cluster wants watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Its folder, absolute: what patterns are relative to.
    pub(crate) folder: PathBuf,
    /// By service.
    pub(crate) services: BTreeMap<ServiceName, FileWatch>,
}

/// What the task is asked.
pub(crate) enum Ask {
    /// From now on watch this for a cluster, in place of what was watched before; and tell it there.
    Watch(ClusterId, Wanted, mpsc::Sender<Message>),
}

/// What is told of a service's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    /// They are changing; what will be told of it comes when they have come to rest.
    Changing,
    /// They have changed and come to rest: some of them, relative to the folder, and how many.
    Changed {
        /// The first few, in order.
        files: Vec<String>,
        /// All of them.
        count: usize,
        /// When the last of them changed: what was made after that has read them all.
        last: Instant,
    },
    /// Something about the watching that a person should know.
    Said(String),
}

/// See the module. Clones share the task.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    asks: mpsc::Sender<Ask>,
}

/// The half that the task is made of.
pub(crate) struct Unwatched(mpsc::Receiver<Ask>);

impl Files {
    /// The handle, and what [`run`] needs.
    pub(crate) fn new() -> (Self, Unwatched) {
        let (asks, receiver) = mpsc::channel(ASKS);
        (Self { asks }, Unwatched(receiver))
    }

    /// Watches for a cluster what it wants now. Nothing wanted ends the watching.
    pub(crate) fn watch(
        &self,
        cluster: &ClusterId,
        wanted: Wanted,
        tell: mpsc::Sender<Message>,
    ) -> bool {
        let ask = Ask::Watch(cluster.clone(), wanted, tell);
        self.asks.try_send(ask).is_ok()
    }
}

/// Runs until the engine ends.
pub(crate) async fn run(shared: Arc<Shared>, unwatched: Unwatched) {
    let home = shared.layout.home().to_owned();
    let task = task::Task::new(unwatched.0, home);
    shared.cancel.run_until_cancelled(task.run()).await;
}

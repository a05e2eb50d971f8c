//! signatures first; bodies follow
use crate::Error;
use model::view::*;
use model::*;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, mpsc};

/// Everything a host may ask of a running engine. Cheap to clone.
#[derive(Clone)]
pub struct Handle {}

/// Bring a folder's cluster up.
#[derive(Debug, Clone)]
pub struct Up {
    /// The folder that holds `azora.toml`.
    pub folder: PathBuf,
    /// A person has read what it runs and allows it.
    pub trust: bool,
    /// The environment its services get; `None` is the one recorded, or else the engine's own.
    pub env: Option<BTreeMap<String, String>>,
}

/// What `up` set in motion.
#[derive(Debug, Clone)]
pub struct UpStarted {
    /// The cluster.
    pub cluster: ClusterId,
    /// The act to wait for.
    pub act: ActId,
    /// What differs from what ran before, in words.
    pub changes: Vec<String>,
}

/// What a person can order of what is there.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the fields say it")]
pub enum Order {
    Down { cluster: ClusterId },
    Start { cluster: ClusterId, services: Vec<ServiceName> },
    Stop { cluster: ClusterId, services: Vec<ServiceName> },
    Restart { cluster: ClusterId, services: Vec<ServiceName> },
    Scale { cluster: ClusterId, service: ServiceName, replicas: u16 },
    Hold { cluster: ClusterId, services: Vec<ServiceName> },
    Unhold { cluster: ClusterId, services: Vec<ServiceName> },
    Release { cluster: ClusterId, services: Vec<ServiceName> },
    Resume,
    Forget { cluster: ClusterId },
}

/// What came of an act.
#[derive(Debug, Clone)]
pub struct Settled {
    /// False: the time was over first.
    pub settled: bool,
    /// What did not get where it should, and why.
    pub failed: Vec<(InstanceId, Reason)>,
}

/// Which lines of a log. Offsets are bytes.
#[derive(Debug, Clone, Default)]
pub struct LogQuery {
    /// Lines that end before this offset.
    pub before: Option<u64>,
    /// Lines that begin at or after this offset.
    pub after: Option<u64>,
    /// At most so many.
    pub limit: usize,
    /// Not older.
    pub since: Option<Timestamp>,
    /// Not newer.
    pub until: Option<Timestamp>,
    /// Holding this text.
    pub grep: Option<String>,
}

#[expect(clippy::todo, missing_docs, unused_variables, reason = "signatures first")]
impl Handle {
    pub fn info(&self) -> EngineView { todo!() }
    pub fn announce_api(&self, url: String) -> Result<(), Error> { todo!() }
    pub fn snapshot(&self) -> Snapshot { todo!() }
    pub fn feed(&self) -> (Snapshot, broadcast::Receiver<Arc<Delta>>) { todo!() }
    pub async fn look(&self, folder: PathBuf) -> Result<FolderView, Error> { todo!() }
    pub async fn up(&self, actor: Actor, up: Up, reason: String) -> Result<UpStarted, Error> { todo!() }
    pub async fn order(&self, actor: Actor, order: Order, reason: String) -> Result<Act, Error> { todo!() }
    pub async fn wait(&self, act: ActId, timeout: Duration) -> Result<Settled, Error> { todo!() }
    pub async fn emergency_preview(&self) -> StopPreview { todo!() }
    pub async fn emergency_stop(&self, actor: Actor, reason: String) -> StopReport { todo!() }
    pub async fn history(&self, cluster: ClusterId, instance: InstanceId, range: Duration, buckets: u32) -> Result<History, Error> { todo!() }
    pub async fn logs(&self, cluster: ClusterId, instance: InstanceId, query: LogQuery) -> Result<LogPage, Error> { todo!() }
    pub async fn follow_logs(&self, cluster: ClusterId, services: Vec<ServiceName>, tail: usize) -> Result<mpsc::Receiver<Vec<LogLine>>, Error> { todo!() }
    pub async fn incidents(&self, limit: u32) -> Result<Vec<Incident>, Error> { todo!() }
    pub async fn events(&self, after: u64, limit: u32) -> Result<Vec<Event>, Error> { todo!() }
    pub async fn acts(&self, limit: u32) -> Result<Vec<Act>, Error> { todo!() }
    pub async fn shutdown(&self, leave_running: bool) { todo!() }
    /// Resolves when the engine has let go of its home.
    pub async fn closed(&self) { todo!() }
}

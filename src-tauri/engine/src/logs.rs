//! Reading logs through the engine: it knows which instances there are and where their logs lie.

use crate::Error;
use crate::handle::Handle;
use model::view::{LogLine, LogPage, LogRun};
use model::{ClusterId, InstanceId, ServiceName};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use telemetry::{LogQuery, Pattern};
use tokio::sync::mpsc;

impl Handle {
    /// A page of an instance's log.
    pub async fn logs(
        &self,
        cluster: ClusterId,
        instance: InstanceId,
        query: LogQuery,
    ) -> Result<LogPage, Error> {
        self.shared.owner(&cluster)?;
        let folder = self.shared.layout.logs(&cluster, &instance);
        self.reading(folder, move |folder| {
            telemetry::logs::page(folder, &instance, &query)
        })
        .await
    }

    /// The newest starts of an instance, newest first: where in its log they began, and the first
    /// error of each.
    pub async fn log_runs(
        &self,
        cluster: ClusterId,
        instance: InstanceId,
        limit: usize,
    ) -> Result<Vec<LogRun>, Error> {
        self.shared.owner(&cluster)?;
        let folder = self.shared.layout.logs(&cluster, &instance);
        self.reading(folder, move |folder| {
            telemetry::logs::starts(folder, &instance, limit)
        })
        .await
    }

    /// Reads a folder's files where that holds nobody up.
    async fn reading<T: Send + 'static>(
        &self,
        folder: PathBuf,
        read: impl FnOnce(&Path) -> std::io::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let path = folder.clone();
        let read = tokio::task::spawn_blocking(move || read(&folder)).await;
        read.map_err(|_| Error::Closing)?
            .map_err(|source| Error::Home { path, source })
    }

    /// The last lines of these services (empty: all), and every line after them; of instances named
    /// in `from` instead every line from this address on. Of all only those that hold `grep`.
    pub async fn follow_logs(
        &self,
        cluster: ClusterId,
        services: Vec<ServiceName>,
        tail: usize,
        from: BTreeMap<InstanceId, u64>,
        grep: Option<Pattern>,
    ) -> Result<mpsc::Receiver<Vec<LogLine>>, Error> {
        self.shared.owner(&cluster)?;
        let picture = Arc::clone(&self.shared.picture);
        let chosen: BTreeSet<ServiceName> = services.into_iter().collect();
        let layout = self.shared.layout.clone();
        let id = cluster.clone();
        // Asked again and again, because instances come and go while somebody follows.
        let instances = move || {
            picture
                .instances(&id)
                .into_iter()
                .filter(|one| chosen.is_empty() || chosen.contains(&one.service))
                .map(|one| {
                    let folder = layout.logs(&id, &one.instance);
                    (one.instance, folder)
                })
                .collect()
        };
        let (sender, receiver) = mpsc::channel(64);
        let follower = telemetry::logs::Follower::new(instances, tail, from, grep);
        let cancel = self.shared.cancel.clone();
        self.shared.tasks.spawn(async move {
            tokio::select! {
                () = cancel.cancelled() => {}
                () = follower.run(sender) => {}
            }
        });
        Ok(receiver)
    }
}

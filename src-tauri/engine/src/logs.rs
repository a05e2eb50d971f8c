//! Reading logs through the engine: it knows which instances there are and where their logs lie.

use crate::Error;
use crate::handle::Handle;
use crate::hidden;
use model::view::{LogCopy, LogLine, LogPage, LogRun, LogSearch, LogView};
use model::{ClusterId, InstanceId, ServiceName, Timestamp};
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use telemetry::LogQuery;
use telemetry::logs::{Copied, Copying, Filter, Followed, Place, Searching, ViewQuery};
use tokio::sync::{Semaphore, mpsc};

/// Searches and copies that read at the same time: they take a core each while they do. Others take turns
/// with them, step by step.
static READERS: Semaphore = Semaphore::const_new(1);
/// How often a search that has come to the end looks whether there is more.
const LOOK: Duration = Duration::from_millis(250);
/// Logs that are shown side by side.
const MAX_LOGS: usize = 1_000;

/// Which part of which logs is wanted.
#[derive(Debug, Clone)]
pub struct LogsAsked {
    /// Of which cluster.
    pub cluster: ClusterId,
    /// Whose logs.
    pub instances: Vec<InstanceId>,
    /// Which lines of them.
    pub filter: Filter,
    /// Not older, to the second.
    pub since: Option<Timestamp>,
    /// Not newer, to the second.
    pub until: Option<Timestamp>,
}

impl Handle {
    /// A page of an instance's log.
    pub async fn logs(
        &self,
        cluster: ClusterId,
        instance: InstanceId,
        mut query: LogQuery,
    ) -> Result<LogPage, Error> {
        self.shared.owner(&cluster)?;
        query.filter.hide = self.hides(&cluster, [&instance.service])?;
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
        let hides = self.hides(&cluster, [&instance.service])?;
        let folder = self.shared.layout.logs(&cluster, &instance);
        self.reading(folder, move |folder| {
            let mut runs = telemetry::logs::starts(folder, &instance, limit)?;
            if let Some(redactor) = hides {
                let errors = runs.iter_mut().filter_map(|run| run.error.as_mut());
                errors.for_each(|line| telemetry::logs::hide(&redactor, line));
            }
            Ok(runs)
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

    /// The filter with what hides secrets in what it lets through.
    fn hiding(&self, asked: &LogsAsked) -> Result<Filter, Error> {
        let services = asked.instances.iter().map(|id| &id.service);
        Ok(Filter {
            hide: self.hides(&asked.cluster, services)?,
            ..asked.filter.clone()
        })
    }

    fn folders(&self, asked: &LogsAsked) -> Result<Vec<(InstanceId, PathBuf)>, Error> {
        self.shared.owner(&asked.cluster)?;
        if asked.instances.len() > MAX_LOGS {
            return Err(Error::BadRequest(format!(
                "at most {MAX_LOGS} logs are read side by side, not {}",
                asked.instances.len()
            )));
        }
        let once: BTreeSet<_> = asked.instances.iter().cloned().collect();
        let folder = |id: InstanceId| {
            let folder = self.shared.layout.logs(&asked.cluster, &id);
            (id, folder)
        };
        Ok(once.into_iter().map(folder).collect())
    }

    /// A part of one log, or of several in the order of time, around a place.
    pub async fn view_logs(
        &self,
        asked: LogsAsked,
        place: Place,
        limit: usize,
    ) -> Result<LogView, Error> {
        let logs = self.folders(&asked)?;
        let query = ViewQuery {
            logs,
            place,
            limit,
            filter: self.hiding(&asked)?,
            since: asked.since,
            until: asked.until,
        };
        let home = self.shared.layout.home().to_owned();
        self.reading(home, move |_| telemetry::logs::view(&query))
            .await
    }

    /// Looks for lines in whole logs, and in what is written to them then, until the reader lets go.
    pub async fn search_logs(&self, asked: LogsAsked) -> Result<mpsc::Receiver<LogSearch>, Error> {
        let logs = self.folders(&asked)?;
        let filter = self.hiding(&asked)?;
        let search = Searching::new(logs, filter, asked.since, asked.until);
        Ok(self.steps(search, Searching::step, Searching::failed, true))
    }

    /// The folder in which copies of logs are made.
    pub fn copies(&self) -> PathBuf {
        self.shared.layout.home().join("exports")
    }

    /// Copies what is kept of logs into a file of the home's folder `exports`. Who lets go before its end
    /// leaves no file behind.
    pub async fn copy_logs(
        &self,
        asked: LogsAsked,
        raw: bool,
    ) -> Result<mpsc::Receiver<LogCopy>, Error> {
        let logs = self.folders(&asked)?;
        let any = asked.filter.grep.is_none() && asked.filter.level.is_none();
        let all = any && asked.since.is_none() && asked.until.is_none();
        let filter = self.hiding(&asked)?;
        if raw && filter.hide.is_some() {
            return Err(Error::BadRequest(
                "bytes as they were written may hold secrets: ask to reveal those of the service first (`reveal`)"
                    .to_owned(),
            ));
        }
        if raw && (logs.len() != 1 || !all) {
            return Err(Error::BadRequest(
                "bytes are copied as they are only of one log, and without a filter".to_owned(),
            ));
        }
        let name = match logs.as_slice() {
            [] => return Err(Error::BadRequest("name a log to copy".to_owned())),
            [(instance, _)] => format!("{}-{instance}", asked.cluster),
            _ => format!("{}-merged", asked.cluster),
        };
        let place = Place::After(logs.iter().map(|(id, _)| (id.clone(), 0)).collect());
        let folder = self.copies();
        let query = ViewQuery {
            logs,
            place,
            limit: 0,
            filter,
            since: asked.since,
            until: asked.until,
        };
        let copied = Copied {
            query,
            raw,
            folder: folder.clone(),
            name,
        };
        let copy = self
            .reading(folder, move |_| Copying::begin(copied))
            .await?;
        Ok(self.steps(copy, Copying::step, Copying::failed, false))
    }

    /// Takes one step after another for as long as somebody reads what comes of them. With nothing new it
    /// ends, or waits for more.
    fn steps<Work, Told>(
        &self,
        mut work: Work,
        step: fn(&mut Work) -> io::Result<Option<Told>>,
        failed: fn(&Work, &io::Error) -> Option<Told>,
        waits: bool,
    ) -> mpsc::Receiver<Told>
    where
        Work: Send + 'static,
        Told: Send + 'static,
    {
        let (sender, receiver) = mpsc::channel(4);
        let steps = async move {
            loop {
                let Ok(turn) = READERS.acquire().await else {
                    return;
                };
                let taken = tokio::task::spawn_blocking(move || {
                    let told = step(&mut work);
                    (work, told)
                });
                let Ok((back, told)) = taken.await else {
                    return;
                };
                work = back;
                drop(turn);
                match told {
                    Ok(Some(told)) => {
                        if sender.send(told).await.is_err() {
                            return;
                        }
                    }
                    Ok(None) if waits => tokio::select! {
                        () = tokio::time::sleep(LOOK) => {}
                        () = sender.closed() => return,
                    },
                    Ok(None) => return,
                    Err(error) => {
                        tracing::warn!(%error, "failed to go through a log");
                        if let Some(told) = failed(&work, &error) {
                            // Who let go meanwhile wants no reason.
                            let _ = sender.send(told).await;
                        }
                        return;
                    }
                }
            }
        };
        let cancel = self.shared.cancel.clone();
        self.shared.tasks.spawn(async move {
            tokio::select! {
                () = cancel.cancelled() => {}
                () = steps => {}
            }
        });
        receiver
    }

    /// The logs of these services (empty: all) from their last lines on, or from where `followed` says.
    pub async fn follow_logs(
        &self,
        cluster: ClusterId,
        services: Vec<ServiceName>,
        followed: Followed,
    ) -> Result<mpsc::Receiver<Vec<LogLine>>, Error> {
        self.shared.owner(&cluster)?;
        // Whoever may not see secrets at all is told so, and follows nothing.
        self.hides(&cluster, &services)?;
        let hides = {
            let (handle, cluster, services) = (self.clone(), cluster.clone(), services.clone());
            // The leave to see them may end meanwhile; then they are hidden, and the rest is shown on.
            move || {
                let hides = handle.hides(&cluster, &services);
                hides.unwrap_or_else(|_| Some(hidden::redactor(Some(&cluster))))
            }
        };
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
        let follower = telemetry::logs::Follower::new(instances, hides, followed);
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

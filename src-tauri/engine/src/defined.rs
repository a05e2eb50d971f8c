//! The definitions there are: the one a cluster runs on, and the one its folder has now.

use crate::Error;
use crate::definition::{self, With};
use crate::handle::{Handle, canonical};
use crate::owner::Message;
use crate::record::ClusterRecord;
use crate::shared::Shared;
use model::ClusterId;
use spec::Cluster;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::oneshot;

impl Handle {
    /// The definition a cluster runs on: as it was last brought up, with what was scaled and taken back
    /// since.
    pub async fn running_definition(&self, cluster: &ClusterId) -> Result<Arc<Cluster>, Error> {
        Ok(record(&self.shared, cluster).await?.definition)
    }

    /// The definition that a folder has now, run or not.
    pub async fn folder_definition(&self, folder: &Path) -> Result<Arc<Cluster>, Error> {
        let folder = canonical(folder)?;
        let with = With::of(&self.shared, &folder, None, &spec::Choice::default()).await;
        let found = tokio::task::spawn_blocking(move || {
            match definition::of_folder(&folder, None, &with)? {
                Some(Ok(definition)) => Ok(Arc::new(definition.cluster)),
                Some(Err(problems)) => Err(Error::Definition(definition::shown(&problems))),
                None => Err(Error::NoDefinition(folder)),
            }
        });
        found.await.map_err(|_| Error::Closing)?
    }
}

impl With {
    /// What a folder's definition is read with. The environment, when nobody says one, is that it was brought up in
    /// last, or the engine's own. What was asked for counts as long as something of the cluster runs: a port that it
    /// got for it is not another one because the next `up` asks for less.
    pub(crate) async fn of(
        shared: &Shared,
        folder: &Path,
        env: Option<definition::Env>,
        asked: &spec::Choice,
    ) -> Self {
        let folder = folder.display().to_string();
        let clusters = shared.picture.snapshot().clusters;
        let known = clusters.into_iter().find(|one| one.folder == folder);
        let known = match known {
            Some(known) => record(shared, &known.id).await.ok(),
            None => None,
        };
        let before = known.as_deref();
        let env = env.or_else(|| before.map(|record| record.env.clone()));
        let mut asked = asked.clone();
        if let Some(record) = before.filter(|record| !record.is_down()) {
            asked.also(&record.asked);
        }
        Self {
            env: env.unwrap_or_else(crate::environment::inherited),
            asked,
            ..Self::default()
        }
    }
}

/// What is remembered of a cluster, by its owner.
pub(crate) async fn record(
    shared: &Shared,
    cluster: &ClusterId,
) -> Result<Box<ClusterRecord>, Error> {
    let (reply, answer) = oneshot::channel();
    let owner = shared.owner(cluster)?;
    let asked = owner.send(Message::Record { reply }).await;
    asked.map_err(|_| Error::Closing)?;
    answer.await.map_err(|_| Error::Closing)
}

//! The definitions there are: the one a cluster runs on, and the one its folder has now.

use crate::Error;
use crate::definition;
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
        let env = env_of(&self.shared, &folder).await;
        let found = tokio::task::spawn_blocking(move || {
            match definition::of_folder(&folder, None, &env)? {
                Some(Ok(definition)) => Ok(Arc::new(definition.cluster)),
                Some(Err(problems)) => Err(Error::Definition(definition::shown(&problems))),
                None => Err(Error::NoDefinition(folder)),
            }
        });
        found.await.map_err(|_| Error::Closing)?
    }
}

/// The environment that a folder's definition is read in when nobody says one: that it was brought up in last, or
/// the engine's own.
pub(crate) async fn env_of(shared: &Shared, folder: &Path) -> definition::Env {
    let folder = folder.display().to_string();
    let clusters = shared.picture.snapshot().clusters;
    let known = clusters.into_iter().find(|one| one.folder == folder);
    match known {
        Some(known) => match record(shared, &known.id).await {
            Ok(record) => record.env,
            Err(_) => crate::environment::inherited(),
        },
        None => crate::environment::inherited(),
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

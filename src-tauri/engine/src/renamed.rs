//! Clusters that a folder has under other names. The name is a part of what a cluster is, so a
//! definition that is renamed is another cluster, and what was run under the old name runs on.

use crate::shared::Shared;
use model::view::ClusterView;
use model::{ClusterId, Overall};
use std::path::Path;

/// A sentence for each cluster of `folder` that runs and is not `id`.
pub(crate) fn run_on(shared: &Shared, id: &ClusterId, folder: &Path) -> Vec<String> {
    let folder = folder.display().to_string();
    let clusters = shared.picture.snapshot().clusters;
    let others = clusters
        .iter()
        .filter(|one| one.id != *id && one.folder == folder && one.overall != Overall::Stopped);
    others.map(sentence).collect()
}

fn sentence(cluster: &ClusterView) -> String {
    let (id, name) = (&cluster.id, &cluster.name);
    format!(
        "{id} of this folder still runs, under the name {name}; `azora down --cluster {id}` takes it down"
    )
}

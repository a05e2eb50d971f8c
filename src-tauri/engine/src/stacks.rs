//! What a home remembers of its clusters, for who looks at a home without an engine.

use crate::record::ClusterRecord;
use crate::shared::RECORD;
use driver::Layout;
use model::{ClusterId, ClusterName};

/// A cluster as its home remembers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// Its id.
    pub id: ClusterId,
    /// Its name.
    pub name: ClusterName,
    /// Its folder.
    pub folder: String,
    /// Processes of its services that live; `None` when it could not be looked.
    pub processes: Option<usize>,
}

/// Every cluster a home remembers, by id. Reads records and `/proc`; a record that cannot be read
/// is left out.
pub fn remembered(layout: &Layout) -> Vec<Remembered> {
    let folders = std::fs::read_dir(layout.clusters()).into_iter().flatten();
    let mut clusters: Vec<Remembered> = folders
        .flatten()
        .filter_map(|folder| ClusterRecord::load(&folder.path().join(RECORD)).ok())
        .map(|record| Remembered {
            processes: driver::survivors::find(layout, Some(&record.id))
                .ok()
                .map(|found| found.len()),
            name: record.definition.name.clone(),
            folder: record.folder.display().to_string(),
            id: record.id,
        })
        .collect();
    clusters.sort_by(|a, b| a.id.cmp(&b.id));
    clusters
}

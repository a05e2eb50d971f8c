//! What is in the files that containers get: noted in a definition when it is brought up, so that the next `up`
//! sees that one is another. Never the content itself: secrets are among them.

use crate::drivers::text;
use driver::{ProcessDriver, SecretText};
use spec::Cluster;
use spec::container::FileFrom;
use std::collections::BTreeMap;
use std::path::Path;

/// The definition with that. What cannot be read is said when a container wants it.
pub(crate) fn noted(
    mut cluster: Cluster,
    folder: &Path,
    env: &BTreeMap<String, String>,
    driver: &ProcessDriver,
) -> Cluster {
    let containers = cluster.services.values();
    let containers = containers.filter_map(|service| service.runs.container());
    let known = containers.flat_map(|one| &one.files).filter_map(|file| {
        let content = match &file.from {
            FileFrom::File(path) => text(&folder.join(path)).ok()?,
            FileFrom::Env(name) => env.get(name).cloned().unwrap_or_default(),
            FileFrom::Text(_) => return None,
        };
        let likeness = driver.fingerprint(&SecretText::new(content)).ok()?;
        Some((file.from.outside()?, likeness))
    });
    let known = known.collect();
    cluster.contents = known;
    cluster
}

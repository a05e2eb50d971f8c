//! The names and labels by which a home knows what it made in a daemon.

use model::{ClusterId, Generation, InstanceId};
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// Which home.
pub(crate) const HOME: &str = "dev.azora.home";
/// Which cluster.
pub(crate) const CLUSTER: &str = "dev.azora.cluster";
/// Which service.
pub(crate) const SERVICE: &str = "dev.azora.service";
/// Which instance of it.
pub(crate) const INDEX: &str = "dev.azora.index";
/// The start it was made for. It may have been started again since.
pub(crate) const GENERATION: &str = "dev.azora.generation";
/// By which it is known to be ours, and not only called like it.
pub(crate) const NONCE: &str = "dev.azora.nonce";
/// The hash of what it was made of.
pub(crate) const DEFINITION: &str = "dev.azora.definition";
/// How much of its log is kept.
pub(crate) const LOG_KEEP: &str = "dev.azora.log-keep";

/// The name of an instance's container.
pub fn container_name(cluster: &ClusterId, instance: &InstanceId) -> String {
    format!("azora-{cluster}-{}-{}", instance.service, instance.index)
}

/// A short text that is the same for the same text, for a label.
pub fn likeness(text: &str) -> String {
    crate::find::hex(&Sha256::digest(text))
}

/// What everything of a cluster carries.
pub(crate) fn of_cluster(home: &str, cluster: &ClusterId) -> HashMap<String, String> {
    HashMap::from([
        (HOME.to_owned(), home.to_owned()),
        (CLUSTER.to_owned(), cluster.to_string()),
    ])
}

/// What a container carries besides.
pub(crate) fn of_container(
    home: &str,
    cluster: &ClusterId,
    instance: &InstanceId,
    generation: Generation,
    nonce: &str,
    definition: &str,
) -> HashMap<String, String> {
    let mut labels = of_cluster(home, cluster);
    labels.extend([
        (SERVICE.to_owned(), instance.service.to_string()),
        (INDEX.to_owned(), instance.index.to_string()),
        (GENERATION.to_owned(), generation.to_string()),
        (NONCE.to_owned(), nonce.to_owned()),
        (DEFINITION.to_owned(), definition.to_owned()),
    ]);
    labels
}

/// The filter that lists what carries these.
pub(crate) fn filter(labels: &HashMap<String, String>) -> HashMap<String, Vec<String>> {
    let pairs = labels.iter().map(|(name, value)| format!("{name}={value}"));
    HashMap::from([("label".to_owned(), pairs.collect())])
}

/// The cluster and instance that labels name.
pub(crate) fn instance(labels: &HashMap<String, String>) -> Option<(ClusterId, InstanceId)> {
    let cluster = labels.get(CLUSTER)?.parse().ok()?;
    let service = labels.get(SERVICE)?.parse().ok()?;
    let index = labels.get(INDEX)?.parse().ok()?;
    Some((cluster, InstanceId::new(service, index)))
}

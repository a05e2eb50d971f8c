//! How an image is built.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How an image is built.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Build {
    /// The folder whose files the build may use, relative to the cluster's folder unless absolute. Empty is the
    /// folder itself.
    pub context: String,
    /// The file that says how, relative to the context; `Dockerfile` unless given.
    pub dockerfile: Option<String>,
    /// Its text, in place of a file.
    pub dockerfile_inline: Option<String>,
    /// Which of its stages; the last unless given.
    pub target: Option<String>,
    /// Values of its arguments.
    pub args: BTreeMap<String, String>,
    /// Labels of the image.
    pub labels: BTreeMap<String, String>,
    /// Further names of the image.
    pub tags: Vec<String>,
    /// Images whose layers can be used.
    pub cache_from: Vec<String>,
    /// Nothing that was built before is used.
    pub no_cache: bool,
    /// Its base images are asked for at their registries, also when they are here.
    pub pull: bool,
    /// The network of its commands.
    pub network: Option<String>,
    /// The systems it is for, of which the first counts: an image of a daemon's own builder is for one.
    pub platforms: Vec<String>,
    /// Names that stand in `/etc/hosts` meanwhile.
    pub extra_hosts: BTreeMap<String, Vec<String>>,
    /// Bytes of `/dev/shm`.
    pub shm_size: Option<u64>,
}

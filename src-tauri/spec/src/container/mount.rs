//! What is mounted into a container, and what is put there.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is mounted into a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mount {
    /// A file or folder of this machine.
    Bind {
        /// Which, relative to the cluster's folder unless absolute.
        source: String,
        /// Where it appears.
        target: String,
        /// It cannot be written.
        #[serde(default)]
        read_only: bool,
        /// A folder is made where nothing is.
        #[serde(default)]
        create: bool,
        /// `rprivate` and the like.
        #[serde(default)]
        propagation: Option<String>,
        /// `z` or `Z`.
        #[serde(default)]
        selinux: Option<String>,
        /// What becomes of what is mounted below it: `enabled`, `disabled`, `writable`, `readonly`.
        #[serde(default)]
        recursive: Option<String>,
    },
    /// A volume.
    Volume {
        /// Which of the cluster's; `None` is one of its own, without a name.
        name: Option<String>,
        /// Where it appears.
        target: String,
        /// It cannot be written.
        #[serde(default)]
        read_only: bool,
        /// What the image has there is not copied into it.
        #[serde(default)]
        nocopy: bool,
        /// A folder in it.
        #[serde(default)]
        subpath: Option<String>,
        /// Labels of one that is made for this mount.
        #[serde(default)]
        labels: BTreeMap<String, String>,
    },
    /// Memory.
    Tmpfs {
        /// Where it appears.
        target: String,
        /// Most bytes.
        #[serde(default)]
        size: Option<u64>,
        /// Permissions.
        #[serde(default)]
        mode: Option<u32>,
        /// It cannot be written.
        #[serde(default)]
        read_only: bool,
    },
    /// The files of an image.
    Image {
        /// Which.
        image: String,
        /// A folder in it.
        #[serde(default)]
        subpath: Option<String>,
        /// Where it appears.
        target: String,
    },
}

impl Mount {
    /// Where it appears.
    pub fn target(&self) -> &str {
        match self {
            Mount::Bind { target, .. }
            | Mount::Volume { target, .. }
            | Mount::Tmpfs { target, .. }
            | Mount::Image { target, .. } => target,
        }
    }
}

/// A file that is put into a container before it is started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileIn {
    /// Where, an absolute path.
    pub target: String,
    /// What is in it.
    pub from: FileFrom,
    /// Its permissions; those for reading by all unless given.
    #[serde(default)]
    pub mode: Option<u32>,
    /// Its owner, root unless given.
    #[serde(default)]
    pub uid: Option<u32>,
    /// Its group, root unless given.
    #[serde(default)]
    pub gid: Option<u32>,
}

/// Where the text of a file comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileFrom {
    /// A file, relative to the cluster's folder unless absolute.
    File(String),
    /// A variable of the environment recorded at `up`, by name.
    Env(String),
    /// The definition.
    Text(String),
}

impl FileFrom {
    /// What it is called where it is not in the definition itself: `secrets/pw`, `$DB_PASSWORD`.
    pub fn outside(&self) -> Option<String> {
        match self {
            FileFrom::File(path) => Some(path.clone()),
            FileFrom::Env(name) => Some(format!("${name}")),
            FileFrom::Text(_) => None,
        }
    }
}

//! Containers as instances: found, made, watched, adopted and ended through the daemon of Docker or
//! Podman. The engine hands it launches and stops, as it does to `driver`, and hears what happened in
//! the same words.
//!
//! It decides nothing, and restarts nothing: the daemon is told never to, so that a container has one
//! owner. It pulls, builds and removes volumes only when it is asked to by name.
#![cfg_attr(
    test,
    expect(clippy::unwrap_used, reason = "a test fails by panicking")
)]

mod attach;
mod body;
mod copy;
mod daemon;
mod door;
pub mod emergency;
mod exec;
mod files;
mod find;
mod flight;
mod gateway;
mod image;
mod labels;
mod look;
mod network;
mod record;
mod shared;
mod spec;
mod start;
mod stop;
mod taken;
mod unit;
mod usage;
mod volume;
mod watch;

pub use crate::spec::{
    Attachment, ContainerSpec, FileIn, Health, Limits, Mount, Published, Secret,
};
pub use daemon::{ConnectError, Daemon, Fault, Kind};
pub use door::ContainerDriver;
pub use exec::Exec;
pub use find::{Address, Endpoint, FindError, Surroundings, find};
pub use flight::now;
pub use gateway::Gateway;
pub use image::{Build, BuildError, ContextError, Progress};
pub use labels::{container_name, likeness};
pub use look::{Checked, HealthWord};
pub use network::{Network, network_name};
pub use record::{given, instances, publishes, say, written};
pub use usage::Usage;
pub use volume::{Kept, Volume};

use driver::Happened;
use model::{ClusterId, Generation, InstanceId};
use std::collections::BTreeMap;
use std::time::Duration;

/// What is to be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// Of which cluster.
    pub cluster: ClusterId,
    /// Which instance.
    pub instance: InstanceId,
    /// Which start; counts up.
    pub generation: Generation,
    /// What its container is made of.
    pub spec: ContainerSpec,
    /// Where each of its variables stands, for people who ask.
    pub origins: BTreeMap<String, String>,
    /// At least so many of the newest bytes of its log stay; `None` keeps all.
    pub log_keep: Option<u64>,
}

/// How an instance is to be ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerStop {
    /// Run in it first, for as long as the grace.
    pub command: Option<Vec<String>>,
    /// Sent when there is no command, or when it fails; `None` is what its image says.
    pub signal: Option<String>,
    /// For the command, and for the signal after it. Then SIGKILL follows.
    pub grace: Duration,
}

/// What the driver tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Something became of an instance, in the words in which `driver` says it of processes.
    Happened(Happened),
    /// Its daemon says otherwise than before how it is.
    Health {
        /// Where.
        cluster: ClusterId,
        /// Which.
        instance: InstanceId,
        /// Which start.
        generation: Generation,
        /// How.
        word: HealthWord,
        /// What its check wrote, for people.
        said: String,
    },
    /// The daemon does not answer. What runs is not gone because of that, and is not known to run.
    DaemonLost {
        /// What came of asking.
        why: String,
    },
    /// It answers again. What has become of its containers follows, as far as nobody has seen it a moment before.
    DaemonBack,
}

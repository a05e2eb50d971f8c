//! Who holds a port, and who wanted what runs: answers about stacks that share one machine.

use crate::{ActId, Actor, ClusterId, Generation, InstanceId, ServiceName, Timestamp, Verb};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Who wanted an instance to run as it does. Healing and the watching of files start it again on
/// the same wish, so they are not named here: restarts and generation count them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Origin {
    /// Who, and through what.
    pub actor: Actor,
    /// Under which account of this machine, by name; its number where it has none.
    pub user: String,
    /// What was asked for.
    pub verb: Verb,
    /// The act.
    pub act: ActId,
    /// When.
    pub at: Timestamp,
}

/// A preferred port that somebody else has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PortTaken {
    /// Which.
    pub wanted: u16,
    /// Who had it when ports were chosen, in words.
    pub holder: String,
}

/// Whether ending a process would hurt, as far as can be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Safe {
    /// Nothing relies on it.
    Yes,
    /// Look first: something relies on it, or may.
    Look,
    /// It is somebody else's, protected, or Azora itself.
    No,
}

/// A process that is named beside another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ParentView {
    /// Its number.
    pub pid: u32,
    /// Its short name.
    pub name: String,
}

/// What of Azora's a process is part of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct StackView {
    /// The home.
    pub home: String,
    /// It is the home that was asked.
    pub here: bool,
    /// Which cluster.
    pub cluster: ClusterId,
    /// The cluster's folder; `null` when its record cannot be read.
    pub folder: Option<String>,
    /// Which instance.
    pub instance: InstanceId,
    /// Which start of it.
    pub generation: Option<Generation>,
    /// Only a person may stop it.
    pub protected: bool,
    /// Services that need it, directly.
    pub needed_by: Vec<ServiceName>,
    /// Who wanted it to run.
    pub origin: Option<Origin>,
}

/// One who holds a port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct HolderView {
    /// The addresses it listens on; none for a port that is only reserved.
    pub addresses: Vec<String>,
    /// Its process; `null` when whoever asks may not see it, and for a port that is only reserved.
    pub pid: Option<u32>,
    /// What it runs.
    pub command: Option<String>,
    /// Whose it is.
    pub user: Option<String>,
    /// Since when the process runs, or the port is reserved.
    pub since: Option<Timestamp>,
    /// Its parents, the nearest first.
    pub parents: Vec<ParentView>,
    /// The service of the system it is part of.
    pub unit: Option<String>,
    /// The container it is in, or forwards to.
    pub container: Option<String>,
    /// What of Azora's it is part of.
    pub stack: Option<StackView>,
    /// The home whose engine it is.
    pub engine_of: Option<String>,
    /// Whether it may be stopped.
    pub safe: Safe,
    /// Why, and how it is done properly.
    pub advice: String,
}

/// Who has a port of this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PortView {
    /// Which.
    pub port: u16,
    /// Everyone who listens on it, or has it reserved. Empty: it is free.
    pub holders: Vec<HolderView>,
}

//! Everything that is worth remembering, as one closed enum.

use crate::{
    Act, ClusterId, Endpoint, ExitStatus, Finding, Generation, Incident, InstanceId, Reason,
    ServiceName, State, Timestamp,
};
use serde::{Deserialize, Serialize};

/// One thing that happened in a home.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ts_rs::TS)]
pub struct Event {
    /// Counts up by one within a home, from 1; survives restarts of the engine.
    #[ts(type = "number")]
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// In which cluster; `null` for the home itself.
    pub cluster: Option<ClusterId>,
    /// What.
    pub what: EventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum EventKind {
    /// The engine took the home.
    EngineStarted {
        /// Its process.
        pid: u32,
        /// Instances it found running and adopted.
        adopted: u32,
    },
    /// The engine let go of the home in good order.
    EngineStopped {
        /// True when services were left running for the next engine.
        left_running: bool,
    },
    /// An instance changed its state.
    StateChanged {
        /// Which.
        instance: InstanceId,
        /// Its generation.
        generation: Generation,
        /// From.
        from: State,
        /// To.
        to: State,
        /// Why.
        reason: Reason,
    },
    /// A process was started.
    Started {
        /// Which.
        instance: InstanceId,
        /// Its generation.
        generation: Generation,
        /// The process.
        pid: u32,
    },
    /// A process ended.
    Exited {
        /// Which.
        instance: InstanceId,
        /// Its generation.
        generation: Generation,
        /// How.
        status: ExitStatus,
    },
    /// A running process was found again after the engine was away.
    Adopted {
        /// Which.
        instance: InstanceId,
        /// Its generation.
        generation: Generation,
        /// The process.
        pid: u32,
    },
    /// A preferred port was taken, another was chosen.
    PortMoved {
        /// Whose.
        instance: InstanceId,
        /// The port the definition prefers.
        wanted: u16,
        /// The port it got.
        got: u16,
        /// Who holds the preferred one, as far as can be seen.
        holder: String,
    },
    /// A service was seen to talk to another that it does not declare to need. Said once.
    Undeclared {
        /// Who opens the connections.
        service: ServiceName,
        /// Who listens.
        need: ServiceName,
        /// Where.
        at: Endpoint,
    },
    /// An incident was opened, changed or ended; the whole of it as it is now.
    Incident {
        /// The incident.
        incident: Incident,
    },
    /// A privileged act was asked or ended; the whole of it as it is now.
    Act {
        /// The act.
        act: Act,
    },
    /// Something that goes wrong slowly was found, or is over; the whole of it as it is now.
    Finding {
        /// The finding.
        finding: Finding,
    },
    /// Something a person should know that is none of the above.
    Notice {
        /// In words.
        text: String,
    },
}

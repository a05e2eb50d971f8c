//! Everything that is worth remembering, as one closed enum. `docs/events.md` is the table of it, and a
//! test holds the one against the other.

use crate::{
    Act, Approval, ClusterId, Endpoint, ExitStatus, Finding, Generation, Incident, IncidentId,
    InstanceId, Reason, ServiceName, State, Threat, Timestamp,
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

impl EventKind {
    /// The names of all there are, in the order of the page.
    pub const NAMES: [&str; 19] = [
        "engine_started",
        "engine_stopped",
        "state_changed",
        "started",
        "exited",
        "adopted",
        "port_moved",
        "undeclared",
        "finding",
        "scaled",
        "system_ready",
        "service_healed",
        "emergency_shutdown",
        "incident",
        "act",
        "approval",
        "rules_alarm",
        "threat",
        "notice",
    ];

    /// Its name, as JSON has it.
    pub fn name(&self) -> &'static str {
        match self {
            EventKind::EngineStarted { .. } => "engine_started",
            EventKind::EngineStopped { .. } => "engine_stopped",
            EventKind::StateChanged { .. } => "state_changed",
            EventKind::Started { .. } => "started",
            EventKind::Exited { .. } => "exited",
            EventKind::Adopted { .. } => "adopted",
            EventKind::PortMoved { .. } => "port_moved",
            EventKind::Undeclared { .. } => "undeclared",
            EventKind::Finding { .. } => "finding",
            EventKind::Scaled { .. } => "scaled",
            EventKind::SystemReady { .. } => "system_ready",
            EventKind::ServiceHealed { .. } => "service_healed",
            EventKind::EmergencyShutdown { .. } => "emergency_shutdown",
            EventKind::Incident { .. } => "incident",
            EventKind::Act { .. } => "act",
            EventKind::Approval { .. } => "approval",
            EventKind::RulesAlarm { .. } => "rules_alarm",
            EventKind::Threat { .. } => "threat",
            EventKind::Notice { .. } => "notice",
        }
    }
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
    /// Healing added an instance to a service, or took one away again.
    Scaled {
        /// To which.
        service: ServiceName,
        /// How many there were to be.
        before: u16,
        /// How many there are to be now.
        replicas: u16,
        /// What of its load was seen, in words.
        why: String,
    },
    /// All that is wanted of a cluster serves, after it was brought up, started again or taken over.
    SystemReady {
        /// Services that are wanted.
        services: u32,
        /// From the order to here, in milliseconds.
        #[ts(type = "number")]
        took_ms: u64,
    },
    /// Healing brought a service back: its incident is resolved, and something was done for it.
    ServiceHealed {
        /// The incident.
        incident: IncidentId,
        /// The service at the root of it.
        service: ServiceName,
        /// The instance at the root of it.
        instance: InstanceId,
        /// What it was, as one sentence.
        cause: String,
        /// Remedies that were tried.
        remedies: u32,
        /// From when the fault began, as well as that is known, to its end, in milliseconds.
        #[ts(type = "number")]
        took_ms: u64,
    },
    /// An emergency stop has ended everything of the home.
    EmergencyShutdown {
        /// As it was given.
        reason: String,
        /// Processes that were ended; `null` when another process walked the emergency path.
        ended: Option<u32>,
        /// Processes that are left; `null` when that was not seen.
        left: Option<u32>,
        /// How long it took, in milliseconds; `null` like `ended`.
        #[ts(type = "number | null")]
        took_ms: Option<u64>,
    },
    /// An incident was opened, changed or ended; the whole of it as it is now.
    Incident {
        /// The incident.
        incident: Box<Incident>,
    },
    /// A privileged act was asked or ended; the whole of it as it is now.
    Act {
        /// The act.
        act: Box<Act>,
    },
    /// An act waits for persons, or one has approved or denied, or it was used, or is over; the whole of it as it
    /// is now.
    Approval {
        /// What is asked.
        approval: Box<Approval>,
    },
    /// The rules of who may do what cannot be read, or one of them could not be worked out: what it may concern
    /// is refused until a person mends it.
    RulesAlarm {
        /// What is wrong, where, and what to do about it.
        text: String,
    },
    /// Something that goes wrong slowly was found, or is over; the whole of it as it is now.
    Finding {
        /// The finding.
        finding: Finding,
    },
    /// The security monitor found something, or finds it graver than before; or what it had found is over.
    Threat {
        /// What.
        threat: Box<Threat>,
        /// It is over.
        over: bool,
    },
    /// Something a person should know that is none of the above.
    Notice {
        /// In words.
        text: String,
    },
}

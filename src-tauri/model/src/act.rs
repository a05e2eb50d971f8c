//! Privileged acts: who did what to which thing, and what came of it.

use crate::{AgentName, ClusterId, Decided, InstanceId, ServiceName, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Counts the acts of one home, from 1.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    ts_rs::TS,
)]
#[serde(transparent)]
#[ts(type = "number")]
pub struct ActId(pub u64);

/// What kind of party acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// Somebody at this machine: window, command line, browser.
    Person,
    /// Azora's own healing.
    Healer,
    /// A program that uses the registry.
    Client,
    /// Azora's own watching of files.
    Watch,
    /// Azora's own security monitor.
    Monitor,
    /// A program that acts for a person, with a token of its own.
    Agent,
}

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ts_rs::TS)]
pub struct Actor {
    /// What kind of party.
    pub kind: ActorKind,
    /// Through what: "cli", "window", "browser", "healing", "security"; of an agent, its name.
    pub via: String,
}

impl Actor {
    /// A person acting through `via`.
    pub fn person(via: &str) -> Self {
        Self {
            kind: ActorKind::Person,
            via: via.to_owned(),
        }
    }
    /// The agent of this name.
    pub fn agent(name: &AgentName) -> Self {
        Self {
            kind: ActorKind::Agent,
            via: name.to_string(),
        }
    }
    /// Who that is, for people: "cli", "healing", "agent claude".
    pub fn called(&self) -> String {
        match self.kind {
            ActorKind::Agent => format!("agent {}", self.via),
            _ => self.via.clone(),
        }
    }
    /// Azora's own watching of files.
    pub fn watch() -> Self {
        Self {
            kind: ActorKind::Watch,
            via: "watch".to_owned(),
        }
    }
    /// Azora's own security monitor.
    pub fn monitor() -> Self {
        Self {
            kind: ActorKind::Monitor,
            via: "security".to_owned(),
        }
    }
    /// Azora's own healing.
    pub fn healer() -> Self {
        Self {
            kind: ActorKind::Healer,
            via: "healing".to_owned(),
        }
    }
}

/// What is done.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ts_rs::TS,
)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// Bring a cluster up, or apply an edited definition.
    Up,
    /// Take a cluster down.
    Down,
    /// Start services.
    Start,
    /// Stop services.
    Stop,
    /// Restart services.
    Restart,
    /// Change the number of instances.
    Scale,
    /// Hold healing.
    Hold,
    /// Let healing go on.
    Unhold,
    /// Say how far healing goes by itself.
    Autonomy,
    /// Turn notifications off.
    Mute,
    /// Turn them on again.
    Unmute,
    /// Release from quarantine.
    Release,
    /// Take a service back to its last definition that was well.
    Rollback,
    /// Put in quarantine.
    Quarantine,
    /// Stop everything at once.
    EmergencyStop,
    /// Bring back what the last stop took down.
    Resume,
    /// Add an outside service to the registry.
    Register,
    /// Take one from the registry.
    Deregister,
    /// Delete all keys of a prefix that programs keep with the registry; up to an engine that told them
    /// apart, also put or delete one.
    WriteKey,
    /// Forget a cluster that is down.
    Forget,
    /// Take the input of a service's terminal.
    Attach,
    /// Send a test to a webhook.
    TestWebhook,
    /// Send a service a request that may change something, through the gateway.
    Request,
    /// End the engine. Services run on, or their clusters are taken down first.
    Shutdown,
    /// Approve of an act that waits for persons.
    Approve,
    /// Say no to one.
    Deny,
    /// Show the secrets in the logs and environments of services to who asks.
    Reveal,
    /// Give a program a token, with which it acts as an agent.
    AddAgent,
    /// Take an agent's token away.
    RemoveAgent,
}

impl Verb {
    /// All there are.
    pub const ALL: [Verb; 29] = [
        Verb::Up,
        Verb::Down,
        Verb::Start,
        Verb::Stop,
        Verb::Restart,
        Verb::Scale,
        Verb::Hold,
        Verb::Unhold,
        Verb::Autonomy,
        Verb::Mute,
        Verb::Unmute,
        Verb::Release,
        Verb::Rollback,
        Verb::Quarantine,
        Verb::EmergencyStop,
        Verb::Resume,
        Verb::Register,
        Verb::Deregister,
        Verb::WriteKey,
        Verb::Forget,
        Verb::Attach,
        Verb::TestWebhook,
        Verb::Request,
        Verb::Shutdown,
        Verb::Approve,
        Verb::Deny,
        Verb::Reveal,
        Verb::AddAgent,
        Verb::RemoveAgent,
    ];

    /// Its name, as it is written everywhere: "emergency-stop".
    pub fn name(self) -> &'static str {
        match self {
            Verb::Up => "up",
            Verb::Down => "down",
            Verb::Start => "start",
            Verb::Stop => "stop",
            Verb::Restart => "restart",
            Verb::Scale => "scale",
            Verb::Hold => "hold",
            Verb::Unhold => "unhold",
            Verb::Autonomy => "autonomy",
            Verb::Mute => "mute",
            Verb::Unmute => "unmute",
            Verb::Release => "release",
            Verb::Rollback => "rollback",
            Verb::Quarantine => "quarantine",
            Verb::EmergencyStop => "emergency-stop",
            Verb::Resume => "resume",
            Verb::Register => "register",
            Verb::Deregister => "deregister",
            Verb::WriteKey => "write-key",
            Verb::Forget => "forget",
            Verb::Attach => "attach",
            Verb::TestWebhook => "test-webhook",
            Verb::Request => "request",
            Verb::Shutdown => "shutdown",
            Verb::Approve => "approve",
            Verb::Deny => "deny",
            Verb::Reveal => "reveal",
            Verb::AddAgent => "add-agent",
            Verb::RemoveAgent => "remove-agent",
        }
    }
}

/// What it is done to. All `None` is the whole home.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize, ts_rs::TS)]
pub struct Target {
    /// Which cluster.
    pub cluster: Option<ClusterId>,
    /// Which services; empty is all of them.
    pub services: Vec<ServiceName>,
    /// Which single instance.
    pub instance: Option<InstanceId>,
}

/// How an act ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case", tag = "kind", content = "detail")]
pub enum Outcome {
    /// It is written down and not finished.
    Pending,
    /// It was done; in words what.
    Done(String),
    /// It was allowed and failed; why.
    Failed(String),
    /// The door refused it; why.
    Refused(String),
    /// It was allowed and nothing was done, because it was not needed any more; in words.
    Overtaken(String),
}

/// One entry of the book of acts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
pub struct Act {
    /// Its number in this home.
    pub id: ActId,
    /// When it was asked.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What.
    pub verb: Verb,
    /// To what.
    pub target: Target,
    /// Why, as the actor said.
    pub reason: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Why the door let it in, or did not; nothing of acts from before it asked rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(as = "Option<Decided>", optional)]
    pub decision: Option<Arc<Decided>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verb_is_called_as_it_is_written() {
        for verb in Verb::ALL {
            let written = serde_json::to_value(verb).unwrap();
            assert_eq!(written, verb.name());
        }
    }
}

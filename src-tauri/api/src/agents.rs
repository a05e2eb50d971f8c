//! Programs that act for a person: the bodies of the calls that list, add and remove them.

use crate::calls::why;
use crate::requests::Nothing;
use engine::{Error, Handle};
use model::agent::{Agent, NewAgent};
use model::{Act, Actor, AgentName};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use ts_rs::TS;

/// A new agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
#[ts(optional_fields)]
pub struct AddAgentRequest {
    /// By which it is known.
    pub name: AgentName,
    /// Its token ends after so long; without it when it is removed.
    pub span_ms: Option<u64>,
    /// Why, for the book of acts.
    pub reason: Option<String>,
}

/// Which agent may act no more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
#[ts(optional_fields)]
pub struct RemoveAgentRequest {
    /// Its name.
    pub name: AgentName,
    /// Why, for the book of acts.
    pub reason: Option<String>,
}

pub(crate) async fn agents(engine: &Handle, _: &Actor, _: Nothing) -> Result<Vec<Agent>, Error> {
    Ok(engine.agents())
}

pub(crate) async fn add_agent(
    engine: &Handle,
    actor: &Actor,
    request: AddAgentRequest,
) -> Result<NewAgent, Error> {
    let AddAgentRequest {
        name,
        span_ms,
        reason,
    } = request;
    let span = span_ms.map(Duration::from_millis);
    engine
        .add_agent(actor.clone(), name, span, why(reason))
        .await
}

pub(crate) async fn remove_agent(
    engine: &Handle,
    actor: &Actor,
    request: RemoveAgentRequest,
) -> Result<Act, Error> {
    let RemoveAgentRequest { name, reason } = request;
    engine.remove_agent(actor.clone(), name, why(reason)).await
}

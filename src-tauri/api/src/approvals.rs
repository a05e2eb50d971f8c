//! What waits for the approval of persons, and what they say to it: the bodies of those calls.

use crate::calls::why;
use crate::requests::Nothing;
use engine::{Error, Handle};
use model::{Actor, Approval, ApprovalId};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Which act that waits for persons.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
#[ts(optional_fields)]
pub struct ApprovalRequest {
    /// Its number.
    pub id: ApprovalId,
    /// Who says so, where several use one account; without it whoever the account is of.
    pub name: Option<String>,
    /// Why, for the book of acts.
    pub reason: Option<String>,
}

pub(crate) async fn approvals(
    engine: &Handle,
    _: &Actor,
    _: Nothing,
) -> Result<Vec<Approval>, Error> {
    engine.approvals().await
}

pub(crate) async fn approve(
    engine: &Handle,
    actor: &Actor,
    request: ApprovalRequest,
) -> Result<Approval, Error> {
    let ApprovalRequest { id, name, reason } = request;
    engine.approve(actor.clone(), id, name, why(reason)).await
}

pub(crate) async fn deny(
    engine: &Handle,
    actor: &Actor,
    request: ApprovalRequest,
) -> Result<Approval, Error> {
    let ApprovalRequest { id, name, reason } = request;
    engine.deny(actor.clone(), id, name, why(reason)).await
}

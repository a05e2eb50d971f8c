//! How far healing goes by itself in a cluster: what a person says of it, and the body of that call.

use crate::calls::why;
use engine::{Error, Handle, Order};
use model::{Act, Actor, Autonomy, ClusterId};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// How far healing is to go by itself in a cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
#[ts(optional_fields)]
pub struct AutonomyRequest {
    /// In which cluster.
    pub cluster: ClusterId,
    /// How far; as its definition says unless given.
    pub mode: Option<Autonomy>,
    /// Why, for the book of acts.
    pub reason: Option<String>,
}

pub(crate) async fn autonomy(
    engine: &Handle,
    actor: &Actor,
    request: AutonomyRequest,
) -> Result<Act, Error> {
    let AutonomyRequest {
        cluster,
        mode,
        reason,
    } = request;
    let order = Order::Autonomy { cluster, mode };
    engine.order(actor.clone(), order, why(reason)).await
}

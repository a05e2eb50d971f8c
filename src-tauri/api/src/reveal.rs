//! What is shown of a home without its secrets, and the act that lets somebody see them.

use crate::calls::why;
use crate::requests::{EnvRequest, Nothing};
use engine::{Error, Handle};
use model::view::{EnvView, SupportFile};
use model::{Act, Actor, ClusterId, ServiceName, Timestamp};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Whose secrets somebody wants to see.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
#[ts(optional_fields)]
pub struct RevealRequest {
    /// Of which cluster.
    pub cluster: ClusterId,
    /// Of which services; none is all of them.
    pub services: Vec<ServiceName>,
    /// Why, for the book of acts.
    pub reason: Option<String>,
}

/// Leave to see secrets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct RevealedView {
    /// The act, as it is in the book.
    pub act: Act,
    /// What `reveal` of a request for logs or for an environment is to be. It is good for these services, and ends
    /// with the engine.
    pub key: String,
    /// Until when it is good.
    pub until: Timestamp,
}

pub(crate) async fn env(engine: &Handle, _: &Actor, request: EnvRequest) -> Result<EnvView, Error> {
    let engine = engine.with_key(request.reveal);
    engine.env(request.cluster, request.instance).await
}

pub(crate) async fn support(
    engine: &Handle,
    _: &Actor,
    _: Nothing,
) -> Result<Vec<SupportFile>, Error> {
    engine.support().await
}

pub(crate) async fn reveal(
    engine: &Handle,
    actor: &Actor,
    request: RevealRequest,
) -> Result<RevealedView, Error> {
    let RevealRequest {
        cluster,
        services,
        reason,
    } = request;
    let asked = engine.reveal(actor.clone(), cluster, services, why(reason));
    let revealed = asked.await?;
    Ok(RevealedView {
        act: revealed.act,
        key: revealed.key,
        until: revealed.until,
    })
}

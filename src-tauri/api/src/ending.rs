//! The bodies of the calls that end everything, or the engine.

use crate::calls::why;
use crate::requests::{HomeRequest, Nothing, ShutdownRequest};
use engine::{Error, Handle};
use model::Actor;
use model::view::{StopPreview, StopReport};

pub(crate) async fn emergency_preview(
    engine: &Handle,
    _: &Actor,
    _: Nothing,
) -> Result<StopPreview, Error> {
    Ok(engine.emergency_preview().await)
}

pub(crate) async fn emergency_stop(
    engine: &Handle,
    actor: &Actor,
    request: HomeRequest,
) -> Result<StopReport, Error> {
    engine
        .emergency_stop(actor.clone(), why(request.reason))
        .await
}

pub(crate) async fn shutdown(
    engine: &Handle,
    actor: &Actor,
    request: ShutdownRequest,
) -> Result<Nothing, Error> {
    let (leave_running, reason) = (request.leave_running, why(request.reason));
    engine.lets_shut_down(actor, &reason)?;
    engine.shutdown(actor.clone(), leave_running, reason).await;
    Ok(Nothing {})
}

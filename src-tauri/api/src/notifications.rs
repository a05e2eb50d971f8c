//! The calls about notifications: what they are shown of, and what a person turned off.

use crate::calls::why;
use crate::requests::{MuteRequest, Nothing, UnmuteRequest};
use engine::{Error, Handle};
use model::view::NotificationsView;
use model::{Act, Actor, Target};
use std::time::Duration;

pub(crate) async fn notifications(
    engine: &Handle,
    _: &Actor,
    _: Nothing,
) -> Result<NotificationsView, Error> {
    Ok(engine.notifications_view())
}

pub(crate) async fn mute(
    engine: &Handle,
    actor: &Actor,
    request: MuteRequest,
) -> Result<Act, Error> {
    let MuteRequest {
        cluster,
        services,
        span_ms,
        reason,
    } = request;
    let target = Target {
        cluster,
        services,
        instance: None,
    };
    let span = span_ms.map(Duration::from_millis);
    engine.mute(actor.clone(), target, span, why(reason)).await
}

pub(crate) async fn unmute(
    engine: &Handle,
    actor: &Actor,
    request: UnmuteRequest,
) -> Result<Act, Error> {
    let UnmuteRequest {
        cluster,
        services,
        reason,
    } = request;
    let target = Target {
        cluster,
        services,
        instance: None,
    };
    engine.unmute(actor.clone(), target, why(reason)).await
}

//! The bodies of what has to do with terminals of services: attaching, taking the input, typing.

use crate::calls::why;
use crate::dispatch::{Lines, as_it_is};
use crate::requests::{
    AttachRequest, LeaveTerminalRequest, Nothing, ResizeTerminalRequest, TakeTerminalRequest,
    TypeTerminalRequest,
};
use engine::{Error, Handle};
use futures_util::StreamExt;
use model::Actor;
use model::view::TerminalState;
use tokio_stream::wrappers::ReceiverStream;

pub(crate) async fn attach(engine: &Handle, request: AttachRequest) -> Result<Lines, Error> {
    let messages = engine.attach(request.cluster, request.instance).await?;
    Ok(ReceiverStream::new(messages)
        .map(|message| as_it_is(&message))
        .boxed())
}

pub(crate) async fn take_terminal(
    engine: &Handle,
    actor: &Actor,
    request: TakeTerminalRequest,
) -> Result<TerminalState, Error> {
    let TakeTerminalRequest {
        session,
        size,
        reason,
    } = request;
    engine
        .take_terminal(actor.clone(), session, size, why(reason))
        .await
}

pub(crate) async fn type_terminal(
    engine: &Handle,
    _: &Actor,
    request: TypeTerminalRequest,
) -> Result<Nothing, Error> {
    engine.type_terminal(request.session, request.text).await?;
    Ok(Nothing {})
}

pub(crate) async fn resize_terminal(
    engine: &Handle,
    _: &Actor,
    request: ResizeTerminalRequest,
) -> Result<Nothing, Error> {
    engine
        .resize_terminal(request.session, request.size)
        .await?;
    Ok(Nothing {})
}

pub(crate) async fn leave_terminal(
    engine: &Handle,
    _: &Actor,
    request: LeaveTerminalRequest,
) -> Result<TerminalState, Error> {
    engine.leave_terminal(request.session)
}

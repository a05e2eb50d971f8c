//! The registry's listening socket: who comes in, how many at a time, and how it ends.

use crate::guard::Peer;
use crate::{Registry, http, peer};
use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

/// Connections at a time; who comes later waits in the listener's queue.
const CONNECTIONS: usize = 256;
/// How long a connection may take to say what it wants.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest head of a request, in bytes; a URL fits in many times.
const MAX_HEAD: usize = 16 << 10;
/// How long requests that are under way may take when we are told to end.
const DRAIN: Duration = Duration::from_secs(2);
/// How long to wait when no connection can be accepted, which is when descriptors have run out.
const PAUSE: Duration = Duration::from_millis(100);

/// A listener on 127.0.0.1; port 0 is any free one.
///
/// # Errors
/// When the port cannot be had.
pub async fn bind(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, port)).await
}

/// Serves the registry on this listener until `shutdown` is over, then lets what is under way
/// finish. The listener should be bound to loopback; who comes from elsewhere is refused.
///
/// # Errors
/// When the listener's address cannot be read. Failing to accept is waited out.
pub async fn serve(
    registry: Registry,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> std::io::Result<()> {
    let port = listener.local_addr()?.port();
    registry.refuse_port(port);
    let router = http::router(registry, port);
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let (stop, stopping) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let place = tokio::select! {
            () = &mut shutdown => break,
            place = places.clone().acquire_owned() => place,
        };
        // The semaphore is never closed.
        let Ok(place) = place else { break };
        let (stream, remote) = tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "the registry failed to accept a connection");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            },
        };
        let (router, stopping) = (router.clone(), stopping.clone());
        connections.spawn(async move {
            connection(router, stream, remote, stopping).await;
            drop(place);
        });
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    drop(stop);
    let drained = async { while connections.join_next().await.is_some() {} };
    // What is left after that is ended with the set.
    let _ = tokio::time::timeout(DRAIN, drained).await;
    Ok(())
}

async fn connection(
    router: Router,
    stream: TcpStream,
    remote: SocketAddr,
    mut stopping: watch::Receiver<()>,
) {
    let Ok(local) = stream.local_addr() else {
        return;
    };
    let looked = tokio::task::spawn_blocking(move || peer::check(remote, local)).await;
    let Ok(peer) = looked.map(Peer) else { return };
    let routes = TowerToHyperService::new(router);
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer.clone());
        routes.call(request)
    });
    let mut connection = pin!(
        hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .max_buf_size(MAX_HEAD)
            .serve_connection(TokioIo::new(stream), service)
    );
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        // An error means that the sender is gone, which is what we wait for.
        _ = stopping.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, %remote, "a connection to the registry ended early");
    }
}

//! The registry's listening socket: who comes in, how many at a time, and how it ends.

use crate::full::Full;
use crate::guard::{Guard, Peer};
use crate::stall::Stalling;
use crate::{Registry, http, peer};
use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::service::Service;
use hyper::{Method, Request, Response};
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

/// Connections at a time; who comes later is told that all places are taken. More than may wait for changes
/// (`http`), so that there is always room to register.
const CONNECTIONS: usize = 2_048;
/// Connections at a time that are told so; more than that are closed without a word.
const REFUSED: usize = 64;
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

/// Told to whoever waits or is sent something that has no end: it ends now.
#[derive(Debug, Clone)]
pub(crate) struct Stopping(watch::Receiver<()>);

impl Stopping {
    pub(crate) async fn stopped(&mut self) {
        // An error means that the sender is gone, which is what we wait for.
        let _ = self.0.changed().await;
    }
}

/// What answers on a listener.
#[derive(Clone)]
struct Front {
    routes: TowerToHyperService<Router>,
    /// What is asked most is answered before it is routed.
    direct: Option<(Registry, Guard)>,
    /// What it says when there is no place.
    full: Full,
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
    let front = Front {
        routes: TowerToHyperService::new(http::router(registry.clone(), port)),
        direct: Some((registry.clone(), Guard::new(&registry, port))),
        full: Full::Json,
    };
    listen(front, listener, CONNECTIONS, shutdown).await
}

/// Serves these routes, which have `guard` around them, the same way.
///
/// # Errors
/// See [`serve`].
pub async fn serve_router(
    registry: &Registry,
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()>,
) -> std::io::Result<()> {
    registry.refuse_port(listener.local_addr()?.port());
    let front = Front {
        routes: TowerToHyperService::new(router),
        direct: None,
        full: Full::Plain,
    };
    listen(front, listener, CONNECTIONS, shutdown).await
}

async fn listen(
    front: Front,
    listener: TcpListener,
    connections_at_a_time: usize,
    shutdown: impl Future<Output = ()>,
) -> std::io::Result<()> {
    let places = Arc::new(Semaphore::new(connections_at_a_time));
    let refusals = Arc::new(Semaphore::new(REFUSED));
    let (stop, stopping) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
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
        while connections.try_join_next().is_some() {}
        let Ok(place) = places.clone().try_acquire_owned() else {
            if let Ok(refusal) = refusals.clone().try_acquire_owned() {
                let full = front.full;
                connections.spawn(async move {
                    full.say(stream).await;
                    drop(refusal);
                });
            }
            continue;
        };
        let (front, stopping) = (front.clone(), Stopping(stopping.clone()));
        connections.spawn(async move {
            connection(front, stream, remote, stopping).await;
            drop(place);
        });
    }
    drop(listener);
    drop(stop);
    let drained = async { while connections.join_next().await.is_some() {} };
    // What is left after that is ended with the set.
    let _ = tokio::time::timeout(DRAIN, drained).await;
    Ok(())
}

/// How a request is answered.
enum Way {
    /// It is, already.
    Answered(Response<Body>),
    Registers(Registry, Request<Incoming>),
    Routed(<TowerToHyperService<Router> as Service<Request<Incoming>>>::Future),
}

impl Front {
    /// What is asked most is answered before it is routed: reads of a name or of everything that can be
    /// answered at once, and registrations.
    fn way(&self, peer: &Peer, ends: &Stopping, mut request: Request<Incoming>) -> Way {
        if let Some((registry, guard)) = &self.direct
            && request.uri().query().is_none()
        {
            let uri = request.uri();
            let admitted = || guard.admits(peer, uri, request.headers());
            match (request.method(), uri.path()) {
                (&Method::GET, path) if path.starts_with("/services") && admitted() => {
                    if let Some(answer) = read(registry, path) {
                        return Way::Answered(answer);
                    }
                }
                (&Method::POST, "/register") if admitted() => {
                    return Way::Registers(registry.clone(), request);
                }
                _ => {}
            }
        }
        request.extensions_mut().insert(peer.clone());
        request.extensions_mut().insert(ends.clone());
        Way::Routed(self.routes.call(request))
    }
}

/// The answer to a plain read, if it can be given at once.
fn read(registry: &Registry, path: &str) -> Option<Response<Body>> {
    let rest = path.strip_prefix("/services")?;
    let (index, text) = match rest.strip_prefix('/') {
        Some(name) if !name.contains(['/', '%']) => {
            let (index, text) = registry.told(name);
            (index, text?)
        }
        None if rest.is_empty() => registry.told_whole_at_once()?,
        _ => return None,
    };
    Some(http::told(index, text))
}

async fn connection(front: Front, stream: TcpStream, remote: SocketAddr, mut stopping: Stopping) {
    let Ok(local) = stream.local_addr() else {
        return;
    };
    // Answers are whole when they are written: nothing is gained by waiting for more.
    let _ = stream.set_nodelay(true);
    let looked = tokio::task::spawn_blocking(move || peer::check(remote, local)).await;
    let Ok(peer) = looked.map(Peer) else { return };
    let ends = stopping.clone();
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let way = front.way(&peer, &ends, request);
        async move {
            match way {
                Way::Answered(answer) => Ok(answer),
                Way::Registers(registry, request) => {
                    let (head, body) = request.into_parts();
                    Ok(http::registered(&registry, &head.headers, body).await)
                }
                Way::Routed(routed) => routed.await,
            }
        }
    });
    let mut connection = pin!(
        hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .max_buf_size(MAX_HEAD)
            .serve_connection(TokioIo::new(Stalling::new(stream)), service)
    );
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopping.stopped() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, %remote, "a connection to the registry ended early");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn ask(address: SocketAddr) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let asked = format!("GET /x HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(asked.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn who_finds_no_place_is_told_so_at_once_and_finds_one_later() {
        for full in [Full::Json, Full::Plain] {
            let listener = bind(0).await.unwrap();
            let address = listener.local_addr().unwrap();
            let front = Front {
                routes: TowerToHyperService::new(Router::new()),
                direct: None,
                full,
            };
            let mut served = JoinSet::new();
            served.spawn(listen(front, listener, 1, std::future::pending()));
            let mut first = TcpStream::connect(address).await.unwrap();
            let answer = tokio::time::timeout(Duration::from_secs(5), ask(address));
            let answer = answer.await.expect("an answer at once");
            assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
            assert!(
                answer.contains("all places of the registry are taken"),
                "{answer}"
            );
            // It hangs up, and its place is another's.
            first.shutdown().await.unwrap();
            assert_eq!(first.read(&mut [0]).await.unwrap(), 0);
            while ask(address).await.starts_with("HTTP/1.1 503") {
                tokio::task::yield_now().await;
            }
        }
    }
}

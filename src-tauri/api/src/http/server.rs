//! The listening socket and its connections: bounded in number, in header size, in patience. Of each it is
//! known whose it is before its first request.

use super::guard::Guard;
use super::routes::{Desk, Shared, router, strangers};
use super::sockets;
use super::token::Token;
use axum::Router;
use engine::peer::{self, Stranger};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Connections at once; a browser opens six, `azora` a few. Sockets are counted for themselves.
const CONNECTIONS: usize = 256;
/// Headers of a request.
const HEADERS: usize = 64;
/// Bytes of a request's head.
const HEAD: usize = 32 * 1024;
/// A head that takes longer is not coming.
const SLOWEST_HEAD: Duration = Duration::from_secs(10);
/// What is under way at the end may take this long.
const DRAIN: Duration = Duration::from_secs(5);
/// Pause after the system could not accept, so that being out of descriptors does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Listens on 127.0.0.1; port 0 is any free one.
pub async fn bind(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await
}

/// A serving host.
pub struct Server {
    address: SocketAddr,
    tasks: TaskTracker,
    closing: CancellationToken,
}

/// Serves `desk` on `listener` to whoever shows `token`.
pub fn serve(listener: TcpListener, desk: Arc<dyn Desk>, token: Token) -> io::Result<Server> {
    let address = listener.local_addr()?;
    let (tasks, closing) = (TaskTracker::new(), CancellationToken::new());
    let shared = Shared {
        guard: Arc::new(Guard::new(address.port())),
        token,
        desk,
        calls: tasks.clone(),
        sockets: Arc::new(Semaphore::new(sockets::MOST)),
        closing: closing.clone(),
    };
    let doors = Doors {
        ours: router(shared.clone()),
        shared,
    };
    tasks.spawn(accept(listener, doors, tasks.clone(), closing.clone()));
    Ok(Server {
        address,
        tasks,
        closing,
    })
}

impl Server {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more, ends the streams, and gives calls under way a moment to finish.
    pub async fn stop(self) {
        self.closing.cancel();
        self.tasks.close();
        if tokio::time::timeout(DRAIN, self.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                left = self.tasks.len(),
                "some requests did not finish in time"
            );
        }
    }
}

/// What answers, by who asks.
#[derive(Clone)]
struct Doors {
    ours: Router,
    shared: Shared,
}

impl Doors {
    /// What answers on a connection: the token is shown by whoever has read it, and a program of
    /// another user should not have.
    async fn of(self, remote: SocketAddr, local: SocketAddr) -> Option<Router> {
        let looked = tokio::task::spawn_blocking(move || peer::check(remote, local)).await;
        match looked.ok()? {
            // Where nobody can say whose it is, the token alone decides.
            Ok(()) | Err(Stranger::Unsupported) => Some(self.ours),
            Err(stranger) => Some(strangers(&self.shared, stranger)),
        }
    }
}

async fn accept(
    listener: TcpListener,
    doors: Doors,
    tasks: TaskTracker,
    closing: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let place = tokio::select! {
            () = closing.cancelled() => return,
            place = places.clone().acquire_owned() => place,
        };
        let stream = tokio::select! {
            () = closing.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match stream {
            Ok((stream, remote)) => {
                let work = connection(stream, remote, doors.clone(), closing.clone());
                tasks.spawn(async move {
                    work.await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "failed to accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(
    stream: TcpStream,
    remote: SocketAddr,
    doors: Doors,
    closing: CancellationToken,
) {
    // A message of the feed should not wait for the next one.
    let _ = stream.set_nodelay(true);
    let Ok(local) = stream.local_addr() else {
        return;
    };
    let Some(app) = doors.of(remote, local).await else {
        return;
    };
    let service = TowerToHyperService::new(app);
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(SLOWEST_HEAD)
        .max_headers(HEADERS)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = closing.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // Peers hang up all the time; nothing of a request is in this error.
        tracing::debug!(%error, "a connection ended early");
    }
}

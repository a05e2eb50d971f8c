//! The threads of the gateway: who comes in, how many at a time, in which HTTP, and how it ends.

use crate::answer::{Asked, Refusal};
use crate::callers::Whose;
use crate::client::Client;
use crate::half;
use crate::heads::Has;
use crate::pool::Pool;
use crate::seat::{HEAD, Seat, Seats, Told};
use crate::sniff::{BUFFER, Sniffed};
use crate::wire::Wire;
use crate::{Error, Shared, balance, proxy};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, StatusCode, Version, rt};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::cell::Cell;
use std::future::poll_fn;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tokio::sync::{oneshot, watch};
use tokio::task::LocalSet;
use tokio_util::task::TaskTracker;

/// Longest head of a request, in bytes. A browser sends all cookies of 127.0.0.1 to every port of it.
pub(crate) const LONGEST_HEAD: usize = 32 << 10;
/// Requests of one connection of HTTP/2 side by side.
const STREAMS: u32 = 128;
/// What requests that are under way may still take when the gateway ends: more than nearly all do, and no
/// more than a person waits for the end of an engine.
const GRACE: Duration = Duration::from_secs(5);
/// Between two looks at whether they have been answered.
const LOOK: Duration = Duration::from_millis(20);
/// How long to wait when no connection can be accepted, which is when descriptors have run out.
const PAUSE: Duration = Duration::from_millis(100);
/// Ports that are tried until one is free on both addresses.
const TRIES: u32 = 100;
/// Between two looks at what nobody uses any more.
const SWEEP: Duration = Duration::from_secs(5);
/// What every connection of HTTP/2 begins with, and none of HTTP/1.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// What TLS begins with (RFC 8446, 5.1), and no method of HTTP.
const HANDSHAKE: u8 = 22;

/// Tasks of one thread.
#[derive(Clone)]
pub(crate) struct Local(TaskTracker);

impl Local {
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        drop(self.0.spawn_local(task));
    }
}

impl<F: Future<Output = ()> + 'static> rt::Executor<F> for Local {
    fn execute(&self, task: F) {
        self.spawn(task);
    }
}

/// One thread that carries traffic.
pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    pub(crate) pool: Pool,
    seats: Seats,
    pub(crate) local: Local,
    chance: Cell<u64>,
}

impl Worker {
    /// A number that nobody need guess right: for choices and ids.
    pub(crate) fn chance(&self) -> u64 {
        let next = self.chance.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.chance.set(next);
        balance::mix(next)
    }
}

/// Sockets on 127.0.0.1 and on ::1; port 0 is any that is free on both. A name below `.localhost` is either of
/// them: whoever had the other would be asked in our place. One is enough where there is no IPv6.
pub(crate) fn bind(port: u16) -> Result<Vec<TcpListener>, Error> {
    let failed = |source| Error::Listen { port, source };
    let mut tries = 0;
    loop {
        let first = listen(Ipv4Addr::LOCALHOST.into(), port).map_err(failed)?;
        let at = first.local_addr().map_err(failed)?.port();
        match listen(Ipv6Addr::LOCALHOST.into(), at) {
            Ok(second) => return Ok(vec![first, second]),
            Err(error) if error.kind() != ErrorKind::AddrInUse => {
                tracing::info!(%error, "the gateway is on 127.0.0.1 alone");
                return Ok(vec![first]);
            }
            // Another is free on both.
            Err(_) if port == 0 && tries < TRIES => tries += 1,
            Err(error) => return Err(failed(error)),
        }
    }
}

fn listen(ip: IpAddr, port: u16) -> std::io::Result<TcpListener> {
    let listener = TcpListener::bind((ip, port))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Accepts from whichever has somebody.
async fn accept(listeners: &[tokio::net::TcpListener]) -> std::io::Result<(TcpStream, SocketAddr)> {
    poll_fn(|cx| {
        let mut all = listeners.iter().map(|one| one.poll_accept(cx));
        all.find(Poll::is_ready).unwrap_or(Poll::Pending)
    })
    .await
}

/// Runs this on a thread of its own. What is given back is over when it is.
pub(crate) fn thread<F: Future<Output = ()>>(
    name: &str,
    task: impl FnOnce() -> F + Send + 'static,
) -> Result<oneshot::Receiver<()>, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Thread)?;
    let (end, ended) = oneshot::channel::<()>();
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            let set = LocalSet::new();
            runtime.block_on(set.run_until(task()));
            drop(end);
        })
        .map_err(Error::Thread)?;
    Ok(ended)
}

/// Starts a thread that accepts from `listeners` and carries what comes.
pub(crate) fn start(
    (n, threads): (usize, usize),
    shared: Arc<Shared>,
    listeners: Vec<TcpListener>,
    stopping: watch::Receiver<bool>,
) -> Result<oneshot::Receiver<()>, Error> {
    thread(&format!("gateway-{n}"), move || async move {
        // The sockets of a runtime are made in it.
        let listeners = listeners.into_iter().map(tokio::net::TcpListener::from_std);
        match listeners.collect::<Result<Vec<_>, _>>() {
            Ok(listeners) => serve(shared, threads, listeners, stopping).await,
            Err(error) => tracing::error!(%error, "the gateway does not listen"),
        }
    })
}

async fn serve(
    shared: Arc<Shared>,
    threads: usize,
    listeners: Vec<tokio::net::TcpListener>,
    mut stopping: watch::Receiver<bool>,
) {
    let tasks = TaskTracker::new();
    let worker = Rc::new(Worker {
        shared,
        pool: Pool::default(),
        seats: Seats::new(threads),
        local: Local(tasks.clone()),
        chance: Cell::new(RandomState::new().build_hasher().finish()),
    });
    let mut sweep = tokio::time::Instant::now() + SWEEP;
    loop {
        let accepted = tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => break,
            accepted = accept(&listeners) => accepted,
            () = tokio::time::sleep_until(sweep) => {
                worker.pool.sweep();
                worker.seats.sweep();
                sweep = tokio::time::Instant::now() + SWEEP;
                continue;
            }
        };
        match accepted {
            Ok((stream, remote)) => {
                let task = connection(Rc::clone(&worker), stream, remote);
                worker.local.spawn(task);
            }
            Err(error) => {
                tracing::warn!(%error, "the gateway failed to accept a connection");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    drop(listeners);
    worker.seats.finish();
    tasks.close();
    let until = tokio::time::Instant::now() + GRACE;
    while worker.seats.owe() && tokio::time::Instant::now() < until {
        tokio::select! {
            () = tasks.wait() => break,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
    // What is left after that ends with its thread: streams without an end, and who was too slow.
}

async fn connection(worker: Rc<Worker>, mut stream: TcpStream, remote: SocketAddr) {
    let shared = Arc::clone(&worker.shared);
    let Some(seat) = worker.seats.take(&shared) else {
        let error = "the gateway has as many connections as it may";
        let help =
            "Ask again when some of them are closed; `azora gateway` says who is asked so much.";
        let refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, error, help).again(1);
        return turn_away(&shared, &mut stream, &refusal).await;
    };
    // A connection that is not a loopback one in full has no owner that could be asked for.
    let Ok(local) = stream.local_addr() else {
        return;
    };
    // Beside this thread: where the kernel has to be asked for its whole table that takes time.
    let callers = shared.callers.clone();
    let looked = tokio::task::spawn_blocking(move || {
        let peer = registry::peer::find(remote, local)?;
        Ok::<_, registry::peer::Stranger>((peer, callers.known(peer)))
    });
    let Ok(looked) = looked.await else { return };
    let (peer, whose) = match looked {
        Ok(looked) => looked,
        Err(stranger) => {
            let help = "Programs of the user who runs Azora are served, and root's.";
            let refusal = Refusal::new(StatusCode::FORBIDDEN, &stranger.to_string(), help);
            return turn_away(&shared, &mut stream, &refusal).await;
        }
    };
    // Answers are written whole; waiting for more to send would only make them late.
    let _ = stream.set_nodelay(true);
    let served = async {
        let seat = Rc::clone(&seat);
        let first = tokio::select! {
            first = begins(&stream) => first,
            _ = poll_fn(|cx| seat.poll_told(cx)) => return Ok(()),
        };
        match first {
            Ok(Begins::Http2) => http2(worker, seat, stream, remote).await,
            Ok(Begins::Http1) => http1(worker, seat, stream, remote).await,
            Ok(Begins::Tls) => {
                let error = "this is TLS, and the gateway speaks http";
                let help = "Ask for http:// in the place of https://.";
                let refusal = Refusal::new(StatusCode::BAD_REQUEST, error, help);
                turn_away(&shared, &mut stream, &refusal).await;
                Ok(())
            }
            // It hung up.
            Err(_) => Ok(()),
        }
    };
    let served = async {
        let Whose::Later(after) = whose else {
            seat.is_of(whose);
            return served.await;
        };
        let mut served = pin!(served);
        tokio::select! {
            over = served.as_mut() => over,
            () = shared.callers.search(peer, after, &seat) => served.await,
        }
    };
    if let Err(error) = served.await {
        // What hyper could not read was answered by it.
        if error.is_parse() || error.is_parse_too_large() {
            shared.refused.fetch_add(1, Ordering::Relaxed);
        }
        tracing::debug!(%error, %remote, "a connection to the gateway ended early");
    }
}

/// What a connection begins with.
enum Begins {
    Http1,
    Http2,
    /// A program that was told `https`.
    Tls,
}

/// Looks at the first bytes. Nothing is taken from the stream.
async fn begins(stream: &TcpStream) -> std::io::Result<Begins> {
    let mut begins = [0; PREFACE.len()];
    let mut pause = Duration::from_millis(5);
    loop {
        let length = stream.peek(&mut begins).await?;
        if length == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if begins[0] == HANDSHAKE {
            return Ok(Begins::Tls);
        }
        if !PREFACE.starts_with(&begins[..length]) {
            return Ok(Begins::Http1);
        }
        if length == PREFACE.len() {
            return Ok(Begins::Http2);
        }
        // The rest of it will not come: HTTP/1 says what is wrong with what is there.
        if stream.ready(Interest::READABLE).await?.is_read_closed() {
            return Ok(Begins::Http1);
        }
        // It comes in pieces, which hardly anybody sends; what is there already wakes nobody again.
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(500));
    }
}

async fn http1(
    worker: Rc<Worker>,
    seat: Rc<Seat>,
    stream: TcpStream,
    remote: SocketAddr,
) -> hyper::Result<()> {
    let sniffed = Sniffed::default();
    let ends = stream.local_addr().ok().map(|local| (remote, local));
    let stream = Wire::of_client(stream, &seat.flushes, Some(sniffed.clone()));
    let client = Rc::new(Client::new(remote, Rc::clone(&seat), Some(sniffed)));
    let service = service_fn(move |request: Request<Incoming>| {
        proxy::serve(Rc::clone(&worker), Rc::clone(&client), request)
    });
    let connection = http1::Builder::new()
        // A timer for each head costs more than a look at all of them now and then.
        .header_read_timeout(None)
        .max_buf_size(BUFFER)
        .max_header_size(LONGEST_HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let end = |connection: Pin<&mut _>| http1::UpgradeableConnection::graceful_shutdown(connection);
    until_over(pin!(connection), end, &seat, ends).await
}

async fn http2(
    worker: Rc<Worker>,
    seat: Rc<Seat>,
    stream: TcpStream,
    remote: SocketAddr,
) -> hyper::Result<()> {
    seat.waits_for_head.set(false);
    let client = Rc::new(Client::new(remote, Rc::clone(&seat), None));
    let stream = Wire::of_client(stream, &seat.flushes, None);
    let local = worker.local.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        proxy::serve(Rc::clone(&worker), Rc::clone(&client), request)
    });
    let connection = http2::Builder::new(local)
        .timer(TokioTimer::new())
        .keep_alive_interval(HEAD)
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(LONGEST_HEAD as u32)
        .serve_connection(TokioIo::new(stream), service);
    let end = |connection: Pin<&mut _>| http2::Connection::graceful_shutdown(connection);
    until_over(pin!(connection), end, &seat, None).await
}

/// Carries a connection until it is over, or has to be: then what is under way on it is answered, and nothing new is
/// taken. `ends` are those of a connection whose client may say that it sends nothing more, and still listen.
async fn until_over<C: Future<Output = hyper::Result<()>>>(
    mut connection: Pin<&mut C>,
    graceful_shutdown: impl FnOnce(Pin<&mut C>),
    seat: &Seat,
    ends: Option<(SocketAddr, SocketAddr)>,
) -> hyper::Result<()> {
    let mut either = poll_fn(|cx| match connection.as_mut().poll(cx) {
        Poll::Ready(ended) => Poll::Ready(Err(ended)),
        Poll::Pending => seat.poll_told(cx).map(Ok),
    });
    let mut told = (&mut either).await;
    if let (Ok(Told::Listen), Some((remote, local))) = (&told, ends) {
        told = tokio::select! {
            told = either => told,
            () = half::gone(remote, local, seat) => return Ok(()),
        };
    }
    let told = match told {
        Ok(told) => told,
        Err(ended) => return ended,
    };
    graceful_shutdown(connection.as_mut());
    if told == Told::Finish {
        return connection.await;
    }
    // A request that has just come is answered, unless nobody takes the answer.
    while !seat.is_stalled() {
        tokio::select! {
            ended = connection.as_mut() => return ended,
            () = tokio::time::sleep(PAUSE) => {}
        }
        if !seat.is_busy() {
            break;
        }
    }
    Ok(())
}

/// Says why, without having heard what was wanted.
async fn turn_away(shared: &Shared, stream: &mut TcpStream, refusal: &Refusal) {
    shared.refused.fetch_add(1, Ordering::Relaxed);
    let asked = Asked::new(
        &Method::POST,
        Version::HTTP_11,
        &HeaderMap::new(),
        Has::default(),
    );
    // Who does not want to hear it has lost nothing.
    let _ = tokio::time::timeout(PAUSE, stream.write_all(&refusal.bytes(&asked))).await;
    let _ = stream.shutdown().await;
}

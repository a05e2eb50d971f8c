//! Asks a service whether it is well: by HTTP, by a TCP connection, by a command.
//!
//! A probe is one connection of its own: a pooled one would prove that an old connection lives,
//! not that a new client is served. Trouble of the prober's own (no descriptors, no memory) is
//! told apart from a fault of the service.

use bytes::Bytes;
use driver::{ExecLaunch, ExecOutcome, ProcessDriver};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::header::{CONNECTION, HOST, USER_AGENT};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use model::{Evidence, Verdict};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

/// Most of an answer's body that is read; a health page is smaller.
const MAX_BODY: usize = 64 << 10;
/// Most of an answer's head.
const MAX_HEAD: usize = 16 << 10;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// `GET` of this path on 127.0.0.1; 2xx and 3xx pass, redirects are not followed.
    Http {
        /// The port.
        port: u16,
        /// The path, with its query.
        path: String,
    },
    /// A connection to 127.0.0.1 is accepted.
    Tcp {
        /// The port.
        port: u16,
    },
    /// A command exits with 0.
    Exec(ExecLaunch),
}

/// Asks probes. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Prober {
    driver: Arc<ProcessDriver>,
}

/// What was seen, before it is timed.
struct Seen {
    verdict: Verdict,
    detail: String,
}

impl Prober {
    /// A prober; commands are run by `driver`.
    pub fn new(driver: Arc<ProcessDriver>) -> Self {
        Self { driver }
    }

    /// Asks once. Takes `timeout` at most, and a moment for a command to be killed. Dropping the
    /// future ends the asking.
    pub async fn ask(&self, target: Target, timeout: Duration) -> Evidence {
        let begun = Instant::now();
        let seen = match target {
            Target::Exec(launch) => self.exec(launch, timeout).await,
            Target::Http { port, path } => {
                let ask = http(port, &path);
                in_time(ask, timeout, || format!("GET {path} had no answer")).await
            }
            Target::Tcp { port } => {
                in_time(tcp(port), timeout, || format!("tcp {port} had no answer")).await
            }
        };
        Evidence {
            verdict: seen.verdict,
            detail: seen.detail,
            latency_us: u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX),
        }
    }

    async fn exec(&self, launch: ExecLaunch, timeout: Duration) -> Seen {
        let program = launch.argv.first().cloned().unwrap_or_default();
        match self.driver.exec(launch, timeout).await {
            ExecOutcome::Exit { status, said: _ } if status.success() => {
                pass(format!("{program} passed"))
            }
            ExecOutcome::Exit { status, said } if said.is_empty() => {
                fail(format!("{program} {status}"))
            }
            ExecOutcome::Exit { status, said } => fail(format!("{program} {status}: {said}")),
            ExecOutcome::TimedOut => fail(format!("{program} was not done within {timeout:?}")),
            ExecOutcome::Failed(why) => fail(why),
        }
    }
}

fn pass(detail: String) -> Seen {
    Seen {
        verdict: Verdict::Pass,
        detail,
    }
}

fn fail(detail: String) -> Seen {
    Seen {
        verdict: Verdict::Fail,
        detail,
    }
}

async fn in_time(
    ask: impl Future<Output = Seen>,
    timeout: Duration,
    what: impl FnOnce() -> String,
) -> Seen {
    match tokio::time::timeout(timeout, ask).await {
        Ok(seen) => seen,
        Err(_) => fail(format!("{} within {timeout:?}", what())),
    }
}

/// A connection, or what the failure to make one says.
async fn connect(port: u16) -> Result<TcpStream, Seen> {
    let stream = TcpStream::connect(("127.0.0.1", port))
        .await
        .map_err(|error| {
            // Descriptors, memory or local ports have run out here; the service was never asked.
            let ours = matches!(
                error.raw_os_error(),
                Some(
                    libc_errno::EMFILE
                        | libc_errno::ENFILE
                        | libc_errno::ENOMEM
                        | libc_errno::ENOBUFS
                        | libc_errno::EADDRNOTAVAIL
                )
            );
            match error.kind() {
                _ if ours => Seen {
                    verdict: Verdict::Trouble,
                    detail: format!("could not ask: {error}"),
                },
                io::ErrorKind::ConnectionRefused => fail(format!("tcp {port} refused")),
                _ => fail(format!("tcp {port}: {error}")),
            }
        })?;
    // With an unanswered connection a port can connect to itself while nobody listens on it.
    match (stream.local_addr(), stream.peer_addr()) {
        (Ok(local), Ok(peer)) if local == peer => Err(fail(format!("tcp {port} refused"))),
        _ => Ok(stream),
    }
}

/// Linux error numbers that mean that we ran out of something.
mod libc_errno {
    pub(super) const ENFILE: i32 = 23;
    pub(super) const EMFILE: i32 = 24;
    pub(super) const ENOMEM: i32 = 12;
    pub(super) const EADDRNOTAVAIL: i32 = 99;
    pub(super) const ENOBUFS: i32 = 105;
}

async fn tcp(port: u16) -> Seen {
    match connect(port).await {
        Ok(_) => pass(format!("tcp {port} accepted")),
        Err(seen) => seen,
    }
}

async fn http(port: u16, path: &str) -> Seen {
    let stream = match connect(port).await {
        Ok(stream) => stream,
        Err(seen) => return seen,
    };
    let said = |error: hyper::Error| fail(format!("GET {path}: {error}"));
    let request = Request::builder()
        .method(Method::GET)
        .uri(path)
        .header(HOST, format!("127.0.0.1:{port}"))
        .header(USER_AGENT, "azora-probe")
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new());
    let request = match request {
        Ok(request) => request,
        Err(error) => return fail(format!("GET {path} cannot be asked: {error}")),
    };
    let shaken = hyper::client::conn::http1::Builder::new()
        .max_buf_size(MAX_HEAD)
        .handshake(TokioIo::new(stream))
        .await;
    let (mut sender, connection) = match shaken {
        Ok(both) => both,
        Err(error) => return said(error),
    };
    // The connection makes progress only while it is polled; both end together.
    let asking = async {
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MAX_BODY).collect().await;
        Ok::<_, hyper::Error>((status, body.is_ok()))
    };
    let (mut asking, mut connection) = (pin!(asking), pin!(connection));
    let answered = tokio::select! {
        answered = &mut asking => answered,
        ended = &mut connection => match ended {
            // What it read before it ended is still handed over.
            Ok(()) => asking.await,
            Err(error) => Err(error),
        },
    };
    match answered {
        Ok((status, _)) if !(status.is_success() || status.is_redirection()) => {
            fail(format!("GET {path} answered {}", status.as_u16()))
        }
        Ok((_, false)) => fail(format!(
            "GET {path} answered more than {} KiB",
            MAX_BODY >> 10
        )),
        Ok((status, true)) => pass(format!("GET {path} answered {}", status.as_u16())),
        Err(error) => said(error),
    }
}

//! Asks a service whether it is well: by HTTP, by a TCP connection, by a command.
//!
//! A probe is one connection of its own: a pooled one would prove that an old connection lives,
//! not that a new client is served. Trouble of the prober's own (no descriptors, no memory) is
//! told apart from a fault of the service.

mod answer;
mod grpc;

use crate::logs::{Awaited, Line};
use answer::{Answer, Want};
use bytes::Bytes;
use driver::{ExecLaunch, ExecOutcome, Heard, ProcessDriver, listen};
use http_body_util::Empty;
use hyper::Request;
use hyper::header::{CONNECTION, HOST, HeaderName, HeaderValue, USER_AGENT};
use hyper_util::rt::TokioIo;
use model::{Evidence, ExitStatus, Generation, Verdict};
use regex::bytes::Regex;
use rustix::net::{self, RecvFlags};
use spec::BodyTerm;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Instant;

/// Most of an answer's head.
const MAX_HEAD: usize = 16 << 10;

/// What is asked.
#[derive(Debug, Clone)]
pub enum Target {
    /// `GET` of this path on 127.0.0.1; 2xx and 3xx pass, redirects are not followed. What the body
    /// says of its health in a known format counts.
    Http {
        /// The port.
        port: u16,
        /// The path, with its query.
        path: String,
        /// What is not as usual.
        terms: Option<Box<Terms>>,
    },
    /// A connection to 127.0.0.1 is accepted.
    Tcp {
        /// The port.
        port: u16,
    },
    /// `grpc.health.v1.Health/Check` on 127.0.0.1 answers SERVING.
    Grpc {
        /// The port.
        port: u16,
        /// Which service of it; empty asks about the whole.
        service: String,
    },
    /// A command exits with 0.
    Exec {
        /// The command.
        launch: ExecLaunch,
        /// The key of the definition that names it.
        key: &'static str,
    },
    /// This start writes a line that matches. Not asked: waited for, however long it takes.
    Line {
        /// The folder of its log.
        folder: PathBuf,
        /// Which start.
        generation: Generation,
        /// The regular expression.
        pattern: String,
    },
    /// This start says that it is ready. Waited for, however long it takes.
    Ready {
        /// The start that said so last.
        said: watch::Receiver<Option<Generation>>,
        /// Which start.
        generation: Generation,
    },
    /// It has been heard of within the time a probe may take.
    Beat {
        /// When it was last heard of.
        heard: watch::Receiver<Option<Instant>>,
        /// What it does to be heard of: "said WATCHDOG=1".
        does: &'static str,
        /// When it is looked next, if it was heard of: what lies less far back is new.
        every: Duration,
    },
}

/// How an HTTP probe asks, and what it takes for a pass, where that is not as usual.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// As the definition has them.
    pub terms: Arc<spec::HttpTerms>,
    /// The headers that are sent, with all references in them resolved.
    pub headers: Vec<(String, String)>,
}

/// Compiled patterns that are kept for the next round. A definition with more of them compiles them
/// each time.
const PATTERNS: usize = 1_000;

/// Asks probes. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Prober {
    driver: Arc<ProcessDriver>,
    patterns: Arc<Mutex<BTreeMap<String, Regex>>>,
    awaited: Arc<Awaited>,
}

/// What was seen, before it is timed.
struct Seen {
    verdict: Verdict,
    detail: String,
}

impl Prober {
    /// A prober; commands are run by `driver`. Has to be called inside a tokio runtime.
    pub fn new(driver: Arc<ProcessDriver>) -> Self {
        Self {
            driver,
            patterns: Arc::default(),
            awaited: Arc::new(Awaited::new()),
        }
    }

    /// Asks once. Takes `timeout` at most, and a moment for a command to be killed; a line is waited
    /// for without one. Dropping the future ends the asking.
    pub async fn ask(&self, target: Target, timeout: Duration) -> Evidence {
        let (seen, heard) = match target {
            Target::Exec { launch, key } => {
                // The driver ends it when its time is over.
                let ask = pin!(self.exec(launch, key, timeout));
                let (seen, heard) = listen(ask, Duration::MAX).await;
                let seen = seen.map(|seen| excused(seen, heard));
                let never = || fail("it was not asked to its end".to_owned());
                (seen.unwrap_or_else(never), heard)
            }
            Target::Http { port, path, terms } => {
                let want = self.want(terms.as_deref());
                let method = want.method();
                let ask = pin!(http(port, &path, want));
                in_time(ask, timeout, || format!("{method} {path} had no answer")).await
            }
            Target::Grpc { port, service } => {
                let ask = pin!(grpc::check(port, &service));
                in_time(ask, timeout, || format!("grpc {port} had no answer")).await
            }
            Target::Line {
                folder,
                generation,
                pattern,
            } => {
                let seen = self.line(folder, generation, &pattern).await;
                let time = Duration::ZERO;
                (seen, Heard { time, still: false })
            }
            Target::Ready {
                mut said,
                generation,
            } => {
                let ready = said.wait_for(|said| *said == Some(generation)).await;
                let seen = match ready {
                    Ok(_) => pass("it said READY=1".to_owned()),
                    Err(_) => Seen {
                        verdict: Verdict::Trouble,
                        detail: "nobody listens to it any more".to_owned(),
                    },
                };
                let time = Duration::ZERO;
                (seen, Heard { time, still: false })
            }
            Target::Beat { heard, does, every } => beat(heard, does, every, timeout).await,
            Target::Tcp { port } => {
                let ask = pin!(tcp(port));
                in_time(ask, timeout, || format!("tcp {port} had no answer")).await
            }
        };
        Evidence {
            verdict: seen.verdict,
            detail: seen.detail,
            latency_us: u64::try_from(heard.time.as_micros()).unwrap_or(u64::MAX),
        }
    }

    fn want<'a>(&self, terms: Option<&'a Terms>) -> Want<'a> {
        let pattern = match terms.map(|terms| &terms.terms.body) {
            Some(BodyTerm::Regex(text)) => self.pattern(text),
            _ => None,
        };
        Want { terms, pattern }
    }

    /// The compiled pattern. The definition was checked, so it is one.
    fn pattern(&self, text: &str) -> Option<Regex> {
        let mut known = self.patterns.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pattern) = known.get(text) {
            return Some(pattern.clone());
        }
        let pattern = spec::pattern(text).ok()?;
        if known.len() < PATTERNS {
            known.insert(text.to_owned(), pattern.clone());
        }
        Some(pattern)
    }

    async fn line(&self, folder: PathBuf, generation: Generation, pattern: &str) -> Seen {
        let trouble = |detail| Seen {
            verdict: Verdict::Trouble,
            detail,
        };
        let Some(pattern) = self.pattern(pattern) else {
            return trouble(format!("{pattern} is not a regular expression"));
        };
        match self.awaited.line(folder, generation, pattern).await {
            Ok(Line::Said(line)) => pass(format!("it wrote: {line}")),
            // Whether it was is not known; what was told to an engine before is not asked for again.
            Ok(Line::Gone(bytes)) => trouble(format!(
                "{bytes} bytes it wrote are no longer in its log, and the line may have been in them"
            )),
            Err(why) => trouble(why),
        }
    }

    async fn exec(&self, launch: ExecLaunch, key: &str, timeout: Duration) -> Seen {
        let argv = launch.argv.clone();
        let outcome = self.driver.exec(launch, timeout).await;
        ran(&argv, outcome, key, timeout)
    }
}

/// What a command says of its service that was run elsewhere, in its container, and took so long.
pub fn of_command(
    argv: &[String],
    outcome: ExecOutcome,
    key: &str,
    timeout: Duration,
    took: Duration,
) -> Evidence {
    let seen = ran(argv, outcome, key, timeout);
    Evidence {
        verdict: seen.verdict,
        detail: seen.detail,
        latency_us: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
    }
}

fn ran(argv: &[String], outcome: ExecOutcome, key: &str, timeout: Duration) -> Seen {
    let shell = argv.starts_with(&["sh".to_owned(), "-c".to_owned()]);
    let program = match argv {
        // A person has written the one program that the shell is to run.
        [_, _, line] if shell && !line.contains([';', '|', '&', '<', '>', '(', '`', '\n']) => {
            let line = line.strip_prefix("exec ").unwrap_or(line);
            line.split_whitespace().next().unwrap_or("sh").to_owned()
        }
        [program, ..] => program.clone(),
        [] => String::new(),
    };
    let trouble = |detail| Seen {
        verdict: Verdict::Trouble,
        detail,
    };
    match outcome {
        ExecOutcome::Exit { status, said: _ } if status.success() => {
            pass(format!("{program} passed"))
        }
        // The shell's word for a program that is not there, or none: nobody was asked.
        ExecOutcome::Exit {
            status: ExitStatus::Code(code @ (126 | 127)),
            said,
        } if shell => trouble(match not_found(&said) {
            Some(program) if code == 127 => correct(program, key),
            _ => format!("the probe's program did not run: {said}"),
        }),
        ExecOutcome::Exit { status, said } if said.is_empty() => {
            fail(format!("{program} {status}"))
        }
        ExecOutcome::Exit { status, said } => fail(format!("{program} {status}: {said}")),
        ExecOutcome::TimedOut => fail(format!("{program} was not done within {timeout:?}")),
        ExecOutcome::NotFound(_) => trouble(correct(&program, key)),
        ExecOutcome::Short(why) | ExecOutcome::Failed(why) => trouble(why),
    }
}

/// The program that a shell says it has not found: "sh: 1: pg_isreadyy: not found" is dash's way to
/// say it, "sh: line 1: pg_isreadyy: command not found" bash's.
fn not_found(said: &str) -> Option<&str> {
    let said = said.strip_suffix(": not found").or_else(|| {
        let command = said.strip_suffix(": command not found");
        command.or_else(|| said.strip_suffix(": No such file or directory"))
    })?;
    let (_, program) = said.rsplit_once(": ")?;
    (!program.is_empty()).then_some(program)
}

/// It may be installed yet, but more likely its name is wrong.
fn correct(program: &str, key: &str) -> String {
    format!("`{program}` was not found: correct `{key}`")
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

/// What fails while this program stands still may have waited for it in vain.
fn excused(seen: Seen, heard: Heard) -> Seen {
    match seen.verdict {
        Verdict::Fail if heard.still => Seen {
            verdict: Verdict::Trouble,
            detail: format!("{}, while the engine stood still", seen.detail),
        },
        _ => seen,
    }
}

/// Word that has come and was not told yet is told within this time: this program stood still, and
/// reads first what waits for it.
const TOLD: Duration = Duration::from_secs(1);

/// Waits for a sign of life, until the last one lies `timeout` back.
async fn beat(
    mut heard: watch::Receiver<Option<Instant>>,
    does: &'static str,
    every: Duration,
    timeout: Duration,
) -> (Seen, Heard) {
    let now = Instant::now();
    // One that has not been heard of yet has all its time.
    let last = *heard.borrow_and_update();
    let age = last.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
    if last.is_some() && age <= every {
        let time = Duration::ZERO;
        return (pass(format!("it {does}")), Heard { time, still: false });
    }
    let left = (timeout.saturating_sub(age)).max(TOLD.min(timeout));
    let (changed, listened) = listen(heard.wait_for(|at| *at > last), left).await;
    let seen = match changed {
        Some(Ok(_)) => pass(format!("it {does}")),
        Some(Err(_)) => Seen {
            verdict: Verdict::Trouble,
            detail: "nobody listens to it any more".to_owned(),
        },
        None => excused(
            fail(format!("it has not {does} within {timeout:?}")),
            listened,
        ),
    };
    let time = Duration::ZERO;
    (seen, Heard { time, ..listened })
}

/// What asks is pinned where it was made: handed on by value it would be copied at each hand, and the room
/// for it kept at each, for every probe there is.
async fn in_time(
    ask: Pin<&mut impl Future<Output = Seen>>,
    timeout: Duration,
    what: impl FnOnce() -> String,
) -> (Seen, Heard) {
    let (seen, heard) = listen(ask, timeout).await;
    let late = || fail(format!("{} within {timeout:?}", what()));
    let seen = seen.map(|seen| excused(seen, heard));
    (seen.unwrap_or_else(late), heard)
}

/// A connection, or what the failure to make one says.
async fn connect(port: u16) -> Result<TcpStream, Seen> {
    let stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .await
        .map_err(|error| match error.kind() {
            _ if is_ours(&error) => Seen {
                verdict: Verdict::Trouble,
                detail: format!("could not ask: {error}"),
            },
            io::ErrorKind::ConnectionRefused => fail(format!("tcp {port} refused")),
            _ => fail(format!("tcp {port}: {error}")),
        })?;
    // With an unanswered connection a port can connect to itself while nobody listens on it.
    match (stream.local_addr(), stream.peer_addr()) {
        (Ok(local), Ok(peer)) if local == peer => Err(fail(format!("tcp {port} refused"))),
        _ => Ok(stream),
    }
}

/// Linux error numbers that mean that processes, descriptors, memory or local ports have run out
/// here; the service was never asked. EAGAIN, ENOMEM, ENFILE, EMFILE, EADDRNOTAVAIL, ENOBUFS.
const OURS: [i32; 6] = [11, 12, 23, 24, 99, 105];

fn is_ours(error: &io::Error) -> bool {
    error
        .raw_os_error()
        .is_some_and(|number| OURS.contains(&number))
}

async fn tcp(port: u16) -> Seen {
    match connect(port).await {
        Ok(_) => pass(format!("tcp {port} accepted")),
        Err(seen) => seen,
    }
}

async fn http(port: u16, path: &str, want: Want<'_>) -> Seen {
    let stream = match connect(port).await {
        Ok(stream) => stream,
        Err(seen) => return seen,
    };
    let method = want.method();
    let said = |error: hyper::Error| fail(format!("{method} {path}: {error}"));
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, format!("127.0.0.1:{port}"))
        .header(USER_AGENT, "azora-probe")
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new());
    let mut request = match request {
        Ok(request) => request,
        Err(error) => return fail(format!("{method} {path} cannot be asked: {error}")),
    };
    for (name, value) in want.headers() {
        // The definition was checked; only a reference could have made it something else.
        let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::try_from(value))
        else {
            return fail(format!(
                "{method} {path} cannot be asked with the header {name}"
            ));
        };
        request.headers_mut().insert(name, value);
    }
    let shaken = hyper::client::conn::http1::Builder::new()
        .max_buf_size(MAX_HEAD)
        .handshake(TokioIo::new(stream))
        .await;
    let (mut sender, mut connection) = match shaken {
        Ok(both) => both,
        Err(error) => return said(error),
    };
    // The connection makes progress only while it is polled; both end together. Closing the socket
    // ends it for the service as a shutdown before it would, which is another call of the kernel.
    let answered = {
        let asking = async { Ok(Answer::read(sender.send_request(request).await?, &want).await) };
        let connection = poll_fn(|context| connection.poll_without_shutdown(context));
        let (mut asking, mut connection) = (pin!(asking), pin!(connection));
        tokio::select! {
            answered = &mut asking => answered,
            ended = &mut connection => match ended {
                // What it read before it ended is still handed over.
                Ok(()) => asking.await,
                Err(error) => Err(error),
            },
        }
    };
    let_go(connection.into_parts().io.into_inner());
    match answered {
        Ok(answer) => {
            let (verdict, rest) = answer.judge(&want);
            let status = answer.status();
            let detail = format!("{method} {path} answered {status}{rest}");
            Seen { verdict, detail }
        }
        Err(error) => said(error),
    }
}

/// Ends a connection. Who closes first keeps the port of it busy for a minute (TIME_WAIT), and that is the
/// service, which was asked to: it could not listen again without `SO_REUSEADDR`, for no other reason than
/// that it was asked how it is. Where its end has come, a reset leaves nothing behind, and says nothing to
/// anybody: all was read. It is also the cheaper one.
fn let_go(stream: TcpStream) {
    let mut next = [0; 1];
    let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
    if let Ok((0, _)) = net::recv(&stream, &mut next, flags) {
        // Closed in the usual way, it is only slower.
        let _ = net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO));
    }
    drop(stream);
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "the tests play the services that are asked"
)]
mod tests;

//! Asks a service whether it is well: by HTTP, by a TCP connection, by a command.
//!
//! A probe is one connection of its own: a pooled one would prove that an old connection lives,
//! not that a new client is served. Trouble of the prober's own (no descriptors, no memory) is
//! told apart from a fault of the service.

use bytes::Bytes;
use driver::{ExecLaunch, ExecOutcome, Heard, ProcessDriver, listen};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HOST, USER_AGENT};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use model::{Evidence, Verdict};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;

/// Most of an answer's body that is read: a service that sends so much is well enough.
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
        let (seen, heard) = match target {
            Target::Exec(launch) => {
                // The driver ends it when its time is over.
                let (seen, heard) = listen(self.exec(launch, timeout), Duration::MAX).await;
                let seen = seen.map(|seen| excused(seen, heard));
                let never = || fail("it was not asked to its end".to_owned());
                (seen.unwrap_or_else(never), heard)
            }
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
            latency_us: u64::try_from(heard.time.as_micros()).unwrap_or(u64::MAX),
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
            ExecOutcome::Short(why) => Seen {
                verdict: Verdict::Trouble,
                detail: why,
            },
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

async fn in_time(
    ask: impl Future<Output = Seen>,
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
    let stream = TcpStream::connect(("127.0.0.1", port))
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
        Ok::<_, hyper::Error>((status, drain(answer.into_body()).await))
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
        Ok((status, Err(_))) => fail(format!(
            "GET {path} answered {} and broke off",
            status.as_u16()
        )),
        Ok((status, Ok(()))) => pass(format!("GET {path} answered {}", status.as_u16())),
        Err(error) => said(error),
    }
}

/// Reads a body to its end, or as much of it as shows that there is one.
async fn drain(mut body: Incoming) -> Result<(), hyper::Error> {
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        read += frame?.data_ref().map_or(0, Bytes::len);
        if read >= MAX_BODY {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "the tests play the services that are asked"
)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::task::JoinSet;

    /// A service that answers every connection with these bytes, and hangs up or does not.
    async fn service(answer: Vec<u8>, hang_up: bool) -> (u16, JoinSet<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut open = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 1_024];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(&answer).await;
                if !hang_up {
                    open.push(stream);
                }
            }
        });
        (port, tasks)
    }

    async fn get(port: u16, path: &str, timeout: Duration) -> (Verdict, String) {
        let (seen, _) = in_time(http(port, path), timeout, || {
            format!("GET {path} had no answer")
        })
        .await;
        (seen.verdict, seen.detail)
    }

    const LONG: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn answers_are_judged_by_their_status() {
        for (status, verdict) in [
            (200, Verdict::Pass),
            (204, Verdict::Pass),
            (302, Verdict::Pass),
            (404, Verdict::Fail),
            (500, Verdict::Fail),
            (503, Verdict::Fail),
        ] {
            // A redirect leads nowhere: had it been followed, the answer would be another.
            let answer = format!(
                "HTTP/1.1 {status} Word\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
            );
            let (port, _tasks) = service(answer.into_bytes(), true).await;
            let seen = get(port, "/health?deep=1", LONG).await;
            assert_eq!(
                seen,
                (verdict, format!("GET /health?deep=1 answered {status}"))
            );
        }
    }

    #[tokio::test]
    async fn a_long_body_is_an_answer_and_a_broken_one_is_not() {
        let head = |length: usize| format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
        let long = [head(10 << 20).into_bytes(), vec![b'x'; 1 << 20]].concat();
        let (port, _tasks) = service(long, false).await;
        assert_eq!(
            get(port, "/", LONG).await,
            (Verdict::Pass, "GET / answered 200".into())
        );
        let (port, _tasks) = service(format!("{}half", head(100)).into_bytes(), true).await;
        let broke_off = "GET / answered 200 and broke off".to_owned();
        assert_eq!(get(port, "/", LONG).await, (Verdict::Fail, broke_off));
        // Without a length, hanging up is the end.
        let (port, _tasks) = service(b"HTTP/1.0 200 OK\r\n\r\nfine".to_vec(), true).await;
        assert_eq!(get(port, "/", LONG).await.0, Verdict::Pass);
    }

    #[tokio::test]
    async fn what_is_no_answer_is_a_failure() {
        for answer in ["", "SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 200"] {
            let (port, _tasks) = service(answer.into(), true).await;
            let (verdict, detail) = get(port, "/", LONG).await;
            assert_eq!(verdict, Verdict::Fail, "{answer:?} {detail}");
        }
        let endless = [b"HTTP/1.1 200 OK\r\nX: ".to_vec(), vec![b'x'; 1 << 20]].concat();
        let (port, _tasks) = service(endless, false).await;
        assert_eq!(get(port, "/", LONG).await.0, Verdict::Fail);
        let (port, _tasks) = service(Vec::new(), true).await;
        let (verdict, detail) = get(port, "not a path\r\nEvil: 1", LONG).await;
        assert!(
            verdict == Verdict::Fail && detail.contains("cannot be asked"),
            "{detail}"
        );
    }

    #[tokio::test]
    async fn silence_ends_with_the_time_that_was_given() {
        let short = Duration::from_millis(50);
        for answer in ["", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"] {
            let (port, _tasks) = service(answer.into(), false).await;
            let seen = get(port, "/health", short).await;
            assert_eq!(
                seen,
                (
                    Verdict::Fail,
                    "GET /health had no answer within 50ms".into()
                )
            );
        }
    }

    #[tokio::test]
    async fn a_port_accepts_or_refuses() {
        let (port, mut tasks) = service(Vec::new(), true).await;
        let seen = tcp(port).await;
        assert_eq!(
            (seen.verdict, seen.detail),
            (Verdict::Pass, format!("tcp {port} accepted"))
        );
        tasks.shutdown().await;
        let refused = tcp(port).await;
        assert_eq!(
            (refused.verdict, refused.detail),
            (Verdict::Fail, format!("tcp {port} refused"))
        );
        assert_eq!(
            get(port, "/", LONG).await,
            (Verdict::Fail, format!("tcp {port} refused"))
        );
    }

    #[test]
    fn what_fails_while_the_engine_stands_still_is_no_verdict() {
        let heard = |still| Heard { time: LONG, still };
        let seen = |verdict, still| {
            let detail = "it hung up".to_owned();
            excused(Seen { verdict, detail }, heard(still)).verdict
        };
        assert_eq!(seen(Verdict::Fail, true), Verdict::Trouble);
        assert_eq!(seen(Verdict::Fail, false), Verdict::Fail);
        assert_eq!(seen(Verdict::Pass, true), Verdict::Pass);
    }

    #[test]
    fn running_out_of_something_is_our_trouble() {
        for (number, ours) in [
            (11, true),
            (24, true),
            (23, true),
            (12, true),
            (99, true),
            (111, false),
            (2, false),
        ] {
            let error = io::Error::from_raw_os_error(number);
            assert_eq!(is_ours(&error), ours, "{error}");
        }
    }

    #[tokio::test]
    async fn a_command_is_judged_by_its_exit() {
        let home = tempfile::tempdir().unwrap();
        let layout = driver::Layout::new(home.path());
        layout.create().unwrap();
        let (happened, _words) = tokio::sync::mpsc::channel(1);
        // Nothing is started as a service here, so any program will do for a shim.
        let shim = std::env::current_exe().unwrap();
        let prober = Prober::new(ProcessDriver::open(layout, shim, happened).unwrap());
        let ask = async |argv: &[&str], timeout| {
            let launch = ExecLaunch {
                argv: argv.iter().map(ToString::to_string).collect(),
                cwd: home.path().to_owned(),
                env: [("PATH".to_owned(), "/usr/bin:/bin".to_owned())].into(),
                user: None,
            };
            let seen = prober.ask(Target::Exec(launch), timeout).await;
            (seen.verdict, seen.detail)
        };
        assert_eq!(
            ask(&["true"], LONG).await,
            (Verdict::Pass, "true passed".into())
        );
        let said = ask(&["sh", "-c", "echo one; echo not yet >&2; exit 3"], LONG).await;
        assert_eq!(
            said,
            (Verdict::Fail, "sh exited with code 3: not yet".into())
        );
        let killed = ask(&["sh", "-c", "kill -9 $$"], LONG).await;
        assert_eq!(killed, (Verdict::Fail, "sh was ended by SIGKILL".into()));
        let slow = ask(&["sleep", "60"], Duration::from_millis(50)).await;
        assert_eq!(
            slow,
            (Verdict::Fail, "sleep was not done within 50ms".into())
        );
        let missing = ask(&["no-such-program-anywhere"], LONG).await;
        assert_eq!(missing.0, Verdict::Fail, "{}", missing.1);
    }

    /// A thousand probes of a service that is well, all at once.
    #[tokio::test]
    async fn a_thousand_probes_at_once_all_pass() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec();
        let (port, _tasks) = service(answer, true).await;
        let mut probes = JoinSet::new();
        for _ in 0..1_000 {
            probes.spawn(get(port, "/health", LONG));
        }
        for (verdict, detail) in probes.join_all().await {
            assert!(
                verdict == Verdict::Pass || verdict == Verdict::Trouble,
                "{detail}"
            );
        }
    }
}

//! The prober against services that are played here.

mod closing;
mod grpc_service;

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
    let want = Want {
        terms: None,
        pattern: None,
    };
    let (seen, _) = in_time(pin!(http(port, path, want)), timeout, || {
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

fn prober(home: &std::path::Path) -> Prober {
    let layout = driver::Layout::new(home);
    layout.create().unwrap();
    let (happened, _words) = tokio::sync::mpsc::channel(1);
    // Nothing is started as a service here, so any program will do for a shim.
    let shim = std::env::current_exe().unwrap();
    Prober::new(ProcessDriver::open(layout, shim, happened).unwrap())
}

#[tokio::test]
async fn a_command_is_judged_by_its_exit() {
    let home = tempfile::tempdir().unwrap();
    let prober = prober(home.path());
    let ask = async |argv: &[&str], timeout| {
        let launch = ExecLaunch {
            argv: argv.iter().map(ToString::to_string).collect(),
            cwd: home.path().to_owned(),
            env: [("PATH".to_owned(), "/usr/bin:/bin".to_owned())].into(),
            user: None,
        };
        let seen = prober
            .ask(
                Target::Exec {
                    launch,
                    key: "health.exec",
                },
                timeout,
            )
            .await;
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
    let killed = ask(&["sh", "-c", "kill -9 $$; true"], LONG).await;
    assert_eq!(killed, (Verdict::Fail, "sh was ended by SIGKILL".into()));
    let one = ask(&["sh", "-c", "exec test -e $NOTHING/nothing"], LONG).await;
    assert_eq!(one, (Verdict::Fail, "test exited with code 1".into()));
    let slow = ask(&["sleep", "60"], Duration::from_millis(50)).await;
    assert_eq!(
        slow,
        (Verdict::Fail, "sleep was not done within 50ms".into())
    );
    let missing = ask(&["no-such-program-anywhere"], LONG).await;
    // Nobody was asked: that says nothing about the service.
    let slip = (
        Verdict::Trouble,
        "`no-such-program-anywhere` was not found: correct `health.exec`".to_owned(),
    );
    assert_eq!(missing, slip);
    for line in [
        "exec no-such-program-anywhere -p 5",
        "no-such-program-anywhere",
    ] {
        assert_eq!(ask(&["sh", "-c", line], LONG).await, slip);
    }
    // It is there, and may not be run: its name is right.
    let barred = ask(&["sh", "-c", "/dev/null"], LONG).await;
    assert_eq!(barred.0, Verdict::Trouble, "{}", barred.1);
    assert!(!barred.1.contains("correct"), "{}", barred.1);
    let said = ask(&["sh", "-c", "exit 1"], LONG).await;
    assert_eq!(said.0, Verdict::Fail, "{}", said.1);
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

/// What an answer means to a probe with these terms.
async fn judged(terms: spec::HttpTerms, answer: &str) -> (Verdict, String) {
    let (port, _tasks) = service(answer.as_bytes().to_vec(), true).await;
    let pattern = match &terms.body {
        BodyTerm::Regex(text) => Some(spec::pattern(text).unwrap()),
        _ => None,
    };
    let headers = terms.headers.iter();
    let headers = headers
        .map(|(name, value)| (name.clone(), value.to_string()))
        .collect();
    let terms = Terms {
        terms: Arc::new(terms),
        headers,
    };
    let want = Want {
        terms: Some(&terms),
        pattern,
    };
    let (seen, _) = in_time(pin!(http(port, "/", want)), LONG, || "late".to_owned()).await;
    (seen.verdict, seen.detail)
}

fn answer(status: u16, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status} Word\r\n{headers}Content-Length: {length}\r\n\r\n{body}")
}

#[tokio::test]
async fn only_the_statuses_that_were_named_pass() {
    let terms = spec::HttpTerms {
        status: vec![(204, 204), (400, 499)],
        ..Default::default()
    };
    for (status, verdict, detail) in [
        (204, Verdict::Pass, "GET / answered 204"),
        (418, Verdict::Pass, "GET / answered 418"),
        (200, Verdict::Fail, "GET / answered 200, not 204 or 400-499"),
    ] {
        let body = if status == 204 { "" } else { "x" };
        let seen = judged(terms.clone(), &answer(status, "", body)).await;
        assert_eq!(seen, (verdict, detail.to_owned()));
    }
}

#[tokio::test]
async fn a_body_has_to_say_what_was_asked_for() {
    let contains = |text: &str| spec::HttpTerms {
        body: BodyTerm::Contains(text.to_owned()),
        ..Default::default()
    };
    // The text is what decides, even where the body is in a known format.
    let json = "Content-Type: application/json\r\n";
    let body = "{\"status\":\"fail\", \"db\": true}";
    let seen = judged(contains("\"db\": true"), &answer(200, json, body)).await;
    let detail = "GET / answered 200 with \"\\\"db\\\": true\"".to_owned();
    assert_eq!(seen, (Verdict::Pass, detail));
    let seen = judged(contains("ready"), &answer(200, "", "warming\tup\u{1b}[0m")).await;
    let detail = "GET / answered 200 without \"ready\": it says warming up [0m".to_owned();
    assert_eq!(seen, (Verdict::Fail, detail));
    let seen = judged(contains("ready"), &answer(200, "", "")).await;
    assert_eq!(seen.0, Verdict::Fail, "{}", seen.1);
    let regex = |text: &str| spec::HttpTerms {
        body: BodyTerm::Regex(text.to_owned()),
        ..Default::default()
    };
    let seen = judged(regex("^v[0-9]+$"), &answer(200, "", "v12")).await;
    assert_eq!(
        seen,
        (
            Verdict::Pass,
            "GET / answered 200 matching ^v[0-9]+$".to_owned()
        )
    );
    let seen = judged(regex("^v[0-9]+$"), &answer(200, "", "V12")).await;
    assert_eq!(seen.0, Verdict::Fail, "{}", seen.1);
}

#[tokio::test]
async fn no_more_of_a_body_is_read_than_its_bound() {
    let terms = spec::HttpTerms {
        body: BodyTerm::Contains("ready".to_owned()),
        ..Default::default()
    };
    let late = format!("{}ready", "x".repeat(80 << 10));
    let (verdict, detail) = judged(terms.clone(), &answer(200, "", &late)).await;
    assert_eq!(verdict, Verdict::Fail);
    assert!(
        detail.contains("without \"ready\" in its first 64 KiB"),
        "{detail}"
    );
    // In many pieces, and across two of them.
    let pieces =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nxre\r\n3\r\nady\r\n0\r\n\r\n";
    assert_eq!(judged(terms, pieces).await.0, Verdict::Pass);
}

#[tokio::test]
async fn headers_are_sent_and_expected() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 4_096];
        let read = stream.read(&mut request).await.unwrap();
        let answer = answer(200, "X-Role: primary, writable\r\n", "");
        stream.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8(request[..read].to_vec()).unwrap()
    });
    let terms = spec::HttpTerms {
        method: spec::Method::Post,
        expect_headers: [("x-role".to_owned(), "primary".to_owned())].into(),
        ..Default::default()
    };
    let headers = [("host", "shop.test"), ("x-probe", "1")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let terms = Terms {
        terms: Arc::new(terms),
        headers: headers.into(),
    };
    let want = Want {
        terms: Some(&terms),
        pattern: None,
    };
    let seen = http(port, "/", want).await;
    assert_eq!(
        (seen.verdict, &*seen.detail),
        (Verdict::Pass, "POST / answered 200")
    );
    let request = tasks.join_next().await.unwrap().unwrap().to_lowercase();
    assert!(request.starts_with("post / http/1.1\r\n"), "{request}");
    assert!(request.contains("host: shop.test\r\n"), "{request}");
    assert!(
        request.contains("x-probe: 1\r\n") && !request.contains("127.0.0.1"),
        "{request}"
    );

    let expecting = spec::HttpTerms {
        expect_headers: [("x-role".to_owned(), "primary".to_owned())].into(),
        ..Default::default()
    };
    let seen = judged(expecting.clone(), &answer(200, "X-Role: replica\r\n", "")).await;
    let detail = "GET / answered 200 with x-role: replica, without \"primary\" in it".to_owned();
    assert_eq!(seen, (Verdict::Fail, detail));
    let seen = judged(expecting, &answer(200, "", "")).await;
    let detail = "GET / answered 200 without the header x-role".to_owned();
    assert_eq!(seen, (Verdict::Fail, detail));
}

#[tokio::test]
async fn what_a_body_says_of_its_health_counts() {
    let kind = "Content-Type: application/health+json\r\n";
    let warns = "{\"status\":\"warn\",\"output\":\"disk 91 % full\"}";
    let (port, _tasks) = service(answer(200, kind, warns).into_bytes(), true).await;
    let detail = "GET / answered 200, health+json says warn: disk 91 % full".to_owned();
    assert_eq!(get(port, "/", LONG).await, (Verdict::Warn, detail));
    // One that fails and does not say so by its status, and one that does.
    for (status, word) in [(200, "DOWN"), (503, "DOWN")] {
        let body = format!("{{\"status\":\"{word}\"}}");
        let kind = "Content-Type: application/json\r\n";
        let (port, _tasks) = service(answer(status, kind, &body).into_bytes(), true).await;
        let detail = format!("GET / answered {status}, Spring Boot says DOWN");
        assert_eq!(get(port, "/", LONG).await, (Verdict::Fail, detail));
    }
    // Not where the definition says that the body means nothing.
    let ignored = spec::HttpTerms {
        body: BodyTerm::Ignored,
        ..Default::default()
    };
    let seen = judged(ignored, &answer(200, kind, "{\"status\":\"fail\"}")).await;
    assert_eq!(seen, (Verdict::Pass, "GET / answered 200".to_owned()));
}

#[tokio::test]
async fn a_heartbeat_is_heard_or_missed_on_time() {
    let (sender, heard) = watch::channel(None);
    let ask = async |every, timeout| {
        let (seen, _) = beat(heard.clone(), "said WATCHDOG=1", every, timeout).await;
        (seen.verdict, seen.detail)
    };
    let missed = |within: &str| {
        let detail = format!("it has not said WATCHDOG=1 within {within}");
        (Verdict::Fail, detail)
    };
    let said = (Verdict::Pass, "it said WATCHDOG=1".to_owned());
    let long_ago = |seconds| Instant::now().checked_sub(Duration::from_secs(seconds));
    // Never heard of: it has all its time.
    let (short, begun) = (Duration::from_millis(50), Instant::now());
    assert_eq!(ask(short, short).await, missed("50ms"));
    assert!(begun.elapsed() >= short);
    let [every, timeout] = [900, 3_600].map(Duration::from_secs);
    sender.send_replace(Some(Instant::now()));
    assert_eq!(ask(every, timeout).await, said);
    // Older than the last look: the next one is waited for, and counts when it comes.
    sender.send_replace(long_ago(1_000));
    let later = async {
        tokio::task::yield_now().await;
        sender.send_replace(Some(Instant::now()));
    };
    assert_eq!(tokio::join!(ask(every, timeout), later).0, said);
    // Silence ends so long after the last word, not after the question.
    sender.send_replace(long_ago(3_599));
    let asked = tokio::time::timeout(LONG, ask(every, timeout)).await;
    assert_eq!(asked.unwrap(), missed("3600s"));
}

#[tokio::test]
async fn a_hung_up_ready_is_trouble() {
    let (sender, said) = watch::channel(Some(Generation(1)));
    let generation = Generation(2);
    drop(sender);
    let home = tempfile::tempdir().unwrap();
    let prober = prober(home.path());
    let seen = prober.ask(Target::Ready { said, generation }, LONG).await;
    assert_eq!(seen.verdict, Verdict::Trouble, "{}", seen.detail);
}

#[tokio::test]
async fn asking_takes_little_room() {
    let home = tempfile::tempdir().unwrap();
    let prober = prober(home.path());
    let size = size_of_val(&prober.ask(Target::Tcp { port: 1 }, LONG));
    assert!(size < 6 << 10, "{size} bytes for each probe under way");
}

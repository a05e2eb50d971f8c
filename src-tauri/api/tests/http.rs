//! The HTTP host over real sockets, with a desk that only counts: whatever is turned away must not
//! have reached it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod host;

use api::http::{Asked, Desk};
use api::{Json, Lines};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};
use model::Actor;
use model::view::{Code, Failure};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[derive(Default)]
struct Counting {
    reached: AtomicUsize,
}

impl Desk for Counting {
    fn call(
        &self,
        actor: Actor,
        _: Asked,
        name: String,
        request: Bytes,
    ) -> BoxFuture<'static, Result<Json, Failure>> {
        self.reached.fetch_add(1, Ordering::SeqCst);
        async move {
            match name.as_str() {
                "panic" => panic!("on purpose"),
                "refuse" => Err(Failure {
                    code: Code::Refused,
                    message: "no".to_owned(),
                }),
                "echo" => Ok(Json(String::from_utf8(request.to_vec()).unwrap())),
                _ => Ok(Json(format!("\"{}\"", actor.via))),
            }
        }
        .boxed()
    }
    fn stream(
        &self,
        _: Actor,
        name: String,
        _: Bytes,
    ) -> BoxFuture<'static, Result<Lines, Failure>> {
        self.reached.fetch_add(1, Ordering::SeqCst);
        let numbers = stream::iter((0..3).map(|n| Json(n.to_string())));
        async move {
            Ok(match name.as_str() {
                "endless" => numbers.chain(stream::pending()).boxed(),
                _ => numbers.boxed(),
            })
        }
        .boxed()
    }
}

type Scene = host::Scene<Counting>;

async fn scene() -> Scene {
    Scene::with(Counting::default()).await
}

impl Scene {
    fn reached(&self) -> usize {
        self.desk.reached.load(Ordering::SeqCst)
    }

    /// Sends bytes as they are and reads until the other end closes.
    async fn raw(&self, request: &str) -> String {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let reading = socket.read_to_end(&mut answer);
        tokio::time::timeout(Duration::from_secs(20), reading)
            .await
            .expect("the connection ends")
            .unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// A good call with some things changed.
    async fn ask(&self, line: &str, headers: &[(&str, &str)], body: &str) -> String {
        let port = self.port;
        let mut request = format!("{line} HTTP/1.1\r\n");
        let usual = [
            ("host", format!("127.0.0.1:{port}")),
            ("authorization", format!("Bearer {}", self.token)),
            ("content-type", "application/json".to_owned()),
            ("content-length", body.len().to_string()),
            ("connection", "close".to_owned()),
        ];
        for (name, value) in &usual {
            if !headers.iter().any(|(changed, _)| changed == name) {
                request.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        for (name, value) in headers.iter().filter(|(_, value)| *value != "-") {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        request.push_str(body);
        self.raw(&request).await
    }
}

fn status(answer: &str) -> u16 {
    answer
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .unwrap_or(0)
}

/// Names under which a page elsewhere could try to reach us. `PORT` is ours.
const HOSTS: [&str; 42] = [
    "evil.example",
    "evil.example:PORT",
    "127.0.0.1.evil.example:PORT",
    "localhost.evil.example:PORT",
    "127.0.0.1:PORT.evil.example",
    "127.0.0.1",
    "localhost",
    "127.0.0.1:",
    "localhost:",
    "127.0.0.1:1",
    "localhost:80",
    "127.0.0.1:0PORT",
    "127.0.0.1:+PORT",
    "LOCALHOST:PORT",
    "LocalHost:PORT",
    "localhost.:PORT",
    "127.0.0.1.:PORT",
    "127.0.0.2:PORT",
    "127.1:PORT",
    "127.0.1:PORT",
    "2130706433:PORT",
    "0x7f000001:PORT",
    "0x7f.0.0.1:PORT",
    "017700000001:PORT",
    "0177.0.0.1:PORT",
    "0:PORT",
    "0.0.0.0:PORT",
    "[::1]:PORT",
    "[::]:PORT",
    "[::ffff:127.0.0.1]:PORT",
    "[::ffff:7f00:1]:PORT",
    "::1",
    "user@127.0.0.1:PORT",
    "127.0.0.1:PORT@evil.example",
    "127.0.0.1:PORT/",
    "127.0.0.1:PORT#",
    "http://127.0.0.1:PORT",
    "127.0.0.1:PORT, evil.example",
    "127.0.0.1 :PORT",
    "localhost:PORT:PORT",
    "tauri.localhost:PORT",
    "",
];

const ROUTES: [&str; 7] = [
    "GET /",
    "GET /index.html",
    "GET /cluster/shop-1",
    "GET /healthz",
    "POST /api/call/ps",
    "POST /api/stream/feed",
    "OPTIONS /api/call/ps",
];

#[tokio::test]
async fn no_other_host_name_reaches_any_route() {
    let scene = scene().await;
    let ours = scene.port.to_string();
    for host in HOSTS {
        let host = host.replace("PORT", &ours);
        for route in ROUTES {
            let answer = scene.ask(route, &[("host", &host)], "{}").await;
            // 400 is hyper's word for a head that is not HTTP at all.
            assert!(
                matches!(status(&answer), 403 | 400),
                "{route} as {host:?}: {answer}"
            );
            assert!(
                !answer.contains("<html") && !answer.contains("access-control"),
                "{route} as {host:?}"
            );
        }
    }
    assert_eq!(scene.reached(), 0);
}

#[tokio::test]
async fn a_missing_a_second_or_a_contradicted_host_is_refused() {
    let scene = scene().await;
    let (port, token) = (scene.port, &scene.token);
    let rest = format!(
        "Authorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}"
    );
    let heads = [
        "POST /api/call/ps HTTP/1.1\r\n".to_owned(),
        "POST /api/call/ps HTTP/1.0\r\n".to_owned(),
        format!("POST /api/call/ps HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nHost: evil.example\r\n"),
        format!("POST /api/call/ps HTTP/1.1\r\nHost: evil.example\r\nHost: 127.0.0.1:{port}\r\n"),
        format!("POST http://evil.example/api/call/ps HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"),
        format!("POST http://127.0.0.1:{port}/api/call/ps HTTP/1.1\r\nHost: evil.example\r\n"),
        format!(
            "POST http://u@127.0.0.1:{port}/api/call/ps HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        ),
    ];
    for head in heads {
        let answer = scene.raw(&format!("{head}{rest}")).await;
        assert!(matches!(status(&answer), 403 | 400), "{head}: {answer}");
    }
    assert_eq!(scene.reached(), 0);
}

#[tokio::test]
async fn both_our_names_work_and_every_answer_carries_its_protection() {
    let scene = scene().await;
    for name in ["127.0.0.1", "localhost"] {
        let host = format!("{name}:{}", scene.port);
        let page = scene
            .ask("GET /", &[("host", &host), ("authorization", "-")], "")
            .await;
        assert_eq!(status(&page), 200, "{page}");
        for line in [
            "content-security-policy: default-src 'none'",
            "frame-ancestors 'none'",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
        ] {
            assert!(page.contains(line), "{line} in {page}");
        }
        let answer = scene
            .ask("POST /api/call/ps", &[("host", &host)], "{}")
            .await;
        assert!(
            answer.ends_with("\"browser\"")
                && answer.contains("nosniff")
                && answer.contains("no-store"),
            "{answer}"
        );
    }
    assert_eq!(scene.reached(), 2);
}

#[tokio::test]
async fn the_api_wants_the_whole_token_of_this_start() {
    let scene = scene().await;
    let (short, long) = (scene.token[..63].to_owned(), format!("{}0", scene.token));
    let upper = scene.token.to_uppercase();
    let claims = [
        "-".to_owned(),
        "Bearer ".to_owned(),
        "Bearer".to_owned(),
        format!("Bearer {short}"),
        format!("Bearer {long}"),
        format!("Bearer  {}", scene.token),
        format!("Basic {}", scene.token),
        scene.token.clone(),
        format!("Bearer {}", "0".repeat(64)),
        format!("Bearer {upper}x"),
    ];
    for route in ["POST /api/call/ps", "POST /api/stream/feed"] {
        for claim in &claims {
            let answer = scene.ask(route, &[("authorization", claim)], "{}").await;
            assert_eq!(status(&answer), 401, "{claim}: {answer}");
            assert!(!answer.contains(&scene.token));
        }
        let in_url = format!("{route}?token={}", scene.token);
        assert_eq!(
            status(&scene.ask(&in_url, &[("authorization", "-")], "{}").await),
            401
        );
    }
    assert_eq!(scene.reached(), 0);
}

#[tokio::test]
async fn a_page_elsewhere_causes_nothing() {
    let scene = scene().await;
    let port = scene.port;
    type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], u16);
    let refused: [Row<'_>; 9] = [
        (
            "POST /api/call/down",
            &[("origin", "http://evil.example")],
            403,
        ),
        ("POST /api/call/down", &[("origin", "null")], 403),
        ("GET /", &[("origin", "http://evil.example")], 403),
        (
            "POST /api/call/down",
            &[("sec-fetch-site", "cross-site")],
            403,
        ),
        (
            "POST /api/stream/feed",
            &[("sec-fetch-site", "same-site")],
            403,
        ),
        (
            "POST /api/call/down",
            &[("content-type", "text/plain")],
            415,
        ),
        (
            "POST /api/call/down",
            &[("content-type", "application/x-www-form-urlencoded")],
            415,
        ),
        (
            "POST /api/call/down",
            &[("content-type", "multipart/form-data; boundary=x")],
            415,
        ),
        ("POST /api/call/down", &[("content-type", "-")], 415),
    ];
    for (route, headers, expected) in refused {
        assert_eq!(
            status(&scene.ask(route, headers, "{}").await),
            expected,
            "{route} {headers:?}"
        );
    }
    let preflight = [
        ("origin", "http://evil.example"),
        ("access-control-request-method", "POST"),
    ];
    let answer = scene.ask("OPTIONS /api/call/down", &preflight, "").await;
    assert!(
        status(&answer) == 403 && !answer.contains("access-control-allow"),
        "{answer}"
    );
    assert_eq!(scene.reached(), 0);

    let ours = format!("http://127.0.0.1:{port}");
    let own = [("origin", ours.as_str()), ("sec-fetch-site", "same-origin")];
    assert_eq!(
        status(&scene.ask("POST /api/call/ps", &own, "{}").await),
        200
    );
}

#[tokio::test]
async fn nothing_changes_on_any_other_method() {
    let scene = scene().await;
    for method in ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let answer = scene
            .ask(&format!("{method} /api/call/down"), &[], "")
            .await;
        assert_eq!(status(&answer), 405, "{method}: {answer}");
    }
    for route in [
        "GET /api",
        "GET /api/",
        "POST /api/down",
        "POST /api/call/",
        "GET /api/assets/x.js",
        "POST /api/call/a/b",
    ] {
        assert_eq!(status(&scene.ask(route, &[], "{}").await), 404, "{route}");
    }
    assert_eq!(status(&scene.ask("POST /", &[], "{}").await), 405);
    assert_eq!(scene.reached(), 0);
}

#[tokio::test]
async fn what_is_too_large_is_refused_before_it_is_read_to_its_end() {
    let scene = scene().await;
    let body = format!("\"{}\"", "x".repeat((4 << 20) + 1));
    let answer = scene.ask("POST /api/call/echo", &[], &body).await;
    assert_eq!(status(&answer), 413);
    assert!(answer.contains("over 4 MiB"), "{answer}");
    assert_eq!(scene.reached(), 0);
    let fits = format!("\"{}\"", "x".repeat((4 << 20) - 2));
    assert_eq!(
        status(&scene.ask("POST /api/call/echo", &[], &fits).await),
        200
    );
    // As large as a definition may be, and of nothing but what JSON writes with two characters.
    let largest = "\n".repeat(spec::limits::MAX_BYTES);
    let largest =
        serde_json::json!({ "cluster": "demo-0123456789ab", "text": largest }).to_string();
    let answer = scene.ask("POST /api/call/echo", &[], &largest).await;
    assert_eq!(status(&answer), 200);

    let long = "x".repeat(64 * 1024);
    let answer = scene.ask("GET /", &[("x-long", &long)], "").await;
    assert!(matches!(status(&answer), 431 | 400 | 0), "{answer}");
    let many: Vec<String> = (0..100).map(|n| format!("x-{n}")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|name| (name.as_str(), "1")).collect();
    assert!(matches!(
        status(&scene.ask("GET /", &many, "").await),
        431 | 400
    ));
}

#[tokio::test]
async fn a_panic_and_a_refusal_are_answers_and_the_host_goes_on() {
    let scene = scene().await;
    let answer = scene.ask("POST /api/call/panic", &[], "{}").await;
    assert_eq!(status(&answer), 500);
    assert!(
        !answer.contains("on purpose"),
        "a panic's own words stay inside: {answer}"
    );
    let answer = scene.ask("POST /api/call/refuse", &[], "{}").await;
    assert_eq!(status(&answer), 403);
    assert!(answer.ends_with(r#"{"code":"refused","message":"no"}"#));
    let answer = scene
        .ask("POST /api/call/who", &[("azora-via", "cli")], "{}")
        .await;
    assert!(answer.ends_with("\"cli\""));
}

#[tokio::test]
async fn a_stream_is_a_line_a_message_and_ends_when_the_host_does() {
    let scene = scene().await;
    let answer = scene.ask("POST /api/stream/short", &[], "{}").await;
    assert!(answer.contains("application/x-ndjson"));
    assert!(
        answer.contains("\r\n0\n1\n2\n\r\n"),
        "three lines in one piece: {answer}"
    );

    let mut socket = TcpStream::connect(("127.0.0.1", scene.port)).await.unwrap();
    let request = format!(
        "POST /api/stream/endless HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}",
        scene.port, scene.token
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut seen = Vec::new();
    while !seen.ends_with(b"2\n\r\n") {
        let mut piece = [0; 1024];
        let read = socket.read(&mut piece).await.unwrap();
        assert!(read > 0, "the stream stays open");
        seen.extend_from_slice(&piece[..read]);
    }
    let stopping = tokio::time::timeout(Duration::from_secs(4), scene.server.stop());
    stopping
        .await
        .expect("an open stream does not hold the host up");
    let mut rest = Vec::new();
    socket.read_to_end(&mut rest).await.unwrap();
}

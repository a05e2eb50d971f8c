//! Streams over WebSockets, with a desk that counts who reached it and how many streams of it are open.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod host;

use api::http::guard::Refusal;
use api::http::{Asked, Desk};
use api::{Json, Lines};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, SinkExt, StreamExt, stream};
use model::Actor;
use model::view::{Code, Failure};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

type Socket = WebSocketStream<TcpStream>;

struct Counting {
    reached: AtomicUsize,
    wrong_tokens: AtomicUsize,
    open: watch::Sender<usize>,
}

/// One stream that is open.
struct Held(watch::Sender<usize>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.send_modify(|open| *open -= 1);
    }
}

impl Desk for Counting {
    fn call(
        &self,
        _: Actor,
        _: Asked,
        _: String,
        _: Bytes,
    ) -> BoxFuture<'static, Result<Json, Failure>> {
        async { Ok(Json("1".to_owned())) }.boxed()
    }

    fn stream(
        &self,
        _: Actor,
        name: String,
        request: Bytes,
    ) -> BoxFuture<'static, Result<Lines, Failure>> {
        self.reached.fetch_add(1, Ordering::SeqCst);
        if name == "refuse" {
            let failure = Failure {
                code: Code::NotFound,
                message: "there is no such log".to_owned(),
            };
            return async move { Err(failure) }.boxed();
        }
        self.open.send_modify(|open| *open += 1);
        let held = Held(self.open.clone());
        let text = String::from_utf8(request.to_vec()).unwrap();
        let first = stream::iter([Json(text), Json("2".to_owned())]);
        let rest = match name.as_str() {
            "endless" => stream::pending().boxed(),
            _ => stream::empty().boxed(),
        };
        let all = first.chain(rest).map(move |line| {
            let _held = &held;
            line
        });
        async move { Ok(all.boxed()) }.boxed()
    }

    fn refused(&self, refusal: &Refusal) {
        if *refusal == Refusal::Token {
            self.wrong_tokens.fetch_add(1, Ordering::SeqCst);
        }
    }
}

type Scene = host::Scene<Counting>;

async fn scene() -> Scene {
    let desk = Counting {
        reached: AtomicUsize::new(0),
        wrong_tokens: AtomicUsize::new(0),
        open: watch::Sender::new(0),
    };
    Scene::with(desk).await
}

impl Scene {
    async fn socket(&self, headers: &[(&'static str, &str)]) -> Result<Socket, Error> {
        let address = format!("ws://127.0.0.1:{}/api/socket", self.port);
        let mut request = address.into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        client_async(request, stream)
            .await
            .map(|(socket, _)| socket)
    }

    async fn ask(&self, stream: &str, request: &str) -> Socket {
        let mut socket = self.socket(&[]).await.unwrap();
        let token = &self.token;
        let asked = format!(r#"{{"token":"{token}","stream":"{stream}","request":{request}}}"#);
        socket.send(Message::text(asked)).await.unwrap();
        socket
    }

    /// Waits until so many streams are open.
    async fn open(&self, count: usize) {
        let mut open = self.desk.open.subscribe();
        within(open.wait_for(|open| *open == count)).await.unwrap();
    }
}

async fn within<T>(work: impl Future<Output = T>) -> T {
    let limit = Duration::from_secs(20);
    tokio::time::timeout(limit, work).await.expect("in time")
}

/// The next text, or `None` at the end.
async fn next(socket: &mut Socket) -> Option<String> {
    loop {
        match within(socket.next()).await {
            Some(Ok(Message::Text(text))) => return Some(text.to_string()),
            Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
            Some(Ok(_)) => {}
        }
    }
}

#[tokio::test]
async fn a_stream_says_that_it_is_open_then_its_lines_and_ends() {
    let scene = scene().await;
    let mut socket = scene.ask("short", r#"{"tail":3}"#).await;
    assert_eq!(next(&mut socket).await.unwrap(), "\"opened\"");
    assert_eq!(next(&mut socket).await.unwrap(), "{\"tail\":3}\n2\n");
    assert_eq!(next(&mut socket).await, None);
    let mut socket = scene.ask("refuse", "{}").await;
    let said = next(&mut socket).await.unwrap();
    assert_eq!(
        said,
        r#"{"failed":{"code":"not_found","message":"there is no such log"}}"#
    );
    assert_eq!(next(&mut socket).await, None);
}

#[tokio::test]
async fn a_stream_ends_with_its_reader() {
    let scene = scene().await;
    let mut polite = scene.ask("endless", "{}").await;
    next(&mut polite).await.unwrap();
    let mut torn = scene.ask("endless", "{}").await;
    next(&mut torn).await.unwrap();
    scene.open(2).await;
    polite.close(None).await.unwrap();
    scene.open(1).await;
    drop(torn);
    scene.open(0).await;
    // A page has nothing to say while it reads.
    let mut talks = scene.ask("endless", "{}").await;
    next(&mut talks).await.unwrap();
    scene.open(1).await;
    talks.send(Message::text("{}")).await.unwrap();
    scene.open(0).await;
}

#[tokio::test]
async fn nobody_without_the_token_and_no_page_from_elsewhere_gets_a_stream() {
    let scene = scene().await;
    let origin = format!("http://127.0.0.1:{}", scene.port);
    let other = format!("http://localhost:{}", scene.port);
    let own = [
        ("origin", origin.as_str()),
        ("sec-fetch-site", "same-origin"),
    ];
    assert!(scene.socket(&own).await.is_ok());
    let elsewhere: [&[(&'static str, &str)]; 5] = [
        &[("origin", "http://evil.example")],
        &[("origin", "null")],
        &[("origin", &other)],
        &[("sec-fetch-site", "cross-site")],
        &[("host", "evil.example")],
    ];
    for headers in elsewhere {
        let Err(Error::Http(refused)) = scene.socket(headers).await else {
            panic!("{headers:?} was let in");
        };
        assert_eq!(refused.status(), 403, "{headers:?}");
    }
    for token in ["", "0", &"0".repeat(64), &scene.token[..63]] {
        let mut socket = scene.socket(&[]).await.unwrap();
        let asked = format!(r#"{{"token":"{token}","stream":"short","request":{{}}}}"#);
        socket.send(Message::text(asked)).await.unwrap();
        assert_eq!(next(&mut socket).await.unwrap(), "\"unauthorised\"");
        assert_eq!(next(&mut socket).await, None);
    }
    // Guesses are told of, whichever way they come.
    assert_eq!(scene.desk.wrong_tokens.load(Ordering::SeqCst), 4);
    for said in [
        Message::text("{}"),
        Message::text("["),
        Message::binary("{}"),
        Message::text(format!(r#"{{"token":"{}","stream":"short"}}"#, scene.token)),
        Message::text(format!(r#""{}""#, scene.token)),
    ] {
        let mut socket = scene.socket(&[]).await.unwrap();
        socket.send(said).await.unwrap();
        let answer = next(&mut socket).await.unwrap();
        assert!(answer.contains("bad_request"), "{answer}");
        assert!(!answer.contains(&scene.token), "{answer}");
        assert_eq!(next(&mut socket).await, None);
    }
    // Over 4 MiB nothing is read.
    let mut socket = scene.socket(&[]).await.unwrap();
    let large = Message::text("x".repeat((4 << 20) + 1));
    let sent = within(socket.send(large)).await;
    assert!(sent.is_err() || next(&mut socket).await.is_none());
    assert_eq!(scene.desk.reached.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn sockets_are_counted_and_end_with_the_host() {
    let scene = scene().await;
    let mut sockets = Vec::new();
    let refused = loop {
        match scene.socket(&[]).await {
            Ok(socket) => sockets.push(socket),
            Err(Error::Http(refused)) => break refused,
            Err(error) => panic!("{error}"),
        }
        assert!(sockets.len() <= 1_000, "without end");
    };
    assert_eq!((refused.status().as_u16(), sockets.len()), (503, 256));
    // One that goes makes room.
    drop(sockets.pop());
    let mut open = within(async {
        loop {
            if let Ok(socket) = scene.socket(&[]).await {
                return socket;
            }
        }
    })
    .await;
    let token = &scene.token;
    let asked = format!(r#"{{"token":"{token}","stream":"endless","request":{{}}}}"#);
    open.send(Message::text(asked)).await.unwrap();
    assert_eq!(next(&mut open).await.unwrap(), "\"opened\"");
    let desk = scene.desk.clone();
    let stopping = tokio::time::timeout(Duration::from_secs(4), scene.server.stop());
    stopping.await.expect("open sockets do not hold it up");
    assert_eq!(*desk.open.borrow(), 0);
}

//! Clients that nobody here wrote, through the real gateway: curl, h2load, a gRPC client, a WebSocket client.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use tests::gateway::{Named, register};
use tests::process::{kill, lives};
use tests::smuggling::Recorder;
use tests::{Azora, until};

/// An engine with a gateway, and what is to end with the test.
struct Stage {
    azora: Azora,
    engine: Child,
}

impl Stage {
    fn new() -> Self {
        let azora = Azora::new();
        let engine = azora.serve_until_it_listens(azora.home().path());
        Self { azora, engine }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        kill(self.engine.id());
        let _ = self.engine.wait();
    }
}

/// curl, quiet, for a name behind the gateway.
fn curl(named: &Named, path: &str, words: &[&str]) -> String {
    let mut command = Command::new("curl");
    command
        .args([
            "--silent",
            "--show-error",
            "--max-time",
            "60",
            "--noproxy",
            "*",
        ])
        // Not every machine's resolver knows that all below localhost is this machine.
        .args(["--resolve", &format!("{}:127.0.0.1", named.host)])
        .args(words)
        .arg(format!("http://{}{path}", named.host));
    let output = command.output().expect("curl is installed");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn curl_reads_writes_and_streams() {
    let stage = Stage::new();
    let recorder = Recorder::new();
    let named = register(&stage.azora, "echo", recorder.port());
    let version = ["--write-out", " %{http_version} %{response_code}"];
    assert_eq!(curl(&named, "/a?b=c", &version), "GET /a?b=c 0 1.1 200");
    let folder = tests::Folder::empty();
    let file = folder.path().join("large");
    std::fs::write(&file, vec![b'z'; 5 << 20]).expect("the folder is ours");
    let file = file.display().to_string();
    // So large that curl asks first whether it may.
    assert_eq!(curl(&named, "/put", &["-T", &file]), "PUT /put 5242880");
    let chunked = ["-T", &file, "-H", "Transfer-Encoding: chunked"];
    assert_eq!(curl(&named, "/chunks", &chunked), "PUT /chunks 5242880");
    assert_eq!(curl(&named, "/form", &["-d", "a=b"]), "POST /form 3");
    assert!(curl(&named, "/head", &["-I"]).starts_with("HTTP/1.1 200"));
    let old = curl(&named, "/old", &["--http1.0", version[0], version[1]]);
    assert!(
        old.starts_with("GET /old 0") && old.ends_with("200"),
        "{old}"
    );
    let h2 = ["--http2-prior-knowledge", version[0], version[1]];
    assert_eq!(curl(&named, "/h2", &h2), "GET /h2 0 2 200");
    let h2 = ["--http2-prior-knowledge", "-T", &file];
    assert_eq!(curl(&named, "/h2", &h2), "PUT /h2 5242880");
    let written = recorder.take();
    assert!(written.wrong.is_empty(), "{:?}", written.wrong);
    let asked = written
        .requests
        .iter()
        .find(|request| request.target == "/a?b=c");
    let asked = asked.expect("it came");
    assert_eq!(asked.all("x-forwarded-host"), [named.host.as_str()]);
    assert_eq!(asked.all("x-forwarded-proto"), ["http"]);
    assert_eq!(asked.all("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(asked.all("x-request-id").len(), 1, "{asked:?}");
    assert_eq!(asked.all("traceparent").len(), 1, "{asked:?}");
}

#[test]
fn h2load_is_answered_over_both_versions() {
    let stage = Stage::new();
    let recorder = Recorder::new();
    let named = register(&stage.azora, "load", recorder.port());
    for words in [&["--h1"][..], &["-m", "10"], &["-m", "100", "-w", "16"]] {
        let mut command = Command::new("h2load");
        command
            .args(["-n", "2000", "-c", "10"])
            .args(words)
            .arg(format!("--connect-to=127.0.0.1:{}", named.port))
            .arg(format!("http://{}/x", named.host));
        let output = command
            .output()
            .expect("h2load is installed: scripts/setup --tests");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            said.contains("2000 succeeded, 0 failed, 0 errored"),
            "{said}"
        );
        assert!(said.contains("status codes: 2000 2xx"), "{said}");
    }
    let written = recorder.take();
    assert!(written.wrong.is_empty(), "{:?}", written.wrong);
    let asked = written
        .requests
        .iter()
        .filter(|request| request.target == "/x");
    assert_eq!(asked.count(), 6_000);
}

/// A backend with one answer, which a test writes piece by piece.
struct Piecewise {
    port: u16,
    pieces: SyncSender<Vec<u8>>,
    gone: Receiver<()>,
}

/// Answers requests for `/` at once and `/pieces` with what it is given, until its client is gone or there is no more.
fn piecewise() -> Piecewise {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    let port = listener.local_addr().expect("it is bound").port();
    let (pieces, given) = sync_channel::<Vec<u8>>(0);
    let (tell, gone) = sync_channel(1);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut from = BufReader::new(stream.try_clone().expect("a socket can be shared"));
            let mut first = String::new();
            let _ = from.read_line(&mut first);
            let mut line = first.clone();
            while !line.trim().is_empty() {
                line.clear();
                let _ = from.read_line(&mut line);
            }
            if !first.contains("/pieces") {
                let _ = stream.write_all(
                    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                );
                continue;
            }
            for piece in &given {
                if stream.write_all(&piece).is_err() {
                    let _ = tell.try_send(());
                    return;
                }
            }
            return;
        }
    });
    Piecewise { port, pieces, gone }
}

const EVENTS: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";

#[test]
fn events_come_one_by_one_and_end_with_who_listens() {
    let stage = Stage::new();
    let backend = piecewise();
    let named = register(&stage.azora, "events", backend.port);
    let mut listens = Command::new("curl")
        .args([
            "-sN",
            "--noproxy",
            "*",
            "--resolve",
            &format!("{}:127.0.0.1", named.host),
        ])
        .arg(format!("http://{}/pieces", named.host))
        .stdout(Stdio::piped())
        .spawn()
        .expect("curl is installed");
    let mut lines = BufReader::new(listens.stdout.take().expect("it is piped")).lines();
    let mut next = || lines.next().and_then(Result::ok).unwrap_or_default();
    let say = |piece: &[u8]| {
        backend
            .pieces
            .send(piece.to_vec())
            .expect("it waits for it")
    };
    say(EVENTS);
    for n in 0..3 {
        say(format!("data: {n}\n\n").as_bytes());
        // The next is not even said before this one is here.
        assert_eq!((next(), next()), (format!("data: {n}"), String::new()));
    }
    kill(listens.id());
    let _ = listens.wait();
    // The backend is told by its connection that nobody listens any more.
    until("the backend to know it", || {
        let _ = backend.pieces.try_send(b"data: x\n\n".to_vec());
        backend.gone.try_recv().ok()
    });
}

#[test]
fn a_large_answer_waits_for_a_slow_reader_outside_of_the_engine() {
    const PIECE: usize = 1 << 20;
    const PIECES: usize = 192;
    let stage = Stage::new();
    let backend = piecewise();
    let named = register(&stage.azora, "large", backend.port);
    let memory = || tests::process::written_kb(stage.engine.id()).unwrap_or(0);
    let before = memory();
    let mut client = TcpStream::connect(("127.0.0.1", named.port)).expect("it listens");
    write!(
        client,
        "GET /pieces HTTP/1.1\r\nHost: {}\r\n\r\n",
        named.host
    )
    .expect("it reads");
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n",
        PIECE * PIECES
    );
    let pieces = backend.pieces.clone();
    let (tell, stuck) = sync_channel(PIECES);
    let writes = std::thread::spawn(move || {
        pieces.send(head.into_bytes()).expect("it waits for it");
        for _ in 0..PIECES {
            pieces.send(vec![b'z'; PIECE]).expect("it waits for it");
            tell.send(()).expect("somebody counts");
        }
    });
    // Nobody reads: sockets on the way fill up, and the backend with them.
    let mut count = 0;
    while stuck
        .recv_timeout(std::time::Duration::from_secs(2))
        .is_ok()
    {
        count += 1;
    }
    assert!(
        count < PIECES,
        "all of it was taken without anybody who reads"
    );
    let grown = memory().saturating_sub(before);
    assert!(
        grown < 16 << 10,
        "{grown} KB for {count} MB that nobody reads"
    );
    let mut bytes = vec![0; 1 << 16];
    let mut left = PIECE * PIECES;
    let begun = client.read(&mut bytes).expect("it answers");
    let text = String::from_utf8_lossy(&bytes[..begun]).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    left -= body.len();
    while left > 0 {
        match client.read(&mut bytes) {
            Ok(0) | Err(_) => panic!("{left} bytes did not come"),
            Ok(count) => left -= count,
        }
    }
    writes.join().expect("nobody panicked");
    assert!(lives(stage.engine.id()));
}

mod grpc {
    use super::*;
    use tokio::net::TcpListener;
    use tokio::task::JoinSet;
    use tokio_stream::wrappers::TcpListenerStream;
    use tonic::Code;
    use tonic::transport::{Channel, Endpoint, Server};
    use tonic_health::ServingStatus;
    use tonic_health::pb::HealthCheckRequest;
    use tonic_health::pb::health_check_response::ServingStatus as Said;
    use tonic_health::pb::health_client::HealthClient;

    async fn channel(named: &Named) -> Channel {
        let origin = format!("http://{}", named.host)
            .parse()
            .expect("it is a URL");
        Endpoint::from_shared(format!("http://127.0.0.1:{}", named.port))
            .expect("it is a URL")
            .origin(origin)
            .connect()
            .await
            .expect("the gateway speaks HTTP/2")
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn answers_streams_and_errors_come_through() {
        let (reporter, service) = tonic_health::server::health_reporter();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let port = listener.local_addr().expect("it is bound").port();
        let mut tasks = JoinSet::new();
        let serving = Server::builder().add_service(service);
        tasks.spawn(serving.serve_with_incoming(TcpListenerStream::new(listener)));
        reporter
            .set_service_status("shop", ServingStatus::Serving)
            .await;

        let stage = tokio::task::spawn_blocking(move || {
            let stage = Stage::new();
            let named = register(&stage.azora, "grpc", port);
            (stage, named)
        });
        let (stage, named) = stage.await.expect("nobody panicked");
        let mut client = HealthClient::new(channel(&named).await);
        let ask = |service: &str| HealthCheckRequest {
            service: service.to_owned(),
        };
        for _ in 0..100 {
            let answer = client.check(ask("shop")).await.expect("it is known");
            assert_eq!(answer.into_inner().status(), Said::Serving);
        }
        // What went wrong is told in trailers, and in a head alone when there is no message.
        let unknown = client
            .check(ask("nobody"))
            .await
            .expect_err("it is not known");
        assert_eq!(unknown.code(), Code::NotFound);
        let stream = client.watch(ask("shop")).await.expect("it is known");
        let mut stream = stream.into_inner();
        let told = stream.message().await.expect("it goes on");
        assert_eq!(told.expect("a message").status(), Said::Serving);
        // Each is set once what was before has come: what is set while the watch begins may be told with it.
        for (status, said) in [
            (ServingStatus::NotServing, Said::NotServing),
            (ServingStatus::Serving, Said::Serving),
        ] {
            reporter.set_service_status("shop", status).await;
            let told = stream.message().await.expect("it goes on");
            assert_eq!(told.expect("a message").status(), said);
        }
        // Many at a time over one connection.
        let mut all = JoinSet::new();
        for _ in 0..200 {
            let mut client = client.clone();
            let asked = ask("shop");
            all.spawn(async move { client.check(asked).await });
        }
        while let Some(one) = all.join_next().await {
            one.expect("nobody panicked").expect("each is answered");
        }
        drop(stage);
        tasks.shutdown().await;
    }
}

mod websocket {
    use super::*;
    use futures_util::{SinkExt, StreamExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::task::JoinSet;
    use tokio_tungstenite::tungstenite::Message;
    use tokio_tungstenite::{accept_async, client_async};

    /// Says back what it hears.
    async fn echo(listener: TcpListener) {
        let mut each = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            each.spawn(async move {
                // Who does not shake hands asks for something else.
                let Ok(socket) = accept_async(stream).await else {
                    return;
                };
                let (into, from) = socket.split();
                let said = from.filter(|message| {
                    let says = matches!(message, Ok(Message::Text(_) | Message::Binary(_)));
                    std::future::ready(says)
                });
                let _ = said.forward(into).await;
            });
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn talks_both_ways_until_it_is_closed() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let port = listener.local_addr().expect("it is bound").port();
        let mut tasks = JoinSet::new();
        tasks.spawn(echo(listener));
        let stage = tokio::task::spawn_blocking(move || {
            let stage = Stage::new();
            let named = register(&stage.azora, "talk", port);
            (stage, named)
        });
        let (stage, named) = stage.await.expect("nobody panicked");
        let mut all = JoinSet::new();
        for n in 0..20 {
            let named = named.clone();
            all.spawn(async move {
                let stream = TcpStream::connect(("127.0.0.1", named.port))
                    .await
                    .expect("it listens");
                let url = format!("ws://{}/talk", named.host);
                let (mut socket, answer) = client_async(url, stream).await.expect("it upgrades");
                assert_eq!(answer.status(), 101);
                for message in [
                    Message::text(format!("hello {n}")),
                    Message::binary(vec![0; 300_000]),
                    Message::text(""),
                ] {
                    socket.send(message.clone()).await.expect("it goes on");
                    let said = socket.next().await.expect("it goes on").expect("a message");
                    assert_eq!(said, message);
                }
                socket.close(None).await.expect("it closes");
                while let Some(Ok(_)) = socket.next().await {}
            });
        }
        while let Some(one) = all.join_next().await {
            one.expect("nobody panicked");
        }
        drop(stage);
        tasks.shutdown().await;
    }
}

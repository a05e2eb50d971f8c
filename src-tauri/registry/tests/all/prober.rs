//! Our own look at what is registered: what it makes of answers, and where it does not go.

use crate::world::{Server, consul, consul_of, own, world};
use model::view::Health;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Somebody who answers every connection with these bytes, or never. Counts them, and how many are open.
struct Somebody {
    address: SocketAddr,
    came: Arc<AtomicUsize>,
    most_at_once: Arc<AtomicUsize>,
    _task: JoinSet<()>,
}

async fn somebody(answer: Option<String>) -> Somebody {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (came, most_at_once) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let (count, most) = (came.clone(), most_at_once.clone());
    let mut task = JoinSet::new();
    task.spawn(async move {
        let open = Arc::<AtomicUsize>::default();
        let mut all = JoinSet::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            count.fetch_add(1, Ordering::SeqCst);
            most.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let (answer, open) = (answer.clone(), open.clone());
            all.spawn(async move {
                let mut asked = [0; 4096];
                let _ = stream.read(&mut asked).await;
                match answer {
                    Some(answer) => drop(stream.write_all(answer.as_bytes()).await),
                    // Until the other side has had enough.
                    None => while !matches!(stream.read(&mut asked).await, Ok(0) | Err(_)) {},
                }
                open.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
    Somebody {
        address,
        came,
        most_at_once,
        _task: task,
    }
}

fn http(status: &str, rest: &str) -> Option<String> {
    Some(format!("HTTP/1.1 {status}\r\nConnection: close\r\n{rest}"))
}

async fn register(server: &Server, id: &str, check: serde_json::Value) {
    let body = json!({"Name": "asked", "ID": id, "Port": 1, "Check": check}).to_string();
    let answer = server.ask("PUT /v1/agent/service/register", &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// Waits until what the check of this entry says fits.
async fn until(server: &Server, id: &str, fits: impl Fn(Health, &str) -> bool) -> String {
    let mut changes = server.world.registry.changes();
    let wait = async {
        loop {
            if let Some(listed) = server.world.registry.by_id(id) {
                let state = &listed.checks[0];
                if fits(state.status, &state.output) {
                    return state.output.clone();
                }
            }
            // Another output alone is no change that is told, so it is looked for as well.
            let _ = tokio::time::timeout(Duration::from_millis(50), changes.recv()).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait)
        .await
        .unwrap()
}

#[tokio::test]
async fn answers_are_judged_as_consul_does() {
    let server = consul().await;
    for (n, (answer, health, said)) in [
        (
            http("200 OK", "Content-Length: 2\r\n\r\nhi"),
            Health::Passing,
            "200 OK\nhi",
        ),
        (
            http("204 No Content", "\r\n"),
            Health::Passing,
            "204 No Content",
        ),
        (
            http("429 Too Many Requests", "\r\n"),
            Health::Warning,
            "429",
        ),
        (http("404 Not Found", "\r\n"), Health::Critical, "404"),
        (
            http("500 Internal Server Error", "\r\nbroken"),
            Health::Critical,
            "broken",
        ),
        (
            http("200 OK", "Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
            Health::Critical,
            "no HTTP there",
        ),
        (Some("nonsense".into()), Health::Critical, "no HTTP there"),
        (None, Health::Critical, "did not answer within 500 ms"),
    ]
    .into_iter()
    .enumerate()
    {
        let one = somebody(answer).await;
        let id = format!("s{n}");
        let url = format!("http://{}/health?x=1", one.address);
        register(
            &server,
            &id,
            json!({"HTTP": url, "Interval": "1s", "Timeout": "500ms"}),
        )
        .await;
        let output = until(&server, &id, |is, output| {
            is == health && !output.is_empty()
        })
        .await;
        assert!(output.contains(said), "{output}");
    }
    // An answer without end is an answer all the same.
    let endless = "x".repeat(1 << 20);
    let one = somebody(http(
        "200 OK",
        &format!("Content-Length: 99999999\r\n\r\n{endless}"),
    ))
    .await;
    register(
        &server,
        "endless",
        json!({"HTTP": format!("http://{}/", one.address), "Interval": "1s"}),
    )
    .await;
    let output = until(&server, "endless", |is, _| is == Health::Passing).await;
    assert!(output.len() <= 4 << 10, "{}", output.len());
    let one = somebody(None).await;
    register(
        &server,
        "tcp",
        json!({"TCP": one.address.to_string(), "Interval": "1s"}),
    )
    .await;
    until(&server, "tcp", |is, _| is == Health::Passing).await;
}

#[tokio::test]
async fn a_datagram_that_is_refused_is_critical() {
    let server = consul().await;
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap().to_string();
    let check = json!({"UDP": address, "Interval": "1s"});
    register(&server, "udp", check).await;
    until(&server, "udp", |is, _| is == Health::Passing).await;
    drop(socket);
    let output = until(&server, "udp", |is, _| is == Health::Critical).await;
    assert!(output.contains(&address), "{output}");
}

#[tokio::test]
async fn an_alias_is_as_well_as_the_service_that_it_is_of() {
    let server = consul().await;
    register(&server, "like", json!({"AliasService": "db"})).await;
    let none = until(&server, "like", |_, output| !output.is_empty()).await;
    assert!(none.contains("no service \"db\""), "{none}");
    register(&server, "db", json!({"TTL": "1h", "Status": "passing"})).await;
    until(&server, "like", |is, _| is == Health::Passing).await;
    for (word, health) in [("warn", Health::Warning), ("fail", Health::Critical)] {
        let line = format!("PUT /v1/agent/check/{word}/service:db");
        assert_eq!(server.ask(&line, "").await.status, 200);
        until(&server, "like", |is, _| is == health).await;
    }
    let checks = server.ask("GET /v1/health/checks/asked", "").await.json();
    let kinds = checks.as_array().unwrap().iter();
    assert!(
        kinds.clone().any(|check| check["Type"] == "alias"),
        "{checks}"
    );
    let body = json!({"Name": "x", "ID": "x", "Check": {"AliasService": "x"}}).to_string();
    let itself = server.ask("PUT /v1/agent/service/register", &body).await;
    assert_eq!(itself.status, 400, "{itself:?}");
}

/// Each of them is as well as the other, and by that alone nothing is wrong with any.
#[tokio::test]
async fn aliases_in_a_circle_say_what_the_checks_say_that_they_come_to() {
    let server = consul().await;
    for (id, of) in [("a", "b"), ("b", "c"), ("c", "a")] {
        register(&server, id, json!({"AliasService": of})).await;
    }
    for id in ["a", "b", "c"] {
        until(&server, id, |is, _| is == Health::Passing).await;
    }
    // One that has a check of its own besides: what that says goes round, and goes away again.
    let checks =
        json!([{"AliasService": "b"}, {"TTL": "1h", "Status": "passing", "CheckID": "own"}]);
    let body = json!({"Name": "asked", "ID": "a", "Port": 1, "Checks": checks}).to_string();
    let answer = server.ask("PUT /v1/agent/service/register", &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    for (word, health) in [
        ("fail", Health::Critical),
        ("warn", Health::Warning),
        ("pass", Health::Passing),
        ("fail", Health::Critical),
        ("pass", Health::Passing),
    ] {
        let line = format!("PUT /v1/agent/check/{word}/own");
        assert_eq!(server.ask(&line, "").await.status, 200);
        for id in ["a", "b", "c"] {
            until(&server, id, |is, _| is == health).await;
        }
    }
    // It is of one that is not there, and so are the others by it.
    register(&server, "b", json!({"AliasService": "nowhere"})).await;
    for id in ["a", "c"] {
        until(&server, id, |is, _| is == Health::Critical).await;
    }
}

#[tokio::test]
async fn an_alias_has_no_more_to_say_than_an_id() {
    let server = consul().await;
    for (of, status) in [
        ("x".repeat(512), 200),
        ("x".repeat(513), 400),
        ("\u{7}".into(), 400),
    ] {
        let check = json!({"AliasService": of});
        let body = json!({"Name": "asked", "ID": "like", "Port": 1, "Check": check}).to_string();
        let answer = server.ask("PUT /v1/agent/service/register", &body).await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
    let output = until(&server, "like", |_, output| !output.is_empty()).await;
    assert!(output.len() < 600, "{}", output.len());
}

/// The engine lists instances of ours when it has found them; an alias of one is not critical for that.
#[tokio::test]
async fn an_alias_says_what_it_said_until_it_is_known_what_runs() {
    let server = consul_of(world().await).await;
    let registry = &server.world.registry;
    let alias = |of: &str, first: &str| json!({"AliasService": of, "Status": first});
    register(&server, "ours", alias("shop-1.zoo.0", "passing")).await;
    register(&server, "db", json!({"TTL": "1h", "Status": "passing"})).await;
    register(&server, "like", alias("db", "critical")).await;
    // That one is asked a second time, so ours was asked, too.
    until(&server, "like", |is, _| is == Health::Passing).await;
    let warn = server.ask("PUT /v1/agent/check/warn/service:db", "").await;
    assert_eq!(warn.status, 200);
    until(&server, "like", |is, _| is == Health::Warning).await;
    let ours = registry.by_id("ours").unwrap();
    let said = (ours.checks[0].status, &*ours.checks[0].output);
    assert_eq!(said, (Health::Passing, ""));
    // One that is there is looked at, and one that is not when all are.
    registry.upsert_own(&own("zoo.0", "zoo", "http://127.0.0.1:4000"));
    until(&server, "ours", |_, output| {
        output == "shop-1.zoo.0 is passing"
    })
    .await;
    registry.remove_own(&"shop-1".parse().unwrap(), &"zoo.0".parse().unwrap());
    registry.settled();
    until(&server, "ours", |is, _| is == Health::Critical).await;
}

/// Row 8 of the threats: a redirect is no way to somewhere else.
#[tokio::test]
async fn a_redirect_is_not_followed() {
    let server = consul().await;
    let secret = somebody(http("200 OK", "\r\nsecret")).await;
    for (n, place) in [
        format!("http://{}/", secret.address),
        "http://169.254.169.254/latest/meta-data/".into(),
    ]
    .iter()
    .enumerate()
    {
        let id = format!("s{n}");
        let one = somebody(http("302 Found", &format!("Location: {place}\r\n\r\n"))).await;
        register(
            &server,
            &id,
            json!({"HTTP": format!("http://{}/", one.address), "Interval": "1s"}),
        )
        .await;
        let output = until(&server, &id, |_, output| !output.is_empty()).await;
        assert!(
            output.contains("302 Found") && !output.contains("secret"),
            "{output}"
        );
        assert_eq!(
            server.world.registry.by_id(&id).unwrap().view.health,
            Health::Critical
        );
    }
    assert_eq!(secret.came.load(Ordering::SeqCst), 0);
}

/// What was fine when it was registered need not be when it is asked: a port may have become ours.
#[tokio::test]
async fn what_became_ours_is_not_asked_any_more() {
    let server = consul().await;
    let one = somebody(http("200 OK", "\r\n")).await;
    register(
        &server,
        "s",
        json!({"HTTP": format!("http://{}/", one.address), "Interval": "1s"}),
    )
    .await;
    until(&server, "s", |is, _| is == Health::Passing).await;
    server.world.registry.refuse_port(one.address.port());
    let output = until(&server, "s", |is, output| {
        is == Health::Critical && output.contains("not asked")
    })
    .await;
    assert!(output.contains("Azora's own"), "{output}");
    let before = one.came.load(Ordering::SeqCst);
    // What says so is asked for again with every question, so another second shows that nobody came.
    register(
        &server,
        "t",
        json!({"TCP": "127.0.0.1:1", "Interval": "1s"}),
    )
    .await;
    until(&server, "t", |_, output| {
        output.contains("failed to connect")
    })
    .await;
    assert_eq!(one.came.load(Ordering::SeqCst), before);
}

#[tokio::test]
async fn a_check_is_asked_one_question_at_a_time_and_lets_its_entry_go() {
    let server = consul().await;
    let hung = somebody(None).await;
    let url = format!("http://{}/", hung.address);
    let check = json!({"HTTP": url, "Interval": "1s", "Timeout": "5s"});
    register(&server, "hung", check).await;
    let gone =
        json!({"TCP": "127.0.0.1:1", "Interval": "1s", "DeregisterCriticalServiceAfter": "2s"});
    register(&server, "gone", gone).await;
    let wait = async {
        while server.world.registry.by_id("gone").is_some() {
            let _ = server.world.registry.changes().recv().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait)
        .await
        .unwrap();
    assert_eq!(hung.most_at_once.load(Ordering::SeqCst), 1);
    assert_eq!(hung.came.load(Ordering::SeqCst), 1);
    assert!(server.world.registry.by_id("hung").is_some());
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused_when_it_is_registered() {
    let server = consul().await;
    let to = |rest: &str| format!(r#"{{"HTTP":"http://127.0.0.1:1/","Interval":"1s"{rest}}}"#);
    for check in [
        to(r#","Method":"CONNECT""#),
        to(r#","Method":"G ET""#),
        to(r#","Header":{"Transfer-Encoding":["chunked"]}"#),
        to(r#","Header":{"connection":["x"]}"#),
        to(r#","Header":{"a b":["x"]}"#),
        to(r#","Header":{"a":["x\r\nb: c"]}"#),
        to(r#","Timeout":"2m""#),
        to(r#","FailuresBeforeCritical":2,"FailuresBeforeWarning":3"#),
        to(r#","SuccessBeforePassing":100000"#),
        to(&format!(r#","Body":"{}""#, "x".repeat(9_000))),
        r#"{"HTTP":"http://127.0.0.1:1/","Interval":"48h"}"#.into(),
        r#"{"TCP":"127.0.0.1","Interval":"1s"}"#.into(),
        r#"{"TCP":"127.0.0.1:80/x","Interval":"1s"}"#.into(),
        r#"{"TCP":"localhost:080","Interval":"1s"}"#.into(),
    ] {
        let body = format!(r#"{{"Name":"a","Check":{check}}}"#);
        let answer = server.ask("PUT /v1/agent/service/register", &body).await;
        assert_eq!(answer.status, 400, "{body}: {answer:?}");
    }
}

#[tokio::test]
async fn checks_of_the_registrys_own_api_are_looked_at_and_asked() {
    let server = crate::world::server().await;
    let registry = server.world.registry.clone();
    let mut changes = registry.changes();
    let mut task = JoinSet::new();
    task.spawn(registry::probe(registry.clone(), std::future::pending()));
    let own = format!(r#"{{"http":"http://{}/"}}"#, server.address);
    for check in [
        r#"{"http":"http://example.com/health"}"#,
        r#"{"tcp":"18900"}"#,
        r#"{"http":"health"}"#,
        r#"{"http":"/","tcp":"127.0.0.1:1"}"#,
        r#"{"http":"/","every":0}"#,
        &own,
    ] {
        let body = format!(r#"{{"name":"a","port":9,"check":{check}}}"#);
        let answer = server.ask("POST /register", &body).await;
        assert_eq!(answer.status, 400, "{body}: {answer:?}");
    }
    let good = somebody(http("200 OK", "Content-Length: 2\r\n\r\nhi")).await;
    let port = good.address.port();
    let body = format!(r#"{{"name":"good","port":{port},"check":{{"http":"/x","every":2}}}}"#);
    assert_eq!(server.ask("POST /register", &body).await.status, 201);
    let asked = async {
        while registry.list(Some("good"))[0].view.health != Health::Passing {
            changes.recv().await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(30), asked)
        .await
        .unwrap();
}

/// A gRPC server whose every answer is this status of health and of gRPC.
async fn grpc(serving: u8, status: &'static str) -> (SocketAddr, JoinSet<()>) {
    use http_body_util::{BodyExt, Full};
    use hyper_util::rt::{TokioExecutor, TokioIo};
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut task = JoinSet::new();
    task.spawn(async move {
        let mut all = JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let answer = move |request: hyper::Request<hyper::body::Incoming>| async move {
                assert_eq!(request.uri().path(), "/grpc.health.v1.Health/Check");
                let asked = request.into_body().collect().await?.to_bytes();
                assert_eq!(&asked[..], b"\0\0\0\0\x04\x0a\x02my");
                let mut trailers = hyper::HeaderMap::new();
                trailers.insert("grpc-status", status.parse().unwrap());
                let body = Full::<hyper::body::Bytes>::from(vec![0, 0, 0, 0, 2, 8, serving]);
                let body = body.with_trailers(async move { Some(Ok(trailers)) });
                Ok::<_, hyper::Error>(hyper::Response::new(body))
            };
            let serve = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), hyper::service::service_fn(answer));
            all.spawn(async move { drop(serve.await) });
        }
    });
    (address, task)
}

#[tokio::test]
async fn the_health_service_of_grpc_is_asked() {
    let server = consul().await;
    for (n, (serving, status, health, said)) in [
        (1, "0", Health::Passing, "serving"),
        (2, "0", Health::Critical, "not serving"),
        (1, "5", Health::Critical, "no such service"),
        (1, "12", Health::Critical, "no health service"),
    ]
    .into_iter()
    .enumerate()
    {
        let (address, _task) = grpc(serving, status).await;
        let id = format!("s{n}");
        let check = json!({"GRPC": format!("{address}/my"), "Interval": "1s"});
        register(&server, &id, check).await;
        let output = until(&server, &id, |is, output| {
            is == health && !output.is_empty()
        })
        .await;
        assert!(output.contains(said), "{output}");
    }
    let plain = somebody(http("200 OK", "\r\n")).await;
    register(
        &server,
        "plain",
        json!({"GRPC": plain.address.to_string(), "Interval": "1s"}),
    )
    .await;
    let output = until(&server, "plain", |_, output| !output.is_empty()).await;
    assert!(output.contains("no gRPC there"), "{output}");
}

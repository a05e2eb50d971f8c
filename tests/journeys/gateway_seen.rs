//! What people see of the gateway: its routes, what came through, and a request of their own.

use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;
use tests::{Azora, Folder, http, until};

const TWO: &str = r#"
[cluster]
name = "seen"

[service.web]
run = "organ --name web --port $PORT"
port = 0
replicas = 2
health = { http = "/health", every = "1s", timeout = "5s" }
"#;

/// `api`, and `web` that asks it through the gateway.
fn asking(port: u16) -> String {
    format!(
        r#"
[cluster]
name = "asking"

[service.api]
run = "organ --name api --port $PORT"
port = 0
health = {{ http = "/health", every = "1s", timeout = "5s" }}

[service.web]
run = "puppet serve web $PORT needs http:api.asking.localhost:{port} shallow yes"
port = 0
health = {{ http = "/health", every = "1s", timeout = "5s" }}
"#
    )
}

#[test]
fn it_is_seen_which_service_asks_which_and_what_comes_from_outside() {
    let (azora, folder) = (Azora::new(), Folder::with(TWO));
    let at = folder.path();
    azora.up(at);
    let gateway = azora.gateway().expect("it has a gateway");
    azora.ok(at, &["down"]);
    folder.define(&asking(gateway));
    azora.up(at);
    let host = "api.asking.localhost";
    let edges = || {
        let (_, message) = call(&azora, "gateway", &json!({ "requests": 1_000 }));
        let edges = message["edges"].as_array().cloned()?;
        Some((edges, message["requests"].as_array().cloned()?))
    };
    let total = |edge: &Value| edge["traffic"]["total"].as_u64();
    let before = until("web to be seen asking", || {
        let (edges, _) = edges()?;
        edges.into_iter().find(|edge| total(edge) > Some(2))
    });
    assert_eq!(
        (&before["caller"], &before["host"]),
        (&json!("web"), &json!(host))
    );
    // Ours are asked from no service.
    for _ in 0..50 {
        let answer = http::get_of(gateway, host, "/health").expect("an answer");
        assert_eq!(answer.code, 200);
    }
    let (edges, requests) = edges().expect("it is told");
    assert_eq!(edges.len(), 1, "{edges:#?}");
    let of = |caller: Value| requests.iter().filter(move |one| one["caller"] == caller);
    assert!(of(Value::Null).count() >= 50, "{requests:#?}");
    // They are known to be nobody's, or were answered before that could be known.
    let whence = |one: &Value| matches!(one["whence"].as_str(), Some("outside" | "unknown"));
    assert!(of(Value::Null).all(whence), "{requests:#?}");
    assert!(
        of(json!("web")).all(|one| one["whence"] == "service"),
        "{requests:#?}"
    );
    let asked = of(json!("web")).count() as u64;
    // It goes on asking while this looks.
    assert!(asked <= total(&edges[0]).unwrap_or(0), "{edges:#?}");
    assert!(edges[0]["traffic"]["p50_ms"].is_number(), "{edges:#?}");
}

/// A call as the window makes it: the status, and what came with it.
fn call(azora: &Azora, name: &str, request: &Value) -> (u16, Value) {
    let port = azora.api_port();
    let token = std::fs::read_to_string(azora.home().path().join("token")).expect("a token");
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    let patience = Some(Duration::from_secs(60));
    stream.set_read_timeout(patience).expect("a socket");
    let (token, body) = (token.trim(), request.to_string());
    let length = body.len();
    let head = format!(
        "POST /api/call/{name} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\
         Authorization: Bearer {token}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(head.as_bytes()).expect("it is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let code = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    let value = serde_json::from_str(body).unwrap_or(Value::Null);
    (code.expect("a status"), value)
}

fn acts(azora: &Azora) -> Vec<Value> {
    let (_, acts) = call(azora, "acts", &json!({ "limit": 50 }));
    let acts = acts.as_array().cloned().unwrap_or_default();
    acts.into_iter()
        .filter(|act| act["verb"] == "request")
        .collect()
}

#[test]
fn routes_requests_and_a_request_of_ones_own_are_seen() {
    let (azora, folder) = (Azora::new(), Folder::with(TWO));
    let at = folder.path();
    azora.up(at);
    let gateway = azora.gateway().expect("it has a gateway");
    let host = "web.seen.localhost";
    until("the gateway to lead there", || {
        let answer = http::get_of(gateway, host, "/health?token=hidden")?;
        (answer.code == 200).then_some(())
    });

    // Both instances serve, and the request is counted and listed, without its query.
    let route = until("the route to be listed", || {
        let view = azora.json(at, &["gateway"]);
        let routes = view["routes"].as_array()?.clone();
        routes
            .into_iter()
            .find(|one| one["host"] == host && one["traffic"]["total"].as_u64() > Some(0))
    });
    assert_eq!(route["prefix"], "/seen/web");
    let states: Vec<&Value> = route["backends"]
        .as_array()
        .expect("instances")
        .iter()
        .map(|one| &one["state"])
        .collect();
    assert_eq!(states, ["serving", "serving"]);
    let table = azora.ok(at, &["gateway"]);
    assert!(table.contains(host) && table.contains("2 of 2"), "{table}");
    let log = azora.ok(at, &["gateway", "log"]);
    assert!(log.contains("GET web.seen.localhost/health"), "{log}");
    assert!(!log.contains("hidden"), "{log}");
    // Whichever way it was asked for, it belongs to its route.
    http::get(gateway, "/seen/web/work").expect("an answer");
    let of_route = until("the request by path to be listed", || {
        let log = azora.json(at, &["gateway", "log", "--route", host]);
        let paths = log.as_array()?.iter().map(|one| one["path"].clone());
        let paths: Vec<Value> = paths.collect();
        (paths.len() >= 2).then_some(paths)
    });
    assert!(of_route.contains(&json!("/health")), "{of_route:?}");

    // What only reads is not written down.
    let request = json!({ "host": host, "method": "GET", "path": "/health" });
    let (code, tried) = call(&azora, "gateway_try", &request);
    assert_eq!((code, &tried["status"]), (200, &json!(200)), "{tried}");
    assert!(
        tried["body"]
            .as_str()
            .is_some_and(|body| body.contains("pid"))
    );
    assert_eq!(acts(&azora), Vec::<Value>::new());

    // What may change something is, with what was answered.
    let request = json!({ "host": host, "method": "POST", "path": "/health?of=mira", "body": "x" });
    let (code, tried) = call(&azora, "gateway_try", &request);
    assert_eq!(code, 200, "{tried}");
    let acts = acts(&azora);
    assert_eq!(acts.len(), 1, "{acts:#?}");
    assert_eq!(acts[0]["target"]["services"], json!(["web"]));
    let reason = acts[0]["reason"].as_str().unwrap_or_default();
    assert_eq!(reason, "POST web.seen.localhost/health");
    let answered = format!("answered {}", tried["status"]);
    assert_eq!(acts[0]["outcome"]["detail"], json!(answered));

    // It goes to routes, and nowhere else.
    for other in ["example.org", "127.0.0.1", "gone.seen.localhost"] {
        let request = json!({ "host": other, "method": "GET", "path": "/" });
        let (code, said) = call(&azora, "gateway_try", &request);
        assert_eq!(code, 409, "{said}");
        assert!(
            said["message"]
                .as_str()
                .is_some_and(|text| text.contains("no route"))
        );
    }

    // A route without an instance that serves says why, for people and for programs.
    azora.ok(at, &["stop", "web"]);
    let table = until("the route to say why nobody serves", || {
        let table = azora.ok(at, &["gateway"]);
        table.contains("0 of").then_some(table)
    });
    assert!(table.contains("stopped"), "{table}");
}

//! What the registry says of its interface, held against what it does: every answer of every test here.

use crate::world::{Answer, own, server};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::LazyLock;

static SAID: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../openapi.json")).unwrap());

/// The document's own shapes, by name.
fn shape(name: &str) -> jsonschema::Validator {
    schema(&json!({ "$ref": format!("#/components/schemas/{name}") }))
}

fn schema(part: &Value) -> jsonschema::Validator {
    let mut whole = part.clone();
    whole["components"] = SAID["components"].clone();
    jsonschema::validator_for(&whole).unwrap()
}

/// The path of the document that this one is.
fn described(path: &str) -> Option<&'static str> {
    let parts = |path: &str| path.split('/').map(str::to_owned).collect::<Vec<_>>();
    let asked = parts(path);
    let all = SAID["paths"].as_object().unwrap().keys();
    let fits = |said: &&String| {
        let said = parts(said);
        let one = |(said, asked): (&String, &String)| {
            said == asked || said.starts_with('{') && !asked.is_empty()
        };
        said.len() == asked.len() && said.iter().zip(&asked).all(one)
    };
    all.map(String::as_str)
        .find(|said| fits(&&(*said).to_owned()))
}

/// An answer that the document does not describe is a fault of one of both.
pub(crate) fn holds(line: &str, answer: &Answer) {
    let (method, target) = line.split_once(' ').unwrap();
    let path = target.split('?').next().unwrap();
    // What is no HTTP is answered before anything of ours sees it; who hangs up gets nothing.
    if answer.status == 0 || answer.status == 400 && answer.body.is_empty() {
        return;
    }
    let Some(said) = described(path) else {
        // A name in the target is refused whatever the path is.
        assert!(
            matches!(answer.status, 403 | 404) || !path.starts_with('/'),
            "{line}: {answer:?}"
        );
        return;
    };
    let said = &SAID["paths"][said];
    let operation = &said[method.to_lowercase()];
    if operation.is_null() {
        assert!(
            matches!(answer.status, 400 | 403 | 405),
            "{line}: {answer:?}"
        );
        return;
    }
    let response = &operation["responses"][answer.status.to_string()];
    assert!(
        response.is_object(),
        "{line} answers {} and does not say so",
        answer.status
    );
    let kind = answer
        .head
        .lines()
        .find_map(|line| line.strip_prefix("content-type: "));
    let content = &response["content"][kind.unwrap()];
    assert!(
        content.is_object(),
        "{line} answers as {kind:?} and does not say so"
    );
    for header in response["headers"].as_object().into_iter().flatten() {
        let name = format!("\n{}: ", header.0.to_lowercase());
        assert!(answer.head.contains(&name), "{line}: no{name}");
    }
    if kind == Some("application/json") {
        let wrong: Vec<_> = schema(&content["schema"])
            .iter_errors(&answer.json())
            .map(|e| e.to_string())
            .collect();
        assert!(wrong.is_empty(), "{line}: {wrong:?}: {}", answer.body);
    }
}

/// A server-sent event is of the shape that is said of its kind.
pub(crate) fn event_holds(kind: &str, data: &str) {
    let name = match kind {
        "snapshot" => "Snapshot",
        "put" => "Entry",
        "removed" => "Key",
        "withheld" => "Withheld",
        "lost" => "Error",
        other => panic!("nothing is said of {other}"),
    };
    let data: Value = serde_json::from_str(data).unwrap();
    let wrong: Vec<_> = shape(name)
        .iter_errors(&data)
        .map(|e| e.to_string())
        .collect();
    assert!(wrong.is_empty(), "{kind}: {wrong:?}: {data}");
}

#[tokio::test]
async fn it_is_served_as_it_is_and_every_operation_does_what_it_says() {
    let server = server().await;
    let served = server.ask("GET /openapi.json", "").await;
    assert_eq!(served.json(), *SAID);
    assert_eq!(SAID["openapi"], "3.1.0");
    let registry = &server.world.registry;
    registry.upsert_own(&own("api.0", "api", "http://127.0.0.1:4000"));
    let full = r#"{"name":"mail","port":4001,"address":"127.0.0.1","id":"a","ttl":60,"tags":["blue"],
        "version":"1.2","category":"infrastructure","meta":{"k":"v"},
        "check":{"http":"/health","every":5,"timeout":2,"deregister_after":30}}"#;
    let probed =
        r#"{"name":"probed","url":"http://127.0.0.1:4002","check":{"tcp":"127.0.0.1:4002"}}"#;
    let host = format!("Host: {}", server.host());
    let mut done = BTreeSet::new();
    for (line, body, status) in [
        ("POST /register", full, 201),
        ("POST /register", full, 200),
        ("POST /register", probed, 201),
        ("POST /register", r#"{"name":"forbidden","port":1}"#, 403),
        ("POST /register", r#"{"name":"api","port":1}"#, 409),
        ("POST /register", r#"{"name":"mail"}"#, 400),
        ("GET /services", "", 200),
        ("GET /services?tag=blue&healthy=true", "", 200),
        ("GET /services?color=blue", "", 400),
        ("GET /services/mail", "", 200),
        ("GET /services/mail?tag=green", "", 200),
        ("GET /services/mail?index=0&wait=1ms", "", 200),
        ("GET /services/mail?index=x", "", 400),
        ("GET /services/nobody", "", 404),
        ("GET /watch?tag=blue", "", 400),
        ("PUT /services/mail/a/heartbeat", "", 200),
        ("PUT /services/mail/b/heartbeat", "", 404),
        ("DELETE /services/api", "", 409),
        ("DELETE /services/mail/b", "", 404),
        ("DELETE /services/mail/a", "", 200),
        ("DELETE /services/probed", "", 200),
        ("DELETE /services/probed", "", 404),
        ("GET /healthz", "", 200),
        ("PUT /register", "", 405),
    ] {
        let answer = server.ask(line, body).await;
        assert_eq!(answer.status, status, "{line} {body}: {answer:?}");
        let (method, path) = line.split_once(' ').unwrap();
        let said = described(path.split('?').next().unwrap()).unwrap();
        done.insert((said, method.to_lowercase()));
    }
    let text = server
        .send("POST /register", &[&host, "Content-Type: text/plain"], full)
        .await;
    assert_eq!(text.status, 415);
    // All that is said was tried; the stream has tests of its own.
    for (path, operations) in SAID["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            let tried = done.contains(&(path.as_str(), method.clone()));
            let elsewhere =
                matches!(path.as_str(), "/watch" | "/openapi.json") || method == "parameters";
            assert!(tried || elsewhere, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn what_it_says_can_be_registered_can_be() {
    let server = server().await;
    let said = shape("Registration");
    let base = json!({ "name": "mail", "url": "http://127.0.0.1:4000" });
    let with = |key: &str, value: Value| {
        let mut body = base.clone();
        body[key] = value;
        body
    };
    let check = |check: Value| with("check", check);
    for (body, fits) in [
        (base.clone(), true),
        (with("ttl", json!(5)), true),
        (with("ttl", json!(4)), false),
        (with("ttl", json!(86_401)), false),
        (with("name", json!("A")), false),
        (with("name", json!("-a")), false),
        (with("id", json!("a b")), false),
        (with("id", json!("a.b_c-1")), true),
        (with("port", json!(4_000)), false),
        (json!({ "name": "mail", "port": 4_000 }), true),
        (json!({ "name": "mail", "port": 0 }), false),
        (json!({ "name": "mail" }), false),
        (with("tags", json!(["a", "b"])), true),
        (with("tags", json!([""])), false),
        (with("tags", json!("a")), false),
        (with("version", json!("")), false),
        (with("category", json!("x".repeat(65))), false),
        (with("unknown", json!([1])), false),
        (check(json!({ "http": "/health" })), true),
        (check(json!({ "tcp": "127.0.0.1:4000", "every": 1 })), true),
        (check(json!({ "http": "/", "evry": 1 })), false),
        (check(json!({})), false),
        (check(json!({ "http": "/", "tcp": "127.0.0.1:1" })), false),
        (check(json!({ "http": "/", "every": 0 })), false),
        (check(json!({ "http": "/", "timeout": 61 })), false),
        (check(json!({ "http": "/", "deregister_after": 0 })), false),
    ] {
        assert_eq!(said.is_valid(&body), fits, "as it is said: {body}");
        let answer = server.ask("POST /register", &body.to_string()).await;
        assert_eq!(
            matches!(answer.status, 200 | 201),
            fits,
            "{body}: {answer:?}"
        );
    }
}

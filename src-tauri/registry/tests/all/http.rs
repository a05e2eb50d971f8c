//! The registry over HTTP: what ordinary programs get, and what everybody else gets.

use crate::hosts::wrong_hosts;
use crate::world::{Server, own, server};
use serde_json::json;

/// Every route, with a body that would change something.
const ROUTES: [(&str, &str); 9] = [
    ("GET /healthz", ""),
    ("GET /services", ""),
    ("GET /services/mail", ""),
    (
        "POST /register",
        r#"{"name":"evil","url":"http://127.0.0.1:6666"}"#,
    ),
    ("DELETE /services/mail", ""),
    ("DELETE /services/mail/a", ""),
    ("PUT /services/mail/a/heartbeat", ""),
    ("GET /nothing-here", ""),
    ("PATCH /register", ""),
];

/// Sends it to every route, and nothing may come of it.
async fn refused_everywhere(server: &Server, target: impl Fn(&str) -> String, headers: &[&str]) {
    let registry = &server.world.registry;
    let wish = registry::Registration::new("mail", "http://127.0.0.1:4000");
    registry
        .register(registry::Registration {
            id: "a".into(),
            ..wish
        })
        .await
        .unwrap();
    let before = registry.list(None);
    let asked = server.world.notes.asked.lock().unwrap().len();
    for (route, body) in ROUTES {
        let (method, path) = route.split_once(' ').unwrap();
        let line = format!("{method} {}", target(path));
        let answer = server.send(&line, headers, body).await;
        assert!(
            matches!(answer.status, 400 | 403),
            "{line} {headers:?}: {answer:?}"
        );
        assert!(
            !answer.body.contains("127.0.0.1:4000"),
            "{line} {headers:?}: {answer:?}"
        );
    }
    assert_eq!(registry.list(None), before, "{headers:?}");
    assert_eq!(
        server.world.notes.asked.lock().unwrap().len(),
        asked,
        "{headers:?}"
    );
}

#[tokio::test]
async fn only_our_own_host_is_served_on_any_route() {
    let server = server().await;
    let port = server.address.port();
    for host in ["127.0.0.1", "localhost", "[::1]"] {
        let header = format!("Host: {host}:{port}");
        assert_eq!(
            server.send("GET /services", &[&header], "").await.status,
            200,
            "{host}"
        );
    }
    let hosts = wrong_hosts(port);
    assert_eq!(hosts.len(), 40);
    for host in hosts {
        refused_everywhere(&server, str::to_owned, &[&format!("Host: {host}")]).await;
    }
    refused_everywhere(&server, str::to_owned, &[]).await;
    let ours = format!("Host: 127.0.0.1:{port}");
    refused_everywhere(&server, str::to_owned, &[&ours, &ours]).await;
    refused_everywhere(&server, str::to_owned, &[&ours, "Host: evil.com"]).await;
    refused_everywhere(&server, str::to_owned, &["Host: evil.com", &ours]).await;
    // The target names another host than the header.
    refused_everywhere(&server, |path| format!("http://evil.com{path}"), &[&ours]).await;
    refused_everywhere(
        &server,
        |path| format!("http://evil.com:{port}{path}"),
        &[&ours],
    )
    .await;
}

#[tokio::test]
async fn web_pages_are_refused_on_every_route() {
    let server = server().await;
    let host = format!("Host: {}", server.host());
    for page in [
        "Origin: http://evil.com",
        "Origin: null",
        "Origin: ",
        "Referer: http://evil.com/page",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-site",
        "Sec-Fetch-Site: same-origin",
        "sec-fetch-site: CROSS-SITE",
    ] {
        refused_everywhere(&server, str::to_owned, &[&host, page]).await;
    }
    refused_everywhere(
        &server,
        str::to_owned,
        &[&host, &format!("Origin: http://{}", server.host())],
    )
    .await;
    // A person who types the address may look.
    let typed = server
        .send("GET /services", &[&host, "Sec-Fetch-Site: none"], "")
        .await;
    assert_eq!(typed.status, 200);
}

#[tokio::test]
async fn an_ordinary_program_registers_is_found_beats_and_leaves() {
    let server = server().await;
    let new = server
        .ask(
            "POST /register",
            r#"{"name":"mail","url":"http://127.0.0.1:4000"}"#,
        )
        .await;
    assert_eq!(new.status, 201, "{new:?}");
    let entry = new.json();
    let id = entry["id"].as_str().unwrap().to_owned();
    assert_eq!(
        entry,
        json!({
            "name": "mail", "id": id, "url": "http://127.0.0.1:4000", "kept_by": "lease",
            "cluster": null, "cluster_name": null, "instance": null, "tags": [], "version": null,
            "category": null, "health": "passing", "health_why": null, "since": 1_000_000,
            "expires": 1_030_000, "meta": {}, "checks": [], "index": entry["index"],
        })
    );
    assert!(entry["index"].as_u64().unwrap() > 0);
    let again = server
        .ask(
            "POST /register",
            r#"{"name":"mail","url":"http://127.0.0.1:4000"}"#,
        )
        .await;
    assert_eq!((again.status, again.json()), (200, entry.clone()));
    assert_eq!(server.ask("GET /services", "").await.json(), json!([entry]));
    assert_eq!(
        server.ask("GET /services/mail", "").await.json(),
        json!([entry])
    );
    let beat = server
        .ask(&format!("PUT /services/mail/{id}/heartbeat"), "")
        .await;
    assert_eq!((beat.status, beat.json()), (200, entry));
    let left = server.ask(&format!("DELETE /services/mail/{id}"), "").await;
    assert_eq!((left.status, left.json()), (200, json!({ "removed": 1 })));
    assert_eq!(server.ask("GET /services", "").await.json(), json!([]));
    for line in [
        "GET /services/mail",
        "DELETE /services/mail",
        "PUT /services/mail/x/heartbeat",
    ] {
        let answer = server.ask(line, "").await;
        assert_eq!(answer.status, 404, "{line}");
        assert!(answer.json()["help"].is_string());
    }
    assert_eq!(
        server.ask("GET /healthz", "").await.json(),
        json!({ "ok": true })
    );
}

/// A service that is down is not something to be registered.
#[tokio::test]
async fn a_name_of_a_cluster_that_serves_nothing_is_told_as_one() {
    let server = server().await;
    let (cluster, name) = ("shop-1".parse().unwrap(), "api".parse().unwrap());
    server.world.registry.claim(&cluster, [name]);
    let answer = server.ask("GET /services/api", "").await;
    assert_eq!(answer.status, 404);
    assert!(
        answer.body.contains("a service of cluster shop-1"),
        "{answer:?}"
    );
    let never = server.ask("GET /services/never", "").await;
    assert!(!never.body.contains("Register it again"), "{never:?}");
    let hour = server.ask("GET /services/api?wait=1h&index=0", "").await;
    assert_eq!(hour.status, 404, "{hour:?}");
}

/// Who sends traffic is told why it has nowhere to go, and nobody takes the name meanwhile.
#[tokio::test]
async fn a_name_with_an_open_circuit_is_unavailable_and_not_unknown() {
    let server = server().await;
    let registry = &server.world.registry;
    let (cluster, name) = ("shop-1".parse().unwrap(), "api".parse().unwrap());
    let [one, two] = ["api.0", "api.1"].map(|id| id.parse().unwrap());
    registry.upsert_own(&own("api.0", "api", "http://127.0.0.1:4000"));
    registry.upsert_own(&own("api.1", "api", "http://127.0.0.1:4001"));
    let why = "its circuit is open: exited with code 1";
    registry.withhold_own(&cluster, &one, &name, why);
    let listed = server.ask("GET /services/api", "").await.json();
    assert_eq!(listed.as_array().unwrap().len(), 1, "the other one serves");
    registry.withhold_own(&cluster, &two, &name, why);
    let answer = server.ask("GET /services/api", "").await;
    assert_eq!(answer.status, 503);
    assert!(answer.body.contains(why), "{answer:?}");
    assert_eq!(server.ask("GET /services", "").await.json(), json!([]));
    let taken = r#"{"name":"api","url":"http://127.0.0.1:6666"}"#;
    assert_eq!(server.ask("POST /register", taken).await.status, 409);
    registry.upsert_own(&own("api.0", "api", "http://127.0.0.1:4000"));
    registry.remove_own(&cluster, &two);
    assert_eq!(server.ask("GET /services/api", "").await.status, 200);
    registry.remove_own(&cluster, &one);
    assert_eq!(server.ask("GET /services/api", "").await.status, 404);
}

#[tokio::test]
async fn instances_of_a_cluster_are_listed_and_not_for_clients_to_change() {
    let server = server().await;
    let registry = &server.world.registry;
    let (cluster, instance) = ("shop-1".parse().unwrap(), "api.0".parse().unwrap());
    registry.upsert_own(&own("api.0", "api", "http://127.0.0.1:4000"));
    for (line, body) in [
        (
            "POST /register",
            r#"{"name":"api","url":"http://127.0.0.1:6666"}"#,
        ),
        (
            "POST /register",
            r#"{"name":"api","id":"shop-1.api.0","url":"http://127.0.0.1:6666"}"#,
        ),
        ("DELETE /services/api", ""),
        ("DELETE /services/api/shop-1.api.0", ""),
    ] {
        assert_eq!(server.ask(line, body).await.status, 409, "{line} {body}");
    }
    assert_eq!(
        server.ask("GET /services/api", "").await.json()[0]["kept_by"],
        "own"
    );
    registry.remove_own(&cluster, &instance);
    assert_eq!(server.ask("GET /services/api", "").await.status, 404);
}

#[tokio::test]
async fn wrong_paths_and_methods_are_told_in_json() {
    let server = server().await;
    for (line, status) in [
        ("GET /", 404),
        ("GET /services/", 404),
        ("POST /services", 405),
        ("DELETE /services", 405),
        ("GET /register", 405),
        ("GET /services/mail/a", 405),
        ("OPTIONS /register", 405),
        ("TRACE /services", 405),
        ("GET /services/%ff", 400),
    ] {
        let answer = server.ask(line, "").await;
        assert_eq!(answer.status, status, "{line}: {answer:?}");
        assert!(answer.json()["error"].is_string(), "{line}: {answer:?}");
    }
}

#[tokio::test]
async fn the_registrys_own_port_and_other_control_ports_cannot_be_registered() {
    let server = server().await;
    server.world.registry.refuse_port(7_777);
    for port in [server.address.port(), 7_777] {
        for host in ["127.0.0.1", "localhost", "[::1]", "127.0.0.2"] {
            let body = format!(r#"{{"name":"loop","url":"http://{host}:{port}/"}}"#);
            let answer = server.ask("POST /register", &body).await;
            assert_eq!(answer.status, 400, "{body}");
            assert!(answer.body.contains("Azora's own"), "{answer:?}");
        }
    }
}

/// Needs root, to be somebody else for a moment.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn another_users_program_is_refused() {
    use std::io::{Read, Write};
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let server = server().await;
    let (address, host) = (server.address, server.host());
    let ask = move |uid: u32| {
        // Only this thread changes its user; it ends right after.
        let thread = std::thread::spawn(move || {
            let uid = rustix::process::Uid::from_raw(uid);
            rustix::thread::set_thread_res_uid(uid, uid, uid).unwrap();
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            let text =
                format!("GET /services HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
            stream.write_all(text.as_bytes()).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        });
        async {
            tokio::task::spawn_blocking(move || thread.join().unwrap())
                .await
                .unwrap()
        }
    };
    let refused = ask.clone()(65_534).await;
    assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");
    assert!(
        refused.contains("programs of user 65534 are not served"),
        "{refused}"
    );
    assert!(ask(0).await.starts_with("HTTP/1.1 200"));
}

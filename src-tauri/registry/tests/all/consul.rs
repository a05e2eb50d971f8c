//! Consul's API byte by byte: who is served, what is refused, and the traps that break clients. Whole
//! stories with real clients are in `tests/journeys/consul.rs`.

use crate::hosts::wrong_hosts;
use crate::target::refused_urls;
use crate::world::{Answer, Server, consul, own};
use registry::consul::ROUTES;
use serde_json::{Value, json};
use std::time::Duration;

async fn register(server: &Server, body: &Value) -> Answer {
    let line = "PUT /v1/agent/service/register";
    server.ask(line, &body.to_string()).await
}

async fn status_of(server: &Server, name: &str) -> Vec<String> {
    let checks = server
        .ask(&format!("GET /v1/health/checks/{name}"), "")
        .await
        .json();
    let all = checks.as_array().unwrap().iter();
    all.map(|check| check["Status"].as_str().unwrap().to_owned())
        .collect()
}

/// Sends it to every route, and nothing may come of it.
async fn refused_everywhere(server: &Server, target: impl Fn(&str) -> String, headers: &[&str]) {
    let before = (
        server.world.registry.list(None),
        server.world.registry.index(),
    );
    for (method, path) in ROUTES {
        let path = match path.ends_with('/') {
            true => format!("/v1/{path}secret"),
            false => format!("/v1/{path}"),
        };
        let body =
            r#"{"Name":"evil","ID":"evil","Node":"x","ServiceID":"secret","Status":"critical"}"#;
        let line = format!("{} {}", method.name(), target(&path));
        let answer = server.send(&line, headers, body).await;
        assert!(
            matches!(answer.status, 400 | 403),
            "{line} {headers:?}: {answer:?}"
        );
        assert!(
            !answer.body.contains("secret"),
            "{line} {headers:?}: {answer:?}"
        );
    }
    let after = (
        server.world.registry.list(None),
        server.world.registry.index(),
    );
    assert_eq!(after, before, "{headers:?}");
}

#[tokio::test]
async fn only_our_own_host_and_no_page_is_served_on_any_route() {
    let server = consul().await;
    register(&server, &json!({"Name": "secret", "Check": {"TTL": "1h"}})).await;
    server.ask("PUT /v1/kv/secret", "secret").await;
    let port = server.address.port();
    for host in wrong_hosts(port) {
        refused_everywhere(&server, str::to_owned, &[&format!("Host: {host}")]).await;
    }
    let ours = format!("Host: 127.0.0.1:{port}");
    refused_everywhere(&server, str::to_owned, &[]).await;
    refused_everywhere(&server, str::to_owned, &[&ours, "Host: evil.com"]).await;
    refused_everywhere(&server, |path| format!("http://evil.com{path}"), &[&ours]).await;
    for page in [
        "Origin: http://evil.com",
        "Origin: null",
        "Referer: http://evil.com/page",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-origin",
    ] {
        refused_everywhere(&server, str::to_owned, &[&ours, page]).await;
    }
    assert_eq!(server.ask("GET /v1/kv/secret?raw", "").await.body, "secret");
}

#[tokio::test]
async fn no_address_that_leads_elsewhere_is_registered() {
    let server = consul().await;
    let own_port = server.address.port();
    let mut urls = refused_urls();
    assert!(urls.len() >= 100);
    urls.push(format!("http://127.0.0.1:{own_port}/v1/agent/self"));
    urls.push(format!("http://localhost:{own_port}/"));
    urls.push("https://127.0.0.1/".into());
    for url in &urls {
        let check = json!({"HTTP": url, "Interval": "10s"});
        let answer = register(&server, &json!({"Name": "x", "Port": 1, "Check": check})).await;
        assert_eq!(answer.status, 400, "{url:?}: {answer:?}");
    }
    for url in &urls {
        let Some(rest) = url.strip_prefix("http://") else {
            continue;
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap();
        // What is wrong with some is only behind the authority.
        if let Ok(address) = registry::target::check(&format!("http://{authority}"), &[])
            && address.port() != own_port
        {
            continue;
        }
        for check in [
            json!({"TCP": authority, "Interval": "10s"}),
            json!({"GRPC": format!("{authority}/service"), "Interval": "10s"}),
        ] {
            let answer = register(&server, &json!({"Name": "x", "Port": 1, "Check": check})).await;
            assert_eq!(answer.status, 400, "{check}: {answer:?}");
        }
        let host = authority
            .rsplit_once(':')
            .map_or(authority, |(host, _)| host);
        if registry::target::check(&format!("http://{host}"), &[]).is_ok() {
            continue;
        }
        for body in [
            json!({"Name": "x", "Address": host, "Port": 80}),
            json!({"Name": "x", "Address": host}),
            json!({"Name": "x", "TaggedAddresses": {"wan": {"Address": host, "Port": 80}}}),
        ] {
            let answer = register(&server, &body).await;
            // Nothing at all is this machine.
            assert_eq!(answer.status == 200, host.is_empty(), "{body}: {answer:?}");
            server.world.registry.deregister("x", None).await.ok();
        }
    }
    assert_eq!(server.world.registry.list(None), []);
}

#[tokio::test]
async fn what_the_engine_keeps_is_told_and_no_client_changes_it() {
    let server = consul().await;
    server
        .world
        .registry
        .upsert_own(&own("api.0", "api", "http://127.0.0.1:4000"));
    let health = server
        .ask("GET /v1/health/service/api?passing=1", "")
        .await
        .json();
    let service = &health[0]["Service"];
    assert_eq!(service["ID"], "shop-1.api.0");
    assert_eq!(
        (&service["Address"], &service["Port"]),
        (&json!("127.0.0.1"), &json!(4000))
    );
    assert_eq!(service["Tags"], json!(["services", "cluster=shop"]));
    assert_eq!(service["Meta"]["instance"], "api.0");
    assert_eq!(health[0]["Checks"][0]["Status"], "passing");
    let tagged = server
        .ask("GET /v1/health/service/api?tag=CLUSTER=shop", "")
        .await
        .json();
    assert_eq!(tagged.as_array().unwrap().len(), 1);
    for (line, body) in [
        ("PUT /v1/agent/service/deregister/shop-1.api.0", ""),
        (
            "PUT /v1/agent/service/maintenance/shop-1.api.0?enable=true",
            "",
        ),
        (
            "PUT /v1/agent/service/register",
            r#"{"Name":"api","ID":"mine","Port":4001}"#,
        ),
        (
            "PUT /v1/agent/service/register",
            r#"{"Name":"other","ID":"shop-1.api.0","Port":4001}"#,
        ),
        (
            "PUT /v1/agent/check/register",
            r#"{"Name":"c","ServiceID":"shop-1.api.0","TTL":"1s"}"#,
        ),
    ] {
        let answer = server.ask(line, body).await;
        assert_eq!(answer.status, 409, "{line}: {answer:?}");
        assert!(answer.body.contains("cluster shop-1"), "{answer:?}");
    }
    let fail = server
        .ask("PUT /v1/agent/check/fail/azora:shop-1.api.0", "")
        .await;
    assert_eq!(fail.status, 404);
    assert_eq!(server.world.registry.list(None).len(), 1);
}

#[tokio::test]
async fn every_list_has_an_index_above_zero_and_success_is_two_hundred() {
    let server = consul().await;
    let node = server.ask("GET /v1/agent/self", "").await.json()["Config"]["NodeName"].clone();
    let node = node.as_str().unwrap();
    for path in [
        "catalog/services",
        "catalog/service/nobody",
        "catalog/nodes",
        &format!("catalog/node/{node}"),
        "health/service/nobody",
        "health/checks/nobody",
        &format!("health/node/{node}"),
        "health/state/any",
    ] {
        let answer = server.ask(&format!("GET /v1/{path}"), "").await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        assert!(answer.consul_index() > 0, "{path}: {answer:?}");
        let head = answer.head.to_ascii_lowercase();
        assert!(head.contains("x-consul-knownleader: true"), "{head}");
        assert!(head.contains("x-consul-lastcontact: 0"), "{head}");
    }
    assert_eq!(
        server.ask("GET /v1/health/service/nobody", "").await.json(),
        json!([])
    );
    let missing = server.ask("GET /v1/kv/nothing", "").await;
    assert_eq!((missing.status, missing.consul_index() > 0), (404, true));
    assert_eq!(
        register(&server, &json!({"name": "a", "port": 1}))
            .await
            .status,
        200
    );
    assert_eq!(server.ask("PUT /v1/kv/a", "1").await.body, "true");
    let gone = server.ask("PUT /v1/agent/service/deregister/a", "").await;
    assert_eq!((gone.status, gone.body.as_str()), (200, ""));
}

#[tokio::test]
async fn a_blocked_reader_is_woken_by_its_name_and_not_by_another() {
    let server = consul().await;
    let seen = register(&server, &json!({"Name": "a", "ID": "a1", "Port": 1})).await;
    assert_eq!(seen.status, 200);
    let index = server
        .ask("GET /v1/health/service/a", "")
        .await
        .consul_index();
    // Another name, a key and an unknown name: the reader still waits, and for no longer than it said.
    register(&server, &json!({"Name": "b", "Port": 2})).await;
    server.ask("PUT /v1/kv/a", "1").await;
    let line = format!("GET /v1/health/service/a?index={index}&wait=300ms");
    let same = server.ask(&line, "").await;
    assert_eq!(same.consul_index(), index);
    let line = format!("GET /v1/health/service/a?index={index}&wait=60s");
    let second = json!({"Name": "a", "ID": "a2", "Port": 3});
    let (woken, _) = tokio::join!(server.ask(&line, ""), register(&server, &second));
    assert!(woken.consul_index() > index);
    assert_eq!(woken.json().as_array().unwrap().len(), 2);
    // One who knows of more than ever was is answered at once.
    let line = "GET /v1/health/service/a?index=999999999999&wait=60s";
    let answer = tokio::time::timeout(Duration::from_secs(20), server.ask(line, "")).await;
    assert_eq!(answer.unwrap().status, 200);
}

#[tokio::test]
async fn ids_are_one_space_whatever_the_name() {
    let server = consul().await;
    register(&server, &json!({"Name": "old", "ID": "x", "Port": 1})).await;
    register(&server, &json!({"Name": "new", "ID": "x", "Port": 2})).await;
    assert_eq!(
        server.ask("GET /v1/health/service/old", "").await.json(),
        json!([])
    );
    let services = server.ask("GET /v1/agent/services", "").await.json();
    assert_eq!(services["x"]["Service"], "new");
    assert_eq!(services.as_object().unwrap().len(), 1);
}

#[tokio::test]
async fn checks_stay_over_a_new_registration_unless_they_are_replaced() {
    let server = consul().await;
    let web = |port: u16| json!({"Name": "web", "Port": port, "Check": {"TTL": "1h", "Status": "passing"}});
    register(&server, &web(1)).await;
    let more = r#"{"Name":"more","ServiceID":"web","TTL":"1h","Status":"warning"}"#;
    assert_eq!(
        server
            .ask("PUT /v1/agent/check/register", more)
            .await
            .status,
        200
    );
    let line = "PUT /v1/agent/service/maintenance/web?enable=true&reason=disks";
    assert_eq!(server.ask(line, "").await.status, 200);
    server
        .ask("PUT /v1/agent/check/warn/service:web?note=slow", "")
        .await;
    register(&server, &web(2)).await;
    assert_eq!(
        status_of(&server, "web").await,
        ["warning", "warning", "critical"]
    );
    let line = "PUT /v1/agent/service/register?replace-existing-checks=true";
    server.ask(line, &web(3).to_string()).await;
    assert_eq!(status_of(&server, "web").await, ["warning", "critical"]);
    let line = "PUT /v1/agent/service/maintenance/web?enable=false";
    assert_eq!(server.ask(line, "").await.status, 200);
    assert_eq!(status_of(&server, "web").await, ["warning"]);
    for line in [
        "PUT /v1/agent/check/pass/nobody",
        "PUT /v1/agent/check/deregister/nobody",
        "PUT /v1/agent/service/deregister/nobody",
        "PUT /v1/agent/service/maintenance/nobody?enable=true",
        "GET /v1/agent/service/nobody",
    ] {
        assert_eq!(server.ask(line, "").await.status, 404, "{line}");
    }
}

#[tokio::test]
async fn names_of_all_kinds_and_bodies_of_none() {
    let server = consul().await;
    for name in [
        "a/b",
        "MyApp",
        "host:80",
        "with space",
        "ünïcode",
        "..",
        "-",
    ] {
        let answer = register(&server, &json!({"Name": name, "Port": 1})).await;
        assert_eq!(answer.status, 200, "{name}: {answer:?}");
        let encoded: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let line = format!("GET /v1/catalog/service/{encoded}");
        assert_eq!(server.ask(&line, "").await.json()[0]["ServiceName"], name);
        let line = format!("PUT /v1/agent/service/deregister/{encoded}");
        assert_eq!(server.ask(&line, "").await.status, 200, "{name}");
    }
    for body in [
        "",
        "null",
        "[]",
        "{",
        "1",
        r#"{"ID":"x"}"#,
        r#"{"Name":""}"#,
        r#"{"Name":"a\u0000b"}"#,
        r#"{"Name":"a","Port":-1}"#,
        r#"{"Name":"a","Port":70000}"#,
        r#"{"Name":"a","Port":"80"}"#,
        r#"{"Name":"a","name":"b"}"#,
        r#"{"Name":"a","Tags":"b"}"#,
        r#"{"Name":"a","Tags":[""]}"#,
        r#"{"Name":"a","Check":{}}"#,
        r#"{"Name":"a","Check":{"TTL":"1ms"}}"#,
        r#"{"Name":"a","Check":{"TTL":"-1s"}}"#,
        r#"{"Name":"a","Checks":[{"TTL":"1h","ID":"c"},{"TTL":"1h","ID":"c"}]}"#,
    ] {
        let answer = server.ask("PUT /v1/agent/service/register", body).await;
        assert_eq!(answer.status, 400, "{body}: {answer:?}");
    }
    let long = "x".repeat(65 << 10);
    assert_eq!(
        server
            .ask("PUT /v1/agent/service/register", &long)
            .await
            .status,
        413
    );
    assert_eq!(server.world.registry.list(None), []);
}

#[tokio::test]
async fn what_a_filter_leaves_is_answered() {
    let server = consul().await;
    for (id, tag, version) in [("w1", "blue", "1"), ("w2", "green", "2")] {
        let meta = json!({"version": version});
        let check = json!({"TTL": "1h", "Status": if id == "w1" { "passing" } else { "critical" }});
        let body = json!({"Name": "web", "ID": id, "Port": 80, "Tags": [tag], "Meta": meta, "Check": check});
        assert_eq!(register(&server, &body).await.status, 200);
    }
    for (path, filter, left) in [
        (
            "health/service/web",
            "Service.Meta.version+==+%222%22",
            "w2",
        ),
        ("health/service/web", "blue+in+Service.Tags", "w1"),
        (
            "catalog/service/web",
            "ServiceTags+contains+%22green%22",
            "w2",
        ),
        ("catalog/service/web", "not+ServiceID+==+w2", "w1"),
        ("health/checks/web", "Status+==+passing", "w1"),
        ("health/state/any", "ServiceID+!=+w1", "w2"),
        ("agent/services", "Meta.version+==+1", "w1"),
        ("agent/services", "Datacenter+==+dc1+and+ID+==+w2", "w2"),
        ("agent/checks", "ServiceID+==+w2", "w2"),
        ("catalog/node/HERE", "Meta.version+==+1", "w1"),
    ] {
        let here = server.ask("GET /v1/agent/self", "").await.json();
        let here = here["Config"]["NodeName"].as_str().unwrap().to_owned();
        let path = path.replace("HERE", &here);
        let line = format!("GET /v1/{path}?filter={filter}");
        let answer = server.ask(&line, "").await;
        assert_eq!(answer.status, 200, "{line}: {answer:?}");
        let other = if left == "w1" { "w2" } else { "w1" };
        let has = |id: &str| answer.body.contains(&format!("\"{id}\""));
        assert!(has(left) && !has(other), "{line}: {answer:?}");
    }
    for (path, filter, status) in [
        ("health/service/web", "Service.Meta.version+=+2", 400),
        ("health/service/web", "ServiceTags+contains+blue", 400),
        ("catalog/nodes", "Node+==+elsewhere", 200),
        ("catalog/services", "ServiceName+==+web", 501),
        ("kv/a", "Key+==+a", 501),
        ("kv/a", "", 404),
    ] {
        let line = format!("GET /v1/{path}?filter={filter}");
        let answer = server.ask(&line, "").await;
        assert_eq!(answer.status, status, "{line}: {answer:?}");
    }
}

#[tokio::test]
async fn whoever_waits_is_let_go_when_the_listener_ends() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let server = consul().await;
    let address = server.address;
    let index = server
        .ask("GET /v1/catalog/services", "")
        .await
        .consul_index();
    let line = format!("GET /v1/catalog/services?index={index}&wait=10m");
    let text = format!("{line} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    // Those who come later are answered, so this one waits by now.
    for _ in 0..10 {
        server.ask("GET /v1/status/leader", "").await;
    }
    let stop = server.stop;
    stop.send(()).unwrap();
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer);
    tokio::time::timeout(Duration::from_secs(20), read)
        .await
        .unwrap()
        .unwrap();
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 200"),
        "{answer}"
    );
}

/// What is documented is what is there.
#[test]
fn every_route_is_in_the_documentation() {
    let page = include_str!("../../../../docs/consul.md");
    for (method, path) in ROUTES {
        let line = format!("`{} /v1/{path}", method.name());
        assert!(page.contains(&line), "docs/consul.md does not have {line}");
    }
    let rows = page.matches("`GET /v1/").count() + page.matches("`PUT /v1/").count();
    assert_eq!(rows + page.matches("`DELETE /v1/").count(), ROUTES.len());
}

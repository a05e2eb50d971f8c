//! What an engine says of what is not there, once it has looked for what runs.

use crate::asked::ports;
use crate::stage::{PATIENCE, config, me};
use engine::Engine;
use std::fs;
use std::time::Duration;
use testkit::Home;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The whole answer to a request that asks for nothing more.
async fn ask(port: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(format!("127.0.0.1:{port}"))
        .await
        .unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_when_all_that_runs_is_known_is_nowhere() {
    let home = Home::new();
    let consul = ports()[0].to_string();
    let settings = format!("[registry]\nconsul = {consul}\n");
    fs::write(home.path().join("settings.toml"), settings).unwrap();
    let config = engine::Config {
        registry_port: Some(0),
        gateway_port: Some(0),
        ..config(&home)
    };
    let engine = Engine::start(config).await.unwrap();
    let handle = engine.handle();
    let gateway = handle.snapshot().engine.gateway.unwrap();
    let (_, gateway) = gateway.rsplit_once(':').unwrap();
    // A gateway that waits for who may come has clients ask again after ten seconds, and finds nobody missing.
    let nobody = "GET / HTTP/1.1\r\nHost: nobody.localhost\r\nConnection: close\r\n\r\n";
    let answer = ask(gateway, nobody).await;
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    // And a registry that does says nothing of who is not listed.
    let alias = r#"{"Name":"like","Check":{"AliasService":"gone"}}"#;
    let head = format!("Host: 127.0.0.1:{consul}\r\nConnection: close");
    let put = format!(
        "PUT /v1/agent/service/register HTTP/1.1\r\n{head}\r\nContent-Length: {}\r\n\r\n{alias}",
        alias.len()
    );
    let answer = ask(&consul, &put).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let checks = format!("GET /v1/health/checks/like HTTP/1.1\r\n{head}\r\n\r\n");
    let told = async {
        while !ask(&consul, &checks).await.contains("no service") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let told = tokio::time::timeout(PATIENCE, told).await;
    assert!(told.is_ok(), "{}", ask(&consul, &checks).await);
    handle.shutdown(me(), false, String::new()).await;
}

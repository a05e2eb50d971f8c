//! Agents over HTTP, with a real engine behind the host: who they are, what of the table they may ask for, and that a
//! token is nobody's when it is removed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod host;

use api::dispatch::{AGENTS, Agents, COMMANDS, Kind};
use engine::{Config, Engine, Handle};
use futures_util::{SinkExt, StreamExt};
use model::{Actor, AgentName, Outcome, Verb};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::protocol::Message;

struct Stage {
    scene: host::Scene<Handle>,
    claude: AgentName,
    token: String,
    _engine: Engine,
    _home: tempfile::TempDir,
}

impl Stage {
    async fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        // It starts nothing here, and has to be there.
        std::fs::write(home.path().join("azora-shim"), "").unwrap();
        let config = Config {
            home: home.path().join("home"),
            programs: home.path().to_owned(),
            registry_port: None,
            gateway_port: None,
            version: "test".into(),
        };
        let engine = Engine::start(config).await.unwrap();
        let handle = engine.handle();
        let claude: AgentName = "claude".parse().unwrap();
        let me = Actor::person("test");
        let new = handle.add_agent(me, claude.clone(), None, String::new());
        let token = new.await.unwrap().token;
        Self {
            scene: host::Scene::with(handle).await,
            claude,
            token,
            _engine: engine,
            _home: home,
        }
    }

    async fn remove(&self) {
        let me = Actor::person("test");
        let gone = self
            .scene
            .desk
            .remove_agent(me, self.claude.clone(), String::new());
        gone.await.unwrap();
    }

    async fn open(&self, token: &str, kind: &str, name: &str, body: &str) -> TcpStream {
        let port = self.scene.server.address().port();
        let mut socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let length = body.len();
        let request = format!(
            "POST /api/{kind}/{name} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nauthorization: Bearer {token}\r\n\
             azora-via: cli\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
        socket.write_all(request.as_bytes()).await.unwrap();
        socket
    }

    /// What is answered: status and body.
    async fn ask(&self, token: &str, kind: &str, name: &str, body: &str) -> (u16, String) {
        let mut socket = self.open(token, kind, name, body).await;
        let mut bytes = Vec::new();
        within(socket.read_to_end(&mut bytes)).await.unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let status = text.split(' ').nth(1).unwrap().parse().unwrap();
        let (_, body) = text.split_once("\r\n\r\n").unwrap();
        (status, body.to_owned())
    }
}

async fn within<T>(work: impl Future<Output = T>) -> T {
    let limit = Duration::from_secs(60);
    tokio::time::timeout(limit, work).await.expect("in time")
}

/// A request that gets as far as the door.
fn request(name: &str) -> &'static str {
    match name {
        "approve" | "deny" => r#"{"id":1}"#,
        "add_agent" => r#"{"name":"bob"}"#,
        "remove_agent" => r#"{"name":"claude"}"#,
        "shutdown" => r#"{"leave_running":true}"#,
        "scale" => r#"{"cluster":"shop-1","service":"a","replicas":1}"#,
        _ => "{}",
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_of_the_table_is_a_persons_no_agent_gets_and_all_else_it_may_ask_for() {
    let stage = Stage::new().await;
    for ((name, kind, _), (_, agents)) in COMMANDS.iter().zip(AGENTS) {
        if *kind == Kind::Stream && *agents == Agents::Open {
            // Opened below; most of them do not end by themselves.
            continue;
        }
        let way = match kind {
            Kind::Stream => "stream",
            Kind::Read | Kind::Act => "call",
        };
        let (status, said) = stage.ask(&stage.token, way, name, request(name)).await;
        assert_ne!(status, 401, "{name}: {said}");
        let persons = said.contains("is for persons");
        assert_eq!(persons, *agents == Agents::Persons, "{name}: {said}");
        assert!(!persons || status == 403, "{name}: {status} {said}");
        // A person is let as far as the shape of the request, and further where nothing is asked.
        if persons {
            let (status, said) = stage.ask(&stage.scene.token, way, name, "[]").await;
            assert!(matches!(status, 200 | 400), "{name}: {status} {said}");
        }
    }
    // What is asked of the door is in the book, by the agent, whatever it says of itself.
    let acts = stage.scene.desk.acts(100).await.unwrap();
    for verb in [
        Verb::AddAgent,
        Verb::RemoveAgent,
        Verb::Shutdown,
        Verb::EmergencyStop,
    ] {
        let act = acts.iter().find(|act| act.verb == verb).unwrap();
        assert_eq!(act.actor, Actor::agent(&stage.claude), "{act:?}");
        assert!(matches!(act.outcome, Outcome::Refused(_)), "{act:?}");
    }
    assert_eq!(stage.scene.desk.agents().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_was_removed_is_as_unknown_as_one_that_never_was() {
    let stage = Stage::new().await;
    let mut guessed = stage.token.clone();
    guessed.replace_range(75.., if guessed.ends_with('0') { "1" } else { "0" });
    let (status, _) = stage.ask(&stage.token, "call", "status", "{}").await;
    assert_eq!(status, 200);
    let mut feed = stage.open(&stage.token, "stream", "feed", "{}").await;
    let mut first = [0; 12];
    within(feed.read_exact(&mut first)).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");

    let wrong = stage.ask("x", "call", "status", "{}").await;
    assert_eq!(wrong.0, 401);
    assert_eq!(stage.ask(&guessed, "call", "status", "{}").await, wrong);
    stage.remove().await;
    // The stream that it had ends.
    within(feed.read_to_end(&mut Vec::new())).await.unwrap();
    for (kind, name) in [("call", "status"), ("call", "restart"), ("stream", "feed")] {
        assert_eq!(
            stage.ask(&stage.token, kind, name, "{}").await,
            wrong,
            "{name}"
        );
    }
    let (status, _) = stage.ask(&stage.scene.token, "call", "status", "{}").await;
    assert_eq!(status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_reads_streams_through_a_socket_until_it_is_removed() {
    let stage = Stage::new().await;
    let socket = async |token: &str, stream: &str| {
        let address = format!("ws://127.0.0.1:{}/api/socket", stage.scene.port);
        let tcp = TcpStream::connect(("127.0.0.1", stage.scene.port))
            .await
            .unwrap();
        let (mut socket, _) = client_async(address, tcp).await.unwrap();
        let asked = format!(r#"{{"token":"{token}","stream":"{stream}","request":{{}}}}"#);
        socket.send(Message::text(asked)).await.unwrap();
        socket
    };
    let mut refused = socket(&stage.token, "attach").await;
    let said = within(refused.next())
        .await
        .unwrap()
        .unwrap()
        .into_text()
        .unwrap();
    assert!(said.contains("is for persons"), "{said}");
    let mut feed = socket(&stage.token, "feed").await;
    let opened = within(feed.next())
        .await
        .unwrap()
        .unwrap()
        .into_text()
        .unwrap();
    assert_eq!(opened.as_str(), "\"opened\"");
    within(feed.next()).await.unwrap().unwrap();
    stage.remove().await;
    let end = async { while let Some(Ok(_)) = feed.next().await {} };
    within(end).await;
    let mut unknown = socket(&stage.token, "feed").await;
    let said = within(unknown.next())
        .await
        .unwrap()
        .unwrap()
        .into_text()
        .unwrap();
    assert_eq!(said.as_str(), "\"unauthorised\"");
}

//! A registry with a store of its own, and a client that sends what it is told, byte by byte.

use model::{Act, ActId, Actor, ActorKind, Outcome, Target, Timestamp, Verb};
use registry::{Door, Own, Registry};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use store::Store;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// A door that notes what it was asked, and says no to a name.
#[derive(Default)]
pub(crate) struct Notes {
    pub(crate) asked: Mutex<Vec<(Verb, String)>>,
    pub(crate) allowed: Mutex<Vec<(Verb, String)>>,
    pub(crate) concluded: Mutex<Vec<(ActId, Outcome, bool)>>,
}

impl Door for Notes {
    fn admit(&self, verb: Verb, what: &str) -> Result<Act, String> {
        let mut asked = self.asked.lock().unwrap();
        asked.push((verb, what.to_owned()));
        if what.starts_with("forbidden") {
            return Err("the policy says no".into());
        }
        Ok(Act {
            id: ActId(asked.len() as u64),
            at: wall(),
            actor: Actor {
                kind: ActorKind::Client,
                via: "registry".into(),
            },
            verb,
            target: Target::default(),
            reason: what.to_owned(),
            outcome: Outcome::Pending,
            decision: None,
        })
    }

    fn allow(&self, verb: Verb, what: &str) -> Result<(), String> {
        let mut allowed = self.allowed.lock().unwrap();
        allowed.push((verb, what.to_owned()));
        match what.contains("forbidden") {
            true => Err("the policy says no".into()),
            false => Ok(()),
        }
    }

    fn conclude(&self, act: Act, written: bool) {
        let mut concluded = self.concluded.lock().unwrap();
        concluded.push((act.id, act.outcome, written));
    }
}

/// The instance of a cluster that other tests put on the list.
pub(crate) fn own(instance: &str, name: &str, url: &str) -> Own {
    Own {
        cluster: "shop-1".parse().unwrap(),
        cluster_name: "shop".parse().unwrap(),
        instance: instance.parse().unwrap(),
        name: name.parse().unwrap(),
        url: url.into(),
        category: "services".into(),
    }
}

pub(crate) fn wall() -> Timestamp {
    Timestamp(1_000_000)
}

pub(crate) struct World {
    pub(crate) home: tempfile::TempDir,
    pub(crate) store: Store,
    pub(crate) notes: Arc<Notes>,
    pub(crate) registry: Registry,
}

pub(crate) async fn world() -> World {
    world_with(&[]).await
}

/// One whose entries may point into these networks as well.
pub(crate) async fn world_with(allowed: &[&str]) -> World {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).await.unwrap();
    let notes = Arc::new(Notes::default());
    let allowed = allowed.iter().map(|text| text.parse().unwrap()).collect();
    let registry = Registry::open(store.clone(), notes.clone(), wall, allowed)
        .await
        .unwrap();
    World {
        home,
        store,
        notes,
        registry,
    }
}

/// A served registry; it ends when this is dropped.
pub(crate) struct Server {
    pub(crate) world: World,
    pub(crate) address: SocketAddr,
    pub(crate) stop: oneshot::Sender<()>,
    _task: JoinSet<()>,
}

pub(crate) async fn server() -> Server {
    let world = world().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let mut task = JoinSet::new();
    let registry = world.registry.clone();
    task.spawn(async move {
        let shutdown = async { drop(stopped.await) };
        registry::serve(registry, listener, shutdown).await.unwrap();
    });
    Server {
        world,
        address,
        stop,
        _task: task,
    }
}

/// The same served to Consul's clients, with our own look at what is registered.
pub(crate) async fn consul() -> Server {
    let server = consul_of(world().await).await;
    server.world.registry.settled();
    server
}

pub(crate) async fn consul_of(world: World) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let mut task = JoinSet::new();
    let (registry, store) = (world.registry.clone(), world.store.clone());
    task.spawn(async move {
        let shutdown = async { drop(stopped.await) };
        registry::consul::serve(registry, store, listener, shutdown)
            .await
            .unwrap();
    });
    let registry = world.registry.clone();
    task.spawn(registry::probe(registry, std::future::pending()));
    let server = Server {
        world,
        address,
        stop,
        _task: task,
    };
    // It serves when it has read what it keeps.
    server.ask("GET /v1/status/leader", "").await;
    server
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The lines before the body.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// The number of the last change, as it says.
    pub(crate) fn index(&self) -> u64 {
        let mut lines = self.head.lines();
        let index = lines.find_map(|line| line.strip_prefix("x-registry-index: "));
        index.unwrap().parse().unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// What `X-Consul-Index` says.
    pub(crate) fn consul_index(&self) -> u64 {
        let head = self.head.to_ascii_lowercase();
        let line = head
            .lines()
            .find_map(|line| line.strip_prefix("x-consul-index: "));
        line.and_then(|text| text.trim().parse().ok()).unwrap_or(0)
    }
}

impl Server {
    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    /// Sends these bytes and reads until the other side closes.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        // A server that refuses before it has read everything may reset the connection.
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .unwrap_or(0);
        Answer {
            status,
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    /// A request with these header lines besides length and `Connection: close`.
    pub(crate) async fn send(&self, line: &str, headers: &[&str], body: &str) -> Answer {
        let mut text = format!("{line} HTTP/1.1\r\nConnection: close\r\n");
        for header in headers {
            text += &format!("{header}\r\n");
        }
        text += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
        let answer = self.raw(text.as_bytes()).await;
        // Consul's API is described elsewhere.
        if !line.contains("/v1/") {
            crate::openapi::holds(line, &answer);
        }
        answer
    }

    /// What an ordinary program sends.
    pub(crate) async fn ask(&self, line: &str, body: &str) -> Answer {
        let host = format!("Host: {}", self.host());
        self.send(line, &[&host], body).await
    }
}

//! A registry with a gateway in front of it, instances that do what a test tells them, and a client.

use gateway::{Back, Callers, Config, Gateway, Standing};
use model::{Act, ClusterId, InstanceId, Timestamp, Verb};
use registry::{Door, Own, Registry};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use store::Store;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// How long anything here may take.
pub(crate) const LONG: Duration = Duration::from_secs(10);
pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

struct Open;

impl Door for Open {
    fn admit(&self, _: Verb, _: &str) -> Result<Act, String> {
        Err("nobody registers here".into())
    }

    fn allow(&self, _: Verb, _: &str) -> Result<(), String> {
        Ok(())
    }

    fn conclude(&self, _: Act, _: bool) {}
}

pub(crate) fn wall() -> Timestamp {
    Timestamp(1_000_000)
}

pub(crate) struct World {
    pub(crate) registry: Registry,
    pub(crate) gateway: Gateway,
    tasks: JoinSet<()>,
    _home: tempfile::TempDir,
}

pub(crate) fn cluster() -> ClusterId {
    "shop-1a2b3c4d".parse().unwrap()
}

pub(crate) fn instance(text: &str) -> InstanceId {
    text.parse().unwrap()
}

pub(crate) async fn world() -> World {
    let world = unsettled().await;
    world.gateway.settled();
    world
}

/// One whose engine looks yet for what runs.
pub(crate) async fn unsettled() -> World {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).await.unwrap();
    let registry = Registry::open(store, Arc::new(Open), wall, vec![])
        .await
        .unwrap();
    let config = Config {
        port: 0,
        threads: 1,
        allowed: vec![],
        wall,
        callers: Callers::nobody(),
        ejected: None,
    };
    let gateway = Gateway::start(config, &registry).unwrap();
    World {
        registry,
        gateway,
        tasks: JoinSet::new(),
        _home: home,
    }
}

/// A future that can be named.
pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What an instance does with each connection.
pub(crate) trait Serves:
    Fn(TcpStream) -> BoxFuture<'static, ()> + Send + Sync + 'static
{
}
impl<T: Fn(TcpStream) -> BoxFuture<'static, ()> + Send + Sync + 'static> Serves for T {}

impl World {
    /// How `api.0` stands, as the engine says it.
    pub(crate) fn stands(&self, why: &str, coming: bool) {
        let standing = Standing {
            why: why.into(),
            since: wall(),
            coming,
            wanted: coming,
            back: Back::Start,
        };
        self.gateway
            .stands(&cluster(), &instance("api.0"), standing);
    }

    pub(crate) fn host(&self) -> String {
        format!("api.shop.localhost:{}", self.gateway.address().port())
    }

    /// An instance that is listed.
    pub(crate) async fn serve(&mut self, name: &str, serves: impl Serves) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        self.tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(serves(stream));
            }
        });
        self.list(name, address).await;
    }

    /// Lists an instance, and waits until the gateway knows.
    pub(crate) async fn list(&self, name: &str, address: SocketAddr) {
        let id = instance(name);
        self.registry.upsert_own(&Own {
            cluster: cluster(),
            cluster_name: "shop".parse().unwrap(),
            name: id.service.clone(),
            instance: id,
            url: format!("http://{address}"),
            category: "services".into(),
        });
        let at = address.to_string();
        eventually(|| {
            let routes = self.gateway.view().routes;
            let mut backends = routes.iter().flat_map(|route| &route.backends);
            backends.any(|one| one.address == at)
        })
        .await;
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.gateway.address()).await.unwrap()
    }

    /// Sends these bytes and reads until the other side closes.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> Answer {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        // Who refuses before it has read everything may reset the connection.
        let read = stream.read_to_end(&mut answer);
        let _ = tokio::time::timeout(LONG, read).await.unwrap();
        Answer::of(&answer)
    }

    /// A request for `api` with these header lines.
    pub(crate) async fn ask(&self, line: &str, headers: &[&str], body: &str) -> Answer {
        let host = self.host();
        let mut text = format!("{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
        for header in headers {
            text += &format!("{header}\r\n");
        }
        if !body.is_empty() {
            text += &format!("Content-Length: {}\r\n", body.len());
        }
        self.raw(format!("{text}\r\n{body}").as_bytes()).await
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    fn of(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        Self {
            status: status.unwrap_or(0),
            head: head.to_ascii_lowercase(),
            body: body.to_owned(),
        }
    }
}

/// Waits until this holds.
pub(crate) async fn eventually(holds: impl Fn() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(LONG, wait)
        .await
        .expect("it comes about in time");
}

/// The head of a message and what came behind it.
pub(crate) async fn head(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let rest = bytes.split_off(end + 4);
            return Some((String::from_utf8_lossy(&bytes).into_owned(), rest));
        }
        let mut more = [0; 4_096];
        match stream.read(&mut more).await {
            Ok(0) | Err(_) => return None,
            Ok(n) => bytes.extend_from_slice(&more[..n]),
        }
    }
}

/// Reads on until there are so many bytes.
pub(crate) async fn rest(stream: &mut TcpStream, bytes: &mut Vec<u8>, length: usize) {
    let read = async {
        while bytes.len() < length {
            bytes.push(stream.read_u8().await.unwrap());
        }
    };
    tokio::time::timeout(LONG, read).await.unwrap();
}

/// An instance that answers every request with the same, and notes the heads it was sent.
pub(crate) fn says(answer: &'static str, heard: &Arc<Mutex<Vec<String>>>) -> impl Serves {
    let heard = Arc::clone(heard);
    move |mut stream| -> BoxFuture<'static, ()> {
        let heard = Arc::clone(&heard);
        Box::pin(async move {
            while let Some((head, mut body)) = head(&mut stream).await {
                let lower = head.to_ascii_lowercase();
                let length = lower.split("content-length: ").nth(1);
                let length = length.and_then(|rest| rest.split("\r\n").next());
                let length = length.map_or(0, |length| length.parse().unwrap());
                rest(&mut stream, &mut body, length).await;
                heard.lock().unwrap().push(lower);
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
        })
    }
}

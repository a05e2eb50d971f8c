//! A receiver on this machine that answers as it is told, and remembers what it got.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

/// Something that was posted.
#[derive(Debug, Clone)]
pub(crate) struct Got {
    pub(crate) headers: HeaderMap,
    pub(crate) path: String,
    pub(crate) body: serde_json::Value,
    pub(crate) text: String,
    pub(crate) at: Instant,
}

impl Got {
    pub(crate) fn seq(&self) -> u64 {
        self.body["data"]["seq"].as_u64().unwrap_or(0)
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
}

/// What is answered; nothing ever where there is no status.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reply {
    pub(crate) status: Option<u16>,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

pub(crate) fn reply(status: u16) -> Reply {
    Reply {
        status: Some(status),
        ..Reply::default()
    }
}

/// How it answers: to the request after so many.
pub(crate) type Script = Arc<dyn Fn(usize, &Got) -> Reply + Send + Sync>;

pub(crate) fn always(status: u16) -> Script {
    Arc::new(move |_, _| reply(status))
}

/// See the module. Dropping it closes its port.
pub(crate) struct Receiver {
    pub(crate) port: u16,
    got: watch::Sender<Vec<Got>>,
    _serving: JoinSet<()>,
}

impl Receiver {
    pub(crate) async fn new(script: Script) -> Self {
        Self::at(0, None, script).await
    }

    pub(crate) async fn at(port: u16, tls: Option<TlsAcceptor>, script: Script) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (got, _) = watch::channel(Vec::new());
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, tls, script, got.clone()));
        Self {
            port,
            got,
            _serving: serving,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook?key=hidden", self.port)
    }

    pub(crate) fn got(&self) -> Vec<Got> {
        self.got.borrow().clone()
    }

    pub(crate) fn seqs(&self) -> Vec<u64> {
        self.got.borrow().iter().map(Got::seq).collect()
    }

    /// All that it got, once there are so many.
    pub(crate) async fn wait(&self, count: usize) -> Vec<Got> {
        let mut changes = self.got.subscribe();
        let enough = changes.wait_for(|got| got.len() >= count);
        match tokio::time::timeout(Duration::from_secs(60), enough).await {
            Ok(got) => got.unwrap().clone(),
            Err(_) => panic!("it got no more than {:?}", self.seqs()),
        }
    }
}

async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    script: Script,
    got: watch::Sender<Vec<Got>>,
) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            return;
        };
        connections.spawn(converse(
            stream,
            tls.clone(),
            Arc::clone(&script),
            got.clone(),
        ));
    }
}

async fn converse(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    script: Script,
    got: watch::Sender<Vec<Got>>,
) {
    let answer = service_fn(move |request: Request<Incoming>| {
        let (script, got) = (Arc::clone(&script), got.clone());
        async move { Ok::<_, Infallible>(answered(request, script, got).await) }
    });
    let server = hyper::server::conn::http1::Builder::new();
    match tls {
        Some(tls) => {
            if let Ok(stream) = tls.accept(stream).await {
                let _ = server.serve_connection(TokioIo::new(stream), answer).await;
            }
        }
        None => {
            let _ = server.serve_connection(TokioIo::new(stream), answer).await;
        }
    }
}

async fn answered(
    request: Request<Incoming>,
    script: Script,
    all: watch::Sender<Vec<Got>>,
) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    let got = Got {
        headers: head.headers,
        path: head.uri.to_string(),
        body: serde_json::from_slice(&bytes).unwrap(),
        text: String::from_utf8(bytes.to_vec()).unwrap(),
        at: Instant::now(),
    };
    let mut reply = Reply::default();
    all.send_modify(|all| {
        reply = script(all.len(), &got);
        all.push(got);
    });
    let Some(status) = reply.status else {
        std::future::pending::<()>().await;
        unreachable!();
    };
    let mut response = Response::builder().status(status);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    response.body(Full::from(reply.body)).unwrap()
}

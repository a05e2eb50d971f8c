//! Speaks to the engine of a home from another process: the command line's half of the HTTP host.
//!
//! The address is in `engine.lock`, the secret in `token`; both are the home's own files, so
//! whoever can read them is the person whose home it is. An agent shows a token of its own instead. One connection a question: on loopback
//! that costs less than keeping one.

use crate::http::token::Token;
use axum::http::{Request, Response, StatusCode, header};
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use model::view::{Code, Failure};
use model::{ApprovalId, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::Duration;
use tokio::net::TcpStream;

/// The file an engine holds locked, with what it says of itself.
const LOCK_FILE: &str = "engine.lock";
/// Loopback answers at once or nobody is there.
const CONNECT: Duration = Duration::from_secs(2);
/// Largest answer, and longest message of a stream: a picture of ten thousand instances is under 20 MB.
const LARGEST: usize = 64 << 20;

/// Why a question got no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody has this home.
    #[error("no engine runs for this home ({}); start one with `azora up` or `azora serve`", .0.display())]
    NoEngine(PathBuf),
    /// An engine has it and does not listen, yet or any more.
    #[error("the engine of this home (pid {pid}) is not listening; it is starting, or going down")]
    NotListening {
        /// Its process.
        pid: u32,
    },
    /// A file of the home could not be read.
    #[error("failed to read {}", .path.display())]
    Home {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The connection broke.
    #[error("failed to speak with the engine")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The answer was not what this program expects: another version answered.
    #[error(
        "the engine answered in a way this version does not understand ({0}); is it of the same version?"
    )]
    Strange(String),
    /// The engine carried the question out and it failed, or refused it.
    #[error("{}", .0.message)]
    Failed(Failure),
}

impl Error {
    /// The failure the engine answered with.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Error::Failed(failure) => Some(failure),
            _ => None,
        }
    }

    /// True when there is no engine to speak with.
    pub fn nobody(&self) -> bool {
        matches!(self, Error::NoEngine(_) | Error::NotListening { .. })
    }
}

/// What `engine.lock` says; more may be in it.
#[derive(Debug, Clone, Deserialize)]
struct Lock {
    pid: u32,
    #[serde(default)]
    api: Option<String>,
}

/// Knows where an engine listens and what it wants to be shown. For one command of a person's: a new
/// one is made for the next.
#[derive(Debug, Clone)]
pub struct Client {
    home: PathBuf,
    pid: u32,
    address: SocketAddr,
    token: Token,
    /// When it was made, which is when its person asked: what it asks for is told with this time, for it
    /// may wait for an engine that hangs.
    asked: Timestamp,
}

/// What persons have approved of, for what this process asks.
static APPROVAL: std::sync::OnceLock<ApprovalId> = std::sync::OnceLock::new();

/// All that this process asks from now on is asked with this approval. For a program that does one thing, before it
/// makes a [`Client`]; said again it changes nothing.
pub fn ask_with_approval(id: ApprovalId) {
    let _ = APPROVAL.set(id);
}

/// The agent that this process is, if it is one.
static AGENT: std::sync::OnceLock<Token> = std::sync::OnceLock::new();

/// All that this process asks from now on is asked by the agent whose token is in this file. For a program that does one
/// thing, before it makes a [`Client`]; said again it changes nothing.
///
/// # Errors
/// When there is none in it.
pub fn ask_as_agent(file: &Path) -> io::Result<()> {
    let token = Token::of_agent(file)?;
    let _ = AGENT.set(token);
    Ok(())
}

/// What this process asks is asked by an agent: it is no engine itself, and does nothing past one.
pub fn asks_as_agent() -> bool {
    AGENT.get().is_some()
}

impl Client {
    /// Finds the engine of a home and makes sure that it listens.
    pub async fn connect(home: &Path) -> Result<Self, Error> {
        let client = Self::of(home)?;
        client.open().await?;
        Ok(client)
    }

    fn of(home: &Path) -> Result<Self, Error> {
        let asked = engine::wall();
        let nobody = || Error::NoEngine(home.to_owned());
        let read = |path: PathBuf, error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => nobody(),
            _ => Error::Home {
                path,
                source: error,
            },
        };
        let path = home.join(LOCK_FILE);
        let text = std::fs::read(&path).map_err(|error| read(path, error))?;
        // Empty or half a text: an engine took the home this instant, or died in it.
        let lock: Lock = serde_json::from_slice(&text).map_err(|_| nobody())?;
        let Some(api) = lock.api else {
            return Err(Error::NotListening { pid: lock.pid });
        };
        let address = api
            .strip_prefix("http://")
            .map(|rest| rest.trim_end_matches('/'));
        let address: SocketAddr = address
            .and_then(|address| address.parse().ok())
            .filter(|address: &SocketAddr| address.ip().is_loopback())
            .ok_or_else(|| Error::Strange(format!("it says it listens at {api}")))?;
        let token = match AGENT.get() {
            Some(agent) => agent.clone(),
            None => Token::read(home).map_err(|error| read(home.join("token"), error))?,
        };
        Ok(Self {
            home: home.to_owned(),
            pid: lock.pid,
            address,
            token,
            asked,
        })
    }

    /// The engine's process.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The address that opens the UI in a browser. The token is in the fragment, which browsers
    /// send to nobody; print it on a terminal only.
    pub fn browser_url(&self) -> String {
        browser_url(self.address, &self.token)
    }

    async fn open(&self) -> Result<TcpStream, Error> {
        match tokio::time::timeout(CONNECT, TcpStream::connect(self.address)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
                Err(Error::NoEngine(self.home.clone()))
            }
            // It closed its listener while this waited to be let in.
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionReset => {
                Err(Error::NotListening { pid: self.pid })
            }
            Ok(Err(error)) => Err(Error::Broken(error.into())),
            Err(_) => Err(Error::NotListening { pid: self.pid }),
        }
    }

    /// Asks for a call of the table by its name.
    pub async fn call<Answer: DeserializeOwned>(
        &self,
        name: &str,
        request: &impl Serialize,
    ) -> Result<Answer, Error> {
        let (response, link) = self.ask("call", name, request).await?;
        let status = response.status();
        let body = http_body_util::Limited::new(response.into_body(), LARGEST);
        let bytes = beside(link, body.collect())
            .await
            .map_err(Error::Broken)?
            .to_bytes();
        match status {
            StatusCode::OK => {
                serde_json::from_slice(&bytes).map_err(|error| Error::Strange(error.to_string()))
            }
            _ => Err(self.failure(status, &bytes)),
        }
    }

    /// Opens a stream of the table by its name.
    pub async fn stream<Message: DeserializeOwned>(
        &self,
        name: &str,
        request: &impl Serialize,
    ) -> Result<Messages<Message>, Error> {
        let (response, link) = self.ask("stream", name, request).await?;
        let status = response.status();
        if status != StatusCode::OK {
            let body = http_body_util::Limited::new(response.into_body(), LARGEST);
            let bytes = beside(link, body.collect())
                .await
                .map_err(Error::Broken)?
                .to_bytes();
            return Err(self.failure(status, &bytes));
        }
        Ok(Messages {
            body: response.into_body(),
            link: Some(link),
            read: BytesMut::new(),
            message: std::marker::PhantomData,
        })
    }

    fn failure(&self, status: StatusCode, bytes: &[u8]) -> Error {
        match serde_json::from_slice::<Failure>(bytes) {
            Ok(failure) if status == StatusCode::UNAUTHORIZED && asks_as_agent() => {
                let message = "refused: this engine does not know the agent's token: it was removed, its time is over, \
                               or it is of another home (AZORA_TOKEN_FILE)";
                Error::Failed(Failure {
                    message: message.to_owned(),
                    ..failure
                })
            }
            // Whoever answered is not the engine whose token lies in the home: it is just changing
            // hands.
            _ if status == StatusCode::UNAUTHORIZED => Error::NotListening { pid: self.pid },
            Ok(failure) if failure.code == Code::Closing => Error::NotListening { pid: self.pid },
            Ok(failure) => Error::Failed(failure),
            Err(_) => Error::Strange(format!("status {status}")),
        }
    }

    async fn ask(
        &self,
        kind: &str,
        name: &str,
        request: &impl Serialize,
    ) -> Result<(Response<Incoming>, Link), Error> {
        let broken = |error: hyper::Error| Error::Broken(error.into());
        let stream = TokioIo::new(self.open().await?);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(stream)
            .await
            .map_err(broken)?;
        let mut link: Link = Box::pin(connection);
        let body =
            serde_json::to_vec(request).map_err(|error| Error::Strange(error.to_string()))?;
        let mut request = Request::post(format!("/api/{kind}/{name}"));
        if let Some(id) = APPROVAL.get() {
            request = request.header(crate::http::APPROVAL, id.0);
        }
        let request = request
            .header(header::HOST, self.address.to_string())
            .header(
                header::AUTHORIZATION,
                format!("Bearer {}", self.token.reveal()),
            )
            .header(header::CONTENT_TYPE, "application/json")
            .header(crate::http::VIA, "cli")
            .header(crate::http::ASKED, self.asked.0)
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| Error::Strange(error.to_string()))?;
        let mut answer = std::pin::pin!(sender.send_request(request));
        tokio::select! {
            biased;
            answer = &mut answer => Ok((answer.map_err(broken)?, link)),
            ended = &mut link => {
                // The connection may end in the same moment as the answer comes.
                match (answer.await, ended) {
                    (Ok(response), _) => Ok((response, Box::pin(std::future::ready(Ok(()))))),
                    (Err(_), Err(error)) | (Err(error), Ok(())) => Err(broken(error)),
                }
            }
        }
    }
}

/// The address of the browser UI with the token where only the page can read it.
pub(crate) fn browser_url(address: SocketAddr, token: &Token) -> String {
    format!("http://{address}/#token={}", token.reveal())
}

/// The connection itself: it moves only while it is polled, beside whatever waits for it.
type Link = Pin<Box<dyn Future<Output = Result<(), hyper::Error>> + Send>>;

/// Waits for `wanted` and keeps the connection moving meanwhile.
async fn beside<T>(mut link: Link, wanted: impl Future<Output = T>) -> T {
    let mut wanted = std::pin::pin!(wanted);
    tokio::select! {
        biased;
        done = &mut wanted => done,
        // What has arrived by now is still handed over.
        _ = &mut link => wanted.await,
    }
}

/// The messages of a stream as they come.
pub struct Messages<Message> {
    body: Incoming,
    link: Option<Link>,
    read: BytesMut,
    message: std::marker::PhantomData<fn() -> Message>,
}

impl<Message: DeserializeOwned> Messages<Message> {
    /// The next message; `None` when the engine has ended the stream. May be dropped and called
    /// again without losing one.
    pub async fn next(&mut self) -> Result<Option<Message>, Error> {
        loop {
            while let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let line = self.read.split_to(end + 1);
                // Blank lines only say that the engine is still there.
                if line.len() > 1 {
                    return serde_json::from_slice(&line)
                        .map(Some)
                        .map_err(|error| Error::Strange(error.to_string()));
                }
            }
            if self.read.len() > LARGEST {
                return Err(Error::Strange("a message has no end".to_owned()));
            }
            match self.frame().await {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.read.extend_from_slice(&data);
                    }
                }
                Some(Err(error)) => return Err(Error::Broken(error.into())),
                None => return Ok(None),
            }
        }
    }

    async fn frame(&mut self) -> Option<Result<hyper::body::Frame<Bytes>, hyper::Error>> {
        if let Some(link) = &mut self.link {
            tokio::select! {
                biased;
                frame = self.body.frame() => return frame,
                _ = link => self.link = None,
            }
        }
        self.body.frame().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(text: &str) -> (tempfile::TempDir, Result<Client, Error>) {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join(LOCK_FILE), text).unwrap();
        Token::generate().unwrap().write(home.path()).unwrap();
        let client = Client::of(home.path());
        (home, client)
    }

    #[tokio::test]
    async fn a_home_without_an_engine_says_so_and_what_to_do() {
        let home = tempfile::tempdir().unwrap();
        let error = Client::connect(home.path()).await.unwrap_err();
        assert!(error.nobody());
        assert!(error.to_string().contains("start one with `azora up`"));
        assert!(lock("").1.unwrap_err().nobody());
    }

    #[tokio::test]
    async fn what_a_dead_engine_left_behind_is_no_engine() {
        let closed = {
            let listener = crate::http::bind(0).await.unwrap();
            listener.local_addr().unwrap()
        };
        let (_home, client) = lock(&format!(
            r#"{{"pid":1,"api":"http://{closed}","version":"0"}}"#
        ));
        assert!(matches!(
            client.unwrap().open().await,
            Err(Error::NoEngine(_))
        ));
    }

    #[test]
    fn an_engine_that_has_no_address_yet_is_starting() {
        let (_home, client) = lock(r#"{"pid":42,"api":null}"#);
        assert!(matches!(client, Err(Error::NotListening { pid: 42 })));
    }

    #[test]
    fn the_token_goes_to_loopback_only() {
        for api in [
            "http://10.0.0.1:80",
            "https://127.0.0.1:1",
            "http://evil.example:80",
            "http://127.0.0.1:1@evil:2",
        ] {
            let (_home, client) = lock(&format!(r#"{{"pid":1,"api":"{api}"}}"#));
            assert!(matches!(client, Err(Error::Strange(_))), "{api}");
        }
    }
}

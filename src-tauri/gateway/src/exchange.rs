//! One connection to an instance, and one request on it.
//!
//! A connection of HTTP/1 is driven by whoever waits for its answer, in the same task: a request
//! wakes nobody on its way.

use crate::body::{Outgoing, Sent};
use crate::kept::Kept;
use crate::wire::Wire;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::Instant;

/// How long an instance of this machine may take to accept.
const CONNECT: Duration = Duration::from_secs(5);

/// A connection of HTTP/1 to an instance.
pub(crate) struct Link {
    send: SendRequest<Outgoing>,
    connection: Driven,
    over: bool,
    /// It has carried a request before.
    pub(crate) used: bool,
    /// Its instance closes it behind this answer.
    pub(crate) ends: bool,
    /// When it was last given back.
    pub(crate) since: Instant,
    /// The body that is under way on it.
    sending: Option<Rc<Sent>>,
    /// The head of what was sent.
    kept: Arc<Kept>,
}

/// What reads and writes for it.
enum Driven {
    Plain(Box<Connection<TokioIo<Wire>, Outgoing>>),
    /// Something else than HTTP may follow on it; hyper has no name for it.
    Switching(Pin<Box<dyn Future<Output = hyper::Result<()>>>>),
}

impl Future for Driven {
    type Output = hyper::Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Plain(connection) => Pin::new(connection).poll(cx),
            Self::Switching(connection) => connection.as_mut().poll(cx),
        }
    }
}

/// What hyper says of a request that it was given.
type Exchanged = Result<Response<Incoming>, TrySendError<Request<Outgoing>>>;

/// A request has no answer.
pub(crate) struct Lost {
    pub(crate) why: String,
    /// Its connection had waited for it, and was perhaps closed meanwhile.
    pub(crate) stale: bool,
    /// What was sent of it, if anything was.
    pub(crate) kept: Option<Arc<Kept>>,
}

/// A stream to an instance.
pub(crate) async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = match tokio::time::timeout(CONNECT, TcpStream::connect(address)).await {
        Ok(stream) => stream?,
        Err(_) => return Err(io::ErrorKind::TimedOut.into()),
    };
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl Link {
    /// `switching`: something else than HTTP may follow on it.
    /// In a box: it goes from request to request.
    pub(crate) async fn new(stream: TcpStream, switching: bool) -> hyper::Result<Box<Self>> {
        let kept = Arc::<Kept>::default();
        let (send, connection) = http1::Builder::new()
            .max_buf_size(crate::sniff::BUFFER)
            .handshake(TokioIo::new(Wire::to_instance(stream, &kept)))
            .await?;
        let connection = match switching {
            true => Driven::Switching(Box::pin(connection.with_upgrades())),
            false => Driven::Plain(Box::new(connection)),
        };
        Ok(Box::new(Self {
            send,
            connection,
            over: false,
            used: false,
            ends: false,
            since: Instant::now(),
            sending: None,
            kept,
        }))
    }

    /// Sends what is in its place and waits for the head of its answer. Is nothing of it sent, then it is in its place
    /// again.
    pub(crate) async fn exchange(
        &mut self,
        place: &mut Option<Request<Outgoing>>,
    ) -> Result<Response<Incoming>, Box<Lost>> {
        let stale = self.used;
        let Some(answer) = self.begin(place) else {
            return Err(Box::new(Lost {
                why: "it was sent already".to_owned(),
                stale: false,
                kept: None,
            }));
        };
        let mut answer = pin!(answer);
        let (connection, over) = (&mut self.connection, &mut self.over);
        let answer = poll_fn(|cx| {
            // Asked first, the answer takes the request to the connection, which then sends it.
            if let Poll::Ready(answer) = answer.as_mut().poll(cx) {
                return Poll::Ready(answer);
            }
            if !*over && Pin::new(&mut *connection).poll(cx).is_ready() {
                *over = true;
            }
            answer.as_mut().poll(cx)
        })
        .await;
        answer.map_err(|mut lost| {
            *place = lost.take_message();
            Box::new(Lost {
                why: story(lost.error()),
                stale,
                kept: Some(Arc::clone(&self.kept)),
            })
        })
    }

    /// Hands over what is in its place. By itself, as a request that was a local of [`Link::exchange`] would have room
    /// in it while the answer is waited for, too.
    fn begin(
        &mut self,
        place: &mut Option<Request<Outgoing>>,
    ) -> Option<impl Future<Output = Exchanged> + use<>> {
        let request = place.take()?;
        self.used = true;
        self.kept.expect();
        self.sending = match request.body() {
            Outgoing::Streamed(_, sent) => Some(Rc::clone(sent)),
            Outgoing::Whole(_) => None,
        };
        Some(self.send.try_send_request(request))
    }

    /// Reads and writes what can be.
    pub(crate) fn drive(&mut self, cx: &mut Context<'_>) {
        if !self.over && Pin::new(&mut self.connection).poll(cx).is_ready() {
            self.over = true;
        }
    }

    /// All of its request was sent: another can follow. An instance that answered before it had all may take the rest
    /// of the body for a request.
    pub(crate) fn has_sent(&mut self) -> bool {
        self.sending.take().is_none_or(|sent| sent.whole.get())
    }

    /// Nobody has closed it, and nothing came that nobody asked for.
    pub(crate) fn is_open(&mut self) -> bool {
        self.drive(&mut Context::from_waker(Waker::noop()));
        !self.over && self.send.is_ready()
    }

    /// Drives it until what is to follow HTTP has it.
    pub(crate) async fn hand_over(self: Box<Self>) {
        if !self.over {
            // How it ends is seen by who has it then.
            let _ = self.connection.await;
        }
    }
}

/// An error with what is behind it.
pub(crate) fn story(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        source = error.source();
    }
    text
}

//! Connections to instances that wait for their next request. Each thread has its own.

use crate::backend::Backend;
use crate::body::Outgoing;
use crate::exchange::{Link, connect, story};
use crate::listen::Local;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::time::Instant;

/// Connections to one instance that wait.
const WAITING: usize = 64;
/// How long one waits.
const IDLE: Duration = Duration::from_secs(30);
/// How long it may have waited for a request that cannot be sent twice: the instance may just close
/// it, and those that close soonest do so after two seconds.
const FRESH: Duration = Duration::from_secs(1);
/// A connection of HTTP/2 is asked whether it lives.
const PING: Duration = Duration::from_secs(20);

/// What is kept of each instance, by its number.
type Of<T> = HashMap<u64, (Weak<Backend>, T)>;

#[derive(Default)]
#[expect(
    clippy::vec_box,
    reason = "a connection goes from hand to hand in the box it came in"
)]
pub(crate) struct Pool {
    links: RefCell<Of<Vec<Box<Link>>>>,
    streams: RefCell<Of<SendRequest<Outgoing>>>,
}

impl Pool {
    /// A connection that waits for a request to this instance. `once`: the request cannot be sent again.
    pub(crate) fn take(&self, backend: &Backend, once: bool, now: Instant) -> Option<Box<Link>> {
        let mut links = self.links.borrow_mut();
        let (_, waiting) = links.get_mut(&backend.number)?;
        let most = if once { FRESH } else { IDLE };
        // The newest first: the others end for want of use.
        while let Some(mut link) = waiting.pop() {
            if now.saturating_duration_since(link.since) > most {
                // The others have waited longer.
                waiting.clear();
                return None;
            }
            if link.is_open() {
                return Some(link);
            }
        }
        None
    }

    pub(crate) fn put(&self, backend: &Arc<Backend>, mut link: Box<Link>, now: Instant) {
        if backend.is_draining() || link.ends || !link.has_sent() {
            return;
        }
        link.since = now;
        let mut links = self.links.borrow_mut();
        let of_it = links.entry(backend.number);
        let (_, waiting) = of_it.or_insert_with(|| (Arc::downgrade(backend), Vec::new()));
        if waiting.len() < WAITING {
            waiting.push(link);
        }
    }

    /// The connection of HTTP/2 to this instance; a new one if there is none.
    pub(crate) async fn stream(
        &self,
        backend: &Arc<Backend>,
        local: &Local,
    ) -> Result<SendRequest<Outgoing>, String> {
        let known = {
            let streams = self.streams.borrow();
            streams.get(&backend.number).map(|(_, send)| send.clone())
        };
        if let Some(known) = known.filter(|known| !known.is_closed()) {
            return Ok(known);
        }
        let stream = connect(backend.address)
            .await
            .map_err(|error| story(&error))?;
        let (send, connection) = http2::Builder::new(local.clone())
            .timer(TokioTimer::new())
            .keep_alive_interval(PING)
            .adaptive_window(true)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| story(&error))?;
        local.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to an instance ended early");
            }
        });
        let mut streams = self.streams.borrow_mut();
        streams.insert(backend.number, (Arc::downgrade(backend), send.clone()));
        Ok(send)
    }

    /// Closes what nobody wants any more. A stream that is under way keeps its connection.
    pub(crate) fn sweep(&self) {
        let gets_more = |backend: &Weak<Backend>| {
            backend
                .upgrade()
                .is_some_and(|backend| !backend.is_draining())
        };
        self.links.borrow_mut().retain(|_, (backend, waiting)| {
            let stays = gets_more(backend);
            waiting.retain_mut(|link| stays && link.since.elapsed() <= IDLE && link.is_open());
            !waiting.is_empty()
        });
        let mut streams = self.streams.borrow_mut();
        streams.retain(|_, (backend, send)| gets_more(backend) && !send.is_closed());
    }
}

//! `GET /watch`: what there is, and then every change, as server-sent events.
//!
//! | event | data |
//! |---|---|
//! | `snapshot` | `{"index", "entries": […]}`: what there is; first, unless `Last-Event-ID` says what was seen and the changes since are still known |
//! | `put` | the entry, new or changed |
//! | `removed` | `{"name", "id"}` |
//! | `withheld` | `{"name", "why", "since"}`: an instance of a cluster gets no traffic |
//! | `lost` | `{"error", "help"}`: the reader was too slow; the stream ends |
//!
//! Each has the number of its change as `id`. Nothing is kept for a reader: it is asked for more
//! when it has taken what it got.

use crate::log::event;
use crate::serve::Stopping;
use crate::told::words;
use crate::{Query, Registry, Watched};
use hyper::body::{Body, Bytes, Frame};
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;

/// So long nothing is sent at most: a reader that is gone is found by it.
const QUIET: Duration = Duration::from_secs(15);
/// Longer than that.
const LONG: Duration = Duration::from_secs(60);
/// Changes that are sent together.
const TOGETHER: usize = 256;

/// One reader of changes.
struct Watch {
    registry: Registry,
    name: Option<String>,
    /// The last change it was sent, or 0.
    seen: u64,
    stopping: Stopping,
    over: bool,
}

type Next = Pin<Box<dyn Future<Output = Option<(Watch, Bytes)>> + Send>>;

/// The body of an answer that goes on.
pub(crate) struct Changes {
    next: Option<Next>,
    /// Its place among those who may wait.
    _place: OwnedSemaphorePermit,
}

impl Changes {
    /// Of one name or of all, after the change `seen` if there is one.
    pub(crate) fn new(
        registry: Registry,
        name: Option<String>,
        seen: Option<u64>,
        stopping: Stopping,
        place: OwnedSemaphorePermit,
    ) -> Self {
        let watch = Watch {
            registry,
            name,
            seen: seen.unwrap_or(0),
            stopping,
            over: false,
        };
        Self {
            next: Some(Box::pin(watch.first())),
            _place: place,
        }
    }
}

impl Body for Changes {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(next) = &mut self.next else {
            return Poll::Ready(None);
        };
        match next.as_mut().poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(None) => {
                self.next = None;
                Poll::Ready(None)
            }
            Poll::Ready(Some((watch, bytes))) => {
                self.next = Some(Box::pin(watch.next()));
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
        }
    }
}

impl Watch {
    async fn first(mut self) -> Option<(Self, Bytes)> {
        let known = {
            let entries = self.registry.shared.read();
            self.seen <= entries.index && entries.log.after(self.seen, None, 0).is_some()
        };
        if known {
            return self.next().await;
        }
        let query = Query {
            name: self.name.as_deref(),
            ..Query::default()
        };
        let (index, all) = self.registry.find(&query);
        self.seen = index;
        let mut text =
            format!("id: {index}\nevent: snapshot\ndata: {{\"index\":{index},\"entries\":")
                .into_bytes();
        text.extend_from_slice(&words(all).await);
        text.extend_from_slice(b"}\n\n");
        Some((self, text.into()))
    }

    async fn next(mut self) -> Option<(Self, Bytes)> {
        if self.over {
            return None;
        }
        let watched = match &self.name {
            Some(name) => Watched::Name(name.clone()),
            None => Watched::Everything,
        };
        loop {
            let (index, later) = {
                let entries = self.registry.shared.read();
                let name = self.name.as_deref();
                (entries.index, entries.log.after(self.seen, name, TOGETHER))
            };
            let Some(later) = later else {
                self.over = true;
                let why = serde_json::json!({
                    "error": "the reader was too slow: changes it has not seen are no longer kept",
                    "help": "Begin anew, and read faster or only one name.",
                });
                return Some((self, event(index, "lost", &why)));
            };
            if let Some(last) = later.last() {
                self.seen = if later.len() < TOGETHER {
                    index
                } else {
                    last.index
                };
                let mut text = Vec::new();
                for one in &later {
                    text.extend_from_slice(one.text());
                }
                return Some((self, text.into()));
            }
            // Nothing of it up to here, so that what others do does not push it out.
            self.seen = index;
            let changed = self.registry.wait(&watched, index, LONG);
            let quiet = tokio::select! {
                changed = tokio::time::timeout(QUIET, changed) => changed.is_err(),
                () = self.stopping.stopped() => return None,
            };
            if quiet {
                return Some((self, Bytes::from_static(b": still here\n\n")));
            }
        }
    }
}

//! `GET /watch`: what there is, and then every change, as server-sent events.
//!
//! | event | data |
//! |---|---|
//! | `snapshot` | `{"index", "entries": […]}`: what there is; first, unless `Last-Event-ID` says what was seen and the changes since are still known; and again to a reader of one name that has missed some of it |
//! | `put` | the entry, new or changed |
//! | `removed` | `{"name", "id"}`: it is gone, or withheld no more and not listed either |
//! | `withheld` | `{"name", "id", "why", "since"}`: an instance of a cluster gets no traffic |
//! | `lost` | `{"error", "help"}`: the reader was too slow; the stream ends |
//!
//! Each has the number of its change as `id`. Nothing is kept for a reader: it is asked for more
//! when it has taken what it got.

use crate::log::event;
use crate::serve::Stopping;
use crate::{Registry, Watched};
use hyper::body::{Body, Bytes, Frame};
use std::collections::VecDeque;
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

/// What is sent next, in pieces: a list of everything is shared with all who read it.
type Pieces = VecDeque<Bytes>;
type Next = Pin<Box<dyn Future<Output = Option<(Watch, Pieces)>> + Send>>;

/// The body of an answer that goes on.
pub(crate) struct Changes {
    next: Option<Next>,
    pieces: Pieces,
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
            pieces: Pieces::new(),
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
        if let Some(piece) = self.pieces.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        let Some(next) = &mut self.next else {
            return Poll::Ready(None);
        };
        match next.as_mut().poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(None) => {
                self.next = None;
                Poll::Ready(None)
            }
            Poll::Ready(Some((watch, mut pieces))) => {
                self.next = Some(Box::pin(watch.next()));
                let first = pieces.pop_front().unwrap_or_default();
                self.pieces = pieces;
                Poll::Ready(Some(Ok(Frame::data(first))))
            }
        }
    }
}

impl Watch {
    async fn first(mut self) -> Option<(Self, Pieces)> {
        let known = {
            let entries = self.registry.shared.read();
            self.seen <= entries.index && entries.log.after(self.seen, None, 0).is_some()
        };
        match known {
            true => self.next().await,
            false => {
                let snapshot = self.snapshot().await;
                Some((self, snapshot))
            }
        }
    }

    /// What there is.
    async fn snapshot(&mut self) -> Pieces {
        let (index, text) = match &self.name {
            None => self.registry.told_whole().await,
            Some(name) => {
                let (index, text) = self.registry.told(name);
                (index, text.unwrap_or(Bytes::from_static(b"[]")))
            }
        };
        self.seen = index;
        let head = format!("id: {index}\nevent: snapshot\ndata: {{\"index\":{index},\"entries\":");
        [head.into(), text, Bytes::from_static(b"}\n\n")].into()
    }

    async fn next(mut self) -> Option<(Self, Pieces)> {
        if self.over {
            return None;
        }
        let watched = match &self.name {
            Some(name) => Watched::Name(name.clone()),
            None => Watched::Everything,
        };
        loop {
            let (index, changed, later) = {
                let entries = self.registry.shared.read();
                let name = self.name.as_deref();
                let later = entries.log.after(self.seen, name, TOGETHER);
                (entries.index, entries.changed(&watched), later)
            };
            let later = match later {
                // Others have pushed out what is kept, and nothing of this name.
                None if changed <= self.seen => Some(Vec::new()),
                None if self.name.is_some() => {
                    // What there is of one name is told quicker than what it missed.
                    let snapshot = self.snapshot().await;
                    return Some((self, snapshot));
                }
                later => later,
            };
            let Some(later) = later else {
                self.over = true;
                let why = serde_json::json!({
                    "error": "the reader was too slow: changes it has not seen are no longer kept",
                    "help": "Begin anew, and read faster or only one name.",
                });
                return Some((self, [event(index, "lost", &why)].into()));
            };
            if let Some(last) = later.last() {
                self.seen = if later.len() < TOGETHER {
                    index
                } else {
                    last.index
                };
                let texts = later.iter().map(|one| one.text().clone());
                return Some((self, texts.collect()));
            }
            // Nothing of it up to here, so that what others do does not push it out.
            self.seen = index;
            let changed = self.registry.wait(&watched, index, LONG);
            let quiet = tokio::select! {
                changed = tokio::time::timeout(QUIET, changed) => changed.is_err(),
                () = self.stopping.stopped() => return None,
            };
            if quiet {
                return Some((self, [Bytes::from_static(b": still here\n\n")].into()));
            }
        }
    }
}

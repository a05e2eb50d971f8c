//! Bodies on their way through: in pieces, as they come, and never faster than who reads them.

use crate::exchange::Link;
use crate::flight::Flight;
use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use tokio::time::Instant;

/// The body of a request to an instance.
pub(crate) enum Outgoing {
    /// None, or one that was small enough to be kept for another try.
    Whole(Option<Bytes>),
    /// As the client sends it.
    Streamed(Incoming, Rc<Sent>),
}

/// How far a body has been sent.
#[derive(Default)]
pub(crate) struct Sent {
    pub(crate) bytes: Cell<u64>,
    pub(crate) whole: Cell<bool>,
    /// Since when all of it was there.
    pub(crate) since: Cell<Option<Instant>>,
    /// Since when its next piece is waited for.
    pub(crate) waits: Cell<Option<Instant>>,
}

impl Sent {
    /// All of it is there.
    pub(crate) fn is_whole(&self) {
        if !self.whole.replace(true) {
            self.since.set(Some(Instant::now()));
        }
    }

    /// Since when an instance that was asked then owes an answer: since it had all of it. Nothing is known of one that
    /// answers before.
    pub(crate) fn owed_since(&self, asked: Instant) -> Option<Instant> {
        self.since.get().map(|since| since.max(asked))
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Streamed(body, sent) => {
                let frame = Pin::new(&mut *body).poll_frame(cx);
                match (&frame, sent.waits.get()) {
                    (Poll::Pending, None) => sent.waits.set(Some(Instant::now())),
                    (Poll::Ready(_), Some(_)) => sent.waits.set(None),
                    _ => {}
                }
                match &frame {
                    Poll::Ready(Some(Ok(frame))) => {
                        let length = frame.data_ref().map_or(0, Bytes::len) as u64;
                        sent.bytes.set(sent.bytes.get() + length);
                        if body.is_end_stream() {
                            sent.is_whole();
                        }
                    }
                    Poll::Ready(None) => sent.is_whole(),
                    Poll::Ready(Some(Err(_))) | Poll::Pending => {}
                }
                frame
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
            Self::Streamed(body, _) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Self::Streamed(body, _) => body.size_hint(),
        }
    }
}

/// The body of an answer to a client.
pub(crate) enum Answer {
    /// What the gateway says itself.
    Whole(Option<Bytes>),
    /// As the instance sends it.
    Streamed(Streamed),
}

/// A body that comes from an instance, with the connection that it comes by.
pub(crate) struct Streamed {
    body: Incoming,
    /// Of HTTP/1; a connection of HTTP/2 carries others, too, and is driven for itself.
    link: Option<Box<Link>>,
    flight: Box<Flight>,
    ended: bool,
    /// It broke off, which is passed on when what came before is written: with it that is dropped.
    broken: Option<hyper::Error>,
    /// How often all was written when the last piece of it was given.
    given: u64,
}

impl Answer {
    pub(crate) fn whole(bytes: Bytes) -> Self {
        Self::Whole((!bytes.is_empty()).then_some(bytes))
    }

    pub(crate) fn streamed(body: Incoming, link: Option<Box<Link>>, flight: Box<Flight>) -> Self {
        Self::Streamed(Streamed {
            ended: body.is_end_stream(),
            broken: None,
            // Its head, which is given now.
            given: flight.flushes().times(),
            body,
            link,
            flight,
        })
    }
}

impl Streamed {
    fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.flight.took();
        if self.broken.is_some() {
            return self.poll_broken(cx);
        }
        let mut frame = Pin::new(&mut self.body).poll_frame(cx);
        // What the body waits for, its connection has to read: both are driven by who reads the body.
        if frame.is_pending()
            && let Some(link) = &mut self.link
        {
            link.drive(cx);
            frame = Pin::new(&mut self.body).poll_frame(cx);
        }
        match frame {
            Poll::Ready(Some(Err(error))) => {
                self.link = None;
                self.flight.broke(&error);
                self.broken = Some(error);
                return self.poll_broken(cx);
            }
            Poll::Ready(Some(Ok(ref frame))) => {
                if let Some(data) = frame.data_ref() {
                    self.flight.out(data.len() as u64);
                }
                self.given = self.flight.flushes().times();
                self.ended = self.body.is_end_stream();
            }
            Poll::Ready(None) => self.ended = true,
            Poll::Pending => {}
        }
        frame
    }

    /// Breaks off as the instance did, once the client has all that came before.
    fn poll_broken(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if !self.flight.flushes().since(self.given, cx) {
            self.flight.gives();
            return Poll::Pending;
        }
        Poll::Ready(self.broken.take().map(Err))
    }
}

impl Drop for Streamed {
    fn drop(&mut self) {
        let Some(link) = self.link.take() else {
            return;
        };
        match self.ended {
            true => self.flight.give_back(link),
            // Where it was left nobody can go on: it is closed.
            false => self.flight.left_off(),
        }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Streamed(streamed) => streamed.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_none(),
            Self::Streamed(streamed) => streamed.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Self::Streamed(streamed) => streamed.body.size_hint(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_owed_since_all_was_there() {
        let second = Duration::from_secs(1);
        let (sent, began) = (Sent::default(), Instant::now());
        assert_eq!(sent.owed_since(began), None, "it answers before that");
        tokio::time::advance(20 * second).await;
        sent.is_whole();
        assert_eq!(sent.owed_since(began), Some(began + 20 * second));
        tokio::time::advance(second).await;
        sent.is_whole();
        assert_eq!(sent.owed_since(began), Some(began + 20 * second));
        // Another try begins later.
        let again = Instant::now();
        assert_eq!(sent.owed_since(again), Some(again));
    }
}

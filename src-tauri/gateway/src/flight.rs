//! A request on its way: what is noted of it when it is over, however that comes.

use crate::backend::Backend;
use crate::body::Sent;
use crate::exchange::{Link, story};
use crate::flush::Flushes;
use crate::listen::Worker;
use crate::log::Entry;
use crate::route::Route;
use crate::seat::Seat;
use hyper::header::HeaderValue;
use hyper::{Method, StatusCode, Uri};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// What nginx writes of a client that hung up before it had its answer.
const CLIENT_GONE: u16 = 499;

/// A request on its way.
pub(crate) struct Flight {
    worker: Rc<Worker>,
    seat: Rc<Seat>,
    began: Instant,
    pub(crate) method: Method,
    pub(crate) host: HeaderValue,
    /// As the client asked.
    pub(crate) uri: Uri,
    pub(crate) id: Option<HeaderValue>,
    pub(crate) route: Option<Arc<Route>>,
    /// The instance that answers.
    attempt: Option<Attempt>,
    sent: Option<Rc<Sent>>,
    pub(crate) retries: u8,
    status: u16,
    /// When the head of the answer was there.
    took: Option<Duration>,
    /// When all of it was there, if that is known already.
    over: Option<Instant>,
    error: Option<String>,
    out: u64,
    /// The client has a piece of the answer that it has not taken yet.
    giving: bool,
    noted: bool,
}

/// A request at one instance: it works on it until this is dropped.
pub(crate) struct Attempt {
    pub(crate) backend: Arc<Backend>,
    endless: bool,
}

impl Attempt {
    /// What [`Route::pick`] has begun.
    pub(crate) fn begun(backend: Arc<Backend>) -> Self {
        Self {
            backend,
            endless: false,
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if self.endless {
            self.backend.went_on();
        }
        self.backend.end();
    }
}

impl Flight {
    /// In a box: it is handed on often.
    pub(crate) fn new(
        worker: &Rc<Worker>,
        seat: &Rc<Seat>,
        method: &Method,
        uri: &Uri,
    ) -> Box<Self> {
        seat.begin();
        Box::new(Self {
            worker: Rc::clone(worker),
            seat: Rc::clone(seat),
            began: Instant::now(),
            method: method.clone(),
            host: HeaderValue::from_static(""),
            uri: uri.clone(),
            id: None,
            route: None,
            attempt: None,
            sent: None,
            retries: 0,
            status: CLIENT_GONE,
            took: None,
            over: None,
            error: None,
            out: 0,
            giving: false,
            noted: false,
        })
    }

    pub(crate) fn began(&self) -> Instant {
        self.began
    }

    /// How often all that was there for the client has been written.
    pub(crate) fn flushes(&self) -> &Flushes {
        &self.seat.flushes
    }

    /// The client sends a body.
    pub(crate) fn sends(&mut self, sent: &Rc<Sent>) {
        self.sent = Some(Rc::clone(sent));
    }

    /// The client wants the next piece of its answer, and so has taken the last.
    pub(crate) fn took(&mut self) {
        if std::mem::take(&mut self.giving) {
            self.seat.took();
        }
    }

    /// The head of an answer was there.
    pub(crate) fn head_came(&mut self, at: Instant) {
        self.took = Some(at.saturating_duration_since(self.began));
    }

    /// The instance has answered with this status.
    pub(crate) fn answered(&mut self, attempt: Attempt, status: StatusCode) {
        self.status = status.as_u16();
        self.attempt = Some(attempt);
    }

    /// The gateway answers itself.
    pub(crate) fn refused(&mut self, status: StatusCode, why: &str) {
        self.status = status.as_u16();
        self.took = Some(self.began.elapsed());
        // Who is sent elsewhere was not refused.
        self.error = (!status.is_redirection()).then(|| why.to_owned());
    }

    /// Nobody has asked it: it is not counted, and not written down.
    pub(crate) fn unnoted(&mut self) {
        self.noted = true;
    }

    /// What follows need not end by itself: it is written down now, and nobody waits for its end.
    pub(crate) fn goes_on(&mut self) {
        if let Some(attempt) = self.attempt.as_mut().filter(|attempt| !attempt.endless) {
            attempt.endless = true;
            attempt.backend.goes_on();
            self.seat.goes_on();
        }
        self.note(Instant::now());
    }

    /// Bytes for the client.
    pub(crate) fn out(&mut self, bytes: u64) {
        self.out += bytes;
        self.gives();
    }

    /// The client has to take what it was given before there is more for it.
    pub(crate) fn gives(&mut self) {
        if !std::mem::replace(&mut self.giving, true) {
            self.seat.gives();
        }
    }

    /// Bytes of both directions, where they were counted elsewhere.
    pub(crate) fn carried(&mut self, into: u64, out: u64) {
        self.out += out;
        self.count_bytes(into);
        self.out = 0;
    }

    /// The answer broke off.
    pub(crate) fn broke(&mut self, error: &hyper::Error) {
        self.error = Some(format!("the answer broke off: {}", story(error)));
    }

    /// Nobody read the answer to its end.
    pub(crate) fn left_off(&mut self) {
        let why = || "the client hung up before it had all".to_owned();
        self.error.get_or_insert_with(why);
    }

    /// The answer is over, and its connection can be used again.
    pub(crate) fn give_back(&mut self, link: Box<Link>) {
        let now = Instant::now();
        self.over = Some(now);
        if let Some(attempt) = &self.attempt {
            self.worker.pool.put(&attempt.backend, link, now);
        }
    }

    fn note(&mut self, over: Instant) {
        if std::mem::replace(&mut self.noted, true) {
            return;
        }
        let shared = &self.worker.shared;
        let took = self.took;
        let took = took.unwrap_or_else(|| over.saturating_duration_since(self.began));
        // The quantiles are of answers that began: a stream of an hour is no slow answer.
        let now = shared.clock.millis(self.began + took);
        let failed = self.status >= 500;
        if let Some(route) = &self.route {
            route.counters.answered(now, took, failed);
            self.seat
                .count(route, |edge| edge.answered(now, took, failed));
        }
        if let Some(attempt) = &self.attempt {
            attempt.backend.counters.answered(now, took, failed);
        }
        shared.log.note(&Entry {
            at: shared.clock.wall(),
            id: text(self.id.as_ref()),
            method: self.method.as_str(),
            // However it was asked for: by a port, by a path, in capitals.
            host: (self.route.as_ref()).map_or(text(Some(&self.host)), |route| route.host()),
            path: self.uri.path(),
            status: self.status,
            took: over.saturating_duration_since(self.began),
            backend: self.attempt.as_ref().map(|one| one.backend.id.as_str()),
            caller: self.seat.caller(),
            whence: self.seat.whence(),
            retries: self.retries,
            error: self.error.as_deref(),
        });
    }

    fn count_bytes(&self, into: u64) {
        if let Some(route) = &self.route {
            route.counters.bytes(into, self.out);
            self.seat.count(route, |edge| edge.bytes(into, self.out));
        }
        if let Some(attempt) = &self.attempt {
            attempt.backend.counters.bytes(into, self.out);
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let over = self.over.unwrap_or_else(Instant::now);
        self.note(over);
        self.took();
        if self.attempt.as_ref().is_some_and(|attempt| attempt.endless) {
            self.seat.went_on();
        }
        self.seat.end(over);
        self.count_bytes(self.sent.as_ref().map_or(0, |sent| sent.bytes.get()));
    }
}

fn text(value: Option<&HeaderValue>) -> &str {
    value.and_then(|value| value.to_str().ok()).unwrap_or("")
}

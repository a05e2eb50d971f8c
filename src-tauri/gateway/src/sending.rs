//! A request on its way to some instance: which, by what connection, and what is done when it fails.

use crate::answer::Refusal;
use crate::backend::Backend;
use crate::balance::Choice;
use crate::body::{Outgoing, Sent};
use crate::exchange::{Link, Lost, connect, story};
use crate::flight::{Attempt, Flight};
use crate::heads;
use crate::kept::Kept;
use crate::listen::Worker;
use crate::route::{Route, WAITING};
use crate::rules::Rules;
use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::HOST;
use hyper::http::uri::PathAndQuery;
use hyper::{Request, Response, Uri};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;

/// How long a request waits for an instance that is on its way.
pub(crate) const COMING: Duration = Duration::from_secs(10);
/// First wait for an instance that refuses connections: it may have died just now, and the registry
/// be about to say so. Doubled each time.
const REFUSED: Duration = Duration::from_millis(10);
const LONGEST_REFUSED: Duration = Duration::from_millis(200);

/// A request on its way to some instance.
pub(crate) struct Sending<'a> {
    pub(crate) worker: &'a Rc<Worker>,
    pub(crate) route: &'a Arc<Route>,
    pub(crate) rules: &'a Rules,
    pub(crate) hash: u64,
    /// By HTTP/2.
    pub(crate) stream: bool,
    /// To speak something else than HTTP.
    pub(crate) switching: bool,
    /// The body of its client, if it has one.
    pub(crate) body: Option<&'a Sent>,
    pub(crate) deadline: Instant,
    pub(crate) tried: Vec<u64>,
    /// The instance that works on it.
    pub(crate) at: Option<Arc<Backend>>,
}

impl Sending<'_> {
    pub(crate) async fn send(
        &mut self,
        flight: &mut Flight,
        place: &mut Option<Request<Outgoing>>,
    ) -> Result<(Attempt, Response<Incoming>, Option<Box<Link>>), Refusal> {
        let again = self.again(place.as_ref());
        // Not when the request began: how slowly its client sent a body that was kept is no fault of an instance.
        let mut began = Instant::now();
        let mut patience = Patience::new(began, self.deadline);
        let mut left = self.rules.retries;
        // An instance may have it, or have died of it.
        let mut sent = false;
        loop {
            let attempt = match self.pick(began) {
                Some(attempt) => attempt,
                None => {
                    let attempt = Box::pin(self.instance(&patience)).await;
                    began = Instant::now();
                    attempt.map_err(|nobody| match sent {
                        true => nobody.once(),
                        false => nobody,
                    })?
                }
            };
            debug_assert!(place.is_some(), "each try begins with the request");
            let backend = Arc::clone(&attempt.backend);
            self.at = Some(Arc::clone(&backend));
            let mut late = false;
            let limited = self
                .rules
                .try_timeout
                .filter(|_| !again.is_never() && left > 0);
            let outcome = match limited {
                None => self.once(&backend, place, again.is_never(), began).await,
                Some(time) => {
                    let tried = self.once(&backend, place, again.is_never(), began);
                    let limited = Box::pin(tokio::time::timeout(time, tried));
                    limited.await.unwrap_or_else(|_| {
                        late = true;
                        Err(unreached(format!(
                            "it has not answered for {} s",
                            time.as_secs_f32()
                        )))
                    })
                }
            };
            let lost = match outcome {
                Ok((response, link)) => {
                    let now = Instant::now();
                    let owed = match self.body {
                        None => Some(began),
                        Some(sent) => sent.owed_since(began),
                    };
                    self.judge(&backend, &response, owed, now);
                    flight.head_came(now);
                    return Ok((attempt, response, link));
                }
                Err(lost) => lost,
            };
            drop(attempt);
            sent |= place.is_none();
            tracing::debug!(backend.id, lost.why, "an instance has not answered");
            let unsent = place.is_some();
            let repeated = match (late || !unsent) && left > 0 {
                true => again.request(lost.kept.as_deref()),
                false => None,
            };
            match repeated {
                // Who takes as long to accept as he may to answer costs a retry, too, as long as there are some: what
                // they are to keep from instances, doing one thing twice, this is not.
                Some(request) if self.route.may_retry() => {
                    if !lost.stale {
                        self.failed(&backend, &lost.why);
                        self.tried.push(backend.number);
                    }
                    left -= 1;
                    *place = Some(request);
                }
                // Closed while it waited for a request: nothing is said about the instance by that.
                _ if unsent && lost.stale => {}
                _ if unsent => {
                    // However often it is tried, one request is one failure of an instance.
                    if !self.tried.contains(&backend.number) {
                        self.failed(&backend, &lost.why);
                    }
                    if !Box::pin(patience.goes_on(self.route, &backend)).await {
                        return Err(unreachable(self.route, &lost.why));
                    }
                    if !self.tried.contains(&backend.number) {
                        self.tried.push(backend.number);
                    }
                }
                _ => {
                    self.failed(&backend, &lost.why);
                    return Err(unreachable(self.route, &lost.why));
                }
            }
            flight.retries = flight.retries.saturating_add(1);
            began = Instant::now();
        }
    }

    /// An instance that takes the request now.
    fn pick(&self, now: Instant) -> Option<Attempt> {
        let choice = Choice {
            balance: self.rules.balance,
            now: self.worker.shared.clock.millis(now),
            chance: self.worker.chance(),
            hash: self.hash,
            tried: &self.tried,
        };
        self.route.pick(&choice).map(Attempt::begun)
    }

    /// An instance that takes the request; one that is on its way is waited for.
    async fn instance(&self, patience: &Patience) -> Result<Attempt, Refusal> {
        let clock = &self.worker.shared.clock;
        let mut waits = None;
        loop {
            // From here on nothing that changes is missed.
            let changes = self.route.changes();
            if let Some(attempt) = self.pick(Instant::now()) {
                return Ok(attempt);
            }
            let Some(nobody) = self.route.nobody(clock) else {
                // One has come since.
                tokio::task::yield_now().await;
                continue;
            };
            let refusal = || Refusal::nobody(self.route, &nobody, clock.wall());
            if waits.is_none() {
                waits = Some(Waits::new(self.route).ok_or_else(refusal)?);
            }
            if !nobody.coming
                || tokio::time::timeout_at(patience.until, changes)
                    .await
                    .is_err()
            {
                return Err(refusal());
            }
        }
    }

    /// Tries it at this instance.
    async fn once(
        &self,
        backend: &Arc<Backend>,
        place: &mut Option<Request<Outgoing>>,
        once: bool,
        now: Instant,
    ) -> Result<(Response<Incoming>, Option<Box<Link>>), Box<Lost>> {
        if self.stream {
            let response = Box::pin(self.stream(backend, place)).await?;
            return Ok((response, None));
        }
        let waiting = match self.switching {
            true => None,
            false => self.worker.pool.take(backend, once, now),
        };
        let mut link = match waiting {
            Some(link) => link,
            None => match Box::pin(open(backend, self.switching)).await {
                Ok(link) => link,
                Err(why) => return Err(unreached(why)),
            },
        };
        let response = link.exchange(place).await?;
        Ok((response, Some(link)))
    }

    /// Tries it at this instance by HTTP/2.
    async fn stream(
        &self,
        backend: &Arc<Backend>,
        place: &mut Option<Request<Outgoing>>,
    ) -> Result<Response<Incoming>, Box<Lost>> {
        let stream = self.worker.pool.stream(backend, &self.worker.local).await;
        let mut send = match stream {
            Ok(send) => send,
            Err(why) => return Err(unreached(why)),
        };
        let Some(mut request) = place.take() else {
            return Err(unreached("it was sent already".to_owned()));
        };
        // HTTP/2 has the host in the target.
        if let Some(host) = request.headers().get(HOST).cloned() {
            let path = request.uri().path_and_query().cloned();
            let target = Uri::builder()
                .scheme("http")
                .authority(host.as_bytes())
                .path_and_query(path.unwrap_or_else(|| PathAndQuery::from_static("/")))
                .build();
            if let Ok(target) = target {
                request.headers_mut().remove(HOST);
                *request.uri_mut() = target;
            }
        }
        send.try_send_request(request).await.map_err(|mut lost| {
            *place = lost.take_message();
            Box::new(Lost {
                why: story(lost.error()),
                stale: false,
                kept: None,
            })
        })
    }

    /// What can be sent again is kept; what cannot goes once, unless nothing of it has left.
    fn again(&self, request: Option<&Request<Outgoing>>) -> Again {
        let Some(request) = request.filter(|request| heads::is_idempotent(request.method())) else {
            return Again::Never;
        };
        match request.body() {
            // Another connection than the one that kept it, or none.
            Outgoing::Whole(bytes) if self.stream || self.rules.try_timeout.is_some() => {
                Again::Copied(Box::new(copy(request, bytes.clone())))
            }
            Outgoing::Whole(bytes) => Again::Written(bytes.clone()),
            Outgoing::Streamed(..) => Again::Never,
        }
    }

    /// What an answer says about its instance.
    fn judge(
        &self,
        backend: &Backend,
        response: &Response<Incoming>,
        owed: Option<Instant>,
        now: Instant,
    ) {
        if let Some(owed) = owed {
            backend.quick(
                self.worker.shared.clock.millis(now),
                now.saturating_duration_since(owed),
            );
        }
        match response.status().is_server_error() {
            true => self.failed(backend, &format!("it answered {}", response.status())),
            false => backend.succeeded(),
        }
    }

    /// The instance that works on it has not answered in time.
    pub(crate) fn timed_out(&self) {
        if let Some(backend) = &self.at {
            self.failed(backend, "it has not answered in time");
        }
    }

    fn failed(&self, backend: &Backend, why: &str) {
        if backend.failed() {
            let now = self.worker.shared.clock.millis(Instant::now());
            let why = format!("it failed five requests in a row, the last because {why}");
            self.route.eject(backend, now, why);
        }
    }
}

/// What another try sends.
enum Again {
    /// Nothing: it may have been done.
    Never,
    /// The head that its connection has written, with this body.
    Written(Option<Bytes>),
    /// This.
    Copied(Box<Request<Option<Bytes>>>),
}

impl Again {
    fn is_never(&self) -> bool {
        matches!(self, Self::Never)
    }

    fn request(&self, written: Option<&Kept>) -> Option<Request<Outgoing>> {
        match self {
            Self::Never => None,
            Self::Written(body) => written?.again(body.clone()),
            Self::Copied(kept) => Some(copy(kept, Outgoing::Whole(kept.body().clone()))),
        }
    }
}

/// A new connection to an instance.
async fn open(backend: &Backend, switching: bool) -> Result<Box<Link>, String> {
    let stream = connect(backend.address).await;
    let stream = stream.map_err(|error| story(&error))?;
    let link = Link::new(stream, switching).await;
    link.map_err(|error| story(&error))
}

fn unreached(why: String) -> Box<Lost> {
    Box::new(Lost {
        why,
        stale: false,
        kept: None,
    })
}

/// The same head with another body.
fn copy<A, B>(request: &Request<A>, body: B) -> Request<B> {
    let mut copy = Request::new(body);
    copy.method_mut().clone_from(request.method());
    copy.uri_mut().clone_from(request.uri());
    *copy.version_mut() = request.version();
    copy.headers_mut().clone_from(request.headers());
    copy
}

fn unreachable(route: &Route, why: &str) -> Refusal {
    let error = format!("{} has not answered: {why}", route.name);
    Refusal::broken(route, &error)
}

/// How long a request waits for an instance that is not there.
struct Patience {
    until: Instant,
    next: Duration,
    tries: u32,
}

impl Patience {
    fn new(began: Instant, deadline: Instant) -> Self {
        Self {
            until: deadline.min(began + COMING),
            next: REFUSED,
            tries: 0,
        }
    }

    /// Waits until it may be otherwise; false when there is no use in going on. An instance of ours
    /// that has just died is soon known to have; what registered itself may have died long ago.
    async fn goes_on(&mut self, route: &Route, backend: &Backend) -> bool {
        self.tries += 1;
        let others = route.backends().len() > self.tries as usize;
        if others {
            return true;
        }
        if backend.owner.is_none() || Instant::now() + self.next >= self.until {
            return false;
        }
        // Whichever is first: word of the registry, or time for another try.
        let _ = tokio::time::timeout(self.next, route.changes()).await;
        self.next = (self.next * 2).min(LONGEST_REFUSED);
        true
    }
}

/// Counts who waits for an instance.
struct Waits<'a>(&'a Route);

impl<'a> Waits<'a> {
    fn new(route: &'a Route) -> Option<Self> {
        let before = route.waiting.fetch_add(1, Ordering::Relaxed);
        let waits = Self(route);
        (before < WAITING).then_some(waits)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

//! A request on its way to some instance: which, by what connection, and what is done when it fails.

use crate::answer::Refusal;
use crate::backend::Backend;
use crate::balance::Choice;
use crate::body::Outgoing;
use crate::exchange::{Link, Lost, connect, story};
use crate::flight::{Attempt, Flight};
use crate::heads;
use crate::listen::Worker;
use crate::route::{Route, WAITING};
use crate::rules::Rules;
use hyper::body::Incoming;
use hyper::header::{HOST, UPGRADE};
use hyper::http::request::Parts;
use hyper::http::uri::PathAndQuery;
use hyper::{Request, Response, StatusCode, Uri, Version};
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
    pub(crate) deadline: Instant,
    pub(crate) tried: Vec<u64>,
    /// The instance that works on it.
    pub(crate) at: Option<Arc<Backend>>,
}

impl Sending<'_> {
    pub(crate) async fn send(
        &mut self,
        flight: &mut Flight,
        parts: Parts,
        body: Outgoing,
    ) -> Result<(Attempt, Response<Incoming>, Option<Link>), Refusal> {
        // What can be sent again is kept; what cannot goes once, unless nothing of it has left.
        let again = match &body {
            Outgoing::Whole(bytes) if heads::is_idempotent(&parts.method) => {
                Some((parts.clone(), bytes.clone()))
            }
            _ => None,
        };
        let mut request = Request::from_parts(parts, body);
        let mut patience = Patience::new(self.deadline);
        let mut left = self.rules.retries;
        loop {
            let attempt = self.instance(&patience).await?;
            let backend = Arc::clone(&attempt.backend);
            self.at = Some(Arc::clone(&backend));
            let began = Instant::now();
            let limited = self
                .rules
                .try_timeout
                .filter(|_| again.is_some() && left > 0);
            let tried = self.once(&backend, request, again.is_none());
            let outcome = match limited {
                None => tried.await,
                Some(time) => tokio::time::timeout(time, tried).await.unwrap_or_else(|_| {
                    Err(Lost {
                        why: format!("it has not answered for {} s", time.as_secs_f32()),
                        unsent: None,
                        stale: false,
                    })
                }),
            };
            let lost = match outcome {
                Ok((response, link)) => {
                    self.judge(&backend, &response, began);
                    return Ok((attempt, response, link));
                }
                Err(lost) => lost,
            };
            drop(attempt);
            tracing::debug!(backend.id, lost.why, "an instance has not answered");
            match (lost.unsent, &again) {
                // Closed while it waited for a request: nothing is said about the instance by that.
                (Some(unsent), _) if lost.stale => request = *unsent,
                (Some(unsent), _) => {
                    // However often it is tried, one request is one failure of an instance.
                    if !self.tried.contains(&backend.number) {
                        self.failed(&backend, &lost.why);
                    }
                    if !patience.goes_on(self.route, &backend).await {
                        return Err(unreachable(self.route, &lost.why));
                    }
                    if !self.tried.contains(&backend.number) {
                        self.tried.push(backend.number);
                    }
                    request = *unsent;
                }
                (None, Some((parts, bytes))) if left > 0 && self.route.may_retry() => {
                    if !lost.stale {
                        self.failed(&backend, &lost.why);
                        self.tried.push(backend.number);
                    }
                    left -= 1;
                    request = Request::from_parts(parts.clone(), Outgoing::Whole(bytes.clone()));
                }
                (None, _) => {
                    self.failed(&backend, &lost.why);
                    return Err(unreachable(self.route, &lost.why));
                }
            }
            flight.retries = flight.retries.saturating_add(1);
        }
    }

    /// An instance that takes the request; one that is on its way is waited for.
    async fn instance(&self, patience: &Patience) -> Result<Attempt, Refusal> {
        let clock = &self.worker.shared.clock;
        let mut waits = None;
        loop {
            // From here on nothing that changes is missed.
            let changes = self.route.changes();
            let choice = Choice {
                balance: self.rules.balance,
                now: clock.millis(Instant::now()),
                chance: self.worker.chance(),
                hash: self.hash,
                tried: &self.tried,
            };
            if let Some(backend) = self.route.pick(&choice) {
                return Ok(Attempt::begun(backend));
            }
            let Some(nobody) = self.route.nobody(clock) else {
                // One has come since.
                tokio::task::yield_now().await;
                continue;
            };
            let refusal = || Refusal::nobody(&self.route.name, &nobody, clock.wall());
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
        mut request: Request<Outgoing>,
        once: bool,
    ) -> Result<(Response<Incoming>, Option<Link>), Lost> {
        let unreached = |request, why| Lost {
            why,
            unsent: Some(Box::new(request)),
            stale: false,
        };
        let worker = self.worker;
        if self.stream {
            let mut send = match worker.pool.stream(backend, &worker.local).await {
                Ok(send) => send,
                Err(why) => return Err(unreached(request, why)),
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
            let lost = match send.try_send_request(request).await {
                Ok(response) => return Ok((response, None)),
                Err(lost) => lost,
            };
            let mut lost = lost;
            return Err(Lost {
                unsent: lost.take_message().map(Box::new),
                why: story(lost.error()),
                stale: false,
            });
        }
        *request.version_mut() = Version::HTTP_11;
        let switching = request.headers().contains_key(UPGRADE);
        let waiting = match switching {
            true => None,
            false => worker.pool.take(backend, once),
        };
        let mut link = match waiting {
            Some(link) => link,
            None => match connect(backend.address).await {
                Ok(stream) => match Link::new(stream, switching).await {
                    Ok(link) => link,
                    Err(error) => return Err(unreached(request, story(&error))),
                },
                Err(error) => return Err(unreached(request, story(&error))),
            },
        };
        let response = link.exchange(request).await?;
        Ok((response, Some(link)))
    }

    /// What an answer says about its instance.
    fn judge(&self, backend: &Backend, response: &Response<Incoming>, began: Instant) {
        let now = Instant::now();
        backend.quick(
            self.worker.shared.clock.millis(now),
            now.saturating_duration_since(began),
        );
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

fn unreachable(route: &Route, why: &str) -> Refusal {
    let error = format!("{} has not answered: {why}", route.name);
    Refusal::new(StatusCode::BAD_GATEWAY, &error, "Look at its log.")
}

/// How long a request waits for an instance that is not there.
struct Patience {
    until: Instant,
    next: Duration,
    tries: u32,
}

impl Patience {
    fn new(deadline: Instant) -> Self {
        Self {
            until: deadline.min(Instant::now() + COMING),
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

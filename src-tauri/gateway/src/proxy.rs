//! One request: let in or refused, sent to an instance, tried again where that harms nobody.

use crate::answer::{Asked, Refusal};
use crate::balance::{Choice, hash};
use crate::body::{Answer, Outgoing, Sent};
use crate::client::{Client, Last};
use crate::exchange::{Link, Lost, connect, story};
use crate::flight::{Attempt, Flight};
use crate::heads::{self, Way, X_REQUEST_ID};
use crate::listen::Worker;
use crate::route::{Route, WAITING};
use crate::rules::{HashBy, Rules};
use crate::{guard, tunnel};
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Incoming};
use hyper::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HeaderValue, TE, UPGRADE};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode, Uri, Version};
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;

/// How long a request waits for an instance that is on its way.
const COMING: Duration = Duration::from_secs(10);
/// First wait for an instance that refuses connections: it may have died just now, and the registry
/// be about to say so. Doubled each time.
const REFUSED: Duration = Duration::from_millis(10);
const LONGEST_REFUSED: Duration = Duration::from_millis(200);
/// A body of an idempotent request is kept for another try when it has no more bytes.
const KEPT_BODY: u64 = 64 << 10;

/// Answers a request.
pub(crate) async fn serve(
    worker: Rc<Worker>,
    client: Rc<Client>,
    mut request: Request<Incoming>,
) -> Result<Response<Answer>, Infallible> {
    let asked = Asked::new(request.version(), request.headers());
    let mut flight = Flight::new(&worker, request.method(), request.uri());
    let admitted = admit(&worker, &client, &mut flight, &mut request);
    let passed = match admitted {
        Ok(admitted) => pass(&worker, &asked, flight, admitted, request).await,
        Err(refusal) => {
            if refusal.status != StatusCode::NOT_FOUND {
                worker.shared.refused.fetch_add(1, Ordering::Relaxed);
            }
            Err((flight, refusal))
        }
    };
    Ok(passed.unwrap_or_else(|(mut flight, refusal)| {
        flight.refused(refusal.status, &refusal.error);
        refusal.answer(&asked)
    }))
}

/// What was found out about a request before it is sent.
struct Admitted {
    route: Arc<Route>,
    rules: Arc<Rules>,
    upgrade: Option<HeaderValue>,
    hash: u64,
}

/// Holds a request against all that is refused, finds its route, and makes its head fit to be sent.
fn admit(
    worker: &Rc<Worker>,
    client: &Client,
    flight: &mut Flight,
    request: &mut Request<Incoming>,
) -> Result<Admitted, Refusal> {
    let (version, method) = (request.version(), request.method().clone());
    if method == Method::CONNECT || method == Method::TRACE {
        let help = "The gateway leads to services by their names, and is no other proxy.";
        let error = format!("{method} is not served");
        return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, &error, help));
    }
    let headers = request.headers();
    let host = guard::host(version, request.uri(), headers)?;
    flight.host = host.clone();
    let uri = request.uri();
    let target = uri.path().starts_with('/') || (uri.path() == "*" && method == Method::OPTIONS);
    if !target || uri.scheme_str().is_some_and(|scheme| scheme != "http") {
        return Err(guard::malformed("its target is no path"));
    }
    if let Some(sniffed) = &client.sniffed {
        let bodiless = request.body().is_end_stream();
        if let Some(two) = sniffed.parsed(&method, headers, bodiless) {
            return Err(guard::malformed(two));
        }
        let coding = headers.get(hyper::header::TRANSFER_ENCODING);
        if coding.is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"chunked")) {
            return Err(guard::malformed(
                "its body is coded in more ways than chunked",
            ));
        }
    }
    if heads::circles(headers) {
        let help = "A service of this route asks the gateway for itself.";
        return Err(Refusal::new(
            StatusCode::LOOP_DETECTED,
            "the request goes in circles",
            help,
        ));
    }
    let (route, forwarded, prefix) = find(worker, client, &host, uri)?;
    flight.route = Some(Arc::clone(&route));
    let rules = route.rules();
    guard::origin(&method, headers, &rules.allow_origins)?;
    if let Some(rate) = rules.rate {
        let now = worker.shared.clock.millis(flight.began());
        if !route.within(rate, now) {
            let error = format!("{} takes {rate} requests a second", route.name);
            let refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, &error, "Ask again later.");
            return Err(refusal.again(1));
        }
    }
    let upgrade = heads::upgrade(&method, version, headers);
    let hash = hashed(&rules, client, headers);
    let trailers = version == Version::HTTP_2 && headers.contains_key(TE);
    let way = Way {
        client: &client.shown,
        host: &host,
        forwarded: &forwarded,
        prefix: prefix.as_deref(),
        version,
    };
    match prefix.as_deref() {
        Some(prefix) => {
            let rest = guard::without(prefix, request.uri());
            *request.uri_mut() = rest.ok_or_else(|| guard::malformed("its target is no path"))?;
        }
        // An instance is asked for a path; who it is it has in its Host.
        None if request.uri().authority().is_some() => {
            let path = request.uri().path_and_query().cloned();
            *request.uri_mut() = path.map_or_else(|| Uri::from_static("/"), Uri::from);
        }
        None => {}
    }
    let headers = request.headers_mut();
    heads::outgoing(headers, &way, || worker.chance());
    if let Some(upgrade) = &upgrade {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, upgrade.clone());
    }
    if trailers {
        // The one thing that gRPC says by it, and needs.
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    flight.id = headers.get(X_REQUEST_ID).cloned();
    Ok(Admitted {
        route,
        rules,
        upgrade,
        hash,
    })
}

/// The route of a host, its `Forwarded`, and what is taken off the path.
fn find(
    worker: &Worker,
    client: &Client,
    host: &HeaderValue,
    uri: &Uri,
) -> Result<(Arc<Route>, HeaderValue, Option<String>), Refusal> {
    let table = &worker.shared.table;
    let version = table.version();
    if let Some(last) = &*client.last.borrow()
        && last.version == version
        && last.host == *host
    {
        return Ok((Arc::clone(&last.route), last.forwarded.clone(), None));
    }
    let (route, prefix) = guard::route(table, host, uri)?;
    let forwarded = heads::forwarded(&client.shown, host);
    if prefix.is_none() {
        *client.last.borrow_mut() = Some(Last {
            version,
            host: host.clone(),
            forwarded: forwarded.clone(),
            route: Arc::clone(&route),
        });
    }
    Ok((route, forwarded, prefix))
}

/// What a request hashes to, where that matters.
fn hashed(rules: &Rules, client: &Client, headers: &hyper::HeaderMap) -> u64 {
    if rules.balance != model::view::Balance::Hash {
        return 0;
    }
    let of = |text: Option<&[u8]>| text.map(hash);
    let found = match &rules.hash {
        HashBy::Client => None,
        HashBy::Header(name) => of(headers.get(name).map(HeaderValue::as_bytes)),
        HashBy::Cookie(name) => {
            let all = headers.get_all(COOKIE).iter();
            let mut pairs = all.flat_map(|value| value.as_bytes().split(|b| *b == b';'));
            of(pairs.find_map(|pair| {
                let rest = pair.trim_ascii().strip_prefix(name.as_bytes())?;
                rest.strip_prefix(b"=")
            }))
        }
    };
    found.unwrap_or_else(|| hash(client.shown.as_bytes()))
}

type Passed = Result<Response<Answer>, (Flight, Refusal)>;

/// Sends a request that was let in, and answers with what comes back.
async fn pass(
    worker: &Rc<Worker>,
    asked: &Asked,
    mut flight: Flight,
    admitted: Admitted,
    mut request: Request<Incoming>,
) -> Passed {
    let client = (admitted.upgrade.as_ref()).map(|_| hyper::upgrade::on(&mut request));
    let (parts, body) = request.into_parts();
    let deadline = flight.began() + admitted.rules.timeout;
    let mut sending = Sending {
        worker,
        route: &admitted.route,
        rules: &admitted.rules,
        hash: admitted.hash,
        stream: asked.version == Version::HTTP_2 && asked.is_grpc(),
        deadline,
        tried: Vec::new(),
    };
    admitted.route.pay();
    let sent = async {
        let body = keep(&parts, body, &mut flight).await?;
        sending.send(&mut flight, parts, body).await
    };
    let (attempt, response, link) = match tokio::time::timeout_at(deadline, sent).await {
        Ok(Ok(answered)) => answered,
        Ok(Err(refusal)) => return Err((flight, refusal)),
        Err(_) => {
            let seconds = admitted.rules.timeout.as_secs_f32();
            let error = format!("{} has not answered for {seconds} s", admitted.route.name);
            let help = "Look at what it does; the time can be changed by `timeout` of its route.";
            return Err((
                flight,
                Refusal::new(StatusCode::GATEWAY_TIMEOUT, &error, help),
            ));
        }
    };
    match (client, admitted.upgrade) {
        (Some(client), Some(wanted)) if response.status() == StatusCode::SWITCHING_PROTOCOLS => {
            flight.answered(attempt, response.status());
            Ok(switch(worker, flight, client, &wanted, response, link))
        }
        _ if response.status().is_informational() => {
            let error = format!(
                "{} spoke of an upgrade nobody asked for",
                admitted.route.name
            );
            let refusal = Refusal::new(StatusCode::BAD_GATEWAY, &error, "Look at its log.");
            Err((flight, refusal))
        }
        _ => {
            flight.answered(attempt, response.status());
            Ok(answer(flight, response, link))
        }
    }
}

/// What an instance has answered.
fn answer(
    mut flight: Flight,
    response: Response<Incoming>,
    link: Option<Link>,
) -> Response<Answer> {
    let (mut head, body) = response.into_parts();
    heads::strip(&mut head.headers);
    head.version = Version::HTTP_11;
    // Hyper has its own there, which is of no use to the client's connection.
    head.extensions.clear();
    if let Some(id) = &flight.id {
        head.headers.insert(X_REQUEST_ID, id.clone());
    }
    let kind = head.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    if kind.is_some_and(|kind| kind.starts_with(b"text/event-stream")) {
        flight.goes_on();
    }
    Response::from_parts(head, Answer::streamed(body, link, flight))
}

/// Both sides leave HTTP.
fn switch(
    worker: &Rc<Worker>,
    mut flight: Flight,
    client: hyper::upgrade::OnUpgrade,
    wanted: &HeaderValue,
    mut response: Response<Incoming>,
    link: Option<Link>,
) -> Response<Answer> {
    let instance = hyper::upgrade::on(&mut response);
    let (mut head, _) = response.into_parts();
    let to = head
        .headers
        .remove(UPGRADE)
        .unwrap_or_else(|| wanted.clone());
    heads::strip(&mut head.headers);
    head.headers.insert(UPGRADE, to);
    head.headers
        .insert(CONNECTION, HeaderValue::from_static("upgrade"));
    head.extensions.clear();
    flight.goes_on();
    worker.local.spawn(async move {
        if let Some(link) = link {
            link.hand_over().await;
        }
        tunnel::carry(client, instance, flight).await;
    });
    Response::from_parts(head, Answer::whole(Bytes::new()))
}

/// The body, kept where it is small enough for another try.
async fn keep(parts: &Parts, body: Incoming, flight: &mut Flight) -> Result<Outgoing, Refusal> {
    if body.is_end_stream() {
        return Ok(Outgoing::Whole(None));
    }
    let length = parts
        .headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok());
    let length = length.and_then(|length| length.parse::<u64>().ok());
    let sent = Rc::new(Sent::default());
    flight.sent = Some(Rc::clone(&sent));
    if !heads::is_idempotent(&parts.method) || length.is_none_or(|length| length > KEPT_BODY) {
        return Ok(Outgoing::Streamed(body, sent));
    }
    let whole = Limited::new(body, KEPT_BODY as usize).collect().await;
    let whole = whole
        .map_err(|_| guard::malformed("its body broke off"))?
        .to_bytes();
    sent.bytes.set(whole.len() as u64);
    Ok(Outgoing::Whole(Some(whole)))
}

/// A request on its way to some instance.
struct Sending<'a> {
    worker: &'a Rc<Worker>,
    route: &'a Arc<Route>,
    rules: &'a Rules,
    hash: u64,
    /// By HTTP/2.
    stream: bool,
    deadline: Instant,
    tried: Vec<u64>,
}

impl Sending<'_> {
    async fn send(
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
                    self.failed(&backend, &lost.why);
                    if !patience.goes_on(self.route, &backend).await {
                        return Err(unreachable(self.route, &lost.why));
                    }
                    self.tried.push(backend.number);
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
        backend: &Arc<crate::backend::Backend>,
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
            let target = Uri::builder()
                .scheme("http")
                .authority(backend.address.to_string());
            let target = target.path_and_query(request.uri().path()).build();
            if let Ok(mut target) = target {
                std::mem::swap(request.uri_mut(), &mut target);
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
    fn judge(
        &self,
        backend: &crate::backend::Backend,
        response: &Response<Incoming>,
        began: Instant,
    ) {
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

    fn failed(&self, backend: &crate::backend::Backend, why: &str) {
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
    async fn goes_on(&mut self, route: &Route, backend: &crate::backend::Backend) -> bool {
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

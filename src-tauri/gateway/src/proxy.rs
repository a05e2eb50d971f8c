//! One request: let in or refused, sent to an instance, tried again where that harms nobody.

use crate::answer::{Asked, Refusal};
use crate::balance::hash;
use crate::body::{Answer, Outgoing, Sent};
use crate::client::{Client, Last};
use crate::exchange::Link;
use crate::flight::Flight;
use crate::heads::{self, Has, Way, X_REQUEST_ID};
use crate::listen::Worker;
use crate::route::Route;
use crate::rules::{HashBy, Rules};
use crate::sending::{COMING, Sending};
use crate::{guard, tunnel};
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Incoming};
use hyper::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HeaderValue, TE, TRANSFER_ENCODING, UPGRADE,
};
use hyper::{Method, Request, Response, StatusCode, Uri, Version};
use std::convert::Infallible;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;

/// How long a client may take for the next piece of a body, as long as there is no answer.
const STALLED: Duration = Duration::from_secs(30);
/// A body of an idempotent request is kept for another try when it has no more bytes.
const KEPT_BODY: u64 = 64 << 10;

/// Answers a request.
///
/// No `async fn`: that has each of its arguments twice in what it is while it waits, and a request is large. It lies in
/// one place until it is sent. What a request needs is written anew for each, and with as many as are under way at a
/// time it is the memory that they take turns in, more than the instructions, that they wait for.
pub(crate) fn serve(
    worker: Rc<Worker>,
    client: Rc<Client>,
    request: Request<Incoming>,
) -> impl Future<Output = Result<Response<Answer>, Infallible>> {
    let has = Has::of(request.headers());
    let asked = Asked::new(request.method(), request.version(), request.headers(), has);
    let mut flight = Flight::new(&worker, &client.seat, request.method(), request.uri());
    let body_sent = (!request.body().is_end_stream()).then(Rc::<Sent>::default);
    if let Some(sent) = &body_sent {
        client.seat.sends(sent);
    }
    let mut place = Some(request.map(|body| match &body_sent {
        None => Outgoing::Whole(None),
        Some(sent) => Outgoing::Streamed(body, Rc::clone(sent)),
    }));
    async move {
        let admitted = match &mut place {
            Some(request) => admit(&worker, &client, &mut flight, has, request).await,
            None => Err(guard::malformed("there is none")),
        };
        let admitted = match admitted {
            Ok(admitted) => admitted,
            Err(refusal) => {
                let missed = [
                    StatusCode::NOT_FOUND,
                    StatusCode::SERVICE_UNAVAILABLE,
                    StatusCode::PERMANENT_REDIRECT,
                ];
                if !missed.contains(&refusal.status) {
                    worker.shared.refused.fetch_add(1, Ordering::Relaxed);
                }
                return Ok(refused(flight, &refusal, &asked));
            }
        };
        let sent = body_sent.as_ref();
        let passed = pass(
            &worker, &client, &asked, flight, &admitted, sent, &mut place,
        );
        let passed = passed.await;
        Ok(passed.unwrap_or_else(|(flight, refusal)| refused(flight, &refusal, &asked)))
    }
}

/// What the gateway says itself.
fn refused(mut flight: Box<Flight>, refusal: &Refusal, asked: &Asked) -> Response<Answer> {
    match refusal.is_repeated(asked, &flight.host, &flight.uri) {
        true => flight.unnoted(),
        false => flight.refused(refusal.status, &refusal.error),
    }
    refusal.answer(asked)
}

/// What was found out about a request before it is sent.
struct Admitted {
    route: Arc<Route>,
    rules: Arc<Rules>,
    upgrade: Option<HeaderValue>,
    hash: u64,
}

/// Holds a request against all that is refused, finds its route, and makes its head fit to be sent.
async fn admit(
    worker: &Rc<Worker>,
    client: &Client,
    flight: &mut Flight,
    has: Has,
    request: &mut Request<Outgoing>,
) -> Result<Admitted, Refusal> {
    let (version, method) = (request.version(), request.method().clone());
    if method == Method::CONNECT || method == Method::TRACE {
        let help = "The gateway leads to services by their names, and is no other proxy.";
        let error = format!("{method} is not served");
        let mut refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, &error, help);
        // Who wants a tunnel may have sent what is meant for its other end.
        refusal.close = true;
        return Err(refusal);
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
        if let Some(two) = sniffed.parsed(&method, has, bodiless) {
            return Err(guard::malformed(two));
        }
        let chunked = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"chunked");
        if has.transfer_encoding() && !headers.get(TRANSFER_ENCODING).is_none_or(chunked) {
            return Err(guard::malformed(
                "its body is coded in more ways than chunked",
            ));
        }
    }
    if has.via() && heads::circles(headers) {
        let help = "A service of this route asks the gateway for itself.";
        return Err(Refusal::new(
            StatusCode::LOOP_DETECTED,
            "the request goes in circles",
            help,
        ));
    }
    let (route, forwarded, prefix) = match worker.shared.table.is_settled() {
        true => find(worker, client, &host, uri)?,
        false => Box::pin(known(worker, client, &host, uri)).await?,
    };
    flight.route = Some(Arc::clone(&route));
    let rules = route.rules();
    if has.page() || has.referer() {
        guard::origin(&method, headers, &rules.allow_origins)?;
    }
    let upgrade = match has.upgrade() {
        true => heads::upgrade(&method, version, headers),
        false => None,
    };
    if let Some(prefix) = &prefix
        // What reads pages follows links; who asks what may be asked, or sends something, need not.
        && matches!(method, Method::GET | Method::HEAD)
        && upgrade.is_none()
        && let Some(path) = guard::slashed(prefix, request.uri())
    {
        return Err(Refusal::elsewhere(&path));
    }
    if let Some(rate) = rules.rate {
        let now = worker.shared.clock.millis(flight.began());
        if !route.within(rate, now) {
            let error = format!("{} takes {rate} requests a second", route.name);
            let refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, &error, "Ask again later.");
            return Err(refusal.again(1));
        }
    }
    let hash = hashed(&rules, client, headers);
    let trailers = version == Version::HTTP_2 && has.te();
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
    let id = heads::outgoing(headers, has, &way, || worker.chance());
    if let Some(upgrade) = &upgrade {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, upgrade.clone());
    }
    if trailers {
        // The one thing that gRPC says by it, and needs.
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    flight.id = Some(id);
    Ok(Admitted {
        route,
        rules,
        upgrade,
        hash,
    })
}

/// The route of a host, its `Forwarded`, and what is taken off the path.
type Target = (Arc<Route>, HeaderValue, Option<String>);

/// Finds it while not all names are there: one that is not is waited for.
async fn known(
    worker: &Worker,
    client: &Client,
    host: &HeaderValue,
    uri: &Uri,
) -> Result<Target, Refusal> {
    let table = &worker.shared.table;
    let until = Instant::now() + COMING;
    loop {
        // Both before it is looked for, so that nothing falls in between.
        let (changes, settled) = (table.changes(), table.is_settled());
        match find(worker, client, host, uri) {
            Err(refusal) if refusal.status == StatusCode::NOT_FOUND && !settled => {}
            found => return found,
        }
        if tokio::time::timeout_at(until, changes).await.is_err() {
            let name = host.to_str().unwrap_or_default();
            return Err(Refusal::unsettled(name));
        }
    }
}

fn find(
    worker: &Worker,
    client: &Client,
    host: &HeaderValue,
    uri: &Uri,
) -> Result<Target, Refusal> {
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

type Passed = Result<Response<Answer>, (Box<Flight>, Refusal)>;

/// Sends a request that was let in, and answers with what comes back.
async fn pass(
    worker: &Rc<Worker>,
    client: &Client,
    asked: &Asked,
    mut flight: Box<Flight>,
    admitted: &Admitted,
    body_sent: Option<&Rc<Sent>>,
    place: &mut Option<Request<Outgoing>>,
) -> Passed {
    let wanted = admitted.upgrade.as_ref();
    let upgraded = match (wanted, &mut *place) {
        (Some(wanted), Some(request)) => Some((hyper::upgrade::on(request), wanted)),
        _ => None,
    };
    let stream = asked.version == Version::HTTP_2 && asked.is_grpc();
    if let Some(request) = &mut *place
        && !stream
    {
        *request.version_mut() = Version::HTTP_11;
    }
    let deadline = flight.began() + admitted.rules.timeout;
    let mut sending = Sending {
        worker,
        route: &admitted.route,
        rules: &admitted.rules,
        hash: admitted.hash,
        stream,
        switching: wanted.is_some(),
        body: body_sent.map(Rc::as_ref),
        deadline,
        tried: Vec::new(),
        at: None,
    };
    admitted.route.pay();
    // What few requests come to is in boxes, here and below: all of them carry what is not.
    let answered = {
        let mut sent = pin!(async {
            if let (Some(sent), Some(request)) = (body_sent, &mut *place) {
                Box::pin(keep(request, sent, &mut flight)).await?;
            }
            sending.send(&mut flight, place).await
        });
        let sent = client.alarm.before(deadline, sent.as_mut());
        match body_sent {
            None => Some(sent.await),
            Some(body_sent) => Box::pin(unless_stalled(body_sent, sent)).await,
        }
    };
    let Some(answered) = answered else {
        let error = "the body has not gone on for half a minute";
        let mut refusal = Refusal::new(StatusCode::REQUEST_TIMEOUT, error, "Send it again.");
        refusal.close = true;
        return Err((flight, refusal));
    };
    let (attempt, response, link) = match answered {
        Some(Ok(answered)) => answered,
        Some(Err(refusal)) => return Err((flight, refusal)),
        None => {
            sending.timed_out();
            let seconds = admitted.rules.timeout.as_secs_f32();
            let error = format!("{} has not answered for {seconds} s", admitted.route.name);
            let help = "Look at what it does; the time can be changed by `timeout` of its route.";
            return Err((
                flight,
                Refusal::new(StatusCode::GATEWAY_TIMEOUT, &error, help),
            ));
        }
    };
    match upgraded {
        Some((client, wanted)) if response.status() == StatusCode::SWITCHING_PROTOCOLS => {
            flight.answered(attempt, response.status());
            Ok(switch(worker, flight, client, wanted, response, link))
        }
        _ if response.status().is_informational() => {
            let error = format!(
                "{} spoke of an upgrade nobody asked for",
                admitted.route.name
            );
            Err((flight, Refusal::broken(&admitted.route, &error)))
        }
        _ => {
            flight.answered(attempt, response.status());
            Ok(answer(flight, response, link))
        }
    }
}

/// What an instance has answered.
fn answer(
    mut flight: Box<Flight>,
    response: Response<Incoming>,
    mut link: Option<Box<Link>>,
) -> Response<Answer> {
    let (mut head, body) = response.into_parts();
    if heads::strip(head.version, &mut head.headers)
        && let Some(link) = &mut link
    {
        link.ends = true;
    }
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
    mut flight: Box<Flight>,
    client: hyper::upgrade::OnUpgrade,
    wanted: &HeaderValue,
    mut response: Response<Incoming>,
    link: Option<Box<Link>>,
) -> Response<Answer> {
    let instance = hyper::upgrade::on(&mut response);
    let (mut head, _) = response.into_parts();
    let to = head
        .headers
        .remove(UPGRADE)
        .unwrap_or_else(|| wanted.clone());
    heads::strip(head.version, &mut head.headers);
    head.headers.insert(UPGRADE, to);
    head.headers
        .insert(CONNECTION, HeaderValue::from_static("upgrade"));
    head.extensions.clear();
    flight.goes_on();
    // What follows is not HTTP, and ends when its client says so.
    flight.flushes().pass_end();
    worker.local.spawn(async move {
        if let Some(link) = link {
            link.hand_over().await;
        }
        tunnel::carry(client, instance, flight).await;
    });
    Response::from_parts(head, Answer::whole(Bytes::new()))
}

/// Waits for an answer, but not when the client has not gone on with its body for too long. Only as long as there is
/// no answer: who speaks and listens at once may have nothing to say.
async fn unless_stalled<T>(sent: &Sent, answer: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        answer = answer => Some(answer),
        () = stalled(sent) => None,
    }
}

async fn stalled(sent: &Sent) {
    loop {
        tokio::time::sleep(STALLED).await;
        if sent
            .waits
            .get()
            .is_some_and(|since| since.elapsed() >= STALLED)
        {
            return;
        }
    }
}

/// Keeps a body that is small enough for another try.
async fn keep(
    request: &mut Request<Outgoing>,
    sent: &Rc<Sent>,
    flight: &mut Flight,
) -> Result<(), Refusal> {
    let length = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok());
    let length = length.and_then(|length| length.parse::<u64>().ok());
    flight.sends(sent);
    if !heads::is_idempotent(request.method()) || length.is_none_or(|length| length > KEPT_BODY) {
        return Ok(());
    }
    let Outgoing::Streamed(body, _) = request.body_mut() else {
        return Ok(());
    };
    sent.waits.set(Some(flight.began()));
    let whole = Limited::new(body, KEPT_BODY as usize).collect().await;
    let whole = whole
        .map_err(|_| guard::malformed("its body broke off"))?
        .to_bytes();
    sent.waits.set(None);
    sent.bytes.set(whole.len() as u64);
    sent.is_whole();
    *request.body_mut() = Outgoing::Whole(Some(whole));
    Ok(())
}

//! Several instances, some of which fail, go or come.

use crate::world::{
    BoxFuture, LONG, OK, Serves, cluster, eventually, head, instance, rest, says, world,
};
use gateway::Rules;
use model::view::{BackendState, Balance};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// Reads a request and hangs up.
fn hangs_up(mut stream: TcpStream) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        let _ = head(&mut stream).await;
    })
}

#[tokio::test]
async fn an_instance_that_hangs_up_costs_no_request_that_can_be_sent_again() {
    let mut world = world().await;
    let heard = Arc::new(Mutex::new(Vec::new()));
    world.serve("api.0", says(OK, &heard)).await;
    world.serve("api.1", hangs_up).await;
    for _ in 0..40 {
        let answer = world.ask("GET /", &[], "").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let answer = world.ask("PUT /", &[], "small").await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    assert_eq!(heard.lock().unwrap().len(), 80);
    let route = world.gateway.view().routes.remove(0);
    assert!(route.retries > 0, "{route:?}");
    let ejected = &route.backends[1];
    assert_eq!(ejected.state, BackendState::Ejected, "{ejected:?}");
    assert!(
        ejected.why.as_deref().unwrap().contains("five"),
        "{ejected:?}"
    );
}

#[tokio::test]
async fn what_is_sent_again_is_what_was_sent() {
    let mut world = world().await;
    let (first, again) = (Arc::new(Mutex::new(vec![])), Arc::new(Mutex::new(vec![])));
    let noted = Arc::clone(&first);
    let notes_and_hangs_up = move |mut stream: TcpStream| -> BoxFuture<'static, ()> {
        let noted = Arc::clone(&noted);
        Box::pin(async move {
            if let Some((head, _)) = head(&mut stream).await {
                noted.lock().unwrap().push(head.to_ascii_lowercase());
            }
        })
    };
    world.serve("api.0", says(OK, &again)).await;
    world.serve("api.1", notes_and_hangs_up).await;
    let fields = ["X-One: a b", "X-Two: 1", "X-Two: 2", "Accept: */*"];
    for line in ["GET /a?b=%20c", "PUT /d", "DELETE /e/"] {
        let body = if line.starts_with('P') { "small" } else { "" };
        let sent = || first.lock().unwrap().last().cloned();
        let before = first.lock().unwrap().len();
        while first.lock().unwrap().len() == before {
            let answer = world.ask(line, &fields, body).await;
            assert_eq!(answer.status, 200, "{answer:?}");
        }
        let (sent, again) = (sent().unwrap(), again.lock().unwrap().last().cloned());
        let sorted = |head: &str| {
            let mut lines: Vec<_> = head.split("\r\n").map(str::to_owned).collect();
            lines.sort();
            lines
        };
        assert_eq!(sorted(&sent), sorted(&again.unwrap()));
        assert!(sent.contains("x-two: 1\r\nx-two: 2\r\n"), "{sent}");
    }
}

/// Answers when the gate lets it.
fn waits_at(gate: &Arc<Semaphore>, heard: &Arc<AtomicUsize>) -> impl Serves + use<> {
    let (gate, heard) = (Arc::clone(gate), Arc::clone(heard));
    move |mut stream| -> BoxFuture<'static, ()> {
        let (gate, heard) = (Arc::clone(&gate), Arc::clone(&heard));
        Box::pin(async move {
            while let Some((head, mut body)) = head(&mut stream).await {
                rest(&mut stream, &mut body, usize::from(head.starts_with('P'))).await;
                heard.fetch_add(1, Ordering::SeqCst);
                gate.acquire().await.unwrap().forget();
                if stream.write_all(OK.as_bytes()).await.is_err() {
                    return;
                }
            }
        })
    }
}

#[tokio::test]
async fn how_slowly_a_client_sends_is_no_fault_of_an_instance() {
    // One that is kept for another try, and one that is passed on as it comes.
    tokio::join!(sends_slowly("PUT"), sends_slowly("POST"));
}

async fn sends_slowly(method: &str) {
    /// Requests at a time: with so many of them an instance is asked that is a hundred times slower.
    const ALL: usize = 200;
    /// Were it as slow as its client, an instance would be a thousand times slower than the other.
    const SLOW: Duration = Duration::from_secs(2);
    let mut world = world().await;
    let gate = Arc::new(Semaphore::new(Semaphore::MAX_PERMITS));
    let heard = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
    world.serve("api.0", waits_at(&gate, &heard[0])).await;
    world.serve("api.1", waits_at(&gate, &heard[1])).await;
    let mut client = world.connect().await;
    let head = format!(
        "{method} / HTTP/1.1\r\nHost: {}\r\nContent-Length: 1\r\nConnection: close\r\n\r\n",
        world.host()
    );
    client.write_all(head.as_bytes()).await.unwrap();
    let began = Instant::now();
    while began.elapsed() < SLOW {
        assert_eq!(world.ask("GET /", &[], "").await.status, 200);
    }
    client.write_all(b"x").await.unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"));
    gate.forget_permits(Semaphore::MAX_PERMITS);
    let counts = || heard.each_ref().map(|one| one.load(Ordering::SeqCst));
    let before = counts();
    assert!(before.iter().all(|count| *count > 0), "{before:?}");

    let asks = format!(
        "GET / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
        world.host()
    );
    let mut clients = Vec::new();
    for _ in 0..ALL {
        let mut client = world.connect().await;
        client.write_all(asks.as_bytes()).await.unwrap();
        clients.push(client);
    }
    eventually(|| counts().iter().sum::<usize>() == before.iter().sum::<usize>() + ALL).await;
    gate.add_permits(ALL);
    for mut client in clients {
        answer.clear();
        client.read_to_end(&mut answer).await.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200"));
    }
    let after = counts();
    let both = before
        .iter()
        .zip(&after)
        .all(|(before, after)| after > before);
    assert!(both, "{method}: {before:?}, then {after:?}");
}

#[tokio::test]
async fn an_instance_that_is_much_slower_than_its_peers_is_left_out() {
    let mut world = world().await;
    world.gateway.rule(
        &cluster(),
        &"api".parse().unwrap(),
        Rules {
            balance: Balance::RoundRobin,
            ..Rules::default()
        },
    );
    let heard = Arc::new(Mutex::new(Vec::new()));
    world.serve("api.0", says(OK, &heard)).await;
    world.serve("api.1", says(OK, &heard)).await;
    let slow = |mut stream: TcpStream| -> BoxFuture<'static, ()> {
        Box::pin(async move {
            while head(&mut stream).await.is_some() {
                tokio::time::sleep(Duration::from_millis(120)).await;
                stream.write_all(OK.as_bytes()).await.unwrap();
            }
        })
    };
    world.serve("api.2", slow).await;
    let left_out = || {
        let backends = world.gateway.view().routes.remove(0).backends;
        let mut out = backends.into_iter();
        out.find(|one| one.state == BackendState::Ejected)
    };
    let asks = async {
        while left_out().is_none() {
            assert_eq!(world.ask("GET /", &[], "").await.status, 200);
        }
    };
    tokio::time::timeout(2 * LONG, asks).await.unwrap();
    let out = left_out().unwrap();
    assert!(out.id.ends_with("api.2"), "{out:?}");
    assert!(out.why.as_deref().unwrap().contains("peers"), "{out:?}");
}

#[tokio::test]
async fn what_cannot_be_sent_again_is_not() {
    let mut world = world().await;
    let heard = Arc::new(Mutex::new(0));
    let count = Arc::clone(&heard);
    let counts = move |stream| {
        *count.lock().unwrap() += 1;
        hangs_up(stream)
    };
    world.serve("api.0", counts).await;
    let answer = world.ask("POST /", &[], "once").await;
    assert_eq!(answer.status, 502, "{answer:?}");
    assert_eq!(*heard.lock().unwrap(), 1);
}

/// Where nobody accepts, and the queue is full: what connects now waits. The queue is there as long as these are.
async fn full() -> ((TcpListener, Vec<TcpStream>), SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queued = Vec::new();
    loop {
        let next = TcpStream::connect(address);
        match tokio::time::timeout(Duration::from_millis(100), next).await {
            Ok(stream) => queued.push(stream.unwrap()),
            Err(_) => return ((listener, queued), address),
        }
    }
}

#[tokio::test]
async fn who_takes_too_long_to_accept_costs_a_retry_like_who_takes_too_long_to_answer() {
    let world = world().await;
    let rules = Rules {
        try_timeout: Some(Duration::from_millis(20)),
        retries: 2,
        ..Rules::default()
    };
    let service = "api".parse().unwrap();
    world.gateway.rule(&cluster(), &service, rules);
    let (_queue, address) = full().await;
    world.list("api.0", address).await;
    let retried = eventually(|| world.gateway.view().routes[0].retries == 2);
    tokio::select! {
        answer = world.ask("GET /", &[], "") => panic!("nobody can: {answer:?}"),
        () = retried => {}
    }
}

/// What was never sent fails for no want of retries: it goes to whoever takes it.
#[tokio::test]
async fn who_takes_too_long_to_accept_fails_no_request_when_no_retry_is_left() {
    let mut world = world().await;
    let rules = Rules {
        try_timeout: Some(Duration::from_millis(20)),
        retries: 20,
        ..Rules::default()
    };
    let service = "api".parse().unwrap();
    world.gateway.rule(&cluster(), &service, rules);
    // It is known whether it is listed or not, and its route with it.
    world.stands("api.0 serves", true);
    world.serve("api.9", hangs_up).await;
    let route = || world.gateway.view().routes.remove(0);
    // Of a hundred retries less than one, with the part that the next request pays for.
    while route().retry_budget > 0.007 {
        assert_eq!(world.ask("GET /", &[], "").await.status, 502);
    }
    world.registry.remove_own(&cluster(), &instance("api.9"));
    eventually(|| route().backends.is_empty()).await;
    let (_queue, address) = full().await;
    world.list("api.0", address).await;
    let retries = route().retries;
    let mut asked = std::pin::pin!(world.ask("GET /", &[], ""));
    let late = tokio::time::timeout(Duration::from_millis(200), asked.as_mut()).await;
    assert!(late.is_err(), "nobody has accepted: {late:?}");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let comes = async {
        world.list("api.1", listener.local_addr().unwrap()).await;
        let (mut stream, _) = listener.accept().await.unwrap();
        head(&mut stream).await.unwrap();
        stream.write_all(OK.as_bytes()).await.unwrap();
        stream
    };
    let (_stream, answer) = tokio::join!(comes, asked);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(route().retries, retries);
}

#[tokio::test]
async fn what_was_sent_once_is_not_to_be_asked_for_again() {
    let world = world().await;
    let (at, of) = (instance("api.0"), cluster());
    world.stands("api.0 has failed", false);
    let before = world.ask("GET /", &[], "").await;
    assert!(before.head.contains("retry-after"), "{before:?}");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    world.list("api.0", listener.local_addr().unwrap()).await;
    // It dies of the request, and is not listed any more when that is known.
    let dies = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = head(&mut stream).await;
        world.registry.remove_own(&of, &at);
        let listed = || !world.gateway.view().routes[0].backends.is_empty();
        eventually(|| !listed()).await;
    };
    let asked = world.ask("GET /", &["Accept: text/html"], "");
    let ((), answer) = tokio::join!(dies, asked);
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(!answer.head.contains("retry-after"), "{answer:?}");
    assert!(!answer.body.contains("http-equiv"), "{answer:?}");
    assert!(answer.body.contains("Try again"), "{answer:?}");
}

#[tokio::test]
async fn a_page_that_asks_again_by_itself_is_no_failed_request() {
    let world = world().await;
    world.stands("api.0 is stopped", false);
    let failed = || world.gateway.view().routes[0].traffic.failed;
    let page = "Accept: text/html";
    let itself = format!("Referer: http://{}/a?b", world.host());
    let link = format!("Referer: http://{}/", world.host());
    // What browsers say of where they go by themselves, and where a person has them go.
    let (site, mode) = ("Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: navigate");
    let person = "Sec-Fetch-User: ?1";
    for headers in [
        &[page][..],
        &[page, &link, site, mode],
        &[page, &itself, site, mode, person],
        &[page, &itself, site, "Sec-Fetch-Mode: cors"],
        &[page, &itself],
        &[itself.as_str(), "Accept: */*", site, mode],
    ] {
        assert_eq!(world.ask("GET /a?b", headers, "").await.status, 503);
    }
    eventually(|| failed() == 6).await;
    for _ in 0..3 {
        let answer = world
            .ask("GET /a?b", &[page, &itself, site, mode], "")
            .await;
        assert!(answer.body.contains("http-equiv=refresh"), "{answer:?}");
    }
    assert_eq!(world.ask("GET /a?b", &[page], "").await.status, 503);
    eventually(|| failed() >= 7).await;
    let traffic = world.gateway.view().routes[0].traffic;
    assert_eq!((traffic.total, traffic.failed), (7, 7));
    assert_eq!(world.gateway.recent(100).len(), 7);
}

#[tokio::test]
async fn a_connection_that_its_instance_closes_is_closed_with_its_answer() {
    const CLOSES: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: Close\r\n\r\nok";
    const OLD: &str = "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok";
    // Long before connections that nobody uses are looked for.
    const SOON: Duration = Duration::from_secs(2);
    let mut world = world().await;
    let (closed, mut over) = tokio::sync::mpsc::channel(2);
    let count = Arc::new(AtomicUsize::new(0));
    let serves = move |mut stream: TcpStream| -> BoxFuture<'static, ()> {
        let (closed, nth) = (closed.clone(), count.fetch_add(1, Ordering::SeqCst));
        Box::pin(async move {
            let _ = head(&mut stream).await;
            let answer = [CLOSES, OLD][nth % 2];
            stream.write_all(answer.as_bytes()).await.unwrap();
            // As a server does that has to know whether all was read. What is closed on one side alone takes more.
            let _ = stream.read_u8().await;
            while stream.write_all(b"x").await.is_ok() {
                tokio::task::yield_now().await;
            }
            closed.send(()).await.unwrap();
        })
    };
    world.serve("api.0", serves).await;
    for _ in 0..2 {
        assert_eq!(world.ask("GET /", &[], "").await.status, 200);
        let closed = tokio::time::timeout(SOON, over.recv()).await;
        closed.expect("it is closed at once").unwrap();
    }
}

#[tokio::test]
async fn a_request_waits_for_an_instance_that_is_on_its_way() {
    let world = world().await;
    world.stands("api.0 is starting", true);
    let mut asked = std::pin::pin!(world.ask("POST /", &[], "x"));
    let waits = tokio::time::timeout(Duration::from_millis(100), asked.as_mut()).await;
    assert!(waits.is_err());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let serves = async {
        world.list("api.0", listener.local_addr().unwrap()).await;
        let (stream, _) = listener.accept().await.unwrap();
        says(OK, &Arc::default())(stream).await;
        std::future::pending::<()>().await;
    };
    let answer = tokio::select! {
        answer = asked => answer,
        () = serves => unreachable!("it waits"),
    };
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test]
async fn a_request_is_told_why_nobody_answers_and_since_when() {
    let world = world().await;
    world.stands("api.0 was stopped on request", false);
    let answer = world.ask("GET /", &[], "").await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.body.contains("stopped on request"), "{answer:?}");
    assert!(answer.body.contains("1000000"), "{answer:?}");
    assert!(answer.head.contains("retry-after"), "{answer:?}");
    world.gateway.forget(&cluster(), &instance("api.0"));
    assert_eq!(world.ask("GET /", &[], "").await.status, 404);
}

#[tokio::test]
async fn what_drains_answers_what_it_has_and_gets_nothing_more() {
    let mut world = world().await;
    let (go, gone) = tokio::sync::watch::channel(false);
    let slow = move |mut stream: TcpStream| -> BoxFuture<'static, ()> {
        let mut gone = gone.clone();
        Box::pin(async move {
            let _ = head(&mut stream).await;
            gone.wait_for(|go| *go).await.unwrap();
            stream.write_all(OK.as_bytes()).await.unwrap();
        })
    };
    world.serve("api.0", slow).await;
    world.stands("api.0 serves", true);
    let mut stream = world.connect().await;
    let request = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", world.host());
    stream.write_all(request.as_bytes()).await.unwrap();
    let view = || world.gateway.view().routes[0].backends[0].clone();
    eventually(|| view().in_flight == 1).await;
    // Listed no more, it is to be waited for all the same.
    world.registry.remove_own(&cluster(), &instance("api.0"));
    eventually(|| {
        world
            .gateway
            .view()
            .routes
            .iter()
            .all(|one| one.backends.is_empty())
    })
    .await;
    let mut drained = std::pin::pin!(world.gateway.drain(&cluster(), &instance("api.0"), LONG));
    let heard = Arc::new(Mutex::new(Vec::new()));
    world.serve("api.1", says(OK, &heard)).await;
    for _ in 0..10 {
        assert_eq!(world.ask("POST /", &[], "x").await.status, 200);
    }
    assert_eq!(heard.lock().unwrap().len(), 10);
    let early = tokio::time::timeout(Duration::from_millis(1), drained.as_mut()).await;
    assert!(early.is_err());
    go.send(true).unwrap();
    let (answer, _) = head(&mut stream).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(drained.await);
}

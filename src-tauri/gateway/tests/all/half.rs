//! Clients that say nothing more: some of them listen yet, and some are gone.

use crate::world::{BoxFuture, LONG, OK, Serves, World, eventually, head, world};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

/// What an instance has seen.
#[derive(Default)]
struct Seen {
    heard: AtomicUsize,
    /// Requests whose client hung up before they were answered.
    left: AtomicUsize,
}

impl Seen {
    async fn has_heard(&self, count: usize) {
        eventually(|| self.heard.load(Ordering::SeqCst) == count).await;
    }
}

/// Hears a request with its body, and answers it with this when the gate lets it.
fn answers(answer: &'static str, gate: &Arc<Semaphore>, seen: &Arc<Seen>) -> impl Serves + use<> {
    let (gate, seen) = (Arc::clone(gate), Arc::clone(seen));
    move |mut stream| -> BoxFuture<'static, ()> {
        let (gate, seen) = (Arc::clone(&gate), Arc::clone(&seen));
        Box::pin(async move {
            while let Some((head, mut body)) = head(&mut stream).await {
                let end: &[u8] = match head.starts_with('P') {
                    true if head.to_ascii_lowercase().contains("chunked") => b"0\r\n\r\n",
                    true => b"abc",
                    false => b"",
                };
                while !body.ends_with(end) {
                    let mut more = [0; 64];
                    match stream.read(&mut more).await {
                        Ok(0) | Err(_) => {
                            seen.left.fetch_add(1, Ordering::SeqCst);
                            return;
                        }
                        Ok(n) => body.extend_from_slice(&more[..n]),
                    }
                }
                seen.heard.fetch_add(1, Ordering::SeqCst);
                let mut more = [0; 64];
                tokio::select! {
                    permit = gate.acquire() => permit.unwrap().forget(),
                    _ = stream.read(&mut more) => {
                        seen.left.fetch_add(1, Ordering::SeqCst);
                        return;
                    }
                }
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
        })
    }
}

async fn sends(world: &World, request: &str) -> TcpStream {
    let mut stream = world.connect().await;
    let request = request.replace("HOST", &world.host());
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

async fn hears(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let read = tokio::time::timeout(LONG, stream.read_to_end(&mut all)).await;
    read.expect("it comes to an end").unwrap();
    String::from_utf8(all).unwrap()
}

#[tokio::test]
async fn who_has_said_all_and_listens_gets_its_answer() {
    let mut world = world().await;
    let (gate, seen) = (Arc::new(Semaphore::new(0)), Arc::<Seen>::default());
    world.serve("api.0", answers(OK, &gate, &seen)).await;
    for (n, request) in (1..).zip([
        "GET / HTTP/1.1\r\nHost: HOST\r\n\r\n",
        "GET / HTTP/1.0\r\nHost: HOST\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 3\r\n\r\nabc",
        "POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 3\r\n\r\nabc",
        "POST / HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ]) {
        let mut stream = sends(&world, request).await;
        stream.shutdown().await.unwrap();
        seen.has_heard(n).await;
        // Longer than it takes to look at it a few times.
        let waits = tokio::time::timeout(LONG / 100, stream.readable()).await;
        assert!(waits.is_err(), "{request}: it was not let go");
        gate.add_permits(1);
        let heard = hears(&mut stream).await;
        let status = heard.split(' ').nth(1);
        assert_eq!(status, Some("200"), "{request}: {heard}");
        assert!(heard.ends_with("\r\n\r\nok"), "{request}: {heard}");
    }
    assert_eq!(seen.left.load(Ordering::SeqCst), 0);
    eventually(|| world.gateway.view().connections == 0).await;
}

#[tokio::test]
async fn what_was_asked_together_is_answered_to_the_last() {
    let mut world = world().await;
    let (gate, seen) = (Arc::new(Semaphore::new(2)), Arc::<Seen>::default());
    world.serve("api.0", answers(OK, &gate, &seen)).await;
    let twice = "GET / HTTP/1.1\r\nHost: HOST\r\n\r\n".repeat(2);
    let mut stream = sends(&world, &twice).await;
    stream.shutdown().await.unwrap();
    let heard = hears(&mut stream).await;
    assert_eq!(heard.matches("HTTP/1.1 200").count(), 2, "{heard}");
}

#[tokio::test]
async fn who_is_gone_is_not_worked_for() {
    let mut world = world().await;
    let (gate, seen) = (Arc::new(Semaphore::new(0)), Arc::<Seen>::default());
    world.serve("api.0", answers(OK, &gate, &seen)).await;
    // At once, and after it has listened for a while.
    for (n, listens) in [(1, false), (2, true)] {
        let mut stream = sends(&world, "GET / HTTP/1.1\r\nHost: HOST\r\n\r\n").await;
        seen.has_heard(n).await;
        if listens {
            stream.shutdown().await.unwrap();
            let waits = tokio::time::timeout(LONG / 100, stream.readable()).await;
            assert!(waits.is_err(), "it was let go");
        }
        drop(stream);
        eventually(|| seen.left.load(Ordering::SeqCst) == n).await;
    }
    eventually(|| world.gateway.view().connections == 0).await;
    eventually(|| world.gateway.recent(9).len() == 2).await;
    let statuses = |one: &model::view::GatewayRequest| one.status;
    let all: Vec<u16> = world.gateway.recent(9).iter().map(statuses).collect();
    assert_eq!(all, [499, 499]);
}

#[tokio::test]
async fn who_says_less_than_it_announced_is_not_waited_for() {
    let mut world = world().await;
    let (gate, seen) = (Arc::new(Semaphore::new(0)), Arc::<Seen>::default());
    world.serve("api.0", answers(OK, &gate, &seen)).await;
    for request in [
        "PUT / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 3\r\n\r\nab",
        "POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 3\r\n\r\nab",
        "POST / HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",
    ] {
        let mut stream = sends(&world, request).await;
        stream.shutdown().await.unwrap();
        let heard = hears(&mut stream).await;
        assert!(!heard.contains("HTTP/1.1 200"), "{request}: {heard}");
    }
    assert_eq!(seen.heard.load(Ordering::SeqCst), 0);
    eventually(|| world.gateway.view().connections == 0).await;
}

#[tokio::test]
async fn an_end_is_passed_on_behind_an_upgrade() {
    const SWITCHES: &str =
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";
    let mut world = world().await;
    let (gate, seen) = (Arc::new(Semaphore::new(1)), Arc::<Seen>::default());
    world.serve("api.0", answers(SWITCHES, &gate, &seen)).await;
    let asks = "GET / HTTP/1.1\r\nHost: HOST\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";
    let mut stream = sends(&world, asks).await;
    let (switched, _) = head(&mut stream).await.unwrap();
    assert!(switched.starts_with("HTTP/1.1 101"), "{switched}");
    // The instance waits for a head, hears that there is none, and closes its side, too.
    stream.shutdown().await.unwrap();
    assert_eq!(hears(&mut stream).await, "");
    eventually(|| world.gateway.view().connections == 0).await;
}

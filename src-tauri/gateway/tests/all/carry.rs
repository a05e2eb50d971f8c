//! What the gateway passes on, and how it looks on the other side.

use crate::world::{BoxFuture, LONG, OK, eventually, head, rest, says, wall, world};
use gateway::{Callers, Config, Error, Gateway};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[tokio::test]
async fn a_name_a_prefix_and_an_absolute_target_reach_the_instance() {
    let mut world = world().await;
    let heard = Arc::new(Mutex::new(Vec::new()));
    world.serve("api.0", says(OK, &heard)).await;
    let answer = world
        .ask("GET /a?b=c", &["X-Own: 1", "Connection: x-own"], "")
        .await;
    assert_eq!((answer.status, &*answer.body), (200, "ok"), "{answer:?}");
    let last = || heard.lock().unwrap().pop().unwrap();
    let sent = last();
    assert!(sent.starts_with("get /a?b=c http/1.1\r\n"), "{sent}");
    for line in [
        format!("host: {}", world.host()),
        "x-forwarded-for: 127.0.0.1".to_owned(),
        "via: 1.1 azora".to_owned(),
    ] {
        assert!(sent.contains(&line), "{line}: {sent}");
    }
    assert!(
        !sent.contains("x-own") && !sent.contains("connection:"),
        "{sent}"
    );
    let prefixed = "GET /shop/api/a HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
    assert_eq!(world.raw(prefixed.as_bytes()).await.status, 200);
    let sent = last();
    assert!(sent.starts_with("get /a http/1.1\r\n"), "{sent}");
    assert!(sent.contains("x-forwarded-prefix: /shop/api"), "{sent}");
    // A page's own links would lead elsewhere without the slash at its end.
    let bare = "GET /shop/api?b=/c HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
    let answer = world.raw(bare.as_bytes()).await;
    assert_eq!(answer.status, 308, "{answer:?}");
    assert!(
        answer.head.contains("\r\nlocation: /shop/api/?b=/c\r\n"),
        "{answer:?}"
    );
    eventually(|| world.gateway.recent(10).len() == 3).await;
    let moved = world.gateway.recent(1).remove(0);
    assert_eq!((moved.status, moved.error), (308, None));
    assert_eq!(world.gateway.view().refused, 0);
    // Who asks what may be asked, or sends something, follows no links.
    for method in ["OPTIONS", "POST"] {
        let asks = format!(
            "{method} /shop/api HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        assert_eq!(world.raw(asks.as_bytes()).await.status, 200, "{method}");
    }
    eventually(|| world.gateway.recent(10).len() == 5).await;
    let host = world.host();
    let absolute =
        format!("GET http://{host}/a HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    assert_eq!(world.raw(absolute.as_bytes()).await.status, 200);
    assert!(last().starts_with("get /a http/1.1\r\n"));
    eventually(|| world.gateway.recent(10).len() == 6).await;
    let recent = world.gateway.recent(10);
    assert_eq!((recent[0].path.as_str(), recent[0].status), ("/a", 200));
    assert_eq!(recent[0].backend.as_deref(), Some("shop-1a2b3c4d.api.0"));
}

#[tokio::test]
async fn connections_are_kept_on_both_sides() {
    let mut world = world().await;
    let connections = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&connections);
    let says = says(OK, &Arc::default());
    let counts = move |stream| {
        *counted.lock().unwrap() += 1;
        says(stream)
    };
    world.serve("api.0", counts).await;
    let mut stream = world.connect().await;
    for _ in 0..10 {
        let request = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", world.host());
        stream.write_all(request.as_bytes()).await.unwrap();
        let (head, mut body) = head(&mut stream).await.unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        rest(&mut stream, &mut body, 2).await;
    }
    assert_eq!(*connections.lock().unwrap(), 1);
    assert_eq!(world.gateway.view().connections, 1);
    drop(stream);
    eventually(|| world.gateway.view().connections == 0).await;
}

/// Answers with what it was sent, as it comes.
fn echoes(mut stream: TcpStream) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        let Some((_, rest)) = head(&mut stream).await else {
            return;
        };
        let answer = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.write_all(&rest).await.unwrap();
        let (mut read, mut write) = stream.split();
        let _ = tokio::io::copy(&mut read, &mut write).await;
    })
}

#[tokio::test]
async fn bodies_stream_in_both_directions_at_once() {
    let mut world = world().await;
    world.serve("api.0", echoes).await;
    let mut stream = world.connect().await;
    let head = format!(
        "POST / HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: chunked\r\n\r\n",
        world.host()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut heard = String::new();
    for word in ["one", "two", "three"] {
        // The next word is sent when the last has come back.
        let chunk = format!("{:x}\r\n{word}\r\n", word.len());
        stream.write_all(chunk.as_bytes()).await.unwrap();
        let wait = async {
            while !heard.contains(word) {
                let mut bytes = [0; 1_024];
                let n = stream.read(&mut bytes).await.unwrap();
                assert!(n > 0, "{heard}");
                heard.push_str(&String::from_utf8_lossy(&bytes[..n]));
            }
        };
        tokio::time::timeout(LONG, wait).await.unwrap();
    }
}

#[tokio::test]
async fn who_asks_whether_to_go_on_is_told_when_the_body_is_wanted() {
    let mut world = world().await;
    let heard = Arc::new(Mutex::new(Vec::new()));
    world.serve("api.0", says(OK, &heard)).await;
    let mut stream = world.connect().await;
    let request = format!(
        "POST / HTTP/1.1\r\nHost: {}\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n",
        world.host()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let (first, _) = head(&mut stream).await.unwrap();
    assert!(first.starts_with("HTTP/1.1 100"), "{first}");
    stream.write_all(b"ok").await.unwrap();
    let (last, _) = head(&mut stream).await.unwrap();
    assert!(last.starts_with("HTTP/1.1 200"), "{last}");
    assert!(!heard.lock().unwrap()[0].contains("expect"));
}

#[tokio::test]
async fn a_connection_on_which_an_instance_answered_too_soon_is_not_used_again() {
    let mut world = world().await;
    let connections = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&connections);
    let early = move |mut stream: TcpStream| -> BoxFuture<'static, ()> {
        *counted.lock().unwrap() += 1;
        Box::pin(async move {
            // It takes whatever comes for the next request.
            while head(&mut stream).await.is_some() {
                stream.write_all(OK.as_bytes()).await.unwrap();
            }
        })
    };
    world.serve("api.0", early).await;
    let mut stream = world.connect().await;
    let host = world.host();
    let begun = format!("POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 100000\r\n\r\nx");
    stream.write_all(begun.as_bytes()).await.unwrap();
    let (first, _) = head(&mut stream).await.unwrap();
    assert!(first.starts_with("HTTP/1.1 200"), "{first}");
    drop(stream);
    assert_eq!(world.ask("GET /", &[], "").await.status, 200);
    assert_eq!(*connections.lock().unwrap(), 2);
}

#[tokio::test]
async fn a_websocket_is_one_when_the_instance_says_so() {
    let mut world = world().await;
    let upgrade = |mut stream: TcpStream| -> BoxFuture<'static, ()> {
        Box::pin(async move {
            while let Some((head, _)) = head(&mut stream).await {
                assert!(head.contains("upgrade: websocket"), "{head}");
                if head.starts_with("GET /no ") {
                    stream.write_all(OK.as_bytes()).await.unwrap();
                    continue;
                }
                let answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
                              Connection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\nhello";
                stream.write_all(answer.as_bytes()).await.unwrap();
                let (mut read, mut write) = stream.split();
                let _ = tokio::io::copy(&mut read, &mut write).await;
                return;
            }
        })
    };
    world.serve("api.0", upgrade).await;
    let host = world.host();
    let request = |path: &str| {
        format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n"
        )
    };
    let mut stream = world.connect().await;
    // One that is not granted leaves the connection what it was.
    stream.write_all(request("/no").as_bytes()).await.unwrap();
    let (no, mut body) = head(&mut stream).await.unwrap();
    assert!(no.starts_with("HTTP/1.1 200"), "{no}");
    rest(&mut stream, &mut body, 2).await;
    stream.write_all(request("/yes").as_bytes()).await.unwrap();
    let (yes, mut body) = head(&mut stream).await.unwrap();
    assert!(yes.starts_with("HTTP/1.1 101"), "{yes}");
    assert!(yes.contains("sec-websocket-accept: x"), "{yes}");
    stream.write_all(b" and back").await.unwrap();
    rest(&mut stream, &mut body, 14).await;
    assert_eq!(body, b"hello and back");
}

/// An instance that says so much at once and is gone.
fn dies_after(said: &'static str) -> impl crate::world::Serves {
    move |mut stream: TcpStream| -> BoxFuture<'static, ()> {
        Box::pin(async move {
            if head(&mut stream).await.is_some() {
                let _ = stream.write_all(said.as_bytes()).await;
            }
        })
    }
}

#[tokio::test]
async fn of_an_answer_that_breaks_off_all_that_came_arrives() {
    for (said, heard) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc", "abc"),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n",
            "two",
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", ""),
    ] {
        let mut world = world().await;
        world.serve("api.0", dies_after(said)).await;
        for _ in 0..20 {
            let answer = world.ask("GET /", &[], "").await;
            assert_eq!(answer.status, 200, "{answer:?}");
            assert!(answer.body.contains(heard), "{answer:?}");
            // It is not made up to be whole.
            assert!(!answer.body.ends_with("0\r\n\r\n"), "{answer:?}");
        }
        let recent = world.gateway.recent(1);
        let error = recent[0].error.as_deref().unwrap();
        assert!(error.contains("broke off"), "{error}");
    }
}

#[tokio::test]
async fn an_instance_that_dies_in_its_head_is_502() {
    let mut world = world().await;
    let dies = dies_after("HTTP/1.1 200 OK\r\nContent-Le");
    world.serve("api.0", dies).await;
    assert_eq!(world.ask("GET /", &[], "").await.status, 502);
}

#[tokio::test]
async fn a_name_that_means_either_address_of_this_machine_leads_to_the_gateway() {
    // Not every container has IPv6.
    if TcpListener::bind("[::1]:0").await.is_err() {
        return;
    }
    let mut world = world().await;
    let heard = Arc::new(Mutex::new(Vec::new()));
    world.serve("api.0", says(OK, &heard)).await;
    let at = ("::1", world.gateway.address().port());
    let mut stream = TcpStream::connect(at).await.unwrap();
    let request = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", world.host());
    stream.write_all(request.as_bytes()).await.unwrap();
    let (answer, _) = head(&mut stream).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let heard = heard.lock().unwrap().join("");
    assert!(heard.contains("for=\"[::1]\""), "{heard}");
}

#[tokio::test]
async fn a_port_that_another_has_on_one_of_them_is_taken() {
    let Ok(other) = TcpListener::bind("[::1]:0").await else {
        return;
    };
    let world = world().await;
    let config = Config {
        port: other.local_addr().unwrap().port(),
        threads: 1,
        allowed: vec![],
        wall,
        callers: Callers::nobody(),
        ejected: None,
    };
    let taken = Gateway::start(config, &world.registry);
    let Err(Error::Listen { source, .. }) = taken else {
        panic!("it is there");
    };
    assert_eq!(source.kind(), std::io::ErrorKind::AddrInUse);
}

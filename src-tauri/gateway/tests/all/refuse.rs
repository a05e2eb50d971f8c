//! What the gateway does not pass on.

use crate::world::{LONG, OK, eventually, head, rest, says, unsettled, world};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn what_is_for_another_host_or_can_be_read_in_two_ways_reaches_nobody() {
    let mut world = world().await;
    let heard = Arc::new(Mutex::new(Vec::new()));
    world.serve("api.0", says(OK, &heard)).await;
    let host = world.host();
    let end = "Connection: close\r\n";
    let head = format!("GET / HTTP/1.1\r\n{end}Host: {host}\r\n");
    for (bytes, status) in [
        (
            format!("GET / HTTP/1.1\r\n{end}Host: evil.com\r\n\r\n"),
            421,
        ),
        (
            format!("GET / HTTP/1.1\r\n{end}Host: nobody.localhost\r\n\r\n"),
            404,
        ),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400),
        (format!("{head}Host: {host}\r\n\r\n"), 400),
        (
            format!("GET http://evil.com/ HTTP/1.1\r\nHost: {host}\r\n\r\n"),
            400,
        ),
        (format!("{head}Origin: https://evil.com\r\n\r\n"), 403),
        (format!("{head}Sec-Fetch-Site: cross-site\r\n\r\n"), 403),
        (
            format!("{head}Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n"),
            400,
        ),
        (
            format!("{head}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            400,
        ),
        (
            format!("{head}Content-Length: 1\r\nContent-Length: 1\r\n\r\na"),
            400,
        ),
        (
            format!("{head}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
            400,
        ),
        (
            format!("{head}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
            400,
        ),
        (format!("{head}X : y\r\n\r\n"), 400),
        (format!("{head}X: y\r\n folded\r\n\r\n"), 400),
        (
            format!("CONNECT {host} HTTP/1.1\r\n{end}Host: {host}\r\n\r\n"),
            405,
        ),
        (
            format!("TRACE / HTTP/1.1\r\n{end}Host: {host}\r\n\r\n"),
            405,
        ),
        (
            format!("CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n\r\n{head}\r\n"),
            405,
        ),
        (format!("GET foo HTTP/1.1\r\nHost: {host}\r\n\r\n"), 400),
        (format!("{head}X: {}\r\n\r\n", "y".repeat(40_000)), 431),
        (format!("{head}{}\r\n", "X: y\r\n".repeat(200)), 431),
    ] {
        let answer = world.raw(bytes.as_bytes()).await;
        assert_eq!(answer.status, status, "{bytes:.200} {answer:?}");
    }
    assert_eq!(*heard.lock().unwrap(), Vec::<String>::new());
    assert!(world.gateway.view().refused >= 16);
}

/// What was asked for that is not understood, and a word of what is said about it.
async fn told(world: &crate::world::World, bytes: &[u8]) -> (u16, String) {
    let answer = world.raw(bytes).await;
    let said: serde_json::Value =
        serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {answer:?}"));
    assert!(said["help"].is_string(), "{answer:?}");
    assert!(answer.head.contains("connection: close"), "{answer:?}");
    (answer.status, said["error"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn what_cannot_be_read_is_answered_like_everything_else() {
    let mut world = world().await;
    world.serve("api.0", says(OK, &Arc::default())).await;
    let head = format!("GET / HTTP/1.1\r\nHost: {}\r\n", world.host());
    let long = format!("{head}X: {}\r\n\r\n", "y".repeat(40_000));
    let many = format!("{head}{}\r\n", "X: y\r\n".repeat(101));
    let quoted = head.replace("GET /", "GET /?a=\"b\"") + "\r\n";
    let odd = head.replace("GET /", "GET /`") + "\r\n";
    let spaced = format!("{head}X : y\r\n\r\n");
    for (bytes, status, words) in [
        (&long, 431, "longer than 32 KB"),
        (&many, 431, "more than 100 lines"),
        (&quoted, 400, "a `\\\"` in its target"),
        (&odd, 400, "a ``` in its target"),
        (&spaced, 400, "not written as HTTP/1.1"),
        (&"\u{16}\u{3}\u{1}\u{2}\u{0}".to_owned(), 400, "this is TLS"),
    ] {
        let (code, error) = told(&world, bytes.as_bytes()).await;
        assert_eq!(code, status, "{bytes:.100}");
        assert!(error.contains(words), "{error}");
    }
    // Behind an answer that has left, too; a browser gets a page.
    let mut stream = world.connect().await;
    stream
        .write_all(format!("{head}\r\n").as_bytes())
        .await
        .unwrap();
    let (first, left) = within(head_of(&mut stream)).await;
    assert!(first.starts_with("HTTP/1.1 200") && left <= 2, "{first}");
    let page = format!("{head}Accept: text/html\r\nX : y\r\n\r\n");
    stream.write_all(page.as_bytes()).await.unwrap();
    let mut all = Vec::new();
    let _ = within(stream.read_to_end(&mut all)).await;
    let all = String::from_utf8_lossy(&all);
    assert!(
        all.contains("HTTP/1.1 400 Bad Request") && all.contains("<h1>"),
        "{all}"
    );
}

/// Answers as its path says.
fn answers(mut stream: tokio::net::TcpStream) -> crate::world::BoxFuture<'static, ()> {
    Box::pin(async move {
        while let Some((head, _)) = head(&mut stream).await {
            let answer = match head.split(' ').nth(1) {
                Some("/chunked") => {
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
                }
                Some("/nothing") => "HTTP/1.1 204 No Content\r\n\r\n",
                Some("/closes") => "HTTP/1.1 200 OK\r\n\r\nok",
                _ => OK,
            };
            let written = stream.write_all(answer.as_bytes()).await;
            if written.is_err() || head.contains("/closes") {
                return;
            }
        }
    })
}

#[tokio::test]
async fn what_cannot_be_read_behind_what_can_is_answered_like_everything_else() {
    let mut world = world().await;
    world.serve("api.0", answers).await;
    let host = world.host();
    let bad = format!("GET / HTTP/1.1\r\nHost: {host}\r\nX : y\r\n\r\n");
    for good in [
        format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        format!("GET /chunked HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        format!("GET /nothing HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        format!("GET /closes HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        format!("HEAD / HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        format!("PUT / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\n\r\nab"),
        "GET / HTTP/1.1\r\nHost: nobody.localhost\r\n\r\n".to_owned(),
    ] {
        for times in 1..=4 {
            let mut stream = world.connect().await;
            let bytes = good.repeat(times) + &bad;
            stream.write_all(bytes.as_bytes()).await.unwrap();
            let mut all = Vec::new();
            let _ = within(stream.read_to_end(&mut all)).await;
            let all = String::from_utf8_lossy(&all);
            let last = all.rfind("HTTP/1.1 400").map(|at| &all[at..]);
            let last = last.unwrap_or_else(|| panic!("{times} {good}: {all}"));
            assert!(last.contains("\"help\""), "{times} {good}: {all}");
        }
    }
}

#[tokio::test]
async fn who_hangs_up_within_a_head_is_let_go_at_once() {
    let mut world = world().await;
    world.serve("api.0", answers).await;
    let host = world.host();
    let whole = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
    for (answered, begins) in [
        (0, "GET / HT"),
        (1, ""),
        (1, "G"),
        (1, "GET / HTTP/1.1\r\nHost: x\r\n"),
        (2, "POST / HTTP/1.1\r\nContent-Len"),
    ] {
        let mut stream = world.connect().await;
        for _ in 0..answered {
            stream.write_all(whole.as_bytes()).await.unwrap();
            let (said, mut body) = within(head(&mut stream)).await.unwrap();
            assert!(said.starts_with("HTTP/1.1 200"), "{said}");
            rest(&mut stream, &mut body, 2).await;
        }
        stream.write_all(begins.as_bytes()).await.unwrap();
        // It says no more, and still listens.
        stream.shutdown().await.unwrap();
        let mut more = Vec::new();
        // Long before the time is over that a head may take.
        let read = tokio::time::timeout(LONG, stream.read_to_end(&mut more)).await;
        let read = read.unwrap_or_else(|_| panic!("{begins:?}: it is held"));
        read.unwrap();
    }
    eventually(|| world.gateway.view().connections == 0).await;
}

async fn head_of(stream: &mut tokio::net::TcpStream) -> (String, usize) {
    let (head, rest) = head(stream).await.unwrap();
    (head, rest.len())
}

/// What hyper would say, word by word, said by an instance.
const LIKE_HYPERS: &str =
    "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

#[tokio::test]
async fn what_an_instance_says_is_not_reworded() {
    let mut world = world().await;
    let (go_on, may) = tokio::sync::watch::channel(0);
    let serves = move |mut stream: tokio::net::TcpStream| -> crate::world::BoxFuture<'static, ()> {
        let mut may = may.clone();
        Box::pin(async move {
            let _ = head(&mut stream).await;
            let length = 2 * LIKE_HYPERS.len();
            let begins = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
            stream.write_all(begins.as_bytes()).await.unwrap();
            for piece in 1..=2 {
                may.wait_for(|may| *may >= piece).await.unwrap();
                stream.write_all(LIKE_HYPERS.as_bytes()).await.unwrap();
            }
            let _ = stream.read_u8().await;
        })
    };
    world.serve("api.0", serves).await;
    let mut stream = world.connect().await;
    let request = format!(
        "GET / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
        world.host()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let (begins, mut body) = within(head(&mut stream)).await.unwrap();
    assert!(begins.starts_with("HTTP/1.1 200"), "{begins}");
    // Each piece is written by itself.
    go_on.send_replace(1);
    rest(&mut stream, &mut body, LIKE_HYPERS.len()).await;
    go_on.send_replace(2);
    within(stream.read_to_end(&mut body)).await.unwrap();
    assert_eq!(String::from_utf8(body).unwrap(), LIKE_HYPERS.repeat(2));
}

#[tokio::test]
async fn who_asks_for_what_is_not_there_is_told_what_is() {
    let mut world = world().await;
    world.serve("api.0", says(OK, &Arc::default())).await;
    let bytes = "GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let answer = world.raw(bytes.as_bytes()).await;
    assert_eq!(answer.status, 404);
    assert!(answer.body.contains("api.shop.localhost"), "{answer:?}");
    let bytes = bytes.replace("Connection", "Accept: text/html\r\nConnection");
    let page = world.raw(bytes.as_bytes()).await;
    assert!(page.head.contains("text/html"), "{page:?}");
    let host = world.host();
    let link = format!("<li><a href=\"http://{host}/\">{host}</a></li>");
    assert!(page.body.contains(&link), "{page:?}");
}

#[tokio::test]
async fn who_says_nothing_makes_room_for_who_asks() {
    let mut world = world().await;
    world.serve("api.0", says(OK, &Arc::default())).await;
    let mut silent = Vec::new();
    for _ in 0..1_100 {
        silent.push(world.connect().await);
    }
    assert_eq!(world.ask("GET /", &[], "").await.status, 200);
    eventually(|| world.gateway.view().connections <= 1_024).await;
}

#[tokio::test]
async fn who_hangs_up_within_the_preface_of_http_2_is_let_go() {
    let world = world().await;
    let mut streams = Vec::new();
    for begins in ["P", "PRI * HT"] {
        let mut stream = world.connect().await;
        stream.write_all(begins.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        streams.push(stream);
    }
    // Long before the time is over that a head may take.
    for stream in &mut streams {
        let mut heard = Vec::new();
        let told = stream.read_to_end(&mut heard);
        let told = tokio::time::timeout(std::time::Duration::from_secs(10), told).await;
        told.expect("it is closed").unwrap();
    }
    eventually(|| world.gateway.view().connections == 0).await;
}

#[tokio::test]
async fn until_the_engine_has_looked_a_name_that_is_not_there_is_waited_for() {
    let mut world = unsettled().await;
    let host = world.host();
    let mut early = Vec::new();
    for host in [host.as_str(), "nobody.localhost"] {
        let mut stream = world.connect().await;
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        early.push(stream);
    }
    // What is refused for itself is refused at once: then the two before have been heard, too.
    let evil = "GET / HTTP/1.1\r\nHost: evil.com\r\nConnection: close\r\n\r\n";
    assert_eq!(world.raw(evil.as_bytes()).await.status, 421);
    let heard = Arc::new(Mutex::new(Vec::new()));
    world.serve("api.0", says(OK, &heard)).await;
    let (there, _) = within(head(&mut early[0])).await.unwrap();
    assert!(there.starts_with("HTTP/1.1 200"), "{there}");
    assert_eq!(world.gateway.view().refused, 1);
    world.gateway.settled();
    let (nobody, _) = within(head(&mut early[1])).await.unwrap();
    assert!(nobody.starts_with("HTTP/1.1 404"), "{nobody}");
}

#[tokio::test]
async fn an_engine_that_looks_for_long_has_clients_ask_again() {
    let world = unsettled().await;
    let asked = "GET / HTTP/1.1\r\nHost: nobody.localhost\r\nConnection: close\r\n\r\n";
    let mut stream = world.connect().await;
    stream.write_all(asked.as_bytes()).await.unwrap();
    let (answer, _) = tokio::time::timeout(LONG * 2, head(&mut stream))
        .await
        .unwrap()
        .unwrap();
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(
        answer.to_ascii_lowercase().contains("retry-after: 1"),
        "{answer}"
    );
}

async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, what).await.unwrap()
}

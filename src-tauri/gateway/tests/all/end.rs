//! The end of a gateway in good order.

use crate::world::{BoxFuture, LONG, OK, eventually, head, world};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

const EVENTS: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\ndata: 1\n\n";

#[tokio::test]
async fn what_is_under_way_is_answered_and_who_wants_nothing_is_not_waited_for() {
    let mut world = world().await;
    let (answer, may) = watch::channel(false);
    let serves = move |mut stream: TcpStream| -> BoxFuture<'static, ()> {
        let mut may = may.clone();
        Box::pin(async move {
            while let Some((asked, _)) = head(&mut stream).await {
                if asked.starts_with("GET /events") {
                    stream.write_all(EVENTS.as_bytes()).await.unwrap();
                    // For as long as there is somebody who listens.
                    let _ = stream.read_u8().await;
                    return;
                }
                if asked.starts_with("GET /slow") {
                    may.wait_for(|may| *may).await.unwrap();
                }
                stream.write_all(OK.as_bytes()).await.unwrap();
            }
        })
    };
    world.serve("api.0", serves).await;
    let host = world.host();
    let ask = async |path: &str| {
        let mut stream = world.connect().await;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    };
    let _silent = world.connect().await;
    let mut idle = ask("/").await;
    head(&mut idle).await.unwrap();
    let mut events = ask("/events").await;
    head(&mut events).await.unwrap();
    let mut slow = ask("/slow").await;
    let at_work = || {
        let routes = world.gateway.view().routes;
        routes[0]
            .backends
            .iter()
            .map(|one| one.in_flight)
            .sum::<u32>()
            == 2
    };
    eventually(at_work).await;
    let began = Instant::now();
    let (mut stopped, gateway) = (JoinSet::new(), world.gateway.clone());
    stopped.spawn(async move { gateway.stop().await });
    let address = world.gateway.address();
    let refused = async { while TcpStream::connect(address).await.is_ok() {} };
    tokio::time::timeout(LONG, refused).await.unwrap();
    answer.send_replace(true);
    let (said, _) = head(&mut slow).await.expect("it is answered");
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    let over = tokio::time::timeout(LONG, stopped.join_next()).await;
    over.unwrap().unwrap().unwrap();
    // It waits for five seconds for whom it waits.
    assert!(
        began.elapsed() < Duration::from_secs(4),
        "{:?}",
        began.elapsed()
    );
}

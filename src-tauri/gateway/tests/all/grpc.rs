//! HTTP/2 from end to end, as gRPC speaks it: pieces in both directions, and trailers at the end.

use crate::world::{LONG, eventually, world};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::client::conn::http2;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// A body of what comes by a channel.
struct Pieces(mpsc::Receiver<Frame<Bytes>>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|frame| frame.map(Ok))
    }
}

/// Says back what it hears, piece by piece, and how it went at the end.
async fn echo(request: Request<Incoming>) -> Result<Response<Pieces>, Infallible> {
    assert_eq!(request.version(), hyper::Version::HTTP_2);
    assert_eq!(request.headers()["te"], "trailers");
    let authority = request.uri().authority().unwrap();
    assert!(authority.as_str().starts_with("api.shop.localhost"));
    assert!(!request.headers().contains_key("host"));
    assert_eq!(request.uri().query(), Some("a=b"));
    let (say, pieces) = mpsc::channel(1);
    let mut body = request.into_body();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        while let Some(Ok(frame)) = body.frame().await {
            let _ = say.send(frame).await;
        }
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", "0".parse().unwrap());
        let _ = say.send(Frame::trailers(trailers)).await;
    });
    tasks.detach_all();
    Ok(Response::new(Pieces(pieces)))
}

#[tokio::test]
async fn a_call_goes_both_ways_at_once_and_ends_with_its_status() {
    let mut world = world().await;
    world
        .serve("api.0", |stream| {
            Box::pin(async move {
                let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                let _ = server
                    .serve_connection(TokioIo::new(stream), service_fn(echo))
                    .await;
            })
        })
        .await;
    let stream = TcpStream::connect(world.gateway.address()).await.unwrap();
    let (mut send, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { drop(connection.await) });
    let (say, pieces) = mpsc::channel(1);
    let call = Request::post(format!("http://{}/echo.Echo/Say?a=b", world.host()))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Pieces(pieces))
        .unwrap();
    let told = async {
        let mut answer = send.send_request(call).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        for word in ["one", "two"] {
            // The next is said when the last has come back.
            say.send(Frame::data(Bytes::from(word))).await.unwrap();
            let heard = answer.frame().await.unwrap().unwrap();
            assert_eq!(heard.into_data().unwrap(), word);
        }
        drop(say);
        let last = answer.frame().await.unwrap().unwrap();
        assert_eq!(last.into_trailers().unwrap()["grpc-status"], "0");
    };
    tokio::time::timeout(LONG, told).await.unwrap();
    eventually(|| world.gateway.recent(1).iter().any(|one| one.status == 200)).await;
}

#[tokio::test]
async fn http2_reaches_an_instance_of_http1_and_a_refusal_is_grpcs() {
    let mut world = world().await;
    let says = crate::world::says(crate::world::OK, &Default::default());
    world.serve("api.0", says).await;
    let stream = TcpStream::connect(world.gateway.address()).await.unwrap();
    let (mut send, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { drop(connection.await) });
    let plain = Request::get(format!("http://{}/", world.host()));
    let answer = send.send_request(plain.body(Full::default()).unwrap());
    let answer = tokio::time::timeout(LONG, answer).await.unwrap().unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "ok");
    let nobody =
        Request::post("http://nobody.localhost/").header("content-type", "application/grpc");
    let answer = send.send_request(nobody.body(Full::<Bytes>::default()).unwrap());
    let answer = tokio::time::timeout(LONG, answer).await.unwrap().unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["grpc-status"], "12");
}

#[tokio::test]
async fn of_an_answer_that_breaks_off_all_that_came_arrives() {
    let mut world = world().await;
    let dies = |mut stream: TcpStream| -> crate::world::BoxFuture<'static, ()> {
        Box::pin(async move {
            crate::world::head(&mut stream).await.unwrap();
            let said = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc";
            stream.write_all(said.as_bytes()).await.unwrap();
        })
    };
    world.serve("api.0", dies).await;
    let stream = TcpStream::connect(world.gateway.address()).await.unwrap();
    let (mut send, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { drop(connection.await) });
    for _ in 0..20 {
        let request = Request::get(format!("http://{}/", world.host()));
        let answer = send.send_request(request.body(Full::<Bytes>::default()).unwrap());
        let mut answer = tokio::time::timeout(LONG, answer).await.unwrap().unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let heard = tokio::time::timeout(LONG, answer.frame()).await.unwrap();
        assert_eq!(heard.unwrap().unwrap().into_data().unwrap(), "abc");
        let end = tokio::time::timeout(LONG, answer.frame()).await.unwrap();
        end.unwrap().unwrap_err();
    }
}

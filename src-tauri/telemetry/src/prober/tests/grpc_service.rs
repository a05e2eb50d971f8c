//! gRPC health against the reference implementation.

use super::*;
use tonic_health::ServingStatus;

/// A server of the reference implementation, and who sets how it is.
async fn server(tasks: &mut JoinSet<()>) -> (u16, tonic_health::server::HealthReporter) {
    let (reporter, service) = tonic_health::server::health_reporter();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let incoming = tonic::transport::server::TcpIncoming::from(listener);
    tasks.spawn(async move {
        let server = tonic::transport::Server::builder().add_service(service);
        let _ = server.serve_with_incoming(incoming).await;
    });
    (port, reporter)
}

async fn check(port: u16, service: &str) -> (Verdict, String) {
    let ask = grpc::check(port, service);
    let (seen, _) = in_time(pin!(ask), LONG, || "late".to_owned()).await;
    (seen.verdict, seen.detail)
}

#[tokio::test]
async fn a_real_server_says_how_it_is() {
    let mut tasks = JoinSet::new();
    let (port, reporter) = server(&mut tasks).await;
    let said = |text: &str| format!("grpc {port}{text}");
    assert_eq!(check(port, "").await, (Verdict::Pass, said(" is SERVING")));
    let (verdict, detail) = check(port, "shop.Orders").await;
    assert_eq!(verdict, Verdict::Fail);
    assert!(detail.contains("NOT_FOUND"), "{detail}");
    for (status, verdict, word) in [
        (ServingStatus::Serving, Verdict::Pass, "SERVING"),
        (ServingStatus::NotServing, Verdict::Fail, "NOT_SERVING"),
    ] {
        reporter.set_service_status("shop.Orders", status).await;
        let detail = said(&format!(" shop.Orders is {word}"));
        assert_eq!(check(port, "shop.Orders").await, (verdict, detail));
    }
}

#[tokio::test]
async fn a_server_without_the_health_service_is_told_what_to_do() {
    let mut tasks = JoinSet::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let incoming = tonic::transport::server::TcpIncoming::from(listener);
    tasks.spawn(async move {
        let routes = tonic::service::Routes::default();
        let server = tonic::transport::Server::builder().add_routes(routes);
        let _ = server.serve_with_incoming(incoming).await;
    });
    let (verdict, detail) = check(port, "").await;
    assert_eq!(verdict, Verdict::Fail);
    assert!(
        detail.contains("no health service (UNIMPLEMENTED)"),
        "{detail}"
    );
}

#[tokio::test]
async fn what_speaks_no_http_2_is_no_grpc() {
    let answer = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".to_vec();
    let (port, mut tasks) = service(answer, true).await;
    let (verdict, detail) = check(port, "").await;
    assert_eq!(verdict, Verdict::Fail);
    assert!(detail.contains("no gRPC there"), "{detail}");
    tasks.shutdown().await;
    let refused = (Verdict::Fail, format!("tcp {port} refused"));
    assert_eq!(check(port, "").await, refused);
    // One that takes the connection and says nothing ends with its time.
    let (port, _tasks) = service(Vec::new(), false).await;
    let ask = grpc::check(port, "");
    let (seen, _) = in_time(pin!(ask), Duration::from_millis(50), || "late".to_owned()).await;
    assert_eq!(
        (seen.verdict, &*seen.detail),
        (Verdict::Fail, "late within 50ms")
    );
}

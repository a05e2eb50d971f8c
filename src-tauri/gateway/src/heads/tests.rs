//! What leaves a head, what is put into it, and what is believed.

use super::*;

fn map(lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        let name: HeaderName = name.parse().unwrap();
        headers.append(name, value.parse().unwrap());
    }
    headers
}

fn sent(lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = map(lines);
    let (client, host) = (
        HeaderValue::from_static("127.0.0.1"),
        HeaderValue::from_static("api.shop.localhost:7422"),
    );
    let way = Way {
        client: &client,
        host: &host,
        forwarded: &forwarded(&client, &host),
        prefix: None,
        version: Version::HTTP_11,
    };
    let mut n = 0;
    let has = Has::of(&headers);
    outgoing(&mut headers, has, &way, || {
        n += 1;
        n
    });
    headers
}

#[test]
fn what_belongs_to_a_connection_does_not_leave_it() {
    let headers = sent(&[
        ("connection", "close, X-Secret, Host"),
        ("connection", "te, Content-Length"),
        ("x-secret", "1"),
        ("te", "trailers"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
        ("http2-settings", "x"),
        ("expect", "100-continue"),
        ("content-length", "3"),
        ("accept", "*/*"),
    ]);
    for gone in [
        "connection",
        "x-secret",
        "te",
        "keep-alive",
        "proxy-connection",
        "transfer-encoding",
        "upgrade",
        "http2-settings",
        "expect",
    ] {
        assert!(!headers.contains_key(gone), "{gone}");
    }
    assert_eq!(headers["content-length"], "3");
    assert_eq!(headers["accept"], "*/*");
    assert_eq!(headers["host"], "api.shop.localhost:7422");
}

#[test]
fn what_a_client_says_of_its_way_is_replaced() {
    let headers = sent(&[
        ("x-forwarded-for", "8.8.8.8"),
        ("x-forwarded-for", "9.9.9.9"),
        ("x-forwarded-host", "evil.com"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-prefix", "/evil"),
        ("forwarded", "for=8.8.8.8"),
        ("via", "1.1 other"),
    ]);
    let all = |name: &str| headers.get_all(name).iter().cloned().collect::<Vec<_>>();
    assert_eq!(all("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(all("x-forwarded-host"), ["api.shop.localhost:7422"]);
    assert_eq!(all("x-forwarded-proto"), ["http"]);
    assert!(all("x-forwarded-prefix").is_empty());
    assert_eq!(
        all("forwarded"),
        ["for=127.0.0.1;host=\"api.shop.localhost:7422\";proto=http"]
    );
    assert_eq!(all("via"), ["1.1 other", "1.1 azora"]);
}

#[test]
fn a_trace_goes_on_or_begins() {
    let sound = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let headers = sent(&[
        ("traceparent", sound),
        ("tracestate", "a=b"),
        ("x-request-id", "r1"),
    ]);
    assert_eq!(headers["traceparent"], sound);
    assert_eq!(headers["tracestate"], "a=b");
    assert_eq!(headers["x-request-id"], "r1");
    let zero = "00-00000000000000000000000000000000-b7ad6b7169203331-01";
    let upper = "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01";
    for broken in [zero, upper, "", "x", &sound[..54]] {
        let headers = sent(&[
            ("traceparent", broken),
            ("tracestate", "a=b"),
            ("x-request-id", "a b"),
        ]);
        let made = headers["traceparent"].as_bytes();
        assert!(
            is_traceparent(made) && made != broken.as_bytes(),
            "{broken}"
        );
        assert!(!headers.contains_key("tracestate"));
        assert_eq!(headers["x-request-id"].len(), 16);
    }
}

#[test]
fn only_a_get_that_says_so_twice_wants_to_speak_otherwise() {
    let wanted = |method: Method, version, lines: &[(&str, &str)]| {
        upgrade(&method, version, &map(lines)).is_some()
    };
    let both = [
        ("connection", "keep-alive, Upgrade"),
        ("upgrade", "websocket"),
    ];
    assert!(wanted(Method::GET, Version::HTTP_11, &both));
    assert!(!wanted(Method::POST, Version::HTTP_11, &both));
    assert!(!wanted(Method::GET, Version::HTTP_10, &both));
    assert!(!wanted(Method::GET, Version::HTTP_11, &both[1..]));
    assert!(!wanted(Method::GET, Version::HTTP_11, &both[..1]));
    let h2c = [
        ("connection", "upgrade, http2-settings"),
        ("upgrade", "h2c"),
    ];
    assert!(!wanted(Method::GET, Version::HTTP_11, &h2c));
}

#[test]
fn a_circle_is_seen() {
    assert!(!circles(&map(&[("via", "1.1 a, 1.1 b")])));
    assert!(circles(&map(&[("via", "1.1 azora"); 17])));
}

//! Any path, query and body behind a head that is in order, to each route of Consul's API.
//!
//! The first byte is the route, the first line the rest of the path with its query, what follows the body.
#![no_main]

use registry::consul::ROUTES;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((route, rest)) = bytes.split_first() else { return };
    let (method, path) = &ROUTES[usize::from(*route) % ROUTES.len()];
    let (line, body) = match rest.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&rest[..at], &rest[at + 1..]),
        None => (&rest[..0], rest),
    };
    let tail = fuzz::target(line);
    let port = fuzz::world().consul;
    let mut request = format!(
        "{} /v1/{path}{tail} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        method.name(),
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    // A query may ask to wait for a change; who hangs up meanwhile gets nothing.
    let may_wait = tail.contains('?');
    let heard = match may_wait {
        true => fuzz::send(port, &request),
        false => fuzz::ask(port, &request),
    };
    // Behind a head that it cannot read, hyper takes HTTP/2's beginning for one, and says nothing.
    let silent = may_wait || body.windows(14).any(|part| part == b"PRI * HTTP/2.0");
    assert!(
        heard.starts_with(b"HTTP/1.1 ") || silent && heard.is_empty(),
        "no answer: {}",
        heard.escape_ascii()
    );
});

//! Other ways of asking, by who has the token where one is wanted: other methods, headers that override them, bodies
//! that are not JSON or not said to be.

use super::Listener::{Api, Consul, Gateway, Registry};
use super::{Case, ID, NAME, Route, World};

const METHODS: [&str; 14] = [
    "GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "PATCH", "CONNECT", "post", "Post",
    "PROPFIND", "QUERY", "M-SEARCH", "BREW",
];
const OVERRIDES: [&str; 5] = [
    "X-HTTP-Method-Override",
    "X-HTTP-Method",
    "X-Method-Override",
    "X-Original-Method",
    "X-Rewrite-Method",
];
/// What a form and a beacon can send, and what only looks like JSON.
const TYPES: [&str; 27] = [
    "text/plain",
    "text/plain;charset=UTF-8",
    "text/plain; application/json",
    "text/plain, application/json",
    "application/json, text/plain",
    "application/json,application/json",
    "multipart/form-data; boundary=x",
    "multipart/mixed; boundary=application/json",
    "text/json",
    "text/html",
    "text/x-json",
    "text/event-stream",
    "application/jsonx",
    "application/json+x",
    "application/json/x",
    "application/ json",
    "application /json",
    "application/vnd.api+json",
    "application/csp-report",
    "application/reports+json",
    "application/octet-stream",
    "application/xml",
    "application/*",
    "*/*",
    "json",
    "\"application/json\"",
    "",
];
/// Bodies that are JSON in another coding, or none.
const BODIES: [(&str, &[u8]); 8] = [
    ("application/json; charset=utf-16", b"{\0}\0"),
    ("application/json; charset=utf-16be", b"\0{\0}"),
    ("application/json; charset=utf-32", b"{\0\0\0}\0\0\0"),
    ("application/json; charset=utf-7", b"+AHsAfQ-"),
    ("application/json", b"\xef\xbb\xbf{}"),
    ("application/json", b"\xff{}"),
    ("application/json", b"{}{}"),
    ("application/json", b"a=b&{}"),
];

pub(super) fn cases(world: &World, routes: &[Route]) -> Vec<Case> {
    [
        methods(world, routes),
        overrides(world, routes),
        types(routes),
    ]
    .concat()
}

fn case(route: &Route, class: &'static str, what: &str, bytes: Vec<u8>) -> Case {
    Case {
        listener: route.listener,
        class,
        name: format!("{}: {what}", route.line),
        bytes,
        then: None,
    }
}

/// A route with its target, each of which takes one method.
fn targets(routes: &[Route]) -> impl Iterator<Item = (&Route, &str, &str)> {
    let plain = routes.iter().filter(|route| !route.is_socket());
    plain.filter_map(|route| {
        let (method, target) = route.line.split_once(' ')?;
        Some((route, method, target))
    })
}

/// What each target takes besides its own method, or may be asked by a program.
fn takes(target: &str, method: &str) -> bool {
    let read = matches!(method, "GET" | "HEAD");
    match target {
        _ if target == format!("/services/{NAME}") => read || method == "DELETE",
        "/services" | "/watch" => read,
        _ if target.starts_with("/v1/kv/") => matches!(method, "GET" | "PUT" | "DELETE"),
        _ => false,
    }
}

fn methods(world: &World, routes: &[Route]) -> Vec<Case> {
    let mut cases = Vec::new();
    for (route, own, target) in targets(routes) {
        for method in METHODS {
            // A gateway passes on what services are asked by; not what would make it another kind of proxy.
            let of_services = route.listener == Gateway && !matches!(method, "TRACE" | "CONNECT");
            if method == own || takes(target, method) || of_services {
                continue;
            }
            let bytes = route.bytes_as(&format!("{method} {target} HTTP/1.1"));
            cases.push(case(route, "method", method, bytes));
        }
    }
    for route in routes.iter().filter(|route| !route.is_socket()) {
        for target in ["127.0.0.1:22", "evil.example:443", "169.254.169.254:80"] {
            let bytes = route.bytes_as(&format!("CONNECT {target} HTTP/1.1"));
            cases.push(case(route, "method", &format!("CONNECT {target}"), bytes));
        }
    }
    // A port that speaks nothing but HTTP/1 says so to who speaks something else.
    for route in routes {
        let own_line = route.listener != Gateway && !route.is_socket();
        let others: [(&str, &[u8]); 3] = [
            (
                "HTTP/2 by prior knowledge",
                b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
            ),
            ("TLS", b"\x16\x03\x01\0\x05\x01\0\0\x01\0\r\n\r\n"),
            ("a line of mail", b"HELO evil.example\r\n\r\n"),
        ];
        if own_line && world.port(route.listener) != 0 {
            let all = others.map(|(what, bytes)| case(route, "method", what, bytes.to_vec()));
            cases.extend(all);
        }
    }
    cases
}

fn overrides(world: &World, routes: &[Route]) -> Vec<Case> {
    let mut cases = Vec::new();
    for (route, own, target) in targets(routes) {
        // What is read by `GET` anyway is no act.
        if own == "GET" || takes(target, "GET") || route.listener == Gateway {
            continue;
        }
        let line = format!("GET {target} HTTP/1.1");
        for name in OVERRIDES {
            let changed = route.with(&[(name, Some(own.to_owned()))]);
            cases.push(case(
                route,
                "method override",
                name,
                changed.bytes_as(&line),
            ));
        }
        let sep = if target.contains('?') { '&' } else { '?' };
        for query in [
            format!("_method={own}"),
            format!("method={own}"),
            format!("httpMethod={own}"),
        ] {
            let bytes = route.bytes_as(&format!("GET {target}{sep}{query} HTTP/1.1"));
            cases.push(case(route, "method override", &query, bytes));
        }
        // The whole act in an address, as an image has it.
        let body: String = route.body.bytes().map(|b| format!("%{b:02x}")).collect();
        for query in [format!("request={body}"), body] {
            let image = route.with(&[("Content-Length", None), ("Content-Type", None)]);
            let mut image = image;
            image.body.clear();
            let bytes = image.bytes_as(&format!("GET {target}{sep}{query} HTTP/1.1"));
            cases.push(case(
                route,
                "method override",
                "all of it in the address",
                bytes,
            ));
        }
    }
    for path in [
        format!("/services/{NAME}/{ID}/heartbeat"),
        "/register".to_owned(),
    ] {
        let of = |route: &&Route| route.listener == Registry;
        let route = routes.iter().find(of).expect("there are some");
        let bytes = route.bytes_as(&format!("HEAD {path} HTTP/1.1"));
        cases.push(case(route, "method", &format!("HEAD {path}"), bytes));
    }
    debug_assert!(world.port(Consul) != world.port(Api));
    cases
}

fn types(routes: &[Route]) -> Vec<Case> {
    let mut cases = Vec::new();
    let writes = |route: &&Route| {
        let api = route.listener == Api && !route.is_socket();
        api || route.line == "POST /register"
    };
    for route in routes.iter().filter(writes) {
        let mut types = TYPES.to_vec();
        if route.listener == Api {
            // `curl -d` calls all it sends so, which the registry takes from programs.
            types.extend([
                "application/x-www-form-urlencoded",
                "application/x-www-form-urlencoded; charset=UTF-8",
            ]);
            let none = route.with(&[("Content-Type", None)]);
            cases.push(case(route, "content type", "none", none.bytes()));
            let mut two = route.clone();
            two.headers.push(("Content-Type", "text/plain".to_owned()));
            cases.push(case(route, "content type", "two", two.bytes()));
        }
        for kind in types {
            let changed = route.with(&[("Content-Type", Some(kind.to_owned()))]);
            cases.push(case(
                route,
                "content type",
                &format!("{kind:?}"),
                changed.bytes(),
            ));
        }
        for (kind, body) in BODIES {
            let length = Some(body.len().to_string());
            let mut changed = route.with(&[
                ("Content-Type", Some(kind.to_owned())),
                ("Content-Length", length),
            ]);
            changed.body.clear();
            let bytes = [changed.bytes(), body.to_vec()].concat();
            let what = format!("{kind} of {:?}", String::from_utf8_lossy(body));
            cases.push(case(route, "content type", &what, bytes));
        }
    }
    cases
}

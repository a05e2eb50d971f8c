//! Requests for other hosts, as names that point here by now (DNS rebinding) send them; and heads that name none, or two.

use super::Listener::{Api, Consul, Gateway, Registry};
use super::{Case, Listener, Route, World};

/// Names and addresses that none of the listeners has. `PORT` is its own.
const OTHERS: [&str; 40] = [
    "evil.example",
    "evil.example:PORT",
    "127.0.0.1.evil.example:PORT",
    "localhost.evil.example:PORT",
    "canarymail.localhost.evil.example:PORT",
    "127.0.0.1:PORT.evil.example",
    "127-0-0-1.evil.example:PORT",
    "127.0.0.1.nip.io:PORT",
    "127.0.0.2:PORT",
    "127.1:PORT",
    "127.0.1:PORT",
    "2130706433:PORT",
    "0x7f000001:PORT",
    "0x7f.0.0.1:PORT",
    "017700000001:PORT",
    "0177.0.0.1:PORT",
    "0:PORT",
    "0.0.0.0:PORT",
    "[::]:PORT",
    "[::ffff:127.0.0.1]:PORT",
    "[::ffff:7f00:1]:PORT",
    "[0:0:0:0:0:0:0:1]:PORT",
    "[fe80::1]:PORT",
    "::1",
    "169.254.169.254",
    "user@127.0.0.1:PORT",
    "user:pass@localhost:PORT",
    "127.0.0.1:PORT@evil.example",
    "127.0.0.1:PORT/",
    "127.0.0.1:PORT#",
    "127.0.0.1:PORT?",
    "http://127.0.0.1:PORT",
    "127.0.0.1:PORT, evil.example",
    "127.0.0.1 :PORT",
    "127.0.0.1:PORT:PORT",
    "127.0.0.1:+PORT",
    "127.0.0.1.:PORT",
    "localhost..:PORT",
    "localhost.localdomain:PORT",
    "",
];
/// Those that lead to this machine and are not how it is called. The gateway goes by the name, whatever the port, and
/// takes names as resolvers do.
const NEAR: [&str; 12] = [
    "127.0.0.1",
    "localhost",
    "127.0.0.1:1",
    "localhost:80",
    "127.0.0.1:",
    "localhost:",
    "127.0.0.1:0PORT",
    "LOCALHOST:PORT",
    "LocalHost:PORT",
    "localhost.:PORT",
    "tauri.localhost:PORT",
    "canarymail.localhost:PORT",
];
/// What only looks like a name of a service.
const NO_SERVICES: [&str; 10] = [
    "canarymail",
    "canarymail.local:PORT",
    "canarymail.localhost..:PORT",
    "canarymail..localhost:PORT",
    ".canarymail.localhost:PORT",
    "canarymail.localhost:",
    "canarymail.localhost:99999",
    "user@canarymail.localhost:PORT",
    "canarymail.localhost/:PORT",
    "canarymail.localhost%00.evil.example:PORT",
];
/// Pages and files that anybody of this machine may have, and no other host.
const PAGES: [(Listener, &str); 7] = [
    (Api, "GET /"),
    (Api, "GET /index.html"),
    (Api, "GET /healthz"),
    (Api, "OPTIONS /api/call/acts"),
    (Registry, "GET /healthz"),
    (Registry, "GET /openapi.json"),
    (Consul, "GET /v1/status/leader"),
];

pub(super) fn cases(world: &World, routes: &[Route]) -> Vec<Case> {
    let pages = PAGES.iter().map(|(listener, line)| {
        let of = |route: &&Route| route.listener == *listener && !route.is_socket();
        let mut route = routes.iter().find(of).expect("there are some").clone();
        (route.line, route.body) = ((*line).to_owned(), String::new());
        route.with(&[("Content-Length", None)])
    });
    let routes: Vec<Route> = routes.iter().cloned().chain(pages).collect();
    let mut cases = Vec::new();
    for route in &routes {
        let mut hosts = OTHERS.to_vec();
        match route.listener {
            Api => hosts.extend(NEAR.iter().copied().chain(["[::1]:PORT"])),
            Registry | Consul => hosts.extend(NEAR),
            Gateway => hosts.extend(NO_SERVICES),
        }
        let port = world.port(route.listener).to_string();
        for host in hosts {
            let host = host.replace("PORT", &port);
            let changed = route.with(&[("Host", Some(host.clone()))]);
            cases.push(Case {
                listener: route.listener,
                class: "another host",
                name: format!("{} as {host:?}", route.line),
                bytes: changed.bytes(),
                then: changed.then,
            });
        }
        cases.extend(heads(world, route));
    }
    cases
}

/// Heads that name no host, two, or one in two ways.
fn heads(world: &World, route: &Route) -> Vec<Case> {
    let ours = route
        .headers
        .iter()
        .find(|(name, _)| *name == "Host")
        .map(|(_, host)| host.clone())
        .unwrap_or_default();
    let (method, path) = route.line.split_once(' ').expect("a method and a target");
    let bare = route.with(&[("Host", None)]);
    // Some are said in front of all others, so that a second one is the usual one.
    let with = |front: &[u8]| {
        let line = format!("{} HTTP/1.1\r\n", route.line).into_bytes();
        let rest = bare.bytes()[line.len()..].to_vec();
        [line, front.to_vec(), rest].concat()
    };
    let absolute = |target: &str| route.bytes_as(&format!("{method} {target} HTTP/1.1"));
    let evil = route.with(&[("Host", Some("evil.example".to_owned()))]);
    let port = world.port(route.listener);
    let line = |text: &str| format!("{text}\r\n").into_bytes();
    let all: Vec<(&str, Vec<u8>)> = vec![
        ("no Host", bare.bytes()),
        (
            "no Host in HTTP/1.0",
            bare.bytes_as(&format!("{} HTTP/1.0", route.line)),
        ),
        (
            "ours, then another",
            with(&line(&format!("Host: {ours}\r\nHost: evil.example"))),
        ),
        (
            "another, then ours",
            with(&line(&format!("Host: evil.example\r\nHost: {ours}"))),
        ),
        (
            "ours twice",
            with(&line(&format!("Host: {ours}\r\nHost: {ours}"))),
        ),
        (
            "a target of another host",
            absolute(&format!("http://evil.example{path}")),
        ),
        (
            "a target with a user",
            absolute(&format!("http://evil.example@{ours}{path}")),
        ),
        (
            "a target of TLS",
            absolute(&format!("https://evil.example{path}")),
        ),
        (
            "our target, another Host",
            evil.bytes_as(&format!("{method} http://{ours}{path} HTTP/1.1")),
        ),
        (
            "a NUL in it",
            with(&line(&format!("Host: {ours}\0.evil.example"))),
        ),
        ("a NUL behind it", with(&line(&format!("Host: {ours}\0")))),
        (
            "a tab in it",
            with(&line(&format!("Host: 127.0.0.1\t:{port}"))),
        ),
        (
            "a space before the colon",
            with(&line(&format!("Host : {ours}"))),
        ),
        ("folded", with(&line("Host: evil.example\r\n  .x"))),
        ("bytes that are no text", with(b"Host: \xff\xfe\r\n")),
        (
            "a letter of another script",
            with("Host: l\u{43e}calhost\r\n".as_bytes()),
        ),
        (
            "a Host of 60,000 letters",
            with(&line(&format!("Host: {}", "a".repeat(60_000)))),
        ),
        (
            "X-Forwarded-Host instead",
            with(&line(&format!("X-Forwarded-Host: {ours}"))),
        ),
        (
            "Forwarded instead",
            with(&line(&format!("Forwarded: host={ours}"))),
        ),
        (
            ":authority instead",
            with(&line(&format!(":authority: {ours}"))),
        ),
        (
            "two slashes and another host",
            evil.bytes_as(&format!("{method} //{ours}{path} HTTP/1.1")),
        ),
        (
            "HTTP/3.0",
            route.bytes_as(&format!("{} HTTP/3.0", route.line)),
        ),
        ("no version", route.bytes_as(&route.line)),
        (
            "a line of two targets",
            route.bytes_as(&format!("{} {ours} HTTP/1.1", route.line)),
        ),
    ];
    all.into_iter()
        .map(|(what, bytes)| Case {
            listener: route.listener,
            class: "no host, or two",
            name: format!("{}: {what}", route.line),
            bytes,
            then: route.then.clone(),
        })
        .collect()
}

#[test]
fn the_names_of_services_are_those_of_the_story() {
    let named = |host: &&&str| host.contains(super::NAME);
    assert!(NO_SERVICES.iter().filter(named).count() == NO_SERVICES.len());
}

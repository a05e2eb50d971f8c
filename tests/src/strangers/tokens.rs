//! Who has no token, an old one, one of another home, or a guess; and who shows the right one in another place.

use super::Listener::Api;
use super::routes::opening;
use super::{Case, Route, World, frame, message};

pub(super) fn cases(world: &World, routes: &[Route]) -> Vec<Case> {
    let of_api = |route: &&Route| route.listener == Api;
    let (sockets, calls): (Vec<&Route>, Vec<&Route>) = routes
        .iter()
        .filter(of_api)
        .partition(|route| route.is_socket());
    let mut cases = Vec::new();
    for route in calls {
        cases.extend(headers(world, route));
        cases.extend(elsewhere(world, route));
    }
    for route in sockets {
        cases.extend(messages(world, route));
        cases.extend(addresses(world, route));
    }
    cases
}

/// Tokens that are not it.
fn wrong(world: &World) -> Vec<(String, String)> {
    let token = &world.token;
    let mut all: Vec<(String, String)> = [
        ("empty", String::new()),
        ("the one of the start before", world.old.clone()),
        ("the one of another home", world.other.clone()),
        ("without its last digit", token[..63].to_owned()),
        ("without its first digit", token[1..].to_owned()),
        ("its first half", token[..32].to_owned()),
        ("its first digit", token[..1].to_owned()),
        ("with a digit more", format!("{token}0")),
        ("with a digit before", format!("0{token}")),
        ("twice", token.repeat(2)),
        ("backwards", token.chars().rev().collect()),
        ("zeros", "0".repeat(64)),
        ("the highest", "f".repeat(64)),
        ("a star", "*".to_owned()),
        ("a pattern", ".*".to_owned()),
        ("null", "null".to_owned()),
        ("undefined", "undefined".to_owned()),
        ("true", "true".to_owned()),
        ("a query", "' OR '1'='1".to_owned()),
        ("a path", "../token".to_owned()),
        ("its file", format!("{}/token", world.home)),
    ]
    .into_iter()
    .map(|(what, text)| (what.to_owned(), text))
    .collect();
    let upper = token.to_uppercase();
    if upper != *token {
        all.push(("in capitals".to_owned(), upper));
    }
    // One digit at each place.
    for at in 0..token.len() {
        let mut digits: Vec<char> = token.chars().collect();
        digits[at] = if digits[at] == '0' { '1' } else { '0' };
        all.push((
            format!("digit {at} is another"),
            digits.into_iter().collect(),
        ));
    }
    all
}

fn case(route: &Route, class: &'static str, what: &str, bytes: Vec<u8>) -> Case {
    Case {
        listener: Api,
        class,
        name: format!("{}: {what}", route.line),
        bytes,
        then: None,
    }
}

/// In the header where it belongs.
fn headers(world: &World, route: &Route) -> Vec<Case> {
    let token = &world.token;
    let with = |value: Option<String>| route.with(&[("Authorization", value)]);
    let mut cases = vec![case(
        route,
        "token: missing",
        "no header",
        with(None).bytes(),
    )];
    for (what, text) in wrong(world) {
        let class = match what.as_str() {
            "empty" => "token: missing",
            "the one of the start before" | "the one of another home" => "token: old",
            _ => "token: guessed",
        };
        let bytes = with(Some(format!("Bearer {text}"))).bytes();
        cases.push(case(route, class, &what, bytes));
    }
    let forms = [
        String::new(),
        "Bearer".to_owned(),
        token.clone(),
        format!("Bearer  {token}"),
        format!("Bearer\t{token}"),
        format!("bearer {token}"),
        format!("BEARER {token}"),
        format!("Basic {token}"),
        format!("Digest username=\"azora\", response=\"{token}\""),
        format!("Token {token}"),
        format!("Negotiate {token}"),
        format!("Bearer \"{token}\""),
        format!("Bearer token={token}"),
        format!("Bearer {token},"),
        format!("Bearer {token};"),
        format!("Bearer {token} {token}"),
        format!("Bearer {token}, Bearer {token}"),
        format!("Bearer {} {token}", world.old),
        format!("Bearer {token}\0"),
        format!("Bearer \0{token}"),
        format!("Bearer {token}\u{e9}"),
        format!("Basic {}", basic(token)),
    ];
    for form in forms {
        let shown = form.replace(token.as_str(), "TOKEN");
        let bytes = with(Some(form)).bytes();
        cases.push(case(
            route,
            "token: in another form",
            &format!("{shown:?}"),
            bytes,
        ));
    }
    let right = format!("Bearer {token}");
    for two in [
        [right.clone(), format!("Bearer {}", world.old)],
        [format!("Bearer {}", world.old), right.clone()],
        [right.clone(), right.clone()],
        [String::new(), right.clone()],
    ] {
        let mut route = with(None);
        let all = two.clone().map(|value| ("Authorization", value));
        route.headers.extend(all);
        let shown = two.join(" and ").replace(token.as_str(), "TOKEN");
        cases.push(case(
            &route,
            "token: in another form",
            &shown,
            route.bytes(),
        ));
    }
    let long = format!("Bearer {}", "a".repeat(1 << 20));
    cases.push(case(
        route,
        "token: guessed",
        "of a megabyte",
        with(Some(long)).bytes(),
    ));
    cases
}

/// `:TOKEN` in base64, as browsers send what stands before an `@`.
fn basic(token: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let text = format!("azora:{token}");
    let mut all = String::new();
    for three in text.as_bytes().chunks(3) {
        let at = |nth: usize| u32::from(three.get(nth).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for nth in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * nth) & 63) as usize];
            all.push(if nth <= three.len() {
                digit as char
            } else {
                '='
            });
        }
    }
    all
}

/// The right one, where nobody looks.
fn elsewhere(world: &World, route: &Route) -> Vec<Case> {
    let token = &world.token;
    let none = route.with(&[("Authorization", None)]);
    let mut cases = Vec::new();
    for name in [
        "Proxy-Authorization",
        "X-Authorization",
        "WWW-Authenticate",
        "Azora-Token",
        "X-Auth-Token",
        "X-Api-Key",
        "X-Csrf-Token",
        "Cookie",
        "Sec-WebSocket-Protocol",
    ] {
        for form in [
            format!("Bearer {token}"),
            format!("token={token}"),
            token.clone(),
        ] {
            let bytes = none.with(&[(name, Some(form))]).bytes();
            cases.push(case(route, "token: elsewhere", name, bytes));
        }
    }
    let (method, target) = route.line.split_once(' ').expect("a method and a target");
    for query in [
        format!("?token={token}"),
        format!("?access_token={token}"),
        format!("?authorization=Bearer%20{token}"),
        format!("?Authorization=Bearer+{token}"),
        format!("?api_key={token}"),
        format!(";token={token}"),
        format!("/{token}"),
        format!("#token={token}"),
    ] {
        let bytes = none.bytes_as(&format!("{method} {target}{query} HTTP/1.1"));
        cases.push(case(route, "token: elsewhere", "in the address", bytes));
    }
    let mut in_body = none.with(&[("Content-Length", None)]);
    in_body.body = format!(r#"{{"token":"{token}"}}"#);
    let length = in_body.body.len().to_string();
    in_body.headers.push(("Content-Length", length));
    cases.push(case(
        route,
        "token: elsewhere",
        "in the body",
        in_body.bytes(),
    ));
    cases
}

/// First messages of a WebSocket.
fn messages(world: &World, route: &Route) -> Vec<Case> {
    const CLASS: &str = "token of a WebSocket";
    let token = &world.token;
    let mut all: Vec<(String, Vec<u8>)> = wrong(world)
        .into_iter()
        .map(|(what, text)| (what, opening(&text)))
        .collect();
    let right = format!(r#"{{"token":"{token}","stream":"feed","request":{{}}}}"#);
    let texts = [
        ("nothing", String::new()),
        ("no JSON", "feed".to_owned()),
        ("an empty object", "{}".to_owned()),
        ("a list", format!(r#"["{token}","feed",{{}},1]"#)),
        ("the token alone", format!("\"{token}\"")),
        ("no token", r#"{"stream":"feed","request":{}}"#.to_owned()),
        (
            "null",
            r#"{"token":null,"stream":"feed","request":{}}"#.to_owned(),
        ),
        (
            "a number",
            r#"{"token":0,"stream":"feed","request":{}}"#.to_owned(),
        ),
        (
            "true",
            r#"{"token":true,"stream":"feed","request":{}}"#.to_owned(),
        ),
        (
            "a list of tokens",
            format!(r#"{{"token":["{token}"],"stream":"feed","request":{{}}}}"#),
        ),
        (
            "two tokens",
            format!(r#"{{"token":"x","token":"{token}","stream":"feed","request":{{}}}}"#),
        ),
        (
            "another field",
            format!(r#"{{"token":"{token}","stream":"feed","request":{{}},"x":1}}"#),
        ),
        (
            "in capitals",
            format!(r#"{{"TOKEN":"{token}","stream":"feed","request":{{}}}}"#),
        ),
        (
            "a stream that is an act",
            format!(r#"{{"token":"{token}","stream":"down","request":{{}}}}"#),
        ),
    ];
    all.extend(texts.map(|(what, text)| (what.to_owned(), message(&text))));
    all.push(("bytes, not text".to_owned(), frame(0x82, right.as_bytes())));
    all.push(("a close".to_owned(), frame(0x88, b"")));
    all.push((
        "a frame without a mask".to_owned(),
        unmasked(right.as_bytes()),
    ));
    all.push((
        "a token of a megabyte".to_owned(),
        opening(&"a".repeat(1 << 20)),
    ));
    all.into_iter()
        .map(|(what, then)| Case {
            then: Some(then),
            ..case(route, CLASS, &what, route.bytes())
        })
        .collect()
}

/// As no client may send it.
fn unmasked(payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).map_or(125, |length| length.min(125));
    [&[0x81, length], &payload[..length.into()]].concat()
}

/// WebSockets that show the right one in their address or a header, and not in a message.
fn addresses(world: &World, route: &Route) -> Vec<Case> {
    const CLASS: &str = "WebSocket, token elsewhere";
    let token = &world.token;
    let none = opening("");
    let mut cases = Vec::new();
    for query in [
        "token",
        "access_token",
        "authorization",
        "stream=feed&token",
    ] {
        let bytes = route.bytes_as(&format!("{}?{query}={token} HTTP/1.1", route.line));
        cases.push((format!("{query} in the address"), bytes));
    }
    for (name, value) in [
        ("Authorization", format!("Bearer {token}")),
        ("Cookie", format!("token={token}")),
        ("Sec-WebSocket-Protocol", token.clone()),
        ("Sec-WebSocket-Protocol", format!("bearer, {token}")),
        ("Sec-WebSocket-Extensions", format!("x; token={token}")),
    ] {
        cases.push((name.to_owned(), route.with(&[(name, Some(value))]).bytes()));
    }
    for (name, value) in [
        ("Upgrade", Some("h2c")),
        ("Upgrade", Some("TLS/1.0")),
        ("Upgrade", None),
        ("Sec-WebSocket-Version", Some("8")),
        ("Sec-WebSocket-Version", None),
        ("Sec-WebSocket-Key", None),
    ] {
        let changed = route.with(&[(name, value.map(str::to_owned))]);
        cases.push((format!("{name}: {value:?}"), changed.bytes()));
    }
    for method in ["POST", "PUT", "HEAD", "OPTIONS", "CONNECT"] {
        let bytes = route.bytes_as(&format!("{method} /api/socket HTTP/1.1"));
        cases.push((format!("by {method}"), bytes));
    }
    cases
        .into_iter()
        .map(|(what, bytes)| Case {
            then: Some(none.clone()),
            ..case(route, CLASS, &what, bytes)
        })
        .collect()
}

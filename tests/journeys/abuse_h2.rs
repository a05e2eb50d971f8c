//! HTTP/2 that no library sends, through the real gateway: headers that become others in HTTP/1.1, and floods.

use std::time::{Duration, Instant};
use tests::Azora;
use tests::gateway::register;
use tests::process::{kill, written_kb};
use tests::smuggling::h2::{Connection, END_HEADERS, END_STREAM, Frame, block, frame, kind};
use tests::smuggling::{Proxy, Recorder, Request};

/// A header, or a pseudo-header.
type Header = (&'static [u8], Vec<u8>);

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(3);
/// So much the engine may grow by during a flood, in kilobytes.
const GROWTH: u64 = 48 << 10;

/// A request: headers, the pieces of its body, trailers.
struct Case {
    name: &'static str,
    headers: Vec<Header>,
    body: Option<Vec<u8>>,
    trailers: Option<Vec<Header>>,
    /// What is wrong comes after all that is passed on, so the backend may read a request without it.
    late: bool,
}

const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";

fn usual(host: &str, method: &str) -> Vec<Header> {
    vec![
        (b":method", method.into()),
        (b":scheme", b"http".to_vec()),
        (b":path", b"/case/h2".to_vec()),
        (b":authority", host.into()),
    ]
}

/// Each has to end in an error, and nothing of it at the backend.
fn refused(host: &str) -> Vec<Case> {
    let one = |name, headers| Case {
        name,
        headers,
        body: None,
        trailers: None,
        late: false,
    };
    // The usual with one more, or another in its place.
    let with = |name: &'static [u8], value: &str| {
        let mut all = usual(host, "GET");
        all.push((name, value.into()));
        all
    };
    let instead = |name: &[u8], value: &str| {
        let mut all = usual(host, "GET");
        for (other, old) in &mut all {
            if *other == name {
                *old = value.into();
            }
        }
        all
    };
    let without = |name: &[u8]| {
        let mut all = usual(host, "GET");
        all.retain(|(other, _)| *other != name);
        all
    };
    let posts = |name, length: &str, body: &str| {
        let mut headers = usual(host, "POST");
        headers.push((b"content-length", length.into()));
        Case {
            name,
            headers,
            body: Some(body.into()),
            trailers: None,
            late: length == "0",
        }
    };
    let mut all = vec![
        one("chunked", with(b"transfer-encoding", "chunked")),
        one("coding of another", with(b"transfer-encoding", "identity")),
        one("connection", with(b"connection", "close")),
        one("connection named", with(b"connection", "x-hop")),
        one("keep-alive", with(b"keep-alive", "timeout=5")),
        one("proxy-connection", with(b"proxy-connection", "keep-alive")),
        one("upgrade", with(b"upgrade", "websocket")),
        one("te", with(b"te", "gzip")),
        one("capital", with(b"X-Capital", "y")),
        one("line in a value", with(b"x", "y\r\nz: w")),
        one(
            "request in a value",
            with(b"x", &format!("y\r\n\r\n{SMUGGLED}")),
        ),
        one("line feed in a value", with(b"x", "y\nz: w")),
        one("carriage return in a value", with(b"x", "y\rz: w")),
        one("nul in a value", with(b"x", "y\0z")),
        one("line in a name", with(b"x: y\r\nz", "w")),
        one(
            "colon in a name",
            with(b"transfer-encoding: chunked\r\nx", "y"),
        ),
        one("colon alone in a name", with(b"x:y", "z")),
        one("space in a name", with(b"x y", "z")),
        one("nul in a name", with(b"x\0", "z")),
        one("no name", with(b"", "z")),
        one("unknown pseudo-header", with(b":x", "z")),
        one("status", with(b":status", "200")),
        one("pseudo-header after others", {
            let mut all = without(b":path");
            all.push((b"x", b"y".to_vec()));
            all.push((b":path", b"/smuggled".to_vec()));
            all
        }),
        one("two paths", with(b":path", "/smuggled")),
        one("two methods", with(b":method", "POST")),
        one("two authorities", with(b":authority", "evil.example")),
        one("no path", without(b":path")),
        one("no method", without(b":method")),
        one("no scheme", without(b":scheme")),
        one("empty path", instead(b":path", "")),
        one("path that is none", instead(b":path", "smuggled")),
        one(
            "request in the path",
            instead(
                b":path",
                &format!("/ HTTP/1.1\r\nHost: x\r\n\r\n{SMUGGLED}"),
            ),
        ),
        one("space in the path", instead(b":path", "/smuggled HTTP/1.1")),
        one("line in the path", instead(b":path", "/smuggled\r\nx: y")),
        one(
            "request in the method",
            instead(b":method", "GET /smuggled HTTP/1.1\r\nx:"),
        ),
        one("space in the method", instead(b":method", "GET /smuggled")),
        one("empty method", instead(b":method", "")),
        one(
            "line in the authority",
            instead(b":authority", &format!("{host}\r\nx: y")),
        ),
        one(
            "space in the authority",
            instead(b":authority", &format!("{host} x")),
        ),
        one(
            "somebody in the authority",
            instead(b":authority", &format!("evil@{host}")),
        ),
        one("another authority", instead(b":authority", "evil.example")),
        one(
            "path in the authority",
            instead(b":authority", &format!("{host}/smuggled?")),
        ),
        one("empty authority", instead(b":authority", "")),
        one("another host", with(b"host", "evil.example")),
        one("host alone, another", {
            let mut all = without(b":authority");
            all.push((b"host", b"evil.example".to_vec()));
            all
        }),
        one(
            "url in the scheme",
            instead(b":scheme", "http://evil.example/?"),
        ),
        one("connect", instead(b":method", "CONNECT")),
        one("connect with a protocol", {
            let mut all = instead(b":method", "CONNECT");
            all.insert(1, (b":protocol", b"websocket".to_vec()));
            all
        }),
        posts("more than its length", "5", &format!("abcde{SMUGGLED}")),
        posts("less than its length", "60", "abcde"),
        posts("length of nothing", "0", SMUGGLED),
        posts("length with a sign", "+5", "abcde"),
        posts("length twice in one", "5, 6", "abcde"),
        posts("length that is none", "x", "abcde"),
        posts("length that is too long", "99999999999999999999", "abcde"),
    ];
    let mut twice = posts("length twice", "5", "abcde");
    twice.headers.push((b"content-length", b"6".to_vec()));
    all.push(twice);
    for (name, trailer) in [
        (
            "pseudo-header in trailers",
            (&b":path"[..], b"/smuggled".to_vec()),
        ),
        ("capital in trailers", (&b"X-Y"[..], b"z".to_vec())),
        (
            "line in trailers",
            (&b"x"[..], b"y\r\n\r\nGET /smuggled HTTP/1.1".to_vec()),
        ),
    ] {
        all.push(Case {
            name,
            headers: usual(host, "POST"),
            body: Some(b"abcde".to_vec()),
            trailers: Some(vec![trailer]),
            late: name == "pseudo-header in trailers",
        });
    }
    all
}

fn borrowed(headers: &[Header]) -> Vec<(&[u8], &[u8])> {
    headers
        .iter()
        .map(|(name, value)| (*name, value.as_slice()))
        .collect()
}

/// Sends it as stream 1 of a connection of its own; what came back.
fn ask(port: u16, case: &Case) -> (Vec<Frame>, bool) {
    let mut connection = Connection::open(port).expect("it listens");
    let headers = block(&borrowed(&case.headers));
    let ends = |last: bool| if last { END_STREAM } else { 0 };
    let mut bytes = frame(
        kind::HEADERS,
        END_HEADERS | ends(case.body.is_none()),
        1,
        &headers,
    );
    if let Some(body) = &case.body {
        bytes.extend(frame(kind::DATA, ends(case.trailers.is_none()), 1, body));
    }
    if let Some(trailers) = &case.trailers {
        let trailers = block(&borrowed(trailers));
        bytes.extend(frame(kind::HEADERS, END_HEADERS | END_STREAM, 1, &trailers));
    }
    connection.send(&bytes);
    let frames = connection.frames(ANSWER, |frame| {
        frame.is_error() || (frame.stream == 1 && frame.flags & END_STREAM != 0)
    });
    (frames, connection.closed())
}

/// What is wrong with how a request that has to be refused went.
fn judged(proxy: &Proxy, case: &Case) -> Vec<String> {
    proxy.backend.take();
    let (frames, closed) = ask(proxy.port, case);
    let status = frames.iter().find_map(Frame::status);
    let ended = closed || frames.iter().any(Frame::is_error) || status.is_some();
    let mut wrong = proxy.well();
    let written = proxy.backend.take();
    wrong.extend(written.wrong);
    if !ended || (!case.late && status.is_some_and(|status| (200..400).contains(&status))) {
        wrong.push(format!("it was answered {status:?}: {frames:?}"));
    }
    let mut rest = written.requests;
    rest.retain(|request| !request.target.starts_with("/good/"));
    let right = |request: &Request| {
        request.target == "/case/h2" && !request.body.windows(3).any(|three| three == b"GET")
    };
    if !(case.late && rest.len() == 1 && rest.iter().all(right)) {
        for request in rest {
            wrong.push(format!("the backend read {request:?}"));
        }
    }
    wrong
        .into_iter()
        .map(|wrong| format!("{}: {wrong}", case.name))
        .collect()
}

/// An engine, and a backend of ours behind its gateway.
fn stage(name: &str) -> (Azora, std::process::Child, Proxy) {
    let azora = Azora::new();
    let engine = azora.serve_until_it_listens(azora.home().path());
    let backend = Recorder::new();
    let named = register(&azora, name, backend.port());
    (azora, engine, Proxy::new(named.port, named.host, backend))
}

#[test]
fn nothing_becomes_another_request_on_its_way_to_the_first_version() {
    let (_azora, mut engine, proxy) = stage("second");
    // What is right comes through, so that what does not is no accident.
    let fine = Case {
        name: "fine",
        headers: usual(&proxy.host, "POST"),
        body: Some(SMUGGLED.into()),
        trailers: Some(vec![(b"x-after", b"y".to_vec())]),
        late: false,
    };
    let (frames, _) = ask(proxy.port, &fine);
    assert_eq!(
        frames.iter().find_map(Frame::status),
        Some(200),
        "{frames:?}"
    );
    let read = proxy.backend.take();
    let read = read
        .requests
        .iter()
        .find(|request| request.target == "/case/h2");
    assert_eq!(
        read.map(|request| request.body.as_slice()),
        Some(SMUGGLED.as_bytes())
    );
    let cases = refused(&proxy.host);
    let wrong: Vec<String> = cases.iter().flat_map(|case| judged(&proxy, case)).collect();
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
    assert!(
        engine.try_wait().expect("it is our child").is_none(),
        "the engine lives"
    );
    kill(engine.id());
    let _ = engine.wait();
}

/// A flood: its name, and the next piece of it.
type Flood = (&'static str, Box<dyn Fn(u32, &str) -> Vec<u8>>);

/// Each piece is sent so often, unless the gateway has enough before.
const PIECES: u32 = 20_000;

fn floods() -> Vec<Flood> {
    fn asks(host: &str, stream: u32, flags: u8) -> Vec<u8> {
        let headers = block(&borrowed(&usual(host, "GET")));
        frame(kind::HEADERS, END_HEADERS | flags, stream, &headers)
    }
    vec![
        (
            "reset at once",
            Box::new(|n, host| {
                let stream = 2 * n + 1;
                let mut bytes = asks(host, stream, END_STREAM);
                bytes.extend(frame(kind::RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
                bytes
            }),
        ),
        (
            "requests without an end",
            Box::new(|n, host| asks(host, 2 * n + 1, 0)),
        ),
        (
            "requests at once",
            Box::new(|n, host| asks(host, 2 * n + 1, END_STREAM)),
        ),
        (
            "settings",
            Box::new(|_, _| frame(kind::SETTINGS, 0, 0, &[0, 4, 0, 0, 0xff, 0xff]).repeat(10)),
        ),
        (
            "empty settings",
            Box::new(|_, _| frame(kind::SETTINGS, 0, 0, b"").repeat(10)),
        ),
        (
            "pings",
            Box::new(|_, _| frame(kind::PING, 0, 0, b"12345678").repeat(10)),
        ),
        (
            "priorities",
            Box::new(|n, _| frame(kind::PRIORITY, 0, 2 * n + 1, &[0, 0, 0, 0, 1]).repeat(10)),
        ),
        (
            "windows",
            Box::new(|_, _| frame(kind::WINDOW_UPDATE, 0, 0, &1_u32.to_be_bytes()).repeat(10)),
        ),
        (
            "a window that is too wide",
            Box::new(|_, _| frame(kind::WINDOW_UPDATE, 0, 0, &0x7fff_ffff_u32.to_be_bytes())),
        ),
        (
            "windows of nothing",
            Box::new(|_, _| frame(kind::WINDOW_UPDATE, 0, 0, &0_u32.to_be_bytes())),
        ),
        (
            "empty data",
            Box::new(|n, host| match n {
                0 => asks(host, 1, 0),
                _ => frame(kind::DATA, 0, 1, b"").repeat(10),
            }),
        ),
        (
            "headers that go on",
            Box::new(|n, host| match n {
                0 => frame(kind::HEADERS, 0, 1, &block(&borrowed(&usual(host, "GET")))),
                _ => frame(kind::CONTINUATION, 0, 1, &block(&[(b"x", &[b'y'; 1_000])])),
            }),
        ),
        (
            "empty headers that go on",
            Box::new(|n, host| match n {
                0 => frame(kind::HEADERS, 0, 1, &block(&borrowed(&usual(host, "GET")))),
                _ => frame(kind::CONTINUATION, 0, 1, b"").repeat(10),
            }),
        ),
        (
            "large headers",
            Box::new(|n, host| {
                let mut headers = block(&borrowed(&usual(host, "GET")));
                headers.extend(block(&[(b"x", &[b'y'; 12_000])]));
                frame(kind::HEADERS, END_HEADERS | END_STREAM, 2 * n + 1, &headers)
            }),
        ),
        // One header of 4,000 bytes into the table, then itself again and again for a byte each.
        (
            "headers out of the table",
            Box::new(|n, host| {
                let mut headers = block(&borrowed(&usual(host, "GET")));
                headers.extend([0x40, 1, b'x', 127]);
                headers.extend([0xa1, 0x1e]);
                headers.extend([b'y'; 4_000]);
                headers.extend([0xbe; 10_000]);
                frame(kind::HEADERS, END_HEADERS | END_STREAM, 2 * n + 1, &headers)
            }),
        ),
        (
            "unknown frames",
            Box::new(|_, _| frame(0xfa, 0xff, 0, &[0; 1_000])),
        ),
        (
            "promises",
            Box::new(|n, _| {
                frame(
                    kind::PUSH_PROMISE,
                    END_HEADERS,
                    1,
                    &(2 * n + 2).to_be_bytes(),
                )
            }),
        ),
        (
            "goodbyes",
            Box::new(|_, _| frame(kind::GOAWAY, 0, 0, &[0; 8])),
        ),
        ("bytes that are no frames", Box::new(|_, _| vec![0xff; 100])),
        (
            "a frame that is too large",
            Box::new(|n, _| match n {
                0 => vec![0xff, 0xff, 0xff, kind::DATA, 0, 0, 0, 0, 1],
                _ => vec![0; 1_000],
            }),
        ),
    ]
}

#[test]
fn floods_end_or_cost_nothing_and_others_are_answered_meanwhile() {
    let (_azora, mut engine, proxy) = stage("flood");
    let memory = || written_kb(engine.id()).unwrap_or(0);
    proxy.well();
    let mut wrong = Vec::new();
    for (name, piece) in floods() {
        let before = memory();
        let mut connection = Connection::open(proxy.port).expect("it listens");
        let mut most = before;
        let mut sent = 0;
        // Nothing of what comes back is read, as floods do not.
        for n in 0..PIECES {
            if !connection.send(&piece(n, &proxy.host)) {
                break;
            }
            sent = n;
            if n % 2_000 == 1_999 {
                let begun = Instant::now();
                wrong.extend(
                    proxy
                        .well()
                        .into_iter()
                        .map(|wrong| format!("{name}: {wrong}")),
                );
                if begun.elapsed() > ANSWER {
                    wrong.push(format!("{name}: others waited {:.1?}", begun.elapsed()));
                }
                most = most.max(memory());
            }
        }
        wrong.extend(
            proxy
                .well()
                .into_iter()
                .map(|wrong| format!("{name}, after it: {wrong}")),
        );
        most = most.max(memory());
        let grown = most.saturating_sub(before);
        if grown > GROWTH {
            wrong.push(format!(
                "{name}: the engine grew by {grown} KB after {sent} pieces"
            ));
        }
        eprintln!("{name}: {sent} pieces, {grown} KB");
        drop(connection);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(
        engine.try_wait().expect("it is our child").is_none(),
        "the engine lives"
    );
    kill(engine.id());
    let _ = engine.wait();
}

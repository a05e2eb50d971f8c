//! Clients that take their time hold nobody up, and do not hold their places for ever.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use tests::gateway::register;
use tests::process::kill;
use tests::smuggling::h2::{Connection, END_HEADERS, END_STREAM, block, frame, kind};
use tests::smuggling::{Proxy, Recorder};
use tests::{Azora, until};

/// So many of each kind at the same time.
const EACH: usize = 60;
/// Who asks as everybody does is answered within this time, whoever else is there.
const ANSWER: Duration = Duration::from_secs(2);

/// A kind of slow client: what it begins with, and a piece that it sends now and then.
struct Slow {
    name: &'static str,
    begin: String,
    piece: &'static [u8],
    /// Its place is given back after some time, however slowly it goes on.
    ends: bool,
}

fn kinds(host: &str) -> Vec<Slow> {
    let slow = |name, begin: String, piece, ends| Slow {
        name,
        begin,
        piece,
        ends,
    };
    let head = format!("Host: {host}\r\n");
    vec![
        slow("says nothing", String::new(), b"", true),
        slow(
            "one letter of a head at a time",
            "GET /slow HT".to_owned(),
            b"T",
            true,
        ),
        slow(
            "one header at a time",
            format!("GET /slow HTTP/1.1\r\n{head}"),
            b"X: y\r\n",
            true,
        ),
        slow(
            "half a preface of HTTP/2",
            "PRI * HTTP/2.0\r\n".to_owned(),
            b"",
            true,
        ),
        slow(
            "a preface and nothing else",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
            b"",
            true,
        ),
        slow(
            "one byte of a body at a time",
            format!("POST /slow HTTP/1.1\r\n{head}Content-Length: 1000000\r\n\r\n"),
            b"z",
            false,
        ),
        slow(
            "one chunk at a time",
            format!("POST /slow HTTP/1.1\r\n{head}Transfer-Encoding: chunked\r\n\r\n"),
            b"1\r\nz\r\n",
            false,
        ),
        slow(
            "asks and does not read",
            format!("GET /slow HTTP/1.1\r\n{head}\r\n").repeat(50),
            b"",
            false,
        ),
    ]
}

/// True when the other end has closed this connection.
fn closed(stream: &mut TcpStream) -> bool {
    let mut bytes = [0; 1 << 14];
    loop {
        match stream.read(&mut bytes) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() != ErrorKind::WouldBlock,
        }
    }
}

/// More than there are places.
const CROWD: usize = 1_200;

/// Descriptors for so many connections, whatever the shell has given us.
fn room() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum.or(limit.current);
    let _ = setrlimit(Resource::Nofile, limit);
}

#[test]
fn a_crowd_that_says_nothing_leaves_room_for_who_asks() {
    room();
    let azora = Azora::new();
    let mut engine = azora.serve_until_it_listens(azora.home().path());
    let backend = Recorder::new();
    let named = register(&azora, "crowded", backend.port());
    let proxy = Proxy::new(named.port, named.host, backend);
    let begins = [
        "",
        "GET /slow HTTP/1.1\r\n",
        "GET /good/0 HTTP/1.1\r\nHost: crowded.localhost\r\n\r\n",
    ];
    let mut all = Vec::new();
    for n in 0..CROWD {
        let mut stream = TcpStream::connect(("127.0.0.1", proxy.port)).expect("it listens");
        stream.set_nonblocking(true).expect("it is ours");
        // Nothing, half a request, or a whole one and then nothing. Who is sent away at once may not hear us.
        let _ = stream.write_all(begins[n % begins.len()].as_bytes());
        all.push(stream);
    }
    let mut wrong = Vec::new();
    for _ in 0..10 {
        let begun = Instant::now();
        wrong.extend(proxy.well());
        if begun.elapsed() > ANSWER {
            wrong.push(format!("who asked waited {:.1?}", begun.elapsed()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    drop(all);
    kill(engine.id());
    let _ = engine.wait();
}

#[test]
fn a_crowd_that_takes_no_answer_leaves_room_in_time() {
    room();
    let azora = Azora::new();
    let mut engine = azora.serve_until_it_listens(azora.home().path());
    let backend = Recorder::new();
    let named = register(&azora, "unread", backend.port());
    let proxy = Proxy::new(named.port, named.host, backend);
    // No window to send an answer into, and every question whether it lives is answered.
    let window = frame(kind::SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
    let headers: [(&[u8], &[u8]); 4] = [
        (b":method", b"GET"),
        (b":scheme", b"http"),
        (b":path", b"/good/0"),
        (b":authority", proxy.host.as_bytes()),
    ];
    let asks = frame(kind::HEADERS, END_HEADERS | END_STREAM, 1, &block(&headers));
    let mut all = Vec::new();
    for _ in 0..CROWD {
        let mut connection = Connection::open(proxy.port).expect("it listens");
        connection.send(&window);
        connection.send(&asks);
        all.push(connection);
    }
    let mut wrong = Vec::new();
    until("who asks to be answered", || {
        for connection in &mut all {
            let frames = connection.frames(Duration::from_millis(1), |_| false);
            for ping in frames
                .iter()
                .filter(|one| one.kind == kind::PING && one.flags == 0)
            {
                connection.send(&frame(kind::PING, 1, 0, &ping.payload));
            }
        }
        wrong = proxy.well();
        wrong.is_empty().then_some(())
    });
    drop(all);
    kill(engine.id());
    let _ = engine.wait();
}

#[test]
fn slow_clients_hold_nobody_up_and_give_their_places_back() {
    let azora = Azora::new();
    let mut engine = azora.serve_until_it_listens(azora.home().path());
    let backend = Recorder::new();
    let named = register(&azora, "patient", backend.port());
    let proxy = Proxy::new(named.port, named.host, backend);
    let kinds = kinds(&proxy.host);
    let mut all = Vec::new();
    for kind in &kinds {
        for _ in 0..EACH {
            let mut stream = TcpStream::connect(("127.0.0.1", proxy.port)).expect("it listens");
            stream.write_all(kind.begin.as_bytes()).expect("it is read");
            stream.set_nonblocking(true).expect("it is ours");
            all.push((kind, stream));
        }
    }
    let mut wrong = Vec::new();
    for _ in 0..10 {
        let begun = Instant::now();
        wrong.extend(proxy.well());
        if begun.elapsed() > ANSWER {
            wrong.push(format!("who asked waited {:.1?}", begun.elapsed()));
        }
        for (kind, stream) in &mut all {
            let _ = stream.write_all(kind.piece);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // One more piece now and then keeps no place.
    let mut held: Vec<_> = all.iter_mut().filter(|(kind, _)| kind.ends).collect();
    let mut left = held.len();
    until("those who do not get to the point to be sent away", || {
        held.retain_mut(|(kind, stream)| {
            let _ = stream.write_all(kind.piece);
            !closed(stream)
        });
        if held.len() < left {
            left = held.len();
            eprintln!(
                "{left} left, the first {}",
                held.first().map_or("", |(kind, _)| kind.name)
            );
        }
        held.is_empty().then_some(())
    });
    assert!(
        engine.try_wait().expect("it is our child").is_none(),
        "the engine lives"
    );
    kill(engine.id());
    let _ = engine.wait();
}

//! Requests of those who should not be let in, byte by byte, against all that an engine listens with: other hosts, pages
//! of other origins, other ways of asking, and whoever has no token or a wrong one.
//!
//! What is held of every case: the answer is an error or none, and tells nothing of the home. That nothing has changed
//! is for the story to see, from outside. Each case is a good request with one thing wrong, so that it is refused for
//! that; [`routes`] has the good ones, which the story sends at its end.

mod hosts;
mod pages;
mod routes;
mod tokens;
mod ways;

pub use routes::{Route, routes};

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Stands in all that a home of such a story knows, and in no answer to a stranger.
pub const CANARY: &str = "canary";
/// What the gateway leads to, by name; registered, with this id.
pub const NAME: &str = "canarymail";
/// See [`NAME`].
pub const ID: &str = "canary-1";
/// An answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(20);
/// More of an answer than any error has.
const ENOUGH: usize = 64 << 10;

/// What listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Listener {
    /// What the command line and the browser ask.
    Api,
    /// The registry.
    Registry,
    /// The registry, for Consul's clients.
    Consul,
    /// The gateway.
    Gateway,
}

/// All of them.
pub const LISTENERS: [Listener; 4] = [
    Listener::Api,
    Listener::Registry,
    Listener::Consul,
    Listener::Gateway,
];

/// What the cases are about.
#[derive(Debug, Clone)]
pub struct World {
    /// Where each listens.
    pub ports: BTreeMap<Listener, u16>,
    /// The token of this start.
    pub token: String,
    /// That of the start before.
    pub old: String,
    /// That of another home.
    pub other: String,
    /// The cluster that runs.
    pub cluster: String,
    /// One of its instances.
    pub instance: String,
    /// What else is not to be told: the home's folder.
    pub home: String,
}

/// One request.
#[derive(Debug, Clone)]
pub struct Case {
    /// Whom it is sent to.
    pub listener: Listener,
    /// What kind of thing is wrong.
    pub class: &'static str,
    /// What is.
    pub name: String,
    /// All of it.
    pub bytes: Vec<u8>,
    /// The first message of a WebSocket, should one be opened.
    pub then: Option<Vec<u8>>,
}

/// What came back.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// All that was sent, or the beginning of it.
    pub bytes: Vec<u8>,
    /// It did not end.
    pub hung: bool,
}

impl World {
    /// Where it listens.
    ///
    /// # Panics
    /// When it does not.
    pub fn port(&self, listener: Listener) -> u16 {
        self.ports[&listener]
    }

    /// What is a stranger's success: why, in words.
    pub fn success(&self, case: &Case, answer: &Answer) -> Option<String> {
        let text = answer.text();
        let told = [CANARY, &self.token, &self.home]
            .into_iter()
            .find(|secret| text.contains(*secret));
        let why = match (answer.status(), told) {
            (_, Some(secret)) => format!("it was told {secret:?}"),
            _ if answer.hung => "it was kept waiting".to_owned(),
            (101, _) if text.contains("\"opened\"") => "a stream was opened".to_owned(),
            // Who it is says the first message, and the answer to that is no.
            (101, _) if case.then.is_some() && case.class.contains("WebSocket") => return None,
            (0 | 400..=599, _) => return None,
            (status, _) => format!("it was answered {status}"),
        };
        let begin: String = text.chars().take(300).collect();
        Some(format!(
            "{:?}, {}: {}: {why}: {begin}",
            case.listener, case.class, case.name
        ))
    }
}

impl Answer {
    /// The status; 0 when the connection was closed without one.
    pub fn status(&self) -> u16 {
        let text = self.text();
        let code = text
            .strip_prefix("HTTP/1.")
            .and_then(|rest| rest.get(2..5)?.parse().ok());
        code.unwrap_or(0)
    }

    /// As text, as far as it is.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    fn has_head(&self) -> bool {
        self.head().is_some()
    }

    /// How long its head is.
    fn head(&self) -> Option<usize> {
        let end = self.bytes.windows(4).position(|end| end == b"\r\n\r\n")?;
        Some(end + 4)
    }

    /// All of its body is there, as far as it says how long that is.
    fn is_whole(&self) -> bool {
        let Some(head) = self.head() else {
            return false;
        };
        let text = String::from_utf8_lossy(&self.bytes[..head]).to_ascii_lowercase();
        let length = text
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"))
            .and_then(|length| length.trim().parse::<usize>().ok());
        length.is_some_and(|length| self.bytes.len() >= head + length)
    }
}

/// Sends a case and reads what comes back.
pub fn send(world: &World, case: &Case) -> Answer {
    ask(world.port(case.listener), &case.bytes, case.then.as_deref())
}

/// Sends bytes to a port of this machine; `then` follows when the connection is a WebSocket.
pub fn ask(port: u16, bytes: &[u8], then: Option<&[u8]>) -> Answer {
    let mut answer = Answer::default();
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else {
        return answer;
    };
    // Who is turned away may be so before all is said.
    let _ = stream.set_read_timeout(Some(PATIENCE));
    let _ = stream.set_write_timeout(Some(PATIENCE));
    let _ = stream.write_all(bytes);
    let (mut piece, mut then) = ([0; 4096], then);
    loop {
        match stream.read(&mut piece) {
            Ok(0) => return answer,
            Ok(length) => answer.bytes.extend_from_slice(&piece[..length]),
            Err(error) => {
                answer.hung = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
                return answer;
            }
        }
        if !answer.has_head() {
            continue;
        }
        match (answer.status(), then.take()) {
            (101, Some(message)) => {
                let _ = stream.write_all(message);
            }
            (101, None) => {}
            // What goes well need not be read to its end, which a stream does not have.
            (100..=399, _) => return answer,
            // A connection may stay open behind an error.
            _ if bytes.starts_with(b"HEAD ") || answer.is_whole() => return answer,
            _ => {}
        }
        if answer.bytes.len() > ENOUGH {
            return answer;
        }
    }
}

/// A text as a client sends it in a WebSocket, masked with nothing.
pub fn message(text: &str) -> Vec<u8> {
    frame(0x81, text.as_bytes())
}

fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = payload.len();
    let mut bytes = vec![kind];
    match u16::try_from(length) {
        Ok(short) if short < 126 => bytes.push(0x80 | short.to_be_bytes()[1]),
        Ok(long) => {
            bytes.push(0x80 | 126);
            bytes.extend(long.to_be_bytes());
        }
        Err(_) => {
            bytes.push(0x80 | 127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes
}

/// All cases.
pub fn cases(world: &World) -> Vec<Case> {
    let routes = routes(world);
    [
        hosts::cases(world, &routes),
        pages::cases(world, &routes),
        ways::cases(world, &routes),
        tokens::cases(world, &routes),
    ]
    .concat()
}

/// How many there are of each kind at each listener, as a table.
pub fn table(cases: &[Case]) -> String {
    let mut counts: BTreeMap<&str, [usize; 4]> = BTreeMap::new();
    for case in cases {
        let row = counts.entry(case.class).or_default();
        row[case.listener as usize] += 1;
    }
    let mut text = format!(
        "{:<32} {:>5} {:>9} {:>7} {:>8}\n",
        "", "api", "registry", "consul", "gateway"
    );
    for (class, [api, registry, consul, gateway]) in counts {
        text += &format!("{class:<32} {api:>5} {registry:>9} {consul:>7} {gateway:>8}\n");
    }
    text
}

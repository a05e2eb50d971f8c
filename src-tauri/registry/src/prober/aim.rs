//! What may be asked at all: looked at when a check is registered, and again before each question.

use crate::check::{Probe, Target};
use crate::target::{self, Refusal};
use hyper::Method;
use hyper::header::{HeaderName, HeaderValue};
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// The shortest time between two questions.
pub(crate) const SHORTEST: Duration = Duration::from_secs(1);
/// The longest.
pub(crate) const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// The longest an answer may take.
pub(crate) const LONGEST_TIMEOUT: Duration = Duration::from_secs(60);
/// Most answers in a row that something may depend on.
const MOST_IN_A_ROW: u32 = 1_000;
const MAX_HEADERS: usize = 32;
/// Longest name or id of a service that a probe is of, in bytes: an id of ours is a name and an id.
const MAX_SERVICE: usize = 512;
/// Longest headers and body together, in bytes.
const MAX_REQUEST: usize = 8 << 10;

/// Headers that are the connection's and not the request's.
const NOT_THEIRS: [&str; 9] = [
    "connection",
    "content-length",
    "expect",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Where a question goes, if it may go there; nowhere where nobody is asked.
///
/// # Errors
/// See [`Refusal`]; `https` is refused too, because nothing here speaks TLS.
pub(crate) fn address(
    target: &Target,
    refused_ports: &BTreeSet<u16>,
    allowed: &[IpNet],
) -> Result<Option<SocketAddr>, Refusal> {
    let address = match target {
        Target::Alias { .. } => return Ok(None),
        Target::Http { url, .. } => {
            if url.starts_with("https://") {
                return Err(Refusal::Tls);
            }
            target::check(url, allowed)?
        }
        Target::Tcp { address } | Target::Udp { address } | Target::Grpc { address, .. } => {
            plain(address, allowed)?
        }
    };
    // Our ports are on loopback only; on another machine the same number is somebody else's.
    if address.ip().is_loopback() && refused_ports.contains(&address.port()) {
        return Err(Refusal::OurPort(address.port()));
    }
    Ok(Some(address))
}

/// An address with its port, in the one spelling that is allowed in a URL.
fn plain(text: &str, allowed: &[IpNet]) -> Result<SocketAddr, Refusal> {
    if text.contains(['/', '?', '#', '\\']) {
        return Err(Refusal::Character);
    }
    let address = target::check(&format!("http://{text}"), allowed)?;
    // A URL may leave its port out and an address may not.
    let host = match address.ip() {
        IpAddr::V4(Ipv4Addr::LOCALHOST) if text.starts_with("localhost") => "localhost".to_owned(),
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    match text == format!("{host}:{}", address.port()) {
        true => Ok(address),
        false => Err(Refusal::Port),
    }
}

/// The service that a probe is of, or asks for, can be one.
fn named(service: &str) -> Result<(), String> {
    match service.len() <= MAX_SERVICE && !service.chars().any(char::is_control) {
        true => Ok(()),
        false => Err(format!(
            "a service that it is of has at most {MAX_SERVICE} bytes, and no control characters"
        )),
    }
}

/// Holds a probe against the limits, except for where it goes. Says what is wrong.
pub(crate) fn limits(probe: &Probe) -> Result<(), String> {
    if probe.every < SHORTEST || probe.every > LONGEST {
        return Err("it is asked every second at most, and once a day at least".into());
    }
    if probe.timeout.is_zero() || probe.timeout > LONGEST_TIMEOUT {
        return Err("an answer may take up to a minute".into());
    }
    let in_a_row = [probe.passes, probe.warns, probe.fails];
    if !in_a_row.iter().all(|n| (1..=MOST_IN_A_ROW).contains(n)) || probe.warns > probe.fails {
        return Err(format!(
            "what is counted in a row is 1 to {MOST_IN_A_ROW}, and a warning comes no later than \
             critical"
        ));
    }
    let (method, headers, body) = match &probe.target {
        Target::Http {
            method,
            headers,
            body,
            ..
        } => (method, headers, body),
        Target::Alias { service } | Target::Grpc { service, .. } => return named(service),
        Target::Tcp { .. } | Target::Udp { .. } => return Ok(()),
    };
    let known = Method::from_bytes(method.as_bytes());
    if !known.is_ok_and(|method| method != Method::CONNECT && method != Method::TRACE) {
        return Err("its method is one like GET, HEAD or POST".into());
    }
    let mut size = body.len();
    for (name, values) in headers {
        let known: Result<HeaderName, _> = name.parse();
        let theirs = known.is_ok_and(|name| !NOT_THEIRS.contains(&name.as_str()));
        if !theirs
            || !values
                .iter()
                .all(|value| HeaderValue::from_str(value).is_ok())
        {
            let name: String = name.chars().take(40).collect();
            return Err(format!("it cannot have the header {name:?}"));
        }
        size += values
            .iter()
            .map(|value| name.len() + value.len())
            .sum::<usize>();
    }
    let count: usize = headers.values().map(Vec::len).sum();
    if count > MAX_HEADERS || size > MAX_REQUEST {
        return Err(format!(
            "its request has at most {MAX_HEADERS} headers, and {} KB with its body",
            MAX_REQUEST >> 10
        ));
    }
    Ok(())
}

//! Where an entry may point: to this machine or into a network that the home's settings allow, and
//! in one spelling only.
//!
//! Many parsers read many spellings of an address (decimal, octal, hex, mapped, encoded), and two
//! that read one differently are a way around a check. So an authority is accepted only when it is
//! written exactly as the parser would write it back.

use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use url::{Host, Url};

/// Longest URL, in bytes.
const MAX_URL: usize = 2_048;

/// Which bytes a URL may have.
const USUAL: [bool; 256] = {
    let mut usual = [false; 256];
    let mut b = 0x21;
    while b <= 0x7e {
        usual[b] = !matches!(
            b as u8,
            b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}'
        );
        b += 1;
    }
    usual
};

/// Why a URL is not listed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Longer than 2,048 bytes.
    #[error("it is longer than {MAX_URL} bytes")]
    TooLong,
    /// Spaces, control characters, quotes, or anything outside ASCII.
    #[error("it has a character that a URL cannot have")]
    Character,
    /// Not a URL at all.
    #[error("it is not a URL: {0}")]
    Syntax(url::ParseError),
    /// Neither http nor https.
    #[error("it begins with neither http:// nor https://")]
    Scheme,
    /// A probe of ours speaks no TLS.
    #[error("it begins with https://, and what is asked here is asked without TLS")]
    Tls,
    /// Credentials do not belong into a list that everybody reads.
    #[error("it holds a user name or password")]
    UserInfo,
    /// A fragment never reaches a server.
    #[error("it has a fragment")]
    Fragment,
    /// Some other machine.
    #[error(
        "it does not point to this machine (localhost, 127.0.0.0/8, [::1]), nor into a network \
         that `registry.allow` in the settings of this home names"
    )]
    Elsewhere,
    /// A name: what it points to when it is looked at is not what it points to when it is used.
    #[error(
        "it names its host, and a name may point elsewhere tomorrow (DNS rebinding); of names \
         only localhost is listed, everything else by its address"
    )]
    Name,
    /// An address that no network of machines has, whatever is allowed.
    #[error("{0} is no address of one machine: unspecified, link-local, multicast or reserved")]
    Nowhere(IpAddr),
    /// IPv4 in the clothes of IPv6.
    #[error("it is an IPv4 address written as IPv6; write it as {0}")]
    Mapped(Ipv4Addr),
    /// The host or port is written in an unusual way.
    #[error("its host and port are not written in the usual way, which is {0}")]
    Spelling(String),
    /// Port 0 is no port.
    #[error("it has no usable port")]
    Port,
    /// The engine's own.
    #[error("port {0} is Azora's own")]
    OurPort(u16),
}

/// The address a URL points to, if an entry may point there: to loopback, or into one of
/// `allowed`. `localhost` is 127.0.0.1. No name is looked up.
///
/// # Errors
/// See [`Refusal`].
pub fn check(text: &str, allowed: &[IpNet]) -> Result<SocketAddr, Refusal> {
    if text.len() > MAX_URL {
        return Err(Refusal::TooLong);
    }
    if !text.bytes().all(|b| USUAL[usize::from(b)]) {
        return Err(Refusal::Character);
    }
    let rest = text
        .strip_prefix("http://")
        .or_else(|| text.strip_prefix("https://"))
        .ok_or(Refusal::Scheme)?;
    match plain(rest) {
        Some(address) => allow((*address.ip()).into(), allowed).map(|()| address.into()),
        None => parsed(text, rest, allowed),
    }
}

/// What nearly all say, which takes a hundredth of the time: a v4 address and a port, both as they are
/// written back, before any path. `None` says nothing about it.
fn plain(rest: &str) -> Option<SocketAddrV4> {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let (_, port) = authority.split_once(':')?;
    // A fragment is refused; a port that begins with 0 is none, or another one to other parsers.
    if path.contains('#') || port.starts_with('0') {
        return None;
    }
    authority.parse().ok()
}

/// By the parser that everything else of ours reads URLs with.
fn parsed(text: &str, rest: &str, allowed: &[IpNet]) -> Result<SocketAddr, Refusal> {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    if authority.contains('@') {
        return Err(Refusal::UserInfo);
    }
    let url = Url::parse(text).map_err(Refusal::Syntax)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Refusal::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Refusal::UserInfo);
    }
    if url.fragment().is_some() {
        return Err(Refusal::Fragment);
    }
    let ip: IpAddr = match url.host() {
        Some(Host::Ipv4(ip)) => ip.into(),
        Some(Host::Ipv6(ip)) => ip.into(),
        Some(Host::Domain("localhost")) => Ipv4Addr::LOCALHOST.into(),
        Some(Host::Domain(_)) => return Err(Refusal::Name),
        None => return Err(Refusal::Elsewhere),
    };
    allow(ip, allowed)?;
    // Both exist for http and https with a host; a URL without is refused all the same.
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
        return Err(Refusal::Elsewhere);
    };
    if port == 0 {
        return Err(Refusal::Port);
    }
    let with_port = format!("{host}:{port}");
    if authority != with_port && !(authority == host && url.port().is_none()) {
        return Err(Refusal::Spelling(with_port));
    }
    Ok(SocketAddr::new(ip, port))
}

/// May an entry point to this address?
fn allow(ip: IpAddr, allowed: &[IpNet]) -> Result<(), Refusal> {
    if ip.is_loopback() {
        return Ok(());
    }
    let nowhere = match ip {
        IpAddr::V4(ip) => {
            // 0.0.0.0/8 reaches this machine by a way that loopback's checks do not see;
            // 169.254.0.0/16 hands out credentials in a cloud; from 224 on nothing is one machine.
            ip.octets()[0] == 0 || ip.is_link_local() || ip.octets()[0] >= 224
        }
        IpAddr::V6(ip) => {
            if let Some(mapped) = ip.to_ipv4_mapped() {
                return Err(Refusal::Mapped(mapped));
            }
            ip.is_unspecified() || ip.is_multicast() || ip.is_unicast_link_local()
        }
    };
    if nowhere {
        return Err(Refusal::Nowhere(ip));
    }
    match allowed.iter().any(|network| network.contains(&ip)) {
        true => Ok(()),
        false => Err(Refusal::Elsewhere),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What is read at once is read as the parser reads it.
    fn same(rest: &str) -> bool {
        let text = format!("http://{rest}");
        let at_once = plain(rest);
        let address = at_once.map(SocketAddr::from);
        assert!(
            at_once.is_none() || check(&text, &[]) == parsed(&text, rest, &[]),
            "{text}: {address:?}, and the parser says {:?}",
            parsed(&text, rest, &[])
        );
        at_once.is_some()
    }

    #[test]
    fn what_is_plain_is_read_at_once_and_nothing_else() {
        for rest in [
            "127.0.0.1:4000",
            "127.0.0.1:4000/",
            "127.8.9.10:1?x=y@z:3",
            "10.0.0.1:80/a/../%2e%2e//b;c",
            "0.0.0.0:65535",
        ] {
            assert!(same(rest), "{rest}");
        }
        for rest in [
            "127.0.0.1",
            "127.0.0.1:",
            "127.0.0.1:0",
            "127.0.0.1:080",
            "127.0.0.1:+80",
            "127.0.0.1:65536",
            "127.0.0.01:80",
            "127.1:80",
            "0x7f.0.0.1:80",
            "127.0.0.1.:80",
            "127.0.0.1:80#x",
            "127.0.0.1:80/a#x",
            "a@127.0.0.1:80",
            "/127.0.0.1:80",
            "localhost:80",
            "[::1]:80",
        ] {
            assert!(!same(rest), "{rest}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_read_otherwise_at_once_than_by_the_parser(
            rest in "(127|[0-9x]{1,3})[.](0|[0-9]{1,3})[.][0-9]{1,3}[.]?[1-9]?[0-9]{0,2}:?[0-9]{0,5}([/?#@:.%][!-~]{0,8})?"
        ) {
            prop_assume!(rest.bytes().all(|b| USUAL[usize::from(b)]));
            same(&rest);
        }
    }
}

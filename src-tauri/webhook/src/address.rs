//! From a URL to a connection. A name is looked up for every connection, and whatever it stands for,
//! nothing is sent to an address that no receiver has.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::net::TcpStream;
use url::{Host, Url};

/// Addresses of one name that are tried.
const MOST: usize = 8;
/// For each of them but the last, so that one that swallows packets does not take all the time.
const EACH: Duration = Duration::from_secs(3);

/// A connection to where the URL leads.
pub(crate) async fn connect(url: &Url) -> Result<TcpStream, String> {
    let port = url.port_or_known_default().unwrap_or(443);
    let addresses: Vec<SocketAddr> = match url.host() {
        Some(Host::Ipv4(address)) => vec![(address, port).into()],
        Some(Host::Ipv6(address)) => vec![(address, port).into()],
        Some(Host::Domain(name)) => tokio::net::lookup_host((name, port))
            .await
            .map_err(|error| format!("{name} was not found: {error}"))?
            .take(MOST)
            .collect(),
        None => vec![],
    };
    let mut why = "it has no address".to_owned();
    let last = addresses.len().saturating_sub(1);
    for (n, address) in addresses.into_iter().enumerate() {
        if let Some(kind) = nowhere(address.ip()) {
            why = format!("{} is {kind}: nothing is sent there", address.ip());
            continue;
        }
        let connecting = TcpStream::connect(address);
        let connected = match n == last {
            true => connecting.await,
            false => match tokio::time::timeout(EACH, connecting).await {
                Ok(connected) => connected,
                Err(_) => {
                    why = format!("{address} does not answer");
                    continue;
                }
            },
        };
        match connected {
            Ok(stream) => {
                // A request is one packet or two; it should not wait for more.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => why = format!("{address}: {error}"),
        }
    }
    Err(why)
}

/// What kind of address it is, when it is none that a receiver has. Link-local ones mean another
/// machine on every network, and in a cloud the one that hands out credentials.
fn nowhere(ip: IpAddr) -> Option<&'static str> {
    /// Where a cloud hands out credentials over IPv6.
    const METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254);
    match ip {
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(ip) => nowhere(IpAddr::V4(ip)),
            None if ip.is_unspecified() => Some("no address of any machine"),
            None if ip.is_unicast_link_local() => Some("link-local"),
            None if ip.is_multicast() => Some("multicast"),
            None if ip == METADATA => Some("where a cloud hands out credentials"),
            None => None,
        },
        IpAddr::V4(ip) if ip.octets()[0] == 0 => Some("no address of any machine"),
        IpAddr::V4(ip) if ip.is_link_local() => Some("link-local"),
        IpAddr::V4(ip) if ip.octets()[0] >= 224 => Some("multicast or reserved"),
        IpAddr::V4(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_sent_to_where_no_receiver_can_be() {
        for never in [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "fd00:ec2::254",
            "fe80::1",
            "0.0.0.0",
            "::",
            "224.0.0.1",
            "255.255.255.255",
            "ff02::1",
        ] {
            assert!(nowhere(never.parse().unwrap()).is_some(), "{never}");
        }
        for some in ["127.0.0.1", "::1", "10.1.2.3", "192.0.2.1", "2001:db8::1"] {
            assert_eq!(nowhere(some.parse().unwrap()), None, "{some}");
        }
    }

    #[tokio::test]
    async fn a_refused_address_is_said() {
        let url = Url::parse("https://169.254.169.254/latest").unwrap();
        let why = connect(&url).await.unwrap_err();
        assert_eq!(why, "169.254.169.254 is link-local: nothing is sent there");
    }
}

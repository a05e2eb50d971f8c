//! The one node there is: this machine. How it is called, and which names mean it.

use super::wish::host;
use crate::dice;
use crate::target::{self, Refusal};
use ipnet::IpNet;
use std::net::SocketAddr;
use store::Store;

/// What Consul calls the place of a node when nobody said.
pub(crate) const DATACENTER: &str = "dc1";
/// Where the store keeps the node's id.
const ID: &str = "consul.node";

#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// A UUID that a home keeps: clients tell instances apart by it.
    pub(crate) id: String,
    /// The machine's name.
    pub(crate) name: String,
    pub(crate) port: u16,
    allowed: Vec<IpNet>,
}

impl Node {
    pub(crate) async fn of(
        store: &Store,
        port: u16,
        allowed: Vec<IpNet>,
    ) -> Result<Self, store::Error> {
        let id = match store.meta().get(ID).await? {
            Some(id) => id,
            None => {
                let id = uuid();
                store.meta().set(ID, &id).await?;
                id
            }
        };
        let name = rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned();
        let name = if name.is_empty() {
            "localhost".to_owned()
        } else {
            name
        };
        Ok(Self {
            id,
            name,
            port,
            allowed,
        })
    }

    /// Where a service is that says this address and port. The machine's own name is this machine:
    /// no name is looked up, and this one need not be.
    pub(crate) fn url(&self, address: &str, port: u16) -> String {
        match address {
            "" => format!("http://127.0.0.1:{port}"),
            address if address == self.name => format!("http://127.0.0.1:{port}"),
            address => format!("http://{}:{port}", host(address)),
        }
    }

    /// May an entry say that it is here? Without a port, any.
    pub(crate) fn allows(&self, address: &str, port: u16) -> Result<SocketAddr, Refusal> {
        let port = if port == 0 { 1 } else { port };
        target::check(&self.url(address, port), &self.allowed)
    }

    /// The URL with the machine's own name replaced by its address.
    pub(crate) fn known_in_url(&self, url: &str) -> String {
        match url.strip_prefix("http://") {
            Some(rest) => format!("http://{}", self.known_in_address(rest)),
            None => url.to_owned(),
        }
    }

    /// The same of an address with its port, and whatever follows.
    pub(crate) fn known_in_address(&self, address: &str) -> String {
        match address.strip_prefix(self.name.as_str()) {
            Some(rest) if rest.is_empty() || rest.starts_with([':', '/', '?']) => {
                format!("127.0.0.1{rest}")
            }
            _ => address.to_owned(),
        }
    }

    #[cfg(test)]
    pub(crate) fn of_test() -> Self {
        Self {
            id: "00000000-0000-4000-8000-000000000000".into(),
            name: "this-machine".into(),
            port: 8_500,
            allowed: vec![],
        }
    }
}

/// A random UUID (version 4).
fn uuid() -> String {
    // It has to be another one than any other home's, and nobody gains by guessing it.
    let (high, low) = (dice::number(), dice::number());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xfff,
        0x8000 | low >> 48 & 0x3fff,
        low & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machines_own_name_is_this_machine_and_no_other_is() {
        let node = Node::of_test();
        assert_eq!(node.url("this-machine", 80), "http://127.0.0.1:80");
        assert_eq!(node.url("", 80), "http://127.0.0.1:80");
        assert_eq!(node.url("::1", 80), "http://[::1]:80");
        assert_eq!(
            node.known_in_url("http://this-machine:1/x"),
            "http://127.0.0.1:1/x"
        );
        for url in [
            "http://this-machine.evil.com/",
            "http://this-machine@evil.com/",
            "https://this-machine/",
            "http://x/this-machine",
        ] {
            assert_eq!(node.known_in_url(url), url);
        }
        assert!(node.allows("this-machine", 0).is_ok());
        for address in [
            "10.0.0.1",
            "evil.com",
            "127.1",
            "0",
            "::ffff:127.0.0.1",
            "a b",
            "x/y",
            "127.0.0.1:80",
        ] {
            assert!(node.allows(address, 0).is_err(), "{address}");
        }
    }

    #[test]
    fn a_uuid_looks_like_one_and_is_another_each_time() {
        let one = uuid();
        let lengths: Vec<usize> = one.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12], "{one}");
        assert_eq!(one.as_bytes()[14], b'4');
        assert!(b"89ab".contains(&one.as_bytes()[19]), "{one}");
        assert_ne!(one, uuid());
    }
}

//! The words between the engine and `azora-relay`: what is to be passed on, and what could not be.
//!
//! Two files of lines in its run folder, each put there whole. The engine writes `forwards`, with a
//! number that grows; the relay answers with the same number in `forwards.heard`, when what is listed
//! is listened at, and says what is not.

use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Name of what is wanted within the run folder.
pub const WANTED: &str = "forwards";
/// Name of the answer within the run folder.
pub const HEARD: &str = "forwards.heard";
/// Longest file that is one.
pub const MAX: u64 = 256 * 1024;

/// The first word of both.
const MAGIC: &str = "azora-forwards";

/// One port of a bridge that leads to a port of 127.0.0.1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forward {
    /// The network it is for, as its daemon calls it.
    pub network: String,
    /// The bridge: nothing that comes in another way is heard.
    pub device: String,
    /// The address of this machine on it.
    pub address: Ipv4Addr,
    /// So many bits of that are the network's: nobody else is let in.
    pub prefix: u8,
    /// Where it listens.
    pub port: u16,
    /// Whose port it leads to.
    pub service: String,
    /// The port of 127.0.0.1 it leads to.
    pub target: u16,
}

impl Forward {
    /// It is on the network: another than this machine, whose services need no way around.
    pub fn lets_in(&self, peer: Ipv4Addr) -> bool {
        let host_bits = 32_u32.saturating_sub(u32::from(self.prefix));
        let mask = u32::MAX.checked_shl(host_bits).unwrap_or(0);
        let same = |one: Ipv4Addr| u32::from(one) & mask;
        same(peer) == same(self.address) && peer != self.address
    }
}

/// All that is to be passed on for one cluster.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Forwards {
    /// Counts what was written.
    pub number: u64,
    /// What is wanted.
    pub all: Vec<Forward>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Heard {
    /// Of which.
    pub number: u64,
    /// Where it does not listen, and why not.
    pub failed: Vec<(Ipv4Addr, u16, String)>,
}

impl Forwards {
    /// As a file has it.
    pub fn encode(&self) -> String {
        let mut text = format!("{MAGIC} 1 {}\n", self.number);
        for one in &self.all {
            text.push_str(&format!(
                "{} {} {}/{} {} {} {}\n",
                one.network, one.device, one.address, one.prefix, one.port, one.service, one.target
            ));
        }
        text
    }

    /// `None` when it is none of our form.
    pub fn decode(text: &str) -> Option<Self> {
        let (number, lines) = head(text)?;
        let forward = |line: &str| {
            let mut words = line.split(' ');
            let (network, device) = (words.next()?.to_owned(), words.next()?.to_owned());
            let (address, prefix) = words.next()?.split_once('/')?;
            Some(Forward {
                network,
                device,
                address: address.parse().ok()?,
                prefix: prefix.parse().ok().filter(|bits| *bits <= 32)?,
                port: words.next()?.parse().ok()?,
                service: words.next()?.to_owned(),
                target: words.next()?.parse().ok()?,
            })
        };
        let all = lines.map(forward).collect::<Option<Vec<_>>>()?;
        Some(Self { number, all })
    }

    /// What a run folder wants; nothing where there is no such file.
    pub fn read(folder: &Path) -> Option<Self> {
        Self::decode(&read(&folder.join(WANTED))?)
    }

    /// Puts it there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        write(folder, WANTED, &self.encode())
    }
}

impl Heard {
    /// As a file has it.
    pub fn encode(&self) -> String {
        let mut text = format!("{MAGIC} 1 {}\n", self.number);
        for (address, port, why) in &self.failed {
            let why = why.replace('\n', " ");
            text.push_str(&format!("{address} {port} {why}\n"));
        }
        text
    }

    /// `None` when it is none of our form.
    pub fn decode(text: &str) -> Option<Self> {
        let (number, lines) = head(text)?;
        let failed = |line: &str| {
            let mut words = line.splitn(3, ' ');
            let (address, port) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
            Some((address, port, words.next()?.to_owned()))
        };
        let failed = lines.map(failed).collect::<Option<Vec<_>>>()?;
        Some(Self { number, failed })
    }

    /// The last answer in a run folder.
    pub fn read(folder: &Path) -> Option<Self> {
        Self::decode(&read(&folder.join(HEARD))?)
    }

    /// Puts it there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        write(folder, HEARD, &self.encode())
    }
}

fn head(text: &str) -> Option<(u64, std::str::Lines<'_>)> {
    let mut lines = text.lines();
    let mut words = lines.next()?.split(' ');
    if words.next() != Some(MAGIC) || words.next() != Some("1") {
        return None;
    }
    Some((words.next()?.parse().ok()?, lines))
}

fn read(path: &Path) -> Option<String> {
    use std::io::Read;
    let mut text = String::new();
    let file = std::fs::File::open(path).ok()?;
    file.take(MAX).read_to_string(&mut text).ok()?;
    Some(text)
}

/// There whole or not at all.
fn write(folder: &Path, name: &str, text: &str) -> io::Result<()> {
    let draft = folder.join(format!("{name}.new"));
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(text.as_bytes())?;
    std::fs::rename(&draft, folder.join(name))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn forward(address: &str, prefix: u8) -> Forward {
        Forward {
            network: "azora-shop-00000000".into(),
            device: "br-0a1b2c3d4e5f".into(),
            address: address.parse().unwrap(),
            prefix,
            port: 20_007,
            service: "api".into(),
            target: 3_000,
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let wanted = Forwards {
            number: 7,
            all: vec![forward("172.18.0.1", 16)],
        };
        assert_eq!(Forwards::decode(&wanted.encode()), Some(wanted));
        let heard = Heard {
            number: 7,
            failed: vec![("172.18.0.1".parse().unwrap(), 20_007, "it is taken".into())],
        };
        assert_eq!(Heard::decode(&heard.encode()), Some(heard));
        for wrong in [
            "",
            "azora-forwards 2 1\n",
            "azora-forwards 1 1\nn d 1.2.3.4/33 1 s 2\n",
        ] {
            assert_eq!(Forwards::decode(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn only_the_others_of_the_network_are_let_in() {
        let one = forward("172.18.0.1", 16);
        let peer = |text: &str| one.lets_in(text.parse().unwrap());
        assert!(peer("172.18.0.2") && peer("172.18.255.254"));
        assert!(!peer("172.19.0.2"), "another network");
        assert!(!peer("192.168.1.7"), "somebody of the LAN");
        assert!(!peer("172.18.0.1"), "this machine");
        assert!(forward("10.0.0.1", 0).lets_in("192.0.2.1".parse().unwrap()));
    }
}

//! What a program says when it registers itself, and what of it is acceptable.

use crate::Error;
use crate::target::{self, Refusal};
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use store::Lease;

/// How long an entry is listed without a heartbeat unless it says so.
pub const DEFAULT_TTL: Duration = Duration::from_secs(30);
/// The shortest time it may say.
pub const SHORTEST_TTL: Duration = Duration::from_secs(5);
/// The longest time it may say: a day.
pub const LONGEST_TTL: Duration = Duration::from_secs(24 * 60 * 60);

const MAX_ID: usize = 128;
const MAX_META: usize = 32;
const MAX_META_KEY: usize = 64;
const MAX_META_VALUE: usize = 512;

/// A wish to be listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// The name to be found by; grammar of [`model::ServiceName`].
    pub name: String,
    /// The id within the name.
    pub id: String,
    /// Where it is.
    pub url: String,
    /// How long without a heartbeat.
    pub ttl: Duration,
    /// What it says about itself.
    pub meta: BTreeMap<String, String>,
}

impl Registration {
    /// A wish with everything left out that can be: 30 seconds, and an id made from the URL, so
    /// that a program that registers twice is listed once.
    pub fn new(name: &str, url: &str) -> Self {
        Self {
            name: name.to_owned(),
            id: id_of(url),
            url: url.to_owned(),
            ttl: DEFAULT_TTL,
            meta: BTreeMap::new(),
        }
    }

    /// Holds it against the limits.
    pub(crate) fn check(
        &self,
        refused_ports: &BTreeSet<u16>,
        allowed: &[IpNet],
    ) -> Result<(), Error> {
        self.name.parse::<model::ServiceName>()?;
        let id = self.id.as_bytes();
        let inner = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        if id.len() > MAX_ID
            || !id.first().is_some_and(u8::is_ascii_alphanumeric)
            || !id.iter().all(inner)
        {
            return Err(Error::Id);
        }
        if self.ttl < SHORTEST_TTL || self.ttl > LONGEST_TTL {
            return Err(Error::Ttl(self.ttl.as_secs()));
        }
        let fits = |(key, value): (&String, &String)| {
            key.len() <= MAX_META_KEY && value.len() <= MAX_META_VALUE
        };
        if self.meta.len() > MAX_META || !self.meta.iter().all(fits) {
            return Err(Error::Meta);
        }
        let address = target::check(&self.url, allowed)?;
        // Our ports are on loopback only; on another machine the same number is somebody else's.
        if address.ip().is_loopback() && refused_ports.contains(&address.port()) {
            return Err(Refusal::OurPort(address.port()).into());
        }
        Ok(())
    }

    pub(crate) fn to_lease(&self, since: model::Timestamp) -> Lease {
        Lease {
            name: self.name.clone(),
            id: self.id.clone(),
            url: self.url.clone(),
            // A map of texts always has a JSON form.
            meta: serde_json::to_string(&self.meta).unwrap_or_default(),
            ttl_ms: u64::try_from(self.ttl.as_millis()).unwrap_or(u64::MAX),
            since,
        }
    }

    /// What was accepted once is held against the limits again: they may have become tighter.
    pub(crate) fn from_lease(lease: &Lease, allowed: &[IpNet]) -> Result<Self, Error> {
        let registration = Self {
            name: lease.name.clone(),
            id: lease.id.clone(),
            url: lease.url.clone(),
            ttl: Duration::from_millis(lease.ttl_ms),
            meta: serde_json::from_str(&lease.meta).map_err(|_| Error::Meta)?,
        };
        registration.check(&BTreeSet::new(), allowed)?;
        Ok(registration)
    }
}

/// FNV-1a of the URL, in hex: the same for ever, and fit for a URL segment.
fn id_of(url: &str) -> String {
    let hash = url.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

//! Connections between services as they were seen, whether they are declared or not.

use crate::{ServiceName, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Where a service is reached.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Endpoint {
    /// A TCP port.
    Tcp {
        /// Its number.
        port: u16,
    },
    /// A socket in the file system, or an abstract one, which begins with `@`.
    Unix {
        /// Its path.
        path: String,
    },
}

/// Characters of a path that are kept; the kernel allows 108 bytes.
const PATH: usize = 108;

impl Endpoint {
    /// The endpoint of a socket's name, as the kernel tells it.
    pub fn unix(name: &[u8]) -> Endpoint {
        let name = name.strip_suffix(b"\0").unwrap_or(name);
        let text = match name.split_first() {
            Some((0, rest)) => format!("@{}", String::from_utf8_lossy(rest)),
            _ => String::from_utf8_lossy(name).into_owned(),
        };
        let path = text
            .chars()
            .filter(|c| !c.is_control())
            .take(PATH)
            .collect();
        Endpoint::Unix { path }
    }
}

/// "port 6379", or the path.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Tcp { port } => write!(f, "port {port}"),
            Endpoint::Unix { path } => f.write_str(path),
        }
    }
}

/// A service was seen to be connected to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
pub struct ObservedConnection {
    /// Who opens the connections.
    pub from: ServiceName,
    /// Who listens.
    pub to: ServiceName,
    /// Where, newest first: at most four places.
    pub at: Vec<Endpoint>,
    /// Looks that have seen one. Short ones between two looks are missed.
    pub seen: u32,
    /// When the first look saw one.
    pub first: Timestamp,
    /// When the last look did.
    pub last: Timestamp,
    /// What the definition says of it.
    pub declared: Declared,
}

impl ObservedConnection {
    /// What a person should do about it, when something: "api talks to redis (port 6379) and does
    /// not declare it: add \"redis\" to its needs".
    pub fn advice(&self, needs: &[ServiceName]) -> Option<String> {
        if self.declared != Declared::No || self.seen < SURE {
            return None;
        }
        let (from, to) = (&self.from, &self.to);
        let at = self.at.first().map(|at| format!(" ({at})"));
        let add = match needs {
            [] => format!("add needs = [\"{to}\"] to [service.{from}]"),
            _ => format!("add \"{to}\" to the needs of [service.{from}]"),
        };
        let at = at.unwrap_or_default();
        Some(format!(
            "{from} talks to {to}{at} and does not declare it: {add}"
        ))
    }
}

/// Looks that must have seen a connection before a person is asked to declare it: one alone may be a
/// person's own, who tries something out in a service's shell.
pub const SURE: u32 = 3;

/// What a definition says of an observed connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
pub enum Declared {
    /// It is among the needs.
    Need,
    /// It is needed through others.
    Through,
    /// The other way round: who listens needs who connects, directly or through others.
    Against,
    /// Nothing.
    No,
}

//! What tells how well an entry is: what it says itself in time, or what our own look at it finds.

use crate::millis;
use model::Timestamp;
use model::view::Health;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// Longest output that is kept of a check, in bytes; Consul keeps as much.
pub(crate) const MAX_OUTPUT: usize = 4_096;
/// Longest id, name and note of a check, in bytes.
const MAX_TEXT: usize = 512;

/// Something that tells how well an entry is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What it is found by within its entry.
    pub id: String,
    /// What it is called.
    #[serde(default)]
    pub name: String,
    /// What people should know about it.
    #[serde(default)]
    pub notes: String,
    /// How it is known.
    pub look: Look,
    /// What it says before anybody has looked or told.
    #[serde(default)]
    pub first: Health,
    /// An entry that was critical by this check for so long is taken from the list.
    #[serde(default, with = "millis::option")]
    pub deregister_after: Option<Duration>,
}

/// How a check comes to what it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Look {
    /// The program says how it is, at least this often; when it does not, that is critical.
    Ttl {
        /// How long its word holds.
        #[serde(with = "millis")]
        ttl: Duration,
    },
    /// We ask it.
    Probe(Probe),
    /// Somebody said so, and it stays so until somebody says otherwise: maintenance.
    Said,
}

/// How something is asked, how often, and what its answers mean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// What is asked.
    pub target: Target,
    /// Between two questions.
    #[serde(with = "millis")]
    pub every: Duration,
    /// How long an answer may take.
    #[serde(with = "millis")]
    pub timeout: Duration,
    /// Good answers in a row until it is passing.
    pub passes: u32,
    /// Bad answers in a row until it is a warning.
    pub warns: u32,
    /// Bad answers in a row until it is critical; not less than `warns`.
    pub fails: u32,
}

/// What a probe asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Target {
    /// An HTTP request: 2xx is good, 429 a warning, all else bad.
    Http {
        /// Where.
        url: String,
        /// With which method.
        method: String,
        /// With which headers besides.
        #[serde(default)]
        headers: BTreeMap<String, Vec<String>>,
        /// With which body.
        #[serde(default)]
        body: String,
    },
    /// A connection that is accepted is good.
    Tcp {
        /// An address with its port.
        address: String,
    },
    /// A datagram that is not refused is good.
    Udp {
        /// An address with its port.
        address: String,
    },
    /// Another service is as well as this: nobody is asked.
    Alias {
        /// Its id, as Consul's API has it.
        service: String,
    },
    /// The health service of gRPC.
    Grpc {
        /// An address with its port.
        address: String,
        /// Which service it is asked for; empty is all of it.
        #[serde(default)]
        service: String,
    },
}

impl Check {
    /// A check of this id that somebody has to tell.
    pub fn said(id: &str, first: Health, notes: &str) -> Self {
        Self {
            id: id.to_owned(),
            name: id.to_owned(),
            notes: notes.to_owned(),
            look: Look::Said,
            first,
            deregister_after: None,
        }
    }

    pub(crate) fn fits(&self) -> bool {
        let short = |text: &str| text.len() <= MAX_TEXT && !text.chars().any(char::is_control);
        !self.id.is_empty()
            && short(&self.id)
            && short(&self.name)
            && self.notes.len() <= MAX_OUTPUT
    }
}

/// A check and what it says now.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckState {
    /// The check.
    pub check: Check,
    /// What it says.
    pub status: Health,
    /// In words; at most 4 KB.
    pub output: String,
    /// Since when it says so.
    pub since: Timestamp,
    /// When it was put there; see [`crate::Registry::index`].
    pub create_index: u64,
    /// When what it says changed last.
    pub modify_index: u64,
}

/// The beginning of a text, of at most so many bytes.
pub(crate) fn cut(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}

//! Keys and values that programs keep here: what the key-value part of Consul's API reads and writes.
//!
//! All of it is in memory for readers, and one task writes: what waits when it is its turn becomes one
//! transaction, so that many writers wait for the disk once. Nobody reads a value that could still be
//! lost. Whether a write may be done (`cas`) is decided in the order in which writes came.

mod model;
mod writer;

pub(crate) use model::{Found, Select};
pub(crate) use writer::Kv;

use store::Pair;

/// Longest key, in bytes.
pub(crate) const MAX_KEY: usize = 512;
/// Longest value, in bytes: Consul's own limit.
pub(crate) const MAX_VALUE: usize = 512 << 10;
/// Most keys of a home.
pub(crate) const MAX_KEYS: usize = 10_000;
/// Most bytes of keys and values together: all of it is held in memory.
pub(crate) const MAX_BYTES: usize = 64 << 20;

/// What is to be written. The index of `cas` is that of the key's last change; 0 is "not there".
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Write {
    Put {
        key: String,
        value: Vec<u8>,
        flags: u64,
        cas: Option<u64>,
    },
    Delete {
        key: String,
        cas: Option<u64>,
    },
    /// Everything that begins so.
    DeleteTree {
        prefix: String,
    },
}

/// Why a write was not done. Reads after "failed to".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("use the key: it is 1 to {MAX_KEY} bytes of text without control characters")]
    Key,
    #[error("use the value: it is longer than {} KB", MAX_VALUE >> 10)]
    Value,
    #[error("add a key: there are {MAX_KEYS} already; delete some")]
    TooMany,
    #[error("add a value: keys and values would be more than {} MB together; delete some", MAX_BYTES >> 20)]
    TooMuch,
    #[error("pass the door: {0}")]
    Refused(String),
    #[error("write it down: {0}")]
    Store(String),
    #[error("reach the registry: it is closing")]
    Closing,
}

impl Write {
    /// It takes away more than one key says: it is an act. What a program keeps under a key is data, as
    /// what is in a file is, and may change many times a second.
    fn is_act(&self) -> bool {
        matches!(self, Write::DeleteTree { .. })
    }

    /// What it does, for the door and the book. Values are nobody's business.
    fn what(&self) -> String {
        match self {
            Write::Put { key, .. } => format!("put {key}"),
            Write::Delete { key, .. } => format!("delete {key}"),
            Write::DeleteTree { prefix } => format!("delete {prefix}*"),
        }
    }

    /// Holds it against the limits that need no look at what is there.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        match self {
            Write::Put { key, value, .. } => {
                fits(key)?;
                match value.len() > MAX_VALUE {
                    true => Err(Fault::Value),
                    false => Ok(()),
                }
            }
            Write::Delete { key, .. } => fits(key),
            // With nothing to begin with it is everything.
            Write::DeleteTree { prefix } if prefix.is_empty() => Ok(()),
            Write::DeleteTree { prefix } => fits(prefix),
        }
    }
}

fn fits(key: &str) -> Result<(), Fault> {
    let fine = !key.is_empty() && key.len() <= MAX_KEY && !key.chars().any(char::is_control);
    if fine { Ok(()) } else { Err(Fault::Key) }
}

fn size(pair: &Pair) -> usize {
    pair.key.len() + pair.value.len()
}

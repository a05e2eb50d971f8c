//! What hosts show of the ledger.

use crate::Timestamp;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// How it stands with the ledger of a home.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct LedgerView {
    /// So many entries are in it.
    #[ts(type = "number")]
    pub entries: u64,
    /// So many of them are signed.
    #[ts(type = "number")]
    pub signed: u64,
    /// The newest checkpoint; `null` when nothing was signed yet.
    pub checkpoint: Option<LedgerCheckpoint>,
    /// The public half of the key that it is signed with now, in the form of signed notes; `null` while there is none.
    pub key: Option<String>,
    /// The public halves of all keys that it was signed with.
    pub keys: Vec<String>,
    /// What of the past is not as it was signed, as far as whoever signs has seen it, in words.
    pub doubt: Option<String>,
    /// Why it cannot be signed at the moment, in words. It is tried again.
    pub trouble: Option<String>,
    /// Where checkpoints are kept besides the home.
    pub places: Vec<LedgerPlace>,
}

/// A second place for checkpoints of the ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct LedgerPlace {
    /// Which, in words: a folder, "the git repository …", "the webhook …".
    pub place: String,
    /// The checkpoint of so many entries is there; 0 when none is known to be.
    #[ts(type = "number")]
    pub size: u64,
    /// Since when this engine knows that; `null` when none is known to be.
    pub at: Option<Timestamp>,
    /// Why the newest one is not there, in words. It is tried again.
    pub trouble: Option<String>,
}

/// A checkpoint: how many entries there were, and the root of their tree, signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct LedgerCheckpoint {
    /// So many entries are signed.
    #[ts(type = "number")]
    pub size: u64,
    /// When.
    pub at: Timestamp,
    /// The signed note.
    pub note: String,
}

/// Some entries, one after the other.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct LedgerEntries {
    /// The number of the first, from 1; 0 when there is none.
    #[ts(type = "number")]
    pub first: u64,
    /// The number of the last; higher than their count says when there is a gap.
    #[ts(type = "number")]
    pub last: u64,
    /// How many.
    #[ts(type = "number")]
    pub count: u64,
    /// Their texts, each with a line feed behind it.
    pub text: String,
}

/// What verifying a whole ledger has found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct LedgerVerdict {
    /// Nothing was found.
    pub sound: bool,
    /// So many entries are there.
    #[ts(type = "number")]
    pub entries: u64,
    /// Up to here they are what was signed.
    #[ts(type = "number")]
    pub signed: u64,
    /// So many checkpoints were held against them.
    #[ts(type = "number")]
    pub checkpoints: u64,
    /// The root of the tree of all entries, in base64.
    pub root: String,
    /// What was found, in words; at most a hundred.
    pub findings: Vec<String>,
    /// How many more were.
    #[ts(type = "number")]
    pub more: u64,
}

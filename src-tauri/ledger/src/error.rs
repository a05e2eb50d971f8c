//! What can go wrong, other than that something is found to be wrong.

use std::path::PathBuf;

/// What can go wrong. Each reads after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The home's key cannot be read or made.
    #[error("read the key of the ledger, {}", path.display())]
    Key {
        /// Where it lies.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// What lies there is no key.
    #[error(
        "use the key of the ledger, {}: {why}; put back the one that was there, or move it away: a new one is \
         made, and `azora ledger verify` tells that another has signed before", path.display()
    )]
    NoKey {
        /// Where it lies.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// It is no public key.
    #[error("read `{text}` as a public key: {why}; it looks like `azora/NAME+1a2b3c4d+AQ…`")]
    NoPublic {
        /// What was given.
        text: String,
        /// What is wrong with it.
        why: String,
    },
    /// It is no checkpoint, or somebody else's.
    #[error("read a checkpoint: {why}")]
    Note {
        /// What is wrong with it.
        why: String,
    },
    /// An entry is asked for that is not there or not signed.
    #[error("prove entry {n}: {why}")]
    Entry {
        /// Which.
        n: u64,
        /// What is the matter.
        why: String,
    },
    /// That one size has grown into another cannot be shown.
    #[error("prove that a ledger of {from} entries has grown into one of {to}: {why}")]
    Grown {
        /// The smaller one.
        from: u64,
        /// The larger one.
        to: u64,
        /// What is the matter.
        why: String,
    },
    /// An entry is missing between others.
    #[error("read the ledger: entry {0} is missing; `azora ledger verify` says more")]
    Gap(u64),
    /// The hashes do not fit together, which is a fault of ours.
    #[error("grow the tree of the ledger: {0}")]
    Tree(String),
    /// Whoever has the entries did not give them.
    #[error("read the ledger")]
    Source(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The book cannot be read or written.
    #[error("{0}")]
    Store(#[from] store::Error),
}

impl From<tlog_tiles::Error> for Error {
    fn from(error: tlog_tiles::Error) -> Self {
        Self::Tree(error.to_string())
    }
}

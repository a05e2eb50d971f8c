//! How it stands with an instance, as the engine tells it.

use model::Timestamp;

/// How it stands with an instance that may or may not serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// In words, for who asks and gets no answer: "api.0 is starting".
    pub why: String,
    /// Since when.
    pub since: Timestamp,
    /// It is wanted, and on its way: who asks waits for it a while.
    pub coming: bool,
    /// It is to run: a cluster with such an instance is up.
    pub wanted: bool,
}

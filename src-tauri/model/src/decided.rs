//! Why the door let an act in, or did not: the rules that decided.
//!
//! It is part of the act's entry in the ledger, so its fields stand in the order of their names.

use serde::{Deserialize, Serialize};

/// A rule that decided, as people read it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ts_rs::TS)]
pub struct DecidingRule {
    /// Its name in its file.
    pub id: String,
    /// It is of the cluster's own folder, and not of this home.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[ts(as = "Option<bool>", optional)]
    pub project: bool,
    /// What it says, in a sentence. Left out of what programs register, of which there is much.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[ts(as = "Option<String>", optional)]
    pub says: String,
}

/// What decided about an act.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize, ts_rs::TS)]
pub struct Decided {
    /// What of the target they were asked about, in words; empty for the whole home.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[ts(as = "Option<String>", optional)]
    pub facts: String,
    /// The rules, in the order of their file; none when no rule allows it.
    pub rules: Vec<DecidingRule>,
    /// Which rules there were: the first half of the SHA-256 of their text, in hexadecimal digits.
    pub set: String,
}

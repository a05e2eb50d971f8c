//! What hosts show of the rules that hold: the home's, and what projects add for their own clusters.

use crate::ClusterId;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// One rule, as people read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct RuleView {
    /// Its name in its file.
    pub id: String,
    /// What it says, in a sentence.
    pub says: String,
    /// It lets in what it is about; else it refuses that, and is stronger than any that lets in.
    pub allows: bool,
    /// With so many approvals it does not hold; `null` when none lift it.
    pub approvals: Option<u32>,
    /// The cluster whose folder adds it, for that alone; `null` of the home's.
    pub cluster: Option<ClusterId>,
}

/// The rules that hold in a home.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct RulesView {
    /// The home's in the order of their file, and then those that projects add.
    pub rules: Vec<RuleView>,
    /// Where the home's are, or would be.
    pub file: String,
    /// The home has none of its own, so the built-in ones hold.
    pub built_in: bool,
    /// Which rules these are: the first half of the SHA-256 of the home's, in hexadecimal digits. Every decision names it.
    pub set: Option<String>,
    /// What is wrong with a file, where, and what holds instead.
    pub wrong: Vec<String>,
}

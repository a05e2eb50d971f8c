//! Acts that wait for persons: what is asked, who has approved of it, and until when.

use crate::{Actor, DecidingRule, Target, Timestamp, Verb};
use serde::{Deserialize, Serialize};

/// Counts what was asked of persons in one home, from 1.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    ts_rs::TS,
)]
#[serde(transparent)]
#[ts(type = "number")]
pub struct ApprovalId(pub u64);

/// How it stands with one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalState {
    /// Not enough persons have approved.
    Waiting,
    /// Enough have, and the act can be asked for again, once.
    Approved,
    /// The act was let in with it.
    Used,
    /// A person said no.
    Denied,
    /// Its time is over.
    Expired,
    /// What it was for is over: what healing proposed is not needed any more.
    Withdrawn,
}

/// A person who has approved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
pub struct Approver {
    /// As they named themselves, or else the account that the engine runs as.
    pub name: String,
    /// Through what: "cli", "window", "browser".
    pub via: String,
    /// When.
    pub at: Timestamp,
}

/// One act that needs approvals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
pub struct Approval {
    /// Its number in this home.
    pub id: ApprovalId,
    /// When it was asked for.
    pub at: Timestamp,
    /// When it is over, used or not.
    pub until: Timestamp,
    /// Who asks.
    pub actor: Actor,
    /// By what name: the account that the engine runs as, or an agent's ("agent claude").
    pub name: String,
    /// What is to be done.
    pub verb: Verb,
    /// To what.
    pub target: Target,
    /// What else belongs to it, in words: "2 instances", "with its volumes data". It is let in exactly so.
    pub details: String,
    /// Why, as the actor said.
    pub reason: String,
    /// What will happen, a line each.
    pub consequences: Vec<String>,
    /// The rules that ask for approvals.
    pub rules: Vec<DecidingRule>,
    /// Which rules there were. By others it has to be asked for again.
    pub set: String,
    /// How many persons have to approve.
    pub needed: u32,
    /// Who has, oldest first.
    pub given: Vec<Approver>,
    /// How it stands.
    pub state: ApprovalState,
}

impl Approval {
    /// Enough persons have approved.
    pub fn enough(&self) -> bool {
        u32::try_from(self.given.len()).unwrap_or(u32::MAX) >= self.needed
    }

    /// It can still be approved, denied or used.
    pub fn is_open(&self) -> bool {
        matches!(self.state, ApprovalState::Waiting | ApprovalState::Approved)
    }
}

//! How far healing goes by itself in a cluster. The definition says it, and a person can say it otherwise
//! while it runs.

use serde::{Deserialize, Serialize};

/// How far healing goes by itself, the least first.
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
#[serde(rename_all = "snake_case")]
pub enum Autonomy {
    /// It begins nothing. What is wrong is found and told.
    Off,
    /// It proposes what it would do, and does that once a person has approved of it.
    Advise,
    /// It does what the definition lets it do.
    #[default]
    On,
}

impl Autonomy {
    /// All there are.
    pub const ALL: [Autonomy; 3] = [Autonomy::Off, Autonomy::Advise, Autonomy::On];

    /// As it is written everywhere.
    pub fn name(self) -> &'static str {
        match self {
            Autonomy::Off => "off",
            Autonomy::Advise => "advise",
            Autonomy::On => "on",
        }
    }

    /// What is so unless somebody says otherwise.
    pub fn is_on(&self) -> bool {
        *self == Autonomy::On
    }
}

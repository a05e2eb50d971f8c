//! What verification finds, in words.

use model::ActId;
use std::fmt;

/// Something is wrong with a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// An entry is no entry.
    Unreadable {
        /// Its number, from 1.
        n: u64,
        /// What is wrong with it.
        why: String,
    },
    /// An entry is not written as it would have been.
    NotCanonical {
        /// Its number.
        n: u64,
    },
    /// Entries are missing, by their numbers.
    Gap {
        /// The first that is missing.
        from: u64,
        /// The last.
        to: u64,
    },
    /// The first entry is not the beginning, or another one is.
    Beginning {
        /// Its number.
        n: u64,
    },
    /// An outcome of an act that was never admitted.
    NeverAdmitted {
        /// The entry's number.
        n: u64,
        /// The act's.
        act: ActId,
    },
    /// An act that was admitted before, or ended before.
    Twice {
        /// The entry's number.
        n: u64,
        /// The act's.
        act: ActId,
    },
    /// What is there is not what was signed.
    Changed {
        /// The first entry that may have been changed.
        from: u64,
        /// The last.
        to: u64,
        /// Whose checkpoint says so: none is the ledger's own.
        outside: Option<String>,
    },
    /// A checkpoint of the ledger is none.
    Checkpoint {
        /// Of how many entries it is said to be.
        size: u64,
        /// What is wrong with it.
        why: String,
    },
    /// Checkpoints were signed by a key that nobody speaks for.
    Key {
        /// Its name.
        name: String,
        /// The size of the first that it signed.
        from: u64,
        /// Of the last.
        to: u64,
    },
    /// There are fewer entries than were signed.
    Cut {
        /// So many are there.
        has: u64,
        /// So many were signed.
        signed: u64,
        /// Whose checkpoint says so: none is the ledger's own.
        outside: Option<String>,
    },
    /// A checkpoint from outside is none of this ledger's.
    Outside {
        /// What it was called.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// What is kept at a place outside cannot be looked at, or is not there.
    Place {
        /// Which.
        name: String,
        /// Why.
        why: String,
    },
}

impl Fault {
    /// What kind it is, in a word for programs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "unreadable",
            Self::NotCanonical { .. } => "not_canonical",
            Self::Gap { .. } => "gap",
            Self::Beginning { .. } => "beginning",
            Self::NeverAdmitted { .. } => "never_admitted",
            Self::Twice { .. } => "twice",
            Self::Changed { .. } => "changed",
            Self::Checkpoint { .. } => "checkpoint",
            Self::Key { .. } => "key",
            Self::Cut { .. } => "cut",
            Self::Outside { .. } => "outside",
            Self::Place { .. } => "place",
        }
    }

    /// The first and the last entry that it is about; `None` where it is about no entry.
    pub fn range(&self) -> (Option<u64>, Option<u64>) {
        let (from, to) = match *self {
            Self::Unreadable { n, .. }
            | Self::NotCanonical { n }
            | Self::Beginning { n }
            | Self::NeverAdmitted { n, .. }
            | Self::Twice { n, .. } => (n, n),
            Self::Gap { from, to }
            | Self::Changed { from, to, .. }
            | Self::Key { from, to, .. } => (from, to),
            Self::Cut { has, signed, .. } => (has + 1, signed),
            Self::Checkpoint { size, .. } => (size, size),
            Self::Outside { .. } | Self::Place { .. } => return (None, None),
        };
        (Some(from), Some(to))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whose = |outside: &Option<String>| match outside {
            None => "its own checkpoint".to_owned(),
            Some(name) => format!("the checkpoint in {name}"),
        };
        match self {
            Self::Unreadable { n, why } => write!(f, "entry {n} is none: {why}"),
            Self::NotCanonical { n } => write!(
                f,
                "entry {n} is not written as Azora writes it: it was changed after that"
            ),
            Self::Gap { from, to } if from == to => write!(f, "entry {from} is missing"),
            Self::Gap { from, to } => write!(f, "entries {from} to {to} are missing"),
            Self::Beginning { n: 1 } => write!(
                f,
                "entry 1 does not say that the ledger begins: what was before it was taken away"
            ),
            Self::Beginning { n } => write!(
                f,
                "entry {n} says that the ledger begins, which only the first one does"
            ),
            Self::NeverAdmitted { n, act } => write!(
                f,
                "entry {n} says how act {} ended, and no entry before it that it was admitted",
                act.0
            ),
            Self::Twice { n, act } => write!(
                f,
                "entry {n} says of act {} what an entry before it has said",
                act.0
            ),
            Self::Changed { from, to, outside } => write!(
                f,
                "entries {from} to {to} are not those that were signed, says {}: one was changed, taken out, put \
                 in or moved",
                whose(outside)
            ),
            Self::Checkpoint { size, why } => {
                write!(f, "the checkpoint of {size} entries is none: {why}")
            }
            Self::Key { name, from, to } => write!(
                f,
                "the checkpoints of {from} to {to} entries were signed by {name}, which is not the key that is \
                 trusted here: if ledger.key was moved away, that is why, and the entries are what that key signed; \
                 if not, somebody else has signed"
            ),
            Self::Cut {
                has,
                signed,
                outside,
            } => write!(
                f,
                "{signed} entries were signed, says {}, and {has} are there: the end was cut off",
                whose(outside)
            ),
            Self::Outside { name, why } => write!(f, "the checkpoint in {name}: {why}"),
            Self::Place { name, why } => {
                write!(f, "what is kept in {name} was not held against it: {why}")
            }
        }
    }
}

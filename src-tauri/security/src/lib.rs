//! What is dangerous about what is seen: facts go in, threats with evidence and what to do come out.
//!
//! `engine` collects the facts, every half minute and when something happens, and tells what comes of
//! them ([`Monitor`]); it also asks [`secret`] about texts that it alone may read. Pure: it opens no file, reads no
//! clock, and remembers between two looks only what it was told. It refuses to repeat a secret: what it says of
//! one is where it stands and of what kind it is.

#![cfg_attr(
    test,
    expect(clippy::unwrap_used, reason = "a test fails by panicking")
)]

mod facts;
mod monitor;
pub mod redact;
mod rules;
pub mod secret;

pub use facts::Facts;
pub use facts::{
    Cluster, Defined, File, FileRole, Instance, Ledger, LogSecret, Part, Policy, Program, Refused,
    RefusedAt, Script, Shim, Variable,
};
pub use monitor::{Audit, MAX_TOLD, Monitor, SETTLED_MS};
pub use rules::{BURST, GUESSES};

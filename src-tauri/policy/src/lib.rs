//! May this party do this to that, and which rules say so: the constitution.
//!
//! The rules are written in Cedar by people ([`Rules`] reads them strictly), and [`Policies`] answers
//! [`Question`]s from them for the engine's door and for `azora policy`. What no rule allows is refused,
//! and so is whatever a rule could not be worked out for. A project's own rules can forbid and never allow.
//!
//! Pure: it opens no file and reads no clock; bytes come in, decisions or diagnostics go out.

#![cfg_attr(
    test,
    expect(clippy::unwrap_used, reason = "a test fails by panicking")
)]

mod question;
mod vocabulary;

mod annotation;
mod split;

mod cases;
mod decision;
mod memo;
mod narrowed;
mod policies;
mod rules;

pub use cases::{Case, Expected, MAX_BYTES as MAX_CASES_BYTES, cases};
pub use decision::{Alarm, Decision, Verdict};
pub use policies::Policies;
pub use question::{Question, Subject, Who};
pub use rules::{FILE, Rules, limits};

/// What Azora's rules can speak of, in Cedar's schema language.
pub const SCHEMA: &str = include_str!("constitution.cedarschema");
/// The rules that hold where a home has none of its own.
pub const DEFAULT: &str = include_str!("constitution.cedar");

//! Judgement without hands: is a service well, what to try next, and whose fault it is.
//!
//! Called by `orchestrator`, which keeps one [`Watch`] and one [`History`] an instance and carries
//! out what is decided here. Nothing in this room reads a clock, starts anything or knows what a
//! cluster's state is: facts and time come in, an opinion with its reason goes out.

#![cfg_attr(
    test,
    expect(clippy::unwrap_used, reason = "a test fails by panicking")
)]

pub mod cause;
mod circles;
pub mod experience;
pub mod explain;
pub mod gap;
pub mod history;
pub mod ladder;
pub mod load;
pub mod observed;
pub mod pace;
pub mod recent;
pub mod trend;
pub mod usual;
pub mod watch;
pub mod words;

pub use experience::Experience;
pub use gap::{Gap, Gaps};
pub use history::History;
pub use ladder::{Decision, HOPELESS, decide, decide_hopeless};
pub use usual::Usual;
pub use watch::{Opinion, Watch};

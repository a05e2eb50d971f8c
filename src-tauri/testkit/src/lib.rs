//! What tests share: scratch homes that clean up after themselves, the programs under test, and
//! waiting on conditions.
//!
//! Development only. It knows how to end what a test started without asking the code under test,
//! so that a broken driver leaves nothing behind.
#![cfg_attr(
    test,
    expect(clippy::unwrap_used, reason = "a test fails by panicking")
)]

mod daemon;
mod database;
mod home;
mod program;
mod wait;

pub use daemon::{Daemon, Engine, IMAGE};
pub use database::databases;
pub use home::Home;
pub use program::{program, program_for_others};
pub use wait::{eventually, eventually_async};

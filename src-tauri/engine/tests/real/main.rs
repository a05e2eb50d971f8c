//! The engine with real processes.
//!
//! Needs the programs built: `cargo build -p shim -p organ -p puppet`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod asked;
mod connections;
mod environment;
mod incidents;
mod late;
mod settled;
mod stage;
mod status;
mod whole;

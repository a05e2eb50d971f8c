//! The heart under test: scenarios a person can read, and random worlds that hold it to its
//! promises.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod define;
mod mass;
mod scenario;
mod scenarios;
mod simulation;
mod size;

//! The registry from outside.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod http;
mod index;
mod leases;
mod target;
mod world;

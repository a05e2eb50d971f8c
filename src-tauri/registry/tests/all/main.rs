//! The registry from outside.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod follow;
mod http;
mod index;
mod kill;
mod leases;
mod openapi;
mod target;
mod world;

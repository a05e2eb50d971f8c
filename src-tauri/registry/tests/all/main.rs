//! The registry from outside.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod checks;
mod claims;
mod consul;
mod follow;
mod hosts;
mod http;
mod index;
mod keys;
mod kill;
mod leases;
mod openapi;
mod prober;
mod states;
mod target;
mod wish;
mod world;

//! Containers as instances: found, made, watched, adopted and ended through the daemon of Docker or
//! Podman. The engine hands it launches and stops, as it does to `driver`, and hears what happened in
//! the same words.
//!
//! It decides nothing, and restarts nothing: the daemon is told never to, so that a container has one
//! owner. It pulls, builds and removes volumes only when it is asked to by name.
#![cfg_attr(
    test,
    expect(clippy::unwrap_used, reason = "a test fails by panicking")
)]

mod daemon;
mod find;

pub use daemon::{ConnectError, Daemon, Fault, Kind};
pub use find::{Address, Endpoint, FindError, Surroundings, find};

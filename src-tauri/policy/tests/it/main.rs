//! The constitution as the engine and `azora policy` use it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod broken;
mod chance;
mod projects;
mod reference;

//! The constitution as the engine and `azora policy` use it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(
    clippy::disallowed_methods,
    reason = "a test reads its own files, which the crate under test does not"
)]

mod broken;
mod chance;
mod projects;
mod reference;

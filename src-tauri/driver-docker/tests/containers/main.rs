//! What containers have that processes have not: a daemon that may die, what lies in it, and crashes
//! between what a home writes down and what the daemon does.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod adoption;
mod bench;
mod emergency;
mod gate;
mod images;
mod logs;
mod lost;
mod networks;
mod resources;

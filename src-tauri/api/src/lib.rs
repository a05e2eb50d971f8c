//! What every host offers: one table of commands, the feed, and the loopback HTTP host.
//!
//! The window (`desktop`), the browser and the command line (`cli`) all speak to a running engine
//! through the rows of [`commands!`]: a command that is not in the table does not exist, and a row
//! without a body does not compile. Acts go through the engine's door; nothing here decides.
//!
//! What it refuses: requests that do not have exactly the shape of their row, anything over HTTP
//! without the token of this engine's start or of an agent of its home, and anything a web page elsewhere could cause.

#![cfg_attr(
    test,
    expect(clippy::unwrap_used, reason = "a test fails by panicking")
)]

// The table and what its rows are made of.
#[macro_use]
mod table;
/// The names of all commands as plain text; see the file.
pub mod command_names;
pub mod requests;
pub mod views;

// From a row to its body.
pub mod agents;
pub mod approvals;
pub mod autonomy;
mod calls;
mod chosen;
mod definitions;
pub mod dispatch;
mod ending;
pub mod gateway;
mod governance;
mod graph;
mod ledger;
mod log_requests;
mod notifications;
mod rehearsals;
pub mod reveal;
pub mod security;
mod streams;
mod terminals;

// Where the rows are offered, and where they are written down for the UI.
pub mod client;
pub mod host;
pub mod http;
pub mod typescript;

pub use dispatch::{Json, Lines, call, stream};
pub use model;

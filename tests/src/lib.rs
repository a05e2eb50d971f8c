//! What the test programs of this package share: the real `azora` in a home of its own, folders to
//! run, and small questions to what runs. Development only: nothing of the product uses it.
//!
//! Everything here looks from outside: the command line, its `--json`, HTTP, and `/proc`.

pub mod azora;
pub mod bad;
pub mod corpus;
pub mod counting;
pub mod crash;
pub mod dependents;
pub mod dice;
pub mod exhaustion;
pub mod faults;
pub mod feed;
pub mod flood;
pub mod folder;
pub mod forgotten;
mod free_ports;
pub mod frozen;
pub mod gateway;
pub mod hanging;
pub mod http;
pub mod kills;
pub mod ledger_kills;
mod lines;
pub mod load;
mod mortal;
mod network;
pub mod outputs;
pub mod ports;
pub mod process;
pub mod races;
pub mod rolling;
pub mod shims;
pub mod small_disk;
pub mod smuggling;
pub mod strangers;
pub mod zoo;

pub use azora::{Azora, Done, Instance};
pub use folder::Folder;
pub use free_ports::free_ports;
pub use lines::each_line;
pub use network::in_own_network;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a story waits for what should happen at once. Machines that build at the same time are slow.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The folder of the workspace, or the copy of it that a run without rights is given.
pub fn root() -> PathBuf {
    match std::env::var_os("AZORA_ROOT") {
        Some(root) => PathBuf::from(root),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join(".."),
    }
}

/// True for root.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Looks until there is an answer.
///
/// # Panics
/// When there is none after [`PATIENCE`].
#[track_caller]
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    let mut found = None;
    let there = testkit::eventually(PATIENCE, || {
        found = look();
        found.is_some()
    });
    match found {
        Some(found) if there => found,
        _ => panic!("waited {:.0?} for {what}", begun.elapsed()),
    }
}

//! Holds the house to its plan: who may use whom, what may be named where, what every file begins with.
//!
//! The plan is `docs/ARCHITECTURE.md`: its tables are read, not repeated here. Each rule is a function
//! from what is there to a list of sentences saying what is wrong; each is shown to find a fault that
//! was put there for it. Reads manifests and sources only; builds nothing.

mod arrows;
mod doors;
mod fences;
mod plan;
mod sources;
mod ui;
mod window;

use std::path::{Path, PathBuf};

/// The folder of the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the package `tests` lies in the workspace")
        .to_path_buf()
}

/// Fails with every sentence on a line of its own.
#[track_caller]
fn none(faults: Vec<String>) {
    assert!(
        faults.is_empty(),
        "{} faults:\n  {}\n",
        faults.len(),
        faults.join("\n  ")
    );
}

/// Fails unless exactly the fault that was put there is found.
#[track_caller]
fn finds(faults: &[String], wanted: &str) {
    assert!(
        faults.iter().any(|fault| fault.contains(wanted)),
        "expected a fault with {wanted:?}, found {faults:#?}"
    );
}

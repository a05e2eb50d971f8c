//! Crashes at every step: a driver and its shims are stopped at a failpoint, one of them or both
//! are killed there, and then there must be one live copy or none, known as what it is, and the
//! next start must bring exactly one.
//!
//! The driver runs in a process of its own ([`host`]) that is told what to do line by line, so that
//! it can be killed like an engine. Failpoints are there in debug builds only.

mod case;
pub mod host;
mod play;
mod stage;

pub use case::{Case, Victim, all_cases, few_cases, pairs};
pub use play::Act;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// What became of many cases.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Cases in which the crash took place.
    pub crashed: usize,
    /// Those whose point was not reached this time.
    pub passed_by: usize,
    /// What went wrong, each with its case.
    pub faults: Vec<String>,
}

/// Tries cases, some at a time. `host` is a program that calls [`host::run_if_asked`] first.
pub fn try_all(host: &Path, cases: Vec<Case>, at_a_time: usize) -> Outcome {
    let left = Mutex::new(VecDeque::from(cases));
    let outcome = Mutex::new(Outcome::default());
    let next = || {
        left.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front()
    };
    std::thread::scope(|scope| {
        for _ in 0..at_a_time {
            scope.spawn(|| {
                while let Some(case) = next() {
                    let came = case.run(host);
                    let mut outcome = outcome.lock().unwrap_or_else(PoisonError::into_inner);
                    match came {
                        Ok(true) => outcome.crashed += 1,
                        Ok(false) => outcome.passed_by += 1,
                        Err(fault) => {
                            // At once: many cases take a while.
                            eprintln!("{case}: {fault}");
                            outcome.faults.push(format!("{case}: {fault}"));
                        }
                    }
                }
            });
        }
    });
    outcome.into_inner().unwrap_or_else(PoisonError::into_inner)
}

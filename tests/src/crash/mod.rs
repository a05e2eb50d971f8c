//! Crashes at every step: a driver and its shims are stopped at a failpoint, one of them or both
//! are killed there, and then there must be one live copy or none, known as what it is, and the
//! next start must bring exactly one.
//!
//! The driver runs in a process of its own ([`host`]) that is told what to do line by line, so that
//! it can be killed like an engine. Failpoints are there in debug builds only.

mod case;
mod cases;
pub mod host;
mod play;
mod slow;
mod stage;

pub use case::{Again, Case, Played, Victim};
pub use cases::{all_cases, few_cases, pairs, shard, shuffle};
pub use play::Act;
pub use slow::Slow;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What became of many cases.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Cases in which every crash took place.
    pub crashed: usize,
    /// Those with a point that was not reached this time.
    pub passed_by: usize,
    /// What went wrong, each with its case.
    pub faults: Vec<String>,
    /// Those that there was no time for.
    pub untried: usize,
    /// How each went that went well.
    pub played: Vec<(Case, Played)>,
    /// How long each took, the longest first.
    pub took: Vec<(Duration, Case)>,
}

impl Outcome {
    /// Cases that were tried.
    pub fn tried(&self) -> usize {
        self.crashed + self.passed_by + self.faults.len()
    }
}

/// Tries cases in their order, some at a time, for as long as `go_on` says; `each` sees the outcome
/// so far after every one. `host` is a program that calls [`host::run_if_asked`] first.
pub fn try_all(
    host: &Path,
    cases: Vec<Case>,
    at_a_time: usize,
    go_on: impl Fn() -> bool + Sync,
    each: impl Fn(&Outcome) + Sync,
) -> Outcome {
    let left = Mutex::new(VecDeque::from(cases));
    let outcome = Mutex::new(Outcome::default());
    let next = || {
        let mut left = left.lock().unwrap_or_else(PoisonError::into_inner);
        go_on().then(|| left.pop_front()).flatten()
    };
    std::thread::scope(|scope| {
        for _ in 0..at_a_time {
            scope.spawn(|| {
                while let Some(case) = next() {
                    let begun = Instant::now();
                    let came = case.run(host);
                    let took = begun.elapsed();
                    let mut outcome = outcome.lock().unwrap_or_else(PoisonError::into_inner);
                    outcome.took.push((took, case.clone()));
                    match came {
                        Ok(played) => {
                            match played.crashed && (played.again || case.again.is_none()) {
                                true => outcome.crashed += 1,
                                false => outcome.passed_by += 1,
                            }
                            outcome.played.push((case, played));
                        }
                        Err(fault) => {
                            // At once: many cases take a while.
                            eprintln!("{case}: {fault}");
                            outcome.faults.push(format!("{case}: {fault}"));
                        }
                    }
                    each(&outcome);
                }
            });
        }
    });
    let mut outcome = outcome.into_inner().unwrap_or_else(PoisonError::into_inner);
    outcome.untried = left
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
        .len();
    outcome
        .took
        .sort_by_key(|(took, _)| std::cmp::Reverse(*took));
    outcome
}

//! What is observed of services: probes run here, CPU, memory and connections are read, logs, history
//! kept.
//!
//! Called by `engine`. It observes and never acts: what a result means is decided by
//! `orchestrator` and `healing`. It signals nothing and starts nothing; commands of exec probes
//! are run by `driver`.

#![cfg_attr(
    test,
    expect(clippy::unwrap_used, reason = "a test fails by panicking")
)]

pub mod connections;
mod health_format;
mod history;
mod latencies;
pub mod logs;
pub mod machine;
mod prober;
pub mod programs;
mod recorder;
mod sampler;
mod windows;

pub use connections::Connections;
pub use history::{badness, history};
pub use latencies::latencies;
pub use logs::{LogQuery, Pattern};
pub use machine::Machine;
pub use prober::{Prober, Target, Terms, of_command};
pub use recorder::{Recorder, Recording};
pub use sampler::{Sampler, began};
pub use windows::{ServiceWindows, windows};

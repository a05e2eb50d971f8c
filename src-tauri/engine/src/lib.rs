//! Puts the rooms together: one owner loop per cluster, the door, the read model, task lifetimes.
//!
//! `Config → Engine::start → Handle → shutdown`. It decides nothing: what happens to a service is
//! decided by `orchestrator::step`, and what may happen at all by `door`. Hosts (`api`,
//! `desktop`, `cli`) hold a [`Handle`].

#![cfg_attr(
    test,
    expect(clippy::unwrap_used, reason = "a test fails by panicking")
)]

mod agents;
mod app;
mod approvals;
mod attached;
mod beside;
mod callers;
mod clock;
mod config;
mod connections;
mod consequences;
mod constitution;
mod consul;
mod container;
mod contents;
pub mod crash;
mod defined;
pub mod definition;
mod door;
mod drift;
mod drivers;
mod editing;
mod elsewhere;
mod emergency;
mod environment;
mod error;
mod files;
mod gateway;
mod git;
mod gone;
mod handle;
pub mod hidden;
mod incidents;
mod journal;
mod keep;
mod launch;
mod listening;
mod listing;
mod logs;
mod look;
mod memory;
mod mutes;
mod notes;
mod owner;
mod picture;
pub mod proposal;
mod record;
mod refusals;
mod renamed;
mod replace;
mod reserve;
mod reveal;
mod risks;
mod routes;
mod sealing;
mod secrets;
mod security;
mod settings;
mod shared;
mod shutdown;
mod stacks;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod stage;
mod status;
pub mod support;
mod tasks;
mod terminals;
mod timers;
mod trends;
mod up;
mod volumes;
mod webhooks;
mod who;

pub use agents::Caller;
pub use app::{Engine, end_holder};
pub use clock::wall;
pub use config::Config;
pub use editing::{Checked, Edit, Text};
pub use emergency::stop_everything;
pub use error::{Error, StartError, called};
pub use handle::{Handle, Order, Settled};
pub use logs::LogsAsked;
pub use record::cluster_id;
pub use registry::peer;
pub use reveal::Revealed;
pub use routes::Tried;
pub use sealing::{KeptElsewhere, kept_elsewhere};
pub use spec::{Hours, Notifications};
pub use stacks::{Remembered, remembered};
pub use store::IncidentFilter;
pub use telemetry::logs::{Filter, Followed, PatternError, Place};
pub use telemetry::{LogQuery, Pattern};
pub use up::{Up, UpStarted};
pub use who::who;

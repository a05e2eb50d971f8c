//! Puts the rooms together: one owner loop per cluster, the door, the read model, task lifetimes.
//!
//! `Config → Engine::start → Handle → drain`. It decides nothing: what happens to a service is
//! decided by `orchestrator::step`, and what may happen at all by [`door`]. Hosts (`api`,
//! `desktop`, `cli`) hold a [`Handle`].

pub mod config;
pub mod error;
pub mod handle;

pub use config::Config;
pub use error::{Error, StartError};
pub use handle::{Handle, LogQuery, Order, Settled, Up, UpStarted};

/// A running engine.
pub struct Engine { }
impl Engine {
    /// Takes the home and adopts what runs.
    pub async fn start(_config: Config) -> Result<Engine, StartError> { todo!() }
    /// For hosts.
    pub fn handle(&self) -> Handle { todo!() }
}

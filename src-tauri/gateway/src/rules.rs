//! What holds for the requests of a route.

use model::view::Balance;
use std::time::Duration;

/// What holds for the requests of a route. The default is what holds where nothing is said.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// How an instance is chosen.
    pub balance: Balance,
    /// What [`Balance::Hash`] hashes.
    pub hash: HashBy,
    /// How long an answer may take to begin, all tries together.
    pub timeout: Duration,
    /// How long one try may take.
    pub try_timeout: Option<Duration>,
    /// How often an idempotent request is tried again.
    pub retries: u8,
    /// Requests a second; `None` is any number.
    pub rate: Option<u32>,
    /// Origins whose pages may ask, besides those of this machine: `https://app.example.com`.
    pub allow_origins: Vec<String>,
}

/// What a request is hashed by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum HashBy {
    /// The address of the client.
    #[default]
    Client,
    /// A header of this name.
    Header(String),
    /// A cookie of this name.
    Cookie(String),
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            balance: Balance::default(),
            hash: HashBy::default(),
            // A blocking query of Consul may wait for ten minutes and a sixteenth.
            timeout: Duration::from_secs(11 * 60),
            try_timeout: None,
            retries: 2,
            rate: None,
            allow_origins: Vec::new(),
        }
    }
}

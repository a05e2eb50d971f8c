//! `route`: how the gateway leads to a service.

use model::view::Balance;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// How the gateway leads to a service. What is not said is the gateway's to choose.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Route {
    /// How an instance is chosen.
    pub balance: Option<Balance>,
    /// What [`Balance::Hash`] goes by.
    pub hash: Option<HashBy>,
    /// How long an answer may take to begin, all tries together.
    pub timeout: Option<Duration>,
    /// How long one try may take.
    pub try_timeout: Option<Duration>,
    /// How often an idempotent request is tried again.
    pub retries: Option<u8>,
    /// Requests a second.
    pub rate: Option<u32>,
    /// Origins whose pages may ask, besides those of this machine.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow_origins: Vec<String>,
}

/// What a request is hashed by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HashBy {
    /// The address of the client.
    Client,
    /// A header of this name.
    Header(String),
    /// A cookie of this name.
    Cookie(String),
}

impl Route {
    /// Nothing is said.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Route {
    /// What is said, in words: "balance round_robin, timeout 5 s".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |time: Option<Duration>| time.map(crate::duration::words);
        let balance = self.balance.map(|balance| match balance {
            Balance::LeastOfTwo => "least_of_two".to_owned(),
            Balance::RoundRobin => "round_robin".to_owned(),
            Balance::LeastRequest => "least_request".to_owned(),
            Balance::Hash => "hash".to_owned(),
        });
        let hash = self.hash.as_ref().map(|hash| match hash {
            HashBy::Client => "client".to_owned(),
            HashBy::Header(name) => format!("header:{name}"),
            HashBy::Cookie(name) => format!("cookie:{name}"),
        });
        let origins = &self.allow_origins;
        let said: Vec<String> = [
            ("balance", balance),
            ("hash", hash),
            ("timeout", time(self.timeout)),
            ("try_timeout", time(self.try_timeout)),
            ("retries", self.retries.map(|retries| retries.to_string())),
            ("rate", self.rate.map(|rate| rate.to_string())),
            (
                "allow_origins",
                (!origins.is_empty()).then(|| origins.join(" ")),
            ),
        ]
        .into_iter()
        .filter_map(|(key, value)| value.map(|value| format!("{key} {value}")))
        .collect();
        f.write_str(&said.join(", "))
    }
}

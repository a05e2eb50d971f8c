//! What hosts show of the places that are told of events by HTTP. Nothing secret is in it: of a URL
//! only where it leads, because with many services the rest of it is the key.

use crate::{Timestamp, WebhookName};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// How it stands with one webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct WebhookView {
    /// Its name in the settings.
    pub name: WebhookName,
    /// Where it leads: scheme, host and port, and `/…` where there is more.
    pub place: String,
    /// Kinds of events it is sent.
    pub events: Vec<String>,
    /// Clusters whose events it is sent; empty is all of them.
    pub clusters: Vec<String>,
    /// How it stands.
    pub state: WebhookState,
    /// What that means and what happens next, in words.
    pub reason: String,
    /// Events that wait to be delivered.
    pub waiting: u32,
    /// When the oldest of them happened.
    pub oldest: Option<Timestamp>,
    /// The last one that was taken.
    pub delivered: Option<Delivery>,
    /// What the last try that failed came to.
    pub failed: Option<WebhookFailure>,
    /// When it is tried again; `null` when nothing is to be.
    pub next: Option<Timestamp>,
    /// Events that were never taken: there were too many, or they were too old.
    #[ts(type = "number")]
    pub lost: u64,
    /// Events that the receiver refused for what they say.
    #[ts(type = "number")]
    pub refused: u64,
}

/// How it stands with a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum WebhookState {
    /// All that there was is delivered.
    Idle,
    /// An event is under way.
    Sending,
    /// The last try failed, and it is tried again.
    Retrying,
    /// The receiver said that it is gone for good: nothing is sent until a person tests it.
    Gone,
}

impl WebhookState {
    /// The word as JSON and the CLI print it.
    pub fn as_str(self) -> &'static str {
        match self {
            WebhookState::Idle => "idle",
            WebhookState::Sending => "sending",
            WebhookState::Retrying => "retrying",
            WebhookState::Gone => "gone",
        }
    }
}

/// An event that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Delivery {
    /// Its number.
    #[ts(type = "number")]
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// What was answered.
    pub status: u16,
}

/// A try that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct WebhookFailure {
    /// When.
    pub at: Timestamp,
    /// Why, in words.
    pub why: String,
}

/// What a test of a webhook came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct WebhookTested {
    /// Which.
    pub name: WebhookName,
    /// Where it leads, see [`WebhookView::place`].
    pub place: String,
    /// It was taken.
    pub taken: bool,
    /// What came of it, in words.
    pub said: String,
    /// How long it took, in milliseconds.
    #[ts(type = "number")]
    pub took_ms: u64,
}

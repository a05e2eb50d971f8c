//! The gateway: which names lead where, how it goes with each, and what came through lately.

use crate::{ClusterId, InstanceId, ServiceName, Timestamp};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// The gateway as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct GatewayView {
    /// Where it listens, as [`super::EngineView::gateway`] has it: "http://127.0.0.1:7422".
    pub address: String,
    /// Connections of clients that are open now.
    pub connections: u32,
    /// Its routes, by host: those of clusters and the busiest of the others, 2,000 at most.
    pub routes: Vec<RouteView>,
    /// How many there are.
    pub total: u32,
    /// What it refused itself since it started: a host that is none of ours, another origin, what is
    /// malformed, what passes a limit.
    #[ts(type = "number")]
    pub refused: u64,
}

/// One name and what stands behind it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct RouteView {
    /// The host it is reached by: "api.shop.localhost".
    pub host: String,
    /// The path it is reached by where a client has no names: "/shop/api".
    pub prefix: String,
    /// The cluster of a service; `null` for what registered itself.
    pub cluster: Option<ClusterId>,
    /// The service's name, or the one that was registered.
    pub name: String,
    /// How an instance is chosen for a request.
    pub balance: Balance,
    /// Its instances.
    pub backends: Vec<BackendView>,
    /// No instance serves, and why.
    pub unavailable: Option<Unavailable>,
    /// What went through it.
    pub traffic: Traffic,
    /// Requests that were tried on another instance, since the gateway started.
    #[ts(type = "number")]
    pub retries: u64,
    /// Share of the budget for them that is left, 0 to 1.
    pub retry_budget: f64,
}

/// How an instance is chosen for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Balance {
    /// The better of two chosen by chance: by its latency and what it has in flight.
    #[default]
    LeastOfTwo,
    /// One after another.
    RoundRobin,
    /// That with the fewest requests in flight.
    LeastRequest,
    /// By a hash of the request: the same client comes to the same instance.
    Hash,
}

/// One instance behind a route.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct BackendView {
    /// Its id in the registry.
    pub id: String,
    /// The instance, where it is one of a cluster.
    pub instance: Option<InstanceId>,
    /// Where it is: "127.0.0.1:20116".
    pub address: String,
    /// Whether it gets requests.
    pub state: BackendState,
    /// Why it does not, in words.
    pub why: Option<String>,
    /// When that ends by itself.
    pub until: Option<Timestamp>,
    /// Requests it works on now.
    pub in_flight: u32,
    /// What it answered.
    pub traffic: Traffic,
}

/// Whether an instance gets requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum BackendState {
    /// It does.
    Serving,
    /// Not for a while: it failed requests, or was much slower than the others.
    Ejected,
    /// It answers what it has and gets no more: it is about to be stopped.
    Draining,
    /// Not as long as the registry or healing keeps it back.
    Withheld,
}

/// Why no instance of a route serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Unavailable {
    /// In words.
    pub why: String,
    /// Since when.
    pub since: Timestamp,
}

/// Requests and how they went. Totals are since the gateway started, rates and quantiles over the
/// last 10 s.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, TS)]
pub struct Traffic {
    /// Requests.
    #[ts(type = "number")]
    pub total: u64,
    /// Those of them that failed: answered 5xx, or by no instance at all.
    #[ts(type = "number")]
    pub failed: u64,
    /// Requests a second.
    pub per_second: f64,
    /// Failed ones a second.
    pub failed_per_second: f64,
    /// Half of them took no longer, in milliseconds; `null` when there was none.
    pub p50_ms: Option<f64>,
    /// All but one of a hundred took no longer.
    pub p99_ms: Option<f64>,
    /// Bytes of bodies that clients sent.
    #[ts(type = "number")]
    pub bytes_in: u64,
    /// Bytes of bodies that they were sent.
    #[ts(type = "number")]
    pub bytes_out: u64,
}

/// One request that came through, or was refused: a line of the access log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct GatewayRequest {
    /// Counts them since the gateway started, from 1.
    #[ts(type = "number")]
    pub seq: u64,
    /// When it came.
    pub at: Timestamp,
    /// Its id, as the instance was told in `X-Request-Id`.
    pub id: String,
    /// Its method.
    pub method: String,
    /// The host of the route it was led to; of none, the one it asked for.
    pub host: String,
    /// Its path, without the query: that may hold what is nobody's business.
    pub path: String,
    /// What it was answered.
    pub status: u16,
    /// How long that took, in milliseconds.
    pub took_ms: f64,
    /// The id of the instance that answered.
    pub backend: Option<String>,
    /// The service that asked, where it is one.
    pub caller: Option<ServiceName>,
    /// Who asked.
    pub whence: Whence,
    /// How often it was tried again.
    pub retries: u8,
    /// What went wrong, in words.
    pub error: Option<String>,
}

/// Who asks the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum Whence {
    /// A service of a cluster.
    Service,
    /// A program that is none: a browser, a terminal's, a container.
    Outside,
    /// It could not be found out, or not before it was answered.
    Unknown,
}

/// What a service asks of a route.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct GatewayEdge {
    /// The cluster of the service that asks.
    pub cluster: ClusterId,
    /// That service.
    pub caller: ServiceName,
    /// The host of the route.
    pub host: String,
    /// What went that way.
    pub traffic: Traffic,
}

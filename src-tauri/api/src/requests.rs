//! What each command takes. Every shape is closed: a field that is not in it is an error that
//! names the ones that are.

pub use crate::ledger::LedgerRequest;
pub use crate::log_requests::{
    CopyLogsRequest, FollowLogsRequest, LogPlace, LogViewRequest, LogsRequest, SearchLogsRequest,
};
use model::view::TerminalSize;
use model::{ActId, ClusterId, IncidentId, InstanceId, ServiceName, Timestamp, WebhookName};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use ts_rs::TS;

/// Takes, or answers, nothing: `{}`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
#[ts(type = "Record<string, never>")]
pub struct Nothing {}

/// Which cluster's instances.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields, default)]
#[ts(optional_fields)]
pub struct PsRequest {
    /// The cluster; it goes before `folder`.
    pub cluster: Option<ClusterId>,
    /// A folder in it. With neither, the home's only cluster.
    pub folder: Option<String>,
}

/// How much of the status.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields, default)]
#[ts(optional_fields)]
pub struct SystemStatusRequest {
    /// Only of this cluster.
    pub cluster: Option<ClusterId>,
    /// Only of this service, in whichever cluster has it.
    pub service: Option<ServiceName>,
}

/// Which folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
#[ts(optional_fields)]
pub struct LookRequest {
    /// Absolute.
    pub folder: String,
    /// The name of the file in it, when not the one that would be found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The environment that `up` will be sent, which a file may take variables from; as there without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<BTreeMap<String, String>>,
}

/// Which port.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct PortRequest {
    /// Its number, from 1.
    pub port: u16,
}

/// What to wait for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct WaitRequest {
    /// The act.
    pub act: ActId,
    /// At most so long, in milliseconds. Over ten minutes is ten minutes.
    pub timeout_ms: u64,
}

/// Which part of an instance's history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
#[ts(optional_fields)]
pub struct HistoryRequest {
    /// Its cluster.
    pub cluster: ClusterId,
    /// Which instance.
    pub instance: InstanceId,
    /// So long, in milliseconds.
    pub range_ms: u64,
    /// Up to then; up to now unless given.
    pub until: Option<Timestamp>,
    /// In so many points, at most 2,000.
    pub buckets: u32,
}

/// Latencies of which services.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct LatenciesRequest {
    /// All of this cluster.
    pub cluster: ClusterId,
    /// So many of each, at most 200.
    pub most: u32,
}

/// Whose environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
#[ts(optional_fields)]
pub struct EnvRequest {
    /// Its cluster.
    pub cluster: ClusterId,
    /// Which instance.
    pub instance: InstanceId,
    /// What `reveal` gave, to see secrets, too.
    pub reveal: Option<String>,
}

/// Which starts of an instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
#[ts(optional_fields)]
pub struct LogRunsRequest {
    /// Its cluster.
    pub cluster: ClusterId,
    /// Which instance.
    pub instance: InstanceId,
    /// At most so many of the newest; 1 unless given. The last 64 are known.
    pub limit: Option<u32>,
}

/// How many of the newest.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields, default)]
#[ts(optional_fields)]
pub struct RecentRequest {
    /// At most so many, and never over 10,000; 200 unless given.
    pub limit: Option<u32>,
}

/// What of the registry.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields, default)]
#[ts(optional_fields)]
pub struct RegisteredRequest {
    /// Of this name alone.
    pub name: Option<String>,
    /// With all of these tags.
    pub tags: Vec<String>,
}

/// Which incidents.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields, default)]
#[ts(optional_fields)]
pub struct IncidentsRequest {
    /// Of this cluster alone.
    pub cluster: Option<ClusterId>,
    /// With this service at the root alone.
    pub service: Option<ServiceName>,
    /// Only those that go on.
    pub open: bool,
    /// Only those that were open at this time or later.
    pub since: Option<Timestamp>,
    /// At most so many, and never over 10,000; 200 unless given.
    pub limit: Option<u32>,
}

/// Which incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct IncidentRequest {
    /// Its number.
    pub id: IncidentId,
}

/// What healing did, of what and since when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
#[ts(optional_fields)]
pub struct HealedRequest {
    /// From then until now.
    pub since: Timestamp,
    /// Of this cluster alone.
    #[serde(default)]
    pub cluster: Option<ClusterId>,
    /// Of this service alone.
    #[serde(default)]
    pub service: Option<ServiceName>,
}

/// Which events.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields, default)]
#[ts(optional_fields)]
pub struct EventsRequest {
    /// Those with a higher number; without it the newest.
    pub after: Option<u64>,
    /// At most so many, and never over 10,000; 200 unless given.
    pub limit: Option<u32>,
}

/// What to bring up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct UpRequest {
    /// The folder that holds the definition, absolute.
    pub folder: String,
    /// The name of the file in it, when not the one that would be found: "Procfile".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub file: Option<String>,
    /// A person has read what it runs and allows it. Needed once per folder.
    #[serde(default)]
    #[ts(optional, as = "Option<bool>")]
    pub trust: bool,
    /// What makes containers of it as good as root on this machine and a person allows, in the words of `look`. Each is
    /// needed once; what is not in the list and was not allowed before is refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(optional, as = "Option<Vec<String>>")]
    pub risks: Vec<String>,
    /// The environment of its services; without it the one recorded before, or else the engine's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub env: Option<BTreeMap<String, String>>,
    /// Only these services and what they need, whatever their profiles; all others are left as they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(optional, as = "Option<Vec<String>>")]
    pub services: Vec<String>,
    /// Only the services of these categories and what they need.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(optional, as = "Option<Vec<String>>")]
    pub categories: Vec<String>,
    /// Services of these profiles, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(optional, as = "Option<Vec<String>>")]
    pub profiles: Vec<String>,
    /// Why, for the book of acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub reason: Option<String>,
}

/// A cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
#[ts(optional_fields)]
pub struct ClusterRequest {
    /// Which.
    pub cluster: ClusterId,
    /// Why, for the book of acts.
    pub reason: Option<String>,
}

/// Whose volumes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct VolumesRequest {
    /// Which cluster's.
    pub cluster: ClusterId,
}

/// What is taken down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
#[ts(optional_fields)]
pub struct DownRequest {
    /// Which.
    pub cluster: ClusterId,
    /// Volumes that are removed, with all that is in them: those that a person was shown, and no others.
    pub volumes: Option<Vec<String>>,
    /// Why, for the book of acts.
    pub reason: Option<String>,
}

/// Services of a cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
#[ts(optional_fields)]
pub struct ServicesRequest {
    /// Of which cluster.
    pub cluster: ClusterId,
    /// Which; none is all of them.
    pub services: Vec<ServiceName>,
    /// Why, for the book of acts.
    pub reason: Option<String>,
}

/// What healing keeps its hands off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
#[ts(optional_fields)]
pub struct HoldRequest {
    /// Of which cluster.
    pub cluster: ClusterId,
    /// Which; none is the whole cluster.
    pub services: Vec<ServiceName>,
    /// For so long, in milliseconds, at most 30 days; without an end unless given.
    #[ts(as = "Option<f64>")]
    pub span_ms: Option<u64>,
    /// Why, for the book of acts.
    pub reason: Option<String>,
}

/// What no notification is to be shown of.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
#[ts(optional_fields)]
pub struct MuteRequest {
    /// Of which cluster; of everything unless given.
    pub cluster: Option<ClusterId>,
    /// Which of its services; none is all of them.
    pub services: Vec<ServiceName>,
    /// For so long, in milliseconds, at most 30 days; without an end unless given.
    #[ts(as = "Option<f64>")]
    pub span_ms: Option<u64>,
    /// Why, for the book of acts.
    pub reason: Option<String>,
}

/// What notifications are to be shown of again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
#[ts(optional_fields)]
pub struct UnmuteRequest {
    /// Of which cluster; of everything unless given.
    pub cluster: Option<ClusterId>,
    /// Which of its services; none is what was muted as a whole.
    pub services: Vec<ServiceName>,
    /// Why, for the book of acts.
    pub reason: Option<String>,
}

/// Services to restart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
#[ts(optional_fields)]
pub struct RestartRequest {
    /// Of which cluster.
    pub cluster: ClusterId,
    /// Which; none is all of them.
    pub services: Vec<ServiceName>,
    /// All instances of a service at the same time, instead of one after another.
    #[serde(default)]
    #[ts(optional, as = "Option<bool>")]
    pub at_once: bool,
    /// Why, for the book of acts.
    pub reason: Option<String>,
}

/// A service and a number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
#[ts(optional_fields)]
pub struct ScaleRequest {
    /// Of which cluster.
    pub cluster: ClusterId,
    /// Which service.
    pub service: ServiceName,
    /// How many instances it shall have.
    pub replicas: u16,
    /// Why, for the book of acts.
    pub reason: Option<String>,
}

/// The whole home.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields, default)]
#[ts(optional_fields)]
pub struct HomeRequest {
    /// Why, for the book of acts.
    pub reason: Option<String>,
}

/// Which webhook.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields, default)]
#[ts(optional_fields)]
pub struct TestWebhooksRequest {
    /// Its name; each of them unless given.
    pub name: Option<WebhookName>,
    /// Why, for the book of acts.
    pub reason: Option<String>,
}

/// How the engine ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
#[ts(optional_fields)]
pub struct ShutdownRequest {
    /// Services stay for the next engine; false takes every cluster down first.
    pub leave_running: bool,
    /// Why, for the book of acts.
    pub reason: Option<String>,
}

/// What is to be rehearsed: a cluster or a folder, not both.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields, default)]
#[ts(optional_fields)]
pub struct RehearseRequest {
    /// A cluster, on the definition it runs on.
    pub cluster: Option<ClusterId>,
    /// Or a folder, as its definition is now; an absolute path.
    pub folder: Option<String>,
    /// With a cluster: instead of what it runs on, its definition edited to this.
    pub text: Option<String>,
    /// How many faults, at most 100,000; 200 unless given.
    pub faults: Option<u32>,
    /// Which of all possible rehearsals; 1 unless given. The same one gives the same report.
    pub seed: Option<u64>,
}

/// Whose terminal to attach to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct AttachRequest {
    /// Of which cluster.
    pub cluster: ClusterId,
    /// Which instance.
    pub instance: InstanceId,
}

/// Whose input to take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
#[ts(optional_fields)]
pub struct TakeTerminalRequest {
    /// The session that `attach` began with.
    #[ts(type = "number")]
    pub session: u64,
    /// How large the terminal is to be.
    pub size: TerminalSize,
    /// Why, for the book of acts.
    pub reason: Option<String>,
}

/// What is typed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct TypeTerminalRequest {
    /// In which session.
    #[ts(type = "number")]
    pub session: u64,
    /// As a terminal sends it: Enter is a carriage return. At most 64 KB.
    pub text: String,
}

/// How large a terminal is to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct ResizeTerminalRequest {
    /// In which session.
    #[ts(type = "number")]
    pub session: u64,
    /// How large.
    pub size: TerminalSize,
}

/// Who lets go of a terminal's input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct LeaveTerminalRequest {
    /// In which session.
    #[ts(type = "number")]
    pub session: u64,
}

/// Whose definition to read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct DefinitionRequest {
    /// Of which cluster.
    pub cluster: ClusterId,
}

/// An edit to check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct CheckDefinitionRequest {
    /// Of which cluster's definition.
    pub cluster: ClusterId,
    /// The whole of it, edited.
    pub text: String,
}

/// An edit to write and to bring up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
#[ts(optional_fields)]
pub struct ApplyDefinitionRequest {
    /// Of which cluster's definition.
    pub cluster: ClusterId,
    /// The whole of it, edited.
    pub text: String,
    /// The mark of what was read. A file that has another one now is left as it is.
    pub mark: String,
    /// Why, for the book of acts.
    pub reason: Option<String>,
}

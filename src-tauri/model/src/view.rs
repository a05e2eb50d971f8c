//! What hosts show: the shapes the UI and the CLI's `--json` are made of. The engine keeps its read
//! model in them, and `api` generates their TypeScript into `ui/src/ipc/generated.ts`.

use crate::{
    Act, ClusterId, ClusterName, Event, Evidence, Generation, Incident, InstanceId, InstanceStatus,
    ObservedConnection, Overall, ProbeKind, ServiceName, State, Timestamp,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use ts_rs::TS;

/// The engine of this home.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct EngineView {
    /// Its process.
    pub pid: u32,
    /// Its version.
    pub version: String,
    /// Its home folder.
    pub home: String,
    /// Where the API and the browser UI listen; `null` when they do not.
    pub api: Option<String>,
    /// Where the registry listens.
    pub registry: Option<String>,
    /// Where the gateway listens.
    pub gateway: Option<String>,
    /// What this machine cannot promise, in words a user understands. Empty is best.
    pub limits: Vec<String>,
}

/// One cluster of this home.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ClusterView {
    /// Its id.
    pub id: ClusterId,
    /// Its name.
    pub name: ClusterName,
    /// Its folder.
    pub folder: String,
    /// How it is, in one word.
    pub overall: Overall,
    /// Why, in words: "2 of 150 recovering".
    pub reason: String,
    /// Healing is held for the whole cluster.
    pub held: bool,
    /// When that ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub held_until: Option<Timestamp>,
    /// Its services as defined.
    pub services: Vec<ServiceView>,
}

/// One service as defined.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ServiceView {
    /// Its name.
    pub name: ServiceName,
    /// Its category.
    pub category: String,
    /// What it needs.
    pub needs: Vec<ServiceName>,
    /// How many instances are wanted.
    pub replicas: u16,
    /// A oneshot.
    pub oneshot: bool,
    /// Only a person may stop it.
    pub protected: bool,
    /// What is executed, as written.
    pub run: String,
    /// By what it is known to have started, in words, if that is asked apart.
    #[serde(default)]
    pub startup: Option<String>,
    /// By what it is known to be ready, if that is not its health.
    #[serde(default)]
    pub ready: Option<String>,
    /// What its health is asked by, in words: "GET /health every 5 s".
    pub health: Option<String>,
    /// What each instance may use, and what on this machine holds it to that. Empty: all there is.
    #[serde(default)]
    pub limits: Vec<LimitView>,
}

/// One limit of a service, in words for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct LimitView {
    /// `memory`, `cpu`, `files` or `processes`, as the definition calls it.
    pub what: String,
    /// How much: "512 MB".
    pub wanted: String,
    /// False when nothing on this machine enforces it.
    pub held: bool,
    /// What enforces it, and how far; or why nothing does.
    pub by: String,
}

/// What an instance and its whole tree use.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, TS)]
pub struct Usage {
    /// Share of one core, 1.0 is a whole one.
    pub cpu: f32,
    /// Resident memory in bytes.
    #[ts(type = "number")]
    pub memory: u64,
    /// Processes in the tree.
    pub processes: u32,
    /// Open files of the process that has most of them; 0 where the kernel does not count them.
    #[serde(default)]
    pub files: u32,
}

/// The newest measurements of an instance.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
pub struct Pulse {
    /// CPU and memory.
    pub usage: Usage,
    /// What a probe of it saw last, whichever that was.
    pub health: Option<Evidence>,
    /// When that was answered.
    #[serde(default)]
    pub checked: Option<Timestamp>,
    /// What each of its probes saw last, where it has several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(optional, as = "Option<Vec<ProbeView>>")]
    pub probes: Vec<ProbeView>,
}

/// A registry entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct RegistryView {
    /// The name it is found by.
    pub name: String,
    /// Its id within the name.
    pub id: String,
    /// Where it is.
    pub url: String,
    /// "own" for instances of a cluster, "lease" for those that registered themselves.
    pub kept_by: String,
    /// The cluster of an own one.
    pub cluster: Option<ClusterId>,
    /// Since when.
    pub since: Timestamp,
    /// When its lease ends unless it sends a heartbeat.
    pub expires: Option<Timestamp>,
}

/// The full picture, sent once at the start of every feed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Snapshot {
    /// The number the first delta after it follows.
    #[ts(type = "number")]
    pub seq: u64,
    /// The engine.
    pub engine: EngineView,
    /// All of the home in one word.
    pub overall: Overall,
    /// All clusters.
    pub clusters: Vec<ClusterView>,
    /// All instances by cluster.
    pub instances: BTreeMap<ClusterId, Vec<InstanceStatus>>,
    /// Newest measurements by cluster and instance.
    pub pulses: BTreeMap<ClusterId, BTreeMap<InstanceId, Pulse>>,
    /// Connections between services that were seen, by cluster.
    #[serde(default)]
    pub connections: BTreeMap<ClusterId, Vec<ObservedConnection>>,
    /// Incidents, newest first: all open ones and the last 200.
    pub incidents: Vec<Incident>,
    /// The last 200 events, oldest first.
    pub events: Vec<Event>,
    /// The registry.
    pub registry: Vec<RegistryView>,
}

/// What changed, numbered without gaps. A host that misses one asks for a new snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Delta {
    /// One more than the one before.
    #[ts(type = "number")]
    pub seq: u64,
    /// What changed.
    pub change: Change,
}

/// One change. Each carries the whole new thing, so applying it twice does no harm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Change {
    /// A cluster is new or changed.
    Cluster {
        /// The cluster.
        cluster: ClusterView,
        /// The home's new overall state.
        overall: Overall,
    },
    /// How a cluster is has changed, and nothing else of it: while a thousand services come up that
    /// is said many times a second.
    ClusterState {
        /// Which.
        cluster: ClusterId,
        /// How it is, in one word.
        state: Overall,
        /// Why, in words.
        reason: String,
        /// Healing is held for the whole cluster.
        held: bool,
        /// When that ends by itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        held_until: Option<Timestamp>,
        /// The home's new overall state.
        overall: Overall,
    },
    /// A cluster was forgotten.
    ClusterRemoved {
        /// Which.
        cluster: ClusterId,
    },
    /// Instances are new or changed.
    Instances {
        /// Of which cluster.
        cluster: ClusterId,
        /// The instances.
        instances: Vec<InstanceStatus>,
    },
    /// Instances are no more.
    InstancesRemoved {
        /// Of which cluster.
        cluster: ClusterId,
        /// Which.
        instances: Vec<InstanceId>,
    },
    /// New measurements.
    Pulses {
        /// Of which cluster.
        cluster: ClusterId,
        /// By instance.
        pulses: BTreeMap<InstanceId, Pulse>,
    },
    /// Who was seen to talk to whom; replaces what was known before.
    Connections {
        /// In which cluster.
        cluster: ClusterId,
        /// All of them.
        connections: Vec<ObservedConnection>,
    },
    /// An incident is new or changed.
    Incident {
        /// The incident.
        incident: Incident,
    },
    /// Something happened.
    Event {
        /// The event.
        event: Event,
    },
    /// The registry changed.
    Registry {
        /// New or changed entries.
        upserts: Vec<RegistryView>,
        /// Gone ones, as name and id.
        removed: Vec<(String, String)>,
    },
}

/// What the feed sends, one JSON object a line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case", tag = "kind")]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every message is a delta, and one is held at a time"
)]
pub enum FeedMessage {
    /// First, and again whenever the reader fell too far behind.
    Snapshot {
        /// The picture.
        snapshot: Box<Snapshot>,
    },
    /// Then these.
    Delta {
        /// The change.
        delta: Delta,
    },
}

/// One point of an instance's history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct HistoryPoint {
    /// When; the end of the bucket.
    pub at: Timestamp,
    /// Median probe latency in the bucket, in milliseconds; `null` when none passed.
    pub latency_ms: Option<f32>,
    /// Highest probe latency in the bucket, in milliseconds.
    pub latency_max_ms: Option<f32>,
    /// Probes that failed.
    pub failed: u32,
    /// Probes made.
    pub probes: u32,
    /// The worst state it was in during the bucket.
    pub state: State,
    /// Share of one core; `null` when not measured.
    pub cpu: Option<f32>,
    /// Resident bytes.
    #[ts(type = "number | null")]
    pub memory: Option<u64>,
}

/// The history of one instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct History {
    /// Length of a bucket in milliseconds.
    #[ts(type = "number")]
    pub bucket_ms: u64,
    /// Oldest first.
    pub points: Vec<HistoryPoint>,
    /// When healing acted, for markers: time and what.
    pub marks: Vec<(Timestamp, String)>,
}

/// One line of a service's output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct LogLine {
    /// Byte offset of the line in its log: its address, for ever.
    #[ts(type = "number")]
    pub offset: u64,
    /// Where the next line begins: ask for what comes after with it.
    #[ts(type = "number")]
    pub end: u64,
    /// Only for a reader that was outrun: so many bytes between the line before, or the address that
    /// was asked for, and this line went out of the log before they were read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "number")]
    pub missed: Option<u64>,
    /// When it was written, to the second; `null` when not known.
    pub at: Option<Timestamp>,
    /// Which instance.
    pub instance: InstanceId,
    /// Its text without the line end. Colours (SGR) are kept, other escape sequences are
    /// left out, and stray control characters are made visible.
    pub text: String,
}

/// Lines of a log, oldest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct LogPage {
    /// The lines.
    pub lines: Vec<LogLine>,
    /// Where the first whole line begins that is still kept. Lines with lower addresses are gone.
    #[ts(type = "number")]
    pub begin: u64,
    /// Where the log ends now.
    #[ts(type = "number")]
    pub end: u64,
    /// Where its last finished line ends: follow from here. What begins here is still being written.
    #[ts(type = "number")]
    pub whole: u64,
    /// Where to go on: with `after` for newer lines if this page was asked for with it, else with
    /// `before` for older ones.
    #[ts(type = "number")]
    pub next: u64,
    /// Older lines exist before this page.
    pub more: bool,
}

/// What an instance really got, and what it would get now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct EnvView {
    /// Which.
    pub instance: InstanceId,
    /// Which start of it.
    pub generation: Generation,
    /// It runs. What has ended got this as well.
    pub running: bool,
    /// All its variables by name, and those it would get now.
    pub variables: Vec<VariableView>,
    /// How many it would get differently now; what only the terminal sets does not count.
    pub differs: u32,
    /// Why the definition as it is now cannot be read; then it is compared with the recorded one.
    pub problem: Option<String>,
}

/// One variable of an instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct VariableView {
    /// Its name.
    pub name: String,
    /// Its value; of a secret a few digits by which equal ones are told from different ones.
    /// `null` when it did not get it.
    pub value: Option<String>,
    /// Its value is a secret, and not shown.
    pub secret: bool,
    /// Where it comes from: "terminal", "azora", "azora.toml:12", ".env:3".
    pub from: String,
    /// What it would be now, if that is something else.
    pub now: Option<NowView>,
}

/// What a variable would be now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct NowView {
    /// Its value, as in [`VariableView`]; `null` when it would not be set.
    pub value: Option<String>,
    /// Where that would come from; empty when nowhere.
    pub from: String,
}

/// One start of an instance, as its log tells of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct LogRun {
    /// Which start.
    pub generation: Generation,
    /// When it began.
    pub at: Timestamp,
    /// Length of the log when it began: its lines have this address and higher ones.
    #[ts(type = "number")]
    pub begin: u64,
    /// Where its last line ends; the next start begins there.
    #[ts(type = "number")]
    pub end: u64,
    /// Its first line that looks like an error. It is kept even when the log has given the line up.
    pub error: Option<LogLine>,
    /// The log still has that line.
    pub kept: bool,
    /// So many bytes were given up faster than they could be looked through: an error in them is
    /// not known.
    #[ts(type = "number")]
    pub unseen: u64,
}

/// What was found in a folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct FolderView {
    /// The folder, absolute.
    pub folder: String,
    /// The definition file that would be used.
    pub file: Option<String>,
    /// The cluster's name.
    pub name: Option<ClusterName>,
    /// How many services it defines.
    pub services: u32,
    /// It was run from this home before.
    pub known: bool,
    /// What would be executed, one line a service, for a person to read before the first run.
    pub commands: Vec<String>,
    /// What is wrong with it, with line and caret; empty when it can run.
    pub problem: Option<String>,
}

/// What an emergency stop would do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct StopPreview {
    /// Instances that run.
    pub instances: u32,
    /// Processes in their trees.
    pub processes: u32,
    /// By cluster: name and instances.
    pub clusters: Vec<(ClusterName, u32)>,
    /// Protected services among them.
    pub protected: Vec<ServiceName>,
}

/// What an emergency stop did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct StopReport {
    /// Processes ended.
    pub ended: u32,
    /// What is left: pid and command. Empty is the promise.
    pub left: Vec<(u32, String)>,
    /// How long it took, in milliseconds.
    #[ts(type = "number")]
    pub took_ms: u64,
    /// By which means survivors were looked for: "cgroup", "shim descendants", "nonce".
    pub looked_by: Vec<String>,
    /// Where the plain report was written.
    pub report: Option<String>,
}

/// The answer to an act.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ActView {
    /// As written in the book, with its outcome.
    pub act: Act,
}

/// A failed command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Failure {
    /// Which kind, for branching.
    pub code: Code,
    /// What is wrong and what to do, as sentences.
    pub message: String,
}

/// Kinds of failure a host may branch on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The request is not of the command's shape.
    BadRequest,
    /// No such cluster, service or instance.
    NotFound,
    /// The definition has errors; the message holds line and caret.
    Definition,
    /// The door refused.
    Refused,
    /// This folder was never run here: ask first, then send `trust`.
    Untrusted,
    /// The state does not allow it now.
    Conflict,
    /// The engine is going down: the next one can be asked.
    Closing,
    /// A fault of ours.
    Internal,
}

/// What a probe saw last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ProbeView {
    /// When.
    pub at: Timestamp,
    /// Which.
    pub kind: ProbeKind,
    /// What it saw.
    pub evidence: Evidence,
}

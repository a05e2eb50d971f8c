//! What hosts show: the shapes the UI and the CLI's `--json` are made of. The engine keeps its read
//! model in them, and `api` generates their TypeScript into `ui/src/ipc/generated.ts`.

use crate::{
    Act, Autonomy, ClusterId, ClusterName, Evidence, Generation, InstanceId, Mute, Overall,
    ProbeKind, ServiceName, State, Terms, Timestamp,
};
mod feed;
mod gateway;
mod logs;
mod registry;
mod terminal;

pub use feed::{Change, Delta, FeedMessage, Snapshot};
pub use gateway::{
    BackendState, BackendView, Balance, GatewayEdge, GatewayRequest, GatewayView, RouteView,
    Traffic, Unavailable, Whence,
};
pub use logs::{LogCopy, LogLevel, LogLine, LogPage, LogPlaces, LogRun, LogSearch, LogView};
pub use registry::{Health, KeptBy, RegisteredView, RegistryView};
pub use terminal::{TerminalEnd, TerminalMessage, TerminalSize, TerminalState, TerminalWriter};

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
    /// Where Consul's clients are served.
    pub consul: Option<String>,
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
    /// The file of the folder that defines it, where somebody has named it: to be named again when it is
    /// brought up again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub file: Option<String>,
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
    /// How far healing goes by itself, where that is not all the way.
    #[serde(default, skip_serializing_if = "Autonomy::is_on")]
    #[ts(as = "Option<Autonomy>", optional)]
    pub autonomy: Autonomy,
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
    /// What is waited for of those of them that need not be ready, or not be there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[ts(as = "Option<BTreeMap<ServiceName, Terms>>", optional)]
    pub terms: BTreeMap<ServiceName, Terms>,
    /// How many instances are wanted.
    pub replicas: u16,
    /// Up to how many healing may add under load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub max_replicas: Option<u16>,
    /// A oneshot.
    pub oneshot: bool,
    /// When a oneshot runs by itself, in words: "0 2 * * * (Europe/Berlin)".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub schedule: Option<String>,
    /// Only a person may stop it.
    pub protected: bool,
    /// It has a terminal, which one can be attached to.
    #[serde(default)]
    pub tty: bool,
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
    /// What others than healing did to it, oldest first: the definition was applied, it was restarted.
    pub acts: Vec<Act>,
}

/// How long the last health probes of each service of a cluster took.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
pub struct Latencies {
    /// In milliseconds, oldest first, of the slowest of its instances; `null` where none of them passed. Services
    /// without any are not there.
    pub services: BTreeMap<ServiceName, Vec<Option<f32>>>,
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

/// What was found in a folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct FolderView {
    /// The folder, absolute.
    pub folder: String,
    /// The definition file that would be used.
    pub file: Option<String>,
    /// Other files of the folder that say what to run, and are not used unless they are asked for.
    #[serde(default)]
    pub others: Vec<String>,
    /// What the file says that a definition cannot, and what was made of it.
    #[serde(default)]
    pub notes: Vec<String>,
    /// The cluster's name.
    pub name: Option<ClusterName>,
    /// How many services it defines.
    pub services: u32,
    /// It was run from this home before.
    pub known: bool,
    /// What would be executed, one line a service, for a person to read before the first run.
    pub commands: Vec<String>,
    /// What makes containers of it as good as root on this machine and was not allowed yet: ask, then send
    /// them as `risks`.
    #[serde(default)]
    pub risks: Vec<String>,
    /// What is wrong with it, with line and caret; empty when it can run.
    pub problem: Option<String>,
    /// Where git stands, when the folder is in a working tree of it.
    pub git: Option<GitView>,
}

/// Where a working tree of git stands: what tells several of one project apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct GitView {
    /// The branch that is checked out; where none is, the beginning of the commit.
    pub branch: String,
    /// The folder of the repository this is a linked working tree of; `None` in the main one.
    pub worktree_of: Option<String>,
}

/// A volume that the containers of a cluster keep something in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct VolumeView {
    /// What its daemon knows it by.
    pub name: String,
    /// How many bytes are in it, where that is known.
    #[ts(type = "number | null")]
    pub bytes: Option<u64>,
    /// The container that has it, of one that has no name of its own.
    pub of: Option<String>,
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

/// What the desktop app shows notifications of, and what not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct NotificationsView {
    /// False: `settings.toml` turns all of them off.
    pub enabled: bool,
    /// Clusters that `settings.toml` excepts.
    pub except: Vec<ClusterName>,
    /// Hours of the day in which `settings.toml` wants none: "22:00-07:00".
    pub quiet: Vec<String>,
    /// What a person turned off, the widest first.
    pub mutes: Vec<Mute>,
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
    /// The door lets it in when persons approve of it; the message says of which number.
    NeedsApproval,
    /// This folder was never run here: ask first, then send `trust`.
    Untrusted,
    /// Containers of it would be as good as root on this machine: ask first, then send `risks`.
    Risks,
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

/// A file for whoever helps with a fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
pub struct SupportFile {
    /// What it is called.
    pub name: String,
    /// What it says, without secrets.
    pub text: String,
}

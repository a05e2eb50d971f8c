//! Answers that are not already views of `model`.

use model::view::{EngineView, LimitView};
use model::{
    ActId, Autonomy, ClusterId, ClusterName, InstanceId, InstanceStatus, ObservedConnection,
    Overall, Reason, ServiceName, State, Terms,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use ts_rs::TS;

/// A home in a few lines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct StatusView {
    /// Its engine.
    pub engine: EngineView,
    /// All of it in one word.
    pub overall: Overall,
    /// Its clusters.
    pub clusters: Vec<ClusterLine>,
}

/// A cluster in one line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ClusterLine {
    /// Its id.
    pub id: ClusterId,
    /// Its name.
    pub name: ClusterName,
    /// Its folder.
    pub folder: String,
    /// How it is, in one word.
    pub overall: Overall,
    /// Why, in words.
    pub reason: String,
    /// How far healing goes by itself, where that is not all the way.
    #[serde(default, skip_serializing_if = "Autonomy::is_on")]
    #[ts(as = "Option<Autonomy>", optional)]
    pub autonomy: Autonomy,
}

/// All instances of a cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct PsView {
    /// The cluster.
    pub cluster: ClusterLine,
    /// Its instances.
    pub instances: Vec<InstanceStatus>,
    /// What holds the limits of the services that have some.
    pub limits: BTreeMap<ServiceName, Vec<LimitView>>,
    /// What should be changed in the definition, in words: needs that were seen and are not declared.
    #[serde(default)]
    pub advice: Vec<String>,
    /// Where services are reached through the gateway, by their names.
    #[serde(default)]
    pub urls: BTreeMap<ServiceName, String>,
}

/// What needs what in a cluster, and what was seen of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct GraphView {
    /// The cluster.
    pub cluster: ClusterLine,
    /// Its services, by name.
    pub services: Vec<GraphNode>,
    /// Connections between them that were seen.
    pub connections: Vec<ObservedConnection>,
    /// What should be changed in the definition, in words.
    pub advice: Vec<String>,
}

/// One service in the graph.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct GraphNode {
    /// Its name.
    pub name: ServiceName,
    /// Its category.
    pub category: String,
    /// The state of the instance that is furthest from serving.
    pub state: State,
    /// What it declares to need.
    pub needs: Vec<ServiceName>,
    /// What is waited for of those of them that need not be ready, or not be there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[ts(as = "Option<BTreeMap<ServiceName, Terms>>", optional)]
    pub terms: BTreeMap<ServiceName, Terms>,
    /// The service it suffers from.
    pub impacted_by: Option<ServiceName>,
}

/// What `up` set in motion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct UpView {
    /// The cluster.
    pub cluster: ClusterId,
    /// The act, to wait for.
    pub act: ActId,
    /// What differs from what ran before, in words, and what of this folder runs under other names.
    pub changes: Vec<String>,
}

/// How far a rehearsal has come, and what came of it.
#[derive(Debug, Clone, Serialize, TS)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum RehearsalMessage {
    /// It goes on.
    Progress {
        /// Which share of it is done, from 0 to 1.
        done: f64,
    },
    /// It has come to its end; nothing follows.
    Report {
        /// What it came to.
        report: Box<rehearsal::Report>,
        /// So many weaknesses that did less harm are not in the report.
        left_out: u32,
    },
}

/// What came of an act.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct WaitView {
    /// False: the time was over first.
    pub settled: bool,
    /// What did not get where it should, and why.
    pub failed: Vec<(InstanceId, Reason)>,
}

/// A definition as it lies in its folder.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
pub struct DefinitionView {
    /// Where.
    pub path: String,
    /// What it says.
    pub text: String,
    /// By which it is known again: another text has another one.
    pub mark: String,
}

/// What is wrong with an edited definition, or what it would do.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
pub struct CheckedDefinition {
    /// What is wrong, in the order of the file; at most 20.
    pub problems: Vec<ProblemView>,
    /// So many more are wrong.
    pub unshown: u32,
    /// What applying it would do; `null` while something is wrong.
    pub edit: Option<EditView>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
pub struct ProblemView {
    /// What, in a sentence.
    pub message: String,
    /// What would be right.
    pub remedy: Option<String>,
    /// In which file: `azora.toml`, or an env file.
    pub file: String,
    /// Where, the main place first.
    pub places: Vec<PlaceView>,
}

/// A stretch of one line.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
pub struct PlaceView {
    /// Its line, from 1.
    pub line: u32,
    /// The column it begins at, from 1, in characters.
    pub column: u32,
    /// How many characters.
    pub length: u32,
    /// What is there.
    pub label: String,
}

/// What applying an edited definition would do to what runs.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
pub struct EditView {
    /// Services that would be started.
    pub added: Vec<ServiceName>,
    /// Services that would be stopped and taken away.
    pub removed: Vec<ServiceName>,
    /// Services that would be restarted, and why.
    pub restarted: Vec<ChangedService>,
    /// Services that would take it on while they run.
    pub adjusted: Vec<ChangedService>,
    /// Things to know that are no mistakes.
    pub notes: Vec<String>,
}

/// A service that is defined otherwise.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
pub struct ChangedService {
    /// Which.
    pub service: ServiceName,
    /// What is different, in words. Values of variables are not among them.
    pub what: Vec<String>,
}

//! Answers that are not already views of `model`.

use model::view::{EngineView, LimitView};
use model::{
    ActId, ClusterId, ClusterName, InstanceId, InstanceStatus, ObservedConnection, Overall, Reason,
    ServiceName, State,
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

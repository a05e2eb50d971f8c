//! What an owner can be told: all that comes through its inbox, and what a person may wish of its cluster.

use super::probes::Question;
use crate::Error;
use crate::drivers::{Cleared, Prepared};
use crate::files::Told;
use crate::record::{ClusterRecord, Going};
use crate::secrets::Secrets;
use driver::NotRun;
use model::view::Usage;
use model::{
    Act, ActId, Autonomy, Evidence, Generation, InstanceId, Mono, ProbeKind, ServiceName, Timestamp,
};
use orchestrator::{Input, Look, Sighting};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// What is remembered of an `up` besides the definition.
pub(crate) struct Noted {
    /// Its file, where somebody has named it.
    pub(crate) file: Option<String>,
    /// The environment, when it is to be replaced.
    pub(crate) env: Option<BTreeMap<String, String>>,
    /// What makes its containers as good as root and is allowed.
    pub(crate) risks: BTreeSet<String>,
    /// What its file was read with.
    pub(crate) asked: spec::Choice,
    /// What its folder adds to the rules of who may do what.
    pub(crate) rules: Option<String>,
}

/// What an owner can be told.
pub(crate) enum Message {
    /// Something happened to the cluster.
    Happened(Input),
    /// A probe came back.
    Probed(InstanceId, Generation, ProbeKind, Evidence, Question),
    /// It said something about itself.
    Told(InstanceId, Generation, driver::Told),
    /// What precedes a start is done, or could not be; with what was read for it.
    Prepared(InstanceId, Generation, Result<Readied, NotRun>),
    /// The container daemon does not answer any more, or does again.
    Daemon,
    /// Nothing is left of the containers of a cluster that this act took down, or why something is.
    Cleared(ActId, Cleared),
    /// What follows readiness has ended.
    Greeted(InstanceId, Generation, Result<(), String>),
    /// The secrets of an instance that runs, read again after the engine was away.
    Secrets(InstanceId, Arc<Secrets>),
    /// Somebody has a debugger on this start of an instance, or nobody has any more.
    Attached(InstanceId, Generation, Option<String>),
    /// Healing has to wait before the door is asked.
    Wait {
        /// The number of the question.
        ticket: u64,
        /// Why.
        why: String,
    },
    /// The door let healing act, or did not.
    Answer {
        /// The number of the question.
        ticket: u64,
        /// The act, or why not.
        answer: Result<ActId, Error>,
    },
    /// Run this definition.
    Up {
        /// The definition.
        definition: Arc<spec::Cluster>,
        /// What is remembered of it besides.
        noted: Noted,
        /// Services that are not asked for, and why.
        left_out: BTreeMap<ServiceName, String>,
        /// The act it belongs to.
        act: Act,
        /// What differs from before, in words.
        reply: oneshot::Sender<Result<Vec<String>, Error>>,
    },
    /// A person's order.
    Order {
        /// What.
        order: Wish,
        /// The act it belongs to.
        act: Act,
        /// Accepted or not.
        reply: oneshot::Sender<Result<(), Error>>,
    },
    /// The emergency path has ended everything.
    Ended {
        /// Why, as the person gave it.
        reason: String,
        /// When; the same for all clusters.
        at: Timestamp,
        /// The brake's word that this is.
        word: u64,
        /// Noted.
        reply: Option<oneshot::Sender<()>>,
    },
    /// Something about the files of a service.
    Files {
        /// Whose.
        service: ServiceName,
        /// What.
        told: Told,
    },
    /// The door let a service be restarted on its changed files, or did not.
    Refresh {
        /// Which.
        service: ServiceName,
        /// What has changed.
        why: String,
        /// When it had changed.
        changed: Mono,
        /// The act, or why not.
        answer: Result<ActId, String>,
    },
    /// What was to be written down is, or why not.
    Kept(Result<(), String>),
    /// What is remembered of the cluster, for who compares it with its folder.
    Record {
        /// A copy.
        reply: oneshot::Sender<Box<ClusterRecord>>,
    },
    /// How many variables these starts would get differently now.
    Drift(Vec<(InstanceId, Generation, u32)>),
    /// A look at the sockets.
    Connected(Vec<Sighting>),
    /// The gateway leaves out an instance.
    Ejected(gateway::Ejected),
    /// Measurements were looked at for what goes wrong slowly.
    Looked(Vec<Look>),
    /// What the instances use, and what is left of the machine where that matters to somebody.
    Usage(
        Vec<(InstanceId, Usage)>,
        Option<Arc<telemetry::machine::Reading>>,
    ),
    /// Break, to show that another owner takes its place.
    #[cfg(test)]
    Break,
    /// Time may have passed in which nobody looked.
    Look,
    /// Forget the cluster; only when nothing of it runs.
    Forget {
        /// Done or not.
        reply: oneshot::Sender<Result<(), Error>>,
    },
}

/// What was read for a start.
#[derive(Default)]
pub(crate) struct Readied {
    /// Its secrets.
    pub(crate) secrets: Arc<Secrets>,
    /// What was got for its container.
    pub(crate) prepared: Prepared,
}

/// A person's order to one cluster.
#[derive(Debug, Clone)]
pub(crate) enum Wish {
    /// With the volumes that are to go, too.
    Down(Vec<Going>),
    Start(Vec<ServiceName>),
    Stop(Vec<ServiceName>),
    Restart(Vec<ServiceName>, bool),
    Scale(ServiceName, u16),
    Hold(Vec<ServiceName>, Option<Duration>),
    Unhold(Vec<ServiceName>),
    Autonomy(Option<Autonomy>),
    Release(Vec<ServiceName>),
    Resume,
}

impl Wish {
    /// Something runs because of it.
    pub(super) fn starts(&self) -> bool {
        match self {
            Wish::Start(_)
            | Wish::Restart(..)
            | Wish::Scale(..)
            | Wish::Release(_)
            | Wish::Resume => true,
            Wish::Down(_)
            | Wish::Stop(_)
            | Wish::Hold(..)
            | Wish::Unhold(_)
            | Wish::Autonomy(_) => false,
        }
    }
}

//! The states of an instance, each with a reason a person can read.

use crate::{
    Finding, Generation, InstanceId, Origin, PortTaken, Scheduled, ServiceName, Timestamp,
};
use serde::{Deserialize, Serialize};

/// Where an instance is in its life.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ts_rs::TS,
)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Wanted, but what it needs is not ready.
    Waiting,
    /// Its process is being made.
    Starting,
    /// Its process lives and its readiness probe has not passed yet.
    Running,
    /// Its readiness probe passed; without one, its process lives.
    Ready,
    /// Ready, but slow or erring above its thresholds.
    Degraded,
    /// It ended, or its health probe failed as often as it may; a remedy is being chosen, or its time
    /// has not come.
    Failing,
    /// A remedy is under way.
    Recovering,
    /// Healing gave up; a person has to release it.
    Quarantined,
    /// It was told to stop and has not yet.
    Stopping,
    /// Not wanted, nothing runs.
    Stopped,
    /// A oneshot that exited with 0.
    Completed,
    /// A oneshot that waits for its next time; nothing runs.
    Scheduled,
}

impl State {
    /// The word as JSON and the CLI print it.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Starting => "starting",
            State::Running => "running",
            State::Ready => "ready",
            State::Degraded => "degraded",
            State::Failing => "failing",
            State::Recovering => "recovering",
            State::Quarantined => "quarantined",
            State::Stopping => "stopping",
            State::Stopped => "stopped",
            State::Completed => "completed",
            State::Scheduled => "scheduled",
        }
    }

    /// True while traffic may go to it and dependents may rely on it.
    pub fn serves(self) -> bool {
        matches!(self, State::Ready | State::Degraded)
    }

    /// True when all that was wanted of it has come: it serves, has done its work, or waits for its next time.
    pub fn good(self) -> bool {
        self.serves() || matches!(self, State::Completed | State::Scheduled)
    }

    /// True when nothing more will happen by itself, but for what its next time begins.
    pub fn settled(self) -> bool {
        matches!(
            self,
            State::Ready
                | State::Degraded
                | State::Quarantined
                | State::Stopped
                | State::Completed
                | State::Scheduled
        )
    }
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why a state is what it is and what happens next, in words.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ts_rs::TS)]
pub struct Reason {
    /// What is the case: "waiting for db: tcp 5432 refused 14 times".
    pub text: String,
    /// What will happen and when: "next try in 2 s". Empty when nothing will.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub next: Option<String>,
}

impl Reason {
    /// A reason with nothing to follow.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            next: None,
        }
    }

    /// Adds what happens next.
    #[must_use]
    pub fn then(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.next {
            Some(next) => write!(f, "{}; {next}", self.text),
            None => f.write_str(&self.text),
        }
    }
}

/// What keeps traffic from an instance that has failed several times in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
pub enum Circuit {
    /// It gets none.
    Open,
    /// It gets none yet: a restart is its trial.
    HalfOpen,
}

impl Circuit {
    /// The word as JSON and the CLI print it.
    pub fn as_str(self) -> &'static str {
        match self {
            Circuit::Open => "open",
            Circuit::HalfOpen => "half-open",
        }
    }
}

/// Healing keeps its hands off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
pub struct Hold {
    /// Why: "a person holds it", "gdb (pid 4711) is attached to it".
    pub why: String,
    /// A person does, and can let it go on.
    pub person: bool,
    /// When it ends by itself; `null` when it does not.
    pub until: Option<Timestamp>,
}

/// A service does not run on what its file says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
pub struct RolledBack {
    /// When the definition it runs on was brought up first; `null` when that is not known.
    pub to: Option<Timestamp>,
    /// When it was taken back to that.
    pub at: Timestamp,
    /// What went wrong on the newer one: "exited with code 3".
    pub why: String,
    /// What the newer one has else, without the values of variables.
    pub differs: String,
}

/// There are more instances of a service than are defined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
pub struct Scaled {
    /// So many healing has added.
    pub added: u16,
    /// So many there may be at most.
    pub most: u16,
}

/// The gateway sends an instance nothing for a while, for what it did with requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
pub struct Ejection {
    /// "it failed five requests in a row, the last because it answered 500".
    pub why: String,
    /// When it gets some again.
    pub until: Timestamp,
}

/// Marks on a state. They say more about it and never replace it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ts_rs::TS)]
pub struct Marks {
    /// The failing service this one suffers from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub impacted_by: Option<ServiceName>,
    /// Healing is held, by a person or because of what is being done to it.
    #[serde(default)]
    pub held: bool,
    /// Why it is held, and until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub hold: Option<Hold>,
    /// It gets no traffic, because it has failed several times in a row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub circuit: Option<Circuit>,
    /// The gateway leaves it out for a while.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub ejected: Option<Ejection>,
    /// It was taken back to an older definition, because it did not get well on the newer one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub rolled_back: Option<RolledBack>,
    /// Healing has added instances to its service, because of its load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub scaled: Option<Scaled>,
    /// Its shim is gone; the process lives, its exit status will be unknown.
    #[serde(default)]
    pub shim_lost: bool,
    /// Files that it is made from are changing; it restarts when they have come to rest.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[ts(optional, as = "Option<bool>")]
    pub rebuilding: bool,
    /// It runs on an older definition than the present one, or in another environment than that and its
    /// env files would give it now: "2 variables differ; restart to apply".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub drift: Option<String>,
}

/// All that is known of one instance at one moment. The row of `azora ps`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ts_rs::TS)]
pub struct InstanceStatus {
    /// `api.0`.
    pub instance: InstanceId,
    /// `api`.
    pub service: ServiceName,
    /// The definition's category; "services" when it names none.
    pub category: String,
    /// Where it is in its life.
    pub state: State,
    /// Why, and what next.
    pub reason: Reason,
    /// The service's own process, not its shim. `null` while nothing runs.
    pub pid: Option<u32>,
    /// Ports it was given, preferred first. Empty when it has none.
    pub ports: Vec<u16>,
    /// How often it was started.
    pub generation: Generation,
    /// How often it was started again by healing since a person last started it.
    pub restarts: u32,
    /// When it entered this state.
    pub since: Timestamp,
    /// Marks on the state.
    pub marks: Marks,
    /// Where its schedule stands, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub schedule: Option<Scheduled>,
    /// What goes wrong slowly, as far as it was found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(optional, as = "Option<Vec<Finding>>")]
    pub findings: Vec<Finding>,
    /// Who wanted it to run, once somebody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub origin: Option<Origin>,
    /// The port it would rather have, while somebody else has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub port_taken: Option<PortTaken>,
}

/// The state of a cluster, or of all of them, in one word.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ts_rs::TS,
)]
#[serde(rename_all = "snake_case")]
pub enum Overall {
    /// Nothing is wanted and nothing runs.
    Stopped,
    /// All that is wanted is ready or completed, or waits for its next time.
    Operational,
    /// Something is on its way up or down, and nothing is wrong.
    Starting,
    /// Something is slow, impacted, recovering or quarantined, and most still works.
    Degraded,
    /// A service is failing or quarantined and others rely on it, or most are down.
    Critical,
}

impl Overall {
    /// The word as JSON and the CLI print it.
    pub fn as_str(self) -> &'static str {
        match self {
            Overall::Stopped => "stopped",
            Overall::Operational => "operational",
            Overall::Starting => "starting",
            Overall::Degraded => "degraded",
            Overall::Critical => "critical",
        }
    }
}

impl std::fmt::Display for Overall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

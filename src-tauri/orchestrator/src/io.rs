//! What can happen to a cluster: every [`Input`], and what comes in them. Closed, as is what it can
//! want done ([`crate::Effect`]).

use healing::Gap;
use healing::load::{Spare, Used};
use healing::trend::Reach;
use model::{
    ActId, Autonomy, Endpoint, Evidence, ExitStatus, FindingKind, Generation, InstanceId, Mono,
    ProbeKind, ServiceName, Timestamp,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Input {
    /// A person (through the door) wants something. `act` is the door's number for it.
    Command {
        /// What.
        command: Command,
        /// The act it belongs to; its starts carry it.
        act: ActId,
    },
    /// What a start has to be preceded by is done, or could not be done.
    Prepared {
        /// Which.
        instance: InstanceId,
        /// Which start.
        generation: Generation,
        /// What went wrong: "before_start exited with code 1: no such table".
        outcome: Result<(), String>,
    },
    /// The hook that follows readiness has ended.
    Greeted {
        /// Which.
        instance: InstanceId,
        /// Which start.
        generation: Generation,
        /// What went wrong.
        outcome: Result<(), String>,
    },
    /// The driver made the process.
    Started {
        /// Which.
        instance: InstanceId,
        /// Which start.
        generation: Generation,
        /// The service's own process.
        pid: u32,
    },
    /// The driver could not make the process.
    StartFailed {
        /// Which.
        instance: InstanceId,
        /// Which start.
        generation: Generation,
        /// Why: "failed to execute node: no such file".
        error: String,
        /// False when trying again cannot help (no such program, no such user).
        retry: bool,
    },
    /// The machine has no room for the process just now: no disk, no descriptors, no processes or
    /// no memory. That says nothing about the service.
    StartDelayed {
        /// Which.
        instance: InstanceId,
        /// Which start.
        generation: Generation,
        /// Of what: "no space left on the disk (failed to write the intent)".
        shortage: String,
    },
    /// The service's own process ended and what was left of its tree is gone too.
    Exited {
        /// Which.
        instance: InstanceId,
        /// Which start.
        generation: Generation,
        /// How.
        status: ExitStatus,
        /// So many others of its tree lived on when its own process had exited with 0 by itself, and
        /// were ended.
        left: u32,
    },
    /// It was told to end and has not yet.
    StopGoesOn {
        /// Which.
        instance: InstanceId,
        /// Which start.
        generation: Generation,
        /// What it waits for, and what follows.
        how: String,
    },
    /// A stop is past its grace and something still lives.
    StopBlocked {
        /// Which.
        instance: InstanceId,
        /// Which start.
        generation: Generation,
        /// What: "pid 4711 postgres in state D".
        blocker: String,
    },
    /// A probe came back: the one that was asked last of its kind ([`crate::Effect::Probe`]). What an earlier one found
    /// that this was asked in the place of is not told.
    Probed {
        /// Which.
        instance: InstanceId,
        /// Which start it was asked of.
        generation: Generation,
        /// Which probe.
        kind: ProbeKind,
        /// What it saw.
        evidence: Evidence,
    },
    /// A look at the sockets: all connections between its services that were there.
    Connected(Vec<Sighting>),
    /// It did badly with requests, which says nothing yet: its own check does.
    Suspected(InstanceId),
    /// What a container's daemon does by itself to know how it is was seen.
    Check {
        /// Which.
        instance: InstanceId,
        /// Which start.
        generation: Generation,
        /// What.
        check: OwnCheck,
    },
    /// It said something about itself besides that it is ready or lives.
    Said {
        /// Which.
        instance: InstanceId,
        /// Which start.
        generation: Generation,
        /// What.
        said: Said,
    },
    /// A timer this cluster set has come due.
    Timer(TimerKey),
    /// The door let healing act.
    Admitted {
        /// The number given in [`crate::Effect::Ask`].
        ticket: u64,
        /// The act's number.
        act: ActId,
    },
    /// The door did not let healing act.
    Refused {
        /// The number given in [`crate::Effect::Ask`].
        ticket: u64,
        /// Why.
        why: String,
    },
    /// The door cannot write the act down just now: it is to be asked again.
    Postponed {
        /// The number given in [`crate::Effect::Ask`].
        ticket: u64,
        /// Why.
        why: String,
    },
    /// What a start whose fault is in an incident has left, as far as it could be read.
    LastWords {
        /// The number given in [`crate::Effect::LastWords`].
        key: u64,
        /// Which.
        instance: InstanceId,
        /// Which start.
        generation: Generation,
        /// What it left.
        words: LastWords,
    },
    /// For some time nobody looked, or the clock was set.
    Gap(Gap),
    /// Measurements of instances were looked at for what goes wrong slowly.
    Looked(Vec<Look>),
    /// What those used that healing may add others to, and what is left of the machine.
    Used(Vec<(InstanceId, Used)>, Option<Spare>),
    /// What [`crate::Effect::Scale`] wanted could not be done, and why.
    NotScaled(ServiceName, String),
    /// The ports of all instances, where they were given back and asked for again.
    Ports(BTreeMap<InstanceId, Vec<u16>>),
    /// The shim of a running instance is gone; the service lives on.
    ShimLost {
        /// Which.
        instance: InstanceId,
        /// Which start.
        generation: Generation,
    },
}

/// What a start has left behind. Secrets in it are hidden already.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LastWords {
    /// When its process ended, as its shim recorded it.
    pub ended: Option<Timestamp>,
    /// The first line it wrote that looks like an error.
    pub error: Option<String>,
    /// The last lines it wrote, oldest first.
    pub lines: Vec<String>,
}

/// One service was connected to another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sighting {
    /// Who had opened the connection.
    pub from: ServiceName,
    /// Who listens.
    pub to: ServiceName,
    /// Where.
    pub at: Endpoint,
}

/// One look at an instance's measurements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// Which.
    pub instance: InstanceId,
    /// Of which start the measurements are.
    pub generation: Generation,
    /// How far back was looked.
    pub reach: Reach,
    /// What for.
    pub looked: Vec<FindingKind>,
    /// What of this was seen, in words.
    pub seen: BTreeMap<FindingKind, String>,
}

/// What a service says of itself by `sd_notify`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// How it is, in its own words.
    Status(String),
    /// It reads its configuration anew.
    Reloading,
    /// It is ending.
    Stopping,
    /// It is done with reloading.
    Ready,
    /// It needs this long from now to become ready.
    Extend(Duration),
}

/// What a container's daemon does by itself to know how it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnCheck {
    /// Nothing: that it runs is all that can be known of it.
    Nothing,
    /// It asks, and may take so long after a start to find that it is not well.
    Takes(Duration),
}

/// What a person can ask of a cluster.
#[derive(Debug, Clone)]
pub enum Command {
    /// Bring the cluster up on this definition, or follow an edit: only what changed is restarted,
    /// what is no longer defined is stopped.
    Up {
        /// The definition.
        definition: Arc<spec::Cluster>,
        /// Ports of every instance of every service that has one.
        ports: BTreeMap<InstanceId, Vec<u16>>,
        /// Services that are not asked for, and why: they are not started, and run on where they run.
        left_out: BTreeMap<ServiceName, String>,
    },
    /// Take everything down in reverse order.
    Down,
    /// Start these and what they need. Empty is all but what is of a profile.
    Start(Vec<ServiceName>),
    /// Stop these and what needs them. Empty is all.
    Stop(Vec<ServiceName>),
    /// Stop and start these; what needs them with `restart = true` follows.
    Restart {
        /// Which. Empty is all but what is of a profile and does not run.
        services: Vec<ServiceName>,
        /// All instances of a service at the same time, even where they could take turns.
        at_once: bool,
    },
    /// Stop and start these on what has changed around them: their files. Like a person's restart,
    /// but it starts nothing that nobody wants and leaves alone what is held; what is about to be
    /// started anyway is not stopped once more.
    Refresh {
        /// Which.
        services: Vec<ServiceName>,
        /// What has changed, as a reason says it: "src/server.js changed".
        why: String,
        /// When it had changed: what was begun after that is made from it already.
        changed: Mono,
    },
    /// Change the number of instances; `ports` holds those of the new ones.
    Scale {
        /// Which.
        service: ServiceName,
        /// To how many.
        replicas: u16,
        /// Ports of the instances that are new.
        ports: BTreeMap<InstanceId, Vec<u16>>,
        /// Healing does it, and why; a person's number is what it comes back to.
        healing: Option<String>,
    },
    /// Healing keeps its hands off these.
    Hold {
        /// Which. Empty is the whole cluster.
        services: Vec<ServiceName>,
        /// When that ends by itself.
        until: Option<Timestamp>,
    },
    /// Healing may act again.
    Unhold(Vec<ServiceName>),
    /// How far healing goes by itself in the cluster; `None` as the definition says.
    Autonomy(Option<Autonomy>),
    /// Take these out of quarantine and start them.
    Release(Vec<ServiceName>),
    /// The emergency path has ended everything by itself: nothing is wanted any more.
    Ended {
        /// As the person gave it.
        reason: String,
    },
    /// What the driver found after the engine was away, in place of [`Command::Up`]: the definition
    /// and ports as recorded, what was wanted, and every instance that runs or has ended meanwhile.
    Adopt {
        /// The definition as recorded.
        definition: Arc<spec::Cluster>,
        /// The ports as recorded.
        ports: BTreeMap<InstanceId, Vec<u16>>,
        /// Services that are not wanted.
        stopped: Vec<ServiceName>,
        /// Why they are not, as far as the engine of before has written it down.
        why: BTreeMap<ServiceName, String>,
        /// What was found.
        found: Vec<Adoption>,
    },
}

impl Command {
    /// It wants something to run that may not.
    pub(crate) fn starts(&self) -> bool {
        match self {
            Command::Up { .. }
            | Command::Start(_)
            | Command::Restart { .. }
            | Command::Release(_)
            | Command::Adopt { .. } => true,
            Command::Down
            | Command::Stop(_)
            | Command::Refresh { .. }
            | Command::Scale { .. }
            | Command::Hold { .. }
            | Command::Unhold(_)
            | Command::Autonomy(_)
            | Command::Ended { .. } => false,
        }
    }
}

/// One instance as the driver found it.
#[derive(Debug, Clone)]
pub struct Adoption {
    /// Which.
    pub instance: InstanceId,
    /// Its generation.
    pub generation: Generation,
    /// Its process if it runs; how it ended if it does not.
    pub outcome: Result<u32, ExitStatus>,
    /// Its shim is gone.
    pub shim_lost: bool,
    /// Looking at it has not come to an end yet, and goes on.
    pub unanswered: bool,
    /// Its `after_ready` has run to its end.
    pub greeted: bool,
}

/// What a timer is for. Setting a key again replaces it. Probes need none: [`crate::Effect::Probe`] carries
/// its own wait, and "healthy for so long" is counted when the next fault comes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum TimerKey {
    /// A backoff has passed.
    Backoff(InstanceId),
    /// It should be ready by now.
    Ready(InstanceId),
    /// A start that the machine had no room for is tried again.
    Delay(InstanceId),
    /// It should be known by now whether a service is well on its present definition.
    Version(ServiceName),
    /// The hold of a service, or of the cluster, is over.
    Hold(Option<ServiceName>),
    /// The trial of its circuit has lasted.
    Circuit(InstanceId),
    /// What has been wrong while the cluster came up has been over for a while.
    Rise,
    /// What this act has started, and cannot be asked, has lived for long enough.
    Lived(ActId),
    /// What it needs should have settled by now.
    Settle(InstanceId),
    /// Another remedy may have its turn.
    Turn,
    /// Another instance may have its turn in a rolling restart.
    Roll(ServiceName),
    /// Whose fault it is has to be judged by now, or some of those below to have answered.
    Doubt(InstanceId),
    /// What explained a service's faults has done so for long enough.
    Excuse(ServiceName),
    /// The next time of its schedule.
    Schedule(ServiceName),
}

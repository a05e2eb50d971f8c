//! What a cluster can want done. Closed. The engine does it and answers with what came of it
//! ([`crate::Input`]); nothing here says how.

use crate::io::TimerKey;
use model::{
    ActId, CauseKind, Confidence, EventKind, Generation, InstanceId, Mono, ProbeKind, Reason,
    RemedyKind, ServiceName,
};
use std::time::Duration;

/// Something to do.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Read its secrets, then run its `before_start`. Answered by `Prepared`, and only then is the
    /// process made.
    Prepare {
        /// Which.
        instance: InstanceId,
        /// Which start.
        generation: Generation,
    },
    /// That is not needed any more: end it. It is still answered by `Prepared`, when nothing of it
    /// is left.
    CallOff {
        /// Which.
        instance: InstanceId,
        /// Which start.
        generation: Generation,
    },
    /// It is ready: run its `after_ready`. Answered by `Greeted`; an end of the process ends it.
    Greet {
        /// Which.
        instance: InstanceId,
        /// Which start.
        generation: Generation,
    },
    /// Make the process. Answered by `Started`, `StartFailed` or `StartDelayed`.
    Start {
        /// Which.
        instance: InstanceId,
        /// Which start.
        generation: Generation,
        /// The act it belongs to.
        act: ActId,
    },
    /// End it and its whole tree: signal, grace, SIGKILL. Answered by `Exited`.
    Stop {
        /// Which.
        instance: InstanceId,
        /// Which start.
        generation: Generation,
        /// How.
        stop: spec::Stop,
    },
    /// Ask a probe. Answered by `Probed`; one waiting or in flight per instance and kind. A further
    /// one, for a newer generation or because there is reason to ask sooner, takes its place, and an
    /// end of the process drops it.
    Probe {
        /// Which.
        instance: InstanceId,
        /// Which start.
        generation: Generation,
        /// Which probe.
        kind: ProbeKind,
        /// Not before this long from now (zero: at once).
        after: Duration,
    },
    /// Send [`crate::Input::Timer`] at this time.
    SetTimer {
        /// Which.
        key: TimerKey,
        /// When.
        at: Mono,
    },
    /// Forget this timer.
    CancelTimer(TimerKey),
    /// This is what the cluster runs on from now on: a service was taken back to an older definition,
    /// or a person wants the newer one again. Remembered before anything is started from it.
    Define {
        /// Which.
        service: ServiceName,
        /// How it is defined from now on. How many of it there are is as last scaled.
        spec: Box<spec::Service>,
    },
    /// Give the new instances ports, and have [`crate::Command::Scale`] follow, or [`crate::Input::NotScaled`].
    Scale {
        /// Which.
        service: ServiceName,
        /// To how many.
        replicas: u16,
        /// The act it belongs to.
        act: ActId,
        /// Why.
        why: String,
    },
    /// Ask the door whether healing may do this. Answered by `Admitted` or `Refused`.
    Ask {
        /// Counts up within the cluster.
        ticket: u64,
        /// To which.
        instance: InstanceId,
        /// What.
        remedy: RemedyKind,
        /// Why.
        why: String,
        /// What exactly: "restart 1 of 9"; for quarantine, why.
        detail: String,
        /// How often it has worked here before, where it is something that can help.
        confidence: Option<(CauseKind, Confidence)>,
        /// A person is to approve of exactly that first. Answered when somebody has, or by `Refused`.
        proposed: bool,
    },
    /// What was proposed with this ticket is not needed any more, and is not answered.
    Withdraw(u64),
    /// Something worth remembering happened. Incidents carry id 0 until the engine numbers them;
    /// see [`Effect::Incident`].
    Publish(EventKind),
    /// An incident was opened or changed. `key` counts within the cluster's life and stays the same
    /// for one incident; the engine maps it to the home's number.
    Incident {
        /// The cluster's own number for it.
        key: u64,
        /// As it is now; its `id` is filled in by the engine, unless an earlier one has done so.
        incident: Box<model::Incident>,
        /// What its timeline has got since it was told last.
        entries: Vec<model::IncidentEntry>,
    },
    /// Read what this start has written last and when it ended. Answered by [`crate::Input::LastWords`],
    /// which nothing waits for.
    LastWords {
        /// The incident it is for.
        key: u64,
        /// Which.
        instance: InstanceId,
        /// Which start.
        generation: Generation,
    },
    /// This instance's status changed: read it from the cluster and tell the feed.
    Changed(InstanceId),
    /// This instance is no more (scaled down, or no longer defined).
    Removed(InstanceId),
    /// Everything a command set in motion has come to rest.
    Settled {
        /// Which act.
        act: ActId,
        /// What did not get where it should, and why.
        failed: Vec<(InstanceId, Reason)>,
    },
    /// The connections that were seen are not what they were: `Cluster::connections`.
    Connections,
    /// Remember for the next engine which services a person has stopped.
    RememberStopped(Vec<ServiceName>),
    /// Remember for the next engine what it has to go on with: `Cluster::unfinished`.
    RememberUnfinished,
}

//! The words every room shares: names, ids, generations, states with reasons, incidents, acts, events.
//!
//! Plain data only. Nothing here reads a clock, opens a file or decides anything; every other
//! crate may use it and it uses none of them. What the UI sees of these types is generated as
//! TypeScript by `api`.

#![cfg_attr(
    test,
    expect(clippy::unwrap_used, reason = "a test fails by panicking")
)]

pub mod act;
pub mod agent;
pub mod approval;
pub mod autonomy;
pub mod decided;
pub mod entry;
pub mod event;
pub mod finding;
pub mod healed;
pub mod incident;
pub mod ledger;
pub mod mute;
pub mod name;
pub mod need;
pub mod observed;
pub mod probe;
pub mod process;
pub mod remedy;
pub mod rules;
pub mod schedule;
pub mod security;
pub mod state;
pub mod status;
pub mod text;
pub mod time;
pub mod view;
pub mod webhook;
pub mod who;

pub use act::{Act, ActId, Actor, ActorKind, Outcome, Target, Verb};
pub use approval::{Approval, ApprovalId, ApprovalState, Approver};
pub use autonomy::Autonomy;
pub use decided::{Decided, DecidingRule};
pub use entry::{About, Entry, Said};
pub use event::{Event, EventKind};
pub use finding::{Finding, FindingKind};
pub use incident::{
    Began, EntryKind, Incident, IncidentEntry, IncidentId, IncidentState, IncidentStory,
};
pub use mute::Mute;
pub use name::{
    AgentName, ClusterId, ClusterName, InstanceId, NameError, ServiceName, WebhookName,
};
pub use need::{Terms, Until};
pub use observed::{Declared, Endpoint, ObservedConnection};
pub use probe::{Evidence, ProbeKind, Verdict};
pub use process::{Anchor, ExitStatus, Generation, bytes};
pub use remedy::{CauseKind, Confidence, Remedy, RemedyKind, RemedyOutcome};
pub use schedule::{LastRun, Scheduled};
pub use security::{
    Escalation, LedgerIntegrity, SecurityView, Threat, ThreatAnswer, ThreatKind, ThreatLevel,
};
pub use state::{
    Circuit, Ejection, Hold, InstanceStatus, Marks, Overall, Reason, RolledBack, Scaled, State,
};
pub use time::{Mono, Now, Timestamp};
pub use who::{Origin, PortTaken};

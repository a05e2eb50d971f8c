//! What the security monitor tells: threats with evidence and what to do, and the level of them all.

use crate::{ActId, ClusterId, InstanceId, ServiceName, Timestamp};
use serde::{Deserialize, Serialize};

/// How grave something is, from nothing up.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    ts_rs::TS,
)]
#[serde(rename_all = "snake_case")]
pub enum ThreatLevel {
    /// Nothing was found.
    #[default]
    None,
    /// Worth knowing; usual while somebody works on a service.
    Low,
    /// To be mended when there is time.
    Medium,
    /// Others could act as this user, or see what they must not.
    High,
    /// What Azora itself relies on cannot be trusted.
    Critical,
}

impl ThreatLevel {
    /// The word as people read it.
    pub fn as_str(self) -> &'static str {
        match self {
            ThreatLevel::None => "None",
            ThreatLevel::Low => "Low",
            ThreatLevel::Medium => "Medium",
            ThreatLevel::High => "High",
            ThreatLevel::Critical => "Critical",
        }
    }
}

/// What kind of thing was found.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ts_rs::TS,
)]
#[serde(rename_all = "snake_case")]
pub enum ThreatKind {
    /// A service answers other machines on a port that its definition does not give it.
    Exposed,
    /// A service answers other machines on its own port.
    Reachable,
    /// A service listens on a port of this machine that it did not have when it had settled.
    NewListener,
    /// The program on disk is another one than the one that runs.
    ProgramReplaced,
    /// The program that runs is not on disk any more.
    ProgramDeleted,
    /// The program that runs never was on disk.
    ProgramInMemory,
    /// The file that a service's `run` names was changed after the service was started.
    ScriptChanged,
    /// The definition on disk is not the one that runs.
    DefinitionChanged,
    /// Others may write what Azora acts by.
    Writable,
    /// What Azora acts by is somebody else's.
    Foreign,
    /// Others may read what is nobody else's.
    Readable,
    /// A secret stands in the environment of a service, in plain text.
    SecretInEnvironment,
    /// A secret stands in the arguments of a process, which every user of the machine can read.
    SecretInArguments,
    /// A secret was written to a log.
    SecretInLog,
    /// Many requests were refused within a minute.
    RefusedBurst,
    /// The book of acts is not what it was.
    LedgerDoubted,
    /// The rules cannot be read.
    PolicyBroken,
    /// A part of Azora that runs is another one than the one that is installed.
    OtherPart,
    /// A part of Azora has a fault that is known.
    KnownBadPart,
}

impl ThreatKind {
    /// All there are, in the order of the page that tells of them.
    pub const ALL: [ThreatKind; 19] = [
        ThreatKind::Exposed,
        ThreatKind::Reachable,
        ThreatKind::NewListener,
        ThreatKind::ProgramReplaced,
        ThreatKind::ProgramDeleted,
        ThreatKind::ProgramInMemory,
        ThreatKind::ScriptChanged,
        ThreatKind::DefinitionChanged,
        ThreatKind::Writable,
        ThreatKind::Foreign,
        ThreatKind::Readable,
        ThreatKind::SecretInEnvironment,
        ThreatKind::SecretInArguments,
        ThreatKind::SecretInLog,
        ThreatKind::RefusedBurst,
        ThreatKind::LedgerDoubted,
        ThreatKind::PolicyBroken,
        ThreatKind::OtherPart,
        ThreatKind::KnownBadPart,
    ];

    /// Its name, as JSON has it.
    pub fn name(self) -> &'static str {
        match self {
            ThreatKind::Exposed => "exposed",
            ThreatKind::Reachable => "reachable",
            ThreatKind::NewListener => "new_listener",
            ThreatKind::ProgramReplaced => "program_replaced",
            ThreatKind::ProgramDeleted => "program_deleted",
            ThreatKind::ProgramInMemory => "program_in_memory",
            ThreatKind::ScriptChanged => "script_changed",
            ThreatKind::DefinitionChanged => "definition_changed",
            ThreatKind::Writable => "writable",
            ThreatKind::Foreign => "foreign",
            ThreatKind::Readable => "readable",
            ThreatKind::SecretInEnvironment => "secret_in_environment",
            ThreatKind::SecretInArguments => "secret_in_arguments",
            ThreatKind::SecretInLog => "secret_in_log",
            ThreatKind::RefusedBurst => "refused_burst",
            ThreatKind::LedgerDoubted => "ledger_doubted",
            ThreatKind::PolicyBroken => "policy_broken",
            ThreatKind::OtherPart => "other_part",
            ThreatKind::KnownBadPart => "known_bad_part",
        }
    }
}

impl ThreatKind {
    /// Threats of this kind can be about one service.
    pub fn of_service(self) -> bool {
        match self {
            ThreatKind::Exposed
            | ThreatKind::Reachable
            | ThreatKind::NewListener
            | ThreatKind::ProgramReplaced
            | ThreatKind::ProgramDeleted
            | ThreatKind::ProgramInMemory
            | ThreatKind::ScriptChanged
            | ThreatKind::SecretInArguments
            | ThreatKind::SecretInLog
            | ThreatKind::OtherPart => true,
            ThreatKind::DefinitionChanged
            | ThreatKind::Writable
            | ThreatKind::Foreign
            | ThreatKind::Readable
            | ThreatKind::SecretInEnvironment
            | ThreatKind::RefusedBurst
            | ThreatKind::LedgerDoubted
            | ThreatKind::PolicyBroken
            | ThreatKind::KnownBadPart => false,
        }
    }
}

/// What is done about a threat to a service, the least first.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    ts_rs::TS,
)]
#[serde(rename_all = "snake_case")]
pub enum Escalation {
    /// It is told.
    #[default]
    Tell,
    /// Healing of the service is held, too: it is left as it is.
    Hold,
    /// The service is stopped, too.
    Stop,
}

/// What was done about a threat, besides telling it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
pub struct ThreatAnswer {
    /// What the settings or the definition ask for.
    pub what: Escalation,
    /// The act by which it was done; `null` when it was refused, or could not be done.
    pub act: Option<ActId>,
    /// What was done, or why nothing was, in words.
    pub said: String,
    /// When.
    pub at: Timestamp,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
pub struct Threat {
    /// The same for as long as it is the same thing: its kind and what it is about.
    pub id: String,
    /// What kind.
    pub kind: ThreatKind,
    /// How grave.
    pub level: ThreatLevel,
    /// In which cluster; `null` for what concerns the whole home.
    pub cluster: Option<ClusterId>,
    /// Of which service.
    pub service: Option<ServiceName>,
    /// Of which instance, where it is one's alone.
    pub instance: Option<InstanceId>,
    /// What it is, as one sentence without its full stop.
    pub what: String,
    /// What was seen. Never a secret itself.
    pub evidence: Vec<String>,
    /// What to do about it, as one sentence.
    pub todo: String,
    /// When it was found.
    pub since: Timestamp,
    /// What was done about it, where anything was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub answer: Option<ThreatAnswer>,
}

/// How it stands with the book of acts.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ts_rs::TS,
)]
#[serde(rename_all = "snake_case")]
pub enum LedgerIntegrity {
    /// It was not looked at yet.
    Unchecked,
    /// It is what was signed of it.
    Whole,
    /// It is not.
    Doubted,
}

impl LedgerIntegrity {
    /// The word as people read it.
    pub fn as_str(self) -> &'static str {
        match self {
            LedgerIntegrity::Unchecked => "not checked yet",
            LedgerIntegrity::Whole => "whole",
            LedgerIntegrity::Doubted => "doubted",
        }
    }
}

/// What the security monitor knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ts_rs::TS)]
pub struct SecurityView {
    /// The gravest of what is found.
    pub level: ThreatLevel,
    /// What is found, the gravest first.
    pub threats: Vec<Threat>,
    /// How many more there are than are told.
    pub more: u32,
    /// How it stands with the book of acts.
    pub ledger: LedgerIntegrity,
    /// The same, in words.
    pub ledger_said: String,
    /// When it was last looked; `null` before the first time.
    pub last_audit: Option<Timestamp>,
    /// CPU time of that look, in milliseconds.
    pub cost_ms: f32,
    /// What could not be looked at then, in words.
    pub blind: Vec<String>,
}

impl SecurityView {
    /// What is told before the first look.
    pub fn unlooked() -> Self {
        Self {
            level: ThreatLevel::None,
            threats: Vec::new(),
            more: 0,
            ledger: LedgerIntegrity::Unchecked,
            ledger_said: LedgerIntegrity::Unchecked.as_str().to_owned(),
            last_audit: None,
            cost_ms: 0.0,
            blind: Vec::new(),
        }
    }
}

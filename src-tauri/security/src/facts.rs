//! What one look has seen, as data. No secret is among it: only where one was seen, and of what kind.

use crate::secret::Kind;
use model::{ClusterId, ClusterName, Generation, InstanceId, LedgerIntegrity, Timestamp};
use std::collections::BTreeSet;
use std::net::SocketAddr;

/// All that one look has seen.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// When.
    pub at: Timestamp,
    /// As which user the engine runs.
    pub user: u32,
    /// In which group.
    pub group: u32,
    /// The CPU time that the look took, in milliseconds.
    pub cost_ms: f32,
    /// Files and folders by which Azora acts.
    pub files: Vec<File>,
    /// The clusters.
    pub clusters: Vec<Cluster>,
    /// How many requests each door has refused since the engine began.
    pub refused: Vec<Refused>,
    /// The book of acts.
    pub ledger: Ledger,
    /// The rules.
    pub policy: Policy,
    /// How the engine's own program compares with that on disk.
    pub engine: Program,
    /// Parts of Azora, with their versions.
    pub parts: Vec<Part>,
    /// What could not be looked at, in words.
    pub blind: Vec<String>,
}

/// What a file or folder is to Azora.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileRole {
    /// It says what is run.
    Definition,
    /// A definition lies in it.
    Folder,
    /// The folder of a definition lies in it, at some depth.
    Above,
    /// A program that a service runs.
    Program,
    /// A service's secret is read from it.
    Secret,
    /// `settings.toml`.
    Settings,
    /// `constitution.cedar`.
    Constitution,
    /// The home.
    Home,
    /// A key or a token of the home.
    Key,
    /// A program of Azora's own, or the folder of those.
    Part,
}

/// A file or folder as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Absolute, made harmless.
    pub path: String,
    /// What it is to Azora.
    pub role: FileRole,
    /// Whose cluster's; `None` of what is the home's.
    pub cluster: Option<ClusterId>,
    /// The permission bits, the sticky one among them.
    pub mode: u32,
    /// Whose it is.
    pub user: u32,
    /// Its group.
    pub group: u32,
    /// It is a folder.
    pub folder: bool,
}

/// A cluster as it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct Cluster {
    /// Its id.
    pub id: ClusterId,
    /// Its name.
    pub name: ClusterName,
    /// How what runs compares with what its folder has.
    pub defined: Defined,
    /// What runs of it.
    pub instances: Vec<Instance>,
}

/// How what runs compares with the definition on disk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Defined {
    /// Nothing runs, or it was not looked at.
    #[default]
    Unknown,
    /// It is the same.
    Same,
    /// These services would be other ones; each in a word or two.
    Differs(Vec<String>),
    /// There is none that can be read any more: why.
    Unreadable(String),
}

/// One running process of a service, with all below it.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    /// Which.
    pub id: InstanceId,
    /// Which of its starts.
    pub generation: Generation,
    /// Its process.
    pub pid: u32,
    /// For how long it has run, in milliseconds.
    pub age_ms: u64,
    /// The ports it was given.
    pub ports: Vec<u16>,
    /// Where it and all below it listens, by TCP; `None` where that cannot be seen.
    pub listeners: Option<BTreeSet<SocketAddr>>,
    /// How the program that runs compares with that on disk.
    pub program: Program,
    /// The file that its `run` names, where that is not the program itself.
    pub script: Option<Script>,
    /// Secrets in its environment, in plain text.
    pub variables: Vec<Variable>,
    /// Processes of it that have a secret among their arguments: the process, which argument from 0, and the kind.
    pub arguments: Vec<(u32, usize, Kind)>,
    /// Secrets that were written to its log since the last look.
    pub log: Vec<LogSecret>,
    /// What keeps it.
    pub shim: Shim,
}

/// How a program that runs compares with that on disk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Program {
    /// It was not looked at.
    #[default]
    Unknown,
    /// It is the same: its path.
    Same(String),
    /// There is another one in its place: its path.
    Replaced(String),
    /// There is none in its place: its path.
    Deleted(String),
    /// It never was on disk: the name it has.
    InMemory(String),
}

/// A file that a service's `run` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Its path.
    pub path: String,
    /// It was changed after the service was started.
    pub changed: bool,
}

/// A secret in plain text in an environment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Variable {
    /// The variable's name.
    pub name: String,
    /// Where its value comes from: "azora.toml:7", ".env:2"; "terminal" of what `up` was run with.
    pub from: String,
    /// The terminal gave it, and the definition does not name it.
    pub inherited: bool,
    /// What kind of secret.
    pub kind: Kind,
}

/// A secret that was seen in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSecret {
    /// The address of its line.
    pub offset: u64,
    /// What kind.
    pub kind: Kind,
}

/// The shim of an instance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Shim {
    /// There is none, or it was not looked at.
    #[default]
    Unknown,
    /// It is the one that is installed.
    Same,
    /// It is of another build.
    Other,
}

/// Who has refused requests, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RefusedAt {
    /// The API: another host's name, another page's origin, another site.
    Page,
    /// The API: a token that is none.
    Token,
    /// The registry.
    Registry,
    /// The gateway.
    Gateway,
    /// The engine's door, by a rule.
    Door,
}

/// How many requests were refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// Where.
    pub at: RefusedAt,
    /// So many since the engine began.
    pub total: u64,
}

/// How it stands with the book of acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    /// In a word.
    pub integrity: LedgerIntegrity,
    /// In words.
    pub said: String,
    /// What was found, each as a sentence.
    pub faults: Vec<String>,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            integrity: LedgerIntegrity::Unchecked,
            said: "not checked yet".to_owned(),
            faults: Vec::new(),
        }
    }
}

/// How it stands with the rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Policy {
    /// They can be read, or there are none but the built-in ones.
    #[default]
    Whole,
    /// They cannot: where and why.
    Broken(String),
}

/// A part of Azora that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What it is called: "sqlite".
    pub name: String,
    /// Its version: "3.51.3".
    pub version: String,
}

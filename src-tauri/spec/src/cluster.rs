//! The checked definition. Every default is filled in, every name resolves, there is no cycle.

use crate::container::{Network, Runs, Volume};
use crate::ends::Kind;
use crate::env_file::{EnvFile, Line};
use crate::environment::SaidIn;
use crate::escalation::Escalations;
use crate::heal::Heal;
use crate::http::HttpTerms;
use crate::route::Route;
use crate::schedule::Schedule;
use model::{Autonomy, ClusterName, ServiceName, Terms, Until};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// A cluster as its folder defines it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cluster {
    /// Its name.
    pub name: ClusterName,
    /// Its services by name.
    pub services: BTreeMap<ServiceName, Service>,
    /// Env files of every service, lowest first, relative to the cluster's folder unless absolute.
    #[serde(default)]
    pub env_files: Vec<String>,
    /// What the env files hold that were there, by the path the definition gives.
    #[serde(default)]
    pub files: BTreeMap<String, EnvFile>,
    /// How many services healing may have in hand at a time. A tenth unless given.
    #[serde(default)]
    pub heal_at_once: AtOnce,
    /// What is done about threats to its services, besides what the home says.
    #[serde(default)]
    pub security: Escalations,
    /// How far healing goes by itself, unless a person says otherwise while it runs.
    #[serde(default)]
    pub autonomy: Autonomy,
    /// Networks of its containers, by what the definition calls them. `default` is there without being in here.
    #[serde(default)]
    pub networks: BTreeMap<String, Network>,
    /// Volumes of its containers, by what the definition calls them.
    #[serde(default)]
    pub volumes: BTreeMap<String, Volume>,
    /// The file it was made from, which the lines of its variables are of.
    #[serde(default)]
    pub said_in: SaidIn,
    /// Of the files that are put into containers what tells one content from another, by
    /// [`FileFrom::outside`](crate::container::FileFrom::outside); noted by who has read them.
    #[serde(default)]
    pub contents: BTreeMap<String, String>,
}

/// So many services at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AtOnce {
    /// This many.
    Services(u32),
    /// So many of a hundred.
    Percent(u32),
}

impl Default for AtOnce {
    fn default() -> Self {
        Self::Percent(10)
    }
}

impl AtOnce {
    /// How many of so many services: rounded down, at least one.
    pub fn of(self, services: usize) -> usize {
        let many = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
        match self {
            Self::Services(count) => many(count),
            Self::Percent(percent) => services.saturating_mul(many(percent)) / 100,
        }
        .max(1)
    }
}

/// One service, all defaults filled in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// Daemon or oneshot.
    pub kind: Kind,
    /// Exit codes, besides 0, with which a oneshot is complete. Of a daemon those with which it has ended, as it
    /// may, 0 among them; one that has none may not end.
    #[serde(default)]
    pub success: BTreeSet<u8>,
    /// When a oneshot runs by itself. `None`: once, when it is brought up.
    #[serde(default)]
    pub schedule: Option<Schedule>,
    /// What is executed: a process, or a container.
    #[serde(rename = "run")]
    pub runs: Runs,
    /// Working folder, relative to the cluster's folder unless absolute. Empty is the folder itself.
    pub cwd: String,
    /// Added to the environment recorded at `up`. Values may hold `${service.key}`.
    pub env: BTreeMap<String, Template>,
    /// Variables whose values are read when it starts, and are kept nowhere.
    #[serde(default)]
    pub secrets: BTreeMap<String, Secret>,
    /// Where in the definition each variable of `env` and `secrets` stands.
    #[serde(default)]
    pub lines: BTreeMap<String, Line>,
    /// Env files of its own, over the cluster's, lowest first.
    #[serde(default)]
    pub env_files: Vec<String>,
    /// Runs before each start; the process is made when it has exited with 0.
    #[serde(default)]
    pub before_start: Option<Hook>,
    /// Runs once after each start, when the service is ready.
    #[serde(default)]
    pub after_ready: Option<Hook>,
    /// Run as this user (name or uid), which needs root; of a container a user in it, and a group after a colon.
    pub user: Option<String>,
    /// Free text; "services" when none is given.
    pub category: String,
    /// It runs when one of these is asked for, when it is named, or when another that runs cannot do without it.
    /// None: always.
    #[serde(default)]
    pub profiles: Vec<String>,
    /// The preferred port: `Some(0)` is "any free one", `None` is "has no port".
    pub port: Option<u16>,
    /// No other port than the preferred one will do.
    #[serde(default)]
    pub port_exact: bool,
    /// Its port's socket listens before it is started, and it is handed it. `None`: it binds its
    /// port itself.
    #[serde(default)]
    pub listen: Option<Listen>,
    /// It gets a terminal of its own instead of a file to write to.
    #[serde(default)]
    pub tty: bool,
    /// What has to be there first, in definition order. One that is not required may be none of the
    /// cluster.
    pub needs: Vec<Need>,
    /// How many instances; 1 unless given.
    pub replicas: u16,
    /// Up to how many healing may add under load; more than `replicas`. `None`: it adds none.
    #[serde(default)]
    pub max_replicas: Option<u16>,
    /// Asked first after each start until it passes; nothing else is asked before.
    #[serde(default)]
    pub startup: Option<Probe>,
    /// Asked after each start until it passes; `None`: it is ready as soon as it runs.
    /// When only `health` is given, readiness is that probe.
    pub ready: Option<Probe>,
    /// `ready` is asked on after it has passed, for as long as the service runs. While it fails
    /// nobody is to be sent there, and nothing is restarted for it.
    #[serde(default)]
    pub ready_always: bool,
    /// Not ready this long after its process was made is a fault; 60 s unless given. Without a probe
    /// it means nothing.
    #[serde(default = "ready_within")]
    pub ready_within: Duration,
    /// Its container's daemon is asked, and nothing says how long it may take to be ready: it has as long as the
    /// daemon's check takes, which is known when the container is there.
    #[serde(default)]
    pub ready_as_check: bool,
    /// Asked for as long as it runs.
    pub health: Option<Probe>,
    /// What healing may do.
    pub heal: Heal,
    /// How it is stopped.
    pub stop: Stop,
    /// How much of the machine it may use.
    #[serde(default)]
    pub limits: Limits,
    /// How much of its output is kept.
    #[serde(default)]
    pub log: Log,
    /// How the gateway leads to it.
    #[serde(default, skip_serializing_if = "Route::is_default")]
    pub route: Route,
    /// Only a person may stop it.
    pub protected: bool,
    /// Files whose changes restart it.
    #[serde(default)]
    pub watch: Option<FileWatch>,
}

/// Files whose changes restart a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileWatch {
    /// Patterns as in a `.gitignore`, relative to the cluster's folder; those that begin with `!`
    /// leave files out.
    pub paths: Vec<String>,
    /// The restart comes when nothing has changed for so long. 200 ms unless given.
    pub debounce: Duration,
    /// What `.gitignore` files leave out is left out. True unless given.
    pub gitignore: bool,
}

/// How the instances of a service share listening sockets they are handed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Listen {
    /// Each has its own port and is handed that one's socket.
    Own,
    /// All are handed the one socket of the service's port, and each that of a port of its own
    /// besides, where probes ask it alone.
    Shared,
}

impl Listen {
    /// As definitions write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Listen::Own => "own",
            Listen::Shared => "shared",
        }
    }
}

/// Longer than a program takes that warms up, shorter than a person waits for nothing.
pub(crate) fn ready_within() -> Duration {
    Duration::from_secs(60)
}

/// Where the value of a secret comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Secret {
    /// The text of this file, relative to the cluster's folder unless absolute.
    File(String),
    /// What this command writes to its standard output.
    Command(Run),
}

/// A command that runs for a moment at one point of a service's life, as the service itself does:
/// same user, folder and environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hook {
    /// What is executed.
    pub run: Run,
    /// It is ended, tree and all, when it takes longer. 60 s unless given.
    pub timeout: Duration,
}

/// What is executed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Run {
    /// Executed as it stands: program and arguments, each may hold `${service.key}`.
    Direct(Vec<Template>),
    /// Handed to `sh -c`. A lone command with only variables in it begins with `exec`, so that the
    /// process people see is the program and not the shell.
    Shell(Template),
}

/// A text with references to other services in it. `${db.port}` is ours; `$PORT` and `${PORT}`
/// (no dot) stay as they are for the shell.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Template(pub Vec<TemplatePart>);

/// A piece of a [`Template`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TemplatePart {
    /// Taken as it stands.
    Text(String),
    /// `${service.port}`: the first port of the service's first instance. `self` was resolved to
    /// the service's own name, and means the instance's own port.
    Port(ServiceName),
    /// `${service.host}`: where it is reached, `127.0.0.1`; of a container by another its name.
    Host(ServiceName),
    /// `${service.url}`: `http://127.0.0.1:PORT`.
    Url(ServiceName),
}

/// One thing a service needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    /// Which service.
    pub service: ServiceName,
    /// Restart with it when it is restarted.
    pub restart: bool,
    /// How far that one has to be.
    #[serde(default)]
    pub until: Until,
    /// Without it this one is not started.
    #[serde(default = "yes")]
    pub required: bool,
}

fn yes() -> bool {
    true
}

impl Need {
    /// What is waited for.
    pub fn terms(&self) -> Terms {
        Terms {
            until: self.until,
            required: self.required,
        }
    }
}

impl From<ServiceName> for Need {
    /// As a plain name in a definition means it.
    fn from(service: ServiceName) -> Self {
        let Terms { until, required } = Terms::default();
        Self {
            service,
            restart: false,
            until,
            required,
        }
    }
}

impl Service {
    /// What it needs by name; `None` when it does not need that.
    pub fn need(&self, name: &ServiceName) -> Option<&Need> {
        self.needs.iter().find(|need| need.service == *name)
    }
}

/// How a service is asked whether it is well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// What is asked.
    pub target: ProbeTarget,
    /// Time between two probes once it is ready. 5 s unless given.
    pub every: Duration,
    /// A probe that takes longer has failed. 1 s unless given.
    pub timeout: Duration,
    /// So many failures in a row mean failing. 3 unless given.
    pub fail: u32,
    /// So many passes in a row mean well again. 1 unless given.
    pub pass: u32,
    /// Passing, but slower than this, is degraded.
    pub degraded_above: Option<Duration>,
    /// Failing more of the last probes than this, in thousandths, is degraded.
    #[serde(default)]
    pub degraded_errors: Option<u16>,
}

/// What a probe asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeTarget {
    /// `GET` of this path (or absolute `http://127.0.0.1:…` URL); 2xx and 3xx pass, unless `terms`
    /// say otherwise.
    Http {
        /// Begins with `/`; asked of the instance's own port.
        path: Template,
        /// Another port than the instance's first, as text with references.
        port: Option<Template>,
        /// What is not as usual.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        terms: Option<Arc<HttpTerms>>,
    },
    /// A TCP connection is accepted. `None`: the instance's own port. `$PORT` means the same.
    Tcp {
        /// Another port, as text with references.
        port: Option<Template>,
    },
    /// `grpc.health.v1.Health/Check` answers SERVING. `port` as with `Tcp`.
    Grpc {
        /// Another port, as text with references.
        port: Option<Template>,
        /// Which service of it; empty asks about the whole.
        service: String,
    },
    /// A command that exits with 0, run like the service itself (same user, folder, environment).
    Exec {
        /// What is executed.
        run: Run,
    },
    /// A line of what this start of it has written matches this regular expression. Not asked: it
    /// is told when it comes.
    Log {
        /// The expression.
        pattern: String,
    },
    /// It says `READY=1` to the socket in `NOTIFY_SOCKET`, as `sd_notify` does. Told, not asked.
    Notify,
    /// It says `WATCHDOG=1` there within the probe's `timeout` of the last time.
    Watchdog,
    /// It renews an entry of the registry that points to its own port within the probe's `timeout`.
    Lease,
    /// The daemon's own check of the container says that it is well. It passes at once where neither the image nor
    /// the definition has one.
    Check,
}

impl Service {
    /// It gets a socket to say how it is to; and within what time it has to say that it lives, where
    /// a probe of it wants that.
    pub fn notifies(&self) -> Option<Option<Duration>> {
        let probes = [&self.startup, &self.ready, &self.health];
        let targets = || probes.iter().filter_map(|probe| probe.as_ref());
        let watchdog = targets().find(|probe| probe.target == ProbeTarget::Watchdog);
        match watchdog {
            Some(probe) => Some(Some(probe.timeout)),
            None => targets()
                .any(|probe| probe.target == ProbeTarget::Notify)
                .then_some(None),
        }
    }
}

impl ProbeTarget {
    /// Nobody asks: the service says by itself when it is so.
    pub fn told(&self) -> bool {
        matches!(self, ProbeTarget::Log { .. } | ProbeTarget::Notify)
    }

    /// "no line of its output has matched /ready/": what is missing while it has not been told.
    pub fn missing(&self) -> String {
        match self {
            ProbeTarget::Log { pattern } => format!("no line of its output matches {pattern}"),
            ProbeTarget::Notify => "it has not said READY=1 to NOTIFY_SOCKET".to_owned(),
            ProbeTarget::Check => "the container's own check has not passed".to_owned(),
            _ => "its probe has not answered".to_owned(),
        }
    }
}

/// How much of a service's output is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    /// At least so many of the newest bytes of each instance's log; `None` keeps all. 64 MB unless
    /// given.
    pub keep: Option<u64>,
}

/// How a service is stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// Run first, like the service itself (same user, folder, environment). The signal follows when
    /// it fails, or when the service has not ended `grace` after the stop began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Run>,
    /// Sent first, or after `command`. SIGTERM unless given; `None` of a container is what its image says.
    pub signal: Option<StopSignal>,
    /// So long after the signal what is left gets SIGKILL. 10 s unless given.
    pub grace: Duration,
}

impl StopSignal {
    /// As the system calls it.
    pub fn name(self) -> &'static str {
        match self {
            StopSignal::Term => "SIGTERM",
            StopSignal::Int => "SIGINT",
            StopSignal::Quit => "SIGQUIT",
            StopSignal::Hup => "SIGHUP",
            StopSignal::Usr1 => "SIGUSR1",
            StopSignal::Usr2 => "SIGUSR2",
            StopSignal::Kill => "SIGKILL",
        }
    }
}

impl Stop {
    /// The signal a process is asked with.
    pub fn asked_with(&self) -> StopSignal {
        self.signal.unwrap_or(StopSignal::Term)
    }
}

/// What an instance and everything it starts may use. `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of memory, swap included.
    pub memory: Option<u64>,
    /// Processor time, in thousandths of a core.
    pub cpu: Option<u32>,
    /// Open files of each process.
    pub files: Option<u64>,
    /// Processes and threads at once.
    pub processes: Option<u32>,
}

/// Signals that ask a service to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum StopSignal {
    /// SIGTERM.
    Term,
    /// SIGINT: PostgreSQL's fast shutdown.
    Int,
    /// SIGQUIT: nginx's graceful one.
    Quit,
    /// SIGHUP.
    Hup,
    /// SIGUSR1.
    Usr1,
    /// SIGUSR2.
    Usr2,
    /// SIGKILL, no grace.
    Kill,
}

//! What can go wrong at the engine's door, in words that say what to do.

use driver::disk::Full;
use model::view::Code;
use model::{AgentName, ApprovalId, ClusterId, InstanceId, ServiceName, WebhookName};
use std::path::{Path, PathBuf};

/// A command that was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No cluster of this home has this id.
    #[error("no cluster {0} in this home; `azora status` lists those there are")]
    NoCluster(ClusterId),
    /// The settings name no webhook so.
    #[error(
        "there is no webhook {0} in the settings of this home; `azora webhooks` lists those there are"
    )]
    NoWebhook(WebhookName),
    /// The cluster does not define it.
    #[error("cluster {} has no service {service}{}", called(.cluster), meant(.near))]
    NoService {
        /// The cluster.
        cluster: ClusterId,
        /// What was asked for.
        service: ServiceName,
        /// The nearest name it does define.
        near: Option<ServiceName>,
    },
    /// The service has fewer instances.
    #[error("cluster {} has no instance {instance}", called(.cluster))]
    NoInstance {
        /// The cluster.
        cluster: ClusterId,
        /// What was asked for.
        instance: InstanceId,
    },
    /// There is no such incident, or it is not kept any more.
    #[error("there is no incident {}; `azora incidents` lists them", .0.0)]
    NoIncident(model::IncidentId),
    /// There is nothing to run in a folder.
    #[error("no azora.toml, process-compose.yaml, compose.yaml or Procfile in {}; write one, or name a folder that has one", .0.display())]
    NoDefinition(PathBuf),
    /// The folder is not there or not readable.
    #[error("failed to read {}", .path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The folder's path is not text, so that no record could name it.
    #[error("the path {} is not UTF-8, and such folders are not supported; rename it", .0.display())]
    NotText(PathBuf),
    /// The definition has errors; the text holds lines and carets.
    #[error("{0}")]
    Definition(String),
    /// The folder was never run from this home.
    #[error(
        "{} was never run here, and running it executes its commands as you; look at them, then allow it",
        .0.display()
    )]
    Untrusted(PathBuf),
    /// Containers of it would be as good as root on this machine, and nobody has allowed that.
    #[error(
        "this gives containers what makes them as good as root on this machine, and was not allowed yet: {}; \
         `azora up --allow-risks` allows it",
        .0.join("; ")
    )]
    Risks(Vec<String>),
    /// The door said no.
    #[error("refused: {0}")]
    Refused(String),
    /// The rules let it in when persons approve of it.
    #[error(
        "{why}; approval {} has {given} of {needed}: `azora approve {}`, then ask again with `--approval {}`",
        .id.0, .id.0, .id.0
    )]
    NeedsApproval {
        /// What is asked of persons.
        id: ApprovalId,
        /// How many of them.
        needed: u32,
        /// How many have approved.
        given: usize,
        /// Why, and which rules say so.
        why: String,
    },
    /// Nothing with this number waits or did lately.
    #[error("there is no approval {}; `azora approvals` lists them", .0.0)]
    NoApproval(ApprovalId),
    /// No agent has this name.
    #[error("there is no agent {0}; `azora agents` lists those there are")]
    NoAgent(AgentName),
    /// An agent was removed, and a next engine would not know it.
    #[error(
        "agent {name} may not act any more while this engine runs, but that could not be written down; remove it again"
    )]
    AgentStays {
        /// Which.
        name: AgentName,
        /// Why.
        #[source]
        source: store::Error,
    },
    /// It cannot be done in the present state.
    #[error("{0}")]
    Conflict(String),
    /// No act has this number.
    #[error("no act with number {0} is under way or was lately")]
    NoAct(u64),
    /// A number is out of its range.
    #[error("{0}")]
    BadRequest(String),
    /// The engine is going down.
    #[error("the engine is shutting down")]
    Closing,
    /// The disk that holds the home has no room for what an act writes.
    #[error(
        "the disk that holds the home is full, and this would write to it; free some space and ask \
         again (`azora down`, `stop`, `hold` and `emergency-stop` work all the same)"
    )]
    DiskFull(#[source] store::Error),
    /// The same, of the start that follows a stop.
    #[error(
        "the disk that holds the home is full: what runs could be stopped, and not started again; \
         free some space and ask again"
    )]
    NoRoom(#[source] Full),
    /// The store did not do its work.
    #[error("failed to use the store")]
    Store(#[from] store::Error),
    /// The driver did not do its work.
    #[error("failed to use the process driver")]
    Driver(#[from] driver::Error),
    /// The home could not be locked.
    #[error("failed to take the home")]
    Lock(#[source] driver::lock::LockError),
    /// The registry did not do its work.
    #[error("failed to use the registry")]
    Registry(#[from] registry::Error),
    /// There is no gateway.
    #[error(transparent)]
    Gateway(#[from] gateway::Error),
    /// A port to listen on could not be had.
    #[error("failed to listen on 127.0.0.1:{port}; name another port, or 0 for any free one")]
    Listen {
        /// Which.
        port: u16,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Ports could not be had.
    #[error("failed to choose ports")]
    Ports(#[from] driver::PortError),
    /// A file of the home could not be read or written.
    #[error("failed to use {}", .path.display())]
    Home {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

fn holder(pid: u32, api: &Option<String>) -> String {
    match (pid, api) {
        (0, _) => "another engine".to_owned(),
        (pid, Some(api)) => format!("an engine (pid {pid}, at {api})"),
        (pid, None) => format!("an engine (pid {pid})"),
    }
}

/// What people call a cluster: its id without the digits that tell it from others of its name.
pub fn called(cluster: &ClusterId) -> &str {
    let hex = |digits: &str| digits.len() == 8 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    match cluster.as_str().rsplit_once('-') {
        Some((name, digits)) if hex(digits) => name,
        _ => cluster.as_str(),
    }
}

fn meant(near: &Option<ServiceName>) -> String {
    near.as_ref()
        .map(|name| format!("; did you mean {name}?"))
        .unwrap_or_default()
}

impl Error {
    /// The kind, for a host that branches on it.
    pub fn code(&self) -> Code {
        match self {
            Error::NoCluster(_)
            | Error::NoWebhook(_)
            | Error::NoService { .. }
            | Error::NoInstance { .. }
            | Error::NoIncident(_)
            | Error::NoDefinition(_)
            | Error::Folder { .. }
            | Error::NoApproval(_)
            | Error::NoAgent(_)
            | Error::NoAct(_) => Code::NotFound,
            Error::Definition(_) => Code::Definition,
            Error::Untrusted(_) => Code::Untrusted,
            Error::Risks(_) => Code::Risks,
            Error::Refused(_) => Code::Refused,
            Error::NeedsApproval { .. } => Code::NeedsApproval,
            Error::Conflict(_)
            | Error::DiskFull(_)
            | Error::NoRoom(_)
            | Error::AgentStays { .. } => Code::Conflict,
            Error::Closing => Code::Closing,
            Error::BadRequest(_) | Error::NotText(_) => Code::BadRequest,
            Error::Store(_)
            | Error::Driver(_)
            | Error::Registry(_)
            | Error::Gateway(_)
            | Error::Listen { .. }
            | Error::Lock(_)
            | Error::Ports(_)
            | Error::Home { .. } => Code::Internal,
        }
    }

    /// The whole story: the error and all its sources, one line.
    pub fn story(&self) -> String {
        let mut text = self.to_string();
        let mut next = std::error::Error::source(self);
        while let Some(source) = next {
            let said = source.to_string();
            // Some libraries repeat their source in their own words.
            if !text.ends_with(&said) {
                text.push_str(": ");
                text.push_str(&said);
            }
            next = source.source();
        }
        text
    }
}

/// Why an engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another engine has this home: its process, and where its API listens.
    #[error(
        "{} already runs this home; use it, or take over: its services keep running",
        holder(*.pid, .api)
    )]
    Held {
        /// Its process; 0 when it has not said.
        pid: u32,
        /// Where its API listens.
        api: Option<String>,
    },
    /// The disk that holds the home has no room for what an engine writes when it starts.
    #[error("{full}")]
    Full {
        /// Which disk, and what to do.
        full: Full,
        /// What could not be done.
        #[source]
        source: Box<Error>,
    },
    /// Something it stands on failed.
    #[error(transparent)]
    Failed(#[from] Error),
}

impl StartError {
    /// The same, with what to do about it when a full disk is behind it.
    #[must_use]
    pub fn explained(self, home: &Path) -> StartError {
        match self {
            StartError::Failed(error) => match full(home, &error) {
                Some(full) => StartError::Full {
                    full,
                    source: Box::new(error),
                },
                None => StartError::Failed(error),
            },
            known => known,
        }
    }
}

fn full(home: &Path, error: &(dyn std::error::Error + 'static)) -> Option<Full> {
    let mut causes = std::iter::successors(Some(error), |&error| error.source());
    // SQLite has numbers of its own for it.
    let said = causes.any(|cause| matches!(cause.downcast_ref(), Some(store::Error::Full { .. })));
    said.then(|| Full::at(home))
        .or_else(|| Full::of(home, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use driver::lock::LockError;

    #[test]
    fn a_start_on_a_full_disk_says_what_to_do() {
        let home = Path::new("/proc/no/home");
        let failed = |number| {
            let source = std::io::Error::from_raw_os_error(number);
            let lock = LockError::Io(home.join("engine.lock"), source);
            StartError::from(Error::Lock(lock)).explained(home)
        };
        let full = failed(rustix::io::Errno::NOSPC.raw_os_error());
        let said = full.to_string();
        assert!(
            said.contains("the disk that holds /proc/no/home is full"),
            "{said}"
        );
        assert!(said.contains("free some space"), "{said}");
        let other = failed(rustix::io::Errno::ACCESS.raw_os_error());
        assert!(matches!(other, StartError::Failed(Error::Lock(_))));
    }

    #[test]
    fn a_cluster_is_called_by_its_name() {
        let error = |id: &str| Error::NoService {
            cluster: id.parse().unwrap(),
            service: "dbb".parse().unwrap(),
            near: None,
        };
        let told = "cluster my-shop has no service dbb";
        assert_eq!(error("my-shop-881846af").to_string(), told);
        assert_eq!(error("my-shop").to_string(), told);
    }
}

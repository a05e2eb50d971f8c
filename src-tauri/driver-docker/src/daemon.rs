//! The daemon: the one place that speaks its API. Every call has a limit of time, and what goes
//! wrong is one of three things: nobody answers, the daemon refuses, or its answer is not understood.

use crate::find::{Address, Endpoint, FindError, Surroundings, find};
use bollard::errors::Error as ApiError;
use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::time::timeout;

/// A daemon that is well answers a ping in milliseconds; on a busy machine it may take its turn.
const PING: Duration = Duration::from_secs(5);
/// For what the daemon knows without doing anything.
pub(crate) const QUICK: Duration = Duration::from_secs(15);
/// For what makes or ends something: a layer on a slow disk, a device mapper, a network.
pub(crate) const WORK: Duration = Duration::from_secs(60);
/// For the beginning of an answer; how long the rest may take is each caller's.
const HEADERS: Duration = Duration::from_secs(120);
/// Most characters of a daemon's words that are passed on.
const MOST_WORDS: usize = 1_000;

/// Whose daemon it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Docker's own, or one that is not told from it.
    Docker,
    /// Podman's, which speaks Docker's API.
    Podman,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Docker => "Docker",
            Kind::Podman => "Podman",
        })
    }
}

/// A container daemon that has answered.
#[derive(Debug, Clone)]
pub struct Daemon {
    api: bollard::Docker,
    /// Where it is and why it is this one.
    pub endpoint: Endpoint,
    /// Whose it is.
    pub kind: Kind,
    /// Its version, as it says.
    pub version: String,
}

/// Why there is no daemon.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// What was named cannot be used.
    #[error(transparent)]
    Find(#[from] FindError),
    /// None of the usual sockets is there.
    #[error(
        "no container daemon was found: {0} are not there. Install Docker (on Debian: apt install docker.io) \
         or Podman with its socket, or say in DOCKER_HOST where one listens"
    )]
    NotInstalled(String),
    /// Its socket is there, or was named, and nobody listens.
    #[error("nobody listens at {address} ({why}): {problem}. {advice}")]
    NotRunning {
        /// Where.
        address: String,
        /// Why there.
        why: String,
        /// What the system says.
        problem: String,
        /// What to do.
        advice: &'static str,
    },
    /// This user may not use it.
    #[error(
        "this user may not use {address} ({why}). It belongs to the group {group}: \
         sudo usermod -aG {group} \"$USER\", then log in again. Who is in that group can become root"
    )]
    NotAllowed {
        /// Where.
        address: String,
        /// Why there.
        why: String,
        /// The group of the socket.
        group: String,
    },
    /// Somebody listens who is no container daemon, or is stuck.
    #[error("what listens at {address} ({why}) is no container daemon that answers: {fault}")]
    Strange {
        /// Where.
        address: String,
        /// Why there.
        why: String,
        /// What came of asking.
        #[source]
        fault: Fault,
    },
}

/// What came of a call instead of an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Nobody answers. What runs is not gone because of that.
    #[error("the container daemon does not answer: {0}")]
    Silent(String),
    /// The daemon says no.
    #[error("{message}")]
    Refused {
        /// As HTTP has it.
        status: u16,
        /// In the daemon's words.
        message: String,
    },
    /// It has answered something else.
    #[error("the container daemon's answer is not understood: {0}")]
    Strange(String),
}

impl Fault {
    /// There is no such thing.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Fault::Refused { status: 404, .. })
    }

    /// The same, and what else there is to say.
    pub(crate) fn and(mut self, more: &str) -> Self {
        let (Fault::Silent(said) | Fault::Refused { message: said, .. } | Fault::Strange(said)) =
            &mut self;
        said.push_str(more);
        self
    }

    /// Its name is taken, or it is being worked on.
    pub(crate) fn is_conflict(&self) -> bool {
        matches!(self, Fault::Refused { status: 409, .. })
    }

    /// Trying the same again may help.
    pub(crate) fn passes(&self) -> bool {
        match self {
            Fault::Silent(_) => true,
            Fault::Refused { status, .. } => !matches!(status, 400 | 403 | 404),
            Fault::Strange(_) => false,
        }
    }
}

impl From<ApiError> for Fault {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::DockerResponseServerError {
                status_code,
                message,
            } => Fault::Refused {
                status: status_code,
                message: shortened(&message),
            },
            ApiError::DockerStreamError { error } => Fault::Refused {
                status: 500,
                message: shortened(&error),
            },
            ApiError::JsonDataError { .. }
            | ApiError::JsonSerdeError { .. }
            | ApiError::StrParseError { .. }
            | ApiError::APIVersionParseError {} => Fault::Strange(shortened(&error.to_string())),
            other => Fault::Silent(shortened(&cause(&other))),
        }
    }
}

impl Daemon {
    /// The daemon of these surroundings.
    ///
    /// # Errors
    /// When there is none that answers; says what was tried and what to do.
    pub async fn connect(around: &Surroundings) -> Result<Daemon, ConnectError> {
        let places = find(around)?;
        let named = places.len() == 1;
        let mut first = None;
        let mut absent = Vec::new();
        for endpoint in places {
            match Daemon::at(endpoint.clone()).await {
                Ok(daemon) => return Ok(daemon),
                Err(error) => match &endpoint.address {
                    Address::Unix(path) if !named && !path.exists() => {
                        absent.push(path.display().to_string());
                    }
                    _ => first = first.or(Some(error)),
                },
            }
        }
        Err(first.unwrap_or_else(|| ConnectError::NotInstalled(absent.join(", "))))
    }

    /// The daemon at this place.
    ///
    /// # Errors
    /// When it does not answer; says why and what to do.
    pub async fn at(endpoint: Endpoint) -> Result<Daemon, ConnectError> {
        let (address, why) = (endpoint.address.to_string(), endpoint.why.clone());
        if let Address::Unix(path) = &endpoint.address {
            listens(path, &address, &why).await?;
        }
        let strange = |fault: Fault| ConnectError::Strange {
            address: address.clone(),
            why: why.clone(),
            fault,
        };
        let api = match &endpoint.address {
            Address::Unix(_) => bollard::Docker::connect_with_unix(
                &address,
                HEADERS.as_secs(),
                bollard::API_DEFAULT_VERSION,
            ),
            Address::Tcp(_) => bollard::Docker::connect_with_http(
                &address,
                HEADERS.as_secs(),
                bollard::API_DEFAULT_VERSION,
            ),
        };
        let api = api.map_err(|error| strange(error.into()))?;
        // It asks for the version, and speaks an older one where the daemon is older.
        let api = ask(PING, api.negotiate_version()).await.map_err(strange)?;
        let version = ask(PING, api.version()).await.map_err(strange)?;
        let podman = version
            .components
            .iter()
            .flatten()
            .any(|component| component.name.to_ascii_lowercase().contains("podman"));
        Ok(Daemon {
            api,
            endpoint,
            kind: if podman { Kind::Podman } else { Kind::Docker },
            version: shortened(&version.version.unwrap_or_default()),
        })
    }

    /// A stream of a container's output has all of it. Podman's leaves lines out when there are many
    /// (seen with 4.3); what it has on disk is whole.
    pub(crate) fn follows_logs(&self) -> bool {
        self.kind == Kind::Docker
    }

    /// Its API.
    pub(crate) fn api(&self) -> &bollard::Docker {
        &self.api
    }

    /// Asks whether it answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), Fault> {
        ask(PING, self.api.ping()).await.map(drop)
    }
}

/// What the daemon answers within this time.
pub(crate) async fn ask<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, ApiError>>,
) -> Result<T, Fault> {
    match timeout(limit, call).await {
        Ok(answer) => answer.map_err(Fault::from),
        Err(_) => Err(Fault::Silent(format!("for {} s", limit.as_secs()))),
    }
}

/// Tells the ways in which a socket cannot be used.
async fn listens(path: &Path, address: &str, why: &str) -> Result<(), ConnectError> {
    let error = match timeout(PING, UnixStream::connect(path)).await {
        Ok(Ok(_)) => return Ok(()),
        Ok(Err(error)) => error,
        Err(_) => std::io::ErrorKind::TimedOut.into(),
    };
    let (address, why) = (address.to_owned(), why.to_owned());
    Err(match error.kind() {
        std::io::ErrorKind::PermissionDenied => ConnectError::NotAllowed {
            address,
            why,
            group: group_of(path),
        },
        std::io::ErrorKind::NotFound => ConnectError::NotRunning {
            address,
            why,
            problem: "there is no such socket".into(),
            advice: "Start the daemon, or name another one",
        },
        _ => ConnectError::NotRunning {
            address,
            why,
            problem: error.to_string(),
            advice: "Start the daemon, for example with sudo systemctl start docker",
        },
    })
}

/// The name of a file's group; Docker's own where that is not told.
fn group_of(path: &Path) -> String {
    let usual = || "docker".to_owned();
    let Ok(meta) = std::fs::metadata(path) else {
        return usual();
    };
    let groups = std::fs::read_to_string("/etc/group").unwrap_or_default();
    let gid = meta.gid().to_string();
    groups
        .lines()
        .find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            (fields.nth(1)? == gid).then(|| name.to_owned())
        })
        .unwrap_or_else(usual)
}

/// What an error comes from. The layers above it are libraries' and tell a person nothing.
fn cause(error: &dyn std::error::Error) -> String {
    let mut first = error;
    while let Some(below) = first.source() {
        first = below;
    }
    let text = first.to_string();
    match text.split_once(" (os error") {
        Some((text, _)) => text.to_owned(),
        None => text,
    }
}

/// As much of a daemon's words as people read.
pub(crate) fn shortened(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(MOST_WORDS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

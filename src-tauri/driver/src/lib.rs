//! Making, watching, adopting and ending processes; ports; survivors.
//!
//! The engine hands it launches and stops and hears what [`Happened`]. It decides nothing: when to
//! start and stop is the orchestrator's business. What it answers for is that a service lives on
//! when the engine dies, that one instance never runs twice, that a stop leaves nothing behind,
//! and that no signal ever reaches a process that is not the service's own.
//!
//! [`emergency`] and [`survivors`] work without an engine and without a [`ProcessDriver`].
#![cfg_attr(
    test,
    expect(clippy::unwrap_used, reason = "a test fails by panicking")
)]

mod adopt;
pub mod allocator;
mod asked;
mod cgroup;
mod clear;
pub mod clock;
pub mod detach;
pub mod disk;
mod driver;
pub mod emergency;
mod ended;
pub mod env;
pub mod exec;
mod foreground;
mod git;
mod handback;
mod hidden;
pub mod holder;
mod holders;
mod holes;
pub mod homes;
mod hook;
mod intent;
pub mod layout;
mod limits;
mod listen;
pub mod lock;
mod lost;
mod mend;
mod own;
mod per_user;
mod pidfd;
pub mod ports;
mod procfs;
mod reconcile;
mod refusal;
mod room;
mod roundup;
mod secret;
mod shared;
mod shortage;
mod slow;
mod sockets;
mod spawn;
mod start;
mod stop;
pub mod survivors;
mod terminal;
mod told;
mod unanswered;
mod user;
mod watch;

pub use driver::ProcessDriver;
pub use exec::{Captured, ExecLaunch, ExecOutcome};
pub use foreground::Foreground;
pub use git::git;
pub use hook::HookLaunch;
pub use layout::Layout;
pub use listen::{Heard, listen};
pub use ports::{PortError, PortGrant, PortWish, Reservation};
pub use refusal::NotRun;
pub use secret::SecretText;
pub use shim::{Told, fail_point, forwards};
pub use terminal::{NoTerminal, Size, Terminal};

/// Who listens on a port of this machine, in words for a message: "pid 4711 (nginx) of user www-data, for 3 h".
/// Blocks while it is looked.
pub fn who_listens(port: u16) -> String {
    holders::words(port)
}

/// The account this process belongs to, by name; its number where it has none.
pub fn account() -> String {
    let uid = rustix::process::geteuid().as_raw();
    user::name(uid).unwrap_or_else(|| uid.to_string())
}

use model::{ClusterId, ExitStatus, Generation, InstanceId};
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::path::PathBuf;
use std::time::Duration;

/// What is to be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// Of which cluster.
    pub cluster: ClusterId,
    /// Which instance.
    pub instance: InstanceId,
    /// Which start; counts up.
    pub generation: Generation,
    /// Program and arguments, everything resolved.
    pub argv: Vec<String>,
    /// Working folder.
    pub cwd: PathBuf,
    /// The whole environment; the driver adds [`MARKS`].
    pub env: BTreeMap<String, String>,
    /// Variables that no file may hold.
    pub secrets: BTreeMap<String, SecretText>,
    /// Where variables come from, for [`ProcessDriver::given`]; the terminal's are left out.
    pub origins: BTreeMap<String, String>,
    /// Run as this user (name or number); needs root.
    pub user: Option<String>,
    /// Ports it will listen on: they must be free when it starts, unless it is handed the socket.
    pub ports: Vec<u16>,
    /// At least so many of the newest bytes of its log stay; `None` keeps all.
    pub log_keep: Option<u64>,
    /// Sockets it is handed that listen already, as descriptors 3, 4, … in this order.
    pub listen: Vec<Listen>,
    /// It gets a terminal of its own, whose output goes to its log. It cannot outlive its shim then.
    pub tty: bool,
    /// It says how it is at [`Layout::notify`], which is in its environment.
    pub notify: bool,
    /// What it and all it starts may use.
    pub limits: spec::Limits,
}

impl Launch {
    /// The same for launches that are the same in all but the generation.
    fn likeness(&self) -> u64 {
        let Launch {
            cluster,
            instance,
            generation: _,
            argv,
            cwd,
            env,
            secrets,
            origins,
            user,
            ports,
            log_keep,
            listen,
            tty,
            notify,
            limits,
        } = self;
        let mut hasher = std::hash::DefaultHasher::new();
        (cluster, instance, argv, cwd, env, origins, user, ports).hash(&mut hasher);
        (log_keep, listen, tty, notify, limits).hash(&mut hasher);
        for (name, secret) in secrets {
            (name, secret.reveal()).hash(&mut hasher);
        }
        hasher.finish()
    }
}

/// A socket that listens on a port of 127.0.0.1 before the service is started and after it has
/// ended, so that a restart refuses no connection. Instances that name the same port share it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Listen {
    /// How the service knows it, in `LISTEN_FDNAMES`.
    pub name: &'static str,
    /// Which port.
    pub port: u16,
}

/// How an instance is to be ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// Run first, for as long as the grace; finds the service's process in `AZORA_PID`.
    pub command: Option<ExecLaunch>,
    /// Sent when there is no command, when it fails, or when it was not enough.
    pub signal: spec::StopSignal,
    /// For the command, and for the signal after it.
    pub grace: Duration,
}

impl Stop {
    /// What the signal leaves it: SIGKILL leaves nothing.
    fn grace(&self) -> Duration {
        match (&self.command, self.signal) {
            (None, spec::StopSignal::Kill) => Duration::ZERO,
            _ => self.grace,
        }
    }
}

/// What the driver tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happened {
    /// The program runs.
    Started {
        /// Where.
        cluster: ClusterId,
        /// Which.
        instance: InstanceId,
        /// Which start.
        generation: Generation,
        /// The service's own process.
        pid: u32,
    },
    /// It could not be started.
    StartFailed {
        /// Where.
        cluster: ClusterId,
        /// Which.
        instance: InstanceId,
        /// Which start.
        generation: Generation,
        /// Why: "failed to execute node: no such file or directory".
        error: String,
        /// Trying again may help.
        retry: bool,
    },
    /// The machine has no room for it just now; nothing of it runs, and that is no fault of its own.
    StartDelayed {
        /// Where.
        cluster: ClusterId,
        /// Which.
        instance: InstanceId,
        /// Which start.
        generation: Generation,
        /// Of what: "no space left on the disk (failed to write the intent)".
        shortage: String,
    },
    /// Its own process has ended, and nothing is left of its tree.
    Exited {
        /// Where.
        cluster: ClusterId,
        /// Which.
        instance: InstanceId,
        /// Which start.
        generation: Generation,
        /// How.
        status: ExitStatus,
        /// So many others of its tree lived on when its own process had exited with 0 by itself. They
        /// have been ended.
        left: u32,
    },
    /// It was asked to stop and has not ended yet.
    StopGoesOn {
        /// Where.
        cluster: ClusterId,
        /// Which.
        instance: InstanceId,
        /// Which start.
        generation: Generation,
        /// What it waits for and what follows: "waits for pid 4711 node in state S; SIGTERM was
        /// sent, SIGKILL follows in 8 s".
        how: String,
    },
    /// Something of it lives on after SIGKILL; `Exited` follows when it does not any more.
    StopBlocked {
        /// Where.
        cluster: ClusterId,
        /// Which.
        instance: InstanceId,
        /// Which start.
        generation: Generation,
        /// What: "pid 4711 postgres in state D".
        blocker: String,
    },
    /// It said something about itself, which its shim has heard.
    Told {
        /// Where.
        cluster: ClusterId,
        /// Which.
        instance: InstanceId,
        /// Which start.
        generation: Generation,
        /// What.
        told: Told,
    },
    /// Its shim is gone; it lives on. How it ends can no longer be known.
    ShimLost {
        /// Where.
        cluster: ClusterId,
        /// Which.
        instance: InstanceId,
        /// Which start.
        generation: Generation,
    },
}

impl Happened {
    /// Whose word it is, and of which start.
    pub fn about(&self) -> (&ClusterId, &InstanceId, Generation) {
        match self {
            Happened::Started {
                cluster,
                instance,
                generation,
                ..
            }
            | Happened::StartFailed {
                cluster,
                instance,
                generation,
                ..
            }
            | Happened::StartDelayed {
                cluster,
                instance,
                generation,
                ..
            }
            | Happened::Exited {
                cluster,
                instance,
                generation,
                ..
            }
            | Happened::StopGoesOn {
                cluster,
                instance,
                generation,
                ..
            }
            | Happened::StopBlocked {
                cluster,
                instance,
                generation,
                ..
            }
            | Happened::Told {
                cluster,
                instance,
                generation,
                ..
            }
            | Happened::ShimLost {
                cluster,
                instance,
                generation,
                ..
            } => (cluster, instance, *generation),
        }
    }
}

/// An instance that ran, or has ended, while the engine was away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Which.
    pub instance: InstanceId,
    /// Which start.
    pub generation: Generation,
    /// Its process if it runs, how it ended if not.
    pub outcome: Result<u32, ExitStatus>,
    /// It runs without a shim.
    pub shim_lost: bool,
    /// It runs, and looking at it has not come to an end yet: that goes on. `Exited` or `ShimLost`
    /// follows when it turns out so.
    pub unanswered: bool,
}

/// The variables that the driver adds to every environment: by them it finds the processes of an
/// instance again.
pub const MARKS: [&str; 4] = [
    shim::ENV_NONCE,
    shim::ENV_HOME_ID,
    shim::ENV_CLUSTER,
    shim::ENV_INSTANCE,
];

/// What an instance's newest start got, as its intent on disk tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// Which start.
    pub generation: Generation,
    /// The environment, without the secrets.
    pub env: BTreeMap<String, String>,
    /// The secrets, as [`ProcessDriver::fingerprint`] shows them.
    pub secrets: BTreeMap<String, String>,
    /// Where variables come from; those of the terminal and [`MARKS`] are left out.
    pub origins: BTreeMap<String, String>,
}

/// Why there is no driver.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The home's folders cannot be made.
    #[error("make the home {0}")]
    Home(PathBuf, #[source] std::io::Error),
    /// `/proc` cannot be read: without it no process can be told from another.
    #[error("read /proc")]
    Proc(#[source] std::io::Error),
    /// The shim is not installed where it should be.
    #[error("find the shim: {0} is not there; it belongs beside azora")]
    NoShim(PathBuf),
    /// No ports.
    #[error(transparent)]
    Ports(#[from] PortError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_launch_is_like_another_in_all_but_its_generation() {
        let launch = Launch {
            cluster: "zoo-0a1b2c3d".parse().unwrap(),
            instance: "a.0".parse().unwrap(),
            generation: Generation(1),
            argv: vec!["a".into(), "b".into()],
            cwd: "/".into(),
            env: BTreeMap::from([("A".into(), "1".into())]),
            secrets: BTreeMap::from([("S".into(), SecretText::new("1".into()))]),
            origins: BTreeMap::new(),
            user: None,
            ports: vec![1],
            log_keep: None,
            listen: Vec::new(),
            tty: false,
            notify: false,
            limits: spec::Limits::default(),
        };
        let mut next = launch.clone();
        next.generation = Generation(2);
        assert_eq!(launch.likeness(), next.likeness());
        let changes: [fn(&mut Launch); 13] = [
            |launch| launch.cluster = "zoo-0a1b2c3e".parse().unwrap(),
            |launch| launch.instance = "a.1".parse().unwrap(),
            |launch| launch.argv = vec!["ab".into()],
            |launch| launch.cwd = "/tmp".into(),
            |launch| launch.env = BTreeMap::from([("A".into(), "2".into())]),
            |launch| {
                let other = SecretText::new("2".into());
                launch.secrets = BTreeMap::from([("S".into(), other)]);
            },
            |launch| launch.origins = BTreeMap::from([("A".into(), ".env".into())]),
            |launch| launch.user = Some("nobody".into()),
            |launch| launch.ports = vec![2],
            |launch| launch.log_keep = Some(1),
            |launch| launch.tty = true,
            |launch| launch.notify = true,
            |launch| launch.limits.files = Some(1),
        ];
        for (at, change) in changes.into_iter().enumerate() {
            let mut other = launch.clone();
            change(&mut other);
            assert_ne!(launch.likeness(), other.likeness(), "change {at}");
        }
    }
}

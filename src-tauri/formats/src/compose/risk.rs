//! What of a project reaches out of its containers and its folder: values that a policy can decide on.

use super::project::At;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// Something that gives a container more than a container has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Risk {
    /// The service, or the secret, config or volume.
    pub of: String,
    /// What it is.
    pub what: Reach,
    /// Where it is said.
    #[serde(skip)]
    pub at: At,
}

/// What is reached.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// `privileged`: as good as root on this machine.
    Privileged,
    /// A namespace of this machine: `network`, `pid`, `ipc`, `uts`, `user` or `cgroup`.
    HostNamespace(&'static str),
    /// The socket of a container daemon: as good as root on this machine.
    DaemonSocket(String),
    /// A folder or file of this machine outside of the project's folder.
    HostPath {
        /// Which.
        path: String,
        /// It can be written.
        write: bool,
    },
    /// A path that leads where whoever asks may not look, but the container daemon may.
    HiddenPath(String),
    /// A device of this machine.
    Device(String),
    /// A capability that few services need.
    Capability(String),
    /// A protection that is switched off.
    Unconfined(String),
    /// A port that other machines reach; one without an address is published on loopback and is none.
    OpenPort {
        /// The address.
        address: String,
        /// The port or range.
        port: String,
    },
    /// A kernel parameter.
    Sysctl(String),
    /// A container, volume or network that is not the project's.
    Foreign {
        /// `container`, `volume` or `network`.
        what: &'static str,
        /// Which.
        name: String,
    },
    /// What the volume driver mounts: a device, a share, layers of folders.
    DriverMount(String),
    /// The network of this machine itself, by a driver.
    NetworkDriver(String),
    /// An image that is built from what is fetched.
    RemoteContext(String),
    /// It cannot be ended when memory is short.
    NoOomKill,
    /// All rights of the device control group.
    DeviceRule(String),
    /// A control group outside of the daemon's.
    ControlGroup(String),
}

impl Reach {
    /// Whether it makes a container as good as root on this machine, or comes near: a person has to allow it.
    #[must_use]
    pub fn is_grave(&self) -> bool {
        match self {
            Self::Privileged
            | Self::DaemonSocket(_)
            | Self::HiddenPath(_)
            | Self::DriverMount(_)
            | Self::DeviceRule(_) => true,
            Self::HostNamespace(which) => !matches!(*which, "uts" | "cgroup"),
            Self::HostPath { path, write } => is_system(path, *write),
            // A driver of the daemon finds the others, and gives no more than they are.
            Self::Device(path) => path.starts_with('/'),
            Self::Capability(name) => {
                let name = name.to_uppercase();
                ROOT.contains(&name.strip_prefix("CAP_").unwrap_or(&name))
            }
            Self::Unconfined(what) => what.starts_with("systempaths"),
            Self::Foreign { what, .. } => *what == "container",
            Self::OpenPort { .. }
            | Self::Sysctl(_)
            | Self::NetworkDriver(_)
            | Self::RemoteContext(_)
            | Self::NoOomKill
            | Self::ControlGroup(_) => false,
        }
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Privileged => f.write_str("has all privileges on this machine"),
            Self::HostNamespace(which) => write!(f, "shares the {which} namespace of this machine"),
            Self::DaemonSocket(path) => {
                let place = if path.ends_with(".sock") { "" } else { "in " };
                write!(
                    f,
                    "gets the container daemon's socket {place}{path}, and can do all it can"
                )
            }
            Self::HostPath { path, write: true } => {
                write!(f, "can write {path}, outside of the project's folder")
            }
            Self::HostPath { path, write: false } => {
                write!(f, "can read {path}, outside of the project's folder")
            }
            Self::HiddenPath(path) => {
                write!(f, "gets {path}, which leads where you may not look")
            }
            Self::Device(path) => write!(f, "gets the device {path}"),
            Self::Capability(name) => write!(f, "gets the capability {name}"),
            Self::Unconfined(what) => write!(f, "runs without a protection: {what}"),
            Self::OpenPort { address, port } => {
                write!(f, "opens the port {port} to other machines, at {address}")
            }
            Self::Sysctl(name) => write!(f, "sets the kernel parameter {name}"),
            Self::Foreign { what, name } => {
                write!(f, "uses the {what} {name}, which is not the project's")
            }
            Self::DriverMount(what) => write!(f, "lets the volume driver mount {what}"),
            Self::NetworkDriver(driver) => {
                write!(
                    f,
                    "is on the network of this machine, by the driver {driver}"
                )
            }
            Self::RemoteContext(from) => write!(f, "is built from what is fetched: {from}"),
            Self::NoOomKill => f.write_str("is not ended when memory is short"),
            Self::DeviceRule(rule) => write!(f, "gets devices by the rule {rule}"),
            Self::ControlGroup(name) => write!(f, "is put into the control group {name}"),
        }
    }
}

impl fmt::Display for Risk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}: {} {}",
            self.at.file, self.at.line, self.of, self.what
        )
    }
}

/// Capabilities that the daemons give every container, and that reach nowhere.
const USUAL: [&str; 14] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "NET_RAW",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// Capabilities by which a container gets out of itself.
const ROOT: [&str; 12] = [
    "ALL",
    "BPF",
    "DAC_READ_SEARCH",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "PERFMON",
    "SYSLOG",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_MODULE",
    "SYS_PTRACE",
    "SYS_RAWIO",
];

/// Folders that are the machine's own, with all in them.
const SYSTEM: [&str; 14] = [
    "bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "proc", "root", "run", "sbin", "sys",
    "usr", "var",
];

/// What of them tells nothing and is given to many containers, to read.
const HARMLESS: [&str; 3] = ["/etc/localtime", "/etc/timezone", "/usr/share/zoneinfo"];

/// Whether a path is one of the machine's own, or holds what a person keeps for themselves.
fn is_system(path: &str, write: bool) -> bool {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let absolute = path.starts_with('/');
    let below = |folder: &&str| {
        let rest = path.strip_prefix(*folder);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if !write && HARMLESS.iter().any(below) {
        return false;
    }
    match parts[..] {
        // The machine, all homes, or a whole home.
        [] | ["home"] | ["home", _] if absolute => true,
        ["~"] => true,
        [first, ..] if absolute && SYSTEM.contains(&first) => true,
        // Keys and what a shell or a program starts by itself, wherever a home is.
        _ => parts
            .iter()
            .any(|part| part.starts_with('.') && !matches!(*part, "." | "..")),
    }
}

/// The path of this machine that a volume of the daemon's own driver is, and whether it can be written. That it is one
/// is in the options of the mount; what `type` says then counts for nothing.
#[must_use]
pub fn bound<'o>(
    driver: Option<&str>,
    options: &'o BTreeMap<String, String>,
) -> Option<(&'o str, bool)> {
    let how = options.get("o").filter(|_| is_own(driver))?;
    let said = |wanted: &[&str]| how.split(',').any(|word| wanted.contains(&word));
    let device = options.get("device").map_or("", String::as_str);
    said(&["bind", "rbind"]).then(|| (device, !said(&["ro"])))
}

/// What else a volume of the daemon's own driver shows of this machine or another one.
pub(super) fn mounted(driver: Option<&str>, options: &BTreeMap<String, String>) -> Option<Reach> {
    let option = |key: &str| options.get(key).map_or("", String::as_str);
    if !is_own(driver) || bound(driver, options).is_some() || option("type") == "tmpfs" {
        return None;
    }
    let mut said = ["device", "o"].into_iter().map(option);
    let what = said.find(|said| !said.is_empty())?;
    Some(Reach::DriverMount(what.to_owned()))
}

/// The daemon's own driver of volumes, and no plugin.
fn is_own(driver: Option<&str>) -> bool {
    driver.is_none_or(|driver| matches!(driver, "" | "local"))
}

/// Whether an option of the security modules switches a protection off.
pub(super) fn is_unconfined(option: &str) -> bool {
    let off = [
        "unconfined",
        "label:disable",
        "label=disable",
        "no-new-privileges:false",
    ];
    off.iter().any(|off| option.contains(off))
}

/// Whether a container has a capability anyway.
pub(super) fn is_usual(capability: &str) -> bool {
    let name = capability.to_uppercase();
    USUAL.contains(&name.strip_prefix("CAP_").unwrap_or(&name))
}

/// Where the sockets of container daemons lie, besides in a user's own runtime folder.
const SOCKETS: [&str; 8] = [
    "/run/docker.sock",
    "/var/run/docker.sock",
    "/run/podman/podman.sock",
    "/var/run/podman/podman.sock",
    "/run/containerd/containerd.sock",
    "/var/run/containerd/containerd.sock",
    "/run/crio/crio.sock",
    "/var/run/crio/crio.sock",
];
/// Where the runtime folders of users lie.
const USERS: &str = "/run/user";

/// Whether a path is the socket of a container daemon, or a folder with it in it.
pub(super) fn is_daemon_socket(path: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or(path);
    let folder = format!("{}/", path.trim_end_matches('/'));
    matches!(
        file,
        "docker.sock" | "podman.sock" | "containerd.sock" | "crio.sock"
    ) || SOCKETS.iter().any(|socket| socket.starts_with(&folder))
        || in_a_users(path)
}

/// A user's runtime folder, or that of a daemon in it.
fn in_a_users(path: &str) -> bool {
    let below = path
        .strip_prefix("/var")
        .unwrap_or(path)
        .strip_prefix(USERS);
    let Some(below) = below.filter(|below| below.is_empty() || below.starts_with('/')) else {
        return false;
    };
    let mut parts = below.split('/').filter(|part| !part.is_empty());
    let daemon = parts.nth(1);
    parts.next().is_none() && daemon.is_none_or(|name| matches!(name, "docker" | "podman"))
}

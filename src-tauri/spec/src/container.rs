//! What a service is that runs in a container: plain values, which `engine` hands to the daemon.
//!
//! Names are those of Compose files and of the daemon's interface, so that they are found in the manuals of both.
//! Nothing in it says when a container is started or started again: that is the service's.

mod build;
mod mount;
mod network;
mod resources;

pub use build::Build;
pub use mount::{FileFrom, FileIn, Mount};
pub use network::{Attachment, Network, PortRange, Protocol, Publish, Subnet, Volume};
pub use resources::{Device, DeviceRequest, DiskLimit, DiskUse, Resources, Ulimit};

use crate::cluster::{Run, Template};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// What a service is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Runs {
    /// A container.
    Container(Box<Container>),
    /// A process. Written without a word of its own: so it was when there was nothing else.
    #[serde(untagged)]
    Process(Run),
}

impl Runs {
    /// The command, of a process.
    pub fn process(&self) -> Option<&Run> {
        match self {
            Runs::Process(run) => Some(run),
            Runs::Container(_) => None,
        }
    }

    /// What the container is made of.
    pub fn container(&self) -> Option<&Container> {
        match self {
            Runs::Container(container) => Some(container),
            Runs::Process(_) => None,
        }
    }

    /// All texts of it that may refer to services.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        let (run, container) = (self.process(), self.container());
        let of_run: &[Template] = match run {
            Some(Run::Direct(words)) => words,
            Some(Run::Shell(line)) => std::slice::from_ref(line),
            None => &[],
        };
        let of_container = container.into_iter().flat_map(|container| {
            let lists = [&container.entrypoint, &container.command];
            lists.into_iter().flatten().flatten()
        });
        of_run.iter().chain(of_container)
    }
}

impl From<Run> for Runs {
    fn from(run: Run) -> Self {
        Runs::Process(run)
    }
}

/// A command as it would be typed; of a container "image postgres:16" and its command.
impl fmt::Display for Runs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Runs::Process(run) => run.fmt(f),
            Runs::Container(container) => container.fmt(f),
        }
    }
}

/// What a container is made of.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Container {
    /// The image it runs, or what the one is called that is built. There is this, or `build`, or both.
    pub image: Option<String>,
    /// How its image is built.
    pub build: Option<Build>,
    /// When its image is fetched.
    pub pull: Pull,
    /// In place of the image's entry point; an empty one is none.
    pub entrypoint: Option<Vec<Template>>,
    /// In place of the image's command; an empty one is none.
    pub command: Option<Vec<Template>>,
    /// The port it listens on. That of the service is where it is reached on this machine.
    pub port: Option<u16>,
    /// Further ports of it that are reached from outside.
    pub publish: Vec<Publish>,
    /// What is mounted into it.
    pub mounts: Vec<Mount>,
    /// Files that are put into it before it is started: secrets and configuration.
    pub files: Vec<FileIn>,
    /// The networks it is on; only empty where there is a `network_mode`.
    pub networks: Vec<Attachment>,
    /// `none`, `host`, `bridge`, `service:NAME` or `container:NAME` in place of networks.
    pub network_mode: Option<String>,
    /// What the daemon asks it to know whether it is well.
    pub check: Check,
    /// The signal it is asked to stop with where `Stop` has none: a name with `SIG`, or a number.
    pub stop_signal: Option<String>,
    /// The working folder in it, in place of the image's.
    pub working_dir: Option<String>,
    /// Further groups.
    pub group_add: Vec<String>,
    /// Its own name on its networks.
    pub hostname: Option<String>,
    /// Its domain.
    pub domainname: Option<String>,
    /// Labels, besides those by which it is known.
    pub labels: BTreeMap<String, String>,
    /// OCI annotations.
    pub annotations: BTreeMap<String, String>,
    /// A small init is its first process. `None` is as the daemon is set up.
    pub init: Option<bool>,
    /// Its own files cannot be written.
    pub read_only: bool,
    /// It may do what root of this machine may.
    pub privileged: bool,
    /// It gets a terminal.
    pub tty: bool,
    /// Its standard input stays open.
    pub stdin_open: bool,
    /// Capabilities it gets besides.
    pub cap_add: Vec<String>,
    /// Capabilities it does not get.
    pub cap_drop: Vec<String>,
    /// Options of the security modules.
    pub security_opt: Vec<String>,
    /// Devices of this machine.
    pub devices: Vec<Device>,
    /// Rules of the device control group.
    pub device_cgroup_rules: Vec<String>,
    /// GPUs and other devices that a driver of the daemon finds.
    pub device_requests: Vec<DeviceRequest>,
    /// Settings of the kernel that are a namespace's own.
    pub sysctls: BTreeMap<String, String>,
    /// Names that stand in its `/etc/hosts`, and their addresses.
    pub extra_hosts: BTreeMap<String, Vec<String>>,
    /// Name servers.
    pub dns: Vec<String>,
    /// Options of the resolver.
    pub dns_opt: Vec<String>,
    /// Domains that are searched.
    pub dns_search: Vec<String>,
    /// Whose processes it sees: `host`, `service:NAME`, `container:NAME`.
    pub pid: Option<String>,
    /// With whom it shares memory: `host`, `private`, `shareable`, `service:NAME`, `container:NAME`.
    pub ipc: Option<String>,
    /// Whose host name it has: `host`.
    pub uts: Option<String>,
    /// Whose users it has: `host`.
    pub userns_mode: Option<String>,
    /// Whose control groups it sees: `host`, `private`.
    pub cgroup: Option<String>,
    /// The control group its own lies in.
    pub cgroup_parent: Option<String>,
    /// The system its image is for: `linux/amd64`.
    pub platform: Option<String>,
    /// The OCI runtime.
    pub runtime: Option<String>,
    /// Options of the storage driver.
    pub storage_opt: BTreeMap<String, String>,
    /// The address of its network card.
    pub mac_address: Option<String>,
    /// What it may use, besides the service's limits.
    pub resources: Resources,
}

impl fmt::Display for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("image")?;
        if let Some(image) = &self.image {
            write!(f, " {image}")?;
        }
        match &self.build {
            None => {}
            Some(build) if build.context.is_empty() => f.write_str(" built")?,
            Some(build) => write!(f, " built from {}", build.context)?,
        }
        let words = |words: &Option<Vec<Template>>| words.clone().map(Run::Direct);
        match (words(&self.entrypoint), words(&self.command)) {
            (None, None) => Ok(()),
            (Some(entrypoint), None) => write!(f, ", entrypoint {entrypoint}"),
            (None, Some(command)) => write!(f, ", command {command}"),
            (Some(entrypoint), Some(command)) => write!(f, ", entrypoint {entrypoint} {command}"),
        }
    }
}

/// When an image is fetched from its registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pull {
    /// When it is not here.
    #[default]
    Missing,
    /// Before each start.
    Always,
    /// Never: it is here, or the start fails.
    Never,
    /// Never: it is built, before each start.
    Build,
}

/// What the daemon asks a container.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// What the image says, if anything.
    #[default]
    OfImage,
    /// Nothing, whatever the image says.
    Off,
    /// This; what is not given is as the image says, or as the daemon has it.
    Given {
        /// What is run in it. The first word is `CMD` or `CMD-SHELL`; `None` is the image's own test.
        test: Option<Vec<String>>,
        /// How often.
        interval: Option<Duration>,
        /// How long an answer may take.
        timeout: Option<Duration>,
        /// How many failures make it unhealthy.
        retries: Option<u32>,
        /// How long failures do not count.
        start_period: Option<Duration>,
        /// How often in that time.
        start_interval: Option<Duration>,
    },
}

/// How long a daemon takes after a start at most until it says that a container is unhealthy. What is not given is as
/// it has it by itself.
pub fn until_unhealthy(
    interval: Option<Duration>,
    timeout: Option<Duration>,
    retries: Option<u32>,
    start_period: Duration,
) -> Duration {
    const USUAL: Duration = Duration::from_secs(30);
    const DAY: Duration = Duration::from_secs(86_400);
    let each = interval
        .unwrap_or(USUAL)
        .saturating_add(timeout.unwrap_or(USUAL));
    let failing = each.saturating_mul(retries.unwrap_or(3));
    start_period.saturating_add(failing).min(DAY)
}

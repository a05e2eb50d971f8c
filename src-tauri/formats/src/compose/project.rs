//! A project as it is when its files are read: variables resolved, files merged, short forms made long. Paths
//! are relative to the project's folder unless they are absolute.

use super::container::{Build, Container, Limits};
use super::risk::Risk;
use crate::Note;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// All that is to run, and what it runs with.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Project {
    /// Lower-case letters, digits, `-` and `_`.
    pub name: String,
    /// The services that are wanted.
    pub services: BTreeMap<String, Service>,
    /// Those that none of the wanted profiles has. What they name is there, too.
    pub disabled: BTreeMap<String, Service>,
    /// Networks that a service uses.
    pub networks: BTreeMap<String, Network>,
    /// Named volumes.
    pub volumes: BTreeMap<String, Volume>,
    /// What services are given as secrets.
    pub secrets: BTreeMap<String, Given>,
    /// What services are given as configs.
    pub configs: BTreeMap<String, Given>,
    /// What reaches out of the containers and the folder.
    pub risks: Vec<Risk>,
    /// What is not supported, and what was decided.
    #[serde(skip)]
    pub notes: Vec<Note>,
}

impl Project {
    /// All services, wanted or not.
    pub fn all(&self) -> impl Iterator<Item = (&String, &Service)> {
        self.services.iter().chain(&self.disabled)
    }
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
pub struct At {
    /// The file, relative to the project's folder.
    pub file: String,
    /// Its line, from 1.
    pub line: usize,
}

/// One service.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Service {
    /// Where it is defined.
    #[serde(skip)]
    pub at: At,
    /// Where each of its keys stands.
    #[serde(skip)]
    pub lines: BTreeMap<String, At>,
    /// The image it runs, or the name of the one that is built.
    pub image: Option<String>,
    /// How its image is built.
    pub build: Option<Build>,
    /// The program that the file wants to run it instead of a container, which nobody asks.
    pub provider: Option<String>,
    /// Instead of the image's command; an empty one is none.
    pub command: Option<Vec<String>>,
    /// Instead of the image's entrypoint; an empty one is none.
    pub entrypoint: Option<Vec<String>>,
    /// Its own variables and those of its env files.
    pub environment: BTreeMap<String, String>,
    /// Its own variables alone.
    #[serde(skip)]
    pub own_environment: BTreeMap<String, String>,
    /// The env files, in their order. What they set is in `environment` already.
    pub env_files: Vec<EnvFile>,
    /// What an env file sets depends on variables of the environment.
    #[serde(skip)]
    pub env_files_filled: bool,
    /// What is started before it.
    pub depends_on: BTreeMap<String, Dependency>,
    /// Its health check; `None` is the image's.
    pub healthcheck: Option<Healthcheck>,
    /// When it is started again.
    pub restart: Restart,
    /// How many instances.
    pub scale: u16,
    /// Profiles of which one is enough; none is always.
    pub profiles: BTreeSet<String>,
    /// It is wanted because somebody asks for it this time.
    #[serde(skip)]
    pub this_time: bool,
    /// Published ports.
    pub ports: Vec<Port>,
    /// Ports that other services reach: `80`, `80/udp` or `80-90`.
    pub expose: Vec<String>,
    /// What is mounted.
    pub volumes: Vec<Mount>,
    /// Folders in memory: `/run` or `/run:size=64m`.
    pub tmpfs: Vec<String>,
    /// Networks it is in; none where it has a `network_mode`.
    pub networks: BTreeMap<String, Attachment>,
    /// `none`, `host`, `bridge`, `service:NAME` or `container:NAME`.
    pub network_mode: Option<String>,
    /// Further names of other services: `db:database`.
    pub links: Vec<String>,
    /// Secrets it is given.
    pub secrets: Vec<Grant>,
    /// Configs it is given.
    pub configs: Vec<Grant>,
    /// Labels of its containers.
    pub labels: BTreeMap<String, String>,
    /// OCI annotations.
    pub annotations: BTreeMap<String, String>,
    /// The working folder, in the container.
    pub working_dir: Option<String>,
    /// A user, or `user:group`.
    pub user: Option<String>,
    /// Further groups.
    pub group_add: Vec<String>,
    /// Host and domain name.
    pub hostname: Option<String>,
    /// The domain.
    pub domainname: Option<String>,
    /// The name the file wants for its container.
    pub container_name: Option<String>,
    /// What is said of the container and handed on.
    pub container: Container,
    /// What it may use.
    pub limits: Limits,
    /// How it is stopped: a signal's name with `SIG`, or its number.
    pub stop_signal: Option<String>,
    /// How long it may take.
    #[serde(serialize_with = "text")]
    pub stop_grace_period: Option<Duration>,
    /// Commands in containers of their own before each start.
    pub pre_start: Vec<Hook>,
    /// Commands in the container after its start.
    pub post_start: Vec<Hook>,
    /// Commands in the container before it is stopped.
    pub pre_stop: Vec<Hook>,
    /// Files whose changes restart or rebuild it.
    pub watch: Vec<Watch>,
}

/// A file of variables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EnvFile {
    /// The file.
    pub path: String,
    /// It has to be there.
    pub required: bool,
}

/// What is waited for before a service is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Dependency {
    /// When it is enough.
    pub condition: Condition,
    /// The service is restarted when this one is.
    pub restart: bool,
    /// Without it, the service is not started.
    pub required: bool,
}

/// When a dependency is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// `service_started`.
    Started,
    /// `service_healthy`.
    Healthy,
    /// `service_completed_successfully`.
    Succeeded,
}

/// How a container is asked how it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Healthcheck {
    /// What is executed in the container; `None` is the image's own test.
    pub test: Option<Test>,
    /// How often.
    #[serde(serialize_with = "text")]
    pub interval: Option<Duration>,
    /// How long an answer may take.
    #[serde(serialize_with = "text")]
    pub timeout: Option<Duration>,
    /// How long failures do not count.
    #[serde(serialize_with = "text")]
    pub start_period: Option<Duration>,
    /// How often in that time.
    #[serde(serialize_with = "text")]
    pub start_interval: Option<Duration>,
    /// How many failures make it unhealthy.
    pub retries: Option<u32>,
}

/// A health check's test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Test {
    /// There is none, not even the image's.
    Disabled,
    /// By the container's shell.
    Shell(String),
    /// Directly.
    Direct(Vec<String>),
}

/// When a container is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Restart {
    /// Never.
    #[default]
    No,
    /// Whatever it ended with.
    Always,
    /// As `Always`, unless a person has stopped it.
    UnlessStopped,
    /// When it failed, so often.
    OnFailure(Option<u32>),
}

/// A port of a container that can be reached from outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Port {
    /// In the container.
    pub target: u16,
    /// On this machine: a port, a range of which any is taken, or any at all.
    pub published: Option<String>,
    /// The address on this machine, where one is said.
    pub host_ip: Option<String>,
    /// `tcp`, `udp` or `sctp`.
    pub protocol: String,
    /// What it is called.
    pub name: Option<String>,
    /// What is spoken: `http` and the like.
    pub app_protocol: Option<String>,
}

/// What is mounted into a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mount {
    /// What and from where.
    pub what: Mounted,
    /// Where to.
    pub target: String,
    /// It cannot be written.
    pub read_only: bool,
}

/// The kinds of mounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mounted {
    /// A file or folder of this machine.
    Bind {
        /// Which.
        source: String,
        /// It is made where it is not there.
        create: bool,
        /// `rprivate` and the like.
        propagation: Option<String>,
        /// `z` or `Z`.
        selinux: Option<String>,
        /// Whether what is mounted below it is read-only, too: `enabled`, `disabled`, `writable`, `readonly`.
        recursive: Option<String>,
    },
    /// A named volume, or one without a name that lives as long as the container.
    Volume {
        /// Which of the project's.
        name: Option<String>,
        /// What the image has there is not copied into it.
        nocopy: bool,
        /// Labels, of one that is made for this mount.
        labels: BTreeMap<String, String>,
        /// A folder in it.
        subpath: Option<String>,
    },
    /// Memory.
    Tmpfs {
        /// Bytes.
        size: Option<u64>,
        /// Permissions.
        mode: Option<u32>,
    },
    /// The files of an image.
    Image {
        /// Which.
        image: String,
        /// A folder in it.
        subpath: Option<String>,
    },
    /// A named pipe or a swarm's volume, by type and source.
    Other(String, String),
}

/// How a service is in a network.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Attachment {
    /// Further names of it there.
    pub aliases: Vec<String>,
    /// An address of its own.
    pub ipv4_address: Option<String>,
    /// An address of its own.
    pub ipv6_address: Option<String>,
    /// Link-local addresses.
    pub link_local_ips: Vec<String>,
    /// The address of its card.
    pub mac_address: Option<String>,
    /// The name of its card in the container.
    pub interface_name: Option<String>,
    /// Options of the driver.
    pub driver_opts: BTreeMap<String, String>,
    /// Which is connected first.
    pub priority: Option<i64>,
    /// Which has the default gateway.
    pub gw_priority: Option<i64>,
}

/// A secret or config that a service is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Grant {
    /// Which.
    pub source: String,
    /// The file in the container, an absolute path.
    pub target: String,
    /// Its permissions.
    pub mode: Option<u32>,
    /// Its owner.
    pub uid: Option<u32>,
    /// Its group.
    pub gid: Option<u32>,
}

/// A network of the project.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Network {
    /// Where it is defined.
    #[serde(skip)]
    pub at: At,
    /// The file gives it its name.
    #[serde(skip)]
    pub named: bool,
    /// What the daemon knows it by.
    pub name: String,
    /// It is there already, and not made or removed.
    pub external: bool,
    /// `bridge` and the like.
    pub driver: Option<String>,
    /// Options of the driver.
    pub driver_opts: BTreeMap<String, String>,
    /// No way out of it.
    pub internal: bool,
    /// Containers that are not the project's may join.
    pub attachable: bool,
    /// It has IPv4 addresses.
    pub enable_ipv4: Option<bool>,
    /// It has IPv6 addresses.
    pub enable_ipv6: Option<bool>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// The driver of addresses.
    pub ipam_driver: Option<String>,
    /// Options of the driver of addresses.
    pub ipam_options: BTreeMap<String, String>,
    /// Ranges of addresses.
    pub subnets: Vec<Subnet>,
}

/// A range of addresses.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Subnet {
    /// `172.28.0.0/16`.
    pub subnet: Option<String>,
    /// From where addresses are given.
    pub ip_range: Option<String>,
    /// The gateway.
    pub gateway: Option<String>,
    /// Addresses that are taken, by host.
    pub aux_addresses: BTreeMap<String, String>,
}

/// A named volume.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Volume {
    /// Where it is defined.
    #[serde(skip)]
    pub at: At,
    /// The file gives it its name.
    #[serde(skip)]
    pub named: bool,
    /// What the daemon knows it by.
    pub name: String,
    /// It is there already, and not made or removed.
    pub external: bool,
    /// `local` and the like.
    pub driver: Option<String>,
    /// Options of the driver.
    pub driver_opts: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// Where a secret or config comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Given {
    /// A file.
    File(String),
    /// A variable of the environment that `up` is called in, by name.
    Environment(String),
    /// A text in the file itself.
    Content(String),
    /// A store that is not ours, by name.
    External(String),
}

/// A command beside a service's life.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Hook {
    /// What is executed.
    pub command: Vec<String>,
    /// The image, of `pre_start`; the service's own unless given.
    pub image: Option<String>,
    /// As whom.
    pub user: Option<String>,
    /// With all privileges.
    pub privileged: bool,
    /// Where.
    pub working_dir: Option<String>,
    /// Further variables.
    pub environment: BTreeMap<String, String>,
    /// Before each instance, and not once before all; of `pre_start`.
    pub per_replica: bool,
}

/// Files whose changes matter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Watch {
    /// A file or folder.
    pub path: String,
    /// What is done: `rebuild`, `restart`, `sync`, `sync+restart` or `sync+exec`.
    pub action: String,
    /// Patterns that do not count.
    pub ignore: Vec<String>,
    /// Patterns that alone count.
    pub include: Vec<String>,
}

#[expect(clippy::ref_option, reason = "what serde calls")]
fn text<S: serde::Serializer>(duration: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
    duration
        .map(|duration| format!("{duration:?}"))
        .serialize(to)
}

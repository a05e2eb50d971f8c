//! What a container is made of, as plain values. The daemon's own words for it are in `body`.
//!
//! Nothing in it names a restart policy: a container has one owner, and that is not the daemon.

use driver::SecretText;
use serde::{Serialize, Serializer};
use spec::container::{Device, DeviceRequest, Protocol, Resources};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

/// What a container is made of.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ContainerSpec {
    /// The image, as `docker run` takes it.
    pub image: String,
    /// The system the image is for, `linux/arm64`; the daemon's own when none is named.
    pub platform: Option<String>,
    /// In place of the image's entry point; empty for none.
    pub entrypoint: Option<Vec<String>>,
    /// In place of the image's command.
    pub command: Option<Vec<String>>,
    /// Variables, over the image's.
    pub env: BTreeMap<String, String>,
    /// Variables that no file of ours may hold. The daemon keeps them with the container.
    pub secrets: BTreeMap<String, Secret>,
    /// Files that are put into it before it is started.
    pub files: Vec<FileIn>,
    /// Working folder, in place of the image's.
    pub working_dir: Option<String>,
    /// User, in place of the image's: name or number, and a group after a colon.
    pub user: Option<String>,
    /// Groups it is in besides.
    pub group_add: Vec<String>,
    /// Its own name on its networks, in place of its id.
    pub hostname: Option<String>,
    /// Its domain.
    pub domainname: Option<String>,
    /// What is mounted into it.
    pub mounts: Vec<Mount>,
    /// The networks it is on; the first is connected when it is made.
    pub networks: Vec<Attachment>,
    /// `none`, `host` or `container:NAME` in place of networks.
    pub network_mode: Option<String>,
    /// The address of its network card.
    pub mac_address: Option<String>,
    /// Ports of it that are reached from outside.
    pub ports: Vec<Published>,
    /// Labels, besides those by which it is known.
    pub labels: BTreeMap<String, String>,
    /// OCI annotations.
    pub annotations: BTreeMap<String, String>,
    /// What the daemon asks it to know whether it is well.
    pub health: Health,
    /// The signal that asks it to stop, in place of the image's; only noted: who stops it says one.
    pub stop_signal: Option<String>,
    /// What it may use.
    pub limits: Limits,
    /// What it may use, in the daemon's own terms.
    pub resources: Resources,
    /// It gets a terminal.
    pub tty: bool,
    /// Its standard input stays open.
    pub stdin_open: bool,
    /// A small init is its first process. `None` is as the daemon is set up.
    pub init: Option<bool>,
    /// Its own files cannot be written.
    pub read_only: bool,
    /// Capabilities it gets besides.
    pub cap_add: Vec<String>,
    /// Capabilities it does not get.
    pub cap_drop: Vec<String>,
    /// It may do what root of the machine may.
    pub privileged: bool,
    /// Devices of the machine.
    pub devices: Vec<Device>,
    /// Rules of the device control group.
    pub device_cgroup_rules: Vec<String>,
    /// GPUs and other devices that a driver of the daemon finds.
    pub device_requests: Vec<DeviceRequest>,
    /// Options of the security modules.
    pub security_opt: Vec<String>,
    /// Names and their addresses, `HOST:ADDRESS`.
    pub extra_hosts: Vec<String>,
    /// Name servers.
    pub dns: Vec<String>,
    /// Domains that are searched.
    pub dns_search: Vec<String>,
    /// Options of the resolver.
    pub dns_opt: Vec<String>,
    /// Settings of the kernel that are a namespace's own.
    pub sysctls: BTreeMap<String, String>,
    /// Whose processes it sees: `host`, `container:NAME`.
    pub pid_mode: Option<String>,
    /// With whom it shares memory: `host`, `private`, `shareable`, `container:NAME`.
    pub ipc_mode: Option<String>,
    /// Whose host name it has: `host`.
    pub uts_mode: Option<String>,
    /// Whose users it has: `host`.
    pub userns_mode: Option<String>,
    /// Whose control groups it sees: `host`, `private`.
    pub cgroupns_mode: Option<String>,
    /// The control group its own lies in.
    pub cgroup_parent: Option<String>,
    /// The OCI runtime.
    pub runtime: Option<String>,
    /// Options of the storage driver.
    pub storage_opt: BTreeMap<String, String>,
}

/// A value that is not to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// The value.
    pub text: SecretText,
    /// What may be written down of it; the same for the same value. See `ProcessDriver::fingerprint`.
    pub fingerprint: String,
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.fingerprint)
    }
}

/// A file that is put into a container: it is there before its first process is, and belongs to it
/// like its image's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileIn {
    /// Where, an absolute path.
    pub target: String,
    /// What is in it.
    pub content: Secret,
    /// Its permissions.
    pub mode: u32,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
}

/// What is mounted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Mount {
    /// A file or folder of the machine.
    Bind {
        /// Where it is.
        source: PathBuf,
        /// Where it appears.
        target: String,
        /// It cannot be written.
        read_only: bool,
        /// A folder is made where nothing is; else it has to be there.
        create: bool,
        /// `rprivate` and the like.
        propagation: Option<String>,
        /// `z` or `Z`: it gets the label that SELinux wants.
        selinux: Option<String>,
        /// What is mounted below it: `disabled` leaves it out, `writable` lets it be written although
        /// this may not, `readonly` fails where it could be.
        recursive: Option<String>,
    },
    /// A volume of the daemon.
    Volume {
        /// Its name; `None` is one of its own.
        name: Option<String>,
        /// Where it appears.
        target: String,
        /// It cannot be written.
        read_only: bool,
        /// What the image has there is not copied into it.
        nocopy: bool,
        /// A folder in it.
        subpath: Option<String>,
        /// Labels of one that is made for this.
        labels: BTreeMap<String, String>,
    },
    /// Files in memory that end with the container.
    Tmpfs {
        /// Where they appear.
        target: String,
        /// Most bytes.
        size: Option<u64>,
        /// Permissions of the folder.
        mode: Option<u32>,
        /// It cannot be written.
        read_only: bool,
    },
    /// The files of an image.
    Image {
        /// Which.
        image: String,
        /// A folder in it.
        subpath: Option<String>,
        /// Where they appear.
        target: String,
    },
}

impl Mount {
    /// Where it appears.
    pub(crate) fn target(&self) -> &str {
        match self {
            Mount::Bind { target, .. }
            | Mount::Volume { target, .. }
            | Mount::Tmpfs { target, .. }
            | Mount::Image { target, .. } => target,
        }
    }
}

/// A network a container is on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Attachment {
    /// Which, by its name.
    pub network: String,
    /// How others find it there.
    pub aliases: Vec<String>,
    /// An address of its own.
    pub ipv4_address: Option<String>,
    /// An address of its own.
    pub ipv6_address: Option<String>,
    /// Link-local addresses.
    pub link_local_ips: Vec<String>,
    /// The address of its card.
    pub mac_address: Option<String>,
    /// Options of the network's driver.
    pub driver_opts: BTreeMap<String, String>,
    /// Which has the default gateway.
    pub gw_priority: Option<i64>,
    /// [`Network::made_of`](crate::Network::made_of) of the network where more is said of it than its name: on
    /// another one it is another container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub made_of: Option<String>,
}

/// A port that is reached from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Published {
    /// Where on the machine.
    pub address: IpAddr,
    /// Which port there; any of a range, or any at all.
    pub host: Option<(u16, u16)>,
    /// Which port of the container.
    pub container: u16,
    /// How.
    pub protocol: Protocol,
}

impl Published {
    /// A TCP port, on loopback.
    pub fn tcp(host: u16, container: u16) -> Self {
        Self {
            address: Ipv4Addr::LOCALHOST.into(),
            host: Some((host, host)),
            container,
            protocol: Protocol::Tcp,
        }
    }
}

/// What the daemon asks a container.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub enum Health {
    /// What the image says, if anything.
    #[default]
    OfImage,
    /// Nothing, whatever the image says.
    Off,
    /// This, as Docker's `HEALTHCHECK` has it: the first word is `CMD` or `CMD-SHELL`.
    Check {
        /// What is run; `None` is what the image says.
        test: Option<Vec<String>>,
        /// How often.
        interval: Option<Duration>,
        /// How long it may take.
        timeout: Option<Duration>,
        /// How often it may fail.
        retries: Option<u32>,
        /// For how long failures do not count.
        start_period: Option<Duration>,
        /// How often in that time.
        start_interval: Option<Duration>,
    },
}

/// What a container may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Limits {
    /// Bytes of memory, swap included.
    pub memory: Option<u64>,
    /// Processor time, in thousandths of a core.
    pub cpu: Option<u32>,
    /// Processes and threads at once.
    pub processes: Option<u32>,
    /// Open files of each process.
    pub files: Option<u64>,
}

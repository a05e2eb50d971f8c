//! What is said of a service's container and image, and handed on.

use serde::Serialize;
use std::collections::BTreeMap;

/// Properties that are handed to the container daemon as they are.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Container {
    /// A terminal.
    pub tty: bool,
    /// Standard input stays open.
    pub stdin_open: bool,
    /// A process 1 that reaps.
    pub init: Option<bool>,
    /// Its file system is read-only.
    pub read_only: bool,
    /// All the privileges of root of this machine.
    pub privileged: bool,
    /// Capabilities it gets.
    pub cap_add: Vec<String>,
    /// Capabilities it loses.
    pub cap_drop: Vec<String>,
    /// Labels and profiles of security modules.
    pub security_opt: Vec<String>,
    /// Devices of this machine.
    pub devices: Vec<Device>,
    /// Rules of the device control group.
    pub device_cgroup_rules: Vec<String>,
    /// GPUs and other devices that a driver of the daemon finds.
    pub device_requests: Vec<DeviceRequest>,
    /// Kernel parameters.
    pub sysctls: BTreeMap<String, String>,
    /// Names that stand in its `/etc/hosts`.
    pub extra_hosts: BTreeMap<String, Vec<String>>,
    /// DNS servers.
    pub dns: Vec<String>,
    /// Options of the resolver.
    pub dns_opt: Vec<String>,
    /// Search domains.
    pub dns_search: Vec<String>,
    /// Namespaces: `host`, `service:NAME` and the like.
    pub pid: Option<String>,
    /// See `pid`.
    pub ipc: Option<String>,
    /// See `pid`.
    pub uts: Option<String>,
    /// See `pid`.
    pub userns_mode: Option<String>,
    /// See `pid`.
    pub cgroup: Option<String>,
    /// The control group its own lies in.
    pub cgroup_parent: Option<String>,
    /// `linux/amd64` and the like.
    pub platform: Option<String>,
    /// `always`, `never`, `missing`, `build` and the like.
    pub pull_policy: Option<String>,
    /// The OCI runtime.
    pub runtime: Option<String>,
    /// Options of the storage driver.
    pub storage_opt: BTreeMap<String, String>,
    /// The address of its network card.
    pub mac_address: Option<String>,
}

/// What a container may use; bytes and counts.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Limits {
    /// Cores.
    pub cpus: Option<f64>,
    /// The weight among others.
    pub cpu_shares: Option<i64>,
    /// Which cores: `0-3`.
    pub cpuset: Option<String>,
    /// Microseconds in each period.
    pub cpu_quota: Option<i64>,
    /// Microseconds.
    pub cpu_period: Option<i64>,
    /// The same of the real-time scheduler.
    pub cpu_rt_period: Option<i64>,
    /// Microseconds of the real-time scheduler in each period.
    pub cpu_rt_runtime: Option<i64>,
    /// The weight among others at disks, 10 to 1000.
    pub blkio_weight: Option<i64>,
    /// Limits at single disks.
    pub blkio: Vec<DiskLimit>,
    /// Bytes.
    pub memory: Option<u64>,
    /// Bytes that are kept for it.
    pub memory_reservation: Option<u64>,
    /// Bytes of memory and swap together; -1 is as much as there is.
    pub memory_swap: Option<i64>,
    /// 0 to 100.
    pub memory_swappiness: Option<i64>,
    /// Processes; -1 is as many as there can be.
    pub pids: Option<i64>,
    /// Bytes of `/dev/shm`.
    pub shm_size: Option<u64>,
    /// -1000 to 1000.
    pub oom_score_adj: Option<i64>,
    /// It is not ended when memory is short.
    pub oom_kill_disable: bool,
    /// Resource limits by name; -1 is none.
    pub ulimits: BTreeMap<String, Ulimit>,
}

/// A resource limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Ulimit {
    /// What holds.
    pub soft: i64,
    /// Up to where it can be raised.
    pub hard: i64,
}

/// How an image is built.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Build {
    /// A folder, or something to be fetched.
    pub context: String,
    /// Relative to the context.
    pub dockerfile: Option<String>,
    /// The text of one.
    pub dockerfile_inline: Option<String>,
    /// Arguments; one without a value that is not set is left out.
    pub args: BTreeMap<String, String>,
    /// Labels of the image.
    pub labels: BTreeMap<String, String>,
    /// The stage.
    pub target: Option<String>,
    /// Further names of the image.
    pub tags: Vec<String>,
    /// Images whose layers can be used.
    pub cache_from: Vec<String>,
    /// Nothing is taken from the cache.
    pub no_cache: bool,
    /// Newer base images are looked for.
    pub pull: bool,
    /// The network of its commands.
    pub network: Option<String>,
    /// What for.
    pub platforms: Vec<String>,
    /// Names that stand in `/etc/hosts` meanwhile.
    pub extra_hosts: BTreeMap<String, Vec<String>>,
    /// Bytes of `/dev/shm`.
    pub shm_size: Option<u64>,
}

/// A device of this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Device {
    /// On this machine.
    pub source: String,
    /// In the container.
    pub target: String,
    /// `r`, `w` and `m`.
    pub permissions: String,
}

/// Devices that a driver of the daemon finds, GPUs mostly.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct DeviceRequest {
    /// Which driver.
    pub driver: Option<String>,
    /// How many, or `all`.
    pub count: Option<String>,
    /// Which ones.
    pub device_ids: Vec<String>,
    /// What they can: `gpu`.
    pub capabilities: Vec<String>,
    /// Options of the driver.
    pub options: BTreeMap<String, String>,
}

/// What a container may do at one disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DiskLimit {
    /// The disk's device.
    pub path: String,
    /// What is limited.
    pub what: DiskUse,
    /// A weight, bytes each second, or operations each second.
    pub limit: u64,
}

/// What is limited at a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DiskUse {
    /// The weight among others.
    Weight,
    /// Bytes read.
    ReadBytes,
    /// Bytes written.
    WriteBytes,
    /// Reads.
    Reads,
    /// Writes.
    Writes,
}

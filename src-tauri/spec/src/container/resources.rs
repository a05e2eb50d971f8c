//! What a container may use of the machine.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a container may use, besides what limits of every service say. `None` is as the daemon has it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Resources {
    /// Which cores: `0-3`.
    pub cpuset: Option<String>,
    /// The weight among others.
    pub cpu_shares: Option<i64>,
    /// Microseconds in each period.
    pub cpu_quota: Option<i64>,
    /// Microseconds.
    pub cpu_period: Option<i64>,
    /// Microseconds of the real-time scheduler's period.
    pub cpu_rt_period: Option<i64>,
    /// Microseconds of the real-time scheduler in each period.
    pub cpu_rt_runtime: Option<i64>,
    /// Bytes that are kept for it.
    pub memory_reservation: Option<u64>,
    /// Bytes of memory and swap together; -1 is as much as there is.
    pub memory_swap: Option<i64>,
    /// 0 to 100.
    pub memory_swappiness: Option<i64>,
    /// -1000 to 1000: who is ended first when memory is short.
    pub oom_score_adj: Option<i64>,
    /// It is not ended when its memory is used up.
    pub oom_kill_disable: bool,
    /// Bytes of `/dev/shm`.
    pub shm_size: Option<u64>,
    /// Limits of each process by name (`nproc`).
    pub ulimits: BTreeMap<String, Ulimit>,
    /// The weight among others at disks, 10 to 1000.
    pub blkio_weight: Option<i64>,
    /// Limits at single disks.
    pub blkio: Vec<DiskLimit>,
}

/// A limit of each process; -1 is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ulimit {
    /// What holds.
    pub soft: i64,
    /// Up to where it can be raised.
    pub hard: i64,
}

/// What a container may do at one disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskLimit {
    /// The disk's device.
    pub path: String,
    /// What is limited.
    pub what: DiskUse,
    /// A weight, bytes each second, or operations each second.
    pub limit: u64,
}

/// What is limited at a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiskUse {
    /// The weight among others.
    Weight,
    /// Bytes read each second.
    ReadBytes,
    /// Bytes written each second.
    WriteBytes,
    /// Reads each second.
    Reads,
    /// Writes each second.
    Writes,
}

/// A device of this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// On this machine.
    pub source: String,
    /// In the container.
    pub target: String,
    /// `r`, `w` and `m`.
    pub permissions: String,
}

/// Devices that a driver of the daemon finds, GPUs mostly.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
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

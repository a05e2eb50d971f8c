//! The cluster definition: from the bytes of an `azora.toml` to a checked [`Cluster`], or to
//! diagnostics that each say what is wrong, where, and what would be right.
//!
//! Called by `engine` and `cli`. It opens no file, reads no environment and knows no clock: the
//! caller brings the bytes.

pub mod cluster;

pub use cluster::{
    Backoff, Budget, Cluster, Heal, Kind, Need, Probe, ProbeTarget, Run, Service, Stop,
    StopSignal, Template, TemplatePart,
};

//! What a container uses, as its daemon counts it.

use crate::ContainerDriver;
use crate::daemon::{Fault, QUICK};
use bollard::models::{ContainerMemoryStats, ContainerStatsResponse};
use bollard::query_parameters::StatsOptionsBuilder;
use futures_util::StreamExt;
use model::{ClusterId, InstanceId};
use std::time::Duration;
use tokio::time::timeout;

/// One reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Processor time since it was started.
    pub cpu: Duration,
    /// Bytes of memory, without files that the kernel keeps and can let go of.
    pub memory: u64,
    /// Processes and threads.
    pub processes: u64,
}

impl ContainerDriver {
    /// What the container of an instance uses. `None` when it does not run.
    ///
    /// # Errors
    /// When the daemon does not say.
    pub async fn usage(
        &self,
        cluster: &ClusterId,
        instance: &InstanceId,
    ) -> Result<Option<Usage>, Fault> {
        let Some(container) = self.container(cluster, instance) else {
            return Ok(None);
        };
        let options = StatsOptionsBuilder::new()
            .stream(false)
            .one_shot(true)
            .build();
        let mut readings = Box::pin(self.daemon().api().stats(&container, Some(options)));
        match timeout(QUICK, readings.next()).await {
            Ok(Some(Ok(reading))) => Ok(Some(usage(&reading))),
            Ok(Some(Err(error))) => match Fault::from(error) {
                fault if fault.is_not_found() => Ok(None),
                fault => Err(fault),
            },
            Ok(None) => Ok(None),
            Err(_) => Err(Fault::Silent(format!("for {} s", QUICK.as_secs()))),
        }
    }
}

fn usage(reading: &ContainerStatsResponse) -> Usage {
    let cpu = reading.cpu_stats.as_ref();
    let cpu = cpu.and_then(|cpu| cpu.cpu_usage.as_ref()?.total_usage);
    let processes = reading.pids_stats.as_ref();
    Usage {
        cpu: Duration::from_nanos(cpu.unwrap_or(0)),
        memory: reading.memory_stats.as_ref().map_or(0, memory),
        processes: processes.and_then(|pids| pids.current).unwrap_or(0),
    }
}

/// As `docker stats` counts it: of version 1 and 2 of control groups.
fn memory(stats: &ContainerMemoryStats) -> u64 {
    let detail = |name: &str| stats.stats.as_ref()?.get(name).copied();
    let idle = detail("total_inactive_file").or_else(|| detail("inactive_file"));
    let usage = stats.usage.unwrap_or(0);
    usage.saturating_sub(idle.unwrap_or(0))
}

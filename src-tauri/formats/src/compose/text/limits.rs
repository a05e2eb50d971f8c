//! What a container may use: what every service can be held to, and what only a container can.

use super::values::{number_of, size, size_of, table, text_of, ulimits_of, yes};
use super::{Writer, at};
use crate::compose::container::DiskUse;
use crate::compose::project::{At, Service};
use crate::draft::{Draft, list, text};

impl Writer<'_> {
    /// `limits` of the service.
    pub(super) fn limits(&self, service: &Service, draft: &mut Draft) {
        let limits = &service.limits;
        // 0 is no limit in compose.
        let memory = limits.memory.filter(|memory| *memory > 0);
        let cpus = limits.cpus.filter(|cpus| *cpus > 0.0);
        let pids = limits.pids.filter(|pids| *pids > 0);
        let keys = size_of("memory", memory)
            .into_iter()
            .chain(number_of("cpu", cpus))
            .chain(number_of("processes", pids));
        let keys: Vec<_> = keys.collect();
        if keys.is_empty() {
            return;
        }
        let place = ["mem_limit", "cpus", "pids_limit"]
            .iter()
            .find_map(|key| service.lines.get(*key));
        let place: &At = place.unwrap_or_else(|| at(service, "deploy"));
        draft.key("limits", table(keys), &self.origin(place));
    }

    /// The others, of the container.
    pub(super) fn resources(&self, service: &Service) -> Vec<(&'static str, String)> {
        let limits = &service.limits;
        let swap = limits.memory_swap.filter(|swap| *swap != 0);
        let swap = swap.map(|swap| match u64::try_from(swap) {
            Ok(bytes) => ("memory_swap", size(bytes)),
            Err(_) => ("memory_swap", "-1".to_owned()),
        });
        let disks = limits.blkio.iter().map(|disk| {
            let what = match disk.what {
                DiskUse::Weight => "weight",
                DiskUse::ReadBytes => "read_bytes",
                DiskUse::WriteBytes => "write_bytes",
                DiskUse::Reads => "reads",
                DiskUse::Writes => "writes",
            };
            table([
                ("path", text(&disk.path)),
                ("what", text(what)),
                ("limit", disk.limit.to_string()),
            ])
        });
        let disks: Vec<String> = disks.collect();
        let disks = number_of("weight", limits.blkio_weight)
            .into_iter()
            .chain((!disks.is_empty()).then(|| ("devices", list(disks))));
        let disks: Vec<_> = disks.collect();
        let keys = text_of("cpuset", &limits.cpuset)
            .into_iter()
            .chain(number_of("cpu_shares", limits.cpu_shares))
            .chain(number_of("cpu_quota", limits.cpu_quota))
            .chain(number_of("cpu_period", limits.cpu_period))
            .chain(number_of("cpu_rt_period", limits.cpu_rt_period))
            .chain(number_of("cpu_rt_runtime", limits.cpu_rt_runtime))
            .chain(size_of("memory_reservation", limits.memory_reservation))
            .chain(swap)
            .chain(number_of("memory_swappiness", limits.memory_swappiness))
            .chain(number_of("oom_score_adj", limits.oom_score_adj))
            .chain(yes("oom_kill_disable", limits.oom_kill_disable))
            .chain(size_of("shm_size", limits.shm_size))
            .chain(ulimits_of("ulimits", &limits.ulimits))
            .chain((!disks.is_empty()).then(|| ("blkio", table(disks))));
        keys.collect()
    }
}

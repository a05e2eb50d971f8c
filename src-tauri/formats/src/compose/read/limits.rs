//! How much of the machine a service's container may use.

use super::Reader;
use super::container::{nested, place};
use super::values::{bytes, bytes_or_all, items, within};
use crate::compose::container::{DiskLimit, DiskUse, Limits, Ulimit};
use crate::yaml::{Fields, duration, expected};
use std::collections::BTreeMap;

impl Reader<'_, '_> {
    pub(super) fn limits(&mut self, fields: &mut Fields<'_>) -> Limits {
        let resources = fields
            .get("deploy")
            .and_then(|deploy| deploy.get("resources"));
        let path = fields.path_of("deploy.resources");
        let mut part = |key: &str| {
            let node = resources?.get(key).filter(|node| !node.is_null())?;
            Fields::of(node, format!("{path}.{key}"), self.files())
        };
        let (mut upper, mut lower) = (part("limits"), part("reservations"));
        let ulimits = self.ulimits(fields);
        let (blkio_weight, blkio) = self.blkio(fields);
        let cpu_rt_period = self.microseconds(fields, "cpu_rt_period");
        let cpu_rt_runtime = self.microseconds(fields, "cpu_rt_runtime");
        let files = self.files();
        let mut limits = Limits {
            cpus: fields.number("cpus", files),
            cpu_shares: fields.integer("cpu_shares", files),
            cpuset: fields.word("cpuset", files),
            cpu_quota: fields.integer("cpu_quota", files),
            cpu_period: fields.integer("cpu_period", files),
            cpu_rt_period,
            cpu_rt_runtime,
            blkio_weight,
            blkio,
            memory: bytes(fields, "mem_limit", files),
            memory_reservation: bytes(fields, "mem_reservation", files),
            memory_swap: bytes_or_all(fields, "memswap_limit", files),
            memory_swappiness: within(fields, "mem_swappiness", 0..=100, files),
            pids: fields.integer("pids_limit", files),
            shm_size: bytes(fields, "shm_size", files),
            oom_score_adj: within(fields, "oom_score_adj", -1000..=1000, files),
            oom_kill_disable: fields
                .boolean("oom_kill_disable", files)
                .unwrap_or_default(),
            ulimits,
        };
        if let Some(of) = &mut upper {
            limits.cpus = limits.cpus.or(of.number("cpus", files));
            limits.memory = limits.memory.or(bytes(of, "memory", files));
            limits.pids = limits.pids.or(of.integer("pids", files));
        }
        if let Some(of) = &mut lower {
            limits.memory_reservation = limits.memory_reservation.or(bytes(of, "memory", files));
        }
        if limits.cpus.is_some_and(|cpus| cpus < 0.0) {
            let place = place(fields, "cpus");
            self.wrong(
                place,
                "cpus is less than nothing".to_owned(),
                "here",
                "as in cpus: 1.5",
            );
        }
        // The kernel's words for "never this one".
        limits.oom_kill_disable |= limits.oom_score_adj == Some(-1000);
        limits
    }

    /// A number of microseconds, or a duration.
    fn microseconds(&mut self, fields: &mut Fields<'_>, key: &str) -> Option<i64> {
        let path = fields.path_of(key);
        let node = fields.get(key)?;
        let words = node
            .as_scalar()
            .map(|scalar| scalar.words())
            .unwrap_or_default();
        let read = match words.parse::<i64>() {
            Ok(number) => Some(number),
            Err(_) => duration(&words).and_then(|it| i64::try_from(it.as_micros()).ok()),
        };
        if read.is_none() {
            expected(
                node,
                &path,
                "microseconds, or a duration as in 10ms",
                self.files(),
            );
        }
        read
    }

    fn blkio(&mut self, fields: &mut Fields<'_>) -> (Option<i64>, Vec<DiskLimit>) {
        let Some(mut of) = nested(fields, "blkio_config", self) else {
            return (None, Vec::new());
        };
        let weight = within(&mut of, "weight", 0..=1000, self.files());
        let mut limits = Vec::new();
        for (key, value, what) in [
            ("weight_device", "weight", DiskUse::Weight),
            ("device_read_bps", "rate", DiskUse::ReadBytes),
            ("device_write_bps", "rate", DiskUse::WriteBytes),
            ("device_read_iops", "rate", DiskUse::Reads),
            ("device_write_iops", "rate", DiskUse::Writes),
        ] {
            let path = of.path_of(key);
            for item in items(&mut of, key, self.files()) {
                let Some(mut one) = Fields::of(item, path.clone(), self.files()) else {
                    continue;
                };
                let limit = bytes(&mut one, value, self.files());
                match (one.word("path", self.files()), limit) {
                    (Some(path), Some(limit)) => limits.push(DiskLimit { path, what, limit }),
                    _ => {
                        let message = format!("{path} needs a path and a {value}");
                        self.wrong(item.place, message, "here", "as in { path: /dev/sda, … }");
                    }
                }
            }
        }
        (weight, limits)
    }

    pub(super) fn ulimits(&mut self, fields: &mut Fields<'_>) -> BTreeMap<String, Ulimit> {
        let mut all = BTreeMap::new();
        let Some(of) = nested(fields, "ulimits", self) else {
            return all;
        };
        for entry in of.entries() {
            let files = self.files();
            let Some(mut one) = Fields::of(&entry.value, of.path_of(&entry.key), files) else {
                continue;
            };
            if let (Some(soft), Some(hard)) =
                (one.integer("soft", files), one.integer("hard", files))
            {
                all.insert(entry.key.clone(), Ulimit { soft, hard });
            } else if files.is_fine() {
                let message = format!("{} needs soft and hard", of.path_of(&entry.key));
                self.wrong(
                    entry.at,
                    message,
                    "here",
                    "write nofile: 1024, or { soft: …, hard: … }",
                );
            }
        }
        all
    }
}

//! What a container may use of the machine.

use super::super::Reader;
use super::keys::{BLKIO, DEVICE_REQUEST, DISK, ULIMIT};
use crate::container::{Device, DeviceRequest, DiskLimit, DiskUse, Resources, Ulimit};
use crate::document::{Table, ValueKind};
use crate::problem::quoted;
use std::collections::BTreeMap;

const ULIMITS: &str = "ulimits = { nproc = 512, core = { soft = 0, hard = 0 } }";
const DISKS: &str = "blkio = { weight = 300, devices = [{ path = \"/dev/sda\", what = \"read_bytes\", limit = \"10MB\" }] }";

impl Reader<'_> {
    pub(super) fn resources(&mut self, table: &Table) -> Resources {
        let cpuset = |text: &str| {
            let plain = |c: char| c.is_ascii_digit() || c == '-' || c == ',';
            text.chars().all(plain)
        };
        let whole = "a whole number, as `docker run` takes it";
        let micro = "microseconds: cpu_quota = 50000 with cpu_period = 100000 is half a core";
        let any = 0..=i64::MAX;
        let swap = match table.get("memory_swap").map(|entry| &entry.value.kind) {
            Some(ValueKind::Integer(-1)) => Some(-1),
            Some(_) => self
                .bytes(table, "memory_swap")
                .and_then(|bytes| i64::try_from(bytes).ok()),
            None => None,
        };
        let (blkio_weight, blkio) = self.disks(table);
        Resources {
            cpuset: self.formed(table, "cpuset", "0-3", cpuset),
            cpu_shares: self.whole(table, "cpu_shares", 2..=262_144, whole),
            cpu_quota: self.quota(table),
            cpu_period: self.whole(table, "cpu_period", 1_000..=1_000_000, micro),
            cpu_rt_period: self.whole(table, "cpu_rt_period", any.clone(), micro),
            cpu_rt_runtime: self.whole(table, "cpu_rt_runtime", any, micro),
            memory_reservation: self.bytes(table, "memory_reservation"),
            memory_swap: swap,
            memory_swappiness: self.whole(table, "memory_swappiness", 0..=100, whole),
            oom_score_adj: self.whole(table, "oom_score_adj", -1_000..=1_000, whole),
            oom_kill_disable: self.yes(table, "oom_kill_disable"),
            shm_size: self.bytes(table, "shm_size"),
            ulimits: self.ulimits(table),
            blkio_weight,
            blkio,
        }
    }

    /// The kernel gives out no less than a millisecond; -1 and 0 are none.
    fn quota(&mut self, table: &Table) -> Option<i64> {
        let help = "microseconds, 1000 or more, or -1 for none: cpu_quota = 50000 with cpu_period = 100000 is half a core";
        match table.get("cpu_quota").map(|entry| &entry.value.kind) {
            Some(ValueKind::Integer(none @ (-1 | 0))) => Some(*none),
            _ => self.whole(table, "cpu_quota", 1_000..=i64::MAX, help),
        }
    }

    pub(super) fn ulimits(&mut self, table: &Table) -> BTreeMap<String, Ulimit> {
        let help = format!("a whole number, -1 for none: {ULIMITS}");
        let mut limits = BTreeMap::new();
        for entry in self.entries(table, "ulimits", ULIMITS) {
            self.ulimit_name(entry);
            let name = entry.key.name.clone();
            let limit =
                match &entry.value.kind {
                    ValueKind::Table(table) => {
                        self.known_keys(table, &ULIMIT);
                        let soft = self.whole(table, "soft", -1..=i64::MAX, &help);
                        let hard = self.whole(table, "hard", -1..=i64::MAX, &help);
                        if table.get("soft").is_none() || table.get("hard").is_none() {
                            self.refuse(
                                &entry.value.span,
                                format!("the limit {} is not complete", quoted(&name)),
                                "`soft` and `hard` go together",
                                &format!("write {ULIMITS}"),
                            );
                        }
                        if let (Some(soft), Some(hard)) = (soft, hard)
                            && hard != -1
                            && (soft == -1 || soft > hard)
                        {
                            self.refuse(
                            &entry.value.span,
                            format!("the limit {} is more than the most it may be", quoted(&name)),
                            "`soft` above `hard`",
                            "`hard` is as far as a process may raise it: make it the larger one",
                        );
                        }
                        soft.zip(hard).map(|(soft, hard)| Ulimit { soft, hard })
                    }
                    _ => self
                        .number(&entry.value, &quoted(&name), -1..=i64::MAX, &help)
                        .map(|limit| Ulimit {
                            soft: limit,
                            hard: limit,
                        }),
                };
            limits.extend(limit.map(|limit| (name, limit)));
        }
        limits
    }

    fn disks(&mut self, table: &Table) -> (Option<i64>, Vec<DiskLimit>) {
        let Some(entry) = table.get("blkio") else {
            return (None, Vec::new());
        };
        let help = format!("write {DISKS}");
        let Some(table) = self.table(&entry.value, "`blkio`", &help) else {
            return (None, Vec::new());
        };
        self.known_keys(table, &BLKIO);
        let weight = self.whole(table, "weight", 10..=1_000, &help);
        let words = [
            ("weight", DiskUse::Weight),
            ("read_bytes", DiskUse::ReadBytes),
            ("write_bytes", DiskUse::WriteBytes),
            ("reads", DiskUse::Reads),
            ("writes", DiskUse::Writes),
        ];
        let mut limits = Vec::new();
        for item in self.items(table, "devices", DISKS) {
            let Some(table) = self.table(item, DISK.table, &help) else {
                continue;
            };
            self.known_keys(table, &DISK);
            let path = self.said(table, "path", "/dev/sda");
            let what = table.get("what");
            let what = what.and_then(|entry| self.word(&entry.value, "`what`", &words));
            let limit = match table.get("limit").map(|entry| &entry.value.kind) {
                Some(ValueKind::Text(_)) => self.bytes(table, "limit"),
                _ => self.whole(table, "limit", 1..=i64::MAX as u64, &help),
            };
            if ["path", "what", "limit"]
                .iter()
                .any(|key| table.get(key).is_none())
            {
                self.refuse(
                    &item.span,
                    "this limit of a disk is not complete".into(),
                    "`path`, `what` and `limit` go together",
                    &help,
                );
            }
            if let (Some(path), Some(what), Some(limit)) = (path, what, limit) {
                limits.push(DiskLimit { path, what, limit });
            }
        }
        (weight, limits)
    }

    /// `SOURCE[:TARGET[:PERMISSIONS]]`.
    pub(super) fn devices(&mut self, table: &Table) -> Vec<Device> {
        let mut devices = Vec::new();
        for (text, value) in self.placed_texts(table, "devices", "/dev/snd") {
            let parts: Vec<&str> = text.split(':').collect();
            let permissions =
                |text: &str| !text.is_empty() && text.chars().all(|c| "rwm".contains(c));
            let (source, target, allowed) = match parts[..] {
                [source] => (source, source, "rwm"),
                [source, allowed] if permissions(allowed) => (source, source, allowed),
                [source, target] => (source, target, "rwm"),
                [source, target, allowed] if permissions(allowed) => (source, target, allowed),
                _ => ("", "", ""),
            };
            // A name of the Container Device Interface has no place in the container.
            let interface = source.contains('=') && parts.len() == 1;
            if !interface && (!source.starts_with('/') || !target.starts_with('/')) {
                self.refuse(
                    &value.span,
                    format!("{} is no device", quoted(&text)),
                    "not two absolute paths, or one",
                    "write \"/dev/snd\", or \"/dev/ttyUSB0:/dev/ttyS0:rw\"",
                );
                continue;
            }
            devices.push(Device {
                source: source.to_owned(),
                target: target.to_owned(),
                permissions: allowed.to_owned(),
            });
        }
        devices
    }

    pub(super) fn device_requests(&mut self, table: &Table) -> Vec<DeviceRequest> {
        const FORM: &str = "device_requests = [{ capabilities = [\"gpu\"], count = \"all\" }]";
        let mut requests = Vec::new();
        for item in self.items(table, "device_requests", FORM) {
            let Some(table) = self.table(item, DEVICE_REQUEST.table, &format!("write {FORM}"))
            else {
                continue;
            };
            self.known_keys(table, &DEVICE_REQUEST);
            let count = match table.get("count") {
                None => None,
                Some(entry) => match &entry.value.kind {
                    ValueKind::Text(text) if text == "all" => Some(text.clone()),
                    _ => self
                        .number(
                            &entry.value,
                            "`count`",
                            1..=1_000_u32,
                            "a number, or \"all\"",
                        )
                        .map(|count| count.to_string()),
                },
            };
            requests.push(DeviceRequest {
                driver: self.said(table, "driver", "nvidia"),
                count,
                device_ids: self.texts(table, "device_ids", "0"),
                capabilities: self.texts(table, "capabilities", "gpu"),
                options: self.text_table(table, "options", "key = \"value\""),
            });
        }
        requests
    }
}

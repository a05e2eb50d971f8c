//! `[service.NAME.container]`: what only a container has.

use super::ports::Ports;
use super::values::{
    hosts_of, literals, map, map_of, number_of, table, text_of, texts, texts_of, yes,
};
use super::{Writer, at, note};
use crate::compose::container::{Device, DeviceRequest};
use crate::compose::project::Service;
use crate::draft::{Draft, list, text};

impl Writer<'_> {
    pub(super) fn container(
        &self,
        name: &str,
        own: &str,
        service: &Service,
        ports: Ports,
        draft: &mut Draft,
    ) {
        let mut table = Table {
            writer: self,
            service,
            head: Some(format!("service.{own}.container")),
            draft,
        };
        table.key("ports", "port", ports.inside.map(|port| port.to_string()));
        for (key, words) in [
            ("entrypoint", &service.entrypoint),
            ("command", &service.command),
        ] {
            table.key(key, key, words.as_ref().map(|words| literals(words)));
        }
        table.list("ports", "publish", ports.publish);
        let mounts = self.mounts(name, service, table.draft);
        table.list("volumes", "volumes", mounts);
        let files = self.files(name, service, table.draft);
        let from = if service.secrets.is_empty() {
            "configs"
        } else {
            "secrets"
        };
        table.list(from, "files", files);
        table.list("networks", "networks", self.networks(name, service));
        let mode = self.shared(&service.network_mode);
        table.key("network_mode", "network_mode", mode.map(|mode| text(&mode)));
        table.open_if(service.healthcheck.is_some());
        self.check(service, table.draft);
        table.texts("group_add", &service.group_add);
        for (key, said) in [
            ("working_dir", &service.working_dir),
            ("hostname", &service.hostname),
            ("domainname", &service.domainname),
        ] {
            table.key(key, key, said.as_deref().map(text));
        }
        for (key, all) in [
            ("labels", &service.labels),
            ("annotations", &service.annotations),
        ] {
            table.key(key, key, (!all.is_empty()).then(|| map(all)));
        }
        for (key, value) in self.handed_on(service) {
            table.key(from_key(key), key, Some(value));
        }
        for (key, value) in self.resources(service) {
            table.key(from_key(key), key, Some(value));
        }
        let pull = self.pull(name, service, table.draft);
        table.key("pull_policy", "pull", pull.map(text));
    }

    /// What is handed to the daemon as it is.
    fn handed_on(&self, service: &Service) -> Vec<(&'static str, String)> {
        let made = &service.container;
        let devices: Vec<String> = made.devices.iter().map(device).collect();
        let requests: Vec<String> = made.device_requests.iter().map(request).collect();
        let keys = number_of("init", made.init)
            .into_iter()
            .chain(yes("read_only", made.read_only))
            .chain(yes("privileged", made.privileged))
            .chain(yes("tty", made.tty))
            .chain(yes("stdin_open", made.stdin_open))
            .chain(texts_of("cap_add", &made.cap_add))
            .chain(texts_of("cap_drop", &made.cap_drop))
            .chain(texts_of("security_opt", &made.security_opt))
            .chain((!devices.is_empty()).then(|| ("devices", list(devices))))
            .chain(texts_of("device_cgroup_rules", &made.device_cgroup_rules))
            .chain((!requests.is_empty()).then(|| ("device_requests", list(requests))))
            .chain(map_of("sysctls", &made.sysctls))
            .chain(hosts_of("extra_hosts", &made.extra_hosts))
            .chain(texts_of("dns", &made.dns))
            .chain(texts_of("dns_opt", &made.dns_opt))
            .chain(texts_of("dns_search", &made.dns_search))
            .chain(text_of("pid", &self.shared(&made.pid)))
            .chain(text_of("ipc", &self.shared(&made.ipc)))
            .chain(text_of("uts", &self.shared(&made.uts)))
            .chain(text_of("userns_mode", &made.userns_mode))
            .chain(text_of("cgroup", &self.shared(&made.cgroup)))
            .chain(text_of("cgroup_parent", &made.cgroup_parent))
            .chain(text_of("platform", &made.platform))
            .chain(text_of("runtime", &made.runtime))
            .chain(map_of("storage_opt", &made.storage_opt))
            .chain(text_of("mac_address", &made.mac_address));
        keys.collect()
    }

    fn pull(&self, name: &str, service: &Service, draft: &mut Draft) -> Option<&'static str> {
        match service.container.pull_policy.as_deref()? {
            "always" => Some("always"),
            "never" => Some("never"),
            "build" => Some("build"),
            "missing" | "if_not_present" => None,
            other => {
                let says = format!(
                    "{name} has its image pulled when it is missing, and not by {other}: the age of one is not known"
                );
                draft.note(note(at(service, "pull_policy"), says));
                None
            }
        }
    }
}

/// The table, which is there when something is in it.
struct Table<'t, 'p> {
    writer: &'t Writer<'p>,
    service: &'t Service,
    head: Option<String>,
    draft: &'t mut Draft,
}

impl Table<'_, '_> {
    fn open_if(&mut self, yes: bool) {
        if let Some(head) = self.head.take_if(|_| yes) {
            self.draft.blank();
            self.draft
                .table(&head, &self.writer.origin(&self.service.at));
        }
    }

    /// `from` is the key of the file that says it.
    fn key(&mut self, from: &str, key: &str, value: Option<String>) {
        if let Some(value) = value {
            self.open_if(true);
            let from = self.writer.origin(at(self.service, from));
            self.draft.key(key, value, &from);
        }
    }

    fn list(&mut self, from: &str, key: &str, values: Vec<String>) {
        self.key(from, key, (!values.is_empty()).then(|| list(values)));
    }

    fn texts(&mut self, key: &str, words: &[String]) {
        self.key(key, key, (!words.is_empty()).then(|| texts(words)));
    }
}

/// The key of a compose file that a key of a container comes from, where it is another one.
fn from_key(key: &str) -> &str {
    match key {
        "device_requests" => "gpus",
        "memory_reservation" => "mem_reservation",
        "memory_swap" => "memswap_limit",
        "memory_swappiness" => "mem_swappiness",
        "blkio" => "blkio_config",
        key => key,
    }
}

fn device(device: &Device) -> String {
    let Device {
        source,
        target,
        permissions,
    } = device;
    // Alone it may be a name that the daemon's drivers know.
    text(&match (source == target, permissions.as_str()) {
        (true, "rwm") => source.clone(),
        _ => format!("{source}:{target}:{permissions}"),
    })
}

fn request(request: &DeviceRequest) -> String {
    let count = request
        .count
        .as_ref()
        .map(|count| match count.parse::<u32>() {
            Ok(count) => count.to_string(),
            Err(_) => text(count),
        });
    let keys = text_of("driver", &request.driver)
        .into_iter()
        .chain(count.map(|count| ("count", count)))
        .chain(texts_of("device_ids", &request.device_ids))
        .chain(texts_of("capabilities", &request.capabilities))
        .chain(map_of("options", &request.options));
    table(keys)
}

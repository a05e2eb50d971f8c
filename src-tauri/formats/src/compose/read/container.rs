//! A service's container: what it gets of this machine, and what of that reaches out of it.

use super::Reader;
use super::values::{bytes, hosts, items, labels, within};
use crate::compose::container::{Container, Device, DeviceRequest};
use crate::compose::paths::{Leads, leads};
use crate::compose::project::{Attachment, Grant, Mount, Mounted, Port, Service};
use crate::compose::risk::{Reach, is_daemon_socket, is_unconfined, is_usual};
use crate::yaml::{Fields, Node, Place, expected};
use spec::quoted;
use std::collections::BTreeMap;

impl Reader<'_, '_> {
    /// Reads what is below `fields` into the service, and notes what reaches out.
    pub(super) fn reach(&mut self, fields: &mut Fields<'_>, name: &str, service: &mut Service) {
        service.ports = self.ports(fields, name);
        service.volumes = self.mounts(fields, name);
        service.tmpfs = fields.texts("tmpfs", self.files()).unwrap_or_default();
        service.network_mode = self.namespace(fields, "network_mode", "network", name);
        service.networks = self.networks(fields);
        service.secrets = self.grants(fields, "secrets", "secret", "/run/secrets/");
        service.configs = self.grants(fields, "configs", "config", "/");
        service.container = self.container(fields, name);
        service.limits = self.limits(fields);
        if service.limits.oom_kill_disable {
            let place = place(fields, "oom_kill_disable");
            self.risk(name, place, Reach::NoOomKill);
        }
    }

    fn ports(&mut self, fields: &mut Fields<'_>, name: &str) -> Vec<Port> {
        let path = fields.path_of("ports");
        let mut ports = Vec::new();
        for item in items(fields, "ports", self.files()) {
            let Some(mut of) = Fields::of(item, path.clone(), self.files()) else {
                continue;
            };
            let files = self.files();
            let target = within(&mut of, "target", 1..=65_535, files);
            let port = Port {
                target: target
                    .and_then(|port| u16::try_from(port).ok())
                    .unwrap_or_default(),
                // 0 is any, as with sockets.
                published: of.word("published", files).filter(|port| port != "0"),
                host_ip: of.word("host_ip", files),
                protocol: of
                    .word("protocol", files)
                    .map_or_else(|| "tcp".to_owned(), |it| it.to_lowercase()),
                name: of.word("name", files),
                app_protocol: of.word("app_protocol", files),
            };
            if of.get("target").is_none() {
                self.wrong(
                    item.place,
                    format!("{path} has a port without target"),
                    "here",
                    "write target: 80",
                );
                continue;
            }
            if !matches!(port.protocol.as_str(), "tcp" | "udp" | "sctp") {
                expected(
                    item,
                    &format!("{path}.protocol"),
                    "tcp, udp or sctp",
                    self.files(),
                );
            }
            if let Some(published) = &port.published {
                let fine = published
                    .split('-')
                    .all(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
                if !fine {
                    let message = format!("{} is no port", quoted(published));
                    self.wrong(
                        item.place,
                        message,
                        "here",
                        "a port is 1 to 65535, a range 8000-8010",
                    );
                }
            }
            if let Some(address) = &port.host_ip {
                match address.parse::<std::net::IpAddr>() {
                    Ok(ip) if ip.is_loopback() => {}
                    Ok(_) => {
                        let what = Reach::OpenPort {
                            address: address.clone(),
                            port: port.published.clone().unwrap_or_else(|| "any".to_owned()),
                        };
                        self.risk(name, item.place, what);
                    }
                    Err(_) => {
                        let message = format!("{} is no address", quoted(address));
                        self.wrong(
                            item.place,
                            message,
                            "here",
                            "an address is 127.0.0.1 or ::1",
                        );
                    }
                }
            }
            ports.push(port);
        }
        ports
    }

    fn mounts(&mut self, fields: &mut Fields<'_>, name: &str) -> Vec<Mount> {
        let path = fields.path_of("volumes");
        let mut mounts = Vec::new();
        for item in items(fields, "volumes", self.files()) {
            let Some(mut of) = Fields::of(item, path.clone(), self.files()) else {
                continue;
            };
            let place_of_kind = place(&mut of, "type");
            let kind = of.word("type", self.files());
            let place_of_source = place(&mut of, "source");
            let source = of.word("source", self.files());
            if let (None, Some(path)) = (&kind, &source)
                && path.starts_with(['.', '/', '~'])
            {
                let message = format!("{} is a path, and this mount is a volume", quoted(path));
                let help = "a mount that names no type is a volume; write type: bind";
                self.wrong(place_of_source, message, "no name of a volume", help);
                continue;
            }
            let kind = kind.unwrap_or_else(|| "volume".to_owned());
            let target = of.word("target", self.files());
            let read_only = of.boolean("read_only", self.files()).unwrap_or_default();
            let Some(target) = target.filter(|target| target.starts_with('/')) else {
                let message = format!("{path} has a mount without a target in the container");
                self.wrong(
                    item.place,
                    message,
                    "here",
                    "a target is an absolute path, as in target: /data",
                );
                continue;
            };
            let what = match (kind.as_str(), source) {
                ("volume", name) => {
                    if let Some(name) = &name {
                        self.uses("volume", name, item.place);
                    }
                    self.volume_mount(&mut of, name)
                }
                ("tmpfs", _) => self.tmpfs_mount(&mut of),
                ("bind", Some(source)) => {
                    self.host_path(name, item.place, &source, !read_only);
                    self.bind_mount(&mut of, source)
                }
                ("image", Some(image)) => {
                    let of = nested(&mut of, "image", self);
                    let subpath = of.and_then(|mut of| of.word("subpath", self.files()));
                    Mounted::Image { image, subpath }
                }
                ("npipe" | "cluster", source) => Mounted::Other(kind, source.unwrap_or_default()),
                ("bind" | "image", None) => {
                    let message = format!("a mount of type {kind} needs a source");
                    self.wrong(item.place, message, "here", "write source: …");
                    continue;
                }
                _ => {
                    let message = format!("there is no mount of type {}", quoted(&kind));
                    let help = "it takes volume, bind, tmpfs or image";
                    self.wrong(place_of_kind, message, "not one of them", help);
                    continue;
                }
            };
            mounts.push(Mount {
                what,
                target,
                read_only,
            });
        }
        mounts
    }

    fn volume_mount(&mut self, of: &mut Fields<'_>, name: Option<String>) -> Mounted {
        let mut options = nested(of, "volume", self);
        let files = self.files();
        Mounted::Volume {
            name,
            nocopy: options
                .as_mut()
                .and_then(|of| of.boolean("nocopy", files))
                .unwrap_or_default(),
            labels: options
                .as_mut()
                .map(|of| labels(of, "labels", files))
                .unwrap_or_default(),
            subpath: options.and_then(|mut of| of.word("subpath", files)),
        }
    }

    fn tmpfs_mount(&mut self, of: &mut Fields<'_>) -> Mounted {
        let mut options = nested(of, "tmpfs", self);
        let files = self.files();
        let mode = options
            .as_mut()
            .and_then(|of| within(of, "mode", 0..=0o7777, files));
        Mounted::Tmpfs {
            size: options.and_then(|mut of| bytes(&mut of, "size", files)),
            mode: mode.and_then(|mode| u32::try_from(mode).ok()),
        }
    }

    fn bind_mount(&mut self, of: &mut Fields<'_>, source: String) -> Mounted {
        let mut options = nested(of, "bind", self);
        let files = self.files();
        let mut text = |key: &str| options.as_mut().and_then(|of| of.word(key, files));
        let (propagation, selinux) = (text("propagation"), text("selinux"));
        let recursive = text("recursive");
        Mounted::Bind {
            source,
            create: options
                .and_then(|mut of| of.boolean("create_host_path", files))
                .unwrap_or(true),
            propagation,
            selinux,
            recursive,
        }
    }

    /// A path of this machine that a container or a build gets.
    pub(super) fn host_path(&mut self, of: &str, place: Place, path: &str, write: bool) {
        let daemon = is_daemon_socket(path);
        if daemon {
            self.risk(of, place, Reach::DaemonSocket(path.to_owned()));
        }
        // Of a folder it gets all the rest as well.
        if leads(path) == Leads::Out && !(daemon && path.ends_with(".sock")) {
            let path = path.to_owned();
            self.risk(of, place, Reach::HostPath { path, write });
        }
    }

    /// `host`, `service:NAME`, `container:NAME` and the like.
    fn namespace(
        &mut self,
        fields: &mut Fields<'_>,
        key: &str,
        which: &'static str,
        name: &str,
    ) -> Option<String> {
        let said = fields.word(key, self.files())?;
        let place = place(fields, key);
        if said == "host" {
            self.risk(name, place, Reach::HostNamespace(which));
        } else if let Some(other) = said.strip_prefix("container:") {
            let foreign = Reach::Foreign {
                what: "container",
                name: other.to_owned(),
            };
            self.risk(name, place, foreign);
        }
        Some(said)
    }

    fn networks(&mut self, fields: &mut Fields<'_>) -> BTreeMap<String, Attachment> {
        let mut all = BTreeMap::new();
        let Some(of) = nested(fields, "networks", self) else {
            return all;
        };
        for entry in of.entries() {
            let files = self.files();
            let Some(mut one) = Fields::of(&entry.value, of.path_of(&entry.key), files) else {
                continue;
            };
            let attachment = Attachment {
                aliases: one.texts("aliases", files).unwrap_or_default(),
                ipv4_address: one.word("ipv4_address", files),
                ipv6_address: one.word("ipv6_address", files),
                link_local_ips: one.texts("link_local_ips", files).unwrap_or_default(),
                mac_address: one.word("mac_address", files),
                interface_name: one.word("interface_name", files),
                driver_opts: labels(&mut one, "driver_opts", files),
                priority: one.integer("priority", files),
                gw_priority: one.integer("gw_priority", files),
            };
            self.uses("network", &entry.key, entry.at);
            all.insert(entry.key.clone(), attachment);
        }
        all
    }

    fn grants(
        &mut self,
        fields: &mut Fields<'_>,
        key: &str,
        kind: &'static str,
        folder: &str,
    ) -> Vec<Grant> {
        let path = fields.path_of(key);
        let mut grants = Vec::new();
        for item in items(fields, key, self.files()) {
            let Some(mut of) = Fields::of(item, path.clone(), self.files()) else {
                continue;
            };
            let Some(source) = of.word("source", self.files()) else {
                self.wrong(
                    item.place,
                    format!("{path} names nothing"),
                    "here",
                    "write source: …",
                );
                continue;
            };
            let target = match of.word("target", self.files()) {
                Some(target) if target.starts_with('/') => target,
                Some(target) => format!("{folder}{target}"),
                None => format!("{folder}{source}"),
            };
            self.uses(kind, &source, item.place);
            let files = self.files();
            let mode = within(&mut of, "mode", 0..=0o7777, files);
            let uid = within(&mut of, "uid", 0..=i64::from(u32::MAX), files);
            let gid = within(&mut of, "gid", 0..=i64::from(u32::MAX), files);
            let small = |number: Option<i64>| number.and_then(|number| u32::try_from(number).ok());
            grants.push(Grant {
                source,
                target,
                mode: small(mode),
                uid: small(uid),
                gid: small(gid),
            });
        }
        grants
    }

    fn container(&mut self, fields: &mut Fields<'_>, name: &str) -> Container {
        let mut made = Container {
            pid: self.namespace(fields, "pid", "pid", name),
            ipc: self.namespace(fields, "ipc", "ipc", name),
            uts: self.namespace(fields, "uts", "uts", name),
            userns_mode: self.namespace(fields, "userns_mode", "user", name),
            cgroup: self.namespace(fields, "cgroup", "cgroup", name),
            devices: self.devices(fields, name),
            device_requests: self.device_requests(fields, name),
            ..Container::default()
        };
        let files = self.files();
        let mut list = |key: &str| fields.texts(key, files).unwrap_or_default();
        made.cap_add = list("cap_add");
        made.cap_drop = list("cap_drop");
        made.security_opt = list("security_opt");
        made.device_cgroup_rules = list("device_cgroup_rules");
        made.dns = list("dns");
        made.dns_opt = list("dns_opt");
        made.dns_search = list("dns_search");
        let mut text = |key: &str| fields.word(key, files);
        made.cgroup_parent = text("cgroup_parent");
        made.platform = text("platform");
        made.pull_policy = text("pull_policy");
        made.runtime = text("runtime");
        made.mac_address = text("mac_address");
        let mut yes = |key: &str| fields.boolean(key, files);
        made.init = yes("init");
        made.tty = yes("tty").unwrap_or_default();
        made.stdin_open = yes("stdin_open").unwrap_or_default();
        made.read_only = yes("read_only").unwrap_or_default();
        made.privileged = yes("privileged").unwrap_or_default();
        made.sysctls = labels(fields, "sysctls", files);
        made.storage_opt = labels(fields, "storage_opt", files);
        made.extra_hosts = hosts(fields, "extra_hosts", files);
        self.risks_of(fields, name, &made);
        made
    }

    fn risks_of(&mut self, fields: &mut Fields<'_>, name: &str, made: &Container) {
        let mut risk = |key: &str, what: Reach| {
            let place = place(fields, key);
            self.risk(name, place, what);
        };
        if made.privileged {
            risk("privileged", Reach::Privileged);
        }
        for capability in made
            .cap_add
            .iter()
            .filter(|capability| !is_usual(capability))
        {
            risk("cap_add", Reach::Capability(capability.clone()));
        }
        for option in &made.security_opt {
            if is_unconfined(option) {
                risk("security_opt", Reach::Unconfined(option.clone()));
            }
        }
        for rule in &made.device_cgroup_rules {
            risk("device_cgroup_rules", Reach::DeviceRule(rule.clone()));
        }
        for parameter in made.sysctls.keys() {
            risk("sysctls", Reach::Sysctl(parameter.clone()));
        }
        if let Some(group) = &made.cgroup_parent {
            risk("cgroup_parent", Reach::ControlGroup(group.clone()));
        }
    }

    fn devices(&mut self, fields: &mut Fields<'_>, name: &str) -> Vec<Device> {
        let path = fields.path_of("devices");
        let mut devices = Vec::new();
        for item in items(fields, "devices", self.files()) {
            let files = self.files();
            let Some(mut of) = Fields::of(item, path.clone(), files) else {
                continue;
            };
            let source = of.word("source", files).unwrap_or_default();
            let device = Device {
                target: of.word("target", files).unwrap_or_else(|| source.clone()),
                permissions: of
                    .word("permissions", files)
                    .unwrap_or_else(|| "rwm".to_owned()),
                source,
            };
            self.risk(name, item.place, Reach::Device(device.source.clone()));
            devices.push(device);
        }
        devices
    }

    /// `gpus`, and the devices that `deploy` reserves.
    fn device_requests(&mut self, fields: &mut Fields<'_>, name: &str) -> Vec<DeviceRequest> {
        let gpu = || vec!["gpu".to_owned()];
        let mut requests = Vec::new();
        let gpus = fields.get("gpus");
        if let Some(all) = gpus.and_then(Node::as_scalar) {
            requests.push(DeviceRequest {
                count: Some(all.words()),
                capabilities: gpu(),
                ..DeviceRequest::default()
            });
        }
        let reserved = fields.get("deploy").and_then(|deploy| {
            let resources = deploy.get("resources")?;
            resources.get("reservations")?.get("devices")
        });
        let path = fields.path_of("gpus");
        for (node, own) in [(gpus, true), (reserved, false)] {
            for item in node.and_then(Node::as_list).unwrap_or_default() {
                let files = self.files();
                let Some(mut of) = Fields::of(item, path.clone(), files) else {
                    continue;
                };
                let mut request = DeviceRequest {
                    driver: of.word("driver", files),
                    count: of.word("count", files),
                    device_ids: of.texts("device_ids", files).unwrap_or_default(),
                    capabilities: of.texts("capabilities", files).unwrap_or_default(),
                    options: labels(&mut of, "options", files),
                };
                if own && !request.capabilities.contains(&"gpu".to_owned()) {
                    request.capabilities.extend(gpu());
                }
                requests.push(request);
            }
        }
        for request in &requests {
            let place = gpus.or(reserved).map(|node| node.place).unwrap_or_default();
            let what = request.capabilities.join(" ");
            let count = request.count.as_deref().unwrap_or("all");
            self.risk(name, place, Reach::Device(format!("{what}: {count}")));
        }
        requests
    }
}

/// The mapping that a key is set to.
pub(super) fn nested<'n>(
    fields: &mut Fields<'n>,
    key: &str,
    reader: &mut Reader<'_, '_>,
) -> Option<Fields<'n>> {
    let path = fields.path_of(key);
    Fields::of(fields.get(key)?, path, reader.files())
}

pub(super) fn place(fields: &mut Fields<'_>, key: &str) -> Place {
    fields.entry(key).map(|entry| entry.at).unwrap_or_default()
}

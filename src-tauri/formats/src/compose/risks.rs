//! The same risks of a checked definition, whatever file it was made from: what `up` asks a person about.

use super::paths::{Leads, is_remote, join, leads};
use super::risk::{Reach, bound, is_daemon_socket, is_unconfined, is_usual, mounted};
use spec::container::{Attachment, Container, FileFrom, Mount};
use std::collections::BTreeSet;

/// Where a path of this machine leads when its links are followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Followed {
    /// There; relative ones begin at the folder.
    To(String),
    /// There, or on from there: whoever asks may not look, but the container daemon may.
    Hidden(String),
    /// There, where the socket of the container daemon is that is used, or a folder that it lies in.
    Daemon(String),
}

/// What of a definition reaches out of its containers and the folder: each service, or network or volume, with what it
/// reaches. `real` says where a path of this machine leads, by each way in which it may be opened; relative ones begin
/// at the folder.
#[must_use]
pub fn reaches(
    cluster: &spec::Cluster,
    real: &dyn Fn(&str) -> Vec<Followed>,
) -> BTreeSet<(String, Reach)> {
    let mut all = BTreeSet::new();
    for (name, service) in &cluster.services {
        if let Some(container) = service.runs.container() {
            let mut found = Found::new(real);
            found.container(container);
            all.extend(found.all.into_iter().map(|what| (name.to_string(), what)));
        }
    }
    let used: BTreeSet<&str> = containers(cluster)
        .flat_map(|container| &container.networks)
        .map(|attachment: &Attachment| attachment.network.as_str())
        .collect();
    for (name, network) in cluster
        .networks
        .iter()
        .filter(|(name, _)| used.contains(name.as_str()))
    {
        let of = format!("networks.{name}");
        let daemons = network.name.as_deref().unwrap_or(name);
        let driver = network.driver.as_deref().unwrap_or_default();
        if (network.external && daemons == "host") || driver == "host" {
            all.insert((of, Reach::HostNamespace("network")));
        } else if network.external {
            let name = daemons.to_owned();
            all.insert((
                of,
                Reach::Foreign {
                    what: "network",
                    name,
                },
            ));
        } else if matches!(driver, "macvlan" | "ipvlan") {
            all.insert((of, Reach::NetworkDriver(driver.to_owned())));
        }
    }
    for (name, volume) in &cluster.volumes {
        let of = format!("volumes.{name}");
        let driver = volume.driver.as_deref();
        let mut found = Found::new(real);
        if let Some((device, write)) = bound(driver, &volume.driver_opts) {
            found.path(device, write);
        }
        found.all.extend(mounted(driver, &volume.driver_opts));
        all.extend(found.all.into_iter().map(|what| (of.clone(), what)));
        if volume.external {
            let name = volume.name.as_deref().unwrap_or(name).to_owned();
            all.insert((
                of,
                Reach::Foreign {
                    what: "volume",
                    name,
                },
            ));
        }
    }
    all
}

fn containers(cluster: &spec::Cluster) -> impl Iterator<Item = &Container> {
    cluster
        .services
        .values()
        .filter_map(|service| service.runs.container())
}

struct Found<'r> {
    real: &'r dyn Fn(&str) -> Vec<Followed>,
    all: Vec<Reach>,
}

impl<'r> Found<'r> {
    fn new(real: &'r dyn Fn(&str) -> Vec<Followed>) -> Self {
        let all = Vec::new();
        Self { real, all }
    }

    fn container(&mut self, container: &Container) {
        if container.privileged {
            self.all.push(Reach::Privileged);
        }
        for (which, mode) in [
            ("network", &container.network_mode),
            ("pid", &container.pid),
            ("ipc", &container.ipc),
            ("uts", &container.uts),
            ("user", &container.userns_mode),
            ("cgroup", &container.cgroup),
        ] {
            self.namespace(which, mode.as_deref().unwrap_or_default());
        }
        for mount in &container.mounts {
            if let Mount::Bind {
                source, read_only, ..
            } = mount
            {
                self.path(source, !read_only);
            }
        }
        for file in &container.files {
            if let FileFrom::File(path) = &file.from {
                self.path(path, false);
            }
        }
        if let Some(build) = &container.build {
            if is_remote(&build.context) {
                self.all.push(Reach::RemoteContext(build.context.clone()));
            } else {
                self.path(&build.context, false);
                if let Some(dockerfile) = &build.dockerfile {
                    self.path(&join(&build.context, dockerfile), false);
                }
            }
            self.namespace("network", build.network.as_deref().unwrap_or_default());
        }
        let devices = container.devices.iter().map(|device| device.source.clone());
        let requests = container.device_requests.iter().map(|request| {
            let count = request.count.as_deref().unwrap_or("all");
            format!("{}: {count}", request.capabilities.join(" "))
        });
        self.all.extend(devices.chain(requests).map(Reach::Device));
        let caps = container.cap_add.iter().filter(|one| !is_usual(one));
        self.all.extend(caps.cloned().map(Reach::Capability));
        let off = container
            .security_opt
            .iter()
            .filter(|one| is_unconfined(one));
        self.all.extend(off.cloned().map(Reach::Unconfined));
        let rules = container.device_cgroup_rules.iter().cloned();
        self.all.extend(rules.map(Reach::DeviceRule));
        self.all
            .extend(container.sysctls.keys().cloned().map(Reach::Sysctl));
        self.all
            .extend(container.cgroup_parent.clone().map(Reach::ControlGroup));
        let resources = &container.resources;
        if resources.oom_kill_disable || resources.oom_score_adj == Some(-1000) {
            self.all.push(Reach::NoOomKill);
        }
        for port in container
            .publish
            .iter()
            .filter(|port| !port.address.is_loopback())
        {
            let port_of = port.host.map(|range| match range.one() {
                Some(port) => port.to_string(),
                None => format!("{}-{}", range.first, range.last),
            });
            self.all.push(Reach::OpenPort {
                address: port.address.to_string(),
                port: port_of.unwrap_or_else(|| "any".to_owned()),
            });
        }
    }

    fn namespace(&mut self, which: &'static str, mode: &str) {
        if mode == "host" {
            self.all.push(Reach::HostNamespace(which));
        } else if let Some(other) = mode.strip_prefix("container:") {
            self.all.push(Reach::Foreign {
                what: "container",
                name: other.to_owned(),
            });
        }
    }

    fn path(&mut self, said: &str, write: bool) {
        // Both count: a link may be put elsewhere before the container is made.
        let paths = std::iter::once(Followed::To(join("", said))).chain((self.real)(said));
        for path in paths {
            let path = match path {
                // Nothing is the folder itself.
                Followed::To(path) if path.is_empty() => continue,
                Followed::To(path) => path,
                Followed::Hidden(path) => {
                    self.all.push(Reach::HiddenPath(path));
                    continue;
                }
                Followed::Daemon(path) => {
                    self.all.push(Reach::DaemonSocket(path));
                    continue;
                }
            };
            let daemon = is_daemon_socket(&path);
            if daemon {
                self.all.push(Reach::DaemonSocket(path.clone()));
            }
            // Of a folder it gets all the rest as well.
            if leads(&path) == Leads::Out && !(daemon && path.ends_with(".sock")) {
                self.all.push(Reach::HostPath { path, write });
            }
        }
    }
}

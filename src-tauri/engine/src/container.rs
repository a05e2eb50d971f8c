//! From what a definition says of a container to what its driver is given: templates resolved, paths
//! absolute, names as the daemon knows them.

mod needed;
#[cfg(test)]
mod tests;

pub(crate) use needed::{is_external, led_to, preparation};

use crate::drivers::Files;
use crate::environment;
use crate::launch::{Ports, words};
use crate::record::ClusterRecord;
use crate::secrets::Secrets;
use driver::{ProcessDriver, SecretText};
use driver_docker::{
    Attachment, ContainerSpec, ContainerStop, FileIn, Health, Launch, Limits, Mount, Published,
    Secret, container_name,
};
use model::view::LimitView;
use model::{ClusterId, Generation, InstanceId, ServiceName};
use needed::{image, network_named, volume_named};
use spec::container::{self, Check, FileFrom};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Where a container finds this machine, and so the processes of its cluster.
pub(crate) const MACHINE: &str = "host.azora.internal";
/// Files in a container are read by whoever runs in it.
const READABLE: u32 = 0o444;

/// Everything the driver needs to start this instance; `None` when the definition has no such
/// container.
pub(crate) fn launch(
    record: &ClusterRecord,
    driver: &ProcessDriver,
    instance: &InstanceId,
    generation: Generation,
    secrets: &Secrets,
    files: &Files,
) -> Option<Launch> {
    let service = record.definition.services.get(&instance.service)?;
    let container = service.runs.container()?;
    let ports = Ports::new(record, instance);
    let secret = |text: &SecretText| Secret {
        // Without the home's key it is made anew at each start, which is the side to err on.
        fingerprint: driver.fingerprint(text).unwrap_or_default(),
        text: text.clone(),
    };
    let secrets = secrets.0.iter();
    let environment = environment::of_container(record, &record.definition, instance, service);
    let stop_signal = match service.stop.signal {
        Some(signal) => Some(signal.name().to_owned()),
        None => container.stop_signal.clone(),
    };
    let spec = ContainerSpec {
        image: image(record, &instance.service, container),
        platform: container.platform.clone(),
        entrypoint: container.entrypoint.as_ref().map(|all| words(all, &ports)),
        command: container.command.as_ref().map(|all| words(all, &ports)),
        env: environment.vars,
        secrets: secrets
            .map(|(name, text)| (name.clone(), secret(text)))
            .collect(),
        files: container
            .files
            .iter()
            .filter_map(|file| {
                let text = match &file.from {
                    FileFrom::File(path) => files.get(path)?.clone(),
                    FileFrom::Env(name) => {
                        SecretText::new(record.env.get(name).cloned().unwrap_or_default())
                    }
                    FileFrom::Text(text) => SecretText::new(text.clone()),
                };
                Some(FileIn {
                    target: file.target.clone(),
                    content: secret(&text),
                    mode: file.mode.unwrap_or(READABLE),
                    uid: file.uid.unwrap_or(0),
                    gid: file.gid.unwrap_or(0),
                })
            })
            .collect(),
        working_dir: container.working_dir.clone(),
        user: service.user.clone(),
        group_add: container.group_add.clone(),
        hostname: container.hostname.clone(),
        domainname: container.domainname.clone(),
        mounts: container
            .mounts
            .iter()
            .map(|one| mount(record, one))
            .collect(),
        networks: networks(record, instance, container),
        network_mode: mode(&record.id, container.network_mode.as_deref()),
        mac_address: container.mac_address.clone(),
        ports: published(record, instance, service, container),
        labels: container.labels.clone(),
        annotations: container.annotations.clone(),
        health: health(&container.check),
        stop_signal,
        limits: Limits {
            memory: service.limits.memory,
            cpu: service.limits.cpu,
            processes: service.limits.processes,
            files: service.limits.files,
        },
        resources: container.resources.clone(),
        tty: container.tty,
        stdin_open: container.stdin_open,
        init: container.init,
        read_only: container.read_only,
        cap_add: container.cap_add.clone(),
        cap_drop: container.cap_drop.clone(),
        privileged: container.privileged,
        devices: container.devices.clone(),
        device_cgroup_rules: container.device_cgroup_rules.clone(),
        device_requests: container.device_requests.clone(),
        security_opt: container.security_opt.clone(),
        extra_hosts: extra_hosts(record, &instance.service, service, container),
        dns: container.dns.clone(),
        dns_search: container.dns_search.clone(),
        dns_opt: container.dns_opt.clone(),
        sysctls: container.sysctls.clone(),
        pid_mode: mode(&record.id, container.pid.as_deref()),
        ipc_mode: mode(&record.id, container.ipc.as_deref()),
        uts_mode: container.uts.clone(),
        userns_mode: container.userns_mode.clone(),
        cgroupns_mode: container.cgroup.clone(),
        cgroup_parent: container.cgroup_parent.clone(),
        runtime: container.runtime.clone(),
        storage_opt: container.storage_opt.clone(),
    };
    Some(Launch {
        cluster: record.id.clone(),
        instance: instance.clone(),
        generation,
        spec,
        origins: environment.origins,
        log_keep: service.log.keep,
    })
}

/// How an instance is to be ended. Its command runs in it.
pub(crate) fn stop(
    record: &ClusterRecord,
    instance: &InstanceId,
    stop: &spec::Stop,
) -> ContainerStop {
    let service = record.definition.services.get(&instance.service);
    let container = service.and_then(|service| service.runs.container());
    let command = stop.command.as_ref();
    ContainerStop {
        command: command.map(|run| crate::launch::argv(record, instance, run)),
        signal: match stop.signal {
            Some(signal) => Some(signal.name().to_owned()),
            None => container.and_then(|container| container.stop_signal.clone()),
        },
        grace: stop.grace,
    }
}

fn networks(
    record: &ClusterRecord,
    instance: &InstanceId,
    container: &spec::Container,
) -> Vec<Attachment> {
    let mut wanted: Vec<&container::Attachment> = container.networks.iter().collect();
    // The first is there when its process begins.
    wanted.sort_by_key(|one| std::cmp::Reverse(one.priority.unwrap_or(0)));
    let attachment = |one: &container::Attachment| {
        let mut aliases = vec![instance.service.to_string()];
        aliases.extend(one.aliases.iter().cloned());
        Attachment {
            network: network_named(record, &one.network),
            aliases,
            ipv4_address: one.ipv4_address.clone(),
            ipv6_address: one.ipv6_address.clone(),
            link_local_ips: one.link_local_ips.clone(),
            mac_address: one.mac_address.clone(),
            driver_opts: one.driver_opts.clone(),
            gw_priority: one.gw_priority,
            made_of: needed::network_made_of(record, &one.network),
        }
    };
    wanted.into_iter().map(attachment).collect()
}

/// `service:NAME` is the container of its first instance.
fn mode(cluster: &ClusterId, mode: Option<&str>) -> Option<String> {
    let mode = mode?;
    let service = mode
        .strip_prefix("service:")
        .and_then(|name| name.parse().ok());
    Some(match service {
        Some(service) => {
            let name = container_name(cluster, &InstanceId::new(service, 0));
            format!("container:{name}")
        }
        None => mode.to_owned(),
    })
}

/// It has a network of its own, in which it listens.
fn has_own_network(container: &spec::Container) -> bool {
    matches!(container.network_mode.as_deref(), None | Some("bridge"))
}

fn published(
    record: &ClusterRecord,
    instance: &InstanceId,
    service: &spec::Service,
    container: &spec::Container,
) -> Vec<Published> {
    if !has_own_network(container) {
        return Vec::new();
    }
    let own = record.ports.get(instance).and_then(|all| all.first());
    let inside = inside(service, container);
    let own = own
        .zip(inside)
        .map(|(host, inside)| Published::tcp(*host, inside));
    let more = container.publish.iter().map(|one| Published {
        address: one.address,
        host: one.host.map(|range| (range.first, range.last)),
        container: one.container,
        protocol: one.protocol,
    });
    own.into_iter().chain(more).collect()
}

/// The port it listens on.
fn inside(service: &spec::Service, container: &spec::Container) -> Option<u16> {
    container.port.or(service.port).filter(|port| *port != 0)
}

fn mount(record: &ClusterRecord, mount: &container::Mount) -> Mount {
    match mount.clone() {
        container::Mount::Bind {
            source,
            target,
            read_only,
            create,
            propagation,
            selinux,
            recursive,
        } => Mount::Bind {
            source: plain(record.folder.join(source)),
            target,
            read_only,
            create,
            propagation,
            selinux,
            recursive,
        },
        container::Mount::Volume {
            name,
            target,
            read_only,
            nocopy,
            subpath,
            labels,
        } => Mount::Volume {
            name: name.map(|key| volume_named(record, &key)),
            target,
            read_only,
            nocopy,
            subpath,
            labels,
        },
        container::Mount::Tmpfs {
            target,
            size,
            mode,
            read_only,
        } => Mount::Tmpfs {
            target,
            size,
            mode,
            read_only,
        },
        container::Mount::Image {
            image,
            subpath,
            target,
        } => Mount::Image {
            image,
            subpath,
            target,
        },
    }
}

/// Without steps that lead nowhere: the daemon takes no `./` and no `..`.
pub(crate) fn plain(path: PathBuf) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => drop(plain.pop()),
            part => plain.push(part),
        }
    }
    plain
}

fn health(check: &Check) -> Health {
    match check.clone() {
        Check::OfImage => Health::OfImage,
        Check::Off => Health::Off,
        Check::Given {
            test,
            interval,
            timeout,
            retries,
            start_period,
            start_interval,
        } => Health::Check {
            test,
            interval,
            timeout,
            retries,
            start_period,
            start_interval,
        },
    }
}

fn hosts(all: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let hosts = all.iter();
    hosts
        .flat_map(|(name, addresses)| addresses.iter().map(move |one| format!("{name}:{one}")))
        .collect()
}

/// With the name by which it finds this machine, where it refers to something there: not every daemon
/// knows an address for it.
fn extra_hosts(
    record: &ClusterRecord,
    own: &ServiceName,
    service: &spec::Service,
    container: &spec::Container,
) -> Vec<String> {
    let mut hosts = hosts(&container.extra_hosts);
    if named(service).any(|other| is_here(record, own, other)) {
        let way = record.ways.get(own).map(|way| way.gateway.to_string());
        let address = way.as_deref().unwrap_or("host-gateway");
        hosts.push(format!("{MACHINE}:{address}"));
    }
    hosts
}

/// The services that it refers to.
fn named(service: &spec::Service) -> impl Iterator<Item = &ServiceName> {
    let templates = service.runs.templates().chain(service.env.values());
    templates.flat_map(spec::Template::references)
}

/// The asker is in a network of its own, and reaches this service at the machine.
fn is_here(record: &ClusterRecord, asker: &ServiceName, service: &ServiceName) -> bool {
    // Whichever port it has.
    reached(record, asker, service, Some(0)).is_some_and(|(host, _)| host == MACHINE)
}

/// Each limit of a container, and what holds it: its daemon does.
pub(crate) fn held(limits: &spec::Limits) -> Vec<LimitView> {
    let by = "the control group that its container daemon makes";
    let all = [
        ("memory", limits.memory.map(model::bytes), by),
        ("cpu", limits.cpu.map(spec::cores), by),
        (
            "processes",
            limits.processes.map(|most| most.to_string()),
            by,
        ),
        (
            "files",
            limits.files.map(|most| most.to_string()),
            "each process for itself (RLIMIT_NOFILE)",
        ),
    ];
    let views = all.into_iter().filter_map(|(what, wanted, by)| {
        Some(LimitView {
            what: what.to_owned(),
            wanted: wanted?,
            held: true,
            by: by.to_owned(),
        })
    });
    views.collect()
}

/// Where a service is reached by who asks: host and port. `None` when it has no port.
pub(crate) fn reached(
    record: &ClusterRecord,
    asker: &ServiceName,
    service: &ServiceName,
    port: Option<u16>,
) -> Option<(String, u16)> {
    let services = &record.definition.services;
    let container = |name: &ServiceName| services.get(name).and_then(|one| one.runs.container());
    if !container(asker).is_some_and(has_own_network) {
        return port.map(|port| (spec::HOST.to_owned(), port));
    }
    match (services.get(service), container(service)) {
        (Some(spec), Some(other)) if has_own_network(other) => {
            Some((service.to_string(), inside(spec, other)?))
        }
        _ => {
            let way = record.ways.get(asker);
            let forwarded = way.and_then(|way| way.ports.get(service).copied());
            port.map(|port| (MACHINE.to_owned(), forwarded.unwrap_or(port)))
        }
    }
}

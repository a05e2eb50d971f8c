//! What has to be there before a container can be made, and what the daemon knows it by.

use super::{hosts, is_here, named, plain};
use crate::drivers::{Preparation, Reaches};
use crate::launch::published;
use crate::record::ClusterRecord;
use driver_docker::{Build, Network, Volume, network_name};
use model::{InstanceId, ServiceName};
use spec::container::{self, FileFrom};

/// What has to be there before its container can be made; `None` when it is none.
pub(crate) fn preparation(record: &ClusterRecord, instance: &InstanceId) -> Option<Preparation> {
    let definition = &record.definition;
    let service = definition.services.get(&instance.service)?;
    let container = service.runs.container()?;
    let keys = container.networks.iter().map(|one| one.network.as_str());
    let networks = keys.map(|key| network(record, key));
    let volumes = container.mounts.iter().filter_map(|mount| match mount {
        container::Mount::Volume {
            name: Some(name), ..
        } => Some(volume(record, name)),
        _ => None,
    });
    let files = container.files.iter().filter_map(|file| match &file.from {
        FileFrom::File(path) => Some((path.clone(), record.folder.join(path))),
        FileFrom::Env(_) | FileFrom::Text(_) => None,
    });
    Some(Preparation {
        cluster: record.id.clone(),
        instance: instance.clone(),
        image: image(record, &instance.service, container),
        platform: container.platform.clone(),
        build: (container.build.as_ref())
            .map(|wanted| build(record, &instance.service, container, wanted)),
        pull: container.pull,
        networks: networks.collect(),
        volumes: volumes.collect(),
        files: files.collect(),
        reaches: reaches(record, instance, service, container),
    })
}

/// The port of 127.0.0.1 that containers are led to, of a service that listens there: a process, or a
/// container on the machine's own network. `None` of any other.
pub(crate) fn led_to(record: &ClusterRecord, service: &ServiceName) -> Option<u16> {
    let runs = &record.definition.services.get(service)?.runs;
    if let Some(container) = runs.container()
        && container.network_mode.as_deref() != Some("host")
    {
        return None;
    }
    published(record, service)
}

/// What it names that listens on this machine, by the ports there.
fn reaches(
    record: &ClusterRecord,
    instance: &InstanceId,
    service: &spec::Service,
    container: &spec::Container,
) -> Reaches {
    let here = named(service).filter(|other| is_here(record, &instance.service, other));
    let targets = here.filter_map(|other| Some((other.clone(), led_to(record, other)?)));
    let networks = super::networks(record, instance, container).into_iter();
    Reaches {
        network: networks.map(|one| one.network).next(),
        targets: targets.collect(),
        before: (record.ways.values())
            .flat_map(|way| way.ports.clone())
            .collect(),
    }
}

fn build(
    record: &ClusterRecord,
    service: &ServiceName,
    container: &spec::Container,
    build: &container::Build,
) -> Build {
    Build {
        tag: image(record, service, container),
        tags: build.tags.clone(),
        context: record.folder.join(&build.context),
        dockerfile: build.dockerfile.clone(),
        dockerfile_inline: build.dockerfile_inline.clone(),
        target: build.target.clone(),
        args: build.args.clone(),
        labels: build.labels.clone(),
        platform: (build.platforms.first().cloned()).or_else(|| container.platform.clone()),
        no_cache: build.no_cache,
        pull: build.pull,
        network: build.network.clone(),
        extra_hosts: hosts(&build.extra_hosts),
        shm_size: build.shm_size,
        cache_from: build.cache_from.clone(),
    }
}

/// A network as the daemon is to have it, and whether it is somebody else's.
fn network(record: &ClusterRecord, key: &str) -> (Network, bool) {
    let name = network_named(record, key);
    let Some(network) = record.definition.networks.get(key).cloned() else {
        let own = Network {
            name,
            ..Network::default()
        };
        return (own, false);
    };
    let own = Network {
        name,
        driver: network.driver,
        options: network.driver_opts.into_iter().collect(),
        internal: network.internal,
        attachable: network.attachable,
        enable_ipv4: network.enable_ipv4,
        enable_ipv6: network.enable_ipv6,
        labels: network.labels.into_iter().collect(),
        ipam_driver: network.ipam_driver,
        ipam_options: network.ipam_options.into_iter().collect(),
        subnets: network.subnets,
    };
    (own, network.external)
}

/// What tells the network from one that is defined otherwise; `None` where nothing is said of it, or it is
/// somebody else's.
pub(super) fn network_made_of(record: &ClusterRecord, key: &str) -> Option<String> {
    let (network, external) = network(record, key);
    let plain = Network {
        name: network.name.clone(),
        ..Network::default()
    };
    (!external && network != plain).then(|| network.made_of())
}

fn volume(record: &ClusterRecord, key: &str) -> (Volume, bool) {
    let volume = record.definition.volumes.get(key).cloned();
    let volume = volume.unwrap_or_default();
    let external = volume.external;
    let mut options = volume.driver_opts;
    // The daemon would begin at a folder of its own.
    if let Some((device, _)) = formats::compose::bound(volume.driver.as_deref(), &options) {
        let device = plain(record.folder.join(device)).display().to_string();
        options.insert("device".to_owned(), device);
    }
    let own = Volume {
        name: volume_named(record, key),
        driver: volume.driver,
        options: options.into_iter().collect(),
        labels: volume.labels.into_iter().collect(),
    };
    (own, external)
}

/// Its image; one that is built and has no name is called after its service.
pub(super) fn image(
    record: &ClusterRecord,
    service: &ServiceName,
    container: &spec::Container,
) -> String {
    match &container.image {
        Some(image) => image.clone(),
        None => format!("azora-{}-{service}", record.id),
    }
}

/// What the daemon knows a network of the cluster by.
pub(super) fn network_named(record: &ClusterRecord, key: &str) -> String {
    let network = record.definition.networks.get(key);
    match network {
        Some(network) if network.name.is_some() => network.name.clone().unwrap_or_default(),
        Some(network) if network.external => key.to_owned(),
        _ if key == container::Attachment::DEFAULT => network_name(&record.id),
        _ => format!("{}-{key}", network_name(&record.id)),
    }
}

pub(super) fn volume_named(record: &ClusterRecord, key: &str) -> String {
    match record.definition.volumes.get(key) {
        Some(volume) if volume.name.is_some() => volume.name.clone().unwrap_or_default(),
        Some(volume) if volume.external => key.to_owned(),
        _ => format!("azora-{}-{key}", record.id),
    }
}

/// The definition says that the volume of this name is somebody else's.
pub(crate) fn is_external(record: &ClusterRecord, name: &str) -> bool {
    let mut external = (record.definition.volumes.iter()).filter(|(_, one)| one.external);
    external.any(|(key, _)| volume_named(record, key) == name)
}

//! What a sound definition costs or may not have meant: told by `azora check`, never in the way.

use crate::cluster::{Cluster, Run, Service};
use crate::container::{Container, Mount};
use model::ServiceName;
use std::collections::BTreeSet;

/// One sentence for each thing worth knowing, by service.
pub fn notes(cluster: &Cluster) -> Vec<String> {
    let of = |(name, service): (&ServiceName, &Service)| {
        let terminal = service.tty.then(|| {
            format!(
                "{name} gets a terminal (tty): it ends with its shim, while every other service \
                 lives on without one"
            )
        });
        let lost =
            service.listen.is_some() && service.runs.process().is_some_and(hands_on_to_a_child);
        let lost = lost.then(|| {
            format!(
                "{name} is run by a shell, which the listening sockets are meant for: end the line \
                 with `exec` and the server"
            )
        });
        let absent = service
            .needs
            .iter()
            .filter(|need| !need.required && !cluster.services.contains_key(&need.service));
        let absent = absent.map(|need| {
            format!(
                "{name} can do without {}, which is none of this cluster: it does not wait for it",
                need.service
            )
        });
        let told = [terminal, lost].into_iter().flatten();
        let contained = service.runs.container();
        let contained = contained.map(|container| of_container(name, service, container));
        let told = told.chain(contained.into_iter().flatten());
        told.chain(absent).collect::<Vec<_>>()
    };
    let notes: Vec<String> = cluster.services.iter().flat_map(of).collect();
    notes.into_iter().chain(unused(cluster)).collect()
}

/// What a container opens to others, and shares.
fn of_container(name: &ServiceName, service: &Service, container: &Container) -> Vec<String> {
    let open = container
        .publish
        .iter()
        .filter(|port| !port.address.is_loopback());
    let mut notes: Vec<String> = open
        .map(|port| {
            format!(
                "{name} publishes its port {}/{} at {}, where other machines may reach it; without an address it is \
                 127.0.0.1",
                port.container,
                port.protocol.as_str(),
                port.address
            )
        })
        .collect();
    if service.max_replicas.unwrap_or(service.replicas) > 1 {
        let shared = container.mounts.iter().filter_map(|mount| match mount {
            Mount::Volume {
                name: Some(volume),
                read_only: false,
                ..
            } => Some(volume),
            _ => None,
        });
        notes.extend(
            shared.map(|volume| format!("all instances of {name} write into one volume, {volume}")),
        );
    }
    notes
}

/// Networks and volumes that are named and that nobody uses, most likely because another name was meant.
fn unused(cluster: &Cluster) -> impl Iterator<Item = String> {
    let containers = || {
        let services = cluster.services.values();
        services.filter_map(|service| service.runs.container())
    };
    let networks: BTreeSet<&str> = containers()
        .flat_map(|container| &container.networks)
        .map(|one| one.network.as_str())
        .collect();
    let volumes: BTreeSet<&str> = containers()
        .flat_map(|container| &container.mounts)
        .filter_map(|mount| match mount {
            Mount::Volume { name, .. } => name.as_deref(),
            _ => None,
        })
        .collect();
    let unused = |what: &'static str, names: Vec<&String>| -> Vec<String> {
        let say = |name: &String| format!("{what} {name} is used by no service");
        names.into_iter().map(say).collect()
    };
    let no_network = |name: &&String| !networks.contains(name.as_str());
    let no_volume = |name: &&String| !volumes.contains(name.as_str());
    let notes = [
        unused(
            "network",
            cluster.networks.keys().filter(no_network).collect(),
        ),
        unused("volume", cluster.volumes.keys().filter(no_volume).collect()),
    ];
    notes.into_iter().flatten()
}

/// A shell line that runs its program as a child: the child has another pid than the process that
/// was made.
fn hands_on_to_a_child(run: &Run) -> bool {
    match run {
        Run::Direct(_) => false,
        Run::Shell(line) => !line
            .to_string()
            .split_whitespace()
            .any(|word| word == "exec"),
    }
}

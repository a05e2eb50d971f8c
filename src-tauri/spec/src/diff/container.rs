//! What an edit changed of a container, and of the networks and volumes it uses.

use crate::cluster::{Cluster, Service};
use crate::container::{Attachment, Container, Mount, Network, Volume};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// What may be shown of both: names and numbers, in which no secret stands.
const SHOWN: [&str; 14] = [
    "image",
    "pull",
    "port",
    "network_mode",
    "working_dir",
    "hostname",
    "stop_signal",
    "init",
    "read_only",
    "privileged",
    "tty",
    "platform",
    "pid",
    "ipc",
];

/// In words, key by key as a definition has them.
pub(super) fn container_changes(old: &Container, new: &Container) -> Vec<String> {
    let (before, after) = (keys(old), keys(new));
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut changes = Vec::new();
    for name in names {
        let (before, after) = (before.get(name), after.get(name));
        if before == after {
            continue;
        }
        let name = match name.as_str() {
            "mounts" => "volumes",
            name => name,
        };
        changes.push(match SHOWN.contains(&name) {
            true => format!("{name}: {} → {}", said(before), said(after)),
            false => format!("{name} changed"),
        });
    }
    // Commands are shown as those of processes are.
    for (name, before, after) in [
        ("command", &old.command, &new.command),
        ("entrypoint", &old.entrypoint, &new.entrypoint),
    ] {
        if before != after {
            let line = |words: &Option<Vec<crate::Template>>| match words {
                None => "the image's".to_owned(),
                Some(words) if words.is_empty() => "none".to_owned(),
                Some(words) => crate::Run::Direct(words.clone()).to_string(),
            };
            changes.retain(|change| *change != format!("{name} changed"));
            changes.push(format!("{name}: {} → {}", line(before), line(after)));
        }
    }
    changes
}

/// The keys of a container's table, resources among them.
fn keys(container: &Container) -> Map<String, Value> {
    // Nothing in it fails to be written: its maps have texts for keys.
    let value = serde_json::to_value(container).unwrap_or_default();
    let Value::Object(mut keys) = value else {
        return Map::new();
    };
    if let Some(Value::Object(resources)) = keys.remove("resources") {
        keys.extend(resources);
    }
    keys
}

fn said(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "none".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Bool(true)) => "on".to_owned(),
        Some(Value::Bool(false)) => "off".to_owned(),
        Some(other) => other.to_string(),
    }
}

/// What of the networks, volumes and files that a service uses is not as it was: `network back changed`. Its
/// containers have to be made anew for it.
pub fn surroundings_changed(
    (old, before): (&Cluster, &Service),
    (new, service): (&Cluster, &Service),
) -> Vec<String> {
    let (Some(_), Some(container)) = (before.runs.container(), service.runs.container()) else {
        return Vec::new();
    };
    // One that is there without being named is as one that is named and says nothing.
    let network = |cluster: &Cluster, name: &str| match cluster.networks.get(name) {
        None if name == Attachment::DEFAULT => Some(Network::default()),
        network => network.cloned(),
    };
    let networks = container.networks.iter().map(|one| one.network.as_str());
    let networks = networks
        .filter(|name| network(old, name) != network(new, name))
        .map(|name| format!("network {name} changed, and is made anew"));
    let another = |name: &&str| {
        let both = old.volumes.get(*name).zip(new.volumes.get(*name));
        both.is_some_and(|(old, new)| (&old.name, old.external) != (&new.name, new.external))
    };
    let volumes = volumes(container).filter(another);
    let volumes = volumes.map(|name| format!("volume {name} is another one"));
    let files = container.files.iter().filter_map(|file| {
        let name = file.from.outside()?;
        let both = old.contents.get(&name).zip(new.contents.get(&name));
        // Of one that was not read nothing is known.
        let changed = both.is_some_and(|(before, after)| before != after);
        changed.then(|| format!("what is in {name} changed"))
    });
    networks.chain(volumes).chain(files).collect()
}

fn volumes(container: &Container) -> impl Iterator<Item = &str> {
    container.mounts.iter().filter_map(|mount| match mount {
        Mount::Volume { name, .. } => name.as_deref(),
        _ => None,
    })
}

/// What of the volumes that a service uses is defined otherwise, and stays as it is: what is in one would be lost
/// with it.
pub(super) fn volumes_kept(
    (old, before): (&Cluster, &Service),
    (new, service): (&Cluster, &Service),
) -> Vec<String> {
    let (Some(_), Some(container)) = (before.runs.container(), service.runs.container()) else {
        return Vec::new();
    };
    let edited = |name: &&str| {
        let how = |cluster: &Cluster| {
            let volume = cluster.volumes.get(*name).cloned().unwrap_or_default();
            Volume {
                name: None,
                external: false,
                ..volume
            }
        };
        how(old) != how(new)
    };
    let names = volumes(container).filter(edited);
    let words = names.map(|name| {
        format!(
            "volume {name} changed, and stays as it was made, with what is in it, until a person removes it: \
             `azora down --volumes`, then `azora up`"
        )
    });
    words.collect()
}

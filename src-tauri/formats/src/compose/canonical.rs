//! Short forms brought into the long ones, so that what follows knows one form of each property.

use super::{ports, volumes};
use crate::yaml::{Entry, Files, Kind, Node, Place, Scalar, Value};
use spec::{Problem, quoted};
use std::collections::{BTreeMap, BTreeSet};

/// Brings a whole file into its long form. What has a wrong type stays as it is: whoever reads it says so.
pub(super) fn canonical(root: &mut Node, files: &mut Files) {
    edit(root, "include", |node, _| each(node, include), files);
    for_each(root, "services", files, service);
    for kind in ["networks", "volumes", "secrets", "configs"] {
        for_each(root, kind, files, |resource, files| {
            edit(resource, "labels", pairs, files);
            external(resource);
        });
    }
}

fn service(service: &mut Node, files: &mut Files) {
    for key in [
        "environment",
        "labels",
        "annotations",
        "sysctls",
        "storage_opt",
    ] {
        edit(service, key, pairs, files);
    }
    for key in ["command", "entrypoint"] {
        edit(service, key, words, files);
    }
    for key in ["dns", "dns_search", "tmpfs", "label_file", "env_file"] {
        edit(service, key, |node, _| listed(node), files);
    }
    edit(
        service,
        "env_file",
        |node, _| each(node, |item| named(item, "path")),
        files,
    );
    edit(service, "extends", |node, _| named(node, "service"), files);
    edit(service, "build", |node, _| named(node, "context"), files);
    edit(service, "depends_on", names, files);
    edit(service, "networks", names, files);
    edit(service, "extra_hosts", hosts, files);
    edit(service, "ulimits", |node, _| ulimits(node), files);
    edit(service, "ports", ports::long, files);
    edit(service, "volumes", volumes::long, files);
    edit(service, "devices", |node, _| each(node, device), files);
    for key in ["secrets", "configs"] {
        edit(
            service,
            key,
            |node, _| each(node, |item| named(item, "source")),
            files,
        );
    }
    edit(
        service,
        "volumes",
        |node, files| {
            each(node, |mut mount| {
                within(&mut mount, "volume", files, |volume, files| {
                    edit(volume, "labels", pairs, files)
                });
                mount
            })
        },
        files,
    );
    edit(service, "gpus", device_options, files);
    within(service, "deploy", files, |deploy, files| {
        within(deploy, "resources", files, |resources, files| {
            within(resources, "reservations", files, |kept, files| {
                edit(kept, "devices", device_options, files);
            });
        });
    });
    within(service, "build", files, |build, files| {
        for key in ["args", "labels", "additional_contexts"] {
            edit(build, key, pairs, files);
        }
        edit(build, "extra_hosts", hosts, files);
        edit(build, "ulimits", |node, _| ulimits(node), files);
    });
    within(service, "deploy", files, |deploy, files| {
        edit(deploy, "labels", pairs, files)
    });
    within(service, "healthcheck", files, |check, files| {
        edit(check, "test", test, files)
    });
    for key in ["pre_start", "post_start", "pre_stop"] {
        edit(
            service,
            key,
            |node, files| {
                each(node, |mut hook| {
                    edit(&mut hook, "command", words, files);
                    edit(&mut hook, "environment", pairs, files);
                    hook
                })
            },
            files,
        );
    }
}

/// Puts another value where a key's is.
pub(super) fn edit(
    map: &mut Node,
    key: &str,
    change: impl FnOnce(Node, &mut Files) -> Node,
    files: &mut Files,
) {
    let Kind::Map(entries) = &mut map.kind else {
        return;
    };
    if let Some(entry) = entries.iter_mut().find(|entry| entry.key == key)
        && !entry.value.is_null()
    {
        let nothing = Node::text("", entry.at);
        let value = std::mem::replace(&mut entry.value, nothing);
        let (tag, place) = (value.tag, value.place);
        entry.value = Node {
            tag,
            place,
            ..change(value, files)
        };
    }
}

/// The mapping that a key is set to.
pub(super) fn within(
    map: &mut Node,
    key: &str,
    files: &mut Files,
    change: impl FnOnce(&mut Node, &mut Files),
) {
    edit(
        map,
        key,
        |mut node, files| {
            change(&mut node, files);
            node
        },
        files,
    );
}

/// Each value of the mapping that a key is set to.
pub(super) fn for_each(
    map: &mut Node,
    key: &str,
    files: &mut Files,
    change: impl Fn(&mut Node, &mut Files),
) {
    within(map, key, files, |node, files| {
        if let Kind::Map(entries) = &mut node.kind {
            for entry in entries {
                change(&mut entry.value, files);
            }
        }
    });
}

fn each(mut node: Node, mut change: impl FnMut(Node) -> Node) -> Node {
    if let Kind::List(items) = node.kind {
        node.kind = Kind::List(items.into_iter().map(&mut change).collect());
    }
    node
}

/// A value that stands alone, as a list of it.
fn listed(node: Node) -> Node {
    match &node.kind {
        Kind::Scalar(_) => Node::of(Kind::List(vec![node.clone()]), node.place),
        _ => node,
    }
}

/// A value that stands alone, as a mapping that sets one key to it.
fn named(node: Node, key: &str) -> Node {
    match &node.kind {
        Kind::Scalar(scalar) if scalar.value != Value::Null => {
            let place = node.place;
            Node::of(Kind::Map(vec![entry(key, node)]), place)
        }
        _ => node,
    }
}

pub(super) fn entry(key: &str, value: Node) -> Entry {
    Entry {
        key: key.to_owned(),
        at: value.place,
        value,
    }
}

fn include(node: Node) -> Node {
    let mut node = named(node, "path");
    if let Kind::Map(entries) = &mut node.kind {
        for entry in entries {
            if matches!(entry.key.as_str(), "path" | "env_file") {
                entry.value = listed(entry.value.clone());
            }
        }
    }
    node
}

/// `[a, b]` as `{a: , b: }`.
fn names(node: Node, files: &mut Files) -> Node {
    let Kind::List(items) = node.kind else {
        return node;
    };
    let mut entries: Vec<Entry> = Vec::new();
    let mut known = BTreeSet::new();
    for item in items {
        let Some(scalar) = item.as_scalar() else {
            files.wrong(item.place, |span| {
                Problem::new(span, "an entry of this list is a name", "not one")
                    .help("as in [db, cache]")
            });
            continue;
        };
        let name = scalar.words();
        if known.insert(name.clone()) {
            entries.push(entry(&name, Node::scalar(nothing(), item.place)));
        }
    }
    Node::of(Kind::Map(entries), node.place)
}

pub(super) fn nothing() -> Scalar {
    Scalar {
        text: String::new(),
        value: Value::Null,
    }
}

/// `[A=1, B]` as `{A: "1", B: }`; of a name that is there twice the last counts.
fn pairs(node: Node, files: &mut Files) -> Node {
    let Kind::List(items) = node.kind else {
        return node;
    };
    let mut entries: Vec<Entry> = Vec::new();
    let mut known = BTreeMap::new();
    for item in items {
        let Some(scalar) = item.as_scalar() else {
            files.wrong(item.place, |span| {
                Problem::new(span, "an entry of this list is a text", "not one")
                    .help("write NAME=value")
            });
            continue;
        };
        let words = scalar.words();
        let made = match words.split_once('=') {
            Some((name, value)) => entry(name, Node::text(value, item.place)),
            None => entry(&words, Node::scalar(nothing(), item.place)),
        };
        match known.get(&made.key) {
            Some(index) => entries[*index] = made,
            None => {
                known.insert(made.key.clone(), entries.len());
                entries.push(made);
            }
        }
    }
    Node::of(Kind::Map(entries), node.place)
}

/// A command line as words, by the rules of a shell.
fn words(node: Node, files: &mut Files) -> Node {
    let Kind::Scalar(scalar) = &node.kind else {
        return node;
    };
    let text = scalar.words();
    let Some(words) = shlex::split(&text) else {
        files.wrong(node.place, |span| {
            Problem::new(
                span,
                format!("a quote is not closed in {}", quoted(&text)),
                "here",
            )
            .help("words are told apart as a shell does it; a list needs no quotes")
        });
        return node;
    };
    let words = words.into_iter().map(|word| Node::text(word, node.place));
    Node::of(Kind::List(words.collect()), node.place)
}

/// A test that is a text is the shell's.
fn test(node: Node, _: &mut Files) -> Node {
    match &node.kind {
        Kind::Scalar(scalar) => {
            let words = ["CMD-SHELL".to_owned(), scalar.words()];
            let words = words.map(|word| Node::text(word, node.place));
            Node::of(Kind::List(words.into()), node.place)
        }
        _ => node,
    }
}

/// `["a:1.2.3.4"]`, `["a=1.2.3.4"]` and `{a: 1.2.3.4}` as `{a: [1.2.3.4]}`.
fn hosts(node: Node, files: &mut Files) -> Node {
    let place = node.place;
    let mut entries: Vec<Entry> = Vec::new();
    let mut known: BTreeMap<String, (usize, BTreeSet<String>)> = BTreeMap::new();
    let mut add = |name: &str, address: String, at: Place| {
        let next = known.len();
        let (index, addresses) = known
            .entry(name.to_owned())
            .or_insert((next, BTreeSet::new()));
        if *index == entries.len() {
            entries.push(entry(name, Node::of(Kind::List(Vec::new()), at)));
        }
        if addresses.insert(address.clone())
            && let Kind::List(list) = &mut entries[*index].value.kind
        {
            list.push(Node::text(address, at));
        }
    };
    // An IPv6 address may stand in brackets.
    let bare = |text: &str| {
        text.trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned()
    };
    match node.kind {
        Kind::List(items) => {
            for item in items {
                let text = item.as_scalar().map(Scalar::words).unwrap_or_default();
                match text.split_once(['=', ':']) {
                    Some((name, address)) => add(name, bare(address), item.place),
                    None => files.wrong(item.place, |span| {
                        Problem::new(span, format!("{} names no address", quoted(&text)), "here")
                            .help("an entry is NAME=ADDRESS, as in db=192.168.0.7")
                    }),
                }
            }
        }
        Kind::Map(hosts) => {
            for host in hosts {
                let addresses = match host.value.kind {
                    Kind::List(addresses) => addresses,
                    kind => vec![Node::of(kind, host.value.place)],
                };
                for address in addresses {
                    let text = address.as_scalar().map(Scalar::words).unwrap_or_default();
                    add(&host.key, bare(&text), address.place);
                }
            }
        }
        kind => return Node::of(kind, place),
    }
    Node::of(Kind::Map(entries), place)
}

/// A limit that is one number is both.
fn ulimits(mut node: Node) -> Node {
    if let Kind::Map(entries) = &mut node.kind {
        for limit in entries {
            if limit.value.as_scalar().is_some() {
                let both = ["soft", "hard"].map(|key| entry(key, limit.value.clone()));
                limit.value.kind = Kind::Map(both.into());
            }
        }
    }
    node
}

/// Options of devices that a driver finds, from pairs.
fn device_options(node: Node, files: &mut Files) -> Node {
    each(node, |mut request| {
        edit(&mut request, "options", pairs, files);
        request
    })
}

/// `/dev/a:/dev/b:rwm`.
fn device(node: Node) -> Node {
    let Some(scalar) = node.as_scalar() else {
        return node;
    };
    let words = scalar.words();
    let mut parts = words.splitn(3, ':');
    let text = |part: &str| Node::text(part, node.place);
    let source = parts.next().unwrap_or_default();
    let target = parts.next().unwrap_or(source);
    let permissions = parts.next().unwrap_or("rwm");
    let entries = vec![
        entry("source", text(source)),
        entry("target", text(target)),
        entry("permissions", text(permissions)),
    ];
    Node::of(Kind::Map(entries), node.place)
}

/// `external: {name: x}` is the old form of `external: true` and `name: x`.
fn external(resource: &mut Node) {
    let name = resource
        .get("external")
        .and_then(|external| external.get("name"))
        .cloned();
    if let (Some(name), Kind::Map(entries)) = (name, &mut resource.kind) {
        let at: Place = name.place;
        entries.retain(|entry| !matches!(entry.key.as_str(), "name" | "external"));
        entries.push(entry("name", name));
        let yes = Scalar {
            text: "true".to_owned(),
            value: Value::Bool(true),
        };
        entries.push(entry("external", Node::scalar(yes, at)));
    }
}

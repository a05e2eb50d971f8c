//! One file laid over another, property by property, as the specification says. Both are in long form.

use crate::yaml::{Entry, Kind, Node, Scalar, Tag};
use std::collections::BTreeMap;

/// How two values of a property become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// Mappings merge, lists are appended, of anything else the upper one counts.
    Usual,
    /// The upper one counts, whatever it is.
    Replace,
    /// A list in which something makes entries the same; of those the upper one counts.
    Unique(Identity),
    /// A list of mappings, of which those with the same subnet merge.
    Subnets,
    /// Merged where both have the same driver, or one has none.
    Logging,
}

/// What makes two entries of a list the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Identity {
    /// All of it.
    Whole,
    Port,
    Key(&'static str),
    /// The target of a secret or config, which has one that follows from its source.
    Grant(&'static str),
    /// The path of `path:options`.
    Path,
}

fn rule(path: &[&str]) -> Rule {
    use Identity::{Grant, Key, Path, Port, Whole};
    let ["services", _, rest @ ..] = path else {
        return match path {
            ["networks", _, "ipam", "config"] => Rule::Subnets,
            _ => Rule::Usual,
        };
    };
    match rest {
        ["command" | "entrypoint"] | ["healthcheck", "test"] | ["ulimits", _] => Rule::Replace,
        ["logging"] => Rule::Logging,
        ["ports"] => Rule::Unique(Port),
        ["volumes" | "devices"] => Rule::Unique(Key("target")),
        ["secrets"] => Rule::Unique(Grant("/run/secrets/")),
        ["configs"] => Rule::Unique(Grant("/")),
        ["env_file"] => Rule::Unique(Key("path")),
        ["blkio_config", _] => Rule::Unique(Key("path")),
        ["tmpfs"] => Rule::Unique(Path),
        [
            "cap_add"
            | "cap_drop"
            | "device_cgroup_rules"
            | "dns"
            | "dns_opt"
            | "dns_search"
            | "expose"
            | "external_links"
            | "group_add"
            | "label_file"
            | "links"
            | "profiles"
            | "security_opt"
            | "volumes_from",
        ]
        | ["build", "tags" | "platforms" | "cache_from"]
        | ["networks", _, "aliases" | "link_local_ips"]
        | ["extra_hosts", _]
        | ["build", "extra_hosts", _] => Rule::Unique(Whole),
        _ => Rule::Usual,
    }
}

/// `over` laid over `base`, at a path of the file.
pub(super) fn merge(base: Node, over: Node, path: &[&str]) -> Node {
    match over.tag {
        // What is under it is taken away, which whoever holds the mapping does.
        Some(Tag::Reset) => return over,
        Some(Tag::Override) => return Node { tag: None, ..over },
        None => {}
    }
    let rule = rule(path);
    if rule == Rule::Replace {
        return over;
    }
    if over.is_null() {
        return base;
    }
    match (base.kind, over.kind) {
        (Kind::Map(lower), Kind::Map(upper)) => {
            let own = |entries: &[Entry]| {
                let driver = entries.iter().find(|entry| entry.key == "driver");
                driver.and_then(|entry| entry.value.as_scalar().map(Scalar::words))
            };
            let kind = match (rule, own(&lower), own(&upper)) {
                (Rule::Logging, Some(one), Some(other)) if one != other => Kind::Map(upper),
                _ => Kind::Map(maps(lower, upper, path)),
            };
            Node {
                kind,
                tag: None,
                place: over.place,
            }
        }
        (Kind::List(mut lower), Kind::List(upper)) => {
            let kind = match rule {
                Rule::Subnets => Kind::List(subnets(lower, upper, path)),
                _ => {
                    lower.extend(upper);
                    match rule {
                        Rule::Unique(identity) => Kind::List(unique(lower, identity)),
                        _ => Kind::List(lower),
                    }
                }
            };
            Node {
                kind,
                tag: None,
                place: over.place,
            }
        }
        (_, kind) => Node {
            kind,
            tag: None,
            place: over.place,
        },
    }
}

fn maps(mut lower: Vec<Entry>, upper: Vec<Entry>, path: &[&str]) -> Vec<Entry> {
    let known: BTreeMap<String, usize> = lower
        .iter()
        .enumerate()
        .map(|(index, entry)| (entry.key.clone(), index))
        .collect();
    for entry in upper {
        let path: Vec<&str> = path.iter().copied().chain([entry.key.as_str()]).collect();
        match known.get(&entry.key) {
            Some(index) => {
                let below = &mut lower[*index];
                let nothing = Node::text("", below.at);
                let base = std::mem::replace(&mut below.value, nothing);
                below.value = merge(base, entry.value, &path);
                below.at = entry.at;
            }
            None => lower.push(entry),
        }
    }
    lower.retain(|entry| entry.value.tag != Some(Tag::Reset));
    lower
}

fn subnets(mut lower: Vec<Node>, upper: Vec<Node>, path: &[&str]) -> Vec<Node> {
    let subnet = |node: &Node| identify(node, Identity::Key("subnet"));
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    for (index, node) in lower.iter().enumerate() {
        known.extend(subnet(node).map(|subnet| (subnet, index)));
    }
    for node in upper {
        let index = subnet(&node).and_then(|subnet| known.get(&subnet).copied());
        match index {
            Some(index) => {
                let nothing = Node::text("", node.place);
                let base = std::mem::replace(&mut lower[index], nothing);
                lower[index] = merge(base, node, path);
            }
            None => lower.push(node),
        }
    }
    lower
}

/// Takes away what is not laid over anything: `!reset` where nothing was, and repeated entries.
pub(super) fn settle(node: &mut Node, path: &[&str]) {
    node.tag = None;
    match &mut node.kind {
        Kind::Scalar(_) => {}
        Kind::List(items) => {
            items.retain(|item| item.tag != Some(Tag::Reset));
            if let Rule::Unique(identity) = rule(path) {
                *items = unique(std::mem::take(items), identity);
            }
            for item in items {
                settle(item, path);
            }
        }
        Kind::Map(entries) => {
            entries.retain(|entry| entry.value.tag != Some(Tag::Reset));
            for entry in entries {
                let path: Vec<&str> = path.iter().copied().chain([entry.key.as_str()]).collect();
                settle(&mut entry.value, &path);
            }
        }
    }
}

/// Each entry once: the last of those that are the same, where the first was.
fn unique(items: Vec<Node>, identity: Identity) -> Vec<Node> {
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    let mut kept: Vec<Node> = Vec::new();
    for item in items {
        let key = identify(&item, identity);
        match key.as_ref().and_then(|key| known.get(key)) {
            Some(index) => kept[*index] = item,
            None => {
                if let Some(key) = key {
                    known.insert(key, kept.len());
                }
                kept.push(item);
            }
        }
    }
    kept
}

/// `None` of what is no entry of such a list, which is said by who reads it.
fn identify(item: &Node, identity: Identity) -> Option<String> {
    let word = |key: &str| {
        let value = item.get(key)?;
        value.as_scalar().map(Scalar::words)
    };
    match identity {
        Identity::Whole => item.as_scalar().map(Scalar::words),
        Identity::Key(key) => word(key),
        Identity::Path => {
            let words = item.as_scalar()?.words();
            Some(words.split(':').next().unwrap_or_default().to_owned())
        }
        Identity::Grant(folder) => {
            let source = || word("source").map(|source| format!("{folder}{source}"));
            match word("target") {
                Some(target) if target.starts_with('/') => Some(target),
                Some(target) => Some(format!("{folder}{target}")),
                None => source(),
            }
        }
        Identity::Port => {
            let target = word("target")?;
            let host = word("host_ip").unwrap_or_else(|| "0.0.0.0".to_owned());
            let protocol = word("protocol").unwrap_or_else(|| "tcp".to_owned());
            let published = word("published").unwrap_or_default();
            Some(format!("{host} {published} {target} {protocol}"))
        }
    }
}

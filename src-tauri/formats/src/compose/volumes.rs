//! Mounts in their short form: `[SOURCE:]TARGET[:OPTIONS]`.

use super::canonical::entry;
use crate::yaml::{Files, Kind, Node, Scalar, Value};
use spec::{Problem, quoted};

/// A list of mounts in long form.
pub(super) fn long(node: Node, files: &mut Files) -> Node {
    let Kind::List(items) = node.kind else {
        return node;
    };
    let mut mounts = Vec::new();
    for item in items {
        let Some(scalar) = item.as_scalar() else {
            mounts.push(item);
            continue;
        };
        let text = scalar.words();
        match short(&text, &item) {
            Ok(mount) => mounts.push(mount),
            Err(wrong) => files.wrong(item.place, |span| {
                Problem::new(
                    span,
                    format!("{} is no mount: {wrong}", quoted(&text)),
                    "here",
                )
                .help("a mount is \"data:/var/lib/data\", \"./src:/app:ro\" or \"/cache\"")
            }),
        }
    }
    Node::of(Kind::List(mounts), node.place)
}

fn short(text: &str, from: &Node) -> Result<Node, &'static str> {
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, options) = match parts[..] {
        [target] => (None, target, ""),
        [source, target] => (Some(source), target, ""),
        [source, target, options] => (Some(source), target, options),
        _ => return Err("too many colons"),
    };
    if target.is_empty() || source == Some("") {
        return Err("something is missing beside a colon");
    }
    if !target.starts_with('/') {
        return Err("the place in the container is an absolute path");
    }
    let place = from.place;
    let word = |text: &str| Node::text(text, place);
    let yes = || {
        let scalar = Scalar {
            text: "true".to_owned(),
            value: Value::Bool(true),
        };
        Node::scalar(scalar, place)
    };
    let bind = source.is_some_and(|source| source.starts_with(['.', '/', '~']));
    let mut entries = vec![entry("type", word(if bind { "bind" } else { "volume" }))];
    entries.extend(source.map(|source| entry("source", word(source))));
    let trimmed = target.trim_end_matches('/');
    let target = if trimmed.is_empty() { "/" } else { trimmed };
    entries.push(entry("target", word(target)));
    let mut of_bind = vec![entry("create_host_path", yes())];
    let mut of_volume = Vec::new();
    for option in options.split(',').filter(|option| !option.is_empty()) {
        match option {
            "ro" => entries.push(entry("read_only", yes())),
            "rw" => {}
            "z" | "Z" => of_bind.push(entry("selinux", word(option))),
            "nocopy" => of_volume.push(entry("nocopy", yes())),
            "private" | "rprivate" | "shared" | "rshared" | "slave" | "rslave" => {
                of_bind.push(entry("propagation", word(option)));
            }
            // What Docker Desktop made of its own files.
            "cached" | "delegated" | "consistent" => {}
            _ => return Err("an option is ro, rw, z, Z, nocopy or a propagation"),
        }
    }
    if bind {
        entries.push(entry("bind", Node::of(Kind::Map(of_bind), place)));
    } else if !of_volume.is_empty() {
        entries.push(entry("volume", Node::of(Kind::Map(of_volume), place)));
    }
    Ok(Node::of(Kind::Map(entries), place))
}

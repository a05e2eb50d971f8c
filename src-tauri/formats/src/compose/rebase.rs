//! Paths that a file says, made paths of the project's folder.

use super::canonical::{edit, entry, for_each, within};
use super::paths::{is_remote, join};
use crate::yaml::{Files, Kind, Node, Scalar};

/// Rewrites the paths of a file that was said in the folder `dir`.
pub(super) fn rebase(root: &mut Node, dir: &str, files: &mut Files) {
    for_each(root, "services", files, |service, files| {
        within(service, "build", files, |build, files| {
            path(build, "context", dir, files)
        });
        edit(
            service,
            "env_file",
            |node, files| of_each(node, "path", dir, files),
            files,
        );
        edit(
            service,
            "label_file",
            |mut node, _| {
                if let Kind::List(items) = &mut node.kind {
                    items.iter_mut().for_each(|item| rewrite(item, dir));
                }
                node
            },
            files,
        );
        edit(
            service,
            "volumes",
            |node, files| mounts(node, dir, files),
            files,
        );
        within(service, "develop", files, |develop, files| {
            edit(
                develop,
                "watch",
                |node, files| of_each(node, "path", dir, files),
                files,
            );
        });
    });
    for kind in ["secrets", "configs"] {
        for_each(root, kind, files, |resource, files| {
            path(resource, "file", dir, files)
        });
    }
    for_each(root, "volumes", files, |volume, files| {
        within(volume, "driver_opts", files, |options, files| {
            let bind = options.get("o").and_then(Node::as_scalar);
            if bind.is_some_and(|how| {
                how.text
                    .split(',')
                    .any(|word| matches!(word, "bind" | "rbind"))
            }) {
                path(options, "device", dir, files);
            }
        });
    });
}

/// A build has a context where it says none: the folder of the file.
pub(super) fn default_contexts(root: &mut Node, dir: &str, files: &mut Files) {
    for_each(root, "services", files, |service, files| {
        within(service, "build", files, |build, _| {
            let place = build.place;
            if build.get("context").is_none()
                && let Kind::Map(entries) = &mut build.kind
            {
                entries.push(entry("context", Node::text(join(dir, "."), place)));
            }
        });
    });
}

fn path(map: &mut Node, key: &str, dir: &str, files: &mut Files) {
    within(map, key, files, |node, _| rewrite(node, dir));
}

fn rewrite(node: &mut Node, dir: &str) {
    let Some(said) = node.as_scalar().map(Scalar::words) else {
        return;
    };
    if !said.is_empty() && !is_remote(&said) {
        node.kind = Kind::Scalar(Scalar::text(join(dir, &said)));
    }
}

fn of_each(mut node: Node, key: &str, dir: &str, files: &mut Files) -> Node {
    if let Kind::List(items) = &mut node.kind {
        for item in items {
            path(item, key, dir, files);
        }
    }
    node
}

fn mounts(mut node: Node, dir: &str, files: &mut Files) -> Node {
    if let Kind::List(items) = &mut node.kind {
        for item in items {
            let kind = item.get("type").and_then(Node::as_scalar);
            if kind.is_some_and(|kind| kind.text == "bind") {
                path(item, "source", dir, files);
            }
        }
    }
    node
}

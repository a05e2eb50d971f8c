//! What is mounted into a container, and the files it is given.

use super::values::{map_of, number_of, size_of, table, text_of, yes};
use super::{Writer, at, note};
use crate::compose::project::{Given, Grant, Mount, Mounted, Service};
use crate::draft::{Draft, text};
use std::collections::BTreeMap;

impl Writer<'_> {
    /// `volumes` of a container.
    pub(super) fn mounts(&self, name: &str, service: &Service, draft: &mut Draft) -> Vec<String> {
        let mut all = Vec::new();
        for mount in &service.volumes {
            match &mount.what {
                Mounted::Other(kind, source) => {
                    let says = format!(
                        "{name} gets no {source} at {}: a mount of type {kind} is none of this machine's",
                        mount.target
                    );
                    draft.note(note(at(service, "volumes"), says));
                }
                what => all.push(self.mount(mount, what)),
            }
        }
        for said in &service.tmpfs {
            let (target, options) = said.split_once(':').unwrap_or((said, ""));
            let (mut size, mut mode, mut read_only) = (None, None, false);
            for option in options.split(',').filter(|option| !option.is_empty()) {
                match option.split_once('=') {
                    Some(("size", said)) if crate::compose::read::size(said).is_some() => {
                        size = crate::compose::read::size(said);
                    }
                    Some(("mode", said)) if u32::from_str_radix(said, 8).is_ok() => {
                        mode = u32::from_str_radix(said, 8).ok();
                    }
                    None if option == "ro" => read_only = true,
                    // What every one of a container is.
                    None if matches!(option, "rw" | "noexec" | "nosuid" | "nodev") => {}
                    _ => {
                        let says = format!("{name} has {target} in memory without {option}");
                        draft.note(note(at(service, "tmpfs"), says));
                    }
                }
            }
            all.push(tmpfs(target, size, mode, read_only));
        }
        all
    }

    fn mount(&self, mount: &Mount, what: &Mounted) -> String {
        let target = mount.target.as_str();
        let option = if mount.read_only { ":ro" } else { "" };
        let read_only = yes("read_only", mount.read_only);
        match what {
            Mounted::Bind {
                source,
                create,
                propagation,
                selinux,
                recursive,
            } => {
                let source = self.path(source);
                let source = match source.starts_with(['/', '.', '~']) {
                    true => source,
                    false => format!("./{source}"),
                };
                let usual = *create && (propagation, selinux, recursive) == (&None, &None, &None);
                if usual && is_plain(&source) && is_plain(target) {
                    return text(&format!("{source}:{target}{option}"));
                }
                let keys = kind("bind", &source, target)
                    .into_iter()
                    .chain(read_only)
                    .chain((!create).then(|| ("create", "false".to_owned())))
                    .chain(text_of("propagation", propagation))
                    .chain(text_of("selinux", selinux))
                    .chain(text_of("recursive", recursive));
                table(keys)
            }
            Mounted::Volume {
                name,
                nocopy,
                labels,
                subpath,
            } => {
                let name = name.as_ref().map(|name| self.names.volume(name));
                let usual = !nocopy && labels.is_empty() && subpath.is_none();
                if usual && is_plain(target) {
                    match &name {
                        Some(name) => return text(&format!("{name}:{target}{option}")),
                        None if option.is_empty() => return text(target),
                        None => {}
                    }
                }
                let keys = [("type", text("volume"))]
                    .into_iter()
                    .chain(text_of("source", &name))
                    .chain([("target", text(target))])
                    .chain(read_only)
                    .chain(yes("nocopy", *nocopy))
                    .chain(text_of("subpath", subpath))
                    .chain(map_of("labels", labels));
                table(keys)
            }
            Mounted::Tmpfs { size, mode } => tmpfs(target, *size, *mode, mount.read_only),
            Mounted::Image { image, subpath } => {
                let keys = kind("image", image, target)
                    .into_iter()
                    .chain(text_of("subpath", subpath));
                table(keys)
            }
            Mounted::Other(..) => String::new(),
        }
    }

    /// `files` of a container: secrets and configs.
    pub(super) fn files(&self, name: &str, service: &Service, draft: &mut Draft) -> Vec<String> {
        let project = self.project;
        let secrets = service
            .secrets
            .iter()
            .map(|grant| ("secrets", grant, &project.secrets));
        let configs = service
            .configs
            .iter()
            .map(|grant| ("configs", grant, &project.configs));
        let mut all = Vec::new();
        for (key, grant, known) in secrets.chain(configs) {
            if let Some(file) = self.file(name, service, key, grant, known, draft) {
                all.push(file);
            }
        }
        all
    }

    fn file(
        &self,
        name: &str,
        service: &Service,
        key: &str,
        grant: &Grant,
        known: &BTreeMap<String, Given>,
        draft: &mut Draft,
    ) -> Option<String> {
        let from = match known.get(&grant.source)? {
            Given::File(path) => ("file", text(&self.path(path))),
            Given::Environment(variable) => ("env", text(variable)),
            Given::Content(words) => ("text", text(words)),
            Given::External(store) => {
                let says = format!(
                    "{name} gets no {}: {store} is in a store outside of the project",
                    grant.target
                );
                draft.note(note(at(service, key), says));
                return None;
            }
        };
        let mode = grant.mode.map(|mode| format!("{mode:04o}"));
        let keys = [("target", text(&grant.target)), from]
            .into_iter()
            .chain(text_of("mode", &mode))
            .chain(number_of("uid", grant.uid))
            .chain(number_of("gid", grant.gid));
        Some(table(keys))
    }
}

fn kind(kind: &str, source: &str, target: &str) -> [(&'static str, String); 3] {
    [
        ("type", text(kind)),
        ("source", text(source)),
        ("target", text(target)),
    ]
}

fn tmpfs(target: &str, size: Option<u64>, mode: Option<u32>, read_only: bool) -> String {
    let mode = mode.map(|mode| format!("{mode:04o}"));
    let keys = [("type", text("tmpfs")), ("target", text(target))]
        .into_iter()
        .chain(size_of("size", size.filter(|size| *size > 0)))
        .chain(text_of("mode", &mode))
        .chain(yes("read_only", read_only));
    table(keys)
}

/// Whether a path can stand between colons.
fn is_plain(path: &str) -> bool {
    !path.contains(':')
}

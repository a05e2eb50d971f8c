//! `volumes` and `files`: what a container finds in places of its file system.

use super::super::Reader;
use super::keys::{FILE, MOUNT};
use crate::container::{FileFrom, FileIn, Mount};
use crate::document::{Table, Value, ValueKind};
use crate::problem::{Problem, Span, quoted};
use std::collections::BTreeMap;

const FORM: &str = "write \"data:/var/lib/data\", \"./src:/app:ro\", \"/cache\" or { type = \"tmpfs\", target = \"/run\" }";
const FILE_FORM: &str = "write { target = \"/run/secrets/pw\", file = \"secrets/pw\" }, or env = \"NAME\", or text = \"…\"";

/// How mounts below it come and go on the other side.
const PROPAGATION: [&str; 6] = [
    "private", "rprivate", "shared", "rshared", "slave", "rslave",
];
/// What becomes of what is mounted below it.
const RECURSIVE: [&str; 4] = ["enabled", "disabled", "writable", "readonly"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Type {
    Bind,
    Volume,
    Tmpfs,
    Image,
}

impl Type {
    const WORDS: [(&str, Type); 4] = [
        ("bind", Type::Bind),
        ("volume", Type::Volume),
        ("tmpfs", Type::Tmpfs),
        ("image", Type::Image),
    ];

    /// The keys that go with it besides `type` and `target`.
    fn keys(self) -> &'static [&'static str] {
        match self {
            Type::Bind => &[
                "source",
                "read_only",
                "create",
                "propagation",
                "selinux",
                "recursive",
            ],
            Type::Volume => &["source", "read_only", "nocopy", "subpath", "labels"],
            Type::Tmpfs => &["read_only", "size", "mode"],
            Type::Image => &["source", "subpath"],
        }
    }

    fn word(self) -> &'static str {
        Self::WORDS
            .iter()
            .find(|(_, kind)| *kind == self)
            .map_or("", |(word, _)| word)
    }
}

impl Reader<'_> {
    pub(super) fn mounts(&mut self, table: &Table) -> Vec<Mount> {
        let mut mounts: Vec<Mount> = Vec::new();
        let mut places: BTreeMap<String, Span> = BTreeMap::new();
        for item in self.items(table, "volumes", "volumes = [\"data:/var/lib/data\"]") {
            let mount = match &item.kind {
                ValueKind::Text(_) => self.short_mount(item),
                ValueKind::Table(table) => self.long_mount(item, table),
                _ => {
                    self.wrong("an entry of `volumes`", item, "a text or a table", FORM);
                    None
                }
            };
            let Some(mount) = mount else {
                continue;
            };
            if let Some(first) = places.insert(mount.target().to_owned(), item.span.clone()) {
                let target = quoted(mount.target());
                self.problems.add(|| {
                    Problem::new(
                        item.span.clone(),
                        format!("two things are mounted at {target}"),
                        "again here",
                    )
                    .and(first, "first here")
                    .help("keep one of the two")
                });
            }
            mounts.push(mount);
        }
        mounts
    }

    /// `[SOURCE:]TARGET[:OPTIONS]`.
    fn short_mount(&mut self, value: &Value) -> Option<Mount> {
        let text = self.text(value, "an entry of `volumes`", "\"data:/var/lib/data\"")?;
        let parts: Vec<&str> = text.split(':').collect();
        let (source, target, options) = match parts[..] {
            [target] => (None, target, ""),
            [source, target] => (Some(source), target, ""),
            [source, target, options] => (Some(source), target, options),
            _ => {
                let message = format!("{} is no mount", quoted(text));
                self.refuse(&value.span, message, "too many colons", FORM);
                return None;
            }
        };
        let target = self.place_inside(value, target)?;
        let (mut read_only, mut nocopy) = (false, false);
        let (mut propagation, mut selinux) = (None, None);
        let path = source.is_some_and(is_path);
        for option in options.split(',').filter(|option| !option.is_empty()) {
            match option {
                "ro" => read_only = true,
                "rw" => {}
                "nocopy" if !path => nocopy = true,
                "z" | "Z" if path => selinux = Some(option.to_owned()),
                "private" | "rprivate" | "shared" | "rshared" | "slave" | "rslave" if path => {
                    propagation = Some(option.to_owned());
                }
                // What Docker Desktop made of its own files; they mean nothing any more.
                "cached" | "delegated" | "consistent" => {}
                _ => self.refuse(
                    &value.span,
                    format!("{} is no option of this mount", quoted(option)),
                    "at its end",
                    "of a path: ro, rw, z, Z or a propagation like rshared; of a volume: ro, rw or nocopy",
                ),
            }
        }
        match source {
            None => Some(volume(None, target)),
            Some("") => {
                let message = format!("{} is no mount", quoted(text));
                self.refuse(&value.span, message, "nothing before the colon", FORM);
                None
            }
            Some(source) if path => {
                self.no_home(value, source);
                Some(Mount::Bind {
                    source: source.to_owned(),
                    target,
                    read_only,
                    create: true,
                    propagation,
                    selinux,
                    recursive: None,
                })
            }
            Some(name) => {
                self.volume_is_there(name, value);
                Some(Mount::Volume {
                    name: Some(name.to_owned()),
                    target,
                    read_only,
                    nocopy,
                    subpath: None,
                    labels: BTreeMap::new(),
                })
            }
        }
    }

    fn long_mount(&mut self, item: &Value, table: &Table) -> Option<Mount> {
        self.known_keys(table, &MOUNT);
        let Some(kind) = table.get("type") else {
            self.refuse(
                &item.span,
                "an entry of `volumes` names no `type`".into(),
                "bind, volume, tmpfs or image?",
                "write { type = \"bind\", source = \"src\", target = \"/app\" }",
            );
            return None;
        };
        let kind = self.word(&kind.value, "`type`", &Type::WORDS)?;
        for entry in &table.entries {
            let key = entry.key.name.as_str();
            let known = MOUNT.keys.contains(&key) && !matches!(key, "type" | "target");
            if known && !kind.keys().contains(&key) {
                self.refuse(
                    &entry.key.span,
                    format!("`{key}` does not go with type = \"{}\"", kind.word()),
                    "of another type",
                    &format!(
                        "with it go {}",
                        crate::suggest::list(kind.keys().iter().copied())
                    ),
                );
            }
        }
        let source = self.said(table, "source", "data");
        let Some(target) = table.get("target") else {
            self.refuse(
                &item.span,
                "an entry of `volumes` names no `target`".into(),
                "where in the container?",
                FORM,
            );
            return None;
        };
        let text = self.text(&target.value, "`target`", "target = \"/app\"")?;
        let target = self.place_inside(&target.value, text)?;
        let missing = |reader: &mut Self, what: &str| {
            reader.refuse(
                &item.span,
                format!("this mount of type \"{}\" has no `source`", kind.word()),
                what,
                FORM,
            );
        };
        let read_only = self.yes(table, "read_only");
        let subpath = self.said(table, "subpath", "www");
        Some(match kind {
            Type::Bind => {
                let Some(source) = source else {
                    missing(self, "which file or folder?");
                    return None;
                };
                if let Some(entry) = table.get("source") {
                    self.no_home(&entry.value, &source);
                }
                Mount::Bind {
                    source,
                    target,
                    read_only,
                    create: self.yes(table, "create"),
                    propagation: self.mount_word(table, "propagation", &PROPAGATION),
                    selinux: self.mount_word(table, "selinux", &["z", "Z"]),
                    recursive: self.mount_word(table, "recursive", &RECURSIVE),
                }
            }
            Type::Volume => {
                if let (Some(name), Some(entry)) = (&source, table.get("source")) {
                    self.volume_is_there(name, &entry.value);
                }
                Mount::Volume {
                    name: source,
                    target,
                    read_only,
                    nocopy: self.yes(table, "nocopy"),
                    subpath,
                    labels: self.text_table(table, "labels", "team = \"shop\""),
                }
            }
            Type::Tmpfs => Mount::Tmpfs {
                target,
                size: self.bytes(table, "size"),
                mode: self.mode(table),
                read_only,
            },
            Type::Image => {
                let Some(entry) = table.get("source") else {
                    missing(self, "which image?");
                    return None;
                };
                Mount::Image {
                    image: self.image(&entry.value, "`source`")?,
                    subpath,
                    target,
                }
            }
        })
    }

    /// A place in the container.
    fn place_inside(&mut self, value: &Value, text: &str) -> Option<String> {
        if !text.starts_with('/') {
            self.refuse(
                &value.span,
                format!("{} is no place in a container", quoted(text)),
                "not an absolute path",
                FORM,
            );
            return None;
        }
        let trimmed = text.trim_end_matches('/');
        if trimmed.is_empty() {
            self.refuse(
                &value.span,
                "nothing can be mounted over all files of a container".into(),
                "the root",
                "name a folder in it",
            );
            return None;
        }
        Some(trimmed.to_owned())
    }

    /// Permissions, as `chmod` takes them: `"0440"`.
    fn mode(&mut self, table: &Table) -> Option<u32> {
        let entry = table.get("mode")?;
        const HELP: &str = "permissions are octal digits in a text, as for chmod: mode = \"0440\"";
        let ValueKind::Text(text) = &entry.value.kind else {
            self.wrong("`mode`", &entry.value, "a text of octal digits", HELP);
            return None;
        };
        let digits = text.strip_prefix("0o").unwrap_or(text);
        let mode = u32::from_str_radix(digits, 8).ok();
        let mode = mode.filter(|mode| *mode <= 0o7777 && !digits.starts_with('+'));
        if mode.is_none() {
            let message = format!("{} is no permissions", quoted(text));
            self.refuse(&entry.value.span, message, "0 to 7777, octal", HELP);
        }
        mode
    }

    pub(super) fn files(&mut self, table: &Table) -> Vec<FileIn> {
        let mut files: Vec<FileIn> = Vec::new();
        let mut places: BTreeMap<String, Span> = BTreeMap::new();
        for item in self.items(
            table,
            "files",
            "files = [{ target = \"/run/pw\", file = \"pw\" }]",
        ) {
            let Some(table) = self.table(item, "an entry of `files`", FILE_FORM) else {
                continue;
            };
            self.known_keys(table, &FILE);
            let target = match table.get("target") {
                Some(entry) => {
                    let text = self.text(&entry.value, "`target`", "target = \"/run/pw\"");
                    text.and_then(|text| self.place_inside(&entry.value, text))
                }
                None => {
                    self.refuse(
                        &item.span,
                        "an entry of `files` names no `target`".into(),
                        "where in the container?",
                        FILE_FORM,
                    );
                    None
                }
            };
            let from = self.from(item, table);
            let owner = "the number of a user in the container: uid = 1000";
            let file = FileIn {
                target: target.clone().unwrap_or_default(),
                from: from.clone().unwrap_or(FileFrom::Text(String::new())),
                mode: self.mode(table),
                uid: self.whole(table, "uid", 0..=u32::MAX - 1, owner),
                gid: self.whole(table, "gid", 0..=u32::MAX - 1, owner),
            };
            if target.is_none() || from.is_none() {
                continue;
            }
            if let Some(first) = places.insert(file.target.clone(), item.span.clone()) {
                let target = quoted(&file.target);
                self.problems.add(|| {
                    Problem::new(
                        item.span.clone(),
                        format!("two files are put to {target}"),
                        "again here",
                    )
                    .and(first, "first here")
                    .help("keep one of the two")
                });
            }
            files.push(file);
        }
        files
    }

    fn from(&mut self, item: &Value, table: &Table) -> Option<FileFrom> {
        let given: Vec<_> = ["file", "env", "text"]
            .into_iter()
            .filter_map(|key| table.get(key))
            .collect();
        match given[..] {
            [] => {
                self.refuse(
                    &item.span,
                    "this file comes from nowhere".into(),
                    "neither `file` nor `env` nor `text`",
                    FILE_FORM,
                );
                None
            }
            [only] => match (only.key.name.as_str(), &only.value.kind) {
                // An empty file is one, too.
                ("text", ValueKind::Text(text)) => self
                    .harmless(text, &only.value.span, "`text`")
                    .then(|| FileFrom::Text(text.clone())),
                ("file", _) => {
                    let path = self.said(table, "file", "secrets/pw")?;
                    self.no_home(&only.value, &path);
                    Some(FileFrom::File(path))
                }
                ("env", _) => self.said(table, "env", "DB_PASSWORD").map(FileFrom::Env),
                _ => self.said(table, "text", "…").map(FileFrom::Text),
            },
            [first, second, ..] => {
                self.problems.add(|| {
                    Problem::new(
                        second.key.span.clone(),
                        "this file comes from two places",
                        "the second one",
                    )
                    .and(first.key.span.clone(), "the first one")
                    .help("keep one")
                });
                None
            }
        }
    }
}

/// What begins so is a path, and everything else the name of a volume.
fn is_path(source: &str) -> bool {
    source.starts_with(['.', '/', '~'])
}

fn volume(name: Option<String>, target: String) -> Mount {
    Mount::Volume {
        name,
        target,
        read_only: false,
        nocopy: false,
        subpath: None,
        labels: BTreeMap::new(),
    }
}

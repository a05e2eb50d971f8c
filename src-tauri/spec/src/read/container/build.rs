//! `image` and `build`: what a container is made from.

use super::super::Reader;
use super::keys::BUILD;
use crate::container::Build;
use crate::document::{Entry, Value, ValueKind};
use crate::problem::{Problem, quoted};

const EXAMPLE: &str = "write build = \"web\", the folder with its Dockerfile, or { context = \"web\", target = \"release\" }";

impl Reader<'_> {
    /// The name of an image, as `docker run` takes it.
    pub(super) fn image(&mut self, value: &Value, key: &str) -> Option<String> {
        let text = self.text(value, key, "image = \"postgres:16\"")?;
        if let Err(label) = image(text) {
            self.refuse(
                &value.span,
                format!("{} is not the name of an image", quoted(text)),
                label,
                "an image is written as for `docker run`: \"postgres:16\", \"ghcr.io/me/app\" or \"app@sha256:…\"",
            );
            return None;
        }
        Some(text.to_owned())
    }

    /// A folder, or a table with more.
    pub(super) fn build(&mut self, entry: &Entry) -> Option<Build> {
        let ValueKind::Table(table) = &entry.value.kind else {
            let context = self.text(&entry.value, "`build`", "build = \"web\"")?;
            self.context(&entry.value, context);
            return Some(Build {
                context: folder(context),
                ..Build::default()
            });
        };
        self.known_keys(table, &BUILD);
        let context = table.get("context").and_then(|entry| {
            let text = self.text(&entry.value, "`context`", "context = \"web\"")?;
            self.context(&entry.value, text);
            Some(folder(text))
        });
        if context.is_none() && table.get("context").is_none() {
            self.refuse(
                &entry.key.span,
                "this `build` names no folder".into(),
                "no `context` in here",
                EXAMPLE,
            );
        }
        if let (Some(file), Some(text)) = (table.get("dockerfile"), table.get("dockerfile_inline"))
        {
            self.problems.add(|| {
                Problem::new(
                    text.key.span.clone(),
                    "the Dockerfile is said twice",
                    "its text here",
                )
                .and(file.key.span.clone(), "its name here")
                .help("keep one of the two")
            });
        }
        Some(Build {
            context: context.unwrap_or_default(),
            dockerfile: self.said(table, "dockerfile", "web.Dockerfile"),
            dockerfile_inline: self.said(table, "dockerfile_inline", "FROM alpine"),
            target: self.said(table, "target", "release"),
            args: self.text_table(table, "args", "VERSION = \"1.2\""),
            labels: self.text_table(table, "labels", "team = \"shop\""),
            tags: self.images(table, "tags"),
            cache_from: self.images(table, "cache_from"),
            no_cache: self.yes(table, "no_cache"),
            pull: self.yes(table, "pull"),
            network: self.said(table, "network", "none"),
            platforms: self.texts(table, "platforms", "linux/amd64"),
            extra_hosts: self.hosts(table),
            shm_size: self.bytes(table, "shm_size"),
        })
    }

    fn images(&mut self, table: &crate::document::Table, key: &str) -> Vec<String> {
        let listed = self.items(table, key, &format!("{key} = [\"shop/web:1\"]"));
        let what = format!("an entry of `{key}`");
        let images: Vec<_> = listed.iter().map(|item| self.image(item, &what)).collect();
        images.into_iter().flatten().collect()
    }

    fn context(&mut self, value: &Value, text: &str) {
        if text.contains("://") || text.starts_with("git@") {
            self.refuse(
                &value.span,
                format!("{} is no folder", quoted(text)),
                "somewhere else",
                "an image is built from a folder: fetch it first, and name the folder it lies in",
            );
        } else {
            self.no_home(value, text);
        }
    }

    /// `~` is a word of shells, and no shell reads a definition.
    pub(super) fn no_home(&mut self, value: &Value, text: &str) {
        if text == "~" || text.starts_with("~/") {
            self.refuse(
                &value.span,
                format!(
                    "{} begins with a ~, which no shell reads here",
                    quoted(text)
                ),
                "a folder of this name is meant by it",
                "write the whole path, or one relative to the cluster's folder",
            );
        }
    }
}

/// The cluster's own folder is the empty path, as for `cwd`.
fn folder(text: &str) -> String {
    match text.trim_end_matches('/') {
        "." => String::new(),
        "" => "/".to_owned(),
        other => other.strip_prefix("./").unwrap_or(other).to_owned(),
    }
}

/// What is wrong with the name of an image.
fn image(text: &str) -> Result<(), &'static str> {
    let (name, digest) = match text.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (text, None),
    };
    if let Some(digest) = digest {
        let hex = |text: &str| text.len() >= 32 && text.chars().all(|c| c.is_ascii_hexdigit());
        if !digest.split_once(':').is_some_and(|(_, sum)| hex(sum)) {
            return Err("what stands after the @ is no digest");
        }
    }
    let last = name.rfind('/').map_or(0, |at| at + 1);
    let (repository, tag) = match name[last..].rfind(':') {
        Some(at) => (&name[..last + at], Some(&name[last + at + 1..])),
        None => (name, None),
    };
    if let Some(tag) = tag {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        if tag.is_empty() || tag.len() > 128 || !tag.chars().all(plain) {
            return Err("what stands after the colon is no tag");
        }
    }
    let mut parts = repository.split('/');
    let first = repository.split('/').next().unwrap_or_default();
    // The first part is a registry when it looks like a host.
    if repository.contains('/') && (first.contains(['.', ':']) || first == "localhost") {
        parts.next();
        let host = |c: char| c.is_ascii_alphanumeric() || ".:-[]".contains(c);
        if first.is_empty() || !first.chars().all(host) {
            return Err("its registry is no host");
        }
    }
    for part in parts {
        if part.is_empty() {
            return Err("a part of it is empty");
        }
        if part.contains(char::is_uppercase) {
            return Err("it has capitals");
        }
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
        let ends = |c: char| c.is_ascii_alphanumeric();
        if !part.chars().all(plain) || !part.starts_with(ends) || !part.ends_with(ends) {
            return Err("letters, digits and . _ - between them");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_named_as_docker_run_takes_them() {
        for name in [
            "postgres",
            "postgres:16-alpine",
            "ghcr.io/Me.x/app:1".to_lowercase().as_str(),
            "localhost:5000/app",
            "[::1]:5000/app:v1",
            "library/my__app@sha256:0123456789abcdef0123456789abcdef",
        ] {
            assert_eq!(image(name), Ok(()), "{name}");
        }
        for name in [
            "Postgres",
            "a b",
            "a:",
            "a//b",
            "a@b",
            "-a",
            "a-",
            "/a",
            "a/",
            "é",
            "https://a/b",
        ] {
            assert!(image(name).is_err(), "{name}");
        }
    }

    #[test]
    fn the_clusters_folder_is_the_empty_path() {
        for (text, path) in [
            (".", ""),
            ("./", ""),
            ("./web", "web"),
            ("/", "/"),
            ("../a/", "../a"),
        ] {
            assert_eq!(folder(text), path, "{text}");
        }
    }
}

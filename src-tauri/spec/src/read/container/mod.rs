//! `image`, `build` and `[service.NAME.container]`: a service that runs in a container.

mod build;
mod check;
mod forms;
pub(crate) mod keys;
mod mount;
mod network;
mod other_words;
mod publish;
mod resources;
mod values;

pub(super) use check::{CHECK_EVERY, CHECK_TIMEOUT, check_probe, check_takes};
pub(super) use network::Surroundings;
pub(super) use other_words::other_words;
pub(super) use publish::Published;

use super::{Draft, Reader};
use crate::cluster::Template;
use crate::container::{Attachment, Container, Pull, Runs};
use crate::document::{Table, Value, ValueKind};
use crate::limits::MAX_ARGS;
use crate::problem::{Problem, Span, quoted};
use crate::run::{self, Line};
use crate::template;
use forms::{is_absolute, is_host_name, is_platform};
use keys::CONTAINER;
use model::ServiceName;
use std::collections::BTreeMap;
use values::is_mac;

/// What stands for a run that could not be read.
fn nothing() -> Runs {
    Runs::Process(crate::cluster::Run::Direct(Vec::new()))
}

/// Another service whose network, processes or memory one shares.
pub(super) struct Joined {
    own: ServiceName,
    other: String,
    span: Span,
}

impl Reader<'_> {
    /// What a service is: a process by `run`, or a container by `image` or `build`.
    pub(super) fn runs(&mut self, own: &ServiceName, name: &Span, table: &Table) -> Runs {
        let (image, build) = (table.get("image"), table.get("build"));
        let inside = table.get("container");
        if image.is_none() && build.is_none() {
            if let Some(inside) = inside {
                self.problems.add(|| {
                    let problem = Problem::new(
                        inside.key.span.clone(),
                        format!("service `{own}` has a `container` and names no image"),
                        "a container of what?",
                    );
                    let problem = match table.get("run") {
                        Some(run) => problem.and(run.key.span.clone(), "a process by this"),
                        None => problem,
                    };
                    problem.help("add image = \"postgres:16\" or build = \"web\" to the service, or remove `container`")
                });
                return nothing();
            }
            return self
                .service_run(own, name, table)
                .map_or_else(nothing, Runs::from);
        }
        if let (Some(run), Some(image)) = (table.get("run"), image.or(build)) {
            self.problems.add(|| {
                Problem::new(
                    run.key.span.clone(),
                    format!("service `{own}` is a process and a container"),
                    "a process by this",
                )
                .and(image.key.span.clone(), "a container by this")
                .help(format!(
                    "keep one of the two; what a container executes is said by [service.{own}.container] command = \"…\""
                ))
            });
        }
        let image = image.and_then(|entry| self.image(&entry.value, "`image`"));
        let build = build.and_then(|entry| self.build(entry));
        let inside = inside.and_then(|entry| {
            let help = format!("write [service.{own}.container] and below it command = \"…\"");
            self.table(&entry.value, "`container`", &help)
        });
        let empty = Table::default();
        let inside = inside.unwrap_or(&empty);
        self.known_keys(inside, &CONTAINER);
        let container = Container {
            image,
            build,
            ..self.container(own, inside)
        };
        if container.pull == Pull::Build
            && container.build.is_none()
            && let Some(pull) = inside.get("pull")
        {
            self.refuse(
                &pull.value.span,
                "there is nothing to build it from".into(),
                "no `build` in the service",
                "add build = \"web\" to the service, or write pull = \"always\"",
            );
        }
        Runs::Container(Box::new(container))
    }

    fn container(&mut self, own: &ServiceName, table: &Table) -> Container {
        let pulls = [
            ("missing", Pull::Missing),
            ("always", Pull::Always),
            ("never", Pull::Never),
            ("build", Pull::Build),
        ];
        let pull = table.get("pull");
        let pull = pull.and_then(|entry| self.word(&entry.value, "`pull`", &pulls));
        let network_mode = self.joined(own, table, "network_mode", &["none", "host", "bridge"]);
        let mut networks = self.attachments(table);
        match (table.get("network_mode"), table.get("networks")) {
            (Some(mode), Some(networks)) => self.problems.add(|| {
                Problem::new(
                    networks.key.span.clone(),
                    "a container with a `network_mode` is on no networks",
                    "networks here",
                )
                .and(mode.key.span.clone(), "not with this")
                .help("keep one of the two")
            }),
            (None, None) => networks.push(Attachment::to(Attachment::DEFAULT)),
            _ => {}
        }
        if let (Some(entry), true) = (table.get("networks"), networks.is_empty())
            && matches!(&entry.value.kind, ValueKind::Array(items) if items.is_empty())
        {
            self.refuse(
                &entry.value.span,
                "a container is on one network at least".into(),
                "none in here",
                "remove it for the cluster's own, or write network_mode = \"none\"",
            );
        }
        let inside = "1 to 65535: the port it listens on in the container";
        Container {
            image: None,
            build: None,
            pull: pull.unwrap_or_default(),
            entrypoint: self.words(own, table, "entrypoint"),
            command: self.words(own, table, "command"),
            port: self.whole(table, "port", 1..=u16::MAX, inside),
            publish: self.publish(own, table),
            mounts: self.mounts(table),
            files: self.files(table),
            networks,
            network_mode,
            check: self.check(table),
            stop_signal: None,
            working_dir: self.formed(table, "working_dir", "/app", is_absolute),
            group_add: self.texts(table, "group_add", "audio"),
            hostname: self.formed(table, "hostname", "db", is_host_name),
            domainname: self.formed(table, "domainname", "shop.test", is_host_name),
            labels: self.text_table(table, "labels", "team = \"shop\""),
            annotations: self.text_table(table, "annotations", "key = \"value\""),
            init: self.perhaps(table, "init"),
            read_only: self.yes(table, "read_only"),
            privileged: self.yes(table, "privileged"),
            tty: self.yes(table, "tty"),
            stdin_open: self.yes(table, "stdin_open"),
            cap_add: self.capabilities(table, "cap_add", "NET_ADMIN"),
            cap_drop: self.capabilities(table, "cap_drop", "ALL"),
            security_opt: self.security(table),
            devices: self.devices(table),
            device_cgroup_rules: self.device_rules(table),
            device_requests: self.device_requests(table),
            sysctls: self.sysctls(table),
            extra_hosts: self.hosts(table),
            dns: self.addresses(table, "dns", "9.9.9.9"),
            dns_opt: self.texts(table, "dns_opt", "ndots:1"),
            dns_search: self.texts(table, "dns_search", "shop.test"),
            pid: self.joined(own, table, "pid", &["host"]),
            ipc: self.joined(own, table, "ipc", &["host", "private", "shareable", "none"]),
            uts: self.one_of(table, "uts", &["host"]),
            userns_mode: self.one_of(table, "userns_mode", &["host"]),
            cgroup: self.one_of(table, "cgroup", &["host", "private"]),
            cgroup_parent: self.said(table, "cgroup_parent", "shop"),
            platform: self.formed(table, "platform", "linux/amd64", is_platform),
            runtime: self.said(table, "runtime", "runsc"),
            storage_opt: self.text_table(table, "storage_opt", "size = \"10G\""),
            mac_address: self.formed(table, "mac_address", "02:42:ac:11:00:02", is_mac),
            resources: self.resources(table),
        }
    }

    /// A command in a container: a list, or a line that is cut into words. No shell reads it.
    fn words(&mut self, own: &ServiceName, table: &Table, key: &str) -> Option<Vec<Template>> {
        let entry = table.get(key)?;
        let (what, example) = (
            format!("`{key}`"),
            format!("{key} = [\"serve\", \"--fast\"]"),
        );
        if let ValueKind::Text(_) = &entry.value.kind {
            let text = self.text(&entry.value, &what, &example)?;
            self.references(own, text, &entry.value.span);
            return match run::line(text.trim()) {
                Line::Words(words) => {
                    let words = words.iter().map(|word| template::template(word, own));
                    Some(words.collect())
                }
                _ => {
                    let shell = serde_json::json!(["sh", "-c", text.trim()]);
                    self.refuse(
                        &entry.value.span,
                        format!("{what} wants a shell, and none reads it"),
                        "more than words",
                        &format!("where the image has one, write {key} = {shell}"),
                    );
                    None
                }
            };
        }
        let items = self.list(&entry.value, &what, MAX_ARGS, &example)?;
        let mut words = Vec::new();
        for item in items {
            if let ValueKind::Text(text) = &item.kind {
                if self.harmless(text, &item.span, &what) {
                    words.push(self.template(own, text, &item.span));
                }
            } else {
                self.text(item, &format!("a word of {what}"), &example);
            }
        }
        Some(words)
    }

    /// A word, or whose of another service or container it shares.
    fn joined(
        &mut self,
        own: &ServiceName,
        table: &Table,
        key: &str,
        words: &[&str],
    ) -> Option<String> {
        let entry = table.get(key)?;
        let text = self.said(table, key, words.first().copied().unwrap_or_default())?;
        if words.contains(&text.as_str()) {
            return Some(text);
        }
        match text.split_once(':') {
            Some(("service", other)) => {
                let start = entry.value.span.end.saturating_sub(other.len() + 1);
                let joined = Joined {
                    own: own.clone(),
                    other: other.to_owned(),
                    span: start..entry.value.span.end.saturating_sub(1).max(start),
                };
                self.joined.push(joined);
                Some(text)
            }
            Some(("container", other)) if values::is_daemon_name(other) => Some(text),
            _ => {
                let known = crate::suggest::list(words.iter().copied());
                self.refuse(
                    &entry.value.span,
                    format!("`{key}` knows no {}", quoted(&text)),
                    "unknown word",
                    &format!("the words are {known}, \"service:NAME\" and \"container:NAME\""),
                );
                None
            }
        }
    }

    fn one_of(&mut self, table: &Table, key: &str, words: &[&str]) -> Option<String> {
        let entry = table.get(key)?;
        let words: Vec<(&str, &str)> = words.iter().map(|word| (*word, *word)).collect();
        self.word(&entry.value, &format!("`{key}`"), &words)
            .map(str::to_owned)
    }

    /// Names and their addresses.
    fn hosts(&mut self, table: &Table) -> BTreeMap<String, Vec<String>> {
        const FORM: &str = "extra_hosts = { \"api.test\" = \"10.0.0.1\" }";
        let mut hosts = BTreeMap::new();
        for entry in self.entries(table, "extra_hosts", FORM) {
            let items: &[Value] = match &entry.value.kind {
                ValueKind::Array(items) => items,
                _ => std::slice::from_ref(&entry.value),
            };
            let mut addresses = Vec::new();
            for item in items {
                let Some(text) = self.text(item, "an address", FORM) else {
                    continue;
                };
                let bare = text.trim_start_matches('[').trim_end_matches(']');
                if text != "host-gateway" && bare.parse::<std::net::IpAddr>().is_err() {
                    self.refuse(
                        &item.span,
                        format!("{} is no address", quoted(text)),
                        "neither an address nor host-gateway",
                        &format!("write {FORM}, or \"host-gateway\" for this machine"),
                    );
                    continue;
                }
                addresses.push(text.to_owned());
            }
            hosts.insert(entry.key.name.clone(), addresses);
        }
        hosts
    }

    /// Notes what only processes have.
    pub(super) fn only_of_processes(&mut self, table: &Table) {
        for (key, help) in [
            (
                "listen",
                "remove it: a container's port is published, and connections to it wait for nobody",
            ),
            (
                "cwd",
                "write working_dir = \"/app\" in the service's `container`",
            ),
            ("tty", "write tty = true in the service's `container`"),
        ] {
            if let Some(entry) = table.get(key) {
                self.refuse(
                    &entry.key.span,
                    format!("a container has no `{key}`"),
                    "of a process",
                    help,
                );
            }
        }
        for key in ["startup", "ready", "health"] {
            let Some(ValueKind::Table(probe)) = table.get(key).map(|entry| &entry.value.kind)
            else {
                continue;
            };
            for told in ["notify", "watchdog"] {
                if let Some(entry) = probe.get(told) {
                    self.refuse(
                        &entry.key.span,
                        format!("a container is not heard by `{told}`"),
                        "a socket of processes",
                        "ask the container's own check: ready = { check = true }",
                    );
                }
            }
        }
    }

    /// Notes a probe of a container's check that a process has.
    pub(super) fn only_of_containers(&mut self, table: &Table) {
        for key in ["startup", "ready", "health"] {
            if let Some(ValueKind::Table(probe)) = table.get(key).map(|entry| &entry.value.kind)
                && let Some(check) = probe.get("check")
            {
                self.refuse(
                    &check.key.span,
                    "a process has no check that a daemon asks".into(),
                    "of a container",
                    "ask by http = \"/health\", tcp = \"$PORT\" or exec = \"…\"",
                );
            }
        }
    }

    /// Checks the services that others share something of.
    pub(super) fn check_joined(&mut self, drafts: &BTreeMap<ServiceName, Draft>) {
        for joined in std::mem::take(&mut self.joined) {
            let Joined { own, other, span } = joined;
            let Some(draft) = drafts.get(other.as_str()) else {
                let otherwise = format!("add [service.{other}]");
                self.unknown_service(&other, &span, drafts, &otherwise);
                continue;
            };
            let needs = drafts.get(&own).is_some_and(|draft| {
                let needs = &draft.service.needs;
                needs.iter().any(|need| need.service.as_str() == other)
            });
            let replicas = draft.service.max_replicas.unwrap_or(draft.service.replicas);
            let (message, label, help) = if draft.service.runs.container().is_none() {
                (
                    format!("`{other}` is a process, with which a container shares nothing"),
                    "no container",
                    "name a service with an image, or write \"host\"".to_owned(),
                )
            } else if replicas > 1 {
                (
                    format!("`{other}` has several instances, and it is not said which"),
                    "more than one",
                    "share with a service that has one instance".to_owned(),
                )
            } else if !needs {
                (
                    format!("`{own}` cannot be started before `{other}`, and does not need it"),
                    "shared with it",
                    format!(
                        "add it to its needs: needs = [{{ service = \"{other}\", restart = true }}]"
                    ),
                )
            } else {
                continue;
            };
            self.refuse(&span, message, label, &help);
        }
    }
}

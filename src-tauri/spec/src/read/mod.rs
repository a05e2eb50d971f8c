//! From the tree of a file to a checked [`Cluster`]. Everything wrong is noted with its place, and
//! reading goes on with a stand-in, so that one run shows all that has to be mended.

pub(crate) mod container;
mod environment;
mod graph;
mod heal;
mod http;
pub(crate) mod keys;
mod ladder;
mod ledger;
mod listen;
mod needs;
mod notifications;
mod other_words;
mod port;
mod probe;
mod references;
mod replicas;
mod resources;
mod route;
mod schedule;
mod security;
mod service;
pub(crate) mod settings;
mod values;
mod watch;
mod webhook;

use crate::cluster::{AtOnce, Cluster, Service};
use crate::document::{Entry, Key, Table, Value, ValueKind};
use crate::environment::SaidIn;
use crate::escalation::Escalations;
use crate::limits;
use crate::problem::{Problem, Problems, Span, quoted};
use model::{Autonomy, ClusterName, ServiceName};
use references::Reference;
use service::Defaults;
use std::collections::{BTreeMap, BTreeSet};

pub(crate) use environment::EnvFileWanted;

/// Reads the tree of `text`: the cluster, and the env files it names. The cluster is only to be
/// trusted when `problems` stayed empty.
pub(crate) fn cluster(
    text: &str,
    root: &Table,
    folder: &str,
    problems: &mut Problems,
) -> (Cluster, Vec<EnvFileWanted>) {
    let mut reader = Reader::new(text, problems);
    reader.known_keys(root, &keys::ROOT);
    let mut name = None;
    let mut defaults = Defaults::default();
    let mut heal_at_once = AtOnce::default();
    let mut security = Escalations::default();
    let mut autonomy = Autonomy::default();
    let head = root.get("cluster").and_then(|entry| {
        let help = "write [cluster] and below it name = \"shop\"";
        reader.table(&entry.value, "`cluster`", help)
    });
    if let Some(table) = head {
        reader.known_keys(table, &keys::CLUSTER);
        name = table
            .get("name")
            .and_then(|entry| reader.cluster_name(&entry.value));
        if let Some(entry) = table.get("heal_at_once") {
            heal_at_once = reader.at_once(&entry.value).unwrap_or_default();
        }
        if let Some(entry) = table.get("security") {
            security = reader.escalations(&entry.value, "cluster.security");
        }
        if let Some(entry) = table.get("autonomy") {
            let words = Autonomy::ALL.map(|mode| (mode.name(), mode));
            autonomy = reader
                .word(&entry.value, "`autonomy`", &words)
                .unwrap_or_default();
        }
        reader.surroundings(table);
        if let Some(entry) = table.get("defaults") {
            defaults = reader.defaults(&entry.value);
        }
    }
    let env_files = reader.env_files(head.and_then(|table| table.get("env_files")), true);
    let drafts = reader.services(root, &defaults);
    graph::check(&mut reader, &drafts);
    let services = drafts
        .into_iter()
        .map(|(name, draft)| (name, draft.service))
        .collect();
    let cluster = Cluster {
        name: name.unwrap_or_else(|| folder_name(folder)),
        services,
        env_files,
        files: BTreeMap::new(),
        heal_at_once,
        security,
        autonomy,
        networks: std::mem::take(&mut reader.surroundings.networks),
        volumes: std::mem::take(&mut reader.surroundings.volumes),
        said_in: SaidIn::default(),
        contents: BTreeMap::new(),
    };
    (cluster, reader.wanted)
}

/// Reads values and notes what is wrong with them.
pub(crate) struct Reader<'a> {
    text: &'a str,
    problems: &'a mut Problems,
    /// Every `${service.key}` met, checked when all services are known.
    references: Vec<Reference>,
    /// Probes of a service's own port, checked when its port is known.
    probed_ports: Vec<(ServiceName, Span)>,
    /// Networks and volumes that containers may name.
    surroundings: container::Surroundings,
    /// Whose network, processes or memory containers share, checked when all services are known.
    joined: Vec<container::Joined>,
    /// Further ports of containers, checked against each other when all services are known.
    published: Vec<container::Published>,
    /// Services whose names were refused. That they are missing is not said as well.
    misnamed: BTreeSet<String>,
    /// Every env file named, in order.
    wanted: Vec<EnvFileWanted>,
    /// Where each line of the text begins.
    line_starts: Vec<usize>,
}

/// A service as read, with the places later checks point at.
pub(crate) struct Draft {
    pub(crate) service: Service,
    /// Where its name is.
    pub(crate) name: Span,
    /// Where each of its needs is, in order.
    pub(crate) needs: Vec<needs::Place>,
    /// Where its port is, if it has one.
    pub(crate) port: Option<Span>,
    /// Its `port` could not be read: whether it has one is not known.
    pub(crate) port_unclear: bool,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, problems: &'a mut Problems) -> Self {
        Self {
            text,
            problems,
            references: Vec::new(),
            probed_ports: Vec::new(),
            surroundings: container::Surroundings::default(),
            joined: Vec::new(),
            published: Vec::new(),
            misnamed: BTreeSet::new(),
            wanted: Vec::new(),
            line_starts: environment::line_starts(text),
        }
    }
}

impl Reader<'_> {
    fn cluster_name(&mut self, value: &Value) -> Option<ClusterName> {
        let text = self.text(value, "`name`", "name = \"shop\"")?;
        self.name(text, &value.span, "cluster")
    }

    /// Checks a name and suggests one that is allowed.
    fn name<T: std::str::FromStr<Err = model::NameError>>(
        &mut self,
        text: &str,
        span: &Span,
        what: &str,
    ) -> Option<T> {
        text.parse()
            .map_err(|error: model::NameError| {
                self.problems.add(|| {
                    let suggestion = slug(text);
                    Problem::new(
                        span.clone(),
                        format!("{} is not a name for a {what}", quoted(text)),
                        error.to_string(),
                    )
                    .help(format!(
                        "a name is 1 to 63 lower-case letters, digits and hyphens and does not \
                         begin with a hyphen, like `{suggestion}`"
                    ))
                });
            })
            .ok()
    }

    fn services(&mut self, root: &Table, defaults: &Defaults) -> BTreeMap<ServiceName, Draft> {
        const EXAMPLE: &str =
            "a service is written [service.web] and below it run = \"node server.js\"";
        let mut drafts = BTreeMap::new();
        let Some(entry) = root.get("service") else {
            // An unknown key (`services`) says it better.
            if self.problems.is_empty() {
                self.problems.add(|| {
                    Problem::new(
                        0..0,
                        "the definition has no services",
                        "no [service.…] in this file",
                    )
                    .help(EXAMPLE)
                });
            }
            return drafts;
        };
        let ValueKind::Table(services) = &entry.value.kind else {
            self.wrong("`service`", &entry.value, "a table of services", EXAMPLE);
            return drafts;
        };
        if services.entries.is_empty() {
            self.problems.add(|| {
                Problem::new(
                    entry.key.span.clone(),
                    "the definition has no services",
                    "this table is empty",
                )
                .help(EXAMPLE)
            });
        }
        if let Some(first_over) = services.entries.get(limits::MAX_SERVICES) {
            self.problems.add(|| {
                Problem::new(
                    first_over.key.span.clone(),
                    format!(
                        "{} services are more than a cluster may have",
                        services.entries.len()
                    ),
                    format!("this one is number {}", limits::MAX_SERVICES + 1),
                )
                .help(format!(
                    "at most {}; put the others into a cluster of their own, or use `replicas` \
                     for instances that are alike",
                    limits::MAX_SERVICES
                ))
            });
        }
        // All names first: what a service needs is looked up among them.
        let named: Vec<(ServiceName, &Entry)> = services
            .entries
            .iter()
            .take(limits::MAX_SERVICES)
            .filter_map(|entry| Some((self.service_name(&entry.key)?, entry)))
            .collect();
        for (own, entry) in named {
            let what = format!("service `{own}`");
            if let Some(table) = self.table(&entry.value, &what, EXAMPLE) {
                let draft = self.service(&own, &entry.key.span, table, defaults);
                drafts.insert(own, draft);
            }
        }
        drafts
    }

    fn service_name(&mut self, key: &Key) -> Option<ServiceName> {
        let name = if key.name == "self" {
            let help = "`${self.port}` means a service's own port; choose another name";
            self.refuse(
                &key.span,
                "a service cannot be called `self`".into(),
                "reserved",
                help,
            );
            None
        } else if key.name == crate::RELAY {
            let help = "it is what leads from containers to processes; choose another name";
            let what = format!("a service cannot be called `{}`", crate::RELAY);
            self.refuse(&key.span, what, "Azora's own", help);
            None
        } else {
            self.name(&key.name, &key.span, "service")
        };
        if name.is_none() {
            self.misnamed.insert(key.name.clone());
        }
        name
    }
}

/// The nearest name to a text that may be none: lower case, other characters as hyphens.
fn slug(text: &str) -> String {
    let mut slug = String::new();
    for c in text
        .chars()
        .flat_map(char::to_lowercase)
        .take(model::name::MAX_NAME)
    {
        match c {
            'a'..='z' | '0'..='9' => slug.push(c),
            _ if slug.is_empty() || slug.ends_with('-') => {}
            _ => slug.push('-'),
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() {
        "cluster".into()
    } else {
        slug.into()
    }
}

/// The name of a cluster whose definition gives none.
fn folder_name(folder: &str) -> ClusterName {
    #[expect(
        clippy::expect_used,
        reason = "a slug has only characters of the grammar, no hyphen first, and a length it allows"
    )]
    slug(folder).parse().expect("a slug is a name")
}

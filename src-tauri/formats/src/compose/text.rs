//! A project as the text of an `azora.toml` that says the same, with notes on what a definition says otherwise or
//! not at all.
//!
//! What becomes of each property is in the table of [`support`](super::support); what is not supported was said
//! when the file was read.

mod cluster;
mod container;
mod health;
mod limits;
mod mounts;
mod names;
mod networks;
mod ports;
mod service;
mod values;

use super::project::{At, Condition, Project, Service};
use crate::draft::Draft;
use crate::{Imported, Note, Others};
use names::Names;
use spec::Span;
use std::collections::{BTreeMap, BTreeSet};

/// What is known of a project besides itself.
pub(super) struct Around<'p> {
    /// How messages name its file.
    pub(super) label: &'p str,
    /// The text of that.
    pub(super) source: &'p str,
    /// The name a project of this folder has that says none.
    pub(super) folder_name: &'p str,
    /// The folder that `~` means.
    pub(super) home: Option<&'p str>,
    /// What other files of the same definition have.
    pub(super) others: Option<&'p Others>,
}

/// Writes it.
pub(super) fn write(project: &Project, around: &Around<'_>) -> Imported {
    let mut draft = Draft::default();
    for note in &project.notes {
        draft.note(note.clone());
    }
    for risk in &project.risks {
        draft.note(Note {
            file: risk.at.file.clone(),
            line: risk.at.line,
            says: format!("{} {}", risk.of, risk.what),
        });
    }
    let mut writer = Writer {
        project,
        around,
        lines: lines(around.source),
        names: Names::of(project),
        ends: ends(project),
        out: out(project),
        ports: BTreeSet::new(),
        wanted_ports: ports(project),
        said: BTreeSet::new(),
    };
    writer.head(&mut draft);
    // In the order of the file; what others add comes after that.
    let mut services: Vec<(&String, &Service)> = project.all().collect();
    services.sort_by_key(|(_, service)| (service.at.file != around.label, &service.at));
    for (name, service) in services {
        writer.service(name, service, &mut draft);
    }
    draft.done()
}

struct Writer<'p> {
    project: &'p Project,
    around: &'p Around<'p>,
    /// Where each line of the file is.
    lines: Vec<Span>,
    names: Names,
    /// Services that somebody waits for until they have ended.
    ends: BTreeSet<&'p str>,
    /// Services that are none here, and why.
    out: BTreeMap<&'p str, &'static str>,
    /// Ports of this machine that services have so far.
    ports: BTreeSet<u16>,
    /// Those of wanted services.
    wanted_ports: BTreeSet<u16>,
    /// What was said, of what is said once.
    said: BTreeSet<&'static str>,
}

impl Writer<'_> {
    /// Where in the file itself something stands; nowhere when it is in another one.
    fn origin(&self, at: &At) -> Span {
        let own = at.file == self.around.label;
        let line = own.then(|| self.lines.get(at.line.saturating_sub(1)));
        line.flatten().cloned().unwrap_or(0..0)
    }

    /// Says something of a service once for all services it is true of.
    fn once(&mut self, at: &At, says: &'static str, draft: &mut Draft) {
        if self.said.insert(says) {
            draft.note(note(at, says));
        }
    }

    /// The file's own name: what is written does not depend on where it was asked for.
    fn base(&self) -> &str {
        let label = self.around.label;
        label.rsplit('/').next().unwrap_or(label)
    }

    /// A path of this machine.
    fn path(&self, path: &str) -> String {
        match (path.strip_prefix('~'), self.around.home) {
            (Some(rest), Some(home)) if rest.is_empty() || rest.starts_with('/') => {
                format!("{home}{rest}")
            }
            _ => path.to_owned(),
        }
    }
}

fn note(at: &At, says: impl Into<String>) -> Note {
    Note {
        file: at.file.clone(),
        line: at.line,
        says: says.into(),
    }
}

/// Where a key of a service stands, or else the service.
fn at<'s>(service: &'s Service, key: &str) -> &'s At {
    service.lines.get(key).unwrap_or(&service.at)
}

/// Where each line is, without blanks around it.
fn lines(source: &str) -> Vec<Span> {
    let mut start = 0;
    let mut lines = Vec::new();
    for line in source.split('\n') {
        let begin = start + (line.len() - line.trim_start().len());
        lines.push(
            begin
                ..start
                    + line
                        .trim_end()
                        .len()
                        .max(line.len() - line.trim_start().len()),
        );
        start += line.len() + 1;
    }
    lines
}

fn ends(project: &Project) -> BTreeSet<&str> {
    let needs = project.all().flat_map(|(_, service)| &service.depends_on);
    needs
        .filter(|(_, need)| need.condition == Condition::Succeeded)
        .map(|(name, _)| name.as_str())
        .collect()
}

fn out(project: &Project) -> BTreeMap<&str, &'static str> {
    let out = project
        .all()
        .filter(|(_, service)| service.provider.is_some());
    out.map(|(name, _)| {
        (
            name.as_str(),
            "another program would run it, and none is asked",
        )
    })
    .collect()
}

/// Ports of this machine that wanted services have: those of others must not take them.
fn ports(project: &Project) -> BTreeSet<u16> {
    let ports = project.services.values().flat_map(|service| &service.ports);
    ports
        .filter_map(|port| port.published.as_ref()?.parse().ok())
        .collect()
}

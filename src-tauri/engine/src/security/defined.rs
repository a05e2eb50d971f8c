//! Whether the definition on disk is the one that runs. It is read again only when one of its files, or what runs, has
//! changed.

use crate::definition::{self, With};
use crate::drift::{Mark, mark};
use crate::record::ClusterRecord;
use model::ClusterId;
use security::Defined;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// See the module.
#[derive(Default)]
pub(super) struct Definitions(BTreeMap<ClusterId, Read>);

/// How one cluster was read.
struct Read {
    /// What it ran on then.
    running: Arc<spec::Cluster>,
    with: With,
    /// The files it is read from, there or not, and what they were.
    files: Vec<(PathBuf, Mark)>,
    /// Those that are there.
    there: Vec<PathBuf>,
    defined: Defined,
}

impl Definitions {
    /// How what runs compares with what the folder has. Blocks on the disk.
    pub(super) fn look(&mut self, record: &ClusterRecord) -> Defined {
        let with = With::recorded(record);
        let known = self.0.get(&record.id).filter(|read| {
            Arc::ptr_eq(&read.running, &record.definition)
                && (&read.with.env, &read.with.asked) == (&with.env, &with.asked)
                && read
                    .files
                    .iter()
                    .all(|(path, before)| mark(path) == *before)
        });
        if known.is_none() {
            let read = read(record, with);
            self.0.insert(record.id.clone(), read);
        }
        match self.0.get(&record.id) {
            Some(read) if !record.is_down() => read.defined.clone(),
            _ => Defined::Unknown,
        }
    }

    /// The files that a cluster is defined by.
    pub(super) fn files(&self, cluster: &ClusterId) -> &[PathBuf] {
        self.0.get(cluster).map_or(&[], |read| &read.there)
    }
}

fn read(record: &ClusterRecord, with: With) -> Read {
    let (mut paths, mut defined) = (
        crate::drift::defining(record, &record.definition, &[]),
        None,
    );
    // Marked before they are read: what changes in between is seen the next time.
    let mut files: Vec<(PathBuf, Mark)> = paths
        .drain(..)
        .map(|path| {
            let mark = mark(&path);
            (path, mark)
        })
        .collect();
    match definition::of_folder(&record.folder, record.file.as_deref(), &with) {
        Ok(Some(Ok(now))) => {
            for path in crate::drift::defining(record, &now.cluster, &now.beside) {
                if !files.iter().any(|(known, _)| *known == path) {
                    let mark = mark(&path);
                    files.push((path, mark));
                }
            }
            let (now, _) = record.clone().as_scaled(Arc::new(now.cluster));
            defined = Some(compare(&record.definition, &now));
        }
        Ok(Some(Err(problems))) => {
            let said = problems.to_string();
            let first = said.lines().next().unwrap_or_default();
            defined = Some(Defined::Unreadable(model::text::harmless(first, 300)));
        }
        Ok(None) => {}
        Err(error) => {
            defined = Some(Defined::Unreadable(model::text::harmless(
                &error.story(),
                300,
            )));
        }
    }
    let there = files.iter().filter(|(_, mark)| mark.is_some());
    let there = there.map(|(path, _)| path.clone()).collect();
    let gone = || Defined::Unreadable("its folder has no definition any more".into());
    Read {
        running: Arc::clone(&record.definition),
        with,
        files,
        there,
        defined: defined.unwrap_or_else(gone),
    }
}

/// Names alone: what a command line says may be a secret.
fn compare(running: &spec::Cluster, now: &spec::Cluster) -> Defined {
    let diff = spec::diff(running, now);
    if diff.is_empty() {
        return Defined::Same;
    }
    let changed = diff
        .changed
        .iter()
        .map(|(name, _)| format!("{name} is another"));
    let added = diff.added.iter().map(|name| format!("{name} is new"));
    let removed = diff.removed.iter().map(|name| format!("{name} is gone"));
    Defined::Differs(changed.chain(added).chain(removed).collect())
}

//! What processes run and were told: their programs, arguments, and environments as they were started.

use super::clusters::Key;
use super::files::Files;
use crate::record::ClusterRecord;
use crate::shared::Shared;
use model::{ClusterId, Generation, InstanceStatus, Timestamp};
use security::secret::{self, Kind};
use security::{FileRole, Program, Script, Shim, Variable};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use telemetry::programs::{self, Running};

/// Processes of one instance whose arguments are looked at.
const TREE: usize = 64;
/// A file is newer than a process when it was changed so long after that began: clocks differ by less.
const LATER_MS: i64 = 2_000;
/// Names that Azora gives to what is its own.
const RESERVED: &str = "AZORA_";

/// What a start was given, as far as it is looked at.
#[derive(Debug, Clone, Default)]
pub(super) struct Given {
    /// Secrets in plain text.
    pub(super) variables: Vec<Variable>,
    /// The file that its command line begins with, where it is named by a path.
    named: Option<PathBuf>,
}

/// What each start was given: it does not change while that runs.
#[derive(Default)]
pub(super) struct Processes {
    given: BTreeMap<Key, (Generation, Given)>,
}

impl Processes {
    /// Forgets what does not run any more.
    pub(super) fn forget(&mut self, all: &[(&ClusterRecord, Vec<InstanceStatus>)]) {
        let running: BTreeSet<Key> = all
            .iter()
            .flat_map(|(record, instances)| {
                let key = |one: &InstanceStatus| (record.id.clone(), one.instance.clone());
                instances.iter().map(key)
            })
            .collect();
        self.given.retain(|key, _| running.contains(key));
    }

    /// What this start was given. Nothing is known of one whose intent cannot be read now.
    pub(super) fn given(&mut self, shared: &Shared, key: &Key, generation: Generation) -> &Given {
        let known = self.given.get(key);
        let known = known.filter(|(known, _)| *known == generation);
        let given = match known {
            Some((_, given)) => given.clone(),
            None => read(shared, key).unwrap_or_default(),
        };
        let entry = self.given.entry(key.clone());
        &entry.insert_entry((generation, given)).into_mut().1
    }
}

fn read(shared: &Shared, (cluster, instance): &Key) -> Option<Given> {
    let (given, named) = match shared.drivers.is_container(cluster, instance) {
        true => (
            driver_docker::given(&shared.layout, cluster, instance)?,
            None,
        ),
        false => {
            let named = shared.driver.named(cluster, instance);
            (shared.driver.given(cluster, instance)?, named)
        }
    };
    let ours = |name: &str| name.starts_with(RESERVED) || driver::MARKS.contains(&name);
    let variables = given.env.iter().filter(|(name, _)| !ours(name));
    let variables = variables.filter_map(|(name, value)| {
        let from = given.origins.get(name).map(String::as_str);
        if from == Some(crate::environment::OWN) {
            return None;
        }
        let kind = secret::in_variable(name, value)?;
        Some(Variable {
            name: model::text::harmless(name, 100),
            from: from.unwrap_or(crate::environment::TERMINAL).to_owned(),
            inherited: from.is_none(),
            kind,
        })
    });
    Some(Given {
        variables: variables.collect(),
        named,
    })
}

impl Given {
    /// The file that `run` names, where that is another one than the program: a script.
    pub(super) fn script(
        &self,
        began: Option<Timestamp>,
        program: &Program,
        cluster: &ClusterId,
        files: &mut Files,
    ) -> Option<Script> {
        let path = self.named.as_ref()?;
        let path = path.canonicalize().unwrap_or_else(|_| path.clone());
        let shown = path.display().to_string();
        let is_program = match program {
            Program::Replaced(of) | Program::Deleted(of) => *of == shown,
            // The same name leads to another file once there is another program.
            Program::Same(of) => *of == shown,
            Program::Unknown | Program::InMemory(_) => false,
        };
        let found = std::fs::metadata(&path).ok().filter(|_| !is_program)?;
        files.add(&path, FileRole::Program, Some(cluster));
        let changed = found.ctime() * 1_000 + found.ctime_nsec() / 1_000_000;
        Some(Script {
            path: model::text::harmless(&shown, 300),
            changed: began.is_some_and(|began| changed > began.0 + LATER_MS),
        })
    }
}

/// How the program of a process compares with the one on disk.
pub(super) fn program(pid: u32, cluster: Option<&ClusterId>, files: &mut Files) -> Program {
    let shown = |path: &Path| path.display().to_string();
    match programs::running(pid) {
        None => Program::Unknown,
        Some(Running::Same(path)) => {
            let role = if cluster.is_some() {
                FileRole::Program
            } else {
                FileRole::Part
            };
            files.add(&path, role, cluster);
            Program::Same(shown(&path))
        }
        Some(Running::Replaced(path)) => {
            files.add(&path, FileRole::Program, cluster);
            Program::Replaced(shown(&path))
        }
        Some(Running::Deleted(path)) => Program::Deleted(shown(&path)),
        Some(Running::InMemory(name)) => Program::InMemory(model::text::harmless(&name, 100)),
    }
}

/// Secrets among the arguments of these processes.
pub(super) fn arguments(tree: Vec<u32>) -> Vec<(u32, usize, Kind)> {
    let found = tree.into_iter().take(TREE).filter_map(|pid| {
        let arguments = programs::arguments(pid);
        let (at, kind) = secret::in_arguments(arguments.iter().map(String::as_str))?;
        Some((pid, at, kind))
    });
    found.collect()
}

/// Whether the shim that keeps an instance is the one that is installed.
pub(super) fn shim(pid: Option<u32>, programs: &Path) -> Shim {
    let installed = std::fs::metadata(programs.join("azora-shim"));
    let runs = pid.and_then(programs::identity);
    match (runs, installed) {
        (Some(runs), Ok(installed)) if runs == (installed.dev(), installed.ino()) => Shim::Same,
        (Some(_), Ok(_)) => Shim::Other,
        _ => Shim::Unknown,
    }
}

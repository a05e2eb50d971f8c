//! One look at all that runs: facts, and what of the last look saves work.

use super::defined::Definitions;
use super::files::Files;
use super::processes::{Given, Processes};
use crate::record::ClusterRecord;
use crate::shared::Shared;
use model::{ClusterId, InstanceId, InstanceStatus, Timestamp};
use rustix::time::{ClockId, clock_gettime};
use security::{Cluster, File, Instance, LogSecret, Program, secret};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use telemetry::connections::{Listening, Party};

/// Bytes of one log that are looked at in one look…
const ONE_LOG: u64 = 64 * 1024;
/// … and of all of them together: what takes a few milliseconds.
const ALL_LOGS: u64 = 1024 * 1024;

pub(super) type Key = (ClusterId, InstanceId);

/// What a look has seen.
pub(super) struct Seen {
    pub(super) files: Vec<File>,
    pub(super) clusters: Vec<Cluster>,
    /// The engine's own program.
    pub(super) engine: Program,
    pub(super) blind: Vec<String>,
    pub(super) cost: Duration,
}

/// Looks; remembers what need not be looked at again.
#[derive(Default)]
pub(super) struct Looker {
    listening: Listening<Key>,
    processes: Processes,
    definitions: Definitions,
    /// How far each log was looked at.
    logs: BTreeMap<Key, u64>,
    /// Whose log comes first, when not all can be looked at.
    turn: usize,
}

impl Looker {
    /// Looks once. Blocks on the disk and on the kernel.
    pub(super) fn look(mut self, shared: &Shared, records: &[Arc<ClusterRecord>]) -> (Self, Seen) {
        let begun = spent();
        let now = crate::clock::wall();
        let all: Vec<(&ClusterRecord, Vec<InstanceStatus>)> = records
            .iter()
            .map(|record| {
                let mut instances = shared.picture.instances(&record.id);
                instances.retain(|one| one.pid.is_some());
                (record.as_ref(), instances)
            })
            .collect();
        let parties = crate::connections::running(shared);
        let driver = &shared.driver;
        let mut listeners = self
            .listening
            .look(&parties, |(cluster, id)| driver.tree(cluster, id));
        let pids: Vec<u32> = parties.iter().map(|party: &Party<Key>| party.pid).collect();
        let began = telemetry::began(&pids, now);
        let mut files = Files::of_home(shared);
        let mut clusters = Vec::new();
        let mut blind = Vec::new();
        self.processes.forget(&all);
        for (record, instances) in all {
            let mut cluster = Cluster {
                id: record.id.clone(),
                name: record.definition.name.clone(),
                defined: self.definitions.look(record),
                instances: Vec::new(),
            };
            files.of_cluster(record, self.definitions.files(&record.id));
            for one in instances {
                let Some(pid) = one.pid else { continue };
                let key = (record.id.clone(), one.instance.clone());
                let given = self.processes.given(shared, &key, one.generation);
                let began = began.get(&pid).copied();
                let mut seen = instance(one, pid, began, now);
                seen.variables = given.variables.clone();
                // What a container listens on and runs is its own.
                if !shared.drivers.is_container(&key.0, &key.1) {
                    seen.listeners = listeners.remove(&key).flatten();
                    if seen.listeners.is_none() {
                        blind.push(format!(
                            "where {} of {} listens",
                            key.1, record.definition.name
                        ));
                    }
                    look_into(shared, &key, given, began, &mut seen, &mut files);
                }
                cluster.instances.push(seen);
            }
            clusters.push(cluster);
        }
        self.read_logs(shared, &mut clusters, &mut blind);
        let engine = super::processes::program(std::process::id(), None, &mut files);
        let seen = Seen {
            files: files.all(),
            clusters,
            engine,
            blind,
            cost: spent().saturating_sub(begun),
        };
        (self, seen)
    }

    /// Looks for secrets in what was written since the last look, as far as there is time for.
    fn read_logs(&mut self, shared: &Shared, clusters: &mut [Cluster], blind: &mut Vec<String>) {
        let mut all: Vec<(Key, &mut Instance)> = Vec::new();
        for cluster in clusters {
            for one in &mut cluster.instances {
                all.push(((cluster.id.clone(), one.id.clone()), one));
            }
        }
        let known = std::mem::take(&mut self.logs);
        let count = all.len().max(1);
        self.turn %= count;
        let first = self.turn.min(all.len());
        all.rotate_left(first);
        let (mut left, mut skipped, mut waiting) = (ALL_LOGS, 0, 0_usize);
        for (n, (key, one)) in all.into_iter().enumerate() {
            let before = known.get(&key).copied();
            if left == 0 {
                if waiting == 0 {
                    self.turn = (self.turn + n) % count;
                }
                waiting += 1;
                self.logs.extend(before.map(|before| (key, before)));
                continue;
            }
            let folder = shared.layout.logs(&key.0, &key.1);
            let most = ONE_LOG.min(left);
            let read = telemetry::logs::fresh(&folder, before, most, |offset, line| {
                one.log
                    .extend(secret::in_text(line).map(|kind| LogSecret { offset, kind }));
            });
            match read {
                Ok(fresh) => {
                    left = left.saturating_sub(fresh.read);
                    skipped += u64::from(fresh.skipped);
                    self.logs.insert(key, fresh.next);
                }
                Err(error) => {
                    tracing::debug!(%error, instance = %key.1, "a log could not be looked at");
                    blind.push(format!("the log of {}", key.1));
                }
            }
        }
        if skipped > 0 {
            blind.push(format!(
                "some of the oldest new lines of {skipped} logs, which grow fast"
            ));
        }
        if waiting > 0 {
            blind.push(format!("the new lines of {waiting} logs, which come next"));
        }
    }
}

fn instance(one: InstanceStatus, pid: u32, began: Option<Timestamp>, now: Timestamp) -> Instance {
    Instance {
        age_ms: began.map_or(0, |began| now.millis_since(began)),
        id: one.instance,
        generation: one.generation,
        pid,
        ports: one.ports,
        listeners: None,
        program: Program::Unknown,
        script: None,
        variables: Vec::new(),
        arguments: Vec::new(),
        log: Vec::new(),
        shim: security::Shim::Unknown,
    }
}

/// What a process runs and was told.
fn look_into(
    shared: &Shared,
    key: &Key,
    given: &Given,
    began: Option<Timestamp>,
    seen: &mut Instance,
    files: &mut Files,
) {
    let shim = shared.driver.shim(&key.0, &key.1);
    seen.program = super::processes::program(seen.pid, Some(&key.0), files);
    seen.script = given.script(began, &seen.program, &key.0, files);
    seen.arguments = super::processes::arguments(shared.driver.tree(&key.0, &key.1));
    seen.shim = super::processes::shim(shim, &shared.config.programs);
}

/// CPU time of this thread.
fn spent() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    let (seconds, nanos) = (u64::try_from(now.tv_sec), u32::try_from(now.tv_nsec));
    Duration::new(seconds.unwrap_or(0), nanos.unwrap_or(0))
}

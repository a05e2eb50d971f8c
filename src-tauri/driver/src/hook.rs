//! Hooks: commands that run beside an instance's life, one at a time, and never outlive their time.
//!
//! A hook's mark (its nonce) is in its record before it is forked. So whoever comes after a crash finds
//! what it has left, by that mark, and ends it before anything of the instance is begun again: one
//! live copy or none. A hook that was cut off is begun again, one that has ended is not.
//!
//! It is held to the limits of its service, in control groups of its own beside those of the instance,
//! which its record names: there everything it has started is found, and killed as one.

use crate::exec::{self, Bounds, ExecLaunch, ExecOutcome};
use crate::layout::{Layout, private_folder};
use crate::roundup::Roundup;
use crate::shared::Shared;
use crate::shortage::Patience;
use crate::spawn::new_nonce;
use crate::survivors::{self, Remains};
use crate::watch::blocking;
use crate::{NotRun, ProcessDriver, cgroup, clock, intent, limits, user};
use model::{ClusterId, Generation, InstanceId};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Name of a hook's record within the run folder.
const RECORD: &str = "hook";
/// Longest record that is one.
const MAX_RECORD: u64 = 32 * 1024;
/// What does not die by SIGKILL in this time is stuck in the kernel.
const STUCK: Duration = Duration::from_secs(10);
/// Between two looks at what is left.
const LOOK: Duration = Duration::from_millis(5);

/// A hook that is to run.
#[derive(Debug, Clone)]
pub struct HookLaunch {
    /// Of which cluster.
    pub cluster: ClusterId,
    /// Of which instance.
    pub instance: InstanceId,
    /// Of which start.
    pub generation: Generation,
    /// Which hook: "before_start".
    pub name: &'static str,
    /// What, in which environment; the driver adds its marks.
    pub exec: ExecLaunch,
    /// What it may use: as much as its service, beside it.
    pub limits: spec::Limits,
    /// It is ended, tree and all, when it takes longer.
    pub timeout: Duration,
}

/// What is on disk of the last hook of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Record {
    boot_id: String,
    nonce: String,
    generation: u64,
    name: String,
    /// It has ended, and nothing is left of it.
    ended: bool,
    /// Its control groups.
    groups: Vec<PathBuf>,
}

impl Record {
    /// `None` when there is none of our form.
    ///
    /// # Errors
    /// When it could not be read for want of descriptors or memory.
    fn read(folder: &Path) -> io::Result<Option<Record>> {
        let text = intent::read_limited(&folder.join(RECORD), MAX_RECORD)?;
        Ok(text.as_deref().and_then(Record::parse))
    }

    fn parse(text: &str) -> Option<Record> {
        let mut lines = text.lines();
        let mut words = lines.next()?.split(' ');
        if words.next() != Some("azora-hook") || words.next() != Some("1") {
            return None;
        }
        Some(Record {
            boot_id: words.next()?.to_owned(),
            nonce: words.next()?.to_owned(),
            generation: words.next()?.parse().ok()?,
            name: words.next()?.to_owned(),
            ended: words.next()? == "ended",
            groups: lines
                .filter_map(|line| line.strip_prefix("group "))
                .map(PathBuf::from)
                .collect(),
        })
    }

    /// There whole or not at all.
    fn write(&self, folder: &Path) -> io::Result<()> {
        private_folder(folder)?;
        let draft = folder.join("hook.new");
        let mut file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .open(&draft)?;
        let state = if self.ended { "ended" } else { "begun" };
        writeln!(
            file,
            "azora-hook 1 {} {} {} {} {state}",
            self.boot_id, self.nonce, self.generation, self.name
        )?;
        for group in &self.groups {
            writeln!(file, "group {}", group.display())?;
        }
        // Not synced: a crash of the machine ends the hook as well.
        fs::rename(&draft, folder.join(RECORD))
    }

    /// Its control groups; what is not a group of this home is a stranger's.
    fn own_groups(&self, layout: &Layout) -> Vec<PathBuf> {
        let groups = self.groups.iter();
        let ours = groups.filter(|group| cgroup::home_group(layout, group).is_some());
        ours.cloned().collect()
    }

    fn may_live(&self) -> bool {
        !self.ended && clock::boot_id().is_ok_and(|boot| boot == self.boot_id)
    }

    /// What it left, if it may have left anything.
    fn remains(&self, shared: &Shared) -> Option<Remains> {
        self.may_live().then(|| Remains {
            nonce: Some(self.nonce.clone()),
            groups: self.own_groups(&shared.layout),
            home: shared.layout.id(),
            ..Remains::default()
        })
    }
}

impl ProcessDriver {
    /// Runs a hook and answers when it has ended and nothing is left of it; what it says goes to
    /// the instance's log. Dropping this future kills it; [`ProcessDriver::end_hook`] makes sure.
    ///
    /// # Errors
    /// Why it did not do its work, with the last lines it said.
    pub async fn hook(&self, hook: HookLaunch) -> Result<(), NotRun> {
        let turn = self.hook_turn(&hook.cluster, &hook.instance);
        let _turn = turn.lock().await;
        let shared = self.shared();
        let folder = shared.layout.run(&hook.cluster, &hook.instance);
        // One that cannot be looked for now is looked for when there is room to run another.
        clear(shared, &folder, Shortage::Tell).await?;
        if shared.layout.emergency().exists() {
            let why = "an emergency stop is in force".to_owned();
            return Err(NotRun::Failed(why));
        }
        let record = Record {
            boot_id: clock::boot_id()
                .map_err(|error| NotRun::of("read the boot id", &error))?
                .to_owned(),
            nonce: new_nonce().map_err(|error| {
                NotRun::Failed(format!("failed to draw a random number: {error}"))
            })?,
            generation: hook.generation.0,
            name: hook.name.to_owned(),
            ended: false,
            groups: Vec::new(),
        };
        let log = open_log(shared, &hook.cluster, &hook.instance)
            .map_err(|error| NotRun::of("open the log", &error))?;
        let made = {
            let (shared, hook) = (Arc::clone(shared), hook.clone());
            let make = move || {
                let groups = &shared.groups;
                groups.make_hook(&hook.cluster, &hook.instance, &hook.limits)
            };
            let made = blocking(make).await;
            made.map_err(|error| NotRun::of("make its control groups", &error))?
        };
        let groups = made.all().map(|(group, _)| group.to_owned()).collect();
        let record = Record { groups, ..record };
        record
            .write(&folder)
            .map_err(|error| NotRun::of("note the hook", &error))?;
        let mut exec = hook.exec;
        for (key, value) in [
            (shim::ENV_NONCE, record.nonce.clone()),
            (shim::ENV_HOME_ID, shared.layout.id()),
            (shim::ENV_CLUSTER, hook.cluster.to_string()),
            (shim::ENV_INSTANCE, hook.instance.to_string()),
        ] {
            exec.env.insert(key.to_owned(), value);
        }
        let join = made.all().map(|(group, needed)| (group.to_owned(), needed));
        let own_user = exec.user.as_deref().map(user::resolve);
        let own_user = own_user.is_some_and(|user| !matches!(user, Ok(None)));
        let (groups, files) = (&shared.groups, shared.nofile);
        let bounds = Bounds {
            rlimits: limits::rlimits(&hook.limits, groups, files, own_user),
            join: join.collect(),
        };
        let outcome = exec::logged(exec, hook.timeout, bounds, log).await;
        clear(shared, &folder, Shortage::Wait).await?;
        Err(NotRun::Failed(match outcome {
            ExecOutcome::Exit { status, .. } if status.success() => return Ok(()),
            ExecOutcome::Exit { status, said } if said.is_empty() => {
                format!("{} {status}", hook.name)
            }
            ExecOutcome::Exit { status, said } => format!("{} {status}: {said}", hook.name),
            ExecOutcome::TimedOut => format!(
                "{} had not ended after {:?} and was ended with all it had started",
                hook.name, hook.timeout
            ),
            ExecOutcome::Failed(why) | ExecOutcome::NotFound(why) => {
                format!("{}: {why}", hook.name)
            }
            ExecOutcome::Short(why) => return Err(NotRun::Short(why)),
        }))
    }

    /// Ends what is left of an instance's hook whose future was dropped.
    pub async fn end_hook(&self, cluster: &ClusterId, instance: &InstanceId) {
        let turn = self.hook_turn(cluster, instance);
        let _turn = turn.lock().await;
        let folder = self.shared().layout.run(cluster, instance);
        if let Err(why) = clear(self.shared(), &folder, Shortage::Wait).await {
            tracing::warn!(%cluster, %instance, %why, "a hook is not gone");
        }
    }

    /// Whether this start's hook of this name has run to its end.
    pub fn hook_ran(
        &self,
        cluster: &ClusterId,
        instance: &InstanceId,
        generation: Generation,
        name: &str,
    ) -> bool {
        let folder = self.shared().layout.run(cluster, instance);
        // One that cannot be read is tried again, if it may be: it does not count as done.
        let last = Record::read(&folder).ok().flatten();
        last.is_some_and(|last| last.generation == generation.0 && last.name == name && last.ended)
    }
}

/// The control groups of the hook of this run folder that is under way, or was when its engine died.
///
/// # Errors
/// When its record could not be read for want of descriptors or memory.
pub(crate) fn groups(layout: &Layout, folder: &Path) -> io::Result<Vec<PathBuf>> {
    let record = Record::read(folder)?.filter(Record::may_live);
    Ok(record.map_or_else(Vec::new, |record| record.own_groups(layout)))
}

/// Ends what an earlier engine's hooks of these instances have left.
pub(crate) async fn clear_all(shared: &Shared, folders: &[(ClusterId, InstanceId, PathBuf)]) {
    for (.., folder) in folders {
        if let Err(why) = clear(shared, folder, Shortage::Wait).await {
            tracing::warn!(folder = %folder.display(), %why, "a hook is not gone");
        }
    }
}

/// What is done when it cannot be looked for want of descriptors or memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shortage {
    /// Told, and tried again by who asks.
    Tell,
    /// Waited for: what runs must be ended.
    Wait,
}

/// Kills what carries the last hook's mark until two looks in a row find nothing, and notes that.
async fn clear(shared: &Shared, folder: &Path, shortage: Shortage) -> Result<(), NotRun> {
    let mut patience = Patience::default();
    let read = loop {
        match Record::read(folder) {
            Ok(read) => break read,
            Err(error) if shortage == Shortage::Tell => {
                return Err(NotRun::of("read the record of its hook", &error));
            }
            Err(error) => patience.after("the record of a hook", &error).await,
        }
    };
    let Some(record) = read else {
        return Ok(());
    };
    let Some(remains) = record.remains(shared) else {
        return Ok(());
    };
    let begun = Instant::now();
    let mut roundup = Roundup::default();
    let mut empty = 0;
    while empty < 2 {
        let looked = shared.scanner.table().await;
        let looked = looked.and_then(|table| Ok((remains.look(&table)?, table)));
        let (found, table) = match looked {
            Ok(looked) => looked,
            Err(error) if shortage == Shortage::Tell => {
                return Err(NotRun::of("look for its last hook", &error));
            }
            Err(error) => {
                empty = 0;
                patience.after("what a hook has left", &error).await;
                continue;
            }
        };
        if found.is_empty() {
            empty += 1;
            continue;
        }
        empty = 0;
        if begun.elapsed() > STUCK {
            let names = survivors::names(&found, &table);
            let why = format!("its last hook does not end: {names}");
            return Err(NotRun::Failed(why));
        }
        if remains.end(&found, &table, &mut roundup) {
            tokio::time::sleep(LOOK).await;
        }
    }
    for group in &remains.groups {
        cgroup::remove_instance(group);
    }
    let ended = Record {
        ended: true,
        ..record
    };
    // Not noted, it is looked for once more.
    let noted = ended.write(folder);
    noted.map_err(|error| NotRun::of("note the end of a hook", &error))
}

fn open_log(shared: &Shared, cluster: &ClusterId, instance: &InstanceId) -> io::Result<File> {
    private_folder(&shared.layout.logs(cluster, instance))?;
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(shared.layout.log(cluster, instance))
}

//! What belongs to a service: what is in its control group, what descends from its shim, and what
//! carries its nonce. "Survivors" always means all three.

use crate::intent::{self, Story};
use crate::layout::Layout;
use crate::pidfd::Pidfd;
use crate::procfs::{self, Table};
use crate::roundup::Roundup;
use crate::shortage::{self, Patience};
use crate::{cgroup, clock, hidden, hook, user};
use model::{Anchor, ClusterId};
use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long who lives is looked for when there are too few descriptors to look.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

/// By which means a process was found. The first that applies, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Means {
    /// It is the process on record, by boot, pid and start time.
    Record,
    /// It is in the instance's control group.
    Cgroup,
    /// It descends from the instance's shim.
    Descent,
    /// It carries the shim's nonce.
    Nonce,
}

impl Means {
    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            Means::Record => "record",
            Means::Cgroup => "cgroup",
            Means::Descent => "shim descendants",
            Means::Nonce => "nonce",
        }
    }
}

/// A process that belongs to a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survivor {
    /// Its number.
    pub pid: u32,
    /// What it runs.
    pub command: String,
    /// How it was found.
    pub means: Means,
    /// How it is with it, and why it has not ended as far as that can be seen: "in state D: …".
    pub why: String,
}

/// Everything that lives and belongs to the services of a home, or of one of its clusters; shims
/// do not count. Reads records, control groups and `/proc` only. Blocks for at most a second, when
/// there are too few descriptors to look.
///
/// # Errors
/// When it could not be looked, or not everywhere: then nothing is known about who lives.
pub fn find(layout: &Layout, cluster: Option<&ClusterId>) -> io::Result<Vec<Survivor>> {
    shortage::patiently(PATIENCE, || {
        let mut found = BTreeMap::new();
        shortage::reserved(|| {
            let table = Table::read()?;
            if let Some(why) = hidden::hidden(layout, cluster) {
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
            }
            for (_, _, folder) in intent::folders(layout, cluster)? {
                let remains = Remains::of(layout, &folder, &Story::read(&folder)?)?;
                found.append(&mut remains.look(&table)?);
            }
            Ok(())
        })?;
        Ok(listed(found))
    })
}

/// As they are told to people.
pub(crate) fn listed(found: BTreeMap<u32, Means>) -> Vec<Survivor> {
    let survivor = |(pid, means)| Survivor {
        pid,
        command: procfs::command(pid),
        means,
        why: why(pid),
    };
    found.into_iter().map(survivor).collect()
}

/// How it is with a process that may have been told to end.
fn why(pid: u32) -> String {
    let process = match procfs::process(pid) {
        Ok(Some(process)) => process,
        Ok(None) => return "it has just ended".to_owned(),
        Err(error) => return format!("it cannot be looked at ({error})"),
    };
    let state = process.state;
    let not_ours = |error: &io::Error| error.raw_os_error() == Some(libc::EPERM);
    if let Ok(Some(pidfd)) = shortage::reserved(|| Pidfd::open(pid))
        && pidfd.signal(0).is_err_and(|error| not_ours(&error))
    {
        let owner = std::fs::metadata(format!("/proc/{pid}")).map(|data| data.uid());
        let owner = owner.map_or("another".to_owned(), |uid| {
            user::name(uid).unwrap_or_else(|| format!("user {uid}"))
        });
        return format!("in state {state}: it belongs to {owner}: not permitted");
    }
    match state {
        'D' => "in state D: it waits in the kernel, for a disk or a network, and ends after that"
            .to_owned(),
        't' => "in state t: it is held by a debugger, and ends when that lets it go".to_owned(),
        _ => format!("in state {state}"),
    }
}

/// By what the processes of one instance are known.
#[derive(Debug, Clone, Default)]
pub(crate) struct Remains {
    pub(crate) nonce: Option<String>,
    pub(crate) groups: Vec<PathBuf>,
    /// Known to be a shim of this instance when it was looked at.
    pub(crate) shim: Option<Anchor>,
    pub(crate) main: Option<Anchor>,
    /// The home's short name.
    pub(crate) home: String,
}

impl Remains {
    /// As a run folder tells it, a hook that is under way included. Nothing, when that was in another
    /// boot.
    ///
    /// # Errors
    /// When it could not be seen whether its shim is one.
    pub(crate) fn of(layout: &Layout, folder: &Path, story: &Story) -> io::Result<Remains> {
        let mut groups = hook::groups(layout, folder)?;
        if !story.of_this_boot() {
            return Ok(Remains {
                groups,
                home: layout.id(),
                ..Remains::default()
            });
        }
        groups.extend(story.groups(layout));
        let shim = match &story.shim {
            Some(shim) if is_shim(shim, folder)? => Some(shim.clone()),
            _ => None,
        };
        Ok(Remains {
            nonce: story.intent.as_ref().map(|intent| intent.nonce.clone()),
            groups,
            shim,
            main: story.running().map(|(_, anchor)| anchor.clone()),
            home: layout.id(),
        })
    }

    /// Who of the table belongs to it, the shim and this process excluded.
    ///
    /// # Errors
    /// When a control group could not be read.
    pub(crate) fn look(&self, table: &Table) -> io::Result<BTreeMap<u32, Means>> {
        let is = |anchor: &Anchor| {
            clock::boot_id().is_ok_and(|boot| boot == anchor.boot_id)
                && table
                    .living
                    .get(&anchor.pid)
                    .is_some_and(|p| p.start_ticks == anchor.start_ticks)
        };
        let mut found = BTreeMap::new();
        let mut add = |pids: &mut dyn Iterator<Item = u32>, means: Means| {
            for pid in pids {
                found.entry(pid).or_insert(means);
            }
        };
        let nonce = self.nonce.as_deref();
        let foreign = |pid: u32| table.foreign(pid, nonce.unwrap_or_default(), &self.home);
        let mut main = self
            .main
            .iter()
            .filter(|a| is(a) && procfs::may_be_service(a.pid) && !foreign(a.pid))
            .map(|a| a.pid);
        add(&mut main, Means::Record);
        for group in &self.groups {
            let members = shortage::reserved(|| cgroup::processes(group))?;
            add(
                &mut members.into_iter().filter(|p| table.living.contains_key(p)),
                Means::Cgroup,
            );
        }
        let shim = self
            .shim
            .as_ref()
            .filter(|shim| is(shim))
            .map(|shim| shim.pid);
        add(&mut table.descendants(shim).into_iter(), Means::Descent);
        // What a service's process has started elsewhere than below itself still carries its mark.
        let carriers = nonce.map_or(&[][..], |nonce| table.carriers(nonce));
        let ours = |pid: &u32| !foreign(*pid);
        add(&mut carriers.iter().copied().filter(ours), Means::Nonce);
        found.remove(&std::process::id());
        if let Some(shim) = shim {
            found.remove(&shim);
        }
        Ok(found)
    }

    /// Holds everyone in `found` and, when nobody is new, kills them, each through a descriptor
    /// that is compared with the table it was found in; the control group is killed as a whole as
    /// well. True when it was killed and not only held.
    pub(crate) fn end(
        &self,
        found: &BTreeMap<u32, Means>,
        table: &Table,
        roundup: &mut Roundup,
    ) -> bool {
        for group in &self.groups {
            cgroup::kill(group);
        }
        let found = found.keys().copied().collect();
        let killed = !roundup.hold(&found, table);
        if killed {
            roundup.kill(&found, table);
        }
        killed
    }
}

/// The process on record lives and is a shim of this run folder.
///
/// # Errors
/// When it could not be looked at.
pub(crate) fn is_shim(anchor: &Anchor, folder: &Path) -> io::Result<bool> {
    if clock::boot_id()? != anchor.boot_id {
        return Ok(false);
    }
    match procfs::process(anchor.pid)? {
        Some(process) if process.start_ticks == anchor.start_ticks => {
            procfs::is_shim_of(&process, folder)
        }
        _ => Ok(false),
    }
}

/// SIGKILL to every shim of a run folder, found by its command line: one that is not on record yet.
pub(crate) fn kill_shims_of(folder: &Path, table: &Table) {
    for pid in table.shims(folder) {
        kill_listed(*pid, table);
    }
}

/// SIGKILL to a process of the table, if it still is the one that was listed.
pub(crate) fn kill_listed(pid: u32, table: &Table) {
    if let Some(listed) = table.living.get(&pid) {
        kill_process(pid, listed.start_ticks);
    }
}

/// SIGKILL to the process of this number that started then.
pub(crate) fn kill_process(pid: u32, start_ticks: u64) {
    let Ok(boot) = clock::boot_id() else {
        return;
    };
    let anchor = Anchor {
        boot_id: boot.to_owned(),
        pid,
        start_ticks,
    };
    if let Ok(Some(pidfd)) = shortage::reserved(|| Pidfd::open_anchored(&anchor)) {
        // Not allowed, or dead by now: the next look tells, as it does of what could not be opened.
        let _ = pidfd.signal(libc::SIGKILL);
    }
}

/// "pid 4711 postgres in state D, pid …": what a stop waits for.
pub(crate) fn names(found: &BTreeMap<u32, Means>, table: &Table) -> String {
    /// More names than this help nobody.
    const SHOWN: usize = 5;
    let mut names: Vec<String> = found
        .keys()
        .filter_map(|pid| table.living.get(pid))
        .take(SHOWN)
        .map(|p| format!("pid {} {} in state {}", p.pid, p.name, p.state))
        .collect();
    if found.len() > SHOWN {
        names.push(format!("and {} more", found.len() - SHOWN));
    }
    names.join(", ")
}

/// One reading of `/proc` for all who wait for one: a hundred stops at once cost a few readings,
/// not a hundred.
#[derive(Debug, Default)]
pub(crate) struct Scanner {
    begun: AtomicU64,
    last: tokio::sync::Mutex<(u64, Arc<Table>)>,
}

impl Scanner {
    /// A table whose reading began after this call did.
    ///
    /// # Errors
    /// When `/proc` could not be read whole.
    pub(crate) async fn table(&self) -> io::Result<Arc<Table>> {
        let wanted = self.begun.load(Ordering::SeqCst) + 1;
        let mut last = self.last.lock().await;
        if last.0 < wanted {
            let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
            // A reading that failed or panicked has no number: the next caller reads again.
            let table = tokio::task::spawn_blocking(Table::read).await;
            *last = (number, Arc::new(table.map_err(io::Error::other)??));
        }
        Ok(last.1.clone())
    }

    /// The same, when it can be had.
    pub(crate) async fn table_in_time(&self) -> Arc<Table> {
        let mut patience = Patience::default();
        loop {
            match self.table().await {
                Ok(table) => return table,
                Err(error) => patience.after("the process table", &error).await,
            }
        }
    }
}

/// What is known of each instance of a home.
pub(crate) type Known = Vec<(ClusterId, Remains)>;

/// What is known of each instance of a home, and what is not ours to read; for the emergency path.
///
/// # Errors
/// When the records could not be read.
pub(crate) fn all(layout: &Layout) -> io::Result<(Known, Option<String>)> {
    let hidden = hidden::hidden(layout, None);
    let folders = intent::folders(layout, None)?.into_iter();
    let remains = |(cluster, _, folder): (ClusterId, _, PathBuf)| {
        let remains = Remains::of(layout, &folder, &Story::read(&folder)?)?;
        Ok((cluster, remains))
    };
    Ok((folders.map(remains).collect::<io::Result<_>>()?, hidden))
}
